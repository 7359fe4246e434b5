"""Races on real connections: an application is written off once, a reserve never twice."""

import asyncio
from collections import Counter
from typing import Any

from app.market.indicators import Indicator
from tests.awarded import books
from tests.conftest import Exchange
from tests.story import band, credited, filed_application, policy, verified

COUNTY = "510107"
QUANTITY = Indicator.FARMLAND_QUANTITY


async def a_reserve(exchange: Exchange, *batches: str) -> list[str]:
    """Credit batches of quantity, under a yield table that yields nothing; their ids."""
    await policy(exchange, "yield_table", {str(grade): "0" for grade in range(1, 16)})
    return [(await credited(exchange, COUNTY, {QUANTITY: each}))[QUANTITY] for each in batches]


async def balances(exchange: Exchange) -> dict[str, int]:
    """The county's quantity by bucket, in m²."""
    return {
        bucket: amount
        for (who, asset, bucket), amount in (await books(exchange)).items()
        if (who, asset) == (COUNTY, QUANTITY)
    }


async def states(exchange: Exchange) -> Counter[str]:
    """How many applications stand where."""
    shown = (await (await exchange.county(COUNTY)).get("/v1/land-applications")).json()["items"]
    return Counter(each["state"] for each in shown)


def address(application: str, act: str) -> str:
    return f"/v1/land-applications/{application}/{act}"


async def test_ten_write_offs_of_one_application_at_once_take_once(live_exchange: Exchange) -> None:
    await a_reserve(live_exchange, "3.0000", "30.0000")
    application = await filed_application(live_exchange, COUNTY, {QUANTITY: "5.0000"})
    officer = await live_exchange.county(COUNTY)
    answers = await asyncio.gather(*(officer.post(address(application, "write-off")) for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"wrong_state"}
    assert (await balances(live_exchange))["consumed"] == 50_000
    await verified(live_exchange)


async def test_of_ten_applications_of_a_reserve_for_three_at_once_three_pass(live_exchange: Exchange) -> None:
    await a_reserve(live_exchange, "4.0000", "4.0000", "3.0000")
    applications = [await filed_application(live_exchange, COUNTY, {QUANTITY: "3.5000"}) for _ in range(10)]
    officer = await live_exchange.county(COUNTY)
    answers = await asyncio.gather(*(officer.post(address(each, "write-off")) for each in applications))
    assert Counter(answer.status_code for answer in answers) == {201: 3, 409: 7}
    for each in answers:  # 0.5 hm² is left
        assert each.status_code == 201 or each.json()["facts"]["shortage"] == {"farmland_quantity": "3.0000"}
    assert await states(live_exchange) == {"WRITTEN_OFF": 3, "FILED": 7}
    held = await balances(live_exchange)
    assert (held["available"], held["consumed"]) == (5_000, 105_000)
    await verified(live_exchange)


async def test_a_write_off_and_listings_of_the_same_batches_take_no_hectare_twice(
    live_exchange: Exchange,
) -> None:
    await band(live_exchange, QUANTITY)
    batches = await a_reserve(live_exchange, "4.0000", "4.0000")
    applications = [await filed_application(live_exchange, COUNTY, {QUANTITY: "2.0000"}) for _ in range(4)]
    officer = await live_exchange.county(COUNTY)

    async def write_off(application: str) -> tuple[str, int, Any]:
        answer = await officer.post(address(application, "write-off"))
        return "written off", answer.status_code, answer.json().get("code")

    async def offer(batch: str) -> tuple[str, int, Any]:
        answer = await officer.post("/v1/listings", {"batch_id": batch, "quantity": "2.0000"})
        return "listed", answer.status_code, answer.json().get("code")

    done = await asyncio.gather(
        *(
            act
            for pair in zip(map(write_off, applications), map(offer, batches * 2), strict=True)
            for act in pair
        )
    )
    assert {code for _, status, code in done if status != 201} <= {"insufficient"}
    won = Counter(what for what, status, _ in done if status == 201)
    held = await balances(live_exchange)
    assert held.get("consumed", 0) == won["written off"] * 20_000
    assert held.get("locked", 0) == won["listed"] * 20_000
    assert won["written off"] + won["listed"] == 4  # all 8 hm² went to somebody
    await verified(live_exchange)


async def test_a_write_off_against_a_refusal_leaves_nothing_written_off(live_exchange: Exchange) -> None:
    await a_reserve(live_exchange, "40.0000")
    officer, regulator = await live_exchange.county(COUNTY), await live_exchange.regulator()
    for _ in range(5):
        application = await filed_application(live_exchange, COUNTY, {QUANTITY: "3.0000"})
        written, refused = await asyncio.gather(
            officer.post(address(application, "write-off")),
            regulator.post(address(application, "decision"), {"decision": "refuse", "reason": "选址不符"}),
        )
        assert written.status_code in (201, 409)
        assert refused.status_code == 201, refused.text
    assert await states(live_exchange) == {"REFUSED": 5}
    assert (await balances(live_exchange)).get("consumed", 0) == 0
    await verified(live_exchange)


async def test_an_approval_against_a_withdrawal_ends_in_one_of_them(live_exchange: Exchange) -> None:
    await a_reserve(live_exchange, "40.0000")
    officer, regulator = await live_exchange.county(COUNTY), await live_exchange.regulator()
    for _ in range(5):
        application = await filed_application(live_exchange, COUNTY, {QUANTITY: "3.0000"})
        assert (await officer.post(address(application, "write-off"))).status_code == 201
        answers = await asyncio.gather(
            regulator.post(address(application, "decision"), {"decision": "approve"}),
            officer.post(address(application, "withdrawal")),
        )
        assert sorted(answer.status_code for answer in answers) == [201, 409]
    ended = await states(live_exchange)
    assert set(ended) <= {"APPROVED", "WITHDRAWN"} and sum(ended.values()) == 5
    assert (await balances(live_exchange)).get("consumed", 0) == 30_000 * ended["APPROVED"]
    await verified(live_exchange)


async def test_write_offs_reversals_and_needs_of_one_reserve_at_once_wait_for_nobody_for_ever(
    live_exchange: Exchange,
) -> None:
    await a_reserve(live_exchange, *["2.0000"] * 6)
    officer = await live_exchange.county(COUNTY)
    applications = [await filed_application(live_exchange, COUNTY, {QUANTITY: "3.0000"}) for _ in range(8)]
    for each in applications[:4]:
        assert (await officer.post(address(each, "write-off"))).status_code == 201
    need = {"quantities": {"farmland_quantity": "1.0000"}}
    answers = await asyncio.gather(
        *(officer.post(address(each, "withdrawal")) for each in applications[:4]),
        *(officer.post(address(each, "write-off")) for each in applications[4:]),
        *(officer.post("/v1/needs", {"application_id": each, **need}) for each in applications[4:]),
    )
    assert {answer.status_code for answer in answers} <= {201, 409, 422}
    assert all(answer.status_code == 201 for answer in answers[:4])
    await verified(live_exchange)
