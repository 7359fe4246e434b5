"""Reclamation-fee standards (RULES 12, [N] 六): which rate charges a parcel, and what that comes to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.errors import Malformed
from app.market.fees import ChargedParcel, Fee, Rate, check_rates, nearest_standard
from app.market.projects import CULTIVATED, GRADES, LandUse

DRY, IRRIGATED, PADDY = LandUse.DRY_LAND, LandUse.IRRIGATED, LandUse.PADDY


def charged(area_m2: int, fen_per_hm2: int | None, use: LandUse = DRY, grade: int = 10) -> ChargedParcel:
    """A parcel, charged or not."""
    return ChargedParcel("1", area_m2, use, grade, 1, "510000", fen_per_hm2)


def test_the_fee_is_area_times_rate_summed_over_the_parcels() -> None:
    # 6 hm² at 450,000 and 4 hm² at 300,000 yuan: 270 + 120 = 390 万元
    assert Fee([charged(60_000, 450_000_00), charged(40_000, 300_000_00)]).amount_fen == 3_900_000_00


def test_each_parcel_is_rounded_half_up_to_the_fen_and_the_sum_is_not() -> None:
    # 1 m² at 50 fen per 10,000 m² is half of a hundredth of a fen; at 5,000 fen it is half a fen.
    assert [charged(1, fen).amount_fen for fen in (4_999, 5_000, 14_999, 15_000)] == [0, 1, 1, 2]
    assert Fee([charged(1, 5_000), charged(1, 5_000)]).amount_fen == 2


def test_no_farmland_costs_nothing() -> None:
    assert (Fee([]).amount_fen, list(Fee([]).missing)) == (0, [])


def test_where_a_rate_is_missing_there_is_no_amount_and_each_kind_of_land_is_named_once() -> None:
    fee = Fee(
        [
            charged(1, None, PADDY, 3),
            charged(1, 5_000),
            charged(2, None, PADDY, 3),
            charged(1, None, DRY, 12),
        ]
    )
    assert fee.amount_fen is None
    assert list(fee.missing) == [(DRY, 12), (PADDY, 3)]


def test_the_nearest_standard_with_a_rate_charges() -> None:
    county = (3, [Rate(PADDY, 1, 8, 60_000_000)])
    city = (2, [Rate(PADDY, 1, 15, 50_000_000), Rate(DRY, 9, 15, 1)])
    province = (1, [Rate(use, 1, 15, 40_000_000) for use in sorted(CULTIVATED)])
    line = [county, city, province]
    assert nearest_standard(line, PADDY, 8) == 3
    assert nearest_standard(line, PADDY, 9) == 2
    assert nearest_standard(line, DRY, 8) == 1
    assert nearest_standard(line, IRRIGATED, 1) == 1
    assert nearest_standard(line[:2], IRRIGATED, 1) is None
    assert nearest_standard([], PADDY, 8) is None


@pytest.mark.parametrize("use", [use for use in LandUse if use not in CULTIVATED])
def test_only_farmland_is_charged(use: LandUse) -> None:
    assert nearest_standard([(1, [Rate(DRY, 1, 15, 1)])], use, 5) is None
    with pytest.raises(Malformed) as refused:
        check_rates([Rate(DRY, 1, 15, 1), Rate(use, 1, 15, 1)])
    assert (refused.value.code, refused.value.field) == ("no_farmland", "rates.1.use")


@pytest.mark.parametrize(
    ("rates", "code", "field"),
    [
        ([Rate(DRY, 9, 8, 1)], "grades_reversed", "rates.0.best_grade"),
        ([Rate(DRY, 1, 15, 0)], "no_rate", "rates.0.yuan_per_hm2"),
        ([Rate(DRY, 1, 8, 1), Rate(PADDY, 1, 15, 1), Rate(DRY, 8, 15, 1)], "rates_overlap", "rates.2"),
        ([Rate(DRY, 5, 5, 1), Rate(DRY, 1, 15, 1)], "rates_overlap", "rates.1"),
    ],
)
def test_a_standard_that_contradicts_itself_is_refused(rates: list[Rate], code: str, field: str) -> None:
    with pytest.raises(Malformed) as refused:
        check_rates(rates)
    assert (refused.value.code, refused.value.field) == (code, field)


RATES = st.lists(
    st.builds(
        Rate,
        st.sampled_from(sorted(CULTIVATED)),
        st.integers(1, 15),
        st.integers(1, 15),
        st.integers(1, 10**9),
    ),
    max_size=6,
)


@given(RATES)
def test_a_standard_that_passes_has_at_most_one_rate_for_any_land(rates: list[Rate]) -> None:
    try:
        check_rates(rates)
    except Malformed:
        return
    for use in CULTIVATED:
        for grade in GRADES:
            assert sum(rate.covers(use, grade) for rate in rates) <= 1
