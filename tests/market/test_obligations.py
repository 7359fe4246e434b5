"""What is owed, how it is lowered, and how an obligation ends (RULES 5, 12)."""

import itertools

import pytest

from app.market.errors import BrokenInvariant, Conflict, WrongState
from app.market.indicators import Indicator
from app.market.obligations import (
    TRANSITIONS,
    ObligationEvent,
    ObligationState,
    owed_at_first,
    reduced,
    refuse_not_open,
)
from app.market.states import step

LAND, PADDY, GRAIN, QUOTA = Indicator


def test_what_is_owed_names_every_indicator() -> None:
    assert owed_at_first({LAND: 5_000}) == {LAND: 5_000, PADDY: 0, GRAIN: 0, QUOTA: 0}


@pytest.mark.parametrize("owed", [{}, {LAND: 0}, {LAND: 5, PADDY: -1}])
def test_an_obligation_of_nothing_or_less_is_a_defect(owed: dict[Indicator, int]) -> None:
    with pytest.raises(BrokenInvariant):
        owed_at_first(owed)


def test_what_came_back_lowers_its_own_indicator_and_at_most_to_nothing() -> None:
    owed = owed_at_first({LAND: 5_000, PADDY: 2_000})
    assert reduced(owed, {LAND: 2_000, GRAIN: 9}) == {**owed, LAND: 3_000}
    assert reduced(owed, {LAND: 6_000, PADDY: 2_000}) == dict.fromkeys(Indicator, 0)
    with pytest.raises(BrokenInvariant):
        reduced(owed, {LAND: -1})


@pytest.mark.parametrize(("state", "event"), list(itertools.product(ObligationState, ObligationEvent)))
def test_every_state_takes_the_events_of_the_table_and_no_other(
    state: ObligationState, event: ObligationEvent
) -> None:
    allowed = {
        ObligationState.OPEN: set(ObligationEvent),
        ObligationState.DISCHARGED: {ObligationEvent.CANCEL},
        ObligationState.CANCELLED: set(),
    }
    if event in allowed[state]:
        assert step(TRANSITIONS, "obligation", "O1", state, event) is TRANSITIONS[(state, event)]
    else:
        with pytest.raises(WrongState):
            step(TRANSITIONS, "obligation", "O1", state, event)


def test_only_an_open_obligation_backs_a_need() -> None:
    refuse_not_open("O0000000001", ObligationState.OPEN)
    with pytest.raises(Conflict) as refused:
        refuse_not_open("O0000000001", ObligationState.DISCHARGED)
    assert (refused.value.code, refused.value.field) == ("obligation_ended", "obligation_id")
