"""The tables of a CSV package: their names and columns, and how a cell is written and read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.documents.json_text import NotJson, parse
from app.documents.package_rows import (
    ACCEPTANCE_FIELDS,
    FILING_FIELDS,
    FUND_FIELDS,
    PARCEL_FIELDS,
    USED_FIELDS,
    WRITE_OFF_FIELDS,
    Object,
)
from app.market.indicators import Indicator
from app.market.packages import PackageKind

INDICATORS = tuple(each.value for each in Indicator)
"""The columns of an acceptance that hold its credits: all of them filled, or none."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its member of the .zip, and its columns.

    ``list_name`` is the list within a row that it holds; its first column then is the row's own key.
    """

    member: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    list_name: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order in which they are written."""
        return (*self.required, *self.optional)


def _list(member: str, key: str, fields: tuple[tuple[str, ...], tuple[str, ...]], list_name: str) -> Table:
    return Table(member, (key, *fields[0]), fields[1], list_name)


TABLES: Mapping[PackageKind, Sequence[Table]] = {
    PackageKind.FILINGS: (
        Table("projects.csv", *FILING_FIELDS),
        _list("funds.csv", "filing_no", FUND_FIELDS, "funds"),
        _list("parcels.csv", "filing_no", PARCEL_FIELDS, "parcels"),
    ),
    PackageKind.ACCEPTANCES: (
        Table("acceptances.csv", ACCEPTANCE_FIELDS[0], (*ACCEPTANCE_FIELDS[1], *INDICATORS)),
    ),
    PackageKind.WRITE_OFFS: (
        Table("write_offs.csv", *WRITE_OFF_FIELDS),
        _list("batches.csv", "application", USED_FIELDS, "batches"),
    ),
}
"""The tables of each kind; the first has one line for each row of the package, the last is counted too."""

_FLAGS = frozenset({"feasibility_reviewed", "surplus_recognised", "ecology_reviewed"})
_WHOLE = frozenset({"design_grade", "grade_before", "grade_after"})
_GEOMETRY = "geometry"
_AS_FLAG: Mapping[str, object] = {"true": True, "false": False}

_ESCAPE = "'"
_ESCAPED = tuple("=+-@\t\r＝＋－＠" + _ESCAPE)
"""What a spreadsheet may take for the beginning of a formula, full-width signs too; and our own sign."""


def cell_text(value: object) -> str:
    """Write a field as a cell; what a spreadsheet would take for a formula begins with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return json.dumps(value, separators=(",", ":"))
    text = str(value)
    return _ESCAPE + text if text.startswith(_ESCAPED) else text


def field_of_cell(column: str, cell: str) -> object:
    """Read a cell back as the field that it holds; what is none stays text, for the reader to blame.

    A spreadsheet program writes TRUE for true.
    """
    if column in _FLAGS:
        return _AS_FLAG.get(cell.lower(), cell)
    if column == _GEOMETRY:
        return _parsed(cell)
    if column in _WHOLE and cell.isascii() and cell.isdigit() and len(cell) <= 9:
        return int(cell)
    return cell.removeprefix(_ESCAPE)


def _parsed(cell: str) -> object:
    try:
        return parse(cell.encode()).tree
    except NotJson:
        return cell


def main_cells(kind: PackageKind, record: Object) -> Object:
    """The cells of a row's own line: its fields without its lists, and the credits as columns."""
    if kind is not PackageKind.ACCEPTANCES:
        return record
    given = record.get("credits")
    return {**record, **(given if isinstance(given, dict) else {})}
