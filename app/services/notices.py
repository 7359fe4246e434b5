"""Public notices (公示): the trades awarded that are not confirmed yet, for everybody to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.market.objections import ObjectionState
from app.market.trades import Trade
from app.services.days import day_of
from app.store import clock, jurisdictions, objections
from app.store import trades as store
from app.store.database import Connection

__all__ = ["Notice", "notices"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A trade in public notice: its parties' names today, and number and state of each objection."""

    trade: Trade
    names: Mapping[str, str]
    objections: Sequence[tuple[int, ObjectionState]]


async def notices(connection: Connection, *, after: int | None, limit: int) -> Sequence[Notice]:
    """Return at most ``limit`` trades in public notice, by id, those whose clock stands among them."""
    now = await clock.now(connection)
    trades = await store.in_notice(connection, now=now, after=after, limit=limit)
    codes = {code for trade in trades for code in trade.parties}
    names = await jurisdictions.names_on(connection, codes, day_of(now))
    states = await objections.states_of(connection, [trade.id for trade in trades])
    return [Notice(trade, names, states[trade.id]) for trade in trades]
