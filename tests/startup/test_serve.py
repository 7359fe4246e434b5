"""``gengheng serve`` and ``migrate`` as real processes: faults in one line, workers, signals and kills."""

import contextlib
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.store.embedded import EmbeddedPostgres
from tests.startup.running import Service, development, environment, free_port, refusal, run, serving
from tests.startup.test_embedded import ask, gone, wait_until

KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def pg_pid(books: Path) -> int:
    return int((books / "postgres" / "postmaster.pid").read_text().split()[0])


@pytest.fixture(scope="module")
def migrated_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running server with the schema, shared by the tests that only look at it."""
    from app.store import embedded

    folder = tmp_path_factory.mktemp("migrated") / "books"
    with embedded.start(folder, durable=False) as server:
        done = run("migrate", env=development(folder))
        assert done.returncode == 0, done.stderr
        yield server


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run("serve", "--port", str(port), env=development(tmp_path / "books"))
    assert done.returncode == 4
    assert f"Port {port} on 127.0.0.1 is taken" in refusal(done)
    assert not (tmp_path / "books" / "postgres").exists(), "nothing is made for a server that can't serve"


def test_bad_settings_are_refused_before_anything_is_touched(tmp_path: Path) -> None:
    done = run("serve", "--workers", "0", env=development(tmp_path / "books"))
    assert done.returncode == 3
    assert "GENGHENG_WORKERS" in refusal(done)
    assert not (tmp_path / "books").exists()


def test_production_without_its_settings_is_refused() -> None:
    done = run("serve", env=environment())
    assert done.returncode == 3
    assert "GENGHENG_SEALING_KEY" in refusal(done)


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_data_folder_that_cannot_be_written_is_named(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(command, env=development(tmp_path / "file" / "books", GENGHENG_PORT=free_port()))
    assert done.returncode == 8
    assert str(tmp_path / "file" / "books") in refusal(done)


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_that_cannot_be_reached_is_named_without_its_password(
    command: str, tmp_path: Path, bare_server: EmbeddedPostgres
) -> None:
    closed = free_port()
    server = bare_server.url
    for url, said in [
        (f"postgresql://clerk:s3cret@127.0.0.1:{closed}/gengheng", f"127.0.0.1:{closed} can't be reached"),
        (server.replace("/gengheng?", "/elsewhere?"), "no database elsewhere"),
        (server.replace("postgres@", "nobody:s3cret@"), "refuses the login"),
    ]:
        env = development(tmp_path / "books", GENGHENG_DATABASE_URL=url, GENGHENG_PORT=free_port())
        done = run(command, env=env)
        assert done.returncode == 5
        assert said in refusal(done)
        assert "s3cret" not in done.stderr


def test_a_schema_that_is_not_migrated_is_told_the_command(
    tmp_path: Path, bare_server: EmbeddedPostgres
) -> None:
    env = development(
        tmp_path / "books", GENGHENG_DATABASE_URL=bare_server.runtime_url, GENGHENG_PORT=free_port()
    )
    done = run("serve", env=env)
    assert done.returncode == 7
    assert "gengheng migrate" in refusal(done)


def test_a_login_that_may_not_change_the_schema_cannot_migrate(
    tmp_path: Path, bare_server: EmbeddedPostgres
) -> None:
    done = run("migrate", env=development(tmp_path, GENGHENG_DATABASE_URL=bare_server.runtime_url))
    assert done.returncode == 10
    assert "GENGHENG_MIGRATION_DATABASE_URL" in refusal(done)


def test_a_server_that_accepts_and_says_nothing_is_not_waited_for_long(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://clerk@127.0.0.1:{silent.getsockname()[1]}/gengheng"
        done = run("migrate", env=development(tmp_path, GENGHENG_DATABASE_URL=url), timeout=30)
    assert done.returncode == 5
    assert "no answer" in refusal(done)


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_postgresql_that_is_too_old_is_refused(
    command: str, tmp_path: Path, migrated_server: EmbeddedPostgres
) -> None:
    """The server here is new; a relay makes it say 14 when asked for its version."""
    path = migrated_server.url.split("host=", 1)[1] + "/.s.PGSQL.5432"
    with relay(path, lambda told: re.sub(rb"\b18(00\d\d)", rb"14\1", told)) as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/gengheng"
        env = development(tmp_path / "books", GENGHENG_DATABASE_URL=url, GENGHENG_PORT=free_port())
        done = run(command, env=env)
    assert done.returncode == 6
    assert "PostgreSQL 14; 15 or newer is needed" in refusal(done)


def test_production_refuses_a_login_that_owns_the_tables(migrated_server: EmbeddedPostgres) -> None:
    env = environment(
        GENGHENG_DATABASE_URL=migrated_server.url, GENGHENG_SEALING_KEY=KEY, GENGHENG_PORT=free_port()
    )
    done = run("serve", env=env)
    assert done.returncode == 3
    assert "owns its tables" in refusal(done)


def test_production_refuses_a_database_whose_clock_was_moved(migrated_server: EmbeddedPostgres) -> None:
    env = environment(
        GENGHENG_DATABASE_URL=migrated_server.runtime_url,
        GENGHENG_SEALING_KEY=KEY,
        GENGHENG_PORT=free_port(),
    )
    ask(migrated_server, "INSERT INTO clock_offset (only_row, ahead_by) VALUES (true, interval '1 day')")
    try:
        done = run("serve", env=env)
    finally:
        ask(migrated_server, "DELETE FROM clock_offset")
    assert done.returncode == 3
    assert "clock" in refusal(done)


def test_the_service_logs_in_as_the_role_that_owns_nothing(books: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "log", env=development(books)) as service:
        assert service.get("/healthz").json() == {"status": "alive"}
        table = psutil.Process(pg_pid(books)).children()
        logins = {
            process.cmdline()[0].split()[1] for process in table if " gengheng " in process.cmdline()[0]
        }
        assert logins == {"gengheng_service"}
        pid = pg_pid(books)
        assert service.stop() == 0
    wait_until(lambda: gone(pid))


def test_workers_share_one_port_and_a_killed_one_is_replaced(books: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "log", "--workers", "2", env=development(books)) as service:
        wait_until(lambda: len(service.workers()) == 2)
        killed, kept = service.workers()
        os.kill(killed, signal.SIGKILL)
        for _ in range(20):
            assert service.get("/healthz").status_code == 200, "the other one answers meanwhile"
        wait_until(lambda: len([pid for pid in service.workers() if not gone(pid)]) == 2)
        assert kept in service.workers()
        service.wait_until()
        assert "gengheng_requests_total" in service.get("/metrics").text
        server, pids = pg_pid(books), service.workers()
        assert service.stop() == 0
    wait_until(lambda: all(gone(pid) for pid in [*pids, server]))
    assert "Traceback" not in service.log.read_text()


def test_metrics_add_the_workers_up(books: Path, tmp_path: Path) -> None:
    def counted(service: Service) -> int:
        found = re.search(
            r'^gengheng_requests_total\{method="GET",route="/healthz",status="200"\} (\d+)',
            service.get("/metrics").text,
            re.M,
        )
        return int(found.group(1)) if found else 0

    with serving(tmp_path / "log", "--workers", "2", env=development(books)) as service:
        wait_until(lambda: len(service.workers()) == 2)
        for _ in range(30):
            service.get("/healthz")
        assert counted(service) == 30


def test_kill_9_of_the_supervisor_frees_the_port_and_the_next_start_joins_the_database(
    books: Path, tmp_path: Path
) -> None:
    with serving(tmp_path / "log", "--workers", "2", env=development(books)) as service:
        wait_until(lambda: len(service.workers()) == 2)
        pids, server = service.workers(), pg_pid(books)
        service.process.kill()
        service.process.wait()
        wait_until(lambda: all(gone(pid) for pid in pids))
        assert not gone(server)
    with serving(tmp_path / "log2", env=development(books)) as again:
        assert pg_pid(books) == server
        assert again.stop() == 0
    wait_until(lambda: gone(server))


def test_a_killed_database_comes_back_under_a_running_service(books: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "log", env=development(books)) as service:
        before = pg_pid(books)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: gone(before))
        assert service.get("/readyz").status_code in {200, 503}
        wait_until(lambda: (books / "postgres" / "postmaster.pid").exists() and pg_pid(books) != before)
        service.wait_until()
        assert service.stop() == 0
    assert any("was started again" in line["event"] for line in service.lines())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_application_that_fails_to_start_ends_the_service(
    workers: str, tmp_path: Path, migrated_server: EmbeddedPostgres
) -> None:
    """Python imports sitecustomize first; this one puts a broken application in place of ours."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, types\n"
        "async def broken(scope, receive, send):\n"
        "    await receive()\n"
        "    await send({'type': 'lifespan.startup.failed', 'message': 'no'})\n"
        "sys.modules['app.main'] = types.SimpleNamespace(create_app=lambda: broken)\n"
    )
    env = development(
        tmp_path / "books", GENGHENG_DATABASE_URL=migrated_server.runtime_url, GENGHENG_PORT=free_port()
    )
    done = run("serve", "--workers", workers, env=env | {"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert "failed to start" in refusal(done)


def test_two_migrations_at_once_both_succeed(tmp_path: Path, bare_server: EmbeddedPostgres) -> None:
    ask(bare_server, "CREATE DATABASE twice")
    url = bare_server.url.replace("/gengheng?", "/twice?")
    env = development(tmp_path, GENGHENG_DATABASE_URL=url)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(run("migrate", env=env).returncode)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [0, 0]


class relay:  # noqa: N801  (used as a function is)
    """Pass bytes between TCP clients and a Unix socket, changing what the server says."""

    def __init__(self, path: str, change: Callable[[bytes], bytes]) -> None:
        """Relay to the socket at ``path``."""
        self.path, self.change = path, change
        self.listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        """Begin; the port to connect to."""
        threading.Thread(target=self._accept, daemon=True).start()
        port: int = self.listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        """Take no more connections."""
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.path)
            for source, sink, change in [(client, server, bytes), (server, client, self.change)]:
                threading.Thread(target=self._pump, args=(source, sink, change), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket, change: Callable[[bytes], bytes]) -> None:
        try:
            while told := source.recv(65536):
                sink.sendall(change(told))
        except OSError:
            pass
        finally:
            # Shut first: closing alone sends nothing while the other thread still reads.
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
