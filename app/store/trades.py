"""Trades (成交) with a line per listing, from award to settlement (划转)."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market import trades as market
from app.market.errors import ensure
from app.market.indicators import Indicator
from app.market.modes import TradeMode
from app.market.trades import AwardedLine, AwardedTrade, LineState, TradeState
from app.store import columns
from app.store.database import Connection


class Trade(SQLModel, table=True):
    """One winning bid, filled need or purchase; all its lines settle together (RULES 11)."""

    __table_args__ = (
        columns.one_of("trade", "state", TradeState),
        CheckConstraint("num_nonnulls(auction_id, allocation_id, purchase_id) = 1", name="ck_trade_source"),
        UniqueConstraint("auction_id", "bid_id"),
        UniqueConstraint("allocation_id", "need_id"),
        UniqueConstraint("purchase_id"),
        UniqueConstraint("confirmation_number"),
        Index("ix_trade_in_notice", "id", postgresql_where=text("state = 'AWARDED'")),
        CheckConstraint(
            "(confirmed_at IS NULL) = (confirmation_number IS NULL)", name="ck_trade_confirmation_number"
        ),
        CheckConstraint("notice_stopped_at IS NULL OR state = 'AWARDED'", name="ck_trade_notice_stopped_at"),
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
    purchase_id: int | None = Field(default=None, sa_column=columns.refers("purchase.id", nullable=True))
    state: str = Field(sa_column=columns.text())
    amount: int = Field(sa_column=columns.count())
    deposit: int = Field(default=0, sa_column=columns.count(default=0))
    awarded_at: datetime = Field(sa_column=columns.instant())
    notice_ends_at: datetime = Field(sa_column=columns.instant())
    payment_due_at: datetime = Field(sa_column=columns.instant())
    notice_stopped_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    unpublished_years: list[str] = Field(default_factory=list, sa_column=columns.texts())
    confirmed_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    confirmation_number: str | None = Field(default=None, sa_column=columns.text(nullable=True))
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


_COLUMNS = """trade.id, trade.buyer, trade.need_id, trade.auction_id, trade.bid_id, trade.allocation_id,
    trade.purchase_id, (SELECT mode FROM purchase WHERE purchase.id = trade.purchase_id) AS purchase_mode,
    trade.state, trade.amount, trade.deposit, trade.awarded_at, trade.notice_ends_at, trade.payment_due_at,
    trade.notice_stopped_at, trade.unpublished_years, trade.confirmed_at, trade.confirmation_number,
    trade.paid_at, trade.ended_at, trade.end_reason"""


async def insert(
    connection: Connection,
    trades: Sequence[AwardedTrade],
    *,
    awarded_at: datetime,
    notice_ends_at: datetime,
    payment_due_at: datetime,
    unpublished_years: Sequence[int],
) -> list[int]:
    """Enter trades, AWARDED, and their lines, by two statements in all; return the ids in their order."""
    made = await connection.execute(
        text(
            """
            INSERT INTO trade (buyer, need_id, auction_id, bid_id, allocation_id, purchase_id, state, amount,
                               deposit, awarded_at, notice_ends_at, payment_due_at, unpublished_years)
            SELECT buyer, need_id, auction_id, bid_id, allocation_id, purchase_id, 'AWARDED', amount, deposit,
                   :awarded_at, :notice_ends_at, :payment_due_at, CAST(:unpublished_years AS text[])
              FROM unnest(CAST(:buyers AS text[]), CAST(:need_ids AS bigint[]),
                          CAST(:auction_ids AS bigint[]), CAST(:bid_ids AS text[]),
                          CAST(:allocation_ids AS bigint[]), CAST(:purchase_ids AS bigint[]),
                          CAST(:amounts AS bigint[]), CAST(:deposits AS bigint[])) WITH ORDINALITY
                   AS fresh(buyer, need_id, auction_id, bid_id, allocation_id, purchase_id, amount, deposit,
                            place)
             ORDER BY place
            RETURNING id, bid_id, need_id
            """
        ),
        {
            "awarded_at": awarded_at,
            "notice_ends_at": notice_ends_at,
            "payment_due_at": payment_due_at,
            "unpublished_years": [str(year) for year in unpublished_years],
            "buyers": [trade.buyer for trade in trades],
            "need_ids": [trade.need_id for trade in trades],
            "auction_ids": [trade.auction_id for trade in trades],
            "bid_ids": [trade.bid_id for trade in trades],
            "allocation_ids": [trade.allocation_id for trade in trades],
            "purchase_ids": [trade.purchase_id for trade in trades],
            "amounts": [trade.amount_fen for trade in trades],
            "deposits": [trade.deposit_fen for trade in trades],
        },
    )
    # One source, and in it one bid or one need each (the table's unique keys): that names a fresh row.
    numbers = {(row.bid_id, row.need_id): int(row.id) for row in made}
    ids = [numbers[(trade.bid_id, trade.need_id)] for trade in trades]
    await _insert_lines(
        connection, [(id_, line) for id_, trade in zip(ids, trades, strict=True) for line in trade.lines]
    )
    return ids


async def _insert_lines(connection: Connection, lines: Sequence[tuple[int, AwardedLine]]) -> None:
    await connection.execute(
        text(
            """
            INSERT INTO trade_line (trade_id, listing_id, seller, batch_id, indicator, quantity, price,
                                    amount, state)
            SELECT trade_id, listing_id, seller, batch_id, indicator, quantity, price, amount, 'ACTIVE'
              FROM unnest(CAST(:trade_ids AS bigint[]), CAST(:listing_ids AS bigint[]),
                          CAST(:sellers AS text[]), CAST(:batch_ids AS bigint[]),
                          CAST(:indicators AS text[]), CAST(:quantities AS bigint[]),
                          CAST(:prices AS bigint[]), CAST(:amounts AS bigint[])) WITH ORDINALITY
                   AS fresh(trade_id, listing_id, seller, batch_id, indicator, quantity, price, amount,
                            place)
             ORDER BY place
            """
        ),
        {
            "trade_ids": [id_ for id_, _ in lines],
            "listing_ids": [line.listing_id for _, line in lines],
            "sellers": [line.seller for _, line in lines],
            "batch_ids": [line.batch_id for _, line in lines],
            "indicators": [line.indicator.value for _, line in lines],
            "quantities": [line.quantity for _, line in lines],
            "prices": [line.price_fen for _, line in lines],
            "amounts": [line.amount_fen for _, line in lines],
        },
    )


def _line(row: Any) -> market.Line:
    return market.Line(
        id=row.id,
        listing_id=row.listing_id,
        seller=row.seller,
        batch_id=row.batch_id,
        indicator=Indicator(row.indicator),
        quantity=row.quantity,
        price_fen=row.price,
        amount_fen=row.amount,
        state=LineState(row.state),
    )


def _mode(row: Any) -> TradeMode:
    """How a trade came about: its source says it."""
    if row.purchase_id is not None:
        return TradeMode(row.purchase_mode)
    return TradeMode.AUCTION if row.auction_id is not None else TradeMode.KEY_FIXED_PRICE


async def _with_lines(connection: Connection, rows: Sequence[Any]) -> list[market.Trade]:
    """Trades with their lines; for locked rows a statement of its own, which sees what they saw last."""
    if not rows:
        return []
    found = await connection.execute(
        text(
            """
            SELECT id, trade_id, listing_id, seller, batch_id, indicator, quantity, price, amount, state
              FROM trade_line WHERE trade_id = ANY(CAST(:ids AS bigint[])) ORDER BY trade_id, id
            """
        ),
        {"ids": [row.id for row in rows]},
    )
    lines: dict[int, list[market.Line]] = {row.id: [] for row in rows}
    for line in found:
        lines[line.trade_id].append(_line(line))
    return [
        market.Trade(
            id=row.id,
            buyer=row.buyer,
            need_id=row.need_id,
            auction_id=row.auction_id,
            bid_id=row.bid_id,
            allocation_id=row.allocation_id,
            purchase_id=row.purchase_id,
            mode=_mode(row),
            state=TradeState(row.state),
            amount_fen=row.amount,
            deposit_fen=row.deposit,
            awarded_at=row.awarded_at,
            notice_ends_at=row.notice_ends_at,
            payment_due_at=row.payment_due_at,
            unpublished_years=tuple(int(year) for year in row.unpublished_years),
            confirmed_at=row.confirmed_at,
            paid_at=row.paid_at,
            ended_at=row.ended_at,
            end_reason=row.end_reason,
            lines=tuple(lines[row.id]),
            notice_stopped_at=row.notice_stopped_at,
            confirmation_number=row.confirmation_number,
        )
        for row in rows
    ]


async def lock(connection: Connection, ids: Iterable[int]) -> dict[int, market.Trade]:
    """Lock trades in the one order of all writers and return them as they stand now, by id.

    A trade's row stands for its lines. An id that names no trade is missing from the answer.
    """
    held = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM trade WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE"),
        {"ids": sorted(set(ids))},
    )
    return {trade.id: trade for trade in await _with_lines(connection, held.all())}


async def lock_overdue(connection: Connection, now: datetime, tried: Collection[int]) -> market.Trade | None:
    """Lock and return the unpaid trade longest overdue, not yet tried, that no other worker holds."""
    held = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM trade
             WHERE state IN ('AWARDED', 'CONFIRMED') AND payment_due_at <= :now
               AND notice_stopped_at IS NULL
               AND id <> ALL(CAST(:tried AS bigint[]))
             ORDER BY payment_due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
            """
        ),
        {"now": now, "tried": list(tried)},
    )
    found = await _with_lines(connection, held.all())
    return found[0] if found else None


async def unsettled_of_listings(connection: Connection, listing_ids: Iterable[int]) -> frozenset[int]:
    """Return the ids of the trades that wait for settlement with an active line of one of some listings."""
    found = await connection.execute(
        text(
            """
            SELECT DISTINCT line.trade_id FROM trade_line AS line JOIN trade ON trade.id = line.trade_id
             WHERE line.listing_id = ANY(CAST(:listing_ids AS bigint[])) AND line.state = 'ACTIVE'
               AND trade.state IN ('AWARDED', 'CONFIRMED', 'PAID')
            """
        ),
        {"listing_ids": sorted(set(listing_ids))},
    )
    return frozenset(row.trade_id for row in found)


async def save(connection: Connection, changes: Sequence[tuple[market.Trade, market.Trade]]) -> None:
    """Write trades as (before, after), compare-and-set on their state; ``void_lines`` writes lines."""
    saved = await connection.execute(
        text(
            """
            UPDATE trade SET state = fresh.state, amount = fresh.amount, deposit = fresh.deposit,
                             notice_ends_at = fresh.notice_ends_at,
                             payment_due_at = fresh.payment_due_at,
                             notice_stopped_at = fresh.stopped_at,
                             unpublished_years = CAST(fresh.unpublished_years AS text[]),
                             confirmed_at = fresh.confirmed_at, confirmation_number = fresh.number,
                             paid_at = fresh.paid_at, ended_at = fresh.ended_at,
                             end_reason = fresh.end_reason
              FROM unnest(CAST(:ids AS bigint[]), CAST(:befores AS text[]), CAST(:states AS text[]),
                          CAST(:amounts AS bigint[]), CAST(:deposits AS bigint[]),
                          CAST(:notices AS timestamptz[]), CAST(:dues AS timestamptz[]),
                          CAST(:stopped AS timestamptz[]), CAST(:years AS text[]),
                          CAST(:confirmed AS timestamptz[]), CAST(:numbers AS text[]),
                          CAST(:paid AS timestamptz[]), CAST(:ended AS timestamptz[]),
                          CAST(:reasons AS text[]))
                   AS fresh(id, before, state, amount, deposit, notice_ends_at, payment_due_at, stopped_at,
                            unpublished_years, confirmed_at, number, paid_at, ended_at, end_reason)
             WHERE trade.id = fresh.id AND trade.state = fresh.before
            """
        ),
        {
            "ids": [before.id for before, _ in changes],
            "befores": [before.state.value for before, _ in changes],
            "states": [after.state.value for _, after in changes],
            "amounts": [after.amount_fen for _, after in changes],
            "deposits": [after.deposit_fen for _, after in changes],
            "notices": [after.notice_ends_at for _, after in changes],
            "dues": [after.payment_due_at for _, after in changes],
            "stopped": [after.notice_stopped_at for _, after in changes],
            # Written as PostgreSQL writes an array: unnest would take apart an array of arrays.
            "years": ["{" + ",".join(map(str, after.unpublished_years)) + "}" for _, after in changes],
            "numbers": [after.confirmation_number for _, after in changes],
            "confirmed": [after.confirmed_at for _, after in changes],
            "paid": [after.paid_at for _, after in changes],
            "ended": [after.ended_at for _, after in changes],
            "reasons": [after.end_reason for _, after in changes],
        },
    )
    ensure(saved.rowcount == len(changes), f"{len(changes)} trades to change, {saved.rowcount} changed")


async def void_lines(connection: Connection, ids: Iterable[int]) -> None:
    """Mark lines, whose trades the caller holds, as dropped out."""
    wanted = sorted(set(ids))
    voided = await connection.execute(
        text(
            "UPDATE trade_line SET state = 'VOIDED' "
            "WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'ACTIVE'"
        ),
        {"ids": wanted},
    )
    ensure(voided.rowcount == len(wanted), f"{len(wanted)} lines to void, {voided.rowcount} voided")


_SEEN_BY = """
    (CAST(:party AS text) IS NULL OR trade.buyer = CAST(:party AS text)
     OR EXISTS (SELECT 1 FROM trade_line AS line
                 WHERE line.trade_id = trade.id AND line.seller = CAST(:party AS text)))
"""


async def find(connection: Connection, id_: int, *, party: str | None) -> market.Trade | None:
    """Return a trade if ``party`` is its buyer or one of its sellers (None: whoever they are), or None."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM trade WHERE id = :id AND {_SEEN_BY}"), {"id": id_, "party": party}
    )
    trades = await _with_lines(connection, found.all())
    return trades[0] if trades else None


async def trades(
    connection: Connection,
    *,
    party: str | None,
    state: TradeState | None,
    auction_id: int | None,
    after: int | None,
    limit: int,
) -> Sequence[market.Trade]:
    """Return at most ``limit`` trades, by id after the one given, in which ``party`` has a part."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM trade
             WHERE (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
               AND (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
               AND (CAST(:auction_id AS bigint) IS NULL OR auction_id = CAST(:auction_id AS bigint))
               AND {_SEEN_BY}
             ORDER BY id LIMIT :limit
            """
        ),
        {"party": party, "state": state, "auction_id": auction_id, "after": after, "limit": limit},
    )
    return await _with_lines(connection, found.all())


async def find_confirmed(connection: Connection, number: str) -> market.Trade | None:
    """Return the trade that was confirmed under a number, or None."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM trade WHERE confirmation_number = :number"), {"number": number}
    )
    trades = await _with_lines(connection, found.all())
    return trades[0] if trades else None


async def in_notice(
    connection: Connection, *, now: datetime, after: int | None, limit: int
) -> Sequence[market.Trade]:
    """Return at most ``limit`` trades whose public notice lasts, or whose clock stands, by id."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM trade
             WHERE state = 'AWARDED' AND (notice_ends_at > :now OR notice_stopped_at IS NOT NULL)
               AND (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
             ORDER BY id LIMIT :limit
            """
        ),
        {"now": now, "after": after, "limit": limit},
    )
    return await _with_lines(connection, found.all())
