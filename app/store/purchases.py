"""Purchases at the unified price (统一限价) or the seller's (市场): append-only, each one trade's source."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.market import purchases as market
from app.market.indicators import Indicator
from app.market.modes import PurchaseMode
from app.store import columns
from app.store.database import Connection


class Purchase(SQLModel, table=True):
    """What one request took of the list, and at what price (fen per unit); its lines are its trade's."""

    __table_args__ = (
        columns.one_of("purchase", "mode", PurchaseMode),
        columns.one_of("purchase", "indicator", Indicator),
        CheckConstraint("(mode = 'market') = (listing_id IS NOT NULL)", name="ck_purchase_listing"),
        CheckConstraint("0 < quantity AND quantity <= asked", name="ck_purchase_quantities"),
        Index("ix_purchase_at", "at", "id"),  # the public's results, from the latest on
        CheckConstraint("0 < price AND 0 <= deposit AND deposit <= amount", name="ck_purchase_money"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    mode: str = Field(sa_column=columns.text())
    buyer: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    need_id: int = Field(sa_column=columns.refers("need.id", index=True))
    indicator: str = Field(sa_column=columns.text())
    listing_id: int | None = Field(default=None, sa_column=columns.refers("listing.id", nullable=True))
    asked: int = Field(sa_column=columns.count())
    quantity: int = Field(sa_column=columns.count())
    price: int = Field(sa_column=columns.count())
    amount: int = Field(sa_column=columns.count())
    deposit: int = Field(sa_column=columns.count())
    at: datetime = Field(sa_column=columns.instant())


@dataclass(frozen=True, slots=True)
class PurchaseRow:
    """A purchase as made, and the trade that came of it."""

    id: int
    trade_id: int
    made: market.Purchase


_COLUMNS = """purchase.id, purchase.mode, purchase.buyer, purchase.need_id, purchase.indicator,
    purchase.listing_id, purchase.asked, purchase.quantity, purchase.price, purchase.amount,
    purchase.deposit, purchase.at, trade.id AS trade_id"""

_SEEN_BY = """
    (CAST(:party AS text) IS NULL OR purchase.buyer = CAST(:party AS text)
     OR EXISTS (SELECT 1 FROM trade_line AS line
                 WHERE line.trade_id = trade.id AND line.seller = CAST(:party AS text)))
"""


def _purchase(row: Any) -> PurchaseRow:
    return PurchaseRow(
        id=row.id,
        trade_id=row.trade_id,
        made=market.Purchase(
            mode=PurchaseMode(row.mode),
            buyer=row.buyer,
            need_id=row.need_id,
            indicator=Indicator(row.indicator),
            listing_id=row.listing_id,
            asked_steps=row.asked,
            quantity_steps=row.quantity,
            price_fen=row.price,
            amount_fen=row.amount,
            deposit_fen=row.deposit,
            at=row.at,
        ),
    )


async def insert(connection: Connection, made: market.Purchase) -> int:
    """Enter a purchase, which never changes afterwards; return its number."""
    entered = await connection.execute(
        text(
            """
            INSERT INTO purchase (mode, buyer, need_id, indicator, listing_id, asked, quantity, price, amount,
                                  deposit, at)
            VALUES (:mode, :buyer, :need_id, :indicator, :listing_id, :asked, :quantity, :price, :amount,
                    :deposit, :at)
            RETURNING id
            """
        ),
        {
            "mode": made.mode,
            "buyer": made.buyer,
            "need_id": made.need_id,
            "indicator": made.indicator,
            "listing_id": made.listing_id,
            "asked": made.asked_steps,
            "quantity": made.quantity_steps,
            "price": made.price_fen,
            "amount": made.amount_fen,
            "deposit": made.deposit_fen,
            "at": made.at,
        },
    )
    return int(entered.scalar_one())


async def find(connection: Connection, id_: int, *, party: str | None) -> PurchaseRow | None:
    """Return a purchase if ``party`` is its buyer or one of its sellers (None: whoever they are), or None."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM purchase JOIN trade ON trade.purchase_id = purchase.id
             WHERE purchase.id = :id AND {_SEEN_BY}
            """
        ),
        {"id": id_, "party": party},
    )
    row = found.first()
    return None if row is None else _purchase(row)


async def purchases(
    connection: Connection,
    *,
    party: str | None,
    mode: PurchaseMode | None,
    indicator: Indicator | None,
    after: int | None,
    limit: int,
) -> Sequence[PurchaseRow]:
    """Return at most ``limit`` purchases, by id after the one given, in which ``party`` has a part."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM purchase JOIN trade ON trade.purchase_id = purchase.id
             WHERE (CAST(:after AS bigint) IS NULL OR purchase.id > CAST(:after AS bigint))
               AND (CAST(:mode AS text) IS NULL OR purchase.mode = CAST(:mode AS text))
               AND (CAST(:indicator AS text) IS NULL OR purchase.indicator = CAST(:indicator AS text))
               AND {_SEEN_BY}
             ORDER BY purchase.id LIMIT :limit
            """
        ),
        {"party": party, "mode": mode, "indicator": indicator, "after": after, "limit": limit},
    )
    return [_purchase(row) for row in found]
