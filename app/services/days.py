"""Days are days in China: which one it is by the exchange's clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.store import clock
from app.store.database import Connection

CHINA = ZoneInfo("Asia/Shanghai")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def day_of(instant: datetime) -> date:
    """Return the day in China on which an instant falls."""
    return instant.astimezone(CHINA).date()


async def today(connection: Connection) -> date:
    """Return the present day in China."""
    return day_of(await clock.now(connection))


def end_of(day: date) -> datetime:
    """Return the end of a day in China as an exclusive instant: the next midnight there."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=CHINA)


def microseconds(instant: datetime) -> int:
    """Return an instant as the market counts it: microseconds since 1970-01-01T00:00:00Z, exactly."""
    return (instant - _EPOCH) // timedelta(microseconds=1)
