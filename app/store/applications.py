"""Land applications (用地报批) with the requirement computed from their parcels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, Integer, text
from sqlmodel import Field, SQLModel

from app.market.applications import ApplicationKind, ApplicationState, OccupiedParcel, WriteOffMethod
from app.market.indicators import Indicator
from app.market.projects import LandUse
from app.store import columns
from app.store.database import Connection


class LandApplication(SQLModel, table=True):
    """An application to build on farmland, and what it must supply (RULES 5)."""

    __tablename__ = "land_application"
    __table_args__ = (
        columns.one_of("land_application", "kind", ApplicationKind),
        columns.one_of("land_application", "state", ApplicationState),
        CheckConstraint(
            "farmland_quantity >= 0 AND paddy_area >= 0 AND grain_capacity >= 0 AND linkage_quota >= 0",
            name="ck_land_application_required",
        ),
        columns.one_of("land_application", "method", WriteOffMethod),
        CheckConstraint(
            "(method = 'linked_project') = (linked_project_id IS NOT NULL)",
            name="ck_land_application_linked_project",
        ),
        # Another's reserve is drawn on only with its consent, whatever the code above believes.
        CheckConstraint(
            "applicant = reserve OR consented_at IS NOT NULL OR state NOT IN ('WRITTEN_OFF', 'APPROVED')",
            name="ck_land_application_consent",
        ),
        CheckConstraint(
            "CASE state WHEN 'FILED' THEN written_off_at IS NULL "
            "WHEN 'WRITTEN_OFF' THEN written_off_at IS NOT NULL "
            "WHEN 'APPROVED' THEN written_off_at IS NOT NULL ELSE true END",
            name="ck_land_application_written_off",
        ),
        # What a year's assessment looks for: the applications of that year.
        Index("ix_land_application_written_off_at", "written_off_at"),
        Index("ix_land_application_filed", "reserve", "id", postgresql_where=text("state = 'FILED'")),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    applicant: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    reserve: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    kind: str = Field(sa_column=columns.text())
    method: str = Field(sa_column=columns.text())
    linked_project_id: int | None = Field(default=None, sa_column=columns.refers("project.id", nullable=True))
    title: str = Field(sa_column=columns.text())
    state: str = Field(sa_column=columns.text())
    farmland_quantity: int = Field(sa_column=columns.count())
    paddy_area: int = Field(sa_column=columns.count())
    grain_capacity: int = Field(sa_column=columns.count())
    linkage_quota: int = Field(sa_column=columns.count())
    filed_at: datetime = Field(sa_column=columns.instant())
    consented_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    written_off_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    decided_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    decision_reason: str | None = Field(default=None, sa_column=columns.text(nullable=True))


class ApplicationParcel(SQLModel, table=True):
    """A parcel that an application will occupy."""

    __tablename__ = "application_parcel"
    __table_args__ = (CheckConstraint("area_m2 > 0", name="ck_application_parcel_area"),)

    application_id: int = Field(sa_column=columns.refers("land_application.id", primary_key=True))
    parcel_no: str = Field(sa_column=columns.text(primary_key=True))
    area_m2: int = Field(sa_column=columns.count())
    use: str = Field(sa_column=columns.text())
    grade: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    fee_standard_id: int | None = Field(
        default=None, sa_column=columns.refers("fee_standard.id", nullable=True)
    )


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """A land application as it stands; its requirement in steps of every indicator.

    ``reserve`` is whose reserve it is written off from: its own jurisdiction's, or its city's.
    """

    id: int
    applicant: str
    reserve: str
    kind: ApplicationKind
    method: WriteOffMethod
    linked_project_id: int | None
    title: str
    state: ApplicationState
    required: Mapping[Indicator, int]
    filed_at: datetime
    consented_at: datetime | None
    decided_at: datetime | None
    decision_reason: str | None


_COLUMNS = """id, applicant, reserve, kind, method, linked_project_id, title, state, farmland_quantity,
    paddy_area, grain_capacity, linkage_quota, filed_at, consented_at, decided_at, decision_reason"""


def _application(row: Any) -> ApplicationRow:
    return ApplicationRow(
        id=row.id,
        applicant=row.applicant,
        reserve=row.reserve,
        kind=ApplicationKind(row.kind),
        method=WriteOffMethod(row.method),
        linked_project_id=row.linked_project_id,
        title=row.title,
        state=ApplicationState(row.state),
        required={indicator: getattr(row, indicator.value) for indicator in Indicator},
        filed_at=row.filed_at,
        consented_at=row.consented_at,
        decided_at=row.decided_at,
        decision_reason=row.decision_reason,
    )


async def insert(
    connection: Connection,
    *,
    applicant: str,
    kind: ApplicationKind,
    title: str,
    required: Mapping[Indicator, int],
    parcels: Sequence[OccupiedParcel],
    filed_at: datetime,
    reserve: str | None = None,
    method: WriteOffMethod = WriteOffMethod.RESERVE,
    linked_project_id: int | None = None,
    fee_standards: Sequence[int | None] | None = None,
) -> ApplicationRow:
    """Enter an application, FILED, with its parcels; ``reserve`` None is the applicant's own.

    ``fee_standards`` are what each parcel's reclamation fee is reckoned by; None where there are none.
    """
    made = await connection.execute(
        text(
            f"""
            INSERT INTO land_application (applicant, reserve, kind, method, linked_project_id, title, state,
                                          farmland_quantity, paddy_area, grain_capacity, linkage_quota,
                                          filed_at)
            VALUES (:applicant, :reserve, :kind, :method, :linked_project_id, :title, 'FILED',
                    :farmland_quantity, :paddy_area, :grain_capacity, :linkage_quota, :filed_at)
            RETURNING {_COLUMNS}
            """
        ),
        {
            "applicant": applicant,
            "reserve": reserve or applicant,
            "kind": kind,
            "method": method,
            "linked_project_id": linked_project_id,
            "title": title,
            "filed_at": filed_at,
            **{indicator.value: required[indicator] for indicator in Indicator},
        },
    )
    application = _application(made.one())
    await connection.execute(
        text(
            """
            INSERT INTO application_parcel (application_id, parcel_no, area_m2, use, grade, fee_standard_id)
            SELECT :id, parcel.*
              FROM unnest(CAST(:numbers AS text[]), CAST(:areas AS bigint[]), CAST(:uses AS text[]),
                          CAST(:grades AS integer[]), CAST(:fee_standards AS bigint[])) AS parcel
            """
        ),
        {
            "id": application.id,
            "numbers": [parcel.parcel_no for parcel in parcels],
            "areas": [parcel.area_m2 for parcel in parcels],
            "uses": [parcel.use.value for parcel in parcels],
            "grades": [parcel.grade for parcel in parcels],
            "fee_standards": [None] * len(parcels) if fee_standards is None else list(fee_standards),
        },
    )
    return application


async def parcels_of(connection: Connection, application_id: int) -> Sequence[OccupiedParcel]:
    """Return an application's parcels by number."""
    found = await connection.execute(
        text(
            "SELECT parcel_no, area_m2, use, grade FROM application_parcel "
            "WHERE application_id = :id ORDER BY parcel_no"
        ),
        {"id": application_id},
    )
    return [OccupiedParcel(row.parcel_no, row.area_m2, LandUse(row.use), row.grade) for row in found]


async def find(connection: Connection, id_: int) -> ApplicationRow | None:
    """Return one application, or None."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM land_application WHERE id = :id"), {"id": id_}
    )
    row = found.first()
    return None if row is None else _application(row)


async def lock(connection: Connection, id_: int) -> ApplicationRow | None:
    """Lock one application and return it as it stands now, or None; always before any of its needs."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM land_application WHERE id = :id FOR UPDATE"), {"id": id_}
    )
    row = found.first()
    return None if row is None else _application(row)


async def lock_filed(
    connection: Connection, reserve: str, *, and_one: int | None = None
) -> Sequence[ApplicationRow]:
    """Lock all FILED applications that draw on a reserve, by id: it is shared out one change at a time.

    Another jurisdiction's counts from its consent on. ``and_one`` is locked and returned too, whatever
    its state.
    """
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM land_application
             WHERE (reserve = :reserve AND state = 'FILED'
                    AND (applicant = :reserve OR consented_at IS NOT NULL))
                OR id = CAST(:and_one AS bigint)
             ORDER BY id FOR UPDATE
            """
        ),
        {"reserve": reserve, "and_one": and_one},
    )
    return [_application(row) for row in found]


async def consent(connection: Connection, id_: int, *, at: datetime) -> ApplicationRow:
    """Keep that the reserve's jurisdiction consents to an application, which the caller holds."""
    kept = await connection.execute(
        text(f"UPDATE land_application SET consented_at = :at WHERE id = :id RETURNING {_COLUMNS}"),
        {"id": id_, "at": at},
    )
    return _application(kept.one())


async def write_off(
    connection: Connection, id_: int, *, state: ApplicationState, at: datetime
) -> ApplicationRow:
    """Set the state of an application that is written off, which the caller holds, and when that was."""
    kept = await connection.execute(
        text(
            f"""
            UPDATE land_application SET state = :state, written_off_at = :at
             WHERE id = :id RETURNING {_COLUMNS}
            """
        ),
        {"id": id_, "state": state, "at": at},
    )
    return _application(kept.one())


async def decide(
    connection: Connection, id_: int, *, state: ApplicationState, at: datetime, reason: str | None
) -> ApplicationRow:
    """Set what became of an application, which the caller holds."""
    decided = await connection.execute(
        text(
            f"""
            UPDATE land_application SET state = :state, decided_at = :at, decision_reason = :reason
             WHERE id = :id RETURNING {_COLUMNS}
            """
        ),
        {"id": id_, "state": state, "at": at, "reason": reason},
    )
    return _application(decided.one())


async def applications(
    connection: Connection,
    *,
    of: str | None,
    state: ApplicationState | None,
    after: int | None,
    limit: int,
) -> Sequence[ApplicationRow]:
    """Return at most ``limit`` applications after the id given, by id.

    ``of`` a jurisdiction: those that it filed, and those that name its reserve.
    """
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM land_application
             WHERE (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
               AND (CAST(:of AS text) IS NULL OR CAST(:of AS text) IN (applicant, reserve))
               AND (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
             ORDER BY id LIMIT :limit
            """
        ),
        {"of": of, "state": state, "after": after, "limit": limit},
    )
    return [_application(row) for row in found]
