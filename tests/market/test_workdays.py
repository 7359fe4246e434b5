"""Working days (RULES 11): weekends, holidays, days worked in exchange, and years nobody has published."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.errors import Malformed
from app.market.workdays import MAX_WORKING_DAYS, CalendarYear, add_working_days, is_working_day

NATIONAL_DAY_2025 = CalendarYear(
    2025,
    holidays=frozenset(date(2025, 10, day) for day in range(1, 9)),
    makeup_workdays=frozenset({date(2025, 9, 28), date(2025, 10, 11)}),
)


def test_a_weekend_is_not_counted() -> None:
    friday = date(2025, 3, 7)
    assert add_working_days(friday, 1, [NATIONAL_DAY_2025]).day == date(2025, 3, 10)


def test_holidays_are_skipped_and_makeup_days_counted() -> None:
    # 30 September, then the holiday to 8 October; 9, 10 and the Saturday 11 October are worked.
    reached = add_working_days(date(2025, 9, 30), 3, [NATIONAL_DAY_2025])
    assert reached.day == date(2025, 10, 11)
    assert reached.unpublished_years == ()


def test_a_makeup_sunday_is_a_working_day() -> None:
    assert is_working_day(date(2025, 9, 28), {2025: NATIONAL_DAY_2025})
    assert not is_working_day(date(2025, 9, 28), {})


def test_a_year_without_a_row_counts_monday_to_friday_and_says_so() -> None:
    reached = add_working_days(date(2025, 12, 31), 2, [NATIONAL_DAY_2025])
    assert reached.day == date(2026, 1, 2)
    assert reached.unpublished_years == (2026,)


def test_both_unpublished_years_are_named_when_the_count_crosses_new_year() -> None:
    assert add_working_days(date(2025, 12, 30), 3, []).unpublished_years == (2025, 2026)


def test_no_days_is_the_day_itself_even_on_a_holiday() -> None:
    holiday = date(2025, 10, 1)
    assert add_working_days(holiday, 0, [NATIONAL_DAY_2025]).day == holiday


@pytest.mark.parametrize("count", [-1, MAX_WORKING_DAYS + 1])
def test_an_impossible_count_is_refused(count: int) -> None:
    with pytest.raises(Malformed, match="working days from 0"):
        add_working_days(date(2025, 1, 1), count, [])


def test_a_count_past_the_last_day_of_the_calendar_is_refused() -> None:
    with pytest.raises(Malformed, match="no day"):
        add_working_days(date.max - timedelta(days=3), 30, [])


def test_a_published_year_holds_its_own_days_only() -> None:
    with pytest.raises(Malformed) as refusal:
        CalendarYear(2025, frozenset({date(2026, 1, 1)}), frozenset())
    assert refusal.value.field == "holidays"


def test_a_day_is_not_both_a_holiday_and_worked() -> None:
    day = frozenset({date(2025, 5, 1)})
    with pytest.raises(Malformed) as refusal:
        CalendarYear(2025, day, day)
    assert refusal.value.field == "makeup_workdays"


DAYS_2025 = st.dates(date(2025, 1, 1), date(2025, 12, 31))


@given(
    st.frozensets(DAYS_2025, max_size=30),
    st.frozensets(DAYS_2025, max_size=10),
    DAYS_2025,
    st.integers(1, 60),
)
def test_the_day_reached_is_worked_and_exactly_so_many_after_the_start(
    holidays: frozenset[date], worked: frozenset[date], start: date, count: int
) -> None:
    year = CalendarYear(2025, holidays - worked, worked)
    reached = add_working_days(start, count, [year]).day
    between = [start + timedelta(days=gap + 1) for gap in range((reached - start).days)]
    assert is_working_day(reached, {2025: year})
    assert sum(is_working_day(day, {2025: year}) for day in between) == count
