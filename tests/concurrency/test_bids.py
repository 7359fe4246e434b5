"""Races on real connections: bids against the closing instant, against each other, against cancelling."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from app.market.indicators import Indicator
from app.sealing.keys import Keys
from app.worker import do_due
from tests.conftest import Exchange
from tests.story import announced, band, bid, listed, policy, registered, until, verified

AREA = Indicator.FARMLAND_QUANTITY
SELLER = "511922"
BUYERS = ("510100", "510400", "510700")
TERMS = {"price": "400000.00", "quantity": "1.0000"}


async def auction_of(exchange: Exchange, lasts: timedelta = timedelta(hours=1)) -> dict[str, Any]:
    """An auction of 30 hm² for which three buyers are registered."""
    await policy(exchange, "bids_per_buyer", 1000)
    await band(exchange, AREA)
    await listed(exchange, SELLER, AREA, "30.0000")
    opens_at = await exchange.now() + timedelta(hours=1)
    auction = await announced(
        exchange,
        AREA,
        opens_at=opens_at.isoformat(),
        closes_at=(opens_at + lasts).isoformat(),
    )
    for buyer in BUYERS:
        await registered(exchange, auction, buyer, "10.0000")
    return auction


async def test_each_bid_accepted_before_the_closing_is_in_the_record_and_no_other(
    live_exchange: Exchange, keys: Keys
) -> None:
    auction = await auction_of(live_exchange, timedelta(seconds=1.5))
    regulator = await live_exchange.regulator()
    path = f"/v1/auctions/{auction['id']}"
    accepted: set[str] = set()
    refused: list[str] = []
    over = asyncio.Event()

    async def keep_bidding(buyer: str) -> None:
        """Bid before the window, in it, past its end, and while the auction is opened."""
        officer = await live_exchange.city(buyer)
        while not over.is_set():
            answer = await officer.post(f"{path}/bids", TERMS)
            if answer.status_code == 201:
                accepted.add(answer.json()["id"])
            else:
                assert answer.json()["code"] == "outside_bidding_window", answer.text
                refused.append(answer.json()["facts"]["received_at"])
                await asyncio.sleep(0.01)

    async def keep_opening() -> None:
        """Try to open all the time, by hand and by two workers, until somebody has."""
        while (await regulator.get(path)).json()["state"] != "OPENED":
            answer, *_ = await asyncio.gather(
                regulator.post(f"{path}/opening"),
                do_due(live_exchange.database, keys),
                do_due(live_exchange.database, keys),
            )
            assert answer.status_code in (201, 409), answer.text
        await asyncio.sleep(0.1)
        over.set()

    await until(live_exchange, auction["opens_at"])
    await asyncio.gather(keep_opening(), *(keep_bidding(buyer) for buyer in BUYERS for _ in range(3)))
    record = (await live_exchange.public().get(f"{path}/record")).json()
    assert accepted
    assert refused
    assert {each["id"] for each in record["bids"]} == accepted
    assert all(auction["opens_at"] <= each["received_at"] < auction["closes_at"] for each in record["bids"])
    await verified(live_exchange)


async def test_bids_at_once_never_exceed_the_number_a_buyer_may_have(live_exchange: Exchange) -> None:
    await band(live_exchange, AREA)
    await listed(live_exchange, SELLER, AREA, "30.0000")
    auction = await announced(live_exchange, AREA)
    await registered(live_exchange, auction, BUYERS[0], "10.0000")
    await until(live_exchange, auction["opens_at"])
    officer = await live_exchange.city(BUYERS[0])
    path = f"/v1/auctions/{auction['id']}/bids"
    answers = await asyncio.gather(*(officer.post(path, TERMS) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 5, 422: 15}


async def test_of_replacements_and_a_withdrawal_at_once_exactly_one_wins(live_exchange: Exchange) -> None:
    auction = await auction_of(live_exchange)
    first = await bid(live_exchange, auction, BUYERS[0], "400000.00", "1.0000")
    officer = await live_exchange.city(BUYERS[0])
    path = f"/v1/auctions/{auction['id']}/bids"
    answers = await asyncio.gather(
        *(officer.post(f"{path}/{first['id']}/replacement", TERMS) for _ in range(9)),
        officer.post(f"{path}/{first['id']}/withdrawal"),
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}
    shown = (await officer.get(path)).json()["items"]
    assert len(shown) == 1 + (answers[-1].status_code != 201)


async def test_fifty_identical_bids_under_one_key_are_one_bid(live_exchange: Exchange) -> None:
    auction = await auction_of(live_exchange)
    await until(live_exchange, auction["opens_at"])
    officer = await live_exchange.city(BUYERS[0])
    path = f"/v1/auctions/{auction['id']}/bids"
    answers = await asyncio.gather(*(officer.post(path, TERMS, key="one and the same") for _ in range(50)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert len((await officer.get(path)).json()["items"]) == 1


async def test_cancelling_while_buyers_register_leaves_no_deposit_and_no_reservation(
    live_exchange: Exchange,
) -> None:
    await band(live_exchange, AREA)
    await listed(live_exchange, SELLER, AREA, "30.0000")
    auction = await announced(live_exchange, AREA)
    regulator = await live_exchange.regulator()

    async def cancel() -> int:
        await asyncio.sleep(0.15)
        answer = await regulator.post(f"/v1/auctions/{auction['id']}/cancellation", {"reason": "公告有误"})
        return answer.status_code

    async def register(buyer: str) -> None:
        try:
            await registered(live_exchange, auction, buyer, "10.0000")
        except AssertionError as late:
            assert "registration_closed" in str(late)

    assert (await asyncio.gather(cancel(), *(register(buyer) for buyer in BUYERS)))[0] == 201
    treasurer = await live_exchange.treasurer()
    for buyer in BUYERS:
        assert (await treasurer.get(f"/v1/accounts/{buyer}")).json()["locked"] == "0.00"
    needs = (await regulator.get("/v1/needs")).json()["items"]
    assert {need["items"][0]["reserved"] for need in needs} == {"0.0000"}
    await verified(live_exchange)
