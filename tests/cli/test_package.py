"""``gengheng package``: files in and out, progress on standard error, a line for each fault."""

import asyncio
import os
import pty
import subprocess
from pathlib import Path

import pytest

from app.store.database import Database
from tests.cli.test_administration import Command
from tests.conftest import Exchange
from tests.package_files import acceptance, filing, jsonl, parcel
from tests.startup.running import GENGHENG, ROOT, environment, run

ROWS = [filing(serial) for serial in range(1, 41)]


@pytest.fixture
def gengheng(committed: Database, tmp_path: Path) -> Command:
    """The command on a database with the sample province."""
    return Command(committed, tmp_path / "data")


async def figures(exchange: Exchange) -> tuple[int, int]:
    """How many projects there are, and how many packages were imported."""
    regulator = await exchange.regulator()
    projects = (await regulator.get("/v1/projects", params={"limit": 200})).json()["items"]
    return len(projects), len((await regulator.get("/v1/packages")).json()["items"])


def names(folder: Path, start: str) -> list[str]:
    """The names in a folder that begin so."""
    return sorted(path.name for path in folder.glob(f"{start}*"))


async def test_a_package_is_checked_imported_and_exported_again(
    gengheng: Command, live_exchange: Exchange, tmp_path: Path
) -> None:
    file = tmp_path / "备案.jsonl"
    file.write_bytes(jsonl("filings", ROWS))
    assert "40 filings, 40 new, 0 already there" in await gengheng.done("package", "check", str(file))
    assert await figures(live_exchange) == (0, 0)
    ended = await gengheng("package", "import", str(file))
    assert ended.returncode == 0 and "Imported: 40 filings, 40 new, 0 already there." in ended.stdout
    assert "40 of 40 rows" in ended.stderr and "rows/s" in ended.stderr and "\r" not in ended.stderr
    assert "before" in await gengheng.done("package", "import", str(file))
    assert await figures(live_exchange) == (40, 1)
    accepted = tmp_path / "accepted.jsonl"
    accepted.write_bytes(jsonl("acceptances", [acceptance(serial) for serial in range(1, 41)]))
    await gengheng.done("package", "import", str(accepted))
    for form, name in (("json", "out.jsonl"), ("csv", "out.zip")):
        out = tmp_path / name
        await gengheng.done("package", "export", "--kind", "acceptances", "--form", form, str(out))
        assert "40 already there" in await gengheng.done("package", "import", str(out))
    assert names(tmp_path, "out") == ["out.jsonl", "out.zip"]
    assert "All" in await gengheng.done("verify")


async def test_a_package_goes_through_a_pipe(gengheng: Command, tmp_path: Path) -> None:
    def piped(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*GENGHENG, "package", *arguments],
            cwd=ROOT,
            env=gengheng.env,
            input=given,
            capture_output=True,
            check=False,
            timeout=60,
        )

    done = await asyncio.to_thread(piped, "import", "-", given=jsonl("filings", ROWS))
    assert done.returncode == 0, done.stderr
    out = await asyncio.to_thread(piped, "export", "--kind", "filings", "--form", "csv", "-")
    assert out.stdout.startswith(b"PK") and out.returncode == 0
    again = await asyncio.to_thread(piped, "check", "-", given=out.stdout)
    assert b"0 new, 40 already there" in again.stdout, again.stderr


async def test_a_faulty_package_gets_a_line_for_each_fault_and_nothing_is_done(
    gengheng: Command, live_exchange: Exchange, tmp_path: Path
) -> None:
    rows = [dict(row) for row in ROWS]
    rows[3] |= {"parcels": [parcel("A"), parcel("B", "0")]}
    rows[20] |= {"county": "999999", "filing_no": "99999920180001"}
    file = tmp_path / "faulty.jsonl"
    file.write_bytes(jsonl("filings", rows))
    for command in ("import", "check"):
        ended = await gengheng("package", command, str(file))
        assert (ended.returncode, ended.stdout) == (2, "")
        told = [line for line in ended.stderr.splitlines() if line.startswith("line ")]
        assert [line.split(": ")[0] for line in told] == ["line 5, parcels.1.area", "line 22, county"]
        assert "Traceback" not in ended.stderr
    assert await figures(live_exchange) == (0, 0)


def offline(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command with no exchange to talk to."""
    nowhere = environment(GENGHENG_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    return run("package", *arguments, env=nowhere)


def test_a_package_is_checked_by_itself_without_an_exchange(tmp_path: Path) -> None:
    file = tmp_path / "sound.jsonl"
    file.write_bytes(jsonl("filings", ROWS))
    ended = offline("check", "--offline", str(file))
    assert (ended.returncode, ended.stdout) == (0, "Sound by itself: 40 filings.\n"), ended.stderr
    file.write_bytes(jsonl("filings", [filing(1, kind="road")] * 912))
    ended = offline("check", "--offline", str(file))
    assert ended.returncode == 2 and ended.stdout == ""
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("Checking")]
    assert len(lines) == 101 and lines[-1] == "and 812 more"
    assert lines[0].startswith("line 2, kind: 'road' is not one of")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("check", "--offline", "/no/such/file"), 2, "can't be read"),
        (("export", "--kind", "trades", "-"), 2, "acceptances"),
        (("export", "--kind", "filings", "--form", "xml", "-"), 2, "csv"),
        (("export", "--kind", "filings", "--since", "2026", "-"), 2, "2026-03-01"),
    ],
)
def test_what_can_not_be_done_is_said_in_words(arguments: tuple[str, ...], status: int, said: str) -> None:
    ended = offline(*arguments)
    assert ended.returncode == status
    assert said in ended.stderr and "Traceback" not in ended.stderr


async def test_an_export_that_can_not_be_written_leaves_nothing(gengheng: Command, tmp_path: Path) -> None:
    ended = await gengheng("package", "export", "--kind", "filings", str(tmp_path / "none" / "out.jsonl"))
    assert ended.returncode == 8 and "can't be written" in ended.stderr
    assert not (tmp_path / "none").exists()


def test_on_a_terminal_one_line_shows_the_progress(tmp_path: Path) -> None:
    file = tmp_path / "sound.jsonl"
    file.write_bytes(jsonl("filings", [filing(serial) for serial in range(1, 3000)]))
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [*GENGHENG, "package", "check", "--offline", str(file)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=False,
            timeout=60,
        )
        os.close(theirs)
        shown = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
    assert done.returncode == 0
    assert shown.startswith("\rChecking: ") and "2,999 of 2,999 rows" in shown
