"""Sanctions on jurisdictions (限期整改, 通报批评, 暂停受理)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Date, Index, text
from sqlmodel import Field, SQLModel

from app.market.errors import ensure
from app.market.sanctions import SanctionKind
from app.store import columns
from app.store.database import Connection


class Sanction(SQLModel, table=True):
    """A sanction, with its reason and dates; one that nobody decided follows from the books."""

    __table_args__ = (
        columns.one_of("sanction", "kind", SanctionKind),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="ck_sanction_dates"),
        # An overdue rectification suspends once.
        Index("uq_sanction_follows_id", "follows_id", unique=True),
        Index(
            "ix_sanction_rectifying",
            "ends_on",
            "id",
            postgresql_where=text("kind = 'rectify' AND lifted_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    jurisdiction: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    kind: str = Field(sa_column=columns.text())
    reason: str = Field(sa_column=columns.text())
    starts_on: date = Field(sa_column=Column(Date, nullable=False))
    ends_on: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    decided_at: datetime = Field(sa_column=columns.instant())
    decided_by: str | None = Field(default=None, sa_column=columns.refers("jurisdiction.code", nullable=True))
    lifted_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    inspection_id: int | None = Field(
        default=None, sa_column=columns.refers("inspection.id", nullable=True, index=True)
    )
    follows_id: int | None = Field(default=None, sa_column=columns.refers("sanction.id", nullable=True))


class RectificationReport(SQLModel, table=True):
    """What a jurisdiction says it did to rectify, and the regulator's rejection of it, if it came to that."""

    __tablename__ = "rectification_report"
    __table_args__ = (
        CheckConstraint(
            "(rejected_at IS NULL) = (rejection IS NULL)", name="ck_rectification_report_rejection"
        ),
        # One report at a time waits to be verified.
        Index(
            "uq_rectification_report_waiting",
            "sanction_id",
            unique=True,
            postgresql_where=text("rejected_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    sanction_id: int = Field(sa_column=columns.refers("sanction.id", index=True))
    what: str = Field(sa_column=columns.text())
    reported_at: datetime = Field(sa_column=columns.instant())
    rejected_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    rejection: str | None = Field(default=None, sa_column=columns.text(nullable=True))


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report on a rectification; rejected, or waiting, or (its sanction being lifted) found good."""

    what: str
    reported_at: datetime
    rejected_at: datetime | None
    rejection: str | None


@dataclass(frozen=True, slots=True)
class SanctionRow:
    """A sanction as decided; ``ends_on`` is its last day, None until it is lifted.

    ``decided_by`` is None where the exchange itself opened it, as it does a rectification for a debt.
    ``inspection_id`` is the inspection that it came of, ``follows_id`` the overdue rectification that a
    suspension follows by itself.
    """

    id: int
    jurisdiction: str
    kind: SanctionKind
    reason: str
    starts_on: date
    ends_on: date | None
    decided_at: datetime
    decided_by: str | None
    lifted_at: datetime | None
    inspection_id: int | None
    follows_id: int | None


_COLUMNS = """sanction.id, sanction.jurisdiction, sanction.kind, sanction.reason, sanction.starts_on,
    sanction.ends_on, sanction.decided_at, sanction.decided_by, sanction.lifted_at, sanction.inspection_id,
    sanction.follows_id"""

# Past its last day, not lifted, and without a report that came in time and was not rejected: who reported in
# time does not pay for the regulator's own delay.
_OVERDUE = """
    sanction.kind = 'rectify' AND sanction.lifted_at IS NULL AND sanction.ends_on < :day
    AND NOT EXISTS (SELECT 1 FROM rectification_report AS report
                     WHERE report.sanction_id = sanction.id AND report.rejected_at IS NULL
                       AND CAST(report.reported_at AT TIME ZONE 'Asia/Shanghai' AS date) <= sanction.ends_on)
"""


def _sanction(row: Any) -> SanctionRow:
    return SanctionRow(**{**row._mapping, "kind": SanctionKind(row.kind)})


async def is_suspended(connection: Connection, jurisdiction: str, day: date) -> bool:
    """Whether a jurisdiction is suspended (暂停受理) on a day."""
    return jurisdiction in await suspended_among(connection, [jurisdiction], day)


async def suspended_among(connection: Connection, codes: Collection[str], day: date) -> frozenset[str]:
    """Return those of the jurisdictions that are suspended (暂停受理) on a day."""
    found = await connection.execute(
        text(
            """
            SELECT DISTINCT jurisdiction FROM sanction
             WHERE jurisdiction = ANY(CAST(:codes AS text[])) AND kind = 'suspend' AND lifted_at IS NULL
               AND starts_on <= :day AND (ends_on IS NULL OR :day <= ends_on)
            """
        ),
        {"codes": sorted(codes), "day": day},
    )
    return frozenset(row.jurisdiction for row in found)


async def sanctions(
    connection: Connection,
    *,
    jurisdiction: str | None,
    kind: SanctionKind | None,
    overdue_on: date | None,
    after: int | None,
    limit: int,
) -> Sequence[SanctionRow]:
    """Return at most ``limit`` sanctions after the number given, of one jurisdiction or kind or of all.

    With ``overdue_on`` only rectifications (限期整改) that are overdue on that day.
    """
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM sanction
             WHERE (CAST(:jurisdiction AS text) IS NULL OR jurisdiction = CAST(:jurisdiction AS text))
               AND (CAST(:kind AS text) IS NULL OR kind = CAST(:kind AS text))
               AND (CAST(:day AS date) IS NULL OR ({_OVERDUE.replace(":day", "CAST(:day AS date)")}))
               AND (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
             ORDER BY id LIMIT :limit
            """
        ),
        {
            "jurisdiction": jurisdiction,
            "kind": kind,
            "day": overdue_on,
            "after": after,
            "limit": limit,
        },
    )
    return [_sanction(row) for row in found]


async def lock_overdue(connection: Connection, day: date, tried: Collection[int]) -> SanctionRow | None:
    """Lock and return the rectification longest overdue that nothing followed yet and no worker holds."""
    held = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM sanction
             WHERE {_OVERDUE} AND id <> ALL(CAST(:tried AS bigint[]))
               AND NOT EXISTS (SELECT 1 FROM sanction AS follower WHERE follower.follows_id = sanction.id)
             ORDER BY ends_on, id LIMIT 1 FOR UPDATE OF sanction SKIP LOCKED
            """
        ),
        {"day": day, "tried": list(tried)},
    )
    row = held.first()
    return None if row is None else _sanction(row)


async def has_follower(connection: Connection, number: int) -> bool:
    """Whether a rectification that the caller holds was followed by a suspension already."""
    found = await connection.execute(
        text("SELECT 1 FROM sanction WHERE follows_id = :number"), {"number": number}
    )
    return found.first() is not None


async def of_inspections(connection: Connection, numbers: Collection[int]) -> Mapping[int, SanctionRow]:
    """Return the rectification that each of some inspections opened, by inspection."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM sanction "
            "WHERE inspection_id = ANY(CAST(:numbers AS bigint[])) ORDER BY id"
        ),
        {"numbers": list(numbers)},
    )
    rows = [_sanction(row) for row in found]
    return {row.inspection_id: row for row in rows if row.inspection_id is not None}


async def insert(
    connection: Connection,
    *,
    jurisdiction: str,
    kind: SanctionKind,
    reason: str,
    starts_on: date,
    ends_on: date | None,
    decided_at: datetime,
    decided_by: str | None,
    inspection_id: int | None = None,
    follows_id: int | None = None,
) -> SanctionRow:
    """Store a sanction."""
    made = await connection.execute(
        text(
            f"""
            INSERT INTO sanction (jurisdiction, kind, reason, starts_on, ends_on, decided_at, decided_by,
                                  inspection_id, follows_id)
            VALUES (:jurisdiction, :kind, :reason, :starts_on, :ends_on, :decided_at, :decided_by,
                    :inspection_id, :follows_id)
            RETURNING {_COLUMNS}
            """
        ),
        {
            "jurisdiction": jurisdiction,
            "kind": kind,
            "reason": reason,
            "starts_on": starts_on,
            "ends_on": ends_on,
            "decided_at": decided_at,
            "decided_by": decided_by,
            "inspection_id": inspection_id,
            "follows_id": follows_id,
        },
    )
    return _sanction(made.one())


async def lift(connection: Connection, *, number: int, at: datetime) -> Sequence[SanctionRow]:
    """Lift a sanction, and the suspension that followed it, as far as they stand; return those lifted."""
    lifted = await connection.execute(
        text(
            f"""
            UPDATE sanction SET lifted_at = :at
             WHERE (id = :id OR follows_id = :id) AND lifted_at IS NULL RETURNING {_COLUMNS}
            """
        ),
        {"id": number, "at": at},
    )
    return sorted((_sanction(row) for row in lifted), key=lambda row: row.id)


async def lock(connection: Connection, number: int) -> SanctionRow | None:
    """Hold a sanction until the transaction ends and return it, or None."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM sanction WHERE id = :id FOR UPDATE"), {"id": number}
    )
    row = found.first()
    return None if row is None else _sanction(row)


async def add_report(connection: Connection, number: int, *, what: str, at: datetime) -> None:
    """Keep a report on a rectification that the caller holds."""
    await connection.execute(
        text(
            "INSERT INTO rectification_report (sanction_id, what, reported_at) VALUES (:number, :what, :at)"
        ),
        {"number": number, "what": what, "at": at},
    )


async def reject_report(connection: Connection, number: int, *, rejection: str, at: datetime) -> None:
    """Keep the rejection of the report that waits, of a rectification that the caller holds."""
    kept = await connection.execute(
        text(
            "UPDATE rectification_report SET rejected_at = :at, rejection = :rejection "
            "WHERE sanction_id = :number AND rejected_at IS NULL"
        ),
        {"number": number, "rejection": rejection, "at": at},
    )
    ensure(kept.rowcount == 1, f"{kept.rowcount} reports of sanction {number} waited")


async def reports(connection: Connection, numbers: Collection[int]) -> Mapping[int, Sequence[ReportRow]]:
    """Return the reports on some sanctions, by sanction, in the order they came."""
    found = await connection.execute(
        text(
            """
            SELECT sanction_id, what, reported_at, rejected_at, rejection FROM rectification_report
             WHERE sanction_id = ANY(CAST(:numbers AS bigint[])) ORDER BY id
            """
        ),
        {"numbers": list(numbers)},
    )
    of: dict[int, list[ReportRow]] = {number: [] for number in numbers}
    for row in found:
        of[row.sanction_id].append(ReportRow(row.what, row.reported_at, row.rejected_at, row.rejection))
    return of
