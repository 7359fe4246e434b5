"""Races on real connections: no balance is sold twice, and nobody waits for nobody for ever."""

import asyncio
from functools import partial

import httpx
from sqlalchemy import text

from app.market.errors import Insufficient
from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket, Entry, money, move
from app.services.verification import verify
from app.store import clock, ledger
from app.store.database import Connection, Database
from tests.conftest import Exchange
from tests.story import credited, project_body

ONE, OTHER = "511922", "511921"
LAND = Indicator.FARMLAND_QUANTITY


async def post(database: Database, *entries: Entry, attempts: int = 3) -> int | None:
    async def work(connection: Connection) -> int | None:
        return await ledger.post(
            connection,
            kind="test",
            reference="R",
            at=await clock.now(connection),
            actor=None,
            entries=entries,
        )

    return await database.transact(work, attempts=attempts)


async def replayed(database: Database) -> list[str]:
    """The faults in the ledger itself; nothing here has the listings that a lock would stand for."""
    lines: list[str] = []
    await database.read(partial(verify, report=lines.append))
    return [line for line in lines[:6] if not line.startswith("ok ")]


async def test_ten_reservations_of_1000_from_a_balance_of_1000_are_one(live_exchange: Exchange) -> None:
    database = live_exchange.database
    # 1,000 hm²: the figure with which a public peer, without locks, went to −9,000.
    batch = int((await credited(live_exchange, ONE, {LAND: "1000.0000"}))[LAND][1:])
    available, locked = (AccountKey(ONE, LAND, batch, b) for b in (Bucket.AVAILABLE, Bucket.LOCKED))
    reservations = [post(database, *move(available, locked, 10_000_000)) for _ in range(10)]
    ends = await asyncio.gather(*reservations, return_exceptions=True)
    assert sum(isinstance(end, int) for end in ends) == 1, ends
    assert sum(isinstance(end, Insufficient) for end in ends) == 9, ends

    async def balances(connection: Connection) -> dict[AccountKey, int]:
        return {
            key: held.balance for key, held in (await ledger.lock(connection, [available, locked])).items()
        }

    assert await database.transact(balances) == {available: 0, locked: 10_000_000}
    assert await replayed(database) == []


async def test_a_balance_is_drawn_to_the_last_step_and_not_beyond(live_exchange: Exchange) -> None:
    database = live_exchange.database
    batch = int((await credited(live_exchange, ONE, {LAND: "10.0000"}))[LAND][1:])
    available, locked = (AccountKey(ONE, LAND, batch, b) for b in (Bucket.AVAILABLE, Bucket.LOCKED))
    draws = [post(database, *move(available, locked, 7_001)) for _ in range(40)]
    ends = await asyncio.gather(*draws, return_exceptions=True)
    assert sum(isinstance(end, int) for end in ends) == 100_000 // 7_001
    assert await replayed(database) == []


async def test_opposite_transfers_between_two_counties_never_deadlock(committed: Database) -> None:
    here, there = money(ONE, Bucket.AVAILABLE), money(OTHER, Bucket.AVAILABLE)
    for county, cash in ((ONE, here), (OTHER, there)):
        await post(committed, *move(money(county, Bucket.BANK), cash, 1_000))
    # One attempt each: a deadlock would come out here instead of being retried away.
    for _ in range(25):
        transfers = [
            post(committed, *(move(here, there, 3) if turn % 2 else move(there, here, 3)), attempts=1)
            for turn in range(16)
        ]
        ends = await asyncio.gather(*transfers, return_exceptions=True)
        assert all(isinstance(end, int) for end in ends), ends
    assert await replayed(committed) == []

    async def deadlocks(connection: Connection) -> int:
        found = await connection.execute(
            text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        )
        return int(found.scalar_one())

    assert await committed.read(deadlocks) == 0


async def test_accounts_that_many_make_at_once_are_made_once_without_deadlock(committed: Database) -> None:
    counties = ["511902", "511903", "511921", "511922", "511923", "510722"]
    for turn in range(8):
        bucket = [Bucket.AVAILABLE, Bucket.ESCROW, Bucket.LOCKED][turn % 3]
        gifts = []
        for start in range(12):
            first, second = counties[start % 6], counties[(start * 5 + turn + 1) % 6]
            pair = [first, second] if first != second else [first, counties[(start + 1) % 6]]
            gifts.append(
                post(
                    committed,
                    *(
                        e
                        for county in pair
                        for e in move(money(county, Bucket.BANK), money(county, bucket), 1)
                    ),
                    attempts=1,
                )
            )
        ends = await asyncio.gather(*gifts, return_exceptions=True)
        assert all(isinstance(end, int) for end in ends), ends
    assert await replayed(committed) == []


async def test_two_acceptances_that_share_a_parcel_credit_it_once(live_exchange: Exchange) -> None:
    officer, regulator = await live_exchange.county(ONE), await live_exchange.regulator()
    for round_ in range(5):
        shared = {"area": "8", "use_before": "unused", "use_after": "dry_land", "grade_after": 10}
        projects = []
        for own in ("a", "z"):
            # Parcels before and after the shared one, so that no order of names decides.
            parcels = [{"id": f"{round_}-{name}", **shared} for name in (own, "m")]
            answer = await officer.post("/v1/projects", project_body(ONE, parcels=parcels))
            projects.append(answer.json()["id"])

        async def accept(project: str) -> httpx.Response:
            return await regulator.post(
                f"/v1/projects/{project}/acceptance", {"accepted_on": "2019-11-05", "accepting_body": "厅"}
            )

        answers = await asyncio.gather(*(accept(project) for project in projects))
        assert sorted(answer.status_code for answer in answers) == [201, 422]
        loser = next(answer for answer in answers if answer.status_code == 422)
        assert loser.json()["facts"]["reasons"] == ["parcel_claimed"]
        assert loser.json()["facts"]["claimed_parcels"] == [f"{round_}-m"]
    assert await replayed(live_exchange.database) == []


async def test_one_project_accepted_ten_times_at_once_is_credited_once(live_exchange: Exchange) -> None:
    officer, regulator = await live_exchange.county(ONE), await live_exchange.regulator()
    project = (await officer.post("/v1/projects", project_body(ONE))).json()["id"]
    body = {"accepted_on": "2019-11-05", "accepting_body": "厅"}
    answers = await asyncio.gather(
        *(regulator.post(f"/v1/projects/{project}/acceptance", body) for _ in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 9]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"wrong_state"}
    reserve = (await officer.get(f"/v1/reserves/{ONE}")).json()["balances"]
    assert reserve[0]["total"] == "8.0000"


async def test_fifty_equal_requests_under_one_key_have_one_effect_and_one_answer(
    live_exchange: Exchange,
) -> None:
    officer = await live_exchange.county(ONE)
    body = project_body(ONE)
    answers = await asyncio.gather(*(officer.post("/v1/projects", body, key="same") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len((await officer.get("/v1/projects")).json()["items"]) == 1
