"""The bare baselines: what the same rows and answers cost with no rule, check, guard or log around them.

The bare tables have the real tables' columns and a primary key: no other index, no constraint, no trigger.
The bare service is FastAPI on uvicorn with one asyncpg pool: an endpoint that inserts one row, and
endpoints that answer with a JSON value from memory.
"""

import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
from fastapi import FastAPI
from pydantic import BaseModel

POOL_SIZE = 10  # as the service's default
TABLES = ("trade", "trade_line", "listing", "need_item", "account", "posting")
SERVER = ("-m", "uvicorn", "benchmarks.baseline:application", "--factory", "--host", "127.0.0.1")
SERVER_OPTIONS = ("--port", "{port}", "--no-access-log", "--log-level", "warning")


def plain_url(url: str) -> str:
    """A URL for asyncpg itself."""
    return url.replace("postgresql+asyncpg://", "postgresql://")


async def copy_tables(connection: asyncpg.Connection) -> None:
    """Make the bare tables anew, with what the real ones hold just now of balances and quantities."""
    await connection.execute("DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare")
    for table in TABLES:
        await connection.execute(f"CREATE TABLE bare.{table} (LIKE public.{table})")
    for table in ("listing", "need_item", "account"):
        await connection.execute(f"INSERT INTO bare.{table} SELECT * FROM public.{table}")  # noqa: S608
    for table in TABLES:
        key = "need_id, indicator" if table == "need_item" else "id"
        await connection.execute(f"ALTER TABLE bare.{table} ADD PRIMARY KEY ({key})")
    await connection.execute("ANALYZE")


# What an opening writes, from the rows that the service's own opening left.
AWARD = """
    INSERT INTO bare.trade SELECT * FROM public.trade WHERE auction_id = {auction_id};
    INSERT INTO bare.trade_line SELECT line.* FROM public.trade_line AS line
        JOIN public.trade ON trade.id = line.trade_id WHERE trade.auction_id = {auction_id};
    UPDATE bare.listing SET awarded = listing.awarded + won.quantity, state = 'LISTED', auction_id = NULL
      FROM (SELECT listing_id, sum(quantity) AS quantity FROM bare.trade_line GROUP BY listing_id) AS won
     WHERE listing.id = won.listing_id;
    UPDATE bare.need_item SET awarded = need_item.awarded + won.quantity, reserved = 0
      FROM (SELECT trade.need_id, line.indicator, sum(line.quantity) AS quantity
              FROM bare.trade JOIN bare.trade_line AS line ON line.trade_id = trade.id GROUP BY 1, 2) AS won
     WHERE need_item.need_id = won.need_id AND need_item.indicator = won.indicator;
"""
# What settlements write besides their postings.
SETTLE = """
    UPDATE bare.trade SET state = 'SETTLED', ended_at = now();
    UPDATE bare.listing SET settled = listing.settled + won.quantity, state = 'SOLD', ended_at = now()
      FROM (SELECT listing_id, sum(quantity) AS quantity FROM bare.trade_line GROUP BY listing_id) AS won
     WHERE listing.id = won.listing_id;
    UPDATE bare.need_item SET settled = need_item.settled + won.quantity
      FROM (SELECT trade.need_id, line.indicator, sum(line.quantity) AS quantity
              FROM bare.trade JOIN bare.trade_line AS line ON line.trade_id = trade.id GROUP BY 1, 2) AS won
     WHERE need_item.need_id = won.need_id AND need_item.indicator = won.indicator;
"""
# The postings of a time and the balances they move; accounts that were new then are inserted.
POST = """
    INSERT INTO bare.account
    SELECT account.* FROM public.account LEFT JOIN bare.account AS known USING (id) WHERE known.id IS NULL;
    UPDATE bare.account SET balance = account.balance + change.amount
      FROM (SELECT account_id, sum(amount) AS amount FROM public.posting
             WHERE id > {after_posting} GROUP BY account_id) AS change
     WHERE account.id = change.account_id;
    INSERT INTO bare.posting SELECT * FROM public.posting WHERE id > {after_posting};
"""


async def replay(connection: asyncpg.Connection, statements: str, **given: int) -> float:
    """Run statements as one transaction; return the seconds until it is committed."""
    started = time.perf_counter()
    async with connection.transaction():
        await connection.execute(statements.format(**given))
    return time.perf_counter() - started


async def move_legs(
    connection: asyncpg.Connection, transaction_id: int, ids: Sequence[int], amounts: Sequence[int]
) -> None:
    """One settlement, bare: BEGIN, SELECT FOR UPDATE, UPDATE, INSERT, COMMIT."""
    async with connection.transaction():
        await connection.fetch(
            "SELECT id, balance FROM bare.account WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE", ids
        )
        await connection.execute(
            "UPDATE bare.account SET balance = account.balance + change.amount "
            "FROM unnest($1::bigint[], $2::bigint[]) AS change(id, amount) WHERE account.id = change.id",
            ids,
            amounts,
        )
        await connection.execute(
            "INSERT INTO bare.leg (transaction_id, account_id, amount) "
            "SELECT $1, id, amount FROM unnest($2::bigint[], $3::bigint[]) AS change(id, amount)",
            transaction_id,
            ids,
            amounts,
        )


async def make_leg_table(connection: asyncpg.Connection) -> None:
    """A table for bare settlements' postings."""
    await connection.execute(
        "CREATE TABLE bare.leg (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        "transaction_id bigint, account_id bigint, amount bigint)"
    )


async def make_bid_table(connection: asyncpg.Connection) -> None:
    """A table for bare bids."""
    await connection.execute(
        "CREATE SCHEMA bare; CREATE TABLE bare.bid (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        "price text, quantity text, received_at timestamptz DEFAULT now())"
    )


class BareBid(BaseModel):
    """A bid as the bare endpoint takes it."""

    price: str
    quantity: str


def environment(url: str, pages: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """What the bare service's process is told: its database and the values it answers with."""
    file = folder / "pages.json"
    file.write_text(json.dumps(pages), "utf-8")
    return {"BARE_URL": plain_url(url), "BARE_PAGES": str(file)}


def application() -> FastAPI:
    """The bare service."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            os.environ["BARE_URL"], min_size=POOL_SIZE, max_size=POOL_SIZE
        ) as app.state.pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/bids", status_code=201)
    async def place(bid: BareBid) -> dict[str, Any]:
        row = await app.state.pool.fetchrow(
            "INSERT INTO bare.bid (price, quantity) VALUES ($1, $2) RETURNING id, received_at",
            bid.price,
            bid.quantity,
        )
        return {"id": row["id"], "received_at": row["received_at"]}

    @app.get("/ready")
    async def ready() -> dict[str, Any]:
        return {}

    for name, value in json.loads(Path(os.environ["BARE_PAGES"]).read_text("utf-8")).items():
        app.add_api_route(f"/pages/{name}", _answering(value))
    return app


def _answering(value: dict[str, Any]) -> Any:
    async def read() -> dict[str, Any]:
        return value

    return read
