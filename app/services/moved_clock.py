"""The development clock: read and moved ahead; production refuses a database whose clock was moved."""

from datetime import datetime, timedelta

from app.store import clock
from app.store.database import Connection


async def now(connection: Connection) -> datetime:
    """Return the exchange's present instant (UTC)."""
    return await clock.now(connection)


async def advance(connection: Connection, *, by: timedelta) -> datetime:
    """Move the clock ahead, and return the instant it then shows."""
    await clock.advance(connection, by)
    return await clock.now(connection)
