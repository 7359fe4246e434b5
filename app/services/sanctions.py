"""Sanctions on jurisdictions, decided by the regulator (限期整改, 通报批评, 暂停受理; RULES 12)."""

from collections.abc import Sequence
from datetime import date, datetime

from app.market.access import Action, Actor, permit
from app.market.errors import NotFound, RuleBroken, WrongState
from app.market.ids import Kind, public_id
from app.market.sanctions import SanctionKind
from app.services.journal import announce
from app.store import clock, jurisdictions
from app.store import sanctions as store
from app.store.database import Connection
from app.store.sanctions import SanctionRow

__all__ = ["SanctionRow", "end", "enter", "impose", "lift", "sanctions"]


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
    return await enter(
        connection,
        jurisdiction=jurisdiction,
        kind=kind,
        reason=reason,
        starts_on=starts_on,
        ends_on=ends_on,
        at=await clock.now(connection),
        decided_by=actor.jurisdiction,
    )


async def enter(
    connection: Connection,
    *,
    jurisdiction: str,
    kind: SanctionKind,
    reason: str,
    starts_on: date,
    ends_on: date | None,
    at: datetime,
    decided_by: str | None,
) -> SanctionRow:
    """Enter and announce a sanction; ``decided_by`` None where it follows from the books."""
    row = await store.insert(
        connection,
        jurisdiction=jurisdiction,
        kind=kind,
        reason=reason,
        starts_on=starts_on,
        ends_on=ends_on,
        decided_at=at,
        decided_by=decided_by,
    )
    # The reason is free text that may name a person: it stays out of the public journal.
    await announce(
        connection,
        at=at,
        kind="sanction.imposed",
        subject=public_id(Kind.SANCTION, row.id),
        actor=decided_by,
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
    lifted = await end(connection, number=number, at=await clock.now(connection), actor=actor.jurisdiction)
    if lifted is None:
        public = public_id(Kind.SANCTION, number)
        if not await store.exists(connection, number):
            raise NotFound("sanction", public)
        raise WrongState("sanction", public, "LIFTED", "lift")
    return lifted


async def end(connection: Connection, *, number: int, at: datetime, actor: str | None) -> SanctionRow | None:
    """Lift and announce a sanction that still stands, and return it; None where it does not."""
    row = await store.lift(connection, number=number, at=at)
    if row is None:
        return None
    await announce(
        connection,
        at=at,
        kind="sanction.lifted",
        subject=public_id(Kind.SANCTION, number),
        actor=actor,
        facts={"jurisdiction": row.jurisdiction, "kind": row.kind},
    )
    return row
