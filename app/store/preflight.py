"""What must hold of the database before the service starts: one clear refusal instead of a thousand later.

Reached with one connection of its own, outside the pool, so that the reason (refused, wrong password, no
such database) isn't lost; it is put in words without the URL, which holds a password.
"""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from app.settings import SettingsRefused, StartRefused
from app.store.database import OLDEST_SERVER, RUNTIME_ROLE
from app.store.migration import head_revision

CONNECT_TIMEOUT_SECONDS = 5
LOOK_TIMEOUT_SECONDS = 15
Check = Callable[[AsyncConnection], Awaitable[None]]


class DatabaseUnreachable(StartRefused):
    """No connection: nobody listens, the login is refused, or there is no such database."""

    exit_status = 5


class DatabaseTooOld(StartRefused):
    """The server is a PostgreSQL before 15."""

    exit_status = 6


class SchemaNotMigrated(StartRefused):
    """The tables are not those of this release."""

    exit_status = 7


async def check_server(url: str) -> None:
    """Stop unless the server can be reached and is new enough; raises DatabaseUnreachable, DatabaseTooOld."""
    await _look(url, _check_version)


async def check_database(url: str, *, production: bool) -> None:
    """Stop unless the database fits this release and, in production, its rules are beyond this role's reach.

    Raises DatabaseUnreachable, DatabaseTooOld, SchemaNotMigrated, and in production SettingsRefused.
    """

    async def check(connection: AsyncConnection) -> None:
        await _check_version(connection)
        await _check_schema(connection)
        if production:
            await _check_safety(connection)

    await _look(url, check)


async def _look(url: str, check: Check) -> None:
    engine = create_async_engine(
        url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": CONNECT_TIMEOUT_SECONDS}
    )
    try:
        async with asyncio.timeout(LOOK_TIMEOUT_SECONDS), engine.connect() as connection:
            await check(connection)
    except (DBAPIError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _unreachable(url, error) from None
    finally:
        await engine.dispose()


def _unreachable(url: str, error: BaseException) -> DatabaseUnreachable:
    """Say who refused and why, from the driver's error; the password and the driver's words stay out."""
    place = make_url(url)
    where = f"{place.host or place.query.get('host', 'localhost')}:{place.port or 5432}"
    cause = getattr(error, "orig", None) or error
    cause = cause.__cause__ or cause if not isinstance(cause, OSError) else cause
    state = str(getattr(cause, "sqlstate", None) or "")
    remedy = "Check GENGHENG_DATABASE_URL."
    if state.startswith("28"):
        return DatabaseUnreachable(f"The database server at {where} refuses the login of its user.", remedy)
    if state == "3D000":
        return DatabaseUnreachable(
            f"There is no database {place.database} on the server at {where}.", f"Create it. {remedy}"
        )
    if state == "42501":
        return DatabaseUnreachable(
            f"The login of GENGHENG_DATABASE_URL may not read the tables at {where}.",
            f"Make it a member: GRANT {RUNTIME_ROLE} TO its role, as docs/settings.md says.",
        )
    if state:
        return DatabaseUnreachable(f"The database at {where} refuses (SQLSTATE {state}).", remedy)
    why = getattr(cause, "strerror", None) or ("no answer" if isinstance(cause, TimeoutError) else "")
    said = f": {why}" if why else ""
    return DatabaseUnreachable(
        f"The database server at {where} can't be reached{said}.", f"Is it running? {remedy}"
    )


async def _check_version(connection: AsyncConnection) -> None:
    version = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
    if version < OLDEST_SERVER:
        raise DatabaseTooOld(
            f"The database is PostgreSQL {version // 10_000}; {OLDEST_SERVER // 10_000} or newer is needed.",
            "Upgrade it, or unset GENGHENG_DATABASE_URL in development.",
        )


async def _check_schema(connection: AsyncConnection) -> None:
    there = (await connection.execute(text("SELECT to_regclass('alembic_version') IS NOT NULL"))).scalar_one()
    revision = None
    if there:
        revision = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    if revision != head_revision():
        raise SchemaNotMigrated(
            f"The schema is at {revision or 'nothing'}; this release needs {head_revision()}.",
            "Run: gengheng migrate",
        )


async def _check_safety(connection: AsyncConnection) -> None:
    """Production's guards: the true time, and a role that can't take the append-only rules away."""
    if (await connection.execute(text("SELECT count(*) FROM clock_offset"))).scalar_one():
        raise SettingsRefused(
            "The clock of this database has been moved, as tests and the demo do.",
            "Use a database that was never a test's.",
        )
    owns = text(
        "SELECT rolsuper OR EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND n.nspname = current_schema()"
        " AND pg_has_role(current_user, c.relowner, 'USAGE'))"
        " FROM pg_roles WHERE rolname = current_user"
    )
    if (await connection.execute(owns)).scalar_one():
        raise SettingsRefused(
            "The database role of the service owns its tables, so it could undo their append-only guards.",
            "Give GENGHENG_DATABASE_URL a role of its own, as docs/settings.md says.",
        )
