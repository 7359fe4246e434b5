"""Write-off (核销) and its reversal (解挂): the one way out of a reserve for good, and the one way back."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from app.market import write_offs as market
from app.market.errors import ensure
from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket
from app.market.needs import usable
from app.market.write_offs import Draws, Holding, SetAside
from app.services.needs import backings_of
from app.store import ledger, needs
from app.store import write_offs as store
from app.store.applications import ApplicationRow
from app.store.database import Connection
from app.store.obligations import ObligationRow
from app.store.write_offs import UsedBatch, WriteOffRow

__all__ = ["UsedBatch", "WriteOffRow", "hold", "hold_reversals", "hold_whole", "reverse", "used", "write_off"]


async def hold(
    connection: Connection,
    reserve: str,
    required: Mapping[Indicator, int],
    *,
    buckets: Sequence[Bucket] = (Bucket.AVAILABLE,),
    project_id: int | None = None,
    beside: Sequence[Holding] = (),
) -> list[Holding]:
    """Lock the oldest batches of a reserve that cover what is required, and return what is in them.

    Bucket by bucket in the order given; with ``project_id`` that project's batches only. What the caller
    has ``beside`` them, and the consumed sides of all, are locked along, by the same call: a write-off and
    a reversal of the same batch then can't wait for each other in a circle. Where what was found has
    changed by the time it is locked, it is let go and looked for anew.
    """
    while True:
        attempt = await connection.begin_nested()
        found = await store.oldest(connection, reserve, required, buckets, project_id)
        every = [*beside, *found]
        keys = [AccountKey(reserve, each.indicator, each.batch_id, each.bucket) for each in every]
        sides = [AccountKey(reserve, each.indicator, each.batch_id, Bucket.CONSUMED) for each in every]
        await ledger.lock(connection, [*keys, *sides])
        held = await store.oldest(connection, reserve, required, buckets, project_id)
        if {_place(each) for each in held} <= {_place(each) for each in found}:
            await attempt.commit()
            return held
        await attempt.rollback()


async def hold_whole(
    connection: Connection,
    reserve: str,
    subject: str,
    required: Mapping[Indicator, int],
    *,
    filed: Sequence[ApplicationRow],
    owed: Sequence[ObligationRow],
    project_id: int | None = None,
) -> Draws:
    """Hold and draw all that is required for a subject; raises Insufficient where the reserve is short of it.

    ``filed`` and ``owed`` are all that shares the reserve, which the caller holds: what was bought for
    another of them is left to it (ADR 0006).
    """
    holdings = await hold(connection, reserve, required, project_id=project_id)
    # Only now that what it would take is held: a listing or a settlement may have come in before.
    supply = await needs.supply_of(connection, reserve)
    free = usable(await backings_of(connection, filed, owed, supply), supply.available, subject)
    draws = market.draw(holdings, required)
    missing = {
        each: max(draws.missing.get(each, 0), steps - free[each])
        for each, steps in required.items()
        if each in draws.missing or steps > free[each]
    }
    kept = {each: supply.available.get(each, 0) - free[each] for each in Indicator}
    market.refuse_short(reserve, required, Draws(draws.taken, missing), SetAside(supply.listed, kept))
    return draws


async def hold_reversals(
    connection: Connection, references: Sequence[str], *, beside: Collection[AccountKey] = ()
) -> None:
    """Lock every account that reversing what stands for some references will touch, and those ``beside``.

    By one call, so that several reversals in one transaction can't wait for another's in a circle.
    """
    standing = [
        row
        for each in (await store.of_references(connection, references)).values()
        for row in each
        if row.reversed_at is None
    ]
    keys = {
        AccountKey(row.reserve, used.indicator, used.batch_id, bucket)
        for row in standing
        for used in await store.used(connection, row.transaction_id)
        for bucket in (Bucket.AVAILABLE, Bucket.CONSUMED)
    }
    await ledger.lock(connection, keys | set(beside))


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
    """Reverse the write-off that stands for a reference, batch by batch; None where none stands.

    Whoever reverses cancels what comes back of voided batches afterwards (``returns``).
    """
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
