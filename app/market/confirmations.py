"""Confirmations (成交确认书): what their letters and public records say, and sums in 大写."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.market.errors import Conflict, ensure
from app.market.modes import TradeMode
from app.market.trades import Trade

MODE_ZH: Mapping[TradeMode, str] = {
    TradeMode.KEY_FIXED_PRICE: "重点项目定价",
    TradeMode.AUCTION: "竞价",
    TradeMode.UNIFIED_PRICE: "统一限价",
    TradeMode.MARKET: "市场交易",
}

DIGITS = "零壹贰叁肆伍陆柒捌玖"
PLACES = ("", "拾", "佰", "仟")
GROUPS = ((10**8, "亿"), (10**4, "万"))


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A confirmed trade with what its letter names beside it.

    ``names`` are those of the day of the confirmation, by code, so that a letter never changes with a later
    name; ``filing_nos`` the filing number (备案编号) of each batch's project, by batch.
    """

    trade: Trade
    names: Mapping[str, str]
    filing_nos: Mapping[int, str | None]


def refuse_unconfirmed(trade: Trade, named: str) -> None:
    """Raise Conflict for a trade without a confirmation: there is nothing to print."""
    if trade.confirmation_number is None:
        raise Conflict(
            "not_confirmed",
            f"Trade {named} is {trade.state}; a trade has its letter from its confirmation on.",
            state=trade.state.value,
        )


def in_capitals(fen: int) -> str:
    """Print money in capital numerals, as cheques and contracts have it: 人民币壹仟零伍元伍角整."""
    ensure(fen >= 0, "capital numerals are for sums of money")
    yuan, rest = divmod(fen, 100)
    jiao, cents = divmod(rest, 10)
    whole = f"{_spoken(yuan)}元" if yuan else ""
    if not rest:
        return f"人民币{whole or '零元'}整"
    tenths = f"{DIGITS[jiao]}角" if jiao else "零" if yuan else ""
    return f"人民币{whole}{tenths}" + (f"{DIGITS[cents]}分" if cents else "整")


def _spoken(number: int) -> str:
    """A whole number above zero: groups of four digits, with one 零 for any zeros between two digits."""
    for size, group in GROUPS:
        high, low = divmod(number, size)
        if high:
            rest = ("零" if low < size // 10 else "") + _spoken(low) if low else ""
            return f"{_spoken(high)}{group}{rest}"
    said = ""
    gap = False
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit:
            said += ("零" if gap and said else "") + DIGITS[digit] + PLACES[place]
        gap = digit == 0
    return said
