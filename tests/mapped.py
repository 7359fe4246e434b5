"""Parcels with polygons: squares of about one hectare in a grid, so that what overlaps can be counted."""

from typing import Any

WEST, SOUTH = 106.8, 32.3
STEP = 0.001
SQUARE_HM2 = "1.0445"  # a square of 0.001° there, on the ellipsoid; the tolerance is a hundredth


def square(column: float, row: float, *, wide: float = 1, high: float = 1) -> dict[str, Any]:
    """A rectangle of the grid, as GeoJSON."""
    west, south = WEST + column * STEP, SOUTH + row * STEP
    east, north = west + wide * STEP, south + high * STEP
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}
