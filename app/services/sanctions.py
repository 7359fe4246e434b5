"""Sanctions on jurisdictions, decided by the regulator (限期整改, 通报批评, 暂停受理; RULES 12)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from app.market import sanctions as market
from app.market.access import Action, Actor, permit
from app.market.errors import NotFound, RuleBroken, WrongState
from app.market.ids import Kind, public_id
from app.market.sanctions import SanctionKind
from app.sealing.keys import Keys
from app.services.days import day_of, today
from app.services.journal import announce
from app.store import clock, jurisdictions, policies
from app.store import sanctions as store
from app.store.database import Connection
from app.store.sanctions import ReportRow, SanctionRow

__all__ = [
    "ReportRow",
    "SanctionCase",
    "SanctionRow",
    "end",
    "enter",
    "impose",
    "lift",
    "of_inspections",
    "reject_report",
    "report",
    "sanctions",
    "suspend_overdue",
]


@dataclass(frozen=True, slots=True)
class SanctionCase:
    """A sanction, and the reports on it where it is a rectification."""

    row: SanctionRow
    reports: Sequence[ReportRow]


async def sanctions(
    connection: Connection,
    *,
    jurisdiction: str | None,
    kind: SanctionKind | None,
    overdue: bool,
    after: int | None,
    limit: int,
) -> Sequence[SanctionCase]:
    """Return at most ``limit`` sanctions in the order decided; or only the rectifications overdue today."""
    rows = await store.sanctions(
        connection,
        jurisdiction=jurisdiction,
        kind=kind,
        overdue_on=await today(connection) if overdue else None,
        after=after,
        limit=limit,
    )
    reports = await store.reports(connection, [row.id for row in rows])
    return [SanctionCase(row, reports[row.id]) for row in rows]


async def of_inspections(connection: Connection, numbers: Collection[int]) -> Mapping[int, SanctionRow]:
    """Return the rectification that each of some inspections opened, by inspection."""
    return await store.of_inspections(connection, numbers)


async def impose(
    connection: Connection,
    *,
    actor: Actor,
    jurisdiction: str,
    kind: SanctionKind,
    reason: str,
    starts_on: date,
    ends_on: date | None,
) -> SanctionCase:
    """Sanction a jurisdiction from one day to another, both included; raises NotFound, RuleBroken."""
    permit(actor, Action.IMPOSE_SANCTION, jurisdiction)
    if not await jurisdictions.is_known(connection, jurisdiction):
        raise NotFound("jurisdiction", jurisdiction, field="jurisdiction")
    if ends_on is not None and ends_on < starts_on:
        raise RuleBroken("dates_reversed", "ends_on must not be before starts_on.", field="ends_on")
    now = await clock.now(connection)
    row = await enter(
        connection,
        jurisdiction=jurisdiction,
        kind=kind,
        reason=reason,
        starts_on=starts_on,
        ends_on=ends_on,
        at=now,
        decided_by=actor.jurisdiction,
    )
    return SanctionCase(row, ())


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
    inspection_id: int | None = None,
    follows_id: int | None = None,
) -> SanctionRow:
    """Enter and announce a sanction; ``decided_by`` None where it follows from the books or from another.

    The reason is free text that may name a person and stays out of
    the public journal, but for a circulation (通报批评), which is the publishing of its reason.
    """
    row = await store.insert(
        connection,
        jurisdiction=jurisdiction,
        kind=kind,
        reason=reason,
        starts_on=starts_on,
        ends_on=ends_on,
        decided_at=at,
        decided_by=decided_by,
        inspection_id=inspection_id,
        follows_id=follows_id,
    )
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
            "inspection": None if inspection_id is None else public_id(Kind.INSPECTION, inspection_id),
            "follows": None if follows_id is None else public_id(Kind.SANCTION, follows_id),
            **({"reason": reason} if kind is SanctionKind.CIRCULATE else {}),
        },
    )
    return row


async def lift(connection: Connection, *, actor: Actor, number: int) -> SanctionCase:
    """Lift a sanction at once; raises NotFound, and WrongState where it is lifted already.

    To lift a rectification is to find it done (整改验收): the suspension that followed it is lifted along.
    """
    permit(actor, Action.LIFT_SANCTION, actor.jurisdiction)
    held = await _standing(connection, number, "lift")
    now = await clock.now(connection)
    await end(connection, number=number, at=now, actor=actor.jurisdiction)
    return await _case(connection, replace(held, lifted_at=now))


async def end(connection: Connection, *, number: int, at: datetime, actor: str | None) -> None:
    """Lift and announce a sanction, and a suspension that followed it, as far as they still stand."""
    for row in await store.lift(connection, number=number, at=at):
        await announce(
            connection,
            at=at,
            kind="sanction.lifted",
            subject=public_id(Kind.SANCTION, row.id),
            actor=actor,
            facts={"jurisdiction": row.jurisdiction, "kind": row.kind},
        )


async def report(connection: Connection, *, actor: Actor, number: int, what: str) -> SanctionCase:
    """Report what was done to rectify; raises NotFound (another's), RuleBroken, WrongState, Conflict."""
    held = await store.lock(connection, number)
    if held is None or held.jurisdiction != actor.jurisdiction:
        raise NotFound("sanction", public_id(Kind.SANCTION, number))
    permit(actor, Action.REPORT_RECTIFICATION, held.jurisdiction)
    public, waits = await _rectifying(connection, held, "report")
    market.refuse_waiting_report(public, waits=waits)
    now = await clock.now(connection)
    await store.add_report(connection, number, what=what, at=now)
    await announce(
        connection,
        at=now,
        kind="sanction.reported",
        subject=public,
        actor=actor.jurisdiction,
        facts={"jurisdiction": held.jurisdiction},
    )
    return await _case(connection, held)


async def reject_report(connection: Connection, *, actor: Actor, number: int, reason: str) -> SanctionCase:
    """Reject the report that waits: it is as if none had come. Raises NotFound, WrongState, Conflict."""
    permit(actor, Action.REJECT_RECTIFICATION, actor.jurisdiction)
    held = await _standing(connection, number, "reject a report")
    public, waits = await _rectifying(connection, held, "reject a report")
    market.refuse_unreported(public, waits=waits)
    now = await clock.now(connection)
    await store.reject_report(connection, number, rejection=reason, at=now)
    await announce(
        connection,
        at=now,
        kind="sanction.report_rejected",
        subject=public,
        actor=actor.jurisdiction,
        facts={"jurisdiction": held.jurisdiction},
    )
    return await _case(connection, held)


async def suspend_overdue(connection: Connection, *, keys: Keys, tried: set[int]) -> bool:
    """Suspend one jurisdiction whose rectification is overdue, if policy says so; whether there was one.

    Once for each rectification: a suspension that the regulator lifts does not come back.
    """
    now = await clock.now(connection)
    if not (await policies.in_force(connection, now)).overdue_rectification_suspends:
        return False
    overdue = await store.lock_overdue(connection, day_of(now), tried)
    if overdue is None:
        return False
    tried.add(overdue.id)
    # Found in a snapshot from before the lock: another worker may have done it meanwhile.
    if await store.has_follower(connection, overdue.id):
        return True
    await enter(
        connection,
        jurisdiction=overdue.jurisdiction,
        kind=SanctionKind.SUSPEND,
        reason=OVERDUE.format(sanction=public_id(Kind.SANCTION, overdue.id)),
        starts_on=day_of(now),
        ends_on=None,
        at=now,
        decided_by=None,
        follows_id=overdue.id,
    )
    return True


OVERDUE = "整改逾期未完成 ({sanction})"
"""The reason of a suspension that follows an overdue rectification by itself."""


async def _standing(connection: Connection, number: int, event: str) -> SanctionRow:
    """Hold a sanction that is not lifted; raises NotFound, WrongState."""
    held = await store.lock(connection, number)
    if held is None:
        raise NotFound("sanction", public_id(Kind.SANCTION, number))
    _refuse_lifted(held, event)
    return held


def _refuse_lifted(held: SanctionRow, event: str) -> None:
    if held.lifted_at is not None:
        raise WrongState("sanction", public_id(Kind.SANCTION, held.id), "LIFTED", event)


async def _rectifying(connection: Connection, held: SanctionRow, event: str) -> tuple[str, bool]:
    """Return a standing rectification's public id, and whether a report on it waits."""
    public = public_id(Kind.SANCTION, held.id)
    market.refuse_no_rectification(public, held.kind)
    _refuse_lifted(held, event)
    reports = (await store.reports(connection, [held.id]))[held.id]
    return public, any(each.rejected_at is None for each in reports)


async def _case(connection: Connection, row: SanctionRow) -> SanctionCase:
    return SanctionCase(row, (await store.reports(connection, [row.id]))[row.id])
