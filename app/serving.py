"""``gengheng serve`` and ``gengheng migrate``: from settings to a running service, and down again.

Everything that can be wrong is looked at before the first worker starts, in the order port, data folder,
database, schema; each fault is a StartRefused, which the command line prints as one line.
"""

import asyncio
import contextlib
import errno
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import structlog
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from app.settings import Settings, StartRefused, load_settings
from app.telemetry import configure_logs

REVIVE_SECONDS = 1.0
_log = structlog.stdlib.get_logger("gengheng.serve")


class PortTaken(StartRefused):
    """Something else listens on the port, or this user may not."""

    exit_status = 4


class ApplicationFailed(StartRefused):
    """The application itself failed before it served: a defect."""

    def __init__(self) -> None:
        """Point at the log, which holds the failure."""
        super().__init__("The application failed to start.", "The log above says where.")


class MigrationRefused(StartRefused):
    """A lock wasn't had in time, or the role may not change the schema; the schema is as it was."""

    exit_status = 10


def serve(*, host: str | None = None, port: int | None = None, workers: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT; what is given goes before the settings. Raises StartRefused."""
    given = {"GENGHENG_HOST": host, "GENGHENG_PORT": port, "GENGHENG_WORKERS": workers}
    with _environment(**{name: str(value) for name, value in given.items() if value is not None}):
        _serve(load_settings())


def _serve(settings: Settings) -> None:
    configure_logs(settings.log_shape, settings.log_level)
    # Until uvicorn takes the signals over, and again after it, a signal unwinds what was opened here.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    settings.sealing_key_bytes()  # made before the workers are, so that all have the same
    with (
        contextlib.closing(_listen(settings.host, settings.port)) as listener,
        opened_database(settings, watch=True) as ready,
    ):
        from app.store.preflight import check_database  # noqa: PLC0415  (SQLAlchemy loads slowly)

        database_url = ready.database_url
        if database_url is None:
            raise AssertionError("opened_database gave no URL")
        asyncio.run(check_database(database_url.get_secret_value(), production=not ready.is_development))
        address = _address(listener)
        _log.info("serving", address=address, workers=ready.workers, environment=ready.environment)
        _run(ready, listener)


def migrate(revision: str = "head") -> None:
    """Bring the schema to a revision, as the migrations' role; raises StartRefused and the store's errors."""
    from app.store.database import Database, DatabaseBusy  # noqa: PLC0415
    from app.store.migration import migrate as run  # noqa: PLC0415
    from app.store.preflight import check_server  # noqa: PLC0415

    async def migrate_one(settings: Settings) -> None:
        url = settings.migration_database_url or settings.database_url
        if url is None:
            raise AssertionError("opened_database gave no URL")
        await check_server(url.get_secret_value())
        database = Database.connect(url.get_secret_value(), pool_size=1, role=None)
        try:
            await run(
                database,
                revision,
                lock_timeout_ms=settings.migration_lock_timeout_ms,
                statement_timeout_ms=settings.migration_statement_timeout_ms,
            )
        except DatabaseBusy:
            raise MigrationRefused(
                "The migration waited too long for a lock, or took too long, and changed nothing.",
                "Try again when the service is quiet, or stopped.",
            ) from None
        except Exception as error:
            if getattr(getattr(error, "orig", None), "sqlstate", None) != "42501":
                raise
            raise MigrationRefused(
                "The database role of this login may not change the schema; nothing was changed.",
                "Set GENGHENG_MIGRATION_DATABASE_URL to the owner's login, as docs/settings.md says.",
            ) from None
        finally:
            await database.dispose()

    settings = load_settings()
    configure_logs(settings.log_shape, settings.log_level)
    with opened_database(settings) as ready:
        asyncio.run(migrate_one(ready))


@contextlib.contextmanager
def opened_database(settings: Settings, *, watch: bool = False) -> Iterator[Settings]:
    """The settings with a database URL in them: the one that is set, or the embedded server, kept running.

    For the block's time the URL is in the environment too, where worker processes find it. ``watch``
    starts the embedded server again when it dies. Raises FolderNotUsable and EmbeddedRefused.
    """
    if settings.database_url is not None:
        yield settings
        return
    from app.store import embedded  # noqa: PLC0415

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(embedded.start(settings.data_dir))
        _log.info("embedded PostgreSQL", folder=str(settings.data_dir), started=server.started_here)
        stack.enter_context(
            _environment(GENGHENG_DATABASE_URL=server.runtime_url, GENGHENG_MIGRATION_DATABASE_URL=server.url)
        )
        if watch:
            stack.enter_context(_revived(server.revive))
        yield load_settings()


def application() -> Any:
    """The ASGI application of one worker process: logs first, then the app; uvicorn calls it by name."""
    from app.main import create_app  # noqa: PLC0415

    settings = load_settings()
    configure_logs(settings.log_shape, settings.log_level)
    parent = multiprocessing.parent_process()
    if parent is not None:
        # A worker whose supervisor was killed would hold the port and answer for nobody.
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    return create_app()


def _run(settings: Settings, listener: socket.socket) -> None:
    config = uvicorn.Config(
        "app.serving:application",
        factory=True,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=settings.stop_timeout_seconds,
    )
    if settings.workers == 1:
        server = uvicorn.Server(config)
        try:
            server.run(sockets=[listener])
        except SystemExit as left:
            if left.code == STARTUP_FAILURE:
                raise ApplicationFailed from None
            raise
        return
    with (
        tempfile.TemporaryDirectory(prefix="gengheng-metrics-") as folder,
        _environment(PROMETHEUS_MULTIPROC_DIR=folder),
    ):
        supervisor = Multiprocess(config, sockets=[listener])
        supervisor.run()
        if any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes):
            raise ApplicationFailed


def _listen(host: str, port: int) -> socket.socket:
    """Take the port at once, so that nobody else gets it while the database starts; raises PortTaken."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2048)
            listener.set_inheritable(True)
        except BaseException:
            listener.close()
            raise
        return listener
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"Port {port} on {host} is taken by another program.",
                "Stop that program, or choose another port with PORT=… or --port.",
            ) from None
        raise PortTaken(
            f"Can't listen on {host} port {port}: {error.strerror}.",
            "Choose an address of this machine (--host) and a port above 1023 (--port).",
        ) from None


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if listener.family == socket.AF_INET6 else f"http://{host}:{port}"


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables for a while; the settings are read anew at both ends."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    load_settings.cache_clear()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        load_settings.cache_clear()


@contextlib.contextmanager
def _revived(revive: Callable[[], bool]) -> Iterator[None]:
    """Look after the embedded server from a thread of its own until the block ends."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(REVIVE_SECONDS):
            try:
                if revive():
                    _log.warning("the embedded PostgreSQL had died and was started again")
            except StartRefused as refused:
                _log.error("the embedded PostgreSQL doesn't come back", why=str(refused))

    thread = threading.Thread(target=watch, name="embedded-postgres", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _follow(parent: Any) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _leave(_: int, __: object) -> NoReturn:
    sys.exit(0)
