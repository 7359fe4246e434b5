"""Voided projects: what of their batches was cancelled, and what came back to the guilty county later."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CheckConstraint, text
from sqlmodel import Field, SQLModel

from app.market.indicators import Indicator
from app.market.projects import ProjectKind
from app.market.voidings import VoidedBatch, VoidingReason
from app.store import columns
from app.store.database import Connection


class ProjectVoiding(SQLModel, table=True):
    """That a project was voided, after which inspection, and which obligation that opened; append-only."""

    __tablename__ = "project_voiding"
    __table_args__ = (columns.one_of("project_voiding", "reason_code", VoidingReason),)

    project_id: int = Field(sa_column=columns.refers("project.id", primary_key=True))
    inspection_id: int = Field(sa_column=columns.refers("inspection.id", index=True))
    reason_code: str = Field(sa_column=columns.text())
    reason: str = Field(sa_column=columns.text())
    voided_at: datetime = Field(sa_column=columns.instant())
    voided_by: str = Field(sa_column=columns.refers("jurisdiction.code"))
    transaction_id: int | None = Field(
        default=None, sa_column=columns.refers("ledger_transaction.id", nullable=True)
    )
    obligation_id: int | None = Field(default=None, sa_column=columns.refers("obligation.id", nullable=True))


class VoidedBatchRow(SQLModel, table=True):
    """What was cancelled of a voided project's batch at the voiding; the rest is owed. Append-only."""

    __tablename__ = "voided_batch"
    __table_args__ = (CheckConstraint("cancelled >= 0", name="ck_voided_batch_cancelled"),)

    batch_id: int = Field(sa_column=columns.refers("batch.id", primary_key=True))
    project_id: int = Field(sa_column=columns.refers("project_voiding.project_id", index=True))
    cancelled: int = Field(sa_column=columns.count())


class VoidedReturn(SQLModel, table=True):
    """What came back of a voided batch to the guilty county, and what of it was cancelled; append-only."""

    __tablename__ = "voided_return"
    __table_args__ = (
        CheckConstraint(
            "0 < returned AND 0 <= cancelled AND cancelled <= returned", name="ck_voided_return_quantities"
        ),
        CheckConstraint("(cancelled = 0) = (transaction_id IS NULL)", name="ck_voided_return_transaction"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    batch_id: int = Field(sa_column=columns.refers("voided_batch.batch_id", index=True))
    reference: str = Field(sa_column=columns.text())
    returned: int = Field(sa_column=columns.count())
    cancelled: int = Field(sa_column=columns.count())
    at: datetime = Field(sa_column=columns.instant())
    transaction_id: int | None = Field(
        default=None, sa_column=columns.refers("ledger_transaction.id", nullable=True)
    )


@dataclass(frozen=True, slots=True)
class Voiding:
    """A voiding, with what was cancelled of each batch at that moment."""

    project_id: int
    county: str
    inspection_id: int
    reason_code: VoidingReason
    voided_at: datetime
    obligation_id: int | None
    batches: Sequence[VoidedBatch]


@dataclass(frozen=True, slots=True)
class VoidedOrigin:
    """A batch whose project, of the county that it comes from, is void, and the obligation for it."""

    batch_id: int
    obligation_id: int | None


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back of a voided batch, and how much of it was cancelled, in steps."""

    batch_id: int
    returned: int
    cancelled: int


async def insert(
    connection: Connection,
    *,
    project_id: int,
    inspection_id: int,
    reason_code: VoidingReason,
    reason: str,
    voided_at: datetime,
    voided_by: str,
    transaction_id: int | None,
    obligation_id: int | None,
    batches: Sequence[VoidedBatch],
) -> None:
    """Keep a voiding with its batches; a project is voided once."""
    await connection.execute(
        text(
            """
            INSERT INTO project_voiding (project_id, inspection_id, reason_code, reason, voided_at, voided_by,
                                         transaction_id, obligation_id)
            VALUES (:project_id, :inspection_id, :reason_code, :reason, :voided_at, :voided_by,
                    :transaction_id, :obligation_id)
            """
        ),
        {
            "project_id": project_id,
            "inspection_id": inspection_id,
            "reason_code": reason_code,
            "reason": reason,
            "voided_at": voided_at,
            "voided_by": voided_by,
            "transaction_id": transaction_id,
            "obligation_id": obligation_id,
        },
    )
    await connection.execute(
        text(
            """
            INSERT INTO voided_batch (batch_id, project_id, cancelled)
            SELECT fresh.batch_id, :project_id, fresh.cancelled
              FROM unnest(CAST(:batch_ids AS bigint[]), CAST(:cancelled AS bigint[]))
                   AS fresh(batch_id, cancelled)
            """
        ),
        {
            "project_id": project_id,
            "batch_ids": [batch.batch_id for batch in batches],
            "cancelled": [batch.cancelled for batch in batches],
        },
    )


_BATCHES = """
    SELECT voided.project_id, voided.batch_id, batch.indicator, batch.quantity, voided.cancelled
      FROM voided_batch AS voided JOIN batch ON batch.id = voided.batch_id
     WHERE voided.project_id = ANY(CAST(:ids AS bigint[])) ORDER BY voided.batch_id
"""


async def voidings(connection: Connection, project_ids: Collection[int]) -> dict[int, Voiding]:
    """Return the voidings of those of some projects that are void, by project."""
    ids = list(project_ids)
    batches: dict[int, list[VoidedBatch]] = {}
    for row in await connection.execute(text(_BATCHES), {"ids": ids}):
        batches.setdefault(row.project_id, []).append(
            VoidedBatch(row.batch_id, Indicator(row.indicator), row.quantity, row.cancelled)
        )
    found = await connection.execute(
        text(
            """
            SELECT voiding.project_id, project.county, voiding.inspection_id, voiding.reason_code,
                   voiding.voided_at, voiding.obligation_id
              FROM project_voiding AS voiding JOIN project ON project.id = voiding.project_id
             WHERE voiding.project_id = ANY(CAST(:ids AS bigint[]))
            """
        ),
        {"ids": ids},
    )
    return {
        row.project_id: Voiding(
            project_id=row.project_id,
            county=row.county,
            inspection_id=row.inspection_id,
            reason_code=VoidingReason(row.reason_code),
            voided_at=row.voided_at,
            obligation_id=row.obligation_id,
            batches=batches.get(row.project_id, ()),
        )
        for row in found
    }


async def own_batches(connection: Connection, county: str, batch_ids: Collection[int]) -> frozenset[int]:
    """Return which of some batches come from a county; that never changes."""
    found = await connection.execute(
        text("SELECT id FROM batch WHERE id = ANY(CAST(:ids AS bigint[])) AND county = :county"),
        {"ids": list(batch_ids), "county": county},
    )
    return frozenset(row.id for row in found)


async def void_origins(
    connection: Connection, county: str, batch_ids: Collection[int]
) -> Sequence[VoidedOrigin]:
    """Return which of some batches come from projects of a county that are void by now, by batch."""
    found = await connection.execute(
        text(
            """
            SELECT voided.batch_id, voiding.obligation_id
              FROM voided_batch AS voided
              JOIN project_voiding AS voiding ON voiding.project_id = voided.project_id
              JOIN batch ON batch.id = voided.batch_id
             WHERE voided.batch_id = ANY(CAST(:ids AS bigint[])) AND batch.county = :county
             ORDER BY voided.batch_id
            """
        ),
        {"ids": list(batch_ids), "county": county},
    )
    return [VoidedOrigin(row.batch_id, row.obligation_id) for row in found]


async def keep_returns(
    connection: Connection,
    returns: Sequence[Returned],
    *,
    reference: str,
    at: datetime,
    transaction_id: int | None,
) -> None:
    """Keep what came back of voided batches for one reference."""
    await connection.execute(
        text(
            """
            INSERT INTO voided_return (batch_id, reference, returned, cancelled, at, transaction_id)
            SELECT fresh.batch_id, :reference, fresh.returned, fresh.cancelled, :at,
                   CASE WHEN fresh.cancelled > 0 THEN CAST(:transaction_id AS bigint) END
              FROM unnest(CAST(:batch_ids AS bigint[]), CAST(:returned AS bigint[]),
                          CAST(:cancelled AS bigint[])) AS fresh(batch_id, returned, cancelled)
             ORDER BY fresh.batch_id
            """
        ),
        {
            "reference": reference,
            "at": at,
            "transaction_id": transaction_id,
            "batch_ids": [each.batch_id for each in returns],
            "returned": [each.returned for each in returns],
            "cancelled": [each.cancelled for each in returns],
        },
    )


@dataclass(frozen=True, slots=True)
class VoidedProject:
    """A voided project for the public, with its voiding."""

    name: str
    filing_no: str | None
    kind: ProjectKind
    voiding: Voiding


async def voided_projects(
    connection: Connection, *, after: tuple[datetime, int] | None, limit: int
) -> Sequence[VoidedProject]:
    """Return at most ``limit`` voided projects, the latest voided first."""
    found = (
        await connection.execute(
            text(
                """
                SELECT project.id, project.name, project.filing_no, project.kind
                  FROM project_voiding AS voiding JOIN project ON project.id = voiding.project_id
                 WHERE CAST(:at AS timestamptz) IS NULL
                    OR (voiding.voided_at, voiding.project_id)
                       < (CAST(:at AS timestamptz), CAST(:id AS bigint))
                 ORDER BY voiding.voided_at DESC, voiding.project_id DESC LIMIT :limit
                """
            ),
            {"at": after and after[0], "id": after and after[1], "limit": limit},
        )
    ).all()
    voided = await voidings(connection, [row.id for row in found])
    return [VoidedProject(row.name, row.filing_no, ProjectKind(row.kind), voided[row.id]) for row in found]
