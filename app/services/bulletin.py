"""The bulletin (公告): what everybody may read without a token, and the journal of events."""

from collections.abc import Sequence
from datetime import datetime

from app.market.indicators import Indicator
from app.services.days import today
from app.store import bulletin as store
from app.store import journal, voidings
from app.store.bulletin import Announcement, Circulated, OpenListing, QueuePlace, Result
from app.store.database import Connection
from app.store.journal import EventRow
from app.store.voidings import VoidedProject

__all__ = [
    "Announcement",
    "Circulated",
    "EventRow",
    "OpenListing",
    "QueuePlace",
    "Result",
    "VoidedProject",
    "announcements",
    "circulated",
    "events",
    "open_listings",
    "results",
    "voided_projects",
]


async def open_listings(
    connection: Connection, *, indicator: Indicator | None, after: QueuePlace | None, limit: int
) -> Sequence[OpenListing]:
    """Return at most ``limit`` open listings in the order in which they are sold (RULES 8)."""
    day = await today(connection)
    return await store.open_listings(connection, indicator=indicator, day=day, after=after, limit=limit)


async def announcements(
    connection: Connection, *, indicator: Indicator | None, after: int | None, limit: int
) -> Sequence[Announcement]:
    """Return at most ``limit`` auctions that are announced and not opened yet."""
    return await store.announcements(connection, indicator=indicator, after=after, limit=limit)


async def results(
    connection: Connection, *, after: tuple[datetime, str, int] | None, limit: int
) -> Sequence[Result]:
    """Return at most ``limit`` results of auctions, allocations and purchases, the latest first."""
    return await store.results(connection, after=after, limit=limit)


async def events(
    connection: Connection, *, kind: str | None, subject: str | None, after: int | None, limit: int
) -> Sequence[EventRow]:
    """Return at most ``limit`` events of the journal; each was made of public facts only."""
    return await journal.events(connection, kind=kind, subject=subject, after=after, limit=limit)


async def circulated(connection: Connection, *, after: int | None, limit: int) -> Sequence[Circulated]:
    """Return at most ``limit`` circulations (通报批评), the latest first; lifted ones stay readable."""
    return await store.circulated(connection, day=await today(connection), after=after, limit=limit)


async def voided_projects(
    connection: Connection, *, after: tuple[datetime, int] | None, limit: int
) -> Sequence[VoidedProject]:
    """Return at most ``limit`` projects voided for fraud, the latest first."""
    return await voidings.voided_projects(connection, after=after, limit=limit)
