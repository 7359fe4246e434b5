"""Fixed-price allocation for key projects (RULES 9), by example, by property and against a plain model."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.allocations import Allocation, AllocationOutcome, Demand, OpenListing, allocate
from app.market.errors import BrokenInvariant
from app.market.indicators import Indicator
from app.market.needs import KeyLevel

LAND, PADDY, GRAIN = Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA, Indicator.GRAIN_CAPACITY
NATIONAL, PROVINCIAL = KeyLevel.NATIONAL, KeyLevel.PROVINCIAL
PRICES: Mapping[Indicator, int] = {LAND: 30_000_000, PADDY: 10_000_000, GRAIN: 1_000}


def demand(
    id_: str,
    quantities: Mapping[Indicator, int],
    *,
    level: KeyLevel = NATIONAL,
    at: int = 0,
    whole: bool = False,
) -> Demand:
    return Demand(id_, f"buyer of {id_}", level, at, quantities, whole)


def listing(
    id_: str,
    steps: int,
    indicator: Indicator = LAND,
    *,
    ask: int | None = None,
    poverty: bool = False,
    at: int = 0,
) -> OpenListing:
    return OpenListing(id_, f"county of {id_}", indicator, steps, ask, poverty, at)


def allocated(demands: list[Demand], listings: list[OpenListing]) -> AllocationOutcome:
    return allocate(Allocation(PRICES, tuple(demands), tuple(listings)))


def got(outcome: AllocationOutcome) -> dict[tuple[str, str], int]:
    return {(fill.demand, fill.listing): fill.quantity_steps for fill in outcome.fills}


def lacks(outcome: AllocationOutcome) -> dict[tuple[str, Indicator], int]:
    return {(each.demand, each.indicator): each.quantity_steps for each in outcome.unfilled}


def test_poverty_counties_sell_first_then_the_earlier_listing_then_the_lower_id() -> None:
    outcome = allocated(
        [demand("N", {LAND: 35})],
        [
            listing("b", 10, at=1),
            listing("a", 10, at=1),
            listing("c", 10, at=0),
            listing("z", 10, at=9, poverty=True),
        ],
    )
    assert got(outcome) == {("N", "z"): 10, ("N", "c"): 10, ("N", "a"): 10, ("N", "b"): 5}


def test_a_national_need_goes_before_an_earlier_provincial_one() -> None:
    outcome = allocated(
        [demand("P", {LAND: 5}, level=PROVINCIAL, at=0), demand("N", {LAND: 5}, at=9)], [listing("L", 6)]
    )
    assert got(outcome) == {("N", "L"): 5, ("P", "L"): 1}
    assert lacks(outcome) == {("P", LAND): 4}


def test_equal_levels_go_by_approval_and_then_by_id() -> None:
    outcome = allocated(
        [demand("B", {LAND: 4}, at=5), demand("A", {LAND: 4}, at=5), demand("C", {LAND: 4}, at=1)],
        [listing("L", 9)],
    )
    assert got(outcome) == {("C", "L"): 4, ("A", "L"): 4, ("B", "L"): 1}


def test_a_listing_that_asks_more_than_the_key_price_is_left_alone() -> None:
    outcome = allocated(
        [demand("N", {LAND: 9})],
        [
            listing("dear", 9, ask=PRICES[LAND] + 1, poverty=True),
            listing("at the price", 2, ask=PRICES[LAND]),
            listing("any price", 3),
        ],
    )
    assert got(outcome) == {("N", "any price"): 3, ("N", "at the price"): 2}
    assert lacks(outcome) == {("N", LAND): 4}


def test_the_price_is_the_key_price_whatever_the_listing_asks() -> None:
    (fill,) = allocated([demand("N", {LAND: 10_001})], [listing("L", 10_001, ask=1)]).fills
    assert (fill.price_fen, fill.amount_fen) == (30_000_000, 30_003_000)


def test_an_amount_is_rounded_half_up_on_each_fill() -> None:
    prices = {GRAIN: 1}
    demands = (demand("N", {GRAIN: 200}),)
    listings = (listing("a", 50, GRAIN), listing("b", 49, GRAIN, at=1), listing("c", 101, GRAIN, at=2))
    outcome = allocate(Allocation(prices, demands, listings))
    assert [fill.amount_fen for fill in outcome.fills] == [1, 0, 1]


def test_a_vector_is_filled_indicator_by_indicator_where_part_will_do() -> None:
    outcome = allocated([demand("N", {LAND: 10, PADDY: 10})], [listing("L", 20), listing("W", 4, PADDY)])
    assert got(outcome) == {("N", "L"): 10, ("N", "W"): 4}
    assert lacks(outcome) == {("N", PADDY): 6}


def test_all_or_nothing_is_passed_over_when_one_indicator_falls_short() -> None:
    outcome = allocated(
        [demand("N", {LAND: 10, PADDY: 10}, whole=True)], [listing("L", 20), listing("W", 9, PADDY)]
    )
    assert outcome.fills == ()
    assert lacks(outcome) == {("N", LAND): 10, ("N", PADDY): 10}


def test_all_or_nothing_is_filled_when_everything_is_there() -> None:
    outcome = allocated(
        [demand("N", {LAND: 20, PADDY: 9}, whole=True)], [listing("L", 20), listing("W", 9, PADDY)]
    )
    assert got(outcome) == {("N", "L"): 20, ("N", "W"): 9}
    assert outcome.unfilled == ()


def test_a_passed_over_national_need_holds_back_from_provincial_ones() -> None:
    outcome = allocated(
        [
            demand("N", {LAND: 10, PADDY: 10}, whole=True),
            demand("P", {LAND: 10, PADDY: 5}, level=PROVINCIAL),
        ],
        [listing("L", 12), listing("W", 9, PADDY)],
    )
    # Of the land 10 are held back and 2 left; of the paddy all 9 are held back.
    assert got(outcome) == {("P", "L"): 2}
    assert lacks(outcome) == {("N", LAND): 10, ("N", PADDY): 10, ("P", LAND): 8, ("P", PADDY): 5}


def test_what_is_held_back_comes_from_the_front_of_the_queue() -> None:
    outcome = allocated(
        [demand("N", {LAND: 10, PADDY: 1}, whole=True), demand("P", {LAND: 5}, level=PROVINCIAL)],
        [listing("front", 10, poverty=True), listing("back", 10)],
    )
    assert got(outcome) == {("P", "back"): 5}


def test_a_passed_over_national_need_holds_nothing_back_from_a_later_national_one() -> None:
    outcome = allocated(
        [
            demand("first", {LAND: 10, PADDY: 10}, whole=True, at=0),
            demand("second", {LAND: 8}, at=1),
            demand("P", {LAND: 8}, level=PROVINCIAL),
        ],
        [listing("L", 12)],
    )
    # The second national need takes 8 of 12; the 4 left are held back from the provincial one.
    assert got(outcome) == {("second", "L"): 8}


def test_needs_that_were_passed_over_hold_back_one_after_the_other() -> None:
    outcome = allocated(
        [
            demand("A", {LAND: 9, PADDY: 1}, whole=True, at=0),
            demand("B", {LAND: 9, PADDY: 1}, whole=True, at=1),
            demand("P", {LAND: 9}, level=PROVINCIAL),
        ],
        [listing("L", 20)],
    )
    assert got(outcome) == {("P", "L"): 2}


def test_a_passed_over_provincial_need_holds_nothing_back() -> None:
    outcome = allocated(
        [
            demand("P1", {LAND: 10, PADDY: 1}, level=PROVINCIAL, whole=True, at=0),
            demand("P2", {LAND: 10}, level=PROVINCIAL, at=1),
        ],
        [listing("L", 10)],
    )
    assert got(outcome) == {("P2", "L"): 10}


def test_a_national_need_that_takes_part_holds_nothing_back_beyond_what_it_got() -> None:
    outcome = allocated(
        [demand("N", {LAND: 5, PADDY: 5}), demand("P", {LAND: 5}, level=PROVINCIAL)], [listing("L", 10)]
    )
    assert got(outcome) == {("N", "L"): 5, ("P", "L"): 5}


def test_listings_of_an_indicator_without_a_price_are_left_alone() -> None:
    outcome = allocate(Allocation({LAND: 1}, (demand("N", {LAND: 1}),), (listing("G", 5, GRAIN),)))
    assert outcome.fills == ()


def test_nothing_in_gives_nothing_out() -> None:
    assert allocate(Allocation({}, (), ())) == AllocationOutcome((), ())


def test_a_listing_that_stands_twice_is_noticed() -> None:
    twice = listing("L", 5)
    with pytest.raises(BrokenInvariant):
        allocated([demand("N", {LAND: 10})], [twice, twice])


QUANTITY = st.integers(1, 30)
VECTORS = st.dictionaries(st.sampled_from([LAND, PADDY, GRAIN]), QUANTITY, min_size=1)


@st.composite
def allocations(draw: st.DrawFn) -> Allocation:
    """Small numbers and few instants, so that shortages and ties are common."""
    demands = [
        Demand(
            f"N{at}",
            "B",
            draw(st.sampled_from(KeyLevel)),
            draw(st.integers(0, 2)),
            vector,
            draw(st.booleans()),
        )
        for at, vector in enumerate(draw(st.lists(VECTORS, max_size=6)))
    ]
    listings = [
        OpenListing(
            f"L{at}",
            "C",
            draw(st.sampled_from([LAND, PADDY, GRAIN])),
            steps,
            draw(st.none() | st.sampled_from([PRICES[LAND], 1])),
            draw(st.booleans()),
            draw(st.integers(0, 2)),
        )
        for at, steps in enumerate(draw(st.lists(QUANTITY, max_size=6)))
    ]
    return Allocation(PRICES, tuple(demands), tuple(listings))


def by_the_letter(allocation: Allocation) -> dict[tuple[str, str], int]:
    """RULES 9 read aloud, one smallest step at a time: (demand, listing) to steps."""
    left = {
        each.id: each.quantity_steps
        for each in allocation.listings
        if each.ask_fen is None or each.ask_fen <= allocation.prices_fen[each.indicator]
    }
    queue = sorted(
        (each for each in allocation.listings if each.id in left),
        key=lambda each: (0 if each.poverty else 1, each.listed_at_us, each.id),
    )
    sold: dict[tuple[str, str], int] = {}

    def take(buyer: str, wanted: Mapping[Indicator, int]) -> None:
        for indicator, steps in wanted.items():
            for _ in range(steps):
                first = next((each for each in queue if each.indicator is indicator and left[each.id]), None)
                if first is not None:
                    left[first.id] -= 1
                    sold[buyer, first.id] = sold.get((buyer, first.id), 0) + 1

    def enough(wanted: Mapping[Indicator, int]) -> bool:
        return all(
            sum(left[each.id] for each in queue if each.indicator is indicator) >= steps
            for indicator, steps in wanted.items()
        )

    for level in (NATIONAL, PROVINCIAL):
        passed_over = []
        for need in sorted(allocation.demands, key=lambda each: (each.approved_at_us, each.id)):
            if need.level is level:
                if need.all_or_nothing and not enough(need.quantities_steps):
                    passed_over.append(need)
                else:
                    take(need.id, need.quantities_steps)
        for need in passed_over:
            take("held back", need.quantities_steps)
    return {(buyer, sold_by): steps for (buyer, sold_by), steps in sold.items() if buyer != "held back"}


@given(allocations())
def test_the_allocation_is_what_the_rule_says_read_aloud(allocation: Allocation) -> None:
    assert got(allocate(allocation)) == by_the_letter(allocation)


@given(allocations(), st.randoms(use_true_random=False))
def test_the_order_of_the_lists_changes_nothing(allocation: Allocation, random: Random) -> None:
    demands, listings = list(allocation.demands), list(allocation.listings)
    random.shuffle(demands)
    random.shuffle(listings)
    shuffled = replace(allocation, demands=tuple(demands), listings=tuple(listings))
    assert allocate(shuffled) == allocate(allocation)


@given(allocations())
def test_what_is_sold_never_exceeds_a_listing_and_fills_and_lacks_add_up(allocation: Allocation) -> None:
    outcome = allocate(allocation)
    for each in allocation.listings:
        assert (
            sum(steps for (_, sold), steps in got(outcome).items() if sold == each.id) <= each.quantity_steps
        )
    for need in allocation.demands:
        for indicator, wanted in need.quantities_steps.items():
            filled = sum(
                fill.quantity_steps
                for fill in outcome.fills
                if (fill.demand, fill.indicator) == (need.id, indicator)
            )
            assert filled + lacks(outcome).get((need.id, indicator), 0) == wanted


@given(allocations())
def test_an_all_or_nothing_need_gets_all_or_nothing(allocation: Allocation) -> None:
    outcome = allocate(allocation)
    for need in allocation.demands:
        lacking = [each for each in outcome.unfilled if each.demand == need.id]
        if need.all_or_nothing and lacking:
            assert not [fill for fill in outcome.fills if fill.demand == need.id]


@given(allocations())
def test_provincial_needs_never_change_what_national_ones_get(allocation: Allocation) -> None:
    national = tuple(each for each in allocation.demands if each.level is NATIONAL)
    names = {each.id for each in national}
    alone = allocate(replace(allocation, demands=national))
    assert [fill for fill in allocate(allocation).fills if fill.demand in names] == list(alone.fills)


@given(allocations())
def test_fills_and_lacks_are_sorted(allocation: Allocation) -> None:
    outcome = allocate(allocation)
    fills = [(fill.demand, str(fill.indicator), fill.listing) for fill in outcome.fills]
    assert fills == sorted(set(fills))
    unfilled = [(each.demand, str(each.indicator)) for each in outcome.unfilled]
    assert unfilled == sorted(set(unfilled))
