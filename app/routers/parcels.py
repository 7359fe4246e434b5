"""Parcels on the map (上图入库, 一张图): a project's own, and those of any window of the province."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import UNIT, Indicator
from app.market.projects import LandUse, ProjectState
from app.market.units import format_decimal
from app.routers.answers import Paging, Reading, documented
from app.routers.forms import Id, View
from app.routers.geometry import GEOJSON, GeoJson, GeometryView
from app.services import parcels
from app.services.parcels import MappedParcel

router = APIRouter(tags=["projects"], route_class=GuardedRoute)

AREA_PLACES = UNIT[Indicator.FARMLAND_QUANTITY].places


class ParcelProperties(View):
    """What is known of a parcel on the map."""

    project: str
    county: str
    filing_no: str | None
    project_state: ProjectState
    parcel: str
    area: str = Field(description="hm², as stated")
    mapped_area: str | None = Field(description="hm² of the polygon; null where there is none")
    use_before: LandUse
    use_after: LandUse
    grade_before: int | None
    grade_after: int | None


class FeatureView(View):
    """A parcel as a GeoJSON feature; one that is not mapped has no geometry."""

    type: Literal["Feature"] = "Feature"
    id: str = Field(description="Project and parcel, P0000000001/511922-0001")
    geometry: GeometryView | None
    properties: ParcelProperties

    @classmethod
    def of(cls, row: MappedParcel) -> "FeatureView":
        """Shape a parcel."""
        project = public_id(Kind.PROJECT, row.project_id)
        drawn = None if row.polygon is None else GeometryView(**parcels.geojson(row.polygon))
        mapped = row.mapped_area_m2
        return cls(
            id=f"{project}/{row.parcel.id}",
            geometry=drawn,
            properties=ParcelProperties(
                project=project,
                county=row.county,
                filing_no=row.filing_no,
                project_state=row.state,
                parcel=row.parcel.id,
                area=format_decimal(row.parcel.area_m2, AREA_PLACES),
                mapped_area=None if mapped is None else format_decimal(mapped, AREA_PLACES),
                use_before=row.parcel.use_before,
                use_after=row.parcel.use_after,
                grade_before=row.parcel.grade_before,
                grade_after=row.parcel.grade_after,
            ),
        )


class FeaturesView(View):
    """A GeoJSON FeatureCollection; ``next_cursor`` is null on the last page."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[FeatureView]
    next_cursor: str | None = None


@router.get(
    "/v1/projects/{project_id}/parcels",
    operation_id=Action.READ_PROJECT_PARCELS,
    response_class=GeoJson,
    responses=documented(FeaturesView),
    summary="A project's parcels as GeoJSON 图斑",
)
async def read_project_parcels(project_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show all parcels of a project as a GeoJSON FeatureCollection in CGCS2000 (EPSG:4490)."""
    work = partial(parcels.of_project, actor=actor, number=row_number(Kind.PROJECT, project_id))
    return await reading.run(
        work,
        lambda rows: FeaturesView(features=[FeatureView.of(row) for row in rows]),
        media_type=GEOJSON,
    )


@router.get(
    "/v1/map/parcels",
    operation_id=Action.READ_MAP,
    response_class=GeoJson,
    responses=documented(FeaturesView),
    summary="The one map: parcels in a window 一张图",
)
async def read_map(
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    bbox: Annotated[
        str,
        Query(
            max_length=200,
            description="west,south,east,north in degrees of CGCS2000; parcels whose own box meets it",
            examples=["106.8,32.3,106.9,32.4"],
        ),
    ],
) -> Response:
    """List the mapped parcels of live projects in a window: an officer's own county's, or everybody's.

    Live is what is filed, accepted or voided; a refused project holds no land.
    """
    after = (int(page.after[0]), str(page.after[1])) if page.after else None
    work = partial(parcels.on_map, actor=actor, bbox=bbox, after=after, limit=page.limit + 1)

    def shape(rows: Sequence[MappedParcel]) -> FeaturesView:
        shown, cursor = page.cut(rows, lambda row: (row.project_id, row.parcel.id))
        return FeaturesView(features=[FeatureView.of(row) for row in shown], next_cursor=cursor)

    return await reading.run(work, shape, media_type=GEOJSON)
