"""Migrations: which one this code needs, and how they are run.

Run under an advisory lock, so that two starts at once don't migrate twice, and with lock and statement
timeouts, so that a migration waiting for a busy table gives up instead of stopping the market.
"""

import functools
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

import app
from alembic import command
from app.store.database import Database, translated

SCRIPTS = Path(app.__file__).resolve().parents[1] / "alembic"
ADVISORY_LOCK = 7_351_001


def configuration() -> Config:
    """Return alembic's configuration for the scripts at the top of the project."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


@functools.cache
def head_revision() -> str:
    """Return the revision that this code needs."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    if head is None:
        raise RuntimeError(f"no migrations under {SCRIPTS}")
    return head


async def migrate(
    database: Database,
    revision: str = "head",
    *,
    lock_timeout_ms: int = 5_000,
    statement_timeout_ms: int = 600_000,
) -> None:
    """Bring the schema to ``revision`` (up or down), in one transaction under the advisory lock."""

    def run(connection: Connection) -> None:
        connection.execute(
            text("SELECT set_config('statement_timeout', :ms, true)"), {"ms": str(statement_timeout_ms)}
        )
        # Another start's migration may take its time; only the tables are not waited for long.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.execute(text("SELECT set_config('lock_timeout', :ms, true)"), {"ms": str(lock_timeout_ms)})
        config = configuration()
        config.attributes["connection"] = connection
        known = ScriptDirectory.from_config(config)
        current = connection.execute(text("SELECT to_regclass('alembic_version')")).scalar()
        at = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if current else None
        behind = revision != "head" and at is not None
        if behind and at != revision and revision in {"base", *_ancestors(known, at or "")}:
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)

    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(run)
    except (DBAPIError, OSError) as error:
        meaning = translated(error)
        if meaning is error:
            raise
        raise meaning from error


def _ancestors(scripts: ScriptDirectory, revision: str) -> set[str]:
    return {script.revision for script in scripts.iterate_revisions(revision, "base")}
