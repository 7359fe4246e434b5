"""Money accounts (资金账户): balances, entries, and what the treasurer records against the bank."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.market import accounts as market
from app.market.access import Action, Actor, permit
from app.market.errors import NotFound
from app.market.ids import Kind, public_id
from app.market.ledger import Bucket, Entry, money
from app.services.journal import announce
from app.store import accounts as store
from app.store import clock, jurisdictions, ledger
from app.store.accounts import EntryRow, MovementKind, MovementRow
from app.store.database import Connection

__all__ = ["Balances", "EntryRow", "MovementKind", "MovementRow", "account", "deposit", "entries", "withdraw"]


@dataclass(frozen=True, slots=True)
class Balances:
    """A jurisdiction's money (fen): free, held as bid deposits, and waiting for settlement."""

    jurisdiction: str
    available_fen: int
    locked_fen: int
    escrow_fen: int


async def _known(connection: Connection, actor: Actor, action: Action, code: str) -> None:
    permit(actor, action, code)
    if not await jurisdictions.is_known(connection, code):
        raise NotFound("jurisdiction", code)


async def account(connection: Connection, *, actor: Actor, code: str) -> Balances:
    """Return a jurisdiction's money; raises NotPermitted for another's, NotFound."""
    await _known(connection, actor, Action.READ_ACCOUNT, code)
    found = await store.balances(connection, code)
    return Balances(
        code,
        available_fen=found.get(Bucket.AVAILABLE, 0),
        locked_fen=found.get(Bucket.LOCKED, 0),
        escrow_fen=found.get(Bucket.ESCROW, 0),
    )


async def entries(
    connection: Connection, *, actor: Actor, code: str, before: int | None, limit: int
) -> Sequence[EntryRow]:
    """Return at most ``limit`` entries, newest first, before the id given; raises NotPermitted, NotFound."""
    await _known(connection, actor, Action.READ_ACCOUNT_ENTRIES, code)
    return await store.entries(connection, code, before=before, limit=limit)


async def deposit(
    connection: Connection, *, actor: Actor, code: str, amount_fen: int, reference: str
) -> MovementRow:
    """Record money that came in from the bank; raises NotFound, BadQuantity, RuleBroken, Conflict."""
    await _known(connection, actor, Action.RECORD_DEPOSIT, code)
    available, bank = money(code, Bucket.AVAILABLE), money(code, Bucket.BANK)
    held = await ledger.lock(connection, [available, bank])
    return await _record(
        connection,
        actor=actor,
        code=code,
        kind=MovementKind.DEPOSIT,
        amount_fen=amount_fen,
        reference=reference,
        moved=market.deposit(code, amount_fen, held[available].balance, held[bank].balance),
    )


async def withdraw(
    connection: Connection, *, actor: Actor, code: str, amount_fen: int, reference: str
) -> MovementRow:
    """Record money that went out to the bank; raises Insufficient beyond what is available, and as above."""
    await _known(connection, actor, Action.RECORD_WITHDRAWAL, code)
    available, bank = money(code, Bucket.AVAILABLE), money(code, Bucket.BANK)
    held = await ledger.lock(connection, [available, bank])
    return await _record(
        connection,
        actor=actor,
        code=code,
        kind=MovementKind.WITHDRAWAL,
        amount_fen=amount_fen,
        reference=reference,
        moved=market.withdrawal(code, amount_fen, held[available].balance),
    )


async def _record(
    connection: Connection,
    *,
    actor: Actor,
    code: str,
    kind: MovementKind,
    amount_fen: int,
    reference: str,
    moved: Iterable[Entry],
) -> MovementRow:
    now = await clock.now(connection)
    movement = await store.record(
        connection,
        jurisdiction=code,
        kind=kind,
        amount_fen=amount_fen,
        reference=reference,
        recorded_at=now,
        recorded_by=actor.jurisdiction,
    )
    named = public_id(Kind.MOVEMENT, movement.id)
    await ledger.post(
        connection, kind=f"cash.{kind}", reference=named, at=now, actor=actor.jurisdiction, entries=moved
    )
    # The journal is public, and what a buyer has paid in before an auction would tell of its bids: the
    # event says that something was recorded, the books of the account's owner say how much.
    await announce(
        connection,
        at=now,
        kind=f"cash.{kind}",
        subject=named,
        actor=actor.jurisdiction,
        facts={"jurisdiction": code},
    )
    return movement
