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
    reason: Text
    starts_on: Day
    ends_on: Day | None = Field(default=None, description="The last day; left out: until it is lifted")


class SanctionView(View):
    """A sanction as decided; nobody decided one that follows from the books."""

    id: str
    jurisdiction: str
    kind: SanctionKind
    reason: str
    starts_on: date
    ends_on: date | None
    decided_at: Instant
    decided_by: str | None
    lifted_at: Instant | None

    @classmethod
    def of(cls, row: sanctions.SanctionRow) -> "SanctionView":
        """Shape a sanction."""
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
        )


@router.get(
    "",
    operation_id=Action.READ_SANCTIONS,
    responses=documented(PageView[SanctionView]),
    summary="Sanctions, lifted ones too",
)
async def read_sanctions(
    reading: Reading, page: Paging, jurisdiction: Annotated[Code | None, Query()] = None
) -> Response:
    """List sanctions in the order they were decided."""
    work = partial(
        sanctions.sanctions,
        jurisdiction=jurisdiction,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, SanctionView.of, lambda row: (row.id,)))


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
    summary="Lift a sanction",
)
async def lift_sanction(sanction_id: Id, actor: CurrentActor, writing: Writing) -> Response:
    """Lift a sanction at once."""
    work = partial(sanctions.lift, actor=actor, number=row_number(Kind.SANCTION, sanction_id))
    return await writing.run(work, SanctionView.of)
