"""Objections on real connections: against a confirmation, against each other, and decided twice at once."""

import asyncio
from datetime import datetime

import httpx
import pytest

from app.market.access import Actor, Role
from app.market.objections import Origin
from app.services import objections
from app.store import trades
from app.store.database import Connection
from app.worker import do_due
from tests.awarded import Sale, awarded
from tests.conftest import Exchange
from tests.story import policy, until, verified

BUYER, SELLER, STRANGER = "510100", "511922", "510722"
ROUNDS = 8
REASON = {"reason": "地块不实"}


@pytest.fixture(autouse=True)
def no_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried again here, so that a deadlock would surface instead of being cured."""
    monkeypatch.setattr("app.store.database.RETRIED", frozenset())


async def near_the_end(exchange: Exchange) -> tuple[str, str]:
    """A trade whose notice ends in a second; its id, and the instant of the end."""
    trade = await awarded(exchange, BUYER, [Sale(SELLER, 10_000)])
    regulator = await exchange.regulator()
    ends_at: str = (await regulator.get(f"/v1/trades/{trade}")).json()["notice_ends_at"]
    await until(exchange, ends_at)
    await exchange.advance(seconds=-1)
    return trade, ends_at


async def past(exchange: Exchange, instant: str) -> None:
    """Let the time go by until an instant."""
    left = datetime.fromisoformat(instant) - await exchange.now()
    await asyncio.sleep(max(0.0, left.total_seconds()) + 0.01)


async def test_a_confirmation_that_waited_for_an_objection_to_be_entered_finds_it_open(
    live_exchange: Exchange,
) -> None:
    trade, ends_at = await near_the_end(live_exchange)
    buyer = await live_exchange.city(BUYER)
    stranger = Actor(1, "test", STRANGER, frozenset({Role.COUNTY_OFFICER}))
    waiting: list[asyncio.Task[httpx.Response]] = []

    async def enter_slowly(connection: Connection) -> None:
        await objections.enter(
            connection, actor=stranger, trade_number=int(trade[1:]), origin=Origin.AUTHORITY, reason="不实"
        )
        await past(live_exchange, ends_at)
        waiting.append(asyncio.create_task(buyer.post(f"/v1/trades/{trade}/confirmation")))
        await asyncio.sleep(0.3)  # it waits for the trade that this transaction holds

    await live_exchange.database.transact(enter_slowly)
    answer = await waiting[0]
    assert (answer.status_code, answer.json()["code"]) == (409, "objection_open")
    await verified(live_exchange)


async def test_an_objection_that_waited_until_the_notice_was_over_is_too_late(
    live_exchange: Exchange,
) -> None:
    """It is sent in time; what counts is the instant at which it holds the trade."""
    trade, ends_at = await near_the_end(live_exchange)
    buyer, stranger = await live_exchange.city(BUYER), await live_exchange.county(STRANGER)
    waiting: list[asyncio.Task[httpx.Response]] = []

    async def hold(connection: Connection) -> None:
        await trades.lock(connection, [int(trade[1:])])
        waiting.append(asyncio.create_task(stranger.post(f"/v1/trades/{trade}/objections", REASON)))
        await past(live_exchange, ends_at)
        waiting.append(asyncio.create_task(buyer.post(f"/v1/trades/{trade}/confirmation")))
        await asyncio.sleep(0.3)

    await live_exchange.database.transact(hold)
    objecting, confirming = [await each for each in waiting]
    assert (objecting.status_code, objecting.json()["code"]) == (409, "notice_over")
    assert (confirming.status_code, confirming.json()["state"]) == (201, "CONFIRMED")
    await verified(live_exchange)


async def test_twenty_objections_at_once_stop_one_clock_once(live_exchange: Exchange) -> None:
    trade = await awarded(live_exchange, BUYER, [Sale(SELLER, 10_000)])
    offices = [await live_exchange.county(code) for code in (SELLER, STRANGER)]
    answers = await asyncio.gather(
        *(offices[number % 2].post(f"/v1/trades/{trade}/objections", REASON) for number in range(20))
    )
    assert {answer.status_code for answer in answers} == {201}
    regulator = await live_exchange.regulator()
    entered = [answer.json()["entered_at"] for answer in answers]
    assert (await regulator.get(f"/v1/trades/{trade}")).json()["notice_stopped_at"] == min(entered)
    # And all decided at once: the clock goes on with the last of them.
    decided = await asyncio.gather(
        *(
            regulator.post(
                f"/v1/trades/{trade}/objections/{answer.json()['id']}/decision",
                {"decision": "dismiss", "reason": "不成立"},
            )
            for answer in answers
        )
    )
    assert {answer.status_code for answer in decided} == {201}
    assert (await regulator.get(f"/v1/trades/{trade}")).json()["notice_stopped_at"] is None
    await verified(live_exchange)


async def test_of_decisions_at_once_one_counts(live_exchange: Exchange) -> None:
    regulators = [await live_exchange.client("510000", Role.LAND_REGULATOR) for _ in range(2)]
    for _ in range(ROUNDS):
        trade = await awarded(live_exchange, BUYER, [Sale(SELLER, 10_000)])
        stranger = await live_exchange.county(STRANGER)
        objection = (await stranger.post(f"/v1/trades/{trade}/objections", REASON)).json()
        path = f"/v1/trades/{trade}/objections/{objection['id']}/decision"
        dismissed, upheld = await asyncio.gather(
            regulators[0].post(path, {"decision": "dismiss", "reason": "不成立"}),
            regulators[1].post(path, {"decision": "uphold", "reason": "成立"}),
        )
        assert sorted([dismissed.status_code, upheld.status_code]) == [201, 409]
        shown = (await regulators[0].get(f"/v1/trades/{trade}")).json()
        assert shown["state"] == ("AWARDED" if dismissed.status_code == 201 else "VOIDED")
    await verified(live_exchange)


async def test_an_upheld_objection_and_the_voiding_of_a_listing_exclude_each_other(
    live_exchange: Exchange,
) -> None:
    regulator, stranger = await live_exchange.regulator(), await live_exchange.county(STRANGER)
    for _ in range(ROUNDS):
        trade = await awarded(live_exchange, BUYER, [Sale(SELLER, 10_000)])
        objection = (await stranger.post(f"/v1/trades/{trade}/objections", REASON)).json()
        listing = (await regulator.get(f"/v1/trades/{trade}")).json()["lines"][0]["listing_id"]
        deciding, voiding = await asyncio.gather(
            regulator.post(
                f"/v1/trades/{trade}/objections/{objection['id']}/decision",
                {"decision": "uphold", "reason": "成立"},
            ),
            regulator.post(f"/v1/listings/{listing}/voiding", {"reason": "造假"}),
        )
        assert voiding.status_code == 201
        assert deciding.status_code in (201, 409)
        assert (await regulator.get(f"/v1/trades/{trade}")).json()["state"] == "VOIDED"
    await verified(live_exchange)


async def test_workers_leave_a_standing_trade_alone_whenever_the_objection_comes(
    live_exchange: Exchange,
) -> None:
    exchange = live_exchange
    await policy(exchange, "payment_working_days", 1)
    waiting = [await awarded(exchange, BUYER, [Sale(SELLER, 10_000)]) for _ in range(ROUNDS)]
    stranger, regulator = await exchange.county(STRANGER), await exchange.regulator()
    for trade in waiting[::2]:
        answer = await stranger.post(f"/v1/trades/{trade}/objections", REASON)
        assert answer.status_code == 201
    await exchange.advance(days=60)
    database, keys = exchange.database, exchange.app.state.keys
    done = await asyncio.gather(*(do_due(database, keys) for _ in range(4)))
    assert sum(done) == ROUNDS - len(waiting[::2])
    for number, trade in enumerate(waiting):
        state = (await regulator.get(f"/v1/trades/{trade}")).json()["state"]
        assert state == ("DEFAULTED" if number % 2 else "AWARDED")
    await verified(exchange)
