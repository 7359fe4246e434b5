"""Sealed bids: placed, replaced and withdrawn until the closing instant, and never readable before it.

What a bid says exists in the clear only while its request is handled; the answer, which is kept under
the idempotency key, is the receipt alone. No event is announced, since the number of bids says much.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime

from app.market.access import Action, Actor, permit
from app.market.auctions import AuctionState
from app.market.bidding import refuse_inadmissible
from app.market.errors import Conflict, NotFound, RuleBroken
from app.market.ids import Kind, public_id
from app.market.needs import refuse_suspended_buyer
from app.market.units import rfc3339
from app.sealing.bids import BidTerms, Seal, seal
from app.store import auctions
from app.store import bids as store
from app.store.auctions import AuctionRow
from app.store.bids import BidRow, Entered, Receipt
from app.store.database import Connection

__all__ = ["BidRow", "BidTerms", "bids", "place", "replace", "withdraw"]

ID_BYTES = 12


async def place(connection: Connection, *, actor: Actor, auction_id: int, terms: BidTerms) -> BidRow:
    """Seal and store a bid of the actor's jurisdiction; raises NotFound, Conflict and RuleBroken."""
    buyer = actor.jurisdiction
    permit(actor, Action.PLACE_BID, buyer)
    auction = await _may_bid(connection, auction_id, buyer)
    id_, sealed = _sealed(auction, buyer, terms)
    receipt = await store.place(
        connection, auction, buyer=buyer, id_=id_, sealed=sealed.ciphertext, digest=sealed.digest
    )
    _refuse_outside_window(auction, receipt)
    if not receipt.done:
        raise RuleBroken(
            "too_many_bids",
            f"{receipt.in_force} bids of {buyer} are in force, and more than {auction.bids_per_buyer} can't "
            "be: replace or withdraw one.",
            bids_per_buyer=auction.bids_per_buyer,
        )
    return BidRow(id_, auction.id, buyer, sealed.digest, receipt.at, None, None)


async def replace(
    connection: Connection, *, actor: Actor, auction_id: int, bid_id: str, terms: BidTerms
) -> BidRow:
    """Put a new bid, with its own receipt time, in the place of one; raises as ``place``."""
    buyer = actor.jurisdiction
    permit(actor, Action.REPLACE_BID, buyer)
    auction = await _may_bid(connection, auction_id, buyer)
    id_, sealed = _sealed(auction, buyer, terms)
    receipt = await store.replace(
        connection,
        auction,
        buyer=buyer,
        old=bid_id,
        id_=id_,
        sealed=sealed.ciphertext,
        digest=sealed.digest,
    )
    await _refuse_not_in_force(connection, auction, buyer, bid_id, receipt)
    return BidRow(id_, auction.id, buyer, sealed.digest, receipt.at, None, None)


async def withdraw(connection: Connection, *, actor: Actor, auction_id: int, bid_id: str) -> BidRow:
    """Withdraw a bid; raises NotFound, and Conflict where it is not in force or bidding has closed."""
    buyer = actor.jurisdiction
    permit(actor, Action.WITHDRAW_BID, buyer)
    auction = (await _entered(connection, auction_id, buyer)).auction
    receipt = await store.withdraw(connection, auction, buyer=buyer, old=bid_id)
    await _refuse_not_in_force(connection, auction, buyer, bid_id, receipt)
    return await _own_bid(connection, auction, buyer, bid_id)


async def bids(
    connection: Connection,
    *,
    actor: Actor,
    auction_id: int,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[BidRow]:
    """Return the receipts of the actor's own bids, by receipt; nobody is shown anybody else's."""
    permit(actor, Action.READ_BIDS, actor.jurisdiction)
    if await auctions.find(connection, auction_id) is None:
        raise NotFound("auction", public_id(Kind.AUCTION, auction_id))
    return await store.bids_of(connection, auction_id, actor.jurisdiction, after=after, limit=limit)


async def _may_bid(connection: Connection, auction_id: int, buyer: str) -> AuctionRow:
    """Hold as ``_entered``; raises RuleBroken where the buyer is suspended, and bids for no obligation."""
    entered = await _entered(connection, auction_id, buyer)
    refuse_suspended_buyer(suspended=entered.suspended, buyer=buyer)
    return entered.auction


async def _entered(connection: Connection, auction_id: int, buyer: str) -> Entered:
    """Hold the auction (shared) and the buyer's registration."""
    entered = await store.enter(connection, auction_id, buyer)
    if entered is None:
        subject = public_id(Kind.AUCTION, auction_id)
        if await auctions.find(connection, auction_id) is None:
            raise NotFound("auction", subject)
        raise RuleBroken(
            "not_registered", f"{buyer} is not registered for auction {subject}: register first."
        )
    return entered


def _sealed(auction: AuctionRow, buyer: str, terms: BidTerms) -> tuple[str, Seal]:
    """Judge what can be judged now, and seal it under a new id that says nothing of its order."""
    refuse_inadmissible(
        auction.indicator,
        auction.rules,
        price=terms.price,
        quantity=terms.quantity,
        min_quantity=terms.min_quantity,
    )
    id_ = f"B{secrets.token_hex(ID_BYTES)}"
    return id_, seal(auction.public_key, public_id(Kind.AUCTION, auction.id), buyer, id_, terms)


def _refuse_outside_window(auction: AuctionRow, receipt: Receipt) -> None:
    if auction.state is AuctionState.ANNOUNCED and auction.opens_at <= receipt.at < auction.closes_at:
        return
    raise Conflict(
        "outside_bidding_window",
        f"Auction {public_id(Kind.AUCTION, auction.id)} is {auction.state}; it takes bids received from "
        f"{rfc3339(auction.opens_at)} on and before {rfc3339(auction.closes_at)}; this was "
        f"{rfc3339(receipt.at)}.",
        state=auction.state.value,
        opens_at=rfc3339(auction.opens_at),
        closes_at=rfc3339(auction.closes_at),
        received_at=rfc3339(receipt.at),
    )


async def _refuse_not_in_force(
    connection: Connection, auction: AuctionRow, buyer: str, bid_id: str, receipt: Receipt
) -> None:
    _refuse_outside_window(auction, receipt)
    if receipt.done:
        return
    bid = await _own_bid(connection, auction, buyer, bid_id)
    raise Conflict(
        "bid_not_in_force",
        f"Bid {bid.id} was " + ("withdrawn." if bid.withdrawn_at else f"replaced by {bid.replaced_by}."),
        bid=bid.id,
        replaced_by=bid.replaced_by,
    )


async def _own_bid(connection: Connection, auction: AuctionRow, buyer: str, bid_id: str) -> BidRow:
    found = await store.find(connection, auction.id, buyer, bid_id)
    if found is None:
        raise NotFound("bid", bid_id)
    return found
