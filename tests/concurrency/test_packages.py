"""Imports at once, and an import killed in the middle: all of a package or none of it, once."""

import asyncio
import io
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

from sqlalchemy import text

from app.market.access import Actor, Role
from app.services.packages import Imported, import_package
from app.store.database import Connection, Database
from tests.cli.test_administration import Command
from tests.conftest import Exchange
from tests.package_files import COUNTY, acceptance, filing, jsonl
from tests.startup.running import GENGHENG, ROOT
from tests.story import verified

REGULATOR = Actor(0, "test", "510000", frozenset({Role.LAND_REGULATOR}))
WAIT_SECONDS = 30


async def imported(database: Database, package: bytes) -> Imported:
    work = partial(import_package, source=io.BytesIO(package), actor=REGULATOR)
    return await database.transact(work, attempts=1)


async def count(database: Database, statement: str) -> int:
    async def work(connection: Connection) -> int:
        await connection.execute(text("SET LOCAL ROLE NONE"))  # the service may not look at a sequence
        return int((await connection.execute(text(statement))).scalar_one())

    return await database.read(work)


async def test_two_imports_of_one_package_at_once_do_it_once(live_exchange: Exchange) -> None:
    database = live_exchange.database
    for kind, rows in (
        ("filings", [filing(serial) for serial in range(1, 601)]),
        ("acceptances", [acceptance(serial) for serial in range(1, 601)]),
    ):
        package = jsonl(kind, rows)
        done = await asyncio.gather(*(imported(database, package) for _ in range(3)))
        assert sorted(each.repeated for each in done) == [False, True, True]
        assert {each.row for each in done} == {done[0].row}
    # The same rows under another checksum: they are there, so nothing is new.
    other = jsonl("filings", [filing(serial) for serial in range(1, 601)], made_at="2026-04-01T00:00:00Z")
    assert (await imported(database, other)).row.entered == 0
    assert await count(database, "SELECT count(*) FROM project WHERE state = 'ACCEPTED'") == 600
    await verified(live_exchange)


async def test_acceptances_one_by_one_and_by_package_at_once_credit_once(live_exchange: Exchange) -> None:
    database = live_exchange.database
    await imported(database, jsonl("filings", [filing(serial) for serial in range(1, 301)]))
    regulator = await live_exchange.regulator()
    found = (await regulator.get("/v1/projects", params={"limit": 200})).json()["items"]
    body = {"accepted_on": "2019-11-05", "accepting_body": "省自然资源厅"}

    async def one_by_one() -> list[int]:
        # From the last to the first: against the order in which the package takes its locks.
        answers = await asyncio.gather(
            *(regulator.post(f"/v1/projects/{each['id']}/acceptance", body) for each in reversed(found[::20]))
        )
        return [answer.status_code for answer in answers]

    package = jsonl("acceptances", [acceptance(serial) for serial in range(300, 0, -1)])
    statuses, done = await asyncio.gather(one_by_one(), imported(database, package))
    assert set(statuses) <= {201, 409}
    assert done.row.row_count == 300
    assert done.row.entered == 300 - statuses.count(201)
    assert await count(database, "SELECT count(*) FROM project WHERE state = 'ACCEPTED'") == 300
    assert await count(database, "SELECT count(*) FROM batch") == 600
    await verified(live_exchange)


async def test_an_import_killed_in_the_middle_leaves_nothing_and_is_done_whole_the_next_time(
    live_exchange: Exchange, committed: Database, tmp_path: Path
) -> None:
    gengheng = Command(committed, tmp_path / "data")
    rows = [filing(serial % 9999 + 1, county=(COUNTY, "511921")[serial // 9999]) for serial in range(12_000)]
    file = tmp_path / "filings.jsonl"
    file.write_bytes(jsonl("filings", rows))
    process = subprocess.Popen(  # noqa: ASYNC220  (it is polled)
        [*GENGHENG, "package", "import", str(file)],
        cwd=ROOT,
        env=gengheng.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while await count(committed, "SELECT last_value FROM project_id_seq") < 1_000:
            assert process.poll() is None and time.monotonic() < deadline
            await asyncio.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    tables = ("project", "project_parcel", "project_fund", "journal_event", "package_import")
    assert [await count(committed, f"SELECT count(*) FROM {table}") for table in tables] == [0] * 5
    ended = await gengheng.done("package", "import", str(file))
    assert "12,000 new" in ended
    assert await count(committed, "SELECT count(*) FROM project") == 12_000
    events = "SELECT count(*) FROM journal_event WHERE kind = 'project.filed'"
    assert await count(committed, events) == 12_000
