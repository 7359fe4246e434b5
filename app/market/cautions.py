"""Warnings to the regulator: what should be seen to, and stops nothing (RULES, top)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.market.indicators import NAME_ZH, Indicator
from app.market.policies import PolicySet

DECEMBER = 12
"""The State Council names a year's holidays in the autumn before it: what is missing then is late."""


class CautionCode(StrEnum):
    """What a warning is about."""

    RULE_SET_EXPIRED = "rule_set_expired"
    CALENDAR_MISSING = "calendar_missing"
    BAND_MISSING = "band_missing"


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning: its subject is a policy's name or an indicator; what it means, in both languages."""

    code: CautionCode
    subject: str
    detail: str
    detail_zh: str


def cautions(today: date, in_force: PolicySet, priced: Collection[Indicator]) -> list[Caution]:
    """The warnings of a day in China, ``priced`` being the indicators with a price band in force."""
    return [*_rule_set(today, in_force), *_calendar(today, in_force), *_bands(priced)]


def _rule_set(today: date, in_force: PolicySet) -> list[Caution]:
    rules = in_force.rule_set
    if today < rules.ends_on:
        return []
    return [
        Caution(
            CautionCode.RULE_SET_EXPIRED,
            "rule_set",
            f"{rules.name} of {rules.issued_on} was valid for {rules.valid_years} years, until "
            f"{rules.ends_on}; the market goes on by its rules. Set the policy rule_set once it is extended "
            "or replaced.",
            f"{rules.name}（{rules.issued_on}）有效期{rules.valid_years}年，已于{rules.ends_on}届满；"
            "市场照常运行。延期或更新后请修订政策 rule_set。",
        )
    ]


def _calendar(today: date, in_force: PolicySet) -> list[Caution]:
    published = {calendar.year for calendar in in_force.calendar_years}
    wanted = [today.year] + ([today.year + 1] if today.month == DECEMBER else [])
    return [
        Caution(
            CautionCode.CALENDAR_MISSING,
            f"workdays.{year}",
            f"The working days of {year} are not entered: deadlines count Monday to Friday there. Set the "
            f"policy workdays.{year} from the State Council's notice.",
            f"尚未录入{year}年节假日安排，期限暂按周一至周五计算。请按国务院通知设置政策 workdays.{year}。",
        )
        for year in wanted
        if year not in published
    ]


def _bands(priced: Collection[Indicator]) -> list[Caution]:
    return [
        Caution(
            CautionCode.BAND_MISSING,
            indicator.value,
            f"No price band of {indicator} is in force: it can't be listed or auctioned. The price regulator "
            "sets one by POST /v1/price-bands.",
            f"{NAME_ZH[indicator]}尚无有效限价，不能挂牌和竞价，请价格主管部门公布限价。",
        )
        for indicator in Indicator
        if indicator not in priced
    ]
