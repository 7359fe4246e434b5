"""How an auction ends: closed by time, then opened (开标); or cancelled; or void, if it can't be opened.

Closing, opening and cancelling take the auction's row alone, bids take it shared: a bid that was accepted
is in the record, and one that came too late was refused.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.documents.json_text import dump
from app.documents.records import outcome_record, round_record
from app.market.access import Action, Actor, permit
from app.market.auctions import TRANSITIONS, AuctionEvent, AuctionState, Listing, Outcome, Round, SealedBid
from app.market.clearing import clear
from app.market.errors import Conflict, NotFound
from app.market.ids import Kind, public_id
from app.market.ledger import Bucket, money, move
from app.market.openings import Plan, PooledListing, Registered, plan
from app.market.states import step
from app.market.units import format_money, format_quantity, rfc3339
from app.sealing.bids import Opener, Seal, SealBroken
from app.sealing.keys import Keys, UnwrapRefused
from app.services.auctions import Standing, standing
from app.services.awards import award
from app.services.days import microseconds
from app.services.journal import announce
from app.store import auctions as store
from app.store import bids, clock, ledger, listings, needs
from app.store.auctions import AuctionRow, PoolRow, RegistrationRow
from app.store.bids import SealedRow
from app.store.database import Connection

__all__ = ["CannotBeOpened", "cancel_auction", "close_due", "open_auction", "open_due"]


async def close_due(connection: Connection, *, keys: Keys, tried: set[int]) -> bool:
    """Close one auction whose closing instant has come, if there is one; whether there was."""
    now = await clock.now(connection)
    row = await store.take_due(connection, AuctionState.ANNOUNCED, now, tried)
    if row is None:
        return False
    tried.add(row.id)
    await _close(connection, row, now, actor=None)
    return True


async def open_due(connection: Connection, *, keys: Keys, tried: set[int]) -> bool:
    """Open one closed auction, if there is one; whether there was. Raises CannotBeOpened.

    One that can't be opened stays CLOSED: a service started with the wrong key must not void the market
    by itself. Whether it is void a person decides, by asking for its opening (ADR 0007).
    """
    now = await clock.now(connection)
    row = await store.take_due(connection, AuctionState.CLOSED, now, tried)
    if row is None:
        return False
    tried.add(row.id)
    await _open(connection, row, now, keys=keys, actor=None)
    return True


async def open_auction(connection: Connection, *, actor: Actor, keys: Keys, auction_id: int) -> Standing:
    """Open an auction whose closing instant has come; raises NotFound, Conflict, WrongState.

    Where a key or a bid can't be opened the auction becomes VOID, which the answer shows.
    """
    permit(actor, Action.OPEN_AUCTION, actor.jurisdiction)
    row = await _locked(connection, auction_id)
    now = await clock.now(connection)
    if row.state is AuctionState.ANNOUNCED:
        if now < row.closes_at:
            raise Conflict(
                "bidding_not_closed",
                f"Bids are taken until {rfc3339(row.closes_at)}; nobody can open them before.",
                closes_at=rfc3339(row.closes_at),
                now=rfc3339(now),
            )
        row = await _close(connection, row, now, actor=actor.jurisdiction)
    try:
        await _open(connection, row, now, keys=keys, actor=actor.jurisdiction)
    except CannotBeOpened as broken:
        await _void(connection, row, broken.members, now, actor=actor.jurisdiction, reason=str(broken))
    return await standing(connection, await _locked(connection, auction_id), actor)


async def cancel_auction(connection: Connection, *, actor: Actor, auction_id: int, reason: str) -> Standing:
    """Cancel an auction before it closes; deposits go back. Raises NotFound, Conflict, WrongState."""
    permit(actor, Action.CANCEL_AUCTION, actor.jurisdiction)
    row = await _locked(connection, auction_id)
    after = step(TRANSITIONS, "auction", public_id(Kind.AUCTION, row.id), row.state, AuctionEvent.CANCEL)
    members = await _hold(connection, row)
    now = await clock.now(connection)
    if now >= row.closes_at:
        raise Conflict(
            "bidding_closed",
            f"Bidding closed at {rfc3339(row.closes_at)}: the auction can only be opened now.",
            closes_at=rfc3339(row.closes_at),
            now=rfc3339(now),
        )
    await _end_unsold(connection, row, members, after, now, actor=actor.jurisdiction, reason=reason)
    return await standing(connection, await _locked(connection, auction_id), actor)


async def _locked(connection: Connection, auction_id: int) -> AuctionRow:
    row = await store.lock(connection, auction_id)
    if row is None:
        raise NotFound("auction", public_id(Kind.AUCTION, auction_id))
    return row


async def _close(connection: Connection, row: AuctionRow, now: datetime, *, actor: str | None) -> AuctionRow:
    subject = public_id(Kind.AUCTION, row.id)
    after = step(TRANSITIONS, "auction", subject, row.state, AuctionEvent.CLOSE)
    await store.change_state(connection, row.id, before=row.state, after=after)
    await announce(
        connection,
        at=now,
        kind="auction.closed",
        subject=subject,
        actor=actor,
        facts={"indicator": row.indicator, "closes_at": rfc3339(row.closes_at)},
    )
    return await _locked(connection, row.id)


@dataclass(frozen=True, slots=True)
class _Members:
    """Who and what takes part: registrations, and the listings in the pool; needs and listings are held."""

    registrations: Sequence[RegistrationRow]
    pool: Sequence[PoolRow]


async def _hold(connection: Connection, row: AuctionRow) -> _Members:
    """Lock the needs, then the listings of an auction that the caller holds, and read the pool after that."""
    registrations = await store.registrations(connection, row.id)
    await needs.lock(connection, [each.need_id for each in registrations])
    pooled = await store.pool(connection, row.id)
    await listings.lock(connection, [each.listing_id for each in pooled])
    # Read again: a listing may have been voided while the lock was waited for.
    return _Members(registrations, await store.pool(connection, row.id))


class CannotBeOpened(Exception):
    """The auction's key can't be unwrapped, or a sealed bid is not what was received."""

    def __init__(self, why: str, members: _Members) -> None:
        super().__init__(why)
        self.members = members


@dataclass(frozen=True, slots=True)
class _Opened:
    """What comes out of the seals and the clearing: texts to publish, and what to do."""

    record: str
    outcome: str
    result: Outcome
    plan: Plan


async def _open(
    connection: Connection, row: AuctionRow, now: datetime, *, keys: Keys, actor: str | None
) -> None:
    """Unseal, clear, publish, award, release: all of it in this transaction.

    Raises CannotBeOpened before anything is written.
    """
    subject = public_id(Kind.AUCTION, row.id)
    after = step(TRANSITIONS, "auction", subject, row.state, AuctionEvent.OPEN)
    members = await _hold(connection, row)
    sealed = await bids.in_force(connection, row.id)
    try:
        # In a thread, since a large round takes seconds and other requests should not wait for it.
        opened = await asyncio.to_thread(_decide, row, members, sealed, keys)
    except (UnwrapRefused, SealBroken) as broken:
        raise CannotBeOpened(str(broken), members) from broken
    await _leave(connection, row, members)
    await award(connection, now=now, actor=actor, trades=opened.plan.trades)
    await _release(connection, row, opened.plan.released_fen, now, actor=actor)
    await store.publish(connection, row.id, record=opened.record, outcome=opened.outcome)
    await store.change_state(connection, row.id, before=row.state, after=after, ended_at=now)
    await announce(
        connection,
        at=now,
        kind="auction.opened",
        subject=subject,
        actor=actor,
        facts={
            "indicator": row.indicator,
            "bids": len(sealed),
            "trades": len(opened.plan.trades),
            "sold_quantity": format_quantity(opened.result.sold_steps, row.indicator),
            "unsold_quantity": format_quantity(opened.result.unsold_steps, row.indicator),
            "clearing_price": None
            if opened.result.clearing_price_fen is None
            else format_money(opened.result.clearing_price_fen),
            "record_sha256": hashlib.sha256(opened.record.encode()).hexdigest(),
            "outcome_sha256": hashlib.sha256(opened.outcome.encode()).hexdigest(),
        },
    )


def _decide(row: AuctionRow, members: _Members, sealed: Sequence[SealedRow], keys: Keys) -> _Opened:
    """Unseal the bids and clear the round; raises UnwrapRefused, SealBroken."""
    round_ = _round(row, members, _unsealed(row, sealed, keys))
    result = clear(round_)
    return _Opened(
        record=dump(round_record(round_)).decode(),
        outcome=dump(outcome_record(result, row.indicator)).decode(),
        result=result,
        plan=plan(
            row.id,
            row.indicator,
            result,
            {
                each.buyer: Registered(each.need_id, each.limit, each.deposit_fen)
                for each in members.registrations
            },
            {
                public_id(Kind.LISTING, each.listing_id): PooledListing(each.listing_id, each.batch_id)
                for each in members.pool
            },
        ),
    )


def _unsealed(row: AuctionRow, sealed: Sequence[SealedRow], keys: Keys) -> tuple[SealedBid, ...]:
    """Open every bid in force. One that doesn't open voids the auction (ADR 0007).

    The service sealed each bid itself, so one that doesn't open was tampered with or lost in the store;
    to clear without it would let whoever did that choose the winners.
    """
    opener = Opener(keys, public_id(Kind.AUCTION, row.id), row.wrapped_private_key)
    unsealed = []
    for bid in sealed:
        terms = opener.open(bid.buyer, bid.id, Seal(bid.sealed, bid.digest))
        unsealed.append(
            SealedBid(
                id=bid.id,
                buyer=bid.buyer,
                price=terms.price,
                quantity=terms.quantity,
                min_quantity=terms.min_quantity,
                received_at_us=microseconds(bid.received_at),
            )
        )
    return tuple(unsealed)


def _round(row: AuctionRow, members: _Members, unsealed: tuple[SealedBid, ...]) -> Round:
    """The round as its record says it; every registered buyer has its limit named (FORMATS)."""
    return Round(
        indicator=row.indicator,
        opens_at_us=microseconds(row.opens_at),
        closes_at_us=microseconds(row.closes_at),
        rules=row.rules,
        buyer_limits={each.buyer: each.limit for each in members.registrations},
        listings=tuple(
            Listing(
                id=public_id(Kind.LISTING, each.listing_id),
                county=each.county,
                quantity_steps=each.quantity,
                ask_fen=each.ask_fen,
                poverty=each.poverty,
                listed_at_us=microseconds(each.listed_at),
            )
            for each in members.pool
        ),
        bids=unsealed,
    )


async def _void(
    connection: Connection, row: AuctionRow, members: _Members, now: datetime, *, actor: str, reason: str
) -> None:
    after = step(TRANSITIONS, "auction", public_id(Kind.AUCTION, row.id), row.state, AuctionEvent.VOID)
    await _end_unsold(connection, row, members, after, now, actor=actor, reason=reason)


async def _end_unsold(
    connection: Connection,
    row: AuctionRow,
    members: _Members,
    after: AuctionState,
    now: datetime,
    *,
    actor: str | None,
    reason: str,
) -> None:
    """End an auction that sells nothing: all deposits back, needs free, listings on the list again."""
    await _leave(connection, row, members)
    held_fen = {each.buyer: each.deposit_fen for each in members.registrations if each.deposit_fen}
    await _release(connection, row, held_fen, now, actor=actor)
    await store.change_state(
        connection, row.id, before=row.state, after=after, ended_at=now, end_reason=reason
    )
    await announce(
        connection,
        at=now,
        kind=f"auction.{after.lower()}",
        subject=public_id(Kind.AUCTION, row.id),
        actor=actor,
        facts={"indicator": row.indicator, "reason": reason},
    )


async def _leave(connection: Connection, row: AuctionRow, members: _Members) -> None:
    """Free what the registrations reserve of their needs, and put the pool back on the list."""
    if members.registrations:
        freed = {(each.need_id, row.indicator): 0 for each in members.registrations}
        for each in members.registrations:
            freed[(each.need_id, row.indicator)] -= each.reserved
        await needs.add_reserved(connection, freed)
    await listings.leave_auction(connection, row.id)


async def _release(
    connection: Connection,
    row: AuctionRow,
    released_fen: Mapping[str, int],
    now: datetime,
    *,
    actor: str | None,
) -> None:
    """Give bid deposits (保证金) back, of all buyers in one ledger transaction."""
    entries = [
        entry
        for buyer, fen in released_fen.items()
        for entry in move(money(buyer, Bucket.LOCKED), money(buyer, Bucket.AVAILABLE), fen)
    ]
    await ledger.post(
        connection,
        kind="bid_deposit.release",
        reference=public_id(Kind.AUCTION, row.id),
        at=now,
        actor=actor,
        entries=entries,
    )
