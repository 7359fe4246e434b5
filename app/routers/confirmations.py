"""Confirmations (成交确认书): a trade's letter as PDF, and the public record to which its QR code leads."""

import asyncio
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.confirmations import Confirmation
from app.market.errors import Conflict
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import Indicator
from app.market.modes import TradeMode
from app.market.trades import Line, LineState, TradeState
from app.market.units import format_money, wan_yuan
from app.problems import MEDIA_TYPE, Problem
from app.routers.answers import Reading, documented
from app.routers.forms import Id, Instant, Spelt, View
from app.routers.quantities import line_figures
from app.services import confirmations

router = APIRouter(prefix="/v1", tags=["trades"], route_class=GuardedRoute)

PDF = "application/pdf"

Number = Annotated[
    str,
    Field(max_length=40, examples=["川耕调〔2026〕0000000001号"]),
    Spelt(
        "[\u4e00-\u9fff]{1,10}〔[0-9]{4}〕[0-9]{10}号",
        'The number of a confirmation is written as on its letter, such as "川耕调〔2026〕0000000001号".',
    ),
]


class ConfirmedLineView(View):
    """What was confirmed of one listing; a voided line has dropped out since."""

    seller: str
    seller_name: str | None
    batch_id: str
    filing_no: str | None = Field(description="Of the project of origin 备案编号")
    indicator: Indicator
    unit: str
    quantity: str
    quantity_mu: str | None = Field(description="Areas also in 亩")
    price: str
    amount: str
    amount_wan_yuan: str
    state: LineState

    @classmethod
    def of(cls, line: Line, confirmation: Confirmation) -> "ConfirmedLineView":
        """Shape a line."""
        return cls(
            **line_figures(line),
            seller_name=confirmation.names.get(line.seller),
            batch_id=public_id(Kind.BATCH, line.batch_id),
            filing_no=confirmation.filing_nos.get(line.batch_id),
            state=line.state,
        )


class ConfirmationRecordView(View):
    """What was confirmed under a number, and how its trade stands now."""

    number: str
    trade_id: str
    state: TradeState
    mode: TradeMode
    buyer: str
    buyer_name: str | None
    amount: str
    amount_wan_yuan: str
    awarded_at: Instant
    notice_ends_at: Instant
    confirmed_at: Instant | None
    lines: list[ConfirmedLineView]

    @classmethod
    def of(cls, confirmation: Confirmation) -> "ConfirmationRecordView":
        """Shape a confirmation."""
        trade = confirmation.trade
        return cls(
            number=trade.confirmation_number or "",
            trade_id=public_id(Kind.TRADE, trade.id),
            state=trade.state,
            mode=trade.mode,
            buyer=trade.buyer,
            buyer_name=confirmation.names.get(trade.buyer),
            amount=format_money(trade.amount_fen),
            amount_wan_yuan=wan_yuan(trade.amount_fen),
            awarded_at=trade.awarded_at,
            notice_ends_at=trade.notice_ends_at,
            confirmed_at=trade.confirmed_at,
            lines=[ConfirmedLineView.of(line, confirmation) for line in trade.lines],
        )


def _as_pdf() -> dict[int | str, dict[str, Any]]:
    responses = documented(None)
    responses[200] = {
        "description": "The letter",
        "content": {PDF: {"schema": {"type": "string", "format": "binary"}}},
    }
    responses[409] = {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": "not confirmed"}
    return responses


def _record_url(request: Request, confirmation: Confirmation) -> str:
    """Where the letter's QR code leads; raises Conflict where nobody has said under which address we are."""
    base = request.app.state.settings.public_base_url
    if base is None:
        raise Conflict(
            "public_url_missing",
            "The operator has not set GENGHENG_PUBLIC_URL: the letter's QR code would lead nowhere.",
        )
    return f"{base}/v1/bulletin/confirmations/{quote(confirmation.trade.confirmation_number or '')}"


def _letter(confirmation: Confirmation, record_url: str) -> bytes:
    from app.documents.letters import document  # noqa: PLC0415  (libraries that few requests need)

    return document(confirmation, record_url)


@router.get(
    "/trades/{trade_id}/confirmation-letter",
    operation_id=Action.READ_CONFIRMATION_LETTER,
    response_class=Response,
    responses=_as_pdf(),
    summary="The confirmation of a trade as a letter 成交确认书 (PDF)",
)
async def read_confirmation_letter(
    trade_id: Id, request: Request, actor: CurrentActor, reading: Reading
) -> Response:
    """Print the letter for a trade's parties and overseers; the same bytes while the trade stays as it is."""
    number = row_number(Kind.TRADE, trade_id)
    confirmation = await reading.load(partial(confirmations.letter, actor=actor, number=number))
    # Beside the loop: a long letter takes a second to set.
    body = await asyncio.to_thread(_letter, confirmation, _record_url(request, confirmation))
    return reading.answer(body, media_type=PDF, name=f"confirmation-{trade_id}.pdf")


@router.get(
    "/bulletin/confirmations/{number}",
    operation_id=Action.READ_BULLETIN_CONFIRMATION,
    responses=documented(ConfirmationRecordView),
    summary="What was confirmed under a number 成交确认书核验",
)
async def read_bulletin_confirmation(number: Number, reading: Reading) -> Response:
    """Show everybody what a letter must say: its QR code leads here."""
    return await reading.run(partial(confirmations.record, number=number), ConfirmationRecordView.of)
