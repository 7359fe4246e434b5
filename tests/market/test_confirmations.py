"""Sums in capital numerals (大写), as contracts and cheques have them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.confirmations import DIGITS, GROUPS, MODE_ZH, PLACES, in_capitals
from app.market.errors import BrokenInvariant
from app.market.modes import TradeMode


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        (0, "人民币零元整"),
        (5, "人民币伍分"),
        (10, "人民币壹角整"),
        (10_05, "人民币壹拾元零伍分"),
        (1000_50, "人民币壹仟元伍角整"),
        (1005_00, "人民币壹仟零伍元整"),
        (1050_00, "人民币壹仟零伍拾元整"),
        (325_04, "人民币叁佰贰拾伍元零肆分"),
        (1680_32, "人民币壹仟陆佰捌拾元叁角贰分"),
        (6007_14, "人民币陆仟零柒元壹角肆分"),
        (107_000_53, "人民币壹拾万柒仟元伍角叁分"),
        (4_600_000_05, "人民币肆佰陆拾万元零伍分"),
        (100_000_001_00, "人民币壹亿零壹元整"),
        (1_327_500_000_00, "人民币壹拾叁亿贰仟柒佰伍拾万元整"),
        (10_005_000_000_00, "人民币壹佰亿零伍佰万元整"),
        (1_234_567_890_123_45, "人民币壹万贰仟叁佰肆拾伍亿陆仟柒佰捌拾玖万零壹佰贰拾叁元肆角伍分"),
    ],
)
def test_a_sum_is_written_in_capitals_as_on_a_cheque(fen: int, words: str) -> None:
    assert in_capitals(fen) == words


def read_back(words: str) -> int:
    """The fen that a sum in capitals names, read by its places."""
    said = words.removeprefix("人民币").removesuffix("整")
    whole, _, rest = said.rpartition("元")
    fen = 0
    for sign, worth in (("角", 10), ("分", 1)):
        if sign in rest:
            fen += DIGITS.index(rest[rest.index(sign) - 1]) * worth

    def number(text: str) -> int:
        for size, group in GROUPS:
            if group in text:
                high, low = text.rsplit(group, 1)
                return number(high) * size + number(low)
        total, digit = 0, 0
        for sign in text:
            if sign in DIGITS:
                digit = DIGITS.index(sign)
            else:
                total += digit * int(10 ** PLACES.index(sign))
                digit = 0
        return total + digit

    return number(whole) * 100 + fen


@given(st.integers(0, 10**17))
def test_a_sum_in_capitals_names_just_that_sum(fen: int) -> None:
    words = in_capitals(fen)
    assert read_back(words) == fen
    assert "零零" not in words and "零元" not in words.removeprefix("人民币零元")


def test_there_is_no_sum_below_zero_and_every_mode_has_its_name() -> None:
    with pytest.raises(BrokenInvariant):
        in_capitals(-1)
    assert MODE_ZH.keys() == set(TradeMode)
