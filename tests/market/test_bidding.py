"""What is decided before the opening: the pool, the deposits, what a bid is told as it arrives."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.auctions import Pricing, RejectionReason, Rules, TieRule
from app.market.bidding import (
    Candidate,
    LeftOut,
    LeftOutReason,
    PooledLot,
    deposit_fen,
    kept_deposit_fen,
    pool,
    refuse_inadmissible,
    refuse_uncountable_limit,
    refuse_worthless_lot,
    takeable_steps,
)
from app.market.errors import BrokenInvariant, RuleBroken
from app.market.indicators import Indicator
from app.market.units import MAX_STEPS, MOST_AMOUNT_FEN, amount_fen

AREA = Indicator.FARMLAND_QUANTITY
FLOOR, CEILING = 300_000_00, 450_000_00


def rules(
    lot_steps: int = 1_0000,
    tie: TieRule = TieRule.EARLIEST,
    share: Fraction | None = None,
    floor: int = FLOOR,
) -> Rules:
    """Rules of a round with a lot of 1 hm²."""
    return Rules(Pricing.PAY_AS_BID, tie, lot_steps, floor, CEILING, share)


def test_the_pool_takes_whole_lots_and_the_rest_stays_on_the_listing() -> None:
    pooled, left_out = pool([Candidate(1, 2_9999, None), Candidate(2, 9999, None)], rules())
    assert pooled == [PooledLot(1, 2_0000, None)]
    assert left_out == [LeftOut(2, LeftOutReason.LESS_THAN_A_LOT)]


def test_an_ask_below_the_floor_counts_as_the_floor_and_one_above_the_ceiling_stays_out() -> None:
    candidates = [
        Candidate(1, 1_0000, FLOOR - 1),
        Candidate(2, 1_0000, CEILING + 1),
        Candidate(3, 1_0000, CEILING),
    ]
    pooled, left_out = pool(candidates, rules())
    assert [(lot.listing_id, lot.ask_fen) for lot in pooled] == [(1, FLOOR), (3, CEILING)]
    assert left_out == [LeftOut(2, LeftOutReason.ASK_ABOVE_CEILING)]


def test_a_lot_worth_less_than_a_fen_at_the_floor_is_refused() -> None:
    refuse_worthless_lot(rules(lot_steps=100, floor=100), AREA)
    with pytest.raises(RuleBroken) as refused:
        refuse_worthless_lot(rules(lot_steps=99, floor=100), AREA)
    assert (refused.value.code, refused.value.field) == ("lot_worth_nothing", "lot")


def test_the_deposit_is_rate_times_ceiling_times_limit_rounded_half_up() -> None:
    assert deposit_fen(Fraction("0.10"), CEILING, 25_0000, AREA) == 112_500_000
    assert deposit_fen(Fraction("0.5"), 1, 1_0000, AREA) == 1
    assert deposit_fen(Fraction("0.4999"), 1, 1_0000, AREA) == 0


MOST_LIMIT = MOST_AMOUNT_FEN * 1_0000 // CEILING


@given(limit=st.integers(1, MOST_LIMIT), cuts=st.lists(st.integers(0, 10**6), max_size=20))
def test_whatever_a_limit_within_count_wins_in_however_many_lines_is_countable(
    limit: int, cuts: list[int]
) -> None:
    refuse_uncountable_limit(rules(), limit, AREA)
    ends = [0, *sorted(limit * cut // 10**6 for cut in cuts), limit]
    lines = [end - start for start, end in itertools.pairwise(ends)]
    assert sum(amount_fen(CEILING, steps, AREA) for steps in lines) <= MAX_STEPS
    assert deposit_fen(Fraction(1), CEILING, limit, AREA) <= MAX_STEPS


def test_a_limit_beyond_count_at_the_ceiling_is_refused() -> None:
    for limit in (MOST_LIMIT + 1, MAX_STEPS):
        with pytest.raises(RuleBroken) as refused:
            refuse_uncountable_limit(rules(), limit, AREA)
        assert (refused.value.code, refused.value.field) == ("limit_too_large", "limit")


@given(
    held_fen=st.integers(0, 10**12),
    parts=st.lists(st.integers(1, 10**6), min_size=1, max_size=8),
    spare=st.integers(0, 10**6),
)
def test_the_parts_of_a_deposit_are_never_more_than_is_held(
    held_fen: int, parts: list[int], spare: int
) -> None:
    limit_steps = sum(parts) + spare
    kept = [kept_deposit_fen(held_fen, limit_steps, part, 10**12) for part in parts]
    assert sum(kept) <= held_fen
    if spare == 0:
        assert held_fen - sum(kept) < len(parts)


def test_a_deposit_kept_is_never_more_than_the_amount_due() -> None:
    assert kept_deposit_fen(900, 10, 10, 600) == 600


def test_no_deposit_is_kept_for_more_than_the_limit() -> None:
    with pytest.raises(BrokenInvariant):
        kept_deposit_fen(900, 10, 11, 600)


def test_limits_and_caps_take_whole_lots_and_at_most_the_supply() -> None:
    assert takeable_steps(10_0000, rules(), [2_9999, 3_0000]) == 5_0000
    assert takeable_steps(10_0000, rules(), [20_0000, 1_0000]) == 10_0000
    assert takeable_steps(10_0000, rules(share=Fraction("0.25")), [20_0000, 3_0000, 1_0000]) == 5_0000


@pytest.mark.parametrize(
    ("terms", "tie", "reason", "field"),
    [
        (("1.005", "1", None), TieRule.EARLIEST, RejectionReason.BAD_PRICE, "price"),
        (("299999.99", "1", None), TieRule.EARLIEST, RejectionReason.BELOW_FLOOR, "price"),
        (("450000.01", "1", None), TieRule.EARLIEST, RejectionReason.ABOVE_CEILING, "price"),
        (("300000", "1.5", None), TieRule.EARLIEST, RejectionReason.NOT_A_LOT_MULTIPLE, "quantity"),
        (("300000", "0", None), TieRule.EARLIEST, RejectionReason.NOT_A_LOT_MULTIPLE, "quantity"),
        (("300000", "2", "1"), TieRule.PRO_RATA, RejectionReason.MIN_QUANTITY_NOT_ALLOWED, "min_quantity"),
        (("300000", "2", "3"), TieRule.EARLIEST, RejectionReason.BAD_MIN_QUANTITY, "min_quantity"),
    ],
)
def test_a_bid_is_told_as_it_arrives_what_the_opening_would_hold_against_it(
    terms: tuple[str, str, str | None], tie: TieRule, reason: RejectionReason, field: str
) -> None:
    price, quantity, minimum = terms
    with pytest.raises(RuleBroken) as refused:
        refuse_inadmissible(AREA, rules(tie=tie), price=price, quantity=quantity, min_quantity=minimum)
    assert (refused.value.code, refused.value.field) == (reason.value, field)


def test_a_sound_bid_passes_whatever_its_size() -> None:
    refuse_inadmissible(AREA, rules(), price="0300000", quantity="9" * 36 + ".0000", min_quantity="1")
