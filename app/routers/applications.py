"""``/v1/land-applications``: land applications (用地报批) and what they require."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.applications import ApplicationKind, ApplicationState, OccupiedParcel
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import HECTARE, UNIT, Indicator
from app.market.projects import BEST_GRADE, WORST_GRADE, LandUse
from app.market.units import format_decimal, format_quantity, parse_decimal, quantity_mu
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import AreaText, Form, Id, Instant, Text, View, Whole
from app.services import applications

router = APIRouter(prefix="/v1/land-applications", tags=["land applications"], route_class=GuardedRoute)

PARCELS_MOST = 5000


class OccupiedParcelForm(Form):
    """A parcel that will be occupied; farmland names its quality grade (质量等别, 1 best to 15)."""

    parcel_no: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
    area: AreaText
    use: LandUse
    grade: Annotated[Whole, Field(ge=BEST_GRADE, le=WORST_GRADE)] | None = None


class ApplicationForm(Form):
    """An application: parcels, or for kind ``linkage`` the new-construction area in hm²."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "kind": "town_batch",
                "title": "2026 年第 3 批次",
                "parcels": [
                    {"parcel_no": "510107-0001", "area": "12.5000", "use": "paddy", "grade": 7},
                    {"parcel_no": "510107-0002", "area": "3.0000", "use": "dry_land", "grade": 10},
                ],
            }
        )
    )

    kind: ApplicationKind
    title: Text
    parcels: tuple[OccupiedParcelForm, ...] = Field(default=(), max_length=PARCELS_MOST)
    new_construction_area: AreaText | None = None


class DecisionForm(Form):
    """The regulator's decision on an application."""

    model_config = ConfigDict(
        json_schema_extra=example({"decision": "refuse", "reason": "选址压占永久基本农田"})
    )

    decision: Literal["refuse"]
    reason: Text


class WithdrawalForm(Form):
    """Why the applicant withdraws, if it says so."""

    model_config = ConfigDict(json_schema_extra=example({"reason": "项目取消"}))

    reason: Text | None = None


class RequirementView(View):
    """What an application must supply of one indicator."""

    indicator: Indicator
    unit: str
    quantity: str
    quantity_mu: str | None

    @classmethod
    def of(cls, indicator: Indicator, steps: int) -> "RequirementView":
        """Print steps in the indicator's unit; areas also in 亩."""
        return cls(
            indicator=indicator,
            unit=UNIT[indicator].name,
            quantity=format_quantity(steps, indicator),
            quantity_mu=quantity_mu(steps, indicator),
        )


class ApplicationView(View):
    """A land application and what it requires of each indicator."""

    id: str
    applicant: str
    kind: ApplicationKind
    title: str
    state: ApplicationState
    requirement: list[RequirementView]
    filed_at: Instant
    decided_at: Instant | None
    decision_reason: str | None

    @classmethod
    def of(cls, row: applications.ApplicationRow) -> "ApplicationView":
        """Shape an application."""
        return cls(
            id=public_id(Kind.APPLICATION, row.id),
            applicant=row.applicant,
            kind=row.kind,
            title=row.title,
            state=row.state,
            requirement=[
                RequirementView.of(indicator, row.required[indicator])
                for indicator in Indicator
                if row.required[indicator]
            ],
            filed_at=row.filed_at,
            decided_at=row.decided_at,
            decision_reason=row.decision_reason,
        )


class OccupiedParcelView(View):
    """A parcel that will be occupied."""

    parcel_no: str
    area: str
    use: LandUse
    grade: int | None


class ApplicationWithParcelsView(ApplicationView):
    """A land application, what it requires, and its parcels."""

    parcels: list[OccupiedParcelView]

    @classmethod
    def shown(
        cls, found: tuple[applications.ApplicationRow, Sequence[OccupiedParcel]]
    ) -> "ApplicationWithParcelsView":
        """Shape an application with its parcels."""
        row, parcels = found
        return cls(
            **dict(ApplicationView.of(row)),
            parcels=[
                OccupiedParcelView(
                    parcel_no=parcel.parcel_no,
                    area=format_decimal(parcel.area_m2, HECTARE.places),
                    use=parcel.use,
                    grade=parcel.grade,
                )
                for parcel in parcels
            ],
        )


def _parcel(at: int, form: OccupiedParcelForm) -> OccupiedParcel:
    area_m2 = parse_decimal(form.area, HECTARE.places, field=f"parcels.{at}.area")
    return OccupiedParcel(form.parcel_no, area_m2, form.use, form.grade)


@router.post(
    "",
    operation_id=Action.FILE_APPLICATION,
    status_code=201,
    responses=documented(ApplicationView, status=201),
    summary="File a land application 用地报批",
)
async def file_application(form: ApplicationForm, actor: CurrentActor, writing: Writing) -> Response:
    """File an application of one's own; the answer says what it requires of each indicator."""
    area = form.new_construction_area
    work = partial(
        applications.file,
        actor=actor,
        kind=form.kind,
        title=form.title,
        parcels=[_parcel(at, parcel) for at, parcel in enumerate(form.parcels)],
        new_construction_area_m2=None
        if area is None
        else parse_decimal(area, HECTARE.places, field="new_construction_area"),
    )
    return await writing.run(work, ApplicationView.of)


@router.get(
    "",
    operation_id=Action.READ_APPLICATIONS,
    responses=documented(PageView[ApplicationView]),
    summary="Land applications",
)
async def read_applications(
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    state: Annotated[ApplicationState | None, Query()] = None,
) -> Response:
    """List one's own applications, or all of them for who oversees them."""
    work = partial(
        applications.applications,
        actor=actor,
        state=state,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, ApplicationView.of, lambda row: (row.id,)))


@router.get(
    "/{application_id}",
    operation_id=Action.READ_APPLICATION,
    responses=documented(ApplicationWithParcelsView),
    summary="One land application with its parcels",
)
async def read_application(application_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show an application."""
    work = partial(
        applications.application,
        actor=actor,
        application_id=row_number(Kind.APPLICATION, application_id),
    )
    return await reading.run(work, ApplicationWithParcelsView.shown)


@router.post(
    "/{application_id}/decision",
    operation_id=Action.DECIDE_APPLICATION,
    status_code=201,
    responses=documented(ApplicationView, status=201),
    summary="Refuse a land application",
)
async def decide_application(
    application_id: Id, form: DecisionForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Refuse an application: its live needs lapse, what was awarded to them goes on."""
    work = partial(
        applications.refuse,
        actor=actor,
        application_id=row_number(Kind.APPLICATION, application_id),
        reason=form.reason,
    )
    return await writing.run(work, ApplicationView.of)


@router.post(
    "/{application_id}/withdrawal",
    operation_id=Action.WITHDRAW_APPLICATION,
    status_code=201,
    responses=documented(ApplicationView, status=201),
    summary="Withdraw a land application",
)
async def withdraw_application(
    application_id: Id, form: WithdrawalForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Withdraw one's own application: its live needs lapse, what was awarded to them goes on."""
    work = partial(
        applications.withdraw,
        actor=actor,
        application_id=row_number(Kind.APPLICATION, application_id),
        reason=form.reason,
    )
    return await writing.run(work, ApplicationView.of)
