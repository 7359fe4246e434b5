"""``/v1/reserves``: balances by indicator, by batch with its project of origin, and statements (储备库)."""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id
from app.market.indicators import NAME_ZH, UNIT, Indicator
from app.market.ledger import Bucket
from app.market.units import format_quantity, quantity_mu
from app.routers.answers import PageView, Paging, Reading, documented
from app.routers.forms import Code, Instant, View
from app.services import reserves
from app.services.reserves import EntryRow, HoldingRow, Reserve

router = APIRouter(prefix="/v1/reserves", tags=["reserves"], route_class=GuardedRoute)

HELD = (Bucket.AVAILABLE, Bucket.LOCKED, Bucket.EARMARKED)
"""The buckets that make up what a jurisdiction holds."""


class BalanceView(View):
    """What a reserve holds of one indicator: total = available + locked + earmarked."""

    indicator: Indicator
    name_zh: str
    unit: str
    available: str = Field(description="Free to list or to write off")
    locked: str = Field(description="On offer, or sold and not yet settled")
    earmarked: str = Field(description="Promised to a commitment; can't be listed")
    total: str
    total_mu: str | None = Field(description="亩; null for capacity")
    credited: str = Field(description="Earned by the jurisdiction's own projects, ever")
    consumed: str = Field(description="Written off or cancelled, ever")

    @classmethod
    def of(cls, reserve: Reserve, indicator: Indicator) -> "BalanceView":
        """Shape the balances of one indicator."""

        def shown(bucket: Bucket) -> str:
            return format_quantity(reserve.balance(indicator, bucket), indicator)

        total = sum(reserve.balance(indicator, bucket) for bucket in HELD)
        return cls(
            indicator=indicator,
            name_zh=NAME_ZH[indicator],
            unit=UNIT[indicator].name,
            available=shown(Bucket.AVAILABLE),
            locked=shown(Bucket.LOCKED),
            earmarked=shown(Bucket.EARMARKED),
            total=format_quantity(total, indicator),
            total_mu=quantity_mu(total, indicator),
            credited=format_quantity(-reserve.balance(indicator, Bucket.ISSUED), indicator),
            consumed=shown(Bucket.CONSUMED),
        )


class ReserveView(View):
    """A jurisdiction's reserve: one balance for each of the four indicators."""

    jurisdiction: str
    balances: list[BalanceView]

    @classmethod
    def of(cls, reserve: Reserve) -> "ReserveView":
        """Shape a reserve; an indicator never credited shows zeros."""
        return cls(
            jurisdiction=reserve.jurisdiction,
            balances=[BalanceView.of(reserve, indicator) for indicator in Indicator],
        )


class HoldingView(View):
    """What a reserve holds of one batch, and where the batch comes from."""

    batch_id: str
    indicator: Indicator
    unit: str
    available: str
    locked: str
    earmarked: str
    total: str
    total_mu: str | None
    credited: str = Field(description="The whole batch when it was credited, wherever it is now")
    credited_at: Instant
    origin: str = Field(description="The county whose project earned the batch")
    project_id: str
    project_name: str
    filing_no: str | None
    accepted_on: date | None

    @classmethod
    def of(cls, row: HoldingRow) -> "HoldingView":
        """Shape a holding."""
        held: Mapping[Bucket, int] = {bucket: row.balances.get(bucket, 0) for bucket in HELD}
        total = sum(held.values())
        return cls(
            batch_id=public_id(Kind.BATCH, row.batch_id),
            indicator=row.indicator,
            unit=UNIT[row.indicator].name,
            available=format_quantity(held[Bucket.AVAILABLE], row.indicator),
            locked=format_quantity(held[Bucket.LOCKED], row.indicator),
            earmarked=format_quantity(held[Bucket.EARMARKED], row.indicator),
            total=format_quantity(total, row.indicator),
            total_mu=quantity_mu(total, row.indicator),
            credited=format_quantity(row.credited, row.indicator),
            credited_at=row.credited_at,
            origin=row.origin,
            project_id=public_id(Kind.PROJECT, row.project_id),
            project_name=row.project_name,
            filing_no=row.filing_no,
            accepted_on=row.accepted_on,
        )


class EntryView(View):
    """One change of one balance: before + amount = after."""

    id: str
    at: Instant
    transaction_id: str
    kind: str = Field(description="What the transaction was for, such as credit, listing, settlement")
    reference: str = Field(description="The id of what it was for")
    indicator: Indicator
    unit: str
    batch_id: str
    bucket: Bucket
    before: str
    amount: str = Field(description="Negative where the balance fell")
    after: str

    @classmethod
    def of(cls, row: EntryRow) -> "EntryView":
        """Shape an entry."""
        return cls(
            id=public_id(Kind.ENTRY, row.id),
            at=row.at,
            transaction_id=public_id(Kind.TRANSACTION, row.transaction_id),
            kind=row.kind,
            reference=row.reference,
            indicator=row.indicator,
            unit=UNIT[row.indicator].name,
            batch_id=public_id(Kind.BATCH, row.batch_id),
            bucket=row.bucket,
            before=format_quantity(row.before, row.indicator),
            amount=format_quantity(row.amount, row.indicator),
            after=format_quantity(row.after, row.indicator),
        )


@router.get(
    "/{code}",
    operation_id=Action.READ_RESERVE,
    responses=documented(ReserveView),
    summary="A reserve's balances 储备库余额",
)
async def read_reserve(code: Code, actor: CurrentActor, reading: Reading) -> Response:
    """Show what a jurisdiction holds of each indicator, by bucket."""
    return await reading.run(partial(reserves.reserve, actor=actor, code=code), ReserveView.of)


@router.get(
    "/{code}/batches",
    operation_id=Action.READ_RESERVE_BATCHES,
    responses=documented(PageView[HoldingView]),
    summary="A reserve by batch, with the project of origin",
)
async def read_reserve_batches(
    code: Code,
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    indicator: Annotated[Indicator | None, Query()] = None,
) -> Response:
    """List what a jurisdiction holds, or held, of each batch, by indicator and batch."""
    work = partial(
        reserves.batches,
        actor=actor,
        code=code,
        indicator=indicator,
        after=(page.after[0], page.after[1]) if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(
        work, lambda rows: page.view(rows, HoldingView.of, lambda row: (row.indicator.value, row.batch_id))
    )


@router.get(
    "/{code}/entries",
    operation_id=Action.READ_RESERVE_ENTRIES,
    responses=documented(PageView[EntryView]),
    summary="A reserve's entries, with balances before and after 储备库明细",
)
async def read_reserve_entries(
    code: Code,
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    indicator: Annotated[Indicator | None, Query()] = None,
) -> Response:
    """List the changes of a reserve's balances, newest first."""
    work = partial(
        reserves.entries,
        actor=actor,
        code=code,
        indicator=indicator,
        before=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, EntryView.of, lambda row: (row.id,)))
