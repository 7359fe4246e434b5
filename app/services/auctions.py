"""Auctions (场次) up to the opening: announced with their pool, registered for (报名), read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from app.documents.record_reading import share_text
from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.auctions import AuctionState, Pricing, Rules, TieRule
from app.market.bands import Band
from app.market.bidding import (
    Candidate,
    LeftOut,
    LeftOutReason,
    PooledLot,
    deposit_fen,
    pool,
    refuse_uncountable_limit,
    refuse_worthless_lot,
    takeable_steps,
)
from app.market.errors import BadQuantity, Conflict, NotFound, RuleBroken
from app.market.ids import Kind, public_id
from app.market.indicators import UNIT, Indicator
from app.market.modes import TradeMode, refuse_mode
from app.market.policies import PolicySet
from app.market.units import MAX_STEPS, format_money, format_quantity, parse_quantity, rfc3339
from app.sealing.bids import new_key_pair
from app.sealing.keys import Keys
from app.services import allocations, deposits
from app.services.journal import announce
from app.services.needs import refuse_suspended
from app.store import auctions as store
from app.store import bands, clock, listings, needs, policies
from app.store.auctions import AuctionRow, RegistrationRow
from app.store.database import Connection
from app.store.listings import ListingRow

__all__ = [
    "AuctionRow",
    "Choices",
    "LeftOutListing",
    "RegistrationRow",
    "Standing",
    "Warned",
    "announce_auction",
    "auction",
    "auctions",
    "outcome",
    "record",
    "register",
    "registrations",
    "standing",
]

LIVE = (AuctionState.ANNOUNCED, AuctionState.CLOSED)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the announcer sets otherwise than the policies in force; None leaves the policy's.

    ``buyer_cap_share`` counts only where ``sets_cap`` is true: None then means no cap.
    """

    pricing: Pricing | None = None
    tie: TieRule | None = None
    lot_steps: int | None = None
    sets_cap: bool = False
    buyer_cap_share: str | None = None


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the announcer should know; the market goes on."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class LeftOutListing:
    """A listing that stayed out of the pool, and whose it is."""

    listing_id: int
    county: str
    reason: LeftOutReason


@dataclass(frozen=True, slots=True)
class Standing:
    """An auction as it stands: its pool as announced, warnings for those who may see all registrations."""

    auction: AuctionRow
    pool_listings: int
    pool_supply: int
    warnings: Sequence[Warned] = ()
    left_out: Sequence[LeftOutListing] = ()


async def announce_auction(
    connection: Connection,
    *,
    actor: Actor,
    keys: Keys,
    indicator: Indicator,
    opens_at: datetime,
    closes_at: datetime,
    choices: Choices,
) -> Standing:
    """Announce an auction: serve key projects first, then pool what is listed of its indicator.

    Policies and band are those of the announcement. Raises RuleBroken, and Conflict for an empty pool.
    """
    permit(actor, Action.ANNOUNCE_AUCTION, actor.jurisdiction)
    held = await allocations.hold(connection, [indicator])
    now = await clock.now(connection)
    _refuse_times(now, opens_at, closes_at)
    in_force = await policies.in_force(connection, now)
    refuse_mode(TradeMode.AUCTION, indicator, in_force.trade_modes[indicator], field="indicator")
    rules, cap_text = _rules(indicator, await _band(connection, indicator, now), in_force, choices)
    await allocations.run_for(connection, held, now=now, actor=actor.jurisdiction, indicators=[indicator])
    listed = await allocations.still_buyable(connection, held, indicator)
    lots, left_out = pool([Candidate(row.id, row.buyable, row.ask_fen) for row in listed], rules)
    if not lots:
        raise Conflict(
            "empty_pool",
            f"Nothing of {indicator} is listed that could be auctioned: whole lots, at an ask up to the "
            "ceiling.",
            listed=len(listed),
        )
    id_ = await store.next_id(connection)
    pair = new_key_pair(keys, public_id(Kind.AUCTION, id_))
    row = AuctionRow(
        id=id_,
        indicator=indicator,
        state=AuctionState.ANNOUNCED,
        announced_at=now,
        opens_at=opens_at,
        closes_at=closes_at,
        rules=rules,
        buyer_cap_share=cap_text,
        deposit_rate=share_text(in_force.deposit_rate),
        bids_per_buyer=in_force.bids_per_buyer,
        purchases_within_need=in_force.purchases_within_need,
        public_key=pair.public_key,
        wrapped_private_key=pair.wrapped_private_key,
        ended_at=None,
        end_reason=None,
    )
    await store.insert(connection, row)
    await listings.enter_auction(connection, [lot.listing_id for lot in lots], id_)
    await store.add_lots(connection, id_, lots)
    absent = _left_out(left_out, listed)
    await _announce(connection, row, lots, absent, actor=actor)
    supply = sum(lot.quantity_steps for lot in lots)
    return Standing(row, len(lots), supply, _warnings(row, supply, []), absent)


def _refuse_times(now: datetime, opens_at: datetime, closes_at: datetime) -> None:
    if opens_at <= now:
        raise RuleBroken(
            "opens_in_the_past",
            "Bidding opens later than the moment it is announced.",
            field="opens_at",
            now=rfc3339(now),
        )
    if closes_at <= opens_at:
        raise RuleBroken("times_reversed", "Bidding closes after it opens.", field="closes_at")


async def _band(connection: Connection, indicator: Indicator, now: datetime) -> Band:
    found = (await bands.in_force(connection, now)).get(indicator)
    if found is None:
        raise RuleBroken(
            "no_band",
            f"No price band of {indicator} is in force: set one before announcing an auction.",
            field="indicator",
            indicator=indicator.value,
        )
    return found.band


def _rules(
    indicator: Indicator, band: Band, in_force: PolicySet, choices: Choices
) -> tuple[Rules, str | None]:
    """The rules of the auction and its cap as written; raises RuleBroken, BadQuantity."""
    tie = choices.tie or TieRule(in_force.tie)
    if tie is TieRule.LOTTERY:
        raise RuleBroken(
            "lottery_not_offered",
            "A lottery needs a seed that nobody can steer, which this exchange can't draw yet: choose "
            "earliest or pro_rata.",
            field="tie",
        )
    cap_text = choices.buyer_cap_share if choices.sets_cap else in_force.buyer_cap_share
    lot_steps = in_force.lots[indicator] if choices.lot_steps is None else choices.lot_steps
    if lot_steps == 0:
        raise BadQuantity("A lot is above zero.", field="lot")
    rules = Rules(
        pricing=choices.pricing or Pricing(in_force.pricing),
        tie=tie,
        lot_steps=lot_steps,
        floor_fen=band.floor_fen,
        ceiling_fen=band.ceiling_fen,
        buyer_cap_share=None if cap_text is None else Fraction(cap_text),
    )
    refuse_worthless_lot(rules, indicator)
    return rules, cap_text


def _left_out(left_out: Iterable[LeftOut], listed: Iterable[ListingRow]) -> Sequence[LeftOutListing]:
    county = {row.id: row.county for row in listed}
    return [LeftOutListing(each.listing_id, county[each.listing_id], each.reason) for each in left_out]


async def _announce(
    connection: Connection,
    row: AuctionRow,
    lots: Sequence[PooledLot],
    left_out: Sequence[LeftOutListing],
    *,
    actor: Actor,
) -> None:
    """Tell everybody of the auction, and the counties of what was left out (公告、通知)."""
    await announce(
        connection,
        at=row.announced_at,
        kind="auction.announced",
        subject=public_id(Kind.AUCTION, row.id),
        actor=actor.jurisdiction,
        facts={
            "indicator": row.indicator,
            "opens_at": rfc3339(row.opens_at),
            "closes_at": rfc3339(row.closes_at),
            "pricing": row.rules.pricing,
            "tie": row.rules.tie,
            "lot": format_quantity(row.rules.lot_steps, row.indicator),
            "floor": format_money(row.rules.floor_fen),
            "ceiling": format_money(row.rules.ceiling_fen),
            "buyer_cap_share": row.buyer_cap_share,
            "deposit_rate": row.deposit_rate,
            "bids_per_buyer": row.bids_per_buyer,
            "purchases_within_need": row.purchases_within_need,
            "public_key": row.public_key.hex(),
            "pool": [
                {
                    "listing": public_id(Kind.LISTING, lot.listing_id),
                    "quantity": format_quantity(lot.quantity_steps, row.indicator),
                }
                for lot in lots
            ],
            "left_out": [
                {
                    "listing": public_id(Kind.LISTING, each.listing_id),
                    "county": each.county,
                    "reason": each.reason,
                }
                for each in left_out
            ],
        },
    )


def _warnings(row: AuctionRow, supply: int, limits: Sequence[int]) -> Sequence[Warned]:
    takeable = takeable_steps(supply, row.rules, limits)
    if row.state not in LIVE or takeable >= supply:
        return ()
    unit = UNIT[row.indicator].name
    return (
        Warned(
            "supply_above_limits",
            f"The {len(limits)} registered buyers' limits and caps can take "
            f"{format_quantity(takeable, row.indicator)} {unit} of the "
            f"{format_quantity(supply, row.indicator)} {unit} in the pool.",
        ),
    )


async def register(
    connection: Connection, *, actor: Actor, auction_id: int, need_id: int, limit_text: str
) -> tuple[AuctionRow, RegistrationRow]:
    """Register the actor's jurisdiction with a limit; reserves its need and holds the deposit (保证金).

    No event is announced: who registers, and for how much, is the record's to tell after the opening.
    Raises NotFound, Conflict, RuleBroken, BadQuantity and Insufficient.
    """
    buyer = actor.jurisdiction
    permit(actor, Action.REGISTER_FOR_AUCTION, buyer)
    row = await store.share(connection, auction_id)
    if row is None:
        raise NotFound("auction", public_id(Kind.AUCTION, auction_id))
    limit = parse_quantity(limit_text, row.indicator, field="limit")
    held = (await needs.lock(connection, [need_id])).get(need_id)
    if held is None or held.buyer != buyer:
        raise NotFound("need", public_id(Kind.NEED, need_id), field="need_id")
    now = await clock.now(connection)
    if await store.registrations(connection, auction_id, buyer=buyer):
        raise Conflict("already_registered", f"{buyer} is registered for this auction already.")
    _refuse_registration(row, held, limit, now)
    await refuse_suspended(connection, held, now)
    if (buyer, row.indicator) in await listings.sellers(connection, [row.indicator]):
        raise RuleBroken(
            "seller_may_not_bid",
            f"{buyer} has {row.indicator} on offer: who lists an indicator can't bid for it.",
        )
    reserved = min(limit, held.open(row.indicator))
    deposit = deposit_fen(Fraction(row.deposit_rate), row.rules.ceiling_fen, limit, row.indicator)
    made = await store.register(
        connection,
        auction_id=auction_id,
        buyer=buyer,
        need_id=need_id,
        limit=limit,
        reserved=reserved,
        deposit_fen=deposit,
        registered_at=now,
    )
    if limit > reserved:
        await needs.add_excess(connection, {(need_id, row.indicator): limit - reserved})
    await needs.add_reserved(connection, {(need_id, row.indicator): reserved})
    await deposits.hold(
        connection,
        buyer,
        deposit,
        kind="bid_deposit",
        reference=public_id(Kind.REGISTRATION, made.id),
        at=now,
        field="limit",
    )
    return row, made


def _refuse_registration(row: AuctionRow, held: needs.NeedRow, limit: int, now: datetime) -> None:
    """Raise unless the auction takes registrations, and the limit fits the lot and the open need."""
    subject, need = public_id(Kind.AUCTION, row.id), public_id(Kind.NEED, held.id)
    if row.state is not AuctionState.ANNOUNCED or now >= row.closes_at:
        raise Conflict(
            "registration_closed",
            f"Registration for auction {subject} ended at {rfc3339(row.closes_at)} or with the auction.",
            state=row.state.value,
            closes_at=rfc3339(row.closes_at),
            now=rfc3339(now),
        )
    if held.key_level is not None:
        raise RuleBroken(
            "key_need_may_not_bid",
            f"Need {need} is a key project's: it is served at the fixed price and does not bid.",
            field="need_id",
        )
    if limit < row.rules.lot_steps:
        raise RuleBroken(
            "limit_below_lot",
            "A limit below one lot can win nothing.",
            field="limit",
            lot=format_quantity(row.rules.lot_steps, row.indicator),
        )
    refuse_uncountable_limit(row.rules, limit, row.indicator)
    open_steps = held.open(row.indicator)
    if open_steps == 0 or (row.purchases_within_need and limit > open_steps):
        raise RuleBroken(
            "exceeds_open_need",
            f"Need {need} is {held.state}, with {format_quantity(open_steps, row.indicator)} "
            f"{UNIT[row.indicator].name} of {row.indicator} open; a limit can't exceed that.",
            field="limit",
            open=format_quantity(open_steps, row.indicator),
            limit=format_quantity(limit, row.indicator),
        )
    item = held.items[row.indicator]
    if item.quantity + item.excess + max(0, limit - open_steps) > MAX_STEPS:
        raise RuleBroken(
            "limit_too_large",
            f"With this limit need {need} could be brought more than the exchange can count.",
            field="limit",
            limit=format_quantity(limit, row.indicator),
        )


async def registrations(
    connection: Connection, *, actor: Actor, auction_id: int, after: int | None, limit: int
) -> tuple[AuctionRow, Sequence[RegistrationRow]]:
    """Return at most ``limit`` registrations that the actor may see, after the number given."""
    row = await _found(connection, auction_id)
    own = permitted_jurisdiction(actor, Action.READ_REGISTRATIONS)
    return row, await store.registrations(connection, auction_id, buyer=own, after=after, limit=limit)


async def auction(connection: Connection, *, actor: Actor, auction_id: int) -> Standing:
    """Return one auction as the actor may see it; raises NotFound."""
    return await standing(connection, await _found(connection, auction_id), actor)


async def standing(connection: Connection, row: AuctionRow, actor: Actor) -> Standing:
    """Say how an auction stands; what registrations add up to only to those who may see them all."""
    count, supply = (await store.lots_in_pools(connection, [row.id]))[row.id]
    warnings: Sequence[Warned] = ()
    if permitted_jurisdiction(actor, Action.READ_REGISTRATIONS) is None:
        warnings = _warnings(row, supply, await store.limits(connection, row.id))
    return Standing(row, count, supply, warnings)


async def auctions(
    connection: Connection,
    *,
    indicator: Indicator | None,
    state: AuctionState | None,
    after: int | None,
    limit: int,
) -> Sequence[Standing]:
    """Return at most ``limit`` auctions after the number given, without warnings."""
    rows = await store.auctions(connection, indicator=indicator, state=state, after=after, limit=limit)
    pools = await store.lots_in_pools(connection, [row.id for row in rows])
    return [Standing(row, *pools[row.id]) for row in rows]


async def record(connection: Connection, *, auction_id: int) -> str:
    """Return the published record (``gengheng/round/1``); raises NotFound, Conflict before the opening."""
    return (await _published(connection, auction_id))[0]


async def outcome(connection: Connection, *, auction_id: int) -> str:
    """Return the published outcome (``gengheng/outcome/1``); raises NotFound, Conflict before the opening."""
    return (await _published(connection, auction_id))[1]


async def _published(connection: Connection, auction_id: int) -> tuple[str, str]:
    subject = public_id(Kind.AUCTION, auction_id)
    found = await store.published(connection, auction_id)
    if found is None:
        raise NotFound("auction", subject)
    state, record_text, outcome_text = found
    if record_text is None or outcome_text is None:
        raise Conflict(
            "not_opened",
            f"Auction {subject} is {state}: record and outcome are published when it is opened.",
            state=state.value,
        )
    return record_text, outcome_text


async def _found(connection: Connection, auction_id: int) -> AuctionRow:
    found = await store.find(connection, auction_id)
    if found is None:
        raise NotFound("auction", public_id(Kind.AUCTION, auction_id))
    return found
