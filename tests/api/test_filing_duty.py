"""Over HTTP: other departments' filing duty, the budget by source, and projects filed before the notice."""

from typing import Any

import httpx
import pytest

from app.market.indicators import Indicator
from app.services.days import day_of
from tests.conftest import Exchange
from tests.promised import active
from tests.promised import shown as shown_commitment
from tests.story import credited, filed_application, policy, project_body, verified

COUNTY = "511922"
LAND, PADDY, GRAIN, QUOTA = Indicator
PARCELS = [
    {"id": "P1", "area": "8.0000", "use_before": "unused", "use_after": "dry_land", "grade_after": 10},
    {
        "id": "P2",
        "area": "2.5000",
        "use_before": "dry_land",
        "use_after": "paddy",
        "grade_before": 11,
        "grade_after": 9,
    },
]
FOUND = [
    {"id": "P1", "use_after": "paddy", "grade_after": 9},
    {"id": "P2", "use_after": "paddy", "grade_before": 11, "grade_after": 10},
]


async def file(exchange: Exchange, **given: Any) -> httpx.Response:
    officer = await exchange.county(COUNTY)
    return await officer.post("/v1/projects", project_body(COUNTY, **given))


async def accepted(exchange: Exchange, project: str, **given: Any) -> dict[str, Any]:
    regulator = await exchange.regulator()
    body = {"accepted_on": "2019-11-05", "accepting_body": "省自然资源厅", **given}
    answer = await regulator.post(f"/v1/projects/{project}/acceptance", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def of_old(exchange: Exchange, **given: Any) -> str:
    answer = await file(
        exchange,
        **{"filed_on": "2017-06-01", "started_on": "2017-03-01", "parcels": PARCELS, **given},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def reverify(exchange: Exchange, project: str, **given: Any) -> httpx.Response:
    regulator = await exchange.regulator()
    body = {"verified_on": "2019-12-02", "parcels": FOUND, **given}
    return await regulator.post(f"/v1/projects/{project}/re-verification", body)


def refused(answer: httpx.Response, status: int, code: str, field: str | None = None) -> None:
    told = answer.json()
    assert (answer.status_code, told["code"], told.get("field")) == (status, code, field), told


async def test_another_departments_project_is_due_twenty_working_days_after_its_acceptance(
    exchange: Exchange,
) -> None:
    """From 2019-09-20: the National Day week is off, and two days of weekends are worked for it."""
    shown = (
        await file(exchange, department="水利局", led_by="other", department_accepted_on="2019-09-20")
    ).json()
    assert (shown["filing_due_on"], shown["filed_late"]) == ("2019-10-23", True)
    events = (await exchange.public().get("/v1/journal")).json()["items"]
    (event,) = [each for each in events if each["kind"] == "project.filed"]
    assert event["facts"]["filed_late"] is True
    # It never loses its credit for it.
    assert (await accepted(exchange, shown["id"]))["credits"][LAND] == "8.0000"


async def test_a_filing_within_its_days_is_not_late_and_the_acceptance_days_policy_counts(
    exchange: Exchange,
) -> None:
    await policy(exchange, "filing_duty_working_days", 1)
    today = (await exchange.now()).date().isoformat()
    on_time = (await file(exchange, led_by="other", department_accepted_on=today)).json()
    assert not on_time["filed_late"]
    assert on_time["filing_due_on"] > today
    ahead = (await file(exchange, led_by="other")).json()
    assert (ahead["filing_due_on"], ahead["filed_late"]) == (None, False)
    old = (await file(exchange, led_by="other", department_accepted_on="2018-05-01")).json()
    assert old["filing_due_on"] == "2018-05-29"  # twenty days, as policy was then
    entered = await file(exchange, led_by="other", department_accepted_on="2018-05-02", filed_on="2018-05-10")
    assert not entered.json()["filed_late"]


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"department_accepted_on": "2019-01-01"}, "contradictory_papers", "department_accepted_on"),
        (
            {"led_by": "other", "department_accepted_on": "2018-02-28"},
            "contradictory_papers",
            "department_accepted_on",
        ),
        (
            {"led_by": "other", "department_accepted_on": "2999-01-01"},
            "accepted_in_future",
            "department_accepted_on",
        ),
        ({"filed_on": "2999-01-01"}, "filed_on_not_past", "filed_on"),
        ({"led_by": "water"}, "malformed", "led_by"),
        ({"budget": "1.234"}, "malformed", "budget"),
        ({"budget": 1000}, "malformed", "budget"),
    ],
)
async def test_what_can_not_be_is_refused_at_the_field_to_blame(
    exchange: Exchange, given: dict[str, Any], code: str, field: str
) -> None:
    refused(await file(exchange, **given), 422, code, field)


async def test_a_budget_is_shown_by_source_to_the_fen(exchange: Exchange) -> None:
    funds = [
        {"source": "fiscal", "share": "0.335"},
        {"source": "financial", "share": "0.335"},
        {"source": "social_capital", "share": "0.33"},
    ]
    shown = (await file(exchange, funds=funds, budget="1000000.01")).json()
    assert (shown["budget"], shown["fund_amounts"]) == ("1000000.01", ["335000.01", "335000.00", "330000.00"])
    unknown = (await file(exchange, funds=funds)).json()
    assert (unknown["budget"], unknown["fund_amounts"]) == (None, None)


async def test_a_project_of_old_gets_quantity_and_once_verified_anew_paddy_and_capacity(
    exchange: Exchange,
) -> None:
    project = await of_old(exchange)
    shown = await accepted(exchange, project)
    assert shown["needs_reverification"]
    assert shown["credits"] == {LAND: "8.0000", PADDY: "0.0000", GRAIN: "0.00", QUOTA: "0.0000"}
    answer = await reverify(exchange, project)
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    # 8 hm² × 10,500 kg, and 2.5 hm² × (9,000 − 7,500) kg; P1 was found to be paddy too.
    assert shown["credits"] == {LAND: "8.0000", PADDY: "10.5000", GRAIN: "87750.00", QUOTA: "0.0000"}
    assert (shown["needs_reverification"], shown["reverified_on"]) == (False, "2019-12-02")
    officer = await exchange.county(COUNTY)
    balances = (await officer.get(f"/v1/reserves/{COUNTY}")).json()["balances"]
    assert {each["indicator"]: each["total"] for each in balances} == shown["credits"]
    refused(await reverify(exchange, project), 409, "no_reverification")
    await verified(exchange)


async def test_what_a_reverification_credits_is_supplemented_in_its_year(exchange: Exchange) -> None:
    project = await of_old(exchange)
    await accepted(exchange, project)
    await reverify(exchange, project)
    officer = await exchange.county(COUNTY)
    answer = await officer.get(f"/v1/assessments/{day_of(await exchange.now()).year}/{COUNTY}")
    assert answer.status_code == 200, answer.text
    (unit,) = answer.json()["units"]
    supplemented = {each["indicator"]: each["supplemented"] for each in unit["own"]["indicators"]}
    assert supplemented == {LAND: "8.0000", PADDY: "10.5000", GRAIN: "87750.00", QUOTA: "0.0000"}
    # The register has what was found: from grade 10 of dry land nothing is to be gained any more.
    again = {**PARCELS[0], "use_before": "dry_land", "grade_before": 10, "grade_after": 9}
    upgrade = (await file(exchange, kind="quality_upgrade", parcels=[again])).json()["id"]
    regulator = await exchange.regulator()
    answer = await regulator.post(
        f"/v1/projects/{upgrade}/acceptance", {"accepted_on": "2019-11-05", "accepting_body": "厅"}
    )
    assert answer.json()["facts"]["reasons"] == ["parcel_claimed"]


async def test_what_a_re_verification_credits_is_kept_for_whom_it_was_promised(exchange: Exchange) -> None:
    """The capacity lies in the reserve; 10.5 hm² of paddy come, of which 6 were promised."""
    await credited(exchange, COUNTY, {LAND: "6.0000", GRAIN: "9000.00"})
    application = await filed_application(exchange, COUNTY, {PADDY: "6.0000"})
    project = await of_old(exchange)
    commitment = await active(exchange, COUNTY, application, project, {PADDY: "6.0000"})
    await accepted(exchange, project)
    assert (await shown_commitment(exchange, commitment))["earmarked"] == []
    answer = await reverify(exchange, project)
    assert answer.status_code == 201, answer.text
    (kept,) = (await shown_commitment(exchange, commitment))["earmarked"]
    assert (kept["indicator"], kept["quantity"]) == (PADDY, "6.0000")
    balances = (await (await exchange.county(COUNTY)).get(f"/v1/reserves/{COUNTY}")).json()["balances"]
    (paddy,) = [each for each in balances if each["indicator"] == PADDY]
    assert (paddy["available"], paddy["earmarked"]) == ("4.5000", "6.0000")
    await verified(exchange)


async def test_the_policies_of_the_reverifications_day_decide_its_yields(exchange: Exchange) -> None:
    project = await of_old(exchange)
    await accepted(exchange, project)
    await policy(exchange, "yield_table", {str(grade): f"{3000 * (16 - grade)}.00" for grade in range(1, 16)})
    await exchange.advance(days=2)
    today = (await exchange.now()).date().isoformat()
    shown = (await reverify(exchange, project, verified_on=today)).json()
    assert shown["credits"][GRAIN] == "175500.00"


@pytest.mark.parametrize(
    "given", [{"filed_on": None}, {"filed_on": "2017-12-11"}, {"filed_on": "2018-01-01"}]
)
async def test_a_project_that_is_not_of_old_is_credited_whole_at_once(
    exchange: Exchange, given: dict[str, Any]
) -> None:
    project = await of_old(exchange, **given)
    shown = await accepted(exchange, project)
    assert (shown["needs_reverification"], shown["credits"][PADDY]) == (False, "2.5000")
    refused(await reverify(exchange, project), 409, "no_reverification")


async def test_a_linkage_quota_has_nothing_to_verify_anew(exchange: Exchange) -> None:
    built = {"area": "4", "use_before": "construction", "use_after": "dry_land", "grade_after": 9}
    project = await of_old(
        exchange, kind="linkage", surplus_as="linkage_quota", parcels=[{"id": "B1", **built}]
    )
    shown = await accepted(exchange, project, surplus_recognised=True)
    assert (shown["needs_reverification"], shown["credits"][QUOTA]) == (False, "4.0000")


@pytest.mark.parametrize(
    ("given", "status", "code", "field"),
    [
        ({"parcels": FOUND[:1]}, 422, "parcels_missing", "parcels"),
        ({"parcels": [*FOUND, {**FOUND[0], "id": "P9"}]}, 422, "unknown_parcel", "parcels.2.id"),
        ({"parcels": [*FOUND, FOUND[0]]}, 422, "duplicate_parcel", "parcels.2.id"),
        (
            {"parcels": [{**FOUND[0], "use_after": "orchard"}, FOUND[1]]},
            422,
            "quantity_would_change",
            "parcels.0.use_after",
        ),
        (
            {"parcels": [{**FOUND[0], "grade_after": 16}, FOUND[1]]},
            422,
            "contradictory_papers",
            "parcels.0.grade_after",
        ),
        ({"verified_on": "2999-01-01"}, 422, "verified_in_future", "verified_on"),
        ({"verified_on": "2019-11-04"}, 422, "verified_before_acceptance", "verified_on"),
        ({"parcels": []}, 422, "malformed", "parcels"),
    ],
)
async def test_a_reverification_that_can_not_be_changes_nothing(
    exchange: Exchange, given: dict[str, Any], status: int, code: str, field: str
) -> None:
    project = await of_old(exchange)
    await accepted(exchange, project)
    refused(await reverify(exchange, project, **given), status, code, field)
    officer = await exchange.county(COUNTY)
    shown = (await officer.get(f"/v1/projects/{project}")).json()
    assert (shown["needs_reverification"], shown["credits"][GRAIN]) == (True, "0.00")


async def test_land_that_another_project_raised_since_is_not_paid_twice(exchange: Exchange) -> None:
    project = await of_old(exchange)
    await accepted(exchange, project)
    raised = {**PARCELS[0], "use_before": "dry_land", "grade_before": 10, "grade_after": 9}
    upgrade = (await file(exchange, kind="quality_upgrade", parcels=[raised])).json()["id"]
    await accepted(exchange, upgrade)
    refused(await reverify(exchange, project), 409, "certified_since", "parcels")


async def test_before_its_acceptance_and_by_a_county_nothing_is_verified_anew(exchange: Exchange) -> None:
    project = await of_old(exchange)
    refused(await reverify(exchange, project), 409, "no_reverification")
    officer = await exchange.county(COUNTY)
    answer = await officer.post(
        f"/v1/projects/{project}/re-verification", {"verified_on": "2019-12-02", "parcels": FOUND}
    )
    refused(answer, 403, "not_permitted")
