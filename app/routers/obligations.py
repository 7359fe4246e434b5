"""``/v1/obligations``: what is still owed for a deficit or a fraud (补充义务), and its discharge."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id, row_number
from app.market.obligations import ObligationKind, ObligationState
from app.routers.answers import PageView, Paging, Reading, Writing, documented
from app.routers.forms import Id, Instant, View
from app.routers.quantities import QuantityView, UsedBatchView
from app.services import obligations

router = APIRouter(prefix="/v1/obligations", tags=["supervision"], route_class=GuardedRoute)


class ObligationView(View):
    """An obligation as it stands; ``source`` is the commitment or project that it comes from."""

    id: str
    jurisdiction: str
    kind: ObligationKind
    source: str
    state: ObligationState
    owed: list[QuantityView]
    rectification: str
    opened_at: Instant
    ended_at: Instant | None

    @classmethod
    def of(cls, row: obligations.ObligationRow) -> "ObligationView":
        """Shape an obligation."""
        return cls(
            id=public_id(Kind.OBLIGATION, row.id),
            jurisdiction=row.jurisdiction,
            kind=row.kind,
            source=row.source,
            state=row.state,
            owed=QuantityView.each(row.owed),
            rectification=public_id(Kind.SANCTION, row.sanction_id),
            opened_at=row.opened_at,
            ended_at=row.ended_at,
        )


class ObligationCaseView(ObligationView):
    """An obligation, and the batches that made it good where it is DISCHARGED."""

    used: list[UsedBatchView]

    @classmethod
    def shown(cls, case: obligations.ObligationCase) -> "ObligationCaseView":
        """Shape an obligation with what made it good."""
        return cls(**dict(ObligationView.of(case.row)), used=UsedBatchView.each(case.used))


@router.get(
    "",
    operation_id=Action.READ_OBLIGATIONS,
    responses=documented(PageView[ObligationView]),
    summary="Obligations",
)
async def read_obligations(
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    state: Annotated[ObligationState | None, Query()] = None,
) -> Response:
    """List one's own obligations, or all of them for who oversees them."""
    work = partial(
        obligations.obligations,
        actor=actor,
        state=state,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, ObligationView.of, lambda row: (row.id,)))


@router.get(
    "/{obligation_id}",
    operation_id=Action.READ_OBLIGATION,
    responses=documented(ObligationCaseView),
    summary="One obligation, and what made it good",
)
async def read_obligation(obligation_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show an obligation with the batches that were written off for it."""
    work = partial(obligations.obligation, actor=actor, number=row_number(Kind.OBLIGATION, obligation_id))
    return await reading.run(work, ObligationCaseView.shown)


@router.post(
    "/{obligation_id}/discharge",
    operation_id=Action.DISCHARGE_OBLIGATION,
    status_code=201,
    responses=documented(ObligationCaseView, status=201),
    summary="Make an obligation good",
)
async def discharge_obligation(obligation_id: Id, actor: CurrentActor, writing: Writing) -> Response:
    """Write off all that is owed from one's own reserve, oldest batches first, together or not at all."""
    work = partial(obligations.discharge, actor=actor, number=row_number(Kind.OBLIGATION, obligation_id))
    return await writing.run(work, ObligationCaseView.shown)
