"""Write-off (核销) and its reversal (解挂): the one way out of a reserve for good, and the one way back."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from app.market import write_offs as market
from app.market.errors import ensure
from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket
from app.market.write_offs import Holding
from app.store import ledger
from app.store import write_offs as store
from app.store.database import Connection
from app.store.write_offs import UsedBatch, WriteOffRow

__all__ = ["UsedBatch", "WriteOffRow", "hold", "reverse", "used", "write_off"]


async def hold(
    connection: Connection,
    reserve: str,
    required: Mapping[Indicator, int],
    *,
    buckets: Sequence[Bucket] = (Bucket.AVAILABLE,),
    project_id: int | None = None,
) -> list[Holding]:
    """Lock the oldest batches of a reserve that cover what is required, and return what is in them.

    Bucket by bucket in the order given; with ``project_id`` that project's batches only. Their consumed
    sides are locked along, by the same call: a write-off and a reversal of the same batch then can't wait
    for each other in a circle. Where what was found has changed by the time it is locked, it is let go
    and looked for anew.
    """
    while True:
        attempt = await connection.begin_nested()
        found = await store.oldest(connection, reserve, required, buckets, project_id)
        keys = [AccountKey(reserve, each.indicator, each.batch_id, each.bucket) for each in found]
        sides = [AccountKey(reserve, each.indicator, each.batch_id, Bucket.CONSUMED) for each in found]
        await ledger.lock(connection, [*keys, *sides])
        held = await store.oldest(connection, reserve, required, buckets, project_id)
        if {_place(each) for each in held} <= {_place(each) for each in found}:
            await attempt.commit()
            return held
        await attempt.rollback()


def _place(holding: Holding) -> tuple[Indicator, int, Bucket]:
    return holding.indicator, holding.batch_id, holding.bucket


async def write_off(
    connection: Connection,
    *,
    reserve: str,
    reference: str,
    taken: Sequence[Holding],
    at: datetime,
    actor: str | None,
) -> WriteOffRow:
    """Write off what is taken of batches that the caller holds; BrokenInvariant where that is nothing."""
    transaction_id = await ledger.post(
        connection,
        kind="write_off",
        reference=reference,
        at=at,
        actor=actor,
        entries=market.consumed(reserve, taken),
    )
    ensure(transaction_id is not None, f"a write-off for {reference} takes nothing")
    return await store.insert(
        connection, reserve=reserve, reference=reference, at=at, transaction_id=transaction_id or 0
    )


async def reverse(
    connection: Connection, *, reference: str, at: datetime, actor: str | None
) -> WriteOffRow | None:
    """Reverse the write-off that stands for a reference, batch by batch; None where none stands."""
    standing = await store.lock_standing(connection, reference)
    if standing is None:
        return None
    taken = [
        Holding(each.indicator, each.batch_id, Bucket.CONSUMED, each.steps)
        for each in await store.used(connection, standing.transaction_id)
    ]
    reversal_id = await ledger.post(
        connection,
        kind="write_off.reversal",
        reference=reference,
        at=at,
        actor=actor,
        entries=market.given_back(standing.reserve, taken),
    )
    ensure(reversal_id is not None, f"the write-off for {reference} took nothing")
    return await store.keep_reversal(connection, standing.id, at=at, reversal_id=reversal_id or 0)


async def used(connection: Connection, row: WriteOffRow) -> Sequence[UsedBatch]:
    """Return which batches, and so which projects, a write-off used up."""
    return await store.used(connection, row.transaction_id)
