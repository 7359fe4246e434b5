"""Upkeep (管护) of new farmland: who keeps it up, the yearly reports, and those that are missing."""

from datetime import date
from functools import partial

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id, row_number
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Day, Form, Id, Instant, Switch, Text, View, Whole
from app.services import upkeep
from app.services.upkeep import MissingReport, UpkeepRow

router = APIRouter(prefix="/v1", tags=["projects"], route_class=GuardedRoute)


class UpkeepForm(Form):
    """Who keeps the land up, and the last day."""

    model_config = ConfigDict(
        json_schema_extra=example({"body": "南江县某镇人民政府", "until": "2035-12-31"})
    )

    body: Text
    until: Day


class UpkeepReportForm(Form):
    """What the county found in a year."""

    model_config = ConfigDict(
        json_schema_extra=example({"year": 2026, "in_good_order": True, "found": "耕种正常,沟渠完好"})
    )

    year: Whole
    in_good_order: Switch
    found: Text


class UpkeepReportView(View):
    """One year's report."""

    year: int
    in_good_order: bool
    found: str
    reported_at: Instant


class UpkeepView(View):
    """A project's upkeep; null as long as nobody was named."""

    project: str
    body: str | None
    until: date | None
    reports: list[UpkeepReportView]

    @classmethod
    def of(cls, row: UpkeepRow) -> "UpkeepView":
        """Shape a project's upkeep."""
        return cls(
            project=public_id(Kind.PROJECT, row.project_id),
            body=row.body,
            until=row.until,
            reports=[
                UpkeepReportView(
                    year=each.year,
                    in_good_order=each.in_good_order,
                    found=each.found,
                    reported_at=each.reported_at,
                )
                for each in row.reports
            ],
        )


class MissingReportView(View):
    """A year that is over and was not reported."""

    project: str
    county: str
    filing_no: str | None
    body: str | None = Field(description="Null where nobody was named")
    until: date | None
    year: int

    @classmethod
    def of(cls, row: MissingReport) -> "MissingReportView":
        """Shape a missing report."""
        return cls(
            project=public_id(Kind.PROJECT, row.project_id),
            county=row.county,
            filing_no=row.filing_no,
            body=row.body,
            until=row.until,
            year=row.year,
        )


@router.post(
    "/projects/{project_id}/upkeep",
    operation_id=Action.NAME_UPKEEP,
    status_code=201,
    responses=documented(UpkeepView, status=201),
    summary="Name who keeps an accepted project's land up 管护责任",
)
async def name_upkeep(project_id: Id, form: UpkeepForm, actor: CurrentActor, writing: Writing) -> Response:
    """Name the body that keeps the land up and its last day; the latest naming counts."""
    number = row_number(Kind.PROJECT, project_id)
    work = partial(upkeep.name, actor=actor, number=number, body=form.body, until=form.until)
    return await writing.run(work, UpkeepView.of)


@router.get(
    "/projects/{project_id}/upkeep",
    operation_id=Action.READ_UPKEEP,
    responses=documented(UpkeepView),
    summary="A project's upkeep and its reports",
)
async def read_upkeep(project_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show who keeps a project's land up, and what was reported each year."""
    number = row_number(Kind.PROJECT, project_id)
    return await reading.run(partial(upkeep.upkeep, actor=actor, number=number), UpkeepView.of)


@router.post(
    "/projects/{project_id}/upkeep-reports",
    operation_id=Action.REPORT_UPKEEP,
    status_code=201,
    responses=documented(UpkeepView, status=201),
    summary="Report a year's upkeep 管护年报",
)
async def report_upkeep(
    project_id: Id, form: UpkeepReportForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Report how the land was kept up in a year, once."""
    work = partial(
        upkeep.report,
        actor=actor,
        number=row_number(Kind.PROJECT, project_id),
        year=form.year,
        in_good_order=form.in_good_order,
        found=form.found,
    )
    return await writing.run(work, UpkeepView.of)


@router.get(
    "/upkeep/missing",
    operation_id=Action.READ_MISSING_UPKEEP,
    responses=documented(PageView[MissingReportView]),
    summary="Upkeep reports that are missing",
)
async def read_missing_upkeep(actor: CurrentActor, reading: Reading, page: Paging) -> Response:
    """List the past years without a report, from the year after acceptance to the last of the upkeep."""
    after = (int(page.after[0]), int(page.after[1])) if page.after else None
    work = partial(upkeep.missing, actor=actor, after=after, limit=page.limit + 1)
    return await reading.run(
        work, lambda rows: page.view(rows, MissingReportView.of, lambda row: (row.project_id, row.year))
    )
