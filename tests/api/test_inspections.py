"""Inspections and spot checks over HTTP: opened, found, concluded, drawn (RULES 12)."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from app.market.draw import lottery_draw
from app.services.days import day_of
from tests import story
from tests.conftest import Exchange
from tests.supervised import EVIDENCE, concluded, found, inspected

COUNTY, OTHER = "511922", "510722"
SEED = "kept-in-the-safe-since-monday"


async def accepted_project(exchange: Exchange, county: str = COUNTY) -> dict[str, Any]:
    """File a project and have it accepted in 2019; the project."""
    officer, regulator = await exchange.county(county), await exchange.regulator()
    filed = (await officer.post("/v1/projects", story.project_body(county))).json()
    answer = await regulator.post(
        f"/v1/projects/{filed['id']}/acceptance", {"accepted_on": "2019-11-05", "accepting_body": "省厅"}
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_findings_are_recorded_one_by_one_with_parcel_and_document(exchange: Exchange) -> None:
    project = await accepted_project(exchange)
    inspection = await inspected(exchange, project_id=project["id"])
    await found(exchange, inspection, "minor")
    shown = await found(
        exchange,
        inspection,
        "serious",
        parcel_no=project["parcels"][0]["id"],
        document_sha256=EVIDENCE,
    )
    assert (shown["kind"], shown["jurisdiction"], shown["state"]) == ("inspection", COUNTY, "OPEN")
    assert [each["severity"] for each in shown["findings"]] == ["minor", "serious"]
    assert shown["findings"][1]["document_sha256"] == EVIDENCE
    county = await exchange.county(COUNTY)
    assert (await county.get(f"/v1/inspections/{inspection}")).json() == shown


async def test_a_finding_names_a_parcel_of_the_inspected_project(exchange: Exchange) -> None:
    project, regulator = await accepted_project(exchange), await exchange.regulator()
    body = {"what": "图斑不实", "severity": "minor", "parcel_no": "nowhere-1"}
    for of in ({"project_id": project["id"]}, {"jurisdiction": COUNTY}):
        inspection = await inspected(exchange, **of)
        answer = await regulator.post(f"/v1/inspections/{inspection}/findings", body)
        assert (answer.status_code, answer.json()["field"]) == (404, "parcel_no")


async def test_an_inspection_names_one_known_jurisdiction_or_project(exchange: Exchange) -> None:
    project, regulator = await accepted_project(exchange), await exchange.regulator()
    for body, status, field in (
        ({}, 422, "jurisdiction"),
        ({"jurisdiction": COUNTY, "project_id": project["id"]}, 422, "jurisdiction"),
        ({"jurisdiction": "999999"}, 404, "jurisdiction"),
        ({"project_id": "P0000099999"}, 404, "project_id"),
        ({"project_id": "L0000000001"}, 404, "project_id"),
    ):
        answer = await regulator.post("/v1/inspections", body)
        assert (answer.status_code, answer.json()["field"]) == (status, field), body


async def test_a_conclusion_is_final(exchange: Exchange) -> None:
    inspection = await inspected(exchange, jurisdiction=COUNTY)
    shown = await concluded(exchange, inspection, "no_fault")
    assert (shown["state"], shown["sanction_id"]) == ("NO_FAULT", None)
    regulator = await exchange.regulator()
    for path, body in (
        ("findings", {"what": "图斑不实", "severity": "fraud"}),
        ("conclusion", {"conclusion": "rectify", "rectify_by": "2100-01-01", "reason": "整改"}),
    ):
        answer = await regulator.post(f"/v1/inspections/{inspection}/{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


async def test_a_conclusion_that_the_findings_do_not_carry_changes_nothing(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    inspection = await inspected(exchange, jurisdiction=COUNTY)
    before = await found(exchange, inspection, "fraud")
    for body, code in (
        ({"conclusion": "no_fault", "reason": "无"}, "findings_contradict"),
        ({"conclusion": "fraud", "reason": "虚假"}, "fraud_needs_project"),
        ({"conclusion": "rectify", "reason": "整改"}, "rectify_by_needed"),
        ({"conclusion": "rectify", "rectify_by": "2020-01-01", "reason": "整改"}, "rectify_by_past"),
    ):
        answer = await regulator.post(f"/v1/inspections/{inspection}/conclusion", body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await regulator.get(f"/v1/inspections/{inspection}")).json() == before
    assert (await regulator.get("/v1/sanctions")).json()["items"] == []


async def test_to_rectify_opens_a_rectification_with_its_last_day(exchange: Exchange) -> None:
    last_day = (day_of(await exchange.now()) + timedelta(days=30)).isoformat()
    inspection = await inspected(exchange, jurisdiction=COUNTY)
    await found(exchange, inspection, "serious")
    shown = await concluded(exchange, inspection, "rectify", rectify_by=last_day)
    regulator = await exchange.regulator()
    (sanction,) = (await regulator.get("/v1/sanctions")).json()["items"]
    assert shown["sanction_id"] == sanction["id"]
    assert (sanction["kind"], sanction["jurisdiction"], sanction["ends_on"]) == ("rectify", COUNTY, last_day)
    assert sanction["inspection_id"] == inspection


async def test_what_was_found_and_concluded_is_public_without_its_words(exchange: Exchange) -> None:
    inspection = await inspected(exchange, jurisdiction=COUNTY)
    await found(exchange, inspection, "minor", what="张三签字造假")
    await concluded(exchange, inspection, "no_fault", reason="李四已更正")
    public = exchange.public()
    events = (await public.get("/v1/journal", params={"subject": inspection})).json()["items"]
    assert [event["kind"] for event in events] == [
        "inspection.opened",
        "inspection.finding",
        "inspection.concluded",
    ]
    assert "张三" not in str(events) and "李四" not in str(events)


async def test_a_county_sees_the_inspections_of_itself_only(exchange: Exchange) -> None:
    own, others = (
        await inspected(exchange, jurisdiction=COUNTY),
        await inspected(exchange, jurisdiction=OTHER),
    )
    county, auditor = await exchange.county(COUNTY), await exchange.regulator()
    assert [each["id"] for each in (await county.get("/v1/inspections")).json()["items"]] == [own]
    assert (await county.get("/v1/inspections", params={"jurisdiction": OTHER})).json()["items"] == []
    assert (await county.get(f"/v1/inspections/{others}")).status_code == 404
    shown = (await auditor.get("/v1/inspections", params={"state": "OPEN"})).json()["items"]
    assert [each["id"] for each in shown] == [own, others]
    assert (await county.post(f"/v1/inspections/{own}/findings", {})).status_code == 403


async def spot_check(exchange: Exchange, **given: Any) -> dict[str, Any]:
    """Announce a spot check by the digest of the seed."""
    body = {"year": 2019, "seed_sha256": hashlib.sha256(SEED.encode()).hexdigest(), **given}
    answer = await (await exchange.regulator()).post("/v1/spot-checks", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_spot_check_is_drawn_so_that_anybody_can_draw_it_again(exchange: Exchange) -> None:
    """From the public journal alone: who was accepted, the event mixed in, the seed, the rule."""
    for county in (COUNTY, OTHER, COUNTY, COUNTY, OTHER):
        await accepted_project(exchange, county)
    announced = await spot_check(exchange, share="0.5")
    late = await accepted_project(exchange)
    regulator, public = await exchange.regulator(), exchange.public()
    answer = await regulator.post(f"/v1/spot-checks/{announced['id']}/draw", {"seed": SEED})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["population"], answer.json()["seed"]) == (5, SEED)

    events = (await public.get("/v1/journal", params={"limit": 200})).json()["items"]
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        by_kind.setdefault(event["kind"], []).append(event)
    (own,), (draw,) = by_kind["spot_check.announced"], by_kind["spot_check.drawn"]
    assert own["facts"]["seed_sha256"] == hashlib.sha256(draw["facts"]["seed"].encode()).hexdigest()
    mixed_in = next(
        each for each in events if each["id"] > own["id"] and each["actor"] not in (None, own["actor"])
    )
    assert mixed_in["id"] == draw["facts"]["event"] == answer.json()["event_id"]
    filing_numbers = {event["subject"]: event["facts"]["filing_no"] for event in by_kind["project.filed"]}
    among = sorted(
        filing_numbers[event["subject"]]
        for event in by_kind["project.accepted"]
        if event["facts"]["accepted_on"].startswith("2019") and event["at"] < own["at"]
    )
    assert late["filing_no"] not in among
    listed = "".join(f"{number}\n" for number in among)
    assert draw["facts"]["population_sha256"] == hashlib.sha256(listed.encode()).hexdigest()
    said = f"{SEED} {mixed_in['id']} {mixed_in['at']} {mixed_in['sha256']}"
    seed = hashlib.sha256(said.encode()).digest()
    by_hand = sorted(among, key=lambda number: lottery_draw(seed, number))[:3]
    assert [each["filing_no"] for each in draw["facts"]["drawn"]] == by_hand

    inspections = (await regulator.get("/v1/inspections", params={"spot_check_id": announced["id"]})).json()
    assert [each["project_id"] for each in inspections["items"]] == [
        each["project"] for each in draw["facts"]["drawn"]
    ]
    assert {each["kind"] for each in inspections["items"]} == {"spot_check"}


async def test_a_spot_check_is_drawn_once_and_with_its_own_seed(exchange: Exchange) -> None:
    await accepted_project(exchange)
    announced = await spot_check(exchange, count=9)
    regulator = await exchange.regulator()
    draw = f"/v1/spot-checks/{announced['id']}/draw"
    early = await regulator.post(draw, {"seed": SEED})
    assert (early.status_code, early.json()["code"]) == (409, "no_event_yet")
    assert early.json()["facts"]["announced_at"] == announced["announced_at"]
    await (await exchange.county(OTHER)).post("/v1/projects", story.project_body(OTHER))
    other = await regulator.post(draw, {"seed": SEED + "x"})
    assert (other.status_code, other.json()["code"]) == (422, "not_the_announced_seed")
    assert (await regulator.get("/v1/inspections")).json()["items"] == []
    assert (await regulator.post(draw, {"seed": SEED})).status_code == 201
    again = await regulator.post(draw, {"seed": SEED})
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert len((await regulator.get("/v1/inspections")).json()["items"]) == 1
    everybody = await exchange.county(OTHER)
    assert (await everybody.get("/v1/spot-checks")).json()["items"][0]["seed"] == SEED


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "count"),
        ({"count": 1, "share": "0.5"}, "count"),
        ({"share": "0"}, "share"),
        ({"share": "1.5"}, "share"),
        ({"count": 0}, "count"),
        ({"count": 1, "year": 2999}, "year"),
        ({"count": 1, "seed_sha256": "AB"}, "seed_sha256"),
    ],
)
async def test_a_spot_check_says_how_many_and_of_which_past_year(
    exchange: Exchange, given: dict[str, Any], field: str
) -> None:
    regulator = await exchange.regulator()
    body = {"year": 2019, "seed_sha256": "0f" * 32, **given}
    answer = await regulator.post("/v1/spot-checks", body)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


async def test_a_year_without_accepted_projects_draws_nothing(exchange: Exchange) -> None:
    announced = await spot_check(exchange, count=1, year=2018)
    await accepted_project(exchange)
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/spot-checks/{announced['id']}/draw", {"seed": SEED})
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing_to_draw")
    missing = await regulator.post("/v1/spot-checks/Q0000009999/draw", {"seed": SEED})
    assert missing.status_code == 404
