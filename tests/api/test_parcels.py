"""Parcels on the map over HTTP: measured, held against each other, never credited as new twice, shown."""

import json
from typing import Any

import httpx
import pytest

from tests.conftest import Client, Exchange
from tests.mapped import SOUTH, SQUARE_HM2, STEP, WEST, square
from tests.story import policy, project_body

COUNTY, NEIGHBOUR = "511922", "511921"
ACCEPTANCE = {"accepted_on": "2019-11-05", "accepting_body": "省自然资源厅"}


def parcel(id_: str, geometry: Any, area: str = SQUARE_HM2, **given: Any) -> dict[str, Any]:
    land = {"use_before": "unused", "use_after": "dry_land", "grade_after": 10}
    return {"id": id_, "area": area, "geometry": geometry, **land, **given}


def upgrade(id_: str, geometry: Any, before: int, after: int, area: str = SQUARE_HM2) -> dict[str, Any]:
    grades = {"use_before": "dry_land", "grade_before": before, "grade_after": after}
    return parcel(id_, geometry, area, **grades)


async def file(
    exchange: Exchange, *parcels: dict[str, Any], county: str = COUNTY, **given: Any
) -> httpx.Response:
    officer = await exchange.county(county)
    return await officer.post("/v1/projects", project_body(county, parcels=list(parcels), **given))


async def filed(exchange: Exchange, *parcels: dict[str, Any], county: str = COUNTY, **given: Any) -> str:
    answer = await file(exchange, *parcels, county=county, **given)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def decide(exchange: Exchange, project: str, decision: str, **given: Any) -> httpx.Response:
    regulator = await exchange.regulator()
    body = ACCEPTANCE if decision == "acceptance" else {"reason": "面积不符"}
    return await regulator.post(f"/v1/projects/{project}/{decision}", {**body, **given})


async def accepted(exchange: Exchange, project: str) -> None:
    answer = await decide(exchange, project, "acceptance")
    assert answer.status_code == 201, answer.text


def problem(answer: httpx.Response, status: int, code: str, field: str | None) -> dict[str, Any]:
    told = answer.json()
    assert (answer.status_code, told["code"], told.get("field")) == (status, code, field), told
    return dict(told["facts"] or {}) if "facts" in told else {}


async def test_a_mapped_parcel_is_measured_on_the_ellipsoid_and_shown_as_it_was_drawn(
    exchange: Exchange,
) -> None:
    project = await filed(exchange, parcel("P1", square(0, 0)), parcel("P2", None, "3.0000"))
    officer = await exchange.county(COUNTY)
    parcels = (await officer.get(f"/v1/projects/{project}")).json()["parcels"]
    assert [(each["mapped"], each["mapped_area"]) for each in parcels] == [(True, "1.0444"), (False, None)]
    answer = await officer.get(f"/v1/projects/{project}/parcels")
    assert answer.headers["content-type"] == "application/geo+json"
    shown = answer.json()
    assert (shown["type"], [each["id"] for each in shown["features"]]) == (
        "FeatureCollection",
        [f"{project}/P1", f"{project}/P2"],
    )
    assert [each["geometry"] for each in shown["features"]] == [square(0, 0), None]
    assert shown["features"][0]["properties"]["project_state"] == "FILED"
    again = await officer.get(
        f"/v1/projects/{project}/parcels", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304


async def test_a_hole_is_not_measured_and_several_polygons_are(exchange: Exchange) -> None:
    outer, hole = (square(*place)["coordinates"][0] for place in ((0, 0), (5, 5)))
    inner = square(0.25, 0.25, wide=0.5, high=0.5)["coordinates"][0]
    holed = {"type": "Polygon", "coordinates": [outer, inner]}
    two = {"type": "MultiPolygon", "coordinates": [[outer, inner], [hole]]}
    for at, (geometry, area) in enumerate(((holed, "0.7833"), (two, "1.8277"))):
        answer = await file(exchange, parcel(f"P{at}", geometry, area), county=(COUNTY, NEIGHBOUR)[at])
        if at == 0:
            assert answer.json()["parcels"][0]["mapped_area"] == area, answer.text
            assert (await decide(exchange, answer.json()["id"], "refusal")).status_code == 201
        else:
            assert answer.json()["parcels"][0]["mapped_area"] == area, answer.text


@pytest.mark.parametrize(
    ("area", "passes"), [("1.0548", True), ("1.0549", False), ("1.0340", True), ("1.0339", False)]
)
async def test_a_stated_area_may_be_off_the_polygons_by_the_policy_share(
    exchange: Exchange, area: str, passes: bool
) -> None:
    """The polygon has 1.0444 hm²: a hundredth of it is 104 m²."""
    answer = await file(exchange, parcel("P0", None, "1"), parcel("P1", square(0, 0), area))
    if passes:
        assert answer.status_code == 201, answer.text
        return
    facts = problem(answer, 422, "stated_area_off", "parcels.1.area")
    assert facts == {"tolerance": "0.01", "parcels": [{"parcel": "P1", "stated": area, "mapped": "1.0444"}]}


async def test_the_tolerances_are_those_of_the_filings_moment(exchange: Exchange) -> None:
    await policy(exchange, "parcel_area_tolerance", "0.5")
    await filed(exchange, parcel("P1", square(0, 0), "1.5"))
    await policy(exchange, "parcel_overlap_tolerance", "0.3000")
    # A quarter of a square, 0.2611 hm², is a sliver now.
    second = await filed(exchange, parcel("P2", square(0.5, 0.5)))
    await policy(exchange, "parcel_overlap_tolerance", "0.0010")
    await accepted(exchange, second)


def ring(*positions: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [list(positions)]}


A, B, C, D = [106.8, 32.3], [106.801, 32.3], [106.801, 32.301], [106.8, 32.301]


@pytest.mark.parametrize(
    ("geometry", "code", "where", "words"),
    [
        (ring(A, B, C, D), "bad_geometry", ".coordinates.0", "not closed"),
        (ring(A, B, A), "bad_geometry", ".coordinates.0", "at least four"),
        (ring(A, C, B, D, A), "bad_geometry", ".coordinates", "self-intersection"),
        (ring(A, B, A, A), "bad_geometry", ".coordinates", "not valid"),
        (ring(A, [32.3, 106.8], C, D, A), "bad_geometry", ".coordinates.0.1", "longitude comes first"),
        (ring(A, [36500000.5, 3570000.5], C, D, A), "bad_geometry", ".coordinates.0.1", "metres"),
        (ring(A, [206.8, 32.3], C, D, A), "bad_geometry", ".coordinates.0.1", "outside China"),
        (ring(A, [106.801, 32.3, 500.0], C, D, A), "bad_geometry", ".coordinates.0.1", "heights"),
        (ring(A, ["106.801", "32.3"], C, D, A), "bad_geometry", ".coordinates.0.1", "JSON numbers"),
        (ring(A, [True, 32.3], C, D, A), "bad_geometry", ".coordinates.0.1", "JSON numbers"),
        (ring(A, None, C, D, A), "bad_geometry", ".coordinates.0.1", "JSON numbers"),
        ({"type": "Polygon", "coordinates": []}, "malformed", ".coordinates", "at least one"),
        ({"type": "Polygon", "coordinates": [7]}, "bad_geometry", ".coordinates.0", "ring is a list"),
        ({"type": "MultiPolygon", "coordinates": [[]]}, "bad_geometry", ".coordinates.0", "one ring"),
        (
            {"type": "MultiPolygon", "coordinates": [square(0, 0)["coordinates"]] * 2},
            "bad_geometry",
            ".coordinates",
            "not valid",
        ),
        (
            {"type": "Polygon", "coordinates": [*square(0, 0)["coordinates"], *square(2, 2)["coordinates"]]},
            "bad_geometry",
            ".coordinates",
            "hole lies outside shell",
        ),
        ({"type": "Point", "coordinates": A}, "malformed", ".type", "Polygon"),
        ({"type": "Polygon"}, "malformed", ".coordinates", "required"),
        ({**square(0, 0), "crs": "EPSG:4326"}, "malformed", ".crs", "not known"),
        (square(0, 0, wide=0.000001, high=0.000001), "bad_geometry", ".coordinates", "half a square metre"),
        (
            ring(*([106.8 + at * 1e-6, 32.3] for at in range(2_000)), [106.8, 32.4], [106.8, 32.3]),
            "bad_geometry",
            ".coordinates.0",
            "at most 2000 points",
        ),
        (square(0, 0)["coordinates"], "malformed", "", "JSON object"),
    ],
)
async def test_a_polygon_that_can_not_be_is_refused_at_the_place_to_blame(
    exchange: Exchange, geometry: Any, code: str, where: str, words: str
) -> None:
    answer = await file(exchange, parcel("P0", None, "1"), parcel("P1", geometry))
    told = answer.json()
    assert (answer.status_code, told["code"], told["field"]) == (422, code, f"parcels.1.geometry{where}"), (
        told
    )
    assert words in told["detail"], told


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
async def test_a_coordinate_that_is_no_number_is_refused(exchange: Exchange, number: str) -> None:
    officer = await exchange.county(COUNTY)
    drawn = json.dumps(project_body(COUNTY, parcels=[parcel("P1", ring([0.125, 32.3]))]))
    body = drawn.replace("0.125", number)
    answer = await officer.request(
        "POST", "/v1/projects", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.json()["code"] in ("unparsable_json", "number_too_large"), answer.text


async def test_no_other_field_takes_a_number_with_a_point(exchange: Exchange) -> None:
    for given in ({"grade_after": 10.0}, {"area": 1.0445}):
        answer = await file(exchange, {**parcel("P1", square(0, 0)), **given})
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed"), answer.text


async def test_parcels_of_one_project_may_touch_and_not_overlap(exchange: Exchange) -> None:
    await filed(exchange, parcel("P1", square(0, 0)), parcel("P2", square(1, 0)))
    answer = await file(exchange, parcel("Q1", square(5, 5)), parcel("Q2", square(5.5, 5.5)))
    facts = problem(answer, 422, "own_parcels_overlap", "parcels.1.geometry")
    assert facts["overlaps"] == [{"parcel": "Q1", "other_parcel": "Q2", "area": "0.2611"}]


async def test_land_that_another_project_makes_farmland_is_refused_with_the_area_and_the_filing(
    exchange: Exchange,
) -> None:
    first = await filed(exchange, parcel("P1", square(0, 0)), county=NEIGHBOUR, filing_no="51192120180009")
    answer = await file(exchange, parcel("Q0", square(9, 9)), parcel("Q1", square(0.5, 0.5)))
    facts = problem(answer, 409, "parcel_overlaps", "parcels.1.geometry")
    assert facts["overlaps"] == [
        {
            "parcel": "Q1",
            "area": "0.2611",
            "project": first,
            "filing_no": "51192120180009",
            "county": NEIGHBOUR,
            "other_parcel": "P1",
        }
    ]
    for words in ("0.2611 hm²", "51192120180009", "P1", "Q1"):
        assert words in answer.json()["detail"]
    officer = await exchange.county(COUNTY)
    assert (await officer.get("/v1/projects")).json()["items"] == []


async def test_a_sliver_is_none_and_a_refused_project_frees_its_land(exchange: Exchange) -> None:
    first = await filed(exchange, parcel("P1", square(0, 0)))
    # 10 m² of the square's 10,444 are tolerated: strips of 0.00096 and 0.0011 of it are 10 m² and 11 m².
    assert (await file(exchange, parcel("P2", square(0.99904, 0)))).status_code == 201
    assert (await file(exchange, parcel("P3", square(-0.9989, 0)))).status_code == 409
    assert (await file(exchange, parcel("P4", square(0, 0.5)))).status_code == 409
    assert (await decide(exchange, first, "refusal")).status_code == 201
    assert (await file(exchange, parcel("P5", square(-0.5, 0)))).status_code == 201


async def test_land_credited_as_new_stays_taken_once_it_is_accepted(exchange: Exchange) -> None:
    await accepted(exchange, await filed(exchange, parcel("P1", square(0, 0))))
    problem(await file(exchange, parcel("Q1", square(0, 0))), 409, "parcel_overlaps", "parcels.0.geometry")


async def test_an_upgrade_lies_above_what_is_certified_of_the_land_whatever_its_number(
    exchange: Exchange,
) -> None:
    """Dry land of grade 10 is certified of the square; the upgrades lie on a quarter of it."""
    await accepted(exchange, await filed(exchange, parcel("P1", square(0, 0))))
    for before, after in ((12, 10), (11, 9)):
        answer = await file(exchange, upgrade("Q1", square(0.5, 0.5), before, after), kind="quality_upgrade")
        problem(answer, 409, "parcel_overlaps", "parcels.0.geometry")
    above = await filed(exchange, upgrade("Q2", square(0.5, 0.5), 10, 9), kind="quality_upgrade")
    twin = await filed(
        exchange, upgrade("Q3", square(0.5, 0), 10, 9), kind="quality_upgrade", county=NEIGHBOUR
    )
    await accepted(exchange, above)
    # Between its filing and its acceptance the land was certified above its start.
    answer = await decide(exchange, twin, "acceptance")
    facts = problem(answer, 422, "project_ineligible", None)
    assert (facts["reasons"], facts["claimed_parcels"]) == (["parcel_claimed"], ["Q3"])
    assert [(each["other_parcel"], each["area"]) for each in facts["overlaps"]] == [("Q2", "0.5222")]
    shown = await (await exchange.county(NEIGHBOUR)).get(f"/v1/projects/{twin}")
    assert shown.json()["state"] == "FILED"


async def test_land_certified_as_farmland_by_an_upgrade_is_not_new(exchange: Exchange) -> None:
    improved = await filed(exchange, upgrade("P1", square(0, 0), 10, 9), kind="quality_upgrade")
    new = await filed(exchange, parcel("Q1", square(0.5, 0.5)))
    await accepted(exchange, improved)
    facts = problem(await decide(exchange, new, "acceptance"), 422, "project_ineligible", None)
    assert (facts["reasons"], facts["overlaps"][0]["other_parcel"]) == (["parcel_claimed"], "P1")


async def test_touching_parcels_of_unused_land_are_one_piece_on_the_map(exchange: Exchange) -> None:
    """Two of a hundred-square strip, 104 hm² each, against a review area of 200 hm²."""
    await policy(exchange, "unused_land_review_area", "200.0000")
    today = (await exchange.now()).date().isoformat()
    strip = {"wide": 100, "high": 1}

    def strips(offset: float) -> list[dict[str, Any]]:
        return [
            parcel("P1", square(0, offset, **strip), "104.4000"),
            parcel("P2", square(0, offset + 1, **strip), "104.4000"),
            parcel("P3", square(0, offset + 5, **strip), "104.4000"),
            parcel("P4", None, "104.4000"),
        ]

    project = await filed(exchange, *strips(0))
    await exchange.advance(days=2)
    day = (await exchange.now()).date().isoformat()
    assert day > today
    facts = problem(
        await decide(exchange, project, "acceptance", accepted_on=day), 422, "project_ineligible", None
    )
    assert (facts["reasons"], facts["unreviewed_parcels"]) == (["needs_ecology_review"], ["P1", "P2"])
    reviewed = await decide(exchange, project, "acceptance", accepted_on=day, ecology_reviewed=True)
    assert reviewed.status_code == 201, reviewed.text


async def on_map(client: Client, bbox: str, **given: Any) -> dict[str, Any]:
    answer = await client.get("/v1/map/parcels", params={"bbox": bbox, **given})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    return dict(answer.json())


def window(west: float, south: float, east: float, north: float) -> str:
    return ",".join(
        str(each)
        for each in (WEST + west * STEP, SOUTH + south * STEP, WEST + east * STEP, SOUTH + north * STEP)
    )


async def test_the_one_map_shows_a_window_in_pages_an_officer_its_own_county(exchange: Exchange) -> None:
    own = await filed(exchange, *(parcel(f"P{at}", square(at, 0)) for at in range(4)))
    other = await filed(exchange, parcel("Q1", square(1, 1)), county=NEIGHBOUR)
    gone = await filed(exchange, parcel("R1", square(2, 2)))
    assert (await decide(exchange, gone, "refusal")).status_code == 201
    regulator, officer = await exchange.regulator(), await exchange.county(COUNTY)
    area = window(0.1, 0.1, 2.9, 2.9)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await on_map(regulator, area, limit=2, **cursor)
        seen += [feature["id"] for feature in page["features"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [f"{own}/P0", f"{own}/P1", f"{own}/P2", f"{other}/Q1"]
    shown = await on_map(officer, area)
    assert [feature["id"] for feature in shown["features"]] == seen[:3]


@pytest.mark.parametrize(
    "bbox",
    [
        "1,2,3",
        "a,b,c,d",
        "106.9,32.3,106.8,32.4",
        "nan,1,2,3",
        "0,0,200,1",
        "1,1,1,1",
        "１０６,32,107,33",
        "1_06,32,107,33",
    ],
)
async def test_a_window_that_is_none_is_refused(exchange: Exchange, bbox: str) -> None:
    answer = await (await exchange.regulator()).get("/v1/map/parcels", params={"bbox": bbox})
    problem(answer, 422, "bad_bbox", "bbox")


async def test_another_countys_parcels_are_not_found(exchange: Exchange) -> None:
    project = await filed(exchange, parcel("P1", square(0, 0)))
    stranger = await exchange.county(NEIGHBOUR)
    for number in (project, "P0000009999"):
        assert (await stranger.get(f"/v1/projects/{number}/parcels")).status_code == 404
