"""The ways to use the database: what each leaves behind on its connection."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from app.store import embedded
from app.store.database import Connection, Database
from tests.conftest import fresh_database


@pytest.fixture
async def one_connection(
    postgres: embedded.EmbeddedPostgres, sample_template: str
) -> AsyncIterator[Database]:
    """A database behind a pool of one, so that every use follows on the same connection."""
    async with fresh_database(postgres, sample_template) as url:
        database = Database.connect(url, pool_size=1)
        yield database
        await database.dispose()


async def _transaction_is_open(connection: Connection) -> bool:
    """Whether a statement's transaction outlives it: then a second one shares its number."""
    numbers = {
        (await connection.execute(text("SELECT CAST(pg_current_xact_id() AS text)"))).scalar_one()
        for _ in range(2)
    }
    return len(numbers) == 1


async def test_a_look_opens_no_transaction_and_the_next_write_has_one(one_connection: Database) -> None:
    assert not await one_connection.look(_transaction_is_open)
    assert await one_connection.transact(_transaction_is_open)
    assert not await one_connection.look(_transaction_is_open)


async def test_a_write_after_a_look_leaves_nothing_when_it_fails(one_connection: Database) -> None:
    async def count(connection: Connection) -> int:
        found = await connection.execute(text("SELECT count(*) FROM jurisdiction WHERE code = 'X'"))
        return int(found.scalar_one())

    async def fail(connection: Connection) -> None:
        await connection.execute(text("INSERT INTO jurisdiction (code) VALUES ('X')"))
        raise ValueError

    assert await one_connection.look(count) == 0
    with pytest.raises(ValueError):
        await one_connection.transact(fail)
    assert await one_connection.look(count) == 0
