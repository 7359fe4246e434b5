"""Allocation runs (重点项目定价调剂): waiting key-project needs filled at the fixed price, RULES 9.

A run is over all waiting needs and all that is listed for them, never over one indicator alone: a need
that takes all or nothing would be torn apart.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby

from app.documents.json_text import dump
from app.documents.records import allocation_outcome_record, allocation_record
from app.market.access import Action, Actor, permit
from app.market.allocations import (
    Allocation,
    AllocationOutcome,
    Demand,
    Fill,
    OpenListing,
    allocate,
)
from app.market.errors import BrokenInvariant, NotFound
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import Indicator
from app.market.units import MOST_AMOUNT_FEN, amount_fen
from app.services.awards import AwardedLine, AwardedTrade, award
from app.services.days import day_of, microseconds
from app.services.journal import announce
from app.store import allocations as store
from app.store import bands, clock, listings, needs, sanctions
from app.store.allocations import AllocationHead, AllocationRow
from app.store.database import Connection
from app.store.listings import ListingRow
from app.store.needs import NeedRow

__all__ = [
    "AllocationHead",
    "AllocationRow",
    "Held",
    "allocation",
    "allocations",
    "hold",
    "run",
    "run_for",
    "still_buyable",
]


async def run(connection: Connection, *, actor: Actor) -> AllocationRow:
    """Run an allocation for everything that waits and publish it, though it may fill nothing."""
    permit(actor, Action.RUN_ALLOCATION, actor.jurisdiction)
    held = await hold(connection)
    now = await clock.now(connection)
    plan = await _plan(connection, held, now)
    return await _publish(connection, plan, allocate(plan.allocation), now=now, actor=actor.jurisdiction)


@dataclass(frozen=True, slots=True)
class Held:
    """The waiting needs, and what is listed of what they want, all locked by this transaction.

    ``others`` are the needs that the caller named beside them, by id, waiting or not; among ``listings``
    are those that it named.
    """

    needs: Sequence[NeedRow]
    listings: Sequence[ListingRow]
    others: Mapping[int, NeedRow]


async def hold(
    connection: Connection,
    indicators: Collection[Indicator] = (),
    *,
    need_ids: Collection[int] = (),
    listing_ids: Collection[int] = (),
) -> Held:
    """Lock the needs that wait, then the listings of all that they want and of ``indicators``.

    The caller may hold an auction row, but no need and no listing yet, and takes its ``now`` after this;
    needs and listings that it wants itself it names, so that all are locked in one order (ADR 0004).
    """
    locked = await needs.lock_waiting(connection, need_ids)
    waiting = [
        need
        for need in locked.values()
        if need.key_level is not None and any(need.open(indicator) > 0 for indicator in need.items)
    ]
    wanted = {each for need in waiting for each in need.items if need.open(each) > 0}
    return Held(
        waiting,
        await listings.lock_listed(connection, wanted | set(indicators), listing_ids),
        {id_: locked[id_] for id_ in need_ids if id_ in locked},
    )


async def still_buyable(connection: Connection, held: Held, indicator: Indicator) -> Sequence[ListingRow]:
    """Return what key projects have left of the listings of ``indicator`` that are held."""
    after = await listings.lock(connection, [row.id for row in held.listings if row.indicator is indicator])
    return [row for row in after.values() if row.buyable > 0]


async def run_for(
    connection: Connection,
    held: Held,
    *,
    now: datetime,
    actor: str | None,
    indicators: Collection[Indicator],
    only_if_filled: bool = False,
) -> AllocationRow | None:
    """Serve the waiting key-project needs of ``indicators`` before others take what is listed.

    Returns None, and publishes nothing, where no need waits for them or nothing is listed for the needs
    that do, or, on demand, where nothing comes of it. What is ``held`` was taken for the same
    ``indicators``, before ``now``.
    """
    plan = await _plan(connection, held, now)
    wanted = {indicator for demand in plan.allocation.demands for indicator in demand.quantities_steps}
    if wanted.isdisjoint(indicators) or not plan.allocation.listings:
        return None
    outcome = allocate(plan.allocation)
    if only_if_filled and not outcome.fills:
        return None
    return await _publish(connection, plan, outcome, now=now, actor=actor)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the rules are asked, who was left out and why, and the rows behind the ids."""

    allocation: Allocation
    left_out: Mapping[str, str]
    needs: Mapping[str, NeedRow]
    listings: Mapping[str, ListingRow]


async def _plan(connection: Connection, held: Held, now: datetime) -> _Plan:
    in_force = await bands.in_force(connection, now)
    prices_fen = {each: row.band.key_project_price_fen for each, row in in_force.items()}
    demands: list[Demand] = []
    left_out: dict[str, str] = {}
    selling = await listings.sellers(connection, Indicator)
    suspended = await sanctions.suspended_among(connection, {need.buyer for need in held.needs}, day_of(now))
    for need in held.needs:
        name = public_id(Kind.NEED, need.id)
        wanted = {each: need.open(each) for each in need.items if need.open(each) > 0}
        priced = {each: steps for each, steps in wanted.items() if each in prices_fen}
        if any((need.buyer, each) in selling for each in wanted):
            # As in an auction: who lists an indicator can't buy it; its own stock comes first ([N] 五).
            left_out[name] = "buyer_lists_the_indicator"
        elif need.obligation_id is None and need.buyer in suspended:
            left_out[name] = "buyer_suspended"  # until that ends it buys only what it owes, RULES 12
        elif not priced or (need.all_or_nothing and len(priced) < len(wanted)):
            left_out[name] = "no_band"
        elif sum(amount_fen(prices_fen[i], steps, i) for i, steps in priced.items()) > MOST_AMOUNT_FEN:
            # Nobody could pay it; and one absurd need must not stop the run for all others.
            left_out[name] = "amount_too_large"
        else:
            demands.append(_demand(need, priced))
    demanded = {each for demand in demands for each in demand.quantities_steps}
    offered = [row for row in held.listings if row.open_to_key_projects and row.indicator in demanded]
    allocation = Allocation(
        prices_fen={each: prices_fen[each] for each in Indicator if each in demanded},
        demands=tuple(demands),
        listings=tuple(_open_listing(row) for row in offered),
    )
    return _Plan(
        allocation,
        left_out,
        {public_id(Kind.NEED, need.id): need for need in held.needs},
        {public_id(Kind.LISTING, row.id): row for row in offered},
    )


def _demand(need: NeedRow, quantities_steps: Mapping[Indicator, int]) -> Demand:
    if need.key_level is None or need.approved_at is None:
        raise BrokenInvariant(f"need {need.id} waits for allocation without a level or an approval")
    return Demand(
        id=public_id(Kind.NEED, need.id),
        buyer=need.buyer,
        level=need.key_level,
        approved_at_us=microseconds(need.approved_at),
        quantities_steps=quantities_steps,
        all_or_nothing=need.all_or_nothing,
    )


def _open_listing(row: ListingRow) -> OpenListing:
    return OpenListing(
        id=public_id(Kind.LISTING, row.id),
        county=row.county,
        indicator=row.indicator,
        quantity_steps=row.buyable,
        ask_fen=row.ask_fen,
        poverty=row.poverty,
        listed_at_us=microseconds(row.listed_at),
    )


async def _publish(
    connection: Connection, plan: _Plan, outcome: AllocationOutcome, *, now: datetime, actor: str | None
) -> AllocationRow:
    made = await store.insert(
        connection,
        run_at=now,
        run_by=actor,
        record=dump(allocation_record(plan.allocation)).decode(),
        outcome=dump(allocation_outcome_record(outcome)).decode(),
    )
    trades = _trades(made.id, outcome, plan)
    await announce(
        connection,
        at=now,
        kind="allocation.run",
        subject=public_id(Kind.ALLOCATION, made.id),
        actor=actor,
        facts={
            "demands": len(plan.allocation.demands),
            "listings": len(plan.allocation.listings),
            "trades": len(trades),
            "left_out": [{"need": need, "reason": why} for need, why in plan.left_out.items()],
        },
    )
    await award(connection, now=now, actor=actor, trades=trades)
    return made


def _trades(allocation_id: int, outcome: AllocationOutcome, plan: _Plan) -> Sequence[AwardedTrade]:
    """One trade a need that got something, with a line for each listing it draws on."""
    line = partial(_line, listings_by_id=plan.listings)
    return [
        AwardedTrade(
            buyer=plan.needs[demand].buyer,
            need_id=row_number(Kind.NEED, demand),
            lines=tuple(line(fill) for fill in fills),
            allocation_id=allocation_id,
        )
        for demand, fills in groupby(outcome.fills, key=lambda fill: fill.demand)
    ]


def _line(fill: Fill, listings_by_id: Mapping[str, ListingRow]) -> AwardedLine:
    row = listings_by_id[fill.listing]
    return AwardedLine(
        listing_id=row.id,
        seller=row.county,
        batch_id=row.batch_id,
        indicator=fill.indicator,
        quantity=fill.quantity_steps,
        price_fen=fill.price_fen,
        amount_fen=fill.amount_fen,
    )


async def allocations(connection: Connection, *, after: int | None, limit: int) -> Sequence[AllocationHead]:
    """Return at most ``limit`` runs after the number given, without their records."""
    return await store.allocations(connection, after=after, limit=limit)


async def allocation(connection: Connection, *, allocation_id: int) -> AllocationRow:
    """Return one run with its public record and outcome; raises NotFound."""
    found = await store.find(connection, allocation_id)
    if found is None:
        raise NotFound("allocation", public_id(Kind.ALLOCATION, allocation_id))
    return found
