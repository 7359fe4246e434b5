"""Allocation runs for key projects (重点项目), with their public record and outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import Field, SQLModel

from app.store import columns
from app.store.database import Connection


class Allocation(SQLModel, table=True):
    """One run: the record that anyone can recompute, and its outcome, as published."""

    id: int | None = Field(default=None, sa_column=columns.identity())
    run_at: datetime = Field(sa_column=columns.instant())
    run_by: str | None = Field(default=None, sa_column=columns.refers("jurisdiction.code", nullable=True))
    record: str = Field(sa_column=columns.text())
    outcome: str = Field(sa_column=columns.text())


@dataclass(frozen=True, slots=True)
class AllocationHead:
    """One run without its record and outcome, which can be long."""

    id: int
    run_at: datetime
    run_by: str | None


@dataclass(frozen=True, slots=True)
class AllocationRow(AllocationHead):
    """One run, with its record and outcome as published."""

    record: str
    outcome: str


def _allocation(row: Any) -> AllocationRow:
    return AllocationRow(row.id, row.run_at, row.run_by, row.record, row.outcome)


async def insert(
    connection: Connection, *, run_at: datetime, run_by: str | None, record: str, outcome: str
) -> AllocationRow:
    """Keep a run; it is never changed afterwards."""
    made = await connection.execute(
        text(
            "INSERT INTO allocation (run_at, run_by, record, outcome) "
            "VALUES (:run_at, :run_by, :record, :outcome) RETURNING id"
        ),
        {"run_at": run_at, "run_by": run_by, "record": record, "outcome": outcome},
    )
    return AllocationRow(made.scalar_one(), run_at, run_by, record, outcome)


async def find(connection: Connection, id_: int) -> AllocationRow | None:
    """Return one run, or None."""
    found = await connection.execute(
        text("SELECT id, run_at, run_by, record, outcome FROM allocation WHERE id = :id"), {"id": id_}
    )
    row = found.first()
    return None if row is None else _allocation(row)


async def allocations(connection: Connection, *, after: int | None, limit: int) -> Sequence[AllocationHead]:
    """Return at most ``limit`` runs after the id given, by id, without their records."""
    found = await connection.execute(
        text(
            """
            SELECT id, run_at, run_by FROM allocation
             WHERE (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
             ORDER BY id LIMIT :limit
            """
        ),
        {"after": after, "limit": limit},
    )
    return [AllocationHead(row.id, row.run_at, row.run_by) for row in found]
