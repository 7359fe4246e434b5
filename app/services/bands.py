"""Price bands (限价): set by the price regulator, published with the costs they rest on (RULES 7)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from app.market.access import Action, Actor, permit
from app.market.bands import Band, Costs, check_band, suggest
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.policies import refuse_retroactive
from app.market.units import format_money, rfc3339
from app.services.journal import announce
from app.store import bands as store
from app.store import clock
from app.store.bands import BandRow, DatedBand
from app.store.database import Connection

__all__ = ["BandRow", "DatedBand", "bands", "set_band"]


async def bands(
    connection: Connection,
    *,
    indicator: Indicator | None,
    at: datetime | None,
    after: int | None,
    limit: int,
) -> Sequence[DatedBand]:
    """Return at most ``limit`` bands in the order entered; with ``at``, only those in force then."""
    return await store.history(connection, indicator=indicator, at=at, after=after, limit=limit)


async def set_band(
    connection: Connection,
    *,
    actor: Actor,
    indicator: Indicator,
    band: Band,
    costs: Costs,
    floor_factor: Decimal,
    ceiling_factor: Decimal,
    starts_at: datetime,
) -> DatedBand:
    """Append a band that is in force from ``starts_at`` until the next one; raises RuleBroken, Conflict."""
    permit(actor, Action.SET_BAND, actor.jurisdiction)
    suggest(costs, Fraction(floor_factor), Fraction(ceiling_factor))
    check_band(band, costs)
    now = await clock.now(connection)
    refuse_retroactive(
        starts_at,
        now,
        "A band starts later than the moment it is entered: what was in force can't change any more.",
    )
    dated = await store.insert(
        connection,
        indicator=indicator,
        band=band,
        costs=costs,
        floor_factor=floor_factor,
        ceiling_factor=ceiling_factor,
        starts_at=starts_at,
        entered_at=now,
        entered_by=actor.jurisdiction,
    )
    await announce(
        connection,
        at=now,
        kind="band.set",
        subject=public_id(Kind.BAND, dated.row.id),
        actor=actor.jurisdiction,
        facts={
            "indicator": indicator,
            "starts_at": rfc3339(starts_at),
            "floor": format_money(band.floor_fen),
            "ceiling": format_money(band.ceiling_fen),
            "key_project_price": format_money(band.key_project_price_fen),
            "unified_price": None if band.unified_price_fen is None else format_money(band.unified_price_fen),
            "base": format_money(costs.base_fen),
        },
    )
    return dated
