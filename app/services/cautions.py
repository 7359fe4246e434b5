"""Warnings to the regulators: a rule set past its validity, a calendar or a price band that is missing."""

from collections.abc import Sequence

from app.market import cautions as market
from app.market.cautions import Caution
from app.services.days import day_of
from app.store import bands, clock, policies
from app.store.database import Connection

__all__ = ["Caution", "cautions"]


async def cautions(connection: Connection) -> Sequence[Caution]:
    """Return what the regulators should see to now; nothing waits for it."""
    now = await clock.now(connection)
    in_force = await policies.in_force(connection, now)
    return market.cautions(day_of(now), in_force, await bands.in_force(connection, now))
