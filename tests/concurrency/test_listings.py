"""Races on real connections: one balance, one shortage, one need can't be used twice."""

import asyncio
from collections import Counter

from app.market.indicators import Indicator
from tests.conftest import Exchange
from tests.story import approved_need, band, credited, filed_application, listed

COUNTY, BUYER = "511922", "510107"
QUANTITY = Indicator.FARMLAND_QUANTITY


async def balances(exchange: Exchange) -> tuple[str, str]:
    """The county's farmland quantity, available and locked."""
    officer = await exchange.county(COUNTY)
    shown = (await officer.get(f"/v1/reserves/{COUNTY}")).json()["balances"][0]
    return shown["available"], shown["locked"]


async def test_of_ten_listings_of_one_balance_at_once_exactly_one_wins(live_exchange: Exchange) -> None:
    await band(live_exchange, QUANTITY)
    batch = (await credited(live_exchange, COUNTY, {QUANTITY: "500.0000"}))[QUANTITY]
    officer = await live_exchange.county(COUNTY)
    body = {"batch_id": batch, "quantity": "500.0000"}
    answers = await asyncio.gather(*(officer.post("/v1/listings", body) for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"insufficient"}
    assert await balances(live_exchange) == ("0.0000", "500.0000")
    assert len((await officer.get("/v1/listings")).json()["items"]) == 1


async def test_fifty_identical_listings_under_one_key_are_one_listing(live_exchange: Exchange) -> None:
    await band(live_exchange, QUANTITY)
    batch = (await credited(live_exchange, COUNTY, {QUANTITY: "500.0000"}))[QUANTITY]
    officer = await live_exchange.county(COUNTY)
    body = {"batch_id": batch, "quantity": "10.0000"}
    answers = await asyncio.gather(
        *(officer.post("/v1/listings", body, key="one and the same") for _ in range(50))
    )
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert Counter("idempotency-replayed" in answer.headers for answer in answers) == {True: 49, False: 1}
    assert await balances(live_exchange) == ("490.0000", "10.0000")


async def test_ten_withdrawals_of_one_listing_at_once_give_back_once(live_exchange: Exchange) -> None:
    await band(live_exchange, QUANTITY)
    listing = await listed(live_exchange, COUNTY, QUANTITY, "7.0000")
    officer = await live_exchange.county(COUNTY)
    answers = await asyncio.gather(*(officer.post(f"/v1/listings/{listing}/withdrawal") for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}
    assert await balances(live_exchange) == ("7.0000", "0.0000")


async def test_of_ten_needs_of_one_shortage_at_once_exactly_one_is_declared(live_exchange: Exchange) -> None:
    application = await filed_application(live_exchange, BUYER, {QUANTITY: "9.0000"})
    officer = await live_exchange.county(BUYER)
    body = {"application_id": application, "quantities": {"farmland_quantity": "9.0000"}}
    answers = await asyncio.gather(*(officer.post("/v1/needs", body) for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 422: 9}


async def test_runs_and_a_withdrawal_at_once_sell_nothing_twice(live_exchange: Exchange) -> None:
    await band(live_exchange, QUANTITY)
    listing = await listed(live_exchange, COUNTY, QUANTITY, "7.0000")
    await listed(live_exchange, COUNTY, QUANTITY, "7.0000")
    await approved_need(live_exchange, BUYER, {QUANTITY: "10.0000"}, key_level="national")
    officer, regulator = await live_exchange.county(COUNTY), await live_exchange.regulator()
    *runs, withdrawal = await asyncio.gather(
        *(regulator.post("/v1/allocations") for _ in range(5)),
        officer.post(f"/v1/listings/{listing}/withdrawal"),
    )
    assert [run.status_code for run in runs] == [201] * 5
    assert withdrawal.status_code in (201, 409)
    sold = [fill["quantity"] for run in runs for fill in run.json()["fills"]]
    assert sorted(sold) == (["7.0000"] if withdrawal.status_code == 201 else ["3.0000", "7.0000"])
    assert len((await regulator.get("/v1/trades")).json()["items"]) == 1


async def test_an_application_that_ends_while_its_need_is_approved_leaves_no_live_need(
    live_exchange: Exchange,
) -> None:
    application = await filed_application(live_exchange, BUYER, {QUANTITY: "9.0000"})
    officer, regulator = await live_exchange.county(BUYER), await live_exchange.regulator()
    body = {"application_id": application, "quantities": {"farmland_quantity": "3.0000"}}
    needs = [(await officer.post("/v1/needs", body)).json()["id"] for _ in range(2)]
    *approvals, declared, withdrawn = await asyncio.gather(
        *(regulator.post(f"/v1/needs/{need}/approval", {"key_level": None}) for need in needs),
        officer.post("/v1/needs", body),
        officer.post(f"/v1/land-applications/{application}/withdrawal"),
    )
    assert {answer.status_code for answer in approvals} <= {201, 409}
    assert declared.status_code in (201, 409)
    assert withdrawn.status_code == 201, withdrawn.text
    shown = (await officer.get("/v1/needs")).json()["items"]
    assert {need["state"] for need in shown} == {"LAPSED"}
