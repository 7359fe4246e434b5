"""``/v1/purchases``: listings bought at once, at the unified price (统一限价) or the seller's (市场)."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.errors import Malformed
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import UNIT, Indicator
from app.market.modes import PurchaseMode
from app.market.units import format_money, format_quantity, parse_money, quantity_mu, wan_yuan
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import DecimalText, Form, Id, Instant, MoneyText, View
from app.services import purchases

router = APIRouter(prefix="/v1/purchases", tags=["purchases"], route_class=GuardedRoute)


class PurchaseForm(Form):
    """What to buy for a need of one's own.

    ``unified_price`` names the indicator, and takes from the queue what there is of the quantity, down to
    ``min_quantity``; ``market`` names one listing, whose price is the ``price`` agreed to, and takes it all.
    """

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "mode": "unified_price",
                "need_id": "N0000000001",
                "indicator": "farmland_quantity",
                "quantity": "12.0000",
                "min_quantity": "8.0000",
                "price": "320000.00",
            }
        )
    )

    mode: PurchaseMode
    need_id: Id
    indicator: Indicator | None = Field(
        default=None, description="unified_price: which indicator; a market purchase has its listing's"
    )
    listing_id: Id | None = Field(default=None, description="market: which listing")
    quantity: DecimalText = Field(description="In whole lots, at most what the need has open")
    min_quantity: DecimalText | None = Field(
        default=None, description="unified_price: the least that is any use; null: one lot"
    )
    price: MoneyText | None = Field(
        default=None,
        description="What the buyer agrees to pay per unit: another price is refused. Market needs it",
    )


class PurchaseView(View):
    """A purchase as made; what becomes of it is its trade's to tell."""

    id: str
    mode: PurchaseMode
    buyer: str
    need_id: str
    listing_id: str | None = Field(description="The one listing of a market purchase")
    trade_id: str
    indicator: Indicator
    unit: str
    asked: str
    quantity: str
    quantity_mu: str | None = Field(description="Areas also in 亩")
    price: str
    price_wan_yuan: str
    amount: str
    amount_wan_yuan: str
    deposit: str = Field(description="Held when it was made, against idle locking 保证金")
    deposit_wan_yuan: str
    at: Instant

    @classmethod
    def of(cls, row: purchases.PurchaseRow) -> "PurchaseView":
        """Shape a purchase."""
        made = row.made
        return cls(
            id=public_id(Kind.PURCHASE, row.id),
            mode=made.mode,
            buyer=made.buyer,
            need_id=public_id(Kind.NEED, made.need_id),
            listing_id=None if made.listing_id is None else public_id(Kind.LISTING, made.listing_id),
            trade_id=public_id(Kind.TRADE, row.trade_id),
            indicator=made.indicator,
            unit=UNIT[made.indicator].name,
            asked=format_quantity(made.asked_steps, made.indicator),
            quantity=format_quantity(made.quantity_steps, made.indicator),
            quantity_mu=quantity_mu(made.quantity_steps, made.indicator),
            price=format_money(made.price_fen),
            price_wan_yuan=wan_yuan(made.price_fen),
            amount=format_money(made.amount_fen),
            amount_wan_yuan=wan_yuan(made.amount_fen),
            deposit=format_money(made.deposit_fen),
            deposit_wan_yuan=wan_yuan(made.deposit_fen),
            at=made.at,
        )


@router.post(
    "",
    operation_id=Action.BUY_INDICATORS,
    status_code=201,
    responses=documented(PurchaseView, status=201),
    summary="Buy what is listed, at the unified price 统一限价 or the seller's 市场",
)
async def buy_indicators(form: PurchaseForm, actor: CurrentActor, writing: Writing) -> Response:
    """Buy at once for an approved need; waiting key projects go first, and a deposit is held."""
    work = partial(purchases.buy, actor=actor, wanted=_wanted(form))
    return await writing.run(work, PurchaseView.of)


def _wanted(form: PurchaseForm) -> purchases.AtUnifiedPrice | purchases.AtMarket:
    """The order of the form's mode; raises Malformed for a field that it lacks or has no use for."""
    need_id = row_number(Kind.NEED, form.need_id, field="need_id")
    price_fen = None if form.price is None else parse_money(form.price, field="price")
    if form.mode is PurchaseMode.UNIFIED_PRICE:
        if form.listing_id is not None:
            raise _no_use(form, "listing_id", "it takes from the queue")
        if form.indicator is None:
            raise _lacking(form, "indicator")
        return purchases.AtUnifiedPrice(need_id, form.indicator, form.quantity, form.min_quantity, price_fen)
    for field, given in (("indicator", form.indicator), ("min_quantity", form.min_quantity)):
        if given is not None:
            raise _no_use(form, field, "it takes all of its quantity from the listing that it names")
    if form.listing_id is None:
        raise _lacking(form, "listing_id")
    if price_fen is None:
        raise _lacking(form, "price")
    listing_id = row_number(Kind.LISTING, form.listing_id, field="listing_id")
    return purchases.AtMarket(need_id, listing_id, form.quantity, price_fen)


def _lacking(form: PurchaseForm, field: str) -> Malformed:
    return Malformed("field_missing", f"A {form.mode} purchase names its {field}.", field=field)


def _no_use(form: PurchaseForm, field: str, why: str) -> Malformed:
    return Malformed("field_unused", f"A {form.mode} purchase has no {field}: {why}.", field=field)


@router.get(
    "",
    operation_id=Action.READ_PURCHASES,
    responses=documented(PageView[PurchaseView]),
    summary="Purchases at the unified and the market price",
)
async def read_purchases(
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    mode: Annotated[PurchaseMode | None, Query()] = None,
    indicator: Annotated[Indicator | None, Query()] = None,
) -> Response:
    """List the purchases in which one buys or sells; overseers and the treasurer see everybody's."""
    work = partial(
        purchases.purchases,
        actor=actor,
        mode=mode,
        indicator=indicator,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, PurchaseView.of, lambda row: (row.id,)))


@router.get(
    "/{purchase_id}",
    operation_id=Action.READ_PURCHASE,
    responses=documented(PurchaseView),
    summary="One purchase",
)
async def read_purchase(purchase_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show a purchase to its buyer, its sellers, and who oversees them."""
    work = partial(purchases.purchase, actor=actor, number=row_number(Kind.PURCHASE, purchase_id))
    return await reading.run(work, PurchaseView.of)
