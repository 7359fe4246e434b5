"""Policies: what a province may set differently, as versioned, effective-dated rows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market.policies import PolicySet, policy_set
from app.store import columns
from app.store.database import Connection


class Policy(SQLModel, table=True):
    """One value of one policy, in force from an instant until the next one starts."""

    __table_args__ = (
        UniqueConstraint("name", "starts_at"),
        # A policy starts later than the moment it is entered; rows laid by a migration excepted.
        CheckConstraint("entered_by IS NULL OR starts_at > entered_at", name="ck_policy_not_retroactive"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    name: str = Field(sa_column=columns.text())
    value: Any = Field(sa_column=columns.document())
    starts_at: datetime = Field(sa_column=columns.instant())
    entered_at: datetime = Field(sa_column=columns.instant())
    entered_by: str | None = Field(default=None, sa_column=columns.refers("jurisdiction.code", nullable=True))


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One value of one policy, as entered."""

    id: int
    name: str
    value: Any
    starts_at: datetime
    entered_at: datetime
    entered_by: str | None


async def in_force(connection: Connection, at: datetime) -> PolicySet:
    """Return all policies as they stood at an instant: whose day counts is the caller's to say."""
    found = await connection.execute(
        text(
            "SELECT DISTINCT ON (name) name, value FROM policy WHERE starts_at <= :at "
            "ORDER BY name, starts_at DESC"
        ),
        {"at": at},
    )
    return policy_set({row.name: row.value for row in found})


async def changes(connection: Connection) -> Sequence[datetime]:
    """Return the instants at which any policy starts, in order: between two of them nothing changes."""
    found = await connection.execute(text("SELECT DISTINCT starts_at FROM policy ORDER BY starts_at"))
    return [row.starts_at for row in found]


async def rows_in_force(
    connection: Connection, at: datetime, *, after: str | None, limit: int
) -> Sequence[PolicyRow]:
    """Return at most ``limit`` policies as they stood at an instant, by name, after the name given."""
    found = await connection.execute(
        text(
            """
            SELECT DISTINCT ON (name) id, name, value, starts_at, entered_at, entered_by FROM policy
             WHERE starts_at <= :at AND (CAST(:after AS text) IS NULL OR name > CAST(:after AS text))
             ORDER BY name, starts_at DESC LIMIT :limit
            """
        ),
        {"at": at, "after": after, "limit": limit},
    )
    return [PolicyRow(**row._mapping) for row in found]


async def history(
    connection: Connection, name: str, *, before: datetime | None, limit: int
) -> Sequence[PolicyRow]:
    """Return at most ``limit`` values of one policy that start before an instant, the latest first."""
    found = await connection.execute(
        text(
            """
            SELECT id, name, value, starts_at, entered_at, entered_by FROM policy
             WHERE name = :name
               AND (CAST(:before AS timestamptz) IS NULL OR starts_at < CAST(:before AS timestamptz))
             ORDER BY starts_at DESC LIMIT :limit
            """
        ),
        {"name": name, "before": before, "limit": limit},
    )
    return [PolicyRow(**row._mapping) for row in found]


async def insert(
    connection: Connection,
    *,
    name: str,
    value: object,
    starts_at: datetime,
    entered_at: datetime,
    entered_by: str,
) -> PolicyRow:
    """Append a policy's value; raises Conflict where another starts at the same instant."""
    made = await connection.execute(
        text(
            """
            INSERT INTO policy (name, value, starts_at, entered_at, entered_by)
            VALUES (:name, CAST(:value AS jsonb), :starts_at, :entered_at, :entered_by)
            RETURNING id, name, value, starts_at, entered_at, entered_by
            """
        ),
        {
            "name": name,
            "value": json.dumps(value),
            "starts_at": starts_at,
            "entered_at": entered_at,
            "entered_by": entered_by,
        },
    )
    return PolicyRow(**made.one()._mapping)
