"""Units (RULES 1): plain decimal strings, exact integers, and one rounding."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.errors import BadQuantity
from app.market.indicators import UNIT, Indicator
from app.market.units import (
    MAX_STEPS,
    amount_fen,
    divide_half_up,
    format_decimal,
    format_money,
    format_quantity,
    mu,
    parse_decimal,
    parse_money,
    parse_quantity,
    wan_yuan,
)


@given(st.integers(0, MAX_STEPS), st.sampled_from([0, 2, 4, 6]))
def test_what_is_printed_reads_back(steps: int, places: int) -> None:
    assert parse_decimal(format_decimal(steps, places), places) == steps


@given(st.sampled_from(Indicator), st.integers(0, MAX_STEPS))
def test_quantities_print_with_the_places_of_their_unit(indicator: Indicator, steps: int) -> None:
    printed = format_quantity(steps, indicator)
    assert len(printed.split(".")[1]) == UNIT[indicator].places
    assert parse_quantity(printed, indicator) == steps


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("1", 10_000),
        ("1.5", 15_000),
        ("0.0001", 1),
        ("007.0000", 70_000),
        ("0", 0),
        ("0" * 5000 + "1", 10_000),
    ],
)
def test_fewer_places_than_the_unit_and_leading_zeros_are_fine(text: str, steps: int) -> None:
    assert parse_decimal(text, 4) == steps


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1\n",
        "+1",
        "-1",
        "1e3",
        "1.",
        ".5",
        "1,000",
        "0x10",
        "١",
        "1.2.3",
        "NaN",
        "1_000",
        "１",
    ],
)
def test_anything_but_digits_and_a_point_is_refused(text: str) -> None:
    with pytest.raises(BadQuantity, match="no plain decimal"):
        parse_decimal(text, 4, field="quantity")


def test_more_places_than_the_unit_are_refused_even_as_zeros() -> None:
    with pytest.raises(BadQuantity, match="more than 4"):
        parse_decimal("1.00000", 4)
    with pytest.raises(BadQuantity, match="more than 2"):
        parse_money("1.000")


@pytest.mark.parametrize("text", ["922337203685477.5808", "9" * 19, "9" * 5000])
def test_more_than_64_bits_is_refused(text: str) -> None:
    with pytest.raises(BadQuantity, match="64 bits"):
        parse_decimal(text, 4)


def test_the_last_value_of_64_bits_is_read() -> None:
    assert parse_decimal("922337203685477.5807", 4) == MAX_STEPS


@given(st.integers(0, 10**30), st.integers(1, 10**20))
def test_half_a_step_is_rounded_up_and_less_is_dropped(numerator: int, denominator: int) -> None:
    quotient = divide_half_up(numerator, denominator)
    assert 2 * quotient * denominator <= 2 * numerator + denominator < 2 * (quotient + 1) * denominator
    assert divide_half_up(2 * numerator + 1, 2) == numerator + 1


@given(st.integers(0, MAX_STEPS), st.integers(0, MAX_STEPS), st.sampled_from(Indicator))
def test_an_amount_is_price_times_quantity_rounded_half_up_once(
    price_fen: int, steps: int, indicator: Indicator
) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(price_fen) * steps / UNIT[indicator].steps
        assert amount_fen(price_fen, steps, indicator) == int(exact.quantize(Decimal(1), "ROUND_HALF_UP"))


def test_the_order_of_300_hectares_costs_what_the_papers_say() -> None:
    # 300 hm² × 442.5 万元 = 132,750 万元, to the fen.
    cost_fen = amount_fen(parse_money("4425000.00"), 300 * 10_000, Indicator.LINKAGE_QUOTA)
    assert wan_yuan(cost_fen) == "132750.000000"
    assert format_money(cost_fen) == "1327500000.00"


def test_a_hectare_is_15_mu_exactly() -> None:
    assert mu(10_000) == "15.0000"
    assert mu(1) == "0.0015"


def test_differences_print_with_their_sign() -> None:
    assert format_decimal(-5, 4) == "-0.0005"
    assert format_decimal(-12, 0) == "-12"
