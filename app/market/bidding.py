"""What is decided of an auction before its bids are opened: pool, deposits, receipts (RULES 10).

Quantities are ints of the indicator's smallest step, prices fen per hm² or per kg, money fen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from app.market.admission import Admission
from app.market.auctions import RejectionReason, Rules, SealedBid
from app.market.errors import RuleBroken, ensure
from app.market.indicators import UNIT, Indicator
from app.market.units import MOST_AMOUNT_FEN, amount_fen, divide_half_up, format_money, format_quantity


class LeftOutReason(StrEnum):
    """Why a listing that is listed does not come into the pool."""

    ASK_ABOVE_CEILING = "ask_above_ceiling"
    LESS_THAN_A_LOT = "less_than_a_lot"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A LISTED listing: what nobody has been awarded yet of it, and what it asks."""

    listing_id: int
    buyable_steps: int
    ask_fen: int | None


@dataclass(frozen=True, slots=True)
class PooledLot:
    """What a listing brings into the pool: whole lots, at an ask inside the band or none."""

    listing_id: int
    quantity_steps: int
    ask_fen: int | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A listing that stays out of the pool."""

    listing_id: int
    reason: LeftOutReason


def pool(candidates: Iterable[Candidate], rules: Rules) -> tuple[list[PooledLot], list[LeftOut]]:
    """The pool of an auction and the listings left out of it, both in the order of the candidates."""
    pooled: list[PooledLot] = []
    left_out: list[LeftOut] = []
    for candidate in candidates:
        whole_steps = candidate.buyable_steps - candidate.buyable_steps % rules.lot_steps
        if candidate.ask_fen is not None and candidate.ask_fen > rules.ceiling_fen:
            left_out.append(LeftOut(candidate.listing_id, LeftOutReason.ASK_ABOVE_CEILING))
        elif whole_steps == 0:
            left_out.append(LeftOut(candidate.listing_id, LeftOutReason.LESS_THAN_A_LOT))
        else:
            ask_fen = None if candidate.ask_fen is None else max(candidate.ask_fen, rules.floor_fen)
            pooled.append(PooledLot(candidate.listing_id, whole_steps, ask_fen))
    return pooled, left_out


def refuse_worthless_lot(rules: Rules, indicator: Indicator) -> None:
    """Raise RuleBroken for a lot worth less than 0.01 yuan at the floor: it could be sold for nothing."""
    if rules.lot_steps * rules.floor_fen < UNIT[indicator].steps:
        raise RuleBroken(
            "lot_worth_nothing",
            f"A lot of {format_quantity(rules.lot_steps, indicator)} {UNIT[indicator].name} is worth less "
            f"than 0.01 yuan at the floor of {format_money(rules.floor_fen)}; make it larger.",
            field="lot",
            lot=format_quantity(rules.lot_steps, indicator),
            floor=format_money(rules.floor_fen),
        )


def deposit_fen(rate: Fraction, ceiling_fen: int, limit_steps: int, indicator: Indicator) -> int:
    """The bid deposit (保证金): rate × ceiling × limit, rounded half up, so that it says nothing of a bid."""
    return divide_half_up(
        rate.numerator * ceiling_fen * limit_steps, rate.denominator * UNIT[indicator].steps
    )


def refuse_uncountable_limit(rules: Rules, limit_steps: int, indicator: Indicator) -> None:
    """Raise RuleBroken for a limit that comes to more, at the ceiling, than one trade may.

    Whatever a buyer then wins, at whatever price, is countable: an opening must not stumble over it.
    """
    if amount_fen(rules.ceiling_fen, limit_steps, indicator) > MOST_AMOUNT_FEN:
        raise RuleBroken(
            "limit_too_large",
            f"At the ceiling of {format_money(rules.ceiling_fen)} a limit of "
            f"{format_quantity(limit_steps, indicator)} {UNIT[indicator].name} comes to more than "
            f"{format_money(MOST_AMOUNT_FEN)} yuan, the most that one trade may.",
            field="limit",
            limit=format_quantity(limit_steps, indicator),
            ceiling=format_money(rules.ceiling_fen),
            most_amount=format_money(MOST_AMOUNT_FEN),
        )


def kept_deposit_fen(held_fen: int, limit_steps: int, awarded_steps: int, amount_fen: int) -> int:
    """The deposit on the awarded part (RULES 11): its share of what is held, rounded down.

    Rounded down, so that all parts of one registration are never more than is held; and at most the
    amount due, since a deposit is paid towards the price and never beyond it.
    """
    ensure(0 < awarded_steps <= limit_steps, "what is awarded is within the limit")
    return min(held_fen * awarded_steps // limit_steps, amount_fen)


def takeable_steps(supply_steps: int, rules: Rules, limits_steps: Iterable[int]) -> int:
    """What the registered limits and the buyer's cap can take of a supply at most, at any price."""
    share = rules.buyer_cap_share
    cap_steps = supply_steps if share is None else supply_steps * share.numerator // share.denominator
    return min(
        supply_steps,
        sum(min(cap_steps, limit_steps) // rules.lot_steps * rules.lot_steps for limit_steps in limits_steps),
    )


_FIELD: dict[RejectionReason, str] = {
    RejectionReason.BAD_PRICE: "price",
    RejectionReason.BELOW_FLOOR: "price",
    RejectionReason.ABOVE_CEILING: "price",
    RejectionReason.NOT_A_LOT_MULTIPLE: "quantity",
    RejectionReason.MIN_QUANTITY_NOT_ALLOWED: "min_quantity",
    RejectionReason.BAD_MIN_QUANTITY: "min_quantity",
}


def refuse_inadmissible(
    indicator: Indicator, rules: Rules, *, price: str, quantity: str, min_quantity: str | None
) -> None:
    """Raise RuleBroken for a bid that the opening would reject; the window is judged at the receipt.

    A sealed bid can't be sent back after the opening, so it is judged by the same rules as it arrives.
    The refusal names the field and the round's own figures, never the bid's.
    """
    terms = SealedBid("", "", price, quantity, min_quantity, received_at_us=0)
    verdict = Admission(indicator, rules, opens_at_us=0, closes_at_us=1).admit(terms)
    if not isinstance(verdict, RejectionReason):
        return
    lot = format_quantity(rules.lot_steps, indicator)
    floor, ceiling = format_money(rules.floor_fen), format_money(rules.ceiling_fen)
    unit = UNIT[indicator].name
    why = {
        RejectionReason.BAD_PRICE: f"A price is yuan per {unit} with at most 2 decimal places.",
        RejectionReason.BELOW_FLOOR: f"The price is below the floor of {floor} yuan per {unit}.",
        RejectionReason.ABOVE_CEILING: f"The price is above the ceiling of {ceiling} yuan per {unit}.",
        RejectionReason.NOT_A_LOT_MULTIPLE: f"The quantity must be one or more whole lots of {lot} {unit}.",
        RejectionReason.MIN_QUANTITY_NOT_ALLOWED: "Equal prices share pro rata in this auction: "
        "a bid can't have a minimum quantity.",
        RejectionReason.BAD_MIN_QUANTITY: f"A minimum quantity is one or more whole lots of {lot} {unit} "
        "and at most the quantity.",
    }
    raise RuleBroken(
        verdict.value, why[verdict], field=_FIELD[verdict], floor=floor, ceiling=ceiling, lot=lot
    )
