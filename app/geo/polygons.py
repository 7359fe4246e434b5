"""Polygons of parcels (图斑): read from GeoJSON, measured, and held against each other.

Coordinates are degrees of CGCS2000 (EPSG:4490), longitude before latitude; areas are whole m² on its
ellipsoid. Outside this room a polygon is octets (WKB) and its bounding box is text: no float leaves it but
as GeoJSON. shapely and pyproj take half a second to load, so each function that needs them says so itself,
and what never draws a polygon never waits for them.
"""

import math
import re
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from app.market.errors import Malformed, RuleBroken, ensure
from app.market.parcels import Shape

if TYPE_CHECKING:
    from pyproj import Geod
    from shapely.geometry.base import BaseGeometry as Geometry

MOST_POINTS = 2_000
"""Of one parcel. Neighbours of a few hundred points each are the rule."""

MOST_CROSSINGS = 10_000
"""Of two outlines. Two combs laid across each other cross a million times, and would hold everybody up."""

FEW_POINT_PAIRS = 200_000
"""Below so many pairs of points two outlines can't cross often enough to matter."""

WEST, EAST = 73.0, 136.0
SOUTH, NORTH = 3.0, 54.0
"""Around all of China: latitude and longitude in the wrong order fall outside, and so do metres."""

TOUCHING_DEGREES = 1e-6
"""Outlines this near, 0.1 m, touch: two surveys of one boundary differ by as much."""

_POLYGONAL = frozenset({"Polygon", "MultiPolygon"})


def read(kind: str, coordinates: Sequence[Any], *, field: str) -> Shape:
    """Read a GeoJSON Polygon or MultiPolygon; raises Malformed with the place and how to mend it.

    ``field`` is the geometry's own path, such as ``parcels.3.geometry``.
    """
    import shapely

    ensure(kind in _POLYGONAL, f"{kind} is no polygon")
    where = f"{field}.coordinates"
    parts = [(coordinates, where)] if kind == "Polygon" else _lists(coordinates, where, "polygon")
    polygons = []
    points = 0
    for rings, place in parts:
        outlines = [_ring(ring, at) for ring, at in _lists(rings, place, "ring")]
        points += sum(len(outline) for outline in outlines)
        if points > MOST_POINTS:
            raise _bad(f"A parcel has at most {MOST_POINTS} points; draw it with fewer.", where)
        polygons.append(shapely.Polygon(outlines[0], outlines[1:]))
    drawn = polygons[0] if kind == "Polygon" else shapely.MultiPolygon(polygons)
    if not shapely.is_valid(drawn):
        raise _crossed(shapely.is_valid_reason(drawn), where)
    area_m2 = _area_m2(drawn)
    if area_m2 == 0:
        raise _bad("The polygon encloses less than half a square metre; draw the whole parcel.", where)
    return Shape(shapely.to_wkb(drawn), area_m2, _box(*shapely.bounds(drawn)))


def _lists(given: Any, field: str, what: str) -> list[tuple[list[Any], str]]:
    """The lists in a list, each with its path; raises Malformed unless there is one at least."""
    if not isinstance(given, list) or not given:
        raise _bad(f"This is a list of at least one {what}.", field)
    for at, each in enumerate(given):
        if not isinstance(each, list):
            raise _bad(f"A {what} is a list.", f"{field}.{at}")
    return [(each, f"{field}.{at}") for at, each in enumerate(given)]


def _ring(given: list[Any], field: str) -> list[tuple[float, float]]:
    """A closed ring of positions; raises Malformed."""
    if len(given) > MOST_POINTS:
        raise _bad(f"A parcel has at most {MOST_POINTS} points; draw it with fewer.", field)
    ring = [_position(position, f"{field}.{at}") for at, position in enumerate(given)]
    if len(ring) < 4:
        raise _bad("A ring has at least four positions, the last the same as the first.", field)
    if ring[0] != ring[-1]:
        raise _bad(
            f"The ring is not closed: it starts at {list(ring[0])} and ends at {list(ring[-1])}; repeat the "
            "first position at its end.",
            field,
        )
    return ring


def _position(given: Any, field: str) -> tuple[float, float]:
    if not isinstance(given, list) or len(given) != 2 or not all(_is_number(each) for each in given):
        raise _bad("A position is [longitude, latitude], two JSON numbers; heights are left out.", field)
    longitude, latitude = float(given[0]), float(given[1])
    if WEST <= longitude <= EAST and SOUTH <= latitude <= NORTH:
        return longitude, latitude
    advice = "Give degrees of CGCS2000 (EPSG:4490), longitude first."
    if WEST <= latitude <= EAST and SOUTH <= longitude <= NORTH:
        advice = "Longitude and latitude are in the wrong order: longitude comes first."
    elif max(abs(longitude), abs(latitude)) > 360:
        advice = "These look like metres of a projection; give degrees of CGCS2000 (EPSG:4490)."
    raise _bad(
        f"{given} lies outside China ({WEST:g}–{EAST:g}° E, {SOUTH:g}–{NORTH:g}° N). {advice}",
        field,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _crossed(reason: str, field: str) -> Malformed:
    fault, _, place = reason.removesuffix("]").partition("[")
    near = f" near [{', '.join(place.split())}]" if place else ""
    return _bad(
        f"The polygon is not valid{near}: {fault.strip().lower()}. A ring may not cross or touch itself; "
        "holes lie inside their polygon and polygons of one parcel beside each other.",
        field,
    )


def _bad(detail: str, field: str) -> Malformed:
    return Malformed("bad_geometry", detail, field=field)


def _box(west: float, south: float, east: float, north: float) -> str:
    """A bounding box as PostgreSQL reads it."""
    return f"({float(east)!r},{float(north)!r}),({float(west)!r},{float(south)!r})"


def _degrees(text: str) -> float:
    """Read plain ASCII degrees; raises ValueError, also for what only ``float`` takes for a number."""
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        raise ValueError(text)
    return float(text)


def window(text: str, *, field: str) -> str:
    """Read ``west,south,east,north`` in degrees as a bounding box; raises Malformed."""
    try:
        west, south, east, north = (_degrees(part) for part in text.split(","))
    except ValueError:
        west = south = east = north = math.nan
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise Malformed(
            "bad_bbox",
            "A bbox is west,south,east,north in degrees, west below east and south below north, such as "
            "106.8,32.3,106.9,32.4.",
            field=field,
        )
    return _box(west, south, east, north)


def geojson(polygon: bytes) -> dict[str, Any]:
    """A polygon as GeoJSON, its coordinates as they were given."""
    import shapely

    drawn = shapely.from_wkb(polygon)
    named: dict[str, Any] = shapely.geometry.mapping(drawn)
    return {"type": named["type"], "coordinates": _as_lists(named["coordinates"])}


def _as_lists(coordinates: Any) -> Any:
    if isinstance(coordinates, tuple):
        return [_as_lists(each) for each in coordinates]
    return coordinates


def overlaps_m2(polygons: Sequence[bytes], pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The area that each pair of polygons, by place in the list, has in common, in whole m².

    Raises RuleBroken where two outlines cross so often that nobody can have surveyed them.
    """
    import shapely

    if not pairs:
        return []
    drawn = shapely.from_wkb(list(polygons))
    firsts, seconds = ([drawn[place] for place in side] for side in zip(*pairs, strict=True))
    meeting = shapely.intersects(firsts, seconds)
    areas = []
    for first, second, meet in zip(firsts, seconds, meeting, strict=True):
        if meet:
            _refuse_endless(first, second)
        common = shapely.intersection(first, second) if meet else None
        # Neighbours share a line, which has no area.
        areas.append(0 if common is None or shapely.area(common) == 0 else _area_m2(common))
    return areas


def _refuse_endless(first: "Geometry", second: "Geometry") -> None:
    """Refuse two outlines with too many crossings; raises RuleBroken."""
    import shapely

    if shapely.get_num_coordinates(first) * shapely.get_num_coordinates(second) < FEW_POINT_PAIRS:
        return
    edges, others = (_edge_boxes(each) for each in (first, second))
    tree = shapely.STRtree(edges)
    crossings = 0
    for start in range(0, len(others), 100):  # in small portions: all of them may be millions
        crossings += tree.query(others[start : start + 100]).shape[1]
        if crossings > MOST_CROSSINGS:
            raise RuleBroken(
                "outlines_too_intricate",
                f"Two outlines cross more than {MOST_CROSSINGS} times; no survey draws such parcels.",
                field="parcels",
            )


def _edge_boxes(polygon: "Geometry") -> Any:
    """The bounding boxes of a polygon's edges."""
    import shapely

    points, lines = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(polygon)), return_index=True)
    starts, ends = points[:-1], points[1:]
    within = lines[:-1] == lines[1:]
    lows, highs = starts.clip(max=ends)[within], starts.clip(min=ends)[within]
    return shapely.box(lows[:, 0], lows[:, 1], highs[:, 0], highs[:, 1])


def overlapping_pairs(polygons: Sequence[bytes]) -> list[tuple[int, int]]:
    """The pairs of polygons, by place in the list, whose bounding boxes meet; each pair once."""
    import shapely

    drawn = shapely.from_wkb(list(polygons))
    found = shapely.STRtree(drawn).query(drawn)
    return sorted((int(one), int(other)) for one, other in found.T if one < other)


def pieces(polygons: Sequence[bytes]) -> list[list[int]]:
    """The polygons, by place in the list, grouped so that what touches lies in one group."""
    import shapely

    drawn = shapely.from_wkb(list(polygons))
    near = shapely.STRtree(drawn).query(drawn, predicate="dwithin", distance=TOUCHING_DEGREES)
    group = list(range(len(polygons)))

    def root(place: int) -> int:
        while group[place] != place:
            group[place] = group[group[place]]
            place = group[place]
        return place

    for one, other in near.T:
        group[root(int(one))] = root(int(other))
    members: dict[int, list[int]] = {}
    for place in range(len(polygons)):
        members.setdefault(root(place), []).append(place)
    return list(members.values())


def _area_m2(geometry: "Geometry") -> int:
    """The area on the ellipsoid, in whole m², rounded half up; lines and points have none."""
    import shapely

    polygons = [part for part in _parts(geometry) if part.geom_type == "Polygon"]
    measured = (
        # Anticlockwise outlines count above zero, and the holes in them below.
        _ellipsoid().geometry_area_perimeter(shapely.orient_polygons(part, exterior_cw=False))[0]
        for part in polygons
    )
    return math.floor(math.fsum(measured) + 0.5)


def _parts(geometry: "Geometry") -> "list[Geometry]":
    import shapely

    parts = list(shapely.get_parts(geometry))
    nested = any(part.geom_type.startswith(("Multi", "GeometryCollection")) for part in parts)
    return list(chain.from_iterable(_parts(part) for part in parts)) if nested else parts


@cache
def _ellipsoid() -> "Geod":
    """The ellipsoid of CGCS2000 (GB 22021), which is GRS 80 but for its name."""
    from pyproj import Geod

    return Geod(a=6378137, rf=298.257222101)
