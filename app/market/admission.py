"""Admission (投标有效性): which sealed bids count, and why the others don't (RULES 10)."""

from typing import NamedTuple

from app.market.auctions import RejectionReason, Rules, SealedBid, TieRule
from app.market.indicators import UNIT, Indicator
from app.market.units import MONEY_PLACES, steps_of_any_size


class AdmittedBid(NamedTuple):
    """A bid that counts: fen per unit, and quantities in smallest steps, whole lots of any size.

    ``min_steps`` is 0 where the bid has no minimum. A named tuple, since a round may hold a million.
    """

    id: str
    buyer: str
    price_fen: int
    quantity_steps: int
    min_steps: int
    received_at_us: int


class Admission:
    """The conditions that one round puts to every bid: its window, band, lot and tie rule."""

    __slots__ = ("_closes_at_us", "_opens_at_us", "_places", "_rules")

    def __init__(self, indicator: Indicator, rules: Rules, *, opens_at_us: int, closes_at_us: int) -> None:
        self._rules = rules
        self._places = UNIT[indicator].places
        self._opens_at_us = opens_at_us
        self._closes_at_us = closes_at_us

    def admit(self, bid: SealedBid) -> AdmittedBid | RejectionReason:
        """The bid with its figures read, or the first reason against it in the order of RULES 10."""
        price_fen = steps_of_any_size(bid.price, MONEY_PLACES)
        quantity_steps = self._whole_lots(bid.quantity)
        has_minimum = bid.min_quantity is not None
        min_steps = self._whole_lots(bid.min_quantity) if has_minimum else 0
        if not self._opens_at_us <= bid.received_at_us < self._closes_at_us:
            reason = RejectionReason.OUTSIDE_BIDDING_WINDOW
        elif price_fen is None:
            reason = RejectionReason.BAD_PRICE
        elif price_fen < self._rules.floor_fen:
            reason = RejectionReason.BELOW_FLOOR
        elif price_fen > self._rules.ceiling_fen:
            reason = RejectionReason.ABOVE_CEILING
        elif quantity_steps is None:
            reason = RejectionReason.NOT_A_LOT_MULTIPLE
        elif has_minimum and self._rules.tie is TieRule.PRO_RATA:
            reason = RejectionReason.MIN_QUANTITY_NOT_ALLOWED
        elif min_steps is None or min_steps > quantity_steps:
            reason = RejectionReason.BAD_MIN_QUANTITY
        else:
            return AdmittedBid(bid.id, bid.buyer, price_fen, quantity_steps, min_steps, bid.received_at_us)
        return reason

    def _whole_lots(self, figure: object) -> int | None:
        """The figure in smallest steps where it is a plain decimal of one or more whole lots."""
        steps = steps_of_any_size(figure, self._places)
        return steps if steps and steps % self._rules.lot_steps == 0 else None
