"""Land projects (土地整治项目): filings, funds, parcels, and the register of certified land."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import CheckConstraint, Column, Date, Index, Integer, Numeric, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market import projects as market
from app.market.certification import Certified
from app.market.errors import ensure
from app.market.projects import FundSource, LandUse, ProjectKind, ProjectState, SurplusUse
from app.market.units import format_decimal
from app.store import columns
from app.store.database import Connection


class Project(SQLModel, table=True):
    """A project as it was filed and decided (RULES 4)."""

    __table_args__ = (
        columns.one_of("project", "state", ProjectState),
        columns.one_of("project", "kind", ProjectKind),
        CheckConstraint("accepted_on IS NULL OR accepted_on >= started_on", name="ck_project_dates"),
        # A refused filing frees its number for a corrected one.
        Index("uq_project_filing_no", "filing_no", unique=True, postgresql_where=text("state <> 'REFUSED'")),
        Index("ix_project_county_id", "county", "id"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    county: str = Field(sa_column=columns.refers("jurisdiction.code"))
    name: str = Field(sa_column=columns.text())
    filing_no: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    kind: str = Field(sa_column=columns.text())
    department: str = Field(sa_column=columns.text())
    state: str = Field(sa_column=columns.text())
    started_on: date = Field(sa_column=Column(Date, nullable=False))
    design_grade: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    feasibility_reviewed: bool = False
    surplus_recognised: bool = False
    ecology_reviewed: bool = False
    surplus_as: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    resettlement_area_m2: int | None = Field(default=None, sa_column=columns.count(nullable=True))
    filed_at: datetime = Field(sa_column=columns.instant())
    accepted_on: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    accepting_body: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    decided_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    decision_reason: str | None = Field(default=None, sa_column=columns.text(nullable=True))


class ProjectFund(SQLModel, table=True):
    """A share of a project's money by source; the shares sum to 1."""

    __tablename__ = "project_fund"
    __table_args__ = (CheckConstraint("share >= 0 AND share <= 1", name="ck_project_fund_share"),)

    project_id: int = Field(sa_column=columns.refers("project.id", primary_key=True))
    ordinal: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    source: str = Field(sa_column=columns.text())
    share: Decimal = Field(sa_column=Column(Numeric, nullable=False))


class ProjectParcel(SQLModel, table=True):
    """A parcel (图斑) of a project: area, use and grade before and after."""

    __tablename__ = "project_parcel"
    __table_args__ = (CheckConstraint("area_m2 > 0", name="ck_project_parcel_area"),)

    project_id: int = Field(sa_column=columns.refers("project.id", primary_key=True))
    parcel_no: str = Field(sa_column=columns.text(primary_key=True))
    area_m2: int = Field(sa_column=columns.count())
    use_before: str = Field(sa_column=columns.text())
    use_after: str = Field(sa_column=columns.text())
    grade_before: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    grade_after: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))


class CertifiedParcel(SQLModel, table=True):
    """What was last certified of a parcel, so that no land is credited as new farmland twice ([N] 七)."""

    __tablename__ = "certified_parcel"
    __table_args__ = (UniqueConstraint("county", "parcel_no", name="uq_certified_parcel"),)

    id: int | None = Field(default=None, sa_column=columns.identity())
    county: str = Field(sa_column=columns.refers("jurisdiction.code"))
    parcel_no: str = Field(sa_column=columns.text())
    project_id: int = Field(sa_column=columns.refers("project.id", index=True))
    credited_as_new: bool
    use_certified: str = Field(sa_column=columns.text())
    grade_certified: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project with its papers, its state and how it was decided."""

    id: int
    county: str
    name: str
    department: str
    state: ProjectState
    papers: market.Project
    ecology_reviewed: bool
    filed_at: datetime
    accepting_body: str | None
    decided_at: datetime | None
    decision_reason: str | None


@dataclass(frozen=True, slots=True)
class ProjectSummary:
    """A project as a list shows it: without funds and parcels, but with their total area."""

    id: int
    county: str
    name: str
    filing_no: str | None
    kind: ProjectKind
    state: ProjectState
    started_on: date
    accepted_on: date | None
    filed_at: datetime
    parcel_count: int
    area_m2: int


async def insert(
    connection: Connection,
    *,
    county: str,
    name: str,
    department: str,
    papers: market.Project,
    filed_at: datetime,
) -> int:
    """File a project with its funds and parcels; return its number; Conflict where its number is taken."""
    made = await connection.execute(
        text(
            """
            INSERT INTO project (county, name, filing_no, kind, department, state, started_on, design_grade,
                                 feasibility_reviewed, surplus_recognised, ecology_reviewed, surplus_as,
                                 resettlement_area_m2, filed_at)
            VALUES (:county, :name, :filing_no, :kind, :department, :state, :started_on, :design_grade,
                    :feasibility_reviewed, false, false, :surplus_as, :resettlement_area_m2, :filed_at)
            RETURNING id
            """
        ),
        {
            "county": county,
            "name": name,
            "filing_no": papers.filing_no,
            "kind": papers.kind,
            "department": department,
            "state": ProjectState.FILED,
            "started_on": papers.started_on,
            "design_grade": papers.design_grade,
            "feasibility_reviewed": papers.feasibility_reviewed,
            "surplus_as": papers.surplus_as,
            "resettlement_area_m2": papers.resettlement_area_m2,
            "filed_at": filed_at,
        },
    )
    number = int(made.scalar_one())
    await _insert_funds(connection, number, papers.funds)
    await _insert_parcels(connection, number, papers.parcels)
    return number


async def _insert_funds(connection: Connection, number: int, funds: Sequence[market.Fund]) -> None:
    await connection.execute(
        text(
            """
            INSERT INTO project_fund (project_id, ordinal, source, share)
            SELECT :project_id, fund.ordinal, fund.source, CAST(fund.share AS numeric)
              FROM unnest(CAST(:sources AS text[]), CAST(:shares AS text[]))
                   WITH ORDINALITY AS fund(source, share, ordinal)
            """
        ),
        {
            "project_id": number,
            "sources": [fund.source.value for fund in funds],
            "shares": [plain(fund.share) for fund in funds],
        },
    )


async def _insert_parcels(connection: Connection, number: int, parcels: Sequence[market.Parcel]) -> None:
    await connection.execute(
        text(
            """
            INSERT INTO project_parcel (project_id, parcel_no, area_m2, use_before, use_after,
                                        grade_before, grade_after)
            SELECT :project_id, parcel.*
              FROM unnest(CAST(:parcel_nos AS text[]), CAST(:areas AS bigint[]),
                          CAST(:uses_before AS text[]), CAST(:uses_after AS text[]),
                          CAST(:grades_before AS integer[]), CAST(:grades_after AS integer[])) AS parcel
            """
        ),
        {
            "project_id": number,
            "parcel_nos": [parcel.id for parcel in parcels],
            "areas": [parcel.area_m2 for parcel in parcels],
            "uses_before": [parcel.use_before.value for parcel in parcels],
            "uses_after": [parcel.use_after.value for parcel in parcels],
            "grades_before": [parcel.grade_before for parcel in parcels],
            "grades_after": [parcel.grade_after for parcel in parcels],
        },
    )


def plain(share: Fraction) -> str:
    """Print a share that came as a plain decimal as one again, exactly: no rounding, no exponent."""
    places, whole = 0, share
    while whole.denominator != 1:
        places, whole = places + 1, whole * 10
    return format_decimal(whole.numerator, places)


async def lock(connection: Connection, number: int) -> bool:
    """Hold a project against other decisions until the transaction ends; whether there is one."""
    held = await connection.execute(text("SELECT 1 FROM project WHERE id = :id FOR UPDATE"), {"id": number})
    return held.first() is not None


async def project(connection: Connection, number: int) -> ProjectRow | None:
    """Return a project with all its papers, parcels by their numbers; or None."""
    row = (await connection.execute(text("SELECT * FROM project WHERE id = :id"), {"id": number})).first()
    if row is None:
        return None
    funds = await connection.execute(
        text("SELECT source, share FROM project_fund WHERE project_id = :id ORDER BY ordinal"), {"id": number}
    )
    parcels = await connection.execute(
        text("SELECT * FROM project_parcel WHERE project_id = :id ORDER BY parcel_no"), {"id": number}
    )
    return ProjectRow(
        id=row.id,
        county=row.county,
        name=row.name,
        department=row.department,
        state=ProjectState(row.state),
        papers=market.Project(
            kind=ProjectKind(row.kind),
            started_on=row.started_on,
            funds=tuple(market.Fund(FundSource(fund.source), Fraction(fund.share)) for fund in funds),
            parcels=tuple(_parcel(parcel) for parcel in parcels),
            filing_no=row.filing_no,
            accepted_on=row.accepted_on,
            design_grade=row.design_grade,
            feasibility_reviewed=row.feasibility_reviewed,
            surplus_recognised=row.surplus_recognised,
            surplus_as=None if row.surplus_as is None else SurplusUse(row.surplus_as),
            resettlement_area_m2=row.resettlement_area_m2,
        ),
        ecology_reviewed=row.ecology_reviewed,
        filed_at=row.filed_at,
        accepting_body=row.accepting_body,
        decided_at=row.decided_at,
        decision_reason=row.decision_reason,
    )


def _parcel(row: Any) -> market.Parcel:
    return market.Parcel(
        id=row.parcel_no,
        area_m2=row.area_m2,
        use_before=LandUse(row.use_before),
        use_after=LandUse(row.use_after),
        grade_before=row.grade_before,
        grade_after=row.grade_after,
    )


async def summaries(
    connection: Connection,
    *,
    county: str | None,
    state: ProjectState | None,
    after: int | None,
    limit: int,
) -> Sequence[ProjectSummary]:
    """Return at most ``limit`` projects after the number given, of one county or of all."""
    found = await connection.execute(
        text(
            """
            SELECT project.*, parcels.parcel_count, CAST(parcels.area_m2 AS bigint) AS area_m2
              FROM (SELECT * FROM project
                     WHERE (CAST(:county AS text) IS NULL OR county = CAST(:county AS text))
                       AND (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
                       AND id > :after
                     ORDER BY id LIMIT :limit) AS project
             CROSS JOIN LATERAL (SELECT count(*) AS parcel_count, sum(area_m2) AS area_m2
                                   FROM project_parcel WHERE project_id = project.id) AS parcels
             ORDER BY project.id
            """
        ),
        {"county": county, "state": state, "after": after or 0, "limit": limit},
    )
    return [
        ProjectSummary(
            id=row.id,
            county=row.county,
            name=row.name,
            filing_no=row.filing_no,
            kind=ProjectKind(row.kind),
            state=ProjectState(row.state),
            started_on=row.started_on,
            accepted_on=row.accepted_on,
            filed_at=row.filed_at,
            parcel_count=row.parcel_count,
            area_m2=row.area_m2,
        )
        for row in found
    ]


async def keep_acceptance(
    connection: Connection,
    number: int,
    papers: market.Project,
    *,
    accepting_body: str,
    ecology_reviewed: bool,
    at: datetime,
) -> None:
    """Keep an acceptance with what was reviewed for it."""
    kept = await connection.execute(
        text(
            """
            UPDATE project
               SET state = 'ACCEPTED', accepted_on = :accepted_on, accepting_body = :accepting_body,
                   surplus_recognised = :surplus_recognised, ecology_reviewed = :ecology_reviewed,
                   feasibility_reviewed = :feasibility_reviewed, decided_at = :at
             WHERE id = :id AND state = 'FILED'
            """
        ),
        {
            "id": number,
            "accepted_on": papers.accepted_on,
            "accepting_body": accepting_body,
            "surplus_recognised": papers.surplus_recognised,
            "ecology_reviewed": ecology_reviewed,
            "feasibility_reviewed": papers.feasibility_reviewed,
            "at": at,
        },
    )
    ensure(kept.rowcount == 1, f"project {number} was accepted while it was locked")


async def keep_refusal(connection: Connection, number: int, *, reason: str, at: datetime) -> None:
    """Keep a refusal with its reason; the filing number is free again."""
    kept = await connection.execute(
        text(
            "UPDATE project SET state = 'REFUSED', decided_at = :at, decision_reason = :reason "
            "WHERE id = :id AND state = 'FILED'"
        ),
        {"id": number, "at": at, "reason": reason},
    )
    ensure(kept.rowcount == 1, f"project {number} was refused while it was locked")


REGISTER_LOCK = 7_351_002


async def hold_register(connection: Connection, county: str) -> None:
    """Hold a county's register of certified land, so that two acceptances see each other's parcels.

    Rows can't be locked before they exist; uq_certified_parcel speaks where somebody gets past this.
    """
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(CAST(:space AS integer), hashtext(:county))"),
        {"space": REGISTER_LOCK, "county": county},
    )


async def certified(
    connection: Connection, county: str, parcel_nos: Sequence[str]
) -> Mapping[str, Certified]:
    """Return what the register says of those parcels of a county that it knows."""
    found = await connection.execute(
        text(
            """
            SELECT parcel_no, credited_as_new, use_certified, grade_certified FROM certified_parcel
             WHERE county = :county AND parcel_no = ANY (CAST(:parcel_nos AS text[]))
            """
        ),
        {"county": county, "parcel_nos": list(parcel_nos)},
    )
    return {
        row.parcel_no: Certified(row.credited_as_new, LandUse(row.use_certified), row.grade_certified)
        for row in found
    }


async def keep_certified(
    connection: Connection, *, county: str, project_id: int, entries: Mapping[str, Certified]
) -> None:
    """Write what a project certified of each parcel; Conflict where another wrote a new one meanwhile.

    Known parcels are updated and new ones inserted: ON CONFLICT would overwrite what nobody judged.
    """
    given = {
        "county": county,
        "project_id": project_id,
        "parcel_nos": list(entries),
        "new": [entry.credited_as_new for entry in entries.values()],
        "uses": [entry.use.value for entry in entries.values()],
        "grades": [entry.grade for entry in entries.values()],
    }
    await connection.execute(text(_KEEP_CERTIFIED), given)


_KEEP_CERTIFIED = """
    WITH entry AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:parcel_nos AS text[]), CAST(:new AS boolean[]), CAST(:uses AS text[]),
                             CAST(:grades AS integer[])) AS entry(parcel_no, credited_as_new, use, grade)
    ), known AS (
        UPDATE certified_parcel
           SET project_id = :project_id, credited_as_new = entry.credited_as_new,
               use_certified = entry.use, grade_certified = entry.grade
          FROM entry
         WHERE certified_parcel.county = :county AND certified_parcel.parcel_no = entry.parcel_no
        RETURNING certified_parcel.parcel_no
    )
    INSERT INTO certified_parcel
           (county, parcel_no, project_id, credited_as_new, use_certified, grade_certified)
    SELECT :county, entry.parcel_no, :project_id, entry.credited_as_new, entry.use, entry.grade
      FROM entry WHERE entry.parcel_no NOT IN (SELECT parcel_no FROM known)
     ORDER BY entry.parcel_no
"""
