"""Purchases: listings bought at once, at the unified price (统一限价) or the seller's (市场), [N] 五.

What they award settles as every other trade does. Waiting key-project needs are served before, in the same
transaction, exactly as before an auction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.market import purchases as market
from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.bands import Band
from app.market.errors import Conflict, NotFound, RuleBroken, ensure
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.modes import PurchaseMode, TradeMode, refuse_mode
from app.market.policies import PolicySet
from app.market.purchases import OnOffer, Order, Purchase, Taken
from app.market.trades import AwardedLine, AwardedTrade
from app.market.units import format_money, format_quantity, parse_quantity
from app.services import allocations, deposits
from app.services.awards import award
from app.services.days import microseconds
from app.services.journal import announce
from app.services.needs import refuse_suspended
from app.store import bands, clock, listings, needs, policies
from app.store import purchases as store
from app.store.database import Connection
from app.store.listings import ListingRow
from app.store.purchases import PurchaseRow

__all__ = ["AtMarket", "AtUnifiedPrice", "PurchaseRow", "buy", "purchase", "purchases"]


@dataclass(frozen=True, slots=True)
class AtUnifiedPrice:
    """An order at the unified price; quantities as written, ``price_fen`` what is agreed to, if anything."""

    need_id: int
    indicator: Indicator
    quantity: str
    min_quantity: str | None
    price_fen: int | None

    mode = PurchaseMode.UNIFIED_PRICE


@dataclass(frozen=True, slots=True)
class AtMarket:
    """An order of one listing at its seller's price, ``price_fen``, to which the buyer agrees."""

    need_id: int
    listing_id: int
    quantity: str
    price_fen: int

    mode = PurchaseMode.MARKET


async def buy(connection: Connection, *, actor: Actor, wanted: AtUnifiedPrice | AtMarket) -> PurchaseRow:
    """Buy for a need of the actor's own, at once, and hold the deposit; the trade is AWARDED.

    Raises NotFound, BadQuantity, RuleBroken, Conflict (the price or what is on offer is another) and
    Insufficient for the deposit.
    """
    buyer = actor.jurisdiction
    permit(actor, Action.BUY_INDICATORS, buyer)
    indicator = await _indicator(connection, wanted)
    held = await _hold(connection, wanted)
    need = held.others.get(wanted.need_id)
    if need is None or need.buyer != buyer:
        raise NotFound("need", public_id(Kind.NEED, wanted.need_id), field="need_id")
    now = await clock.now(connection)
    in_force = await policies.in_force(connection, now)
    refuse_mode(TradeMode(wanted.mode), indicator, in_force.trade_modes[indicator], field="mode")
    order = _order(wanted, indicator, in_force)
    _refuse_need(need, order)
    await refuse_suspended(connection, need, now)
    if (buyer, indicator) in await listings.sellers(connection, [indicator]):
        raise RuleBroken(
            "seller_may_not_buy",
            f"{buyer} has {indicator} on offer: who lists an indicator can't buy it.",
            field="need_id",
        )
    band = await _band(connection, indicator, now)
    await allocations.run_for(
        connection, held, now=now, actor=None, indicators=[indicator], only_if_filled=True
    )
    on_list = {
        public_id(Kind.LISTING, row.id): row
        for row in await allocations.still_buyable(connection, held, indicator)
    }
    price_fen, taken = await _plan(connection, wanted, order, band, on_list)
    amount = sum(each.amount_fen for each in taken)
    made = Purchase(
        mode=wanted.mode,
        buyer=buyer,
        need_id=need.id,
        indicator=indicator,
        listing_id=wanted.listing_id if isinstance(wanted, AtMarket) else None,
        asked_steps=order.wanted_steps,
        quantity_steps=sum(each.quantity_steps for each in taken),
        price_fen=price_fen,
        amount_fen=amount,
        deposit_fen=market.deposit_fen(in_force.deposit_rate, amount),
        at=now,
    )
    return await _enter(connection, made, [_line(on_list[each.listing], each, price_fen) for each in taken])


async def _hold(connection: Connection, wanted: AtUnifiedPrice | AtMarket) -> allocations.Held:
    """Lock what the purchase may touch: of the list all of the indicator, or the one listing.

    Where a key project waits for the indicator all that is listed of it is held anyway.
    """
    if isinstance(wanted, AtMarket):
        return await allocations.hold(connection, need_ids=[wanted.need_id], listing_ids=[wanted.listing_id])
    return await allocations.hold(connection, [wanted.indicator], need_ids=[wanted.need_id])


async def _indicator(connection: Connection, wanted: AtUnifiedPrice | AtMarket) -> Indicator:
    """What is bought: it never changes on a listing, so that it can be read before anything is locked."""
    if isinstance(wanted, AtUnifiedPrice):
        return wanted.indicator
    return (await _listing(connection, wanted.listing_id)).indicator


async def _listing(connection: Connection, listing_id: int) -> ListingRow:
    found = await listings.find(connection, listing_id)
    if found is None:
        raise NotFound("listing", public_id(Kind.LISTING, listing_id), field="listing_id")
    return found


def _order(wanted: AtUnifiedPrice | AtMarket, indicator: Indicator, in_force: PolicySet) -> Order:
    """The order in steps and whole lots; raises BadQuantity, RuleBroken."""
    lot = in_force.lots[indicator]
    quantity = parse_quantity(wanted.quantity, indicator, field="quantity")
    least = lot
    if isinstance(wanted, AtUnifiedPrice) and wanted.min_quantity is not None:
        least = parse_quantity(wanted.min_quantity, indicator, field="min_quantity")
    order = Order(indicator, quantity, least, lot)
    market.refuse_fractions_of_lots(order)
    return order


def _refuse_need(need: needs.NeedRow, order: Order) -> None:
    """Raise RuleBroken for a key project's need, served at the fixed price, or one with less open."""
    subject = public_id(Kind.NEED, need.id)
    if need.key_level is not None:
        raise RuleBroken(
            "key_need_may_not_buy",
            f"Need {subject} is a key project's: it is served at the fixed price and does not buy.",
            field="need_id",
        )
    market.refuse_beyond_need(order, need=subject, state=need.state, open_steps=need.open(order.indicator))


async def _band(connection: Connection, indicator: Indicator, now: datetime) -> Band:
    found = (await bands.in_force(connection, now)).get(indicator)
    if found is None:
        raise RuleBroken(
            "no_band",
            f"No price band of {indicator} is in force, so nothing can be bought yet.",
            field="mode",
            indicator=indicator.value,
        )
    return found.band


async def _plan(
    connection: Connection,
    wanted: AtUnifiedPrice | AtMarket,
    order: Order,
    band: Band,
    on_list: Mapping[str, ListingRow],
) -> tuple[int, Sequence[Taken]]:
    """The price, and what is taken from which listing of those on the list; raises RuleBroken, Conflict."""
    if isinstance(wanted, AtUnifiedPrice):
        price_fen = market.unified_price_fen(band, order.indicator, agreed_fen=wanted.price_fen)
        market.refuse_uncountable(order, price_fen)
        return price_fen, market.fill(order, [_on_offer(row) for row in on_list.values()], price_fen)
    subject = public_id(Kind.LISTING, wanted.listing_id)
    row = on_list.get(subject)
    if row is None:
        state = (await _listing(connection, wanted.listing_id)).state
        raise Conflict(
            "not_on_offer",
            f"Nothing of listing {subject} can be bought just now; it is {state}.",
            field="listing_id",
            state=state.value,
        )
    price_fen = market.market_price_fen(row.ask_fen, band, agreed_fen=wanted.price_fen)
    market.refuse_uncountable(order, price_fen)
    return price_fen, [market.take(order, _on_offer(row), price_fen)]


def _on_offer(row: ListingRow) -> OnOffer:
    return OnOffer(
        id=public_id(Kind.LISTING, row.id),
        quantity_steps=row.buyable,
        ask_fen=row.ask_fen,
        poverty=row.poverty,
        listed_at_us=microseconds(row.listed_at),
    )


def _line(row: ListingRow, taken: Taken, price_fen: int) -> AwardedLine:
    return AwardedLine(
        listing_id=row.id,
        seller=row.county,
        batch_id=row.batch_id,
        indicator=row.indicator,
        quantity=taken.quantity_steps,
        price_fen=price_fen,
        amount_fen=taken.amount_fen,
    )


async def _enter(connection: Connection, made: Purchase, lines: Sequence[AwardedLine]) -> PurchaseRow:
    """Enter the purchase and its trade, hold its deposit, and tell everybody; raises Insufficient."""
    id_ = await store.insert(connection, made)
    subject = public_id(Kind.PURCHASE, id_)
    await announce(
        connection,
        at=made.at,
        kind="purchase.made",
        subject=subject,
        actor=made.buyer,
        facts={
            "mode": made.mode,
            "buyer": made.buyer,
            "need": public_id(Kind.NEED, made.need_id),
            "indicator": made.indicator,
            "asked": format_quantity(made.asked_steps, made.indicator),
            "quantity": format_quantity(made.quantity_steps, made.indicator),
            "price": format_money(made.price_fen),
            "amount": format_money(made.amount_fen),
            "deposit": format_money(made.deposit_fen),
            "lines": [
                {
                    "listing": public_id(Kind.LISTING, line.listing_id),
                    "seller": line.seller,
                    "quantity": format_quantity(line.quantity, line.indicator),
                }
                for line in lines
            ],
        },
    )
    trade = AwardedTrade(
        buyer=made.buyer,
        need_id=made.need_id,
        lines=tuple(lines),
        purchase_id=id_,
        deposit_fen=made.deposit_fen,
    )
    ensure(trade.amount_fen == made.amount_fen, f"the lines of purchase {subject} do not sum to its amount")
    (trade_id,) = await award(connection, now=made.at, actor=made.buyer, trades=[trade])
    await deposits.hold(
        connection,
        made.buyer,
        made.deposit_fen,
        kind="purchase_deposit",
        reference=subject,
        at=made.at,
        field="quantity",
    )
    return PurchaseRow(id_, trade_id, made)


async def purchases(
    connection: Connection,
    *,
    actor: Actor,
    mode: PurchaseMode | None,
    indicator: Indicator | None,
    after: int | None,
    limit: int,
) -> Sequence[PurchaseRow]:
    """Return at most ``limit`` purchases after the number given: one's own, as buyer or seller, or all."""
    return await store.purchases(
        connection,
        party=permitted_jurisdiction(actor, Action.READ_PURCHASES),
        mode=mode,
        indicator=indicator,
        after=after,
        limit=limit,
    )


async def purchase(connection: Connection, *, actor: Actor, number: int) -> PurchaseRow:
    """Return a purchase to its buyer, its sellers, or who oversees them; raises NotFound."""
    found = await store.find(connection, number, party=permitted_jurisdiction(actor, Action.READ_PURCHASE))
    if found is None:
        raise NotFound("purchase", public_id(Kind.PURCHASE, number))
    return found
