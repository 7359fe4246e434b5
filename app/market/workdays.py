"""Working days by the Chinese calendar, whose years are published one at a time, RULES 11.

The State Council names each year's holidays and the weekend days worked in exchange (调休). They are
policy rows, handed in here as values; a year without one counts Monday to Friday, and the result says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from app.market.errors import Malformed

MAX_WORKING_DAYS = 366
"""More than a year of working days is a mistake of the caller, not a notice period."""

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """One published year: days off on what would be working days, and weekend days that are worked.

    Raises Malformed where a day lies in another year or is both off and worked.
    """

    year: int
    holidays: frozenset[date]
    makeup_workdays: frozenset[date]

    def __post_init__(self) -> None:
        for field, days in (("holidays", self.holidays), ("makeup_workdays", self.makeup_workdays)):
            strays = sorted(day for day in days if day.year != self.year)
            if strays:
                raise Malformed(
                    "day_of_another_year", f"{strays[0]} does not lie in the year {self.year}.", field=field
                )
        both = sorted(self.holidays & self.makeup_workdays)
        if both:
            raise Malformed(
                "holiday_and_workday", f"{both[0]} can't be a holiday and worked.", field="makeup_workdays"
            )


@dataclass(frozen=True, slots=True)
class WorkingDay:
    """A day reached by counting, and the years counted without a published calendar, ascending."""

    day: date
    unpublished_years: tuple[int, ...]


def is_working_day(day: date, calendar: Mapping[int, CalendarYear]) -> bool:
    """Whether ``day`` is worked: by its published year, or Monday to Friday where there is none."""
    published = calendar.get(day.year)
    if published is not None and day in published.makeup_workdays:
        return True
    if published is not None and day in published.holidays:
        return False
    return day.weekday() < _SATURDAY


def add_working_days(start: date, count: int, years: Iterable[CalendarYear]) -> WorkingDay:
    """The ``count``-th working day after ``start``; the day itself is not counted, and 0 is the day itself.

    Raises Malformed where ``count`` is negative or above a year's worth, or the calendar's end is passed.
    """
    if not 0 <= count <= MAX_WORKING_DAYS:
        raise Malformed(
            "bad_working_days",
            f"A number of working days from 0 to {MAX_WORKING_DAYS} is needed, not {count}.",
        )
    calendar = {published.year: published for published in years}
    day, unpublished = start, set[int]()
    left = count
    while left > 0:
        if day == date.max:
            raise Malformed("bad_working_days", f"There is no day {count} working days after {start}.")
        day += timedelta(days=1)
        if day.year not in calendar:
            unpublished.add(day.year)
        left -= is_working_day(day, calendar)
    return WorkingDay(day, tuple(sorted(unpublished)))
