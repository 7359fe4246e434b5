"""Packages over HTTP: exported to who may see the rows, imported by the land regulator, all or nothing."""

import hashlib
import io
import json
import zipfile
from typing import Any

import pytest

from tests.conftest import Exchange
from tests.package_files import COUNTY, acceptance, filing, lines, parcel
from tests.story import project_body, verified

OTHER = "511921"
ROWS = [filing(1), filing(2, county=OTHER)]


async def test_what_one_exports_another_imports(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    answer = await regulator.post("/v1/packages/filings", {"lines": lines("filings", ROWS)})
    assert answer.status_code == 201, answer.text
    done = answer.json()
    assert (done["rows"], done["entered"], done["already_there"], done["repeated"]) == (2, 2, 0, False)
    accepted = await regulator.post(
        "/v1/packages/acceptances",
        {"lines": lines("acceptances", [acceptance(1), acceptance(2, county=OTHER)])},
    )
    assert accepted.status_code == 201, accepted.text
    listed = (await regulator.get("/v1/packages")).json()["items"]
    assert [each["kind"] for each in listed] == ["filings", "acceptances"]
    assert listed[0]["sha256"] == json.loads(lines("filings", ROWS)[-1])["sha256"]
    package = await regulator.get("/v1/packages/acceptances")
    assert package.headers["content-type"] == "application/jsonl"
    assert package.headers["content-disposition"] == 'attachment; filename="acceptances.jsonl"'
    again = await regulator.post("/v1/packages/acceptances", {"lines": package.text.splitlines()})
    assert again.json()["already_there"] == 2, again.text
    await verified(exchange)


async def test_an_import_sent_twice_is_done_once(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    body = {"lines": lines("filings", ROWS)}
    first = await regulator.post("/v1/packages/filings", body, key="once")
    same_key = await regulator.post("/v1/packages/filings", body, key="once")
    assert same_key.content == first.content and same_key.headers["idempotency-replayed"] == "true"
    new_key = await regulator.post("/v1/packages/filings", body)
    assert (new_key.status_code, new_key.json()["repeated"]) == (201, True)
    assert {**new_key.json(), "repeated": False} == first.json()


async def test_a_faulty_package_names_its_rows_and_does_nothing(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    rows = [filing(1), filing(2, parcels=[parcel("A"), parcel("B", "0")]), filing(3, kind="road")]
    answer = await regulator.post("/v1/packages/filings", {"lines": lines("filings", rows)})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (422, "faulty_package", "lines")
    told = [(fault["line"], fault["field"]) for fault in problem["facts"]["faults"]]
    assert told == [(3, "parcels.1.area"), (4, "kind")]
    assert (await regulator.get("/v1/projects")).json()["items"] == []


async def test_a_package_of_another_kind_than_the_address_is_refused(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    package = {"lines": lines("filings", ROWS)}
    for imported_before in (False, True):
        answer = await regulator.post("/v1/packages/acceptances", package)
        assert answer.status_code == 422, imported_before
        assert answer.json()["facts"]["faults"][0]["field"] == "format"
        assert (await regulator.post("/v1/packages/filings", package)).status_code == 201


async def test_a_fault_told_as_a_sentence_ends_with_one_stop(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    answer = await regulator.post(
        "/v1/packages/filings", {"lines": lines("filings", [{**ROWS[0], "county": "510100"}])}
    )
    assert answer.json()["code"] == "faulty_package"
    assert answer.json()["detail"].endswith(".") and not answer.json()["detail"].endswith("..")


@pytest.mark.parametrize(
    "given",
    [
        [],
        [""],
        ["{}"],
        ["null"],
        ["[1, 2"],
        ["\ufeff{}"],
        ['{"format": "gengheng/filings/1"}'],
        ["PK\x03\x04"],
    ],
)
async def test_lines_that_are_no_package_are_refused_in_words(exchange: Exchange, given: list[str]) -> None:
    regulator = await exchange.regulator()
    answer = await regulator.post("/v1/packages/filings", {"lines": given})
    assert (answer.status_code, answer.json()["code"]) == (422, "faulty_package"), answer.text


async def test_an_officer_exports_its_own_county_and_no_other(exchange: Exchange) -> None:
    regulator, officer = await exchange.regulator(), await exchange.county(COUNTY)
    await regulator.post("/v1/packages/filings", {"lines": lines("filings", ROWS)})
    own = await officer.get("/v1/packages/filings")
    counties = [json.loads(line)["county"] for line in own.text.splitlines()[1:-1]]
    assert counties == [COUNTY]
    assert (await officer.get("/v1/packages/filings", params={"county": COUNTY})).status_code == 200
    other = await officer.get("/v1/packages/filings", params={"county": OTHER})
    assert (other.status_code, other.json()["code"]) == (403, "not_permitted")
    all_ = (await regulator.get("/v1/packages/filings")).text.splitlines()
    assert json.loads(all_[0])["counts"] == {"projects": 2, "parcels": 2}


async def test_tables_come_as_a_zip_that_a_spreadsheet_reads(exchange: Exchange) -> None:
    officer = await exchange.county(COUNTY)
    assert (await officer.post("/v1/projects", project_body(COUNTY, name="=HYPERLINK(1)"))).status_code == 201
    answer = await officer.get("/v1/packages/filings", params={"form": "csv"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert int(answer.headers["content-length"]) == len(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        assert opened.namelist() == ["manifest.json", "projects.csv", "funds.csv", "parcels.csv"]
        manifest = json.loads(opened.read("manifest.json"))
        for name, member in manifest["members"].items():
            assert hashlib.sha256(opened.read(name)).hexdigest() == member["sha256"]
        projects = opened.read("projects.csv").decode("utf-8-sig")
    assert "'=HYPERLINK(1)" in projects


@pytest.mark.parametrize(
    ("params", "field"),
    [({"form": "xml"}, "form"), ({"since": "2026"}, "since"), ({"county": "5119 22"}, "county")],
)
async def test_a_wrong_selection_is_refused_at_its_parameter(
    exchange: Exchange, params: dict[str, Any], field: str
) -> None:
    officer = await exchange.county(COUNTY)
    answer = await officer.get("/v1/packages/filings", params=params)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (await officer.get("/v1/packages/trades")).status_code == 422


async def test_a_county_that_is_not_there_and_days_in_the_wrong_order_are_told(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    nowhere = await regulator.get("/v1/packages/filings", params={"county": "999999"})
    assert (nowhere.status_code, nowhere.json()["field"]) == (404, "county")
    days = {"since": "2026-03-02", "until": "2026-03-01"}
    answer = await regulator.get("/v1/packages/filings", params=days)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
        422,
        "days_reversed",
        "until",
    )
