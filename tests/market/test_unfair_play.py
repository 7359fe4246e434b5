"""Unfair play that must not pay, as far as the clearing can stop it (RULES 10, 11; DESIGN)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.market.auctions import Listing, Outcome, Pricing, Round, SealedBid, TieRule
from app.market.clearing import clear
from app.market.draw import lottery_draw
from app.market.units import format_quantity, parse_money, parse_quantity
from tests.market.rounds import (
    FARMLAND,
    HIGH_FEN,
    SEED,
    bid,
    bought_steps,
    earned_fen,
    listing,
    paid_fen,
    round_of,
    rules,
    some_round,
    some_rules,
    won,
)

LOWEST = Pricing.UNIFORM_LOWEST_ACCEPTED
HIGHEST = Pricing.UNIFORM_HIGHEST_REJECTED
PAY_AS_BID = Pricing.PAY_AS_BID
some = settings(max_examples=150, deadline=None, database=None)


def play(pricing: Pricing, supply: list[Listing], bids: list[SealedBid]) -> Outcome:
    return clear(round_of(rules(pricing, lot="0.0001"), supply, bids))


# Splitting


@pytest.mark.parametrize("tie", TieRule)
def test_ten_small_bids_win_no_more_than_one_large_bid(tie: TieRule) -> None:
    rival = bid("B0", "Q", "150", "10")
    whole = [rival, bid("B1", "P", "150", "10")]
    parts = [rival, *(bid(f"B1-{part}", "P", "150", "1") for part in range(10))]
    outcomes = [clear(round_of(rules(tie=tie), [listing("L1", "7")], bids)) for bids in (whole, parts)]
    assert bought_steps(outcomes[0], "P") == bought_steps(outcomes[1], "P")


def test_a_hundred_bids_are_one_ticket_in_the_lottery() -> None:
    lucky, unlucky = sorted("PQ", key=lambda buyer: lottery_draw(bytes.fromhex(SEED), buyer))
    bids = [bid("B", lucky, "150", "7"), *(bid(f"B{part}", unlucky, "150", "1") for part in range(100))]
    assert won(clear(round_of(rules(tie=TieRule.LOTTERY), [listing("L1", "7")], bids))) == {"B": "7"}


def test_bids_of_one_lot_collect_no_rounding_in_a_pro_rata_group() -> None:
    rivals = [bid("B0", "Q", "150", "5"), bid("B1", "R", "150", "5")]
    whole = [*rivals, bid("B2", "P", "150", "5")]
    parts = [*rivals, *(bid(f"B2-{part}", "P", "150", "1") for part in range(5))]
    tie = rules(tie=TieRule.PRO_RATA)
    outcomes = [clear(round_of(tie, [listing("L1", "7")], bids)) for bids in (whole, parts)]
    assert [bought_steps(outcome, "P") for outcome in outcomes] == [20_000, 20_000]


def test_splitting_does_not_get_round_the_limit_or_the_share() -> None:
    bids = [bid(f"B{part}", "P", str(150 + part), "3") for part in range(4)]
    supply = [listing("L1", "20")]
    assert bought_steps(clear(round_of(rules(share="0.25"), supply, bids)), "P") == 50_000
    assert bought_steps(clear(round_of(rules(), supply, bids, {"P": "4"})), "P") == 40_000


# A minimum that hides a rejected bid


def test_a_minimum_does_not_hide_a_rejected_bid_from_the_price() -> None:
    """B2 would set the price at 160; a minimum that can't be met must not take it to the floor."""
    supply = [listing("L1", "10")]
    first, rival = bid("B1", "P", "190", "8"), bid("B3", "R", "155", "2")
    in_the_open = play(HIGHEST, supply, [first, bid("B2", "P", "160", "8"), rival])
    hidden = play(HIGHEST, supply, [first, bid("B2", "P", "160", "8", "8"), rival])
    assert in_the_open.clearing_price_fen == 16000
    assert won(hidden) == {"B1": "8", "B3": "2"}
    assert hidden.clearing_price_fen == 15500  # the lowest accepted, its upper bound; not the floor


@some
@given(some_round(some_rules(pricing=(HIGHEST,)), malformed=False))
def test_no_bid_that_got_less_than_it_could_take_is_left_out_of_the_highest_rejected_price(
    round_: Round,
) -> None:
    """With no cap in the way, every loser's price is below the clearing price, or the lowest winner's is."""
    free = replace(round_, buyer_limits={}, rules=replace(round_.rules, buyer_cap_share=None))
    outcome = clear(free)
    if outcome.clearing_price_fen is None:
        return
    got = {each.id: 0 for each in free.bids}
    for award in outcome.awards:
        got[award.bid] += award.quantity_steps
    prices_fen = {each.id: parse_money(str(each.price)) for each in free.bids}
    lowest_winner_fen = min(prices_fen[each] for each, steps in got.items() if steps)
    for each in free.bids:
        if got[each.id] < parse_quantity(str(each.quantity), FARMLAND):
            assert outcome.clearing_price_fen >= min(prices_fen[each.id], lowest_winner_fen)


# Dummy supply


@some
@given(some_round(malformed=False), st.integers(1, 10**6))
def test_supply_that_asks_more_than_every_bid_changes_nothing(round_: Round, lots: int) -> None:
    """So that a friend's dear listing widens nobody's cap."""
    wide = replace(round_, rules=replace(round_.rules, ceiling_fen=HIGH_FEN + 1))
    dummy = Listing("L-dummy", "C-friend", lots * wide.rules.lot_steps, HIGH_FEN + 1, True, 0)
    padded = clear(replace(wide, listings=(*wide.listings, dummy)))
    honest = clear(wide)
    assert padded.awards == honest.awards
    assert padded.clearing_price_fen == honest.clearing_price_fen
    assert padded.unsold_steps == honest.unsold_steps + dummy.quantity_steps


def test_dummy_supply_widens_a_cap_only_where_it_can_be_bought() -> None:
    supply = [listing("L1", "10"), listing("L-dummy", "90", "180", poverty=True)]
    cautious = clear(round_of(rules(share="0.5"), supply, [bid("B1", "P", "179.99", "100")]))
    assert won(cautious) == {"B1": "5"}
    caught = clear(round_of(rules(share="0.5"), supply, [bid("B1", "P", "180", "100")]))
    assert earned_fen(caught, "L-dummy") == 50 * 18000  # at the price of the dummy itself


# 1 m² withheld


def less_one_square_metre(quantity: str) -> str:
    return format_quantity(parse_quantity(quantity, FARMLAND) - 1, FARMLAND)


@pytest.mark.parametrize(("pricing", "pays"), [(PAY_AS_BID, False), (HIGHEST, False), (LOWEST, True)])
def test_a_winner_that_leaves_a_square_metre_to_a_low_bid_moves_the_lowest_accepted_price_only(
    pricing: Pricing, *, pays: bool
) -> None:
    """Why lowest-accepted pricing is not the default: one m² for a bid at the floor makes all cheap."""

    def price_fen(quantity: str) -> int:
        bids = [bid("B1", "P", "180", "4"), bid("B2", "Q", "170", quantity), bid("B3", "R", "110", "6")]
        outcome = play(pricing, [listing("L1", "10")], bids)
        return next(award.price_fen for award in outcome.awards if award.buyer == "Q")

    assert (price_fen(less_one_square_metre("6")) < price_fen("6")) is pays


@pytest.mark.parametrize(("pricing", "pays"), [(PAY_AS_BID, False), (HIGHEST, False), (LOWEST, True)])
def test_a_seller_that_withholds_the_last_square_metre_from_a_low_bid_moves_the_lowest_accepted_price_only(
    pricing: Pricing, *, pays: bool
) -> None:
    bids = [bid("B1", "P", "180", "4"), bid("B2", "Q", "170", "6"), bid("B3", "R", "110", "6")]
    full = play(pricing, [listing("L1", "10.0001")], bids)
    withheld = play(pricing, [listing("L1", "10")], bids)
    assert (earned_fen(withheld, "L1") > earned_fen(full, "L1")) is pays


def test_the_highest_rejected_price_too_has_an_edge_where_supply_just_meets_a_bid() -> None:
    """The rules' own limit, kept in view: short of a winner's last m², that winner is the one rejected.

    No seller can aim for it, since bids are sealed until the pool is fixed; pay-as-bid has no such edge.
    """
    bids = [bid("B1", "P", "180", "4"), bid("B2", "Q", "170", "6"), bid("B3", "R", "110", "6")]
    assert play(HIGHEST, [listing("L1", "10")], bids).clearing_price_fen == 11000
    assert play(HIGHEST, [listing("L1", "9.9999")], bids).clearing_price_fen == 17000


@some
@given(some_round(some_rules(pricing=(PAY_AS_BID,)), malformed=False, minimums=False), st.data())
def test_bidding_for_a_lot_less_wins_no_more_under_pay_as_bid(round_: Round, draw: st.DataObject) -> None:
    if not round_.bids:
        return
    place = draw.draw(st.integers(0, len(round_.bids) - 1))
    mine = replace(round_.bids[place], buyer="M")
    steps = parse_quantity(str(mine.quantity), FARMLAND) - round_.rules.lot_steps
    shaded = replace(mine, quantity=format_quantity(steps, FARMLAND))
    full, less = (
        clear(replace(round_, bids=(*round_.bids[:place], each, *round_.bids[place + 1 :])))
        for each in (mine, shaded)
    )
    assert bought_steps(less, "M") <= bought_steps(full, "M")
    assert paid_fen(less, "M") <= paid_fen(full, "M")


@some
@given(
    some_round(some_rules(pricing=(PAY_AS_BID,), tie=(TieRule.EARLIEST, TieRule.LOTTERY)), malformed=False),
    st.data(),
)
def test_withholding_a_lot_earns_a_county_no_more_under_pay_as_bid(
    round_: Round, draw: st.DataObject
) -> None:
    """Where all ask the floor and nothing but supply decides: the lot withheld is the one sold lowest."""
    supply = tuple(replace(each, ask_fen=None) for each in round_.listings)
    bids = tuple(replace(each, min_quantity=None) for each in round_.bids)
    plain = replace(round_, listings=supply, bids=bids, rules=replace(round_.rules, buyer_cap_share=None))
    if not supply:
        return
    place = draw.draw(st.integers(0, len(supply) - 1))
    steps = supply[place].quantity_steps - plain.rules.lot_steps
    rest = (*supply[:place], *supply[place + 1 :])
    less = (*rest, replace(supply[place], quantity_steps=steps)) if steps else rest
    rounding_fen = len(bids)  # half a fen a line, on two sets of lines
    assert earned_fen(clear(replace(plain, listings=less)), supply[place].id) <= (
        earned_fen(clear(plain), supply[place].id) + rounding_fen
    )


# A bidder that also sells (its registration is refused; the clearing gives a straw man no hold either)


@some
@given(some_round(some_rules(pricing=(LOWEST, HIGHEST)), malformed=False), st.integers(1, 40))
def test_a_sham_bid_that_wins_nothing_makes_nobody_pay_more_than_its_own_bid(
    round_: Round, lots: int
) -> None:
    """A seller's straw man bids the ceiling with a minimum that no supply can meet."""
    steps = sum(each.quantity_steps for each in round_.listings) + lots * round_.rules.lot_steps
    figure = format_quantity(steps, FARMLAND)
    minimum = None if round_.rules.tie is TieRule.PRO_RATA else figure
    sham = SealedBid("B-sham", "Z", "100.06", figure, minimum, round_.opens_at_us)
    outcome = clear(replace(round_, bids=(*round_.bids, sham)))
    offered_fen = {each.id: parse_money(str(each.price)) for each in (*round_.bids, sham)}
    assert all(award.price_fen <= offered_fen[award.bid] for award in outcome.awards)


@some
@given(some_round(some_rules(pricing=(PAY_AS_BID,)), malformed=False))
def test_under_pay_as_bid_no_other_bid_moves_what_a_winner_pays_for_a_square_metre(round_: Round) -> None:
    offered_fen = {each.id: parse_money(str(each.price)) for each in round_.bids}
    assert all(award.price_fen == offered_fen[award.bid] for award in clear(round_).awards)


def test_a_straw_man_that_wins_has_to_buy() -> None:
    supply = [listing("L-mine", "10")]
    bids = [bid("B1", "Q", "150", "10"), bid("B2", "straw", "160", "4")]
    outcome = play(PAY_AS_BID, supply, bids)
    assert won(outcome) == {"B1": "6", "B2": "4"}
    assert paid_fen(outcome, "Q") == 6 * 15000
