"""Trades (成交): states of a trade and of its lines (RULES 11)."""

from enum import StrEnum


class TradeState(StrEnum):
    """From award to settlement (划转); default and voiding end it before that."""

    AWARDED = "AWARDED"
    CONFIRMED = "CONFIRMED"  # 成交确认书
    PAID = "PAID"
    SETTLED = "SETTLED"
    DEFAULTED = "DEFAULTED"
    VOIDED = "VOIDED"


class TradeEvent(StrEnum):
    """What can happen to a trade."""

    CONFIRM = "confirm"
    PAY = "pay"
    SETTLE = "settle"
    DEFAULT = "default"
    VOID = "void"


class LineState(StrEnum):
    """A voided line drops out of its trade; the others go on."""

    ACTIVE = "ACTIVE"
    VOIDED = "VOIDED"


TRANSITIONS: dict[tuple[TradeState, TradeEvent], TradeState] = {
    (TradeState.AWARDED, TradeEvent.CONFIRM): TradeState.CONFIRMED,
    (TradeState.CONFIRMED, TradeEvent.PAY): TradeState.PAID,
    (TradeState.PAID, TradeEvent.SETTLE): TradeState.SETTLED,
    (TradeState.AWARDED, TradeEvent.DEFAULT): TradeState.DEFAULTED,
    (TradeState.CONFIRMED, TradeEvent.DEFAULT): TradeState.DEFAULTED,
    (TradeState.AWARDED, TradeEvent.VOID): TradeState.VOIDED,
    (TradeState.CONFIRMED, TradeEvent.VOID): TradeState.VOIDED,
    (TradeState.PAID, TradeEvent.VOID): TradeState.VOIDED,
}
