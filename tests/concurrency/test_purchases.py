"""Purchases on real connections: nothing is sold twice, no need is exceeded, and nothing deadlocks."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from app.market.indicators import Indicator
from app.store import listings
from app.store.database import Connection
from tests.awarded import need_item, row
from tests.conftest import Exchange
from tests.story import approved_need, band, funded, listed, policy, verified

AREA, PADDY = Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA
POOR, ORDINARY = "511922", "510722"
BUYERS = tuple(f"5101{number}" for number in ("04", "05", "06", "07", "08", "12", "13", "14", "15", "16"))


@pytest.fixture(autouse=True)
def no_second_attempt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is tried again here, so that a deadlock would surface instead of being cured."""
    monkeypatch.setattr("app.store.database.RETRIED", frozenset())
    yield


async def an_open_market(exchange: Exchange, *indicators: Indicator) -> None:
    """Every mode open to every indicator, those named at a unified price of 320,000."""
    modes = ["auction", "unified_price", "market"]
    await policy(exchange, "trade_modes", {each.value: modes for each in Indicator})
    for indicator in indicators:
        await band(exchange, indicator, unified_price="320000.00")


def unified(need: str, quantity: str, indicator: Indicator = AREA) -> dict[str, str]:
    """A purchase at the unified price."""
    return {"mode": "unified_price", "need_id": need, "indicator": indicator, "quantity": quantity}


def at_market(need: str, listing: str, quantity: str) -> dict[str, str]:
    """A purchase of one listing at the floor."""
    return {
        "mode": "market",
        "need_id": need,
        "listing_id": listing,
        "quantity": quantity,
        "price": "300000.00",
    }


async def needs_of(exchange: Exchange, quantity: str) -> dict[str, str]:
    """A need of so much for each of the ten buyers, who can afford any deposit for it."""
    needs = {}
    for buyer in BUYERS:
        needs[buyer] = await approved_need(exchange, buyer, {AREA: quantity})
        await funded(exchange, buyer, "100000000.00")
    return needs


@pytest.mark.parametrize("mode", ["unified_price", "market"])
async def test_ten_buyers_of_one_listing_never_get_more_than_it_has(
    live_exchange: Exchange, mode: str
) -> None:
    await an_open_market(live_exchange, AREA)
    listing = await listed(live_exchange, POOR, AREA, "1000.0000")
    needs = await needs_of(live_exchange, "300.0000")
    officers = {buyer: await live_exchange.county(buyer) for buyer in BUYERS}
    answers = await asyncio.gather(
        *(
            officers[buyer].post(
                "/v1/purchases",
                unified(need, "300.0000")
                if mode == "unified_price"
                else at_market(need, listing, "300.0000"),
            )
            for buyer, need in needs.items()
        )
    )
    ends = Counter(answer.json().get("quantity", answer.json().get("code")) for answer in answers)
    # Three get all; at the unified price a fourth gets the rest, at the market all or nothing.
    rest = (
        {"100.0000": 1, "not_enough_on_offer": 6} if mode == "unified_price" else {"not_enough_on_offer": 7}
    )
    assert ends == {"300.0000": 3} | rest, [answer.text for answer in answers]
    sold = 10_000_000 if mode == "unified_price" else 9_000_000
    assert await row(live_exchange, "listing", listing, "awarded") == (sold,)
    await verified(live_exchange)


async def test_ten_purchases_for_one_need_never_exceed_it(live_exchange: Exchange) -> None:
    await an_open_market(live_exchange, AREA)
    listing = await listed(live_exchange, POOR, AREA, "1000.0000")
    buyer = BUYERS[0]
    need = await approved_need(live_exchange, buyer, {AREA: "35.0000"})
    await funded(live_exchange, buyer, "100000000.00")
    officer = await live_exchange.county(buyer)
    orders = [unified(need, "10.0000"), at_market(need, listing, "10.0000")] * 5
    answers = await asyncio.gather(*(officer.post("/v1/purchases", order) for order in orders))
    ends = Counter(answer.json().get("code", "bought") for answer in answers)
    assert ends == {"bought": 3, "exceeds_open_need": 7}
    assert await need_item(live_exchange, need) == (300_000, 0)
    await verified(live_exchange)


async def test_one_deposit_is_held_once_when_money_is_for_one_purchase(live_exchange: Exchange) -> None:
    await an_open_market(live_exchange, AREA)
    await listed(live_exchange, POOR, AREA, "1000.0000")
    buyer = BUYERS[0]
    needs = [await approved_need(live_exchange, buyer, {AREA: "1.0000"}) for _ in range(5)]
    await funded(live_exchange, buyer, "32000.00")
    officer = await live_exchange.county(buyer)
    answers = await asyncio.gather(
        *(officer.post("/v1/purchases", unified(need, "1.0000")) for need in needs)
    )
    assert Counter(answer.json().get("code", "bought") for answer in answers) == {
        "bought": 1,
        "insufficient": 4,
    }
    await verified(live_exchange)


async def test_market_purchases_of_different_listings_do_not_wait_for_each_other(
    live_exchange: Exchange,
) -> None:
    await an_open_market(live_exchange, AREA)
    held, free = [await listed(live_exchange, county, AREA, "5.0000") for county in (POOR, ORDINARY)]
    buyer = BUYERS[0]
    await funded(live_exchange, buyer, "100000000.00")
    need = await approved_need(live_exchange, buyer, {AREA: "5.0000"})
    officer = await live_exchange.county(buyer)

    other = await approved_need(live_exchange, BUYERS[1], {AREA: "5.0000"})
    await funded(live_exchange, BUYERS[1], "100000000.00")
    neighbour = await live_exchange.county(BUYERS[1])

    async def beside_a_lock(connection: Connection) -> asyncio.Task[httpx.Response]:
        await listings.lock(connection, [int(held[1:])])
        waiting = asyncio.create_task(officer.post("/v1/purchases", at_market(need, held, "1.0000")))
        async with asyncio.timeout(60):
            answer = await neighbour.post("/v1/purchases", at_market(other, free, "1.0000"))
        assert answer.status_code == 201, answer.text
        assert not waiting.done(), "who wants the listing itself waits"
        return waiting

    waiting = await live_exchange.database.transact(beside_a_lock)
    assert (await waiting).status_code == 201
    await verified(live_exchange)


async def test_a_purchase_and_an_auction_announced_at_once_never_take_the_same_land(
    live_exchange: Exchange,
) -> None:
    await an_open_market(live_exchange, AREA)
    regulator = await live_exchange.regulator()
    buyer = BUYERS[0]
    await funded(live_exchange, buyer, "100000000.00")
    officer = await live_exchange.county(buyer)
    ends = Counter[tuple[int, str]]()
    for turn in range(8):
        listing = await listed(live_exchange, POOR, AREA, "5.0000")
        need = await approved_need(live_exchange, buyer, {AREA: "5.0000"})
        opens_at = await live_exchange.now() + timedelta(minutes=1)
        announcement = {
            "indicator": AREA.value,
            "opens_at": opens_at.isoformat(),
            "closes_at": (opens_at + timedelta(hours=1)).isoformat(),
        }
        requests = [
            officer.post("/v1/purchases", at_market(need, listing, "3.0000")),
            regulator.post("/v1/auctions", announcement),
        ]
        if turn % 2:
            requests.reverse()
        answers: list[httpx.Response] = await asyncio.gather(*requests)
        by_path = {answer.request.url.path: answer for answer in answers}
        purchase, auction = by_path["/v1/purchases"], by_path["/v1/auctions"]
        assert auction.status_code == 201, auction.text
        supply = auction.json()["pool"]["supply"]
        ends[(purchase.status_code, supply)] += 1
        if purchase.status_code == 409:
            assert purchase.json()["code"] == "not_on_offer"
        await verified(live_exchange)
    # Whoever comes first, the other sees what is left.
    assert ends.keys() <= {(201, "2.0000"), (409, "5.0000")}, ends


async def test_opposite_purchases_with_key_projects_waiting_never_deadlock(live_exchange: Exchange) -> None:
    """Two counties sell each other different indicators, key projects wait for both, trades end meanwhile."""
    await an_open_market(live_exchange, AREA, PADDY)
    here, there = POOR, ORDINARY
    regulator = await live_exchange.regulator()
    officers = {county: await live_exchange.county(county) for county in (here, there)}
    offers: list[tuple[str, Indicator, str]] = []
    for _ in range(6):
        for seller, buyer, indicator in ((here, there, AREA), (there, here, PADDY)):
            await listed(live_exchange, seller, indicator, "4.0000")
            need = await approved_need(live_exchange, buyer, {indicator: "6.0000"})
            offers.append((buyer, indicator, need))
            await funded(live_exchange, buyer, "10000000.00")
            await approved_need(
                live_exchange,
                BUYERS[0],
                {AREA: "0.5000", PADDY: "0.5000"},
                key_level="national",
                all_or_nothing=True,
            )
    listings = [each["id"] for each in (await regulator.get("/v1/listings")).json()["items"]]
    purchases = [
        officers[buyer].post("/v1/purchases", unified(need, "3.0000", indicator))
        for buyer, indicator, need in offers
    ]
    endings = [
        regulator.post(f"/v1/listings/{listing}/voiding", {"reason": "核查"}) for listing in listings[:3]
    ]
    runs = [regulator.post("/v1/allocations") for _ in range(3)]
    answers = await asyncio.gather(*purchases, *endings, *runs)
    assert {answer.status_code for answer in answers} <= {201, 409, 422}, [
        answer.text for answer in answers if answer.status_code >= 500
    ]
    assert sum(answer.status_code == 201 for answer in answers[: len(purchases)]) >= 3
    await verified(live_exchange)
