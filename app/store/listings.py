"""Listings (挂牌): what counties offer, and the lock that holds it."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.market.indicators import Indicator
from app.market.listings import ListingState
from app.store import columns


class Listing(SQLModel, table=True):
    """A quantity of one reserve batch on offer; ``quantity - settled`` is locked until it ends.

    ``awarded`` counts what trades have taken (settled or waiting), ``settled`` what has left; what a
    buyer can still get is ``quantity - awarded``.
    """

    __table_args__ = (
        columns.one_of("listing", "state", ListingState),
        columns.one_of("listing", "indicator", Indicator),
        CheckConstraint(
            "0 < quantity AND 0 <= settled AND settled <= awarded AND awarded <= quantity",
            name="ck_listing_quantities",
        ),
        CheckConstraint("(state = 'IN_AUCTION') = (auction_id IS NOT NULL)", name="ck_listing_auction"),
        Index(
            "ix_listing_queue",
            "indicator",
            text("poverty DESC"),
            "listed_at",
            "id",
            postgresql_where=text("state IN ('LISTED', 'IN_AUCTION')"),
        ),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    county: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    batch_id: int = Field(sa_column=columns.refers("batch.id", index=True))
    indicator: str = Field(sa_column=columns.text())
    quantity: int = Field(sa_column=columns.count())
    awarded: int = Field(default=0, sa_column=columns.count(default=0))
    settled: int = Field(default=0, sa_column=columns.count(default=0))
    ask: int | None = Field(default=None, sa_column=columns.count(nullable=True))
    open_to_key_projects: bool
    poverty: bool
    listed_at: datetime = Field(sa_column=columns.instant())
    state: str = Field(sa_column=columns.text())
    auction_id: int | None = Field(
        default=None, sa_column=columns.refers("auction.id", nullable=True, index=True)
    )
    ended_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    end_reason: str | None = Field(default=None, sa_column=columns.text(nullable=True))
