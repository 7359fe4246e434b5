"""What holds of every round, drawn by Hypothesis (DESIGN: properties of the clearing; RULES 10).

Where a property needs a condition, its test says which, and a test beside it shows that the condition is
needed.
"""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from app.market.auctions import Outcome, Pricing, Round, SealedBid, TieRule
from app.market.clearing import clear, share_out
from app.market.units import format_money, format_quantity, parse_money, parse_quantity
from tests.market.reference_clearing import clear_by_the_book
from tests.market.rounds import FARMLAND, HIGH_FEN, bid, bought_steps, listing, round_of, rules, some_round

some = settings(max_examples=150, deadline=None, database=None)


@settings(some, max_examples=400)
@given(some_round())
def test_the_clearing_does_what_the_text_says(round_: Round) -> None:
    assert clear(round_) == clear_by_the_book(round_)


@some
@given(some_round())
def test_the_outcome_recomputed_is_equal(round_: Round) -> None:
    assert clear(round_) == clear(replace(round_, bids=tuple(round_.bids), listings=tuple(round_.listings)))


@some
@given(some_round(), st.data())
def test_the_order_of_bids_and_listings_in_the_record_changes_nothing(
    round_: Round, draw: st.DataObject
) -> None:
    shuffled = replace(
        round_,
        bids=tuple(draw.draw(st.permutations(round_.bids))),
        listings=tuple(draw.draw(st.permutations(round_.listings))),
    )
    assert clear(shuffled) == clear(round_)


@some
@given(some_round())
def test_nothing_is_oversold_and_nobody_gets_more_than_asked_for(round_: Round) -> None:
    outcome = clear(round_)
    for each in round_.listings:
        drawn = [award for award in outcome.awards if award.listing == each.id]
        assert sum(award.quantity_steps for award in drawn) <= each.quantity_steps
        assert all(award.price_fen >= (each.ask_fen or round_.rules.floor_fen) for award in drawn)
    for placed in round_.bids:
        drawn = [award for award in outcome.awards if award.bid == placed.id]
        if drawn:
            steps = sum(award.quantity_steps for award in drawn)
            assert steps <= parse_quantity(str(placed.quantity), FARMLAND)
            assert steps >= (parse_quantity(str(placed.min_quantity), FARMLAND) if placed.min_quantity else 1)
            assert all(award.price_fen <= parse_money(str(placed.price)) for award in drawn)
            assert steps % round_.rules.lot_steps == 0
    for buyer, limit_steps in round_.buyer_limits.items():
        assert bought_steps(outcome, buyer) <= limit_steps
    supply_steps = sum(each.quantity_steps for each in round_.listings)
    assert outcome.sold_steps + outcome.unsold_steps == supply_steps
    assert outcome.sold_steps == sum(award.quantity_steps for award in outcome.awards)


@some
@given(some_round())
def test_one_uniform_price_lies_between_what_sold_listings_ask_and_what_winners_offer(round_: Round) -> None:
    outcome = clear(round_)
    if round_.rules.pricing is Pricing.PAY_AS_BID or not outcome.awards:
        assert outcome.clearing_price_fen is None
        return
    assert {award.price_fen for award in outcome.awards} == {outcome.clearing_price_fen}


@some
@given(some_round())
def test_the_two_uniform_prices_sell_the_same_quantities_and_the_rejected_one_is_never_dearer(
    round_: Round,
) -> None:
    accepted, rejected = (
        clear(replace(round_, rules=replace(round_.rules, pricing=pricing)))
        for pricing in (Pricing.UNIFORM_LOWEST_ACCEPTED, Pricing.UNIFORM_HIGHEST_REJECTED)
    )
    assert won_steps(accepted) == won_steps(rejected)
    if accepted.clearing_price_fen is not None and rejected.clearing_price_fen is not None:
        assert rejected.clearing_price_fen <= accepted.clearing_price_fen


def won_steps(outcome: Outcome) -> dict[str, int]:
    steps: dict[str, int] = {}
    for award in outcome.awards:
        steps[award.bid] = steps.get(award.bid, 0) + award.quantity_steps
    return steps


@st.composite
def round_and_one_bid(draw: st.DrawFn) -> tuple[Round, int]:
    """A round of well-formed bids and the place of one of them."""
    round_ = draw(some_round(malformed=False).filter(lambda each: bool(each.bids)))
    return round_, draw(st.integers(0, len(round_.bids) - 1))


def with_bids(round_: Round, place: int, *instead: SealedBid) -> Round:
    return replace(round_, bids=(*round_.bids[:place], *instead, *round_.bids[place + 1 :]))


def without_own_minimums(round_: Round, buyer: str) -> Round:
    return replace(
        round_,
        bids=tuple(replace(each, min_quantity=None) if each.buyer == buyer else each for each in round_.bids),
    )


# Raising a price


@some
@given(round_and_one_bid(), st.data())
def test_raising_the_price_of_a_buyers_only_bid_never_lowers_what_it_wins(
    case: tuple[Round, int], draw: st.DataObject
) -> None:
    """Under every pricing and tie rule, with minimums, caps and asks: nobody new is ahead."""
    round_, place = case
    mine = replace(round_.bids[place], buyer="M")
    others = with_bids(round_, place, mine)
    raised_fen = draw.draw(st.integers(parse_money(str(mine.price)), HIGH_FEN))
    raised = with_bids(others, place, replace(mine, price=format_money(raised_fen)))
    assert bought_steps(clear(raised), "M") >= bought_steps(clear(others), "M")


@some
@given(round_and_one_bid(), st.data())
def test_raising_one_of_several_bids_never_lowers_what_a_buyer_without_minimums_wins(
    case: tuple[Round, int], draw: st.DataObject
) -> None:
    """What the raised bid takes earlier, the buyer's own other bids lose at most."""
    round_, place = case
    mine = replace(round_.bids[place], min_quantity=None)
    plain = without_own_minimums(round_, mine.buyer)
    raised_fen = draw.draw(st.integers(parse_money(str(mine.price)), HIGH_FEN))
    raised = with_bids(plain, place, replace(mine, price=format_money(raised_fen)))
    assert bought_steps(clear(raised), mine.buyer) >= bought_steps(clear(plain), mine.buyer)


def test_a_buyer_can_starve_its_own_minimum_by_raising_another_of_its_bids() -> None:
    def wins(price: str) -> int:
        bids = [bid("B1", "P", "150", "8", "8"), bid("B2", "P", price, "4")]
        return bought_steps(clear(round_of(rules(), [listing("L1", "10")], bids)), "P")

    assert wins("140") == 100_000
    assert wins("160") == 40_000


# Splitting a bid


@some
@given(round_and_one_bid(), st.data())
def test_splitting_a_bid_never_raises_what_a_buyer_without_minimums_wins(
    case: tuple[Round, int], draw: st.DataObject
) -> None:
    """Two bids at the same price that add up to one, the second received at the same time or later."""
    round_, place = case
    plain = without_own_minimums(round_, round_.bids[place].buyer)
    whole = plain.bids[place]
    lots = parse_quantity(str(whole.quantity), FARMLAND) // plain.rules.lot_steps
    first_lots = draw.draw(st.integers(0, lots))
    parts = [
        replace(
            whole,
            id=f"{whole.id}{suffix}",
            quantity=format_quantity(part_lots * plain.rules.lot_steps, FARMLAND),
            received_at_us=whole.received_at_us + later_us,
        )
        for suffix, part_lots, later_us in (
            ("", first_lots, 0),
            ("-2", lots - first_lots, draw.draw(st.integers(0, 4))),
        )
    ]
    split = with_bids(plain, place, *parts)
    assert bought_steps(clear(split), whole.buyer) <= bought_steps(clear(plain), whole.buyer)


def test_splitting_a_bid_with_a_minimum_gives_up_the_minimum() -> None:
    whole = [bid("B1", "P", "150", "8", "8")]
    parts = [bid("B1", "P", "150", "4", "4"), bid("B2", "P", "150", "4", "4")]
    supply = [listing("L1", "6")]
    assert bought_steps(clear(round_of(rules(), supply, whole)), "P") == 0
    assert bought_steps(clear(round_of(rules(), supply, parts)), "P") == 40_000


# Sharing


@some
@given(
    st.dictionaries(st.text(max_size=3), st.integers(0, 40), max_size=8),
    st.integers(0, 200),
    st.sampled_from([1, 7, 10_000]),
)
def test_a_group_shares_all_there_is_and_nobody_is_a_lot_off_its_proportion(
    wanted_lots: dict[str, int], headroom_lots: int, lot_steps: int
) -> None:
    wanted = {buyer: lots * lot_steps for buyer, lots in wanted_lots.items()}
    headroom_steps = headroom_lots * lot_steps
    total_steps = sum(wanted.values())
    parts = share_out(wanted, headroom_steps, lot_steps)
    assert sum(parts.values()) == min(total_steps, headroom_steps)
    for buyer, steps in parts.items():
        assert 0 <= steps <= wanted[buyer]
        assert steps % lot_steps == 0
        if total_steps > headroom_steps:
            off = abs(steps * total_steps - wanted[buyer] * headroom_steps)
            assert off < lot_steps * total_steps


@some
@given(some_round(malformed=False))
def test_equal_buyers_of_a_group_are_at_most_a_lot_apart(round_: Round) -> None:
    shared = replace(round_.rules, tie=TieRule.PRO_RATA, buyer_cap_share=None)
    alike = tuple(
        replace(each, buyer=f"U{place}", price="100.03", quantity="100", min_quantity=None)
        for place, each in enumerate(round_.bids)
    )
    won = won_steps(clear(replace(round_, rules=shared, buyer_limits={}, bids=alike)))
    got = [won.get(each.id, 0) for each in alike]
    assert not got or max(got) - min(got) <= shared.lot_steps
