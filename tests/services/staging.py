"""What every run of the machine starts from: furnished books in a transaction that is never committed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from app.sealing.keys import Keys
from app.store import embedded
from app.store.database import Connection, Database
from tests.conftest import SavepointDatabase, fresh_database
from tests.services.entities import CAPACITY, LINKAGE, PADDY, QUANTITY
from tests.services.life_driver import LifeDriver
from tests.services.life_model import LifeModel

POOR, PLAIN, CITY, TOWN = "511922", "510182", "510100", "510400"
EVERYBODY = (POOR, PLAIN, CITY, TOWN)
"""A poverty county, an ordinary one, and two cities; each of them may buy and sell."""

FLOOR, CEILING = 300_000_00, 450_000_00
BANDS = (
    (FLOOR, CEILING, FLOOR, 330_000_00),
    (FLOOR, 400_000_00, 350_000_00, None),
    (310_000_00, CEILING, 320_000_00, CEILING),
)
"""Floor, ceiling, key-project price and unified price."""


def furnish(driver: LifeDriver) -> None:
    """What every run starts from: bands, reserves, listings, money, applications and needs.

    And one instant, since working days reckoned from another would lead to another run.
    """
    driver.start_at(datetime(2026, 3, 2, 1, 1, tzinfo=UTC))
    driver.permit_every_mode()
    for indicator in (QUANTITY, PADDY, CAPACITY, LINKAGE):
        driver.set_band(indicator, *BANDS[0])
    for county, area, kind in ((POOR, 2000, "paddy"), (PLAIN, 1500, "dry_land"), (POOR, 900, LINKAGE)):
        driver.credit(county, area, kind)
    poor, plain = driver.model.holdings(POOR), driver.model.holdings(PLAIN)
    for county, batch in ((PLAIN, plain[0]), (POOR, poor[0]), (POOR, poor[1])):
        driver.list_batch(county, batch, 800, None, key=True)
    for city in (CITY, TOWN):
        driver.cash(city, 50_000_00, f"开户 {city}", out=False)
        driver.apply(city, 700, "paddy")
        driver.declare(city, ("F", max(driver.model.applications)), {QUANTITY: 600}, whole=False)
        driver.decide_need(max(driver.model.needs), None, approve=True)
    driver.declare(CITY, ("F", min(driver.model.applications)), {QUANTITY: 100, PADDY: 50}, whole=True)
    driver.decide_need(max(driver.model.needs), "provincial", approve=True)
    driver.apply(PLAIN, 2000, "dry_land")  # who sells has a need too: it may neither bid nor be served
    for key_level in (None, "provincial"):
        driver.declare(PLAIN, ("F", max(driver.model.applications)), {QUANTITY: 300}, whole=False)
        driver.decide_need(max(driver.model.needs), key_level, approve=True)
    driver.apply(TOWN, 3000, "paddy")
    driver.declare(TOWN, ("F", max(driver.model.applications)), {QUANTITY: 300, PADDY: 1000}, whole=True)
    driver.check()


@dataclass
class Stage:
    """Furnished books inside a transaction that is never committed."""

    driver: LifeDriver
    connection: Connection
    runner: asyncio.Runner


@contextlib.asynccontextmanager
async def _opened(server: embedded.EmbeddedPostgres, template: str) -> AsyncIterator[tuple[Any, Connection]]:
    async with fresh_database(server, template) as url:
        database = Database.connect(url, pool_size=1)
        async with database.engine.connect() as connection:
            await connection.begin()
            yield SavepointDatabase(database.engine, connection), connection
            await connection.rollback()
        await database.dispose()


@pytest.fixture
def stage(postgres: embedded.EmbeddedPostgres, sample_template: str, keys: Keys) -> Iterator[Stage]:
    """A database and an event loop of the machine's own, which Hypothesis drives step by step."""
    opened = _opened(postgres, sample_template)
    # With a factory, the runner leaves the current event loop of the other tests alone.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        database, connection = runner.run(opened.__aenter__())
        try:
            driver = LifeDriver(runner, database, keys, LifeModel({POOR}))
            furnish(driver)
            yield Stage(driver, connection, runner)
        finally:
            runner.run(opened.__aexit__(None, None, None))
