"""Is the database there? One query, for load balancers."""

from app.store import clock
from app.store.database import Connection


async def touch(connection: Connection) -> None:
    """Ask the database for the time; raises what its absence raises."""
    await clock.now(connection)
