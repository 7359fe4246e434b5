"""Exchange with the ministry's systems: packages of filings, acceptances and write-offs, out and in."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import BinaryIO

from app.documents.packages import Package, open_package, package_writer
from app.market.access import Action, Actor, Scope, permit, scope
from app.market.errors import Conflict, Malformed, NotFound, ensure
from app.market.filings import Filing
from app.market.ids import Kind, public_id
from app.market.jurisdictions import Level
from app.market.packages import (
    FaultyPackage,
    PackageFaults,
    PackageForm,
    PackageKind,
    PackageValue,
    Place,
    Selection,
    WrittenOff,
)
from app.market.units import rfc3339
from app.services.days import CHINA, day_of, end_of
from app.services.journal import announce
from app.services.package_rows import (
    POLYGONS,
    AcceptanceImporter,
    FilingImporter,
    Import,
    Importer,
    accepted_filing,
    known_filing,
)
from app.services.package_write_offs import WriteOffImporter
from app.store import clock, jurisdictions, parcels
from app.store import packages as store
from app.store import projects as register
from app.store.database import Connection
from app.store.packages import PackageImportRow

__all__ = [
    "FaultyPackage",
    "Imported",
    "PackageForm",
    "PackageImportRow",
    "PackageKind",
    "check_form",
    "export_package",
    "import_package",
    "imports",
    "province",
]

Progress = Callable[[int, int], None]
"""Called with the rows done so far and how many there are."""

ROWS_AT_ONCE = 500
WEIGHT_AT_ONCE = 10_000
POLYGON_OCTETS = 1_000
JURISDICTIONS_MOST = 100_000

IMPORTERS: Mapping[PackageKind, Callable[[Import], Importer]] = {
    PackageKind.FILINGS: FilingImporter,
    PackageKind.ACCEPTANCES: AcceptanceImporter,
    PackageKind.WRITE_OFFS: WriteOffImporter,
}


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did; ``repeated`` where the same package had come before, and nothing was done now."""

    row: PackageImportRow
    repeated: bool


def _no_progress(done: int, total: int) -> None:
    """Tell nobody."""


async def export_package(
    connection: Connection,
    out: BinaryIO,
    *,
    actor: Actor,
    kind: PackageKind,
    form: PackageForm,
    county: str | None = None,
    since: date | None = None,
    until: date | None = None,
    progress: Progress = _no_progress,
) -> int:
    """Write the rows recorded on the days from ``since`` to ``until`` as a package; return how many.

    Officers get their own county's. The connection has to be one snapshot; memory does not grow with the
    package. Raises NotPermitted, NotFound, Malformed.
    """
    if county is None and scope(actor, Action.EXPORT_PACKAGE) is not Scope.ANY:
        county = actor.jurisdiction
    permit(actor, Action.EXPORT_PACKAGE, county or actor.jurisdiction)
    if since is not None and until is not None and until < since:
        raise Malformed("days_reversed", f"{until} is before {since}.", field="until")
    now = await clock.now(connection)
    if county is not None and county not in await _levels(connection, day_of(now)):
        raise NotFound("jurisdiction", county, field="county")
    selection = Selection(
        county,
        None if since is None else datetime.combine(since, time(), tzinfo=CHINA),
        None if until is None else end_of(until),
    )
    total, done = await store.count(connection, kind, selection), 0
    writer = package_writer(kind, form, POLYGONS)
    async for values in _pages(connection, kind, selection):
        for value in values:
            writer.add(value)
        done += len(values)
        progress(done, total)
    ensure(done == total, f"{total} rows were counted and {done} written")
    writer.finish(out, province=await _province(connection, day_of(now)), made_at=rfc3339(now))
    return done


async def _pages(
    connection: Connection, kind: PackageKind, selection: Selection
) -> AsyncIterator[Sequence[PackageValue]]:
    after = 0
    while True:
        page = await store.page(connection, kind, selection, after=after, limit=ROWS_AT_ONCE)
        if not page.numbers:
            return
        after = page.last
        yield await _values(connection, kind, page.numbers)


async def _values(
    connection: Connection, kind: PackageKind, numbers: Sequence[int]
) -> Sequence[PackageValue]:
    if kind is PackageKind.WRITE_OFFS:
        written_off = await store.written_off(connection, numbers)
        return [
            WrittenOff(
                public_id(Kind.APPLICATION, each.application_id),
                each.applicant,
                each.reserve,
                day_of(each.written_off_at),
                each.batches,
            )
            for each in (written_off[number] for number in numbers)
        ]
    rows = await register.projects(connection, numbers)
    if kind is PackageKind.FILINGS:
        shapes = await parcels.shapes(connection, numbers)
        return [known_filing(rows[number], shapes) for number in numbers]
    credited = await store.credits_of(connection, numbers)
    return [accepted_filing(rows[number], credited[number]) for number in numbers]


async def import_package(
    connection: Connection,
    source: BinaryIO,
    *,
    actor: Actor,
    expected: PackageKind | None = None,
    progress: Progress = _no_progress,
) -> Imported:
    """Import a package whole, by the same rules as if its rows came one by one over HTTP.

    Raises FaultyPackage with every faulty row (the first hundred told), and then nothing is written; the
    caller's transaction is to end with it. A package that was imported before changes nothing.
    """
    permit(actor, Action.IMPORT_PACKAGE, actor.jurisdiction)
    await store.hold_imports(connection)
    now = await clock.now(connection)
    faults = PackageFaults()
    package = open_package(source, faults, POLYGONS)
    head = package.head
    if head is None:
        raise FaultyPackage(tuple(faults), faults.count)
    if expected not in (None, head.kind):
        faults.add(Place("", 1), "format", f"must be {expected.format_name!r} here" if expected else "")
        faults.refuse_any()
    known = await store.imported(connection, bytes.fromhex(package.digest))
    if known is not None:
        return Imported(known, repeated=True)
    province = await _province(connection, day_of(now))
    if head.province != province:
        problem = f"the package is of {head.province[:40]!r}, this exchange is of {province!r}"
        faults.add(Place("", 1), "province", problem)
    faults.refuse_any()
    levels = await _levels(connection, day_of(now))
    importer = IMPORTERS[head.kind](Import(connection, actor.jurisdiction, now, faults, levels))
    await importer.hold(_sound_values(source))
    rows = entered = 0
    for chunk, count in _chunks(package):
        entered += await importer.take(chunk)
        rows += count
        progress(rows, head.rows)
    faults.refuse_any()
    row = await store.insert(
        connection,
        kind=head.kind,
        form=package.form,
        sha256=bytes.fromhex(package.digest),
        row_count=rows,
        entered=entered,
        at=now,
        by=actor.jurisdiction,
    )
    await announce(
        connection,
        at=now,
        kind="package.imported",
        subject=public_id(Kind.PACKAGE, row.id),
        actor=actor.jurisdiction,
        facts={"kind": head.kind, "sha256": package.digest, "rows": rows, "entered": entered},
    )
    return Imported(row, repeated=False)


async def imports(
    connection: Connection, *, actor: Actor, after: int | None, limit: int
) -> Sequence[PackageImportRow]:
    """Return at most ``limit`` packages that were imported, after the number given; raises NotPermitted."""
    permit(actor, Action.READ_PACKAGES, actor.jurisdiction)
    return await store.imports(connection, after=after, limit=limit)


def check_form(source: BinaryIO, progress: Progress = _no_progress) -> tuple[PackageKind, int]:
    """Read a package by itself, without the exchange; return its kind and rows. Raises FaultyPackage."""
    faults = PackageFaults()
    package = open_package(source, faults, POLYGONS)
    rows = 0
    for _, count in _chunks(package):
        rows += count
        progress(rows, package.head.rows if package.head else rows)
    faults.refuse_any()
    if package.head is None:
        raise AssertionError("a package without a fault has a head")
    return package.head.kind, rows


def _sound_values(source: BinaryIO) -> Iterator[PackageValue]:
    """The rows of a package, read by themselves: what is wrong with them is told when they are taken."""
    at = source.tell()
    for _, value in open_package(source, PackageFaults(), POLYGONS).rows():
        if value is not None:
            yield value
    source.seek(at)


def _chunks(package: Package) -> Iterator[tuple[list[tuple[Place, PackageValue]], int]]:
    """The rows in chunks of a bounded size: those that are sound, and how many there were in all."""
    sound: list[tuple[Place, PackageValue]] = []
    count = weight = 0
    for place, value in package.rows():
        count += 1
        if value is not None:
            sound.append((place, value))
            weight += _weight(value)
        if count >= ROWS_AT_ONCE or weight >= WEIGHT_AT_ONCE:
            yield sound, count
            sound, count, weight = [], 0, 0
    if count:
        yield sound, count


def _weight(value: PackageValue) -> int:
    """What a row holds, in parcels: a large polygon counts for several."""
    if not isinstance(value, Filing):
        return 1
    octets = sum(len(shape.polygon) for shape in value.shapes.values())
    return len(value.papers.parcels) + octets // POLYGON_OCTETS


async def _levels(connection: Connection, day: date) -> Mapping[str, Level]:
    """The level of every jurisdiction as it stands on a day."""
    found = await jurisdictions.jurisdictions_on(
        connection,
        day,
        level=None,
        parent=None,
        designation=None,
        after=None,
        limit=JURISDICTIONS_MOST,
    )
    return {each.code: each.level for each in found}


async def _province(connection: Connection, day: date) -> str:
    """The code of the province whose exchange this is."""
    levels = await _levels(connection, day)
    provinces = [code for code, level in levels.items() if level is Level.PROVINCE]
    if len(provinces) != 1:
        raise Conflict(
            "no_province", f"The register has {len(provinces)} provinces; a package is of one.", field=None
        )
    return provinces[0]


async def province(connection: Connection) -> str:
    """The code of the province whose exchange this is; raises Conflict where the register has none yet."""
    return await _province(connection, day_of(await clock.now(connection)))
