"""Polygons: areas on the ellipsoid, land in common, pieces that touch, and what is refused."""

import subprocess
import sys
import time
from typing import Any

import pytest

from app.geo import polygons as geo
from app.market.errors import Malformed, RuleBroken
from app.market.parcels import Shape
from tests.mapped import square


def drawn(geometry: dict[str, Any]) -> Shape:
    return geo.read(geometry["type"], geometry["coordinates"], field="g")


def overlaps(*geometries: dict[str, Any]) -> list[int]:
    polygons = [drawn(geometry).polygon for geometry in geometries]
    return geo.overlaps_m2(polygons, geo.overlapping_pairs(polygons))


def test_a_zone_of_the_ellipsoid_has_the_area_of_the_closed_formula() -> None:
    """A trapezium of 1° by 0.001° around 30.0005° N; by the meridian and parallel radii there: 10.7 km²."""
    south, north = 30.0, 30.001
    points = [[105 + at / 400, south] for at in range(401)] + [[106 - at / 400, north] for at in range(401)]
    shape = drawn({"type": "Polygon", "coordinates": [[*points, points[0]]]})
    # 111,320 m × cos φ / √(1 − e² sin² φ) along, 110,852.4 m a degree of latitude across.
    assert shape.area_m2 == pytest.approx(96_486.3 * 110.8524, rel=2e-5)


def test_the_direction_of_a_ring_changes_nothing() -> None:
    clockwise = square(0, 0)
    clockwise["coordinates"][0].reverse()
    assert drawn(clockwise).area_m2 == drawn(square(0, 0)).area_m2
    assert geo.geojson(drawn(clockwise).polygon) == clockwise


def test_neighbours_have_a_line_in_common_and_no_land() -> None:
    assert overlaps(square(0, 0), square(1, 0)) == [0]
    assert overlaps(square(0, 0), square(1, 1)) == [0]


def test_land_in_common_is_measured_in_all_its_parts() -> None:
    comb = {
        "type": "MultiPolygon",
        "coordinates": [square(at, 0, wide=0.5)["coordinates"] for at in range(3)],
    }
    (common,) = overlaps(comb, square(0, 0.5, wide=3))
    assert common == pytest.approx(3 * 10_444 / 4, abs=2)


def test_pieces_are_what_touches_however_long_the_chain() -> None:
    chain = [square(at, 0) for at in range(5)]
    apart = [square(5.001, 0), square(0, 2)]  # a thousandth of a square is 0.09 m; two are further
    polygons = [drawn(each).polygon for each in [*chain, *apart]]
    assert sorted(map(sorted, geo.pieces(polygons))) == [[0, 1, 2, 3, 4, 5], [6]]


def combs(teeth: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two combs laid across each other: every tooth of one crosses every tooth of the other."""
    ring = [[0.0, 0.0]]
    for at in range(teeth):
        left, middle, right = (at / teeth, (at + 0.5) / teeth, (at + 1) / teeth)
        ring += [[left, 1], [middle, 1], [middle, 0.01], [right, 0.01]]
    ring += [[1, 0.0], [0.0, 0.0]]
    up = [[106.8 + x / 100, 32.3 + y / 100] for x, y in ring]
    across = [[106.8 + (y - 0.005) / 100, 32.3 + x / 100] for x, y in ring]
    return {"type": "Polygon", "coordinates": [up]}, {"type": "Polygon", "coordinates": [across]}


def test_outlines_that_cross_a_million_times_are_refused_and_not_reckoned() -> None:
    started = time.perf_counter()
    with pytest.raises(RuleBroken) as refused:
        overlaps(*combs(490))
    assert refused.value.code == "outlines_too_intricate"
    assert time.perf_counter() - started < 5


def test_many_points_that_seldom_cross_are_reckoned() -> None:
    comb, _ = combs(490)
    (common,) = overlaps(comb, square(0, 0, wide=10, high=10))
    assert common == pytest.approx(drawn(comb).area_m2, rel=1e-6)


def test_a_window_is_read_into_a_box() -> None:
    assert geo.window("106.5,32,107,33.25", field="bbox") == "(107.0,33.25),(106.5,32.0)"
    with pytest.raises(Malformed):
        geo.window("106.5,32,107", field="bbox")


def test_the_service_starts_without_loading_the_geometry_libraries() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, app.main, app.cli; print({'shapely', 'pyproj'} & set(sys.modules))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "set()"
