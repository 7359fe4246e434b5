"""Polygons in requests and answers: GeoJSON (RFC 7946) in degrees of CGCS2000."""

from typing import Any, Literal

from fastapi.responses import JSONResponse
from pydantic import Field

from app.market.parcels import Shape
from app.routers.forms import Form, View
from app.services import parcels

GEOJSON = "application/geo+json"

_COORDINATES = (
    "Rings of [longitude, latitude], degrees of CGCS2000 (EPSG:4490), each ring closed; for a MultiPolygon "
    "lists of such rings. At most 2,000 points a parcel, and no heights."
)
_POSITION: dict[str, Any] = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_RINGS: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "array", "minItems": 4, "items": _POSITION},
}


class GeometryForm(Form):
    """A GeoJSON Polygon or MultiPolygon: the only place where a request holds numbers with a point."""

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any] = Field(
        min_length=1,
        description=_COORDINATES,
        json_schema_extra={"items": {"anyOf": [_RINGS["items"], _RINGS]}},
    )

    def read(self, field: str) -> Shape:
        """Read and measure the polygon; raises Malformed with the path of what is wrong."""
        return parcels.draw(self.type, self.coordinates, field=field)


class GeometryView(View):
    """A GeoJSON Polygon or MultiPolygon in degrees of CGCS2000 (EPSG:4490), as it was filed."""

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any]


class GeoJson(JSONResponse):
    """An answer in GeoJSON."""

    media_type = GEOJSON
