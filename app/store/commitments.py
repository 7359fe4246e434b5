"""Commitments (承诺补充): what is promised for an application, what is earmarked, and what was missing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Date, Index, text
from sqlmodel import Field, SQLModel

from app.market.commitments import COUNTED, Claim, CommitmentState, Earmark
from app.market.errors import ensure
from app.market.indicators import Indicator
from app.store import columns
from app.store.database import Connection

PROMISED = "farmland_quantity, paddy_area, grain_capacity, linkage_quota"
MISSED = "missed_farmland_quantity, missed_paddy_area, missed_grain_capacity, missed_linkage_quota"


class Commitment(SQLModel, table=True):
    """A promise to supply by a day, from one project, what an application is short of.

    Promised and missed (the deficit at the due date) in steps by indicator.
    """

    __table_args__ = (
        columns.one_of("commitment", "state", CommitmentState),
        CheckConstraint(
            f"greatest({PROMISED}) > 0 AND least({PROMISED}) >= 0", name="ck_commitment_promised"
        ),
        CheckConstraint(
            "missed_farmland_quantity BETWEEN 0 AND farmland_quantity "
            "AND missed_paddy_area BETWEEN 0 AND paddy_area "
            "AND missed_grain_capacity BETWEEN 0 AND grain_capacity "
            "AND missed_linkage_quota BETWEEN 0 AND linkage_quota",
            name="ck_commitment_missed",
        ),
        CheckConstraint(
            f"state = 'LAPSED' OR (state IN ('DEFAULTED', 'MADE_GOOD')) = (greatest({MISSED}) > 0)",
            name="ck_commitment_deficit",
        ),
        CheckConstraint(
            "state IN ('DRAFT', 'WITHDRAWN', 'LAPSED') OR filed_at IS NOT NULL", name="ck_commitment_filed"
        ),
        CheckConstraint(
            "state = 'LAPSED' OR "
            "(state IN ('FULFILLED', 'DEFAULTED', 'MADE_GOOD')) = (written_off_at IS NOT NULL)",
            name="ck_commitment_written_off",
        ),
        # What a project's acceptance and the due date look for.
        Index(
            "ix_commitment_project_active",
            "project_id",
            "filed_at",
            postgresql_where=text("state = 'ACTIVE'"),
        ),
        Index("ix_commitment_due", "due_on", "id", postgresql_where=text("state IN ('ACTIVE', 'DUE')")),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    application_id: int = Field(sa_column=columns.refers("land_application.id", index=True))
    applicant: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    project_id: int = Field(sa_column=columns.refers("project.id"))
    state: str = Field(sa_column=columns.text())
    farmland_quantity: int = Field(sa_column=columns.count())
    paddy_area: int = Field(sa_column=columns.count())
    grain_capacity: int = Field(sa_column=columns.count())
    linkage_quota: int = Field(sa_column=columns.count())
    missed_farmland_quantity: int = Field(default=0, sa_column=columns.count(default=0))
    missed_paddy_area: int = Field(default=0, sa_column=columns.count(default=0))
    missed_grain_capacity: int = Field(default=0, sa_column=columns.count(default=0))
    missed_linkage_quota: int = Field(default=0, sa_column=columns.count(default=0))
    due_on: date = Field(sa_column=Column(Date, nullable=False))
    drafted_at: datetime = Field(sa_column=columns.instant())
    filed_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    decided_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    decision_reason: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    written_off_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))


class CommitmentEarmark(SQLModel, table=True):
    """So much of one batch kept in the applicant's reserve for one commitment, while that is not over."""

    __tablename__ = "commitment_earmark"
    __table_args__ = (CheckConstraint("quantity >= 0", name="ck_commitment_earmark_quantity"),)

    commitment_id: int = Field(sa_column=columns.refers("commitment.id", primary_key=True))
    batch_id: int = Field(sa_column=columns.refers("batch.id", primary_key=True, index=True))
    quantity: int = Field(sa_column=columns.count())


@dataclass(frozen=True, slots=True)
class CommitmentRow:
    """A commitment as it stands; ``promised`` and ``missed`` in steps of every indicator."""

    id: int
    application_id: int
    applicant: str
    project_id: int
    state: CommitmentState
    promised: Mapping[Indicator, int]
    missed: Mapping[Indicator, int]
    due_on: date
    drafted_at: datetime
    filed_at: datetime | None
    decided_at: datetime | None
    decision_reason: str | None
    written_off_at: datetime | None


@dataclass(frozen=True, slots=True)
class EarmarkRow:
    """An earmark, and the county that its batch comes from."""

    earmark: Earmark
    origin: str


_COLUMNS = f"""id, application_id, applicant, project_id, state, {PROMISED}, {MISSED}, due_on, drafted_at,
    filed_at, decided_at, decision_reason, written_off_at"""


def _commitment(row: Any) -> CommitmentRow:
    return CommitmentRow(
        id=row.id,
        application_id=row.application_id,
        applicant=row.applicant,
        project_id=row.project_id,
        state=CommitmentState(row.state),
        promised={each: getattr(row, each.value) for each in Indicator},
        missed={each: getattr(row, f"missed_{each.value}") for each in Indicator},
        due_on=row.due_on,
        drafted_at=row.drafted_at,
        filed_at=row.filed_at,
        decided_at=row.decided_at,
        decision_reason=row.decision_reason,
        written_off_at=row.written_off_at,
    )


def _promised(promised: Mapping[Indicator, int]) -> dict[str, int]:
    return {each.value: promised.get(each, 0) for each in Indicator}


async def insert(
    connection: Connection,
    *,
    application_id: int,
    applicant: str,
    project_id: int,
    promised: Mapping[Indicator, int],
    due_on: date,
    at: datetime,
) -> CommitmentRow:
    """Enter a commitment, DRAFT."""
    made = await connection.execute(
        text(
            f"""
            INSERT INTO commitment (application_id, applicant, project_id, state, {PROMISED}, due_on,
                                    drafted_at)
            VALUES (:application_id, :applicant, :project_id, 'DRAFT', :farmland_quantity, :paddy_area,
                    :grain_capacity, :linkage_quota, :due_on, :at)
            RETURNING {_COLUMNS}
            """
        ),
        {
            "application_id": application_id,
            "applicant": applicant,
            "project_id": project_id,
            "due_on": due_on,
            "at": at,
            **_promised(promised),
        },
    )
    return _commitment(made.one())


async def revise(
    connection: Connection,
    id_: int,
    *,
    project_id: int,
    promised: Mapping[Indicator, int],
    due_on: date,
) -> CommitmentRow:
    """Write a draft anew, which the caller holds."""
    revised = await connection.execute(
        text(
            f"""
            UPDATE commitment
               SET project_id = :project_id, due_on = :due_on, farmland_quantity = :farmland_quantity,
                   paddy_area = :paddy_area, grain_capacity = :grain_capacity, linkage_quota = :linkage_quota
             WHERE id = :id AND state = 'DRAFT' RETURNING {_COLUMNS}
            """
        ),
        {"id": id_, "project_id": project_id, "due_on": due_on, **_promised(promised)},
    )
    return _commitment(revised.one())


async def advance(
    connection: Connection,
    held: CommitmentRow,
    *,
    state: CommitmentState,
    filed_at: datetime | None = None,
    decided_at: datetime | None = None,
    reason: str | None = None,
    written_off_at: datetime | None = None,
    missed: Mapping[Indicator, int] | None = None,
) -> CommitmentRow:
    """Set the state of a commitment that the caller holds, with what belongs to it; None leaves as it is."""
    advanced = await connection.execute(
        text(
            f"""
            UPDATE commitment
               SET state = :state, filed_at = coalesce(:filed_at, filed_at),
                   decided_at = coalesce(:decided_at, decided_at),
                   decision_reason = coalesce(:reason, decision_reason),
                   written_off_at = coalesce(:written_off_at, written_off_at),
                   missed_farmland_quantity = :farmland_quantity, missed_paddy_area = :paddy_area,
                   missed_grain_capacity = :grain_capacity, missed_linkage_quota = :linkage_quota
             WHERE id = :id AND state = :before RETURNING {_COLUMNS}
            """
        ),
        {
            "id": held.id,
            "before": held.state,
            "state": state,
            "filed_at": filed_at,
            "decided_at": decided_at,
            "reason": reason,
            "written_off_at": written_off_at,
            **_promised(held.missed if missed is None else missed),
        },
    )
    row = advanced.first()
    ensure(row is not None, f"commitment {held.id} changed while it was held")
    return _commitment(row)


async def find(connection: Connection, id_: int) -> CommitmentRow | None:
    """Return one commitment, or None."""
    found = await connection.execute(text(f"SELECT {_COLUMNS} FROM commitment WHERE id = :id"), {"id": id_})
    row = found.first()
    return None if row is None else _commitment(row)


async def lock(connection: Connection, id_: int) -> CommitmentRow | None:
    """Lock one commitment and return it as it stands now, or None; after its project and application."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM commitment WHERE id = :id FOR UPDATE"), {"id": id_}
    )
    row = found.first()
    return None if row is None else _commitment(row)


async def lock_of_application(connection: Connection, application_id: int) -> Sequence[CommitmentRow]:
    """Lock all commitments of an application, which the caller holds, by number."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM commitment WHERE application_id = :id ORDER BY id FOR UPDATE"),
        {"id": application_id},
    )
    return [_commitment(row) for row in found]


async def lock_claims(connection: Connection, project_ids: Collection[int]) -> Mapping[int, Sequence[Claim]]:
    """Lock the ACTIVE commitments that name projects, and return what they claim in the order of filing.

    The caller holds the projects. One that ended while it was waited for claims nothing.
    """
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM commitment
             WHERE project_id = ANY(CAST(:ids AS bigint[])) AND state = 'ACTIVE' ORDER BY id FOR UPDATE
            """
        ),
        {"ids": sorted(project_ids)},
    )
    claims: dict[int, list[Claim]] = {}
    for row in sorted(found.all(), key=lambda each: (each.filed_at, each.id)):
        held = _commitment(row)
        claims.setdefault(held.project_id, []).append(Claim(held.id, held.applicant, held.promised))
    return claims


async def keep_earmarks(connection: Connection, earmarks: Sequence[Earmark]) -> None:
    """Keep what is earmarked for whom."""
    await connection.execute(
        text(
            """
            INSERT INTO commitment_earmark (commitment_id, batch_id, quantity)
            SELECT * FROM unnest(CAST(:commitments AS bigint[]), CAST(:batches AS bigint[]),
                                 CAST(:quantities AS bigint[]))
            """
        ),
        {
            "commitments": [each.commitment_id for each in earmarks],
            "batches": [each.batch_id for each in earmarks],
            "quantities": [each.steps for each in earmarks],
        },
    )


async def earmarks_of(connection: Connection, commitment_ids: Collection[int]) -> Sequence[EarmarkRow]:
    """Return what was earmarked for commitments, by commitment, indicator and age of the batch."""
    found = await connection.execute(
        text(
            """
            SELECT earmark.commitment_id, commitment.applicant, batch.indicator, earmark.batch_id,
                   earmark.quantity, batch.county
              FROM commitment_earmark AS earmark
              JOIN commitment ON commitment.id = earmark.commitment_id
              JOIN batch ON batch.id = earmark.batch_id
             WHERE earmark.commitment_id = ANY(CAST(:ids AS bigint[])) AND earmark.quantity > 0
             ORDER BY earmark.commitment_id, batch.indicator, batch.credited_at, batch.id
            """
        ),
        {"ids": sorted(commitment_ids)},
    )
    return [
        EarmarkRow(
            Earmark(row.commitment_id, row.applicant, Indicator(row.indicator), row.batch_id, row.quantity),
            row.county,
        )
        for row in found
    ]


async def hold_earmarked(connection: Connection, batch_ids: Collection[int]) -> Sequence[EarmarkRow]:
    """Lock the live commitments that batches are earmarked for, by number, and return those earmarks."""
    held = await connection.execute(
        text(
            """
            SELECT id FROM commitment
             WHERE state IN ('ACTIVE', 'DUE')
               AND id IN (SELECT commitment_id FROM commitment_earmark
                           WHERE batch_id = ANY(CAST(:batches AS bigint[])) AND quantity > 0)
             ORDER BY id FOR UPDATE
            """
        ),
        {"batches": sorted(batch_ids)},
    )
    every = await earmarks_of(connection, [row.id for row in held])
    return [row for row in every if row.earmark.batch_id in batch_ids]


async def drop_earmarks(connection: Connection, dropped: Sequence[EarmarkRow]) -> None:
    """Take earmarks back, whose commitments the caller holds: nothing of those batches is kept any more."""
    changed = await connection.execute(
        text(
            """
            UPDATE commitment_earmark SET quantity = 0
              FROM unnest(CAST(:commitments AS bigint[]), CAST(:batches AS bigint[]))
                   AS dropped(commitment_id, batch_id)
             WHERE commitment_earmark.commitment_id = dropped.commitment_id
               AND commitment_earmark.batch_id = dropped.batch_id
            """
        ),
        {
            "commitments": [row.earmark.commitment_id for row in dropped],
            "batches": [row.earmark.batch_id for row in dropped],
        },
    )
    ensure(changed.rowcount == len(dropped), f"{len(dropped)} earmarks to drop, {changed.rowcount} dropped")


async def promised_for(
    connection: Connection, application_ids: Collection[int]
) -> Mapping[int, Mapping[Indicator, int]]:
    """Return what activated commitments promise in an application's place, in steps by application."""
    found = await connection.execute(
        text(
            """
            SELECT application_id, sum(farmland_quantity) AS farmland_quantity,
                   sum(paddy_area) AS paddy_area, sum(grain_capacity) AS grain_capacity,
                   sum(linkage_quota) AS linkage_quota
              FROM commitment
             WHERE application_id = ANY(CAST(:ids AS bigint[])) AND state = ANY(CAST(:states AS text[]))
             GROUP BY application_id
            """
        ),
        {"ids": sorted(application_ids), "states": [each.value for each in COUNTED]},
    )
    return {row.application_id: {each: int(getattr(row, each.value)) for each in Indicator} for row in found}


async def lock_past_due(connection: Connection, today: date, tried: Collection[int]) -> CommitmentRow | None:
    """Lock and return the ACTIVE commitment longest past its day, not tried, that no other worker holds."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM commitment
             WHERE state = 'ACTIVE' AND due_on < :today AND id <> ALL(CAST(:tried AS bigint[]))
             ORDER BY due_on, id LIMIT 1 FOR UPDATE SKIP LOCKED
            """
        ),
        {"today": today, "tried": list(tried)},
    )
    row = found.first()
    return None if row is None else _commitment(row)


async def next_due(connection: Connection, tried: Collection[int]) -> CommitmentRow | None:
    """Return the DUE commitment longest past its day that was not tried yet; not locked."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM commitment
             WHERE state = 'DUE' AND id <> ALL(CAST(:tried AS bigint[])) ORDER BY due_on, id LIMIT 1
            """
        ),
        {"tried": list(tried)},
    )
    row = found.first()
    return None if row is None else _commitment(row)


async def commitments(
    connection: Connection,
    *,
    applicant: str | None,
    application_id: int | None,
    state: CommitmentState | None,
    due_from: date | None,
    due_until: date | None,
    after: int | None,
    limit: int,
) -> Sequence[CommitmentRow]:
    """Return at most ``limit`` commitments after the id given, by id; both days are included."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM commitment
             WHERE (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
               AND (CAST(:applicant AS text) IS NULL OR applicant = CAST(:applicant AS text))
               AND (CAST(:application_id AS bigint) IS NULL
                    OR application_id = CAST(:application_id AS bigint))
               AND (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
               AND (CAST(:due_from AS date) IS NULL OR due_on >= CAST(:due_from AS date))
               AND (CAST(:due_until AS date) IS NULL OR due_on <= CAST(:due_until AS date))
             ORDER BY id LIMIT :limit
            """
        ),
        {
            "after": after,
            "applicant": applicant,
            "application_id": application_id,
            "state": state,
            "due_from": due_from,
            "due_until": due_until,
            "limit": limit,
        },
    )
    return [_commitment(row) for row in found]
