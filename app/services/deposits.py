"""Deposits (保证金): money that a bidder or buyer can't use elsewhere until its trade is paid or falls."""

from datetime import datetime

from app.market.errors import Insufficient
from app.market.ledger import Bucket, money, move
from app.market.units import format_money
from app.store import ledger
from app.store.database import Connection

__all__ = ["hold"]


async def hold(
    connection: Connection,
    buyer: str,
    fen: int,
    *,
    kind: str,
    reference: str,
    at: datetime,
    field: str,
) -> None:
    """Move a deposit from the buyer's available money to its locked; a deposit of nothing moves nothing.

    Raises Insufficient with the shortage, which names the deposit and blames ``field``: what it follows from.
    """
    if not fen:
        return
    try:
        await ledger.post(
            connection,
            kind=kind,
            reference=reference,
            at=at,
            actor=buyer,
            entries=move(money(buyer, Bucket.AVAILABLE), money(buyer, Bucket.LOCKED), fen),
        )
    except Insufficient as short:
        detail = f"The deposit for this {field} is {format_money(fen)} yuan. {short.detail}"
        raise Insufficient(detail, field=field, **short.facts) from short
