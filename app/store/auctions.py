"""Sealed-bid auctions (场次): announcements, pools, registrations, sealed bids, results."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, Integer, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market.auctions import AuctionState, Pricing, Rules, TieRule
from app.market.bidding import PooledLot
from app.market.errors import ensure
from app.market.indicators import Indicator
from app.store import columns
from app.store.database import Connection


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
    purchases_within_need: bool
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
    """A buyer's registration (报名): its limit, what it reserves of the need, the deposit it holds (fen).

    ``reserved`` is less than the limit only where the auction lets purchases exceed the need (RULES 6).
    """

    __table_args__ = (
        UniqueConstraint("auction_id", "buyer"),
        CheckConstraint("0 < reserved AND reserved <= limit_quantity", name="ck_registration_limit"),
        CheckConstraint("deposit >= 0", name="ck_registration_deposit"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    auction_id: int = Field(sa_column=columns.refers("auction.id"))
    buyer: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    need_id: int = Field(sa_column=columns.refers("need.id", index=True))
    limit_quantity: int = Field(sa_column=columns.count())
    reserved: int = Field(sa_column=columns.count())
    deposit: int = Field(sa_column=columns.count())
    registered_at: datetime = Field(sa_column=columns.instant())


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
        Index("ix_bid_receipts", "auction_id", "buyer", "received_at", "id"),
        CheckConstraint("replaced_by IS NULL OR withdrawn_at IS NULL", name="ck_bid_ended_once"),
    )

    id: str = Field(sa_column=columns.text(primary_key=True))
    auction_id: int = Field(sa_column=columns.refers("auction.id"))
    buyer: str = Field(sa_column=columns.refers("jurisdiction.code"))
    sealed: bytes = Field(sa_column=columns.octets())
    digest: bytes = Field(sa_column=columns.octets())
    received_at: datetime = Field(sa_column=columns.instant())
    replaced_by: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    withdrawn_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))


@dataclass(frozen=True, slots=True)
class AuctionRow:
    """An auction as it stands, without what is published of it at the opening."""

    id: int
    indicator: Indicator
    state: AuctionState
    announced_at: datetime
    opens_at: datetime
    closes_at: datetime
    rules: Rules
    buyer_cap_share: str | None  # as announced; the rules hold it exactly
    deposit_rate: str
    bids_per_buyer: int
    purchases_within_need: bool
    public_key: bytes
    wrapped_private_key: bytes
    ended_at: datetime | None
    end_reason: str | None


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A listing of an auction's pool: its lots, and what the clearing and the award ask of it."""

    listing_id: int
    county: str
    batch_id: int
    poverty: bool
    listed_at: datetime
    quantity: int
    ask_fen: int | None


@dataclass(frozen=True, slots=True)
class RegistrationRow:
    """A buyer's registration: limit and what is reserved of the need in smallest steps, deposit in fen."""

    id: int
    auction_id: int
    buyer: str
    need_id: int
    limit: int
    reserved: int
    deposit_fen: int
    registered_at: datetime


COLUMNS = """auction.id, auction.indicator, auction.state, auction.announced_at, auction.opens_at,
    auction.closes_at, auction.pricing, auction.tie, auction.lot, auction.floor, auction.ceiling,
    auction.buyer_cap_share, auction.deposit_rate, auction.bids_per_buyer, auction.purchases_within_need,
    auction.public_key, auction.wrapped_private_key, auction.ended_at, auction.end_reason"""
"""An auction without its record and outcome, which may be megabytes."""


def auction_row(row: Any) -> AuctionRow:
    """Read a row of COLUMNS."""
    share = row.buyer_cap_share
    return AuctionRow(
        id=row.id,
        indicator=Indicator(row.indicator),
        state=AuctionState(row.state),
        announced_at=row.announced_at,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        rules=Rules(
            pricing=Pricing(row.pricing),
            tie=TieRule(row.tie),
            lot_steps=row.lot,
            floor_fen=row.floor,
            ceiling_fen=row.ceiling,
            buyer_cap_share=None if share is None else Fraction(share),
        ),
        buyer_cap_share=share,
        deposit_rate=row.deposit_rate,
        bids_per_buyer=row.bids_per_buyer,
        purchases_within_need=row.purchases_within_need,
        public_key=row.public_key,
        wrapped_private_key=row.wrapped_private_key,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
    )


async def next_id(connection: Connection) -> int:
    """Draw the number of an auction to come: its keys are bound to it before its row is made."""
    drawn = await connection.execute(text("SELECT nextval(pg_get_serial_sequence('auction', 'id'))"))
    return int(drawn.scalar_one())


async def insert(connection: Connection, auction: AuctionRow) -> None:
    """Enter an announced auction."""
    rules = auction.rules
    await connection.execute(
        text(
            """
            INSERT INTO auction (id, indicator, state, announced_at, opens_at, closes_at, pricing, tie, lot,
                                 floor, ceiling, buyer_cap_share, deposit_rate, bids_per_buyer,
                                 purchases_within_need, public_key, wrapped_private_key)
            VALUES (:id, :indicator, :state, :announced_at, :opens_at, :closes_at, :pricing, :tie, :lot,
                    :floor, :ceiling, :buyer_cap_share, :deposit_rate, :bids_per_buyer,
                    :purchases_within_need, :public_key, :wrapped_private_key)
            """
        ),
        {
            "id": auction.id,
            "indicator": auction.indicator,
            "state": auction.state,
            "announced_at": auction.announced_at,
            "opens_at": auction.opens_at,
            "closes_at": auction.closes_at,
            "pricing": rules.pricing,
            "tie": rules.tie,
            "lot": rules.lot_steps,
            "floor": rules.floor_fen,
            "ceiling": rules.ceiling_fen,
            "buyer_cap_share": auction.buyer_cap_share,
            "deposit_rate": auction.deposit_rate,
            "bids_per_buyer": auction.bids_per_buyer,
            "purchases_within_need": auction.purchases_within_need,
            "public_key": auction.public_key,
            "wrapped_private_key": auction.wrapped_private_key,
        },
    )


async def lock(connection: Connection, id_: int) -> AuctionRow | None:
    """Take an auction for closing, opening or cancelling: alone, after all bids that are under way."""
    return await _one(connection, id_, "FOR UPDATE")


async def share(connection: Connection, id_: int) -> AuctionRow | None:
    """Keep an auction from closing, opening and cancelling while this transaction lasts."""
    return await _one(connection, id_, "FOR SHARE")


async def find(connection: Connection, id_: int) -> AuctionRow | None:
    """Return one auction, or None."""
    return await _one(connection, id_, "")


async def _one(connection: Connection, id_: int, lock_clause: str) -> AuctionRow | None:
    found = await connection.execute(
        text(f"SELECT {COLUMNS} FROM auction WHERE id = :id {lock_clause}"), {"id": id_}
    )
    row = found.first()
    return None if row is None else auction_row(row)


async def take_due(
    connection: Connection, state: AuctionState, at: datetime, tried: Collection[int]
) -> AuctionRow | None:
    """Take one auction of that state that is due, not yet tried, and that no other worker holds."""
    found = await connection.execute(
        text(
            f"""
            SELECT {COLUMNS} FROM auction WHERE state = :state AND closes_at <= :at
               AND id <> ALL(CAST(:tried AS bigint[]))
             ORDER BY closes_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
            """
        ),
        {"state": state, "at": at, "tried": list(tried)},
    )
    row = found.first()
    return None if row is None else auction_row(row)


async def auctions(
    connection: Connection,
    *,
    indicator: Indicator | None,
    state: AuctionState | None,
    after: int | None,
    limit: int,
) -> Sequence[AuctionRow]:
    """Return at most ``limit`` auctions after the id given, by id."""
    found = await connection.execute(
        text(
            f"""
            SELECT {COLUMNS} FROM auction
             WHERE (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
               AND (CAST(:indicator AS text) IS NULL OR indicator = CAST(:indicator AS text))
               AND (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
             ORDER BY id LIMIT :limit
            """
        ),
        {"indicator": indicator, "state": state, "after": after, "limit": limit},
    )
    return [auction_row(row) for row in found]


async def change_state(
    connection: Connection,
    id_: int,
    *,
    before: AuctionState,
    after: AuctionState,
    ended_at: datetime | None = None,
    end_reason: str | None = None,
) -> None:
    """Move an auction, which the caller holds, from one state to the next."""
    changed = await connection.execute(
        text(
            "UPDATE auction SET state = :after, ended_at = :ended_at, end_reason = :end_reason "
            "WHERE id = :id AND state = :before"
        ),
        {"id": id_, "before": before, "after": after, "ended_at": ended_at, "end_reason": end_reason},
    )
    ensure(changed.rowcount == 1, f"auction {id_} was {before} when it was locked")


async def publish(connection: Connection, id_: int, *, record: str, outcome: str) -> None:
    """Keep what anyone may read and recompute from the opening on."""
    await connection.execute(
        text("UPDATE auction SET record = :record, outcome = :outcome WHERE id = :id"),
        {"id": id_, "record": record, "outcome": outcome},
    )


async def published(connection: Connection, id_: int) -> tuple[AuctionState, str | None, str | None] | None:
    """Return an auction's state, record and outcome, the latter None before the opening; or None."""
    found = await connection.execute(
        text("SELECT state, record, outcome FROM auction WHERE id = :id"), {"id": id_}
    )
    row = found.first()
    return None if row is None else (AuctionState(row.state), row.record, row.outcome)


async def add_lots(connection: Connection, auction_id: int, lots: Sequence[PooledLot]) -> None:
    """Enter what listings bring into an auction's pool."""
    await connection.execute(
        text(
            """
            INSERT INTO auction_lot (auction_id, listing_id, quantity, ask)
            SELECT :auction_id, lot.listing_id, lot.quantity, lot.ask
              FROM unnest(CAST(:ids AS bigint[]), CAST(:quantities AS bigint[]), CAST(:asks AS bigint[]))
                   AS lot(listing_id, quantity, ask)
            """
        ),
        {
            "auction_id": auction_id,
            "ids": [lot.listing_id for lot in lots],
            "quantities": [lot.quantity_steps for lot in lots],
            "asks": [lot.ask_fen for lot in lots],
        },
    )


async def pool(connection: Connection, auction_id: int) -> Sequence[PoolRow]:
    """Return what is in an auction's pool; a listing that was voided has dropped out of it."""
    found = await connection.execute(
        text(
            """
            SELECT listing.id, listing.county, listing.batch_id, listing.poverty, listing.listed_at,
                   lot.quantity, lot.ask
              FROM auction_lot AS lot JOIN listing ON listing.id = lot.listing_id
             WHERE lot.auction_id = :auction_id
               AND listing.state = 'IN_AUCTION' AND listing.auction_id = :auction_id
             ORDER BY listing.id
            """
        ),
        {"auction_id": auction_id},
    )
    return [
        PoolRow(row.id, row.county, row.batch_id, row.poverty, row.listed_at, row.quantity, row.ask)
        for row in found
    ]


async def lots_in_pools(connection: Connection, auction_ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Return by auction how many listings its pool took in and how much they brought, in steps."""
    found = await connection.execute(
        text(
            """
            SELECT auction_id, count(*) AS listings, sum(quantity) AS supply FROM auction_lot
             WHERE auction_id = ANY(CAST(:ids AS bigint[])) GROUP BY auction_id
            """
        ),
        {"ids": sorted(set(auction_ids))},
    )
    return {row.auction_id: (row.listings, int(row.supply)) for row in found}


def _registration(row: Any) -> RegistrationRow:
    return RegistrationRow(
        id=row.id,
        auction_id=row.auction_id,
        buyer=row.buyer,
        need_id=row.need_id,
        limit=row.limit_quantity,
        reserved=row.reserved,
        deposit_fen=row.deposit,
        registered_at=row.registered_at,
    )


_REGISTRATION = "id, auction_id, buyer, need_id, limit_quantity, reserved, deposit, registered_at"


async def register(
    connection: Connection,
    *,
    auction_id: int,
    buyer: str,
    need_id: int,
    limit: int,
    reserved: int,
    deposit_fen: int,
    registered_at: datetime,
) -> RegistrationRow:
    """Enter a buyer's registration; raises Conflict where it has one."""
    made = await connection.execute(
        text(
            f"""
            INSERT INTO registration (auction_id, buyer, need_id, limit_quantity, reserved, deposit,
                                      registered_at)
            VALUES (:auction_id, :buyer, :need_id, :limit, :reserved, :deposit, :registered_at)
            RETURNING {_REGISTRATION}
            """
        ),
        {
            "auction_id": auction_id,
            "buyer": buyer,
            "need_id": need_id,
            "limit": limit,
            "reserved": reserved,
            "deposit": deposit_fen,
            "registered_at": registered_at,
        },
    )
    return _registration(made.one())


async def registrations(
    connection: Connection,
    auction_id: int,
    *,
    buyer: str | None = None,
    after: int | None = None,
    limit: int | None = None,
) -> Sequence[RegistrationRow]:
    """Return an auction's registrations (of one buyer) after the id given, by id."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_REGISTRATION} FROM registration
             WHERE auction_id = :auction_id
               AND (CAST(:buyer AS text) IS NULL OR buyer = CAST(:buyer AS text))
               AND (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
             ORDER BY id LIMIT CAST(:limit AS bigint)
            """
        ),
        {"auction_id": auction_id, "buyer": buyer, "after": after, "limit": limit},
    )
    return [_registration(row) for row in found]


async def limits(connection: Connection, auction_id: int) -> Sequence[int]:
    """Return the limits registered for an auction, in steps."""
    found = await connection.execute(
        text("SELECT limit_quantity FROM registration WHERE auction_id = :auction_id"),
        {"auction_id": auction_id},
    )
    return [row.limit_quantity for row in found]
