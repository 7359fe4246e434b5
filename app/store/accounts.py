"""Money accounts (资金账户): movements that the treasurer records against the bank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market.ledger import Bucket
from app.store import columns
from app.store.database import Connection


class MovementKind(StrEnum):
    """Which way money moved, seen from the exchange."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"


class CashMovement(SQLModel, table=True):
    """Money that came in from, or went out to, a jurisdiction's bank account (fen)."""

    __tablename__ = "cash_movement"
    __table_args__ = (
        UniqueConstraint("kind", "reference", name="uq_cash_movement_reference"),
        columns.one_of("cash_movement", "kind", MovementKind),
        CheckConstraint("amount > 0", name="ck_cash_movement_amount"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    jurisdiction: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    kind: str = Field(sa_column=columns.text())
    amount: int = Field(sa_column=columns.count())
    reference: str = Field(sa_column=columns.text())
    recorded_at: datetime = Field(sa_column=columns.instant())
    recorded_by: str = Field(sa_column=columns.refers("jurisdiction.code"))


@dataclass(frozen=True, slots=True)
class MovementRow:
    """A movement as recorded (fen)."""

    id: int
    jurisdiction: str
    kind: MovementKind
    amount_fen: int
    reference: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One change of one bucket of a jurisdiction's money (fen), with the balance before and after."""

    id: int
    transaction_id: int
    at: datetime
    kind: str
    reference: str
    bucket: Bucket
    amount_fen: int
    before_fen: int
    after_fen: int


async def record(
    connection: Connection,
    *,
    jurisdiction: str,
    kind: MovementKind,
    amount_fen: int,
    reference: str,
    recorded_at: datetime,
    recorded_by: str,
) -> MovementRow:
    """Record a movement; raises Conflict where its kind has one with this bank reference."""
    made = await connection.execute(
        text(
            """
            INSERT INTO cash_movement (jurisdiction, kind, amount, reference, recorded_at, recorded_by)
            VALUES (:jurisdiction, :kind, :amount, :reference, :recorded_at, :recorded_by) RETURNING id
            """
        ),
        {
            "jurisdiction": jurisdiction,
            "kind": kind,
            "amount": amount_fen,
            "reference": reference,
            "recorded_at": recorded_at,
            "recorded_by": recorded_by,
        },
    )
    return MovementRow(made.scalar_one(), jurisdiction, kind, amount_fen, reference, recorded_at)


async def balances(connection: Connection, jurisdiction: str) -> Mapping[Bucket, int]:
    """Return a jurisdiction's money by bucket (fen); a bucket never used is missing."""
    found = await connection.execute(
        text(
            "SELECT bucket, balance FROM account "
            "WHERE jurisdiction = :jurisdiction AND asset = 'CNY' AND bucket <> 'bank'"
        ),
        {"jurisdiction": jurisdiction},
    )
    return {Bucket(row.bucket): row.balance for row in found}


# A jurisdiction has a handful of money accounts: of each its newest postings, by the index (account, id),
# and of those the newest of all.
ENTRIES = """
    SELECT entry.id, entry.transaction_id, head.at, head.kind, head.reference, account.bucket,
           entry.amount, entry.balance_before, entry.balance_after
      FROM account
     CROSS JOIN LATERAL (
           SELECT * FROM posting
            WHERE posting.account_id = account.id AND posting.id < :before
            ORDER BY posting.id DESC LIMIT :limit) AS entry
      JOIN ledger_transaction AS head ON head.id = entry.transaction_id
     WHERE account.jurisdiction = :jurisdiction AND account.asset = 'CNY' AND account.bucket <> 'bank'
     ORDER BY entry.id DESC LIMIT :limit
"""
NO_POSTING_YET = 2**63 - 1


async def entries(
    connection: Connection, jurisdiction: str, *, before: int | None, limit: int
) -> Sequence[EntryRow]:
    """Return at most ``limit`` entries of a jurisdiction's money, newest first, before the id given."""
    found = await connection.execute(
        text(ENTRIES),
        {
            "jurisdiction": jurisdiction,
            "before": NO_POSTING_YET if before is None else before,
            "limit": limit,
        },
    )
    return [
        EntryRow(
            row.id,
            row.transaction_id,
            row.at,
            row.kind,
            row.reference,
            Bucket(row.bucket),
            row.amount,
            row.balance_before,
            row.balance_after,
        )
        for row in found
    ]
