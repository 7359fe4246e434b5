"""The embedded PostgreSQL keeps what was committed, whoever starts, shares, kills or stops it."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.settings import FolderNotUsable
from app.store import embedded
from tests.startup.running import ROOT


def ask(server: embedded.EmbeddedPostgres, *statements: str, owner: bool = True) -> object:
    """Run statements, one transaction each, and return the last one's value."""

    async def talk() -> object:
        url = server.url if owner else server.runtime_url
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            value = None
            for statement in statements:
                value = await connection.fetchval(statement)
            return value
        finally:
            await connection.close()

    # In a thread: the tests' own event loop may be running in this one.
    with ThreadPoolExecutor(1) as one:
        return one.submit(asyncio.run, talk()).result()


def wait_until(holds: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether the process has ended, though nobody may have asked for its exit status yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_second_start_keeps_what_was_committed(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "books") as first:
        assert first.started_here
        ask(first, "CREATE TABLE kept (hm2 text)", "INSERT INTO kept VALUES ('300.0000')")
        assert ask(first, "SHOW fsync") == "on"
    wait_until(lambda: gone(first.postmaster_pid))
    with embedded.start(tmp_path / "books") as second:
        assert second.url == first.url
        assert ask(second, "SELECT hm2 FROM kept") == "300.0000"


def test_only_the_servers_user_gets_in_and_no_port_is_open(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "books", durable=False) as server:
        assert ask(server, "SHOW listen_addresses") == ""
        assert stat.S_IMODE((tmp_path / "books" / "postgres").stat().st_mode) == 0o700
        assert not psutil.Process(server.postmaster_pid).net_connections("inet")


def test_the_service_role_owns_nothing_and_text_sorts_by_code_point(
    bare_server: embedded.EmbeddedPostgres,
) -> None:
    assert ask(bare_server, "SELECT current_user::text", owner=False) == embedded.SERVICE
    assert (
        ask(bare_server, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user", owner=False) is False
    )
    order = "SELECT string_agg(x, '' ORDER BY x) FROM unnest(ARRAY['b', 'é', 'A', 'a', 'B', '耕']) x"
    assert ask(bare_server, order) == "ABabé耕"


def test_the_log_of_the_server_holds_no_statement_and_no_row(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "books", durable=False) as server:
        ask(server, "CREATE TABLE bid (price text UNIQUE)", "INSERT INTO bid VALUES ('387654.32')")
        with pytest.raises(asyncpg.UniqueViolationError):
            ask(server, "INSERT INTO bid VALUES ('387654.32')")
        with pytest.raises(asyncpg.DivisionByZeroError):
            ask(server, "SELECT 387654.32 / 0")
    assert "387654.32" not in (tmp_path / "books" / "postgres.log").read_text()


def test_the_last_user_out_stops_the_server_whoever_started_it(tmp_path: Path) -> None:
    starter = embedded.start(tmp_path / "books", durable=False)
    guest = embedded.start(tmp_path / "books", durable=False)
    assert (starter.started_here, guest.started_here) == (True, False)
    assert guest.postmaster_pid == starter.postmaster_pid
    starter.stop()
    assert ask(guest, "SELECT 1") == 1
    starter.stop()  # a second time: nothing
    assert ask(guest, "SELECT 1") == 1
    guest.stop()
    wait_until(lambda: gone(guest.postmaster_pid))


def test_two_processes_that_start_at_once_share_one_server(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from app.store import embedded;"
        "s = embedded.start(pathlib.Path(sys.argv[1]), durable=False);"
        "print(s.postmaster_pid, s.started_here, flush=True); sys.stdin.read(); s.stop()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "books")]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.stdout.readline().split() for process in both if process.stdout]
    assert said[0][0] == said[1][0]
    assert sorted(started for _, started in said) == ["False", "True"]
    for process in both:
        process.communicate("", timeout=30)
        assert process.returncode == 0
    wait_until(lambda: gone(int(said[0][0])))


def test_after_kill_9_of_the_server_a_start_recovers_every_commit(tmp_path: Path) -> None:
    server = embedded.start(tmp_path / "books")
    ask(server, "CREATE TABLE kept (n int)", "INSERT INTO kept SELECT generate_series(1, 1000)")
    os.kill(server.postmaster_pid, signal.SIGKILL)
    wait_until(lambda: gone(server.postmaster_pid))
    assert (tmp_path / "books" / "postgres" / "postmaster.pid").exists()
    with embedded.start(tmp_path / "books") as again:
        assert again.started_here
        assert ask(again, "SELECT count(*) FROM kept") == 1000
        server.stop()
        assert ask(again, "SELECT 1") == 1


def test_a_server_that_died_in_use_is_revived_under_the_same_url(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "books", durable=False) as server:
        assert not server.revive()
        before = server.postmaster_pid
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: gone(before))
        assert server.revive()
        assert server.postmaster_pid != before
        assert ask(server, "SELECT 1") == 1
    assert not server.revive(), "after the end nobody wants it back"


def test_a_pid_file_that_names_a_stranger_does_not_stop_a_start(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "books", durable=False):
        pid_file = tmp_path / "books" / "postgres" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        with embedded.start(tmp_path / "books", durable=False) as server:
            assert server.postmaster_pid != stranger.pid
            assert ask(server, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.communicate(b"\n")


def test_an_interrupted_first_start_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    half = tmp_path / "books" / "postgres.making"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with embedded.start(tmp_path / "books", durable=False) as server:
        assert ask(server, "SELECT 1") == 1
    assert not half.exists()


def test_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    folder = tmp_path / ("a long name with spaces and 'quotes' " * 3).strip() / "books"
    with embedded.start(folder, durable=False) as server:
        assert ask(server, "SELECT 1", owner=False) == 1


def test_someone_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "books" / "postgres").mkdir(parents=True)
    (tmp_path / "books" / "postgres" / "diary.txt").write_text("mine")
    with pytest.raises(embedded.EmbeddedRefused, match="no PostgreSQL cluster"):
        embedded.start(tmp_path / "books")
    assert [path.name for path in (tmp_path / "books" / "postgres").iterdir()] == ["diary.txt"]


def test_a_folder_that_cannot_be_made_is_a_clear_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderNotUsable, match="GENGHENG_DATA_DIR"):
        embedded.start(tmp_path / "file" / "books")


def test_a_cluster_of_another_version_is_refused_untouched(tmp_path: Path) -> None:
    embedded.start(tmp_path / "books", durable=False).stop()
    version = tmp_path / "books" / "postgres" / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(embedded.EmbeddedRefused, match="PostgreSQL 17"):
        embedded.start(tmp_path / "books", durable=False)
    assert version.read_text() == "17\n"
