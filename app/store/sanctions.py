"""Sanctions on jurisdictions (限期整改, 通报批评, 暂停受理)."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Column, Date, text
from sqlmodel import Field, SQLModel

from app.market.sanctions import SanctionKind
from app.store import columns
from app.store.database import Connection


class Sanction(SQLModel, table=True):
    """A sanction, with its reason and dates, decided by the regulator."""

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
    decided_by: str = Field(sa_column=columns.refers("jurisdiction.code"))
    lifted_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))


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
