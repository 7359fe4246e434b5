"""The double-entry ledger of indicators and money: batches, accounts, transactions, postings."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market.errors import Conflict, Insufficient, ensure
from app.market.ids import Kind, public_id
from app.market.indicators import CNY, UNIT, Indicator
from app.market.ledger import AccountKey, Bucket, Entry, netted
from app.market.units import MAX_STEPS, format_money, format_quantity
from app.store import columns
from app.store.database import Connection

_ASSETS = ", ".join(f"'{asset}'" for asset in [*Indicator, CNY])


class Batch(SQLModel, table=True):
    """What one accepted project earned of one indicator: every step keeps its origin (RULES 8)."""

    __table_args__ = (
        UniqueConstraint("project_id", "indicator"),
        columns.one_of("batch", "indicator", Indicator),
        CheckConstraint("quantity > 0", name="ck_batch_quantity"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    indicator: str = Field(sa_column=columns.text())
    county: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    project_id: int = Field(sa_column=columns.refers("project.id"))
    quantity: int = Field(sa_column=columns.count())
    credited_at: datetime = Field(sa_column=columns.instant())


class Account(SQLModel, table=True):
    """A balance of one jurisdiction, asset, batch and bucket."""

    __table_args__ = (
        UniqueConstraint(
            "jurisdiction",
            "asset",
            "batch_id",
            "bucket",
            name="uq_account",
            postgresql_nulls_not_distinct=True,
        ),
        columns.one_of("account", "bucket", Bucket),
        CheckConstraint(f"asset IN ({_ASSETS})", name="ck_account_asset"),
        CheckConstraint("(asset = 'CNY') = (batch_id IS NULL)", name="ck_account_batch"),
        # Only the other side of what enters the books may go below zero.
        CheckConstraint("balance >= 0 OR bucket IN ('issued', 'bank')", name="ck_account_balance"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    jurisdiction: str = Field(sa_column=columns.refers("jurisdiction.code"))
    asset: str = Field(sa_column=columns.text())
    batch_id: int | None = Field(
        default=None, sa_column=columns.refers("batch.id", nullable=True, index=True)
    )
    bucket: str = Field(sa_column=columns.text())
    balance: int = Field(sa_column=columns.count(default=0))


class LedgerTransaction(SQLModel, table=True):
    """One balanced set of postings, and what it was for."""

    __tablename__ = "ledger_transaction"
    __table_args__ = (Index("ix_ledger_transaction_at", "at"),)  # a year's assessment reads its own year

    id: int | None = Field(default=None, sa_column=columns.identity())
    kind: str = Field(sa_column=columns.text())
    reference: str = Field(sa_column=columns.text())
    at: datetime = Field(sa_column=columns.instant())
    actor: str | None = Field(default=None, sa_column=columns.refers("jurisdiction.code", nullable=True))


class Posting(SQLModel, table=True):
    """One account's change in one transaction, with its balance before and after; append-only."""

    __table_args__ = (
        UniqueConstraint("transaction_id", "account_id"),
        # An account's statement, newest first, and the replay of it.
        Index("ix_posting_account_id_id", "account_id", "id"),
        CheckConstraint("amount <> 0", name="ck_posting_amount"),
        CheckConstraint("balance_after = balance_before + amount", name="ck_posting_arithmetic"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    transaction_id: int = Field(sa_column=columns.refers("ledger_transaction.id"))
    account_id: int = Field(sa_column=columns.refers("account.id"))
    amount: int = Field(sa_column=columns.count())
    balance_before: int = Field(sa_column=columns.count())
    balance_after: int = Field(sa_column=columns.count())


def key_columns(keys: Sequence[AccountKey]) -> dict[str, list[Any]]:
    """Account keys as the parallel arrays that the statements take."""
    return {
        "jurisdictions": [key.jurisdiction for key in keys],
        "assets": [key.asset for key in keys],
        "batches": [key.batch_id or None for key in keys],
        "buckets": [key.bucket.value for key in keys],
    }


_KEYS = """
    unnest(CAST(:jurisdictions AS text[]), CAST(:assets AS text[]), CAST(:batches AS bigint[]),
           CAST(:buckets AS text[])) AS key(jurisdiction, asset, batch_id, bucket)
"""
# Two equalities instead of one IS NOT DISTINCT FROM, which no index serves: a county with ten thousand
# batches must not pay for them with every posting. An account's key never changes, so its id may be
# looked up before it is locked.
_ACCOUNT_IDS = f"""
    SELECT account.id
      FROM {_KEYS} JOIN account ON account.jurisdiction = key.jurisdiction AND account.asset = key.asset
                               AND account.batch_id = key.batch_id AND account.bucket = key.bucket
     UNION ALL
    SELECT account.id
      FROM {_KEYS} JOIN account ON account.jurisdiction = key.jurisdiction AND account.asset = key.asset
                               AND account.batch_id IS NULL AND account.bucket = key.bucket
     WHERE key.batch_id IS NULL
"""

_MAKE_ACCOUNTS = text(
    f"""
    INSERT INTO account (jurisdiction, asset, batch_id, bucket)
    SELECT * FROM {_KEYS} ORDER BY 1, 2, 3, 4
    ON CONFLICT ON CONSTRAINT uq_account DO NOTHING
    """
)

# Sorted by id before locking, so that two writers of the same accounts queue instead of deadlocking; and
# nothing is locked while one is missing, so that nobody waits for an insertion with locks in hand.
LOCK_ACCOUNTS = f"""
    WITH known AS MATERIALIZED ({_ACCOUNT_IDS})
    SELECT account.id, account.jurisdiction, account.asset, coalesce(account.batch_id, 0) AS batch_id,
           account.bucket, account.balance
      FROM account
     WHERE account.id = ANY (ARRAY(SELECT id FROM known))
       AND (SELECT count(*) FROM known) = :wanted
     ORDER BY account.id
       FOR UPDATE OF account
    """


@dataclass(frozen=True, slots=True)
class LockedAccount:
    """An account that this transaction holds: its row and its balance, in the asset's smallest step."""

    id: int
    key: AccountKey
    balance: int


async def lock(connection: Connection, keys: Iterable[AccountKey]) -> dict[AccountKey, LockedAccount]:
    """Lock the accounts named, in one order for every writer, and return them; makes those missing.

    Lock every account a decision rests on with one call: two calls can deadlock with another writer.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    found = await _locked(connection, wanted)
    if not found:
        await connection.execute(_MAKE_ACCOUNTS, key_columns(wanted))
        # The insertion waited for others that were making the same accounts; now all are there.
        found = await _locked(connection, wanted)
    ensure(len(found) == len(wanted), f"{len(wanted)} accounts wanted, {len(found)} there")
    return found


async def _locked(connection: Connection, keys: Sequence[AccountKey]) -> dict[AccountKey, LockedAccount]:
    """Lock all of the accounts, or none where one of them is missing."""
    rows = await connection.execute(text(LOCK_ACCOUNTS), {**key_columns(keys), "wanted": len(keys)})
    accounts = {}
    for row in rows:
        key = AccountKey(row.jurisdiction, row.asset, row.batch_id, Bucket(row.bucket))
        accounts[key] = LockedAccount(row.id, key, row.balance)
    return accounts


# One statement writes balances and postings, so that neither can be without the other, and all
# postings of a transaction arrive together, as the balance trigger needs.
_POST = text(
    """
    WITH head AS (
        INSERT INTO ledger_transaction (kind, reference, at, actor)
        SELECT :kind, wanted.reference, :at, :actor
          FROM unnest(CAST(:references AS text[])) WITH ORDINALITY AS wanted(reference, place)
         ORDER BY wanted.place
        RETURNING id, reference
    ), moved AS (
        UPDATE account SET balance = account.balance + change.amount
          FROM unnest(CAST(:ids AS bigint[]), CAST(:amounts AS bigint[]), CAST(:belongs_to AS text[]))
               AS change(id, amount, reference)
         WHERE account.id = change.id
        RETURNING account.id, change.amount, change.reference, account.balance AS balance_after
    )
    INSERT INTO posting (transaction_id, account_id, amount, balance_before, balance_after)
    SELECT head.id, moved.id, moved.amount, moved.balance_after - moved.amount, moved.balance_after
      FROM head JOIN moved USING (reference)
     ORDER BY head.id, moved.id
    RETURNING transaction_id
    """
)


async def post(
    connection: Connection,
    *,
    kind: str,
    reference: str,
    at: datetime,
    actor: str | None,
    entries: Iterable[Entry],
) -> int | None:
    """Write one balanced transaction; return its number, or None where nothing moves.

    Raises Insufficient (with what is there and what is wanted) where a balance would fall below zero,
    Conflict where one would pass 64 bits, and BrokenInvariant where the entries don't balance.
    """
    numbers = await post_each(connection, kind=kind, at=at, actor=actor, entries={reference: entries})
    return numbers[0] if numbers else None


async def post_each(
    connection: Connection,
    *,
    kind: str,
    at: datetime,
    actor: str | None,
    entries: Mapping[str, Iterable[Entry]],
) -> Sequence[int]:
    """Write a balanced transaction for each reference with entries; return their numbers, in order.

    No two of them may touch the same account: a balance can't be moved twice in one statement. Raises as
    ``post`` does, and writes all of them or none.
    """
    by_reference = {reference: netted(each) for reference, each in entries.items()}
    changes = [(reference, change) for reference, each in by_reference.items() for change in each]
    if not changes:
        return []
    touched = {change.account for _, change in changes}
    ensure(len(touched) == len(changes), "two transactions of one statement touch the same account")
    accounts = await lock(connection, touched)
    for _, change in changes:
        balance = accounts[change.account].balance
        if balance + change.amount < 0 and change.account.bucket not in (Bucket.ISSUED, Bucket.BANK):
            raise short(change.account, balance, -change.amount)
        if abs(balance + change.amount) > MAX_STEPS:
            raise Conflict("balance_too_large", "A balance would pass what 64 bits can count.")
    written = await connection.execute(
        _POST,
        {
            "kind": kind,
            "references": [reference for reference, each in by_reference.items() if each],
            "at": at,
            "actor": actor,
            "ids": [accounts[change.account].id for _, change in changes],
            "amounts": [change.amount for _, change in changes],
            "belongs_to": [reference for reference, _ in changes],
        },
    )
    numbers = [int(row.transaction_id) for row in written]
    ensure(len(numbers) == len(changes), f"{len(changes)} changes wrote {len(numbers)} postings")
    return sorted(set(numbers))


def short(account: AccountKey, present: int, wanted: int, *, field: str | None = None) -> Insufficient:
    """The refusal that tells what is there and what is wanted, in the asset's own unit."""
    figures = present, wanted, wanted - present
    if account.asset == CNY:
        shown_present, shown_wanted, shortage = (format_money(fen) for fen in figures)
        what = unit = "yuan"
    else:
        indicator = Indicator(account.asset)
        shown_present, shown_wanted, shortage = (format_quantity(steps, indicator) for steps in figures)
        unit = UNIT[indicator].name
        what = f"{unit} of {indicator} in batch {public_id(Kind.BATCH, account.batch_id)}"
    return Insufficient(
        f"Jurisdiction {account.jurisdiction} has {shown_present} {what} {account.bucket.value}; "
        f"{shown_wanted} {unit} are wanted, {shortage} more.",
        field=field,
        jurisdiction=account.jurisdiction,
        asset=account.asset,
        bucket=account.bucket.value,
        present=shown_present,
        wanted=shown_wanted,
        shortage=shortage,
    )


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What a project earned of one indicator, in its smallest step."""

    id: int
    indicator: Indicator
    county: str
    project_id: int
    quantity: int
    credited_at: datetime


@dataclass(frozen=True, slots=True)
class Earned:
    """What a project of a county earned, in steps per indicator."""

    county: str
    project_id: int
    quantities: Mapping[Indicator, int]


async def add_batches(
    connection: Connection, earned: Iterable[Earned], *, at: datetime
) -> Mapping[int, Sequence[BatchRow]]:
    """Enter one batch for each indicator of a project with a quantity above zero, project after project.

    Returns each project's batches, in the order of their numbers.
    """
    entered = [
        (each.county, each.project_id, indicator, quantity)
        for each in earned
        for indicator, quantity in each.quantities.items()
        if quantity > 0
    ]
    made = await connection.execute(
        text(
            f"""
            INSERT INTO batch (indicator, county, project_id, quantity, credited_at)
            SELECT earned.indicator, earned.county, earned.project_id, earned.quantity, :at
              FROM unnest(CAST(:counties AS text[]), CAST(:project_ids AS bigint[]),
                          CAST(:indicators AS text[]), CAST(:quantities AS bigint[]))
                   WITH ORDINALITY AS earned(county, project_id, indicator, quantity, place)
             ORDER BY earned.place
            RETURNING {_BATCH_COLUMNS}
            """
        ),
        {
            "at": at,
            "counties": [county for county, _, _, _ in entered],
            "project_ids": [project_id for _, project_id, _, _ in entered],
            "indicators": [indicator.value for _, _, indicator, _ in entered],
            "quantities": [quantity for _, _, _, quantity in entered],
        },
    )
    batches: dict[int, list[BatchRow]] = defaultdict(list)
    for row in sorted(made, key=lambda row: int(row.id)):
        batches[row.project_id].append(_batch(row))
    return batches


_BATCH_COLUMNS = "id, indicator, county, project_id, quantity, credited_at"


def _batch(row: Any) -> BatchRow:
    return BatchRow(
        row.id, Indicator(row.indicator), row.county, row.project_id, row.quantity, row.credited_at
    )


async def batches_of(connection: Connection, project_id: int) -> Sequence[BatchRow]:
    """Return the batches that a project earned, by number."""
    found = await connection.execute(
        text(f"SELECT {_BATCH_COLUMNS} FROM batch WHERE project_id = :project_id ORDER BY id"),
        {"project_id": project_id},
    )
    return [_batch(row) for row in found]
