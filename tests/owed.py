"""Obligations as a deficit or a fraud leaves them, opened straight through the service."""

import itertools
import re
from collections.abc import Mapping
from functools import partial

from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.obligations import ObligationKind
from app.services import obligations
from app.services.verification import verify
from app.store import clock
from app.store.database import Connection
from tests.conftest import Exchange

_sources = itertools.count(9001)


async def owing(
    exchange: Exchange, jurisdiction: str, owed: Mapping[Indicator, int], source: str | None = None
) -> str:
    """Open a replacement obligation of so many steps, for one fraud each; its public id."""

    async def work(connection: Connection) -> str:
        opened = await obligations.open_(
            connection,
            kind=ObligationKind.REPLACEMENT,
            jurisdiction=jurisdiction,
            source=source or f"P{next(_sources):010d}",
            owed=owed,
            at=await clock.now(connection),
            actor="510000",
        )
        return public_id(Kind.OBLIGATION, opened.id)

    return await exchange.database.transact(work)


_OF_NO_FRAUD = re.compile(r" {6}- \d{6} for P\d{10}: \d+ \w+ are owed, 0 were issued and not cancelled")


async def verified_but_for_the_fraud(exchange: Exchange) -> None:
    """Replay the books: nothing contradicts them, but that ``owing`` opens debts without a fraud."""
    lines: list[str] = []
    await exchange.database.read(partial(verify, report=lines.append))
    assert not [line for line in lines if line.startswith("      - ") and not _OF_NO_FRAUD.fullmatch(line)]
