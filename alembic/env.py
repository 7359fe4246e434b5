"""Alembic's entry: on the connection it is given, or, by hand, on GENGHENG_DATABASE_URL."""

import asyncio

from sqlalchemy import Connection

from alembic import context
from app.store.tables import METADATA


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=METADATA, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


async def _by_hand() -> None:
    from app.settings import load_settings  # noqa: PLC0415
    from app.store.database import Database  # noqa: PLC0415

    settings = load_settings()
    if settings.database_url is None:
        raise SystemExit("Set GENGHENG_DATABASE_URL to the database that alembic shall look at.")
    database = Database.connect(settings.database_url.get_secret_value())
    async with database.engine.begin() as connection:
        await connection.run_sync(_run)
    await database.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is None:
    asyncio.run(_by_hand())
else:
    _run(given)
