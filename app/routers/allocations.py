"""``/v1/allocations``: runs for key projects (重点项目) at the fixed price, with record and outcome."""

import json
from functools import partial
from typing import Any

from fastapi import APIRouter, Response
from pydantic import ConfigDict

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id, row_number
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Form, Id, Instant, View
from app.services import allocations

router = APIRouter(prefix="/v1/allocations", tags=["allocations"], route_class=GuardedRoute)


class AllocationForm(Form):
    """A run takes everything that waits; there is nothing to choose."""

    model_config = ConfigDict(json_schema_extra=example({}))


class FillView(View):
    """What one need got of one listing."""

    demand: str
    buyer: str
    listing: str
    county: str
    indicator: str
    quantity: str
    price: str
    amount: str


class UnfilledView(View):
    """What a need still lacks of one indicator."""

    demand: str
    indicator: str
    quantity: str


class AllocationHeadView(View):
    """A run, and where its record and outcome are."""

    id: str
    run_at: Instant
    run_by: str | None
    record_url: str
    outcome_url: str

    @classmethod
    def of(cls, row: allocations.AllocationHead) -> "AllocationHeadView":
        """Shape a run without what it filled."""
        name = public_id(Kind.ALLOCATION, row.id)
        return cls(
            id=name,
            run_at=row.run_at,
            run_by=row.run_by,
            record_url=f"{router.prefix}/{name}/record",
            outcome_url=f"{router.prefix}/{name}/outcome",
        )


class AllocationView(AllocationHeadView):
    """A run: what it filled and what still waits."""

    fills: list[FillView]
    unfilled: list[UnfilledView]

    @classmethod
    def of_run(cls, row: allocations.AllocationRow) -> "AllocationView":
        """Shape a run with its outcome."""
        outcome = json.loads(row.outcome)
        return cls(
            **AllocationHeadView.of(row).model_dump(),
            fills=[FillView(**fill) for fill in outcome["fills"]],
            unfilled=[UnfilledView(**each) for each in outcome["unfilled"]],
        )


@router.post(
    "",
    operation_id=Action.RUN_ALLOCATION,
    status_code=201,
    responses=documented(AllocationView, status=201),
    summary="Run an allocation for key projects 重点项目定价调剂",
)
async def run_allocation(form: AllocationForm, actor: CurrentActor, writing: Writing) -> Response:
    """Fill the waiting key-project needs at the fixed price; a run that fills nothing is published too."""
    return await writing.run(partial(allocations.run, actor=actor), AllocationView.of_run)


@router.get(
    "",
    operation_id=Action.READ_ALLOCATIONS,
    responses=documented(PageView[AllocationHeadView]),
    summary="Allocation runs",
)
async def read_allocations(reading: Reading, page: Paging) -> Response:
    """List the runs, the first one first."""
    work = partial(allocations.allocations, after=page.after[0] if page.after else None, limit=page.limit + 1)
    return await reading.run(work, lambda rows: page.view(rows, AllocationHeadView.of, lambda row: (row.id,)))


@router.get(
    "/{allocation_id}",
    operation_id=Action.READ_ALLOCATION,
    responses=documented(AllocationView),
    summary="One allocation run",
)
async def read_allocation(allocation_id: Id, reading: Reading) -> Response:
    """Show a run."""
    work = partial(allocations.allocation, allocation_id=row_number(Kind.ALLOCATION, allocation_id))
    return await reading.run(work, AllocationView.of_run)


@router.get(
    "/{allocation_id}/record",
    operation_id=Action.READ_ALLOCATION_RECORD,
    responses=documented(dict[str, Any], description="`gengheng/allocation/1`"),
    summary="The public record of a run, to recompute it with `gengheng allocate`",
)
async def read_allocation_record(allocation_id: Id, reading: Reading) -> Response:
    """Give the record exactly as it was published."""
    work = partial(allocations.allocation, allocation_id=row_number(Kind.ALLOCATION, allocation_id))
    return reading.answer((await reading.load(work)).record)


@router.get(
    "/{allocation_id}/outcome",
    operation_id=Action.READ_ALLOCATION_OUTCOME,
    responses=documented(dict[str, Any], description="`gengheng/allocation-outcome/1`"),
    summary="The public outcome of a run",
)
async def read_allocation_outcome(allocation_id: Id, reading: Reading) -> Response:
    """Give the outcome exactly as it was published."""
    work = partial(allocations.allocation, allocation_id=row_number(Kind.ALLOCATION, allocation_id))
    return reading.answer((await reading.load(work)).outcome)
