"""Reserves (储备库): what a jurisdiction holds of each indicator, of which batches, and how it came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.market.access import Action, Actor, permit
from app.market.errors import NotFound
from app.market.indicators import Indicator
from app.market.ledger import Bucket
from app.store import jurisdictions
from app.store import reserves as store
from app.store.database import Connection
from app.store.reserves import EntryRow, HoldingRow

__all__ = ["EntryRow", "HoldingRow", "Reserve", "batches", "entries", "reserve"]


@dataclass(frozen=True, slots=True)
class Reserve:
    """A jurisdiction's balances by indicator and bucket, in smallest steps."""

    jurisdiction: str
    balances: Mapping[Indicator, Mapping[Bucket, int]]

    def balance(self, indicator: Indicator, bucket: Bucket) -> int:
        """A balance, zero where nothing was ever there."""
        return self.balances.get(indicator, {}).get(bucket, 0)


async def reserve(connection: Connection, *, actor: Actor, code: str) -> Reserve:
    """Return a jurisdiction's balances; raises NotPermitted, NotFound."""
    await _permitted(connection, actor, Action.READ_RESERVE, code)
    return Reserve(code, await store.balances(connection, code))


async def batches(
    connection: Connection,
    *,
    actor: Actor,
    code: str,
    indicator: Indicator | None,
    after: tuple[str, int] | None,
    limit: int,
) -> Sequence[HoldingRow]:
    """Return at most ``limit`` holdings by (indicator, batch); raises NotPermitted, NotFound."""
    await _permitted(connection, actor, Action.READ_RESERVE_BATCHES, code)
    return await store.holdings(
        connection,
        code,
        indicator=indicator,
        after=None if after is None else (Indicator(after[0]), after[1]),
        limit=limit,
    )


async def entries(
    connection: Connection,
    *,
    actor: Actor,
    code: str,
    indicator: Indicator | None,
    before: int | None,
    limit: int,
) -> Sequence[EntryRow]:
    """Return at most ``limit`` entries of a reserve, newest first; raises NotPermitted, NotFound."""
    await _permitted(connection, actor, Action.READ_RESERVE_ENTRIES, code)
    return await store.entries(connection, code, indicator=indicator, before=before, limit=limit)


async def _permitted(connection: Connection, actor: Actor, action: Action, code: str) -> None:
    permit(actor, action, code)
    if not await jurisdictions.is_known(connection, code):
        raise NotFound("jurisdiction", code)
