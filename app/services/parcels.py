"""Parcels on the map (上图入库): measured when filed, held against all that is on it, shown ([N] 七)."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.geo import polygons as geo
from app.market.access import Action, Actor, permitted_jurisdiction
from app.market.certification import reclaimed_unused
from app.market.errors import NotFound
from app.market.filings import Filing
from app.market.ids import Kind, public_id
from app.market.parcels import (
    Overlap,
    Shape,
    contested,
    refuse_area_off,
    refuse_overlaps,
    refuse_own_overlaps,
)
from app.market.policies import PolicySet
from app.market.projects import Project
from app.store import certified, policies
from app.store import parcels as store
from app.store.certified import ParcelKey
from app.store.database import Connection
from app.store.parcels import MappedParcel
from app.store.projects import ProjectRow

__all__ = [
    "MappedParcel",
    "draw",
    "geojson",
    "mapped",
    "of_project",
    "on_map",
    "other_keys",
    "overlaps",
    "put_on_map",
    "standing",
    "unused_pieces",
]


def draw(kind: str, coordinates: Sequence[Any], *, field: str) -> Shape:
    """Read a GeoJSON polygon of the field named; raises Malformed."""
    return geo.read(kind, coordinates, field=field)


def geojson(polygon: bytes) -> dict[str, Any]:
    """A polygon as GeoJSON."""
    return geo.geojson(polygon)


async def put_on_map(connection: Connection, filings: Mapping[int, Filing], *, at: datetime) -> None:
    """Put the mapped parcels of new filings on the map, by project number, by the policies of the moment.

    Raises RuleBroken where areas are off or a project overlaps itself, and Conflict where one lies on
    another live project's land. The map is held from here to the end of the transaction.
    """
    drawn = {number: filing for number, filing in filings.items() if filing.shapes}
    if not drawn:
        return
    in_force = await policies.in_force(connection, at)
    for filing in drawn.values():
        refuse_area_off(filing.papers, filing.shapes, in_force.parcel_area_tolerance)
        refuse_own_overlaps(
            filing.papers, await _own_overlaps(filing.shapes), in_force.parcel_overlap_tolerance_m2
        )
    await store.hold(connection)
    await store.insert(connection, {number: filing.shapes for number, filing in drawn.items()})
    found = await overlaps(connection, drawn, tolerances_m2=_same_for(drawn, in_force))
    register = await certified.certified(connection, other_keys(found))
    for number, filing in drawn.items():
        refuse_overlaps(filing.papers, standing(filing.papers, found.get(number, ()), register))


def _same_for(numbers: Collection[int], in_force: PolicySet) -> Mapping[int, int]:
    return dict.fromkeys(numbers, in_force.parcel_overlap_tolerance_m2)


async def _own_overlaps(shapes: Mapping[str, Shape]) -> Sequence[tuple[str, str, int]]:
    """The parcels of one project that have land in common, with its area in m²."""
    names = list(shapes)
    polygons = [shape.polygon for shape in shapes.values()]
    pairs = geo.overlapping_pairs(polygons)
    areas = await asyncio.to_thread(geo.overlaps_m2, polygons, pairs)
    return [(names[one], names[other], area) for (one, other), area in zip(pairs, areas, strict=True)]


async def overlaps(
    connection: Connection, numbers: Collection[int], *, tolerances_m2: Mapping[int, int]
) -> Mapping[int, Sequence[Overlap]]:
    """Return the land that projects have in common with other live ones, by project number.

    Slivers of at most the project's tolerance are none. The caller holds the map.
    """
    near = await store.neighbours(connection, numbers)
    places: dict[bytes, int] = {}
    pairs = [
        tuple(places.setdefault(polygon, len(places)) for polygon in (each.polygon, each.other_polygon))
        for each in near
    ]
    # In a thread: a large project may take longer than other requests should wait.
    areas = await asyncio.to_thread(geo.overlaps_m2, list(places), [(one, other) for one, other in pairs])
    found: dict[int, list[Overlap]] = {}
    for each, area_m2 in zip(near, areas, strict=True):
        if area_m2 > tolerances_m2[each.project_id]:
            overlap = Overlap(each.parcel_no, each.other, area_m2)
            found.setdefault(each.project_id, []).append(overlap)
    return found


def other_keys(overlaps: Mapping[int, Sequence[Overlap]]) -> set[ParcelKey]:
    """The parcels that the overlaps are with, as the register of certified land names them."""
    return {
        ParcelKey(overlap.other.county, overlap.other.parcel.id)
        for each in overlaps.values()
        for overlap in each
    }


def standing(
    papers: Project, overlaps: Sequence[Overlap], register: Mapping[ParcelKey, Any]
) -> Sequence[Overlap]:
    """Those of the overlaps that speak against the project, given what is certified of the others."""
    parcels = {parcel.id: parcel for parcel in papers.parcels}
    return [
        overlap
        for overlap in overlaps
        if contested(
            parcels[overlap.parcel_id],
            overlap.other,
            register.get(ParcelKey(overlap.other.county, overlap.other.parcel.id)),
        )
    ]


async def mapped(connection: Connection, numbers: Collection[int]) -> Mapping[int, Mapping[str, int]]:
    """Return the area in m² of each mapped parcel of the projects given, by project and number."""
    return await store.mapped(connection, numbers)


async def unused_pieces(
    connection: Connection, row: ProjectRow, *, review_area_m2: int
) -> Sequence[Collection[str]]:
    """Return the mapped parcels of unused land that touch, piece by piece; none where all is too little."""
    unused = [parcel for parcel in row.papers.parcels if reclaimed_unused(parcel)]
    if sum(parcel.area_m2 for parcel in unused) <= review_area_m2:
        return []
    polygons = await store.polygons(connection, row.id, [parcel.id for parcel in unused])
    if not polygons:
        return []
    names = list(polygons)
    found = await asyncio.to_thread(geo.pieces, list(polygons.values()))
    return [frozenset(names[place] for place in piece) for piece in found]


async def of_project(connection: Connection, *, actor: Actor, number: int) -> Sequence[MappedParcel]:
    """Return a project's parcels; raises NotFound, also for another county's."""
    found = await store.of_project(connection, number)
    own = permitted_jurisdiction(actor, Action.READ_PROJECT_PARCELS)
    if not found or (own is not None and found[0].county != own):
        raise NotFound("project", public_id(Kind.PROJECT, number))
    return found


async def on_map(
    connection: Connection, *, actor: Actor, bbox: str, after: tuple[int, str] | None, limit: int
) -> Sequence[MappedParcel]:
    """Return at most ``limit`` parcels in ``west,south,east,north`` that the actor may see."""
    box = geo.window(bbox, field="bbox")
    own = permitted_jurisdiction(actor, Action.READ_MAP)
    return await store.on_map(connection, box=box, county=own, after=after, limit=limit)
