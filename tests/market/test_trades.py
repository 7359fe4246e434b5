"""Trades (RULES 11): states, deadlines by working days, and what each event moves."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.errors import BrokenInvariant, Conflict, Insufficient, WrongState
from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket, Entry, money, netted
from app.market.modes import TradeMode
from app.market.states import step
from app.market.trades import (
    TRANSITIONS,
    AwardedLine,
    AwardedTrade,
    Line,
    LineState,
    Trade,
    TradeEvent,
    TradeState,
    by_indicator,
    by_listing,
    confirm,
    deadlines,
    default,
    ensure_sound,
    pay,
    payment,
    settle,
    shares,
    void_lines,
)
from app.market.workdays import CalendarYear

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
QUANTITY = Indicator.FARMLAND_QUANTITY
NUMBER = "耕调〔2026〕0000000007号"


def line(id_: int, seller: str, amount_fen: int, *, listing: int | None = None) -> Line:
    return Line(
        id_, listing or id_, seller, 100 + id_, QUANTITY, 10_000, amount_fen, amount_fen, LineState.ACTIVE
    )


def trade(*lines: Line, state: TradeState = TradeState.AWARDED, deposit_fen: int = 0) -> Trade:
    return Trade(
        id=7,
        buyer="510100",
        need_id=3,
        auction_id=1,
        bid_id="B1",
        allocation_id=None,
        purchase_id=None,
        mode=TradeMode.AUCTION,
        state=state,
        amount_fen=sum(line.amount_fen for line in lines),
        deposit_fen=deposit_fen,
        awarded_at=AT,
        notice_ends_at=AT + timedelta(days=7),
        payment_due_at=AT + timedelta(days=21),
        unpublished_years=(),
        confirmed_at=None,
        paid_at=None,
        ended_at=None,
        end_reason=None,
        lines=lines,
    )


def moved(entries: tuple[Entry, ...]) -> dict[AccountKey, int]:
    return {entry.account: entry.amount for entry in netted(entries)}


TWO = (line(1, "511922", 600_00), line(2, "511902", 400_01))


@pytest.mark.parametrize(("state", "event"), list(product(TradeState, TradeEvent)))
def test_every_state_takes_just_its_own_events(state: TradeState, event: TradeEvent) -> None:
    allowed = {
        (TradeState.AWARDED, TradeEvent.CONFIRM): TradeState.CONFIRMED,
        (TradeState.AWARDED, TradeEvent.DEFAULT): TradeState.DEFAULTED,
        (TradeState.AWARDED, TradeEvent.VOID): TradeState.VOIDED,
        (TradeState.CONFIRMED, TradeEvent.PAY): TradeState.PAID,
        (TradeState.CONFIRMED, TradeEvent.DEFAULT): TradeState.DEFAULTED,
        (TradeState.CONFIRMED, TradeEvent.VOID): TradeState.VOIDED,
        (TradeState.PAID, TradeEvent.SETTLE): TradeState.SETTLED,
        (TradeState.PAID, TradeEvent.VOID): TradeState.VOIDED,
    }
    if (state, event) in allowed:
        assert step(TRANSITIONS, "trade", "T1", state, event) is allowed[(state, event)]
    else:
        with pytest.raises(WrongState) as refusal:
            step(TRANSITIONS, "trade", "T1", state, event)
        possible = {"possible": [other for before, other in TRANSITIONS if before == state]}
        assert refusal.value.facts == {"state": state, "event": event} | possible


def test_payment_days_follow_the_last_day_of_the_notice() -> None:
    # 2025-09-29 is a Monday; the National Day holiday lasts to 8 October, Saturday the 11th is worked.
    year = CalendarYear(
        2025,
        holidays=frozenset(date(2025, 10, day) for day in range(1, 9)),
        makeup_workdays=frozenset({date(2025, 9, 28), date(2025, 10, 11)}),
    )
    due = deadlines(date(2025, 9, 29), 2, 3, [year])
    assert (due.last_notice_day, due.last_payment_day) == (date(2025, 10, 9), date(2025, 10, 13))
    assert due.unpublished_years == ()


def test_deadlines_name_each_year_whose_calendar_is_unpublished_once() -> None:
    due = deadlines(date(2026, 12, 30), 3, 2, [])
    assert due.unpublished_years == (2026, 2027)


def test_no_notice_days_leave_the_day_of_the_award() -> None:
    assert deadlines(date(2026, 3, 2), 0, 1, []).last_notice_day == date(2026, 3, 2)


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**15), min_size=1, max_size=12))
def test_shares_sum_to_the_total_and_none_is_a_step_off_its_proportion(
    total: int, weights: list[int]
) -> None:
    split = shares(total, weights)
    assert sum(split) == total
    whole = sum(weights)
    for part, weight in zip(split, weights, strict=True):
        if whole:
            assert total * weight // whole <= part <= -(-total * weight // whole)


def test_the_step_left_over_goes_to_the_largest_remainder_then_the_first() -> None:
    assert shares(10, [1, 1, 1]) == [4, 3, 3]
    assert shares(10, [300, 301, 300]) == [3, 4, 3]
    assert shares(3, [0, 0]) == [2, 1]


def test_a_trade_is_confirmed_once_its_notice_has_ended_and_not_a_moment_before() -> None:
    awarded = trade(*TWO)
    with pytest.raises(Conflict) as refusal:
        confirm(awarded, "T7", awarded.notice_ends_at - timedelta(microseconds=1), NUMBER)
    assert refusal.value.code == "notice_running"
    assert confirm(awarded, "T7", awarded.notice_ends_at, NUMBER).state is TradeState.CONFIRMED


def test_payment_takes_the_price_less_the_deposit_and_both_go_into_escrow() -> None:
    confirmed = trade(*TWO, state=TradeState.CONFIRMED, deposit_fen=100_00)
    after, entries = pay(confirmed, "T7", AT, available_fen=900_01)
    assert after.state is TradeState.PAID
    assert moved(entries) == {
        money("510100", Bucket.AVAILABLE): -900_01,
        money("510100", Bucket.LOCKED): -100_00,
        money("510100", Bucket.ESCROW): 1_000_01,
    }


def test_a_payment_that_is_a_fen_short_is_refused_with_the_shortage() -> None:
    confirmed = trade(*TWO, state=TradeState.CONFIRMED, deposit_fen=100_00)
    with pytest.raises(Insufficient) as refusal:
        pay(confirmed, "T7", AT, available_fen=900_00)
    assert refusal.value.facts["shortage"] == "0.01"


def test_what_can_no_longer_be_paid_is_not_confirmed_either() -> None:
    waiting = trade(*TWO, state=TradeState.AWARDED)
    confirm(waiting, "T7", waiting.payment_due_at - timedelta(microseconds=1), NUMBER)
    with pytest.raises(Conflict) as refusal:
        confirm(waiting, "T7", waiting.payment_due_at, NUMBER)
    assert refusal.value.code == "payment_overdue"


def test_payment_is_too_late_at_the_instant_it_was_due_before() -> None:
    confirmed = trade(*TWO, state=TradeState.CONFIRMED)
    pay(confirmed, "T7", confirmed.payment_due_at - timedelta(microseconds=1), available_fen=1_000_01)
    with pytest.raises(Conflict) as refusal:
        pay(confirmed, "T7", confirmed.payment_due_at, available_fen=1_000_01)
    assert refusal.value.code == "payment_overdue"


def test_a_deposit_above_the_amount_pays_it_all_and_the_rest_is_released() -> None:
    confirmed = trade(*TWO, state=TradeState.CONFIRMED, deposit_fen=1_500_00)
    assert payment(confirmed).from_available_fen == 0
    _, entries = pay(confirmed, "T7", AT, available_fen=0)
    assert moved(entries) == {
        money("510100", Bucket.LOCKED): -1_500_00,
        money("510100", Bucket.ESCROW): 1_000_01,
        money("510100", Bucket.AVAILABLE): 499_99,
    }


def test_settlement_carries_each_batch_to_the_buyer_and_each_amount_to_its_seller() -> None:
    after, entries = settle(trade(*TWO, state=TradeState.PAID), "T7", AT)
    assert (after.state, after.ended_at) == (TradeState.SETTLED, AT)
    expected = {money("510100", Bucket.ESCROW): -1_000_01}
    for sold in TWO:
        expected[AccountKey(sold.seller, QUANTITY, sold.batch_id, Bucket.LOCKED)] = -10_000
        expected[AccountKey("510100", QUANTITY, sold.batch_id, Bucket.AVAILABLE)] = 10_000
        expected[money(sold.seller, Bucket.AVAILABLE)] = sold.amount_fen
    assert moved(entries) == expected


def test_a_trade_whose_lines_do_not_sum_to_its_amount_does_not_settle() -> None:
    with pytest.raises(BrokenInvariant):
        settle(replace(trade(*TWO, state=TradeState.PAID), amount_fen=1), "T7", AT)


def test_on_default_the_deposit_goes_to_the_sellers_by_amount_to_the_last_fen() -> None:
    after, entries = default(trade(*TWO, deposit_fen=100_00), "T7", AT, "拒签")
    assert (after.state, after.end_reason) == (TradeState.DEFAULTED, "拒签")
    assert moved(entries) == {
        money("510100", Bucket.LOCKED): -100_00,
        money("511922", Bucket.AVAILABLE): 60_00,
        money("511902", Bucket.AVAILABLE): 40_00,
    }


def test_a_default_without_a_deposit_moves_no_money() -> None:
    assert default(trade(*TWO), "T7", AT, "拒签")[1] == ()


def test_voiding_a_line_before_payment_releases_its_share_of_the_deposit() -> None:
    after, released = void_lines(trade(*TWO, deposit_fen=100_00), "T7", [2], AT, "造假")
    assert after.state is TradeState.AWARDED
    assert (after.amount_fen, after.deposit_fen) == (600_00, 60_00)
    assert [line.state for line in after.lines] == [LineState.ACTIVE, LineState.VOIDED]
    assert moved(released) == {
        money("510100", Bucket.LOCKED): -40_00,
        money("510100", Bucket.AVAILABLE): 40_00,
    }


def test_voiding_a_line_after_payment_releases_its_amount_out_of_escrow() -> None:
    after, released = void_lines(
        trade(*TWO, state=TradeState.PAID, deposit_fen=100_00), "T7", [2], AT, "造假"
    )
    assert (after.state, after.amount_fen) == (TradeState.PAID, 600_00)
    assert moved(released) == {
        money("510100", Bucket.ESCROW): -400_01,
        money("510100", Bucket.AVAILABLE): 400_01,
    }


def test_a_trade_that_loses_its_last_line_is_void() -> None:
    once, _ = void_lines(trade(*TWO, deposit_fen=100_00), "T7", [2], AT, "造假")
    after, released = void_lines(once, "T7", [1], AT, "造假")
    assert (after.state, after.amount_fen, after.deposit_fen) == (TradeState.VOIDED, 0, 0)
    assert moved(released)[money("510100", Bucket.AVAILABLE)] == 60_00


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=6),
    st.integers(0, 10**12),
    st.sampled_from([TradeState.AWARDED, TradeState.CONFIRMED, TradeState.PAID]),
)
def test_voiding_line_by_line_gives_back_just_what_was_held(
    amounts: list[int], deposit_fen: int, state: TradeState
) -> None:
    standing = trade(
        *(line(number, "511922", amount) for number, amount in enumerate(amounts, 1)),
        state=state,
        deposit_fen=deposit_fen,
    )
    back = 0
    for number in range(1, len(amounts) + 1):
        standing, released = void_lines(standing, "T7", [number], AT, "造假")
        back += moved(released).get(money("510100", Bucket.AVAILABLE), 0)
    assert standing.state is TradeState.VOIDED
    assert back == (sum(amounts) if state is TradeState.PAID else deposit_fen)


def test_lines_are_counted_by_listing_and_by_indicator_of_the_need() -> None:
    lines = (line(1, "511922", 1), line(2, "511902", 1, listing=9), line(3, "511902", 1, listing=9))
    assert by_listing(lines) == {1: 10_000, 9: 20_000}
    assert by_indicator(3, lines) == {(3, QUANTITY): 30_000}


SOUND = AwardedTrade("510100", 1, (AwardedLine(1, "511922", 1, QUANTITY, 10_000, 500, 500),), allocation_id=1)


@pytest.mark.parametrize(
    "broken",
    [
        replace(SOUND, allocation_id=None),
        replace(SOUND, auction_id=1),
        replace(SOUND, purchase_id=1),
        replace(SOUND, allocation_id=None, purchase_id=1),
        replace(SOUND, allocation_id=None, auction_id=1),
        replace(SOUND, allocation_id=2),
        replace(SOUND, lines=()),
        replace(SOUND, deposit_fen=-1),
        replace(SOUND, lines=(replace(SOUND.lines[0], amount_fen=501),)),
        replace(SOUND, lines=(replace(SOUND.lines[0], quantity=0, amount_fen=0),)),
    ],
)
def test_an_award_that_contradicts_itself_stops_the_exchange(broken: AwardedTrade) -> None:
    ensure_sound([SOUND])
    with pytest.raises(BrokenInvariant):
        ensure_sound([SOUND, broken])
