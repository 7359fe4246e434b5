"""Reserves (储备库) as they are read: balances by indicator, by batch with its origin, and statements.

Every read costs what it shows: balances are stored, lists follow an index, and no read walks the
postings of the past.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text

from app.market.indicators import Indicator
from app.market.ledger import Bucket
from app.store.database import Connection

Balances = Mapping[Bucket, int]
"""Balances by bucket, in the indicator's smallest step; a bucket never used is missing."""


@dataclass(frozen=True, slots=True)
class HoldingRow:
    """What a jurisdiction holds, or held, of one batch, and the project that the batch comes from."""

    batch_id: int
    indicator: Indicator
    balances: Balances
    credited: int
    credited_at: datetime
    origin: str
    project_id: int
    project_name: str
    filing_no: str | None
    accepted_on: date | None


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One change of one balance, with the balance before and after, in the indicator's smallest step."""

    id: int
    transaction_id: int
    at: datetime
    kind: str
    reference: str
    indicator: Indicator
    batch_id: int
    bucket: Bucket
    amount: int
    before: int
    after: int


async def balances(connection: Connection, jurisdiction: str) -> Mapping[Indicator, Balances]:
    """Return a jurisdiction's balances by indicator and bucket; what was never used is missing."""
    found = await connection.execute(
        text(
            """
            SELECT asset, bucket, sum(balance) AS balance FROM account
             WHERE jurisdiction = :jurisdiction AND asset <> 'CNY' GROUP BY asset, bucket
            """
        ),
        {"jurisdiction": jurisdiction},
    )
    held: dict[Indicator, dict[Bucket, int]] = {}
    for row in found:
        held.setdefault(Indicator(row.asset), {})[Bucket(row.bucket)] = int(row.balance)
    return held


HOLDINGS = """
    SELECT held.*, batch.quantity AS credited, batch.credited_at, batch.county AS origin,
           batch.project_id, project.name AS project_name, project.filing_no, project.accepted_on
      FROM (SELECT asset, batch_id, array_agg(bucket) AS buckets, array_agg(balance) AS balances
              FROM account
             WHERE jurisdiction = :jurisdiction AND asset <> 'CNY'
               AND (CAST(:indicator AS text) IS NULL OR asset = CAST(:indicator AS text))
               AND (asset, batch_id) > (CAST(:after_asset AS text), CAST(:after_batch AS bigint))
             GROUP BY asset, batch_id ORDER BY asset, batch_id LIMIT :limit) AS held
      JOIN batch ON batch.id = held.batch_id
      JOIN project ON project.id = batch.project_id
     ORDER BY held.asset, held.batch_id
"""


async def holdings(
    connection: Connection,
    jurisdiction: str,
    *,
    indicator: Indicator | None,
    after: tuple[Indicator, int] | None,
    limit: int,
) -> Sequence[HoldingRow]:
    """Return at most ``limit`` holdings after (indicator, batch), in that order, sold-out ones too."""
    found = await connection.execute(
        text(HOLDINGS),
        {
            "jurisdiction": jurisdiction,
            "indicator": indicator,
            "after_asset": after[0] if after else "",
            "after_batch": after[1] if after else 0,
            "limit": limit,
        },
    )
    return [
        HoldingRow(
            batch_id=row.batch_id,
            indicator=Indicator(row.asset),
            balances=dict(zip(map(Bucket, row.buckets), row.balances, strict=True)),
            credited=row.credited,
            credited_at=row.credited_at,
            origin=row.origin,
            project_id=row.project_id,
            project_name=row.project_name,
            filing_no=row.filing_no,
            accepted_on=row.accepted_on,
        )
        for row in found
    ]


# The newest n postings lie within the n accounts whose newest postings are the newest: one probe of the
# index (account, id) for each account finds those, and n probes into each of them the postings.
ENTRIES = """
    WITH latest AS (
        SELECT account.id, account.asset, account.batch_id, account.bucket
          FROM account
         CROSS JOIN LATERAL (
               SELECT posting.id FROM posting
                WHERE posting.account_id = account.id AND posting.id < :before
                ORDER BY posting.id DESC LIMIT 1) AS newest
         WHERE account.jurisdiction = :jurisdiction AND account.asset <> 'CNY'
           AND account.bucket <> 'issued'
           AND (CAST(:indicator AS text) IS NULL OR account.asset = CAST(:indicator AS text))
         ORDER BY newest.id DESC LIMIT :limit
    )
    SELECT entry.id, entry.transaction_id, head.at, head.kind, head.reference, latest.asset, latest.batch_id,
           latest.bucket, entry.amount, entry.balance_before, entry.balance_after
      FROM latest
     CROSS JOIN LATERAL (
           SELECT * FROM posting
            WHERE posting.account_id = latest.id AND posting.id < :before
            ORDER BY posting.id DESC LIMIT :limit) AS entry
      JOIN ledger_transaction AS head ON head.id = entry.transaction_id
     ORDER BY entry.id DESC LIMIT :limit
"""
NO_POSTING_YET = 2**63 - 1


async def entries(
    connection: Connection,
    jurisdiction: str,
    *,
    indicator: Indicator | None,
    before: int | None,
    limit: int,
) -> Sequence[EntryRow]:
    """Return at most ``limit`` entries of a reserve, newest first, older than the one given."""
    found = await connection.execute(
        text(ENTRIES),
        {
            "jurisdiction": jurisdiction,
            "indicator": indicator,
            "before": NO_POSTING_YET if before is None else before,
            "limit": limit,
        },
    )
    return [
        EntryRow(
            id=row.id,
            transaction_id=row.transaction_id,
            at=row.at,
            kind=row.kind,
            reference=row.reference,
            indicator=Indicator(row.asset),
            batch_id=row.batch_id,
            bucket=Bucket(row.bucket),
            amount=row.amount,
            before=row.balance_before,
            after=row.balance_after,
        )
        for row in found
    ]


async def filing_nos(connection: Connection, batch_ids: Collection[int]) -> Mapping[int, str | None]:
    """Return the filing number of each batch's project of origin, by batch."""
    found = await connection.execute(
        text(
            "SELECT batch.id, project.filing_no FROM batch JOIN project ON project.id = batch.project_id "
            "WHERE batch.id = ANY(CAST(:ids AS bigint[]))"
        ),
        {"ids": sorted(batch_ids)},
    )
    return {row.id: row.filing_no for row in found}
