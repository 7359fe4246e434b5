"""Commitments in a year's assessment: promised, met, missed and made good, by both ways to the figures."""

from typing import Any

from app.market.indicators import Indicator
from app.sealing.keys import Keys
from tests import story
from tests.api.test_assessments import CITY, LAND, PROVINCE, SELLER, assessment, figures, this_year, unit
from tests.conftest import Exchange
from tests.promised import accept, active, fallen_due, filed_project
from tests.services.test_assessment_replay import differences, verified

GRAIN = Indicator.GRAIN_CAPACITY
COUNTY = "510104"
NAMES = ("occupied", "uncovered", "promised", "written_off_at_due", "deficit", "closing")


async def own(exchange: Exchange, code: str = SELLER) -> dict[str, Any]:
    """A jurisdiction's present year, after making sure that the other books tell the same of it."""
    year = await this_year(exchange)
    assert await differences(exchange) == await verified(exchange) == []
    return dict(unit(await assessment(await exchange.regulator(), year), code)["own"])


async def promised(exchange: Exchange, applicant: str, county: str, earned: str) -> tuple[str, str, str]:
    """An application for 10 hm² that rests on a commitment; its id, the commitment's, and the project's."""
    await story.credited(exchange, applicant, {GRAIN: "15000.00"})
    application = await story.filed_application(exchange, applicant, {LAND: "10.0000"})
    project = await filed_project(exchange, county, LAND, earned)
    commitment = await active(exchange, applicant, application, project, {LAND: "10.0000"}, days=2)
    officer = await exchange.county(applicant)
    written = await officer.post(f"/v1/land-applications/{application}/write-off")
    assert written.status_code == 201, written.text
    return application, commitment, project


async def test_a_promise_covers_what_is_occupied_until_it_is_missed_and_until_that_is_made_good(
    exchange: Exchange, keys: Keys
) -> None:
    _, commitment, project = await promised(exchange, SELLER, SELLER, "9.5000")
    running = await own(exchange)
    assert figures(running, LAND, *NAMES) == ["10.0000", "0.0000", "10.0000", "0.0000", "0.0000", "0.0000"]
    assert running["result"] == "PASS"
    assert {remark["code"] for remark in running["remarks"]} == {"promised", "drawn_from_stock"}
    await accept(exchange, project)
    assert figures(await own(exchange), LAND, "supplemented", "closing") == ["9.5000", "9.5000"]

    ended = await fallen_due(exchange, keys, commitment)
    missed = await own(exchange)
    assert figures(missed, LAND, *NAMES[2:]) == ["0.0000", "9.5000", "0.5000", "0.0000"]
    assert missed["commitments"] == {"due": 1, "met": 0, "defaulted": 1, "made_good": 0}
    assert missed["result"] == "FAIL"
    (reason,) = missed["reasons"]
    assert (reason["code"], reason["figure"]) == ("deficit_open", "0.5000")
    assert "commitment_defaulted" in {remark["code"] for remark in missed["remarks"]}

    await story.credited(exchange, SELLER, {LAND: "0.5000"})
    county = await exchange.county(SELLER)
    answer = await county.post(f"/v1/obligations/{ended['obligation']}/discharge")
    assert answer.status_code == 201, answer.text
    good = await own(exchange)
    assert good["result"] == "PASS"
    assert figures(good, LAND, "deficit", "discharged") == ["0.0000", "0.5000"]
    assert good["commitments"] == {"due": 1, "met": 0, "defaulted": 1, "made_good": 1}


async def test_a_promise_that_is_kept_is_met(exchange: Exchange, keys: Keys) -> None:
    _, commitment, project = await promised(exchange, SELLER, SELLER, "10.0000")
    await accept(exchange, project)
    await fallen_due(exchange, keys, commitment)
    kept = await own(exchange)
    assert kept["commitments"] == {"due": 1, "met": 1, "defaulted": 0, "made_good": 0}
    assert figures(kept, LAND, "written_off_at_due", "promised", "deficit") == ["10.0000", "0.0000", "0.0000"]
    assert kept["result"] == "PASS"


async def test_what_was_written_off_for_a_refused_applications_commitment_comes_back(
    exchange: Exchange, keys: Keys
) -> None:
    application, commitment, project = await promised(exchange, SELLER, SELLER, "9.5000")
    await accept(exchange, project)
    await fallen_due(exchange, keys, commitment)
    await refused(exchange, application)
    after = await own(exchange)
    assert figures(after, LAND, "written_off_at_due", "given_back", "deficit", "closing") == [
        "9.5000", "9.5000", "0.0000", "9.5000"
    ]  # fmt: skip
    assert after["result"] == "PASS"


async def refused(exchange: Exchange, application: str) -> None:
    answer = await (await exchange.regulator()).post(
        f"/v1/land-applications/{application}/decision", {"decision": "refuse", "reason": "选址不符"}
    )
    assert answer.status_code == 201, answer.text


async def test_a_citys_earmark_is_its_own_until_it_goes_back_to_the_county(exchange: Exchange) -> None:
    application, _, project = await promised(exchange, CITY, COUNTY, "12.0000")
    await accept(exchange, project)
    city, county = await own(exchange, CITY), await own(exchange, COUNTY)
    assert figures(city, LAND, "supplemented", "closing") == ["10.0000", "10.0000"]
    assert figures(county, LAND, "supplemented", "closing") == ["2.0000", "2.0000"]
    await refused(exchange, application)
    city, county = await own(exchange, CITY), await own(exchange, COUNTY)
    assert figures(city, LAND, "supplemented", "closing") == ["0.0000", "0.0000"]
    assert figures(county, LAND, "supplemented", "closing") == ["12.0000", "12.0000"]
    whole = await assessment(await exchange.regulator(), await this_year(exchange))
    assert figures(unit(whole, PROVINCE)["total"], LAND, "supplemented") == ["12.0000"]
