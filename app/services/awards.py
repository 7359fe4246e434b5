"""Awards (成交): what an opening, an allocation run or a purchase hands to its winners becomes trades."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.trades import AwardedLine, AwardedTrade, deadlines, ensure_sound
from app.market.units import format_money, rfc3339
from app.services.days import day_of, end_of
from app.services.journal import announce
from app.store import listings, needs, policies
from app.store import trades as store
from app.store.database import Connection

__all__ = ["AwardedLine", "AwardedTrade", "award"]


async def award(
    connection: Connection, *, now: datetime, actor: str | None, trades: Sequence[AwardedTrade]
) -> Sequence[int]:
    """Enter the trades of one auction, allocation or purchase, AWARDED; return their ids in the order given.

    The caller holds the needs and listings, which are charged here. The public notice (公示) ends with
    the n-th working day after the day of the award, and payment is due before the end of the m-th
    working day after the notice's last; both numbers and the calendar are those in force at ``now``.
    """
    if not trades:
        return []
    ensure_sound(trades)
    in_force = await policies.in_force(connection, now)
    due = deadlines(
        day_of(now), in_force.notice_working_days, in_force.payment_working_days, in_force.calendar_years
    )
    notice_ends_at, payment_due_at = end_of(due.last_notice_day), end_of(due.last_payment_day)
    ids = await store.insert(
        connection,
        trades,
        awarded_at=now,
        notice_ends_at=notice_ends_at,
        payment_due_at=payment_due_at,
        unpublished_years=due.unpublished_years,
    )
    await _charge(connection, trades)
    await announce(
        connection,
        at=now,
        kind="trades.awarded",
        subject=_source(trades[0]),
        actor=actor,
        facts={
            "notice_ends_at": rfc3339(notice_ends_at),
            "payment_due_at": rfc3339(payment_due_at),
            "unpublished_calendar_years": list(due.unpublished_years),
            "trades": [
                {
                    "trade": public_id(Kind.TRADE, id_),
                    "buyer": trade.buyer,
                    "amount": format_money(trade.amount_fen),
                    "lines": len(trade.lines),
                }
                for id_, trade in zip(ids, trades, strict=True)
            ],
        },
    )
    return ids


async def _charge(connection: Connection, awarded: Sequence[AwardedTrade]) -> None:
    taken: dict[int, int] = defaultdict(int)
    filled: dict[tuple[int, Indicator], int] = defaultdict(int)
    for trade in awarded:
        for line in trade.lines:
            taken[line.listing_id] += line.quantity
            filled[(trade.need_id, line.indicator)] += line.quantity
    await needs.add_awarded(connection, filled)
    await listings.add_awarded(connection, taken)


def _source(trade: AwardedTrade) -> str:
    if trade.auction_id is not None:
        return public_id(Kind.AUCTION, trade.auction_id)
    if trade.purchase_id is not None:
        return public_id(Kind.PURCHASE, trade.purchase_id)
    return public_id(Kind.ALLOCATION, trade.allocation_id or 0)
