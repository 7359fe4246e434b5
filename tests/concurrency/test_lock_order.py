"""Rows of one kind are locked by one call (ADR 0004): who waits for one holds none that come after it."""

import asyncio
from collections.abc import Awaitable

import httpx
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.market.indicators import Indicator
from app.sealing.keys import Keys
from app.store import packages
from app.store.database import Connection
from tests.api.test_voidings import GUILTY, a_fraud, bought, listed
from tests.conftest import Exchange
from tests.owed import owing
from tests.promised import active, fallen_due, filed_project
from tests.story import credited, filed_application, paid, verified
from tests.supervised import project_of, voided

BUYER = "510107"
LAND, GRAIN = Indicator.FARMLAND_QUANTITY, Indicator.GRAIN_CAPACITY


async def take(connection: Connection, table: str, number: str, *, wait: bool = True) -> None:
    await connection.execute(
        text(f"SELECT id FROM {table} WHERE id = :id FOR UPDATE {'' if wait else 'NOWAIT'}"),
        {"id": int(number[1:])},
    )


async def waits_for_the_first(
    exchange: Exchange, table: str, first: str, second: str, act: Awaitable[httpx.Response]
) -> httpx.Response:
    """Hold the first row, let somebody act that needs both, and take the second; then the act's answer."""
    assert first < second
    async with exchange.database.engine.connect() as connection, connection.begin():
        await take(connection, table, first)
        acting = asyncio.ensure_future(act)
        await someone_waits(exchange)
        await take(connection, table, second, wait=False)
    return await acting


async def someone_waits(exchange: Exchange) -> None:
    async with exchange.database.engine.connect() as connection:
        for _ in range(500):
            found = await connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            await connection.rollback()
            if found.scalar_one():
                return
            await asyncio.sleep(0.01)
    raise AssertionError("nobody waits for the row")


async def test_the_end_of_an_application_locks_all_it_undoes_in_order(
    live_exchange: Exchange, keys: Keys
) -> None:
    """Of a fraud its write-off is owed for by an earlier obligation, its commitment's deficit by a later."""
    exchange = live_exchange
    batch = (await credited(exchange, GUILTY, {GRAIN: "15000.00"}))[GRAIN]
    application = await filed_application(exchange, GUILTY, {LAND: "10.0000"})
    project = await filed_project(exchange, GUILTY, LAND, "10.0000")
    commitment = await active(exchange, GUILTY, application, project, {LAND: "10.0000"}, days=2)
    officer, regulator = await exchange.county(GUILTY), await exchange.regulator()
    path = f"/v1/land-applications/{application}"
    assert (await officer.post(f"{path}/write-off")).status_code == 201
    replacement = (await voided(exchange, await project_of(exchange, batch)))["voiding"]["obligation_id"]
    deficit = (await fallen_due(exchange, keys, commitment))["obligation"]
    answer = await waits_for_the_first(
        exchange,
        "obligation",
        replacement,
        deficit,
        regulator.post(f"{path}/decision", {"decision": "refuse", "reason": "不符"}),
    )
    assert answer.status_code == 201, answer.text
    await verified(exchange)


async def test_a_settlement_that_brings_a_voided_batch_back_locks_its_needs_in_order(
    live_exchange: Exchange,
) -> None:
    exchange = live_exchange
    fraud = await a_fraud(exchange)
    obligation = (await voided(exchange, fraud.project))["voiding"]["obligation_id"]
    back = await bought(exchange, await listed(exchange, BUYER, fraud.batch, "2.0000"), "2.0000", GUILTY)
    await paid(exchange, back)
    officer, treasurer = await exchange.county(GUILTY), await exchange.treasurer()
    of_trade = (await (await exchange.regulator()).get(f"/v1/trades/{back}")).json()["need_id"]
    body = {"obligation_id": obligation, "quantities": {LAND.value: "1.0000"}}
    declared = await officer.post("/v1/needs", body)
    assert declared.status_code == 201, declared.text
    settled = treasurer.post(f"/v1/trades/{back}/settlement")
    answer = await waits_for_the_first(exchange, "need", of_trade, declared.json()["id"], settled)
    assert answer.status_code == 201, answer.text
    await verified(exchange)


async def test_a_package_of_write_offs_holds_the_debts_that_share_its_reserves(
    live_exchange: Exchange,
) -> None:
    application = await filed_application(live_exchange, GUILTY, {LAND: "1.0000"})
    obligation = await owing(live_exchange, GUILTY, {LAND: 1_0000})

    async def hold(connection: Connection) -> str:
        await packages.begin_naming(connection)
        await packages.name(connection, [application])
        await packages.hold_named_applications(connection)
        async with live_exchange.database.engine.connect() as other:
            try:
                await take(other, "obligation", obligation, wait=False)
            except DBAPIError as error:
                return str(error)
        return "free"

    assert "could not obtain lock" in await live_exchange.database.transact(hold)
