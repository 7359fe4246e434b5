"""Listings (挂牌): states, and what may be listed by whom (RULES 8)."""

from enum import StrEnum


class ListingState(StrEnum):
    """A part sold or unsold (流拍) is a result on the listing, not a state."""

    LISTED = "LISTED"
    IN_AUCTION = "IN_AUCTION"
    SOLD = "SOLD"
    WITHDRAWN = "WITHDRAWN"
    VOIDED = "VOIDED"


class ListingEvent(StrEnum):
    """What can happen to a listing."""

    ENTER_AUCTION = "enter_auction"
    LEAVE_AUCTION = "leave_auction"
    SELL_OUT = "sell_out"
    WITHDRAW = "withdraw"
    VOID = "void"


TRANSITIONS: dict[tuple[ListingState, ListingEvent], ListingState] = {
    (ListingState.LISTED, ListingEvent.ENTER_AUCTION): ListingState.IN_AUCTION,
    (ListingState.IN_AUCTION, ListingEvent.LEAVE_AUCTION): ListingState.LISTED,
    (ListingState.LISTED, ListingEvent.SELL_OUT): ListingState.SOLD,
    (ListingState.IN_AUCTION, ListingEvent.SELL_OUT): ListingState.SOLD,
    (ListingState.LISTED, ListingEvent.WITHDRAW): ListingState.WITHDRAWN,
    (ListingState.LISTED, ListingEvent.VOID): ListingState.VOIDED,
    (ListingState.IN_AUCTION, ListingEvent.VOID): ListingState.VOIDED,
}
