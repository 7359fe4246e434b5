"""Races for land: of simultaneous filings of the same land one passes, whatever its parcels are called."""

import asyncio

import httpx

from tests.conftest import Exchange
from tests.mapped import SQUARE_HM2, square
from tests.story import project_body

COUNTIES = ("511922", "511921", "511923", "511902", "511903")
LAND = {"area": SQUARE_HM2, "use_before": "unused", "use_after": "dry_land", "grade_after": 10}


async def test_of_ten_simultaneous_filings_of_the_same_land_exactly_one_passes(
    live_exchange: Exchange,
) -> None:
    officers = {county: await live_exchange.county(county) for county in COUNTIES}

    async def file(turn: int, place: int) -> httpx.Response:
        county = COUNTIES[place % len(COUNTIES)]
        # Each lies a twentieth of a square beside the last, so that all have land in common.
        geometry = square(10 * turn + place / 20, 0)
        parcels = [{"id": f"{turn}-{place}", "geometry": geometry, **LAND}]
        return await officers[county].post("/v1/projects", project_body(county, parcels=parcels))

    for turn in range(3):
        answers = await asyncio.gather(*(file(turn, place) for place in range(10)))
        assert sorted(answer.status_code for answer in answers) == [201, *[409] * 9], turn
        (winner,) = (answer.json() for answer in answers if answer.status_code == 201)
        for loser in (answer.json() for answer in answers if answer.status_code == 409):
            assert loser["code"] == "parcel_overlaps"
            assert [each["project"] for each in loser["facts"]["overlaps"]] == [winner["id"]]


async def test_two_upgrades_of_one_piece_of_land_are_paid_once(live_exchange: Exchange) -> None:
    """In two counties, whose registers of certified land are held apart: the map is held for both."""
    regulator = await live_exchange.regulator()
    for turn in range(3):
        projects = []
        for county in COUNTIES[:2]:
            upgrade = {**LAND, "use_before": "dry_land", "grade_before": 10, "grade_after": 9}
            parcels = [{"id": f"U{turn}", "geometry": square(0, 10 * turn), **upgrade}]
            officer = await live_exchange.county(county)
            answer = await officer.post(
                "/v1/projects", project_body(county, kind="quality_upgrade", parcels=parcels)
            )
            assert answer.status_code == 201, answer.text
            projects.append(answer.json()["id"])
        answers = await asyncio.gather(
            *(
                regulator.post(
                    f"/v1/projects/{project}/acceptance",
                    {"accepted_on": "2019-11-05", "accepting_body": "厅"},
                )
                for project in projects
            )
        )
        assert sorted(answer.status_code for answer in answers) == [201, 422]
        loser = next(answer.json() for answer in answers if answer.status_code == 422)
        assert loser["facts"]["reasons"] == ["parcel_claimed"]
