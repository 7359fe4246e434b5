"""Write-offs (核销): which ledger transaction wrote off for whom, and which reversed it (解挂).

What was taken of which batch stands in the transaction's postings and nowhere else.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.market.errors import ensure
from app.market.indicators import Indicator
from app.market.ledger import Bucket
from app.market.write_offs import Holding
from app.store import columns
from app.store.database import Connection


class WriteOff(SQLModel, table=True):
    """One write-off from one reserve; ``reference`` is the public id of what it is for."""

    __tablename__ = "write_off"
    __table_args__ = (
        CheckConstraint("(reversed_at IS NULL) = (reversal_id IS NULL)", name="ck_write_off_reversal"),
        # An application, a commitment or an obligation is written off once; again only after a reversal.
        Index(
            "uq_write_off_reference", "reference", unique=True, postgresql_where=text("reversal_id IS NULL")
        ),
        Index("ix_write_off_reserve_id", "reserve", "id"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    reserve: str = Field(sa_column=columns.refers("jurisdiction.code"))
    reference: str = Field(sa_column=columns.text())
    written_off_at: datetime = Field(sa_column=columns.instant())
    transaction_id: int = Field(sa_column=columns.refers("ledger_transaction.id", index=True))
    reversed_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    reversal_id: int | None = Field(
        default=None, sa_column=columns.refers("ledger_transaction.id", nullable=True)
    )


@dataclass(frozen=True, slots=True)
class WriteOffRow:
    """A write-off as it stands."""

    id: int
    reserve: str
    reference: str
    written_off_at: datetime
    transaction_id: int
    reversed_at: datetime | None


@dataclass(frozen=True, slots=True)
class UsedBatch:
    """What a write-off took of one batch, in steps, and the project that the batch comes from."""

    indicator: Indicator
    batch_id: int
    steps: int
    origin: str
    project_id: int
    filing_no: str | None


# The oldest batches that together cover what is required; all there are where they don't.
_OLDEST = """
    SELECT asset, batch_id, bucket, balance
      FROM (SELECT account.asset, account.batch_id, account.bucket, account.balance, batch.credited_at,
                   wanted.place, wanted.steps,
                   sum(account.balance) OVER (PARTITION BY account.asset
                       ORDER BY wanted.place, batch.credited_at, batch.id) - account.balance AS before
              FROM unnest(CAST(:assets AS text[]), CAST(:buckets AS text[]), CAST(:steps AS bigint[]),
                          CAST(:places AS integer[])) AS wanted(asset, bucket, steps, place)
              JOIN account ON account.jurisdiction = :reserve AND account.asset = wanted.asset
                          AND account.bucket = wanted.bucket AND account.balance > 0
              JOIN batch ON batch.id = account.batch_id
             WHERE CAST(:project_id AS bigint) IS NULL OR batch.project_id = CAST(:project_id AS bigint)
           ) AS held
     WHERE before < steps
     ORDER BY place, credited_at, batch_id
"""


async def oldest(
    connection: Connection,
    reserve: str,
    required: Mapping[Indicator, int],
    buckets: Sequence[Bucket],
    project_id: int | None,
) -> list[Holding]:
    """Return the oldest batches of a reserve that cover what is required, bucket by bucket; not locked.

    With ``project_id`` only that project's batches count.
    """
    wanted = [
        (indicator.value, bucket.value, steps, place)
        for place, bucket in enumerate(buckets)
        for indicator, steps in required.items()
        if steps > 0
    ]
    found = await connection.execute(
        text(_OLDEST),
        {
            "reserve": reserve,
            "assets": [each[0] for each in wanted],
            "buckets": [each[1] for each in wanted],
            "steps": [each[2] for each in wanted],
            "places": [each[3] for each in wanted],
            "project_id": project_id,
        },
    )
    return [Holding(Indicator(row.asset), row.batch_id, Bucket(row.bucket), row.balance) for row in found]


_COLUMNS = "id, reserve, reference, written_off_at, transaction_id, reversed_at"


def _write_off(row: Any) -> WriteOffRow:
    return WriteOffRow(**row._mapping)


async def insert(
    connection: Connection, *, reserve: str, reference: str, at: datetime, transaction_id: int
) -> WriteOffRow:
    """Keep a write-off; the unique index refuses a second one for the same reference."""
    made = await connection.execute(
        text(
            f"""
            INSERT INTO write_off (reserve, reference, written_off_at, transaction_id)
            VALUES (:reserve, :reference, :at, :transaction_id) RETURNING {_COLUMNS}
            """
        ),
        {"reserve": reserve, "reference": reference, "at": at, "transaction_id": transaction_id},
    )
    return _write_off(made.one())


async def lock_standing(connection: Connection, reference: str) -> WriteOffRow | None:
    """Lock and return the write-off that stands for a reference, or None."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM write_off "
            "WHERE reference = :reference AND reversal_id IS NULL FOR UPDATE"
        ),
        {"reference": reference},
    )
    row = found.first()
    return None if row is None else _write_off(row)


async def keep_reversal(connection: Connection, id_: int, *, at: datetime, reversal_id: int) -> WriteOffRow:
    """Keep that a write-off, which the caller holds, was reversed."""
    kept = await connection.execute(
        text(
            f"""
            UPDATE write_off SET reversed_at = :at, reversal_id = :reversal_id
             WHERE id = :id AND reversal_id IS NULL RETURNING {_COLUMNS}
            """
        ),
        {"id": id_, "at": at, "reversal_id": reversal_id},
    )
    row = kept.first()
    ensure(row is not None, f"write-off {id_} was reversed while it was held")
    return _write_off(row)


async def of_references(
    connection: Connection, references: Collection[str]
) -> Mapping[str, Sequence[WriteOffRow]]:
    """Return the write-offs of some references, reversed ones too, by reference in their order."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM write_off "
            "WHERE reference = ANY (CAST(:references AS text[])) ORDER BY id"
        ),
        {"references": list(references)},
    )
    by_reference: dict[str, list[WriteOffRow]] = {}
    for row in found:
        by_reference.setdefault(row.reference, []).append(_write_off(row))
    return by_reference


async def used(connection: Connection, transaction_id: int) -> Sequence[UsedBatch]:
    """Return what a write-off's transaction took of which batch, by indicator, oldest first."""
    found = await connection.execute(
        text(
            """
            SELECT account.asset, account.batch_id, posting.amount, batch.county, batch.project_id,
                   project.filing_no
              FROM posting
              JOIN account ON account.id = posting.account_id AND account.bucket = 'consumed'
              JOIN batch ON batch.id = account.batch_id
              JOIN project ON project.id = batch.project_id
             WHERE posting.transaction_id = :transaction_id
             ORDER BY account.asset, batch.credited_at, batch.id
            """
        ),
        {"transaction_id": transaction_id},
    )
    return [
        UsedBatch(Indicator(row.asset), row.batch_id, row.amount, row.county, row.project_id, row.filing_no)
        for row in found
    ]
