"""Purchases: who sells at the unified price, and what a market sale costs, by example and by property."""

from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.bands import Band
from app.market.errors import Conflict, RuleBroken
from app.market.indicators import UNIT, Indicator
from app.market.modes import OPEN_MODES, PurchaseMode, TradeMode, refuse_mode
from app.market.purchases import (
    OnOffer,
    Order,
    Taken,
    deposit_fen,
    fill,
    market_price_fen,
    refuse_beyond_need,
    refuse_fractions_of_lots,
    refuse_uncountable,
    take,
    unified_price_fen,
)
from app.market.queue import queue_order
from app.market.units import MOST_AMOUNT_FEN, amount_fen

LAND, GRAIN = Indicator.FARMLAND_QUANTITY, Indicator.GRAIN_CAPACITY
BAND = Band(300_000_00, 450_000_00, 300_000_00, unified_price_fen=320_000_00)


def offer(id_: str, steps: int, ask: int | None = None, *, poverty: bool = False, at: int = 0) -> OnOffer:
    return OnOffer(id_, steps, ask, poverty, at)


def order(wanted: int, least: int = 1, *, lot: int = 1, indicator: Indicator = LAND) -> Order:
    return Order(indicator, wanted, least, lot)


def steps_of(taken: tuple[Taken, ...]) -> dict[str, int]:
    return {each.listing: each.quantity_steps for each in taken}


def test_poverty_counties_sell_first_then_the_earlier_listing_then_the_lower_id() -> None:
    offers = [
        offer("b", 10, at=1),
        offer("a", 10, at=1),
        offer("c", 10),
        offer("z", 10, at=9, poverty=True),
    ]
    assert steps_of(fill(order(35), offers, 500)) == {"z": 10, "c": 10, "a": 10, "b": 5}


def test_who_asks_more_than_the_unified_price_is_left_alone() -> None:
    offers = [offer("dear", 9, 501, poverty=True), offer("just", 2, 500), offer("silent", 3)]
    assert steps_of(fill(order(9), offers, 500)) == {"just": 2, "silent": 3}


def test_a_fill_below_its_least_is_refused_with_what_there_is() -> None:
    offers = [offer("a", 30), offer("dear", 100, 501)]
    assert steps_of(fill(order(90, 30), offers, 500)) == {"a": 30}
    with pytest.raises(Conflict) as refusal:
        fill(order(90, 31), offers, 500)
    assert refusal.value.code == "not_enough_on_offer"
    assert refusal.value.facts == {"on_offer": "0.0030", "least": "0.0031", "price": "5.00"}
    with pytest.raises(Conflict):
        fill(order(1), [], 500)


def test_of_each_listing_only_whole_lots_are_sold() -> None:
    offers = [offer("a", 29), offer("b", 9), offer("c", 10)]
    assert steps_of(fill(order(90, lot=10), offers, 500)) == {"a": 20, "c": 10}
    with pytest.raises(Conflict):
        take(order(30, lot=10), offers[0], 500)
    assert take(order(20, lot=10), offers[0], 500) == Taken("a", 20, 1)


def test_amounts_are_rounded_half_up_on_each_line() -> None:
    lines = fill(order(300, indicator=GRAIN), [offer("a", 50), offer("b", 49), offer("c", 300)], 1)
    assert [(each.quantity_steps, each.amount_fen) for each in lines] == [(50, 1), (49, 0), (201, 2)]


def test_a_market_price_is_the_ask_and_without_one_the_floor_in_force() -> None:
    assert market_price_fen(None, BAND, agreed_fen=300_000_00) == 300_000_00
    assert market_price_fen(450_000_00, BAND, agreed_fen=450_000_00) == 450_000_00


@pytest.mark.parametrize("ask", [299_999_99, 450_000_01])
def test_an_ask_that_has_fallen_out_of_the_band_is_not_sold_at(ask: int) -> None:
    with pytest.raises(Conflict) as refusal:
        market_price_fen(ask, BAND, agreed_fen=ask)
    assert refusal.value.code == "ask_outside_band"


@pytest.mark.parametrize("agreed", [299_999_99, 300_000_01])
def test_another_price_than_was_agreed_to_is_refused_with_the_present_one(agreed: int) -> None:
    with pytest.raises(Conflict) as refusal:
        market_price_fen(None, BAND, agreed_fen=agreed)
    assert (refusal.value.code, refusal.value.facts["present"]) == ("price_differs", "300000.00")
    with pytest.raises(Conflict):
        unified_price_fen(BAND, LAND, agreed_fen=agreed)


def test_a_unified_price_need_not_be_agreed_to_but_must_be_there() -> None:
    assert unified_price_fen(BAND, LAND, agreed_fen=None) == 320_000_00
    assert unified_price_fen(BAND, LAND, agreed_fen=320_000_00) == 320_000_00
    with pytest.raises(RuleBroken) as refusal:
        unified_price_fen(replace(BAND, unified_price_fen=None), LAND, agreed_fen=None)
    assert refusal.value.code == "no_unified_price"


@pytest.mark.parametrize("wanted", [0, 5, 15])
def test_an_order_is_whole_lots(wanted: int) -> None:
    with pytest.raises(RuleBroken) as refusal:
        refuse_fractions_of_lots(order(wanted, 10, lot=10))
    assert (refusal.value.code, refusal.value.field) == ("not_a_lot_multiple", "quantity")


@pytest.mark.parametrize("least", [0, 5, 30])
def test_its_least_is_whole_lots_up_to_what_is_wanted(least: int) -> None:
    refuse_fractions_of_lots(order(20, 20, lot=10))
    with pytest.raises(RuleBroken) as refusal:
        refuse_fractions_of_lots(order(20, least, lot=10))
    assert (refusal.value.code, refusal.value.field) == ("bad_min_quantity", "min_quantity")


def test_an_order_is_at_most_what_the_need_has_open() -> None:
    refuse_beyond_need(order(10), need="N1", state="APPROVED", open_steps=10)
    with pytest.raises(RuleBroken) as refusal:
        refuse_beyond_need(order(11), need="N1", state="APPROVED", open_steps=10)
    assert refusal.value.facts == {"open": "0.0010", "quantity": "0.0011"}


def test_a_lot_is_worth_a_fen_and_all_of_it_no_more_than_can_be_counted() -> None:
    refuse_uncountable(order(100, lot=100), 100)
    with pytest.raises(RuleBroken) as refusal:
        refuse_uncountable(order(100, lot=100), 99)
    assert refusal.value.code == "lot_worth_nothing"
    most = MOST_AMOUNT_FEN // 100
    refuse_uncountable(order(most, lot=1), UNIT[LAND].steps * 100)
    with pytest.raises(RuleBroken) as refusal:
        refuse_uncountable(order(most + 1, lot=1), UNIT[LAND].steps * 100)
    assert refusal.value.code == "quantity_too_large"


@pytest.mark.parametrize(("amount", "held"), [(100, 10), (104, 10), (105, 11), (0, 0), (4, 0), (5, 1)])
def test_a_deposit_is_its_share_of_the_amount_rounded_half_up(amount: int, held: int) -> None:
    assert deposit_fen(Fraction("0.10"), amount) == held


def test_a_mode_that_is_not_permitted_is_refused_with_those_that_are() -> None:
    refuse_mode(TradeMode.MARKET, LAND, frozenset(OPEN_MODES), field="mode")
    with pytest.raises(RuleBroken) as refusal:
        refuse_mode(TradeMode.MARKET, LAND, {TradeMode.UNIFIED_PRICE, TradeMode.AUCTION}, field="mode")
    assert refusal.value.facts["permitted"] == ["auction", "unified_price"]
    assert {TradeMode(mode) for mode in PurchaseMode} == set(OPEN_MODES) - {TradeMode.AUCTION}


OFFERS = st.lists(
    st.builds(
        OnOffer,
        st.uuids().map(str),
        st.integers(1, 10**6),
        st.none() | st.integers(1, 1000),
        st.booleans(),
        st.integers(0, 5),
    ),
    max_size=12,
    unique_by=lambda each: each.id,
)
PRICES = st.integers(1, 1000)
LOTS = st.sampled_from([1, 7, 100])
FEW = st.integers(1, 10**4)


def in_lots(lot: int, wanted: int, least: int) -> Order:
    return order(wanted * lot, min(wanted, least) * lot, lot=lot)


@given(OFFERS, PRICES, st.builds(in_lots, LOTS, FEW, FEW), st.randoms())
def test_a_fill_is_of_the_willing_in_whole_lots_in_the_order_of_the_queue(
    offers: list[OnOffer], price: int, asked: Order, chance: Random
) -> None:
    lot = asked.lot_steps
    by_id = {each.id: each for each in offers}
    willing = [each for each in offers if each.ask_fen is None or each.ask_fen <= price]
    supply = sum(each.quantity_steps // lot * lot for each in willing)
    try:
        taken = fill(asked, offers, price)
    except Conflict:
        assert supply < asked.least_steps
        return
    total = sum(each.quantity_steps for each in taken)
    assert total == min(supply, asked.wanted_steps), "all there is, never more than wanted"
    for each in taken:
        source = by_id[each.listing]
        assert source in willing
        assert 0 < each.quantity_steps <= source.quantity_steps
        assert each.quantity_steps % lot == 0
        assert each.amount_fen == amount_fen(price, each.quantity_steps, LAND)
    queue = [each.id for each in sorted(willing, key=queue_order) if each.quantity_steps >= lot]
    assert [each.listing for each in taken] == queue[: len(taken)], "nobody in the queue is passed over"
    for each in taken[:-1]:
        assert each.quantity_steps == by_id[each.listing].quantity_steps // lot * lot
    chance.shuffle(offers)
    assert fill(asked, offers, price) == taken, "the order in which offers are named says nothing"


@given(OFFERS, PRICES, st.integers(1, 10**6))
def test_the_queue_decides_whose_is_sold_and_never_how_much_or_at_what_price(
    offers: list[OnOffer], price: int, wanted: int
) -> None:
    turned = [replace(each, poverty=not each.poverty, listed_at_us=9 - each.listed_at_us) for each in offers]
    asked = order(wanted)
    try:
        here = fill(asked, offers, price)
    except Conflict:
        with pytest.raises(Conflict):
            fill(asked, turned, price)
        return
    there = fill(asked, turned, price)
    assert sum(each.quantity_steps for each in here) == sum(each.quantity_steps for each in there)
    for each in (*here, *there):
        assert each.amount_fen == amount_fen(price, each.quantity_steps, LAND)


@given(st.none() | st.integers(1, 1000), st.integers(1, 1000), st.integers(0, 500), st.integers(1, 1000))
def test_a_market_price_lies_in_the_band_and_is_what_was_agreed(
    ask: int | None, floor: int, width: int, agreed: int
) -> None:
    band = Band(floor, floor + width, floor)
    try:
        price = market_price_fen(ask, band, agreed_fen=agreed)
    except Conflict:
        assert agreed != (floor if ask is None else ask) or not band.holds(agreed)
        return
    assert price == agreed == (floor if ask is None else ask)
    assert band.holds(price)
