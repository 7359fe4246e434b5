"""Due work: what falls due is done by the same services a person would call.

Any number of workers on one database: each due row is taken FOR UPDATE SKIP LOCKED, in a transaction of
its own, so that it is done once. Deadlines are data: a service says what is due, and does one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import structlog

from app.sealing.keys import Keys
from app.services import agenda, fulfilment, openings, sanctions, trades
from app.settings import Settings
from app.store.database import Database, DatabaseBusy, DatabaseUnavailable

DoOne = Callable[..., Awaitable[bool]]
"""Do one due thing with (connection, keys=…, tried=…), if there is any; whether there was.

What it takes it adds to ``tried``, the numbers of this round, and takes none of them again: a thing that
fails must not keep those behind it waiting.
"""

DUE: tuple[DoOne, ...] = (
    openings.close_due,
    openings.open_due,
    trades.default_overdue,
    fulfilment.fall_due,
    fulfilment.write_off_due,
    sanctions.suspend_overdue,
)

REMINDERS: tuple[DoOne, ...] = (agenda.remind_one,)
"""What is said of deadlines to come, once everything that is due is done: by then some have been met."""

log = structlog.get_logger(__name__)


async def due_work(state: Any, settings: Settings) -> None:
    """Do what is due, look again every few seconds, until cancelled."""
    while True:
        await do_due(state.database, state.keys)
        await do_due(state.database, state.keys, REMINDERS)
        await asyncio.sleep(settings.worker_poll_seconds)


async def do_due(database: Database, keys: Keys, works: Sequence[DoOne] = DUE) -> int:
    """Do everything of ``works`` that is due now; return how many things were done.

    A failure is logged and left for the next round: the row is still due, and nothing is half done.
    """
    done = 0
    for do_one in works:
        name = getattr(do_one, "__name__", "due work")
        tried: set[int] = set()
        while True:
            already = len(tried)
            try:
                found = await database.transact(partial(do_one, keys=keys, tried=tried))
            except (DatabaseBusy, DatabaseUnavailable) as error:
                log.warning("due work waits", work=name, reason=str(error))
                break
            except Exception as error:
                log.error("due work failed", work=name, exc_info=error)
                if len(tried) == already:
                    break  # it failed before it took anything, and would again
                continue
            if not found:
                break
            done += 1
    return done
