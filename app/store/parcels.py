"""Parcels on the map (上图入库): each one's polygon, its area, and the box by which an overlap is found."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.market.parcels import Elsewhere, Shape
from app.market.projects import LandUse, Parcel, ProjectState
from app.store import columns
from app.store.database import Connection


class ParcelShape(SQLModel, table=True):
    """The polygon of a parcel, as it was filed; append-only.

    Octets (WKB) keep every coordinate to its last bit in half of GeoJSON's room, and the library reads them
    without a parser of numbers in between; the database itself only ever looks at the box.
    """

    __tablename__ = "parcel_shape"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "parcel_no"],
            ["project_parcel.project_id", "project_parcel.parcel_no"],
            name="fk_parcel_shape_parcel",
        ),
        CheckConstraint("area_m2 > 0", name="ck_parcel_shape_area"),
        Index("ix_parcel_shape_bbox", "bbox", postgresql_using="gist"),
    )

    project_id: int = Field(sa_column=columns.count(primary_key=True))
    parcel_no: str = Field(sa_column=columns.text(primary_key=True))
    polygon: bytes = Field(sa_column=columns.octets())
    area_m2: int = Field(sa_column=columns.count())
    bbox: Any = Field(sa_column=Column(columns.Box, nullable=False))


MAP_LOCK = 7_351_003


async def hold(connection: Connection) -> None:
    """Hold the map, so that two filings of the same land see each other's (ADR 0015).

    Land that nobody holds has no row to lock. Taken after the projects' rows, before the registers.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(:space, 0)"), {"space": MAP_LOCK})


async def insert(connection: Connection, shapes: Mapping[int, Mapping[str, Shape]]) -> None:
    """Put parcels on the map, by project and number."""
    rows = [
        (number, parcel_no, shape) for number, each in shapes.items() for parcel_no, shape in each.items()
    ]
    await connection.execute(
        text(
            """
            INSERT INTO parcel_shape (project_id, parcel_no, polygon, area_m2, bbox)
            SELECT shape.project_id, shape.parcel_no, shape.polygon, shape.area_m2, CAST(shape.bbox AS box)
              FROM unnest(CAST(:project_ids AS bigint[]), CAST(:parcel_nos AS text[]),
                          CAST(:polygons AS bytea[]), CAST(:areas AS bigint[]), CAST(:boxes AS text[]))
                   AS shape(project_id, parcel_no, polygon, area_m2, bbox)
            """
        ),
        {
            "project_ids": [number for number, _, _ in rows],
            "parcel_nos": [parcel_no for _, parcel_no, _ in rows],
            "polygons": [shape.polygon for _, _, shape in rows],
            "areas": [shape.area_m2 for _, _, shape in rows],
            "boxes": [shape.box for _, _, shape in rows],
        },
    )


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Two mapped parcels of different projects whose boxes meet: one's project and number, and the other."""

    project_id: int
    parcel_no: str
    polygon: bytes
    other: Elsewhere
    other_polygon: bytes


# Two steps, so that each rests on keys alone, however many parcels the map has: the boxes by their index,
# then the projects of what was found. How many boxes meet, the planner can only guess, and it guesses with
# the size of the map: materialised, what is looked up comes first, and its guess can't turn that into a
# scan of all. Refused projects hold no land.
NEAR = """
    WITH own AS MATERIALIZED (
        SELECT project_id, parcel_no, bbox FROM parcel_shape
         WHERE project_id = ANY (CAST(:ids AS bigint[]))
    )
    SELECT own.project_id, own.parcel_no, near.project_id AS other_id, near.parcel_no AS other_no
      FROM own JOIN parcel_shape AS near ON near.bbox && own.bbox AND near.project_id <> own.project_id
"""
_NEIGHBOURS = """
    WITH project AS MATERIALIZED (
        SELECT id, county, filing_no, state FROM project
         WHERE id = ANY (CAST(:other_ids AS bigint[])) AND state <> 'REFUSED'
    )
    SELECT pair.project_id, pair.parcel_no, own.polygon, pair.other_id, pair.other_no,
           near.polygon AS other_polygon, project.county, project.filing_no, project.state,
           parcel.area_m2, parcel.use_before, parcel.use_after, parcel.grade_before, parcel.grade_after
      FROM unnest(CAST(:ids AS bigint[]), CAST(:nos AS text[]), CAST(:other_ids AS bigint[]),
                  CAST(:other_nos AS text[])) AS pair(project_id, parcel_no, other_id, other_no)
      JOIN project ON project.id = pair.other_id
      JOIN project_parcel AS parcel
        ON parcel.project_id = pair.other_id AND parcel.parcel_no = pair.other_no
      JOIN parcel_shape AS own ON own.project_id = pair.project_id AND own.parcel_no = pair.parcel_no
      JOIN parcel_shape AS near ON near.project_id = pair.other_id AND near.parcel_no = pair.other_no
     ORDER BY pair.project_id, pair.parcel_no, pair.other_id, pair.other_no
"""


async def neighbours(connection: Connection, numbers: Collection[int]) -> Sequence[Neighbours]:
    """Return the live projects' parcels near those of the projects given, whose boxes meet."""
    pairs = [tuple(row) for row in await connection.execute(text(NEAR), {"ids": list(numbers)})]
    if not pairs:
        return []
    ids, nos, other_ids, other_nos = (list(column) for column in zip(*pairs, strict=True))
    found = await connection.execute(
        text(_NEIGHBOURS), {"ids": ids, "nos": nos, "other_ids": other_ids, "other_nos": other_nos}
    )
    return [
        Neighbours(
            row.project_id,
            row.parcel_no,
            row.polygon,
            Elsewhere(
                row.other_id,
                row.county,
                row.filing_no,
                ProjectState(row.state),
                Parcel(
                    row.other_no,
                    row.area_m2,
                    LandUse(row.use_before),
                    LandUse(row.use_after),
                    row.grade_before,
                    row.grade_after,
                ),
            ),
            row.other_polygon,
        )
        for row in found
    ]


async def mapped(connection: Connection, numbers: Collection[int]) -> Mapping[int, Mapping[str, int]]:
    """Return the area in m² of each mapped parcel of the projects given, by project and number."""
    found = await connection.execute(
        text(
            "SELECT project_id, parcel_no, area_m2 FROM parcel_shape "
            "WHERE project_id = ANY (CAST(:ids AS bigint[])) ORDER BY project_id, parcel_no"
        ),
        {"ids": list(numbers)},
    )
    areas: dict[int, dict[str, int]] = {}
    for row in found:
        areas.setdefault(row.project_id, {})[row.parcel_no] = row.area_m2
    return areas


async def shapes(connection: Connection, numbers: Collection[int]) -> Mapping[int, Mapping[str, Shape]]:
    """Return the polygons of the mapped parcels of the projects given, by project and number."""
    found = await connection.execute(
        text(
            "SELECT project_id, parcel_no, polygon, area_m2, CAST(bbox AS text) AS box FROM parcel_shape "
            "WHERE project_id = ANY (CAST(:ids AS bigint[])) ORDER BY project_id, parcel_no"
        ),
        {"ids": list(numbers)},
    )
    drawn: dict[int, dict[str, Shape]] = {}
    for row in found:
        drawn.setdefault(row.project_id, {})[row.parcel_no] = Shape(row.polygon, row.area_m2, row.box)
    return drawn


async def polygons(connection: Connection, number: int, parcel_nos: Sequence[str]) -> Mapping[str, bytes]:
    """Return the polygons of those of a project's parcels that are mapped."""
    found = await connection.execute(
        text(
            "SELECT parcel_no, polygon FROM parcel_shape "
            "WHERE project_id = :id AND parcel_no = ANY (CAST(:nos AS text[])) ORDER BY parcel_no"
        ),
        {"id": number, "nos": list(parcel_nos)},
    )
    return {row.parcel_no: row.polygon for row in found}


@dataclass(frozen=True, slots=True)
class MappedParcel:
    """A parcel with its project, as the map shows it; without a polygon it is not on the map."""

    project_id: int
    county: str
    filing_no: str | None
    state: ProjectState
    parcel: Parcel
    polygon: bytes | None
    mapped_area_m2: int | None


_MAPPED = """
    SELECT project.id AS project_id, project.county, project.filing_no, project.state, parcel.parcel_no,
           parcel.area_m2, parcel.use_before, parcel.use_after, parcel.grade_before, parcel.grade_after,
           shape.polygon, shape.area_m2 AS mapped_area_m2
"""


async def of_project(connection: Connection, number: int) -> Sequence[MappedParcel]:
    """Return all parcels of a project, by number."""
    found = await connection.execute(
        text(
            f"""
            {_MAPPED}
              FROM project JOIN project_parcel AS parcel ON parcel.project_id = project.id
              LEFT JOIN parcel_shape AS shape USING (project_id, parcel_no)
             WHERE project.id = :id ORDER BY parcel.parcel_no
            """
        ),
        {"id": number},
    )
    return [_mapped(row) for row in found]


async def on_map(
    connection: Connection, *, box: str, county: str | None, after: tuple[int, str] | None, limit: int
) -> Sequence[MappedParcel]:
    """Return at most ``limit`` parcels of live projects whose boxes meet ``box``, by project and number."""
    found = await connection.execute(
        text(
            f"""
            {_MAPPED}
              FROM parcel_shape AS shape
              JOIN project ON project.id = shape.project_id
              JOIN project_parcel AS parcel USING (project_id, parcel_no)
             WHERE shape.bbox && CAST(CAST(:box AS text) AS box) AND project.state <> 'REFUSED'
               AND (CAST(:county AS text) IS NULL OR project.county = CAST(:county AS text))
               AND (shape.project_id, shape.parcel_no) > (:after_id, CAST(:after_no AS text) COLLATE "C")
             ORDER BY shape.project_id, shape.parcel_no LIMIT :limit
            """
        ),
        {
            "box": box,
            "county": county,
            "after_id": after[0] if after else 0,
            "after_no": after[1] if after else "",
            "limit": limit,
        },
    )
    return [_mapped(row) for row in found]


def _mapped(row: Any) -> MappedParcel:
    return MappedParcel(
        row.project_id,
        row.county,
        row.filing_no,
        ProjectState(row.state),
        Parcel(
            row.parcel_no,
            row.area_m2,
            LandUse(row.use_before),
            LandUse(row.use_after),
            row.grade_before,
            row.grade_after,
        ),
        row.polygon,
        row.mapped_area_m2,
    )
