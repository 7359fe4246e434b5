"""Objections (异议) in the public notice: entered by any office, decided by the land regulator (RULES 11)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.market import objections as market
from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.errors import NotFound
from app.market.ids import Kind, public_id
from app.market.objections import Decision, Objection, ObjectionEvent, Origin
from app.market.trades import Trade
from app.market.units import rfc3339
from app.market.workdays import add_working_days
from app.services import trades
from app.services.days import day_of, end_of
from app.services.journal import announce
from app.store import clock, policies
from app.store import objections as store
from app.store import trades as trade_store
from app.store.database import Connection

__all__ = ["Objection", "decide", "enter", "objections"]

UPHELD = "objection_upheld"
"""Why a trade is void whose objection was upheld; the decision's own reason may name a person."""

_MOMENT = timedelta(microseconds=1)


async def objections(
    connection: Connection, *, actor: Actor, trade_number: int, after: int | None, limit: int
) -> Sequence[Objection]:
    """Return at most ``limit`` objections to a trade: all to its parties and overseers; raises NotFound.

    Another office sees those that it entered itself.
    """
    party = permitted_jurisdiction(actor, Action.READ_OBJECTIONS)
    known = await trade_store.find(connection, trade_number, party=party) is not None
    found = await store.objections(
        connection, trade_id=trade_number, entered_by=None if known else party, after=after, limit=limit
    )
    if not known and not found and after is None:
        raise NotFound("trade", public_id(Kind.TRADE, trade_number))
    return found


async def enter(
    connection: Connection, *, actor: Actor, trade_number: int, origin: Origin, reason: str
) -> Objection:
    """Enter an objection and stop the notice's clock; raises NotFound, and Conflict after the notice."""
    before = await _held(connection, trade_number)
    permit(actor, Action.ENTER_OBJECTION, before.buyer)
    now = await clock.now(connection)
    after = market.stopped(before, trades.named(before), now)
    in_force = await policies.in_force(connection, now)
    decide_on = add_working_days(day_of(now), in_force.objection_working_days, in_force.calendar_years)
    objection = await store.insert(
        connection,
        trade_id=after.id,
        origin=origin,
        reason=reason,
        entered_at=now,
        entered_by=actor.jurisdiction,
        decide_by=end_of(decide_on.day),
    )
    await trade_store.save(connection, [(before, after)])
    # Neither who objects nor why: the public is told that there is an objection, and its number.
    await announce(
        connection,
        at=now,
        kind="objection.entered",
        subject=trades.named(after),
        actor=None,
        facts={
            "objection": public_id(Kind.OBJECTION, objection.id),
            "notice_stopped_at": rfc3339(after.notice_stopped_at or now),
        },
    )
    return objection


async def decide(
    connection: Connection,
    *,
    actor: Actor,
    trade_number: int,
    number: int,
    decision: Decision,
    reason: str,
) -> Objection:
    """Dismiss an objection or uphold it; raises NotFound, and WrongState where it has ended.

    Dismissed, and no other open: the notice's clock goes on. Upheld: the trade is void.
    """
    trade = await _held(connection, trade_number)
    permit(actor, Action.DECIDE_OBJECTION, trade.buyer)
    objection = await store.find(connection, number, trade_id=trade.id)
    if objection is None:
        raise NotFound("objection", public_id(Kind.OBJECTION, number))
    if decision is Decision.UPHOLD:
        await trades.lock_goods(connection, trade)
    now = await clock.now(connection)
    ended = market.decided(
        objection,
        public_id(Kind.OBJECTION, number),
        ObjectionEvent(decision),
        at=now,
        by=actor.jurisdiction,
        reason=reason,
    )
    await store.save(connection, [ended])
    if decision is Decision.UPHOLD:
        after = await trades.void(connection, trade, now=now, actor=actor.jurisdiction, reason=UPHELD)
    else:
        after = await _dismissed(connection, trade, now)
    await _announce_decision(connection, ended, after, actor)
    return ended


async def _held(connection: Connection, number: int) -> Trade:
    held = (await trade_store.lock(connection, [number])).get(number)
    if held is None:
        raise NotFound("trade", public_id(Kind.TRADE, number))
    return held


async def _dismissed(connection: Connection, trade: Trade, now: datetime) -> Trade:
    """Let the clock go on, unless another objection is still open, by the policies of the award."""
    if trade.notice_stopped_at is None or await store.open_of(connection, [trade.id]):
        return trade
    in_force = await policies.in_force(connection, trade.awarded_at)
    due = market.resumed(
        day_of(trade.notice_stopped_at),
        day_of(trade.notice_ends_at - _MOMENT),
        day_of(now),
        in_force.payment_working_days,
        in_force.calendar_years,
    )
    after = market.restarted(
        trade,
        notice_ends_at=end_of(due.last_notice_day),
        payment_due_at=end_of(due.last_payment_day),
        unpublished_years=due.unpublished_years,
    )
    await trade_store.save(connection, [(trade, after)])
    return after


async def _announce_decision(
    connection: Connection, objection: Objection, trade: Trade, actor: Actor
) -> None:
    stopped_at = trade.notice_stopped_at
    await announce(
        connection,
        at=objection.ended_at or objection.entered_at,
        kind="objection.decided",
        subject=trades.named(trade),
        actor=actor.jurisdiction,
        facts={
            "objection": public_id(Kind.OBJECTION, objection.id),
            "state": objection.state,
            "trade_state": trade.state,
            "notice_stopped_at": None if stopped_at is None else rfc3339(stopped_at),
            "notice_ends_at": rfc3339(trade.notice_ends_at),
            "payment_due_at": rfc3339(trade.payment_due_at),
        },
    )
