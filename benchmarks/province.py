"""A province as large as a benchmark wants it: rows by a few statements, books by the ledger itself.

What is made here is not measured. It is what the services would have left: each county's listings are
locked in its reserve, each need is approved, each deposit is held.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from app.market.access import Role
from app.market.auctions import AuctionState, Pricing, Rules, TieRule
from app.market.bidding import PooledLot
from app.market.ids import Kind, public_id
from app.market.indicators import CNY, Indicator
from app.market.ledger import AccountKey, Bucket, Entry, money, move
from app.sealing.bids import new_key_pair
from app.sealing.keys import Keys, token_digest
from app.store import auctions, clock, ledger, listings
from app.store.auctions import AuctionRow
from app.store.database import Connection

PROVINCE = "510000"
FLOOR_FEN, CEILING_FEN = 300_000_00, 450_000_00


@dataclass(frozen=True, slots=True)
class Offer:
    """A listing, and what it offers in smallest steps."""

    listing_id: int
    county: str
    batch_id: int
    indicator: Indicator
    quantity: int


async def counties(connection: Connection, most: int) -> list[str]:
    """Counties of the sample province, at most so many."""
    found = await connection.execute(
        text(
            "SELECT DISTINCT code FROM jurisdiction_version WHERE level = 'county' ORDER BY code LIMIT :most"
        ),
        {"most": most},
    )
    return [row.code for row in found]


async def add_cities(connection: Connection, count: int) -> list[str]:
    """Enter cities that the sample has not; return their codes."""
    codes = [f"52{number:05d}" for number in range(count)]
    await connection.execute(
        text("INSERT INTO jurisdiction (code) SELECT unnest(CAST(:codes AS text[]))"), {"codes": codes}
    )
    await connection.execute(
        text(
            """
            INSERT INTO jurisdiction_version (code, valid_from, name, level, parent)
            SELECT code, '2017-01-01', code, 'city', :province FROM unnest(CAST(:codes AS text[])) AS code
            """
        ),
        {"codes": codes, "province": PROVINCE},
    )
    return codes


async def add_tokens(connection: Connection, codes: Sequence[str], role: Role) -> list[str]:
    """Make a token for each jurisdiction; return the secrets in their order."""
    secrets = [f"gh_benchmark_{role}_{code}" for code in codes]
    await connection.execute(
        text(
            """
            INSERT INTO token (digest, label, jurisdiction, roles, created_at, expires_at)
            SELECT digest, 'benchmark', code, ARRAY[CAST(:role AS text)], now(), now() + interval '1 day'
              FROM unnest(CAST(:digests AS bytea[]), CAST(:codes AS text[])) AS given(digest, code)
            """
        ),
        {"role": role, "digests": [token_digest(secret) for secret in secrets], "codes": list(codes)},
    )
    return secrets


async def offer(
    connection: Connection,
    sellers: Sequence[str],
    indicator: Indicator,
    *,
    batches: int,
    listings_each: int,
    quantity: int,
) -> list[Offer]:
    """Credit batches to the sellers in turn, and list each by so many listings of ``quantity`` steps."""
    made = await connection.execute(
        text(
            """
            WITH project AS (
                INSERT INTO project (county, name, kind, department, state, started_on, feasibility_reviewed,
                                     surplus_recognised, ecology_reviewed, filed_at, accepted_on)
                SELECT (CAST(:sellers AS text[]))[1 + number % :sellers_count], 'benchmark',
                       'land_consolidation', 'benchmark', 'ACCEPTED', '2018-03-01', true, true, true, now(),
                       '2019-11-05'
                  FROM generate_series(0, :batches - 1) AS number RETURNING id, county)
            INSERT INTO batch (indicator, county, project_id, quantity, credited_at)
            SELECT :indicator, county, id, :credited, now() FROM project ORDER BY id RETURNING id, county
            """
        ),
        {
            "sellers": list(sellers),
            "sellers_count": len(sellers),
            "batches": batches,
            "indicator": indicator.value,
            "credited": quantity * listings_each,
        },
    )
    origins = {row.id: row.county for row in made}
    await ledger.post(
        connection,
        kind="credit",
        reference="benchmark",
        at=await clock.now(connection),
        actor=None,
        entries=[
            entry
            for batch_id, county in origins.items()
            for entry in move(
                AccountKey(county, indicator, batch_id, Bucket.ISSUED),
                AccountKey(county, indicator, batch_id, Bucket.LOCKED),
                quantity * listings_each,
            )
        ],
    )
    listed = await connection.execute(
        text(
            """
            INSERT INTO listing (county, batch_id, indicator, quantity, open_to_key_projects, poverty,
                                 listed_at, state)
            SELECT batch.county, batch.id, batch.indicator, :quantity, true, batch.id % 3 = 0, now(), 'LISTED'
              FROM batch, generate_series(1, :each)
             WHERE batch.id = ANY(CAST(:ids AS bigint[])) ORDER BY batch.id RETURNING id, batch_id
            """
        ),
        {"quantity": quantity, "each": listings_each, "ids": list(origins)},
    )
    return [Offer(row.id, origins[row.batch_id], row.batch_id, indicator, quantity) for row in listed]


async def approve_needs(
    connection: Connection, buyers: Sequence[str], quantities: Mapping[Indicator, int], *, reserved: bool
) -> list[int]:
    """Give each buyer an approved need of these quantities (all of it reserved, or nothing); their ids."""
    made = await connection.execute(
        text(
            """
            WITH application AS (
                INSERT INTO land_application (applicant, reserve, kind, method, title, state,
                                              farmland_quantity, paddy_area, grain_capacity,
                                              linkage_quota, filed_at)
                SELECT buyer, buyer, 'town_batch', 'reserve', 'benchmark', 'FILED', 1, 1, 1, 0, now()
                  FROM unnest(CAST(:buyers AS text[])) WITH ORDINALITY AS given(buyer, place) ORDER BY place
                RETURNING id, applicant)
            INSERT INTO need (buyer, application_id, state, all_or_nothing, declared_at, approved_at)
            SELECT applicant, id, 'APPROVED', false, now(), now() FROM application ORDER BY id RETURNING id
            """
        ),
        {"buyers": list(buyers)},
    )
    ids = [row.id for row in made]
    await connection.execute(
        text(
            """
            INSERT INTO need_item (need_id, indicator, quantity, reserved, awarded, settled)
            SELECT id, item.indicator, item.quantity, CASE WHEN :reserved THEN item.quantity ELSE 0 END, 0, 0
              FROM unnest(CAST(:ids AS bigint[])) AS id,
                   unnest(CAST(:indicators AS text[]), CAST(:quantities AS bigint[]))
                   AS item(indicator, quantity)
            """
        ),
        {
            "ids": ids,
            "reserved": reserved,
            "indicators": [indicator.value for indicator in quantities],
            "quantities": list(quantities.values()),
        },
    )
    return ids


async def fund(connection: Connection, amounts_fen: Mapping[str, int], bucket: Bucket) -> None:
    """Pay money in, straight into a bucket."""
    await ledger.post(
        connection,
        kind="cash.deposit",
        reference="benchmark",
        at=await clock.now(connection),
        actor=None,
        entries=[
            entry
            for code, fen in amounts_fen.items()
            if fen
            for entry in move(money(code, Bucket.BANK), money(code, bucket), fen)
        ],
    )


async def announce(
    connection: Connection,
    keys: Keys,
    offers: Sequence[Offer],
    *,
    opens_in: timedelta,
    closes_in: timedelta,
    bids_per_buyer: int,
) -> AuctionRow:
    """Announce an auction of these listings, with its window given from now; may be over already."""
    id_ = await auctions.next_id(connection)
    pair = new_key_pair(keys, public_id(Kind.AUCTION, id_))
    now = datetime.now(UTC)
    row = AuctionRow(
        id=id_,
        indicator=offers[0].indicator,
        state=AuctionState.ANNOUNCED,
        announced_at=now + opens_in - timedelta(days=1),
        opens_at=now + opens_in,
        closes_at=now + closes_in,
        rules=Rules(Pricing.PAY_AS_BID, TieRule.EARLIEST, 1, FLOOR_FEN, CEILING_FEN),
        buyer_cap_share=None,
        deposit_rate="0.10",
        bids_per_buyer=bids_per_buyer,
        purchases_within_need=True,
        public_key=pair.public_key,
        wrapped_private_key=pair.wrapped_private_key,
        ended_at=None,
        end_reason=None,
    )
    await auctions.insert(connection, row)
    await listings.enter_auction(connection, [each.listing_id for each in offers], id_)
    await auctions.add_lots(
        connection, id_, [PooledLot(each.listing_id, each.quantity, None) for each in offers]
    )
    return row


async def register(
    connection: Connection,
    auction_id: int,
    buyers: Mapping[str, int],
    *,
    limit: int,
    deposit_fen: int,
) -> None:
    """Register buyers, by code with the need of each, all with one limit, and hold their deposits."""
    await connection.execute(
        text(
            """
            INSERT INTO registration (auction_id, buyer, need_id, limit_quantity, reserved, deposit,
                                      registered_at)
            SELECT :auction_id, buyer, need_id, :limit, :limit, :deposit, now()
              FROM unnest(CAST(:buyers AS text[]), CAST(:need_ids AS bigint[])) AS given(buyer, need_id)
            """
        ),
        {
            "auction_id": auction_id,
            "limit": limit,
            "deposit": deposit_fen,
            "buyers": list(buyers),
            "need_ids": list(buyers.values()),
        },
    )
    await fund(connection, dict.fromkeys(buyers, deposit_fen), Bucket.LOCKED)


async def add_bids(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Store sealed bids: (id, auction, buyer, ciphertext, digest, received_at) each."""
    ids, auction_ids, buyers, sealed, digests, received = zip(*rows, strict=True)
    await connection.execute(
        text(
            """
            INSERT INTO bid (id, auction_id, buyer, sealed, digest, received_at)
            SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:auction_ids AS bigint[]),
                                 CAST(:buyers AS text[]), CAST(:sealed AS bytea[]),
                                 CAST(:digests AS bytea[]), CAST(:received AS timestamptz[]))
            """
        ),
        {
            "ids": list(ids),
            "auction_ids": list(auction_ids),
            "buyers": list(buyers),
            "sealed": list(sealed),
            "digests": list(digests),
            "received": list(received),
        },
    )


async def pay_all(connection: Connection) -> list[int]:
    """Confirm and pay every trade that waits; return their ids."""
    paid = await connection.execute(
        text(
            """
            UPDATE trade SET state = 'PAID', confirmed_at = now(), paid_at = now()
             WHERE state = 'AWARDED' RETURNING id, buyer, amount, deposit
            """
        )
    )
    rows = paid.all()
    changes: dict[AccountKey, int] = defaultdict(int)
    for row in rows:
        changes[money(row.buyer, Bucket.BANK)] -= row.amount - row.deposit
        changes[money(row.buyer, Bucket.LOCKED)] -= row.deposit
        changes[money(row.buyer, Bucket.ESCROW)] += row.amount
    await ledger.post(
        connection,
        kind="payment",
        reference=CNY,
        at=await clock.now(connection),
        actor=None,
        entries=[Entry(account, amount) for account, amount in changes.items()],
    )
    return sorted(row.id for row in rows)
