"""Listings (挂牌): what counties offer, and the lock that holds it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.market.errors import ensure
from app.market.indicators import Indicator
from app.market.listings import ListingState
from app.store import columns
from app.store.database import Connection


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
        # The queue of what can still be bought, in the order and the words of the bulletin's statement.
        Index(
            "ix_listing_queue",
            text("(NOT poverty)"),
            "listed_at",
            "id",
            postgresql_where=text("state IN ('LISTED', 'IN_AUCTION') AND awarded < quantity"),
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


@dataclass(frozen=True, slots=True)
class ListingRow:
    """A listing as it stands; quantities in the indicator's smallest step, the ask in fen per unit."""

    id: int
    county: str
    batch_id: int
    indicator: Indicator
    quantity: int
    awarded: int
    settled: int
    ask_fen: int | None
    open_to_key_projects: bool
    poverty: bool
    listed_at: datetime
    state: ListingState
    auction_id: int | None
    ended_at: datetime | None
    end_reason: str | None

    @property
    def buyable(self) -> int:
        """What nobody has been awarded yet."""
        return self.quantity - self.awarded

    @property
    def unsettled(self) -> int:
        """What trades have taken that has not left the county: it keeps the listing from being withdrawn."""
        return self.awarded - self.settled

    @property
    def locked(self) -> int:
        """What the county's locked balance holds for a listing that has not ended."""
        return self.quantity - self.settled


_COLUMNS = """listing.id, listing.county, listing.batch_id, listing.indicator, listing.quantity,
    listing.awarded, listing.settled, listing.ask, listing.open_to_key_projects, listing.poverty,
    listing.listed_at, listing.state, listing.auction_id, listing.ended_at, listing.end_reason"""


def _listing(row: Any) -> ListingRow:
    return ListingRow(
        id=row.id,
        county=row.county,
        batch_id=row.batch_id,
        indicator=Indicator(row.indicator),
        quantity=row.quantity,
        awarded=row.awarded,
        settled=row.settled,
        ask_fen=row.ask,
        open_to_key_projects=row.open_to_key_projects,
        poverty=row.poverty,
        listed_at=row.listed_at,
        state=ListingState(row.state),
        auction_id=row.auction_id,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
    )


async def insert(
    connection: Connection,
    *,
    county: str,
    batch_id: int,
    indicator: Indicator,
    quantity: int,
    ask_fen: int | None,
    open_to_key_projects: bool,
    poverty: bool,
    listed_at: datetime,
) -> ListingRow:
    """Enter a listing, LISTED; the lock of its quantity is the ledger's and the caller's business."""
    made = await connection.execute(
        text(
            f"""
            INSERT INTO listing (county, batch_id, indicator, quantity, awarded, settled, ask,
                                 open_to_key_projects, poverty, listed_at, state)
            VALUES (:county, :batch_id, :indicator, :quantity, 0, 0, :ask,
                    :open_to_key_projects, :poverty, :listed_at, 'LISTED')
            RETURNING {_COLUMNS}
            """
        ),
        {
            "county": county,
            "batch_id": batch_id,
            "indicator": indicator,
            "quantity": quantity,
            "ask": ask_fen,
            "open_to_key_projects": open_to_key_projects,
            "poverty": poverty,
            "listed_at": listed_at,
        },
    )
    return _listing(made.one())


async def lock(connection: Connection, ids: Iterable[int]) -> dict[int, ListingRow]:
    """Lock listings in the one order of all writers and return them as they stand now, by id.

    An id that names no listing is missing from the answer.
    """
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM listing WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE"),
        {"ids": sorted(set(ids))},
    )
    return {row.id: _listing(row) for row in found}


async def lock_listed(
    connection: Connection, indicators: Iterable[Indicator], ids: Iterable[int] = ()
) -> Sequence[ListingRow]:
    """Lock every LISTED listing of the indicators or with an id given, by id; return those that still are."""
    found = await connection.execute(
        text(
            """
            SELECT id FROM listing
             WHERE state = 'LISTED' AND quantity > awarded
               AND (indicator = ANY(CAST(:indicators AS text[])) OR id = ANY(CAST(:ids AS bigint[])))
            """
        ),
        {"indicators": [indicator.value for indicator in indicators], "ids": list(ids)},
    )
    locked = await lock(connection, (row.id for row in found))
    return [row for row in locked.values() if row.state is ListingState.LISTED and row.buyable > 0]


async def open_of_batches(connection: Connection, county: str, batch_ids: Iterable[int]) -> frozenset[int]:
    """Return the ids of a county's listings of some batches that have not ended, in an auction or not."""
    found = await connection.execute(
        text(
            """
            SELECT id FROM listing
             WHERE county = :county AND batch_id = ANY(CAST(:batch_ids AS bigint[]))
               AND state IN ('LISTED', 'IN_AUCTION')
            """
        ),
        {"county": county, "batch_ids": sorted(set(batch_ids))},
    )
    return frozenset(row.id for row in found)


async def add_awarded(connection: Connection, changes: Mapping[int, int]) -> None:
    """Add what trades took from listings (negative: gave back), by listing id."""
    await _add(connection, "awarded = listing.awarded + change.quantity", changes, {})


async def add_settled(connection: Connection, changes: Mapping[int, int], *, at: datetime) -> frozenset[int]:
    """Add what has left the county, by listing id; return the listings that are SOLD out by it."""
    rows = await _add(
        connection,
        """settled = listing.settled + change.quantity,
           state = CASE WHEN listing.settled + change.quantity = listing.quantity
                        THEN 'SOLD' ELSE listing.state END,
           auction_id = CASE WHEN listing.settled + change.quantity = listing.quantity
                             THEN NULL ELSE listing.auction_id END,
           ended_at = CASE WHEN listing.settled + change.quantity = listing.quantity
                           THEN CAST(:at AS timestamptz) ELSE listing.ended_at END""",
        changes,
        {"at": at},
    )
    return frozenset(row.id for row in rows if row.state == ListingState.SOLD)


async def _add(
    connection: Connection, assignments: str, changes: Mapping[int, int], given: Mapping[str, Any]
) -> Sequence[Any]:
    ids = sorted(changes)
    changed = await connection.execute(
        text(
            f"""
            UPDATE listing SET {assignments}
              FROM unnest(CAST(:ids AS bigint[]), CAST(:quantities AS bigint[])) AS change(id, quantity)
             WHERE listing.id = change.id
            RETURNING listing.id, listing.state
            """
        ),
        {"ids": ids, "quantities": [changes[id_] for id_ in ids], **given},
    )
    rows = changed.all()
    ensure(len(rows) == len(ids), f"{len(ids)} listings to change, {len(rows)} changed")
    return rows


async def enter_auction(connection: Connection, ids: Iterable[int], auction_id: int) -> None:
    """Put LISTED listings, which the caller holds, into an auction's pool."""
    wanted = sorted(set(ids))
    entered = await connection.execute(
        text(
            """
            UPDATE listing SET state = 'IN_AUCTION', auction_id = :auction_id
             WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'LISTED' RETURNING id
            """
        ),
        {"ids": wanted, "auction_id": auction_id},
    )
    ensure(len(entered.all()) == len(wanted), "only listings that are LISTED enter an auction")


async def leave_auction(connection: Connection, auction_id: int) -> Sequence[int]:
    """Put what is left of an auction's pool, which the caller holds, back on the list."""
    left = await connection.execute(
        text(
            """
            UPDATE listing SET state = 'LISTED', auction_id = NULL
             WHERE auction_id = :auction_id AND state = 'IN_AUCTION' RETURNING id
            """
        ),
        {"auction_id": auction_id},
    )
    return sorted(row.id for row in left)


async def end(
    connection: Connection, id_: int, *, state: ListingState, at: datetime, reason: str | None
) -> ListingRow:
    """End a listing, which the caller holds, as WITHDRAWN or VOIDED, and take it out of its auction."""
    ended = await connection.execute(
        text(
            f"""
            UPDATE listing SET state = :state, auction_id = NULL, ended_at = :at, end_reason = :reason
             WHERE id = :id RETURNING {_COLUMNS}
            """
        ),
        {"id": id_, "state": state, "at": at, "reason": reason},
    )
    return _listing(ended.one())


async def find(connection: Connection, id_: int) -> ListingRow | None:
    """Return one listing, or None."""
    found = await connection.execute(text(f"SELECT {_COLUMNS} FROM listing WHERE id = :id"), {"id": id_})
    row = found.first()
    return None if row is None else _listing(row)


async def listings(
    connection: Connection,
    *,
    county: str | None,
    indicator: Indicator | None,
    state: ListingState | None,
    after: int | None,
    limit: int,
) -> Sequence[ListingRow]:
    """Return at most ``limit`` listings after the id given, by id."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM listing
             WHERE (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
               AND (CAST(:county AS text) IS NULL OR county = CAST(:county AS text))
               AND (CAST(:indicator AS text) IS NULL OR indicator = CAST(:indicator AS text))
               AND (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
             ORDER BY id LIMIT :limit
            """
        ),
        {"county": county, "indicator": indicator, "state": state, "after": after, "limit": limit},
    )
    return [_listing(row) for row in found]


async def sellers(
    connection: Connection, indicators: Iterable[Indicator]
) -> frozenset[tuple[str, Indicator]]:
    """Return who lists which of the indicators just now, with anything unsold, in an auction or not."""
    found = await connection.execute(
        text(
            """
            SELECT DISTINCT county, indicator FROM listing
             WHERE state IN ('LISTED', 'IN_AUCTION') AND awarded < quantity
               AND indicator = ANY(CAST(:indicators AS text[]))
            """
        ),
        {"indicators": [indicator.value for indicator in indicators]},
    )
    return frozenset((row.county, Indicator(row.indicator)) for row in found)


@dataclass(frozen=True, slots=True)
class ListableBatch:
    """What a county could list of one batch: the batch's indicator and county of origin, and the balance."""

    batch_id: int
    indicator: Indicator
    origin: str
    available: int


async def listable(connection: Connection, batch_id: int, holder: str | None) -> ListableBatch | None:
    """Return a batch and what the holder (None: its county of origin) has available of it.

    None where there is no such batch, or the holder never had any of it.
    """
    found = await connection.execute(
        text(
            """
            SELECT batch.id, batch.indicator, batch.county,
                   max(account.balance) FILTER (WHERE account.bucket = 'available') AS available
              FROM batch JOIN account ON account.batch_id = batch.id
             WHERE batch.id = :batch_id
               AND account.jurisdiction = coalesce(CAST(:holder AS text), batch.county)
             GROUP BY batch.id
            """
        ),
        {"batch_id": batch_id, "holder": holder},
    )
    row = found.first()
    if row is None:
        return None
    return ListableBatch(row.id, Indicator(row.indicator), row.county, row.available or 0)


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A recent auction's outcome, as published."""

    auction_id: int
    closes_at: datetime
    outcome: str


async def recent_results(connection: Connection, indicator: Indicator, limit: int) -> Sequence[ResultRow]:
    """Return the latest opened auctions of an indicator, the latest first."""
    found = await connection.execute(
        text(
            """
            SELECT id, closes_at, outcome FROM auction
             WHERE indicator = :indicator AND state = 'OPENED' AND outcome IS NOT NULL
             ORDER BY closes_at DESC, id DESC LIMIT :limit
            """
        ),
        {"indicator": indicator, "limit": limit},
    )
    return [ResultRow(row.id, row.closes_at, row.outcome) for row in found]
