"""A voiding against all that can happen to a batch, on real connections: one first, and sound books."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.market.indicators import Indicator
from app.store import voidings
from app.store.database import Connection
from tests.api.test_voidings import bought, listed, used
from tests.awarded import books
from tests.conftest import Client, Exchange
from tests.story import (
    announced,
    approved_need,
    band,
    bid,
    credited,
    filed_application,
    funded,
    paid,
    registered,
    sold_by,
    until,
    verified,
)
from tests.supervised import fraud_found, project_of

GUILTY, BUYER = "511922", "510107"
LAND, GRAIN = Indicator.FARMLAND_QUANTITY, Indicator.GRAIN_CAPACITY
ROUNDS = 6
Act = Callable[[], Awaitable[httpx.Response]]


@dataclass
class Scene:
    """A guilty project of 10 hm² with its batch, and everybody who acts."""

    exchange: Exchange
    batch: str
    guilty: Client
    buyer: Client
    regulator: Client
    treasurer: Client

    async def listing(self) -> str:
        """6 hm² of it on the list."""
        return await listed(self.exchange, GUILTY, self.batch, "6.0000")


async def settlement(scene: Scene) -> Act:
    """The settlement of a paid trade of the batch."""
    trade = await bought(scene.exchange, await scene.listing(), "2.0000")
    await paid(scene.exchange, trade)
    return lambda: scene.treasurer.post(f"/v1/trades/{trade}/settlement")


async def purchase(scene: Scene) -> Act:
    """A purchase of the listing at its seller's price."""
    listing = await scene.listing()
    need = await approved_need(scene.exchange, BUYER, {LAND: "2.0000"})
    await funded(scene.exchange, BUYER, "3000000.00")
    body = {"mode": "market", "need_id": need, "listing_id": listing}
    wanted = {**body, "quantity": "2.0000", "price": "300000.00"}
    return lambda: scene.buyer.post("/v1/purchases", wanted)


async def _auction(scene: Scene) -> dict[str, Any]:
    await scene.listing()
    auction = await announced(scene.exchange, LAND)
    await registered(scene.exchange, auction, BUYER, "2.0000")
    return auction


async def opening(scene: Scene) -> Act:
    """The opening of an auction in whose pool the listing is, and that a bid would win."""
    auction = await _auction(scene)
    await bid(scene.exchange, auction, BUYER, "310000.00", "2.0000")
    await until(scene.exchange, auction["closes_at"])
    return lambda: scene.regulator.post(f"/v1/auctions/{auction['id']}/opening")


async def bidding(scene: Scene) -> Act:
    """A bid in an auction in whose pool the listing is."""
    auction = await _auction(scene)
    await until(scene.exchange, auction["opens_at"])
    body = {"price": "310000.00", "quantity": "2.0000", "min_quantity": None}
    return lambda: scene.buyer.post(f"/v1/auctions/{auction['id']}/bids", body)


async def announcement(scene: Scene) -> Act:
    """The announcement of an auction whose pool the listing would enter."""
    await scene.listing()
    opens_at = await scene.exchange.now() + timedelta(minutes=10)
    times = {"opens_at": opens_at, "closes_at": opens_at + timedelta(hours=1)}
    body = {"indicator": LAND.value} | {name: at.isoformat() for name, at in times.items()}
    return lambda: scene.regulator.post("/v1/auctions", body)


async def write_off(scene: Scene) -> Act:
    """A write-off of what is left of the batch."""
    await credited(scene.exchange, GUILTY, {GRAIN: "4500.00"})
    application = await filed_application(scene.exchange, GUILTY, {LAND: "3.0000"})
    return lambda: scene.guilty.post(f"/v1/land-applications/{application}/write-off")


async def reversal(scene: Scene) -> Act:
    """The reversal of a write-off of the batch."""
    application = await used(scene.exchange, GUILTY, "3.0000")
    body = {"decision": "refuse", "reason": "不符"}
    return lambda: scene.regulator.post(f"/v1/land-applications/{application}/decision", body)


async def listing(scene: Scene) -> Act:
    """Another listing of the batch."""
    await scene.listing()
    body = {"batch_id": scene.batch, "quantity": "3.0000", "ask": None, "open_to_key_projects": True}
    return lambda: scene.guilty.post("/v1/listings", body)


async def withdrawal(scene: Scene) -> Act:
    """The withdrawal of the listing by its county."""
    number = await scene.listing()
    return lambda: scene.guilty.post(f"/v1/listings/{number}/withdrawal")


async def buying_back(scene: Scene) -> Act:
    """The settlement by which the county buys its own batch back from a buyer in good faith."""
    # Two sold and eight used, so that nothing is left and the county is short again, for nothing else.
    filed = await scene.guilty.get("/v1/land-applications", params={"state": "FILED"})
    for each in filed.json()["items"]:
        withdrawn = await scene.guilty.post(f"/v1/land-applications/{each['id']}/withdrawal", {})
        assert withdrawn.status_code == 201, withdrawn.text
    trade = await bought(
        scene.exchange, await listed(scene.exchange, GUILTY, scene.batch, "2.0000"), "2.0000"
    )
    await used(scene.exchange, GUILTY, "8.0000")
    await paid(scene.exchange, trade)
    settled = await scene.treasurer.post(f"/v1/trades/{trade}/settlement")
    assert settled.status_code == 201, settled.text
    back = await bought(
        scene.exchange, await listed(scene.exchange, BUYER, scene.batch, "2.0000"), "2.0000", GUILTY
    )
    await paid(scene.exchange, back)
    return lambda: scene.treasurer.post(f"/v1/trades/{back}/settlement")


AGAINST = [
    settlement,
    purchase,
    opening,
    bidding,
    announcement,
    write_off,
    reversal,
    listing,
    withdrawal,
    buying_back,
]


async def nothing_left(exchange: Exchange, batch: str) -> None:
    """The guilty county neither lists nor has anything of the batch."""

    async def read(connection: Connection) -> tuple[int, int]:
        found = await connection.execute(
            text(
                """
                SELECT (SELECT count(*) FROM listing WHERE county = :county AND batch_id = :batch
                           AND state IN ('LISTED', 'IN_AUCTION')),
                       (SELECT coalesce(sum(balance), 0) FROM account
                         WHERE jurisdiction = :county AND batch_id = :batch
                           AND bucket IN ('available', 'locked', 'earmarked'))
                """
            ),
            {"county": GUILTY, "batch": int(batch[1:])},
        )
        return tuple(found.one())

    assert await exchange.database.read(read) == (0, 0)


async def race(scene: Scene, act: Act, chance: random.Random) -> httpx.Response:
    """Void the project and act at the same time; the act's answer. The voiding must go through."""
    project = await project_of(scene.exchange, scene.batch)
    inspection = await fraud_found(scene.exchange, project)
    body = {"inspection_id": inspection, "reason_code": "false_papers", "reason": "造假"}

    async def later(do: Act) -> httpx.Response:
        await asyncio.sleep(chance.choice([0, 0, 0.005, 0.02]))
        return await do()

    voiding, other = await asyncio.gather(
        later(lambda: scene.regulator.post(f"/v1/projects/{project}/voiding", body)), later(act)
    )
    assert voiding.status_code == 201, voiding.text
    return other


@pytest.mark.parametrize("against", AGAINST, ids=lambda scenery: scenery.__name__)
async def test_a_voiding_and_anything_else_of_its_batch_come_one_before_the_other(
    live_exchange: Exchange, monkeypatch: pytest.MonkeyPatch, against: Callable[[Scene], Awaitable[Act]]
) -> None:
    # Nothing is tried again here, so that a deadlock would surface instead of being cured.
    monkeypatch.setattr("app.store.database.RETRIED", frozenset())
    exchange, chance = live_exchange, random.Random(20171234)
    await band(exchange, LAND)
    await sold_by(exchange, LAND, "market", "auction")
    guilty, buyer = await exchange.county(GUILTY), await exchange.county(BUYER)
    regulator, treasurer = await exchange.regulator(), await exchange.treasurer()
    for _ in range(ROUNDS):
        batch = (await credited(exchange, GUILTY, {LAND: "10.0000"}))[LAND]
        scene = Scene(exchange, batch, guilty, buyer, regulator, treasurer)
        other = await race(scene, await against(scene), chance)
        assert other.status_code in (201, 404, 409, 422), other.text
        await nothing_left(exchange, batch)
        await verified(exchange)


async def test_ten_voidings_of_one_project_are_one(live_exchange: Exchange) -> None:
    batch = (await credited(live_exchange, GUILTY, {LAND: "10.0000"}))[LAND]
    project = await project_of(live_exchange, batch)
    inspection = await fraud_found(live_exchange, project)
    body = {"inspection_id": inspection, "reason_code": "false_papers", "reason": "造假"}
    regulator = await live_exchange.regulator()
    answers = await asyncio.gather(
        *(regulator.post(f"/v1/projects/{project}/voiding", body) for _ in range(10))
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}
    assert (await books(live_exchange))[GUILTY, LAND, "consumed"] == 10_0000
    await verified(live_exchange)


async def test_a_voiding_whose_backend_is_killed_in_its_middle_leaves_nothing(
    live_exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed once its stock is cancelled and its obligation open; done again, it is done once."""
    await band(live_exchange, LAND)
    batch = (await credited(live_exchange, GUILTY, {LAND: "10.0000"}))[LAND]
    await listed(live_exchange, GUILTY, batch, "6.0000")
    project = await project_of(live_exchange, batch)
    inspection = await fraud_found(live_exchange, project)
    before, keep = await books(live_exchange), voidings.insert
    kills = [1]

    async def killed(connection: Connection, **given: Any) -> None:
        if kills:
            kills.pop()
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        await keep(connection, **given)

    monkeypatch.setattr(voidings, "insert", killed)
    regulator = await live_exchange.regulator()
    body = {"inspection_id": inspection, "reason_code": "false_papers", "reason": "造假"}
    first = await regulator.post(f"/v1/projects/{project}/voiding", body, key="void-it")
    assert first.status_code in (500, 503), first.text
    assert await books(live_exchange) == before
    assert (await regulator.get(f"/v1/projects/{project}")).json()["state"] == "ACCEPTED"
    await verified(live_exchange)
    for _ in range(2):
        again = await regulator.post(f"/v1/projects/{project}/voiding", body, key="void-it")
        assert again.status_code == 201, again.text
    assert (await books(live_exchange))[GUILTY, LAND, "consumed"] == 10_0000
    await verified(live_exchange)
