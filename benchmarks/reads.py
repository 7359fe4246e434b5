"""Public and reserve pages over HTTP against a bare endpoint that answers the same JSON from memory.

And what history costs: the same pages of a county that has many postings behind its balances.
"""

import itertools
import json
import urllib.request
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import text

from app.market.access import Role
from app.market.indicators import Indicator
from app.market.ledger import Bucket
from app.store.database import Connection, Database
from benchmarks import baseline, load, province
from benchmarks.databases import Server
from benchmarks.ratios import Bound, Ratio, say
from benchmarks.services import bare, exchange

UNCHANGED = 0.9
"""What history may cost: rates of two rounds on a machine that is never quite still differ by so much."""
FEW_POSTINGS = 400
"""Enough for a full page of entries."""


@dataclass(frozen=True, slots=True)
class County:
    """A county with a reserve, and its officer's token."""

    code: str
    headers: Mapping[str, str]


def _pages(county: County) -> dict[str, tuple[str, Mapping[str, str]]]:
    return {
        "bulletin": ("/v1/bulletin/listings", {}),
        "reserve": (f"/v1/reserves/{county.code}", county.headers),
        "batches": (f"/v1/reserves/{county.code}/batches", county.headers),
    }


def _statements(county: County) -> dict[str, tuple[str, Mapping[str, str]]]:
    return {
        "reserve": (f"/v1/reserves/{county.code}", county.headers),
        "reserve's entries": (f"/v1/reserves/{county.code}/entries", county.headers),
        "money's entries": (f"/v1/accounts/{county.code}/entries", county.headers),
    }


async def measure(server: Server, *, full: bool) -> AsyncIterator[Ratio]:
    """Measure each page at saturation, and with a long history behind it."""
    seconds, postings = (8.0, 1_000_000) if full else (2.0, 100_000)
    urls = await server.fresh("reads")
    owner = Database.connect(urls.owner, role=None, pool_size=1, statement_timeout_ms=0)
    county, old_county = await owner.transact(_two_counties)
    say(f"reads: writing {postings:,} postings of the past")
    await owner.transact(partial(_past, county=county, postings=FEW_POSTINGS))
    await owner.transact(partial(_past, county=old_county, postings=postings))
    await owner.dispose()
    connection = await asyncpg.connect(baseline.plain_url(urls.owner))
    await connection.execute("ANALYZE")
    await connection.close()
    with exchange(urls, server.folder) as port:
        pages = _pages(county)
        answers = {name: _answer(port, path, headers) for name, (path, headers) in pages.items()}
        with bare(urls, answers, server.folder) as bare_port:
            for name, (path, headers) in pages.items():
                say(f"reads: {name}")
                ratio, rates = await _by_turns(
                    (port, load.request("GET", path, headers=headers)),
                    (bare_port, load.request("GET", f"/pages/{name}")),
                    seconds,
                )
                size = len(json.dumps(answers[name]))
                yield Ratio(
                    f"reads: {name} ÷ the same JSON from memory",
                    ratio,
                    Bound.AT_LEAST,
                    0.6,
                    f"{rates}; {size:,} bytes",
                )
        for (name, (path, headers)), (old_path, old_headers) in zip(
            _statements(county).items(), _statements(old_county).values(), strict=True
        ):
            say(f"reads: {name} after {postings:,} postings")
            ratio, rates = await _by_turns(
                (port, load.request("GET", old_path, headers=old_headers)),
                (port, load.request("GET", path, headers=headers)),
                seconds,
            )
            yield Ratio(
                f"reads: {name} after {postings:,} postings ÷ after {FEW_POSTINGS}",
                ratio,
                Bound.AT_LEAST,
                UNCHANGED,
                rates,
            )


async def _by_turns(one: tuple[int, bytes], other: tuple[int, bytes], seconds: float) -> tuple[float, str]:
    """Saturate two addresses by turns; return the first one's rate over the other's, and both in words."""
    loads = load.Load(), load.Load()
    for turn in range(3):
        for loaded, (port, asked) in zip(loads, (one, other), strict=True):
            came = (await load.saturate(port, itertools.repeat(asked), seconds / 2)).insist(200)
            if turn:  # the first turn warms up
                loaded.add(came)
    return loads[0].rate / loads[1].rate, f"{loads[0].rate:,.0f}/s to {loads[1].rate:,.0f}/s"


def _answer(port: int, path: str, headers: Mapping[str, str]) -> Any:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=dict(headers))
    with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310  (loopback)
        return json.load(answer)


async def _two_counties(connection: Connection) -> tuple[County, County]:
    """A province with listings, and two counties alike in it, whose officers have tokens."""
    codes = await province.counties(connection, 86)
    for indicator in Indicator:
        await province.offer(connection, codes, indicator, batches=860, listings_each=2, quantity=5_000)
    two = codes[:2]
    await province.fund(connection, dict.fromkeys(two, 1_000_000_00), Bucket.AVAILABLE)
    tokens = await province.add_tokens(connection, two, Role.COUNTY_OFFICER)
    county, old_county = (
        County(code, {"authorization": f"Bearer {token}"}) for code, token in zip(two, tokens, strict=True)
    )
    return county, old_county


async def _past(connection: Connection, *, county: County, postings: int) -> None:
    """Postings to and fro on a county's first batch and its money, which leave every balance as it is.

    Written past the guards, which look at each; what they would look for holds.
    """
    await connection.execute(text("SET LOCAL session_replication_role = replica"))
    await connection.execute(
        text(
            """
            WITH head AS (
                INSERT INTO ledger_transaction (kind, reference, at)
                SELECT 'benchmark', number, now() FROM generate_series(1, :postings / 2) AS number
                RETURNING id)
            INSERT INTO posting (transaction_id, account_id, amount, balance_before, balance_after)
            SELECT head.id, account.id, sign, balance + greatest(-sign, 0), balance + greatest(sign, 0)
              FROM head, (SELECT id, balance FROM account WHERE jurisdiction = :code AND balance > 0
                           AND (asset = 'CNY' OR batch_id = (SELECT min(batch_id) FROM account
                                                              WHERE jurisdiction = :code))) AS account,
                   LATERAL (SELECT CASE head.id % 2 WHEN 0 THEN 1 ELSE -1 END AS sign) AS way
             ORDER BY head.id
            """
        ),
        {"code": county.code, "postings": postings},
    )
