"""``/v1/bulletin/notices``: trades in public notice (公示), without a token; no reason of an objection."""

from functools import partial

from fastapi import APIRouter, Response
from pydantic import Field

from app.auth import GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.modes import TradeMode
from app.market.objections import ObjectionState
from app.market.trades import Line
from app.market.units import format_money, wan_yuan
from app.routers.answers import PageView, Paging, Reading, documented
from app.routers.forms import Instant, View
from app.routers.quantities import line_figures
from app.services import notices

router = APIRouter(prefix="/v1/bulletin", tags=["bulletin"], route_class=GuardedRoute)


class NoticeLineView(View):
    """What is bought of one listing."""

    seller: str
    seller_name: str | None
    indicator: Indicator
    unit: str
    quantity: str
    quantity_mu: str | None = Field(description="Areas also in 亩")
    price: str
    price_wan_yuan: str
    amount: str
    amount_wan_yuan: str

    @classmethod
    def of(cls, line: Line, name: str | None) -> "NoticeLineView":
        """Shape a line."""
        return cls(
            **line_figures(line),
            seller_name=name,
            price_wan_yuan=wan_yuan(line.price_fen),
        )


class NoticeObjectionView(View):
    """An objection as the public sees it: its number and state."""

    id: str
    state: ObjectionState


class NoticeView(View):
    """A trade in public notice."""

    trade_id: str
    mode: TradeMode
    buyer: str
    buyer_name: str | None
    amount: str
    amount_wan_yuan: str
    awarded_at: Instant
    ends_at: Instant | None = Field(description="Until when objections are possible; null: the clock stands")
    clock_stands_since: Instant | None = Field(description="Since an objection was entered that is open")
    objections: list[NoticeObjectionView]
    lines: list[NoticeLineView]

    @classmethod
    def of(cls, notice: notices.Notice) -> "NoticeView":
        """Shape a notice."""
        trade, names = notice.trade, notice.names
        stands = trade.notice_stopped_at
        return cls(
            trade_id=public_id(Kind.TRADE, trade.id),
            mode=trade.mode,
            buyer=trade.buyer,
            buyer_name=names.get(trade.buyer),
            amount=format_money(trade.amount_fen),
            amount_wan_yuan=wan_yuan(trade.amount_fen),
            awarded_at=trade.awarded_at,
            ends_at=trade.notice_ends_at if stands is None else None,
            clock_stands_since=stands,
            objections=[
                NoticeObjectionView(id=public_id(Kind.OBJECTION, id_), state=state)
                for id_, state in notice.objections
            ],
            lines=[NoticeLineView.of(line, names.get(line.seller)) for line in trade.active_lines],
        )


@router.get(
    "/notices",
    operation_id=Action.READ_BULLETIN_NOTICES,
    responses=documented(PageView[NoticeView]),
    summary="Trades in public notice 成交公示",
)
async def read_bulletin_notices(reading: Reading, page: Paging) -> Response:
    """List awarded trades in the order of their award while objections to them are possible or open."""
    work = partial(notices.notices, after=page.after[0] if page.after else None, limit=page.limit + 1)
    return await reading.run(work, lambda rows: page.view(rows, NoticeView.of, lambda row: (row.trade.id,)))
