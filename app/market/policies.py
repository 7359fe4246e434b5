"""Policies: every number a province could set differently, with its form and its default (RULES, top).

A policy is a named value in force from an instant until the next one of its name starts; a past event
stays judged by the policies of its day. ``PolicySet`` is all of them at one instant.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from app.market.errors import BadQuantity, Malformed, RuleBroken
from app.market.indicators import UNIT, Indicator
from app.market.modes import OPEN_MODES, TradeMode
from app.market.projects import DEFAULT_YIELD_CENTIKG_PER_HM2, GRADES
from app.market.units import format_decimal, parse_decimal, parse_quantity, rfc3339
from app.market.workdays import CalendarYear


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The notice that the rules follow, and for how many years it holds by itself ([N]: five)."""

    name: str
    issued_on: date
    valid_years: int

    @property
    def ends_on(self) -> date:
        """The first day on which it is past its validity: the anniversary of its issue."""
        year = self.issued_on.year + self.valid_years
        try:
            return self.issued_on.replace(year=year)
        except ValueError:  # issued on a 29 February
            return date(year, 3, 1)


@dataclass(frozen=True, slots=True)
class PolicySet:
    """All policies at one instant. Quantities in smallest steps, shares as exact fractions."""

    yields_centikg_per_hm2: Mapping[int, int]  # by quality grade
    deposit_rate: Fraction  # of ceiling × limit, RULES 10
    buyer_cap_share: str | None  # plain decimal in (0, 1], or no cap
    bids_per_buyer: int
    lots: Mapping[Indicator, int]
    trade_modes: Mapping[Indicator, frozenset[TradeMode]]  # [N] 五, for needs of no key project
    pricing: str
    tie: str
    notice_working_days: int  # 公示
    payment_working_days: int
    unused_land_review_area_m2: int  # [N] 一
    evidence_required: bool  # [N] 一, 二: an assertion rests on a document
    filing_duty_working_days: int  # [N] 二
    reverification_before: date  # the notice's own day, [N] 二
    parcel_area_tolerance: Fraction  # of the mapped area, [N] 七
    parcel_overlap_tolerance_m2: int  # slivers of at most this are none
    purchases_within_need: bool  # RULES 6
    listings_may_decline_key_projects: bool  # RULES 8
    suspended_may_not_list: bool  # RULES 12
    rectification_days: int  # 限期整改 of an obligation
    reminder_lead_days: tuple[int, ...]  # ascending
    rule_set: RuleSet
    old_method_refused_from: date  # 项目挂钩: refused for applications filed on or after this day, [N]
    overdue_rectification_suspends: bool  # RULES 12: once, by itself
    objection_working_days: int  # 异议
    confirmation_prefix: str  # 成交确认书文号
    commitments_allowed: bool  # [N] 四
    commitment_term_months: int
    calendar_years: tuple[CalendarYear, ...]  # the years published so far


def _share(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise Malformed("bad_policy", 'A share is a plain decimal string such as "0.25".', field=field)
    parts = parse_decimal(value, 6, field=field)
    if not 0 < parts <= 10**6:
        raise Malformed("bad_policy", "A share is above 0 and at most 1.", field=field)
    return value


def _optional_share(value: Any, field: str) -> str | None:
    return None if value is None else _share(value, field)


def _whole(lowest: int, highest: int) -> Callable[[Any, str], int]:
    def check(value: Any, field: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise Malformed(
                "bad_policy", f"This policy is a whole number from {lowest} to {highest}.", field=field
            )
        return value

    return check


def _switch(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        raise Malformed("bad_policy", "This policy is true or false.", field=field)
    return value


def _one_of(*choices: str) -> Callable[[Any, str], str]:
    def check(value: Any, field: str) -> str:
        if value not in choices:
            raise Malformed("bad_policy", f"This policy is one of {', '.join(choices)}.", field=field)
        return str(value)

    return check


def _area(value: Any, field: str) -> int:
    if not isinstance(value, str):
        raise BadQuantity('An area is a decimal string in hm², such as "600.0000".', field=field)
    return parse_decimal(value, 4, field=field)


def _lead_days(value: Any, field: str) -> tuple[int, ...]:
    whole = isinstance(value, list) and all(isinstance(days, int) and days is not True for days in value)
    if not whole or len(value) > 10 or len(set(value)) < len(value) or not set(value) <= set(range(1, 366)):
        raise Malformed(
            "bad_policy",
            "Lead days are a list of at most 10 different whole numbers from 1 to 365, such as [7, 3, 1]; "
            "an empty one reminds nobody.",
            field=field,
        )
    return tuple(sorted(value))


def _prefix(value: Any, field: str) -> str:
    if not isinstance(value, str) or not re.fullmatch("[\u4e00-\u9fff]{1,10}", value):
        raise Malformed(
            "bad_policy", 'A prefix is 1 to 10 Chinese characters, such as "川耕调".', field=field
        )
    return value


def _rule_set(value: Any, field: str) -> RuleSet:
    if not isinstance(value, dict) or set(value) != {"name", "issued_on", "valid_years"}:
        raise Malformed(
            "bad_policy", "A rule set names its name, issued_on and valid_years, and no more.", field=field
        )
    name = value["name"]
    if not isinstance(name, str) or not name.strip() or len(name) > 100:
        raise Malformed("bad_policy", "A name is text of 1 to 100 characters.", field=f"{field}.name")
    try:
        issued_on = date.fromisoformat(value["issued_on"])
    except (TypeError, ValueError) as error:
        raise Malformed(
            "bad_policy",
            'The day of issue is written YYYY-MM-DD, such as "2017-12-11".',
            field=f"{field}.issued_on",
        ) from error
    if not 1949 <= issued_on.year <= 2999:
        raise Malformed("bad_policy", "The year of issue is from 1949 to 2999.", field=f"{field}.issued_on")
    return RuleSet(name, issued_on, _whole(1, 100)(value["valid_years"], f"{field}.valid_years"))


def _day(value: Any, field: str) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Malformed("bad_policy", 'This policy is a day such as "2018-04-01".', field=field) from error


def _yield_table(value: Any, field: str) -> Mapping[int, int]:
    if not isinstance(value, dict) or set(value) != {str(grade) for grade in GRADES}:
        raise Malformed("bad_policy", "A yield table names kg/hm² for each grade 1 to 15.", field=field)
    table = {}
    for grade in GRADES:
        kilograms = value[str(grade)]
        if not isinstance(kilograms, str):
            raise BadQuantity("A yield is a decimal string in kg/hm².", field=f"{field}.{grade}")
        table[grade] = parse_decimal(kilograms, 2, field=f"{field}.{grade}")
    return table


def _lots(value: Any, field: str) -> Mapping[Indicator, int]:
    if not isinstance(value, dict) or set(value) != set(Indicator):
        raise Malformed(
            "bad_policy",
            f"Lots are an object that names a quantity for each of {', '.join(Indicator)}.",
            field=field,
        )
    lots = {}
    for indicator in Indicator:
        text = value[indicator.value]
        if not isinstance(text, str):
            raise BadQuantity("A lot is a decimal string.", field=f"{field}.{indicator}")
        lots[indicator] = parse_quantity(text, indicator, field=f"{field}.{indicator}")
        if lots[indicator] == 0:
            raise BadQuantity("A lot is above zero.", field=f"{field}.{indicator}")
    return lots


def _trade_modes(value: Any, field: str) -> Mapping[Indicator, frozenset[TradeMode]]:
    if not isinstance(value, dict) or set(value) != set(Indicator):
        raise Malformed(
            "bad_policy",
            f"Trade modes are an object that names for each of {', '.join(Indicator)} a list of "
            f"one or more of {', '.join(OPEN_MODES)}.",
            field=field,
        )
    modes = {}
    for indicator in Indicator:
        named = value[indicator.value]
        if (
            not isinstance(named, list)
            or not named
            or any(mode not in list(OPEN_MODES) for mode in named)
            or len(set(named)) < len(named)
        ):
            raise Malformed(
                "bad_policy",
                f"An indicator's modes are one or more of {', '.join(OPEN_MODES)}, each once.",
                field=f"{field}.{indicator}",
            )
        modes[indicator] = frozenset(TradeMode(mode) for mode in named)
    return modes


def _calendar_year(year: int, value: Any, field: str) -> CalendarYear:
    if not isinstance(value, dict) or set(value) != {"holidays", "makeup_workdays"}:
        raise Malformed("bad_policy", "A calendar names its holidays and its makeup_workdays.", field=field)

    def days(name: str) -> frozenset[date]:
        try:
            return frozenset(date.fromisoformat(day) for day in value[name])
        except (TypeError, ValueError) as error:
            raise Malformed(
                "bad_policy", f"Days are written YYYY-MM-DD: {error}.", field=f"{field}.{name}"
            ) from error

    return CalendarYear(year, days("holidays"), days("makeup_workdays"))


FORMS: Mapping[str, Callable[[Any, str], Any]] = {
    "yield_table": _yield_table,
    "deposit_rate": _share,
    "buyer_cap_share": _optional_share,
    "bids_per_buyer": _whole(1, 1000),
    "lots": _lots,
    "trade_modes": _trade_modes,
    "pricing": _one_of("pay_as_bid", "uniform_lowest_accepted", "uniform_highest_rejected"),
    "tie": _one_of("earliest", "pro_rata"),
    "notice_working_days": _whole(0, 120),
    "payment_working_days": _whole(1, 365),
    "unused_land_review_area": _area,
    "evidence_required": _switch,
    "filing_duty_working_days": _whole(1, 366),
    "reverification_before": _day,
    "parcel_area_tolerance": _share,
    "parcel_overlap_tolerance": _area,
    "purchases_within_need": _switch,
    "listings_may_decline_key_projects": _switch,
    "suspended_may_not_list": _switch,
    "rectification_days": _whole(1, 3650),
    "reminder_lead_days": _lead_days,
    "rule_set": _rule_set,
    "old_method_refused_from": _day,
    "overdue_rectification_suspends": _switch,
    "objection_working_days": _whole(1, 120),
    "confirmation_prefix": _prefix,
    "commitments_allowed": _switch,
    "commitment_term_months": _whole(1, 120),
}
"""The policies by name, each with what reads and checks its value."""

CALENDAR_NAME = re.compile(r"workdays\.((?:19|20|21)[0-9]{2})", re.ASCII)
"""The working days of a year are a policy named after it."""

DEFAULTS: Mapping[str, Any] = {
    "yield_table": {
        str(grade): format_decimal(steps, 2) for grade, steps in DEFAULT_YIELD_CENTIKG_PER_HM2.items()
    },
    "deposit_rate": "0.10",
    "buyer_cap_share": None,
    "bids_per_buyer": 5,
    # 1 m², and 1 kg: a lot must be worth a fen at any price a band is likely to have.
    "lots": {
        indicator.value: format_decimal(
            100 if indicator is Indicator.GRAIN_CAPACITY else 1, UNIT[indicator].places
        )
        for indicator in Indicator
    },
    "trade_modes": {indicator.value: [TradeMode.AUCTION.value] for indicator in Indicator},
    "pricing": "pay_as_bid",
    "tie": "earliest",
    "notice_working_days": 5,
    "payment_working_days": 10,
    # 土地管理法实施条例: unused land above 600 hm² in one piece is the State Council's to approve.
    "unused_land_review_area": "600.0000",
    # Off, until counties and province have agreed how they file documents here.
    "evidence_required": False,
    "filing_duty_working_days": 20,
    "reverification_before": "2017-12-11",
    "parcel_area_tolerance": "0.01",
    "parcel_overlap_tolerance": "0.0010",
    "purchases_within_need": True,
    "listings_may_decline_key_projects": True,
    "suspended_may_not_list": True,
    "rectification_days": 180,
    "reminder_lead_days": [7, 3, 1],
    # [N] itself, valid for five years from its issue.
    "rule_set": {"name": "国土资规〔2017〕13号", "issued_on": "2017-12-11", "valid_years": 5},
    "old_method_refused_from": "2018-04-01",
    "overdue_rectification_suspends": False,
    "objection_working_days": 5,
    "confirmation_prefix": "耕调",
    "commitments_allowed": True,
    "commitment_term_months": 24,
}
"""What the migrations lay; a province sets its own after them."""


def checked(name: str, value: Any) -> Any:
    """Return the policy's value as the rules use it; raises Malformed naming the field."""
    if match := CALENDAR_NAME.fullmatch(name):
        return _calendar_year(int(match.group(1)), value, "value")
    form = FORMS.get(name)
    if form is None:
        known = ", ".join([*FORMS, "workdays.YYYY"])
        raise Malformed("unknown_policy", f"There is no policy {name!r}; there are {known}.", field="name")
    return form(value, "value")


def is_policy(name: str) -> bool:
    """Whether there is a policy of that name, whatever its value."""
    return name in FORMS or CALENDAR_NAME.fullmatch(name) is not None


def policy_set(values: Mapping[str, Any]) -> PolicySet:
    """Make the set of all policies from the values in force, by name."""
    read = {name: checked(name, values.get(name, DEFAULTS[name])) for name in FORMS}
    read["deposit_rate"] = Fraction(read["deposit_rate"])
    read["yields_centikg_per_hm2"] = read.pop("yield_table")
    read["unused_land_review_area_m2"] = read.pop("unused_land_review_area")
    read["parcel_area_tolerance"] = Fraction(read["parcel_area_tolerance"])
    read["parcel_overlap_tolerance_m2"] = read.pop("parcel_overlap_tolerance")
    years = [checked(name, value) for name, value in sorted(values.items()) if CALENDAR_NAME.fullmatch(name)]
    return PolicySet(calendar_years=tuple(years), **read)


def refuse_retroactive(starts_at: datetime, entered_at: datetime, detail: str) -> None:
    """Raise RuleBroken unless what is entered starts later than that moment (RULES: whose day counts)."""
    if starts_at <= entered_at:
        raise RuleBroken("starts_in_the_past", detail, field="starts_at", now=rfc3339(entered_at))
