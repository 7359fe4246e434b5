"""Objections (RULES 11): who ends them how, and what they do to a notice's clock, day by day."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.errors import BrokenInvariant, Conflict, WrongState
from app.market.objections import (
    TRANSITIONS,
    Objection,
    ObjectionEvent,
    ObjectionState,
    Origin,
    days_left,
    decided,
    restarted,
    resumed,
    stopped,
)
from app.market.trades import TradeState, confirm, confirmation_number, deadlines, default, pay, void
from app.market.workdays import CalendarYear, is_working_day
from tests.market.test_trades import AT, NUMBER, TWO, trade

NATIONAL_DAY = CalendarYear(
    2025,
    frozenset(date(2025, 10, day) for day in (1, 2, 3, 6, 7, 8)),
    frozenset({date(2025, 9, 28), date(2025, 10, 11)}),
)
OPEN = Objection(
    id=5,
    trade_id=7,
    state=ObjectionState.OPEN,
    origin=Origin.CITIZEN,
    reason="地块不实",
    entered_at=AT,
    entered_by="511922",
    decide_by=AT + timedelta(days=7),
    ended_at=None,
    decided_by=None,
    decision_reason=None,
)


@pytest.mark.parametrize(("state", "event"), list(product(ObjectionState, ObjectionEvent)))
def test_an_objection_ends_once_and_in_no_other_way(state: ObjectionState, event: ObjectionEvent) -> None:
    standing = replace(OPEN, state=state)

    def end() -> Objection:
        return decided(standing, "H5", event, at=AT, by="510000", reason="已核查")

    if (state, event) in TRANSITIONS:
        assert state is ObjectionState.OPEN
        ended = end()
        assert (ended.state, ended.ended_at, ended.decided_by) == (TRANSITIONS[state, event], AT, "510000")
    else:
        with pytest.raises(WrongState):
            end()


@pytest.mark.parametrize("state", TradeState)
def test_an_objection_is_possible_in_the_notice_of_an_awarded_trade_only(state: TradeState) -> None:
    standing = trade(*TWO, state=state)
    last_moment = standing.notice_ends_at - timedelta(microseconds=1)
    if state is TradeState.AWARDED:
        assert stopped(standing, "T7", last_moment).notice_stopped_at == last_moment
        with pytest.raises(Conflict) as refused:
            stopped(standing, "T7", standing.notice_ends_at)
    else:
        with pytest.raises(Conflict) as refused:
            stopped(standing, "T7", last_moment)
    assert refused.value.code == "notice_over"


def test_a_second_objection_leaves_the_clock_where_the_first_one_stopped_it() -> None:
    first = stopped(trade(*TWO), "T7", AT)
    assert stopped(first, "T7", AT + timedelta(days=30)) == first


def test_nothing_goes_on_while_the_clock_stands() -> None:
    standing = stopped(trade(*TWO), "T7", AT)
    late = standing.payment_due_at + timedelta(days=1)
    for act in (
        lambda: confirm(standing, "T7", late, NUMBER),
        lambda: pay(standing, "T7", AT, 10**9),
        lambda: default(standing, "T7", late, "逾期"),
    ):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "objection_open"


def test_a_void_trade_has_no_clock_and_gives_back_all_that_was_held() -> None:
    standing = stopped(trade(*TWO, deposit_fen=100_00), "T7", AT)
    after, entries = void(standing, "T7", AT, "objection_upheld")
    assert (after.state, after.amount_fen, after.deposit_fen, after.active_lines) == (
        TradeState.VOIDED,
        0,
        0,
        (),
    )
    assert after.notice_stopped_at is None
    assert sorted(entry.amount for entry in entries) == [-100_00, 100_00]


def test_the_days_left_are_the_working_days_after_the_stop_up_to_the_notices_last() -> None:
    # Awarded on Monday, 29 September: 30 September, 9, 10, 11 (worked) and 13 October are its notice.
    last = deadlines(date(2025, 9, 29), 5, 10, [NATIONAL_DAY]).last_notice_day
    assert last == date(2025, 10, 13)
    left = {
        date(2025, 9, 29): 5,
        date(2025, 9, 30): 4,
        date(2025, 10, 5): 4,
        date(2025, 10, 10): 2,
        date(2025, 10, 12): 1,
        date(2025, 10, 13): 0,
    }
    assert {day: days_left(day, last, [NATIONAL_DAY]) for day in left} == left
    with pytest.raises(BrokenInvariant):
        days_left(date(2025, 10, 14), last, [NATIONAL_DAY])


def test_what_was_left_is_counted_from_the_day_of_the_decision_and_payment_moves_with_it() -> None:
    # Two working days were left on Friday, 10 October; decided on Wednesday, the 15th: Thursday and Friday.
    due = resumed(date(2025, 10, 10), date(2025, 10, 13), date(2025, 10, 15), 10, [NATIONAL_DAY])
    assert due.last_notice_day == date(2025, 10, 17)
    assert due.last_payment_day == date(2025, 10, 31)
    # Nothing was left: the notice ends with the day of the decision.
    assert resumed(
        date(2025, 10, 13), date(2025, 10, 13), date(2025, 10, 15), 10, []
    ).last_notice_day == date(2025, 10, 15)


@given(
    st.dates(date(2025, 9, 1), date(2025, 12, 1)),
    st.integers(0, 15),
    st.integers(1, 20),
    st.data(),
)
def test_a_dismissed_objection_never_shortens_a_notice_nor_lengthens_it_by_more_than_it_took(
    awarded_on: date, notice: int, payment: int, data: st.DataObject
) -> None:
    years = [NATIONAL_DAY]
    first = deadlines(awarded_on, notice, payment, years)
    stopped_on = data.draw(st.dates(awarded_on, first.last_notice_day))
    decided_on = data.draw(st.dates(stopped_on, stopped_on + timedelta(days=60)))
    after = resumed(stopped_on, first.last_notice_day, decided_on, payment, years)
    assert after.last_notice_day >= first.last_notice_day
    assert after.last_payment_day >= first.last_payment_day
    if decided_on == stopped_on and notice:
        assert after == first

    def worked(start: date, end: date) -> int:
        calendar = {2025: NATIONAL_DAY}
        days = (start + timedelta(days=number) for number in range(1, (end - start).days + 1))
        return sum(is_working_day(day, calendar) for day in days)

    # On notice for just as many working days as without the objection, the days of the standing clock out.
    on_notice = worked(awarded_on, stopped_on) + worked(decided_on, after.last_notice_day)
    assert on_notice == notice


def test_a_clock_that_does_not_stand_can_not_go_on_and_no_deadline_becomes_earlier() -> None:
    running = trade(*TWO)
    sooner = {"notice_ends_at": AT, "payment_due_at": running.payment_due_at}
    same = {"notice_ends_at": running.notice_ends_at, "payment_due_at": running.payment_due_at}
    with pytest.raises(BrokenInvariant):
        restarted(running, **same, unpublished_years=())
    standing = stopped(running, "T7", AT)
    with pytest.raises(BrokenInvariant):
        restarted(standing, **sooner, unpublished_years=())
    going = restarted(standing, **same, unpublished_years=(2028,))
    assert (going.notice_stopped_at, going.unpublished_years) == (None, (2028,))


def test_a_confirmations_number_tells_province_year_and_trade() -> None:
    assert confirmation_number("川耕调", 2026, 1) == "川耕调〔2026〕0000000001号"
    assert datetime(2026, 3, 2, 2, tzinfo=UTC) == AT
