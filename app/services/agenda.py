"""The agenda (到期事项): what falls due, when and for whom; reminders before it (到期提醒)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.errors import Malformed
from app.market.units import rfc3339
from app.sealing.keys import Keys
from app.services.days import day_of
from app.services.journal import announce
from app.store import agenda as store
from app.store import clock, policies
from app.store.agenda import DueRow, ReminderRow
from app.store.database import Connection

__all__ = ["WHAT", "Due", "DueRow", "ReminderRow", "agenda", "remind_one", "reminders", "what_of"]

WHAT: Mapping[str, tuple[str, str]] = {source.kind: (source.what, source.what_zh) for source in store.SOURCES}
"""Every kind of deadline, with what it says to a person, in English and in Chinese."""


def what_of(kind: str) -> tuple[str, str]:
    """Say a kind in both languages; one that reminders remember and nothing uses any more, by its name."""
    return WHAT.get(kind, (kind, kind))


_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Due:
    """Something that falls due, and how many days are left: 0 on its last day, below 0 after it."""

    row: DueRow
    days_left: int


def days_left(due_at: datetime, now: datetime) -> int:
    """Count the days in China from today to the last day before a deadline: 0 on that day itself."""
    return (day_of(due_at - _MOMENT) - day_of(now)).days


async def agenda(
    connection: Connection,
    *,
    actor: Actor,
    kind: str | None,
    jurisdiction: str | None,
    until: datetime | None,
    after: tuple[datetime, str, str] | None,
    limit: int,
) -> Sequence[Due]:
    """Return at most ``limit`` things that fall due: one's own and everybody's, or all for an overseer.

    Raises Malformed for a kind that is not known, NotPermitted for somebody else's agenda.
    """
    if kind is not None and kind not in WHAT:
        raise Malformed(
            "unknown_kind", f"There is no such kind of deadline; there are {', '.join(WHAT)}.", field="kind"
        )
    if jurisdiction is not None:
        permit(actor, Action.READ_AGENDA, jurisdiction)
    now = await clock.now(connection)
    rows = await store.due(
        connection,
        now=now,
        today=day_of(now),
        kind=kind,
        jurisdiction=jurisdiction or permitted_jurisdiction(actor, Action.READ_AGENDA),
        until=until,
        after=after,
        limit=limit,
    )
    return [Due(row, days_left(row.due_at, now)) for row in rows]


async def reminders(
    connection: Connection, *, actor: Actor, after: int | None, limit: int
) -> Sequence[ReminderRow]:
    """Return at most ``limit`` reminders in the order sent: one's own and everybody's, or all."""
    party = permitted_jurisdiction(actor, Action.READ_REMINDERS)
    return await store.reminders(connection, jurisdiction=party, after=after, limit=limit)


async def remind_one(connection: Connection, *, keys: Keys, tried: set[int]) -> bool:
    """Send one reminder of a deadline that has come near, if there is any; whether there was.

    The reminder's unique key is what keeps two workers from sending it twice: the second waits for the
    first one's end, finds it sent, and takes the next.
    """
    while True:
        now = await clock.now(connection)
        in_force = await policies.in_force(connection, now)
        reminder = await store.next_reminder(
            connection, now=now, today=day_of(now), lead_days=in_force.reminder_lead_days, tried=tried
        )
        if reminder is None:
            return False
        tried.add(reminder.number)
        if await store.insert_reminder(connection, reminder, sent_at=now):
            break
    await announce(
        connection,
        at=now,
        kind="reminder.sent",
        subject=reminder.due.subject,
        actor=None,
        facts={
            "of": reminder.due.kind,
            "jurisdiction": reminder.due.jurisdiction,
            "due_at": rfc3339(reminder.due.due_at),
            "lead_days": reminder.lead_days,
        },
    )
    return True
