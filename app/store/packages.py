"""Packages from and to the ministry's systems: those imported, and the pages that exports are read by."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, text
from sqlmodel import Field, SQLModel

from app.market.indicators import Indicator
from app.market.packages import PackageForm, PackageKind, Selection, UsedUp
from app.store import columns
from app.store.database import Connection


class PackageImport(SQLModel, table=True):
    """A package that was imported whole, by its SHA-256, so that it is known when it comes again."""

    __tablename__ = "package_import"
    __table_args__ = (
        columns.one_of("package_import", "kind", PackageKind),
        columns.one_of("package_import", "form", PackageForm),
        CheckConstraint(
            "row_count >= 0 AND entered BETWEEN 0 AND row_count", name="ck_package_import_counts"
        ),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    kind: str = Field(sa_column=columns.text())
    form: str = Field(sa_column=columns.text())
    sha256: bytes = Field(sa_column=columns.octets(unique=True))
    row_count: int = Field(sa_column=columns.count())
    entered: int = Field(sa_column=columns.count())
    imported_at: datetime = Field(sa_column=columns.instant())
    imported_by: str = Field(sa_column=columns.refers("jurisdiction.code"))


@dataclass(frozen=True, slots=True)
class PackageImportRow:
    """An import: how many rows the package had, and how many of them were new here."""

    id: int
    kind: PackageKind
    form: PackageForm
    sha256: bytes
    row_count: int
    entered: int
    imported_at: datetime
    imported_by: str


_COLUMNS = "id, kind, form, sha256, row_count, entered, imported_at, imported_by"
IMPORT_LOCK = 7_351_011


async def hold_imports(connection: Connection) -> None:
    """Let imports take turns: one that waited finds what the other brought."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": IMPORT_LOCK})


async def imported(connection: Connection, sha256: bytes) -> PackageImportRow | None:
    """Return the import of a package, or None where it never came."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM package_import WHERE sha256 = :sha256"), {"sha256": sha256}
    )
    row = found.first()
    return None if row is None else _import(row)


async def imports(connection: Connection, *, after: int | None, limit: int) -> Sequence[PackageImportRow]:
    """Return at most ``limit`` imports after the number given."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM package_import WHERE id > :after ORDER BY id LIMIT :limit"),
        {"after": after or 0, "limit": limit},
    )
    return [_import(row) for row in found]


def _import(row: Any) -> PackageImportRow:
    shaped = {**row._mapping, "kind": PackageKind(row.kind), "form": PackageForm(row.form)}
    return PackageImportRow(**shaped)


async def insert(
    connection: Connection,
    *,
    kind: PackageKind,
    form: PackageForm,
    sha256: bytes,
    row_count: int,
    entered: int,
    at: datetime,
    by: str,
) -> PackageImportRow:
    """Remember a package that was imported whole."""
    made = await connection.execute(
        text(
            """
            INSERT INTO package_import (kind, form, sha256, row_count, entered, imported_at, imported_by)
            VALUES (:kind, :form, :sha256, :row_count, :entered, :at, :by) RETURNING id
            """
        ),
        {
            "kind": kind,
            "form": form,
            "sha256": sha256,
            "row_count": row_count,
            "entered": entered,
            "at": at,
            "by": by,
        },
    )
    return PackageImportRow(made.scalar_one(), kind, form, sha256, row_count, entered, at, by)


async def begin_naming(connection: Connection) -> None:
    """Make room for the keys of a package's rows, until the transaction ends."""
    await connection.execute(text("DROP TABLE IF EXISTS pg_temp.package_key"))
    await connection.execute(
        text('CREATE TEMPORARY TABLE package_key (key text COLLATE "C" NOT NULL) ON COMMIT DROP')
    )


async def name(connection: Connection, keys: Sequence[str]) -> None:
    """Add keys, filing numbers say."""
    await connection.execute(
        text("INSERT INTO package_key SELECT unnest(CAST(:keys AS text[]))"), {"keys": list(keys)}
    )


async def any_named_project_is_mapped(connection: Connection) -> bool:
    """Whether a parcel of the projects filed under the numbers named is on the map."""
    found = await connection.execute(
        text(
            """
            SELECT EXISTS (
                SELECT FROM package_key JOIN project ON project.filing_no = package_key.key
                 WHERE project.state <> 'REFUSED'
                   AND EXISTS (SELECT FROM parcel_shape WHERE parcel_shape.project_id = project.id))
            """
        )
    )
    return bool(found.scalar_one())


async def hold_named_projects(connection: Connection) -> Sequence[str]:
    """Lock the projects filed under the numbers named, by ascending id; return their counties, sorted."""
    await connection.execute(text("ANALYZE package_key"))
    await connection.execute(
        text(
            """
            SELECT count(*)
              FROM (SELECT project.id FROM project JOIN package_key ON project.filing_no = package_key.key
                     WHERE project.state <> 'REFUSED' ORDER BY project.id FOR UPDATE OF project) AS held
            """
        )
    )
    found = await connection.execute(
        text(
            """
            SELECT DISTINCT project.county
              FROM project JOIN package_key ON project.filing_no = package_key.key
             WHERE project.state <> 'REFUSED' ORDER BY project.county
            """
        )
    )
    return [row.county for row in found]


async def hold_named_applications(connection: Connection) -> None:
    """Lock what the write-offs for the applications named will touch, in the order of ADR 0004.

    The applications and all that share their reserves, then the open obligations that share them, then the
    applications' live needs, then the accounts of those reserves: written off one after another they would be
    locked in a circle with others.
    """
    await connection.execute(text("ANALYZE package_key"))
    for statement in (_HELD_APPLICATIONS, _HELD_OBLIGATIONS, _HELD_NEEDS, _HELD_ACCOUNTS):
        await connection.execute(text(f"SELECT count(*) FROM ({statement}) AS held"))


_NAMED_APPLICATIONS = """
    (SELECT land_application.id, land_application.reserve
       FROM package_key
       JOIN land_application ON land_application.id = CAST(substr(package_key.key, 2) AS bigint))
"""
_HELD_APPLICATIONS = f"""
    SELECT id FROM land_application
     WHERE id IN (SELECT id FROM {_NAMED_APPLICATIONS} AS named)
        OR (state = 'FILED' AND reserve IN (SELECT reserve FROM {_NAMED_APPLICATIONS} AS named))
     ORDER BY id FOR UPDATE
"""
_HELD_OBLIGATIONS = f"""
    SELECT id FROM obligation
     WHERE state = 'OPEN' AND jurisdiction IN (SELECT reserve FROM {_NAMED_APPLICATIONS} AS named)
     ORDER BY id FOR UPDATE
"""
_HELD_NEEDS = f"""
    SELECT id FROM need
     WHERE application_id IN (SELECT id FROM {_NAMED_APPLICATIONS} AS named)
       AND state IN ('DECLARED', 'APPROVED')
     ORDER BY id FOR UPDATE
"""
_HELD_ACCOUNTS = f"""
    SELECT id FROM account
     WHERE jurisdiction IN (SELECT reserve FROM {_NAMED_APPLICATIONS} AS named)
       AND asset <> 'CNY' AND bucket IN ('available', 'consumed')
     ORDER BY id FOR UPDATE
"""


async def standing_write_offs(connection: Connection, references: Collection[str]) -> Mapping[str, int]:
    """Return the numbers of the write-offs that stand for some references, by reference."""
    found = await connection.execute(
        text(
            "SELECT reference, id FROM write_off "
            "WHERE reference = ANY (CAST(:references AS text[])) AND reversal_id IS NULL"
        ),
        {"references": list(references)},
    )
    return {row.reference: row.id for row in found}


async def projects_under(connection: Connection, filing_nos: Collection[str]) -> Mapping[str, int]:
    """Return the numbers of the projects filed under those of the filing numbers that are taken."""
    found = await connection.execute(
        text(
            """
            SELECT filing_no, id FROM project
             WHERE filing_no = ANY (CAST(:filing_nos AS text[])) AND state <> 'REFUSED'
            """
        ),
        {"filing_nos": list(filing_nos)},
    )
    return {row.filing_no: row.id for row in found}


async def credits_of(
    connection: Connection, project_ids: Collection[int]
) -> Mapping[int, Mapping[Indicator, int]]:
    """Return what each of the projects was credited, in steps per indicator."""
    found = await connection.execute(
        text(
            "SELECT project_id, indicator, quantity FROM batch "
            "WHERE project_id = ANY (CAST(:project_ids AS bigint[]))"
        ),
        {"project_ids": list(project_ids)},
    )
    credits_steps: dict[int, dict[Indicator, int]] = {number: {} for number in project_ids}
    for row in found:
        credits_steps[row.project_id][Indicator(row.indicator)] = row.quantity
    return credits_steps


@dataclass(frozen=True, slots=True)
class Page:
    """Row numbers for an export, and where the next page begins."""

    numbers: Sequence[int]
    last: int


def _given(selection: Selection) -> dict[str, object]:
    return {"county": selection.county, "since": selection.since, "until": selection.until}


def _within(column: str) -> str:
    return f"""(CAST(:since AS timestamptz) IS NULL OR {column} >= CAST(:since AS timestamptz))
           AND (CAST(:until AS timestamptz) IS NULL OR {column} < CAST(:until AS timestamptz))"""


_COUNTY = "(CAST(:county AS text) IS NULL OR project.county = CAST(:county AS text))"

# A refused filing has freed its number, and one without a valid number is not filed at all ([N] 二).
_FILINGS = f"""
      FROM project
     WHERE state <> 'REFUSED' AND filing_no ~ '^[0-9]{{6}}(19|20)[0-9]{{6}}$' AND {_COUNTY}
       AND {_within("filed_at")}
"""

# In the order in which they were accepted: what an upgrade may earn depends on what was certified before.
_ACCEPTANCES = f"""
      FROM journal_event AS event
      JOIN project ON project.id = CASE WHEN event.kind = 'project.accepted'
                                        THEN CAST(substr(event.subject, 2) AS bigint) END
     WHERE event.kind = 'project.accepted' AND project.state = 'ACCEPTED' AND {_COUNTY}
       AND {_within("event.at")}
"""

_WRITE_OFFS = f"""
      FROM write_off
      JOIN land_application ON write_off.reference LIKE 'F%'
                           AND land_application.id = CAST(substr(write_off.reference, 2) AS bigint)
     WHERE write_off.reversal_id IS NULL
       AND (CAST(:county AS text) IS NULL OR land_application.applicant = CAST(:county AS text))
       AND {_within("write_off.written_off_at")}
"""

_SELECTED: Mapping[PackageKind, tuple[str, str, str]] = {
    PackageKind.FILINGS: (_FILINGS, "project.id", "project.id"),
    PackageKind.ACCEPTANCES: (_ACCEPTANCES, "event.id", "project.id"),
    PackageKind.WRITE_OFFS: (_WRITE_OFFS, "write_off.id", "write_off.id"),
}
"""For each kind: where from, what orders the rows, and what numbers them."""


async def count(connection: Connection, kind: PackageKind, selection: Selection) -> int:
    """Return how many rows a selection holds."""
    source, _, _ = _SELECTED[kind]
    found = await connection.execute(text(f"SELECT count(*) {source}"), _given(selection))
    return int(found.scalar_one())


async def page(
    connection: Connection, kind: PackageKind, selection: Selection, *, after: int, limit: int
) -> Page:
    """Return the numbers of at most ``limit`` rows after a place in their order, 0 for the first ones."""
    source, order, number = _SELECTED[kind]
    found = await connection.execute(
        text(
            f"SELECT {order} AS place, {number} AS number {source} AND {order} > :after "
            f"ORDER BY {order} LIMIT :limit"
        ),
        {**_given(selection), "after": after, "limit": limit},
    )
    rows = list(found)
    return Page([row.number for row in rows], rows[-1].place if rows else after)


@dataclass(frozen=True, slots=True)
class WrittenOffRow:
    """A write-off for a land application, with the batches that it used up, oldest first."""

    application_id: int
    applicant: str
    reserve: str
    written_off_at: datetime
    batches: tuple[UsedUp, ...]


async def written_off(connection: Connection, numbers: Collection[int]) -> Mapping[int, WrittenOffRow]:
    """Return write-offs for land applications, by their numbers."""
    found = await connection.execute(
        text(
            """
            SELECT write_off.id, land_application.id AS application_id, land_application.applicant,
                   write_off.reserve, write_off.written_off_at, account.asset, project.filing_no,
                   posting.amount
              FROM write_off
              JOIN land_application ON land_application.id = CAST(substr(write_off.reference, 2) AS bigint)
              JOIN posting ON posting.transaction_id = write_off.transaction_id
              JOIN account ON account.id = posting.account_id AND account.bucket = 'consumed'
              JOIN batch ON batch.id = account.batch_id
              JOIN project ON project.id = batch.project_id
             WHERE write_off.id = ANY (CAST(:numbers AS bigint[])) AND write_off.reference LIKE 'F%'
             ORDER BY write_off.id, account.asset, batch.credited_at, batch.id
            """
        ),
        {"numbers": list(numbers)},
    )
    rows: dict[int, WrittenOffRow] = {}
    used: dict[int, list[UsedUp]] = {}
    for row in found:
        rows.setdefault(
            row.id, WrittenOffRow(row.application_id, row.applicant, row.reserve, row.written_off_at, ())
        )
        used.setdefault(row.id, []).append(UsedUp(Indicator(row.asset), row.filing_no, row.amount))
    return {
        number: WrittenOffRow(
            each.application_id, each.applicant, each.reserve, each.written_off_at, tuple(used[number])
        )
        for number, each in rows.items()
    }
