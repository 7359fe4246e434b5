"""The engine and the only ways to use it: ``transact`` (write), ``read``, and ``look`` (one SELECT).

A write is one transaction that either commits whole or leaves nothing; only this module commits.
READ COMMITTED with explicit, ordered row locks; a serialization failure or deadlock is retried, and
nothing else is. What the database refuses by a known constraint comes out as the domain's refusal
(app/store/constraints.py); what it refuses otherwise is a defect and is not dressed up.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlmodel import SQLModel

from app.store.constraints import refusal_for

T = TypeVar("T")
Connection = AsyncConnection
"""What services hand from query to query: one connection inside one open transaction."""

RETRIED = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
BUSY = frozenset({"55P03", "57014"})  # lock_not_available, query_canceled (statement timeout)
GONE = frozenset({"57P01", "57P02", "57P03", "08000", "08001", "08003", "08004", "08006", "53300", "25006"})
OLDEST_SERVER = 150000
RUNTIME_ROLE = "gengheng_runtime"
DRIVER_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, PoolTimeout, TimeoutError)

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class DatabaseUnavailable(Exception):
    """The database can't be reached, or refuses connections: try again later (503)."""


class DatabaseBusy(Exception):
    """A lock or statement took longer than allowed: nothing was changed, try again (503)."""


class Database:
    """A pool of connections to one PostgreSQL, and the ways to use it."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Wrap an engine; use ``connect`` to make one from settings."""
        self.engine = engine
        self.readers = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self.lookers = engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        pool_size: int = 10,
        statement_timeout_ms: int = 30_000,
        lock_timeout_ms: int = 10_000,
        pool_timeout_s: float = 10,
        role: str | None = RUNTIME_ROLE,
    ) -> "Database":
        """Make the pool lazily; nothing is contacted before the first use.

        The service works under ``role``, which owns no table; migrations pass None and stay the owner.
        """
        engine = create_async_engine(
            _asyncpg_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_timeout_s,
            pool_pre_ping=False,
            isolation_level="READ COMMITTED",
            hide_parameters=True,  # a driver's error must not carry a row's values into a log
            connect_args={
                "timeout": 5,
                "server_settings": {
                    "application_name": "gengheng",
                    "timezone": "UTC",
                    "statement_timeout": str(statement_timeout_ms),
                    "lock_timeout": str(lock_timeout_ms),
                    "idle_in_transaction_session_timeout": "60000",
                    **({"role": role} if role else {}),
                },
            },
        )
        return cls(engine)

    async def dispose(self) -> None:
        """Close every connection."""
        await self.engine.dispose()

    async def transact(self, work: Callable[[Connection], Awaitable[T]], attempts: int = 3) -> T:
        """Run ``work`` in one transaction and commit it, or change nothing.

        Raises the domain's Refusals, DatabaseUnavailable and DatabaseBusy. ``work`` may run again
        from its start after a serialization failure or deadlock, so it must do no outside I/O.
        """
        for attempt in range(1, attempts + 1):
            try:
                async with self._transaction(self.engine) as connection:
                    return await work(connection)
            except DBAPIError as error:
                if _sqlstate(error) not in RETRIED or attempt == attempts:
                    _raise_translated(error)
            except DRIVER_ERRORS as error:
                _raise_translated(error)
            await asyncio.sleep(random.uniform(0.005, 0.02) * attempt)  # noqa: S311  (jitter, not a secret)
        raise DatabaseBusy("the transaction kept colliding with others; nothing was changed")

    async def read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run ``work`` on one consistent snapshot that can't write."""
        try:
            async with self._transaction(self.readers) as connection:
                return await work(connection)
        except (DBAPIError, *DRIVER_ERRORS) as error:
            _raise_translated(error)

    async def look(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run ``work`` that is one SELECT: a snapshot by itself, without the two round trips around it."""
        try:
            async with self._transaction(self.lookers) as connection:
                return await work(connection)
        except (DBAPIError, *DRIVER_ERRORS) as error:
            _raise_translated(error)

    @contextlib.asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[Connection]:
        """Open one transaction; the tests' savepoint database overrides just this."""
        async with engine.begin() as connection:
            yield connection


def _asyncpg_url(url: str) -> str:
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+asyncpg://" + url.removeprefix(scheme)
    return url


def _sqlstate(error: BaseException) -> str | None:
    original = getattr(error, "orig", error)
    state = getattr(original, "sqlstate", None)
    return state if isinstance(state, str) else None


def _raise_translated(error: BaseException) -> NoReturn:
    meaning = translated(error)
    if meaning is error:
        raise error
    raise meaning from error


def translated(error: BaseException) -> BaseException:
    """Turn a driver's error into the domain's refusal, an unavailability, or itself."""
    state = _sqlstate(error)
    original: Any = getattr(error, "orig", error)
    cause = getattr(original, "__cause__", None) or original
    constraint = getattr(cause, "constraint_name", None)
    if constraint and (refusal := refusal_for(constraint)) is not None:
        return refusal
    if state in BUSY or state in RETRIED or isinstance(error, PoolTimeout | TimeoutError):
        return DatabaseBusy("the database was busy with the same rows; nothing was changed")
    if (
        state in GONE
        or isinstance(error, OSError | InterfaceError)
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
        or isinstance(cause, asyncpg.InterfaceError | asyncpg.PostgresConnectionError | OSError)
    ):
        return DatabaseUnavailable("the database can't be reached just now")
    return error
