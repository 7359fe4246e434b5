"""Sanctions on jurisdictions (限期整改, 通报批评, 暂停受理)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Date, text
from sqlmodel import Field, SQLModel

from app.market.sanctions import SanctionKind
from app.store import columns
from app.store.database import Connection


class Sanction(SQLModel, table=True):
    """A sanction, with its reason and dates; one that nobody decided follows from the books."""

    __table_args__ = (
        columns.one_of("sanction", "kind", SanctionKind),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="ck_sanction_dates"),
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


@dataclass(frozen=True, slots=True)
class SanctionRow:
    """A sanction as decided; ``ends_on`` is its last day, None until it is lifted.

    ``decided_by`` is None where the exchange itself opened it, as it does a rectification for a debt.
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


_COLUMNS = "id, jurisdiction, kind, reason, starts_on, ends_on, decided_at, decided_by, lifted_at"


def _sanction(row: Any) -> SanctionRow:
    return SanctionRow(**{**row._mapping, "kind": SanctionKind(row.kind)})


async def is_suspended(connection: Connection, jurisdiction: str, day: date) -> bool:
    """Whether a jurisdiction is suspended (暂停受理) on a day."""
    found = await connection.execute(
        text(
            """
            SELECT 1 FROM sanction
             WHERE jurisdiction = :jurisdiction AND kind = 'suspend' AND lifted_at IS NULL
               AND starts_on <= :day AND (ends_on IS NULL OR :day <= ends_on) LIMIT 1
            """
        ),
        {"jurisdiction": jurisdiction, "day": day},
    )
    return found.first() is not None


async def sanctions(
    connection: Connection, *, jurisdiction: str | None, after: int | None, limit: int
) -> Sequence[SanctionRow]:
    """Return at most ``limit`` sanctions after the number given, of one jurisdiction or of all."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM sanction
             WHERE (CAST(:jurisdiction AS text) IS NULL OR jurisdiction = CAST(:jurisdiction AS text))
               AND (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
             ORDER BY id LIMIT :limit
            """
        ),
        {"jurisdiction": jurisdiction, "after": after, "limit": limit},
    )
    return [_sanction(row) for row in found]


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
) -> SanctionRow:
    """Store a sanction."""
    made = await connection.execute(
        text(
            f"""
            INSERT INTO sanction (jurisdiction, kind, reason, starts_on, ends_on, decided_at, decided_by)
            VALUES (:jurisdiction, :kind, :reason, :starts_on, :ends_on, :decided_at, :decided_by)
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
        },
    )
    return _sanction(made.one())


async def lift(connection: Connection, *, number: int, at: datetime) -> SanctionRow | None:
    """Lift a sanction that was not lifted yet, and return it; else None."""
    lifted = await connection.execute(
        text(
            f"UPDATE sanction SET lifted_at = :at WHERE id = :id AND lifted_at IS NULL RETURNING {_COLUMNS}"
        ),
        {"id": number, "at": at},
    )
    row = lifted.first()
    return None if row is None else _sanction(row)


async def exists(connection: Connection, number: int) -> bool:
    """Whether there is a sanction of that number, lifted or not."""
    found = await connection.execute(text("SELECT 1 FROM sanction WHERE id = :id"), {"id": number})
    return found.first() is not None
