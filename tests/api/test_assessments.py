"""Yearly assessment (年度考核): stocks and movements from the ledger, sums, and who passes (RULES 12)."""

import hashlib
import io
import json
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

import openpyxl
import pypdfium2
import pytest
from sqlalchemy import text

from app.market.access import Role
from app.market.indicators import Indicator
from app.market.write_offs import draw
from app.routers.assessments import AssessmentView
from app.services import write_offs
from app.services.days import CHINA, day_of
from app.store import clock
from app.store.database import Connection
from tests import story
from tests.awarded import Sale, awarded
from tests.conftest import Client, Exchange
from tests.owed import owing

LAND, PADDY = Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA
PROVINCE, CITY, SELLER, OTHER = "510000", "510100", "511922", "511921"


async def this_year(exchange: Exchange) -> int:
    return day_of(await exchange.now()).year


async def assessment(client: Client, year: int, code: str | None = None) -> dict[str, Any]:
    """A year's assessment, of everybody or of one and those that belong to it."""
    answer = await client.get(f"/v1/assessments/{year}" + (f"/{code}" if code else ""))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def unit(year: dict[str, Any], code: str) -> dict[str, Any]:
    (found,) = [each for each in year["units"] if each["code"] == code]
    return dict(found)


def figures(assessed: dict[str, Any], indicator: Indicator, *names: str) -> list[str]:
    (found,) = [each for each in assessed["indicators"] if each["indicator"] == indicator]
    return [found[name] for name in names]


MOVED = ("opening", "supplemented", "bought", "sold", "closing")


async def test_what_was_credited_and_traded_in_the_year_leads_from_opening_to_closing(
    exchange: Exchange,
) -> None:
    trade = await awarded(exchange, CITY, [Sale(SELLER, 50_000, kept=10_000), Sale(OTHER, 20_000)])
    settled = await story.settled(exchange, trade)
    year = await assessment(await exchange.regulator(), await this_year(exchange))

    own = {code: unit(year, code)["own"] for code in (CITY, SELLER, OTHER)}
    assert figures(own[SELLER], LAND, *MOVED) == ["0.0000", "6.0000", "0.0000", "5.0000", "1.0000"]
    assert figures(own[OTHER], LAND, *MOVED) == ["0.0000", "2.0000", "0.0000", "2.0000", "0.0000"]
    assert figures(own[CITY], LAND, *MOVED) == ["0.0000", "0.0000", "7.0000", "0.0000", "7.0000"]
    assert own[CITY]["money"]["paid"] == settled["amount"] == "2100000.00"
    assert own[SELLER]["money"]["received"] == "1500000.00"
    province = unit(year, PROVINCE)["total"]
    assert figures(province, LAND, *MOVED) == ["0.0000", "8.0000", "7.0000", "7.0000", "8.0000"]
    assert province["money"]["paid"] == province["money"]["received"] == "2100000.00"
    assert {each["own"]["result"] for each in year["units"]} == {"PASS"}


async def written_off(
    exchange: Exchange, reserve: str, reference: str, required: Mapping[Indicator, int]
) -> None:
    """Write off for an application, a commitment or an obligation, as their services do."""

    async def work(connection: Connection) -> None:
        draws = draw(await write_offs.hold(connection, reserve, required), required)
        assert not draws.missing
        await write_offs.write_off(
            connection,
            reserve=reserve,
            reference=reference,
            taken=draws.taken,
            at=await clock.now(connection),
            actor=reserve,
        )

    await exchange.database.transact(work)


async def given_back(exchange: Exchange, reference: str) -> None:
    async def work(connection: Connection) -> None:
        at = await clock.now(connection)
        assert await write_offs.reverse(connection, reference=reference, at=at, actor=PROVINCE) is not None

    await exchange.database.transact(work)


async def until_the_next_year(exchange: Exchange, *, hours: float = 2) -> None:
    """Move the clock into the next year in China."""
    now = await exchange.now()
    starts_at = datetime.combine(date(day_of(now).year + 1, 1, 1), time(), tzinfo=CHINA)
    await exchange.advance(seconds=(starts_at - now).total_seconds() + 3600 * hours)


async def test_write_offs_are_told_apart_by_what_they_are_for(exchange: Exchange) -> None:
    await story.credited(exchange, SELLER, {LAND: "20.0000"})
    await written_off(exchange, SELLER, "F0000000001", {LAND: 5_0000})
    await written_off(exchange, SELLER, "F0000000002", {LAND: 1_0000})
    await written_off(exchange, SELLER, "K0000000001", {LAND: 2_0000})
    await written_off(exchange, SELLER, "O0000000001", {LAND: 3_0000})
    await given_back(exchange, "F0000000002")
    county = await exchange.county(SELLER)
    own = unit(await assessment(county, await this_year(exchange), SELLER), SELLER)["own"]
    assert figures(own, LAND, "written_off", "given_back", "written_off_at_due", "discharged", "closing") == [
        "6.0000",
        "1.0000",
        "2.0000",
        "3.0000",
        "10.0000",
    ]


async def test_an_obligation_open_at_the_years_end_fails_it_and_one_discharged_later_too(
    exchange: Exchange,
) -> None:
    year, regulator = await this_year(exchange), await exchange.regulator()
    await owing(exchange, SELLER, {LAND: 2_0000})
    late = await owing(exchange, OTHER, {PADDY: 1_0000})
    await until_the_next_year(exchange)
    await story.credited(exchange, OTHER, {PADDY: "1.0000"})
    discharged = await (await exchange.county(OTHER)).post(f"/v1/obligations/{late}/discharge")
    assert discharged.status_code == 201, discharged.text

    told = await assessment(regulator, year)
    own = unit(told, SELLER)["own"]
    assert (own["result"], figures(own, LAND, "owed")) == ("FAIL", ["2.0000"])
    (reason,) = own["reasons"]
    assert (reason["code"], reason["indicator"], reason["figure"]) == ("obligation_open", LAND, "2.0000")
    assert unit(told, OTHER)["own"]["result"] == "FAIL", "it was open as the year ended"
    province = unit(told, PROVINCE)["total"]
    assert {(each["code"], each["indicator"], *each["jurisdictions"]) for each in province["reasons"]} == {
        ("obligation_open", LAND, SELLER),
        ("obligation_open", PADDY, OTHER),
    }
    following = await assessment(regulator, year + 1)
    assert unit(following, OTHER)["own"]["result"] == "PASS"
    assert figures(unit(following, OTHER)["own"], PADDY, "discharged") == ["1.0000"]
    assert unit(following, SELLER)["own"]["result"] == "FAIL", "still open"


async def application_written_off(exchange: Exchange, applicant: str, hectares: str) -> str:
    """An application for land that is written off from what its county was credited for it; its id."""
    await story.credited(exchange, applicant, {LAND: hectares, Indicator.GRAIN_CAPACITY: "100000.00"})
    application = await story.filed_application(exchange, applicant, {LAND: hectares})
    written = await (await exchange.county(applicant)).post(f"/v1/land-applications/{application}/write-off")
    assert written.status_code == 201, written.text
    return application


async def test_what_applications_occupy_is_set_against_what_was_supplemented(exchange: Exchange) -> None:
    year, regulator = await this_year(exchange), await exchange.regulator()
    await application_written_off(exchange, SELLER, "3.0000")
    refused = await application_written_off(exchange, SELLER, "2.0000")
    later = await application_written_off(exchange, OTHER, "1.0000")
    body = {"decision": "refuse", "reason": "选址不符"}
    assert (await regulator.post(f"/v1/land-applications/{refused}/decision", body)).status_code == 201
    await until_the_next_year(exchange)
    assert (await regulator.post(f"/v1/land-applications/{later}/decision", body)).status_code == 201

    told = await assessment(regulator, year)
    names = ("occupied", "uncovered", "written_off", "given_back", "balance", "closing")
    assert figures(unit(told, SELLER)["own"], LAND, *names) == [
        "3.0000", "0.0000", "5.0000", "2.0000", "2.0000", "2.0000"
    ]  # fmt: skip
    assert figures(unit(told, OTHER)["own"], LAND, *names) == [
        "1.0000", "0.0000", "1.0000", "0.0000", "0.0000", "0.0000"
    ]  # fmt: skip
    following = await assessment(regulator, year + 1)
    assert figures(unit(following, OTHER)["own"], LAND, *names) == [
        "0.0000", "0.0000", "0.0000", "1.0000", "0.0000", "1.0000"
    ]  # fmt: skip
    assert {each["own"]["result"] for each in told["units"]} == {"PASS"}


async def test_what_is_occupied_and_not_written_off_fails_its_applicant(exchange: Exchange) -> None:
    """The exchange never lets it come to that; a slip in its books would be told."""
    await application_written_off(exchange, SELLER, "3.0000")

    async def slip(connection: Connection) -> None:
        await connection.execute(text("UPDATE land_application SET paddy_area = 5000"))

    await exchange.database.transact(slip)
    own = unit(await assessment(await exchange.regulator(), await this_year(exchange)), SELLER)["own"]
    assert own["result"] == "FAIL"
    (reason,) = own["reasons"]
    assert (reason["code"], reason["indicator"], reason["figure"]) == (
        "occupied_not_covered",
        PADDY,
        "0.5000",
    )


async def test_a_citys_reserve_covers_what_its_county_occupies(exchange: Exchange) -> None:
    await story.credited(exchange, CITY, {LAND: "1.0000", Indicator.GRAIN_CAPACITY: "100000.00"})
    county, city = await exchange.county("510104"), await exchange.city(CITY)
    filed = await county.post(
        "/v1/land-applications",
        {
            "kind": "town_batch",
            "title": "市储备库",
            "reserve": CITY,
            "parcels": [{"parcel_no": "1", "area": "1.0000", "use": "dry_land", "grade": 15}],
        },
    )
    assert filed.status_code == 201, filed.text
    address = f"/v1/land-applications/{filed.json()['id']}"
    assert (await city.post(f"{address}/consent")).status_code == 201
    assert (await county.post(f"{address}/write-off")).status_code == 201
    told = await assessment(await exchange.regulator(), await this_year(exchange))
    names = ("occupied", "uncovered", "written_off")
    assert figures(unit(told, "510104")["own"], LAND, *names) == ["1.0000", "0.0000", "0.0000"]
    assert figures(unit(told, CITY)["own"], LAND, *names) == ["0.0000", "0.0000", "1.0000"]
    assert figures(unit(told, CITY)["total"], LAND, *names) == ["1.0000", "0.0000", "1.0000"]
    assert unit(told, "510104")["own"]["result"] == "PASS"


async def test_a_listing_is_still_in_its_countys_reserve(exchange: Exchange) -> None:
    await story.band(exchange, LAND)
    await story.listed(exchange, SELLER, LAND, "4.0000")
    own = unit(await assessment(await exchange.regulator(), await this_year(exchange)), SELLER)["own"]
    assert figures(own, LAND, *MOVED) == ["0.0000", "4.0000", "0.0000", "0.0000", "4.0000"]


async def test_a_years_closing_stock_opens_the_next_and_its_movements_stay_its_own(
    exchange: Exchange,
) -> None:
    year = await this_year(exchange)
    await story.settled(exchange, await awarded(exchange, CITY, [Sale(SELLER, 50_000, kept=10_000)]))
    regulator = await exchange.regulator()
    before = await assessment(regulator, year)
    await until_the_next_year(exchange)
    await story.credited(exchange, SELLER, {LAND: "3.0000"})
    await written_off(exchange, CITY, "F0000000001", {LAND: 1_0000})

    after = await assessment(regulator, year)
    assert after["is_over"] and not before["is_over"]
    assert after["units"] == before["units"], "the year that is over is told as it ended"
    following = await assessment(regulator, year + 1)
    assert figures(unit(following, SELLER)["own"], LAND, *MOVED) == [
        "1.0000", "3.0000", "0.0000", "0.0000", "4.0000"
    ]  # fmt: skip
    assert figures(unit(following, CITY)["own"], LAND, *MOVED, "written_off") == [
        "5.0000", "0.0000", "0.0000", "0.0000", "4.0000", "1.0000"
    ]  # fmt: skip
    assert unit(following, CITY)["own"]["money"]["paid"] == "0.00"


async def test_a_year_begins_and_ends_at_midnight_in_china(exchange: Exchange) -> None:
    year = await this_year(exchange)
    await until_the_next_year(exchange, hours=-1 / 3600)
    await story.credited(exchange, SELLER, {LAND: "1.0000"})
    at = (await exchange.now()).astimezone(CHINA)
    expected = year if at.year == year else year + 1  # a second's test may end after midnight
    regulator = await exchange.regulator()
    told = await assessment(regulator, expected)
    assert told["starts_at"] == f"{expected - 1}-12-31T16:00:00.000000Z"
    assert told["ends_at"] == f"{expected}-12-31T16:00:00.000000Z"


async def test_trade_with_the_outside_is_told_apart_and_the_rest_nets_to_zero(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    entered = await regulator.post(
        "/v1/jurisdictions",
        {"code": "330000", "name": "浙江省", "level": "external", "parent": None, "valid_from": "2018-01-01"},
    )
    assert entered.status_code == 201, entered.text
    bought = await awarded(exchange, CITY, [Sale(SELLER, 20_000), Sale("330000", 30_000)])
    await story.settled(exchange, bought)
    sold = await awarded(exchange, "330000", [Sale(OTHER, 70_000)])
    await story.settled(exchange, sold)

    year = await assessment(regulator, await this_year(exchange))
    names = ("bought", "bought_outside", "sold", "sold_outside")
    assert figures(unit(year, CITY)["own"], LAND, *names) == ["2.0000", "3.0000", "0.0000", "0.0000"]
    assert figures(unit(year, SELLER)["own"], LAND, *names) == ["0.0000", "0.0000", "2.0000", "0.0000"]
    assert figures(unit(year, OTHER)["own"], LAND, *names) == ["0.0000", "0.0000", "0.0000", "7.0000"]
    province = unit(year, PROVINCE)["total"]
    assert figures(province, LAND, *names) == ["2.0000", "3.0000", "2.0000", "7.0000"]
    assert province["money"] == {
        "paid": "600000.00",
        "received": "600000.00",
        "paid_outside": "900000.00",
        "received_outside": "2100000.00",
    }
    assert not [each for each in year["units"] if each["level"] == "external"]


async def test_sanctions_are_counted_as_imposed_in_the_year_and_as_in_force_at_its_end(
    exchange: Exchange,
) -> None:
    year, regulator = await this_year(exchange), await exchange.regulator()
    lifted = await story.sanctioned(exchange, SELLER, "circulate")
    assert (await regulator.post(f"/v1/sanctions/{lifted}/lifting")).status_code == 201
    await story.sanctioned(exchange, SELLER, "suspend")
    await until_the_next_year(exchange)
    later = await story.sanctioned(exchange, SELLER, "suspend")
    own = unit(await assessment(regulator, year, SELLER), SELLER)["own"]
    assert own["sanctions"]["circulate"] == {"imposed": 1, "in_force": 0}
    assert own["sanctions"]["suspend"] == {"imposed": 1, "in_force": 1}
    assert [remark["code"] for remark in own["remarks"]] == ["suspended"]
    assert own["result"] == "PASS", "a sanction by itself fails nobody (ADR 0012)"
    assert later


async def test_a_city_is_shown_with_its_counties_and_a_county_alone(exchange: Exchange) -> None:
    await story.credited(exchange, "510104", {LAND: "2.0000"})
    year = await this_year(exchange)
    city = await assessment(await exchange.city(CITY), year, CITY)
    assert city["units"][0]["code"] == CITY and "510104" in city["units"][0]["members"]
    assert {each["parent"] for each in city["units"][1:]} == {CITY}
    assert figures(city["units"][0]["total"], LAND, "supplemented") == ["2.0000"]
    assert figures(city["units"][0]["own"], LAND, "supplemented") == ["0.0000"]
    county = await assessment(await exchange.county("510104"), year, "510104")
    assert [each["code"] for each in county["units"]] == ["510104"]
    assert county["units"][0]["total"] is None


async def test_an_officer_reads_its_own_assessment_only(exchange: Exchange) -> None:
    year, county = await this_year(exchange), await exchange.county(SELLER)
    assert (await county.get(f"/v1/assessments/{year}/{OTHER}")).status_code == 403
    assert (await county.get(f"/v1/assessments/{year}")).status_code == 403
    auditor = await exchange.client(PROVINCE, Role.AUDITOR)
    assert (await auditor.get(f"/v1/assessments/{year}")).status_code == 200
    assert (await auditor.post(f"/v1/assessments/{year}/closing")).status_code == 403


async def test_a_year_to_come_and_an_unknown_jurisdiction_are_refused(exchange: Exchange) -> None:
    year, regulator = await this_year(exchange), await exchange.regulator()
    to_come = await regulator.get(f"/v1/assessments/{year + 1}")
    assert (to_come.status_code, to_come.json()["code"]) == (409, "year_not_begun")
    unknown = await regulator.get(f"/v1/assessments/{year}/999999")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    for wrong in ("1899", "8999", "20x6"):
        answer = await regulator.get(f"/v1/assessments/{wrong}")
        assert (answer.status_code, answer.json()["field"]) == (422, "year"), wrong
    form = await regulator.get(f"/v1/assessments/{year}", params={"form": "docx"})
    assert (form.status_code, form.json()["field"]) == (422, "form")


async def test_the_answer_is_of_the_documented_shape_and_not_sent_twice(exchange: Exchange) -> None:
    regulator, year = await exchange.regulator(), await this_year(exchange)
    answer = await regulator.get(f"/v1/assessments/{year}")
    AssessmentView.model_validate_json(answer.content)
    again = await regulator.get(f"/v1/assessments/{year}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


async def closed(exchange: Exchange, year: int) -> dict[str, Any]:
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/assessments/{year}/closing")
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_year_is_closed_once_it_is_over_and_then_public_and_unchangeable(exchange: Exchange) -> None:
    year, public = await this_year(exchange), exchange.public()
    regulator = await exchange.regulator()
    await story.settled(exchange, await awarded(exchange, CITY, [Sale(SELLER, 50_000)]))
    early = await regulator.post(f"/v1/assessments/{year}/closing")
    assert (early.status_code, early.json()["code"]) == (409, "year_not_over")
    assert (await public.get(f"/v1/bulletin/assessments/{year}")).status_code == 404
    await until_the_next_year(exchange, hours=0.5)
    still = await regulator.post(f"/v1/assessments/{year}/closing")
    assert (still.status_code, still.json()["code"]) == (409, "year_not_over"), "not in the first hour"
    await exchange.advance(hours=1)
    made = await closed(exchange, year)
    assert (made["result"], made["year"]) == ("PASS", year)

    (listed,) = (await public.get("/v1/bulletin/assessments")).json()["items"]
    assert listed == made
    published = await public.get(made["record_url"])
    assert hashlib.sha256(published.content).hexdigest() == made["sha256"]
    again = await regulator.post(f"/v1/assessments/{year}/closing")
    assert (again.status_code, again.json()["code"]) == (409, "year_closed")

    # What is entered later, and back-dated, does not reach what was published.
    await regulator.post(
        "/v1/jurisdictions",
        {
            "code": SELLER,
            "name": "改名县",
            "level": "county",
            "parent": "511900",
            "valid_from": f"{year}-06-01",
        },
    )
    assert (await public.get(made["record_url"])).content == published.content
    read = await regulator.get(f"/v1/assessments/{year}")
    assert read.content == published.content
    assert read.json()["closed_at"] == made["closed_at"]
    events = (await public.get("/v1/journal", params={"kind": "assessment.closed"})).json()["items"]
    assert [(event["subject"], event["facts"]["sha256"]) for event in events] == [(str(year), made["sha256"])]


async def test_a_closed_year_can_neither_be_changed_nor_removed_in_the_database(exchange: Exchange) -> None:
    year = await this_year(exchange)
    await until_the_next_year(exchange)
    await closed(exchange, year)
    for statement in ("UPDATE closed_year SET result = 'FAIL'", "DELETE FROM closed_year"):
        for role in ("gengheng_runtime", "NONE"):

            async def tamper(connection: Connection, statement: str = statement, role: str = role) -> None:
                await connection.execute(text(f"SET LOCAL ROLE {role}"))
                await connection.execute(text(statement))

            with pytest.raises(Exception, match=r"permission denied|append-only"):
                await exchange.database.transact(tamper)


async def test_an_assessment_is_also_a_workbook_and_a_document(exchange: Exchange) -> None:
    year = await this_year(exchange)
    await story.credited(exchange, SELLER, {LAND: "2.0000"})
    await until_the_next_year(exchange)
    await closed(exchange, year)
    public, county = exchange.public(), await exchange.county(SELLER)
    for client, path, code in (
        (public, f"/v1/bulletin/assessments/{year}", PROVINCE),
        (county, f"/v1/assessments/{year}/{SELLER}", SELLER),
    ):
        sheet = await client.get(path, params={"form": "xlsx"})
        assert sheet.headers["content-disposition"] == f'attachment; filename="assessment-{year}-{code}.xlsx"'
        book = openpyxl.load_workbook(io.BytesIO(sheet.content))
        assert "县 Counties" in book.sheetnames
        pages = await client.get(path, params={"form": "pdf"})
        assert pages.headers["content-type"] == "application/pdf"
        first = pypdfium2.PdfDocument(pages.content)[0].get_textpage().get_text_range()
        assert f"{year} 年度耕地占补平衡考核表" in first and "合格 PASS" in first
        same = await client.get(
            path, params={"form": "pdf"}, headers={"If-None-Match": pages.headers["etag"]}
        )
        assert same.status_code == 304, "the same record makes the same bytes"
    assert json.loads((await public.get(f"/v1/bulletin/assessments/{year}")).content)["year"] == year


async def test_closed_years_are_listed_the_latest_first_by_pages(exchange: Exchange) -> None:
    year = await this_year(exchange)
    for each in (year - 2, year - 1):
        await closed(exchange, each)
    public = exchange.public()
    first = (await public.get("/v1/bulletin/assessments", params={"limit": 1})).json()
    rest = (
        await public.get("/v1/bulletin/assessments", params={"limit": 1, "cursor": first["next_cursor"]})
    ).json()
    assert [item["year"] for item in (*first["items"], *rest["items"])] == [year - 1, year - 2]
    assert rest["next_cursor"] is None


async def test_who_was_dissolved_before_the_year_is_left_out_unless_something_is_to_tell(
    exchange: Exchange,
) -> None:
    year, regulator = await this_year(exchange), await exchange.regulator()

    async def dissolve(connection: Connection) -> None:
        await connection.execute(
            text("UPDATE jurisdiction_version SET valid_until = :day WHERE code IN ('511922', '511921')"),
            {"day": date(year - 1, 1, 1)},
        )

    await story.credited(exchange, SELLER, {LAND: "2.0000"})
    await exchange.database.transact(dissolve)
    told = await assessment(regulator, year)
    codes = {each["code"] for each in told["units"]}
    assert SELLER in codes and OTHER not in codes
    assert figures(unit(told, PROVINCE)["total"], LAND, "supplemented") == ["2.0000"]
