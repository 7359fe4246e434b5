"""``/v1/auctions``: announced, registered for, bid for under seal, opened, and recomputed by anyone."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.auctions import AuctionState, Pricing, TieRule
from app.market.bidding import LeftOutReason
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import UNIT, Indicator
from app.market.policies import FORMS
from app.market.units import format_money, format_quantity, parse_quantity, quantity_mu, rfc3339, wan_yuan
from app.problems import MEDIA_TYPE, Problem
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import DecimalText, Form, Id, Instant, Text, View, WarningView
from app.services import auctions, bids, openings

router = APIRouter(prefix="/v1/auctions", tags=["auctions"], route_class=GuardedRoute)

_NOT_OPENED: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": "not opened"}
}


class PoolView(View):
    """What the auction was announced with: whole lots of how many listings."""

    listings: int
    supply: str
    supply_mu: str | None = Field(description="Areas also in 亩")


class LeftOutView(View):
    """A listing that is listed and stayed out of the pool."""

    listing_id: str
    county: str
    reason: LeftOutReason


class AuctionView(View):
    """An auction; nothing of its bids, not even their number, before it is opened."""

    id: str
    indicator: Indicator
    unit: str
    state: AuctionState
    announced_at: Instant
    opens_at: Instant
    closes_at: Instant
    pricing: Pricing
    tie: TieRule
    lot: str
    floor: str
    ceiling: str
    floor_wan_yuan: str
    ceiling_wan_yuan: str
    buyer_cap_share: str | None
    deposit_rate: str = Field(description="Of ceiling × limit")
    bids_per_buyer: int
    purchases_within_need: bool = Field(description="Whether a limit is at most what the need has open")
    pool: PoolView
    ended_at: Instant | None
    end_reason: str | None
    warnings: list[WarningView] = Field(description="Only for those who may see all registrations")
    left_out: list[LeftOutView] = Field(description="Only in the answer to the announcement")

    @classmethod
    def of(cls, standing: auctions.Standing) -> "AuctionView":
        """Shape an auction as it stands."""
        row = standing.auction
        return cls(
            id=public_id(Kind.AUCTION, row.id),
            indicator=row.indicator,
            unit=UNIT[row.indicator].name,
            state=row.state,
            announced_at=row.announced_at,
            opens_at=row.opens_at,
            closes_at=row.closes_at,
            pricing=row.rules.pricing,
            tie=row.rules.tie,
            lot=format_quantity(row.rules.lot_steps, row.indicator),
            floor=format_money(row.rules.floor_fen),
            ceiling=format_money(row.rules.ceiling_fen),
            floor_wan_yuan=wan_yuan(row.rules.floor_fen),
            ceiling_wan_yuan=wan_yuan(row.rules.ceiling_fen),
            buyer_cap_share=row.buyer_cap_share,
            deposit_rate=row.deposit_rate,
            bids_per_buyer=row.bids_per_buyer,
            purchases_within_need=row.purchases_within_need,
            pool=PoolView(
                listings=standing.pool_listings,
                supply=format_quantity(standing.pool_supply, row.indicator),
                supply_mu=quantity_mu(standing.pool_supply, row.indicator),
            ),
            ended_at=row.ended_at,
            end_reason=row.end_reason,
            warnings=[WarningView(code=each.code, detail=each.detail) for each in standing.warnings],
            left_out=[
                LeftOutView(
                    listing_id=public_id(Kind.LISTING, each.listing_id),
                    county=each.county,
                    reason=each.reason,
                )
                for each in standing.left_out
            ],
        )


class AuctionForm(Form):
    """An auction to announce; what is left out is as the policies in force say."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "indicator": "farmland_quantity",
                "opens_at": "2100-01-01T01:00:00Z",
                "closes_at": "2100-01-31T01:00:00Z",
                "pricing": "pay_as_bid",
                "tie": "earliest",
                "lot": "0.0001",
                "buyer_cap_share": "0.5",
            }
        )
    )

    indicator: Indicator
    opens_at: Instant
    closes_at: Instant
    pricing: Pricing | None = None
    tie: TieRule | None = None
    lot: DecimalText | None = None
    buyer_cap_share: DecimalText | None = Field(
        default=None, description="A buyer's part of the supply; null: no cap; left out: the policy's"
    )

    def choices(self) -> auctions.Choices:
        """What is set otherwise than the policies; raises BadQuantity, Malformed."""
        sets_cap = "buyer_cap_share" in self.model_fields_set
        return auctions.Choices(
            pricing=self.pricing,
            tie=self.tie,
            lot_steps=None if self.lot is None else parse_quantity(self.lot, self.indicator, field="lot"),
            sets_cap=sets_cap,
            buyer_cap_share=FORMS["buyer_cap_share"](self.buyer_cap_share, "buyer_cap_share"),
        )


class CancellationForm(Form):
    """Why the auction is cancelled."""

    model_config = ConfigDict(json_schema_extra=example({"reason": "公告有误，重新组织"}))

    reason: Text


class OpeningForm(Form):
    """Nothing to say: what is opened was fixed at the closing instant."""

    model_config = ConfigDict(json_schema_extra=example({}))


class RegistrationForm(Form):
    """A need to buy for, and the most that all bids together may win."""

    model_config = ConfigDict(json_schema_extra=example({"need_id": "N0000000001", "limit": "25.0000"}))

    need_id: Id
    limit: DecimalText


class RegistrationView(View):
    """A registration; the deposit follows from the limit and says nothing of a bid."""

    id: str
    auction_id: str
    buyer: str
    need_id: str
    limit: str
    reserved: str = Field(description="Of the need: the limit, or all that was open if the limit exceeds it")
    deposit: str
    deposit_wan_yuan: str
    registered_at: Instant

    @classmethod
    def of(cls, row: auctions.RegistrationRow, indicator: Indicator) -> "RegistrationView":
        """Shape a registration for an auction of ``indicator``."""
        return cls(
            id=public_id(Kind.REGISTRATION, row.id),
            auction_id=public_id(Kind.AUCTION, row.auction_id),
            buyer=row.buyer,
            need_id=public_id(Kind.NEED, row.need_id),
            limit=format_quantity(row.limit, indicator),
            reserved=format_quantity(row.reserved, indicator),
            deposit=format_money(row.deposit_fen),
            deposit_wan_yuan=wan_yuan(row.deposit_fen),
            registered_at=row.registered_at,
        )


class BidForm(Form):
    """A bid in the clear; it is sealed as it arrives and stored, logged and shown nowhere before that."""

    model_config = ConfigDict(
        json_schema_extra=example({"price": "380000.00", "quantity": "10.0000", "min_quantity": "5.0000"})
    )

    price: DecimalText = Field(description="Yuan per hm² or per kg, inside the band")
    quantity: DecimalText = Field(description="One or more whole lots")
    min_quantity: DecimalText | None = Field(default=None, description="All of this, or nothing")

    def terms(self) -> bids.BidTerms:
        """The bid as it was written."""
        return bids.BidTerms(self.price, self.quantity, self.min_quantity)


class BidWithdrawalForm(Form):
    """Nothing to say."""

    model_config = ConfigDict(json_schema_extra=example({}))


class BidState(StrEnum):
    """What has become of a bid before the opening."""

    IN_FORCE = "IN_FORCE"
    REPLACED = "REPLACED"
    WITHDRAWN = "WITHDRAWN"


class ReceiptView(View):
    """A bid's receipt: when it was received, and the SHA-256 of what was stored."""

    id: str
    auction_id: str
    received_at: Instant
    sealed_sha256: str
    state: BidState
    replaced_by: str | None
    withdrawn_at: Instant | None

    @classmethod
    def of(cls, row: bids.BidRow) -> "ReceiptView":
        """Shape a bid without its terms, which nobody has."""
        ended = BidState.REPLACED if row.replaced_by else BidState.WITHDRAWN if row.withdrawn_at else None
        return cls(
            id=row.id,
            auction_id=public_id(Kind.AUCTION, row.auction_id),
            received_at=row.received_at,
            sealed_sha256=row.digest.hex(),
            state=ended or BidState.IN_FORCE,
            replaced_by=row.replaced_by,
            withdrawn_at=row.withdrawn_at,
        )


@router.post(
    "",
    operation_id=Action.ANNOUNCE_AUCTION,
    status_code=201,
    responses=documented(AuctionView, status=201),
    summary="Announce an auction 公告",
)
async def announce_auction(
    form: AuctionForm, actor: CurrentActor, writing: Writing, request: Request
) -> Response:
    """Announce an auction with a pool of all that is listed, after key projects have been served."""
    work = partial(
        auctions.announce_auction,
        actor=actor,
        keys=request.app.state.keys,
        indicator=form.indicator,
        opens_at=form.opens_at,
        closes_at=form.closes_at,
        choices=form.choices(),
    )
    return await writing.run(work, AuctionView.of)


@router.get(
    "",
    operation_id=Action.READ_AUCTIONS,
    responses=documented(PageView[AuctionView]),
    summary="Auctions 场次",
)
async def read_auctions(
    reading: Reading,
    page: Paging,
    indicator: Annotated[Indicator | None, Query()] = None,
    state: Annotated[AuctionState | None, Query()] = None,
) -> Response:
    """List auctions by age."""
    work = partial(
        auctions.auctions,
        indicator=indicator,
        state=state,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(
        work, lambda rows: page.view(rows, AuctionView.of, lambda row: (row.auction.id,))
    )


@router.get(
    "/{auction_id}",
    operation_id=Action.READ_AUCTION,
    responses=documented(AuctionView),
    summary="One auction",
)
async def read_auction(auction_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show an auction: its rules, band and pool, and never its bids."""
    work = partial(auctions.auction, actor=actor, auction_id=row_number(Kind.AUCTION, auction_id))
    return await reading.run(work, AuctionView.of)


@router.post(
    "/{auction_id}/cancellation",
    operation_id=Action.CANCEL_AUCTION,
    status_code=201,
    responses=documented(AuctionView, status=201),
    summary="Cancel an auction before it closes 取消",
)
async def cancel_auction(
    auction_id: Id, form: CancellationForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Cancel: deposits back, needs free, listings on the list again."""
    number = row_number(Kind.AUCTION, auction_id)
    work = partial(openings.cancel_auction, actor=actor, auction_id=number, reason=form.reason)
    return await writing.run(work, AuctionView.of)


@router.post(
    "/{auction_id}/registrations",
    operation_id=Action.REGISTER_FOR_AUCTION,
    status_code=201,
    responses=documented(RegistrationView, status=201),
    summary="Register for an auction 报名",
)
async def register_for_auction(
    auction_id: Id, form: RegistrationForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Register with a limit; it reserves the need and holds the bid deposit 保证金."""
    work = partial(
        auctions.register,
        actor=actor,
        auction_id=row_number(Kind.AUCTION, auction_id),
        need_id=row_number(Kind.NEED, form.need_id, field="need_id"),
        limit_text=form.limit,
    )
    return await writing.run(work, lambda made: RegistrationView.of(made[1], made[0].indicator))


@router.get(
    "/{auction_id}/registrations",
    operation_id=Action.READ_REGISTRATIONS,
    responses=documented(PageView[RegistrationView]),
    summary="Registrations: one's own, or all for overseers",
)
async def read_registrations(auction_id: Id, actor: CurrentActor, reading: Reading, page: Paging) -> Response:
    """List registrations by age."""
    work = partial(
        auctions.registrations,
        actor=actor,
        auction_id=row_number(Kind.AUCTION, auction_id),
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )

    def shape(
        found: tuple[auctions.AuctionRow, Sequence[auctions.RegistrationRow]],
    ) -> PageView[RegistrationView]:
        auction, rows = found
        return page.view(rows, lambda row: RegistrationView.of(row, auction.indicator), lambda row: (row.id,))

    return await reading.run(work, shape)


@router.post(
    "/{auction_id}/bids",
    operation_id=Action.PLACE_BID,
    status_code=201,
    responses=documented(ReceiptView, status=201),
    summary="Place a sealed bid 投标",
)
async def place_bid(auction_id: Id, form: BidForm, actor: CurrentActor, writing: Writing) -> Response:
    """Seal a bid and store it; the answer is its receipt."""
    number = row_number(Kind.AUCTION, auction_id)
    work = partial(bids.place, actor=actor, auction_id=number, terms=form.terms())
    return await writing.run(work, ReceiptView.of)


@router.get(
    "/{auction_id}/bids",
    operation_id=Action.READ_BIDS,
    responses=documented(PageView[ReceiptView]),
    summary="Receipts of one's own bids",
)
async def read_bids(auction_id: Id, actor: CurrentActor, reading: Reading, page: Paging) -> Response:
    """List the receipts of one's own bids by receipt."""
    after = None
    if page.after:
        after = (datetime.fromisoformat(page.after[0]), page.after[1])
    work = partial(
        bids.bids,
        actor=actor,
        auction_id=row_number(Kind.AUCTION, auction_id),
        after=after,
        limit=page.limit + 1,
    )
    return await reading.run(
        work,
        lambda rows: page.view(rows, ReceiptView.of, lambda row: (rfc3339(row.received_at), row.id)),
    )


@router.post(
    "/{auction_id}/bids/{bid_id}/replacement",
    operation_id=Action.REPLACE_BID,
    status_code=201,
    responses=documented(ReceiptView, status=201),
    summary="Replace a bid before closing",
)
async def replace_bid(
    auction_id: Id, bid_id: Id, form: BidForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Put a new bid in the place of one; it has a new id and a new receipt time."""
    work = partial(
        bids.replace,
        actor=actor,
        auction_id=row_number(Kind.AUCTION, auction_id),
        bid_id=bid_id,
        terms=form.terms(),
    )
    return await writing.run(work, ReceiptView.of)


@router.post(
    "/{auction_id}/bids/{bid_id}/withdrawal",
    operation_id=Action.WITHDRAW_BID,
    status_code=201,
    responses=documented(ReceiptView, status=201),
    summary="Withdraw a bid before closing",
)
async def withdraw_bid(
    auction_id: Id, bid_id: Id, form: BidWithdrawalForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Withdraw a bid; it takes no part."""
    number = row_number(Kind.AUCTION, auction_id)
    work = partial(bids.withdraw, actor=actor, auction_id=number, bid_id=bid_id)
    return await writing.run(work, ReceiptView.of)


@router.post(
    "/{auction_id}/opening",
    operation_id=Action.OPEN_AUCTION,
    status_code=201,
    responses=documented(AuctionView, status=201),
    summary="Open the bids after closing 开标",
)
async def open_auction(
    auction_id: Id, form: OpeningForm, actor: CurrentActor, writing: Writing, request: Request
) -> Response:
    """Unseal, clear, award and publish; an auction that can't be opened becomes VOID."""
    number = row_number(Kind.AUCTION, auction_id)
    keys = request.app.state.keys
    work = partial(openings.open_auction, actor=actor, keys=keys, auction_id=number)
    return await writing.run(work, AuctionView.of)


@router.get(
    "/{auction_id}/record",
    operation_id=Action.READ_AUCTION_RECORD,
    responses={**documented(dict[str, Any]), **_NOT_OPENED},
    summary="The record that anyone can recompute 公开记录",
)
async def read_auction_record(auction_id: Id, reading: Reading) -> Response:
    """Show the round's record (`gengheng/round/1`), byte for byte as it was cleared."""
    work = partial(auctions.record, auction_id=row_number(Kind.AUCTION, auction_id))
    return reading.answer(await reading.load(work))


@router.get(
    "/{auction_id}/outcome",
    operation_id=Action.READ_AUCTION_OUTCOME,
    responses={**documented(dict[str, Any]), **_NOT_OPENED},
    summary="The outcome 结果",
)
async def read_auction_outcome(auction_id: Id, reading: Reading) -> Response:
    """Show the round's outcome (`gengheng/outcome/1`), as `gengheng clear` prints it from the record."""
    work = partial(auctions.outcome, auction_id=row_number(Kind.AUCTION, auction_id))
    return reading.answer(await reading.load(work))
