"""Commitments (承诺补充): drafted, filed, decided, earmarked, and written off once at their due date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.market import commitments as market
from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.applications import ApplicationState
from app.market.commitments import HOLDING, TRANSITIONS, CommitmentEvent, CommitmentState, Earmark
from app.market.errors import Conflict, NotFound
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.needs import shortage
from app.market.states import step
from app.market.units import format_quantities
from app.services.days import day_of
from app.services.journal import announce
from app.services.needs import backings_of
from app.services.obligations import ObligationRow
from app.services.write_offs import UsedBatch
from app.store import applications, clock, jurisdictions, needs, obligations, policies, projects, sanctions
from app.store import commitments as store
from app.store import write_offs as written
from app.store.applications import ApplicationRow
from app.store.commitments import CommitmentRow
from app.store.database import Connection

__all__ = [
    "CommitmentCase",
    "CommitmentRow",
    "Terms",
    "activate",
    "commitment",
    "commitments",
    "draft",
    "file",
    "refuse",
    "revise",
    "withdraw",
]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a commitment says: which project supplies how many steps of what, and by the end of which day."""

    project_id: int
    promised: Mapping[Indicator, int]
    due_on: date


@dataclass(frozen=True, slots=True)
class CommitmentCase:
    """A commitment with what is earmarked for it, what was written off, and what it still owes."""

    row: CommitmentRow
    earmarks: Sequence[Earmark]
    used: Sequence[UsedBatch]
    obligation: ObligationRow | None


def named(row: CommitmentRow) -> str:
    """Print a commitment's public id."""
    return public_id(Kind.COMMITMENT, row.id)


async def draft(connection: Connection, *, actor: Actor, application_id: int, terms: Terms) -> CommitmentCase:
    """Draft a commitment for a filed application of the actor's own.

    Raises NotFound, Conflict where application or project are no longer filed, Malformed, and RuleBroken
    for a day or a quantity beyond what a filing at this moment could promise.
    """
    applicant = actor.jurisdiction
    permit(actor, Action.DRAFT_COMMITMENT, applicant)
    application, filed = await _hold_application(connection, application_id, applicant)
    now = await clock.now(connection)
    await _check(connection, application, filed, terms, now=now)
    drafted = await store.insert(
        connection,
        application_id=application_id,
        applicant=applicant,
        project_id=terms.project_id,
        promised=terms.promised,
        due_on=terms.due_on,
        at=now,
    )
    return await _case(connection, drafted)


async def revise(connection: Connection, *, actor: Actor, number: int, terms: Terms) -> CommitmentCase:
    """Write a draft of one's own anew; raises as ``draft`` does, and WrongState once it is filed."""
    found = await _own(connection, actor, Action.REVISE_COMMITMENT, number)
    application, filed = await _hold_application(connection, found.application_id, found.applicant)
    held = await _held(connection, number, CommitmentEvent.REVISE)
    await _check(connection, application, filed, terms, now=await clock.now(connection))
    revised = await store.revise(
        connection, held.id, project_id=terms.project_id, promised=terms.promised, due_on=terms.due_on
    )
    return await _case(connection, revised)


async def file(connection: Connection, *, actor: Actor, number: int) -> CommitmentCase:
    """File a draft of one's own: it is judged by the policies and the reserve of this moment.

    Raises as ``draft`` does, and WrongState.
    """
    found = await _own(connection, actor, Action.FILE_COMMITMENT, number)
    application, filed = await _hold_application(connection, found.application_id, found.applicant)
    held = await _held(connection, number, CommitmentEvent.FILE)
    now = await clock.now(connection)
    await _check(connection, application, filed, _terms(held), now=now)
    after = await store.advance(connection, held, state=CommitmentState.FILED, filed_at=now)
    await _announce(connection, after, "filed", at=now, actor=actor.jurisdiction)
    return await _case(connection, after)


def _terms(row: CommitmentRow) -> Terms:
    promised = {each: steps for each, steps in row.promised.items() if steps}
    return Terms(row.project_id, promised, row.due_on)


async def activate(connection: Connection, *, actor: Actor, number: int) -> CommitmentCase:
    """Accept a filed commitment: its application need not supply what it promises.

    Its term stays judged by the policies of its filing. Raises NotFound, WrongState, Conflict where
    application or project are no longer filed, and RuleBroken where its day has come or its application
    is not short of so much any more.
    """
    permit(actor, Action.ACTIVATE_COMMITMENT, actor.jurisdiction)
    found = await _found(connection, number)
    # The project too: what it earns is earmarked for those active at its acceptance, and for no other.
    await projects.lock(connection, found.project_id)
    application, filed = await _hold_application(connection, found.application_id, found.applicant)
    held = await _held(connection, number, CommitmentEvent.ACTIVATE)
    now = await clock.now(connection)
    await _check_project(connection, found.project_id, held.applicant, now)
    market.refuse_past(held.due_on, today=day_of(now))
    market.check_promised(_terms(held).promised, await _short(connection, application, filed))
    after = await store.advance(connection, held, state=CommitmentState.ACTIVE, decided_at=now)
    await _announce(connection, after, "activated", at=now, actor=actor.jurisdiction)
    return await _case(connection, after)


async def refuse(connection: Connection, *, actor: Actor, number: int, reason: str) -> CommitmentCase:
    """Refuse a filed commitment, with the reason; raises NotFound, WrongState."""
    permit(actor, Action.REFUSE_COMMITMENT, actor.jurisdiction)
    held = await _held(connection, number, CommitmentEvent.REFUSE)
    now = await clock.now(connection)
    after = await store.advance(
        connection, held, state=CommitmentState.REFUSED, decided_at=now, reason=reason
    )
    await _announce(connection, after, "refused", at=now, actor=actor.jurisdiction)
    return await _case(connection, after)


async def withdraw(
    connection: Connection, *, actor: Actor, number: int, reason: str | None
) -> CommitmentCase:
    """Withdraw a commitment of one's own that is not yet active; raises NotFound, WrongState."""
    await _own(connection, actor, Action.WITHDRAW_COMMITMENT, number)
    held = await _held(connection, number, CommitmentEvent.WITHDRAW)
    now = await clock.now(connection)
    after = await store.advance(
        connection, held, state=CommitmentState.WITHDRAWN, decided_at=now, reason=reason
    )
    if held.state is not CommitmentState.DRAFT:  # of a draft nobody was told
        await _announce(connection, after, "withdrawn", at=now, actor=actor.jurisdiction)
    return await _case(connection, after)


async def _found(connection: Connection, number: int) -> CommitmentRow:
    found = await store.find(connection, number)
    if found is None:
        raise NotFound("commitment", public_id(Kind.COMMITMENT, number))
    return found


async def _own(connection: Connection, actor: Actor, action: Action, number: int) -> CommitmentRow:
    """Return a commitment of the actor's own, not locked; raises NotFound, also for somebody else's."""
    found = await _found(connection, number)
    if found.applicant != actor.jurisdiction:
        raise NotFound("commitment", public_id(Kind.COMMITMENT, number))
    permit(actor, action, found.applicant)
    return found


async def _held(connection: Connection, number: int, event: CommitmentEvent) -> CommitmentRow:
    """Lock a commitment that the event can happen to; raises NotFound, WrongState."""
    held = await store.lock(connection, number)
    if held is None:
        raise NotFound("commitment", public_id(Kind.COMMITMENT, number))
    step(TRANSITIONS, "commitment", named(held), held.state, event)
    return held


async def _hold_application(
    connection: Connection, application_id: int, applicant: str
) -> tuple[ApplicationRow, Sequence[ApplicationRow]]:
    """Hold an applicant's filed application, and all filed ones that share the reserve it names.

    Raises NotFound, also for somebody else's, and Conflict where it is not filed any more.
    """
    subject = public_id(Kind.APPLICATION, application_id)
    found = await applications.find(connection, application_id)
    if found is None or found.applicant != applicant:
        raise NotFound("land application", subject, field="application_id")
    filed = await applications.lock_filed(connection, found.reserve, and_one=application_id)
    held = next(each for each in filed if each.id == application_id)
    if held.state is not ApplicationState.FILED:
        raise Conflict(
            "application_ended",
            f"Land application {subject} is {held.state}; only for a filed one can anything be promised.",
            field="application_id",
            state=held.state.value,
        )
    return held, filed


async def _check(
    connection: Connection,
    application: ApplicationRow,
    filed: Sequence[ApplicationRow],
    terms: Terms,
    *,
    now: datetime,
) -> None:
    """Refuse terms that could not be filed at this moment."""
    in_force, today, applicant = await policies.in_force(connection, now), day_of(now), application.applicant
    market.refuse_not_allowed(
        allowed=in_force.commitments_allowed,
        suspended=await sanctions.is_suspended(connection, applicant, today),
        applicant=applicant,
    )
    await _check_project(connection, terms.project_id, applicant, now)
    market.check_due(terms.due_on, today=today, term_months=in_force.commitment_term_months)
    market.check_promised(terms.promised, await _short(connection, application, filed))


async def _check_project(connection: Connection, project_id: int, applicant: str, now: datetime) -> None:
    subject = public_id(Kind.PROJECT, project_id)
    project = await projects.project(connection, project_id)
    if project is None:
        raise NotFound("project", subject, field="project_id")
    county = await jurisdictions.jurisdiction_on(connection, project.county, day_of(now))
    market.refuse_project(
        subject,
        state=project.state,
        county=project.county,
        city=None if county is None else county.parent,
        applicant=applicant,
    )


async def _short(
    connection: Connection, application: ApplicationRow, filed: Sequence[ApplicationRow]
) -> Mapping[Indicator, int]:
    """What an application is short of at home, as its needs reckon it (ADR 0006); all ``filed`` are held."""
    owed = await obligations.lock_open(connection, application.reserve)
    supply = await needs.supply_of(connection, application.reserve)
    backings = await backings_of(connection, filed, owed, supply)
    return shortage(backings, supply.at_home, public_id(Kind.APPLICATION, application.id))


async def _announce(
    connection: Connection, row: CommitmentRow, what: str, *, at: datetime, actor: str | None, **more: object
) -> None:
    await announce(
        connection,
        at=at,
        kind=f"commitment.{what}",
        subject=named(row),
        actor=actor,
        facts={
            "applicant": row.applicant,
            "application": public_id(Kind.APPLICATION, row.application_id),
            "project": public_id(Kind.PROJECT, row.project_id),
            "promised": format_quantities(row.promised),
            "due_on": row.due_on.isoformat(),
            **more,
        },
    )


async def _case(connection: Connection, row: CommitmentRow) -> CommitmentCase:
    earmarks = await store.earmarks_of(connection, [row.id]) if row.state in HOLDING else ()
    writings = (await written.of_references(connection, [named(row)])).get(named(row), ())
    used = await written.used(connection, writings[-1].transaction_id) if writings else ()
    owed = await obligations.of_source(connection, named(row))
    return CommitmentCase(row, [each.earmark for each in earmarks], used, owed[0] if owed else None)


async def commitment(connection: Connection, *, actor: Actor, number: int) -> CommitmentCase:
    """Return a commitment with what came of it; raises NotFound, also for somebody else's."""
    found = await _found(connection, number)
    if permitted_jurisdiction(actor, Action.READ_COMMITMENT) not in (None, found.applicant):
        raise NotFound("commitment", named(found))
    return await _case(connection, found)


async def commitments(
    connection: Connection,
    *,
    actor: Actor,
    application_id: int | None,
    state: CommitmentState | None,
    due_from: date | None,
    due_until: date | None,
    after: int | None,
    limit: int,
) -> Sequence[CommitmentRow]:
    """Return at most ``limit`` commitments that the actor may see, after the number given."""
    return await store.commitments(
        connection,
        applicant=permitted_jurisdiction(actor, Action.READ_COMMITMENTS),
        application_id=application_id,
        state=state,
        due_from=due_from,
        due_until=due_until,
        after=after,
        limit=limit,
    )
