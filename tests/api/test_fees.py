"""Reclamation-fee standards over HTTP ([N] 六): set from a time on, charged by the nearest at the filing."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.market.access import Role
from app.store.database import Connection
from tests.conftest import Exchange

PROVINCE, CITY, COUNTY = "510000", "510100", "510107"
EVERY_GRADE: list[dict[str, Any]] = [
    {"use": "dry_land", "yuan_per_hm2": "300000.00"},
    {"use": "irrigated", "yuan_per_hm2": "330000.00"},
    {"use": "paddy", "best_grade": 1, "worst_grade": 8, "yuan_per_hm2": "450000.00"},
    {"use": "paddy", "best_grade": 9, "worst_grade": 15, "yuan_per_hm2": "400000.00"},
]
PARCELS: list[dict[str, Any]] = [
    {"parcel_no": "1", "area": "6.0000", "use": "paddy", "grade": 8},
    {"parcel_no": "2", "area": "4.0000", "use": "dry_land", "grade": 8},
    {"parcel_no": "3", "area": "9.0000", "use": "construction"},
]


async def body(exchange: Exchange, jurisdiction: str, rates: list[dict[str, Any]]) -> dict[str, Any]:
    """A standard that starts in a second."""
    starts_at = (await exchange.now() + timedelta(seconds=1)).isoformat()
    return {"jurisdiction": jurisdiction, "title": "耕地开垦费标准", "starts_at": starts_at, "rates": rates}


async def standard(exchange: Exchange, jurisdiction: str, rates: list[dict[str, Any]]) -> str:
    """Have a standard set and wait the second until it is in force; its id."""
    regulator = await exchange.client(PROVINCE, Role.PRICE_REGULATOR)
    answer = await regulator.post("/v1/fee-standards", await body(exchange, jurisdiction, rates))
    assert answer.status_code == 201, answer.text
    await exchange.advance(seconds=1)
    return str(answer.json()["id"])


async def filed(exchange: Exchange, parcels: list[dict[str, Any]] = PARCELS) -> dict[str, Any]:
    """File an application of the county; the answer."""
    officer = await exchange.county(COUNTY)
    given = {"kind": "town_batch", "title": "2026 年第 3 批次", "parcels": parcels}
    answer = await officer.post("/v1/land-applications", given)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def shown(exchange: Exchange, application: str) -> dict[str, Any]:
    """The fee of an application with its lines."""
    officer = await exchange.county(COUNTY)
    return dict((await officer.get(f"/v1/land-applications/{application}")).json()["fee"])


async def test_the_fee_of_an_application_is_reckoned_parcel_by_parcel(exchange: Exchange) -> None:
    id_ = await standard(exchange, PROVINCE, EVERY_GRADE)
    application = await filed(exchange)
    assert application["fee"] == {
        "amount": "3900000.00",
        "amount_wan_yuan": "390.000000",
        "missing": [],
    }
    fee = await shown(exchange, application["id"])
    assert {name: fee[name] for name in application["fee"]} == application["fee"]
    assert fee["lines"] == [
        {
            "parcel_no": "1",
            "area": "6.0000",
            "area_mu": "90.0000",
            "use": "paddy",
            "grade": 8,
            "yuan_per_hm2": "450000.00",
            "amount": "2700000.00",
            "standard_id": id_,
            "set_for": PROVINCE,
        },
        {
            "parcel_no": "2",
            "area": "4.0000",
            "area_mu": "60.0000",
            "use": "dry_land",
            "grade": 8,
            "yuan_per_hm2": "300000.00",
            "amount": "1200000.00",
            "standard_id": id_,
            "set_for": PROVINCE,
        },
    ]


async def test_each_line_is_rounded_half_up_to_the_fen_once(exchange: Exchange) -> None:
    await standard(exchange, PROVINCE, [{"use": "paddy", "yuan_per_hm2": "50.00"}])
    parcels = [
        {"parcel_no": str(number), "area": "0.0001", "use": "paddy", "grade": 1} for number in range(3)
    ]
    application = await filed(exchange, parcels)
    assert application["fee"]["amount"] == "0.03"  # of 0.005 yuan each
    assert {line["amount"] for line in (await shown(exchange, application["id"]))["lines"]} == {"0.01"}


async def test_the_nearest_jurisdiction_with_a_rate_sets_it(exchange: Exchange) -> None:
    await standard(exchange, PROVINCE, EVERY_GRADE)
    city = await standard(exchange, CITY, [{"use": "paddy", "yuan_per_hm2": "500000.00"}])
    await standard(exchange, "510300", [{"use": "paddy", "yuan_per_hm2": "1.00"}])  # another city's
    lines = (await shown(exchange, (await filed(exchange))["id"]))["lines"]
    assert [(line["set_for"], line["yuan_per_hm2"]) for line in lines] == [
        (CITY, "500000.00"),
        (PROVINCE, "300000.00"),
    ]
    assert lines[0]["standard_id"] == city
    await standard(exchange, COUNTY, [{"use": "dry_land", "worst_grade": 8, "yuan_per_hm2": "310000.00"}])
    lines = (await shown(exchange, (await filed(exchange))["id"]))["lines"]
    assert [line["set_for"] for line in lines] == [CITY, COUNTY]
    # An empty standard ends the city's own.
    await standard(exchange, CITY, [])
    lines = (await shown(exchange, (await filed(exchange))["id"]))["lines"]
    assert [line["set_for"] for line in lines] == [PROVINCE, COUNTY]


async def test_a_later_standard_does_not_change_the_fee_of_what_was_filed(exchange: Exchange) -> None:
    await standard(exchange, PROVINCE, EVERY_GRADE)
    application = await filed(exchange)
    before = await shown(exchange, application["id"])
    await standard(exchange, PROVINCE, [{"use": "paddy", "yuan_per_hm2": "900000.00"}])
    assert await shown(exchange, application["id"]) == before
    later = (await filed(exchange))["fee"]
    assert (later["amount"], later["missing"]) == (None, [{"use": "dry_land", "grade": 8}])


async def test_a_standard_is_not_in_force_before_its_instant(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    given = await body(exchange, PROVINCE, EVERY_GRADE)
    given["starts_at"] = (await exchange.now() + timedelta(days=1)).isoformat()
    assert (await regulator.post("/v1/fee-standards", given)).status_code == 201
    assert (await filed(exchange))["fee"]["amount"] is None
    await exchange.advance(days=1)
    assert (await filed(exchange))["fee"]["amount"] == "3900000.00"


async def test_without_a_standard_the_fee_is_null_and_says_for_what_and_the_filing_stands(
    exchange: Exchange,
) -> None:
    application = await filed(exchange)
    missing = [{"use": "dry_land", "grade": 8}, {"use": "paddy", "grade": 8}]
    assert (application["state"], application["fee"]) == (
        "FILED",
        {"amount": None, "amount_wan_yuan": None, "missing": missing},
    )
    lines = (await shown(exchange, application["id"]))["lines"]
    assert [(line["amount"], line["standard_id"]) for line in lines] == [(None, None)] * 2


async def test_a_linkage_application_has_no_fee(exchange: Exchange) -> None:
    officer = await exchange.county(COUNTY)
    given = {"kind": "linkage", "title": "建新区", "new_construction_area": "3"}
    answer = await officer.post("/v1/land-applications", given)
    assert (answer.status_code, answer.json()["fee"]) == (201, None)
    shown = (await officer.get(f"/v1/land-applications/{answer.json()['id']}")).json()
    assert shown["fee"] is None


async def test_standards_are_listed_as_entered_and_as_they_stand_at_an_instant(exchange: Exchange) -> None:
    first = await standard(exchange, PROVINCE, EVERY_GRADE)
    between = (await exchange.now()).isoformat()
    second = await standard(exchange, PROVINCE, EVERY_GRADE[:1])
    own = await standard(exchange, CITY, EVERY_GRADE[2:3])
    officer = await exchange.county(COUNTY)

    async def ids(**params: str) -> list[str]:
        answer = await officer.get("/v1/fee-standards", params=params)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["items"]]

    assert await ids() == [first, second, own]
    assert await ids(at=between) == [first]
    assert await ids(at=(await exchange.now()).isoformat()) == [second, own]
    assert await ids(jurisdiction=CITY) == [own]
    page = (await officer.get("/v1/fee-standards", params={"limit": 2})).json()
    assert await ids(limit="2", cursor=page["next_cursor"]) == [own]
    listed = page["items"]
    assert (listed[0]["ends_at"], listed[1]["ends_at"]) == (listed[1]["starts_at"], None)
    assert listed[0]["rates"][3] == {
        "use": "paddy",
        "best_grade": 9,
        "worst_grade": 15,
        "yuan_per_hm2": "400000.00",
        "wan_yuan_per_hm2": "40.000000",
    }
    events = (await exchange.public().get("/v1/journal", params={"limit": 200})).json()["items"]
    assert [each["subject"] for each in events if each["kind"] == "fee_standard.set"] == [first, second, own]


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"jurisdiction": "999999"}, 404, "not_found", "jurisdiction"),
        ({"starts_at": "2020-01-01T00:00:00Z"}, 422, "starts_in_the_past", "starts_at"),
        ({"rates": [{"use": "orchard", "yuan_per_hm2": "1.00"}]}, 422, "no_farmland", "rates.0.use"),
        ({"rates": [EVERY_GRADE[0], EVERY_GRADE[0]]}, 422, "rates_overlap", "rates.1"),
        ({"rates": [{"use": "paddy", "yuan_per_hm2": "0.00"}]}, 422, "no_rate", "rates.0.yuan_per_hm2"),
        ({"rates": [{"use": "paddy", "yuan_per_hm2": 5}]}, 422, "malformed", "rates.0.yuan_per_hm2"),
        (
            {"rates": [{"use": "paddy", "yuan_per_hm2": "9" * 30}]},
            422,
            "bad_quantity",
            "rates.0.yuan_per_hm2",
        ),
        (
            {"rates": [{"use": "paddy", "worst_grade": 16, "yuan_per_hm2": "1.00"}]},
            422,
            "malformed",
            "rates.0.worst_grade",
        ),
        (
            {"rates": [{"use": "paddy", "best_grade": 9, "worst_grade": 8, "yuan_per_hm2": "1.00"}]},
            422,
            "grades_reversed",
            "rates.0.best_grade",
        ),
    ],
)
async def test_a_faulty_standard_names_the_field(
    exchange: Exchange, changes: dict[str, Any], status: int, code: str, field: str
) -> None:
    regulator = await exchange.regulator()
    answer = await regulator.post("/v1/fee-standards", await body(exchange, PROVINCE, EVERY_GRADE) | changes)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field)
    assert (await regulator.get("/v1/fee-standards")).json()["items"] == []


async def test_two_standards_of_one_jurisdiction_do_not_start_at_once(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    given = await body(exchange, PROVINCE, EVERY_GRADE) | {"starts_at": "2100-01-01T00:00:00Z"}
    assert (await regulator.post("/v1/fee-standards", given)).status_code == 201
    again = await regulator.post("/v1/fee-standards", given)
    assert (again.status_code, again.json()["code"]) == (409, "fee_standard_exists")
    assert (await regulator.post("/v1/fee-standards", given | {"jurisdiction": CITY})).status_code == 201


async def test_the_province_sets_no_fees_for_others(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    outside = {
        "code": "500000",
        "name": "重庆市",
        "level": "external",
        "parent": None,
        "valid_from": "2017-01-01",
    }
    assert (await regulator.post("/v1/jurisdictions", outside)).status_code == 201
    answer = await regulator.post("/v1/fee-standards", await body(exchange, "500000", EVERY_GRADE))
    assert (answer.status_code, answer.json()["code"]) == (422, "outside_the_province")


@pytest.mark.parametrize("role", [Role.COUNTY_OFFICER, Role.CITY_OFFICER, Role.TREASURER, Role.AUDITOR])
async def test_only_the_regulators_of_land_and_prices_set_standards(exchange: Exchange, role: Role) -> None:
    officer = await exchange.client(CITY, role)
    answer = await officer.post("/v1/fee-standards", await body(exchange, CITY, EVERY_GRADE))
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    land = await exchange.client(PROVINCE, Role.LAND_REGULATOR)
    answer = await land.post("/v1/fee-standards", await body(exchange, CITY, EVERY_GRADE))
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("table", ["fee_standard", "fee_rate"])
@pytest.mark.parametrize("owner", [False, True])
async def test_what_was_set_can_not_be_changed(exchange: Exchange, table: str, owner: bool) -> None:
    await standard(exchange, PROVINCE, EVERY_GRADE)

    async def work(connection: Connection) -> None:
        if owner:
            await connection.execute(text("SET LOCAL ROLE NONE"))
        await connection.execute(text(f"DELETE FROM {table}"))

    with pytest.raises(DBAPIError, match="append-only" if owner else "permission denied"):
        await exchange.database.transact(work)
