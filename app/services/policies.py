"""Policies: what the province sets differently, from an instant on (RULES, top)."""

from collections.abc import Sequence
from datetime import datetime

from app.market.access import Action, Actor, permit
from app.market.ids import Kind, public_id
from app.market.policies import checked, refuse_retroactive
from app.market.units import rfc3339
from app.services.journal import announce
from app.store import clock
from app.store import policies as store
from app.store.database import Connection
from app.store.policies import PolicyRow

__all__ = ["PolicyRow", "policies", "set_policy"]


async def policies(
    connection: Connection, *, at: datetime | None, after: str | None, limit: int
) -> Sequence[PolicyRow]:
    """Return at most ``limit`` policies as they stand now, or stood or will stand ``at`` an instant."""
    instant = at if at is not None else await clock.now(connection)
    return await store.rows_in_force(connection, instant, after=after, limit=limit)


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
