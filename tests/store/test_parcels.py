"""The map's index: an overlap among many parcels is found by it, and shapes are never changed."""

from typing import Any

from sqlalchemy import text

from app.store.database import Connection, Database
from app.store.parcels import NEAR, neighbours
from tests.conftest import Exchange
from tests.mapped import SQUARE_HM2, square
from tests.store.test_guards import NO_PRIVILEGE, RESTRICTED, refusal
from tests.story import project_body

COUNTY = "511922"


async def filed(exchange: Exchange, column: float) -> int:
    officer = await exchange.county(COUNTY)
    land = {"use_before": "dry_land", "use_after": "dry_land", "grade_before": 10, "grade_after": 9}
    parcels = [{"id": f"P{column}", "area": SQUARE_HM2, "geometry": square(column, 0), **land}]
    answer = await officer.post("/v1/projects", project_body(COUNTY, kind="quality_upgrade", parcels=parcels))
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"][1:])


async def spread(connection: Connection) -> None:
    """20,000 more parcels of the first project, north of everything that a test draws."""
    await connection.execute(text("SET LOCAL ROLE NONE"))
    await connection.execute(
        text(
            """
            WITH parcel AS (
                INSERT INTO project_parcel (project_id, parcel_no, area_m2, use_before, use_after,
                                            grade_before, grade_after)
                SELECT project_id, 'X' || number, 1, use_before, use_after, grade_before, grade_after
                  FROM (SELECT * FROM project_parcel ORDER BY project_id LIMIT 1) AS one,
                       generate_series(1, 20000) AS number
                RETURNING project_id, parcel_no)
            INSERT INTO parcel_shape (project_id, parcel_no, polygon, area_m2, bbox)
            SELECT project_id, parcel_no, (SELECT polygon FROM parcel_shape LIMIT 1), 1,
                   box(point(100 + number % 200 * 0.01, 40 + number / 200 * 0.01),
                       point(100.009 + number % 200 * 0.01, 40.009 + number / 200 * 0.01))
              FROM (SELECT *, row_number() OVER () AS number FROM parcel) AS placed
            """
        )
    )
    await connection.execute(text("ANALYZE parcel_shape"))
    await connection.execute(text("SET LOCAL ROLE gengheng_runtime"))


async def test_an_overlap_among_many_parcels_is_found_through_the_index(exchange: Exchange) -> None:
    await filed(exchange, 0)
    await exchange.database.transact(spread)
    near, far = await filed(exchange, 0.5), await filed(exchange, 7)

    async def read(connection: Connection) -> tuple[list[int], str]:
        found = await neighbours(connection, [near, far])
        plan = await connection.execute(text(f"EXPLAIN {NEAR}"), {"ids": [near, far]})
        return [each.project_id for each in found], "\n".join(row[0] for row in plan)

    found, plan = await exchange.database.read(read)
    assert found == [near]
    assert "ix_parcel_shape_bbox" in plan, plan
    assert "Seq Scan" not in plan, plan


async def test_a_refused_projects_land_is_nobodys_neighbour(exchange: Exchange) -> None:
    first, second = await filed(exchange, 0), await filed(exchange, 0.5)

    async def near(connection: Connection) -> Any:
        return [each.other.project_id for each in await neighbours(connection, [second])]

    assert await exchange.database.read(near) == [first]
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/projects/P{first:010d}/refusal", {"reason": "x"})
    assert answer.status_code == 201, answer.text
    assert await exchange.database.read(near) == []


async def test_a_shape_is_neither_changed_nor_taken_off_the_map(exchange: Exchange) -> None:
    await filed(exchange, 0)
    database: Database = exchange.database
    for change in ("UPDATE parcel_shape SET area_m2 = 1", "DELETE FROM parcel_shape"):
        assert (await refusal(database, change))[0] == NO_PRIVILEGE
        assert (await refusal(database, change, owner=True))[0] == RESTRICTED
