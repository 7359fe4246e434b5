"""Sanctions on jurisdictions, decided by the regulator (限期整改, 通报批评, 暂停受理; RULES 12)."""

from collections.abc import Sequence
from datetime import date

from app.market.access import Action, Actor, permit
from app.market.errors import NotFound, RuleBroken, WrongState
from app.market.ids import Kind, public_id
from app.market.sanctions import SanctionKind
from app.services.journal import announce
from app.store import clock, jurisdictions
from app.store import sanctions as store
from app.store.database import Connection
from app.store.sanctions import SanctionRow

__all__ = ["SanctionRow", "impose", "lift", "sanctions"]


async def sanctions(
    connection: Connection, *, jurisdiction: str | None, after: int | None, limit: int
) -> Sequence[SanctionRow]:
    """Return at most ``limit`` sanctions in the order decided."""
    return await store.sanctions(connection, jurisdiction=jurisdiction, after=after, limit=limit)


async def impose(
    connection: Connection,
    *,
    actor: Actor,
    jurisdiction: str,
    kind: SanctionKind,
    reason: str,
    starts_on: date,
    ends_on: date | None,
) -> SanctionRow:
    """Sanction a jurisdiction from one day to another, both included; raises NotFound, RuleBroken."""
    permit(actor, Action.IMPOSE_SANCTION, jurisdiction)
    if not await jurisdictions.is_known(connection, jurisdiction):
        raise NotFound("jurisdiction", jurisdiction, field="jurisdiction")
    if ends_on is not None and ends_on < starts_on:
        raise RuleBroken("dates_reversed", "ends_on must not be before starts_on.", field="ends_on")
    now = await clock.now(connection)
    row = await store.insert(
        connection,
        jurisdiction=jurisdiction,
        kind=kind,
        reason=reason,
        starts_on=starts_on,
        ends_on=ends_on,
        decided_at=now,
        decided_by=actor.jurisdiction,
    )
    # The reason is free text that may name a person: it stays out of the public journal.
    await announce(
        connection,
        at=now,
        kind="sanction.imposed",
        subject=public_id(Kind.SANCTION, row.id),
        actor=actor.jurisdiction,
        facts={
            "jurisdiction": jurisdiction,
            "kind": kind,
            "starts_on": starts_on.isoformat(),
            "ends_on": ends_on.isoformat() if ends_on else None,
        },
    )
    return row


async def lift(connection: Connection, *, actor: Actor, number: int) -> SanctionRow:
    """Lift a sanction at once; raises NotFound, and WrongState where it is lifted already."""
    permit(actor, Action.LIFT_SANCTION, actor.jurisdiction)
    now = await clock.now(connection)
    public = public_id(Kind.SANCTION, number)
    row = await store.lift(connection, number=number, at=now)
    if row is None:
        if not await store.exists(connection, number):
            raise NotFound("sanction", public)
        raise WrongState("sanction", public, "LIFTED", "lift")
    await announce(
        connection,
        at=now,
        kind="sanction.lifted",
        subject=public,
        actor=actor.jurisdiction,
        facts={"jurisdiction": row.jurisdiction, "kind": row.kind},
    )
    return row
