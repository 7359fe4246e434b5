"""Packages by themselves: what is wrong with one is told by place and field, whatever was done to it."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from app.documents.package_rows import READ_ROW, row_object
from app.documents.package_tables import cell_text, field_of_cell
from app.documents.packages import open_package, package_writer
from app.documents.record_reading import Faults
from app.market.packages import PackageFaults, PackageForm, PackageKind, PackageValue
from app.services.package_rows import POLYGONS
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
    table,
    zipped,
)

SQUARE = {
    "type": "Polygon",
    "coordinates": [
        [[106.84, 32.349], [106.8421, 32.349], [106.8421, 32.3502], [106.84, 32.3502], [106.84, 32.349]]
    ],
}
TWO_SQUARES = {
    "type": "MultiPolygon",
    "coordinates": [
        SQUARE["coordinates"],
        [[[107, 32], [107.001, 32], [107.001, 32.00123456789], [107, 32.00123456789], [107, 32]]],
    ],
}
MAPPED = [filing(3, parcels=[parcel("M", "3.0000", geometry=SQUARE), parcel("N", geometry=TWO_SQUARES)])]
FILINGS = [
    filing(1, parcels=[parcel("A"), parcel("B", "0.5")]),
    filing(2, funds=[{"source": "fiscal", "share": "0.25"}, {"source": "financial", "share": "0.75"}]),
]
WRITE_OFFS = [
    {
        "application": "F0000000001",
        "applicant": COUNTY,
        "reserve": "511900",
        "written_off_on": "2026-03-01",
        "batches": [
            {"indicator": "farmland_quantity", "filing_no": f"{COUNTY}20180001", "quantity": "1.0000"},
            {"indicator": "grain_capacity", "filing_no": f"{COUNTY}20180001", "quantity": "2.50"},
        ],
    }
]
PROJECTS = "filing_no,county,kind,name,department,started_on"
TABLES = {
    "projects.csv": table(
        [
            PROJECTS.split(","),
            [f"{COUNTY}20180001", COUNTY, "land_consolidation", "项目", "局", "2018-03-01"],
        ],
        bom=True,
    ),
    "funds.csv": table([["filing_no", "source", "share"], [f"{COUNTY}20180001", "fiscal", "1"]]),
    "parcels.csv": table(
        [
            ["filing_no", "id", "area", "use_before", "use_after", "grade_after"],
            [f"{COUNTY}20180001", "A", "8", "unused", "dry_land", "10"],
        ]
    ),
}
ONE = {"projects": 1, "parcels": 1}


def read(package: bytes) -> tuple[list[PackageValue], list[str]]:
    """The sound rows of a package, and a line for each fault."""
    faults = PackageFaults()
    opened = open_package(io.BytesIO(package), faults, POLYGONS)
    values = [value for _, value in opened.rows() if value is not None]
    return values, list(map(str, faults))


def blamed(package: bytes) -> list[str]:
    """Where and in which field a package is faulty."""
    return [line.split(": ")[0] for line in read(package)[1]]


def written(kind: PackageKind, form: PackageForm, values: list[PackageValue]) -> bytes:
    """A package of these rows."""
    writer, out = package_writer(kind, form, POLYGONS), io.BytesIO()
    for value in values:
        writer.add(value)
    writer.finish(out, province="510000", made_at="2026-03-01T01:00:00Z")
    return out.getvalue()


@pytest.mark.parametrize("form", PackageForm)
@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        (PackageKind.FILINGS, FILINGS),
        (PackageKind.FILINGS, MAPPED),
        (PackageKind.FILINGS, []),
        (PackageKind.ACCEPTANCES, [acceptance(1), acceptance(2, ecology_reviewed=True)]),
        (PackageKind.WRITE_OFFS, WRITE_OFFS),
    ],
)
def test_rows_are_read_back_as_they_were_written(
    kind: PackageKind, rows: list[dict[str, Any]], form: PackageForm
) -> None:
    values, faults = read(jsonl(kind.value, rows))
    assert faults == [] and len(values) == len(rows)
    package = written(kind, form, values)
    assert read(package) == (values, [])
    assert written(kind, form, values) == package


@drawn(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30))
def test_no_text_is_a_formula_and_every_text_comes_back(text: str) -> None:
    cell = cell_text(text)
    assert not cell.startswith(tuple("=+-@\t\r＝＋－＠"))
    assert field_of_cell("name", cell) == text
    row = filing(1, name=f"x{text}", department=f"{text}x")
    value = READ_ROW[PackageKind.FILINGS](row, Faults(), POLYGONS)
    for form in PackageForm:
        (back,), faults = read(written(PackageKind.FILINGS, form, [value]))
        assert (back, faults) == (value, [])


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "＝1", "'=1", "''"])
def test_what_a_spreadsheet_takes_for_a_formula_begins_with_an_apostrophe(cell: str) -> None:
    assert cell_text(cell) == f"'{cell}"


def whole(kind: str = "filings", rows: list[dict[str, Any]] = FILINGS) -> bytes:
    """A sound package."""
    return jsonl(kind, rows)


def cut(package: bytes, lines_left: int) -> bytes:
    """The first lines of a package."""
    return b"".join(package.splitlines(keepends=True)[:lines_left])


DAMAGED: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "empty": (lambda: b"", ["the package"]),
    "cut off after a row": (lambda: cut(whole(), 2), ["line 3"]),
    "cut off in a row": (lambda: whole()[:700], ["line 3", "line 4"]),
    "cut off after the head": (lambda: cut(whole(), 1), ["line 2"]),
    "a line more": (lambda: whole() + b"{}\n", ["line 5"]),
    "a row taken out": (
        lambda: b"".join(line for at, line in enumerate(whole().splitlines(keepends=True)) if at != 1),
        ["line 3, sha256", "line 3, counts"],
    ),
    "bad UTF-8": (lambda: whole().replace("项".encode(), b"\xe9\xa1", 1), ["line 2", "line 4, sha256"]),
    "a byte order mark": (lambda: b"\xef\xbb\xbf" + whole(), ["line 1"]),
    "no JSON": (lambda: whole().replace(b'"county"', b"county", 1), ["line 2", "line 4, sha256"]),
    "a field given twice": (
        lambda: whole().replace(b'"name":', b'"county": "511921", "name":', 1),
        ["line 2, county", "line 4, sha256"],
    ),
    "no object": (lambda: b"[]\n", ["line 1"]),
    "binary": (lambda: bytes(range(256)), ["line 1"]),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_what_was_done_to_a_json_package_is_told_where_it_was_done(how: str) -> None:
    package, where = DAMAGED[how]
    assert blamed(package()) == where


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"kind": "road"}, "kind"),
        ({"name": ""}, "name"),
        ({"name": "长" * 501}, "name"),
        ({"name": "\0"}, "name"),
        ({"started_on": "2018-02-30"}, "started_on"),
        ({"started_on": "9000-01-01"}, "started_on"),
        ({"filing_no": "5119222018001"}, "filing_no"),
        ({"filing_no": "51192120180001"}, "filing_no"),
        ({"filing_no": None}, "filing_no"),
        ({"county": "5119 22"}, "county"),
        ({"design_grade": 16}, "design_grade"),
        ({"design_grade": "9"}, "design_grade"),
        ({"surplus_as": "farmland"}, "surplus_as"),
        ({"funds": []}, "funds"),
        ({"funds": [{"source": "fiscal", "share": 1}]}, "funds.0.share"),
        ({"parcels": []}, "parcels"),
        ({"parcels": {}}, "parcels"),
        ({"parcels": [parcel("A"), parcel("A")]}, "parcels.1.id"),
        ({"parcels": [parcel("A B")]}, "parcels.0.id"),
        ({"parcels": [parcel("A", "0")]}, "parcels.0.area"),
        ({"parcels": [parcel("A", grade_after=None)]}, "parcels.0.grade_after"),
        ({"parcels": [parcel("A", colour="red")]}, "parcels.0.colour"),
        ({"owner": "张"}, "owner"),
        (
            {"parcels": [parcel("A", geometry={"type": "Point", "coordinates": []})]},
            "parcels.0.geometry.type",
        ),
        (
            {"parcels": [parcel("A", geometry={"type": "Polygon", "coordinates": [[[1, 2]]]})]},
            "parcels.0.geometry.coordinates.0.0",
        ),
        ({"parcels": [parcel("A", geometry="POLYGON")]}, "parcels.0.geometry"),
    ],
)
def test_a_bad_field_is_named(given: dict[str, Any], where: str) -> None:
    rows = [filing(1), filing(2, **given)]
    package = sealed([json.dumps(each) for each in [head("filings", {}), *rows]], "filings", {})
    found = blamed(package_of(package))
    assert f"line 3, {where}" in found
    assert not any(line.startswith("line 2") for line in found)


def package_of(made: list[str]) -> bytes:
    """Lines as bytes."""
    return "".join(f"{line}\n" for line in made).encode()


def test_counts_that_are_not_so_are_told() -> None:
    wrong = {"projects": 3, "parcels": 3}
    made = [json.dumps(each) for each in [head("filings", wrong), *FILINGS]]
    assert blamed(package_of(sealed(made, "filings", counts_of("filings", FILINGS)))) == ["line 4, counts"]


def test_a_faulty_row_is_not_blamed_twice_by_the_counts() -> None:
    rows = [filing(1, kind="road", parcels=[parcel("A"), parcel("B")]), filing(2)]
    assert blamed(jsonl("filings", rows)) == ["line 2, kind"]


def test_a_bad_line_near_the_start_and_one_near_the_end_are_both_told() -> None:
    rows = [filing(serial % 10_000, county=f"{510000 + serial // 10_000}") for serial in range(19_500)]
    rows[15] |= {"parcels": [parcel("A"), parcel("B", "1.23456")]}
    rows[18_998] |= {"department": " "}
    assert blamed(jsonl("filings", rows)) == ["line 17, parcels.1.area", "line 19000, department"]


def test_tables_made_by_hand_are_read_in_any_order_of_lines_and_columns() -> None:
    parcels = [
        ["area", "id", "filing_no", "use_after", "use_before", "grade_after"],
        ["2", "Z", f"{COUNTY}20180001", "dry_land", "unused", "10"],
        ["1", "Y", f"{COUNTY}20180001", "dry_land", "unused", "10"],
        [],
    ]
    tables = {**TABLES, "parcels.csv": table(parcels)}
    (value,), faults = read(zipped("filings", tables, {"projects": 1, "parcels": 2}))
    assert faults == []
    assert [each["id"] for each in row_object(value, POLYGONS)["parcels"]] == ["Y", "Z"]  # type: ignore[attr-defined]


def changed(member: str, old: str, new: str) -> Mapping[str, bytes]:
    """The tables with something else in one of them."""
    return {**TABLES, member: TABLES[member].replace(old.encode(), new.encode())}


@pytest.mark.parametrize(
    ("tables", "where"),
    [
        (changed("projects.csv", "land_consolidation", "road"), ["projects.csv line 2, kind"]),
        (changed("parcels.csv", ",8,", ",0,"), ["parcels.csv line 2, area"]),
        (changed("parcels.csv", ",8,", ",8 亩,"), ["parcels.csv line 2, area"]),
        (changed("parcels.csv", ",10\r", ",十\r"), ["parcels.csv line 2, grade_after"]),
        (changed("parcels.csv", ",10\r", ",\r"), ["parcels.csv line 2, grade_after"]),
        (changed("funds.csv", "fiscal,1", "fiscal,0.5"), ["projects.csv line 2, funds"]),
        (
            changed("parcels.csv", "20180001", "20180009"),
            ["parcels.csv line 2, filing_no", "projects.csv line 2, parcels"],
        ),
        (changed("parcels.csv", "id,area", "id,flaeche"), ["parcels.csv line 1, area"]),
        (changed("parcels.csv", "dry_land,10", "dry_land,10,x"), ["parcels.csv line 2"]),
        (
            {
                **TABLES,
                "parcels.csv": TABLES["parcels.csv"]
                .replace(b"grade_after\r", b"grade_after,geometry\r")
                .replace(b",10\r", b",10,POLYGON\r"),
            },
            ["parcels.csv line 2, geometry"],
        ),
        (changed("parcels.csv", "unused", '"unu"sed'), ["parcels.csv line 2"]),
    ],
)
def test_a_bad_cell_is_told_by_its_table_line_and_column(
    tables: Mapping[str, bytes], where: list[str]
) -> None:
    found = blamed(zipped("filings", tables, ONE))
    assert [line for line in where if line not in found] == []


def test_bad_utf_8_in_a_table_is_told_by_its_line() -> None:
    tables = {**TABLES, "projects.csv": TABLES["projects.csv"].replace("项".encode(), b"\xff")}
    assert blamed(zipped("filings", tables, ONE)) == ["projects.csv line 2"]


def test_a_table_that_was_changed_does_not_match_its_checksum() -> None:
    package = zipped("filings", TABLES, ONE)
    members = {name: {"sha256": "0" * 64} for name in TABLES}
    assert blamed(zipped("filings", TABLES, ONE, members=members)) == sorted(TABLES)
    assert blamed(package[: len(package) // 2]) == ["the package"]
    at = package.index(b"land_consolidation")
    assert blamed(package[:at] + b"L" + package[at + 1 :]) == ["projects.csv"]


def test_a_zip_with_other_members_is_none_of_ours() -> None:
    without = {name: raw for name, raw in TABLES.items() if name != "funds.csv"}
    assert "funds.csv" in blamed(zipped("filings", without, ONE))
    assert "x.csv" in blamed(zipped("filings", {**TABLES, "x.csv": b""}, ONE))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("projects.csv", "")
    assert blamed(out.getvalue()) == ["manifest.json"]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    made = lines("filings", FILINGS)[0].encode() + b"\n" + b"x" * (9 * 1024 * 1024)
    assert blamed(made) == ["line 2"]
