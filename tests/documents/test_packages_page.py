"""docs/packages.md gives the formats to the letter: its examples are sound rows, its columns the tables'."""

import json
import re
from pathlib import Path

import pytest

from app.documents.package_rows import READ_ROW, impossible
from app.documents.package_tables import TABLES
from app.documents.record_reading import Faults
from app.market.packages import PackageKind
from app.services.package_rows import POLYGONS

PAGE = (Path(__file__).parents[2] / "docs" / "packages.md").read_text("utf-8")


@pytest.mark.parametrize("kind", PackageKind)
def test_the_example_of_each_kind_is_a_sound_row(kind: PackageKind) -> None:
    (section,) = re.findall(rf"^### `{kind.format_name}`\n(.*?)(?=^##)", PAGE, flags=re.MULTILINE | re.DOTALL)
    (example,) = re.findall(r"^    \{.*(?:\n    .*)*", section, flags=re.MULTILINE)
    faults = Faults()
    value = READ_ROW[kind](json.loads(example), faults, POLYGONS)
    faults.refuse_any()
    assert impossible(value) == []


def test_the_tables_have_the_columns_that_the_page_gives() -> None:
    given = {
        member: [column.split(" ")[0] for column in columns.split(", ")]
        for member, columns in re.findall(r"`([a-z_]+\.csv)`: ([^|]+) \|", PAGE)
    }
    tables = [table for kind in PackageKind for table in TABLES[kind]]
    assert given == {table.member: list(table.columns) for table in tables}
