"""Races on real connections: an auction is opened once, its pool is taken once, a voided listing is out."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from app.market.access import Actor, Role
from app.market.ids import Kind, row_number
from app.market.indicators import Indicator
from app.market.needs import KeyLevel
from app.sealing.keys import Keys
from app.services import needs
from app.store.database import Connection
from app.worker import do_due
from tests.conftest import Exchange
from tests.story import (
    announced,
    approved_need,
    band,
    bid,
    filed_application,
    listed,
    registered,
    until,
    verified,
)

AREA = Indicator.FARMLAND_QUANTITY
POOR, ORDINARY = "511922", "510722"
BUYERS = ("510100", "510400")


async def closed(exchange: Exchange) -> tuple[dict[str, Any], list[str]]:
    """An auction with two listings and a bid of each of two buyers, after its closing instant."""
    await band(exchange, AREA)
    listings = [await listed(exchange, county, AREA, "10.0000") for county in (POOR, ORDINARY)]
    auction = await announced(exchange, AREA)
    for buyer, price in zip(BUYERS, ("400000.00", "350000.00"), strict=True):
        await registered(exchange, auction, buyer, "12.0000")
        await bid(exchange, auction, buyer, price, "12.0000")
    await until(exchange, auction["closes_at"])
    return auction, listings


async def test_openings_at_once_by_hand_and_by_workers_have_one_effect(
    live_exchange: Exchange, keys: Keys
) -> None:
    auction, _ = await closed(live_exchange)
    regulator = await live_exchange.regulator()
    path = f"/v1/auctions/{auction['id']}"
    workers = asyncio.gather(*(do_due(live_exchange.database, keys) for _ in range(2)))
    answers = await asyncio.gather(*(regulator.post(f"{path}/opening") for _ in range(6)))
    await workers
    codes = Counter(answer.status_code for answer in answers)
    assert codes[201] <= 1
    assert codes[201] + codes[409] == 6
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"wrong_state"}
    trades = (await regulator.get("/v1/trades", params={"auction_id": auction["id"]})).json()["items"]
    assert Counter(trade["buyer"] for trade in trades) == {BUYERS[0]: 1, BUYERS[1]: 1}
    treasurer = await live_exchange.treasurer()
    # 保证金 45,000 yuan per hm²: 12 and 8 hm² were won of 20.
    locked = [(await treasurer.get(f"/v1/accounts/{buyer}")).json()["locked"] for buyer in BUYERS]
    assert locked == ["540000.00", "360000.00"]
    await verified(live_exchange)


async def test_a_listing_voided_at_the_opening_is_out_of_the_round_or_sold_in_it(
    live_exchange: Exchange,
) -> None:
    auction, (poor, _) = await closed(live_exchange)
    regulator = await live_exchange.regulator()
    path = f"/v1/auctions/{auction['id']}"
    voiding, opening = await asyncio.gather(
        regulator.post(f"/v1/listings/{poor}/voiding", {"reason": "项目造假"}),
        regulator.post(f"{path}/opening"),
    )
    assert opening.status_code == 201, opening.text
    assert opening.json()["state"] == "OPENED"
    outcome = (await live_exchange.public().get(f"{path}/outcome")).json()
    drawn = {award["listing"] for award in outcome["awards"]}
    # Voided first, it drops out; opened first, its lines wait for settlement and it can't be voided.
    assert (voiding.status_code, poor in drawn) in ((201, False), (409, True))
    await verified(live_exchange)


async def test_of_two_announcements_at_once_one_takes_the_pool(live_exchange: Exchange) -> None:
    await band(live_exchange, AREA)
    for county in (POOR, ORDINARY):
        await listed(live_exchange, county, AREA, "10.0000")
    await approved_need(live_exchange, BUYERS[0], {AREA: "4.0000"}, key_level="national")
    regulator = await live_exchange.regulator()
    opens_at = await live_exchange.now() + timedelta(minutes=1)
    body = {
        "indicator": AREA.value,
        "opens_at": opens_at.isoformat(),
        "closes_at": (opens_at + timedelta(hours=1)).isoformat(),
    }
    answers = await asyncio.gather(*(regulator.post("/v1/auctions", body) for _ in range(4)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"empty_pool"}
    (made,) = (a.json() for a in answers if a.status_code == 201)
    assert made["pool"]["supply"] == "16.0000"
    assert len((await regulator.get("/v1/trades")).json()["items"]) == 1


async def test_what_an_announcement_awards_was_approved_before_though_it_had_to_wait(
    live_exchange: Exchange,
) -> None:
    await band(live_exchange, AREA)
    await listed(live_exchange, POOR, AREA, "10.0000")
    buyer, regulator = await live_exchange.city(BUYERS[0]), await live_exchange.regulator()
    application = await filed_application(live_exchange, BUYERS[0], {AREA: "4.0000"})
    declared = await buyer.post(
        "/v1/needs", {"application_id": application, "quantities": {AREA.value: "4.0000"}}
    )
    need = declared.json()["id"]
    opens_at = await live_exchange.now() + timedelta(minutes=1)
    body = {
        "indicator": AREA.value,
        "opens_at": opens_at.isoformat(),
        "closes_at": (opens_at + timedelta(hours=1)).isoformat(),
    }

    async def approve_while_it_waits(connection: Connection) -> asyncio.Task[Any]:
        await connection.execute(text("LOCK TABLE need IN ACCESS EXCLUSIVE MODE"))
        announcing = asyncio.create_task(regulator.post("/v1/auctions", body))
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'need'::regclass")
        for _ in range(1000):
            if (await connection.execute(waiting)).scalar_one():
                break
            await asyncio.sleep(0.01)
        await needs.approve(
            connection,
            actor=Actor(0, "tests", "510000", frozenset({Role.LAND_REGULATOR})),
            need_id=row_number(Kind.NEED, need),
            key_level=KeyLevel.NATIONAL,
            reason=None,
        )
        return announcing

    announcing = await live_exchange.database.transact(approve_while_it_waits)
    auction = await announcing
    assert auction.status_code == 201, auction.text
    approved_at = (await regulator.get(f"/v1/needs/{need}")).json()["approved_at"]
    (trade,) = (await regulator.get("/v1/trades")).json()["items"]
    (run,) = (await regulator.get("/v1/allocations")).json()["items"]
    assert approved_at < trade["awarded_at"] == run["run_at"] == auction.json()["announced_at"]
