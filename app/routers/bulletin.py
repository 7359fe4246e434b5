"""``/v1/bulletin`` and ``/v1/journal``: public, without a token; polled with an ETag."""

import json
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.auth import GuardedRoute
from app.market.access import Action
from app.market.auctions import AuctionState, Pricing, TieRule
from app.market.ids import Kind, public_id
from app.market.indicators import UNIT, Indicator
from app.market.listings import ListingState
from app.market.modes import TradeMode
from app.market.units import format_money, format_quantity, quantity_mu, wan_yuan
from app.routers.answers import PageView, Paging, Reading, documented
from app.routers.bands import BandView, in_the_order_entered
from app.routers.forms import Id, Instant, View
from app.services import bulletin

router = APIRouter(prefix="/v1", tags=["bulletin"], route_class=GuardedRoute)


class OpenListingView(View):
    """A listing of which something can still be bought; an ask of null is the floor of the day."""

    id: str
    county: str
    county_name: str | None
    indicator: Indicator
    unit: str
    quantity: str
    quantity_mu: str | None = Field(description="Areas also in 亩")
    ask: str | None
    ask_wan_yuan: str | None
    open_to_key_projects: bool
    poverty: bool = Field(description="Listed as a poverty county 贫困县: it goes first in the queue")
    listed_at: Instant
    state: ListingState
    auction_id: str | None
    project_id: str = Field(description="The project of origin 来源项目")

    @classmethod
    def of(cls, row: bulletin.OpenListing) -> "OpenListingView":
        """Shape an open listing."""
        return cls(
            id=public_id(Kind.LISTING, row.id),
            county=row.county,
            county_name=row.county_name,
            indicator=row.indicator,
            unit=UNIT[row.indicator].name,
            quantity=format_quantity(row.buyable, row.indicator),
            quantity_mu=quantity_mu(row.buyable, row.indicator),
            ask=None if row.ask_fen is None else format_money(row.ask_fen),
            ask_wan_yuan=None if row.ask_fen is None else wan_yuan(row.ask_fen),
            open_to_key_projects=row.open_to_key_projects,
            poverty=row.poverty,
            listed_at=row.listed_at,
            state=row.state,
            auction_id=None if row.auction_id is None else public_id(Kind.AUCTION, row.auction_id),
            project_id=public_id(Kind.PROJECT, row.project_id),
        )


class AnnouncementView(View):
    """An auction to come: its terms and its pool; who registered or bid is nobody's to know yet."""

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
    pool_listings: int
    pool_supply: str
    pool_supply_mu: str | None = Field(description="Areas also in 亩")

    @classmethod
    def of(cls, row: bulletin.Announcement) -> "AnnouncementView":
        """Shape an announced auction."""
        return cls(
            id=public_id(Kind.AUCTION, row.id),
            indicator=row.indicator,
            unit=UNIT[row.indicator].name,
            state=row.state,
            announced_at=row.announced_at,
            opens_at=row.opens_at,
            closes_at=row.closes_at,
            pricing=row.pricing,
            tie=row.tie,
            lot=format_quantity(row.lot, row.indicator),
            floor=format_money(row.floor_fen),
            ceiling=format_money(row.ceiling_fen),
            floor_wan_yuan=wan_yuan(row.floor_fen),
            ceiling_wan_yuan=wan_yuan(row.ceiling_fen),
            buyer_cap_share=row.buyer_cap_share,
            deposit_rate=row.deposit_rate,
            bids_per_buyer=row.bids_per_buyer,
            pool_listings=row.pool_listings,
            pool_supply=format_quantity(row.pool_supply, row.indicator),
            pool_supply_mu=quantity_mu(row.pool_supply, row.indicator),
        )


class SoldView(View):
    """How much of one indicator a result sold."""

    indicator: Indicator
    unit: str
    quantity: str


class ResultView(View):
    """How an auction ended, what an allocation run gave, or what a purchase took."""

    id: str
    at: Instant
    mode: TradeMode = Field(description="调剂方式")
    state: AuctionState | None = Field(description="Of an auction; null for an allocation run or a purchase")
    reason: str | None = Field(description="Why an auction was cancelled or void")
    sold: list[SoldView]
    clearing_price: str | None = Field(
        description="The one price of all that was sold: null under pay-as-bid, for an allocation run, and "
        "where nothing was sold"
    )
    record_url: str | None
    outcome_url: str | None

    @classmethod
    def of(cls, row: bulletin.Result) -> "ResultView":
        """Shape a result."""
        name = public_id(row.kind, row.id)
        address = f"/v1/{'auctions' if row.kind is Kind.AUCTION else 'allocations'}/{name}"
        return cls(
            id=name,
            at=row.at,
            mode=row.mode,
            state=row.state,
            reason=row.reason,
            sold=[
                SoldView(indicator=indicator, unit=UNIT[indicator].name, quantity=row.sold[indicator])
                for indicator in Indicator
                if indicator in row.sold
            ],
            clearing_price=row.clearing_price,
            record_url=f"{address}/record" if row.has_outcome else None,
            outcome_url=f"{address}/outcome" if row.has_outcome else None,
        )


class CirculatedView(View):
    """A jurisdiction that the regulator criticised in a circular, and why."""

    id: str
    jurisdiction: str
    jurisdiction_name: str | None
    reason: str
    starts_on: date
    ends_on: date | None
    decided_at: Instant
    lifted_at: Instant | None

    @classmethod
    def of(cls, row: bulletin.Circulated) -> "CirculatedView":
        """Shape a circulation."""
        return cls(
            id=public_id(Kind.SANCTION, row.id),
            jurisdiction=row.jurisdiction,
            jurisdiction_name=row.jurisdiction_name,
            reason=row.reason,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            decided_at=row.decided_at,
            lifted_at=row.lifted_at,
        )


class EventView(View):
    """One change of state, and the SHA-256 of its facts as JSON with sorted names and no blanks."""

    id: str
    at: Instant
    kind: str
    subject: str
    actor: str | None = Field(description="The jurisdiction that acted; null for the exchange itself")
    facts: dict[str, Any]
    sha256: str

    @classmethod
    def of(cls, row: bulletin.EventRow) -> "EventView":
        """Shape an event."""
        return cls(
            id=public_id(Kind.EVENT, row.id),
            at=row.at,
            kind=row.kind,
            subject=row.subject,
            actor=row.actor,
            facts=json.loads(row.payload),
            sha256=row.digest.hex(),
        )


OneIndicator = Annotated[Indicator | None, Query()]


@router.get(
    "/bulletin/listings",
    operation_id=Action.READ_BULLETIN_LISTINGS,
    responses=documented(PageView[OpenListingView]),
    summary="Open listings 挂牌公告, in the order in which they are sold",
)
async def read_bulletin_listings(reading: Reading, page: Paging, indicator: OneIndicator = None) -> Response:
    """List what can still be bought: poverty counties first, then by time of listing, then by id."""
    place = None
    if page.after:
        poverty, listed_at, number = page.after
        place = bulletin.QueuePlace(poverty, datetime.fromisoformat(listed_at), number)
    work = partial(bulletin.open_listings, indicator=indicator, after=place, limit=page.limit + 1)
    return await reading.run(
        work,
        lambda rows: page.view(
            rows, OpenListingView.of, lambda row: (row.poverty, row.listed_at.isoformat(), row.id)
        ),
    )


@router.get(
    "/bulletin/announcements",
    operation_id=Action.READ_BULLETIN_ANNOUNCEMENTS,
    responses=documented(PageView[AnnouncementView]),
    summary="Auctions to come 出让公告",
)
async def read_bulletin_announcements(
    reading: Reading, page: Paging, indicator: OneIndicator = None
) -> Response:
    """List auctions that are announced, or closed and about to be opened."""
    work = partial(
        bulletin.announcements,
        indicator=indicator,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, AnnouncementView.of, lambda row: (row.id,)))


@router.get(
    "/bulletin/results",
    operation_id=Action.READ_BULLETIN_RESULTS,
    responses=documented(PageView[ResultView]),
    summary="Results of auctions, allocations and purchases 成交公告, the latest first",
)
async def read_bulletin_results(reading: Reading, page: Paging) -> Response:
    """List ended auctions and allocation runs, with the addresses of their records, and purchases."""
    after = None
    if page.after:
        at, letter, number = page.after
        after = (datetime.fromisoformat(at), letter, number)
    return await reading.run(
        partial(bulletin.results, after=after, limit=page.limit + 1),
        lambda rows: page.view(
            rows, ResultView.of, lambda row: (row.at.isoformat(), row.kind.value[0], row.id)
        ),
    )


@router.get(
    "/bulletin/bands",
    operation_id=Action.READ_BULLETIN_BANDS,
    responses=documented(PageView[BandView]),
    summary="Price bands 限价公告: all that were set, or those in force at a time",
)
async def read_bulletin_bands(
    reading: Reading,
    page: Paging,
    indicator: OneIndicator = None,
    at: Annotated[Instant | None, Query(description="Only the bands in force at this instant")] = None,
) -> Response:
    """List bands in the order they were entered, with the costs they rest on."""
    return await reading.run(
        in_the_order_entered(page, indicator, at),
        lambda rows: page.view(rows, BandView.of, lambda dated: (dated.row.id,)),
    )


@router.get(
    "/bulletin/circulated",
    operation_id=Action.READ_BULLETIN_CIRCULATED,
    responses=documented(PageView[CirculatedView]),
    summary="Circulations of criticism 通报批评, the latest first",
)
async def read_bulletin_circulated(reading: Reading, page: Paging) -> Response:
    """List every circulation from its decision on, lifted ones too, with its reason."""
    work = partial(bulletin.circulated, after=page.after[0] if page.after else None, limit=page.limit + 1)
    return await reading.run(work, lambda rows: page.view(rows, CirculatedView.of, lambda row: (row.id,)))


@router.get(
    "/journal",
    operation_id=Action.READ_JOURNAL,
    responses=documented(PageView[EventView]),
    summary="Every change of state, oldest first",
)
async def read_journal(
    reading: Reading,
    page: Paging,
    kind: Annotated[
        str | None, Query(max_length=60, pattern=r"^[a-z_.]+$", examples=["auction.opened"])
    ] = None,
    subject: Annotated[Id | None, Query(description="The public id, or code, of the thing")] = None,
) -> Response:
    """List events; new ones come after the last cursor."""
    work = partial(
        bulletin.events,
        kind=kind,
        subject=subject,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, EventView.of, lambda row: (row.id,)))
