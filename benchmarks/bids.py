"""Bids over HTTP, one worker, against a bare endpoint that inserts one row; and how long bidders wait.

The service is the production one on its own login: it authenticates, validates, seals, receipts and logs.
Client, servers and PostgreSQL share the machine, so the ratio counts, not the rates.
"""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from functools import partial

import asyncpg

from app.market.access import Role
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.sealing.keys import Keys
from app.store.database import Connection, Database
from benchmarks import baseline, load, province
from benchmarks.databases import Server
from benchmarks.ratios import Bound, Ratio, say
from benchmarks.services import bare, exchange

FARMLAND = Indicator.FARMLAND_QUANTITY
BIDS_PER_BUYER = 5  # so few that what a buyer has in force stays as short a list as it is in life
LIMIT_STEPS = 100_000


async def measure(server: Server, *, full: bool) -> AsyncIterator[Ratio]:
    """Measure bids a second at saturation, and the wait of a bidder at four fifths of it."""
    buyers, seconds = (12_000, 15.0) if full else (3_000, 4.0)
    urls = await server.fresh("bids")
    owner = Database.connect(urls.owner, role=None, pool_size=1)
    keys = Keys.derive(bytes(32))
    auction, tokens = await owner.transact(partial(_bidding, keys=keys, buyers=buyers))
    await owner.dispose()
    connection = await asyncpg.connect(baseline.plain_url(urls.owner))
    await baseline.make_bid_table(connection)
    await connection.close()
    bids = _bids(auction, tokens)
    bare_bids = itertools.repeat(
        load.request("POST", "/bids", json.dumps({"price": "320000.00", "quantity": "0.1000"}).encode())
    )
    with exchange(urls, server.folder) as port, bare(urls, {}, server.folder) as bare_port:
        say("bids over HTTP: warming both services up")
        (await load.saturate(port, bids, 1)).insist(201)
        (await load.saturate(bare_port, bare_bids, 1)).insist(201)
        loaded, bare_loaded = load.Load(), load.Load()
        for _ in range(2):  # by turns, so that a busy moment of the machine hits both
            say("bids over HTTP: saturating")
            loaded.add(await load.saturate(port, bids, seconds))
            bare_loaded.add(await load.saturate(bare_port, bare_bids, seconds))
        loaded.insist(201), bare_loaded.insist(201)
        yield Ratio(
            "bids over HTTP, one worker, ÷ a bare endpoint that inserts a row",
            loaded.rate / bare_loaded.rate,
            Bound.AT_LEAST,
            0.7,
            f"{loaded.rate:,.0f}/s to {bare_loaded.rate:,.0f}/s",
        )
        say("bids over HTTP: at 80 % of saturation")
        steady = (await load.arrive(port, bids, 2 * seconds, 0.8 * loaded.rate)).insist(201)
        yield Ratio(
            "bids at 80 % of saturation, p99 ÷ median wait",
            steady.quantile(0.99) / steady.quantile(0.5),
            Bound.AT_MOST,
            10,
            f"{1000 * steady.quantile(0.99):.1f} ms to {1000 * steady.quantile(0.5):.1f} ms",
        )


async def _bidding(connection: Connection, *, keys: Keys, buyers: int) -> tuple[str, list[str]]:
    """An auction that is open for bids, and a token for each registered buyer."""
    offers = await province.offer(
        connection,
        await province.counties(connection, 86),
        FARMLAND,
        batches=86,
        listings_each=1,
        quantity=1_000_000,
    )
    auction = await province.announce(
        connection,
        keys,
        offers,
        opens_in=timedelta(seconds=-1),
        closes_in=timedelta(days=1),
        bids_per_buyer=BIDS_PER_BUYER,
    )
    codes = await province.add_cities(connection, buyers)
    need_ids = await province.approve_needs(connection, codes, {FARMLAND: LIMIT_STEPS}, reserved=True)
    await province.register(
        connection,
        auction.id,
        dict(zip(codes, need_ids, strict=True)),
        limit=LIMIT_STEPS,
        deposit_fen=0,
    )
    return public_id(Kind.AUCTION, auction.id), await province.add_tokens(
        connection, codes, Role.CITY_OFFICER
    )


def _bids(auction: str, tokens: list[str]) -> Iterator[bytes]:
    """Each buyer's bids in turn, as many as it may have, every one under a key of its own."""
    for number in range(BIDS_PER_BUYER):
        for token in tokens:
            yield load.request(
                "POST",
                f"/v1/auctions/{auction}/bids",
                json.dumps({"price": f"{320_000 + number}.00", "quantity": "0.1000"}).encode(),
                {"authorization": f"Bearer {token}", "idempotency-key": f"bid-{number}"},
            )
