"""Needs (调剂需求): declared against a land application's shortage, approved or refused by the regulator."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.applications import ApplicationState, refuse_unconsented, to_supply
from app.market.errors import Conflict, Malformed, NotFound, RuleBroken
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.needs import (
    TRANSITIONS,
    Backing,
    KeyLevel,
    NeedEvent,
    NeedState,
    check_declared,
    refuse_reserved,
    refuse_suspended_buyer,
    shortage,
)
from app.market.obligations import refuse_not_open
from app.market.states import step
from app.market.units import format_quantities
from app.services.days import day_of
from app.services.journal import announce
from app.store import applications, clock, commitments, obligations, sanctions
from app.store import needs as store
from app.store.applications import ApplicationRow
from app.store.database import Connection
from app.store.needs import NeedRow, SupplyOfBuyer
from app.store.obligations import ObligationRow

__all__ = [
    "NeedRow",
    "approve",
    "backings_of",
    "declare",
    "lapse",
    "need",
    "needs",
    "refuse",
    "refuse_suspended",
]


async def declare(
    connection: Connection,
    *,
    actor: Actor,
    application_id: int | None,
    obligation_id: int | None,
    quantities: Mapping[Indicator, int],
    all_or_nothing: bool,
) -> NeedRow:
    """Declare a need of an application of the actor's own reserve, or of its obligation (RULES 6, 12).

    Exactly one is named, and its shortage is the most that can be needed. What is bought comes into the
    reserve that the application is written off from: so its jurisdiction declares. Raises NotFound,
    Conflict where application or obligation has ended or the consent is missing, and RuleBroken with the
    shortage of each indicator, or where a suspended jurisdiction needs something for an application.
    """
    buyer = actor.jurisdiction
    permit(actor, Action.DECLARE_NEED, buyer)
    subject = _backed_by(application_id, obligation_id)
    # All that can back a need of the buyer's is held, so that two declarations can't use one shortage.
    filed = await applications.lock_filed(connection, buyer)
    owed = await obligations.lock_open(connection, buyer)
    supply = await store.supply_of(connection, buyer)
    backings = await backings_of(connection, filed, owed, supply)
    if subject not in {each.subject for each in backings}:
        await _refuse_backing(connection, buyer, application_id, obligation_id)
    now = await clock.now(connection)
    if application_id is not None:
        refuse_suspended_buyer(
            suspended=await sanctions.is_suspended(connection, buyer, day_of(now)),
            buyer=buyer,
            field="application_id",
        )
    check_declared(quantities, shortage(backings, supply.at_home, subject))
    declared = await store.insert(
        connection,
        buyer=buyer,
        application_id=application_id,
        obligation_id=obligation_id,
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
            "application": subject if application_id is not None else None,
            "obligation": subject if obligation_id is not None else None,
            "quantities": format_quantities(quantities, quantities),
            "all_or_nothing": all_or_nothing,
        },
    )
    return declared


def _backed_by(application_id: int | None, obligation_id: int | None) -> str:
    """The public id of what a need is to be backed by; raises Malformed unless exactly one is named."""
    if obligation_id is None and application_id is not None:
        return public_id(Kind.APPLICATION, application_id)
    if application_id is None and obligation_id is not None:
        return public_id(Kind.OBLIGATION, obligation_id)
    raise Malformed(
        "one_backing",
        "A need names either the land application or the obligation that it is for.",
        field="application_id" if application_id is None else "obligation_id",
    )


async def backings_of(
    connection: Connection,
    filed: Sequence[ApplicationRow],
    owed: Sequence[ObligationRow],
    supply: SupplyOfBuyer,
) -> Sequence[Backing]:
    """Put together what stands behind a reserve's needs: open obligations first, then filed applications.

    The caller holds all of them. What is owed is due already, an application can wait.
    """
    promised = await commitments.promised_for(connection, [each.id for each in filed])
    required = {
        **{public_id(Kind.OBLIGATION, each.id): each.owed for each in owed},
        **{
            public_id(Kind.APPLICATION, each.id): to_supply(each.required, promised.get(each.id, {}))
            for each in filed
        },
    }
    return [
        Backing(subject, steps, supply.coming.get(subject, {}), supply.bought.get(subject, {}))
        for subject, steps in required.items()
    ]


async def _refuse_backing(
    connection: Connection, buyer: str, application_id: int | None, obligation_id: int | None
) -> None:
    if application_id is not None:
        await _refuse_application(connection, buyer, application_id)
    elif obligation_id is not None:
        subject = public_id(Kind.OBLIGATION, obligation_id)
        found = await obligations.find(connection, obligation_id)
        if found is None or found.jurisdiction != buyer:
            raise NotFound("obligation", subject, field="obligation_id")
        refuse_not_open(subject, found.state)


async def refuse_suspended(connection: Connection, need: NeedRow, now: datetime) -> None:
    """Refuse to buy for an application while its buyer is suspended; raises RuleBroken (RULES 12)."""
    if need.obligation_id is None:
        suspended = await sanctions.is_suspended(connection, need.buyer, day_of(now))
        refuse_suspended_buyer(suspended=suspended, buyer=need.buyer, field="need_id")


async def lapse(
    connection: Connection,
    subject: str,
    because: str,
    *,
    application_id: int | None = None,
    obligation_ids: Collection[int] = (),
) -> Sequence[str]:
    """Let the live needs of what ends lapse, and return their ids; what was awarded to them goes on.

    The caller holds application and obligations, and no need yet. Raises Conflict where a registration in
    a live auction reserves one.
    """
    live = await store.lock_live_of(connection, application_id=application_id, obligation_ids=obligation_ids)
    reserved = [each for each in live if any(item.reserved for item in each.items.values())]
    refuse_reserved(subject, [public_id(Kind.NEED, each.id) for each in reserved])
    for each in live:
        step(TRANSITIONS, "need", public_id(Kind.NEED, each.id), each.state, NeedEvent.LAPSE)
    await store.lapse(connection, [each.id for each in live], because)
    return [public_id(Kind.NEED, each.id) for each in live]


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
    obligation_id: int | None,
    state: NeedState | None,
    after: int | None,
    limit: int,
) -> Sequence[NeedRow]:
    """Return at most ``limit`` needs that the actor may see, after the number given."""
    return await store.needs(
        connection,
        buyer=permitted_jurisdiction(actor, Action.READ_NEEDS),
        application_id=application_id,
        obligation_id=obligation_id,
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
