"""Write-off (核销): oldest first, together or not at all, no indicator for another (RULES 5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.errors import Insufficient
from app.market.indicators import FARMLAND, Indicator
from app.market.ledger import Bucket, netted
from app.market.write_offs import Draws, Holding, SetAside, consumed, draw, given_back, refuse_short

QUANTITY, PADDY, CAPACITY = FARMLAND
RESERVE = "511922"
AREA, KILOGRAM = 10_000, 100


def available(indicator: Indicator, batch_id: int, steps: int) -> Holding:
    return Holding(indicator, batch_id, Bucket.AVAILABLE, steps)


def test_the_oldest_batches_are_used_up_first() -> None:
    draws = draw(
        [available(QUANTITY, 1, 30), available(QUANTITY, 2, 20), available(QUANTITY, 3, 50)], {QUANTITY: 45}
    )
    assert [(each.batch_id, each.steps) for each in draws.taken] == [(1, 30), (2, 15)]
    assert draws.missing == {}


def test_the_worked_reserve_is_short_of_paddy_and_capacity_and_has_quantity_to_spare() -> None:
    held = [
        available(QUANTITY, 1, 12 * AREA),
        available(PADDY, 2, 5 * AREA),
        available(CAPACITY, 3, 100_000 * KILOGRAM),
    ]
    required = {QUANTITY: 10 * AREA, PADDY: 6 * AREA, CAPACITY: 120_000 * KILOGRAM}
    draws = draw(held, required)
    with pytest.raises(Insufficient) as refusal:
        refuse_short(RESERVE, required, draws)
    assert refusal.value.facts["shortage"] == {
        "farmland_quantity": "0.0000",
        "paddy_area": "1.0000",
        "grain_capacity": "20000.00",
    }
    assert refusal.value.facts["jurisdiction"] == RESERVE


def test_the_refusal_names_what_is_listed_and_kept_for_others_of_what_is_short() -> None:
    required = {QUANTITY: 10 * AREA, PADDY: 6 * AREA}
    draws = draw([available(QUANTITY, 1, 12 * AREA), available(PADDY, 2, 5 * AREA)], required)
    aside = SetAside(listed={PADDY: 2 * AREA, QUANTITY: AREA}, kept_for_others={PADDY: 3 * AREA})
    with pytest.raises(Insufficient) as refusal:
        refuse_short(RESERVE, required, draws, aside)
    assert refusal.value.facts["listed"] == {"farmland_quantity": "1.0000", "paddy_area": "2.0000"}
    assert refusal.value.facts["kept_for_others"] == {"farmland_quantity": "0.0000", "paddy_area": "3.0000"}
    assert "(paddy_area has listed 2.0000 hm²)" in refusal.value.detail
    assert "(paddy_area keeps 3.0000 hm²)" in refusal.value.detail


def test_no_indicator_substitutes_for_another() -> None:
    draws = draw([available(QUANTITY, 1, 100)], {PADDY: 10})
    assert (draws.taken, draws.missing) == ((), {PADDY: 10})


def test_what_is_covered_is_not_refused() -> None:
    refuse_short(RESERVE, {QUANTITY: 5}, draw([available(QUANTITY, 1, 5)], {QUANTITY: 5}))


HOLDINGS = st.lists(
    st.builds(
        Holding, st.sampled_from(Indicator), st.integers(1, 9), st.sampled_from([Bucket.AVAILABLE]),
        st.integers(0, 100),
    ),
    unique_by=lambda each: (each.indicator, each.batch_id),
)  # fmt: skip
REQUIRED = st.dictionaries(st.sampled_from(Indicator), st.integers(0, 300))


@given(HOLDINGS, REQUIRED)
def test_taken_and_missing_add_up_to_what_is_required(
    holdings: list[Holding], required: dict[Indicator, int]
) -> None:
    draws: Draws = draw(holdings, required)
    for indicator in Indicator:
        taken, missing = draws.steps.get(indicator, 0), draws.missing.get(indicator, 0)
        assert taken + missing == required.get(indicator, 0)
        there = sum(each.steps for each in holdings if each.indicator is indicator)
        assert taken == min(there, required.get(indicator, 0))


@given(HOLDINGS, REQUIRED)
def test_a_reversal_undoes_a_write_off_exactly(
    holdings: list[Holding], required: dict[Indicator, int]
) -> None:
    taken = draw(holdings, required).taken
    assert netted([*consumed(RESERVE, taken), *given_back(RESERVE, taken)]) == []
