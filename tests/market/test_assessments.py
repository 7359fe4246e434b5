"""Who passes a year, and why not: the rule by itself (RULES 12, ADR 0012)."""

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest

from app.market.assessments import (
    Assessment,
    Commitments,
    Facts,
    Figures,
    Finding,
    Money,
    Result,
    Sanctions,
    Unit,
    assess,
    judge,
    judge_together,
    together,
)
from app.market.errors import BrokenInvariant
from app.market.indicators import Indicator
from app.market.jurisdictions import Level
from app.market.sanctions import SanctionKind

LAND, PADDY = Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA
PROVINCE = Unit("51", "省", Level.PROVINCE, None)
CITY = Unit("5101", "市", Level.CITY, "51")
COUNTY = Unit("510101", "县", Level.COUNTY, "5101")
OTHER = Unit("510201", "外县", Level.COUNTY, "51")
UNITS = [PROVINCE, CITY, COUNTY, OTHER]


def facts(**given: int) -> Facts:
    return Facts(indicators={LAND: Figures(**given)})


def by_code(facts_by_code: Mapping[str, Facts]) -> dict[str, Assessment]:
    return {each.unit.code: each for each in assess(UNITS, facts_by_code)}


def findings(assessed: Assessment) -> set[Finding]:
    return {remark.finding for remark in (*assessed.own.reasons, *assessed.own.remarks)}


def test_a_year_in_which_nothing_happened_passes() -> None:
    for assessed in assess(UNITS, {}):
        assert assessed.own.result is Result.PASS
        assert assessed.own.reasons == assessed.own.remarks == ()


def test_occupation_out_of_stock_of_former_years_balances_and_is_told() -> None:
    year = facts(opening=10_0000, supplemented=4_0000, written_off=9_0000, occupied=9_0000, closing=5_0000)
    (county,) = [each for each in assess(UNITS, {COUNTY.code: year}) if each.unit == COUNTY]
    assert county.own.result is Result.PASS
    (remark,) = county.own.remarks
    assert (remark.finding, remark.indicator, remark.figure) == (Finding.DRAWN_FROM_STOCK, LAND, 5_0000)


def test_occupation_that_rests_on_a_running_commitment_balances_and_is_told() -> None:
    year = facts(occupied=3_0000, promised=3_0000)
    assessed = judge("c", year)
    assert assessed.result is Result.PASS
    assert {remark.finding for remark in assessed.remarks} == {Finding.PROMISED, Finding.DRAWN_FROM_STOCK}


@pytest.mark.parametrize(
    ("figure", "finding"),
    [
        ("uncovered", Finding.OCCUPIED_NOT_COVERED),
        ("deficit", Finding.DEFICIT_OPEN),
        ("owed", Finding.OBLIGATION_OPEN),
    ],
)
@pytest.mark.parametrize("indicator", Indicator)
def test_what_is_missing_of_any_indicator_fails_the_year_by_itself(
    figure: str, finding: Finding, indicator: Indicator
) -> None:
    assessed = judge("c", Facts(indicators={indicator: Figures(**{figure: 1})}))
    assert assessed.result is Result.FAIL
    (reason,) = assessed.reasons
    assert (reason.finding, reason.indicator, reason.figure, reason.jurisdictions) == (
        finding,
        indicator,
        1,
        ("c",),
    )


def test_every_reason_is_found_not_only_the_first() -> None:
    assessed = judge("c", Facts(indicators={LAND: Figures(deficit=1, owed=2), PADDY: Figures(uncovered=3)}))
    assert [(each.finding, each.indicator, each.figure) for each in assessed.reasons] == [
        (Finding.DEFICIT_OPEN, LAND, 1),
        (Finding.OBLIGATION_OPEN, LAND, 2),
        (Finding.OCCUPIED_NOT_COVERED, PADDY, 3),
    ]


def test_a_default_made_good_and_a_sanction_are_told_and_fail_nobody() -> None:
    assessed = judge(
        "c",
        Facts(
            commitments=Commitments(due=1, defaulted=1, made_good=1),
            sanctions={kind: Sanctions(imposed=1, in_force=1) for kind in SanctionKind},
        ),
    )
    assert assessed.result is Result.PASS
    assert {remark.finding for remark in assessed.remarks} == {
        Finding.COMMITMENT_DEFAULTED,
        Finding.SUSPENDED,
        Finding.RECTIFYING,
        Finding.CIRCULATED,
    }


def test_a_sanction_lifted_within_the_year_is_counted_and_not_remarked() -> None:
    assessed = judge("c", Facts(sanctions={SanctionKind.SUSPEND: Sanctions(imposed=1, in_force=0)}))
    assert assessed.remarks == ()


def test_a_city_is_assessed_for_itself_and_as_the_sum_with_its_counties() -> None:
    year = by_code(
        {CITY.code: facts(opening=1, closing=1), COUNTY.code: facts(opening=2, closing=2, deficit=7)}
    )
    city, county, other = year[CITY.code], year[COUNTY.code], year[OTHER.code]
    assert city.total is not None
    assert (city.own.facts.of(LAND).opening, city.total.facts.of(LAND).opening) == (1, 3)
    assert (city.own.result, city.total.result) == (Result.PASS, Result.FAIL)
    (reason,) = city.total.reasons
    assert (reason.figure, reason.jurisdictions) == (7, (COUNTY.code,))
    assert county.total is None and other.total is None
    assert city.members == (CITY.code, COUNTY.code)


def test_the_province_is_the_sum_of_all_even_of_who_belongs_to_nobody() -> None:
    stray = Unit("519001", "孤县", Level.COUNTY, "5190")
    year = assess([*UNITS, stray], {stray.code: facts(opening=5, closing=5)})
    province = year[0]
    assert province.total is not None
    assert province.total.facts.of(LAND).opening == 5
    assert stray.code in province.members


def test_one_countys_deficit_is_not_made_up_by_anothers_stock() -> None:
    year = by_code(
        {COUNTY.code: facts(deficit=1_0000), OTHER.code: facts(supplemented=9_0000, closing=9_0000)}
    )
    total = year[PROVINCE.code].total
    assert total is not None and total.result is Result.FAIL


def test_occupied_in_one_county_and_supplemented_in_another_draws_nothing_from_the_provinces_stock() -> None:
    year = by_code(
        {
            COUNTY.code: facts(opening=5, written_off=5, occupied=5),
            OTHER.code: facts(supplemented=5, closing=5),
        }
    )
    assert Finding.DRAWN_FROM_STOCK in findings(year[COUNTY.code])
    total = year[PROVINCE.code].total
    assert total is not None and total.remarks == ()


def test_a_register_in_a_circle_does_not_hang_the_assessment() -> None:
    one, two = Unit("1", "甲", Level.CITY, "2"), Unit("2", "乙", Level.CITY, "1")
    year = assess([one, two], {"1": facts(opening=1, closing=1)})
    assert {each.members for each in year} == {("1", "2"), ("2", "1")}


def test_movements_that_do_not_lead_to_the_closing_stock_stop_everything() -> None:
    with pytest.raises(BrokenInvariant, match="closing stock"):
        assess(UNITS, {COUNTY.code: facts(opening=1, supplemented=1, closing=3)})


@pytest.mark.parametrize(
    "given",
    [
        facts(opening=1, sold=1),
        Facts(money=Money(paid=1)),
    ],
)
def test_trades_that_do_not_net_to_zero_in_the_province_stop_everything(given: Facts) -> None:
    with pytest.raises(BrokenInvariant, match="within the province"):
        assess(UNITS, {COUNTY.code: given})


def test_trade_with_the_outside_does_not_net_to_zero_and_may() -> None:
    year = by_code(
        {COUNTY.code: facts(opening=2, sold_outside=2), OTHER.code: Facts(money=Money(paid_outside=7))}
    )
    assert year[PROVINCE.code].total is not None


def test_facts_of_nobody_in_the_register_stop_everything() -> None:
    with pytest.raises(BrokenInvariant, match="nobody"):
        assess(UNITS, {"99": facts(deficit=1)})


@pytest.mark.parametrize("seed", range(20))
def test_a_sum_is_the_sum_of_its_parts_and_fails_where_one_of_them_does(seed: int) -> None:
    chance = random.Random(seed)

    def some() -> Facts:
        few = {
            name: chance.choice([0, 0, chance.randrange(100)])
            for name in ("supplemented", "occupied", "uncovered", "promised", "deficit", "owed")
        }
        figures = Figures(**few)
        return Facts(
            indicators={LAND: replace(figures, closing=figures.supplemented)},
            commitments=Commitments(due=chance.randrange(3), defaulted=chance.randrange(2)),
        )

    parts = {str(number): some() for number in range(5)}
    own = [(code, judge(code, each)) for code, each in parts.items()]
    whole = judge_together(own)
    assert whole.facts == together(list(parts.values()))
    assert (whole.result is Result.FAIL) == any(each.result is Result.FAIL for _, each in own)
    for reason in whole.reasons:
        assert reason.figure == sum(
            each.figure
            for _, part in own
            for each in part.reasons
            if (each.finding, each.indicator) == (reason.finding, reason.indicator)
        )
