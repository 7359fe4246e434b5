"""``/v1/projects/{id}/re-verification``: projects filed before the notice, verified anew (复核)."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.errors import Malformed
from app.market.ids import Kind, row_number
from app.market.projects import LandUse
from app.market.reverification import Verified
from app.routers.answers import Writing, documented, example
from app.routers.forms import Day, Form, Id, Whole
from app.routers.project_views import ProjectView
from app.services import reverification

router = APIRouter(prefix="/v1/projects", tags=["projects"], route_class=GuardedRoute)


class VerifiedForm(Form):
    """A parcel as it was found; its area stays what was filed."""

    id: Annotated[str, Field(min_length=1, max_length=60)]
    use_after: LandUse
    grade_before: Whole | None = None
    grade_after: Whole | None = None


class ReverificationForm(Form):
    """What was found of every parcel of the project."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "verified_on": "2019-11-05",
                "parcels": [
                    {"id": "511922-0001", "use_after": "paddy", "grade_after": 9},
                    {
                        "id": "511922-0002",
                        "use_after": "dry_land",
                        "grade_before": 11,
                        "grade_after": 9,
                    },
                ],
            }
        )
    )

    verified_on: Day = Field(description="Its day's policies decide")
    parcels: list[VerifiedForm] = Field(min_length=1)

    def found(self) -> dict[str, tuple[int, Verified]]:
        """What was found by parcel, with its place here; raises Malformed where one is named twice."""
        found: dict[str, tuple[int, Verified]] = {}
        for at, each in enumerate(self.parcels):
            if each.id in found:
                raise Malformed(
                    "duplicate_parcel", f"Parcel {each.id!r} is named twice.", field=f"parcels.{at}.id"
                )
            found[each.id] = at, Verified(each.id, each.use_after, each.grade_before, each.grade_after)
        return found


@router.post(
    "/{project_id}/re-verification",
    operation_id=Action.REVERIFY_PROJECT,
    status_code=201,
    responses=documented(ProjectView, status=201),
    summary="Verify a project of old anew, and credit its paddy and capacity 复核",
)
async def reverify_project(
    project_id: Id, form: ReverificationForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Credit paddy and capacity, once, to a project filed before the notice that got quantity only."""
    work = partial(
        reverification.verify_anew,
        actor=actor,
        number=row_number(Kind.PROJECT, project_id),
        verified_on=form.verified_on,
        found=form.found(),
    )
    return await writing.run(work, ProjectView.of)
