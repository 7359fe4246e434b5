"""Upkeep over HTTP: named for accepted projects, reported once a year, and missed where it is not."""

from typing import Any

import httpx
import pytest

from tests.conftest import Exchange
from tests.story import project_body

COUNTY, NEIGHBOUR = "511922", "511921"
NAMED = {"body": "南江县某镇人民政府", "until": "2035-12-31"}
REPORT = {"in_good_order": True, "found": "耕种正常"}


async def filed(exchange: Exchange, county: str = COUNTY) -> str:
    officer = await exchange.county(county)
    return str((await officer.post("/v1/projects", project_body(county))).json()["id"])


async def accepted(exchange: Exchange, county: str = COUNTY, years_ago: int = 3) -> str:
    project, regulator = await filed(exchange, county), await exchange.regulator()
    day = f"{(await exchange.now()).year - years_ago}-06-01"
    answer = await regulator.post(
        f"/v1/projects/{project}/acceptance", {"accepted_on": day, "accepting_body": "省自然资源厅"}
    )
    assert answer.status_code == 201, answer.text
    return project


async def post(exchange: Exchange, project: str, what: str, body: dict[str, Any]) -> httpx.Response:
    officer = await exchange.county(COUNTY)
    return await officer.post(f"/v1/projects/{project}/{what}", body)


async def missing(exchange: Exchange, county: str | None = None) -> list[tuple[str, int, str | None]]:
    reader = await exchange.county(county) if county else await exchange.regulator()
    seen, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await reader.get("/v1/upkeep/missing", params=params)).json()
        seen += [(each["project"], each["year"], each["body"]) for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return seen


async def test_years_without_a_report_are_missed_until_it_comes(exchange: Exchange) -> None:
    this_year = (await exchange.now()).year
    project = await accepted(exchange)
    other = await accepted(exchange, NEIGHBOUR, years_ago=2)
    unnamed = [(project, this_year - 2, None), (project, this_year - 1, None)]
    assert await missing(exchange) == [*unnamed, (other, this_year - 1, None)]
    assert await missing(exchange, COUNTY) == unnamed
    assert (await post(exchange, project, "upkeep", NAMED)).status_code == 201
    answer = await post(exchange, project, "upkeep-reports", {**REPORT, "year": this_year - 1})
    assert answer.status_code == 201, answer.text
    assert [each["year"] for each in answer.json()["reports"]] == [this_year - 1]
    assert await missing(exchange, COUNTY) == [(project, this_year - 2, NAMED["body"])]
    again = await post(exchange, project, "upkeep-reports", {**REPORT, "year": this_year - 1})
    assert (again.status_code, again.json()["code"]) == (409, "upkeep_reported")


async def test_the_latest_naming_counts_and_ends_the_duty(exchange: Exchange) -> None:
    project = await accepted(exchange, years_ago=1)
    assert (await post(exchange, project, "upkeep", NAMED)).status_code == 201
    until = (await exchange.now()).date().isoformat()
    later = await post(exchange, project, "upkeep", {"body": "某合作社", "until": until})
    assert (later.json()["body"], later.json()["until"]) == ("某合作社", until)
    await exchange.advance(days=800)
    this_year = int(until[:4])
    assert await missing(exchange, COUNTY) == [(project, this_year, "某合作社")]
    officer = await exchange.county(COUNTY)
    assert (await officer.get(f"/v1/projects/{project}/upkeep")).json() == later.json()


@pytest.mark.parametrize("shift", [-4, 1])
async def test_a_year_without_upkeep_is_not_reported(exchange: Exchange, shift: int) -> None:
    project = await accepted(exchange)
    assert (await post(exchange, project, "upkeep", NAMED)).status_code == 201
    year = (await exchange.now()).year + shift
    answer = await post(exchange, project, "upkeep-reports", {**REPORT, "year": year})
    told = answer.json()
    assert (answer.status_code, told["code"], told["field"]) == (422, "year_outside_upkeep", "year")


async def test_upkeep_begins_with_the_acceptance_and_is_named_before_it_is_reported(
    exchange: Exchange,
) -> None:
    project = await filed(exchange)
    for what, body in (("upkeep", NAMED), ("upkeep-reports", {**REPORT, "year": 2020})):
        answer = await post(exchange, project, what, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "not_accepted")
    project = await accepted(exchange)
    answer = await post(exchange, project, "upkeep-reports", {**REPORT, "year": 2020})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_upkeep")
    answer = await post(exchange, project, "upkeep", {**NAMED, "until": "2019-01-01"})
    assert (answer.status_code, answer.json()["code"]) == (422, "upkeep_in_past")
    stranger = await exchange.county(NEIGHBOUR)
    assert (await stranger.post(f"/v1/projects/{project}/upkeep", NAMED)).status_code == 403
    assert (await stranger.get(f"/v1/projects/{project}/upkeep")).status_code == 404
