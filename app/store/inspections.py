"""Inspections (检查) and their findings, and the spot checks (抽查) that draw some of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Integer, text
from sqlmodel import Field, SQLModel

from app.market.errors import ensure
from app.market.inspections import InspectionKind, InspectionState, Severity
from app.store import columns
from app.store.database import Connection


class Inspection(SQLModel, table=True):
    """An inspection of a jurisdiction or of one of its projects, with its conclusion as its state."""

    __table_args__ = (
        columns.one_of("inspection", "kind", InspectionKind),
        columns.one_of("inspection", "state", InspectionState),
        CheckConstraint("(kind = 'spot_check') = (spot_check_id IS NOT NULL)", name="ck_inspection_draw"),
        CheckConstraint("(state = 'OPEN') = (concluded_at IS NULL)", name="ck_inspection_concluded"),
        CheckConstraint("state <> 'FRAUD' OR project_id IS NOT NULL", name="ck_inspection_fraud"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    kind: str = Field(sa_column=columns.text())
    jurisdiction: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    project_id: int | None = Field(
        default=None, sa_column=columns.refers("project.id", nullable=True, index=True)
    )
    spot_check_id: int | None = Field(
        default=None, sa_column=columns.refers("spot_check.id", nullable=True, index=True)
    )
    state: str = Field(sa_column=columns.text())
    opened_at: datetime = Field(sa_column=columns.instant())
    opened_by: str = Field(sa_column=columns.refers("jurisdiction.code"))
    concluded_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    conclusion_reason: str | None = Field(default=None, sa_column=columns.text(nullable=True))


class InspectionFinding(SQLModel, table=True):
    """What an inspection found; append-only."""

    __tablename__ = "inspection_finding"
    __table_args__ = (columns.one_of("inspection_finding", "severity", Severity),)

    id: int | None = Field(default=None, sa_column=columns.identity())
    inspection_id: int = Field(sa_column=columns.refers("inspection.id", index=True))
    what: str = Field(sa_column=columns.text())
    severity: str = Field(sa_column=columns.text())
    parcel_no: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    document_digest: bytes | None = Field(default=None, sa_column=columns.octets(nullable=True))
    recorded_at: datetime = Field(sa_column=columns.instant())
    recorded_by: str = Field(sa_column=columns.refers("jurisdiction.code"))


class SpotCheck(SQLModel, table=True):
    """A draw of projects, announced by its seed's digest; the seed, once told, is kept for everybody."""

    __tablename__ = "spot_check"
    __table_args__ = (
        CheckConstraint("(how_many IS NULL) <> (share IS NULL)", name="ck_spot_check_size"),
        CheckConstraint(
            "(drawn_at IS NULL) = (seed IS NULL) AND (drawn_at IS NULL) = (event_id IS NULL) "
            "AND (drawn_at IS NULL) = (population IS NULL)",
            name="ck_spot_check_drawn",
        ),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    year: int = Field(sa_column=Column(Integer, nullable=False))
    how_many: int | None = Field(default=None, sa_column=columns.count(nullable=True))
    share: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    seed_digest: bytes = Field(sa_column=columns.octets())
    announced_at: datetime = Field(sa_column=columns.instant())
    announced_by: str = Field(sa_column=columns.refers("jurisdiction.code"))
    seed: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    event_id: int | None = Field(default=None, sa_column=columns.refers("journal_event.id", nullable=True))
    population: int | None = Field(default=None, sa_column=columns.count(nullable=True))
    drawn_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))


@dataclass(frozen=True, slots=True)
class InspectionRow:
    """An inspection as it stands."""

    id: int
    kind: InspectionKind
    jurisdiction: str
    project_id: int | None
    spot_check_id: int | None
    state: InspectionState
    opened_at: datetime
    opened_by: str
    concluded_at: datetime | None
    conclusion_reason: str | None


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding, with the SHA-256 of the document that shows it, where there is one."""

    id: int
    what: str
    severity: Severity
    parcel_no: str | None
    document_digest: bytes | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class SpotCheckRow:
    """A spot check as announced, and as drawn."""

    id: int
    year: int
    how_many: int | None
    share: str | None
    seed_digest: bytes
    announced_at: datetime
    announced_by: str
    seed: str | None
    event_id: int | None
    population: int | None
    drawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Drawable:
    """An accepted project that a spot check may draw."""

    project_id: int
    filing_no: str
    county: str


@dataclass(frozen=True, slots=True)
class EventMark:
    """The journal event that is mixed into a draw."""

    id: int
    at: datetime
    digest: bytes


_COLUMNS = """id, kind, jurisdiction, project_id, spot_check_id, state, opened_at, opened_by, concluded_at,
    conclusion_reason"""


def _inspection(row: Any) -> InspectionRow:
    return InspectionRow(
        **{**row._mapping, "kind": InspectionKind(row.kind), "state": InspectionState(row.state)}
    )


async def insert(
    connection: Connection,
    *,
    kind: InspectionKind,
    of: Sequence[tuple[str, int | None]],
    spot_check_id: int | None,
    opened_at: datetime,
    opened_by: str,
) -> Sequence[InspectionRow]:
    """Open an inspection of each (jurisdiction, project or None), in the order given."""
    made = await connection.execute(
        text(
            f"""
            INSERT INTO inspection (kind, jurisdiction, project_id, spot_check_id, state, opened_at,
                                    opened_by)
            SELECT :kind, fresh.jurisdiction, fresh.project_id, :spot_check_id, 'OPEN', :opened_at,
                   :opened_by
              FROM unnest(CAST(:jurisdictions AS text[]), CAST(:projects AS bigint[])) WITH ORDINALITY
                   AS fresh(jurisdiction, project_id, place)
             ORDER BY fresh.place
            RETURNING {_COLUMNS}
            """
        ),
        {
            "kind": kind,
            "jurisdictions": [jurisdiction for jurisdiction, _ in of],
            "projects": [project_id for _, project_id in of],
            "spot_check_id": spot_check_id,
            "opened_at": opened_at,
            "opened_by": opened_by,
        },
    )
    return sorted((_inspection(row) for row in made), key=lambda row: row.id)


async def lock(connection: Connection, number: int) -> InspectionRow | None:
    """Hold an inspection until the transaction ends and return it, or None."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM inspection WHERE id = :id FOR UPDATE"), {"id": number}
    )
    row = found.first()
    return None if row is None else _inspection(row)


async def find(connection: Connection, number: int) -> InspectionRow | None:
    """Return an inspection, or None."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM inspection WHERE id = :id"), {"id": number}
    )
    row = found.first()
    return None if row is None else _inspection(row)


async def inspections(
    connection: Connection,
    *,
    jurisdiction: str | None,
    project_id: int | None,
    spot_check_id: int | None,
    state: InspectionState | None,
    after: int | None,
    limit: int,
) -> Sequence[InspectionRow]:
    """Return at most ``limit`` inspections after the number given, in the order opened."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM inspection
             WHERE (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
               AND (CAST(:jurisdiction AS text) IS NULL OR jurisdiction = CAST(:jurisdiction AS text))
               AND (CAST(:project_id AS bigint) IS NULL OR project_id = CAST(:project_id AS bigint))
               AND (CAST(:spot_check_id AS bigint) IS NULL OR spot_check_id = CAST(:spot_check_id AS bigint))
               AND (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
             ORDER BY id LIMIT :limit
            """
        ),
        {
            "jurisdiction": jurisdiction,
            "project_id": project_id,
            "spot_check_id": spot_check_id,
            "state": state,
            "after": after,
            "limit": limit,
        },
    )
    return [_inspection(row) for row in found]


async def add_finding(
    connection: Connection,
    inspection_id: int,
    *,
    what: str,
    severity: Severity,
    parcel_no: str | None,
    document_digest: bytes | None,
    recorded_at: datetime,
    recorded_by: str,
) -> None:
    """Append a finding to an inspection that the caller holds."""
    await connection.execute(
        text(
            """
            INSERT INTO inspection_finding (inspection_id, what, severity, parcel_no, document_digest,
                                            recorded_at, recorded_by)
            VALUES (:inspection_id, :what, :severity, :parcel_no, :document_digest,
                    :recorded_at, :recorded_by)
            """
        ),
        {
            "inspection_id": inspection_id,
            "what": what,
            "severity": severity,
            "parcel_no": parcel_no,
            "document_digest": document_digest,
            "recorded_at": recorded_at,
            "recorded_by": recorded_by,
        },
    )


async def findings(connection: Connection, numbers: Collection[int]) -> Mapping[int, Sequence[FindingRow]]:
    """Return the findings of some inspections, by inspection, in the order recorded."""
    found = await connection.execute(
        text(
            """
            SELECT id, inspection_id, what, severity, parcel_no, document_digest, recorded_at
              FROM inspection_finding WHERE inspection_id = ANY(CAST(:ids AS bigint[])) ORDER BY id
            """
        ),
        {"ids": list(numbers)},
    )
    of: dict[int, list[FindingRow]] = {number: [] for number in numbers}
    for row in found:
        of[row.inspection_id].append(
            FindingRow(
                row.id,
                row.what,
                Severity(row.severity),
                row.parcel_no,
                row.document_digest,
                row.recorded_at,
            )
        )
    return of


async def conclude(
    connection: Connection, number: int, *, state: InspectionState, at: datetime, reason: str
) -> InspectionRow:
    """Keep the conclusion of an inspection that the caller holds."""
    kept = await connection.execute(
        text(
            f"""
            UPDATE inspection SET state = :state, concluded_at = :at, conclusion_reason = :reason
             WHERE id = :id AND state = 'OPEN' RETURNING {_COLUMNS}
            """
        ),
        {"id": number, "state": state, "at": at, "reason": reason},
    )
    row = kept.first()
    ensure(row is not None, f"inspection {number} was concluded while it was held")
    return _inspection(row)


async def has_parcel(connection: Connection, project_id: int, parcel_no: str) -> bool:
    """Whether a project has a parcel of that number."""
    found = await connection.execute(
        text("SELECT 1 FROM project_parcel WHERE project_id = :project_id AND parcel_no = :parcel_no"),
        {"project_id": project_id, "parcel_no": parcel_no},
    )
    return found.first() is not None


_DRAW_COLUMNS = """id, year, how_many, share, seed_digest, announced_at, announced_by, seed, event_id,
    population, drawn_at"""


def _spot_check(row: Any) -> SpotCheckRow:
    return SpotCheckRow(**row._mapping)


async def insert_spot_check(
    connection: Connection,
    *,
    year: int,
    how_many: int | None,
    share: str | None,
    seed_digest: bytes,
    announced_at: datetime,
    announced_by: str,
) -> SpotCheckRow:
    """Keep an announced spot check."""
    made = await connection.execute(
        text(
            f"""
            INSERT INTO spot_check (year, how_many, share, seed_digest, announced_at, announced_by)
            VALUES (:year, :how_many, :share, :seed_digest, :announced_at, :announced_by)
            RETURNING {_DRAW_COLUMNS}
            """
        ),
        {
            "year": year,
            "how_many": how_many,
            "share": share,
            "seed_digest": seed_digest,
            "announced_at": announced_at,
            "announced_by": announced_by,
        },
    )
    return _spot_check(made.one())


async def lock_spot_check(connection: Connection, number: int) -> SpotCheckRow | None:
    """Hold a spot check until the transaction ends and return it, or None."""
    found = await connection.execute(
        text(f"SELECT {_DRAW_COLUMNS} FROM spot_check WHERE id = :id FOR UPDATE"), {"id": number}
    )
    row = found.first()
    return None if row is None else _spot_check(row)


async def spot_checks(connection: Connection, *, after: int | None, limit: int) -> Sequence[SpotCheckRow]:
    """Return at most ``limit`` spot checks after the number given, in the order announced."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_DRAW_COLUMNS} FROM spot_check
             WHERE (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
             ORDER BY id LIMIT :limit
            """
        ),
        {"after": after, "limit": limit},
    )
    return [_spot_check(row) for row in found]


async def drawable(connection: Connection, year: int, announced_at: datetime) -> Sequence[Drawable]:
    """Return the projects accepted in a year, and entered so before the draw was announced.

    What is accepted after the announcement can't change the draw; a project voided since is not drawn.
    """
    found = await connection.execute(
        text(
            """
            SELECT id, filing_no, county FROM project
             WHERE state = 'ACCEPTED' AND accepted_on >= make_date(:year, 1, 1)
               AND accepted_on <= make_date(:year, 12, 31) AND decided_at < :announced_at
             ORDER BY filing_no
            """
        ),
        {"year": year, "announced_at": announced_at},
    )
    return [Drawable(row.id, row.filing_no, row.county) for row in found]


async def first_event_of_another(connection: Connection, *, subject: str, announcer: str) -> EventMark | None:
    """Return the first journal event after a spot check's own that another jurisdiction caused."""
    found = await connection.execute(
        text(
            """
            SELECT id, at, digest FROM journal_event
             WHERE id > (SELECT min(id) FROM journal_event WHERE subject = :subject)
               AND actor <> :announcer
             ORDER BY id LIMIT 1
            """
        ),
        {"subject": subject, "announcer": announcer},
    )
    row = found.first()
    return None if row is None else EventMark(row.id, row.at, row.digest)


async def keep_draw(
    connection: Connection, number: int, *, seed: str, event_id: int, population: int, at: datetime
) -> SpotCheckRow:
    """Keep the draw of a spot check that the caller holds."""
    kept = await connection.execute(
        text(
            f"""
            UPDATE spot_check SET seed = :seed, event_id = :event_id, population = :population, drawn_at = :at
             WHERE id = :id AND drawn_at IS NULL RETURNING {_DRAW_COLUMNS}
            """
        ),
        {"id": number, "seed": seed, "event_id": event_id, "population": population, "at": at},
    )
    row = kept.first()
    ensure(row is not None, f"spot check {number} was drawn while it was held")
    return _spot_check(row)
