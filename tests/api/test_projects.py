"""Projects over HTTP: filed, accepted with credits or refused with every reason, never credited twice."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.market.indicators import Indicator
from tests.conftest import Client, Exchange
from tests.story import credited, project_body

COUNTY = "511922"
LAND, PADDY, GRAIN, QUOTA = Indicator
ACCEPTANCE = {"accepted_on": "2019-11-05", "accepting_body": "省自然资源厅"}


def parcel(id_: str, area: str = "8.0000", **given: Any) -> dict[str, Any]:
    land = {"use_before": "unused", "use_after": "dry_land", "grade_after": 10}
    return {"id": id_, "area": area, **land, **given}


async def filed(officer: Client, **given: Any) -> str:
    answer = await officer.post("/v1/projects", project_body(COUNTY, **given))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def accept(exchange: Exchange, project: str, **given: Any) -> httpx.Response:
    regulator = await exchange.regulator()
    return await regulator.post(f"/v1/projects/{project}/acceptance", {**ACCEPTANCE, **given})


async def balances(exchange: Exchange) -> dict[str, str]:
    reader = await exchange.county(COUNTY)
    answer = await reader.get(f"/v1/reserves/{COUNTY}")
    return {each["indicator"]: each["total"] for each in answer.json()["balances"]}


def refused_for(answer: httpx.Response, *reasons: str) -> bool:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "project_ineligible"), answer.text
    return bool(problem["facts"]["reasons"] == sorted(reasons))


async def test_an_accepted_project_is_credited_as_one_batch_per_indicator(exchange: Exchange) -> None:
    officer = await exchange.county(COUNTY)
    parcels = [
        parcel("P1"),
        parcel("P2", "2.5000", use_before="dry_land", grade_before=11, use_after="paddy", grade_after=9),
    ]
    project = await filed(officer, parcels=parcels)
    assert (await officer.get(f"/v1/projects/{project}")).json()["credits"] is None
    answer = await accept(exchange, project)
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    # 8 hm² × 9,000 kg, and 2.5 hm² × (10,500 − 7,500) kg.
    expected = {LAND: "8.0000", PADDY: "2.5000", GRAIN: "79500.00", QUOTA: "0.0000"}
    assert shown["credits"] == expected
    assert shown["state"] == "ACCEPTED"
    assert {batch["indicator"]: batch["quantity"] for batch in shown["batches"]} == {
        name: quantity for name, quantity in expected.items() if name != QUOTA
    }
    assert shown["batches"][0]["quantity_mu"] == "120.0000"
    assert await balances(exchange) == expected
    assert (await officer.get(f"/v1/projects/{project}")).json() == shown


@pytest.mark.parametrize(
    ("given", "accepting", "reasons"),
    [
        ({"filing_no": None}, {}, ["not_filed"]),
        ({"filing_no": "五一一九"}, {}, ["not_filed"]),
        (
            {
                "started_on": "2016-12-31",
                "funds": [
                    {"source": "fiscal", "share": "0.999999"},
                    {"source": "new_construction_land_fee", "share": "0.000001"},
                ],
            },
            {},
            ["excluded_fund"],
        ),
        ({"kind": "orchard_or_forest"}, {}, ["needs_feasibility"]),
        (
            {"kind": "orchard_or_forest", "feasibility_reviewed": True},
            {"feasibility_reviewed": False},
            ["needs_feasibility"],
        ),
        (
            {
                "kind": "linkage",
                "surplus_as": "farmland",
                "parcels": [parcel("P1", use_before="construction")],
            },
            {},
            ["needs_recognition"],
        ),
        ({"design_grade": 9}, {}, ["grade_below_design"]),
        ({"parcels": [parcel("P1", "600.0001")]}, {}, ["needs_ecology_review"]),
        (
            {"filing_no": None, "design_grade": 9, "parcels": [parcel("P1", "601")]},
            {},
            ["grade_below_design", "needs_ecology_review", "not_filed"],
        ),
    ],
)
async def test_an_ineligible_project_gets_every_reason_and_stays_filed(
    exchange: Exchange, given: dict[str, Any], accepting: dict[str, Any], reasons: list[str]
) -> None:
    officer = await exchange.county(COUNTY)
    project = await filed(officer, **given)
    assert refused_for(await accept(exchange, project, **accepting), *reasons)
    shown = (await officer.get(f"/v1/projects/{project}")).json()
    assert (shown["state"], shown["batches"], shown["accepted_on"]) == ("FILED", [], None)
    assert set((await balances(exchange)).values()) == {"0.0000", "0.00"}


@pytest.mark.parametrize(
    ("given", "accepting"),
    [
        ({"parcels": [parcel("P1", "600.0000")]}, {}),
        ({"parcels": [parcel("P1", "600.0001")]}, {"ecology_reviewed": True}),
        ({"parcels": [parcel("P1", "400"), parcel("P2", "400")]}, {}),
        ({"kind": "orchard_or_forest"}, {"feasibility_reviewed": True}),
        ({"kind": "orchard_or_forest", "feasibility_reviewed": True}, {}),
    ],
)
async def test_the_reviews_that_the_province_made_let_a_project_pass(
    exchange: Exchange, given: dict[str, Any], accepting: dict[str, Any]
) -> None:
    project = await filed(await exchange.county(COUNTY), **given)
    answer = await accept(exchange, project, **accepting)
    assert answer.status_code == 201, answer.text


async def test_the_policies_of_the_acceptance_day_decide(exchange: Exchange) -> None:
    async def double_yields(connection: Any) -> None:
        # As a migration lays it: in force from the first instant of 2018-06-01 in China.
        await connection.execute(text("RESET ROLE"))
        await connection.execute(
            text(
                "INSERT INTO policy (name, value, starts_at, entered_at) SELECT 'yield_table', "
                "(SELECT jsonb_object_agg(key, value) FROM (SELECT g::text AS key, "
                "to_jsonb(((16 - g) * 3000)::text) AS value FROM generate_series(1, 15) AS g) AS t), "
                "timestamptz '2018-06-01 00:00:00+08', clock_timestamp()"
            )
        )
        await connection.execute(text("SET ROLE gengheng_runtime"))

    await exchange.database.transact(double_yields)
    officer = await exchange.county(COUNTY)
    day_before = await accept(exchange, await filed(officer), accepted_on="2018-05-31")
    assert day_before.json()["credits"][GRAIN] == "72000.00"
    that_day = await accept(exchange, await filed(officer), accepted_on="2018-06-01")
    assert that_day.json()["credits"][GRAIN] == "144000.00"


async def test_the_same_parcel_is_not_credited_as_new_farmland_twice(exchange: Exchange) -> None:
    officer = await exchange.county(COUNTY)
    first = await filed(officer, parcels=[parcel("P1")])
    second = await filed(officer, parcels=[parcel("P0"), parcel("P1")])
    assert (await accept(exchange, first)).status_code == 201
    before = await balances(exchange)
    answer = await accept(exchange, second)
    assert refused_for(answer, "parcel_claimed")
    assert answer.json()["facts"]["claimed_parcels"] == ["P1"]
    assert await balances(exchange) == before


async def test_a_parcel_number_of_another_county_is_another_parcel(exchange: Exchange) -> None:
    for county in (COUNTY, "511921"):
        officer = await exchange.county(county)
        body = project_body(county, parcels=[parcel("P1")])
        project = (await officer.post("/v1/projects", body)).json()["id"]
        assert (await accept(exchange, project)).status_code == 201


@pytest.mark.parametrize(
    ("grade_before", "grade_after", "use_after", "claimed"),
    [
        (10, 9, "dry_land", False),
        (10, 10, "paddy", False),
        (10, 9, "paddy", False),
        (12, 10, "dry_land", True),  # what it ends at is certified already
        (12, 9, "dry_land", True),  # the stretch from 12 to 10 would be paid again
        (12, 11, "dry_land", True),
        (10, 10, "dry_land", False),  # no upgrade, earns nothing
    ],
)
async def test_an_upgrade_must_lie_above_what_was_last_certified(
    exchange: Exchange, grade_before: int, grade_after: int, use_after: str, claimed: bool
) -> None:
    officer = await exchange.county(COUNTY)
    assert (await accept(exchange, await filed(officer, parcels=[parcel("P1")]))).status_code == 201
    upgrade = parcel(
        "P1",
        use_before="dry_land",
        grade_before=grade_before,
        use_after=use_after,
        grade_after=grade_after,
    )
    project = await filed(officer, kind="quality_upgrade", parcels=[upgrade])
    answer = await accept(exchange, project)
    if claimed:
        assert refused_for(answer, "parcel_claimed")
    else:
        assert answer.status_code == 201, answer.text
        again = await filed(officer, kind="quality_upgrade", parcels=[upgrade])
        is_upgrade = (grade_before, "dry_land") != (grade_after, use_after)
        twice = await accept(exchange, again)
        assert refused_for(twice, "parcel_claimed") if is_upgrade else twice.status_code == 201


async def test_a_linkage_surplus_is_quota_or_farmland_never_both(exchange: Exchange) -> None:
    officer = await exchange.county(COUNTY)
    built = [parcel("P1", "40.0000", use_before="construction")]
    linkage = {"kind": "linkage", "resettlement_area": "10.0000", "parcels": built}
    project = await filed(officer, **linkage, surplus_as="linkage_quota")
    answer = await accept(exchange, project, surplus_recognised=True)
    assert answer.json()["credits"] == {LAND: "0.0000", PADDY: "0.0000", GRAIN: "0.00", QUOTA: "30.0000"}
    again = await filed(officer, **linkage, surplus_as="farmland")
    assert refused_for(await accept(exchange, again, surplus_recognised=True), "parcel_claimed")


async def test_a_refused_filing_frees_its_number_for_a_corrected_one(exchange: Exchange) -> None:
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    project = await filed(officer, filing_no="51192220180777")
    taken = await officer.post("/v1/projects", project_body(COUNTY, filing_no="51192220180777"))
    assert (taken.status_code, taken.json()["code"]) == (409, "filing_no_taken")
    assert taken.json()["field"] == "filing_no"
    answer = await regulator.post(f"/v1/projects/{project}/refusal", {"reason": "面积不符"})
    assert (answer.status_code, answer.json()["state"]) == (201, "REFUSED")
    assert answer.json()["decision_reason"] == "面积不符"
    assert (await officer.post("/v1/projects", project_body(COUNTY, filing_no="51192220180777"))).is_success
    late = await accept(exchange, project)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")


async def test_an_accepted_project_is_neither_accepted_again_nor_refused(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    project = await filed(await exchange.county(COUNTY))
    assert (await accept(exchange, project)).status_code == 201
    before = await balances(exchange)
    again = await accept(exchange, project)
    refusal = await regulator.post(f"/v1/projects/{project}/refusal", {"reason": "x"})
    for answer in (again, refusal):
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert await balances(exchange) == before


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"funds": [{"source": "fiscal", "share": "0.99"}]}, "contradictory_papers", "funds"),
        ({"funds": []}, "contradictory_papers", "funds"),
        ({"parcels": []}, "contradictory_papers", "parcels"),
        ({"parcels": [parcel("P1", "0")]}, "contradictory_papers", "parcels.0.area"),
        (
            {"parcels": [parcel("P1"), parcel("P2", grade_after=None)]},
            "contradictory_papers",
            "parcels.1.grade_after",
        ),
        ({"parcels": [parcel("P1", grade_after=16)]}, "contradictory_papers", "parcels.0.grade_after"),
        ({"parcels": [parcel("P1"), parcel("P1")]}, "duplicate_parcel", "parcels.1.id"),
        (
            {"kind": "linkage", "parcels": [parcel("P1", use_before="construction")]},
            "contradictory_papers",
            "surplus_as",
        ),
        ({"resettlement_area": "1"}, "contradictory_papers", "resettlement_area"),
        ({"surplus_as": "farmland"}, "contradictory_papers", "surplus_as"),
        ({"filing_no": "51192120180001"}, "filing_no_of_another_county", "filing_no"),
        ({"parcels": [parcel("P1", "922337203685477.5808")]}, "bad_quantity", "parcels.0.area"),
        (
            {"parcels": [parcel("P1", "922337203685477"), parcel("P2", "922337203685477")]},
            "contradictory_papers",
            "parcels",
        ),
        ({"parcels": [parcel("P1", "1.23456")]}, "malformed", "parcels.0.area"),
        ({"parcels": [{**parcel("P1"), "area": 8}]}, "malformed", "parcels.0.area"),
        ({"parcels": [parcel("P 1")]}, "malformed", "parcels.0.id"),
        ({"kind": "road"}, "malformed", "kind"),
        ({"county": "511921"}, "malformed", "county"),
    ],
)
async def test_papers_that_contradict_themselves_are_refused_at_the_field_to_blame(
    exchange: Exchange, given: dict[str, Any], code: str, field: str
) -> None:
    officer = await exchange.county(COUNTY)
    answer = await officer.post("/v1/projects", project_body(COUNTY, **given))
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (422, code, field), problem
    assert (await officer.get("/v1/projects")).json()["items"] == []


async def test_all_contradictions_are_told_at_once(exchange: Exchange) -> None:
    officer = await exchange.county(COUNTY)
    answer = await officer.post("/v1/projects", project_body(COUNTY, funds=[], kind="linkage"))
    fields = [fault["field"] for fault in answer.json()["facts"]["faults"]]
    assert fields == ["funds", "parcels.0.use_before", "surplus_as"]


@pytest.mark.parametrize(
    ("accepted_on", "code"), [("2018-02-28", "contradictory_papers"), ("2999-01-01", "accepted_in_future")]
)
async def test_a_project_is_accepted_after_it_started_and_not_in_the_future(
    exchange: Exchange, accepted_on: str, code: str
) -> None:
    project = await filed(await exchange.county(COUNTY))
    answer = await accept(exchange, project, accepted_on=accepted_on)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["field"] == "accepted_on"


async def test_a_project_older_than_every_policy_is_judged_by_the_defaults(exchange: Exchange) -> None:
    project = await filed(await exchange.county(COUNTY), started_on="1900-01-01")
    answer = await accept(exchange, project, accepted_on="1900-01-01")
    assert (answer.status_code, answer.json()["accepted_on"]) == (201, "1900-01-01"), answer.text


async def test_a_credit_that_64_bits_can_not_count_is_refused(exchange: Exchange) -> None:
    project = await filed(await exchange.county(COUNTY), parcels=[parcel("P1", "922337203685477")])
    answer = await accept(exchange, project, ecology_reviewed=True)
    assert (answer.status_code, answer.json()["code"]) == (422, "credit_too_large")


async def test_a_county_sees_its_own_projects_and_decides_none(exchange: Exchange) -> None:
    officer, neighbour = await exchange.county(COUNTY), await exchange.county("511921")
    project = await filed(officer)
    assert (await neighbour.get(f"/v1/projects/{project}")).status_code == 404
    assert (await neighbour.get("/v1/projects", params={"county": COUNTY})).json()["items"] == []
    assert (await neighbour.get("/v1/projects")).json()["items"] == []
    for decision, body in (("acceptance", ACCEPTANCE), ("refusal", {"reason": "x"})):
        answer = await officer.post(f"/v1/projects/{project}/{decision}", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    regulator = await exchange.regulator()
    assert (await regulator.post("/v1/projects", project_body("510000"))).status_code == 403
    assert (await regulator.get(f"/v1/projects/{project}")).status_code == 200


@pytest.mark.parametrize("project", ["P0000009999", "P1", "L0000000001", "P00000000٠1"])
async def test_an_unknown_project_is_not_found(exchange: Exchange, project: str) -> None:
    regulator = await exchange.regulator()
    assert (await regulator.get(f"/v1/projects/{project}")).status_code in (404, 422)
    assert (await accept(exchange, project)).status_code in (404, 422)


async def test_projects_are_listed_in_pages_and_by_state(exchange: Exchange) -> None:
    officer = await exchange.county(COUNTY)
    made = [await filed(officer) for _ in range(5)]
    assert (await accept(exchange, made[2])).status_code == 201
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (
            await officer.get("/v1/projects", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made
    accepted = (await officer.get("/v1/projects", params={"state": "ACCEPTED"})).json()["items"]
    assert [(item["id"], item["area"], item["parcel_count"]) for item in accepted] == [(made[2], "8.0000", 1)]


async def test_shares_are_kept_exactly(exchange: Exchange) -> None:
    third = "0." + "3" * 38
    last = "0." + "3" * 37 + "4"
    funds = [{"source": source, "share": third} for source in ("fiscal", "financial")]
    funds.append({"source": "social_capital", "share": last})
    officer = await exchange.county(COUNTY)
    project = await filed(officer, funds=funds)
    assert (await officer.get(f"/v1/projects/{project}")).json()["funds"] == funds
    assert (await accept(exchange, project)).status_code == 201


async def test_the_same_acceptance_sent_twice_credits_once(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    project = await filed(await exchange.county(COUNTY))
    address = f"/v1/projects/{project}/acceptance"
    first = await regulator.post(address, ACCEPTANCE, key="once")
    second = await regulator.post(address, ACCEPTANCE, key="once")
    assert (second.status_code, second.content) == (201, first.content)
    assert (await balances(exchange))[LAND] == "8.0000"


async def test_the_storys_step_earns_what_is_wanted_and_nothing_else(exchange: Exchange) -> None:
    wanted = {LAND: "300.1234", PADDY: "2.0000", GRAIN: "300.00", QUOTA: "5.0000"}
    assert set(await credited(exchange, COUNTY, wanted)) == set(wanted)
    assert await balances(exchange) == wanted
