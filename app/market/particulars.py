"""What a filing says beside a project's papers: who led it, when it was filed of old, and its budget.

Other departments' projects have a filing duty (备案, [N] 二); one filed before the notice was credited for
quantity only and is verified anew (复核, [N] 二). Money in fen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import lcm

from app.market.errors import Malformed, RuleBroken
from app.market.projects import Fund
from app.market.trades import shares
from app.market.workdays import CalendarYear, add_working_days


class LedBy(StrEnum):
    """Whose project it is."""

    LAND = "land"  # 自然资源主管部门
    OTHER = "other"  # 其他部门: the filing names which


@dataclass(frozen=True, slots=True)
class Particulars:
    """``filed_on`` is an earlier filing's day, entered here afterwards; ``filing_due_on`` is reckoned."""

    led_by: LedBy = LedBy.LAND
    department_accepted_on: date | None = None
    filing_due_on: date | None = None
    filed_on: date | None = None
    budget_fen: int | None = None

    def is_late(self, entered_on: date) -> bool:
        """Whether another department's project was filed after its last day; it loses nothing by it."""
        return self.filing_due_on is not None and (self.filed_on or entered_on) > self.filing_due_on

    def is_of_old(self, notice_day: date) -> bool:
        """Whether the project was filed before the notice, and so is credited for quantity only at first."""
        return self.filed_on is not None and self.filed_on < notice_day


def refuse_particulars(given: Particulars, *, started_on: date, today: date) -> None:
    """Refuse what can't be so; raises Malformed, RuleBroken."""
    accepted_on = given.department_accepted_on
    if accepted_on is not None and given.led_by is LedBy.LAND:
        raise Malformed(
            "contradictory_papers",
            "Only another department's project has that department's acceptance: led_by is other.",
            field="department_accepted_on",
        )
    if accepted_on is not None and accepted_on < started_on:
        raise Malformed(
            "contradictory_papers",
            "department_accepted_on is before started_on.",
            field="department_accepted_on",
        )
    if accepted_on is not None and accepted_on > today:
        raise RuleBroken(
            "accepted_in_future",
            f"Today is {today}: nothing is accepted later.",
            field="department_accepted_on",
        )
    if given.filed_on is not None and given.filed_on >= today:
        raise RuleBroken(
            "filed_on_not_past",
            f"filed_on is the day of an earlier filing, before today, {today}; leave it out of a new one.",
            field="filed_on",
        )


def filing_due_on(accepted_on: date, working_days: int, calendar_years: Iterable[CalendarYear]) -> date:
    """The last day to file a project that another department accepted on a day ([N] 二)."""
    return add_working_days(accepted_on, working_days, calendar_years).day


def amounts_fen(funds: Sequence[Fund], budget_fen: int | None) -> Sequence[int] | None:
    """What each source pays of the budget, to the fen; the parts sum to the whole."""
    if budget_fen is None:
        return None
    common = lcm(*(fund.share.denominator for fund in funds))
    return shares(budget_fen, [int(fund.share * common) for fund in funds])
