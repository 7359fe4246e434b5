"""The bulletin's pages, as the store reads them: each starts in an index."""

from datetime import date

from sqlalchemy import text

from app.store import bulletin
from app.store.database import Connection, Database


async def test_a_page_of_open_listings_starts_in_the_index_wherever_it_is(database: Database) -> None:
    async def plan(connection: Connection) -> str:
        # The statement's plan is looked for with the sort forbidden: tables this small are sorted cheaply.
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        await connection.execute(text("SET LOCAL enable_sort = off"))
        place = bulletin.HEAD_OF_QUEUE
        given = {
            "indicator": None,
            "day": date(2026, 1, 1),
            "poverty": place.poverty,
            "listed_at": place.listed_at,
            "id": place.id,
            "limit": 51,
        }
        found = await connection.execute(text("EXPLAIN (COSTS OFF) " + bulletin.OPEN_LISTINGS), given)
        return "\n".join(row[0] for row in found)

    shown = await database.transact(plan)
    assert "Index Scan using ix_listing_queue" in shown, shown
    _, _, condition = shown.partition("ix_listing_queue")
    assert "Index Cond: (ROW((NOT" in condition, shown


async def test_a_page_of_results_reads_purchases_from_the_end_of_their_index(database: Database) -> None:
    async def plan(connection: Connection) -> str:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        at, letter, number = bulletin.LATEST
        given = {"at": at, "letter": letter, "id": number, "limit": 51}
        found = await connection.execute(text("EXPLAIN (COSTS OFF) " + bulletin.RESULTS), given)
        return "\n".join(row[0] for row in found)

    shown = await database.transact(plan)
    _, scanned, condition = shown.partition("Scan Backward using ix_purchase_at on purchase")
    assert scanned and "Index Cond: (at <= " in condition.split("->")[0], shown
