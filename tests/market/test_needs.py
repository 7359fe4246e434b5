"""What a need may cover, and its states (RULES 6)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.errors import Conflict, Malformed, RuleBroken, WrongState
from app.market.indicators import Indicator
from app.market.needs import (
    TRANSITIONS,
    Backing,
    NeedEvent,
    NeedState,
    check_declared,
    refuse_reserved,
    shortage,
    usable,
)
from app.market.states import step

QUANTITY = Indicator.FARMLAND_QUANTITY
CAPACITY = Indicator.GRAIN_CAPACITY


def backing(number: int, required: int, coming: int = 0, bought: int = 0) -> Backing:
    """An application that requires farmland quantity."""
    return Backing(str(number), {QUANTITY: required}, {QUANTITY: coming}, {QUANTITY: bought})


def short(*backings: Backing, available: int = 0, of: int | str = 1) -> int:
    """The shortage of farmland quantity of one of the applications."""
    return shortage(backings, {QUANTITY: available}, str(of))[QUANTITY]


def test_the_shortage_is_what_neither_the_reserve_nor_other_needs_cover() -> None:
    assert short(backing(1, 100)) == 100
    assert short(backing(1, 100), available=30) == 70
    assert short(backing(1, 100, coming=50), available=30) == 20
    assert short(backing(1, 100), available=130) == 0
    assert short(backing(1, 100, coming=100), available=30) == 0


def test_what_was_bought_for_an_application_is_counted_once() -> None:
    assert short(backing(1, 100, bought=40), available=40) == 60
    assert short(backing(1, 100, bought=40), available=50) == 50


def test_bought_stock_that_was_sold_on_opens_no_new_shortage() -> None:
    assert short(backing(1, 100, bought=100), available=0) == 0


def test_a_reserve_covers_applications_in_the_order_of_filing_and_each_hectare_once() -> None:
    first, second = backing(1, 60), backing(2, 60)
    assert short(first, second, available=60, of=1) == 0
    assert short(first, second, available=60, of=2) == 60
    assert short(first, second, available=90, of=2) == 30


def test_what_one_application_bought_covers_no_other() -> None:
    met, waiting = backing(1, 60, bought=60), backing(2, 60)
    assert short(met, waiting, available=60, of=2) == 60
    assert short(waiting, met, available=60, of=2) == 60


def test_what_was_bought_beyond_an_application_covers_the_others() -> None:
    met, waiting = backing(1, 60, bought=80), backing(2, 60)
    assert short(met, waiting, available=80, of=1) == 0
    assert short(met, waiting, available=80, of=2) == 40
    assert short(waiting, met, available=80, of=2) == 40


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=5),
    st.integers(0, 200),
)
def test_shortages_together_are_never_more_than_what_is_missing_in_all(
    drawn: list[tuple[int, int, int]], available: int
) -> None:
    backings = [
        Backing(str(number), {QUANTITY: required}, {QUANTITY: coming}, {QUANTITY: bought})
        for number, (required, coming, bought) in enumerate(drawn)
    ]
    each = [short(*backings, available=available, of=one.subject) for one in backings]
    lacking = sum(one.lacking(QUANTITY) for one in backings)
    free = max(0, available - sum(min(required, bought) for required, _, bought in drawn))
    assert sum(each) == max(0, lacking - free)


def free(*backings: Backing, available: int, of: int | str = 1) -> int:
    """What one of the applications may write off of available farmland quantity."""
    return usable(backings, {QUANTITY: available}, str(of))[QUANTITY]


def test_what_was_bought_for_others_is_theirs_up_to_what_they_require() -> None:
    mine, other = backing(1, 60), backing(2, 60, bought=80)
    assert free(mine, other, available=100) == 40
    assert free(mine, other, available=100, of=2) == 100
    assert free(mine, available=100) == 100


def test_where_bought_stock_was_sold_on_each_still_has_its_own_and_none_blocks_the_other() -> None:
    first, second = backing(1, 60, bought=60), backing(2, 60, bought=60)
    assert free(first, second, available=60, of=1) == 60
    assert free(first, second, available=60, of=2) == 60
    assert free(first, second, available=30, of=1) == 30


APPLICATIONS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=5
)


@given(APPLICATIONS, st.integers(0, 200), st.integers(0, 60))
def test_who_shows_no_shortage_can_write_off_once_what_comes_has_come_and_nothing_is_listed(
    drawn: list[tuple[int, int, int]], more: int, listed: int
) -> None:
    """While what was bought is still at home; the other way round for who was filed first."""
    backings = [
        Backing(str(number), {QUANTITY: required}, {QUANTITY: coming}, {QUANTITY: bought})
        for number, (required, coming, bought) in enumerate(drawn)
    ]
    at_home = sum(min(required, bought) for required, _, bought in drawn) + more
    available = max(0, at_home - listed)
    for one, (required, coming, _) in zip(backings, drawn, strict=True):
        may = free(*backings, available=available, of=one.subject)
        assert may <= available
        if short(*backings, available=at_home, of=one.subject) == 0:
            assert may + (at_home - available) + coming >= required
    first, (required, _, _) = backings[0], drawn[0]
    if free(*backings, available=available, of=first.subject) >= required:
        assert short(*backings, available=at_home, of=first.subject) == 0


@given(APPLICATIONS, st.integers(0, 200))
def test_writing_off_takes_nothing_that_was_bought_for_another(
    drawn: list[tuple[int, int, int]], available: int
) -> None:
    backings = [
        Backing(str(number), {QUANTITY: required}, {}, {QUANTITY: bought})
        for number, (required, _, bought) in enumerate(drawn)
    ]
    for one in backings:
        others = sum(
            min(required, bought)
            for number, (required, _, bought) in enumerate(drawn)
            if str(number) != one.subject
        )
        own = min(one.required[QUANTITY], one.bought[QUANTITY])
        left = available - free(*backings, available=available, of=one.subject)
        assert left >= min(others, max(0, available - own))


def test_more_than_the_shortage_is_refused_with_each_indicators_figures() -> None:
    with pytest.raises(RuleBroken) as refused:
        check_declared({QUANTITY: 200_000, CAPACITY: 100}, {QUANTITY: 150_000, CAPACITY: 100})
    assert refused.value.code == "exceeds_shortage"
    assert refused.value.field == "quantities.farmland_quantity"
    assert refused.value.facts["shortage"] == {"farmland_quantity": "15.0000", "grain_capacity": "1.00"}
    assert refused.value.facts["wanted"] == {"farmland_quantity": "20.0000", "grain_capacity": "1.00"}


def test_a_need_of_exactly_the_shortage_passes() -> None:
    check_declared({QUANTITY: 150_000}, {QUANTITY: 150_000})


def test_a_need_of_nothing_is_refused() -> None:
    with pytest.raises(Malformed, match="at least one"):
        check_declared({}, {QUANTITY: 1})
    with pytest.raises(Malformed, match="above zero") as refused:
        check_declared({QUANTITY: 0}, {QUANTITY: 1})
    assert refused.value.field == "quantities.farmland_quantity"


def test_reserved_needs_do_not_lapse() -> None:
    refuse_reserved("F0000000001", [])
    with pytest.raises(Conflict, match="N0000000001") as refused:
        refuse_reserved("F0000000001", ["N0000000001"])
    assert refused.value.code == "need_reserved"


@pytest.mark.parametrize(("state", "event"), list(itertools.product(NeedState, NeedEvent)))
def test_every_event_leads_where_the_rules_say_or_nowhere(state: NeedState, event: NeedEvent) -> None:
    allowed = {
        (NeedState.DECLARED, NeedEvent.APPROVE): NeedState.APPROVED,
        (NeedState.DECLARED, NeedEvent.REFUSE): NeedState.REFUSED,
        (NeedState.DECLARED, NeedEvent.LAPSE): NeedState.LAPSED,
        (NeedState.APPROVED, NeedEvent.LAPSE): NeedState.LAPSED,
        (NeedState.APPROVED, NeedEvent.MEET): NeedState.MET,
    }
    if (state, event) in allowed:
        assert step(TRANSITIONS, "need", "N1", state, event) is allowed[state, event]
    else:
        with pytest.raises(WrongState):
            step(TRANSITIONS, "need", "N1", state, event)
