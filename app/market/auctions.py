"""Auctions (场次): the states of one, and the frozen values of a sealed-bid round (RULES 10).

A ``Round`` is what the record file ``gengheng/round/1`` says (FORMATS.md) and an ``Outcome`` what
``gengheng/outcome/1`` says; ``app.market.clearing.clear`` leads from one to the other. Quantities are
ints of the indicator's smallest step (``…_steps``), prices ints in fen per unit (``…_fen``), instants
ints in microseconds since 1970-01-01T00:00:00Z (``…_us``). Only a bid's own figures stay as they were
written: whether they are well formed is a rule of admission, never a fault of the round.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from app.market.indicators import Indicator


class AuctionState(StrEnum):
    """Where an auction stands; bidding runs inside ANNOUNCED, between its two times."""

    ANNOUNCED = "ANNOUNCED"  # 已公告
    CLOSED = "CLOSED"  # 已截止
    OPENED = "OPENED"  # 已开标
    CANCELLED = "CANCELLED"  # 已取消
    VOID = "VOID"  # 已作废


class AuctionEvent(StrEnum):
    """What can happen to an auction after its announcement."""

    CLOSE = "close"  # 截止
    OPEN = "open"  # 开标
    CANCEL = "cancel"  # 取消
    VOID = "void"  # 作废: it can't be opened


TRANSITIONS: Mapping[tuple[AuctionState, AuctionEvent], AuctionState] = {
    (AuctionState.ANNOUNCED, AuctionEvent.CLOSE): AuctionState.CLOSED,
    (AuctionState.ANNOUNCED, AuctionEvent.CANCEL): AuctionState.CANCELLED,
    (AuctionState.CLOSED, AuctionEvent.OPEN): AuctionState.OPENED,
    (AuctionState.CLOSED, AuctionEvent.VOID): AuctionState.VOID,
}
"""RULES 10: ANNOUNCED → CLOSED → OPENED; CANCELLED before closing; VOID if it can't be opened."""


class Pricing(StrEnum):
    """Which price a winner pays."""

    PAY_AS_BID = "pay_as_bid"
    UNIFORM_LOWEST_ACCEPTED = "uniform_lowest_accepted"
    UNIFORM_HIGHEST_REJECTED = "uniform_highest_rejected"


class TieRule(StrEnum):
    """Who goes first among equal prices."""

    EARLIEST = "earliest"
    PRO_RATA = "pro_rata"
    LOTTERY = "lottery"


class RejectionReason(StrEnum):
    """Why a bid is inadmissible, in the order in which the reasons are looked for (RULES 10)."""

    OUTSIDE_BIDDING_WINDOW = "outside_bidding_window"
    BAD_PRICE = "bad_price"
    BELOW_FLOOR = "below_floor"
    ABOVE_CEILING = "above_ceiling"
    NOT_A_LOT_MULTIPLE = "not_a_lot_multiple"
    MIN_QUANTITY_NOT_ALLOWED = "min_quantity_not_allowed"
    BAD_MIN_QUANTITY = "bad_min_quantity"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one round, fixed by its announcement.

    ``lot_steps`` is above 0 and floor ≤ ceiling (both fen per hm² or per kg); ``buyer_cap_share`` is in
    (0, 1], exact, or None for no such cap; ``draw_seed`` is hexadecimal, whole bytes, for a lottery.
    """

    pricing: Pricing
    tie: TieRule
    lot_steps: int
    floor_fen: int
    ceiling_fen: int
    buyer_cap_share: Fraction | None = None
    draw_seed: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A listing in the pool: ``quantity_steps`` in whole lots; ``ask_fen`` None asks the floor."""

    id: str
    county: str
    quantity_steps: int
    ask_fen: int | None
    poverty: bool
    listed_at_us: int


@dataclass(frozen=True, slots=True)
class SealedBid:
    """A bid as it came out of its seal: price, quantity and minimum exactly as they were written.

    ``price``, ``quantity`` and ``min_quantity`` hold whatever JSON value was there (a number too);
    ``min_quantity`` None is no minimum. ``received_at_us`` is the receipt by the exchange's clock.
    """

    id: str
    buyer: str
    price: object
    quantity: object
    min_quantity: object
    received_at_us: int


@dataclass(frozen=True, slots=True)
class Round:
    """Everything that the clearing of one round depends on; the order of its lists says nothing.

    ``buyer_limits`` gives the limit in steps of each buyer that has one. Bids are sealed before the
    opening and whole here.
    """

    indicator: Indicator
    opens_at_us: int
    closes_at_us: int
    rules: Rules
    buyer_limits: Mapping[str, int]
    listings: tuple[Listing, ...]
    bids: tuple[SealedBid, ...]


@dataclass(frozen=True, slots=True)
class Rejection:
    """An inadmissible bid and the first reason that applies to it."""

    bid: str
    reason: RejectionReason


class Award(NamedTuple):
    """What one bid gets of one listing; ``amount_fen`` is price × quantity, rounded half up once.

    A named tuple, since a round may make a million. Awards sort by bid, then listing: a bid has one buyer.
    """

    bid: str
    buyer: str
    listing: str
    county: str
    quantity_steps: int
    price_fen: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a round: ``rejected`` sorted by bid, ``awards`` by bid, then listing.

    ``clearing_price_fen`` is None under pay-as-bid and where nothing was sold. What a listing keeps is
    its quantity less its awards (``unsold_steps`` in all): undersold is allowed.
    """

    clearing_price_fen: int | None
    sold_steps: int
    unsold_steps: int
    rejected: tuple[Rejection, ...]
    awards: tuple[Award, ...]
