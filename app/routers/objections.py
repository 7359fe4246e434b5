"""``/v1/trades/{id}/objections``: objections in the public notice (公示异议), and their decision."""

from functools import partial

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id, row_number
from app.market.objections import Decision, Objection, ObjectionState, Origin
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Form, Id, Instant, Text, View
from app.services import objections

router = APIRouter(prefix="/v1/trades", tags=["trades"], route_class=GuardedRoute)


class ObjectionForm(Form):
    """Why a trade in public notice should not go on."""

    model_config = ConfigDict(
        json_schema_extra=example({"reason": "出让指标所在地块实为林地。", "origin": "citizen"})
    )

    reason: Text = Field(description="For the parties and overseers only; the public sees number and state")
    origin: Origin = Field(
        default=Origin.AUTHORITY,
        description="authority: of the office that enters it; citizen: handed in there by a citizen",
    )


class DecisionForm(Form):
    """The land regulator's decision on an objection."""

    model_config = ConfigDict(
        json_schema_extra=example({"decision": "dismiss", "reason": "经核查，地块现状为耕地，异议不成立。"})
    )

    decision: Decision = Field(description="dismiss 驳回: the notice goes on; uphold 成立: the trade is void")
    reason: Text


class ObjectionView(View):
    """An objection with its reasons, for the parties and overseers."""

    id: str
    trade_id: str
    state: ObjectionState
    origin: Origin
    reason: str
    entered_at: Instant
    entered_by: str
    decide_by: Instant = Field(description="The decision is expected before this; the clock waits for it")
    ended_at: Instant | None
    decided_by: str | None
    decision_reason: str | None

    @classmethod
    def of(cls, value: Objection) -> "ObjectionView":
        """Shape an objection."""
        return cls(
            id=public_id(Kind.OBJECTION, value.id),
            trade_id=public_id(Kind.TRADE, value.trade_id),
            state=value.state,
            origin=value.origin,
            reason=value.reason,
            entered_at=value.entered_at,
            entered_by=value.entered_by,
            decide_by=value.decide_by,
            ended_at=value.ended_at,
            decided_by=value.decided_by,
            decision_reason=value.decision_reason,
        )


@router.get(
    "/{trade_id}/objections",
    operation_id=Action.READ_OBJECTIONS,
    responses=documented(PageView[ObjectionView]),
    summary="Objections to a trade 异议",
)
async def read_objections(trade_id: Id, actor: CurrentActor, reading: Reading, page: Paging) -> Response:
    """List a trade's objections to its parties and overseers; another office sees those it entered."""
    work = partial(
        objections.objections,
        actor=actor,
        trade_number=row_number(Kind.TRADE, trade_id),
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, ObjectionView.of, lambda row: (row.id,)))


@router.post(
    "/{trade_id}/objections",
    operation_id=Action.ENTER_OBJECTION,
    status_code=201,
    responses=documented(ObjectionView, status=201),
    summary="Object to a trade in public notice 提出异议",
)
async def enter_objection(
    trade_id: Id, form: ObjectionForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Stop the notice's clock until the land regulator has decided; possible during the notice only."""
    work = partial(
        objections.enter,
        actor=actor,
        trade_number=row_number(Kind.TRADE, trade_id),
        origin=form.origin,
        reason=form.reason,
    )
    return await writing.run(work, ObjectionView.of)


@router.post(
    "/{trade_id}/objections/{objection_id}/decision",
    operation_id=Action.DECIDE_OBJECTION,
    status_code=201,
    responses=documented(ObjectionView, status=201),
    summary="Decide an objection 处理异议",
)
async def decide_objection(
    trade_id: Id, objection_id: Id, form: DecisionForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Dismiss it, and what was left of the notice is counted from today; or uphold it, and void the trade."""
    work = partial(
        objections.decide,
        actor=actor,
        trade_number=row_number(Kind.TRADE, trade_id),
        number=row_number(Kind.OBJECTION, objection_id),
        decision=form.decision,
        reason=form.reason,
    )
    return await writing.run(work, ObjectionView.of)
