"""What the public reads: open listings in queue order, auctions to come, results; never a bid or buyer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import text

from app.market.auctions import AuctionState, Pricing, TieRule
from app.market.ids import Kind
from app.market.indicators import Indicator
from app.market.listings import ListingState
from app.market.modes import TradeMode
from app.market.units import format_money, format_quantity
from app.store.database import Connection


@dataclass(frozen=True, slots=True)
class OpenListing:
    """A listing of which something can still be bought; quantity in smallest steps, ask in fen per unit."""

    id: int
    county: str
    county_name: str | None
    indicator: Indicator
    buyable: int
    ask_fen: int | None
    open_to_key_projects: bool
    poverty: bool
    listed_at: datetime
    state: ListingState
    auction_id: int | None
    project_id: int


@dataclass(frozen=True, slots=True)
class Announcement:
    """An auction that is announced and not opened yet, and its pool as announced."""

    id: int
    indicator: Indicator
    state: AuctionState
    announced_at: datetime
    opens_at: datetime
    closes_at: datetime
    pricing: Pricing
    tie: TieRule
    lot: int
    floor_fen: int
    ceiling_fen: int
    buyer_cap_share: str | None
    deposit_rate: str
    bids_per_buyer: int
    pool_listings: int
    pool_supply: int


@dataclass(frozen=True, slots=True)
class Result:
    """How an auction ended, what a run gave, or a purchase; ``sold`` is decimal text as published."""

    kind: Kind
    id: int
    at: datetime
    mode: TradeMode
    state: AuctionState | None
    reason: str | None
    sold: dict[Indicator, str]
    clearing_price: str | None
    has_outcome: bool


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a listing stands in the queue (RULES 8)."""

    poverty: bool
    listed_at: datetime
    id: int


HEAD_OF_QUEUE = QueuePlace(poverty=True, listed_at=datetime.min.replace(tzinfo=UTC), id=0)
"""Before every listing."""

# Places are compared as rows, so that a page starts in the index and not at the head of the queue.
OPEN_LISTINGS = """
    SELECT listing.id, listing.county, listing.indicator, listing.quantity - listing.awarded AS buyable,
           listing.ask, listing.open_to_key_projects, listing.poverty, listing.listed_at, listing.state,
           listing.auction_id, batch.project_id, named.name AS county_name
      FROM (SELECT * FROM listing
             WHERE state IN ('LISTED', 'IN_AUCTION') AND awarded < quantity
               AND (CAST(:indicator AS text) IS NULL OR indicator = CAST(:indicator AS text))
               AND ((NOT poverty), listed_at, id)
                   > (NOT CAST(:poverty AS boolean), CAST(:listed_at AS timestamptz), CAST(:id AS bigint))
             ORDER BY (NOT poverty), listed_at, id LIMIT :limit) AS listing
      JOIN batch ON batch.id = listing.batch_id
      LEFT JOIN LATERAL (
           SELECT dated.name FROM jurisdiction_version AS dated
            WHERE dated.code = listing.county AND dated.valid_from <= :day
              AND (dated.valid_until IS NULL OR :day < dated.valid_until)
            ORDER BY dated.valid_from DESC LIMIT 1) AS named ON true
     ORDER BY (NOT listing.poverty), listing.listed_at, listing.id
"""


async def open_listings(
    connection: Connection,
    *,
    indicator: Indicator | None,
    day: date,
    after: QueuePlace | None,
    limit: int,
) -> Sequence[OpenListing]:
    """Return at most ``limit`` open listings in queue order: poverty counties, then by time, then by id."""
    place = after or HEAD_OF_QUEUE
    found = await connection.execute(
        text(OPEN_LISTINGS),
        {
            "indicator": indicator,
            "day": day,
            "poverty": place.poverty,
            "listed_at": place.listed_at,
            "id": place.id,
            "limit": limit,
        },
    )
    return [
        OpenListing(
            id=row.id,
            county=row.county,
            county_name=row.county_name,
            indicator=Indicator(row.indicator),
            buyable=row.buyable,
            ask_fen=row.ask,
            open_to_key_projects=row.open_to_key_projects,
            poverty=row.poverty,
            listed_at=row.listed_at,
            state=ListingState(row.state),
            auction_id=row.auction_id,
            project_id=row.project_id,
        )
        for row in found
    ]


async def announcements(
    connection: Connection, *, indicator: Indicator | None, after: int | None, limit: int
) -> Sequence[Announcement]:
    """Return at most ``limit`` auctions that are announced or closed, by id, with the pools' sizes."""
    found = await connection.execute(
        text(
            """
            SELECT auction.*, pool.listings AS pool_listings, pool.supply AS pool_supply
              FROM auction
              JOIN LATERAL (
                   SELECT count(*) AS listings, coalesce(sum(quantity), 0) AS supply
                     FROM auction_lot WHERE auction_lot.auction_id = auction.id) AS pool ON true
             WHERE auction.state IN ('ANNOUNCED', 'CLOSED')
               AND (CAST(:indicator AS text) IS NULL OR auction.indicator = CAST(:indicator AS text))
               AND (CAST(:after AS bigint) IS NULL OR auction.id > CAST(:after AS bigint))
             ORDER BY auction.id LIMIT :limit
            """
        ),
        {"indicator": indicator, "after": after, "limit": limit},
    )
    return [
        Announcement(
            id=row.id,
            indicator=Indicator(row.indicator),
            state=AuctionState(row.state),
            announced_at=row.announced_at,
            opens_at=row.opens_at,
            closes_at=row.closes_at,
            pricing=Pricing(row.pricing),
            tie=TieRule(row.tie),
            lot=row.lot,
            floor_fen=row.floor,
            ceiling_fen=row.ceiling,
            buyer_cap_share=row.buyer_cap_share,
            deposit_rate=row.deposit_rate,
            bids_per_buyer=row.bids_per_buyer,
            pool_listings=row.pool_listings,
            pool_supply=int(row.pool_supply),
        )
        for row in found
    ]


LATEST = (datetime.max.replace(tzinfo=UTC), "Z", 0)
"""After every result."""

# Each source is read from its own end, so that a page costs the same however much was ever sold.
RESULTS = """
    WITH ended AS (
        (SELECT 'A' AS letter, id, ended_at AS at, state, end_reason FROM auction
          WHERE state IN ('OPENED', 'CANCELLED', 'VOID')
            AND (ended_at, 'A', id)
                < (CAST(:at AS timestamptz), CAST(:letter AS text), CAST(:id AS bigint))
          ORDER BY ended_at DESC, id DESC LIMIT :limit)
         UNION ALL
        (SELECT 'D', id, run_at, NULL, NULL FROM allocation
          WHERE (run_at, 'D', id) < (CAST(:at AS timestamptz), CAST(:letter AS text), CAST(:id AS bigint))
          ORDER BY run_at DESC, id DESC LIMIT :limit)
         UNION ALL
        (SELECT 'U', id, at, NULL, NULL FROM purchase
          WHERE (at, 'U', id) < (CAST(:at AS timestamptz), CAST(:letter AS text), CAST(:id AS bigint))
          ORDER BY at DESC, id DESC LIMIT :limit)),
    page AS (SELECT * FROM ended ORDER BY at DESC, letter DESC, id DESC LIMIT :limit)
    SELECT page.*, auction.indicator, auction.outcome IS NOT NULL AS has_outcome,
           purchase.mode AS purchase_mode, purchase.indicator AS bought,
           purchase.quantity AS bought_quantity, purchase.price,
           CAST(auction.outcome AS json) ->> 'sold_quantity' AS sold_quantity,
           CAST(auction.outcome AS json) ->> 'clearing_price' AS clearing_price,
           (SELECT json_object_agg(filled.indicator, CAST(filled.quantity AS text))
              FROM (SELECT fill ->> 'indicator' AS indicator,
                           sum(CAST(fill ->> 'quantity' AS numeric)) AS quantity
                      FROM json_array_elements(CAST(allocation.outcome AS json) -> 'fills') AS fill
                     GROUP BY 1) AS filled) AS filled
      FROM page
      LEFT JOIN auction ON page.letter = 'A' AND auction.id = page.id
      LEFT JOIN allocation ON page.letter = 'D' AND allocation.id = page.id
      LEFT JOIN purchase ON page.letter = 'U' AND purchase.id = page.id
     ORDER BY page.at DESC, page.letter DESC, page.id DESC
"""


async def results(
    connection: Connection, *, after: tuple[datetime, str, int] | None, limit: int
) -> Sequence[Result]:
    """Return at most ``limit`` ended auctions, allocation runs and purchases, the latest first.

    ``after`` is the instant, the kind's letter and the number of the last one seen.
    """
    at, letter, id_ = after or LATEST
    found = await connection.execute(text(RESULTS), {"at": at, "letter": letter, "id": id_, "limit": limit})
    return [_result(row) for row in found]


def _result(row: Any) -> Result:
    if row.letter == Kind.ALLOCATION.value[0]:
        sold = {Indicator(indicator): quantity for indicator, quantity in (row.filled or {}).items()}
        mode = TradeMode.KEY_FIXED_PRICE
        return Result(Kind.ALLOCATION, row.id, row.at, mode, None, None, sold, None, True)
    if row.letter == Kind.PURCHASE.value[0]:
        bought = Indicator(row.bought)
        sold = {bought: format_quantity(row.bought_quantity, bought)}
        price = format_money(row.price)
        mode = TradeMode(row.purchase_mode)
        return Result(Kind.PURCHASE, row.id, row.at, mode, None, None, sold, price, False)
    sold = {Indicator(row.indicator): row.sold_quantity} if row.has_outcome else {}
    return Result(
        Kind.AUCTION,
        row.id,
        row.at,
        TradeMode.AUCTION,
        AuctionState(row.state),
        row.end_reason,
        sold,
        row.clearing_price,
        row.has_outcome,
    )


@dataclass(frozen=True, slots=True)
class Circulated:
    """A circulation (通报批评), whose reason was written for the public."""

    id: int
    jurisdiction: str
    jurisdiction_name: str | None
    reason: str
    starts_on: date
    ends_on: date | None
    decided_at: datetime
    lifted_at: datetime | None


async def circulated(
    connection: Connection, *, day: date, after: int | None, limit: int
) -> Sequence[Circulated]:
    """Return at most ``limit`` circulations, the latest decided first, under the names of a day."""
    found = await connection.execute(
        text(
            """
            SELECT sanction.id, sanction.jurisdiction, sanction.reason, sanction.starts_on, sanction.ends_on,
                   sanction.decided_at, sanction.lifted_at, named.name AS jurisdiction_name
              FROM sanction
              LEFT JOIN LATERAL (
                   SELECT dated.name FROM jurisdiction_version AS dated
                    WHERE dated.code = sanction.jurisdiction AND dated.valid_from <= :day
                      AND (dated.valid_until IS NULL OR :day < dated.valid_until)
                    ORDER BY dated.valid_from DESC LIMIT 1) AS named ON true
             WHERE sanction.kind = 'circulate'
               AND (CAST(:after AS bigint) IS NULL OR sanction.id < CAST(:after AS bigint))
             ORDER BY sanction.id DESC LIMIT :limit
            """
        ),
        {"day": day, "after": after, "limit": limit},
    )
    return [Circulated(**row._mapping) for row in found]
