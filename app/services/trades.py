"""Trades (成交) from award to payment, and how they end otherwise: default and voiding (RULES 11)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from app.market import objections
from app.market import trades as market
from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.errors import NotFound
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.ledger import Bucket, Entry, money
from app.market.trades import Trade, TradeState
from app.market.units import format_money, format_quantity
from app.sealing.keys import Keys
from app.services.days import day_of
from app.services.journal import announce
from app.store import clock, ledger, listings, needs, policies
from app.store import objections as objection_store
from app.store import trades as store
from app.store.database import Connection

__all__ = [
    "confirm",
    "default",
    "default_overdue",
    "drop_lines",
    "held",
    "lock_goods",
    "named",
    "pay",
    "trade",
    "trades",
    "void",
    "void_lines",
]

OVERDUE = "payment_overdue"
"""The reason of a default that fell due by itself (逾期未付款)."""


def named(trade: Trade) -> str:
    """Print a trade's public id."""
    return public_id(Kind.TRADE, trade.id)


async def trades(
    connection: Connection,
    *,
    actor: Actor,
    state: TradeState | None,
    auction_id: int | None,
    after: int | None,
    limit: int,
) -> Sequence[Trade]:
    """Return at most ``limit`` trades after the id given: one's own, as buyer or seller, or everybody's."""
    party = permitted_jurisdiction(actor, Action.READ_TRADES)
    return await store.trades(
        connection, party=party, state=state, auction_id=auction_id, after=after, limit=limit
    )


async def trade(connection: Connection, *, actor: Actor, number: int) -> Trade:
    """Return a trade to its buyer, the sellers of its lines, or who oversees them; raises NotFound."""
    found = await store.find(connection, number, party=permitted_jurisdiction(actor, Action.READ_TRADE))
    if found is None:
        raise NotFound("trade", public_id(Kind.TRADE, number))
    return found


async def held(connection: Connection, actor: Actor, action: Action, number: int) -> Trade:
    """Lock a trade that the actor may do ``action`` to; raises NotFound, NotPermitted (a seller)."""
    found = (await store.lock(connection, [number])).get(number)
    party = permitted_jurisdiction(actor, action)
    if found is None or (party is not None and party not in found.parties):
        raise NotFound("trade", public_id(Kind.TRADE, number))
    permit(actor, action, found.buyer)
    return found


async def confirm(connection: Connection, *, actor: Actor, number: int) -> Trade:
    """Confirm a trade (成交确认书) after its public notice; raises NotFound, WrongState, Conflict."""
    before = await held(connection, actor, Action.CONFIRM_TRADE, number)
    now = await clock.now(connection)
    in_force = await policies.in_force(connection, now)
    letter = market.confirmation_number(in_force.confirmation_prefix, day_of(now).year, before.id)
    after = market.confirm(before, named(before), now, letter)
    await store.save(connection, [(before, after)])
    await announce(
        connection,
        at=now,
        kind="trade.confirmed",
        subject=named(after),
        actor=actor.jurisdiction,
        facts={
            "buyer": after.buyer,
            "amount": format_money(after.amount_fen),
            "confirmation_number": letter,
        },
    )
    return after


async def pay(connection: Connection, *, actor: Actor, number: int) -> Trade:
    """Pay a trade's amount less its deposit into escrow; raises Insufficient with the shortage, Conflict."""
    before = await held(connection, actor, Action.PAY_TRADE, number)
    purse = [money(before.buyer, bucket) for bucket in (Bucket.AVAILABLE, Bucket.LOCKED, Bucket.ESCROW)]
    accounts = await ledger.lock(connection, purse)
    now = await clock.now(connection)
    after, entries = market.pay(before, named(before), now, accounts[purse[0]].balance)
    await store.save(connection, [(before, after)])
    await ledger.post(
        connection,
        kind="payment",
        reference=named(after),
        at=now,
        actor=actor.jurisdiction,
        entries=entries,
    )
    await announce(
        connection,
        at=now,
        kind="trade.paid",
        subject=named(after),
        actor=actor.jurisdiction,
        facts={"buyer": after.buyer, "amount": format_money(after.amount_fen)},
    )
    return after


async def default(connection: Connection, *, actor: Actor, number: int, reason: str) -> Trade:
    """Declare an unpaid trade in default (违约), with the reason; raises NotFound, WrongState."""
    before = await held(connection, actor, Action.DEFAULT_TRADE, number)
    return await _default(connection, before, actor=actor.jurisdiction, reason=reason)


async def default_overdue(connection: Connection, *, keys: Keys, tried: set[int]) -> bool:
    """Declare one trade in default whose payment is overdue, if there is any; whether there was."""
    overdue = await store.lock_overdue(connection, await clock.now(connection), tried)
    if overdue is None:
        return False
    tried.add(overdue.id)
    await _default(connection, overdue, actor=None, reason=OVERDUE)
    return True


async def lock_goods(connection: Connection, trade: Trade) -> None:
    """Lock the need and the listings that a trade, which the caller holds, would go back to (ADR 0004)."""
    await needs.lock(connection, [trade.need_id])
    await listings.lock(connection, [line.listing_id for line in trade.active_lines])


async def _default(connection: Connection, before: Trade, *, actor: str | None, reason: str) -> Trade:
    await lock_goods(connection, before)
    now = await clock.now(connection)
    after, entries = market.default(before, named(before), now, reason)
    await store.save(connection, [(before, after)])
    await _give_back(connection, [(before, before.active_lines)])
    await ledger.post(
        connection, kind="default", reference=named(after), at=now, actor=actor, entries=entries
    )
    await announce(
        connection,
        at=now,
        kind="trade.defaulted",
        subject=named(after),
        actor=actor,
        facts={
            "buyer": after.buyer,
            "forfeited_deposit": format_money(after.deposit_fen),
            "returned": [_line_facts(line) for line in before.active_lines],
        },
    )
    return after


async def void(
    connection: Connection, before: Trade, *, now: datetime, actor: str | None, reason: str
) -> Trade:
    """Void a trade as a whole: lines back to listings and need, all money released; open objections lapse.

    The caller holds the trade and has called ``lock_goods``.
    """
    after, released = market.void(before, named(before), now, reason)
    await store.save(connection, [(before, after)])
    await store.void_lines(connection, [line.id for line in before.active_lines])
    await _give_back(connection, [(before, before.active_lines)])
    await _lapse_objections(connection, [after], now)
    await ledger.post(
        connection, kind="voiding", reference=named(after), at=now, actor=actor, entries=released
    )
    await announce(
        connection,
        at=now,
        kind="trade.voided",
        subject=named(after),
        actor=actor,
        facts={"buyer": after.buyer, "returned": [_line_facts(line) for line in before.active_lines]},
    )
    return after


async def _lapse_objections(connection: Connection, trades_: Sequence[Trade], now: datetime) -> None:
    """End the open objections to trades that have become void: there is nothing left to decide."""
    ended = [trade_.id for trade_ in trades_ if trade_.state is TradeState.VOIDED]
    lapsed = [
        objections.decided(
            each,
            public_id(Kind.OBJECTION, each.id),
            objections.ObjectionEvent.LAPSE,
            at=now,
            by=None,
            reason=None,
        )
        for each in await objection_store.open_of(connection, ended)
    ]
    if lapsed:
        await objection_store.save(connection, lapsed)


async def void_lines(
    connection: Connection, listing_id: int, *, actor: str | None, reason: str
) -> tuple[Entry, ...]:
    """Drop a listing's lines out of every unsettled trade; a trade left without lines is VOIDED.

    Locks trades, needs and the listing, in this order, and takes the lines off needs and listing. Returns
    the entries that release the buyers' money, for the caller to post with its own in one transaction.
    """
    waiting = await _held_with_listing(connection, listing_id)
    now = await clock.now(connection)
    return await drop_lines(connection, waiting, [listing_id], now=now, actor=actor, reason=reason)


async def drop_lines(
    connection: Connection,
    waiting: Sequence[Trade],
    listing_ids: Collection[int],
    *,
    now: datetime,
    actor: str | None,
    reason: str,
) -> tuple[Entry, ...]:
    """Drop the lines of some listings out of trades that wait for settlement and have such lines.

    The caller holds the trades, their needs and the listings. Returns the entries that release the buyers'
    money, for the caller to post.
    """
    if not waiting:
        return ()
    changes, dropped, entries = [], [], list[Entry]()
    for before in waiting:
        after, released = market.void_lines(before, named(before), listing_ids, now, reason)
        changes.append((before, after))
        dropped.append(
            (before, tuple(line for line in before.active_lines if line.listing_id in listing_ids))
        )
        entries += released
    await store.save(connection, changes)
    await store.void_lines(connection, [line.id for _, lines in dropped for line in lines])
    await _give_back(connection, dropped)
    await _lapse_objections(connection, [after for _, after in changes], now)
    for listing_id in sorted(listing_ids):
        told = [
            {"trade": named(after), "buyer": after.buyer, "state": after.state}
            for (_, after), (_, lines) in zip(changes, dropped, strict=True)
            if any(line.listing_id == listing_id for line in lines)
        ]
        if told:
            await announce(
                connection,
                at=now,
                kind="trades.lines_voided",
                subject=public_id(Kind.LISTING, listing_id),
                actor=actor,
                facts={"trades": told},
            )
    return tuple(entries)


async def _held_with_listing(connection: Connection, listing_id: int) -> list[Trade]:
    """Lock the unsettled trades of a listing, their needs and the listing itself; return the trades.

    Whoever awards holds the listing, so what is found once it is held here is all there is. A trade that
    was awarded while it was waited for comes before it in the order of locks (ADR 0004): then the listing
    is let go, and all of them are taken anew.
    """
    expected: frozenset[int] = frozenset()
    while True:
        attempt = await connection.begin_nested()
        expected |= await store.unsettled_of_listings(connection, [listing_id])
        held = await store.lock(connection, expected)
        await needs.lock(connection, {trade.need_id for trade in held.values()})
        await listings.lock(connection, [listing_id])
        found = await store.unsettled_of_listings(connection, [listing_id])
        if found <= expected:
            await attempt.commit()
            return [trade for number, trade in sorted(held.items()) if number in found]
        await attempt.rollback()


async def _give_back(connection: Connection, dropped: Sequence[tuple[Trade, Sequence[market.Line]]]) -> None:
    """Take lines that will not settle off their needs and listings, which the caller holds."""
    filled: dict[tuple[int, Indicator], int] = {}
    taken: dict[int, int] = {}
    for trade_, lines in dropped:
        for item, quantity in market.by_indicator(trade_.need_id, lines).items():
            filled[item] = filled.get(item, 0) - quantity
        for listing_id, quantity in market.by_listing(lines).items():
            taken[listing_id] = taken.get(listing_id, 0) - quantity
    await needs.add_awarded(connection, filled)
    await listings.add_awarded(connection, taken)


def _line_facts(line: market.Line) -> Mapping[str, object]:
    return {
        "listing": public_id(Kind.LISTING, line.listing_id),
        "batch": public_id(Kind.BATCH, line.batch_id),
        "seller": line.seller,
        "indicator": line.indicator,
        "quantity": format_quantity(line.quantity, line.indicator),
    }
