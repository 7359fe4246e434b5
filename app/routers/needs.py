"""``/v1/needs``: needs (调剂需求), declared by buyers and decided by the regulator."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import UNIT, Indicator
from app.market.needs import KeyLevel, NeedState
from app.market.units import format_quantity, parse_quantity, quantity_mu
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import DecimalText, Form, Id, Instant, Switch, Text, View
from app.services import needs

router = APIRouter(prefix="/v1/needs", tags=["needs"], route_class=GuardedRoute)


class NeedForm(Form):
    """A need of one's own land application or obligation: hm² or kg by indicator, at most what it lacks."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "application_id": "F0000000001",
                "quantities": {"farmland_quantity": "35.0000", "grain_capacity": "210000.00"},
                "all_or_nothing": False,
            }
        )
    )

    application_id: Id | None = Field(default=None, description="Either this, or obligation_id")
    obligation_id: Id | None = Field(default=None, description="What has to be made good (补充义务)")
    quantities: Annotated[dict[Indicator, DecimalText], Field(min_length=1)]
    all_or_nothing: Switch = False


class ApprovalForm(Form):
    """The regulator's approval; ``key_level`` says that it is for a key project (重点项目), and whose."""

    model_config = ConfigDict(json_schema_extra=example({"key_level": "national", "reason": "国家重点项目"}))

    key_level: KeyLevel | None = None
    reason: Text | None = None


class NeedRefusalForm(Form):
    """Why a need is refused."""

    model_config = ConfigDict(json_schema_extra=example({"reason": "本县储备库可平衡"}))

    reason: Text


def _named(kind: Kind, given: str | None, field: str) -> int | None:
    return None if given is None else row_number(kind, given, field=field)


def _shown(kind: Kind, number: int | None) -> str | None:
    return None if number is None else public_id(kind, number)


class NeedItemView(View):
    """One indicator of a need; ``open`` is what may be registered for or allocated now."""

    indicator: Indicator
    unit: str
    quantity: str
    quantity_mu: str | None
    reserved: str
    awarded: str
    settled: str
    open: str


class NeedView(View):
    """A need as it stands."""

    id: str
    buyer: str
    application_id: str | None
    obligation_id: str | None
    state: NeedState
    key_level: KeyLevel | None
    all_or_nothing: bool
    declared_at: Instant
    approved_at: Instant | None
    decision_reason: str | None
    items: list[NeedItemView]

    @classmethod
    def of(cls, row: needs.NeedRow) -> "NeedView":
        """Shape a need."""
        return cls(
            id=public_id(Kind.NEED, row.id),
            buyer=row.buyer,
            application_id=_shown(Kind.APPLICATION, row.application_id),
            obligation_id=_shown(Kind.OBLIGATION, row.obligation_id),
            state=row.state,
            key_level=row.key_level,
            all_or_nothing=row.all_or_nothing,
            declared_at=row.declared_at,
            approved_at=row.approved_at,
            decision_reason=row.decision_reason,
            items=[
                NeedItemView(
                    indicator=indicator,
                    unit=UNIT[indicator].name,
                    quantity=format_quantity(item.quantity, indicator),
                    quantity_mu=quantity_mu(item.quantity, indicator),
                    reserved=format_quantity(item.reserved, indicator),
                    awarded=format_quantity(item.awarded, indicator),
                    settled=format_quantity(item.settled, indicator),
                    open=format_quantity(row.open(indicator), indicator),
                )
                for indicator, item in row.items.items()
            ],
        )


@router.post(
    "",
    operation_id=Action.DECLARE_NEED,
    status_code=201,
    responses=documented(NeedView, status=201),
    summary="Declare a need 调剂需求",
)
async def declare_need(form: NeedForm, actor: CurrentActor, writing: Writing) -> Response:
    """Declare what one's land application lacks and the own reserve can't cover."""
    work = partial(
        needs.declare,
        actor=actor,
        application_id=_named(Kind.APPLICATION, form.application_id, "application_id"),
        obligation_id=_named(Kind.OBLIGATION, form.obligation_id, "obligation_id"),
        quantities={
            indicator: parse_quantity(quantity, indicator, field=f"quantities.{indicator}")
            for indicator, quantity in form.quantities.items()
        },
        all_or_nothing=form.all_or_nothing,
    )
    return await writing.run(work, NeedView.of)


@router.get("", operation_id=Action.READ_NEEDS, responses=documented(PageView[NeedView]), summary="Needs")
async def read_needs(
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    *,
    state: Annotated[NeedState | None, Query()] = None,
    application_id: Annotated[Id | None, Query()] = None,
    obligation_id: Annotated[Id | None, Query()] = None,
) -> Response:
    """List one's own needs, or all of them for who oversees them."""
    work = partial(
        needs.needs,
        actor=actor,
        application_id=_named(Kind.APPLICATION, application_id, "application_id"),
        obligation_id=_named(Kind.OBLIGATION, obligation_id, "obligation_id"),
        state=state,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, NeedView.of, lambda row: (row.id,)))


@router.get("/{need_id}", operation_id=Action.READ_NEED, responses=documented(NeedView), summary="One need")
async def read_need(need_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show a need with its open quantities."""
    work = partial(needs.need, actor=actor, need_id=row_number(Kind.NEED, need_id))
    return await reading.run(work, NeedView.of)


@router.post(
    "/{need_id}/approval",
    operation_id=Action.APPROVE_NEED,
    status_code=201,
    responses=documented(NeedView, status=201),
    summary="Approve a need",
)
async def approve_need(need_id: Id, form: ApprovalForm, actor: CurrentActor, writing: Writing) -> Response:
    """Approve a need: for a key project at the fixed price, else for the auctions."""
    work = partial(
        needs.approve,
        actor=actor,
        need_id=row_number(Kind.NEED, need_id),
        key_level=form.key_level,
        reason=form.reason,
    )
    return await writing.run(work, NeedView.of)


@router.post(
    "/{need_id}/refusal",
    operation_id=Action.REFUSE_NEED,
    status_code=201,
    responses=documented(NeedView, status=201),
    summary="Refuse a need",
)
async def refuse_need(need_id: Id, form: NeedRefusalForm, actor: CurrentActor, writing: Writing) -> Response:
    """Refuse a need, with the reason."""
    work = partial(needs.refuse, actor=actor, need_id=row_number(Kind.NEED, need_id), reason=form.reason)
    return await writing.run(work, NeedView.of)
