"""Packages on a real database: by the same rules as over HTTP, all or nothing, and repeated safely."""

import io
import json
from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from app.market.access import Actor, Role
from app.market.indicators import Indicator
from app.market.packages import PackageForm, PackageKind
from app.services.days import day_of
from app.services.packages import FaultyPackage, Imported, export_package, import_package
from app.store.database import Connection, Database
from tests.conftest import Exchange
from tests.package_files import (
    COUNTY,
    acceptance,
    counts_of,
    filing,
    head,
    jsonl,
    lines,
    parcel,
    sealed,
    unzipped,
)
from tests.story import verified

REGULATOR = Actor(0, "test", "510000", frozenset({Role.LAND_REGULATOR}))
LAND, PADDY, GRAIN, QUOTA = Indicator
KINDS = (PackageKind.FILINGS, PackageKind.ACCEPTANCES)


async def imported(database: Database, package: bytes) -> Imported:
    return await database.transact(partial(import_package, source=io.BytesIO(package), actor=REGULATOR))


async def faults_of(database: Database, package: bytes) -> list[str]:
    with pytest.raises(FaultyPackage) as faulty:
        await imported(database, package)
    return faulty.value.lines


async def exported(
    database: Database, kind: PackageKind, form: PackageForm = PackageForm.JSON, **given: Any
) -> bytes:
    out = io.BytesIO()
    await database.read(partial(export_package, out=out, actor=REGULATOR, kind=kind, form=form, **given))
    return out.getvalue()


async def figures(database: Database, *tables: str) -> list[int]:
    async def work(connection: Connection) -> list[int]:
        found = [await connection.execute(text(f"SELECT count(*) FROM {table}")) for table in tables]
        return [int(each.scalar_one()) for each in found]

    return await database.read(work)


def without_making(package: bytes) -> Any:
    """A package but for the instant it was made at, and the checksum that rests on it."""
    if package.startswith(b"PK"):
        members = unzipped(package)
        manifest = json.loads(members.pop("manifest.json"))
        return members, {name: each for name, each in manifest.items() if name != "made_at"}
    first, *rows, last = package.splitlines()
    return [
        {name: each for name, each in json.loads(first).items() if name != "made_at"},
        *rows,
        {name: each for name, each in json.loads(last).items() if name != "sha256"},
    ]


PARTICULARS = {
    "led_by": "other",
    "department_accepted_on": "2018-09-01",
    "filed_on": "2018-09-20",
    "budget": "1200000.50",
}
ROWS: list[dict[str, Any]] = [
    filing(
        1,
        name="=1+1",
        department="'局",
        **PARTICULARS,
    ),
    filing(
        2,
        kind="high_standard_farmland",
        design_grade=9,
        funds=[{"source": "reclamation_fee", "share": "0.333"}, {"source": "fiscal", "share": "0.667"}],
        parcels=[
            parcel("B", "2.5000", use_before="dry_land", grade_before=11, use_after="paddy", grade_after=9),
            parcel("A", "0.0001", grade_after=9),
        ],
    ),
    filing(
        3,
        county="511921",
        kind="linkage",
        surplus_as="linkage_quota",
        resettlement_area="10.0000",
        name='有 "引号", 逗号\n和换行',
        parcels=[parcel("P1", "40.0000", use_before="construction")],
    ),
    filing(
        4,
        kind="quality_upgrade",
        parcels=[parcel(f"{COUNTY}-1", use_before="dry_land", grade_before=10, grade_after=8)],
    ),
]
# Not in the order of filing: the upgrade rests on what the first one certified.
ACCEPTANCES: list[dict[str, Any]] = [
    acceptance(3, county="511921", surplus_recognised=True),
    acceptance(1, feasibility_reviewed=True),
    acceptance(4, accepted_on="2020-01-01"),
    acceptance(2),
]


async def test_filings_and_acceptances_do_what_they_would_do_one_by_one(exchange: Exchange) -> None:
    done = await imported(exchange.database, jsonl("filings", ROWS))
    assert (done.row.row_count, done.row.entered, done.repeated) == (4, 4, False)
    accepted = await imported(exchange.database, jsonl("acceptances", ACCEPTANCES))
    assert (accepted.row.row_count, accepted.row.entered) == (4, 4)
    regulator = await exchange.regulator()
    projects = (await regulator.get("/v1/projects")).json()["items"]
    assert [each["state"] for each in projects] == ["ACCEPTED"] * 4
    shown = [(await regulator.get(f"/v1/projects/{each['id']}")).json() for each in projects]
    assert [each["name"] for each in shown] == [row["name"] for row in ROWS]
    assert [each["credits"][LAND] for each in shown] == ["8.0000", "0.0001", "0.0000", "0.0000"]
    assert shown[0]["credits"][GRAIN] == "72000.00"
    assert shown[2]["credits"][QUOTA] == "30.0000"
    # 8 hm² from grade 10, as the first one certified it, to grade 8.
    assert shown[3]["credits"] == {LAND: "0.0000", PADDY: "0.0000", GRAIN: "24000.00", QUOTA: "0.0000"}
    assert [each["feasibility_reviewed"] for each in shown] == [True, False, False, False]
    await verified(exchange)


async def test_the_journal_is_as_whole_as_if_each_row_had_come_by_itself(exchange: Exchange) -> None:
    await imported(exchange.database, jsonl("filings", ROWS))
    await imported(exchange.database, jsonl("acceptances", ACCEPTANCES))
    public = exchange.public()
    events = (await public.get("/v1/journal", params={"limit": 200})).json()["items"]
    kinds = [event["kind"] for event in events]
    assert kinds == (
        ["project.filed"] * 4 + ["package.imported"] + ["project.accepted"] * 4 + ["package.imported"]
    )
    filed, accepted, package = events[0], events[7], events[-1]
    assert (filed["subject"], filed["actor"]) == (events[6]["subject"], "510000")
    assert accepted["facts"]["batches"][0]["indicator"] == GRAIN
    assert package["facts"]["rows"] == 4 and package["facts"]["kind"] == "acceptances"


@pytest.mark.parametrize("form", PackageForm)
async def test_an_export_imported_elsewhere_is_exported_again_byte_for_byte(
    database: Database, committed: Database, form: PackageForm
) -> None:
    await imported(database, jsonl("filings", ROWS))
    await imported(database, jsonl("acceptances", ACCEPTANCES))
    for kind in KINDS:
        package = await exported(database, kind, form)
        await imported(committed, package)
        assert without_making(await exported(committed, kind, form)) == without_making(package)
        assert b"\xe5" in package or form is PackageForm.CSV  # readable as it is


async def test_the_same_package_again_changes_nothing(exchange: Exchange) -> None:
    database = exchange.database
    package = jsonl("filings", ROWS)
    first = await imported(database, package)
    tables = ("project", "project_parcel", "journal_event", "package_import")
    before = await figures(database, *tables)
    again = await imported(database, package)
    assert again.repeated and again.row == first.row
    assert await figures(database, *tables) == before


async def test_rows_that_are_there_already_are_passed_over_and_new_ones_entered(exchange: Exchange) -> None:
    database = exchange.database
    await imported(database, jsonl("filings", ROWS[:2]))
    more = await imported(database, jsonl("filings", [*ROWS[:2], ROWS[3]]))
    assert (more.row.row_count, more.row.entered) == (3, 1)
    await imported(database, jsonl("acceptances", ACCEPTANCES[1:2]))
    rest = await imported(database, jsonl("acceptances", [acceptance(1), acceptance(4), acceptance(2)]))
    assert (rest.row.row_count, rest.row.entered) == (3, 2)
    assert await figures(database, "project") == [3]
    await verified(exchange)


async def test_a_row_that_is_there_with_other_content_is_told_field_by_field(exchange: Exchange) -> None:
    database = exchange.database
    await imported(database, jsonl("filings", ROWS[:2]))
    changed = filing(1, name="另一个", parcels=[parcel(f"{COUNTY}-1", "9.0000"), parcel("X")], **PARTICULARS)
    found = await faults_of(database, jsonl("filings", [changed]))
    assert [line.split(":")[0] for line in found] == [
        "line 2, name",
        "line 2, department",
        "line 2, parcels",
        "line 2, parcels",
    ]
    assert "另一个" in found[0] and "=1+1" in found[0]
    assert "9.0000" in found[3] and "8.0000" in found[3]
    await imported(database, jsonl("acceptances", [acceptance(1)]))
    (line,) = await faults_of(database, jsonl("acceptances", [acceptance(1, accepted_on="2019-11-06")]))
    assert line.startswith("line 2, accepted_on: is 2019-11-06 here and 2019-11-05")


async def test_every_bad_row_is_told_and_nothing_is_written(exchange: Exchange) -> None:
    database = exchange.database
    rows = [filing(serial) for serial in range(1, 1200)]
    rows[15] |= {"parcels": [parcel("P", "1"), parcel("Q", "x")]}  # line 17
    rows[600] |= {"county": "999999", "filing_no": "99999920180001"}
    rows[1000] |= {"funds": [{"source": "fiscal", "share": "0.5"}]}
    rows[1100] |= {"filing_no": rows[3]["filing_no"]}
    before = await figures(database, "project", "journal_event", "package_import")
    found = await faults_of(database, jsonl("filings", rows))
    assert [line.split(":")[0] for line in found] == [
        "line 17, parcels.1.area",
        "line 602, county",
        "line 1002, funds",
        "line 1102, filing_no",
    ]
    assert "stands in line 5 already" in found[-1]
    assert await figures(database, "project", "journal_event", "package_import") == before


async def test_a_hundred_faults_are_told_and_the_others_counted(exchange: Exchange) -> None:
    rows = [filing(serial, kind="road") for serial in range(1, 913)]
    found = await faults_of(exchange.database, jsonl("filings", rows))
    assert len(found) == 101
    assert found[-1] == "and 812 more"


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"filing_no": f"{COUNTY}20189999"}, "filing_no", "no project is filed under"),
        ({"accepted_on": "2018-02-28"}, "accepted_on", "before started_on"),
        ({"accepted_on": "2999-01-01"}, "accepted_on", "nothing is accepted later"),
        ({"accepted_on": "1899-01-01"}, "accepted_on", "from 1900"),
        ({"accepting_body": " "}, "accepting_body", "blank"),
        ({"ecology_reviewed": "yes"}, "ecology_reviewed", "true or false"),
        (
            {"credits": {LAND: "8.0001", PADDY: "0", GRAIN: "72000.00", QUOTA: "0"}},
            "credits.farmland_quantity",
            "the exchange counts 8.0000",
        ),
        ({"filing_no": f"{COUNTY}20180002"}, "", "grade_below_design"),
    ],
)
async def test_an_acceptance_is_refused_for_the_reasons_that_one_by_itself_would_be(
    exchange: Exchange, given: Mapping[str, Any], field: str, said: str
) -> None:
    rows = [filing(1), filing(2, design_grade=9)]
    await imported(exchange.database, jsonl("filings", rows))
    before = await figures(exchange.database, "batch", "certified_parcel")
    package = jsonl("acceptances", [acceptance(1, **given)])
    (line,) = await faults_of(exchange.database, package)
    assert line.startswith(f"line 2, {field}: " if field else "line 2: "), line
    assert said in line
    assert await figures(exchange.database, "batch", "certified_parcel") == before


async def test_an_acceptance_is_judged_by_what_the_rows_before_it_certified(exchange: Exchange) -> None:
    twice = [filing(1), filing(2, parcels=[parcel(f"{COUNTY}-1")])]
    await imported(exchange.database, jsonl("filings", twice))
    (line,) = await faults_of(exchange.database, jsonl("acceptances", [acceptance(2), acceptance(1)]))
    assert line.startswith("line 3: ") and "parcel_claimed" in line


async def test_a_voided_or_refused_project_is_not_accepted_by_a_package(exchange: Exchange) -> None:
    await imported(exchange.database, jsonl("filings", [filing(1)]))
    regulator = await exchange.regulator()
    (project,) = (await regulator.get("/v1/projects")).json()["items"]
    refused = await regulator.post(f"/v1/projects/{project['id']}/refusal", {"reason": "不符"})
    assert refused.status_code == 201
    (line,) = await faults_of(exchange.database, jsonl("acceptances", [acceptance(1)]))
    assert "no project is filed under" in line
    # Its number is free again, but the package that brought it is known, and stays without effect.
    assert (await imported(exchange.database, jsonl("filings", [filing(1)]))).repeated


async def test_a_selection_holds_one_county_and_the_days_asked_for(exchange: Exchange) -> None:
    database = exchange.database
    await imported(database, jsonl("filings", ROWS))
    one = (await exported(database, PackageKind.FILINGS, county="511921")).splitlines()
    assert json.loads(one[0])["counts"] == {"projects": 1, "parcels": 1}
    outside: list[dict[str, Any]] = [{"until": date(2020, 1, 1)}, {"since": date(2999, 1, 1)}]
    for given in outside:
        none = (await exported(database, PackageKind.FILINGS, **given)).splitlines()
        assert json.loads(none[0])["counts"] == {"projects": 0, "parcels": 0}
    today = day_of(await exchange.now())
    all_ = (await exported(database, PackageKind.FILINGS, since=today, until=today)).splitlines()
    assert json.loads(all_[0])["counts"] == {"projects": 4, "parcels": 5}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"department_accepted_on": "2018-09-01"}, "department_accepted_on"),
        ({"led_by": "other", "department_accepted_on": "2018-01-01"}, "department_accepted_on"),
        ({"filed_on": "2999-01-01"}, "filed_on"),
        ({"budget": "-1"}, "budget"),
        ({"led_by": "army"}, "led_by"),
    ],
)
async def test_particulars_that_can_not_be_are_told(
    exchange: Exchange, given: Mapping[str, Any], field: str
) -> None:
    (line,) = await faults_of(exchange.database, jsonl("filings", [filing(1, **given)]))
    assert line.startswith(f"line 2, {field}: ")


async def test_a_package_of_another_province_is_refused(exchange: Exchange) -> None:
    (line,) = await faults_of(exchange.database, jsonl("filings", ROWS, province="520000"))
    assert line.startswith("line 1, province: ") and "520000" in line


async def test_changed_lines_don_t_match_their_checksum(exchange: Exchange) -> None:
    made = lines("filings", ROWS)
    made[1] = made[1].replace("8.0000", "8.0001")
    package = "".join(f"{line}\n" for line in made).encode()
    (line,) = await faults_of(exchange.database, package)
    assert line.startswith(f"line {len(made)}, sha256: ")


async def test_a_package_that_came_is_not_known_again_once_its_end_was_damaged(exchange: Exchange) -> None:
    package = jsonl("filings", ROWS)
    await imported(exchange.database, package)
    for damaged in (package[:-20], package.replace(b'"sha256": "', b'"sha256": "f')):
        assert await faults_of(exchange.database, damaged)


async def test_a_kind_that_is_not_known_or_too_new_is_refused(exchange: Exchange) -> None:
    counts = counts_of("filings", [])
    for name in ("gengheng/filings/2", "gengheng/project/1"):
        made = sealed([json.dumps(head("filings", counts, format=name))], "filings", counts)
        package = "".join(f"{line}\n" for line in made).encode()
        (line,) = await faults_of(exchange.database, package)
        assert line.startswith("line 1, format: ") and "gengheng/filings/1" in line
