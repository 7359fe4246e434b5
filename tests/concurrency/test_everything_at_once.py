"""Everything that officers can do, done at once on real connections: no deadlock, no defect, sound books."""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.market.indicators import Indicator
from app.worker import do_due
from tests.conftest import Client, Exchange
from tests.story import approved_need, band, funded, listed, sold_by, verified

AREA = Indicator.FARMLAND_QUANTITY
SELLERS = ("511922", "511921", "510722", "511902")
BUYERS = ("510107", "510104", "510105", "510191")
WHY = {"reason": "核查"}
Request = Coroutine[Any, Any, httpx.Response]


class Crowd:
    """Sellers, buyers and overseers, who all press every button that they have."""

    def __init__(self, exchange: Exchange, chance: random.Random) -> None:
        self.exchange, self.chance = exchange, chance
        self.officers: dict[str, Client] = {}
        self.listings: dict[str, str] = {}  # the county of each
        self.needs: dict[str, str] = {}  # the buyer of each

    async def come(self) -> None:
        """List, fund and have needs approved, some of them of key projects."""
        exchange = self.exchange
        await sold_by(exchange, AREA, "auction", "unified_price", "market")
        await band(exchange, AREA, unified_price="320000.00")
        self.regulator, self.treasurer = await exchange.regulator(), await exchange.treasurer()
        self.officers = {code: await exchange.county(code) for code in (*SELLERS, *BUYERS)}
        for county in (*SELLERS, *SELLERS):
            self.listings[await listed(exchange, county, AREA, "10.0000")] = county
        for buyer, key_level in zip(
            (*BUYERS, *BUYERS), (None, "national", "provincial", None) * 2, strict=True
        ):
            await funded(exchange, buyer, "10000000.00")
            need = await approved_need(
                exchange, buyer, {AREA: "6.0000"}, key_level=key_level, all_or_nothing=self._happens(0.5)
            )
            self.needs[need] = buyer

    def _happens(self, probability: float) -> bool:
        return self.chance.random() < probability

    async def press_everything(self) -> list[httpx.Response]:
        """Send a round of requests at once, with the workers among them, and return the answers."""
        trades = (await self.regulator.get("/v1/trades", params={"limit": 200})).json()["items"]
        auctions = [each["id"] for each in (await self.regulator.get("/v1/auctions")).json()["items"]]
        now = await self.exchange.now()
        requests = [request for trade in trades for request in self._of_trade(trade["id"], trade["buyer"])]
        requests += [request for auction in auctions for request in self._of_auction(auction)]
        requests += self._endings()
        requests += self._purchases()
        times = {"opens_at": now + timedelta(seconds=5), "closes_at": now + timedelta(hours=1)}
        announcement = {"indicator": AREA.value} | {name: at.isoformat() for name, at in times.items()}
        for _ in range(2):
            requests.append(self.regulator.post("/v1/allocations"))
            requests.append(self.regulator.post("/v1/auctions", announcement))
        self.chance.shuffle(requests)
        keys = self.exchange.app.state.keys
        workers = [asyncio.create_task(do_due(self.exchange.database, keys)) for _ in range(2)]
        answers: list[httpx.Response] = await asyncio.gather(*requests)
        await asyncio.gather(*workers)
        return answers

    def _of_trade(self, trade: str, buyer: str) -> list[Request]:
        officer, at = self.officers[buyer], f"/v1/trades/{trade}"
        requests = [officer.post(f"{at}/{step}") for step in ("confirmation", "payment")]
        requests.append(self.treasurer.post(f"{at}/settlement"))
        if self._happens(0.1):
            requests.append(self.regulator.post(f"{at}/default", WHY))
        return requests

    def _of_auction(self, auction: str) -> list[Request]:
        at = f"/v1/auctions/{auction}"
        requests = [self.regulator.post(f"{at}/opening")]
        if self._happens(0.1):
            requests.append(self.regulator.post(f"{at}/cancellation", WHY))
        for need, buyer in self.needs.items():
            registration = {"need_id": need, "limit": "2.0000"}
            requests.append(self.officers[buyer].post(f"{at}/registrations", registration))
            bid = {"price": "310000.00", "quantity": "1.0000"}
            requests.append(self.officers[buyer].post(f"{at}/bids", bid))
        return requests

    def _purchases(self) -> list[Request]:
        requests = []
        for need, buyer in self.needs.items():
            of_queue = {"mode": "unified_price", "indicator": AREA.value, "quantity": "0.5000"}
            listing = self.chance.choice(list(self.listings))
            of_one = {"mode": "market", "listing_id": listing, "quantity": "0.5000", "price": "300000.00"}
            order = of_queue if self._happens(0.5) else of_one
            requests.append(self.officers[buyer].post("/v1/purchases", {"need_id": need, **order}))
        return requests

    def _endings(self) -> list[Request]:
        requests = []
        for listing, county in self.listings.items():
            if self._happens(0.05):
                requests.append(self.officers[county].post(f"/v1/listings/{listing}/withdrawal"))
            if self._happens(0.05):
                requests.append(self.regulator.post(f"/v1/listings/{listing}/voiding", WHY))
        return requests


async def test_whatever_is_done_at_once_nothing_deadlocks_and_the_books_stay_sound(
    live_exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is tried again here, so that a deadlock would surface instead of being cured.
    monkeypatch.setattr("app.store.database.RETRIED", frozenset())
    crowd = Crowd(live_exchange, random.Random(20171234))
    await crowd.come()
    done: Counter[str] = Counter()
    for pause in (timedelta(minutes=10), timedelta(days=8)) * 3:
        for answer in await crowd.press_everything():
            assert answer.status_code in (201, 409, 422), answer.text
            if answer.status_code == 201:
                done[answer.request.url.path.rpartition("/")[2]] += 1
        await verified(live_exchange)
        await live_exchange.advance(seconds=pause.total_seconds())
    happened = {"registrations", "purchases", "confirmation", "payment", "settlement"}
    assert happened <= done.keys(), done
