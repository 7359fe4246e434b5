"""Migrations: up, down and up again, from a fresh database, and nothing between them and the tables."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import text

from app.services.province import load_sample
from app.store.database import Connection, Database
from app.store.embedded import EmbeddedPostgres
from app.store.migration import configuration, head_revision, migrate
from app.store.tables import METADATA
from tests.conftest import fresh_database

EVERYTHING = """
    SELECT 'table ' || tablename FROM pg_tables WHERE schemaname = 'public'
     UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
     UNION ALL SELECT 'function ' || proname || prosrc || coalesce(proconfig::text, '') FROM pg_proc
                WHERE pronamespace = 'public'::regnamespace
     UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
     UNION ALL SELECT 'constraint ' || conrelid::regclass || pg_get_constraintdef(oid) FROM pg_constraint
                WHERE connamespace = 'public'::regnamespace
     UNION ALL SELECT 'grant ' || grantee || table_name || privilege_type
                 FROM information_schema.role_table_grants WHERE table_schema = 'public'
     UNION ALL SELECT 'column grant ' || grantee || table_name || column_name || privilege_type
                 FROM information_schema.column_privileges WHERE table_schema = 'public'
     ORDER BY 1
"""


@pytest.fixture
async def owner(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    """An empty database, as the owner of what will be in it."""
    async with fresh_database(postgres) as url:
        database = Database.connect(url, role=None, pool_size=3)
        yield database
        await database.dispose()


async def everything(database: Database) -> Sequence[str]:
    async def work(connection: Connection) -> Sequence[str]:
        return [row[0] for row in await connection.execute(text(EVERYTHING))]

    return await database.read(work)


async def policies(database: Database) -> Sequence[tuple[object, ...]]:
    async def work(connection: Connection) -> Sequence[tuple[object, ...]]:
        found = await connection.execute(text("SELECT name, value, starts_at FROM policy ORDER BY name"))
        return [tuple(row) for row in found]

    return await database.read(work)


async def test_up_down_and_up_again_leaves_the_same_schema(owner: Database) -> None:
    await migrate(owner)
    first, laid = await everything(owner), await policies(owner)
    assert "table posting" in first
    assert any(name == "yield_table" for name, _, _ in laid)
    await owner.transact(load_sample)
    await migrate(owner, "base")
    assert await everything(owner) == [
        line
        for line in first
        if "alembic_version" in line
        and not line.startswith("grant gengheng")
        and not line.startswith("column grant gengheng")
    ]
    await migrate(owner)
    assert await everything(owner) == first
    assert await policies(owner) == laid


async def test_each_step_down_can_be_climbed_again(owner: Database) -> None:
    scripts = ScriptDirectory.from_config(configuration())
    revisions = [script.revision for script in scripts.walk_revisions()]  # the newest first
    await migrate(owner)
    whole = await everything(owner)
    for below in [*revisions[1:], "base"]:
        await migrate(owner, below)
        await migrate(owner)
        assert await everything(owner) == whole


async def test_the_tables_in_the_code_are_those_of_the_migrations(owner: Database) -> None:
    await migrate(owner)

    def differences(connection: SyncConnection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, METADATA))

    async with owner.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_second_migration_changes_nothing_and_two_at_once_take_turns(owner: Database) -> None:
    await asyncio.gather(migrate(owner), migrate(owner))
    first = await everything(owner)
    await migrate(owner)
    assert await everything(owner) == first

    async def at(connection: Connection) -> str:
        return str((await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one())

    assert await owner.read(at) == head_revision()


def test_every_migration_says_what_it_locks_and_how_it_is_reversed() -> None:
    for revision in ScriptDirectory.from_config(configuration()).walk_revisions():
        assert "Locks:" in revision.longdoc, revision.revision
        assert "Reversed by:" in revision.longdoc, revision.revision
