"""Write-off (核销) on real books: held, written off once, reversed batch by batch."""

import asyncio
from collections.abc import Mapping

import pytest
from sqlalchemy.exc import DBAPIError

from app.market.errors import Insufficient
from app.market.indicators import Indicator
from app.market.ledger import Bucket
from app.market.write_offs import draw, refuse_short
from app.services import write_offs
from app.store import clock
from app.store.database import Connection, Database
from app.store.verification import LEDGER, ORIGINS, faults
from tests.awarded import books
from tests.conftest import Exchange
from tests.story import credited

COUNTY = "511922"
LAND, PADDY = Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA


async def written_off(database: Database, reference: str, required: Mapping[Indicator, int]) -> list[int]:
    """Write off whole, as an application does; the batches used."""

    async def work(connection: Connection) -> list[int]:
        draws = draw(await write_offs.hold(connection, COUNTY, required), required)
        refuse_short(COUNTY, required, draws)
        row = await write_offs.write_off(
            connection,
            reserve=COUNTY,
            reference=reference,
            taken=draws.taken,
            at=await clock.now(connection),
            actor=COUNTY,
        )
        return [each.batch_id for each in await write_offs.used(connection, row)]

    return await database.transact(work)


async def reversed_(database: Database, reference: str) -> bool:
    async def work(connection: Connection) -> bool:
        at = await clock.now(connection)
        return await write_offs.reverse(connection, reference=reference, at=at, actor="510000") is not None

    return await database.transact(work)


async def sound(database: Database) -> None:
    """The ledger, the batches and the write-offs hold; no application of these references was ever filed."""
    checks = [check for check in (*LEDGER, *ORIGINS) if not check.claim.startswith("every application ")]
    assert len(checks) == len(LEDGER) + len(ORIGINS) - 1

    async def read(connection: Connection) -> list[str]:
        return [fault for check in checks async for fault in faults(connection, check)]

    assert await database.read(read) == []


async def test_a_write_off_takes_the_oldest_batches_and_its_reversal_gives_them_back(
    exchange: Exchange,
) -> None:
    first = await credited(exchange, COUNTY, {LAND: "3.0000", PADDY: "2.0000"})
    second = await credited(exchange, COUNTY, {LAND: "4.0000"})
    before = await books(exchange)
    used = await written_off(exchange.database, "F1", {LAND: 5_0000, PADDY: 1_0000})
    assert used == [int(first[LAND][1:]), int(second[LAND][1:]), int(first[PADDY][1:])]
    after = await books(exchange)
    assert (after[COUNTY, LAND, "available"], after[COUNTY, LAND, "consumed"]) == (2_0000, 5_0000)
    await sound(exchange.database)
    assert await reversed_(exchange.database, "F1")
    assert await books(exchange) == before
    await sound(exchange.database)
    assert not await reversed_(exchange.database, "F1")


async def test_one_reference_is_written_off_once_until_it_is_reversed(exchange: Exchange) -> None:
    await credited(exchange, COUNTY, {LAND: "3.0000"})
    await written_off(exchange.database, "F1", {LAND: 1_0000})
    before = await books(exchange)
    with pytest.raises(DBAPIError, match="uq_write_off_reference"):
        await written_off(exchange.database, "F1", {LAND: 1_0000})
    assert await books(exchange) == before
    await reversed_(exchange.database, "F1")
    await written_off(exchange.database, "F1", {LAND: 1_0000})
    await sound(exchange.database)


async def test_what_is_not_asked_of_the_reserve_is_not_held(exchange: Exchange) -> None:
    await credited(exchange, COUNTY, {LAND: "3.0000", PADDY: "2.0000"})
    await credited(exchange, COUNTY, {LAND: "4.0000"})

    async def work(connection: Connection) -> list[tuple[Indicator, int]]:
        held = await write_offs.hold(connection, COUNTY, {LAND: 2_0000}, buckets=(Bucket.AVAILABLE,))
        return [(each.indicator, each.steps) for each in held]

    assert await exchange.database.transact(work) == [(LAND, 3_0000)]


async def test_simultaneous_write_offs_never_take_more_than_there_is(live_exchange: Exchange) -> None:
    database = live_exchange.database
    for _ in range(3):
        await credited(live_exchange, COUNTY, {LAND: "1.0000", PADDY: "1.0000"})

    async def attempt(number: int) -> bool:
        try:
            await written_off(database, f"F{number}", {LAND: 5000, PADDY: 5000})
        except Insufficient:
            return False
        return True

    first = await asyncio.gather(*(attempt(number) for number in range(1, 13)))
    assert sum(first) == 6
    await sound(database)

    # Reversals and further write-offs of the same batches at once: none waits for another in a circle.
    standing = [number for number, done in enumerate(first, 1) if done]
    back, further = await asyncio.gather(
        asyncio.gather(*(reversed_(database, f"F{number}") for number in standing)),
        asyncio.gather(*(attempt(number) for number in range(20, 32))),
    )
    assert all(back)
    after = await books(live_exchange)
    for indicator in (LAND, PADDY):
        assert after.get((COUNTY, indicator, "consumed"), 0) == sum(further) * 5000
        assert after.get((COUNTY, indicator, "available"), 0) == 3_0000 - sum(further) * 5000
    await sound(database)
