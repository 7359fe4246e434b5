"""``/v1/land-applications``: land applications (用地报批), what they require, and their write-off (核销)."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.applications import ApplicationKind, ApplicationState, OccupiedParcel, WriteOffMethod
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import HECTARE
from app.market.projects import BEST_GRADE, WORST_GRADE, LandUse
from app.market.units import format_decimal, parse_decimal
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.fees import FeeView, FeeWithLinesView
from app.routers.forms import AreaText, Code, Form, Id, Instant, Text, View, Whole
from app.routers.quantities import QuantityView, UsedBatchView
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
    """An application: parcels, or for kind ``linkage`` the new-construction area in hm².

    ``reserve`` is whose reserve it is written off from: one's own where left out, or for a county or
    functional zone its city's, which then has to consent.
    """

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
    reserve: Code | None = None
    method: WriteOffMethod = WriteOffMethod.RESERVE
    linked_project_id: Id | None = Field(
        default=None, description="The project that supplies an application by the old method 项目挂钩"
    )
    parcels: tuple[OccupiedParcelForm, ...] = Field(default=(), max_length=PARCELS_MOST)
    new_construction_area: AreaText | None = None


class DecisionForm(Form):
    """The regulator's decision on an application."""

    model_config = ConfigDict(
        json_schema_extra=example({"decision": "refuse", "reason": "选址压占永久基本农田"})
    )

    decision: Literal["approve", "refuse"]
    reason: Text | None = Field(default=None, description="Needed for a refusal")


class WithdrawalForm(Form):
    """Why the applicant withdraws, if it says so."""

    model_config = ConfigDict(json_schema_extra=example({"reason": "项目取消"}))

    reason: Text | None = None


class ApplicationView(View):
    """A land application and what it requires of each indicator."""

    id: str
    applicant: str
    reserve: str = Field(description="Whose reserve it is written off from")
    kind: ApplicationKind
    method: WriteOffMethod
    linked_project_id: str | None
    title: str
    state: ApplicationState
    requirement: list[QuantityView]
    filed_at: Instant
    consented_at: Instant | None = Field(description="When the city consented whose reserve it names")
    decided_at: Instant | None
    decision_reason: str | None

    @classmethod
    def of(cls, row: applications.ApplicationRow) -> "ApplicationView":
        """Shape an application."""
        return cls(**_shape(row))


class FiledApplicationView(ApplicationView):
    """A land application as filed, and its reclamation fee 耕地开垦费; null for a linkage application."""

    fee: FeeView | None

    @classmethod
    def filed(cls, filed: applications.Filed) -> "FiledApplicationView":
        """Shape an application with its fee."""
        return cls(**_shape(filed.row), fee=None if filed.fee is None else FeeView.of(filed.fee))


def _shape(row: applications.ApplicationRow) -> dict[str, Any]:
    linked = row.linked_project_id
    return {
        "id": public_id(Kind.APPLICATION, row.id),
        "applicant": row.applicant,
        "reserve": row.reserve,
        "kind": row.kind,
        "method": row.method,
        "linked_project_id": None if linked is None else public_id(Kind.PROJECT, linked),
        "title": row.title,
        "state": row.state,
        "requirement": QuantityView.each(row.required),
        "filed_at": row.filed_at,
        "consented_at": row.consented_at,
        "decided_at": row.decided_at,
        "decision_reason": row.decision_reason,
    }


class WriteOffView(View):
    """A write-off (核销), and its reversal (解挂) if the application ended otherwise than approved."""

    id: str
    reserve: str
    written_off_at: Instant
    transaction_id: str
    reversed_at: Instant | None
    batches: list[UsedBatchView] = Field(description="By indicator, the oldest first")

    @classmethod
    def of(cls, written_off: applications.WrittenOff) -> "WriteOffView":
        """Shape a write-off with the batches that it used up."""
        row = written_off.row
        return cls(
            id=public_id(Kind.WRITE_OFF, row.id),
            reserve=row.reserve,
            written_off_at=row.written_off_at,
            transaction_id=public_id(Kind.TRANSACTION, row.transaction_id),
            reversed_at=row.reversed_at,
            batches=UsedBatchView.each(written_off.used),
        )


class ApplicationWithWriteOffView(ApplicationView):
    """A land application and its write-off; null where nothing was ever written off."""

    write_off: WriteOffView | None

    @classmethod
    def shown(cls, found: applications.Covered) -> "ApplicationWithWriteOffView":
        """Shape an application with its write-off."""
        return cls(**_shape(found.row), write_off=_write_off(found))


def _write_off(found: applications.Covered) -> WriteOffView | None:
    return None if found.written_off is None else WriteOffView.of(found.written_off)


class OccupiedParcelView(View):
    """A parcel that will be occupied."""

    parcel_no: str
    area: str
    use: LandUse
    grade: int | None

    @classmethod
    def of(cls, parcel: OccupiedParcel) -> "OccupiedParcelView":
        """Shape a parcel."""
        return cls(
            parcel_no=parcel.parcel_no,
            area=format_decimal(parcel.area_m2, HECTARE.places),
            use=parcel.use,
            grade=parcel.grade,
        )


class ApplicationInFullView(ApplicationWithWriteOffView):
    """A land application, what it requires, its write-off, its parcels and its reclamation fee 耕地开垦费."""

    parcels: list[OccupiedParcelView]
    fee: FeeWithLinesView | None = Field(
        description="Null for a linkage application, which names no farmland"
    )

    @classmethod
    def in_full(cls, found: applications.Documented) -> "ApplicationInFullView":
        """Shape an application with all there is of it."""
        return cls(
            **_shape(found.row),
            write_off=_write_off(found),
            parcels=[OccupiedParcelView.of(parcel) for parcel in found.parcels],
            fee=None if found.fee is None else FeeWithLinesView.with_lines(found.fee),
        )


def _parcel(at: int, form: OccupiedParcelForm) -> OccupiedParcel:
    area_m2 = parse_decimal(form.area, HECTARE.places, field=f"parcels.{at}.area")
    return OccupiedParcel(form.parcel_no, area_m2, form.use, form.grade)


@router.post(
    "",
    operation_id=Action.FILE_APPLICATION,
    status_code=201,
    responses=documented(FiledApplicationView, status=201),
    summary="File a land application 用地报批",
)
async def file_application(form: ApplicationForm, actor: CurrentActor, writing: Writing) -> Response:
    """File an application of one's own; the answer says what it requires of each indicator, and its fee."""
    area, linked = form.new_construction_area, form.linked_project_id
    work = partial(
        applications.file,
        actor=actor,
        kind=form.kind,
        title=form.title,
        reserve=form.reserve,
        method=form.method,
        linked_project_id=None
        if linked is None
        else row_number(Kind.PROJECT, linked, field="linked_project_id"),
        parcels=[_parcel(at, parcel) for at, parcel in enumerate(form.parcels)],
        new_construction_area_m2=None
        if area is None
        else parse_decimal(area, HECTARE.places, field="new_construction_area"),
    )
    return await writing.run(work, FiledApplicationView.filed)


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
    """List one's own applications and those that name one's reserve; all of them for who oversees them."""
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
    responses=documented(ApplicationInFullView),
    summary="One land application with its parcels, write-off and fee",
)
async def read_application(application_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show an application."""
    work = partial(
        applications.application,
        actor=actor,
        application_id=row_number(Kind.APPLICATION, application_id),
    )
    return await reading.run(work, ApplicationInFullView.in_full)


@router.post(
    "/{application_id}/consent",
    operation_id=Action.CONSENT_TO_APPLICATION,
    status_code=201,
    responses=documented(ApplicationView, status=201),
    summary="Consent to a county's application that names one's reserve",
)
async def consent_to_application(application_id: Id, actor: CurrentActor, writing: Writing) -> Response:
    """Let the application draw on the reserve of one's own jurisdiction, by an officer of that reserve."""
    work = partial(
        applications.consent, actor=actor, application_id=row_number(Kind.APPLICATION, application_id)
    )
    return await writing.run(work, ApplicationView.of)


@router.post(
    "/{application_id}/write-off",
    operation_id=Action.WRITE_OFF_APPLICATION,
    status_code=201,
    responses=documented(ApplicationWithWriteOffView, status=201),
    summary="Write off what an application requires 挂钩核销",
)
async def write_off_application(application_id: Id, actor: CurrentActor, writing: Writing) -> Response:
    """Write off all that one's own application requires, oldest batches first; or nothing.

    Where the reserve is short, the refusal names the shortage of each indicator, what is listed and what
    was bought for other applications. The application's live needs lapse.
    """
    work = partial(
        applications.write_off, actor=actor, application_id=row_number(Kind.APPLICATION, application_id)
    )
    return await writing.run(work, ApplicationWithWriteOffView.shown)


@router.post(
    "/{application_id}/decision",
    operation_id=Action.DECIDE_APPLICATION,
    status_code=201,
    responses=documented(ApplicationWithWriteOffView, status=201),
    summary="Approve or refuse a land application",
)
async def decide_application(
    application_id: Id, form: DecisionForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Approve an application that is written off, or refuse one with a reason.

    A refusal reverses the write-off batch by batch (解挂) and lets live needs lapse; what was awarded to
    them goes on.
    """
    work = partial(
        applications.approve if form.decision == "approve" else applications.refuse,
        actor=actor,
        application_id=row_number(Kind.APPLICATION, application_id),
        reason=form.reason,
    )
    return await writing.run(work, ApplicationWithWriteOffView.shown)


@router.post(
    "/{application_id}/withdrawal",
    operation_id=Action.WITHDRAW_APPLICATION,
    status_code=201,
    responses=documented(ApplicationWithWriteOffView, status=201),
    summary="Withdraw a land application",
)
async def withdraw_application(
    application_id: Id, form: WithdrawalForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Withdraw one's own application before its approval: its write-off is reversed, its live needs lapse."""
    work = partial(
        applications.withdraw,
        actor=actor,
        application_id=row_number(Kind.APPLICATION, application_id),
        reason=form.reason,
    )
    return await writing.run(work, ApplicationWithWriteOffView.shown)
