"""Listings (挂牌): states, and what may be listed by whom (RULES 8)."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from app.market.bands import Band
from app.market.errors import Conflict, RuleBroken
from app.market.indicators import Indicator
from app.market.jurisdictions import DesignationKind
from app.market.units import format_money, format_quantity


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


@dataclass(frozen=True, slots=True)
class Offer:
    """What a county wants to list: steps of one indicator, and its ask in fen per unit, if it has one."""

    indicator: Indicator
    quantity_steps: int
    ask_fen: int | None
    open_to_key_projects: bool


@dataclass(frozen=True, slots=True)
class ListingRules:
    """What holds on the day of listing: the county's standing, the band in force, and the policies."""

    designations: AbstractSet[DesignationKind]
    suspended: bool
    suspended_may_not_list: bool
    may_decline_key_projects: bool
    band: Band | None

    @property
    def poverty(self) -> bool:
        """Whether the listing goes first in the queue; fixed on the day of listing (RULES 3)."""
        return DesignationKind.POVERTY in self.designations


def check_offer(offer: Offer, rules: ListingRules) -> None:
    """Refuse an offer that the day's rules forbid, whatever the county's balance; raises RuleBroken."""
    if offer.quantity_steps <= 0:
        raise RuleBroken("zero_quantity", "List a quantity above zero.", field="quantity")
    if rules.suspended and rules.suspended_may_not_list:
        raise RuleBroken("suspended", "The county is suspended (暂停受理): it can't list indicators.")
    if (
        offer.indicator is Indicator.LINKAGE_QUOTA
        and DesignationKind.LINKAGE_PROVINCE_WIDE not in rules.designations
    ):
        raise RuleBroken(
            "not_province_wide",
            "Linkage quota is sold across counties only by counties on the regulator's province-wide list.",
            field="batch_id",
            needed=DesignationKind.LINKAGE_PROVINCE_WIDE.value,
        )
    if not offer.open_to_key_projects and not rules.may_decline_key_projects:
        raise RuleBroken(
            "key_projects_not_declinable",
            "By the policy in force a listing can't be kept out of key-project allocation.",
            field="open_to_key_projects",
        )
    _check_ask(offer, rules.band)


def _check_ask(offer: Offer, band: Band | None) -> None:
    if band is None:
        raise RuleBroken(
            "no_band",
            f"No price band of {offer.indicator} is in force, so it can't be priced yet.",
            field="batch_id",
            indicator=offer.indicator.value,
        )
    if offer.ask_fen is not None and not band.holds(offer.ask_fen):
        raise RuleBroken(
            "ask_outside_band",
            f"The ask {format_money(offer.ask_fen)} lies outside the band in force, from "
            f"{format_money(band.floor_fen)} to {format_money(band.ceiling_fen)} yuan.",
            field="ask",
            ask=format_money(offer.ask_fen),
            floor=format_money(band.floor_fen),
            ceiling=format_money(band.ceiling_fen),
        )


def refuse_unsettled(listing: str, indicator: Indicator, unsettled_steps: int) -> None:
    """Refuse to end a listing from which trades still wait for settlement; raises Conflict."""
    if unsettled_steps > 0:
        raise Conflict(
            "lines_unsettled",
            f"Trades wait for {format_quantity(unsettled_steps, indicator)} of listing {listing}; "
            "they must settle, or fall, before it can end.",
            listing=listing,
            unsettled=format_quantity(unsettled_steps, indicator),
        )
