"""Confirmations (成交确认书): the letter for a trade's parties and overseers, the record for everybody."""

from app.market.access import Action, Actor, permitted_jurisdiction
from app.market.confirmations import Confirmation, refuse_unconfirmed
from app.market.errors import NotFound
from app.market.ids import Kind, public_id
from app.market.trades import Trade
from app.services.days import day_of
from app.services.trades import named
from app.store import jurisdictions, reserves
from app.store import trades as store
from app.store.database import Connection

__all__ = ["Confirmation", "letter", "record"]


async def letter(connection: Connection, *, actor: Actor, number: int) -> Confirmation:
    """Return what a trade's letter says; raises NotFound, and Conflict before the confirmation."""
    party = permitted_jurisdiction(actor, Action.READ_CONFIRMATION_LETTER)
    trade = await store.find(connection, number, party=party)
    if trade is None:
        raise NotFound("trade", public_id(Kind.TRADE, number))
    refuse_unconfirmed(trade, named(trade))
    return await _confirmation(connection, trade)


async def record(connection: Connection, *, number: str) -> Confirmation:
    """Return what was confirmed under a number; raises NotFound."""
    trade = await store.find_confirmed(connection, number)
    if trade is None:
        raise NotFound("confirmation", number)
    return await _confirmation(connection, trade)


async def _confirmation(connection: Connection, trade: Trade) -> Confirmation:
    names = await jurisdictions.names_on(
        connection, trade.parties, day_of(trade.confirmed_at or trade.awarded_at)
    )
    filing_nos = await reserves.filing_nos(connection, {line.batch_id for line in trade.lines})
    return Confirmation(trade, names, filing_nos)
