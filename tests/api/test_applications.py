"""Land applications over HTTP (RULES 5, 12): filed with their requirement, refused, withdrawn."""

from typing import Any

import pytest

from app.market.ids import Kind, row_number
from app.market.indicators import Indicator
from app.store import needs
from tests.conftest import Exchange
from tests.story import approved_need, filed_application, policy, sanctioned

APPLICANT, OTHER = "510107", "510104"
QUANTITY = Indicator.FARMLAND_QUANTITY
PARCELS: list[dict[str, Any]] = [
    {"parcel_no": "甲-1", "area": "12.5", "use": "paddy", "grade": 7},
    {"parcel_no": "甲-2", "area": "3.0000", "use": "dry_land", "grade": 10},
    {"parcel_no": "甲-3", "area": "80.0000", "use": "construction"},
]
BODY: dict[str, Any] = {"kind": "town_batch", "title": "2026 年第 3 批次", "parcels": PARCELS}


async def test_the_requirement_is_reckoned_from_the_farmland_among_the_parcels(exchange: Exchange) -> None:
    officer = await exchange.county(APPLICANT)
    answer = await officer.post("/v1/land-applications", BODY)
    assert answer.status_code == 201, answer.text
    filed = answer.json()
    assert (filed["state"], filed["applicant"]) == ("FILED", APPLICANT)
    assert filed["requirement"] == [
        {"indicator": "farmland_quantity", "unit": "hm²", "quantity": "15.5000", "quantity_mu": "232.5000"},
        {"indicator": "paddy_area", "unit": "hm²", "quantity": "12.5000", "quantity_mu": "187.5000"},
        {"indicator": "grain_capacity", "unit": "kg", "quantity": "195750.00", "quantity_mu": None},
    ]
    shown = (await officer.get(f"/v1/land-applications/{filed['id']}")).json()
    assert [(each["parcel_no"], each["area"], each["grade"]) for each in shown["parcels"]] == [
        ("甲-1", "12.5000", 7),
        ("甲-2", "3.0000", 10),
        ("甲-3", "80.0000", None),
    ]


async def test_a_linkage_application_requires_quota_for_its_new_construction(exchange: Exchange) -> None:
    officer = await exchange.county("510191")
    body = {"kind": "linkage", "title": "成都高新区建新区", "new_construction_area": "300"}
    answer = await officer.post("/v1/land-applications", body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["requirement"] == [
        {"indicator": "linkage_quota", "unit": "hm²", "quantity": "300.0000", "quantity_mu": "4500.0000"}
    ]


async def test_capacity_follows_the_yield_policy_of_the_filing(exchange: Exchange) -> None:
    officer = await exchange.county(APPLICANT)
    before = (await officer.post("/v1/land-applications", BODY)).json()
    await policy(exchange, "yield_table", {str(grade): "1000" for grade in range(1, 16)})
    after = (await officer.post("/v1/land-applications", BODY)).json()
    assert after["requirement"][2]["quantity"] == "15500.00"
    shown = (await officer.get(f"/v1/land-applications/{before['id']}")).json()
    assert shown["requirement"] == before["requirement"]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"parcels": []}, "no_parcels", "parcels"),
        ({"parcels": [PARCELS[0], PARCELS[0]]}, "parcel_repeated", "parcels.1.parcel_no"),
        ({"parcels": [{**PARCELS[1], "grade": None}]}, "no_grade", "parcels.0.grade"),
        ({"parcels": [{**PARCELS[1], "area": "0.0000"}]}, "no_area", "parcels.0.area"),
        ({"parcels": [{**PARCELS[1], "area": 3}]}, "malformed", "parcels.0.area"),
        ({"parcels": [{**PARCELS[1], "area": "3.00001"}]}, "malformed", "parcels.0.area"),
        ({"parcels": [{**PARCELS[1], "area": "9" * 30}]}, "bad_quantity", "parcels.0.area"),
        ({"parcels": [{**PARCELS[1], "grade": 16}]}, "malformed", "parcels.0.grade"),
        ({"parcels": [{**PARCELS[1], "use": "meadow"}]}, "malformed", "parcels.0.use"),
        ({"new_construction_area": "1.0000"}, "new_construction_area_not_asked", "new_construction_area"),
        ({"kind": "linkage"}, "parcels_not_asked", "parcels"),
        ({"kind": "linkage", "parcels": []}, "no_new_construction_area", "new_construction_area"),
        ({"surprise": 1}, "malformed", "surprise"),
    ],
)
async def test_a_faulty_application_names_the_field(
    exchange: Exchange, changes: dict[str, Any], code: str, field: str
) -> None:
    officer = await exchange.county(APPLICANT)
    answer = await officer.post("/v1/land-applications", BODY | changes)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["field"] == field
    assert (await officer.get("/v1/land-applications")).json()["items"] == []


async def test_a_suspended_jurisdiction_can_not_file(exchange: Exchange) -> None:
    await sanctioned(exchange, APPLICANT)
    answer = await (await exchange.county(APPLICANT)).post("/v1/land-applications", BODY)
    assert (answer.status_code, answer.json()["code"]) == (422, "suspended")


async def test_a_jurisdiction_sees_its_own_and_the_regulator_all(exchange: Exchange) -> None:
    mine = await filed_application(exchange, APPLICANT, {QUANTITY: "1.0000"})
    theirs = await filed_application(exchange, OTHER, {QUANTITY: "1.0000"})
    officer, regulator = await exchange.county(APPLICANT), await exchange.regulator()
    assert [each["id"] for each in (await officer.get("/v1/land-applications")).json()["items"]] == [mine]
    assert (await officer.get(f"/v1/land-applications/{theirs}")).status_code == 404
    assert (await officer.post(f"/v1/land-applications/{theirs}/withdrawal")).status_code == 404
    page = (await regulator.get("/v1/land-applications", params={"limit": 1})).json()
    assert [each["id"] for each in page["items"]] == [mine]
    params = {"limit": 1, "cursor": page["next_cursor"]}
    rest = (await regulator.get("/v1/land-applications", params=params)).json()
    assert ([each["id"] for each in rest["items"]], rest["next_cursor"]) == ([theirs], None)


async def test_a_refused_application_takes_its_live_needs_with_it(exchange: Exchange) -> None:
    need = await approved_need(exchange, APPLICANT, {QUANTITY: "5.0000"}, key_level="national")
    regulator, officer = await exchange.regulator(), await exchange.county(APPLICANT)
    application = (await officer.get(f"/v1/needs/{need}")).json()["application_id"]
    address = f"/v1/land-applications/{application}/decision"
    answer = await regulator.post(address, {"decision": "refuse", "reason": "选址不符"})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["state"], answer.json()["decision_reason"]) == ("REFUSED", "选址不符")
    lapsed = (await officer.get(f"/v1/needs/{need}")).json()
    assert (lapsed["state"], lapsed["items"][0]["open"]) == ("LAPSED", "0.0000")
    again = await regulator.post(address, {"decision": "refuse", "reason": "选址不符"})
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    refused = (await regulator.get("/v1/land-applications", params={"state": "REFUSED"})).json()["items"]
    assert [each["id"] for each in refused] == [application]
    assert (await regulator.post("/v1/allocations")).json()["fills"] == []


async def test_only_the_regulator_decides(exchange: Exchange) -> None:
    application = await filed_application(exchange, APPLICANT, {QUANTITY: "1.0000"})
    officer = await exchange.county(APPLICANT)
    answer = await officer.post(
        f"/v1/land-applications/{application}/decision", {"decision": "refuse", "reason": "?"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_an_application_stays_while_a_registration_reserves_its_need(exchange: Exchange) -> None:
    need = await approved_need(exchange, APPLICANT, {QUANTITY: "5.0000"})
    key = (row_number(Kind.NEED, need), QUANTITY)
    await exchange.database.transact(lambda connection: needs.add_reserved(connection, {key: 20_000}))
    officer = await exchange.county(APPLICANT)
    application = (await officer.get(f"/v1/needs/{need}")).json()["application_id"]
    answer = await officer.post(f"/v1/land-applications/{application}/withdrawal")
    assert (answer.status_code, answer.json()["code"]) == (409, "need_reserved")
    assert answer.json()["facts"]["needs"] == [need]
    assert (await officer.get(f"/v1/needs/{need}")).json()["state"] == "APPROVED"
    await exchange.database.transact(lambda connection: needs.add_reserved(connection, {key: -20_000}))
    answer = await officer.post(f"/v1/land-applications/{application}/withdrawal", {"reason": "项目取消"})
    assert (answer.status_code, answer.json()["state"]) == (201, "WITHDRAWN")
    assert (await officer.get(f"/v1/needs/{need}")).json()["state"] == "LAPSED"
