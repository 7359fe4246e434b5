"""Polygons in packages: the same land is no more credited twice than over HTTP, and each row is told."""

import json
from typing import Any

import pytest

from app.market.packages import PackageForm, PackageKind
from app.store.database import Database
from tests.conftest import Exchange
from tests.mapped import SQUARE_HM2, square
from tests.package_files import acceptance, filing, jsonl, parcel
from tests.services.test_packages import exported, faults_of, figures, imported, without_making
from tests.story import verified


def mapped(serial: int, column: float, *, area: str = SQUARE_HM2, **given: Any) -> dict[str, Any]:
    """A filing of one square of the grid."""
    return filing(serial, parcels=[parcel(f"M{serial}", area, geometry=square(column, 0))], **given)


@pytest.mark.parametrize("form", PackageForm)
async def test_polygons_come_back_as_they_were_drawn(
    database: Database, committed: Database, form: PackageForm
) -> None:
    rows = [mapped(1, 0), filing(2), mapped(3, 5)]
    await imported(database, jsonl("filings", rows))
    package = await exported(database, PackageKind.FILINGS, form)
    if form is PackageForm.JSON:
        first = json.loads(package.splitlines()[1])
        assert first["parcels"][0]["geometry"] == square(0, 0)
    await imported(committed, package)
    assert without_making(await exported(committed, PackageKind.FILINGS, form)) == without_making(package)
    assert await figures(committed, "parcel_shape") == [2]


async def test_every_row_on_anothers_land_is_told_and_nothing_is_written(exchange: Exchange) -> None:
    database = exchange.database
    await imported(database, jsonl("filings", [mapped(1, 0)]))
    before = await figures(database, "project", "parcel_shape", "journal_event")
    rows = [
        mapped(2, 2),
        mapped(3, 0.5),  # on the first one's, which is there already
        mapped(4, 4, area="9.0000"),
        mapped(5, 6),
        mapped(6, 2.5, county="511921"),  # on that of line 2
        filing(7),
    ]
    found = await faults_of(database, jsonl("filings", rows))
    assert [line.split(": ")[0] for line in found] == [
        "line 3, parcels.0.geometry",
        "line 4, parcels.0.area",
        "line 6, parcels.0.geometry",
    ]
    assert "51192220180001" in found[0] and "51192220180002" in found[2]
    assert await figures(database, "project", "parcel_shape", "journal_event") == before


async def test_a_row_that_is_there_with_another_polygon_is_told(exchange: Exchange) -> None:
    await imported(exchange.database, jsonl("filings", [mapped(1, 0)]))
    again = jsonl("filings", [mapped(1, 0)], made_at="2026-04-01T00:00:00Z")
    assert (await imported(exchange.database, again)).row.entered == 0
    (line,) = await faults_of(exchange.database, jsonl("filings", [mapped(1, 0.01)]))
    assert line.startswith("line 2, parcels: M1: geometry.coordinates ")
    (line,) = await faults_of(
        exchange.database, jsonl("filings", [filing(1, parcels=[parcel("M1", SQUARE_HM2)])])
    )
    assert line.startswith("line 2, parcels: M1: geometry is missing here")


async def test_mapped_projects_are_accepted_by_a_package(exchange: Exchange) -> None:
    await imported(exchange.database, jsonl("filings", [mapped(1, 0), mapped(2, 2)]))
    done = await imported(exchange.database, jsonl("acceptances", [acceptance(2), acceptance(1)]))
    assert done.row.entered == 2
    (line,) = await faults_of(exchange.database, jsonl("filings", [mapped(3, 0.5)]))
    assert line.startswith("line 2, parcels.0.geometry: ")
    await verified(exchange)
