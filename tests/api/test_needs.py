"""Needs over HTTP (RULES 6): declared against a shortage, decided by the regulator."""

from typing import Any

import pytest

from app.market.indicators import Indicator
from tests.conftest import Exchange
from tests.owed import owing
from tests.story import approved_need, band, credited, filed_application, listed, sanctioned

BUYER, OTHER = "510107", "510104"
QUANTITY, PADDY, CAPACITY = (
    Indicator.FARMLAND_QUANTITY,
    Indicator.PADDY_AREA,
    Indicator.GRAIN_CAPACITY,
)


async def declare(
    exchange: Exchange, application: str, buyer: str = BUYER, **quantities: str
) -> tuple[int, dict[str, Any]]:
    """Declare a need; the status and the answer."""
    officer = await exchange.county(buyer)
    answer = await officer.post("/v1/needs", {"application_id": application, "quantities": quantities})
    return answer.status_code, answer.json()


async def test_a_need_covers_at_most_the_shortage_of_its_application(exchange: Exchange) -> None:
    application = await filed_application(exchange, BUYER, {QUANTITY: "35.0000"})
    status, refused = await declare(exchange, application, farmland_quantity="35.0001", paddy_area="1")
    assert (status, refused["code"]) == (422, "exceeds_shortage")
    assert refused["facts"]["shortage"] == {"farmland_quantity": "35.0000", "paddy_area": "0.0000"}
    status, need = await declare(exchange, application, farmland_quantity="35.0000")
    assert (status, need["state"]) == (201, "DECLARED")
    assert need["items"] == [
        {
            "indicator": "farmland_quantity",
            "unit": "hm²",
            "quantity": "35.0000",
            "quantity_mu": "525.0000",
            "reserved": "0.0000",
            "awarded": "0.0000",
            "settled": "0.0000",
            "open": "0.0000",
        }
    ]


async def test_the_own_reserve_comes_first(exchange: Exchange) -> None:
    await credited(exchange, BUYER, {QUANTITY: "10.0000"})
    await credited(exchange, BUYER, {QUANTITY: "2.5000"})
    application = await filed_application(exchange, BUYER, {QUANTITY: "35.0000"})
    status, refused = await declare(exchange, application, farmland_quantity="22.5001")
    assert (status, refused["facts"]["shortage"]) == (422, {"farmland_quantity": "22.5000"})
    assert (await declare(exchange, application, farmland_quantity="22.5"))[0] == 201


async def test_what_is_listed_and_not_sold_is_still_at_home(exchange: Exchange) -> None:
    # Listed too dear to be sold, and taken back once the need is approved: no way to buy beside one's own.
    await band(exchange, QUANTITY)
    listing = await listed(exchange, BUYER, QUANTITY, "8.0000", ask="450000.00")
    application = await filed_application(exchange, BUYER, {QUANTITY: "10.0000"})
    status, refused = await declare(exchange, application, farmland_quantity="2.0001")
    assert (status, refused["facts"]["shortage"]) == (422, {"farmland_quantity": "2.0000"})
    officer = await exchange.county(BUYER)
    assert (await officer.post(f"/v1/listings/{listing}/withdrawal")).status_code == 201
    status, refused = await declare(exchange, application, farmland_quantity="2.0001")
    assert (status, refused["facts"]["shortage"]) == (422, {"farmland_quantity": "2.0000"})
    assert (await declare(exchange, application, farmland_quantity="2"))[0] == 201


async def test_what_is_sold_is_no_longer_at_home_before_it_has_settled(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    await listed(exchange, BUYER, QUANTITY, "8.0000")
    await approved_need(exchange, OTHER, {QUANTITY: "3.0000"}, key_level="national")
    await (await exchange.regulator()).post("/v1/allocations")
    application = await filed_application(exchange, BUYER, {QUANTITY: "10.0000"})
    status, refused = await declare(exchange, application, farmland_quantity="5.0001")
    assert (status, refused["facts"]["shortage"]) == (422, {"farmland_quantity": "5.0000"})


async def test_other_live_needs_of_the_application_count_until_they_are_refused(exchange: Exchange) -> None:
    application = await filed_application(exchange, BUYER, {QUANTITY: "35.0000"})
    _, first = await declare(exchange, application, farmland_quantity="30")
    status, refused = await declare(exchange, application, farmland_quantity="6")
    assert (status, refused["facts"]["shortage"]) == (422, {"farmland_quantity": "5.0000"})
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/needs/{first['id']}/refusal", {"reason": "可在县内平衡"})
    assert (answer.status_code, answer.json()["state"]) == (201, "REFUSED")
    assert (await declare(exchange, application, farmland_quantity="35"))[0] == 201


async def test_one_hectare_at_home_is_not_counted_for_two_applications(exchange: Exchange) -> None:
    await credited(exchange, BUYER, {QUANTITY: "10.0000"})
    first = await filed_application(exchange, BUYER, {QUANTITY: "10.0000"})
    second = await filed_application(exchange, BUYER, {QUANTITY: "10.0000"})
    assert (await declare(exchange, first, farmland_quantity="1"))[0] == 422
    assert (await declare(exchange, second, farmland_quantity="10"))[0] == 201


@pytest.mark.parametrize(
    ("quantities", "code", "field"),
    [
        ({}, "malformed", "quantities"),
        ({"farmland_quantity": "0"}, "zero_quantity", "quantities.farmland_quantity"),
        ({"farmland_quantity": 5}, "malformed", "quantities.farmland_quantity"),
        ({"farmland_quantity": "1.00001"}, "bad_quantity", "quantities.farmland_quantity"),
        ({"grain_capacity": "1.001"}, "bad_quantity", "quantities.grain_capacity"),
        ({"farmland_quantity": "9" * 20}, "bad_quantity", "quantities.farmland_quantity"),
    ],
)
async def test_a_faulty_need_names_the_field(
    exchange: Exchange, quantities: dict[str, Any], code: str, field: str
) -> None:
    application = await filed_application(exchange, BUYER, {QUANTITY: "35.0000"})
    status, refused = await declare(exchange, application, **quantities)
    assert (status, refused["code"], refused["field"]) == (422, code, field)


async def test_a_need_rests_on_a_filed_application_of_ones_own(exchange: Exchange) -> None:
    theirs = await filed_application(exchange, OTHER, {QUANTITY: "35.0000"})
    for unknown in (theirs, "F0000009999", "L0000000001"):
        status, refused = await declare(exchange, unknown, farmland_quantity="1")
        assert (status, refused["code"], refused["field"]) == (404, "not_found", "application_id")
    mine = await filed_application(exchange, BUYER, {QUANTITY: "35.0000"})
    officer = await exchange.county(BUYER)
    await officer.post(f"/v1/land-applications/{mine}/withdrawal")
    status, refused = await declare(exchange, mine, farmland_quantity="1")
    assert (status, refused["code"]) == (409, "application_ended")


async def test_the_regulator_says_whether_a_need_is_for_a_key_project(exchange: Exchange) -> None:
    need = await approved_need(
        exchange, BUYER, {QUANTITY: "5.0000", CAPACITY: "900.00"}, key_level="national"
    )
    officer, regulator = await exchange.county(BUYER), await exchange.regulator()
    shown = (await officer.get(f"/v1/needs/{need}")).json()
    assert (shown["state"], shown["key_level"]) == ("APPROVED", "national")
    assert [(each["indicator"], each["open"]) for each in shown["items"]] == [
        ("farmland_quantity", "5.0000"),
        ("grain_capacity", "900.00"),
    ]
    again = await regulator.post(f"/v1/needs/{need}/approval", {"key_level": None})
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    refused = await regulator.post(f"/v1/needs/{need}/refusal", {"reason": "?"})
    assert refused.status_code == 409


async def test_a_buyer_can_not_approve_its_own_need(exchange: Exchange) -> None:
    application = await filed_application(exchange, BUYER, {QUANTITY: "5.0000"})
    _, need = await declare(exchange, application, farmland_quantity="5")
    officer = await exchange.county(BUYER)
    answer = await officer.post(f"/v1/needs/{need['id']}/approval", {"key_level": "national"})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_a_buyer_sees_its_own_needs_and_nobody_elses(exchange: Exchange) -> None:
    mine = await approved_need(exchange, BUYER, {QUANTITY: "5.0000"})
    theirs = await approved_need(exchange, OTHER, {QUANTITY: "5.0000"})
    officer, regulator = await exchange.county(BUYER), await exchange.regulator()
    assert [each["id"] for each in (await officer.get("/v1/needs")).json()["items"]] == [mine]
    assert (await officer.get(f"/v1/needs/{theirs}")).status_code == 404
    seen = (await regulator.get("/v1/needs", params={"state": "APPROVED"})).json()["items"]
    assert [each["id"] for each in seen] == [mine, theirs]
    application = seen[1]["application_id"]
    seen = (await regulator.get("/v1/needs", params={"application_id": application})).json()["items"]
    assert [each["id"] for each in seen] == [theirs]


async def test_a_suspended_buyer_declares_what_it_owes_and_nothing_for_an_application(
    exchange: Exchange,
) -> None:
    application = await filed_application(exchange, BUYER, {QUANTITY: "5.0000"})
    obligation = await owing(exchange, BUYER, {QUANTITY: 30_000})
    await sanctioned(exchange, BUYER)
    status, refused = await declare(exchange, application, farmland_quantity="5")
    assert (status, refused["code"], refused["field"]) == (422, "suspended", "application_id")
    officer = await exchange.county(BUYER)
    body = {"obligation_id": obligation, "quantities": {"farmland_quantity": "3.0001"}}
    over = (await officer.post("/v1/needs", body)).json()
    assert (over["code"], over["facts"]["shortage"]) == ("exceeds_shortage", {"farmland_quantity": "3.0000"})
    body["quantities"] = {"farmland_quantity": "3"}
    declared = await officer.post("/v1/needs", body)
    assert declared.status_code == 201, declared.text
    assert (declared.json()["obligation_id"], declared.json()["application_id"]) == (obligation, None)
    found = await officer.get("/v1/needs", params={"obligation_id": obligation})
    assert [each["id"] for each in found.json()["items"]] == [declared.json()["id"]]


async def test_a_need_names_an_application_or_an_obligation_and_not_both(exchange: Exchange) -> None:
    application = await filed_application(exchange, BUYER, {QUANTITY: "5.0000"})
    obligation = await owing(exchange, BUYER, {QUANTITY: 30_000})
    officer = await exchange.county(BUYER)
    for named in ({}, {"application_id": application, "obligation_id": obligation}):
        answer = await officer.post("/v1/needs", {**named, "quantities": {"farmland_quantity": "1"}})
        assert (answer.status_code, answer.json()["code"]) == (422, "one_backing")


async def test_what_is_owed_comes_first_from_what_is_at_home(exchange: Exchange) -> None:
    """3 hm² at home cover the debt of 2 hm² first: the application of 5 hm² is 4 hm² short, the debt 0."""
    application = await filed_application(exchange, BUYER, {QUANTITY: "5.0000"})
    await credited(exchange, BUYER, {QUANTITY: "3.0000"})
    obligation = await owing(exchange, BUYER, {QUANTITY: 20_000})
    officer = await exchange.county(BUYER)
    body = {"obligation_id": obligation, "quantities": {"farmland_quantity": "0.0001"}}
    assert (await officer.post("/v1/needs", body)).json()["code"] == "exceeds_shortage"
    assert (await declare(exchange, application, farmland_quantity="4.0001"))[0] == 422
    assert (await declare(exchange, application, farmland_quantity="4"))[0] == 201


async def test_an_obligation_of_another_or_one_that_ended_backs_no_need(exchange: Exchange) -> None:
    theirs = await owing(exchange, OTHER, {QUANTITY: 1})
    mine = await owing(exchange, BUYER, {QUANTITY: 10_000})
    await credited(exchange, BUYER, {QUANTITY: "1.0000"})
    officer = await exchange.county(BUYER)
    assert (await officer.post(f"/v1/obligations/{mine}/discharge")).status_code == 201
    for obligation, expected in ((theirs, (404, "not_found")), (mine, (409, "obligation_ended"))):
        body = {"obligation_id": obligation, "quantities": {"farmland_quantity": "0.0001"}}
        answer = await officer.post("/v1/needs", body)
        assert (answer.status_code, answer.json()["code"]) == expected
