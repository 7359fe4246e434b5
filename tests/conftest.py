"""One embedded PostgreSQL for the whole run, migrated once; most tests run inside a savepoint."""

import asyncio
import base64
import contextlib
import itertools
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from app.main import create_app
from app.market.access import Role
from app.sealing.keys import Keys
from app.services import tokens
from app.services.province import load_sample
from app.settings import Settings
from app.store import clock, embedded
from app.store.database import Connection, Database
from app.store.migration import migrate

SEALING_KEY = base64.b64encode(bytes(range(32))).decode()
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.EmbeddedPostgres]:
    """The embedded server of this run; not durable, since nothing here outlives it."""
    with embedded.start(tmp_path_factory.mktemp("postgres"), durable=False) as server:
        yield server


def url_of(server: embedded.EmbeddedPostgres, name: str) -> str:
    """The owner's URL of another database on the run's server."""
    return make_url(server.url).set(database=name).render_as_string(hide_password=False)


@contextlib.asynccontextmanager
async def fresh_database(
    server: embedded.EmbeddedPostgres, template: str = "template1"
) -> AsyncIterator[str]:
    """A database of its own, dropped afterwards; yields its URL."""
    name = f"test_{next(_numbers)}_{secrets.token_hex(3)}"
    owner = Database.connect(server.url, role=None, pool_size=1)
    autocommit = owner.engine.execution_options(isolation_level="AUTOCOMMIT")
    try:
        async with autocommit.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        yield url_of(server, name)
        async with autocommit.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        await owner.dispose()


@pytest.fixture(scope="session")
async def sample_template(postgres: embedded.EmbeddedPostgres) -> AsyncIterator[str]:
    """A migrated database with the sample province in it, to copy from; yields its name."""
    async with fresh_database(postgres) as url:
        owner = Database.connect(url, role=None, pool_size=1)
        await migrate(owner)
        await owner.transact(load_sample)
        await owner.dispose()
        yield make_url(url).database or ""


@pytest.fixture
async def committed(postgres: embedded.EmbeddedPostgres, sample_template: str) -> AsyncIterator[Database]:
    """A database with real commits, for races and kills; the sample province is in it."""
    async with fresh_database(postgres, sample_template) as url:
        database = Database.connect(url, pool_size=20)
        yield database
        await database.dispose()


class SavepointDatabase(Database):
    """A database whose transactions are savepoints in one that is never committed."""

    def __init__(self, engine: AsyncEngine, connection: Connection) -> None:
        super().__init__(engine)
        self._connection = connection
        self._turn = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[Connection]:
        async with self._turn, self._connection.begin_nested():
            yield self._connection


@pytest.fixture(scope="session")
async def shared(postgres: embedded.EmbeddedPostgres, sample_template: str) -> AsyncIterator[Database]:
    """The database that savepoint tests share; nothing in it is ever committed."""
    async with fresh_database(postgres, sample_template) as url:
        database = Database.connect(url, pool_size=2)
        yield database
        await database.dispose()


@pytest.fixture
async def database(shared: Database) -> AsyncIterator[Database]:
    """A database as after `gengheng sample`; whatever a test writes is rolled back."""
    async with shared.engine.connect() as connection:
        outer = await connection.begin()
        yield SavepointDatabase(shared.engine, connection)
        await outer.rollback()


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a development service."""
    return Settings(
        environment="development",
        sealing_key=SEALING_KEY,
        data_dir=Path(tmp_path_factory.mktemp("settings")),
    )


@pytest.fixture(scope="session")
def keys(settings: Settings) -> Keys:
    """The keys derived from the settings' sealing key."""
    return Keys.derive(settings.sealing_key_bytes())


class Client:
    """Speaks HTTP to the application as one actor; every write gets a new Idempotency-Key."""

    def __init__(self, http: httpx.AsyncClient, token: str | None) -> None:
        self.http = http
        self.token = token

    async def request(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        **given: Any,
    ) -> httpx.Response:
        """Send one request."""
        sent = dict(headers or {})
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if method not in ("GET", "HEAD"):
            sent.setdefault("Idempotency-Key", key or f"key-{next(_numbers)}")
        return await self.http.request(method, path, headers=sent, **given)

    async def get(self, path: str, **given: Any) -> httpx.Response:
        """GET."""
        return await self.request("GET", path, **given)

    async def post(self, path: str, body: Any = None, **given: Any) -> httpx.Response:
        """POST a JSON body."""
        return await self.request("POST", path, json={} if body is None else body, **given)


class Exchange:
    """The application over a test's database, and clients of it by role and jurisdiction."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.app = create_app(settings, database=database)
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://exchange.test",
        )

    async def client(self, jurisdiction: str, *roles: Role) -> Client:
        """A client whose token is bound to a jurisdiction and roles."""
        made = await self.database.transact(
            lambda connection: tokens.create(
                connection,
                label=f"{jurisdiction} test",
                jurisdiction=jurisdiction,
                roles=frozenset(roles),
                expires_at=datetime.now(UTC) + timedelta(days=1),
            )
        )
        return Client(self.http, made.secret)

    async def county(self, code: str) -> Client:
        """A county officer."""
        return await self.client(code, Role.COUNTY_OFFICER)

    async def city(self, code: str) -> Client:
        """A city officer."""
        return await self.client(code, Role.CITY_OFFICER)

    async def regulator(self) -> Client:
        """The province's land and price regulator in one."""
        return await self.client("510000", Role.LAND_REGULATOR, Role.PRICE_REGULATOR)

    async def treasurer(self) -> Client:
        """The province's treasurer."""
        return await self.client("510000", Role.TREASURER)

    def public(self) -> Client:
        """Somebody without a token."""
        return Client(self.http, None)

    async def advance(self, **by: float) -> None:
        """Move the exchange's clock ahead, by timedelta's arguments."""
        await self.database.transact(lambda connection: clock.advance(connection, timedelta(**by)))

    async def now(self) -> datetime:
        """The exchange's clock."""
        return await self.database.read(clock.now)


@pytest.fixture
async def exchange(database: Database, settings: Settings) -> AsyncIterator[Exchange]:
    """The application on the savepoint database."""
    made = Exchange(database, settings)
    async with made.http:
        yield made


@pytest.fixture
async def live_exchange(committed: Database, settings: Settings) -> AsyncIterator[Exchange]:
    """The application on a database with real commits, for concurrent requests."""
    made = Exchange(committed, settings)
    async with made.http:
        yield made
