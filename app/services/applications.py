"""Land applications (用地报批): filed with their requirement, refused or withdrawn with their needs."""

from collections.abc import Sequence

from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.applications import (
    TRANSITIONS,
    ApplicationEvent,
    ApplicationKind,
    ApplicationState,
    OccupiedParcel,
    refuse_suspended,
    requirement,
)
from app.market.errors import NotFound
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.needs import TRANSITIONS as NEED_TRANSITIONS
from app.market.needs import NeedEvent, refuse_reserved
from app.market.states import step
from app.market.units import format_quantity
from app.services.days import day_of
from app.services.journal import announce
from app.store import applications as store
from app.store import clock, needs, policies, sanctions
from app.store.applications import ApplicationRow
from app.store.database import Connection

__all__ = [
    "ApplicationRow",
    "OccupiedParcel",
    "application",
    "applications",
    "file",
    "refuse",
    "withdraw",
]


async def file(
    connection: Connection,
    *,
    actor: Actor,
    kind: ApplicationKind,
    title: str,
    parcels: Sequence[OccupiedParcel],
    new_construction_area_m2: int | None,
) -> ApplicationRow:
    """File an application of the actor's own; its requirement is reckoned by the policies of this moment.

    Raises Malformed for faulty parcels and RuleBroken where the jurisdiction is suspended (RULES 12).
    """
    applicant = actor.jurisdiction
    permit(actor, Action.FILE_APPLICATION, applicant)
    now = await clock.now(connection)
    refuse_suspended(
        suspended=await sanctions.is_suspended(connection, applicant, day_of(now)), applicant=applicant
    )
    in_force = await policies.in_force(connection, now)
    required = requirement(kind, parcels, new_construction_area_m2, in_force.yields_centikg_per_hm2)
    filed = await store.insert(
        connection,
        applicant=applicant,
        kind=kind,
        title=title,
        required=required,
        parcels=parcels,
        filed_at=now,
    )
    await announce(
        connection,
        at=now,
        kind="application.filed",
        subject=public_id(Kind.APPLICATION, filed.id),
        actor=applicant,
        facts={
            "applicant": applicant,
            "kind": kind,
            "required": {each.value: format_quantity(required[each], each) for each in Indicator},
        },
    )
    return filed


async def refuse(connection: Connection, *, actor: Actor, application_id: int, reason: str) -> ApplicationRow:
    """Refuse an application; its live needs lapse. Raises NotFound, WrongState, Conflict."""
    permit(actor, Action.DECIDE_APPLICATION, actor.jurisdiction)
    held = await store.lock(connection, application_id)
    if held is None:
        raise NotFound("land application", public_id(Kind.APPLICATION, application_id))
    return await _end(connection, held, ApplicationEvent.REFUSE, actor=actor, reason=reason)


async def withdraw(
    connection: Connection, *, actor: Actor, application_id: int, reason: str | None
) -> ApplicationRow:
    """Withdraw an application of one's own; its live needs lapse. Raises NotFound, WrongState, Conflict."""
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
) -> ApplicationRow:
    """End an application the caller holds; what was awarded to its needs already goes on."""
    subject = public_id(Kind.APPLICATION, held.id)
    state = step(TRANSITIONS, "land application", subject, held.state, event)
    live = await needs.lock_live_of(connection, held.id)
    refuse_reserved(
        [public_id(Kind.NEED, need.id) for need in live if any(item.reserved for item in need.items.values())]
    )
    for need in live:
        step(NEED_TRANSITIONS, "need", public_id(Kind.NEED, need.id), need.state, NeedEvent.LAPSE)
    await needs.lapse(connection, [need.id for need in live], f"{subject} {state.lower()}")
    now = await clock.now(connection)
    ended = await store.decide(connection, held.id, state=state, at=now, reason=reason)
    await announce(
        connection,
        at=now,
        kind=f"application.{state.lower()}",
        subject=subject,
        actor=actor.jurisdiction,
        facts={
            "applicant": held.applicant,
            "lapsed_needs": [public_id(Kind.NEED, need.id) for need in live],
        },
    )
    return ended


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
        applicant=permitted_jurisdiction(actor, Action.READ_APPLICATIONS),
        state=state,
        after=after,
        limit=limit,
    )


async def application(
    connection: Connection, *, actor: Actor, application_id: int
) -> tuple[ApplicationRow, Sequence[OccupiedParcel]]:
    """Return an application and its parcels; raises NotFound, also for somebody else's."""
    found = await store.find(connection, application_id)
    own = permitted_jurisdiction(actor, Action.READ_APPLICATION)
    if found is None or own not in (None, found.applicant):
        raise NotFound("land application", public_id(Kind.APPLICATION, application_id))
    return found, await store.parcels_of(connection, application_id)
