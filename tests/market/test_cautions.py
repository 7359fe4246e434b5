"""Warnings to the regulator, day by day; and until when a rule set holds."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.market.cautions import Caution, CautionCode, cautions
from app.market.indicators import Indicator
from app.market.policies import PolicySet, RuleSet, policy_set

CALENDAR_2026: dict[str, Any] = {"workdays.2026": {"holidays": [], "makeup_workdays": []}}
SOUND = replace(policy_set(CALENDAR_2026), rule_set=RuleSet("下一规则", date(2026, 1, 1), 5))


def found(today: date, in_force: PolicySet = SOUND, priced: object = Indicator) -> list[tuple[str, str]]:
    """Code and subject of each warning."""
    given: list[Caution] = cautions(today, in_force, list(priced))  # type: ignore[call-overload]
    return [(each.code, each.subject) for each in given]


def test_a_province_in_good_order_is_warned_of_nothing() -> None:
    assert found(date(2026, 6, 1)) == []


@pytest.mark.parametrize(
    ("issued_on", "years", "ends_on"),
    [
        (date(2017, 12, 11), 5, date(2022, 12, 11)),
        (date(2024, 2, 29), 4, date(2028, 2, 29)),
        (date(2024, 2, 29), 5, date(2029, 3, 1)),
    ],
)
def test_a_rule_set_is_past_its_validity_from_the_anniversary_of_its_issue(
    issued_on: date, years: int, ends_on: date
) -> None:
    rules = RuleSet("国土资规〔2017〕13号", issued_on, years)
    assert rules.ends_on == ends_on
    in_force = replace(SOUND, rule_set=rules, calendar_years=())
    before = date.fromordinal(ends_on.toordinal() - 1)
    expired = (CautionCode.RULE_SET_EXPIRED, "rule_set")
    assert expired not in found(before, in_force)
    assert expired in found(ends_on, in_force)


def test_next_years_calendar_is_missed_from_december_on_and_this_years_always() -> None:
    assert found(date(2026, 11, 30)) == []
    assert found(date(2026, 12, 1)) == [(CautionCode.CALENDAR_MISSING, "workdays.2027")]
    assert found(date(2027, 1, 1)) == [(CautionCode.CALENDAR_MISSING, "workdays.2027")]


def test_each_indicator_without_a_band_is_named() -> None:
    assert found(date(2026, 6, 1), priced=[Indicator.PADDY_AREA, Indicator.GRAIN_CAPACITY]) == [
        (CautionCode.BAND_MISSING, "farmland_quantity"),
        (CautionCode.BAND_MISSING, "linkage_quota"),
    ]
