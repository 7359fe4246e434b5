"""Needs (调剂需求): declared against a land application's shortage, approved or refused by the regulator."""

from collections.abc import Mapping, Sequence

from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.applications import ApplicationState, refuse_unconsented, to_supply
from app.market.errors import Conflict, NotFound, RuleBroken
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.needs import (
    TRANSITIONS,
    Backing,
    KeyLevel,
    NeedEvent,
    NeedState,
    check_declared,
    shortage,
)
from app.market.states import step
from app.market.units import format_quantity
from app.services.journal import announce
from app.store import applications, clock
from app.store import needs as store
from app.store.applications import ApplicationRow
from app.store.database import Connection
from app.store.needs import NeedRow, SupplyOfBuyer

__all__ = ["NeedRow", "approve", "backings_of", "declare", "need", "needs", "refuse"]


async def declare(
    connection: Connection,
    *,
    actor: Actor,
    application_id: int,
    quantities: Mapping[Indicator, int],
    all_or_nothing: bool,
) -> NeedRow:
    """Declare a need of an application of the actor's own reserve, at most its shortage (RULES 6).

    What is bought comes into the reserve that the application is written off from: so its jurisdiction
    declares. Raises NotFound, Conflict where the application is no longer filed or has no consent, and
    RuleBroken with the shortage of each indicator.
    """
    buyer = actor.jurisdiction
    permit(actor, Action.DECLARE_NEED, buyer)
    # Every filed application of the buyer's reserve is held, so that two declarations can't use one shortage.
    filed = await applications.lock_filed(connection, buyer)
    if application_id not in {each.id for each in filed}:
        await _refuse_application(connection, buyer, application_id)
    supply = await store.supply_of(connection, buyer)
    promised = await applications.promised(connection, [each.id for each in filed])
    backings = backings_of(filed, supply, promised)
    check_declared(quantities, shortage(backings, supply.at_home, application_id))
    now = await clock.now(connection)
    declared = await store.insert(
        connection,
        buyer=buyer,
        application_id=application_id,
        quantities=quantities,
        all_or_nothing=all_or_nothing,
        declared_at=now,
    )
    await announce(
        connection,
        at=now,
        kind="need.declared",
        subject=public_id(Kind.NEED, declared.id),
        actor=buyer,
        facts={
            "buyer": buyer,
            "application": public_id(Kind.APPLICATION, application_id),
            "quantities": {each.value: format_quantity(steps, each) for each, steps in quantities.items()},
            "all_or_nothing": all_or_nothing,
        },
    )
    return declared


def backings_of(
    filed: Sequence[ApplicationRow],
    supply: SupplyOfBuyer,
    promised: Mapping[int, Mapping[Indicator, int]],
) -> Sequence[Backing]:
    """Put together what stands behind the needs of a reserve's filed applications."""
    return [
        Backing(
            each.id,
            to_supply(each.required, promised.get(each.id, {})),
            supply.coming.get(each.id, {}),
            supply.bought.get(each.id, {}),
        )
        for each in filed
    ]


async def _refuse_application(connection: Connection, buyer: str, application_id: int) -> None:
    subject = public_id(Kind.APPLICATION, application_id)
    found = await applications.find(connection, application_id)
    if found is None or buyer not in (found.applicant, found.reserve):
        raise NotFound("land application", subject, field="application_id")
    if found.state is not ApplicationState.FILED:
        raise Conflict(
            "application_ended",
            f"Land application {subject} is {found.state}; only a filed one backs a need.",
            field="application_id",
            state=found.state.value,
        )
    if buyer != found.reserve:
        raise RuleBroken(
            "need_of_another_reserve",
            f"Land application {subject} is written off from the reserve of {found.reserve}, which declares "
            "its needs: what is bought comes into that reserve.",
            field="application_id",
            reserve=found.reserve,
        )
    refuse_unconsented(
        subject,
        applicant=found.applicant,
        reserve=found.reserve,
        consented=found.consented_at is not None,
    )


async def approve(
    connection: Connection, *, actor: Actor, need_id: int, key_level: KeyLevel | None, reason: str | None
) -> NeedRow:
    """Approve a declared need, and say whether it is for a key project; raises NotFound, WrongState."""
    return await _decide(
        connection,
        NeedEvent.APPROVE,
        actor=actor,
        action=Action.APPROVE_NEED,
        need_id=need_id,
        key_level=key_level,
        reason=reason,
    )


async def refuse(connection: Connection, *, actor: Actor, need_id: int, reason: str) -> NeedRow:
    """Refuse a declared need; raises NotFound, WrongState."""
    return await _decide(
        connection,
        NeedEvent.REFUSE,
        actor=actor,
        action=Action.REFUSE_NEED,
        need_id=need_id,
        key_level=None,
        reason=reason,
    )


async def _decide(
    connection: Connection,
    event: NeedEvent,
    *,
    actor: Actor,
    action: Action,
    need_id: int,
    key_level: KeyLevel | None,
    reason: str | None,
) -> NeedRow:
    subject = public_id(Kind.NEED, need_id)
    held = (await store.lock(connection, [need_id])).get(need_id)
    if held is None:
        raise NotFound("need", subject)
    permit(actor, action, held.buyer)
    state = step(TRANSITIONS, "need", subject, held.state, event)
    now = await clock.now(connection)
    decided = await store.decide(
        connection,
        need_id,
        state=state,
        key_level=key_level,
        approved_at=now if state is NeedState.APPROVED else None,
        reason=reason,
    )
    await announce(
        connection,
        at=now,
        kind=f"need.{state.lower()}",
        subject=subject,
        actor=actor.jurisdiction,
        facts={"buyer": held.buyer, "key_level": key_level},
    )
    return decided


async def needs(
    connection: Connection,
    *,
    actor: Actor,
    application_id: int | None,
    state: NeedState | None,
    after: int | None,
    limit: int,
) -> Sequence[NeedRow]:
    """Return at most ``limit`` needs that the actor may see, after the number given."""
    return await store.needs(
        connection,
        buyer=permitted_jurisdiction(actor, Action.READ_NEEDS),
        application_id=application_id,
        state=state,
        after=after,
        limit=limit,
    )


async def need(connection: Connection, *, actor: Actor, need_id: int) -> NeedRow:
    """Return a need with its open quantities; raises NotFound, also for somebody else's."""
    found = await store.find(connection, need_id)
    own = permitted_jurisdiction(actor, Action.READ_NEED)
    if found is None or own not in (None, found.buyer):
        raise NotFound("need", public_id(Kind.NEED, need_id))
    return found
