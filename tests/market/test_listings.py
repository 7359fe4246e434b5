"""What may be listed, and a listing's states (RULES 8)."""

import itertools
from dataclasses import replace

import pytest

from app.market.bands import Band
from app.market.errors import Conflict, RuleBroken, WrongState
from app.market.indicators import Indicator
from app.market.jurisdictions import DesignationKind
from app.market.listings import (
    TRANSITIONS,
    ListingEvent,
    ListingRules,
    ListingState,
    Offer,
    check_offer,
    refuse_unsettled,
)
from app.market.states import step

FLOOR, KEY_PRICE, CEILING = 300_000_00, 320_000_00, 450_000_00
OFFER = Offer(Indicator.FARMLAND_QUANTITY, 100_000, None, open_to_key_projects=True)
RULES = ListingRules(
    designations=frozenset(),
    suspended=False,
    suspended_may_not_list=True,
    may_decline_key_projects=True,
    band=Band(FLOOR, CEILING, KEY_PRICE),
)


@pytest.mark.parametrize("ask", [None, FLOOR, KEY_PRICE, CEILING])
def test_an_ask_may_lie_anywhere_in_the_band_its_ends_included(ask: int | None) -> None:
    check_offer(replace(OFFER, ask_fen=ask), RULES)


@pytest.mark.parametrize(
    ("offer", "rules", "code", "field"),
    [
        (replace(OFFER, quantity_steps=0), RULES, "zero_quantity", "quantity"),
        (OFFER, replace(RULES, suspended=True), "suspended", None),
        (replace(OFFER, indicator=Indicator.LINKAGE_QUOTA), RULES, "not_province_wide", "batch_id"),
        (
            replace(OFFER, open_to_key_projects=False),
            replace(RULES, may_decline_key_projects=False),
            "key_projects_not_declinable",
            "open_to_key_projects",
        ),
        (OFFER, replace(RULES, band=None), "no_band", "batch_id"),
        (replace(OFFER, ask_fen=FLOOR - 1), RULES, "ask_outside_band", "ask"),
        (replace(OFFER, ask_fen=CEILING + 1), RULES, "ask_outside_band", "ask"),
    ],
)
def test_an_offer_against_the_rules_is_refused_by_its_code(
    offer: Offer, rules: ListingRules, code: str, field: str | None
) -> None:
    with pytest.raises(RuleBroken) as refused:
        check_offer(offer, rules)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_policy_may_let_a_suspended_county_list() -> None:
    check_offer(OFFER, replace(RULES, suspended=True, suspended_may_not_list=False))


def test_a_county_on_the_province_wide_list_may_list_linkage_quota() -> None:
    rules = replace(RULES, designations=frozenset({DesignationKind.LINKAGE_PROVINCE_WIDE}))
    check_offer(replace(OFFER, indicator=Indicator.LINKAGE_QUOTA), rules)


def test_only_a_poverty_county_goes_first() -> None:
    assert replace(RULES, designations=frozenset({DesignationKind.POVERTY})).poverty
    assert not replace(RULES, designations=frozenset({DesignationKind.DEEP_POVERTY})).poverty


def test_a_listing_that_trades_wait_for_does_not_end() -> None:
    refuse_unsettled("L0000000001", Indicator.FARMLAND_QUANTITY, 0)
    with pytest.raises(Conflict) as refused:
        refuse_unsettled("L0000000001", Indicator.FARMLAND_QUANTITY, 12_345)
    assert refused.value.code == "lines_unsettled"
    assert refused.value.facts["unsettled"] == "1.2345"


@pytest.mark.parametrize(("state", "event"), list(itertools.product(ListingState, ListingEvent)))
def test_every_event_leads_where_the_rules_say_or_nowhere(state: ListingState, event: ListingEvent) -> None:
    allowed = {
        (ListingState.LISTED, ListingEvent.ENTER_AUCTION): ListingState.IN_AUCTION,
        (ListingState.IN_AUCTION, ListingEvent.LEAVE_AUCTION): ListingState.LISTED,
        (ListingState.LISTED, ListingEvent.SELL_OUT): ListingState.SOLD,
        (ListingState.IN_AUCTION, ListingEvent.SELL_OUT): ListingState.SOLD,
        (ListingState.LISTED, ListingEvent.WITHDRAW): ListingState.WITHDRAWN,
        (ListingState.LISTED, ListingEvent.VOID): ListingState.VOIDED,
        (ListingState.IN_AUCTION, ListingEvent.VOID): ListingState.VOIDED,
    }
    if (state, event) in allowed:
        assert step(TRANSITIONS, "listing", "L1", state, event) is allowed[state, event]
    else:
        with pytest.raises(WrongState):
            step(TRANSITIONS, "listing", "L1", state, event)
