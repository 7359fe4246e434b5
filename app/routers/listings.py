"""``/v1/listings``: what counties offer (挂牌)."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import NAME_ZH, UNIT, Indicator
from app.market.listings import ListingState
from app.market.modes import TradeMode
from app.market.units import format_money, format_quantity, parse_money, quantity_mu, wan_yuan
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import DecimalText, Form, Id, Instant, MoneyText, Switch, Text, View
from app.services import listings

router = APIRouter(prefix="/v1/listings", tags=["listings"], route_class=GuardedRoute)


class ListingForm(Form):
    """What to list of one reserve batch; without an ask it asks the floor then in force."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "batch_id": "R0000000001",
                "quantity": "12.3456",
                "ask": "350000.00",
                "open_to_key_projects": True,
            }
        )
    )

    batch_id: Id
    quantity: DecimalText
    ask: MoneyText | None = None
    open_to_key_projects: Switch = True


class ListingWithdrawalForm(Form):
    """Withdrawing needs no words."""

    model_config = ConfigDict(json_schema_extra=example({}))


class VoidingForm(Form):
    """Why a listing is voided."""

    model_config = ConfigDict(json_schema_extra=example({"reason": "来源项目验收存疑"}))

    reason: Text


class ListingView(View):
    """A listing as it stands; ``unsold`` is what nobody has been awarded yet."""

    id: str
    county: str
    batch_id: str
    indicator: Indicator
    unit: str
    quantity: str
    quantity_mu: str | None
    awarded: str
    settled: str
    unsold: str
    ask: str | None
    ask_wan_yuan: str | None
    open_to_key_projects: bool
    poverty: bool
    listed_at: Instant
    state: ListingState
    auction_id: str | None
    ended_at: Instant | None
    end_reason: str | None

    @classmethod
    def of(cls, row: listings.ListingRow) -> "ListingView":
        """Shape a listing."""
        return cls(
            id=public_id(Kind.LISTING, row.id),
            county=row.county,
            batch_id=public_id(Kind.BATCH, row.batch_id),
            indicator=row.indicator,
            unit=UNIT[row.indicator].name,
            quantity=format_quantity(row.quantity, row.indicator),
            quantity_mu=quantity_mu(row.quantity, row.indicator),
            awarded=format_quantity(row.awarded, row.indicator),
            settled=format_quantity(row.settled, row.indicator),
            unsold=format_quantity(row.buyable, row.indicator),
            ask=None if row.ask_fen is None else format_money(row.ask_fen),
            ask_wan_yuan=None if row.ask_fen is None else wan_yuan(row.ask_fen),
            open_to_key_projects=row.open_to_key_projects,
            poverty=row.poverty,
            listed_at=row.listed_at,
            state=row.state,
            auction_id=None if row.auction_id is None else public_id(Kind.AUCTION, row.auction_id),
            ended_at=row.ended_at,
            end_reason=row.end_reason,
        )


class BandOnFormView(View):
    """The band in force: what an ask may be, and what key projects and unified-price sales pay."""

    floor: str
    ceiling: str
    key_project_price: str
    unified_price: str | None
    floor_wan_yuan: str
    ceiling_wan_yuan: str
    key_project_price_wan_yuan: str
    unified_price_wan_yuan: str | None


class RecentResultView(View):
    """What a recent auction of the indicator paid."""

    auction_id: str
    closed_at: Instant
    sold_quantity: str
    clearing_price: str | None
    lowest_price: str | None
    highest_price: str | None


class ListingFormView(View):
    """What to know before listing: the balance, the prices, how it is sold, and recent results."""

    batch_id: str
    county: str
    indicator: Indicator
    indicator_zh: str
    unit: str
    available: str
    band: BandOnFormView | None
    may_decline_key_projects: bool
    modes: list[TradeMode] = Field(description="How it is sold to needs of no key project 调剂方式")
    recent_results: list[RecentResultView]

    @classmethod
    def of(cls, form: listings.ListingForm) -> "ListingFormView":
        """Shape the form."""
        batch, band = form.batch, form.band
        unified = None if band is None else band.unified_price_fen
        return cls(
            batch_id=public_id(Kind.BATCH, batch.batch_id),
            county=form.holder,
            indicator=batch.indicator,
            indicator_zh=NAME_ZH[batch.indicator],
            unit=UNIT[batch.indicator].name,
            available=format_quantity(batch.available, batch.indicator),
            band=None
            if band is None
            else BandOnFormView(
                floor=format_money(band.floor_fen),
                ceiling=format_money(band.ceiling_fen),
                key_project_price=format_money(band.key_project_price_fen),
                unified_price=None if unified is None else format_money(unified),
                floor_wan_yuan=wan_yuan(band.floor_fen),
                ceiling_wan_yuan=wan_yuan(band.ceiling_fen),
                key_project_price_wan_yuan=wan_yuan(band.key_project_price_fen),
                unified_price_wan_yuan=None if unified is None else wan_yuan(unified),
            ),
            may_decline_key_projects=form.may_decline_key_projects,
            modes=list(form.modes),
            recent_results=[
                RecentResultView(
                    auction_id=public_id(Kind.AUCTION, result.auction_id),
                    closed_at=result.closed_at,
                    sold_quantity=result.sold_quantity,
                    clearing_price=result.clearing_price,
                    lowest_price=result.lowest_price,
                    highest_price=result.highest_price,
                )
                for result in form.results
            ],
        )


@router.post(
    "",
    operation_id=Action.LIST_INDICATORS,
    status_code=201,
    responses=documented(ListingView, status=201),
    summary="List indicators 挂牌",
)
async def list_indicators(form: ListingForm, actor: CurrentActor, writing: Writing) -> Response:
    """List part of a reserve batch; the quantity is locked until it is sold or taken back."""
    work = partial(
        listings.list_batch,
        actor=actor,
        batch_id=row_number(Kind.BATCH, form.batch_id, field="batch_id"),
        quantity_text=form.quantity,
        ask_fen=None if form.ask is None else parse_money(form.ask, field="ask"),
        open_to_key_projects=form.open_to_key_projects,
    )
    return await writing.run(work, ListingView.of)


@router.get(
    "/form",
    operation_id=Action.READ_LISTING_FORM,
    responses=documented(ListingFormView),
    summary="The listing form of a batch: both prices and recent results",
)
async def read_listing_form(
    actor: CurrentActor, reading: Reading, batch_id: Annotated[Id, Query()]
) -> Response:
    """Show what is available of the batch, the band in force, and what recent auctions paid."""
    work = partial(listings.form, actor=actor, batch_id=row_number(Kind.BATCH, batch_id, field="batch_id"))
    return await reading.run(work, ListingFormView.of)


@router.get(
    "", operation_id=Action.READ_LISTINGS, responses=documented(PageView[ListingView]), summary="Listings"
)
async def read_listings(
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    indicator: Annotated[Indicator | None, Query()] = None,
    state: Annotated[ListingState | None, Query()] = None,
) -> Response:
    """List one's own listings, or all of them for who oversees them."""
    work = partial(
        listings.listings,
        actor=actor,
        indicator=indicator,
        state=state,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, ListingView.of, lambda row: (row.id,)))


@router.get(
    "/{listing_id}",
    operation_id=Action.READ_LISTING,
    responses=documented(ListingView),
    summary="One listing",
)
async def read_listing(listing_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show a listing."""
    work = partial(listings.listing, actor=actor, listing_id=row_number(Kind.LISTING, listing_id))
    return await reading.run(work, ListingView.of)


@router.post(
    "/{listing_id}/withdrawal",
    operation_id=Action.WITHDRAW_LISTING,
    status_code=201,
    responses=documented(ListingView, status=201),
    summary="Withdraw a listing",
)
async def withdraw_listing(
    listing_id: Id, form: ListingWithdrawalForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Take one's own listing back: what is unsold is available again."""
    work = partial(listings.withdraw, actor=actor, listing_id=row_number(Kind.LISTING, listing_id))
    return await writing.run(work, ListingView.of)


@router.post(
    "/{listing_id}/voiding",
    operation_id=Action.VOID_LISTING,
    status_code=201,
    responses=documented(ListingView, status=201),
    summary="Void a listing",
)
async def void_listing(listing_id: Id, form: VoidingForm, actor: CurrentActor, writing: Writing) -> Response:
    """Void a listing, with the reason; before an auction's opening it drops out of the pool."""
    work = partial(
        listings.void, actor=actor, listing_id=row_number(Kind.LISTING, listing_id), reason=form.reason
    )
    return await writing.run(work, ListingView.of)
