"""Holding a project of 100 parcels against the map, with few and with many parcels on it.

The map is a grid of squares with a gap in its middle, into which the project fits to the line: it has the
same neighbours however far the grid goes on. What is measured is the service's own check, under the map's
lock: the boxes by their index, and every neighbour's land in common.
"""

import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from fractions import Fraction
from functools import partial

from sqlalchemy import text

from app.market.filings import Filing
from app.market.parcels import Shape
from app.market.projects import Fund, FundSource, LandUse, Parcel, Project, ProjectKind
from app.services import parcels
from app.store import clock, projects
from app.store import parcels as store
from app.store.database import Connection, Database
from benchmarks import province
from benchmarks.databases import Server
from benchmarks.ratios import Bound, Ratio, say

FEW, MANY = 2_000, 200_000
GAP = 10  # squares on a side: the project's 100 parcels
STEP = 0.0005  # degrees: about a quarter of a hectare
WEST, SOUTH = 104.0, 31.0
TIMES = 41

# In rings around the gap, so that the project has the same neighbours at any size. WKB with the higher
# octets first: a polygon of one ring of five points.
_FILL = """
    WITH cell AS MATERIALIZED (
        SELECT x, y, row_number() OVER (ORDER BY ring, x, y) AS number
          FROM (SELECT x, y, greatest(abs(2 * x + 1), abs(2 * y + 1)) AS ring
                  FROM generate_series(-CAST(:reach AS integer), CAST(:reach AS integer) - 1) AS x,
                       generate_series(-CAST(:reach AS integer), CAST(:reach AS integer) - 1) AS y) AS cells
         WHERE ring > CAST(:gap AS integer)
    ), wanted AS MATERIALIZED (
        SELECT cell.*, west + x * step AS w, south + y * step AS s, west + (x + 1) * step AS e,
               south + (y + 1) * step AS n
          FROM cell, (SELECT CAST(:west AS float8) AS west, CAST(:south AS float8) AS south,
                             CAST(:step AS float8) AS step) AS origin
         WHERE number <= CAST(:total AS integer)
    ), filed AS (
        INSERT INTO project (county, name, filing_no, kind, department, state, started_on,
                             feasibility_reviewed, surplus_recognised, ecology_reviewed, filed_at)
        SELECT :county, 'benchmark ' || number, NULL, 'land_consolidation', 'benchmark', 'FILED',
               date '2018-03-01', false, false, false, now()
          FROM wanted WHERE number % 10 = 0 ORDER BY number
        RETURNING id, name
    ), parcel AS (
        INSERT INTO project_parcel (project_id, parcel_no, area_m2, use_before, use_after, grade_after)
        SELECT filed.id, 'B' || wanted.number, 2700, 'unused', 'dry_land', 10
          FROM wanted JOIN filed ON filed.name = 'benchmark ' || ((wanted.number + 9) / 10 * 10)
        RETURNING project_id, parcel_no
    )
    INSERT INTO parcel_shape (project_id, parcel_no, polygon, area_m2, bbox)
    SELECT parcel.project_id, parcel.parcel_no,
           '\\x00'::bytea || int4send(3) || int4send(1) || int4send(5)
           || float8send(w) || float8send(s) || float8send(e) || float8send(s) || float8send(e)
           || float8send(n) || float8send(w) || float8send(n) || float8send(w) || float8send(s),
           2700, box(point(e, n), point(w, s))
      FROM parcel JOIN wanted ON parcel.parcel_no = 'B' || wanted.number
"""


async def measure(server: Server, *, full: bool) -> AsyncIterator[Ratio]:
    """Measure the check with 2,000 and with 200,000 parcels on the map, turn by turn."""
    del full  # these are the target's own sizes
    async with contextlib.AsyncExitStack() as stack:
        checks = [await stack.enter_async_context(_map_of(server, total)) for total in (FEW, MANY)]
        say(f"checking a project of {GAP * GAP} parcels on both")
        turns = [[await check() for check in checks] for _ in range(TIMES)]
    few, many = (statistics.median(took) for took in zip(*turns, strict=True))
    yield Ratio(
        f"checking {GAP * GAP} parcels with {MANY:,} on the map ÷ with {FEW:,}",
        many / few,
        Bound.AT_MOST,
        2,
        f"{1000 * many:.1f} ms to {1000 * few:.1f} ms, the medians of {TIMES} turns",
    )


@contextlib.asynccontextmanager
async def _map_of(server: Server, total: int) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """A database with so many parcels on the map and the project in its gap; yields what checks it once."""
    say(f"{total:,} parcels on the map: filling it")
    urls = await server.fresh(f"parcels_{total}")
    owner = Database.connect(urls.owner, role=None, pool_size=1, statement_timeout_ms=0)
    service = Database.connect(urls.service, pool_size=1)
    try:
        (county,) = await owner.transact(partial(province.counties, most=1))
        await owner.transact(partial(_fill, county=county, total=total))
        number = await service.transact(partial(_filed, filing=project(county)))
        yield lambda: service.transact(partial(_checked, number=number))
    finally:
        await owner.dispose()
        await service.dispose()


def project(county: str) -> Filing:
    """A project that fills the gap, square by square."""
    fits = [
        (f"N{x}/{y}", WEST + x * STEP, SOUTH + y * STEP)
        for x in range(-GAP // 2, GAP // 2)
        for y in range(-GAP // 2, GAP // 2)
    ]
    shapes = {name: _square(west, south, number) for number, (name, west, south) in enumerate(fits)}
    papers = Project(
        kind=ProjectKind.LAND_CONSOLIDATION,
        started_on=date(2018, 3, 1),
        funds=(Fund(FundSource.FISCAL, Fraction(1)),),
        parcels=tuple(
            Parcel(name, shape.area_m2, LandUse.UNUSED, LandUse.DRY_LAND, None, 10)
            for name, shape in shapes.items()
        ),
        filing_no=f"{county}20180001",
    )
    return Filing(county, "benchmark", "benchmark", papers, shapes)


def _square(west: float, south: float, number: int) -> Shape:
    east, north = west + STEP, south + STEP
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return parcels.draw("Polygon", [ring], field=f"parcels.{number}.geometry")


async def _fill(connection: Connection, *, county: str, total: int) -> None:
    """Put ``total`` parcels on the map, ten to a project."""
    filled = await connection.execute(
        text(_FILL),
        {
            "reach": int(total**0.5) // 2 + GAP,
            "gap": GAP,
            "west": WEST,
            "south": SOUTH,
            "step": STEP,
            "county": county,
            "total": total,
        },
    )
    if filled.rowcount != total:
        raise RuntimeError(f"{total} parcels were to be put on the map, {filled.rowcount} were")
    for table in ("project", "project_parcel", "parcel_shape"):
        await connection.execute(text(f"ANALYZE {table}"))


async def _filed(connection: Connection, *, filing: Filing) -> int:
    (number,) = await projects.insert(connection, [filing], filed_at=await clock.now(connection))
    await store.insert(connection, {number: filing.shapes})
    return number


async def _checked(connection: Connection, *, number: int) -> float:
    """Check the project under the map's lock; the time it takes in seconds."""
    await store.hold(connection)
    started = time.perf_counter()
    found = await parcels.overlaps(connection, [number], tolerances_m2={number: 10})
    took = time.perf_counter() - started
    if found:
        raise RuntimeError("the project was to fit into the gap")
    return took
