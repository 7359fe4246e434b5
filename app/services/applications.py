"""Land applications (用地报批): filed, written off (核销), approved, or ended with a reversal (解挂)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.applications import (
    TRANSITIONS,
    ApplicationEvent,
    ApplicationKind,
    ApplicationState,
    OccupiedParcel,
    WriteOffMethod,
    refuse_idle_consent,
    refuse_old_method,
    refuse_other_reserve,
    refuse_suspended,
    refuse_unconsented,
    requirement,
    to_supply,
)
from app.market.errors import Malformed, NotFound
from app.market.fees import Fee, nearest_standard
from app.market.ids import Kind, public_id
from app.market.jurisdictions import Jurisdiction, city_of
from app.market.states import step
from app.market.units import format_quantities, format_quantity
from app.services import fulfilment, returns, write_offs
from app.services.days import day_of
from app.services.journal import announce
from app.services.needs import lapse
from app.services.write_offs import UsedBatch, WriteOffRow
from app.store import applications as store
from app.store import clock, commitments, fees, jurisdictions, obligations, policies, projects, sanctions
from app.store import write_offs as kept_write_offs
from app.store.applications import ApplicationRow
from app.store.database import Connection

__all__ = [
    "ApplicationRow",
    "Covered",
    "Documented",
    "Filed",
    "OccupiedParcel",
    "WrittenOff",
    "application",
    "applications",
    "approve",
    "consent",
    "file",
    "refuse",
    "withdraw",
    "write_off",
    "write_off_for",
]


@dataclass(frozen=True, slots=True)
class WrittenOff:
    """A write-off, reversed or not, and the batches that it used up."""

    row: WriteOffRow
    used: Sequence[UsedBatch]


@dataclass(frozen=True, slots=True)
class Covered:
    """An application with its latest write-off, if it had one."""

    row: ApplicationRow
    written_off: WrittenOff | None


@dataclass(frozen=True, slots=True)
class Documented(Covered):
    """An application with all there is of it; a linkage application, which names no farmland, has no fee."""

    parcels: Sequence[OccupiedParcel]
    fee: Fee | None


@dataclass(frozen=True, slots=True)
class Filed:
    """An application as filed, and the reclamation fee that it comes to."""

    row: ApplicationRow
    fee: Fee | None


async def file(
    connection: Connection,
    *,
    actor: Actor,
    kind: ApplicationKind,
    title: str,
    parcels: Sequence[OccupiedParcel],
    new_construction_area_m2: int | None,
    reserve: str | None = None,
    method: WriteOffMethod = WriteOffMethod.RESERVE,
    linked_project_id: int | None = None,
) -> Filed:
    """File an application of the actor's own, with its requirement and its fee by the rules of this moment.

    ``reserve`` None is the applicant's own. Raises Malformed for faulty parcels, NotFound for a project
    that is not the applicant's or the reserve's, and RuleBroken where the jurisdiction is suspended
    (RULES 12), the reserve is another's, or the old method has ended.
    """
    applicant = actor.jurisdiction
    reserve = reserve or applicant
    permit(actor, Action.FILE_APPLICATION, applicant)
    now = await clock.now(connection)
    today = day_of(now)
    refuse_suspended(
        suspended=await sanctions.is_suspended(connection, applicant, today), applicant=applicant
    )
    line = await jurisdictions.line_of(connection, applicant, today)
    refuse_other_reserve(reserve, applicant=applicant, city=city_of(line))
    in_force = await policies.in_force(connection, now)
    refuse_old_method(
        method, linked_project_id, filed_on=today, refused_from=in_force.old_method_refused_from
    )
    if linked_project_id is not None:
        await _require_project(connection, linked_project_id, of={applicant, reserve})
    required = requirement(kind, parcels, new_construction_area_m2, in_force.yields_centikg_per_hm2)
    filed = await store.insert(
        connection,
        applicant=applicant,
        reserve=reserve,
        kind=kind,
        method=method,
        linked_project_id=linked_project_id,
        title=title,
        required=required,
        parcels=parcels,
        filed_at=now,
        fee_standards=await _fee_standards(connection, line, parcels, now),
    )
    await announce(
        connection,
        at=now,
        kind="application.filed",
        subject=public_id(Kind.APPLICATION, filed.id),
        actor=applicant,
        facts={
            "applicant": applicant,
            "reserve": reserve,
            "kind": kind,
            "method": method,
            "required": format_quantities(required),
        },
    )
    return Filed(filed, await fee_of(connection, filed))


async def _fee_standards(
    connection: Connection,
    line: Sequence[Jurisdiction],
    parcels: Sequence[OccupiedParcel],
    at: datetime,
) -> Sequence[int | None]:
    """Which standard in force charges each parcel's reclamation fee: the nearest up the line."""
    in_force = {
        each.jurisdiction: each for each in await fees.in_force(connection, [e.code for e in line], at)
    }
    nearest_first = [in_force[each.code] for each in line if each.code in in_force]
    standards = [(each.id, each.rates) for each in nearest_first]
    return [nearest_standard(standards, parcel.use, parcel.grade) for parcel in parcels]


async def _require_project(connection: Connection, project_id: int, *, of: set[str]) -> None:
    project = await projects.project(connection, project_id)
    if project is None or project.county not in of:
        raise NotFound("project", public_id(Kind.PROJECT, project_id), field="linked_project_id")


async def consent(connection: Connection, *, actor: Actor, application_id: int) -> ApplicationRow:
    """Let another's application draw on the reserve of the actor's jurisdiction.

    Raises NotFound, NotPermitted for the applicant itself, WrongState, and Conflict where nothing waits
    for a consent.
    """
    subject = public_id(Kind.APPLICATION, application_id)
    held = await store.lock(connection, application_id)
    if held is None or actor.jurisdiction not in (held.applicant, held.reserve):
        raise NotFound("land application", subject)
    permit(actor, Action.CONSENT_TO_APPLICATION, held.reserve)
    step(TRANSITIONS, "land application", subject, held.state, ApplicationEvent.CONSENT)
    refuse_idle_consent(
        subject, applicant=held.applicant, reserve=held.reserve, consented=held.consented_at is not None
    )
    now = await clock.now(connection)
    consented = await store.consent(connection, held.id, at=now)
    await announce(
        connection,
        at=now,
        kind="application.consented",
        subject=subject,
        actor=actor.jurisdiction,
        facts={"applicant": held.applicant, "reserve": held.reserve},
    )
    return consented


async def write_off(connection: Connection, *, actor: Actor, application_id: int) -> Covered:
    """Write off (挂钩核销) what an application of one's own requires: whole, oldest batches first, or not.

    Its live needs lapse, since nothing is short any more; what was awarded to them goes on. Raises
    NotFound, WrongState, Insufficient with the shortage of each indicator, and Conflict where the reserve's
    jurisdiction has not consented or a registration reserves a need.
    """
    subject = public_id(Kind.APPLICATION, application_id)
    found = await store.find(connection, application_id)
    if found is None or found.applicant != actor.jurisdiction:
        raise NotFound("land application", subject)
    permit(actor, Action.WRITE_OFF_APPLICATION, found.applicant)
    return await write_off_for(connection, found, by=actor.jurisdiction)


async def write_off_for(connection: Connection, found: ApplicationRow, *, by: str) -> Covered:
    """Write off what an application requires, whoever asks: its applicant, or the province's own package.

    Raises as ``write_off`` does, but for whose it is.
    """
    subject = public_id(Kind.APPLICATION, found.id)
    locked = await store.lock_filed(connection, found.reserve, and_one=found.id)
    held = next(each for each in locked if each.id == found.id)
    state = step(TRANSITIONS, "land application", subject, held.state, ApplicationEvent.WRITE_OFF)
    refuse_unconsented(
        subject, applicant=held.applicant, reserve=held.reserve, consented=held.consented_at is not None
    )
    owed = await obligations.lock_open(connection, held.reserve)
    lapsed = await lapse(connection, subject, f"{subject} {state.lower()}", application_id=held.id)
    promised = await commitments.promised_for(connection, [held.id])
    draws = await write_offs.hold_whole(
        connection,
        held.reserve,
        subject,
        to_supply(held.required, promised.get(held.id, {})),
        filed=locked,
        owed=owed,
        project_id=held.linked_project_id,
    )
    now = await clock.now(connection)
    used: Sequence[UsedBatch] = ()
    if draws.taken:  # an application may occupy no farmland, or have promised all that it requires
        written = await write_offs.write_off(
            connection,
            reserve=held.reserve,
            reference=subject,
            taken=draws.taken,
            at=now,
            actor=by,
        )
        used = await write_offs.used(connection, written)
    row = await store.write_off(connection, held.id, state=state, at=now)
    await announce(
        connection,
        at=now,
        kind="application.written_off",
        subject=subject,
        actor=by,
        facts={
            "applicant": held.applicant,
            "reserve": held.reserve,
            "quantities": format_quantities(draws.steps),
            "used": [_fact(each) for each in used],
            "lapsed_needs": lapsed,
        },
    )
    return Covered(row, await _written_off(connection, row))


def _fact(used: UsedBatch) -> dict[str, str | None]:
    return {
        "indicator": used.indicator,
        "quantity": format_quantity(used.steps, used.indicator),
        "batch": public_id(Kind.BATCH, used.batch_id),
        "project": public_id(Kind.PROJECT, used.project_id),
        "filing_no": used.filing_no,
        "origin": used.origin,
    }


async def approve(
    connection: Connection, *, actor: Actor, application_id: int, reason: str | None
) -> Covered:
    """Approve an application that is written off: final. Raises NotFound, WrongState."""
    subject = public_id(Kind.APPLICATION, application_id)
    permit(actor, Action.DECIDE_APPLICATION, actor.jurisdiction)
    held = await store.lock(connection, application_id)
    if held is None:
        raise NotFound("land application", subject)
    state = step(TRANSITIONS, "land application", subject, held.state, ApplicationEvent.APPROVE)
    now = await clock.now(connection)
    approved = await store.decide(connection, held.id, state=state, at=now, reason=reason)
    await announce(
        connection,
        at=now,
        kind="application.approved",
        subject=subject,
        actor=actor.jurisdiction,
        facts={"applicant": held.applicant, "reserve": held.reserve},
    )
    return Covered(approved, await _written_off(connection, approved))


async def refuse(connection: Connection, *, actor: Actor, application_id: int, reason: str | None) -> Covered:
    """Refuse an application: its live needs lapse, its write-off is reversed (解挂).

    Raises NotFound, Malformed without a reason, WrongState, Conflict.
    """
    permit(actor, Action.DECIDE_APPLICATION, actor.jurisdiction)
    if reason is None:
        raise Malformed("reason_missing", "A refusal states its reason.", field="reason")
    held = await store.lock(connection, application_id)
    if held is None:
        raise NotFound("land application", public_id(Kind.APPLICATION, application_id))
    return await _end(connection, held, ApplicationEvent.REFUSE, actor=actor, reason=reason)


async def withdraw(
    connection: Connection, *, actor: Actor, application_id: int, reason: str | None
) -> Covered:
    """Withdraw an application of one's own: as a refusal, by the applicant. Raises the same."""
    held = await store.lock(connection, application_id)
    if held is None or held.applicant != actor.jurisdiction:
        raise NotFound("land application", public_id(Kind.APPLICATION, application_id))
    permit(actor, Action.WITHDRAW_APPLICATION, held.applicant)
    return await _end(connection, held, ApplicationEvent.WITHDRAW, actor=actor, reason=reason)


async def _end(
    connection: Connection,
    held: ApplicationRow,
    event: ApplicationEvent,
    *,
    actor: Actor,
    reason: str | None,
) -> Covered:
    """End an application the caller holds, with all that was promised or written off for it.

    What was awarded to its needs already goes on.
    """
    subject = public_id(Kind.APPLICATION, held.id)
    state = step(TRANSITIONS, "land application", subject, held.state, event)
    lapsing = await fulfilment.hold_lapsing(connection, held.id)
    owed = [each.id for each in lapsing.owed]
    coming = await returns.hold_coming(
        connection,
        [subject, *lapsing.references],
        lapsing.released,
        application_id=held.id,
        obligation_ids=owed,
    )
    because = f"{subject} {state.lower()}"
    lapsed = await lapse(connection, subject, because, application_id=held.id, obligation_ids=owed)
    # Every account at once: what is given back for it, for its commitments, and for what those owed.
    await write_offs.hold_reversals(
        connection,
        [subject, *lapsing.references],
        beside={*lapsing.accounts, *(key for each in coming for key in each.accounts)},
    )
    now = await clock.now(connection)
    back = await write_offs.reverse(connection, reference=subject, at=now, actor=actor.jurisdiction)
    lapsed_commitments = await fulfilment.lapse(connection, lapsing, at=now, actor=actor.jurisdiction)
    await returns.cancel_each(connection, coming, at=now, actor=actor.jurisdiction)
    ended = await store.decide(connection, held.id, state=state, at=now, reason=reason)
    await announce(
        connection,
        at=now,
        kind=f"application.{state.lower()}",
        subject=subject,
        actor=actor.jurisdiction,
        facts={
            "applicant": held.applicant,
            "lapsed_needs": lapsed,
            "lapsed_commitments": lapsed_commitments,
            "reversed_write_off": None if back is None else public_id(Kind.WRITE_OFF, back.id),
        },
    )
    return Covered(ended, await _written_off(connection, ended))


async def applications(
    connection: Connection,
    *,
    actor: Actor,
    state: ApplicationState | None,
    after: int | None,
    limit: int,
) -> Sequence[ApplicationRow]:
    """Return at most ``limit`` applications that the actor may see, after the number given."""
    return await store.applications(
        connection,
        of=permitted_jurisdiction(actor, Action.READ_APPLICATIONS),
        state=state,
        after=after,
        limit=limit,
    )


async def application(connection: Connection, *, actor: Actor, application_id: int) -> Documented:
    """Return an application with its parcels and write-off; raises NotFound, also for somebody else's."""
    found = await store.find(connection, application_id)
    own = permitted_jurisdiction(actor, Action.READ_APPLICATION)
    if found is None or own not in (None, found.applicant, found.reserve):
        raise NotFound("land application", public_id(Kind.APPLICATION, application_id))
    return Documented(
        found,
        await _written_off(connection, found),
        await store.parcels_of(connection, found.id),
        await fee_of(connection, found),
    )


async def fee_of(connection: Connection, row: ApplicationRow) -> Fee | None:
    """Return the reclamation fee of an application (耕地开垦费) by the standards of its filing."""
    if row.kind is ApplicationKind.LINKAGE:
        return None
    return Fee(await fees.charged(connection, row.id))


async def _written_off(connection: Connection, row: ApplicationRow) -> WrittenOff | None:
    subject = public_id(Kind.APPLICATION, row.id)
    kept = (await kept_write_offs.of_references(connection, [subject])).get(subject, [])
    return WrittenOff(kept[-1], await write_offs.used(connection, kept[-1])) if kept else None
