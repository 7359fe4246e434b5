"""``/v1/trades``: from award to settlement (成交确认、付款、划转)."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import Indicator
from app.market.modes import TradeMode
from app.market.trades import Line, LineState, Trade, TradeState, to_pay_fen
from app.market.units import format_money, wan_yuan
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Form, Id, Instant, Text, View, WarningView
from app.routers.quantities import line_figures
from app.services import settlements, trades

router = APIRouter(prefix="/v1/trades", tags=["trades"], route_class=GuardedRoute)


class LineView(View):
    """What the trade takes from one listing; a voided line has dropped out."""

    id: str
    listing_id: str
    batch_id: str = Field(description="The reserve batch, and with it the project, that it comes from")
    seller: str
    indicator: Indicator
    unit: str
    quantity: str
    quantity_mu: str | None = Field(description="Areas also in 亩")
    price: str
    amount: str
    amount_wan_yuan: str
    state: LineState

    @classmethod
    def of(cls, line: Line) -> "LineView":
        """Shape a line."""
        return cls(
            id=public_id(Kind.LINE, line.id),
            listing_id=public_id(Kind.LISTING, line.listing_id),
            batch_id=public_id(Kind.BATCH, line.batch_id),
            **line_figures(line),
            state=line.state,
        )


class TradeView(View):
    """A trade with its lines; both deadlines are the first instant that is too late or late enough."""

    id: str
    state: TradeState
    buyer: str
    need_id: str
    mode: TradeMode = Field(description="How it came about 调剂方式; one of the ids below names the source")
    auction_id: str | None
    bid_id: str | None
    allocation_id: str | None
    purchase_id: str | None
    amount: str = Field(description="The sum of the active lines, yuan")
    amount_wan_yuan: str
    deposit: str = Field(description="The part of the deposit that is held for it, yuan")
    deposit_wan_yuan: str
    to_pay: str = Field(description="What the buyer has yet to pay: the amount less the deposit, yuan")
    to_pay_wan_yuan: str
    awarded_at: Instant
    notice_ends_at: Instant = Field(description="The public notice 公示 ends; confirmation from then on")
    payment_due_at: Instant = Field(description="Payment counts before this instant")
    notice_stopped_at: Instant | None = Field(
        description="Since when the notice's clock stands, an objection 异议 being open: both deadlines move "
        "once it is decided"
    )
    confirmed_at: Instant | None
    confirmation_number: str | None = Field(description="成交确认书文号")
    paid_at: Instant | None
    ended_at: Instant | None
    end_reason: str | None
    lines: list[LineView]
    warnings: list[WarningView]

    @classmethod
    def of(cls, trade: Trade) -> "TradeView":
        """Shape a trade."""
        auction, allocation, purchase = trade.auction_id, trade.allocation_id, trade.purchase_id
        return cls(
            id=public_id(Kind.TRADE, trade.id),
            state=trade.state,
            buyer=trade.buyer,
            need_id=public_id(Kind.NEED, trade.need_id),
            mode=trade.mode,
            auction_id=None if auction is None else public_id(Kind.AUCTION, auction),
            bid_id=trade.bid_id,
            allocation_id=None if allocation is None else public_id(Kind.ALLOCATION, allocation),
            purchase_id=None if purchase is None else public_id(Kind.PURCHASE, purchase),
            amount=format_money(trade.amount_fen),
            amount_wan_yuan=wan_yuan(trade.amount_fen),
            deposit=format_money(trade.deposit_fen),
            deposit_wan_yuan=wan_yuan(trade.deposit_fen),
            to_pay=format_money(to_pay_fen(trade)),
            to_pay_wan_yuan=wan_yuan(to_pay_fen(trade)),
            awarded_at=trade.awarded_at,
            notice_ends_at=trade.notice_ends_at,
            payment_due_at=trade.payment_due_at,
            notice_stopped_at=trade.notice_stopped_at,
            confirmed_at=trade.confirmed_at,
            confirmation_number=trade.confirmation_number,
            paid_at=trade.paid_at,
            ended_at=trade.ended_at,
            end_reason=trade.end_reason,
            lines=[LineView.of(line) for line in trade.lines],
            warnings=[
                WarningView(
                    code="calendar_not_published",
                    detail=f"The working-day calendar of {year} was not published at the award: "
                    "its deadlines count Monday to Friday in that year.",
                )
                for year in trade.unpublished_years
            ],
        )


class ConfirmationForm(Form):
    """Nothing to say: the confirmation (成交确认书) is of the trade as awarded."""

    model_config = ConfigDict(json_schema_extra=example({}))


class PaymentForm(Form):
    """Nothing to say: the amount is the trade's, less its deposit."""

    model_config = ConfigDict(json_schema_extra=example({}))


class SettlementForm(Form):
    """Nothing to say: all lines are settled, or none."""

    model_config = ConfigDict(json_schema_extra=example({}))


class DefaultForm(Form):
    """Why the trade is declared in default."""

    model_config = ConfigDict(
        json_schema_extra=example({"reason": "The buyer refused to sign the confirmation."})
    )

    reason: Text


@router.get(
    "",
    operation_id=Action.READ_TRADES,
    responses=documented(PageView[TradeView]),
    summary="Trades 成交",
)
async def read_trades(
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    state: Annotated[TradeState | None, Query()] = None,
    auction_id: Annotated[Id | None, Query()] = None,
) -> Response:
    """List the trades in which one buys or sells; overseers and the treasurer see everybody's."""
    work = partial(
        trades.trades,
        actor=actor,
        state=state,
        auction_id=None if auction_id is None else row_number(Kind.AUCTION, auction_id, field="auction_id"),
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, TradeView.of, lambda row: (row.id,)))


@router.get(
    "/{trade_id}",
    operation_id=Action.READ_TRADE,
    responses=documented(TradeView),
    summary="One trade with its lines",
)
async def read_trade(trade_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show a trade to its buyer, its sellers, and who oversees them."""
    work = partial(trades.trade, actor=actor, number=row_number(Kind.TRADE, trade_id))
    return await reading.run(work, TradeView.of)


@router.post(
    "/{trade_id}/confirmation",
    operation_id=Action.CONFIRM_TRADE,
    status_code=201,
    responses=documented(TradeView, status=201),
    summary="Confirm a trade after its public notice 成交确认书",
)
async def confirm_trade(
    trade_id: Id,
    form: ConfirmationForm,
    actor: CurrentActor,
    writing: Writing,
) -> Response:
    """Confirm a trade, by its buyer or the land regulator, once the public notice has ended."""
    work = partial(trades.confirm, actor=actor, number=row_number(Kind.TRADE, trade_id))
    return await writing.run(work, TradeView.of)


@router.post(
    "/{trade_id}/payment",
    operation_id=Action.PAY_TRADE,
    status_code=201,
    responses=documented(TradeView, status=201),
    summary="Pay a trade into escrow 付款",
)
async def pay_trade(
    trade_id: Id,
    form: PaymentForm,
    actor: CurrentActor,
    writing: Writing,
) -> Response:
    """Pay the amount less the deposit out of the buyer's available money; both go into escrow."""
    work = partial(trades.pay, actor=actor, number=row_number(Kind.TRADE, trade_id))
    return await writing.run(work, TradeView.of)


@router.post(
    "/{trade_id}/settlement",
    operation_id=Action.SETTLE_TRADE,
    status_code=201,
    responses=documented(TradeView, status=201),
    summary="Settle a paid trade: indicators and money of all lines 划转",
)
async def settle_trade(
    trade_id: Id,
    form: SettlementForm,
    actor: CurrentActor,
    writing: Writing,
) -> Response:
    """Settle all lines in one transaction, or none; safely sent again under the same key."""
    work = partial(settlements.settle, actor=actor, number=row_number(Kind.TRADE, trade_id))
    return await writing.run(work, TradeView.of)


@router.post(
    "/{trade_id}/default",
    operation_id=Action.DEFAULT_TRADE,
    status_code=201,
    responses=documented(TradeView, status=201),
    summary="Declare an unpaid trade in default 违约",
)
async def default_trade(
    trade_id: Id,
    form: DefaultForm,
    actor: CurrentActor,
    writing: Writing,
) -> Response:
    """Give the quantities back to their listings and the need, and the deposit to the sellers."""
    work = partial(trades.default, actor=actor, number=row_number(Kind.TRADE, trade_id), reason=form.reason)
    return await writing.run(work, TradeView.of)
