"""Settlement (划转): indicators and money of all lines of a trade in one transaction, or nothing."""

from app.market import trades as market
from app.market.access import Action, Actor
from app.market.ids import Kind, public_id
from app.market.ledger import Bucket
from app.market.trades import Trade
from app.market.units import format_money, format_quantity
from app.market.write_offs import Holding
from app.services import returns
from app.services.journal import announce
from app.services.trades import held, named
from app.store import clock, ledger, listings, needs
from app.store import trades as store
from app.store.database import Connection

__all__ = ["settle"]


async def settle(connection: Connection, *, actor: Actor, number: int) -> Trade:
    """Settle a paid trade; raises NotFound, and WrongState where it is settled already or unpaid.

    The indicators of every line go from the seller's locked balance to the buyer's reserve with their
    batch of origin, and the money from the buyer's escrow to the sellers: one ledger transaction. What a
    county buys back of a project of its own that was voided for fraud is cancelled at once (ADR 0016).
    """
    before = await held(connection, actor, Action.SETTLE_TRADE, number)
    lines = before.active_lines
    own = await returns.hold(
        connection, before.buyer, [line.batch_id for line in lines], need_ids=[before.need_id]
    )
    await listings.lock(connection, [line.listing_id for line in lines])
    now = await clock.now(connection)
    after, entries = market.settle(before, named(before), now)
    back = [
        Holding(line.indicator, line.batch_id, Bucket.AVAILABLE, line.quantity)
        for line in lines
        if line.batch_id in own
    ]
    if back:  # by one call, with the accounts that a cancellation of what comes back would move
        accounts = [entry.account for entry in entries]
        await ledger.lock(connection, [*accounts, *returns.sides(before.buyer, back)])
    await store.save(connection, [(before, after)])
    await needs.add_settled(connection, market.by_indicator(before.need_id, lines))
    await listings.add_settled(connection, market.by_listing(lines), at=now)
    await ledger.post(
        connection,
        kind="settlement",
        reference=named(after),
        at=now,
        actor=actor.jurisdiction,
        entries=entries,
    )
    await returns.cancel(
        connection, before.buyer, back, reference=named(after), at=now, actor=actor.jurisdiction
    )
    await _announce(connection, after, actor)
    return after


async def _announce(connection: Connection, trade: Trade, actor: Actor) -> None:
    await announce(
        connection,
        at=trade.ended_at or trade.awarded_at,
        kind="trade.settled",
        subject=named(trade),
        actor=actor.jurisdiction,
        facts={
            "buyer": trade.buyer,
            "amount": format_money(trade.amount_fen),
            "lines": [
                {
                    "listing": public_id(Kind.LISTING, line.listing_id),
                    "batch": public_id(Kind.BATCH, line.batch_id),
                    "seller": line.seller,
                    "indicator": line.indicator,
                    "quantity": format_quantity(line.quantity, line.indicator),
                    "amount": format_money(line.amount_fen),
                }
                for line in trade.active_lines
            ],
        },
    )
