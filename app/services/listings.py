"""Listings (挂牌): offering what a reserve holds, and taking it back; the lock moves with each step."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.bands import Band
from app.market.errors import NotFound
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket, Entry, move
from app.market.listings import (
    TRANSITIONS,
    ListingEvent,
    ListingRules,
    ListingState,
    Offer,
    check_offer,
    refuse_unsettled,
)
from app.market.modes import OPEN_MODES, TradeMode
from app.market.states import step
from app.market.units import format_money, format_quantity, parse_money, parse_quantity
from app.services import trades
from app.services.days import day_of
from app.services.journal import announce
from app.store import bands, clock, jurisdictions, ledger, policies, sanctions
from app.store import listings as store
from app.store.database import Connection
from app.store.listings import ListableBatch, ListingRow

__all__ = [
    "ListingForm",
    "ListingRow",
    "RecentResult",
    "end",
    "form",
    "list_batch",
    "listing",
    "listings",
    "void",
    "withdraw",
]

RESULTS_SHOWN = 5


async def list_batch(
    connection: Connection,
    *,
    actor: Actor,
    batch_id: int,
    quantity_text: str,
    ask_fen: int | None,
    open_to_key_projects: bool,
) -> ListingRow:
    """List part of what the actor's reserve has available of one batch, and lock it (RULES 8).

    The quantity is read in the batch's own unit. Raises NotFound, BadQuantity, RuleBroken, Insufficient.
    """
    county = actor.jurisdiction
    permit(actor, Action.LIST_INDICATORS, county)
    batch = await _own_batch(connection, batch_id, county)
    quantity = parse_quantity(quantity_text, batch.indicator, field="quantity")
    offer = Offer(batch.indicator, quantity, ask_fen, open_to_key_projects)
    available = AccountKey(county, batch.indicator, batch_id, Bucket.AVAILABLE)
    locked = AccountKey(county, batch.indicator, batch_id, Bucket.LOCKED)
    balances = await ledger.lock(connection, [available, locked])
    now = await clock.now(connection)
    rules = await _rules(connection, county, batch.indicator, now)
    check_offer(offer, rules)
    if balances[available].balance < quantity:
        raise ledger.short(available, balances[available].balance, quantity, field="quantity")
    made = await store.insert(
        connection,
        county=county,
        batch_id=batch_id,
        indicator=batch.indicator,
        quantity=quantity,
        ask_fen=ask_fen,
        open_to_key_projects=open_to_key_projects,
        poverty=rules.poverty,
        listed_at=now,
    )
    await ledger.post(
        connection,
        kind="listing",
        reference=public_id(Kind.LISTING, made.id),
        at=now,
        actor=county,
        entries=move(available, locked, quantity),
    )
    await _announce(connection, made, "listing.listed", at=now, actor=actor)
    return made


async def _own_batch(connection: Connection, batch_id: int, holder: str | None) -> ListableBatch:
    found = await store.listable(connection, batch_id, holder)
    if found is None:
        raise NotFound("reserve batch", public_id(Kind.BATCH, batch_id), field="batch_id")
    return found


async def _rules(connection: Connection, county: str, indicator: Indicator, now: datetime) -> ListingRules:
    day = day_of(now)
    standing = await jurisdictions.jurisdiction_on(connection, county, day)
    in_force = await policies.in_force(connection, now)
    band = (await bands.in_force(connection, now)).get(indicator)
    return ListingRules(
        designations=frozenset() if standing is None else standing.designations,
        suspended=await sanctions.is_suspended(connection, county, day),
        suspended_may_not_list=in_force.suspended_may_not_list,
        may_decline_key_projects=in_force.listings_may_decline_key_projects,
        band=None if band is None else band.band,
    )


async def withdraw(connection: Connection, *, actor: Actor, listing_id: int) -> ListingRow:
    """Take a listing of one's own back; what is unsold is available again.

    Raises NotFound, WrongState (in an announced auction, or ended) and Conflict while trades wait.
    """
    held = await _held(connection, listing_id)
    if held.county != actor.jurisdiction:
        raise NotFound("listing", public_id(Kind.LISTING, listing_id))
    permit(actor, Action.WITHDRAW_LISTING, held.county)
    return await end(connection, held, ListingEvent.WITHDRAW, actor=actor, reason=None)


async def void(connection: Connection, *, actor: Actor, listing_id: int, reason: str) -> ListingRow:
    """Void a listing, in an announced auction too, out of whose pool it drops; raises NotFound, WrongState.

    Its lines drop out of the trades that wait for settlement, whose buyers get their money back (RULES 11).
    """
    released = await trades.void_lines(connection, listing_id, actor=actor.jurisdiction, reason=reason)
    held = await _held(connection, listing_id)
    permit(actor, Action.VOID_LISTING, held.county)
    return await end(connection, held, ListingEvent.VOID, actor=actor, reason=reason, released=released)


async def _held(connection: Connection, listing_id: int) -> ListingRow:
    held = (await store.lock(connection, [listing_id])).get(listing_id)
    if held is None:
        raise NotFound("listing", public_id(Kind.LISTING, listing_id))
    return held


async def end(
    connection: Connection,
    held: ListingRow,
    event: ListingEvent,
    *,
    actor: Actor,
    reason: str | None,
    released: Sequence[Entry] = (),
) -> ListingRow:
    """End a listing the caller holds, and give back exactly what it still locks; ``released`` goes along.

    Raises WrongState, and Conflict where trades wait for what it has sold.
    """
    subject = public_id(Kind.LISTING, held.id)
    state = step(TRANSITIONS, "listing", subject, held.state, event)
    refuse_unsettled(subject, held.indicator, held.unsettled)
    now = await clock.now(connection)
    await ledger.post(
        connection,
        kind="listing.withdrawal" if event is ListingEvent.WITHDRAW else "listing.voiding",
        reference=subject,
        at=now,
        actor=actor.jurisdiction,
        entries=[
            *move(
                AccountKey(held.county, held.indicator, held.batch_id, Bucket.LOCKED),
                AccountKey(held.county, held.indicator, held.batch_id, Bucket.AVAILABLE),
                held.locked,
            ),
            *released,
        ],
    )
    ended = await store.end(connection, held.id, state=state, at=now, reason=reason)
    await _announce(connection, ended, f"listing.{state.lower()}", at=now, actor=actor)
    return ended


async def _announce(
    connection: Connection, row: ListingRow, kind: str, *, at: datetime, actor: Actor
) -> None:
    await announce(
        connection,
        at=at,
        kind=kind,
        subject=public_id(Kind.LISTING, row.id),
        actor=actor.jurisdiction,
        facts={
            "county": row.county,
            "batch": public_id(Kind.BATCH, row.batch_id),
            "indicator": row.indicator,
            "quantity": format_quantity(row.quantity, row.indicator),
            "ask": None if row.ask_fen is None else format_money(row.ask_fen),
            "open_to_key_projects": row.open_to_key_projects,
            "poverty": row.poverty,
            "state": row.state,
        },
    )


async def listings(
    connection: Connection,
    *,
    actor: Actor,
    indicator: Indicator | None,
    state: ListingState | None,
    after: int | None,
    limit: int,
) -> Sequence[ListingRow]:
    """Return at most ``limit`` listings that the actor may see, after the number given."""
    return await store.listings(
        connection,
        county=permitted_jurisdiction(actor, Action.READ_LISTINGS),
        indicator=indicator,
        state=state,
        after=after,
        limit=limit,
    )


async def listing(connection: Connection, *, actor: Actor, listing_id: int) -> ListingRow:
    """Return a listing; raises NotFound, also for somebody else's."""
    found = await store.find(connection, listing_id)
    own = permitted_jurisdiction(actor, Action.READ_LISTING)
    if found is None or own not in (None, found.county):
        raise NotFound("listing", public_id(Kind.LISTING, listing_id))
    return found


@dataclass(frozen=True, slots=True)
class RecentResult:
    """What an opened auction paid; quantities and prices as its public outcome prints them."""

    auction_id: int
    closed_at: datetime
    sold_quantity: str
    clearing_price: str | None
    lowest_price: str | None
    highest_price: str | None


@dataclass(frozen=True, slots=True)
class ListingForm:
    """What a county should see before it lists (RULES 8): its balance, the band, recent results."""

    batch: ListableBatch
    holder: str
    band: Band | None
    may_decline_key_projects: bool
    modes: Sequence[TradeMode]
    results: Sequence[RecentResult]


async def form(connection: Connection, *, actor: Actor, batch_id: int) -> ListingForm:
    """Return the form for one batch of the actor's reserve (an overseer sees its county of origin's)."""
    own = permitted_jurisdiction(actor, Action.READ_LISTING_FORM)
    batch = await _own_batch(connection, batch_id, own)
    now = await clock.now(connection)
    rules = await _rules(connection, own or batch.origin, batch.indicator, now)
    permitted = (await policies.in_force(connection, now)).trade_modes[batch.indicator]
    results = await store.recent_results(connection, batch.indicator, RESULTS_SHOWN)
    return ListingForm(
        batch=batch,
        holder=own or batch.origin,
        band=rules.band,
        may_decline_key_projects=rules.may_decline_key_projects,
        modes=[mode for mode in OPEN_MODES if mode in permitted],
        results=[_result(row) for row in results],
    )


def _result(row: store.ResultRow) -> RecentResult:
    outcome = json.loads(row.outcome)
    prices = sorted({award["price"] for award in outcome["awards"]}, key=parse_money)
    return RecentResult(
        auction_id=row.auction_id,
        closed_at=row.closes_at,
        sold_quantity=outcome["sold_quantity"],
        clearing_price=outcome["clearing_price"],
        lowest_price=prices[0] if prices else None,
        highest_price=prices[-1] if prices else None,
    )
