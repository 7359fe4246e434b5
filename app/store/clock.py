"""The one clock: the database's, so that any number of workers agree.

For tests and the demonstration it takes an offset (a row), which production refuses at start.
"""

from datetime import datetime, timedelta

from sqlalchemy import Boolean, CheckConstraint, Column, Interval, text
from sqlmodel import Field, SQLModel

from app.store.database import Connection


class ClockOffset(SQLModel, table=True):
    """At most one row: how far the exchange's clock runs ahead of the machine's."""

    __tablename__ = "clock_offset"
    __table_args__ = (CheckConstraint("only_row", name="ck_clock_offset_only_row"),)

    only_row: bool = Field(default=True, sa_column=Column(Boolean, primary_key=True))
    ahead_by: timedelta = Field(sa_column=Column(Interval, nullable=False))


NOW = "clock_timestamp() + coalesce((SELECT ahead_by FROM clock_offset), interval '0')"
"""The present instant, for a statement that needs no more of it than to store it."""


async def now(connection: Connection) -> datetime:
    """Return the present instant (UTC), taken when asked and not when the transaction began."""
    row = await connection.execute(text(f"SELECT {NOW}"))
    instant: datetime = row.scalar_one()
    return instant


async def offset(connection: Connection) -> timedelta:
    """Return how far the clock runs ahead of the machine's; zero in production."""
    return (await connection.execute(text("SELECT ahead_by FROM clock_offset"))).scalar() or timedelta()


async def advance(connection: Connection, by: timedelta) -> None:
    """Move the clock ahead; for tests and the demonstration only."""
    await connection.execute(
        text(
            "INSERT INTO clock_offset (only_row, ahead_by) VALUES (true, :by) "
            "ON CONFLICT (only_row) DO UPDATE SET ahead_by = clock_offset.ahead_by + excluded.ahead_by"
        ),
        {"by": by},
    )
