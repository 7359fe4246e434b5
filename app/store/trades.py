"""Trades (成交) with a line per listing, from award to settlement (划转)."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market.indicators import Indicator
from app.market.trades import LineState, TradeState
from app.store import columns


class Trade(SQLModel, table=True):
    """One winning bid or one filled need; all its lines settle together (RULES 11)."""

    __table_args__ = (
        columns.one_of("trade", "state", TradeState),
        CheckConstraint("(auction_id IS NULL) <> (allocation_id IS NULL)", name="ck_trade_source"),
        UniqueConstraint("auction_id", "bid_id"),
        UniqueConstraint("allocation_id", "need_id"),
        Index(
            "ix_trade_payment_due",
            "payment_due_at",
            postgresql_where=text("state IN ('AWARDED', 'CONFIRMED')"),
        ),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    buyer: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    need_id: int = Field(sa_column=columns.refers("need.id", index=True))
    auction_id: int | None = Field(default=None, sa_column=columns.refers("auction.id", nullable=True))
    bid_id: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    allocation_id: int | None = Field(default=None, sa_column=columns.refers("allocation.id", nullable=True))
    state: str = Field(sa_column=columns.text())
    amount: int = Field(sa_column=columns.count())
    deposit: int = Field(default=0, sa_column=columns.count(default=0))
    awarded_at: datetime = Field(sa_column=columns.instant())
    notice_ends_at: datetime = Field(sa_column=columns.instant())
    payment_due_at: datetime = Field(sa_column=columns.instant())
    confirmed_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    paid_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    ended_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    end_reason: str | None = Field(default=None, sa_column=columns.text(nullable=True))


class TradeLine(SQLModel, table=True):
    """What a trade takes from one listing, at its price (fen per unit) and amount (fen)."""

    __tablename__ = "trade_line"
    __table_args__ = (
        UniqueConstraint("trade_id", "listing_id"),
        columns.one_of("trade_line", "state", LineState),
        columns.one_of("trade_line", "indicator", Indicator),
        CheckConstraint("quantity > 0", name="ck_trade_line_quantity"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    trade_id: int = Field(sa_column=columns.refers("trade.id"))
    listing_id: int = Field(sa_column=columns.refers("listing.id", index=True))
    seller: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    batch_id: int = Field(sa_column=columns.refers("batch.id"))
    indicator: str = Field(sa_column=columns.text())
    quantity: int = Field(sa_column=columns.count())
    price: int = Field(sa_column=columns.count())
    amount: int = Field(sa_column=columns.count())
    state: str = Field(sa_column=columns.text())
