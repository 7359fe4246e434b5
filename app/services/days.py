"""Days are days in China: which one it is by the exchange's clock."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.store import clock
from app.store.database import Connection

CHINA = ZoneInfo("Asia/Shanghai")


def day_of(instant: datetime) -> date:
    """Return the day in China on which an instant falls."""
    return instant.astimezone(CHINA).date()


async def today(connection: Connection) -> date:
    """Return the present day in China."""
    return day_of(await clock.now(connection))


def end_of(day: date) -> datetime:
    """Return the end of a day in China as an exclusive instant: the next midnight there."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=CHINA)
