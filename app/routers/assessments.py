"""``/v1/assessments``: a year's account of every indicator and who passes it (年度考核)."""

import asyncio
import json
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.documents.assessment_forms import MEDIA_TYPES, DocumentForm, written
from app.documents.assessments import Record, assessment_text
from app.market.access import Action
from app.market.assessments import Finding, Result
from app.market.indicators import Indicator
from app.market.jurisdictions import Level
from app.market.sanctions import SanctionKind
from app.problems import MEDIA_TYPE, Problem
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Code, Form, Instant, View
from app.services import assessments

router = APIRouter(prefix="/v1", tags=["assessments"], route_class=GuardedRoute)

FIRST_YEAR, LAST_YEAR = 1900, 8998
CalendarYear = Annotated[
    int, Path(ge=FIRST_YEAR, le=LAST_YEAR, description="A calendar year in China", examples=[2026])
]


class RemarkView(View):
    """Something said of a year, with its figure: a quantity of an indicator in its unit, or a count."""

    code: Finding
    indicator: Indicator | None
    unit: str | None
    figure: str
    jurisdictions: list[str] = Field(description="Of whom it is said")


class FiguresView(View):
    """One indicator's year: opening + came − went = closing, each in the indicator's unit."""

    indicator: Indicator
    name_zh: str
    unit: str
    opening: str = Field(description="In the reserve as the year began 年初结存")
    supplemented: str = Field(description="Credited of accepted projects 补充")
    voided: str = Field(description="Cancelled of fraudulent projects 核减")
    bought: str = Field(description="Within the province 调入")
    sold: str = Field(description="Within the province 调出")
    bought_outside: str = Field(description="From outside the province 省外调入")
    sold_outside: str = Field(description="To outside the province 省外调出")
    written_off: str = Field(description="For land applications 用地核销")
    given_back: str = Field(description="Of applications refused or withdrawn 解挂")
    written_off_at_due: str = Field(description="At commitments' due dates 承诺核销")
    discharged: str = Field(description="For deficits and replacements 补充义务核销")
    closing: str = Field(description="In the reserve as the year ended, or now 年末结存")
    occupied: str = Field(description="What the applications written off in the year require 占用")
    uncovered: str = Field(description="Of it, neither written off nor promised 占用未落实")
    promised: str = Field(description="By commitments that run as the year ends 承诺在行")
    deficit: str = Field(description="Missing at due dates and not made good as the year ends 承诺缺口")
    owed: str = Field(description="To replace what a fraud sold or used, open as the year ends 补充义务")
    balance: str = Field(description="Supplemented less occupied in the year itself; negative: from stock")


class CommitmentsView(View):
    """Commitments 承诺补充 that fell due in the year, and how they ended; or were made good in it."""

    due: int
    met: int
    defaulted: int
    made_good: int


class SanctionsView(View):
    """Sanctions imposed in the year, and in force as it ends."""

    imposed: int
    in_force: int


class MoneyView(View):
    """What the trades settled in the year cost and brought, yuan."""

    paid: str
    received: str
    paid_outside: str
    received_outside: str


class AssessedView(View):
    """PASS 合格 if every indicator balances with no deficit, else FAIL 不合格 with every reason."""

    result: Result
    reasons: list[RemarkView] = Field(description="Each of them alone fails the year")
    remarks: list[RemarkView] = Field(description="To know; they fail nobody")
    indicators: list[FiguresView]
    commitments: CommitmentsView
    sanctions: dict[SanctionKind, SanctionsView]
    money: MoneyView


class UnitView(View):
    """A jurisdiction's year: for itself, and as the sum with all that belong to it, if any do."""

    code: str
    name: str
    level: Level
    parent: str | None
    members: list[str] = Field(description="Whose sum the total is: itself, and all that belong to it")
    own: AssessedView
    total: AssessedView | None


class AssessmentView(View):
    """The assessment of a year, gengheng/assessment/1: see docs/assessment.md."""

    format: Literal["gengheng/assessment/1"]
    year: int
    starts_at: Instant
    ends_at: Instant = Field(description="Exclusive: the first instant of the next year in China")
    is_over: bool = Field(description="Whether the year has ended; until then the figures are so far")
    last_entry_at: Instant | None = Field(description="The year's last entry in the ledger")
    closed_at: Instant | None = Field(description="Closed and published; null: it may still change")
    units: list[UnitView]


Wanted = Annotated[
    DocumentForm,
    Query(description="As JSON, as a workbook to reckon with, or as a document to print"),
]


def _in_all_forms() -> dict[int | str, dict[str, Any]]:
    """The OpenAPI answers of a route that answers in the form that is asked for."""
    responses = documented(AssessmentView)
    binary = {"schema": {"type": "string", "format": "binary"}}
    responses[200]["content"] = {
        media_type: binary for form, media_type in MEDIA_TYPES.items() if form is not DocumentForm.JSON
    }
    return responses


def _once_begun() -> dict[int | str, dict[str, Any]]:
    """The same of a year that may be yet to come."""
    refused = {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": "the year has not begun"}
    return _in_all_forms() | {409: refused}


async def _answered(reading: Reading, record: Record, text: str, form: DocumentForm) -> Response:
    if form is DocumentForm.JSON:
        return reading.answer(text)
    # Writing takes seconds of reckoning for a whole province: beside the loop, so that nobody waits for it.
    body = await asyncio.to_thread(written, record, form)
    name = f"assessment-{record['year']}-{record['units'][0]['code']}.{form}"
    return reading.answer(body, media_type=MEDIA_TYPES[form], name=name)


@router.get(
    "/assessments/{year}",
    operation_id=Action.READ_ASSESSMENTS,
    responses=_once_begun(),
    summary="A year's assessment of the province and everybody in it 年度考核",
)
async def read_assessments(
    year: CalendarYear, actor: CurrentActor, reading: Reading, form: Wanted = DocumentForm.JSON
) -> Response:
    """Show every jurisdiction by itself, and cities and the province as sums: as closed, or as it stands."""
    record = await reading.load(partial(assessments.of_year, actor=actor, year=year))
    return await _answered(reading, record, assessment_text(record), form)


@router.get(
    "/assessments/{year}/{code}",
    operation_id=Action.READ_ASSESSMENT,
    responses=_once_begun(),
    summary="A year's assessment of one jurisdiction, and of those that belong to it",
)
async def read_assessment(
    year: CalendarYear,
    code: Code,
    actor: CurrentActor,
    reading: Reading,
    form: Wanted = DocumentForm.JSON,
) -> Response:
    """Show a county's assessment, a city's with its counties', or the province's."""
    record = await reading.load(partial(assessments.of_unit, actor=actor, year=year, code=code))
    return await _answered(reading, record, assessment_text(record), form)


class ClosingForm(Form):
    """Nothing to say: the assessment is what the ledger and the year's states make of it."""

    model_config = ConfigDict(json_schema_extra=example({}))


class ClosedYearView(View):
    """A closed year: its province's result, and the SHA-256 of its published record's bytes."""

    year: int
    result: Result
    closed_at: Instant
    closed_by: str
    sha256: str
    record_url: str

    @classmethod
    def of(cls, row: assessments.ClosedYearRow) -> "ClosedYearView":
        """Shape a closed year."""
        return cls(
            year=row.year,
            result=row.result,
            closed_at=row.closed_at,
            closed_by=row.closed_by,
            sha256=row.sha256.hex(),
            record_url=f"/v1/bulletin/assessments/{row.year}",
        )


@router.post(
    "/assessments/{year}/closing",
    operation_id=Action.CLOSE_ASSESSMENT,
    status_code=201,
    responses=documented(ClosedYearView, status=201),
    summary="Close a year: publish its assessment, for good",
)
async def close_assessment(
    year: CalendarYear, form: ClosingForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Freeze the assessment of a year that is over; from then on everybody can read it."""
    work = partial(assessments.close, actor=actor, year=year)
    return await writing.run(work, ClosedYearView.of)


@router.get(
    "/bulletin/assessments",
    operation_id=Action.READ_BULLETIN_ASSESSMENTS,
    responses=documented(PageView[ClosedYearView]),
    summary="Closed years 年度考核公告, the latest first",
)
async def read_bulletin_assessments(reading: Reading, page: Paging) -> Response:
    """List the years whose assessment is published."""
    work = partial(
        assessments.closed_years, before=page.after[0] if page.after else None, limit=page.limit + 1
    )
    return await reading.run(work, lambda rows: page.view(rows, ClosedYearView.of, lambda row: (row.year,)))


@router.get(
    "/bulletin/assessments/{year}",
    operation_id=Action.READ_BULLETIN_ASSESSMENT,
    responses=_in_all_forms(),
    summary="A closed year's assessment, as published",
)
async def read_bulletin_assessment(
    year: CalendarYear, reading: Reading, form: Wanted = DocumentForm.JSON
) -> Response:
    """Show the published record byte for byte, or the workbook or document made of it."""
    row = await reading.load(partial(assessments.closed_year, year=year))
    return await _answered(reading, json.loads(row.record or "{}"), row.record or "", form)
