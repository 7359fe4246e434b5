"""Price bands (RULES 7): what the costs suggest, and which bands contradict themselves or their costs."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.bands import Band, Costs, check_band, suggest
from app.market.errors import RuleBroken
from app.market.units import MAX_STEPS

COSTS = Costs(
    average_cost_fen=20_000_000,
    protection_compensation_fen=5_000_000,
    annual_upkeep_fen=100_000,
    upkeep_years=30,
)
BAND = Band(floor_fen=30_000_000, ceiling_fen=45_000_000, key_project_price_fen=32_000_000)


def test_the_base_is_cost_plus_compensation_plus_upkeep_over_the_years() -> None:
    assert COSTS.base_fen == 28_000_000


def test_floor_and_ceiling_are_suggested_from_the_base() -> None:
    suggestion = suggest(COSTS, Fraction("1.1"), Fraction("1.6"))
    assert (suggestion.floor_fen, suggestion.ceiling_fen) == (30_800_000, 44_800_000)


def test_a_suggestion_is_rounded_half_up_to_the_fen() -> None:
    one_fen = Costs(1, 0, 0, 0)
    assert suggest(one_fen, Fraction("1.5"), Fraction("2.49")) == suggest(one_fen, Fraction(2), Fraction(2))


def test_a_floor_below_the_base_is_never_suggested() -> None:
    with pytest.raises(RuleBroken) as refusal:
        suggest(COSTS, Fraction("0.99"), Fraction(2))
    assert refusal.value.field == "floor_factor"


def test_a_ceiling_below_the_floor_is_never_suggested() -> None:
    with pytest.raises(RuleBroken) as refusal:
        suggest(COSTS, Fraction("1.5"), Fraction("1.4"))
    assert refusal.value.field == "ceiling_factor"


def test_a_sound_band_passes_and_its_ends_belong_to_it() -> None:
    check_band(BAND, COSTS)
    assert BAND.holds(30_000_000)
    assert BAND.holds(45_000_000)
    assert not BAND.holds(29_999_999)
    assert not BAND.holds(45_000_001)


@pytest.mark.parametrize(
    ("band", "code", "field"),
    [
        (replace(BAND, floor_fen=45_000_001), "floor_above_ceiling", "floor"),
        (replace(BAND, floor_fen=0), "floor_not_above_zero", "floor"),
        (replace(BAND, key_project_price_fen=29_999_999), "key_price_outside_band", "key_project_price"),
        (replace(BAND, key_project_price_fen=45_000_001), "key_price_outside_band", "key_project_price"),
        (Band(1, 27_999_999, 1), "ceiling_below_base", "ceiling"),
    ],
)
def test_a_contradictory_band_is_refused_with_the_field_to_blame(band: Band, code: str, field: str) -> None:
    with pytest.raises(RuleBroken) as refusal:
        check_band(band, COSTS)
    assert (refusal.value.code, refusal.value.field) == (code, field)


def test_a_ceiling_at_the_base_is_allowed() -> None:
    check_band(Band(1, COSTS.base_fen, 1), COSTS)


@pytest.mark.parametrize(
    "field", ["average_cost_fen", "protection_compensation_fen", "annual_upkeep_fen", "upkeep_years"]
)
def test_a_negative_cost_is_refused(field: str) -> None:
    with pytest.raises(RuleBroken) as refusal:
        check_band(BAND, replace(COSTS, **{field: -1}))
    assert refusal.value.field == field.removesuffix("_fen")


def test_costs_beyond_what_can_be_counted_are_refused() -> None:
    with pytest.raises(RuleBroken, match="more than the exchange can count"):
        check_band(BAND, Costs(MAX_STEPS, 1, 0, 0))


AMOUNT = st.integers(0, 10**12)


@given(
    st.builds(Costs, AMOUNT, AMOUNT, AMOUNT, st.integers(0, 50)),
    st.fractions(1, 3, max_denominator=1000),
    st.fractions(0, 3, max_denominator=1000),
)
def test_a_suggested_band_is_accepted_whatever_the_costs(costs: Costs, k1: Fraction, above: Fraction) -> None:
    suggestion = suggest(costs, k1, k1 + above)
    assert costs.base_fen <= suggestion.floor_fen <= suggestion.ceiling_fen
    if suggestion.floor_fen:
        check_band(Band(suggestion.floor_fen, suggestion.ceiling_fen, suggestion.floor_fen), costs)
