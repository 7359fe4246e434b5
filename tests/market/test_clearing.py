"""The rules of the sealed-bid clearing, one claim each (RULES 10)."""

import hashlib

import pytest

from app.market.auctions import Listing, Outcome, Pricing, RejectionReason, Round, Rules, TieRule
from app.market.clearing import clear, share_out
from app.market.draw import lottery_draw
from app.market.indicators import Indicator
from app.market.queue import queue_order
from app.market.units import parse_money
from tests.market.rounds import CLOSES_AT_US, OPENS_AT_US, SEED, bid, listing, round_of, rules, won

LOWEST = Pricing.UNIFORM_LOWEST_ACCEPTED
HIGHEST = Pricing.UNIFORM_HIGHEST_REJECTED
PRO_RATA = TieRule.PRO_RATA


def verdict(
    price: object,
    quantity: object,
    minimum: object = None,
    *,
    tie: TieRule = TieRule.EARLIEST,
    at_us: int = OPENS_AT_US,
) -> str | None:
    """Why a bid is inadmissible in a round with lots of 2 hm² and a band of 100–200 yuan, if it is."""
    placed = bid("B1", "P", price, quantity, minimum, at_us=at_us)
    outcome = clear(round_of(rules(tie=tie, lot="2"), [listing("L1", "20")], [placed]))
    return outcome.rejected[0].reason.value if outcome.rejected else None


def price_of(outcome: Outcome) -> int | None:
    return outcome.clearing_price_fen


# Admission


NO_NUMBERS: list[object] = [
    None,
    150,
    150.0,
    True,
    [],
    {},
    "",
    " 150",
    "150 ",
    "150\n",
    "+150",
    "-150",
    "1e2",
]
NO_NUMBERS += ["1.5e2", ".5", "150.", "1,50", "0x96", "１５０", "١٥٠", "NaN", "Infinity", "150.000", "1_50"]


@pytest.mark.parametrize("figure", NO_NUMBERS)
def test_a_price_that_is_no_plain_decimal_of_two_places_is_a_bad_price(figure: object) -> None:
    assert verdict(figure, "2") == "bad_price"


@pytest.mark.parametrize("figure", ["150", "150.0", "150.00", "100", "200.00", "000150", "0" * 5000 + "150"])
def test_a_plain_decimal_inside_the_band_is_a_price(figure: str) -> None:
    assert verdict(figure, "2") is None


@pytest.mark.parametrize("figure", ["9" * 30, "9" * 5000, "200.01", "99999999999999999999.99"])
def test_a_plain_decimal_of_any_size_is_a_price_above_the_ceiling(figure: str) -> None:
    assert verdict(figure, "2") == "above_ceiling"


@pytest.mark.parametrize("figure", ["0", "0.00", "99.99"])
def test_a_price_below_the_floor_is_never_lifted_to_it(figure: str) -> None:
    assert verdict(figure, "2") == "below_floor"


@pytest.mark.parametrize(
    "figure",
    [None, 2, 2.0, False, "", "two", "-2", "+2", "2e0", "2.00000", "0", "0.0000", "1", "3", "2.0001"],
)
def test_a_quantity_is_a_positive_multiple_of_the_lot_in_a_plain_decimal(figure: object) -> None:
    assert verdict("150", figure) == "not_a_lot_multiple"


def test_a_quantity_of_thirty_digits_is_still_a_quantity() -> None:
    huge = round_of(rules(lot="2"), [listing("L1", "20")], [bid("B1", "P", "150", "2" * 30)])
    assert won(clear(huge)) == {"B1": "20"}


def test_a_quantity_of_five_thousand_digits_is_held_to_the_lot_too() -> None:
    assert verdict("150", "2" * 5000) is None
    assert verdict("150", "2" * 4999 + "3") == "not_a_lot_multiple"


@pytest.mark.parametrize("figure", [4, "", "0", "1", "3", "6", "4.00000", "1e0", "9" * 40, [], False])
def test_a_minimum_is_held_to_the_lot_and_to_the_quantity(figure: object) -> None:
    assert verdict("150", "4", figure) == "bad_min_quantity"


@pytest.mark.parametrize("figure", [None, "2", "4", "4.0000"])
def test_a_minimum_may_be_absent_and_as_much_as_the_quantity(figure: object) -> None:
    assert verdict("150", "4", figure) is None


@pytest.mark.parametrize("figure", ["2", "nonsense", 2, "0"])
def test_a_pro_rata_round_allows_no_minimum_well_formed_or_not(figure: object) -> None:
    assert verdict("150", "4", figure, tie=PRO_RATA) == "min_quantity_not_allowed"


def test_a_null_minimum_is_none_in_a_pro_rata_round() -> None:
    assert verdict("150", "4", None, tie=PRO_RATA) is None


@pytest.mark.parametrize(
    ("at_us", "inside"),
    [(OPENS_AT_US - 1, False), (OPENS_AT_US + 1, True), (CLOSES_AT_US - 1, True), (CLOSES_AT_US, False)],
)
def test_a_bid_counts_strictly_before_the_closing_instant(at_us: int, *, inside: bool) -> None:
    assert verdict("150", "2", at_us=at_us) == (None if inside else "outside_bidding_window")


def test_a_bid_counts_at_the_opening_instant() -> None:
    assert verdict("150", "2", at_us=OPENS_AT_US) is None


def test_the_first_reason_that_applies_is_given() -> None:
    late = {"at_us": CLOSES_AT_US}
    assert verdict(None, None, "x", tie=PRO_RATA, **late) == "outside_bidding_window"
    assert verdict(None, None, "x", tie=PRO_RATA) == "bad_price"
    assert verdict("1", None, "x", tie=PRO_RATA) == "below_floor"
    assert verdict("999", None, "x", tie=PRO_RATA) == "above_ceiling"
    assert verdict("150", None, "x", tie=PRO_RATA) == "not_a_lot_multiple"
    assert verdict("150", "2", "x", tie=PRO_RATA) == "min_quantity_not_allowed"
    assert verdict("150", "2", "x") == "bad_min_quantity"


def test_reasons_are_declared_in_the_order_in_which_they_are_looked_for() -> None:
    assert [each.value for each in RejectionReason] == [
        "outside_bidding_window",
        "bad_price",
        "below_floor",
        "above_ceiling",
        "not_a_lot_multiple",
        "min_quantity_not_allowed",
        "bad_min_quantity",
    ]


def test_a_malformed_bid_leaves_the_others_as_they_are() -> None:
    bids = [bid("B9", "P", 5, "x"), bid("B1", "Q", "150", "4"), bid("B10", "R", None, None)]
    outcome = clear(round_of(rules(), [listing("L1", "4")], bids))
    assert won(outcome) == {"B1": "4"}
    assert [each.bid for each in outcome.rejected] == ["B10", "B9"]  # by code point


# Rank


def test_the_highest_price_is_served_first_whenever_it_came() -> None:
    bids = [bid("B1", "P", "150", "6"), bid("B2", "Q", "160", "6")]
    assert won(clear(round_of(rules(), [listing("L1", "10")], bids))) == {"B1": "4", "B2": "6"}


def test_equal_prices_go_by_receipt_then_by_id() -> None:
    bids = [
        bid("B3", "P", "150", "4", at_us=OPENS_AT_US + 5),
        bid("B2", "Q", "150.00", "4", at_us=OPENS_AT_US + 5),
        bid("B1", "R", "150.0", "4", at_us=OPENS_AT_US + 9),
    ]
    assert won(clear(round_of(rules(), [listing("L1", "6")], bids))) == {"B2": "4", "B3": "2"}


def test_a_lottery_ranks_buyers_by_the_hash_of_seed_and_code() -> None:
    buyers = ["P", "Q", "R", "县"]
    lucky = sorted(buyers, key=lambda buyer: hashlib.sha256(bytes.fromhex(SEED) + buyer.encode()).hexdigest())
    bids = [bid(f"B-{buyer}", buyer, "150", "1") for buyer in buyers]
    outcome = clear(round_of(rules(tie=TieRule.LOTTERY), [listing("L1", "2")], bids))
    assert set(won(outcome)) == {f"B-{buyer}" for buyer in lucky[:2]}


def test_a_lottery_has_one_draw_a_buyer_and_its_bids_go_by_receipt_then_id() -> None:
    first, second = sorted("PQ", key=lambda buyer: lottery_draw(bytes.fromhex(SEED), buyer))
    bids = [
        bid("B1", second, "150", "4"),
        bid("B9", first, "150", "2", at_us=OPENS_AT_US + 7),
        bid("B3", first, "150", "2", at_us=OPENS_AT_US + 7),
        bid("B5", first, "150", "2", at_us=OPENS_AT_US + 6),
    ]
    outcome = clear(round_of(rules(tie=TieRule.LOTTERY), [listing("L1", "5")], bids))
    assert won(outcome) == {"B5": "2", "B3": "2", "B9": "1"}


def test_a_lottery_decides_between_equal_prices_only() -> None:
    bids = [bid(f"B-{buyer}", buyer, f"{150 + place}", "1") for place, buyer in enumerate("PQRS")]
    outcome = clear(round_of(rules(tie=TieRule.LOTTERY), [listing("L1", "2")], bids))
    assert won(outcome) == {"B-R": "1", "B-S": "1"}


# Caps


def test_a_buyers_bids_are_trimmed_to_its_limit_in_rank_order() -> None:
    bids = [bid("B1", "P", "150", "6"), bid("B2", "P", "160", "6"), bid("B3", "P", "140", "6")]
    outcome = clear(round_of(rules(), [listing("L1", "30")], bids, {"P": "8"}))
    assert won(outcome) == {"B2": "6", "B1": "2"}


def test_limit_and_share_are_each_rounded_down_to_the_lot() -> None:
    two = rules(lot="2", share="0.35")  # 0.35 × 20 = 7 → 6
    bids = [bid("B1", "P", "150", "10"), bid("B2", "Q", "150", "10")]
    outcome = clear(round_of(two, [listing("L1", "20")], bids, {"Q": "5"}))
    assert won(outcome) == {"B1": "6", "B2": "4"}


def test_a_share_is_exact_at_its_edge() -> None:
    bids = [bid("B1", "P", "150", "9")]
    seventh = rules(share="0.7")
    assert won(clear(round_of(seventh, [listing("L1", "10")], bids))) == {"B1": "7"}


def test_the_cap_counts_all_supply_that_asks_at_most_the_price_sold_or_not() -> None:
    supply = [listing("L1", "10"), listing("L2", "10", "150"), listing("L3", "80", "151")]
    bids = [bid("B1", "P", "160", "8"), bid("B2", "Q", "150", "20")]
    outcome = clear(round_of(rules(share="0.5"), supply, bids))
    assert won(outcome) == {"B1": "8", "B2": "10"}  # Q: half of 20, though 12 are left


def test_a_cap_that_narrows_with_the_price_takes_nothing_back() -> None:
    supply = [listing("L1", "4"), listing("L2", "16", "180")]
    bids = [bid("B1", "P", "190", "10"), bid("B2", "P", "150", "4")]
    outcome = clear(round_of(rules(share="0.5"), supply, bids))
    assert won(outcome) == {"B1": "10"}  # 10 of 20 at 190; at 150 the cap is 2, and 2 − 10 is not below 0


def test_a_limit_of_nothing_wins_nothing() -> None:
    bids = [bid("B1", "P", "150", "6")]
    outcome = clear(round_of(rules(), [listing("L1", "30")], bids, {"P": "0"}))
    assert outcome.awards == () and outcome.sold_steps == 0


# Filling, pay as bid


def test_each_winner_pays_its_own_price() -> None:
    bids = [bid("B1", "P", "180.55", "1.5"), bid("B2", "Q", "170", "1")]
    outcome = clear(round_of(rules(lot="0.5"), [listing("L1", "10")], bids))
    assert price_of(outcome) is None
    assert [(award.price_fen, award.amount_fen) for award in outcome.awards] == [
        (18055, 27083),
        (17000, 17000),
    ]


def test_an_amount_is_rounded_half_up_on_each_line() -> None:
    supply = [listing("L1", "0.0001"), listing("L2", "0.0001"), listing("L3", "0.0001")]
    for price, fen in [("149.99", 1), ("150", 2), ("249.99", 2), ("250", 3)]:
        tiny = rules(lot="0.0001", ceiling="300")
        outcome = clear(round_of(tiny, supply, [bid("B1", "P", price, "0.0003")]))
        assert [award.amount_fen for award in outcome.awards] == [fen, fen, fen]


def test_listings_that_ask_more_than_the_price_are_skipped() -> None:
    supply = [listing("L1", "5", "170", poverty=True), listing("L2", "5", "120")]
    bids = [bid("B1", "P", "150", "8"), bid("B2", "Q", "110", "3")]
    outcome = clear(round_of(rules(), supply, bids))
    assert [(award.bid, award.listing) for award in outcome.awards] == [("B1", "L2")]
    assert outcome.unsold_steps == 50_000


def test_the_poverty_county_is_drawn_first_then_the_earlier_listing_then_the_id() -> None:
    supply = [
        listing("L4", "1", listed_at_us=1),
        listing("L3", "1", listed_at_us=2),
        listing("L2", "1", listed_at_us=2),
        listing("L1", "1", listed_at_us=9, poverty=True),
    ]
    bids = [bid(f"B{place}", "P", str(160 - place), "1") for place in range(4)]
    outcome = clear(round_of(rules(), supply, bids))
    assert [award.listing for award in outcome.awards] == ["L1", "L4", "L2", "L3"]
    assert [each.id for each in sorted(supply, key=queue_order)] == ["L1", "L4", "L2", "L3"]


def test_a_lower_bid_finds_no_supply_where_the_higher_one_drew_the_cheap_listing() -> None:
    supply = [listing("L1", "5", "100", poverty=True), listing("L2", "5", "170")]
    bids = [bid("B1", "P", "180", "5"), bid("B2", "Q", "150", "5")]
    assert won(clear(round_of(rules(), supply, bids))) == {"B1": "5"}


def test_a_bid_that_cannot_get_its_minimum_is_passed_over_and_takes_nothing() -> None:
    bids = [bid("B1", "P", "180", "6"), bid("B2", "Q", "170", "8", "5"), bid("B3", "R", "160", "9")]
    assert won(clear(round_of(rules(), [listing("L1", "10")], bids))) == {"B1": "6", "B3": "4"}


def test_exactly_the_minimum_is_enough() -> None:
    bids = [bid("B1", "P", "180", "6"), bid("B2", "Q", "170", "8", "4")]
    assert won(clear(round_of(rules(), [listing("L1", "10")], bids))) == {"B1": "6", "B2": "4"}


def test_a_cap_below_the_minimum_passes_the_bid_over_too() -> None:
    bids = [bid("B1", "P", "180", "8", "8")]
    assert won(clear(round_of(rules(), [listing("L1", "10")], bids, {"P": "7"}))) == {}


# Filling, uniform


def uniform(
    pricing: Pricing, supply: list[Listing], bids: list[tuple[str, str] | tuple[str, str, str]]
) -> Outcome:
    """Bids of different buyers, in the order received."""
    placed = [bid(f"B{place}", f"U{place}", *figures) for place, figures in enumerate(bids, 1)]
    return clear(round_of(rules(pricing), supply, placed))


def test_the_lowest_accepted_price_is_paid_by_all() -> None:
    outcome = uniform(LOWEST, [listing("L1", "10")], [("180", "6"), ("170", "6"), ("160", "6")])
    assert price_of(outcome) == 17000
    assert {award.price_fen for award in outcome.awards} == {17000}


def test_a_uniform_bid_gets_what_supply_at_its_price_leaves_over_all_filled_so_far() -> None:
    supply = [listing("L1", "5"), listing("L2", "5", "175")]
    outcome = uniform(LOWEST, supply, [("180", "4"), ("170", "6")])
    assert won(outcome) == {"B1": "4", "B2": "1"}  # S(170) = 5, less 4
    assert price_of(outcome) == 17000
    assert [award.listing for award in outcome.awards] == ["L1", "L1"]


def test_what_was_filled_above_may_exceed_the_supply_at_a_lower_price() -> None:
    supply = [listing("L1", "5"), listing("L2", "5", "175")]
    outcome = uniform(LOWEST, supply, [("180", "8"), ("170", "6")])
    assert won(outcome) == {"B1": "8"}
    assert price_of(outcome) == 18000


def test_the_highest_rejected_price_is_what_the_first_loser_offered() -> None:
    outcome = uniform(
        HIGHEST, [listing("L1", "12")], [("180", "6"), ("170", "6"), ("160", "6"), ("150", "6")]
    )
    assert price_of(outcome) == 16000


def test_a_partly_filled_bid_is_the_rejected_one_at_its_own_price() -> None:
    outcome = uniform(HIGHEST, [listing("L1", "10")], [("180", "6"), ("170", "6"), ("160", "6")])
    assert price_of(outcome) == 17000


def test_with_nobody_rejected_the_price_is_the_floor_or_the_marginal_ask() -> None:
    bids: list[tuple[str, str] | tuple[str, str, str]] = [("180", "6"), ("170", "4")]
    assert price_of(uniform(HIGHEST, [listing("L1", "20")], bids)) == 10000
    two = [listing("L1", "8"), listing("L2", "8", "130"), listing("L3", "8", "165")]
    assert price_of(uniform(HIGHEST, two, bids)) == 13000


def test_the_marginal_ask_is_the_lowest_whose_supply_covers_all_that_is_filled() -> None:
    supply = [listing("L1", "6", "120"), listing("L2", "4", "120"), listing("L3", "8", "150", poverty=True)]
    outcome = uniform(HIGHEST, supply, [("180", "6"), ("170", "4")])
    assert price_of(outcome) == 12000
    assert {award.listing for award in outcome.awards} == {"L1", "L2"}  # L3 asks more than the price


def test_the_highest_rejected_price_is_at_most_the_lowest_accepted() -> None:
    outcome = uniform(HIGHEST, [listing("L1", "10")], [("190", "20", "20"), ("150", "6")])
    assert won(outcome) == {"B2": "6"}
    assert price_of(outcome) == 15000


def test_a_bid_passed_over_for_its_minimum_counts_as_rejected() -> None:
    outcome = uniform(HIGHEST, [listing("L1", "10")], [("190", "6"), ("160", "8", "8"), ("150", "4")])
    assert won(outcome) == {"B1": "6", "B3": "4"}
    assert price_of(outcome) == 15000  # 160, but at most 150


def test_a_bid_trimmed_to_its_cap_is_not_rejected() -> None:
    bids = [bid("B1", "P", "180", "6"), bid("B2", "P", "170", "6"), bid("B3", "Q", "160", "2")]
    outcome = clear(round_of(rules(HIGHEST), [listing("L1", "10")], bids, {"P": "6"}))
    assert won(outcome) == {"B1": "6", "B3": "2"}
    assert price_of(outcome) == 10000


def test_a_bid_with_no_cap_left_is_not_rejected_whatever_its_minimum() -> None:
    bids = [bid("B1", "P", "180", "6"), bid("B2", "P", "170", "6", "6"), bid("B3", "Q", "160", "2")]
    outcome = clear(round_of(rules(HIGHEST), [listing("L1", "10")], bids, {"P": "6"}))
    assert price_of(outcome) == 10000  # its capped quantity is 0, and nobody gets less than 0


@pytest.mark.parametrize("pricing", [LOWEST, HIGHEST])
def test_nothing_sold_has_no_price(pricing: Pricing) -> None:
    assert price_of(uniform(pricing, [listing("L1", "10", "190")], [("180", "6")])) is None
    assert price_of(uniform(pricing, [], [("180", "6")])) is None
    assert price_of(uniform(pricing, [listing("L1", "10")], [])) is None


def test_uniform_winners_draw_in_rank_order_among_listings_that_ask_at_most_the_price() -> None:
    supply = [listing("L1", "6", poverty=True), listing("L2", "6"), listing("L3", "6", "175", poverty=True)]
    outcome = uniform(LOWEST, supply, [("170", "4"), ("180", "5")])
    assert [(award.bid, award.listing, award.quantity_steps // 10_000) for award in outcome.awards] == [
        ("B1", "L1", 1),
        ("B1", "L2", 3),
        ("B2", "L1", 5),
    ]


# Pro rata


def test_a_group_that_fits_is_filled() -> None:
    bids = [bid("B1", "P", "150", "4"), bid("B2", "Q", "150", "6")]
    assert won(clear(round_of(rules(tie=PRO_RATA), [listing("L1", "10")], bids))) == {"B1": "4", "B2": "6"}


def test_a_group_that_does_not_fit_shares_in_proportion() -> None:
    bids = [bid("B1", "P", "150", "4"), bid("B2", "Q", "150", "8"), bid("B3", "R", "151", "4")]
    outcome = clear(round_of(rules(tie=PRO_RATA), [listing("L1", "10")], bids))
    assert won(outcome) == {"B1": "2", "B2": "4", "B3": "4"}


def test_lots_left_go_to_the_largest_remainders() -> None:
    # 10 lots over 5, 4, 4, 4: 2.94, 2.35, 2.35, 2.35
    wanted = {"P": 4, "Q": 4, "R": 4, "S": 5}
    assert share_out(wanted, 10, 1) == {"P": 3, "Q": 2, "R": 2, "S": 3}


def test_equal_remainders_go_to_the_buyer_received_first_then_the_lowest_bid_id() -> None:
    bids = [
        bid("B3", "P", "150", "2", at_us=OPENS_AT_US + 8),
        bid("B2", "Q", "150", "2", at_us=OPENS_AT_US + 8),
        bid("B1", "R", "150", "2", at_us=OPENS_AT_US + 9),
    ]
    outcome = clear(round_of(rules(tie=PRO_RATA), [listing("L1", "4")], bids))
    assert won(outcome) == {"B2": "2", "B3": "1", "B1": "1"}


def test_the_lot_is_what_is_shared() -> None:
    bids = [bid("B1", "P", "150", "6"), bid("B2", "Q", "150", "6"), bid("B3", "R", "150", "6")]
    outcome = clear(round_of(rules(tie=PRO_RATA, lot="2"), [listing("L1", "8")], bids))
    assert won(outcome) == {"B1": "4", "B2": "2", "B3": "2"}


def test_a_buyers_part_fills_its_own_bids_in_the_order_received() -> None:
    bids = [
        bid("B2", "P", "150", "3", at_us=OPENS_AT_US + 2),
        bid("B1", "P", "150", "3", at_us=OPENS_AT_US + 2),
        bid("B3", "P", "150", "3", at_us=OPENS_AT_US + 1),
        bid("B4", "Q", "150", "9", at_us=OPENS_AT_US + 3),
    ]
    outcome = clear(round_of(rules(tie=PRO_RATA), [listing("L1", "10")], bids))
    assert won(outcome) == {"B3": "3", "B1": "2", "B4": "5"}


def test_a_buyers_own_bids_in_the_group_share_its_cap_by_receipt() -> None:
    bids = [bid("B1", "P", "150", "6"), bid("B2", "P", "150", "6"), bid("B3", "Q", "150", "8")]
    outcome = clear(round_of(rules(tie=PRO_RATA), [listing("L1", "8")], bids, {"P": "8"}))
    assert won(outcome) == {"B1": "4", "B3": "4"}  # P wants 8, not 12


def test_the_group_draws_in_the_order_received() -> None:
    supply = [listing("L1", "2", poverty=True), listing("L2", "4")]
    bids = [bid("B2", "P", "150", "4"), bid("B1", "Q", "150", "8")]
    outcome = clear(round_of(rules(tie=PRO_RATA), supply, bids))
    drawn = [(award.bid, award.listing, award.quantity_steps // 10_000) for award in outcome.awards]
    assert drawn == [("B1", "L2", 4), ("B2", "L1", 2)]


def test_a_group_that_shares_is_rejected_in_part_under_uniform_pricing() -> None:
    bids = [bid("B1", "P", "150", "4"), bid("B2", "Q", "150", "8"), bid("B3", "R", "151", "4")]
    outcome = clear(round_of(rules(HIGHEST, PRO_RATA), [listing("L1", "10")], bids))
    assert price_of(outcome) == 15000


def test_the_headroom_of_a_uniform_group_is_the_supply_at_its_price_less_all_filled() -> None:
    supply = [listing("L1", "6"), listing("L2", "6", "155")]
    bids = [bid("B1", "P", "160", "4"), bid("B2", "Q", "150", "4"), bid("B3", "R", "150", "4")]
    outcome = clear(round_of(rules(LOWEST, PRO_RATA), supply, bids))
    assert won(outcome) == {"B1": "4", "B2": "1", "B3": "1"}


# The round as a whole


def test_undersold_supply_stays_unsold() -> None:
    outcome = clear(round_of(rules(), [listing("L1", "10")], [bid("B1", "P", "150", "3")]))
    assert (outcome.sold_steps, outcome.unsold_steps) == (30_000, 70_000)


def test_awards_are_sorted_by_bid_then_listing_by_code_point() -> None:
    supply = [listing("L9", "1", poverty=True), listing("L10", "1"), listing("l1", "1")]
    bids = [bid("b1", "P", "160", "1"), bid("B9", "Q", "150", "1"), bid("B10", "R", "170", "1")]
    outcome = clear(round_of(rules(), supply, bids))
    assert [award.bid for award in outcome.awards] == ["B10", "B9", "b1"]


def test_grain_is_counted_in_hundredths_of_a_kilogram() -> None:
    capacity = Round(
        Indicator.GRAIN_CAPACITY,
        OPENS_AT_US,
        CLOSES_AT_US,
        Rules(Pricing.PAY_AS_BID, TieRule.EARLIEST, 1, parse_money("1.00"), parse_money("3.00")),
        {},
        (Listing("L1", "C1", 12_345, None, False, 0),),
        (bid("B1", "P", "2.50", "100.01"), bid("B2", "Q", "2.50", "0.001")),
    )
    outcome = clear(capacity)
    assert [(award.quantity_steps, award.amount_fen) for award in outcome.awards] == [(10_001, 25_003)]
    assert [each.reason.value for each in outcome.rejected] == ["not_a_lot_multiple"]


def test_an_empty_round_sells_nothing() -> None:
    assert clear(round_of(rules(), [], [])) == Outcome(None, 0, 0, (), ())
