"""Policies: what the province sets differently, from an instant on (RULES, top)."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime, time

from app.market.access import Action, Actor, permit
from app.market.errors import NotFound
from app.market.ids import Kind, public_id
from app.market.policies import PolicySet, checked, is_policy, refuse_retroactive
from app.market.units import rfc3339
from app.services.days import CHINA
from app.services.journal import announce
from app.store import clock
from app.store import policies as store
from app.store.database import Connection
from app.store.policies import PolicyRow

__all__ = ["PoliciesByDay", "PolicyRow", "history", "policies", "set_policy"]


class PoliciesByDay:
    """The policies of past days, read once for all days between two changes of any of them.

    Thousands of acceptances have hundreds of dates and a handful of rule sets.
    """

    def __init__(self, connection: Connection) -> None:
        """Read nothing yet; the connection's transaction has to last as long as this."""
        self._connection = connection
        self._changes: Sequence[datetime] | None = None
        self._sets: dict[int, PolicySet] = {}

    async def on(self, day: date) -> PolicySet:
        """The policies in force as a day began in China (RULES: whose day counts)."""
        return await self.at(datetime.combine(day, time(), tzinfo=CHINA))

    async def at(self, instant: datetime) -> PolicySet:
        """The policies in force at an instant."""
        if self._changes is None:
            self._changes = await store.changes(self._connection)
        since = bisect_right(self._changes, instant)
        if since not in self._sets:
            self._sets[since] = await store.in_force(self._connection, instant)
        return self._sets[since]


async def policies(
    connection: Connection, *, at: datetime | None, after: str | None, limit: int
) -> Sequence[PolicyRow]:
    """Return at most ``limit`` policies as they stand now, or stood or will stand ``at`` an instant."""
    instant = at if at is not None else await clock.now(connection)
    return await store.rows_in_force(connection, instant, after=after, limit=limit)


async def history(
    connection: Connection, *, name: str, before: datetime | None, limit: int
) -> Sequence[PolicyRow]:
    """Return at most ``limit`` values of a policy, those still to start too, the latest first.

    Raises NotFound where there is no policy of that name.
    """
    if not is_policy(name):
        raise NotFound("policy", name)
    return await store.history(connection, name, before=before, limit=limit)


async def set_policy(
    connection: Connection, *, actor: Actor, name: str, value: object, starts_at: datetime
) -> PolicyRow:
    """Set a policy's value from an instant on; raises Malformed, RuleBroken, Conflict."""
    permit(actor, Action.SET_POLICY, actor.jurisdiction)
    checked(name, value)
    now = await clock.now(connection)
    refuse_retroactive(
        starts_at,
        now,
        "A policy starts later than the moment it is entered: past events stay judged by their day's.",
    )
    row = await store.insert(
        connection,
        name=name,
        value=value,
        starts_at=starts_at,
        entered_at=now,
        entered_by=actor.jurisdiction,
    )
    await announce(
        connection,
        at=now,
        kind="policy.set",
        subject=public_id(Kind.POLICY, row.id),
        actor=actor.jurisdiction,
        facts={"name": name, "value": value, "starts_at": rfc3339(starts_at)},
    )
    return row
