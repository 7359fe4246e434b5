"""The auction's state machine (RULES 10): ANNOUNCED → CLOSED → OPENED, or CANCELLED, or VOID."""

from itertools import product

import pytest

from app.market.auctions import TRANSITIONS, AuctionEvent, AuctionState
from app.market.errors import WrongState
from app.market.states import step

ALLOWED = {
    ("ANNOUNCED", "close"): "CLOSED",
    ("ANNOUNCED", "cancel"): "CANCELLED",
    ("CLOSED", "open"): "OPENED",
    ("CLOSED", "void"): "VOID",
}


@pytest.mark.parametrize(("state", "event"), list(product(AuctionState, AuctionEvent)))
def test_every_state_and_event_is_allowed_or_refused_as_the_rules_say(
    state: AuctionState, event: AuctionEvent
) -> None:
    reached = ALLOWED.get((state.value, event.value))
    if reached is None:
        with pytest.raises(WrongState) as refusal:
            step(TRANSITIONS, "auction", "A1", state, event)
        possible = [name for before, name in ALLOWED if before == state.value]
        assert refusal.value.facts == {"state": state.value, "event": event.value, "possible": possible}
    else:
        assert step(TRANSITIONS, "auction", "A1", state, event) == reached


def test_the_table_holds_nothing_else() -> None:
    assert {
        (state.value, event.value): after.value for (state, event), after in TRANSITIONS.items()
    } == ALLOWED


def test_opened_cancelled_and_void_are_ends() -> None:
    ends = set(AuctionState) - {state for state, _ in TRANSITIONS}
    assert ends == {AuctionState.OPENED, AuctionState.CANCELLED, AuctionState.VOID}


def test_every_state_is_reached_from_the_announcement() -> None:
    assert {AuctionState.ANNOUNCED, *TRANSITIONS.values()} == set(AuctionState)


def test_a_cancellation_comes_before_the_closing_only() -> None:
    assert [state for state, event in TRANSITIONS if event is AuctionEvent.CANCEL] == [AuctionState.ANNOUNCED]
