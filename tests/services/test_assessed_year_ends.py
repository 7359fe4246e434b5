"""A year's assessment counts what stood as it ended, whatever came afterwards, and each thing once."""

from datetime import date

from app.market.indicators import Indicator
from app.sealing.keys import Keys
from app.services.days import day_of
from app.worker import do_due
from tests import story
from tests.api.test_assessments import LAND, OTHER, SELLER, assessment, figures, this_year, unit
from tests.api.test_assessments import until_the_next_year as next_year
from tests.api.test_filing_duty import COUNTY, of_old, reverify
from tests.api.test_filing_duty import accepted as accepted_of_old
from tests.api.test_voidings import bought, listed, refused, used
from tests.conftest import Exchange
from tests.promised import active, fallen_due, filed_project
from tests.services.test_assessed_commitments import own, promised
from tests.supervised import project_of, voided

PADDY, GRAIN = Indicator.PADDY_AREA, Indicator.GRAIN_CAPACITY
COUNTS = ("due", "met", "defaulted", "made_good")


async def counts(exchange: Exchange, year: int) -> list[int]:
    told = unit(await assessment(await exchange.regulator(), year), SELLER)["own"]["commitments"]
    return [told[name] for name in COUNTS]


async def test_what_a_re_verification_credits_is_supplemented(exchange: Exchange) -> None:
    project = await of_old(exchange)
    await accepted_of_old(exchange, project)
    assert (await reverify(exchange, project)).status_code == 201
    told = await own(exchange, COUNTY)
    assert figures(told, PADDY, "supplemented", "closing") == ["10.5000", "10.5000"]
    assert figures(told, GRAIN, "supplemented", "closing") == ["87750.00", "87750.00"]


async def test_a_commitment_due_on_new_years_eve_is_due_in_one_year_only(
    exchange: Exchange, keys: Keys
) -> None:
    year = await this_year(exchange)
    days = (date(year, 12, 31) - day_of(await exchange.now())).days
    application = await story.filed_application(exchange, SELLER, {LAND: "1.0000"})
    project = await filed_project(exchange, SELLER, LAND, "1.0000")
    await active(exchange, SELLER, application, project, {LAND: "1.0000"}, days=days)
    await next_year(exchange)
    await do_due(exchange.database, keys)
    assert [(await counts(exchange, each))[0] for each in (year, year + 1)] == [1, 0]


async def test_an_application_withdrawn_after_the_years_end_leaves_its_deficit_where_it_was(
    exchange: Exchange, keys: Keys
) -> None:
    year = await this_year(exchange)
    application, commitment, _ = await promised(exchange, SELLER, SELLER, "10.0000")
    await fallen_due(exchange, keys, commitment)
    await next_year(exchange)
    await refused(exchange, application)
    regulator = await exchange.regulator()
    before = unit(await assessment(regulator, year), SELLER)["own"]
    after = unit(await assessment(regulator, year + 1), SELLER)["own"]
    assert (before["result"], figures(before, LAND, "deficit")) == ("FAIL", ["10.0000"])
    assert (after["result"], figures(after, LAND, "deficit")) == ("PASS", ["0.0000"])


async def test_what_was_made_good_in_a_year_stays_so_when_its_application_ends_later(
    exchange: Exchange, keys: Keys
) -> None:
    year = await this_year(exchange)
    application, commitment, _ = await promised(exchange, SELLER, SELLER, "10.0000")
    obligation = (await fallen_due(exchange, keys, commitment))["obligation"]
    await story.credited(exchange, SELLER, {LAND: "10.0000"})
    officer = await exchange.county(SELLER)
    assert (await officer.post(f"/v1/obligations/{obligation}/discharge")).status_code == 201
    await next_year(exchange)
    await refused(exchange, application)
    told = unit(await assessment(await exchange.regulator(), year), SELLER)["own"]
    assert (told["result"], figures(told, LAND, "deficit")) == ("PASS", ["0.0000"])
    assert await counts(exchange, year) == [1, 0, 1, 1]
    assert await counts(exchange, year + 1) == [0, 0, 0, 0]


async def test_what_came_back_of_a_fraud_after_the_years_end_was_owed_as_it_ended(
    exchange: Exchange,
) -> None:
    """4 hm² used and 2 sold; in the next year 4 come back, then the rest is replaced."""
    year = await this_year(exchange)
    await story.band(exchange, LAND)
    await story.sold_by(exchange, LAND, "market")
    batch = (await story.credited(exchange, SELLER, {LAND: "10.0000"}))[LAND]
    sold = await bought(exchange, await listed(exchange, SELLER, batch, "2.0000"), "2.0000", OTHER)
    await story.settled(exchange, sold)
    application = await used(exchange, SELLER, "4.0000")
    shown = await voided(exchange, await project_of(exchange, batch))
    await next_year(exchange)
    await refused(exchange, application)
    regulator = await exchange.regulator()

    async def owed(each: int) -> list[str]:
        return figures(unit(await assessment(regulator, each), SELLER)["own"], LAND, "owed")

    assert await owed(year) == ["6.0000"]
    assert await owed(year + 1) == ["2.0000"]
    await story.credited(exchange, SELLER, {LAND: "2.0000"})
    officer = await exchange.county(SELLER)
    discharge = f"/v1/obligations/{shown['voiding']['obligation_id']}/discharge"
    assert (await officer.post(discharge)).status_code == 201
    assert await owed(year) == ["6.0000"]
    assert await owed(year + 1) == ["0.0000"]
