"""Obligations (补充义务): opened with a rectification (限期整改), and made good by one write-off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.market import obligations as market
from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.commitments import TRANSITIONS as COMMITMENT_TRANSITIONS
from app.market.commitments import CommitmentEvent
from app.market.errors import NotFound, ensure
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import Indicator
from app.market.obligations import TRANSITIONS, ObligationEvent, ObligationKind, ObligationState
from app.market.sanctions import SanctionKind
from app.market.states import step
from app.market.units import format_quantities
from app.services import sanctions, write_offs
from app.services.days import day_of
from app.services.journal import announce
from app.services.needs import lapse
from app.store import applications, clock, commitments, policies
from app.store import obligations as store
from app.store import write_offs as written
from app.store.commitments import CommitmentRow
from app.store.database import Connection
from app.store.obligations import ObligationRow
from app.store.write_offs import UsedBatch

__all__ = [
    "ObligationCase",
    "ObligationRow",
    "cancel",
    "discharge",
    "obligation",
    "obligations",
    "open_",
    "reduce",
]


@dataclass(frozen=True, slots=True)
class ObligationCase:
    """An obligation, and the batches that made it good where it is DISCHARGED."""

    row: ObligationRow
    used: Sequence[UsedBatch]


async def open_(
    connection: Connection,
    *,
    kind: ObligationKind,
    jurisdiction: str,
    source: str,
    owed: Mapping[Indicator, int],
    at: datetime,
    actor: str | None,
) -> ObligationRow:
    """Open an obligation, and the rectification that presses for it, by the policies of that moment.

    ``source`` is the public id of the commitment or project it comes from. The rectification is the
    exchange's own decision: it follows from the books. The caller holds the source.
    """
    in_force = await policies.in_force(connection, at)
    starts_on = day_of(at)
    sanction = await sanctions.enter(
        connection,
        jurisdiction=jurisdiction,
        kind=SanctionKind.RECTIFY,
        reason=f"{source}: {kind}",
        starts_on=starts_on,
        ends_on=starts_on + timedelta(days=in_force.rectification_days),
        at=at,
        decided_by=None,
    )
    opened = await store.insert(
        connection,
        jurisdiction=jurisdiction,
        kind=kind,
        source=source,
        owed=market.owed_at_first(owed),
        sanction_id=sanction.id,
        at=at,
    )
    await _announce(connection, opened, "opened", at=at, actor=actor)
    return opened


async def _announce(
    connection: Connection, row: ObligationRow, what: str, *, at: datetime, actor: str | None
) -> None:
    await announce(
        connection,
        at=at,
        kind=f"obligation.{what}",
        subject=public_id(Kind.OBLIGATION, row.id),
        actor=actor,
        facts={
            "jurisdiction": row.jurisdiction,
            "kind": row.kind,
            "source": row.source,
            "owed": format_quantities(row.owed),
            "rectification": public_id(Kind.SANCTION, row.sanction_id),
        },
    )


async def reduce(
    connection: Connection, number: int, by: Mapping[Indicator, int], *, at: datetime, actor: str | None
) -> ObligationRow:
    """Lower what an open obligation owes by what came back otherwise, at most to nothing.

    With nothing left to owe it is CANCELLED, its rectification lifted, and its live needs lapse. One that
    has ended stays as it is: what was written off for it stays written off. Takes its lock, the caller
    holds no need and no account yet; raises NotFound, and Conflict where a live registration reserves a
    need of what is cancelled.
    """
    held = await store.lock(connection, number)
    if held is None:
        raise NotFound("obligation", public_id(Kind.OBLIGATION, number))
    owed = market.reduced(held.owed, by)
    if held.state is not ObligationState.OPEN or owed == held.owed:
        return held
    if any(owed.values()):
        lowered = await store.change(connection, number, state=held.state, owed=owed, ended_at=None)
        await _announce(connection, lowered, "reduced", at=at, actor=actor)
        return lowered
    subject = public_id(Kind.OBLIGATION, number)
    await lapse(connection, subject, f"{subject} cancelled", obligation_ids=[number])
    return await _end(connection, held, ObligationEvent.CANCEL, owed=owed, at=at, actor=actor)


async def _end(
    connection: Connection,
    held: ObligationRow,
    event: ObligationEvent,
    *,
    owed: Mapping[Indicator, int],
    at: datetime,
    actor: str | None,
) -> ObligationRow:
    """End an obligation that the caller holds, and lift its rectification where that still stands."""
    subject = public_id(Kind.OBLIGATION, held.id)
    state = step(TRANSITIONS, "obligation", subject, held.state, event)
    ended = await store.change(connection, held.id, state=state, owed=owed, ended_at=at)
    await _announce(connection, ended, state.lower(), at=at, actor=actor)
    await sanctions.end(connection, number=held.sanction_id, at=at, actor=None)
    return ended


async def discharge(connection: Connection, *, actor: Actor, number: int) -> ObligationCase:
    """Make an obligation of one's own good: all that is owed is written off, oldest batches first.

    Together or not at all. Raises NotFound, WrongState, and Insufficient with the shortage.
    """
    subject = public_id(Kind.OBLIGATION, number)
    found = await store.find(connection, number)
    if found is None or found.jurisdiction != actor.jurisdiction:
        raise NotFound("obligation", subject)
    permit(actor, Action.DISCHARGE_OBLIGATION, found.jurisdiction)
    # All that shares the reserve, in the order of locks (ADR 0004); what it comes from never changes.
    filed = await applications.lock_filed(connection, found.jurisdiction)
    defaulted = await _hold_commitment(connection, found)
    owed = await store.lock_open(connection, found.jurisdiction, and_one=number)
    held = next(each for each in owed if each.id == number)
    step(TRANSITIONS, "obligation", subject, held.state, ObligationEvent.DISCHARGE)
    await lapse(connection, subject, f"{subject} discharged", obligation_ids=[number])
    draws = await write_offs.hold_whole(
        connection, held.jurisdiction, subject, held.owed, filed=filed, owed=owed
    )
    now = await clock.now(connection)
    written_off = await write_offs.write_off(
        connection,
        reserve=held.jurisdiction,
        reference=subject,
        taken=draws.taken,
        at=now,
        actor=actor.jurisdiction,
    )
    ended = await _end(
        connection, held, ObligationEvent.DISCHARGE, owed=held.owed, at=now, actor=actor.jurisdiction
    )
    if defaulted is not None:
        await _make_good(connection, defaulted, subject, at=now, actor=actor.jurisdiction)
    return ObligationCase(ended, await write_offs.used(connection, written_off))


async def _hold_commitment(connection: Connection, found: ObligationRow) -> CommitmentRow | None:
    """Lock the commitment whose deficit is owed; None where something else is."""
    if found.kind is not ObligationKind.COMMITMENT_DEFICIT:
        return None
    held = await commitments.lock(connection, row_number(Kind.COMMITMENT, found.source))
    ensure(held is not None, f"obligation {found.id} comes from {found.source}, which is none")
    return held


async def _make_good(
    connection: Connection, held: CommitmentRow, by: str, *, at: datetime, actor: str
) -> None:
    """Keep that a commitment's deficit was made good (MADE_GOOD), in the discharge's own transaction."""
    subject = public_id(Kind.COMMITMENT, held.id)
    state = step(COMMITMENT_TRANSITIONS, "commitment", subject, held.state, CommitmentEvent.MAKE_GOOD)
    await commitments.advance(connection, held, state=state)
    await announce(
        connection,
        at=at,
        kind="commitment.made_good",
        subject=subject,
        actor=actor,
        facts={"applicant": held.applicant, "obligation": by},
    )


async def cancel(connection: Connection, held: ObligationRow, *, at: datetime, actor: str) -> None:
    """Cancel an obligation whose reason has gone, which the caller holds with its needs and accounts.

    What was written off for it is reversed (解挂), and its rectification lifted.
    """
    await write_offs.reverse(connection, reference=public_id(Kind.OBLIGATION, held.id), at=at, actor=actor)
    nothing = dict.fromkeys(Indicator, 0)
    await _end(connection, held, ObligationEvent.CANCEL, owed=nothing, at=at, actor=actor)


async def obligations(
    connection: Connection,
    *,
    actor: Actor,
    state: ObligationState | None,
    after: int | None,
    limit: int,
) -> Sequence[ObligationRow]:
    """Return at most ``limit`` obligations that the actor may see, after the number given."""
    return await store.obligations(
        connection,
        jurisdiction=permitted_jurisdiction(actor, Action.READ_OBLIGATIONS),
        state=state,
        after=after,
        limit=limit,
    )


async def obligation(connection: Connection, *, actor: Actor, number: int) -> ObligationCase:
    """Return an obligation and what made it good; raises NotFound, also for somebody else's."""
    subject = public_id(Kind.OBLIGATION, number)
    found = await store.find(connection, number)
    own = permitted_jurisdiction(actor, Action.READ_OBLIGATION)
    if found is None or own not in (None, found.jurisdiction):
        raise NotFound("obligation", subject)
    standing = (await written.of_references(connection, [subject])).get(subject, ())
    return ObligationCase(found, await write_offs.used(connection, standing[-1]) if standing else ())
