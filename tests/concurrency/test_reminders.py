"""Reminders by several workers at once, and by one that is killed in the middle."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text

from app.services import agenda
from app.services.journal import announce
from app.store.database import Connection
from app.worker import REMINDERS, do_due
from tests.awarded import Sale, awarded
from tests.conftest import Exchange
from tests.story import policy

BUYER, SELLER = "510100", "511922"
TRADES = 12


async def _sent_and_told(exchange: Exchange) -> tuple[Counter[str], Counter[str]]:
    """How often each trade's notice was reminded of, by the reminders and by the journal."""

    async def read(connection: Connection) -> tuple[Counter[str], Counter[str]]:
        sent = await connection.execute(text("SELECT subject FROM reminder WHERE kind = 'notice_ends'"))
        told = await connection.execute(
            text(
                "SELECT subject FROM journal_event WHERE kind = 'reminder.sent' "
                "AND CAST(payload AS json) ->> 'of' = 'notice_ends'"
            )
        )
        return Counter(row.subject for row in sent), Counter(row.subject for row in told)

    return await exchange.database.read(read)


async def test_any_number_of_workers_remind_of_each_deadline_once(live_exchange: Exchange) -> None:
    await policy(live_exchange, "reminder_lead_days", [60])
    trades = [await awarded(live_exchange, BUYER, [Sale(SELLER, 10_000)]) for _ in range(TRADES)]
    database, keys = live_exchange.database, live_exchange.app.state.keys
    done = await asyncio.gather(*(do_due(database, keys, REMINDERS) for _ in range(6)))
    assert sum(done) == 2 * TRADES, "of each trade the end of its notice, and its payment"
    once = Counter(dict.fromkeys(trades, 1))
    assert await _sent_and_told(live_exchange) == (once, once)
    assert await do_due(database, keys, REMINDERS) == 0


async def test_a_worker_that_dies_in_the_middle_loses_nothing_and_repeats_nothing(
    live_exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    await policy(live_exchange, "reminder_lead_days", [60])
    trades = [await awarded(live_exchange, BUYER, [Sale(SELLER, 10_000)]) for _ in range(3)]
    database, keys = live_exchange.database, live_exchange.app.state.keys
    left = 2

    async def die(*given: object, **named: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise asyncio.CancelledError  # between the reminder and its event, as a kill would
        await announce(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(agenda, "announce", die)
    with pytest.raises(asyncio.CancelledError):
        await do_due(database, keys, REMINDERS)
    sent, told = await _sent_and_told(live_exchange)
    assert (sent, sent.total()) == (told, 2)
    monkeypatch.setattr(agenda, "announce", announce)
    assert await do_due(database, keys, REMINDERS) == 4
    once = Counter(dict.fromkeys(trades, 1))
    assert await _sent_and_told(live_exchange) == (once, once)
