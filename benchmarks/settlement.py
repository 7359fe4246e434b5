"""Openings and settlements against bare SQL that writes the same rows, without checks, on bare tables.

The services run in this process on connections of their own. The bare side runs after them and takes its
rows from what they wrote, inside the database, so that it has not even to send them.
"""

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from functools import partial
from itertools import cycle, islice

import asyncpg
from sqlalchemy import text

from app.market.access import Actor, Role
from app.market.bidding import deposit_fen
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.trades import AwardedLine, AwardedTrade
from app.market.units import amount_fen, format_money, format_quantity
from app.sealing.bids import BidTerms, seal
from app.sealing.keys import Keys
from app.services import awards
from app.services.journal import Answer, Claim, once
from app.services.openings import close_due, open_due
from app.services.settlements import settle
from app.store import allocations, clock
from app.store.auctions import AuctionRow
from app.store.database import Connection, Database
from benchmarks import baseline, province
from benchmarks.databases import Server, Urls
from benchmarks.ratios import Bound, Ratio, say

FARMLAND = Indicator.FARMLAND_QUANTITY
LEGS = (Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA, Indicator.GRAIN_CAPACITY)
SELLERS = 86
CITIES = 100
CLIENTS = 20
LISTINGS_A_BATCH = 10
LISTING_STEPS = 1000
TREASURER = Actor(0, "benchmark", province.PROVINCE, frozenset({Role.TREASURER}))


async def measure(server: Server, *, full: bool) -> AsyncIterator[Ratio]:
    """Measure one auction of many awards, opened and settled, and single settlements side by side."""
    awarded = 100_000 if full else 20_000
    urls = await server.fresh("settlement")
    owner = Database.connect(urls.owner, role=None, pool_size=2, statement_timeout_ms=0)
    service = Database.connect(urls.service, pool_size=CLIENTS, statement_timeout_ms=0)
    bare = await asyncpg.connect(baseline.plain_url(urls.owner))
    try:
        for bids in (CITIES, awarded):
            async for ratio in _auction(owner, service, bare, awarded=awarded, bids=bids):
                yield ratio
        yield await _single(owner, service, urls, trades=6_000 if full else 1_200)
    finally:
        await bare.close()
        await owner.dispose()
        await service.dispose()


async def _auction(
    owner: Database, service: Database, bare: asyncpg.Connection, *, awarded: int, bids: int
) -> AsyncIterator[Ratio]:
    keys = Keys.derive(bytes(32))
    say(f"an auction of {awarded:,} awards to {bids:,} bids: making it")
    auction = await owner.transact(partial(_made, keys=keys, awarded=awarded, bids=bids))
    await baseline.copy_tables(bare)
    await service.transact(partial(close_due, keys=keys, tried=set[int]()))
    say(f"an auction of {awarded:,} awards to {bids:,} bids: opening it")
    posted = await _last_posting(bare)
    started = time.perf_counter()
    opened = await service.transact(partial(open_due, keys=keys, tried=set[int]()))
    opening_seconds = time.perf_counter() - started
    lines = await bare.fetchval(
        "SELECT count(*) FROM trade_line JOIN trade ON trade.id = trade_id WHERE auction_id = $1", auction.id
    )
    if not opened or lines < awarded:
        raise RuntimeError(f"{awarded} awards were to come of the auction, {lines} did")
    bare_opening_seconds = await baseline.replay(
        bare, baseline.AWARD + baseline.POST, auction_id=auction.id, after_posting=posted
    )
    yield Ratio(
        f"opening {awarded:,} awards to {bids:,} bids, speed ÷ bare SQL",
        bare_opening_seconds / opening_seconds,
        Bound.AT_LEAST,
        0.5,
        f"{opening_seconds:.2f} s to {bare_opening_seconds:.2f} s; bids unsealed and cleared in it",
    )
    ids = await owner.transact(province.pay_all)
    if bids != CITIES:
        return  # settled trade by trade, which the single settlements measure
    say(f"settling the {len(ids):,} trades in one transaction")

    async def settle_all(connection: Connection) -> None:
        for number in ids:
            await settle(connection, actor=TREASURER, number=number)

    posted = await _last_posting(bare)
    started = time.perf_counter()
    await service.transact(settle_all)
    seconds = time.perf_counter() - started
    bare_seconds = await baseline.replay(bare, baseline.SETTLE + baseline.POST, after_posting=posted)
    yield Ratio(
        f"opening and settling {awarded:,} awards in {bids:,} trades, speed ÷ bare SQL",
        (bare_opening_seconds + bare_seconds) / (opening_seconds + seconds),
        Bound.AT_LEAST,
        0.5,
        f"{opening_seconds + seconds:.2f} s to {bare_opening_seconds + bare_seconds:.2f} s",
    )


async def _made(connection: Connection, *, keys: Keys, awarded: int, bids: int) -> AuctionRow:
    """An auction over its closing, with sealed bids that fit its listings so that each award is one line."""
    sellers = await province.counties(connection, SELLERS)
    offers = await province.offer(
        connection,
        sellers,
        FARMLAND,
        batches=awarded // LISTINGS_A_BATCH,
        listings_each=LISTINGS_A_BATCH,
        quantity=LISTING_STEPS,
    )
    known = await connection.execute(
        text("SELECT code FROM jurisdiction WHERE code LIKE '52%' ORDER BY code")
    )
    cities = [row.code for row in known] or await province.add_cities(connection, CITIES)
    limit = awarded * LISTING_STEPS // CITIES
    need_ids = await province.approve_needs(connection, cities, {FARMLAND: limit}, reserved=True)
    auction = await province.announce(
        connection,
        keys,
        offers,
        opens_in=timedelta(hours=-2),
        closes_in=timedelta(seconds=-1),
        bids_per_buyer=awarded,
    )
    await province.register(
        connection,
        auction.id,
        dict(zip(cities, need_ids, strict=True)),
        limit=limit,
        deposit_fen=deposit_fen(Fraction(auction.deposit_rate), province.CEILING_FEN, limit, FARMLAND),
    )
    rows = []
    for number, buyer in enumerate(islice(cycle(cities), bids)):
        id_ = f"B{secrets.token_hex(12)}"
        terms = BidTerms(
            format_money(province.FLOOR_FEN + 100 * (number * 7919 % 100_000)),
            format_quantity(awarded * LISTING_STEPS // bids, FARMLAND),
            None,
        )
        sealed = seal(auction.public_key, public_id(Kind.AUCTION, auction.id), buyer, id_, terms)
        received_at = auction.opens_at + timedelta(milliseconds=number)
        rows.append((id_, auction.id, buyer, sealed.ciphertext, sealed.digest, received_at))
    await province.add_bids(connection, rows)
    return auction


async def _single(owner: Database, service: Database, urls: Urls, *, trades: int) -> Ratio:
    """Four legs a settlement (three indicators and money), twenty clients, each pair of counties in turn."""
    say(f"{trades:,} single settlements of four legs by {CLIENTS} clients")
    ids = await owner.transact(partial(_awarded_singly, trades=trades))
    await owner.transact(province.pay_all)
    pool = await asyncpg.create_pool(baseline.plain_url(urls.owner), min_size=CLIENTS, max_size=CLIENTS)
    service_seconds = bare_seconds = 0.0
    try:
        for half in (ids[: trades // 2], ids[trades // 2 :]):
            service_seconds += await _side_by_side(half, partial(_settle_one, service))
            async with pool.acquire() as bare:
                await baseline.copy_tables(bare)
                await baseline.make_leg_table(bare)
                legs = await _legs(bare, half)
            bare_seconds += await _side_by_side(list(legs), partial(_move_one, pool, legs))
    finally:
        await pool.close()
    return Ratio(
        f"single settlements of four legs, {CLIENTS} clients, ÷ bare transactions",
        bare_seconds / service_seconds,
        Bound.AT_LEAST,
        0.6,
        f"{trades / service_seconds:,.0f}/s to {trades / bare_seconds:,.0f}/s; under idempotency keys",
    )


async def _awarded_singly(connection: Connection, *, trades: int) -> list[int]:
    """Trades of one allocation, each of one seller's three indicators to another county."""
    codes = await province.counties(connection, SELLERS)
    each = -(-trades // SELLERS)
    offers = {
        (offered.county, indicator): offered
        for indicator in LEGS
        for offered in await province.offer(
            connection, codes, indicator, batches=SELLERS, listings_each=1, quantity=each * LISTING_STEPS
        )
    }
    pairs = [
        (codes[number % SELLERS], codes[(number + 1 + number // SELLERS) % SELLERS])
        for number in range(trades)
    ]
    buyers = [buyer for _, buyer in pairs]
    need_ids = await province.approve_needs(
        connection, buyers, dict.fromkeys(LEGS, LISTING_STEPS), reserved=False
    )
    now = await clock.now(connection)
    run = await allocations.insert(connection, run_at=now, run_by=None, record="{}", outcome="{}")

    def line(offered: province.Offer) -> AwardedLine:
        return AwardedLine(
            offered.listing_id,
            offered.county,
            offered.batch_id,
            offered.indicator,
            LISTING_STEPS,
            province.FLOOR_FEN,
            amount_fen(province.FLOOR_FEN, LISTING_STEPS, offered.indicator),
        )

    awarded = [
        AwardedTrade(
            buyer,
            need_id,
            tuple(line(offers[(seller, indicator)]) for indicator in LEGS),
            allocation_id=run.id,
        )
        for (seller, buyer), need_id in zip(pairs, need_ids, strict=True)
    ]
    return list(await awards.award(connection, now=now, actor=None, trades=awarded))


async def _settle_one(service: Database, number: int) -> None:
    claim = Claim(province.PROVINCE, f"benchmark-{number}", b"")
    await service.transact(
        lambda connection: once(
            connection,
            claim,
            partial(settle, actor=TREASURER, number=number),
            lambda trade: Answer(201, trade.state),
        )
    )


Legs = dict[int, tuple[list[int], list[int]]]
"""By ledger transaction, the accounts it moved and by how much."""


async def _legs(connection: asyncpg.Connection, trade_ids: Sequence[int]) -> Legs:
    """What the service's settlements of these trades posted."""
    legs: Legs = defaultdict(lambda: ([], []))
    for row in await connection.fetch(
        """
        SELECT transaction_id, account_id, amount FROM posting
          JOIN ledger_transaction AS head ON head.id = transaction_id
         WHERE head.kind = 'settlement' AND head.reference = ANY($1::text[]) ORDER BY posting.id
        """,
        [public_id(Kind.TRADE, number) for number in trade_ids],
    ):
        ids, amounts = legs[row["transaction_id"]]
        ids.append(row["account_id"])
        amounts.append(row["amount"])
    return legs


async def _move_one(pool: asyncpg.Pool, legs: Legs, transaction_id: int) -> None:
    async with pool.acquire() as connection:
        await baseline.move_legs(connection, transaction_id, *legs[transaction_id])


async def _side_by_side(numbers: Sequence[int], work: Callable[[int], Awaitable[None]]) -> float:
    """Do the work for every number by twenty clients at once; return the seconds until all is done."""
    waiting: Iterator[int] = iter(numbers)

    async def client() -> None:
        for number in waiting:
            await work(number)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return time.perf_counter() - started


async def _last_posting(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SELECT coalesce(max(id), 0) FROM posting"))
