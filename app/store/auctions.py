"""Sealed-bid auctions (场次): announcements, pools, registrations, sealed bids, results."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Index, Integer, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market.auctions import AuctionState
from app.market.indicators import Indicator
from app.store import columns


class Auction(SQLModel, table=True):
    """An announced auction; its rules, band and policies are those of the announcement."""

    __table_args__ = (
        columns.one_of("auction", "state", AuctionState),
        columns.one_of("auction", "indicator", Indicator),
        CheckConstraint("opens_at < closes_at", name="ck_auction_window"),
        CheckConstraint("(outcome IS NULL) = (record IS NULL)", name="ck_auction_published"),
        Index("ix_auction_due", "closes_at", postgresql_where=text("state IN ('ANNOUNCED', 'CLOSED')")),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    indicator: str = Field(sa_column=columns.text())
    state: str = Field(sa_column=columns.text())
    announced_at: datetime = Field(sa_column=columns.instant())
    opens_at: datetime = Field(sa_column=columns.instant())
    closes_at: datetime = Field(sa_column=columns.instant())
    pricing: str = Field(sa_column=columns.text())
    tie: str = Field(sa_column=columns.text())
    lot: int = Field(sa_column=columns.count())
    floor: int = Field(sa_column=columns.count())
    ceiling: int = Field(sa_column=columns.count())
    buyer_cap_share: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    deposit_rate: str = Field(sa_column=columns.text())
    bids_per_buyer: int = Field(sa_column=Column(Integer, nullable=False))
    public_key: bytes = Field(sa_column=columns.octets())
    wrapped_private_key: bytes = Field(sa_column=columns.octets())
    ended_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    end_reason: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    record: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    outcome: str | None = Field(default=None, sa_column=columns.text(nullable=True))


class AuctionLot(SQLModel, table=True):
    """What a listing brings into an auction's pool: whole lots; the rest stays on the listing."""

    __tablename__ = "auction_lot"
    __table_args__ = (CheckConstraint("quantity > 0", name="ck_auction_lot_quantity"),)

    auction_id: int = Field(sa_column=columns.refers("auction.id", primary_key=True))
    listing_id: int = Field(sa_column=columns.refers("listing.id", primary_key=True, index=True))
    quantity: int = Field(sa_column=columns.count())
    ask: int | None = Field(default=None, sa_column=columns.count(nullable=True))


class Registration(SQLModel, table=True):
    """A buyer's registration (报名): its limit, the need it reserves, the deposit it holds (fen)."""

    __table_args__ = (
        UniqueConstraint("auction_id", "buyer"),
        CheckConstraint("limit_quantity > 0", name="ck_registration_limit"),
        CheckConstraint("deposit >= 0", name="ck_registration_deposit"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    auction_id: int = Field(sa_column=columns.refers("auction.id"))
    buyer: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    need_id: int = Field(sa_column=columns.refers("need.id", index=True))
    limit_quantity: int = Field(sa_column=columns.count())
    deposit: int = Field(sa_column=columns.count())
    registered_at: datetime = Field(sa_column=columns.instant())
    withdrawn_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))


class Bid(SQLModel, table=True):
    """A sealed bid: ciphertext, its SHA-256, and when the database's clock received it.

    A bid in force has neither ``replaced_by`` nor ``withdrawn_at``.
    """

    __table_args__ = (
        Index(
            "ix_bid_in_force",
            "auction_id",
            "buyer",
            postgresql_where=text("replaced_by IS NULL AND withdrawn_at IS NULL"),
        ),
    )

    id: str = Field(sa_column=columns.text(primary_key=True))
    auction_id: int = Field(sa_column=columns.refers("auction.id"))
    buyer: str = Field(sa_column=columns.refers("jurisdiction.code"))
    sealed: bytes = Field(sa_column=columns.octets())
    digest: bytes = Field(sa_column=columns.octets())
    received_at: datetime = Field(sa_column=columns.instant())
    replaced_by: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    withdrawn_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
