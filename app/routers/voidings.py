"""How a voided project (作废) is shown, and ``/v1/bulletin/voided-projects``, which everybody reads."""

from datetime import datetime
from functools import partial

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from app.auth import GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id
from app.market.indicators import UNIT, Indicator
from app.market.projects import ProjectKind
from app.market.units import format_quantity
from app.market.voidings import VoidedBatch, VoidingReason
from app.routers.answers import PageView, Paging, Reading, documented, example
from app.routers.forms import Form, Id, Instant, Text, View
from app.services import bulletin
from app.services.projects import Voiding

router = APIRouter(prefix="/v1/bulletin", tags=["bulletin"], route_class=GuardedRoute)


class VoidingForm(Form):
    """Why a project is void (作废), and the inspection that concluded fraud."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "inspection_id": "V0000000001",
                "reason_code": "no_such_land",
                "reason": "现场核查无新增耕地,验收影像系伪造",
            }
        )
    )

    inspection_id: Id
    reason_code: VoidingReason = Field(description="For the public")
    reason: Text = Field(description="In the regulator's own words; not published")


class VoidedBatchView(View):
    """What a voided project's batch came to at the voiding."""

    batch_id: str
    indicator: Indicator
    unit: str
    issued: str
    cancelled: str = Field(description="What its county still had, listed stock too")
    owed: str = Field(description="What was sold or written off, to be replaced")

    @classmethod
    def of(cls, batch: VoidedBatch) -> "VoidedBatchView":
        """Shape a voided batch."""
        return cls(
            batch_id=public_id(Kind.BATCH, batch.batch_id),
            indicator=batch.indicator,
            unit=UNIT[batch.indicator].name,
            issued=format_quantity(batch.issued, batch.indicator),
            cancelled=format_quantity(batch.cancelled, batch.indicator),
            owed=format_quantity(batch.owed, batch.indicator),
        )


class VoidingView(View):
    """That a project was voided for fraud, and what became of its batches."""

    voided_at: Instant
    reason_code: VoidingReason
    inspection_id: str
    obligation_id: str | None = Field(description="The replacement obligation 补充义务, if anything is owed")
    batches: list[VoidedBatchView]

    @classmethod
    def of(cls, voiding: Voiding) -> "VoidingView":
        """Shape a voiding."""
        number = voiding.obligation_id
        return cls(
            voided_at=voiding.voided_at,
            reason_code=voiding.reason_code,
            inspection_id=public_id(Kind.INSPECTION, voiding.inspection_id),
            obligation_id=None if number is None else public_id(Kind.OBLIGATION, number),
            batches=[VoidedBatchView.of(batch) for batch in voiding.batches],
        )


class VoidedProjectView(View):
    """A voided project, for the public."""

    id: str
    county: str
    name: str
    filing_no: str | None
    kind: ProjectKind
    voiding: VoidingView

    @classmethod
    def of(cls, row: bulletin.VoidedProject) -> "VoidedProjectView":
        """Shape a voided project."""
        return cls(
            id=public_id(Kind.PROJECT, row.voiding.project_id),
            county=row.voiding.county,
            name=row.name,
            filing_no=row.filing_no,
            kind=row.kind,
            voiding=VoidingView.of(row.voiding),
        )


@router.get(
    "/voided-projects",
    operation_id=Action.READ_BULLETIN_VOIDED_PROJECTS,
    responses=documented(PageView[VoidedProjectView]),
    summary="Projects voided for fraud 作废项目公告, the latest first",
)
async def read_bulletin_voided_projects(reading: Reading, page: Paging) -> Response:
    """List voided projects, with what was cancelled and what is owed for them."""
    after = None
    if page.after:
        at, number = page.after
        after = (datetime.fromisoformat(at), number)
    work = partial(bulletin.voided_projects, after=after, limit=page.limit + 1)
    return await reading.run(
        work,
        lambda rows: page.view(
            rows,
            VoidedProjectView.of,
            lambda row: (row.voiding.voided_at.isoformat(), row.voiding.project_id),
        ),
    )
