"""Voiding a fraudulent project (作废): its listings, its stock and what is owed, in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.market import voidings as market
from app.market.access import Action, Actor, permit
from app.market.errors import NotFound, ensure
from app.market.ids import Kind, public_id
from app.market.ledger import AccountKey, Bucket, money
from app.market.listings import ListingEvent
from app.market.obligations import ObligationKind
from app.market.projects import TRANSITIONS, ProjectEvent
from app.market.states import step
from app.market.trades import Trade
from app.market.units import format_quantity
from app.market.voidings import CANCELLABLE, VoidedBatch, VoidingReason
from app.market.write_offs import Holding
from app.services import listings, obligations, trades
from app.services.journal import announce
from app.services.projects import ProjectCase, case_of
from app.store import clock, commitments, inspections, ledger, needs, projects
from app.store import listings as listed
from app.store import trades as traded
from app.store import voidings as store
from app.store.commitments import EarmarkRow
from app.store.database import Connection
from app.store.ledger import BatchRow
from app.store.obligations import ObligationRow

__all__ = ["void"]


@dataclass(frozen=True, slots=True)
class _Held:
    """What a voiding holds: the county's open listings and earmarks of the batches, and waiting trades."""

    listing_ids: frozenset[int]
    waiting: Sequence[Trade]
    earmarks: Sequence[EarmarkRow]


async def void(
    connection: Connection,
    *,
    actor: Actor,
    number: int,
    inspection_id: int,
    reason_code: VoidingReason,
    reason: str,
) -> ProjectCase:
    """Void an accepted project whose inspection concluded fraud: whole, or nothing of it (RULES 12).

    The county's listings of its batches are voided, its stock of them is cancelled, and what was sold or
    written off opens a replacement obligation; buyers keep theirs. Raises NotFound, WrongState, RuleBroken.
    """
    public = public_id(Kind.PROJECT, number)
    county = await _held_project(connection, actor, number)
    await _require_fraud(connection, inspection_id, number)
    batches = await ledger.batches_of(connection, number)
    held = await _hold(connection, county, batches)
    now = await clock.now(connection)
    because = f"{public}: {reason_code}"

    released = await trades.drop_lines(
        connection, held.waiting, held.listing_ids, now=now, actor=actor.jurisdiction, reason=because
    )
    for row in (await listed.lock(connection, held.listing_ids)).values():
        await listings.end(connection, row, ListingEvent.VOID, actor=actor, reason=because)

    stock = await _stock(connection, county, batches)
    voided = market.cancelled([(each.id, each.indicator, each.quantity) for each in batches], stock)
    transaction_id = await ledger.post(
        connection,
        kind="project.voiding",
        reference=public,
        at=now,
        actor=actor.jurisdiction,
        entries=[*released, *market.entries(county, stock)],
    )
    await commitments.drop_earmarks(connection, held.earmarks)
    obligation = await _owe(connection, county, public, voided, at=now, actor=actor)
    await projects.keep_voiding(connection, number)
    await store.insert(
        connection,
        project_id=number,
        inspection_id=inspection_id,
        reason_code=reason_code,
        reason=reason,
        voided_at=now,
        voided_by=actor.jurisdiction,
        transaction_id=transaction_id,
        obligation_id=None if obligation is None else obligation.id,
        batches=voided,
    )
    await _announce(connection, number, actor, at=now)
    return await case_of(connection, number)


async def _held_project(connection: Connection, actor: Actor, number: int) -> str:
    """Lock a project that can be voided and return its county; raises NotFound, NotPermitted, WrongState."""
    public = public_id(Kind.PROJECT, number)
    row = await projects.project(connection, number) if await projects.lock(connection, number) else None
    if row is None:
        raise NotFound("project", public)
    permit(actor, Action.VOID_PROJECT, row.county)
    step(TRANSITIONS, "project", public, row.state, ProjectEvent.VOID)
    return row.county


async def _require_fraud(connection: Connection, inspection_id: int, project_id: int) -> None:
    """A conclusion is final, so that it needs no lock."""
    public = public_id(Kind.INSPECTION, inspection_id)
    found = await inspections.find(connection, inspection_id)
    if found is None:
        raise NotFound("inspection", public, field="inspection_id")
    market.refuse_unfounded(public, found.state, of_project=found.project_id, project_id=project_id)


async def _hold(connection: Connection, county: str, batches: Sequence[BatchRow]) -> _Held:
    """Lock trades, commitments, needs, listings and accounts (ADR 0004), until nothing new has come in.

    Whoever lists holds the county's accounts, and whoever awards the listing, so what is found once all of
    them are held is all there is. What came in while they were waited for comes before them in the order of
    locks: then all are let go and taken anew.
    """
    batch_ids = [batch.id for batch in batches]
    offered, expected = frozenset[int](), frozenset[int]()
    while True:
        attempt = await connection.begin_nested()
        offered |= await listed.open_of_batches(connection, county, batch_ids)
        expected |= await traded.unsettled_of_listings(connection, offered)
        waiting = await traded.lock(connection, expected)
        earmarked = await commitments.hold_earmarked(connection, batch_ids)
        await needs.lock(connection, {trade.need_id for trade in waiting.values()})
        await listed.lock(connection, offered)
        await ledger.lock(connection, _accounts(county, batches, waiting.values()))
        open_now = await listed.open_of_batches(connection, county, batch_ids)
        found = await traded.unsettled_of_listings(connection, open_now)
        if open_now <= offered and found <= expected:
            await attempt.commit()
            own = [row for row in earmarked if row.earmark.applicant == county]
            return _Held(open_now, [waiting[number] for number in sorted(found)], own)
        await attempt.rollback()


def _accounts(county: str, batches: Sequence[BatchRow], waiting: Iterable[Trade]) -> list[AccountKey]:
    """Every account that the voiding may move: the county's of the batches, and the buyers' money."""
    stock = [
        AccountKey(county, batch.indicator, batch.id, bucket)
        for batch in batches
        for bucket in (*CANCELLABLE, Bucket.LOCKED, Bucket.CONSUMED)
    ]
    purses = [
        money(trade.buyer, bucket)
        for trade in waiting
        for bucket in (Bucket.AVAILABLE, Bucket.LOCKED, Bucket.ESCROW)
    ]
    return [*stock, *purses]


async def _stock(connection: Connection, county: str, batches: Sequence[BatchRow]) -> Sequence[Holding]:
    """What the county has of the batches, whose accounts the caller holds; nothing of it is listed."""
    keys = [
        AccountKey(county, batch.indicator, batch.id, bucket)
        for batch in batches
        for bucket in (*CANCELLABLE, Bucket.LOCKED)
    ]
    accounts = await ledger.lock(connection, keys)
    for key, account in accounts.items():
        ensure(key.bucket is not Bucket.LOCKED or account.balance == 0, f"{key} is locked without a listing")
    return [
        Holding(batch.indicator, batch.id, bucket, balance)
        for batch in batches
        for bucket in CANCELLABLE
        if (balance := accounts[AccountKey(county, batch.indicator, batch.id, bucket)].balance)
    ]


async def _owe(
    connection: Connection,
    county: str,
    project: str,
    voided: Sequence[VoidedBatch],
    *,
    at: datetime,
    actor: Actor,
) -> ObligationRow | None:
    """Open the replacement obligation for what is not there to be cancelled; None where all of it was."""
    owed = market.owed(voided)
    if not any(owed.values()):
        return None
    return await obligations.open_(
        connection,
        kind=ObligationKind.REPLACEMENT,
        jurisdiction=county,
        source=project,
        owed=owed,
        at=at,
        actor=actor.jurisdiction,
    )


async def _announce(connection: Connection, number: int, actor: Actor, *, at: datetime) -> None:
    voiding = (await store.voidings(connection, [number]))[number]
    await announce(
        connection,
        at=at,
        kind="project.voided",
        subject=public_id(Kind.PROJECT, number),
        actor=actor.jurisdiction,
        facts={
            "county": voiding.county,
            "inspection": public_id(Kind.INSPECTION, voiding.inspection_id),
            "reason_code": voiding.reason_code,
            "obligation": (
                None if voiding.obligation_id is None else public_id(Kind.OBLIGATION, voiding.obligation_id)
            ),
            "batches": [
                {
                    "id": public_id(Kind.BATCH, batch.batch_id),
                    "indicator": batch.indicator,
                    "issued": format_quantity(batch.issued, batch.indicator),
                    "cancelled": format_quantity(batch.cancelled, batch.indicator),
                    "owed": format_quantity(batch.owed, batch.indicator),
                }
                for batch in voiding.batches
            ],
        },
    )
