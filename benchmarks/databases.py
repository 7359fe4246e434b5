"""A PostgreSQL of the benchmarks' own, as durable as the service's, and a database for each benchmark."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.services.province import load_sample
from app.store import embedded
from app.store.database import Database
from app.store.migration import migrate

TEMPLATE = embedded.DATABASE


@dataclass(frozen=True, slots=True)
class Urls:
    """One database, as its owner and as the service logs in."""

    owner: str
    service: str


@dataclass(frozen=True, slots=True)
class Server:
    """The running server; ``fresh`` copies the migrated sample province."""

    _postgres: embedded.EmbeddedPostgres
    folder: Path

    async def fresh(self, name: str) -> Urls:
        """Make a database with the sample province in it."""
        maintenance = Database.connect(_named(self._postgres.url, "postgres"), role=None, pool_size=1)
        autocommit = maintenance.engine.execution_options(isolation_level="AUTOCOMMIT")
        async with autocommit.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
        await maintenance.dispose()
        return Urls(_named(self._postgres.url, name), _named(self._postgres.runtime_url, name))


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@contextlib.asynccontextmanager
async def server(folder: Path) -> AsyncIterator[Server]:
    """Start PostgreSQL in a folder, migrate, load the sample province; stop it at the end."""
    with embedded.start(folder) as postgres:
        owner = Database.connect(postgres.url, role=None, pool_size=1)
        await migrate(owner)
        await owner.transact(load_sample)
        await owner.dispose()
        yield Server(postgres, folder)
