"""What comes back of a voided batch to the guilty county: cancelled at once, as far as it still owes for it.

A write-off that is reversed (解挂), or a purchase, must not give the county that credited land by fraud good
stock for it (RULES 12; ADR 0016).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket
from app.market.obligations import ObligationState
from app.market.units import format_quantity
from app.market.voidings import cancelled_on_return, entries
from app.market.write_offs import Holding
from app.services import obligations
from app.services.journal import announce
from app.store import ledger, needs
from app.store import obligations as owing
from app.store import voidings as store
from app.store import write_offs as written
from app.store.database import Connection
from app.store.voidings import Returned

__all__ = ["Coming", "cancel", "cancel_each", "hold", "hold_coming", "sides"]


@dataclass(frozen=True, slots=True)
class Coming:
    """What a reversal or a release, named by its reference, makes available to a county."""

    reference: str
    county: str
    holding: Holding

    @property
    def accounts(self) -> Sequence[AccountKey]:
        """What a cancellation of it moves."""
        return sides(self.county, [self.holding])


async def hold(
    connection: Connection, county: str, batch_ids: Iterable[int], *, need_ids: Collection[int] = ()
) -> frozenset[int]:
    """Lock the obligations, and their live needs, for those of some batches that come back to their county.

    To be called before needs, listings and accounts are locked (ADR 0004); ``need_ids`` are locked along.
    Returns which of the batches come from the county at all: should one be voided at this very moment,
    ``cancel`` finds it.
    """
    own = await store.own_batches(connection, county, set(batch_ids))
    await _hold(connection, await _owed_for(connection, county, own), need_ids=need_ids)
    return own


async def _owed_for(connection: Connection, county: str, batch_ids: Collection[int]) -> set[int]:
    """The obligations for those of a county's batches that are void by now."""
    voided = await store.void_origins(connection, county, batch_ids) if batch_ids else ()
    return {each.obligation_id for each in voided if each.obligation_id is not None}


async def _hold(
    connection: Connection,
    obligation_ids: Collection[int],
    *,
    need_ids: Collection[int] = (),
    application_id: int | None = None,
) -> None:
    """Lock obligations by one call, and then by another the needs that lapse with them and all others."""
    if obligation_ids:
        await owing.lock_all(connection, obligation_ids)
    # What is owed no longer lets its needs lapse.
    await needs.lock_live_of(
        connection, application_id=application_id, obligation_ids=obligation_ids, also=need_ids
    )


def sides(county: str, holdings: Iterable[Holding]) -> list[AccountKey]:
    """The accounts that a cancellation moves, to be locked by the same call as the movement's own."""
    return [
        AccountKey(county, each.indicator, each.batch_id, bucket)
        for each in holdings
        for bucket in (Bucket.AVAILABLE, Bucket.CONSUMED)
    ]


async def cancel(
    connection: Connection,
    county: str,
    returned: Sequence[Holding],
    *,
    reference: str,
    at: datetime,
    actor: str | None,
) -> None:
    """Cancel what has just become available to a county of batches of its own voided projects.

    As much as it still owes for them, and the obligation is lowered by it; what was replaced already stays
    good stock. The caller holds the accounts, so that a voiding is either seen here or sees this.
    """
    obligation_of = {
        each.batch_id: each.obligation_id
        for each in await store.void_origins(connection, county, [each.batch_id for each in returned])
    }
    gone: list[Holding] = []
    noted: list[Returned] = []
    by_obligation: dict[int, dict[Indicator, int]] = {}
    for each in returned:
        if each.batch_id not in obligation_of:
            continue
        number = obligation_of[each.batch_id]
        held = None if number is None else await owing.lock(connection, number)
        is_open = held is not None and held.state is ObligationState.OPEN
        steps = cancelled_on_return(each.steps, held.owed[each.indicator] if held and is_open else 0)
        noted.append(Returned(each.batch_id, each.steps, steps))
        if steps and number is not None:
            gone.append(Holding(each.indicator, each.batch_id, Bucket.AVAILABLE, steps))
            by_obligation.setdefault(number, {})[each.indicator] = steps
    if not noted:
        return
    transaction_id = await ledger.post(
        connection,
        kind="project.return",
        reference=reference,
        at=at,
        actor=actor,
        entries=entries(county, gone),
    )
    await store.keep_returns(connection, noted, reference=reference, at=at, transaction_id=transaction_id)
    for number, by in by_obligation.items():
        await obligations.reduce(connection, number, by, at=at, actor=actor)
    await _announce(connection, county, returned, noted, reference=reference, at=at, actor=actor)


async def _announce(
    connection: Connection,
    county: str,
    returned: Sequence[Holding],
    noted: Sequence[Returned],
    *,
    reference: str,
    at: datetime,
    actor: str | None,
) -> None:
    indicator = {each.batch_id: each.indicator for each in returned}
    await announce(
        connection,
        at=at,
        kind="project.voided_stock_returned",
        subject=reference,
        actor=actor,
        facts={
            "county": county,
            "batches": [
                {
                    "batch": public_id(Kind.BATCH, each.batch_id),
                    "indicator": indicator[each.batch_id],
                    "returned": format_quantity(each.returned, indicator[each.batch_id]),
                    "cancelled": format_quantity(each.cancelled, indicator[each.batch_id]),
                }
                for each in noted
            ],
        },
    )


async def hold_coming(
    connection: Connection,
    references: Sequence[str],
    released: Sequence[Coming],
    *,
    application_id: int,
    obligation_ids: Collection[int],
) -> Sequence[Coming]:
    """Lock the obligations for what the end of an application brings back to the counties it comes from.

    ``references`` are those of write-offs that are to be reversed, ``obligation_ids`` what ends with the
    application. All obligations are locked by one call, then by another the needs of both (ADR 0004). Returns
    all that comes back to its own county, whose ``accounts`` are to be locked with the others.
    """
    coming = list(released)
    for rows in (await written.of_references(connection, references)).values():
        for row in rows:
            if row.reversed_at is None:
                coming += [
                    Coming(
                        row.reference,
                        row.reserve,
                        Holding(used.indicator, used.batch_id, Bucket.AVAILABLE, used.steps),
                    )
                    for used in await written.used(connection, row.transaction_id)
                    if used.origin == row.reserve
                ]
    owed = set(obligation_ids)
    for county in {each.county for each in coming}:
        batches = {each.holding.batch_id for each in coming if each.county == county}
        owed |= await _owed_for(connection, county, batches)
    await _hold(connection, owed, application_id=application_id)
    return coming


async def cancel_each(
    connection: Connection, coming: Sequence[Coming], *, at: datetime, actor: str | None
) -> None:
    """Cancel, for each reference, what has come back of voided batches, as ``cancel`` does."""
    by_source: dict[tuple[str, str], list[Holding]] = {}
    for each in coming:
        by_source.setdefault((each.reference, each.county), []).append(each.holding)
    for (reference, county), holdings in sorted(by_source.items()):
        await cancel(connection, county, holdings, reference=reference, at=at, actor=actor)
