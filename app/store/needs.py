"""Needs (调剂需求): what a buyer may buy, because its application lacks it."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.market.indicators import Indicator
from app.market.needs import KeyLevel, NeedState
from app.store import columns


class Need(SQLModel, table=True):
    """A declared need, approved or refused by the regulator (RULES 6)."""

    __table_args__ = (
        columns.one_of("need", "state", NeedState),
        columns.one_of("need", "key_level", KeyLevel),
        Index("ix_need_waiting", "approved_at", "id", postgresql_where=text("state = 'APPROVED'")),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    buyer: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    application_id: int = Field(sa_column=columns.refers("land_application.id", index=True))
    state: str = Field(sa_column=columns.text())
    key_level: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    all_or_nothing: bool
    declared_at: datetime = Field(sa_column=columns.instant())
    approved_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    decision_reason: str | None = Field(default=None, sa_column=columns.text(nullable=True))


class NeedItem(SQLModel, table=True):
    """One indicator of a need: what is asked, reserved by registrations, awarded, and settled."""

    __tablename__ = "need_item"
    __table_args__ = (
        columns.one_of("need_item", "indicator", Indicator),
        CheckConstraint(
            "0 < quantity AND 0 <= reserved AND 0 <= settled AND settled <= awarded "
            "AND awarded + reserved <= quantity",
            name="ck_need_item_quantities",
        ),
    )

    need_id: int = Field(sa_column=columns.refers("need.id", primary_key=True))
    indicator: str = Field(sa_column=columns.text(primary_key=True))
    quantity: int = Field(sa_column=columns.count())
    reserved: int = Field(default=0, sa_column=columns.count(default=0))
    awarded: int = Field(default=0, sa_column=columns.count(default=0))
    settled: int = Field(default=0, sa_column=columns.count(default=0))
