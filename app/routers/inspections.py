"""``/v1/inspections`` and ``/v1/spot-checks``: what the regulator looks into, finds and concludes."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id, row_number
from app.market.inspections import Conclusion, InspectionKind, InspectionState, Severity
from app.market.spot_checks import digest_bytes
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Code, Day, Form, Id, Instant, Spelt, Text, View, Whole
from app.services import inspections, spot_checks
from app.services.inspections import InspectionCase

router = APIRouter(prefix="/v1", tags=["supervision"], route_class=GuardedRoute)

Digest = Annotated[
    str,
    Field(max_length=64, examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]),
    Spelt("[0-9a-f]{64}", "A SHA-256 is written as 64 small hexadecimal digits (0-9, a-f)."),
]
"""A SHA-256 in hexadecimal."""
ParcelNo = Annotated[str, Field(min_length=1, max_length=200)]
Seed = Annotated[str, Field(min_length=16, max_length=200, pattern=r"^[!-~]+$")]
"""A seed of a draw: printable ASCII without blanks, long enough that nobody guesses it."""
ShareText = Annotated[
    str,
    Field(max_length=8, examples=["0.05"]),
    Spelt(r"[01](\.[0-9]{1,6})?", 'A share is a plain decimal above 0 and at most 1, such as "0.05".'),
]


class InspectionForm(Form):
    """Whom to inspect: a jurisdiction as a whole, or one project."""

    model_config = ConfigDict(json_schema_extra=example({"project_id": "P0000000001"}))

    jurisdiction: Code | None = None
    project_id: Id | None = None


class FindingForm(Form):
    """One finding; it can't be taken back."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "what": "图斑无耕作层,现状为裸地",
                "severity": "fraud",
                "document_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            }
        )
    )

    what: Text
    severity: Severity
    parcel_no: ParcelNo | None = Field(default=None, description="A parcel of the inspected project")
    document_sha256: Digest | None = Field(default=None, description="Of the document that shows it")


class ConclusionForm(Form):
    """What an inspection comes to, for good."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {"conclusion": "rectify", "rectify_by": "2100-06-30", "reason": "补足耕作层并复种"}
        )
    )

    conclusion: Conclusion = Field(
        description="no_fault; rectify: opens a rectification 限期整改; fraud: lets the project be voided"
    )
    rectify_by: Day | None = Field(default=None, description="The last day of a rectification")
    reason: Text


class FindingView(View):
    """A finding as recorded."""

    what: str
    severity: Severity
    parcel_no: str | None
    document_sha256: str | None
    recorded_at: Instant


class InspectionView(View):
    """An inspection with its findings, its conclusion as its state, and the sanction that came of it."""

    id: str
    kind: InspectionKind
    jurisdiction: str
    project_id: str | None
    spot_check_id: str | None
    state: InspectionState
    opened_at: Instant
    opened_by: str
    concluded_at: Instant | None
    conclusion_reason: str | None
    findings: list[FindingView]
    sanction_id: str | None

    @classmethod
    def of(cls, case: InspectionCase) -> "InspectionView":
        """Shape an inspection."""
        row = case.row
        return cls(
            id=public_id(Kind.INSPECTION, row.id),
            kind=row.kind,
            jurisdiction=row.jurisdiction,
            project_id=None if row.project_id is None else public_id(Kind.PROJECT, row.project_id),
            spot_check_id=(
                None if row.spot_check_id is None else public_id(Kind.SPOT_CHECK, row.spot_check_id)
            ),
            state=row.state,
            opened_at=row.opened_at,
            opened_by=row.opened_by,
            concluded_at=row.concluded_at,
            conclusion_reason=row.conclusion_reason,
            findings=[
                FindingView(
                    what=finding.what,
                    severity=finding.severity,
                    parcel_no=finding.parcel_no,
                    document_sha256=None
                    if finding.document_digest is None
                    else finding.document_digest.hex(),
                    recorded_at=finding.recorded_at,
                )
                for finding in case.findings
            ],
            sanction_id=None if case.sanction is None else public_id(Kind.SANCTION, case.sanction.id),
        )


@router.post(
    "/inspections",
    operation_id=Action.OPEN_INSPECTION,
    status_code=201,
    responses=documented(InspectionView, status=201),
    summary="Open an inspection 检查",
)
async def open_inspection(form: InspectionForm, actor: CurrentActor, writing: Writing) -> Response:
    """Open an inspection of a jurisdiction or of one project."""
    work = partial(
        inspections.inspect,
        actor=actor,
        jurisdiction=form.jurisdiction,
        project_id=(
            None if form.project_id is None else row_number(Kind.PROJECT, form.project_id, field="project_id")
        ),
    )
    return await writing.run(work, InspectionView.of)


@router.get(
    "/inspections",
    operation_id=Action.READ_INSPECTIONS,
    responses=documented(PageView[InspectionView]),
    summary="Inspections, one's own or all",
)
async def read_inspections(
    *,
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    jurisdiction: Annotated[Code | None, Query()] = None,
    project_id: Annotated[Id | None, Query()] = None,
    spot_check_id: Annotated[Id | None, Query()] = None,
    state: Annotated[InspectionState | None, Query()] = None,
) -> Response:
    """List inspections in the order they were opened; a jurisdiction sees those of itself."""
    work = partial(
        inspections.inspections,
        actor=actor,
        jurisdiction=jurisdiction,
        project_id=(None if project_id is None else row_number(Kind.PROJECT, project_id, field="project_id")),
        spot_check_id=(
            None
            if spot_check_id is None
            else row_number(Kind.SPOT_CHECK, spot_check_id, field="spot_check_id")
        ),
        state=state,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(
        work, lambda rows: page.view(rows, InspectionView.of, lambda case: (case.row.id,))
    )


@router.get(
    "/inspections/{inspection_id}",
    operation_id=Action.READ_INSPECTION,
    responses=documented(InspectionView),
    summary="One inspection with its findings",
)
async def read_inspection(inspection_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show an inspection."""
    number = row_number(Kind.INSPECTION, inspection_id)
    return await reading.run(partial(inspections.inspection, actor=actor, number=number), InspectionView.of)


@router.post(
    "/inspections/{inspection_id}/findings",
    operation_id=Action.RECORD_FINDING,
    status_code=201,
    responses=documented(InspectionView, status=201),
    summary="Record a finding",
)
async def record_finding(
    inspection_id: Id, form: FindingForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Record what was found, with the SHA-256 of the document that shows it."""
    work = partial(
        inspections.record,
        actor=actor,
        number=row_number(Kind.INSPECTION, inspection_id),
        what=form.what,
        severity=form.severity,
        parcel_no=form.parcel_no,
        document_digest=(
            None
            if form.document_sha256 is None
            else digest_bytes(form.document_sha256, field="document_sha256")
        ),
    )
    return await writing.run(work, InspectionView.of)


@router.post(
    "/inspections/{inspection_id}/conclusion",
    operation_id=Action.CONCLUDE_INSPECTION,
    status_code=201,
    responses=documented(InspectionView, status=201),
    summary="Conclude an inspection",
)
async def conclude_inspection(
    inspection_id: Id, form: ConclusionForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Conclude for good: no fault, rectify (which opens a rectification 限期整改), or fraud."""
    work = partial(
        inspections.conclude,
        actor=actor,
        number=row_number(Kind.INSPECTION, inspection_id),
        conclusion=form.conclusion,
        rectify_by=form.rectify_by,
        reason=form.reason,
    )
    return await writing.run(work, InspectionView.of)


class SpotCheckForm(Form):
    """A draw among the projects accepted in a year, and the SHA-256 of the seed it will use."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "year": 2019,
                "share": "0.05",
                "seed_sha256": "5f0cd7b1b9d1aa0bf9a2b7d1fbc0ad2f5a4a0a6c0f1d5d4f7c4dd6ff8dd1f2bb",
            }
        )
    )

    year: Annotated[Whole, Field(ge=1900, le=2999)]
    count: Annotated[Whole, Field(ge=1, le=100_000)] | None = Field(default=None, description="How many")
    share: ShareText | None = Field(default=None, description="Or which part, rounded up")
    seed_sha256: Digest = Field(description="Of the seed's UTF-8; the seed stays with you until the draw")


class DrawForm(Form):
    """The seed whose SHA-256 was announced."""

    model_config = ConfigDict(json_schema_extra=example({"seed": "kept-in-the-safe-since-monday"}))

    seed: Seed = Field(description="16 to 200 printable ASCII characters without blanks")


class SpotCheckView(View):
    """A spot check as announced, and as drawn; the projects drawn are its inspections."""

    id: str
    year: int
    count: int | None
    share: str | None
    seed_sha256: str
    announced_at: Instant
    announced_by: str
    seed: str | None
    event_id: str | None = Field(
        description="The first journal event that another jurisdiction caused after the announcement"
    )
    population: int | None
    drawn_at: Instant | None

    @classmethod
    def of(cls, row: spot_checks.SpotCheckRow) -> "SpotCheckView":
        """Shape a spot check."""
        return cls(
            id=public_id(Kind.SPOT_CHECK, row.id),
            year=row.year,
            count=row.how_many,
            share=row.share,
            seed_sha256=row.seed_digest.hex(),
            announced_at=row.announced_at,
            announced_by=row.announced_by,
            seed=row.seed,
            event_id=None if row.event_id is None else public_id(Kind.EVENT, row.event_id),
            population=row.population,
            drawn_at=row.drawn_at,
        )


@router.get(
    "/spot-checks",
    operation_id=Action.READ_SPOT_CHECKS,
    responses=documented(PageView[SpotCheckView]),
    summary="Spot checks 抽查, announced and drawn",
)
async def read_spot_checks(reading: Reading, page: Paging) -> Response:
    """List spot checks in the order they were announced."""
    work = partial(spot_checks.spot_checks, after=page.after[0] if page.after else None, limit=page.limit + 1)
    return await reading.run(work, lambda rows: page.view(rows, SpotCheckView.of, lambda row: (row.id,)))


@router.post(
    "/spot-checks",
    operation_id=Action.ANNOUNCE_SPOT_CHECK,
    status_code=201,
    responses=documented(SpotCheckView, status=201),
    summary="Announce a spot check by the digest of its seed",
)
async def announce_spot_check(form: SpotCheckForm, actor: CurrentActor, writing: Writing) -> Response:
    """Bind the seed before anybody can know what it draws; what is accepted later is not drawn from."""
    work = partial(
        spot_checks.announce_spot_check,
        actor=actor,
        year=form.year,
        count=form.count,
        share=form.share,
        seed_digest=digest_bytes(form.seed_sha256, field="seed_sha256"),
    )
    return await writing.run(work, SpotCheckView.of)


@router.post(
    "/spot-checks/{spot_check_id}/draw",
    operation_id=Action.DRAW_SPOT_CHECK,
    status_code=201,
    responses=documented(SpotCheckView, status=201),
    summary="Draw the projects of a spot check",
)
async def draw_spot_check(
    spot_check_id: Id, form: DrawForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Tell the seed and draw; the journal shows all that is needed to draw again (docs/adr)."""
    work = partial(
        spot_checks.draw,
        actor=actor,
        number=row_number(Kind.SPOT_CHECK, spot_check_id),
        seed=form.seed,
    )
    return await writing.run(work, SpotCheckView.of)
