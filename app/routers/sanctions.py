"""``/v1/sanctions``: what the regulator decided against a jurisdiction, and its lifting."""

from datetime import date
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id, row_number
from app.market.sanctions import SanctionKind
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Code, Day, Form, Id, Instant, Text, View
from app.services import sanctions

router = APIRouter(prefix="/v1/sanctions", tags=["supervision"], route_class=GuardedRoute)


class SanctionForm(Form):
    """A sanction on a jurisdiction, with its reason and days."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "jurisdiction": "510722",
                "kind": "suspend",
                "reason": "补充耕地不实，限期整改未完成",
                "starts_on": "2026-03-01",
                "ends_on": "2026-08-31",
            }
        )
    )

    jurisdiction: Code
    kind: SanctionKind = Field(description="rectify 限期整改, circulate 通报批评, suspend 暂停受理")
    reason: Text = Field(
        description="The reason of a circulation is published word for word on the bulletin and in the "
        "journal: name no person in it"
    )
    starts_on: Day
    ends_on: Day | None = Field(default=None, description="The last day; left out: until it is lifted")


class ReportForm(Form):
    """What a jurisdiction did to rectify."""

    model_config = ConfigDict(
        json_schema_extra=example({"what": "已对图斑 511922-0002 补充耕作层 1.2 公顷,并完成县级复核"})
    )

    what: Text


class RejectionForm(Form):
    """Why a report on a rectification is not good enough."""

    model_config = ConfigDict(json_schema_extra=example({"reason": "图斑 511922-0002 仍未种植"}))

    reason: Text


class ReportView(View):
    """A report on a rectification: rejected, or waiting to be verified until its sanction is lifted."""

    what: str
    reported_at: Instant
    rejected_at: Instant | None
    rejection: str | None


class SanctionView(View):
    """A sanction and the reports on it; nobody decided one that follows from the books by itself."""

    id: str
    jurisdiction: str
    kind: SanctionKind
    reason: str
    starts_on: date
    ends_on: date | None
    decided_at: Instant
    decided_by: str | None
    lifted_at: Instant | None
    inspection_id: str | None = Field(description="The inspection that it came of")
    follows: str | None = Field(description="The overdue rectification that this suspension followed")
    reports: list[ReportView]

    @classmethod
    def of(cls, case: sanctions.SanctionCase) -> "SanctionView":
        """Shape a sanction."""
        row = case.row
        return cls(
            id=public_id(Kind.SANCTION, row.id),
            jurisdiction=row.jurisdiction,
            kind=row.kind,
            reason=row.reason,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            decided_at=row.decided_at,
            decided_by=row.decided_by,
            lifted_at=row.lifted_at,
            inspection_id=None
            if row.inspection_id is None
            else public_id(Kind.INSPECTION, row.inspection_id),
            follows=None if row.follows_id is None else public_id(Kind.SANCTION, row.follows_id),
            reports=[
                ReportView(
                    what=report.what,
                    reported_at=report.reported_at,
                    rejected_at=report.rejected_at,
                    rejection=report.rejection,
                )
                for report in case.reports
            ],
        )


@router.get(
    "",
    operation_id=Action.READ_SANCTIONS,
    responses=documented(PageView[SanctionView]),
    summary="Sanctions, lifted ones too",
)
async def read_sanctions(
    reading: Reading,
    page: Paging,
    jurisdiction: Annotated[Code | None, Query()] = None,
    kind: Annotated[SanctionKind | None, Query()] = None,
    overdue: Annotated[
        bool,
        Query(
            description="Only rectifications past their last day: not lifted, and without a report that came "
            "in time and was not rejected"
        ),
    ] = False,
) -> Response:
    """List sanctions in the order they were decided."""
    work = partial(
        sanctions.sanctions,
        jurisdiction=jurisdiction,
        kind=kind,
        overdue=overdue,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, SanctionView.of, lambda case: (case.row.id,)))


@router.post(
    "",
    operation_id=Action.IMPOSE_SANCTION,
    status_code=201,
    responses=documented(SanctionView, status=201),
    summary="Sanction a jurisdiction",
)
async def impose_sanction(form: SanctionForm, actor: CurrentActor, writing: Writing) -> Response:
    """Decide a sanction from one day on; a suspended county can't list."""
    work = partial(
        sanctions.impose,
        actor=actor,
        jurisdiction=form.jurisdiction,
        kind=form.kind,
        reason=form.reason,
        starts_on=form.starts_on,
        ends_on=form.ends_on,
    )
    return await writing.run(work, SanctionView.of)


@router.post(
    "/{sanction_id}/lifting",
    operation_id=Action.LIFT_SANCTION,
    status_code=201,
    responses=documented(SanctionView, status=201),
    summary="Lift a sanction; a rectification 整改验收",
)
async def lift_sanction(sanction_id: Id, actor: CurrentActor, writing: Writing) -> Response:
    """Lift a sanction at once; a rectification that is done, with the suspension that followed it."""
    work = partial(sanctions.lift, actor=actor, number=row_number(Kind.SANCTION, sanction_id))
    return await writing.run(work, SanctionView.of)


@router.post(
    "/{sanction_id}/rectification-report",
    operation_id=Action.REPORT_RECTIFICATION,
    status_code=201,
    responses=documented(SanctionView, status=201),
    summary="Report what was done to rectify 整改报告",
)
async def report_rectification(
    sanction_id: Id, form: ReportForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Report on a rectification of one's own; the regulator then lifts it, or rejects the report."""
    work = partial(
        sanctions.report, actor=actor, number=row_number(Kind.SANCTION, sanction_id), what=form.what
    )
    return await writing.run(work, SanctionView.of)


@router.post(
    "/{sanction_id}/report-rejection",
    operation_id=Action.REJECT_RECTIFICATION,
    status_code=201,
    responses=documented(SanctionView, status=201),
    summary="Reject a report on a rectification",
)
async def reject_rectification(
    sanction_id: Id, form: RejectionForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Reject the report that waits; the last day stays what it is, and another report can follow."""
    work = partial(
        sanctions.reject_report,
        actor=actor,
        number=row_number(Kind.SANCTION, sanction_id),
        reason=form.reason,
    )
    return await writing.run(work, SanctionView.of)
