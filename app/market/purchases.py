"""Purchases: what a buyer takes of the list at once, at the unified price (统一限价) or the seller's (市场).

[N] 五 knows both beside the fixed price of key projects and the auction. Everything here is pure: what is
on offer and what is wanted go in; what is taken from which listing comes out. Quantities are ints of the
indicator's smallest step, prices fen per unit, money fen.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from app.market.bands import Band
from app.market.errors import Conflict, RuleBroken, ensure
from app.market.indicators import UNIT, Indicator
from app.market.modes import PurchaseMode
from app.market.queue import Shelf
from app.market.units import MOST_AMOUNT_FEN, amount_fen, divide_half_up, format_money, format_quantity


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase as made: ``quantity_steps`` of what was ``asked_steps`` for, at one price.

    ``listing_id`` names the one listing of a market sale; ``deposit_fen`` is what was held when it was made.
    """

    mode: PurchaseMode
    buyer: str
    need_id: int
    indicator: Indicator
    listing_id: int | None
    asked_steps: int
    quantity_steps: int
    price_fen: int
    amount_fen: int
    deposit_fen: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """What a buyer wants of one indicator: at least ``least_steps`` of it, or nothing."""

    indicator: Indicator
    wanted_steps: int
    least_steps: int
    lot_steps: int


@dataclass(frozen=True, slots=True)
class OnOffer:
    """A LISTED listing: what nobody has been awarded yet of it; ``ask_fen`` None asks the floor."""

    id: str
    quantity_steps: int
    ask_fen: int | None
    poverty: bool
    listed_at_us: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What a purchase takes from one listing; ``amount_fen`` is price × quantity, rounded half up once."""

    listing: str
    quantity_steps: int
    amount_fen: int


def refuse_fractions_of_lots(order: Order) -> None:
    """Raise RuleBroken unless the order is whole lots, as in an auction, and its minimum too."""
    lot = format_quantity(order.lot_steps, order.indicator)
    unit = UNIT[order.indicator].name
    if order.wanted_steps <= 0 or order.wanted_steps % order.lot_steps:
        raise RuleBroken(
            "not_a_lot_multiple",
            f"The quantity must be one or more whole lots of {lot} {unit}.",
            field="quantity",
            lot=lot,
        )
    if not 0 < order.least_steps <= order.wanted_steps or order.least_steps % order.lot_steps:
        raise RuleBroken(
            "bad_min_quantity",
            f"A minimum quantity is one or more whole lots of {lot} {unit} and at most the quantity.",
            field="min_quantity",
            lot=lot,
        )


def refuse_beyond_need(order: Order, *, need: str, state: str, open_steps: int) -> None:
    """Raise RuleBroken for more than the need has open: a purchase never exceeds it (RULES 6)."""
    if order.wanted_steps > open_steps:
        present = format_quantity(open_steps, order.indicator)
        raise RuleBroken(
            "exceeds_open_need",
            f"Need {need} is {state}, with {present} {UNIT[order.indicator].name} of {order.indicator} open; "
            "a purchase can't exceed that.",
            field="quantity",
            open=present,
            quantity=format_quantity(order.wanted_steps, order.indicator),
        )


def unified_price_fen(band: Band, indicator: Indicator, *, agreed_fen: int | None) -> int:
    """The unified price in force; raises RuleBroken where there is none, Conflict if another was agreed."""
    if band.unified_price_fen is None:
        raise RuleBroken(
            "no_unified_price",
            f"The price band of {indicator} in force has no unified price, so nothing is sold at one.",
            field="mode",
            indicator=indicator.value,
        )
    if agreed_fen is not None:
        _refuse_other_price(agreed_fen, band.unified_price_fen)
    return band.unified_price_fen


def market_price_fen(ask_fen: int | None, band: Band, *, agreed_fen: int) -> int:
    """The seller's price now: its ask, or the floor in force; raises Conflict, which tells the price.

    A listing whose ask has fallen out of the band in force can't be bought at the market: it is withdrawn
    and listed anew. The buyer pays what it agreed to, or nothing happens.
    """
    price_fen = band.floor_fen if ask_fen is None else ask_fen
    if not band.holds(price_fen):
        raise Conflict(
            "ask_outside_band",
            f"The listing asks {format_money(price_fen)}, outside the band in force from "
            f"{format_money(band.floor_fen)} to {format_money(band.ceiling_fen)} yuan; its county can "
            "withdraw it and list it at another price.",
            field="listing_id",
            ask=format_money(price_fen),
            floor=format_money(band.floor_fen),
            ceiling=format_money(band.ceiling_fen),
        )
    _refuse_other_price(agreed_fen, price_fen)
    return price_fen


def _refuse_other_price(agreed_fen: int, present_fen: int) -> None:
    if agreed_fen != present_fen:
        raise Conflict(
            "price_differs",
            f"The price is {format_money(present_fen)} yuan now, not the {format_money(agreed_fen)} that the "
            "purchase names: send it with the present price if you agree to that.",
            field="price",
            present=format_money(present_fen),
            agreed=format_money(agreed_fen),
        )


def refuse_uncountable(order: Order, price_fen: int) -> None:
    """Raise RuleBroken where a lot is worth less than a fen, or all of it more than one trade may be."""
    unit = UNIT[order.indicator]
    if order.lot_steps * price_fen < unit.steps:
        raise RuleBroken(
            "lot_worth_nothing",
            f"A lot of {format_quantity(order.lot_steps, order.indicator)} {unit.name} is worth less than "
            f"0.01 yuan at {format_money(price_fen)}: nothing is given away.",
            field="quantity",
            lot=format_quantity(order.lot_steps, order.indicator),
            price=format_money(price_fen),
        )
    if amount_fen(price_fen, order.wanted_steps, order.indicator) > MOST_AMOUNT_FEN:
        raise RuleBroken(
            "quantity_too_large",
            f"At {format_money(price_fen)} this comes to more than {format_money(MOST_AMOUNT_FEN)} yuan, the "
            "most that one trade may.",
            field="quantity",
            price=format_money(price_fen),
            most_amount=format_money(MOST_AMOUNT_FEN),
        )


def fill(order: Order, offers: Iterable[OnOffer], price_fen: int) -> tuple[Taken, ...]:
    """Draw an order from the queue (poverty counties first) at one price, from who asks no more than it.

    Whole lots of each listing, as in an auction. Takes what there is up to the quantity wanted; raises
    Conflict, with what there is, where that is less than the order's least. The queue decides whose
    indicators are sold first and never the price (RULES 8).
    """
    willing = (each for each in offers if each.ask_fen is None or each.ask_fen <= price_fen)
    whole = [replace(each, quantity_steps=_whole_lots(each.quantity_steps, order)) for each in willing]
    shelf = Shelf(each for each in whole if each.quantity_steps > 0)
    if shelf.left_steps < order.least_steps:
        raise _too_little(order, shelf.left_steps, price_fen, order.least_steps)
    drawn = shelf.draw(order.wanted_steps)
    taken = tuple(
        Taken(each.id, steps, amount_fen(price_fen, steps, order.indicator)) for each, steps in drawn
    )
    total = sum(each.quantity_steps for each in taken)
    ensure(order.least_steps <= total <= order.wanted_steps, "a fill is what was ordered")
    ensure(len({each.listing for each in taken}) == len(taken), "a fill draws on a listing once")
    return taken


def take(order: Order, offer: OnOffer, price_fen: int) -> Taken:
    """Take all that is ordered from one listing at its seller's price; raises Conflict with what there is."""
    present = _whole_lots(offer.quantity_steps, order)
    if present < order.wanted_steps:
        raise _too_little(order, present, price_fen, order.wanted_steps)
    return Taken(offer.id, order.wanted_steps, amount_fen(price_fen, order.wanted_steps, order.indicator))


def _whole_lots(steps: int, order: Order) -> int:
    return steps - steps % order.lot_steps


def _too_little(order: Order, present_steps: int, price_fen: int, least_steps: int) -> Conflict:
    present, least = (format_quantity(steps, order.indicator) for steps in (present_steps, least_steps))
    return Conflict(
        "not_enough_on_offer",
        f"{present} {UNIT[order.indicator].name} of {order.indicator} can be bought at "
        f"{format_money(price_fen)} in whole lots just now, and this purchase asks for at least {least}.",
        field="quantity",
        on_offer=present,
        least=least,
        price=format_money(price_fen),
    )


def deposit_fen(rate: Fraction, amount: int) -> int:
    """The deposit (保证金) that a purchase holds until it is paid: rate × amount, rounded half up.

    Without one, a buyer could lock what others want to buy and let its payment fall due at no cost.
    """
    return divide_half_up(rate.numerator * amount, rate.denominator)
