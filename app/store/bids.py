"""Sealed bids in the store: few round trips, since all buyers may bid in the last minute.

A bid is placed by two statements. The first takes the auction's row shared (closing, opening and
cancelling take it alone) and the buyer's registration, so that one buyer's bids queue. The second reads
the clock, which is the receipt, and stores the bid only if that instant lies in the window: nothing can
close the auction between the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from app.market.errors import ensure
from app.store import clock
from app.store.auctions import COLUMNS, AuctionRow, auction_row
from app.store.database import Connection


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a bid, a replacement or a withdrawal, and what decided it.

    ``at`` is the clock under the lock; ``in_force`` how many bids the buyer had in force before;
    ``found`` whether the bid to replace or withdraw was in force; ``done`` whether it was stored.
    """

    at: datetime
    in_force: int
    found: bool
    done: bool


@dataclass(frozen=True, slots=True)
class BidRow:
    """A bid as its bidder may see it: never its terms."""

    id: str
    auction_id: int
    buyer: str
    digest: bytes
    received_at: datetime
    replaced_by: str | None
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A bid in force at the opening."""

    id: str
    buyer: str
    sealed: bytes
    digest: bytes
    received_at: datetime


_ENTER = text(
    f"""
    SELECT {COLUMNS}, need.obligation_id IS NULL AND EXISTS (
               SELECT FROM sanction
                WHERE sanction.jurisdiction = :buyer AND sanction.kind = 'suspend'
                  AND sanction.lifted_at IS NULL AND sanction.starts_on <= today.day
                  AND (sanction.ends_on IS NULL OR today.day <= sanction.ends_on)) AS suspended
      FROM (SELECT CAST(({clock.NOW}) AT TIME ZONE 'Asia/Shanghai' AS date) AS day) AS today, auction
      JOIN registration ON registration.auction_id = auction.id AND registration.buyer = :buyer
      JOIN need ON need.id = registration.need_id
     WHERE auction.id = :auction_id
       FOR SHARE OF auction FOR NO KEY UPDATE OF registration
    """
)


@dataclass(frozen=True, slots=True)
class Entered:
    """An auction that a buyer is registered for; ``suspended``: the buyer, and for more than it owes."""

    auction: AuctionRow
    suspended: bool


async def enter(connection: Connection, auction_id: int, buyer: str) -> Entered | None:
    """Take the auction shared and the buyer's registration alone; None where there is none."""
    found = await connection.execute(_ENTER, {"auction_id": auction_id, "buyer": buyer})
    row = found.first()
    return None if row is None else Entered(auction_row(row), row.suspended)


# The clock in a step of its own, so that one instant is judged and stored.
_RECEIPT = f"""
    WITH receipt AS MATERIALIZED (
        SELECT {clock.NOW} AS at
    ), standing AS MATERIALIZED (
        SELECT count(*) AS in_force, coalesce(bool_or(id = CAST(:old AS text)), false) AS found FROM bid
         WHERE auction_id = :auction_id AND buyer = :buyer
           AND replaced_by IS NULL AND withdrawn_at IS NULL
    )
"""
_IN_WINDOW = (
    """receipt.at >= CAST(:opens_at AS timestamptz) AND receipt.at < CAST(:closes_at AS timestamptz)"""
)
_STORE = """
    INSERT INTO bid (id, auction_id, buyer, sealed, digest, received_at)
    SELECT :id, :auction_id, :buyer, :sealed, :digest, receipt.at FROM receipt, standing
"""
_ANSWER = """
    SELECT receipt.at, standing.in_force, standing.found, EXISTS (SELECT 1 FROM done) AS done
      FROM receipt, standing
"""

_PLACE = text(
    f"""
    {_RECEIPT}, done AS (
        {_STORE} WHERE {_IN_WINDOW} AND standing.in_force < :bids_per_buyer RETURNING id
    ) {_ANSWER}
    """
)

_REPLACE = text(
    f"""
    {_RECEIPT}, done AS (
        {_STORE} WHERE {_IN_WINDOW} AND standing.found RETURNING id
    ), replaced AS (
        UPDATE bid SET replaced_by = done.id FROM done WHERE bid.id = :old RETURNING bid.id
    ) {_ANSWER}
    """
)

_WITHDRAW = text(
    f"""
    {_RECEIPT}, done AS (
        UPDATE bid SET withdrawn_at = receipt.at FROM receipt, standing
         WHERE bid.id = :old AND standing.found AND {_IN_WINDOW} RETURNING bid.id
    ) {_ANSWER}
    """
)


async def place(
    connection: Connection, auction: AuctionRow, *, buyer: str, id_: str, sealed: bytes, digest: bytes
) -> Receipt:
    """Store a bid if it is received in the window and within the number a buyer may have in force."""
    return await _received(
        connection,
        _PLACE,
        auction,
        buyer,
        {
            "id": id_,
            "old": None,
            "sealed": sealed,
            "digest": digest,
            "bids_per_buyer": auction.bids_per_buyer,
        },
    )


async def replace(
    connection: Connection,
    auction: AuctionRow,
    *,
    buyer: str,
    old: str,
    id_: str,
    sealed: bytes,
    digest: bytes,
) -> Receipt:
    """Store a bid in place of one that is in force, if it is received in the window."""
    return await _received(
        connection, _REPLACE, auction, buyer, {"id": id_, "old": old, "sealed": sealed, "digest": digest}
    )


async def withdraw(connection: Connection, auction: AuctionRow, *, buyer: str, old: str) -> Receipt:
    """Withdraw a bid that is in force, if the request is received in the window."""
    return await _received(connection, _WITHDRAW, auction, buyer, {"old": old})


async def _received(
    connection: Connection, statement: Any, auction: AuctionRow, buyer: str, given: dict[str, Any]
) -> Receipt:
    window = {"opens_at": auction.opens_at, "closes_at": auction.closes_at}
    row = (
        await connection.execute(statement, {"auction_id": auction.id, "buyer": buyer, **window, **given})
    ).one()
    ensure(
        not row.done or auction.opens_at <= row.at < auction.closes_at, "a bid is stored in the window only"
    )
    return Receipt(row.at, row.in_force, row.found, row.done)


_BID = "id, auction_id, buyer, digest, received_at, replaced_by, withdrawn_at"


async def find(connection: Connection, auction_id: int, buyer: str, id_: str) -> BidRow | None:
    """Return a buyer's own bid, in force or not, or None."""
    found = await connection.execute(
        text(f"SELECT {_BID} FROM bid WHERE id = :id AND auction_id = :auction_id AND buyer = :buyer"),
        {"id": id_, "auction_id": auction_id, "buyer": buyer},
    )
    row = found.first()
    return None if row is None else BidRow(**row._mapping)


async def bids_of(
    connection: Connection,
    auction_id: int,
    buyer: str,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[BidRow]:
    """Return at most ``limit`` of a buyer's bids in an auction, by receipt, then id, after the key given."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_BID} FROM bid
             WHERE auction_id = :auction_id AND buyer = :buyer
               AND (CAST(:after_id AS text) IS NULL
                    OR (received_at, id) > (CAST(:after_at AS timestamptz), CAST(:after_id AS text)))
             ORDER BY received_at, id LIMIT :limit
            """
        ),
        {
            "auction_id": auction_id,
            "buyer": buyer,
            "after_at": None if after is None else after[0],
            "after_id": None if after is None else after[1],
            "limit": limit,
        },
    )
    return [BidRow(**row._mapping) for row in found]


async def in_force(connection: Connection, auction_id: int) -> Sequence[SealedRow]:
    """Return the bids in force of an auction that the caller holds, by receipt, then id."""
    found = await connection.execute(
        text(
            """
            SELECT id, buyer, sealed, digest, received_at FROM bid
             WHERE auction_id = :auction_id AND replaced_by IS NULL AND withdrawn_at IS NULL
             ORDER BY received_at, id
            """
        ),
        {"auction_id": auction_id},
    )
    return [SealedRow(row.id, row.buyer, row.sealed, row.digest, row.received_at) for row in found]
