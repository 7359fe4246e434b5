"""Write-off of land applications over HTTP (RULES 5): whole or not at all, approved or reversed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.market.ids import Kind, row_number
from app.market.indicators import Indicator
from app.market.policies import DEFAULTS
from app.services.days import day_of
from app.store import needs
from tests.awarded import books
from tests.conftest import Exchange
from tests.story import (
    announced,
    approved_need,
    band,
    bid,
    credited,
    listed,
    opened,
    policy,
    project_body,
    registered,
    settled,
    verified,
)

COUNTY, SELLER, OTHER_SELLER = "510107", "511922", "510722"
CITY, OTHER_CITY = "510100", "510300"
QUANTITY, PADDY, CAPACITY, QUOTA = Indicator
PRICES = {PADDY: ("200000.00", "400000.00"), CAPACITY: ("10.00", "30.00")}
TEN_HM2_OF_GRADE_8 = [
    {"parcel_no": "1", "area": "6.0000", "use": "paddy", "grade": 8},
    {"parcel_no": "2", "area": "4.0000", "use": "dry_land", "grade": 8},
]


async def filed(exchange: Exchange, applicant: str = COUNTY, **given: Any) -> str:
    """File a town batch of 10 hm² of grade 8, or with what is given in its place; its id."""
    answer = await file(exchange, applicant, **given)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def file(exchange: Exchange, applicant: str = COUNTY, **given: Any) -> httpx.Response:
    """Try to file."""
    body = {"kind": "town_batch", "title": "2026 年第 3 批次", "parcels": TEN_HM2_OF_GRADE_8, **given}
    return await (await exchange.county(applicant)).post("/v1/land-applications", body)


async def write_off(exchange: Exchange, application: str, applicant: str = COUNTY) -> httpx.Response:
    """Ask for the write-off as the applicant."""
    officer = await exchange.county(applicant)
    return await officer.post(f"/v1/land-applications/{application}/write-off")


async def written_off(exchange: Exchange, application: str, applicant: str = COUNTY) -> dict[str, Any]:
    """Write off; the answer."""
    answer = await write_off(exchange, application, applicant)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def refused(exchange: Exchange, application: str, applicant: str = COUNTY) -> dict[str, Any]:
    """Try to write off; the problem, after which nothing has changed."""
    before = await books(exchange)
    answer = await write_off(exchange, application, applicant)
    assert answer.status_code >= 400, answer.text
    assert await books(exchange) == before
    shown = await (await exchange.regulator()).get(f"/v1/land-applications/{application}")
    assert (shown.json()["state"], shown.json()["write_off"]) == ("FILED", None)
    return dict(answer.json())


async def decided(exchange: Exchange, application: str, **body: str) -> httpx.Response:
    """Have the regulator decide."""
    regulator = await exchange.regulator()
    return await regulator.post(f"/v1/land-applications/{application}/decision", body)


async def left(exchange: Exchange, reserve: str = COUNTY) -> tuple[str, str, str]:
    """Quantity, paddy and capacity that a reserve has available."""
    shown = (await (await exchange.regulator()).get(f"/v1/reserves/{reserve}")).json()["balances"]
    return shown[0]["available"], shown[1]["available"], shown[2]["available"]


async def needed(exchange: Exchange, application: str, wanted: Mapping[Indicator, str], buyer: str) -> str:
    """Declare a need of an application and have it approved; the need's id."""
    officer, regulator = await exchange.county(buyer), await exchange.regulator()
    quantities = {indicator.value: quantity for indicator, quantity in wanted.items()}
    declared = await officer.post("/v1/needs", {"application_id": application, "quantities": quantities})
    assert declared.status_code == 201, declared.text
    need = str(declared.json()["id"])
    approved = await regulator.post(f"/v1/needs/{need}/approval", {"key_level": None})
    assert approved.status_code == 201, approved.text
    return need


async def bought(exchange: Exchange, need: str, buyer: str, indicator: Indicator, quantity: str) -> None:
    """Buy for a need in an auction of its own: listed, won, paid and settled."""
    await band(exchange, indicator, *PRICES.get(indicator, ("300000.00", "450000.00")))
    await listed(exchange, SELLER, indicator, quantity)
    auction = await announced(exchange, indicator)
    await registered(exchange, auction, buyer, quantity, need=need)
    await bid(exchange, auction, buyer, auction["floor"], quantity)
    await opened(exchange, auction)
    regulator = await exchange.regulator()
    (trade,) = (await regulator.get("/v1/trades", params={"auction_id": auction["id"]})).json()["items"]
    await settled(exchange, trade["id"])


async def a_worked_reserve(exchange: Exchange) -> None:
    """Credit (12.0000, 5.0000, 100,000 kg), which is no multiple of the default table's 0.15 kg to the m²."""
    await credited(exchange, COUNTY, {QUANTITY: "12.0000", PADDY: "5.0000"})
    yields = {**DEFAULTS["yield_table"], "9": "10000.00"}  # 1,000 kg more than grade 10
    await policy(exchange, "yield_table", yields)
    await exchange.advance(days=1)
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    better = {"area": "100.0000", "use_before": "dry_land", "use_after": "dry_land"}
    parcel = {"id": "510107-better", **better, "grade_before": 10, "grade_after": 9}
    body = project_body(COUNTY, kind="quality_upgrade", parcels=[parcel])
    project = (await officer.post("/v1/projects", body)).json()["id"]
    accepted = await regulator.post(
        f"/v1/projects/{project}/acceptance",
        {"accepted_on": day_of(await exchange.now()).isoformat(), "accepting_body": "省自然资源厅"},
    )
    assert accepted.status_code == 201, accepted.text
    assert await left(exchange) == ("12.0000", "5.0000", "100000.00")


async def test_the_worked_application_is_refused_with_its_shortage_buys_and_is_written_off(
    exchange: Exchange,
) -> None:
    await policy(exchange, "purchases_within_need", False)
    await a_worked_reserve(exchange)
    application = await filed(exchange)
    problem = await refused(exchange, application)
    assert (problem["code"], problem["status"]) == ("insufficient", 409)
    assert problem["facts"]["required"] == {
        "farmland_quantity": "10.0000",
        "paddy_area": "6.0000",
        "grain_capacity": "120000.00",
    }
    assert problem["facts"]["shortage"] == {
        "farmland_quantity": "0.0000",
        "paddy_area": "1.0000",
        "grain_capacity": "20000.00",
    }
    assert await left(exchange) == ("12.0000", "5.0000", "100000.00")

    need = await needed(exchange, application, {PADDY: "1.0000", CAPACITY: "20000.00"}, COUNTY)
    await bought(exchange, need, COUNTY, PADDY, "2.0000")
    await bought(exchange, need, COUNTY, CAPACITY, "25000.00")
    assert await left(exchange) == ("12.0000", "7.0000", "125000.00")
    done = await written_off(exchange, application)
    assert done["state"] == "WRITTEN_OFF"
    assert await left(exchange) == ("2.0000", "1.0000", "5000.00")
    await verified(exchange)

    approved = await decided(exchange, application, decision="approve")
    assert (approved.status_code, approved.json()["state"]) == (201, "APPROVED"), approved.text
    assert approved.json()["write_off"] == done["write_off"]
    again = await decided(exchange, application, decision="refuse", reason="迟")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    await verified(exchange)


async def stocked(exchange: Exchange, quantity: str, reserve: str = COUNTY) -> str:
    """Credit a reserve with quantity alone; the batch."""
    return (await credited(exchange, reserve, {QUANTITY: quantity}))[QUANTITY]


def land(area: str) -> list[dict[str, Any]]:
    """Parcels that require quantity, under a yield table that yields nothing."""
    return [{"parcel_no": "1", "area": area, "use": "dry_land", "grade": 10}]


async def barren(exchange: Exchange) -> None:
    """Let land yield nothing, so that applications require quantity alone."""
    await policy(exchange, "yield_table", {str(grade): "0" for grade in range(1, 16)})


async def test_the_oldest_batches_go_first_and_the_projects_used_up_are_known(exchange: Exchange) -> None:
    await barren(exchange)
    first, second = await stocked(exchange, "3.0000"), await stocked(exchange, "4.0000")
    application = await filed(exchange, parcels=land("5.0000"))
    done = (await written_off(exchange, application))["write_off"]
    assert (done["reserve"], done["reversed_at"]) == (COUNTY, None)
    used = done["batches"]
    assert [(each["batch_id"], each["quantity"], each["quantity_mu"]) for each in used] == [
        (first, "3.0000", "45.0000"),
        (second, "2.0000", "30.0000"),
    ]
    officer = await exchange.county(COUNTY)
    for each in used:
        project = (await officer.get(f"/v1/projects/{each['project_id']}")).json()
        assert (each["origin"], each["filing_no"]) == (COUNTY, project["filing_no"])
    shown = (await officer.get(f"/v1/land-applications/{application}")).json()
    assert shown["write_off"] == done
    entries = (await officer.get(f"/v1/reserves/{COUNTY}/entries")).json()["items"]
    told = [
        (each["kind"], each["bucket"], each["amount"]) for each in entries if each["reference"] == application
    ]
    assert sorted(told) == [
        ("write_off", "available", "-2.0000"),
        ("write_off", "available", "-3.0000"),
        ("write_off", "consumed", "2.0000"),
        ("write_off", "consumed", "3.0000"),
    ]
    events = (await exchange.public().get("/v1/journal", params={"limit": 200})).json()["items"]
    (event,) = [each for each in events if each["kind"] == "application.written_off"]
    assert event["subject"] == application


@pytest.mark.parametrize("end", ["refuse", "withdraw"])
async def test_what_does_not_come_to_an_approval_is_given_back_batch_by_batch(
    exchange: Exchange, end: str
) -> None:
    await barren(exchange)
    for _ in range(2):
        await stocked(exchange, "3.0000")
    before = await books(exchange)
    application = await filed(exchange, parcels=land("5.0000"))
    await written_off(exchange, application)
    if end == "refuse":
        ended = await decided(exchange, application, decision="refuse", reason="选址压占永久基本农田")
    else:
        officer = await exchange.county(COUNTY)
        ended = await officer.post(f"/v1/land-applications/{application}/withdrawal", {"reason": "项目取消"})
    assert ended.status_code == 201, ended.text
    assert ended.json()["state"] == {"refuse": "REFUSED", "withdraw": "WITHDRAWN"}[end]
    assert ended.json()["write_off"]["reversed_at"] == ended.json()["decided_at"]
    assert await books(exchange) == before
    await verified(exchange)
    again = await write_off(exchange, application)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    # What came back covers the next one.
    await written_off(exchange, await filed(exchange, parcels=land("6.0000")))
    await verified(exchange)


async def test_an_application_is_written_off_before_it_is_approved_and_once(exchange: Exchange) -> None:
    await barren(exchange)
    await stocked(exchange, "9.0000")
    application = await filed(exchange, parcels=land("4.0000"), kind="separate_site")
    early = await decided(exchange, application, decision="approve")
    assert (early.status_code, early.json()["code"]) == (409, "wrong_state")
    assert "write_off" in early.json()["facts"]["possible"]
    await written_off(exchange, application)
    again = await write_off(exchange, application)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert (await left(exchange))[0] == "5.0000"
    assert (await decided(exchange, application, decision="approve", reason="符合规划")).status_code == 201
    officer = await exchange.county(COUNTY)
    late = await officer.post(f"/v1/land-applications/{application}/withdrawal")
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")


async def test_a_refusal_states_its_reason(exchange: Exchange) -> None:
    application = await filed(exchange)
    answer = await decided(exchange, application, decision="refuse")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
        422,
        "reason_missing",
        "reason",
    )


async def test_a_linkage_application_writes_off_linkage_quota(exchange: Exchange) -> None:
    await credited(exchange, COUNTY, {QUOTA: "300.0000", QUANTITY: "1.0000"})
    application = await filed(exchange, kind="linkage", parcels=[], new_construction_area="300")
    done = await written_off(exchange, application)
    assert [(each["indicator"], each["quantity"]) for each in done["write_off"]["batches"]] == [
        ("linkage_quota", "300.0000")
    ]
    assert (await left(exchange))[0] == "1.0000"
    short = await refused(
        exchange, await filed(exchange, kind="linkage", parcels=[], new_construction_area="0.0001")
    )
    assert short["facts"]["shortage"] == {"linkage_quota": "0.0001"}


async def test_an_application_that_occupies_no_farmland_writes_off_nothing_and_is_approved(
    exchange: Exchange,
) -> None:
    parcels = [{"parcel_no": "1", "area": "5.0000", "use": "construction"}]
    application = await filed(exchange, parcels=parcels)
    done = await written_off(exchange, application)
    assert (done["state"], done["write_off"]) == ("WRITTEN_OFF", None)
    assert (await decided(exchange, application, decision="approve")).status_code == 201
    await verified(exchange)


async def test_somebody_elses_application_is_not_written_off(exchange: Exchange) -> None:
    application = await filed(exchange)
    assert (await write_off(exchange, application, "510104")).status_code == 404
    # Not even by the city whose county it is, nor under an id of another kind.
    assert (await write_off(exchange, application, CITY)).status_code == 404
    assert (await write_off(exchange, "N" + application[1:])).status_code == 404


# --- from the city's reserve


async def test_a_county_draws_on_its_citys_reserve_only_with_its_consent(exchange: Exchange) -> None:
    await barren(exchange)
    await stocked(exchange, "9.0000", CITY)
    application = await filed(exchange, parcels=land("4.0000"), reserve=CITY)
    problem = await refused(exchange, application)
    assert (problem["code"], problem["facts"]["reserve"]) == ("consent_needed", CITY)
    county, city = await exchange.county(COUNTY), await exchange.city(CITY)
    address = f"/v1/land-applications/{application}/consent"
    own = await county.post(address)
    assert (own.status_code, own.json()["code"]) == (403, "not_permitted")
    assert (await (await exchange.city(OTHER_CITY)).post(address)).status_code == 404
    consented = await city.post(address)
    assert consented.status_code == 201, consented.text
    assert (consented.json()["state"], consented.json()["consented_at"] is None) == ("FILED", False)
    twice = await city.post(address)
    assert (twice.status_code, twice.json()["code"]) == (409, "consent_given")
    done = await written_off(exchange, application)
    assert (done["write_off"]["reserve"], (await left(exchange, CITY))[0]) == (CITY, "5.0000")
    late = await city.post(address)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")
    await decided(exchange, application, decision="refuse", reason="选址不符")
    assert (await left(exchange, CITY))[0] == "9.0000"
    await verified(exchange)


async def test_a_city_sees_the_applications_that_name_its_reserve_and_no_others(exchange: Exchange) -> None:
    named = await filed(exchange, reserve=CITY)
    await filed(exchange)
    city = await exchange.city(CITY)
    assert [each["id"] for each in (await city.get("/v1/land-applications")).json()["items"]] == [named]
    assert (await city.get(f"/v1/land-applications/{named}")).status_code == 200
    # It sees them, and yet they are not its own to withdraw.
    assert (await city.post(f"/v1/land-applications/{named}/withdrawal")).status_code == 404


@pytest.mark.parametrize(
    ("applicant", "reserve"),
    [
        (COUNTY, OTHER_CITY),
        (COUNTY, "510104"),
        (COUNTY, "510000"),
        (CITY, COUNTY),
        (CITY, "510000"),
        (COUNTY, "999999"),
    ],
)
async def test_any_other_reserve_is_refused_at_filing(
    exchange: Exchange, applicant: str, reserve: str
) -> None:
    answer = await file(exchange, applicant, reserve=reserve)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
        422,
        "reserve_not_allowed",
        "reserve",
    )
    assert answer.json()["facts"]["allowed"] == ([COUNTY, CITY] if applicant == COUNTY else [CITY])


async def test_the_city_is_whose_county_it_is_on_the_day_of_filing(exchange: Exchange) -> None:
    before = await filed(exchange, reserve=CITY)
    regulator = await exchange.regulator()
    moved = await regulator.post(
        "/v1/jurisdictions",
        {
            "code": COUNTY,
            "name": "武侯区",
            "level": "county",
            "parent": OTHER_CITY,
            "valid_from": day_of(await exchange.now()).isoformat(),
        },
    )
    assert moved.status_code == 201, moved.text
    assert (await file(exchange, reserve=CITY)).json()["code"] == "reserve_not_allowed"
    assert (await file(exchange, reserve=OTHER_CITY)).status_code == 201
    # What was filed before stays with the city of its day.
    consented = await (await exchange.city(CITY)).post(f"/v1/land-applications/{before}/consent")
    assert consented.status_code == 201, consented.text


async def test_nobody_consents_to_an_application_of_its_own_reserve(exchange: Exchange) -> None:
    application = await filed(exchange)
    answer = await (await exchange.county(COUNTY)).post(f"/v1/land-applications/{application}/consent")
    assert (answer.status_code, answer.json()["code"]) == (409, "consent_not_asked")


async def test_the_reserves_jurisdiction_declares_the_needs_of_what_it_consented_to(
    exchange: Exchange,
) -> None:
    await barren(exchange)
    await stocked(exchange, "1.0000", CITY)
    application = await filed(exchange, parcels=land("4.0000"), reserve=CITY)
    county, city = await exchange.county(COUNTY), await exchange.city(CITY)
    body = {"application_id": application, "quantities": {"farmland_quantity": "3.0000"}}
    answer = await county.post("/v1/needs", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "need_of_another_reserve")
    answer = await city.post("/v1/needs", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "consent_needed")
    assert (await city.post(f"/v1/land-applications/{application}/consent")).status_code == 201
    need = await needed(exchange, application, {QUANTITY: "3.0000"}, CITY)
    await bought(exchange, need, CITY, QUANTITY, "3.0000")
    await written_off(exchange, application)
    assert (await left(exchange, CITY))[0] == "0.0000"
    await verified(exchange)


# --- what is kept for others, and needs


async def test_what_was_bought_for_another_filed_application_covers_only_that_one(exchange: Exchange) -> None:
    await barren(exchange)
    buying = await filed(exchange, parcels=land("4.0000"))
    await bought(
        exchange, await needed(exchange, buying, {QUANTITY: "4.0000"}, COUNTY), COUNTY, QUANTITY, "4.0000"
    )
    waiting = await filed(exchange, parcels=land("4.0000"))
    problem = await refused(exchange, waiting)
    assert problem["facts"]["shortage"] == {"farmland_quantity": "4.0000"}
    assert problem["facts"]["kept_for_others"] == {"farmland_quantity": "4.0000"}
    assert "covers only those (farmland_quantity keeps 4.0000 hm²)" in problem["detail"]
    await stocked(exchange, "3.0000")
    problem = await refused(exchange, waiting)
    assert problem["facts"]["shortage"] == {"farmland_quantity": "1.0000"}
    # Once the other one has ended, what was bought for it is the reserve's.
    officer = await exchange.county(COUNTY)
    assert (await officer.post(f"/v1/land-applications/{buying}/withdrawal")).status_code == 201
    await written_off(exchange, waiting)
    assert (await left(exchange))[0] == "3.0000"
    await verified(exchange)


async def test_what_is_listed_is_named_and_covers_once_it_is_withdrawn(exchange: Exchange) -> None:
    await barren(exchange)
    await band(exchange, QUANTITY)
    listing = await listed(exchange, COUNTY, QUANTITY, "4.0000")
    application = await filed(exchange, parcels=land("4.0000"))
    problem = await refused(exchange, application)
    assert problem["facts"]["shortage"] == {"farmland_quantity": "4.0000"}
    assert problem["facts"]["listed"] == {"farmland_quantity": "4.0000"}
    assert "withdrawn is free again (farmland_quantity has listed 4.0000 hm²)" in problem["detail"]
    officer = await exchange.county(COUNTY)
    assert (await officer.post(f"/v1/listings/{listing}/withdrawal")).status_code == 201
    await written_off(exchange, application)


async def test_its_live_needs_lapse_and_what_was_awarded_to_them_goes_on(exchange: Exchange) -> None:
    await barren(exchange)
    await band(exchange, QUANTITY)
    await listed(exchange, SELLER, QUANTITY, "3.0000")
    need = await approved_need(exchange, COUNTY, {QUANTITY: "4.0000"}, key_level="national")
    regulator = await exchange.regulator()
    assert (await regulator.post("/v1/allocations")).status_code == 201
    (trade,) = (await regulator.get("/v1/trades")).json()["items"]
    await stocked(exchange, "4.0000")  # found at home in the end
    application = (await regulator.get(f"/v1/needs/{need}")).json()["application_id"]
    await written_off(exchange, application)
    lapsed = (await regulator.get(f"/v1/needs/{need}")).json()
    assert (lapsed["state"], lapsed["items"][0]["open"]) == ("LAPSED", "0.0000")
    await settled(exchange, trade["id"])
    assert (await left(exchange))[0] == "3.0000"
    # A refusal afterwards revives no need.
    assert (await decided(exchange, application, decision="refuse", reason="?")).status_code == 201
    assert (await regulator.get(f"/v1/needs/{need}")).json()["state"] == "LAPSED"
    await verified(exchange)


async def test_a_need_that_a_live_registration_reserves_stops_the_write_off(exchange: Exchange) -> None:
    await barren(exchange)
    need = await approved_need(exchange, COUNTY, {QUANTITY: "4.0000"})
    await stocked(exchange, "9.0000")
    key = (row_number(Kind.NEED, need), QUANTITY)
    await exchange.database.transact(lambda connection: needs.add_reserved(connection, {key: 20_000}))
    application = (await (await exchange.county(COUNTY)).get(f"/v1/needs/{need}")).json()["application_id"]
    problem = await refused(exchange, application)
    assert (problem["code"], problem["facts"]["needs"]) == ("need_reserved", [need])
    await exchange.database.transact(lambda connection: needs.add_reserved(connection, {key: -20_000}))
    await written_off(exchange, application)


# --- the old method


async def turn_to(exchange: Exchange, instant: datetime) -> None:
    """Set the clock, back too."""
    await exchange.advance(seconds=(instant - await exchange.now()).total_seconds())


LAST_DAY = datetime(2018, 3, 31, 15, 59, tzinfo=UTC)  # 23:59 in China


async def project_of(exchange: Exchange, batch: str) -> str:
    """The project that earned a batch of the county's."""
    officer = await exchange.county(COUNTY)
    held = (await officer.get(f"/v1/reserves/{COUNTY}/batches")).json()["items"]
    return str(next(each["project_id"] for each in held if each["batch_id"] == batch))


async def test_the_old_method_is_refused_from_its_day_on(exchange: Exchange) -> None:
    project = await project_of(exchange, await stocked(exchange, "9.0000"))
    given = {"method": "linked_project", "linked_project_id": project}
    late = await file(exchange, **given)
    assert (late.status_code, late.json()["code"], late.json()["field"]) == (
        422,
        "old_method_ended",
        "method",
    )
    assert late.json()["facts"]["refused_from"] == "2018-04-01"
    await turn_to(exchange, LAST_DAY)
    assert (await file(exchange, **given)).status_code == 201
    await exchange.advance(minutes=2)
    assert (await file(exchange, **given)).json()["code"] == "old_method_ended"


async def test_policy_sets_the_day_from_which_the_old_method_is_refused(exchange: Exchange) -> None:
    project = await project_of(exchange, await stocked(exchange, "9.0000"))
    await policy(exchange, "old_method_refused_from", "2100-01-01")
    assert (await file(exchange, method="linked_project", linked_project_id=project)).status_code == 201


async def test_the_old_method_writes_off_one_projects_batches_and_no_others(exchange: Exchange) -> None:
    await policy(exchange, "old_method_refused_from", "2100-01-01")
    await barren(exchange)
    older, named = await stocked(exchange, "9.0000"), await stocked(exchange, "5.0000")
    given = {"method": "linked_project", "linked_project_id": await project_of(exchange, named)}
    application = await filed(exchange, parcels=land("4.0000"), **given)
    done = await written_off(exchange, application)
    assert [each["batch_id"] for each in done["write_off"]["batches"]] == [named]
    assert older not in str(done)
    problem = await refused(exchange, await filed(exchange, parcels=land("4.0000"), **given))
    assert problem["facts"]["shortage"] == {"farmland_quantity": "3.0000"}
    await verified(exchange)


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"linked_project_id": "P0000000001"}, 422, "linked_project_not_asked"),
        ({"method": "linked_project"}, 422, "linked_project_missing"),
        ({"method": "linked_project", "linked_project_id": "P0000009999"}, 404, "not_found"),
        ({"method": "linked_project", "linked_project_id": "F0000000001"}, 404, "not_found"),
    ],
)
async def test_a_method_and_its_project_belong_together(
    exchange: Exchange, given: dict[str, str], status: int, code: str
) -> None:
    await turn_to(exchange, LAST_DAY)
    answer = await file(exchange, **given)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
        status,
        code,
        "linked_project_id",
    )


async def test_another_countys_project_is_not_to_be_linked(exchange: Exchange) -> None:
    await policy(exchange, "old_method_refused_from", "2100-01-01")
    await stocked(exchange, "5.0000", SELLER)
    seller = await exchange.county(SELLER)
    project = (await seller.get("/v1/projects")).json()["items"][0]["id"]
    answer = await file(exchange, method="linked_project", linked_project_id=project)
    assert (answer.status_code, answer.json()["field"]) == (404, "linked_project_id")
