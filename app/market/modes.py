"""Trade modes (调剂方式, [N] 五): the ways in which an indicator is sold, and which are open where."""

from collections.abc import Set as AbstractSet
from enum import StrEnum

from app.market.errors import RuleBroken
from app.market.indicators import Indicator


class TradeMode(StrEnum):
    """How a trade came about."""

    KEY_FIXED_PRICE = "key_fixed_price"  # 重点项目定价
    AUCTION = "auction"  # 竞价
    UNIFIED_PRICE = "unified_price"  # 统一限价
    MARKET = "market"  # 市场


class PurchaseMode(StrEnum):
    """The modes in which a buyer takes what is listed at once, without a round of bids."""

    UNIFIED_PRICE = TradeMode.UNIFIED_PRICE.value
    MARKET = TradeMode.MARKET.value


OPEN_MODES = (TradeMode.AUCTION, TradeMode.UNIFIED_PRICE, TradeMode.MARKET)
"""What policy may permit to needs that are no key project's; those are served at the fixed price."""


def refuse_mode(
    mode: TradeMode, indicator: Indicator, permitted: AbstractSet[TradeMode], *, field: str
) -> None:
    """Raise RuleBroken where the policy in force does not sell ``indicator`` in this mode."""
    if mode not in permitted:
        others = [each.value for each in OPEN_MODES if each in permitted]
        raise RuleBroken(
            "mode_not_permitted",
            f"By the policy trade_modes in force {indicator} is not sold by {mode}, only by "
            f"{' or '.join(others)}.",
            field=field,
            indicator=indicator.value,
            mode=mode.value,
            permitted=others,
        )
