"""Land projects (土地整治项目): filings, funds and parcels, one or thousands by the same statements."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    Numeric,
    Text,
    false,
    text,
)
from sqlmodel import Field, SQLModel

from app.market import projects as market
from app.market.acceptances import Acceptance, Judgement
from app.market.errors import ensure
from app.market.filings import Filing
from app.market.particulars import LedBy, Particulars
from app.market.projects import FundSource, LandUse, ProjectKind, ProjectState, SurplusUse
from app.market.units import format_decimal
from app.store import columns
from app.store.database import Connection


class Project(SQLModel, table=True):
    """A project as it was filed and decided (RULES 4)."""

    __table_args__ = (
        columns.one_of("project", "state", ProjectState),
        columns.one_of("project", "kind", ProjectKind),
        columns.one_of("project", "led_by", LedBy),
        CheckConstraint(
            "department_accepted_on IS NULL OR led_by = 'other'", name="ck_project_department_accepted"
        ),
        CheckConstraint("budget_fen >= 0", name="ck_project_budget"),
        # What was never to be verified anew never was; nor is it twice.
        CheckConstraint(
            "NOT (needs_reverification AND reverified_on IS NOT NULL)", name="ck_project_reverified_once"
        ),
        CheckConstraint(
            "(reverified_on IS NULL) = (reverified_at IS NULL)", name="ck_project_reverification"
        ),
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
    led_by: str = Field(sa_column=Column(Text(collation="C"), nullable=False, server_default="land"))
    department_accepted_on: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    filing_due_on: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    filed_on: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    budget_fen: int | None = Field(default=None, sa_column=columns.count(nullable=True))
    needs_reverification: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=false())
    )
    reverified_on: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    reverified_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))


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
    particulars: Particulars
    needs_reverification: bool
    reverified_on: date | None


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


async def insert(connection: Connection, filings: Sequence[Filing], *, filed_at: datetime) -> Sequence[int]:
    """File projects with their funds and parcels, in their order; return their numbers.

    Raises Conflict where a filing number is taken.
    """
    made = await connection.execute(
        text(_INSERT_PROJECTS), {**_project_columns(filings), "state": ProjectState.FILED, "at": filed_at}
    )
    numbers = sorted(int(row.id) for row in made)
    ensure(len(numbers) == len(filings), f"{len(filings)} filings made {len(numbers)} projects")
    papers = [(number, filing.papers) for number, filing in zip(numbers, filings, strict=True)]
    await _insert_funds(connection, papers)
    await _insert_parcels(connection, papers)
    return numbers


# Numbered in the order given, so that the numbers, sorted, are the filings' own.
_INSERT_PROJECTS = """
    INSERT INTO project (county, name, filing_no, kind, department, state, started_on, design_grade,
                         feasibility_reviewed, surplus_recognised, ecology_reviewed, surplus_as,
                         resettlement_area_m2, filed_at, led_by, department_accepted_on, filing_due_on,
                         filed_on, budget_fen)
    SELECT filing.county, filing.name, filing.filing_no, filing.kind, filing.department, :state,
           filing.started_on, filing.design_grade, filing.feasibility_reviewed, false, false,
           filing.surplus_as, filing.resettlement_area_m2, :at, filing.led_by,
           filing.department_accepted_on, filing.filing_due_on, filing.filed_on, filing.budget_fen
      FROM unnest(CAST(:counties AS text[]), CAST(:names AS text[]), CAST(:filing_nos AS text[]),
                  CAST(:kinds AS text[]), CAST(:departments AS text[]), CAST(:starts AS date[]),
                  CAST(:design_grades AS integer[]), CAST(:feasibilities AS boolean[]),
                  CAST(:surpluses AS text[]), CAST(:resettlements AS bigint[]), CAST(:leaders AS text[]),
                  CAST(:department_days AS date[]), CAST(:due_days AS date[]), CAST(:filed_days AS date[]),
                  CAST(:budgets AS bigint[])) WITH ORDINALITY
           AS filing(county, name, filing_no, kind, department, started_on, design_grade,
                     feasibility_reviewed, surplus_as, resettlement_area_m2, led_by,
                     department_accepted_on, filing_due_on, filed_on, budget_fen, place)
     ORDER BY filing.place
    RETURNING id
"""


def _project_columns(filings: Sequence[Filing]) -> dict[str, Any]:
    papers = [filing.papers for filing in filings]
    return {
        "counties": [filing.county for filing in filings],
        "names": [filing.name for filing in filings],
        "departments": [filing.department for filing in filings],
        "filing_nos": [each.filing_no for each in papers],
        "kinds": [each.kind.value for each in papers],
        "starts": [each.started_on for each in papers],
        "design_grades": [each.design_grade for each in papers],
        "feasibilities": [each.feasibility_reviewed for each in papers],
        "surpluses": [each.surplus_as and each.surplus_as.value for each in papers],
        "resettlements": [each.resettlement_area_m2 for each in papers],
        "leaders": [filing.particulars.led_by.value for filing in filings],
        "department_days": [filing.particulars.department_accepted_on for filing in filings],
        "due_days": [filing.particulars.filing_due_on for filing in filings],
        "filed_days": [filing.particulars.filed_on for filing in filings],
        "budgets": [filing.particulars.budget_fen for filing in filings],
    }


async def _insert_funds(connection: Connection, papers: Sequence[tuple[int, market.Project]]) -> None:
    funds = [(number, ordinal, fund) for number, each in papers for ordinal, fund in enumerate(each.funds, 1)]
    await connection.execute(
        text(
            """
            INSERT INTO project_fund (project_id, ordinal, source, share)
            SELECT fund.project_id, fund.ordinal, fund.source, CAST(fund.share AS numeric)
              FROM unnest(CAST(:project_ids AS bigint[]), CAST(:ordinals AS integer[]),
                          CAST(:sources AS text[]), CAST(:shares AS text[]))
                   AS fund(project_id, ordinal, source, share)
            """
        ),
        {
            "project_ids": [number for number, _, _ in funds],
            "ordinals": [ordinal for _, ordinal, _ in funds],
            "sources": [fund.source.value for _, _, fund in funds],
            "shares": [plain(fund.share) for _, _, fund in funds],
        },
    )


async def _insert_parcels(connection: Connection, papers: Sequence[tuple[int, market.Project]]) -> None:
    parcels = [(number, parcel) for number, each in papers for parcel in each.parcels]
    await connection.execute(
        text(
            """
            INSERT INTO project_parcel (project_id, parcel_no, area_m2, use_before, use_after,
                                        grade_before, grade_after)
            SELECT * FROM unnest(CAST(:project_ids AS bigint[]), CAST(:parcel_nos AS text[]),
                                 CAST(:areas AS bigint[]), CAST(:uses_before AS text[]),
                                 CAST(:uses_after AS text[]), CAST(:grades_before AS integer[]),
                                 CAST(:grades_after AS integer[]))
            """
        ),
        {
            "project_ids": [number for number, _ in parcels],
            "parcel_nos": [parcel.id for _, parcel in parcels],
            "areas": [parcel.area_m2 for _, parcel in parcels],
            "uses_before": [parcel.use_before.value for _, parcel in parcels],
            "uses_after": [parcel.use_after.value for _, parcel in parcels],
            "grades_before": [parcel.grade_before for _, parcel in parcels],
            "grades_after": [parcel.grade_after for _, parcel in parcels],
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


async def county_of(connection: Connection, number: int) -> str | None:
    """Return whose a project is, or None where there is none; that never changes."""
    found = await connection.execute(text("SELECT county FROM project WHERE id = :id"), {"id": number})
    row = found.first()
    return None if row is None else str(row.county)


async def project(connection: Connection, number: int) -> ProjectRow | None:
    """Return a project with all its papers, parcels by their numbers; or None."""
    return (await projects(connection, [number])).get(number)


async def projects(connection: Connection, numbers: Collection[int]) -> Mapping[int, ProjectRow]:
    """Return those of the projects that there are, by number, each with all its papers."""
    ids = {"ids": list(numbers)}
    rows = await connection.execute(
        text("SELECT * FROM project WHERE id = ANY (CAST(:ids AS bigint[])) ORDER BY id"), ids
    )
    found = await connection.execute(
        text(
            "SELECT project_id, source, share FROM project_fund "
            "WHERE project_id = ANY (CAST(:ids AS bigint[])) ORDER BY project_id, ordinal"
        ),
        ids,
    )
    funds: dict[int, list[market.Fund]] = defaultdict(list)
    for fund in found:
        funds[fund.project_id].append(market.Fund(FundSource(fund.source), Fraction(fund.share)))
    found = await connection.execute(
        text(
            "SELECT * FROM project_parcel "
            "WHERE project_id = ANY (CAST(:ids AS bigint[])) ORDER BY project_id, parcel_no"
        ),
        ids,
    )
    parcels: dict[int, list[market.Parcel]] = defaultdict(list)
    for parcel in found:
        parcels[parcel.project_id].append(_parcel(parcel))
    return {row.id: _project(row, funds[row.id], parcels[row.id]) for row in rows}


def _project(row: Any, funds: Iterable[market.Fund], parcels: Iterable[market.Parcel]) -> ProjectRow:
    return ProjectRow(
        id=row.id,
        county=row.county,
        name=row.name,
        department=row.department,
        state=ProjectState(row.state),
        papers=market.Project(
            kind=ProjectKind(row.kind),
            started_on=row.started_on,
            funds=tuple(funds),
            parcels=tuple(parcels),
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
        particulars=Particulars(
            LedBy(row.led_by),
            row.department_accepted_on,
            row.filing_due_on,
            row.filed_on,
            row.budget_fen,
        ),
        needs_reverification=row.needs_reverification,
        reverified_on=row.reverified_on,
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


async def keep_acceptances(
    connection: Connection, accepted: Mapping[int, tuple[Acceptance, Judgement]], *, at: datetime
) -> None:
    """Keep the acceptances of projects, by number, with what was reviewed for each."""
    kept = await connection.execute(
        text(
            """
            UPDATE project
               SET state = 'ACCEPTED', accepted_on = accepted.on_day, accepting_body = accepted.body,
                   surplus_recognised = accepted.surplus_recognised,
                   ecology_reviewed = accepted.ecology_reviewed,
                   feasibility_reviewed = accepted.feasibility_reviewed,
                   needs_reverification = accepted.needs_reverification, decided_at = :at
              FROM unnest(CAST(:ids AS bigint[]), CAST(:days AS date[]), CAST(:bodies AS text[]),
                          CAST(:surpluses AS boolean[]), CAST(:ecologies AS boolean[]),
                          CAST(:feasibilities AS boolean[]), CAST(:reverifications AS boolean[]))
                   AS accepted(id, on_day, body, surplus_recognised, ecology_reviewed, feasibility_reviewed,
                               needs_reverification)
             WHERE project.id = accepted.id AND project.state = 'FILED'
            """
        ),
        {
            "ids": list(accepted),
            "days": [acceptance.accepted_on for acceptance, _ in accepted.values()],
            "bodies": [acceptance.accepting_body for acceptance, _ in accepted.values()],
            "surpluses": [acceptance.surplus_recognised for acceptance, _ in accepted.values()],
            "ecologies": [acceptance.ecology_reviewed for acceptance, _ in accepted.values()],
            "feasibilities": [judged.papers.feasibility_reviewed for _, judged in accepted.values()],
            "reverifications": [judged.needs_reverification for _, judged in accepted.values()],
            "at": at,
        },
    )
    ensure(kept.rowcount == len(accepted), f"of {list(accepted)[:9]} one was accepted while it was locked")


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


async def keep_voiding(connection: Connection, number: int) -> None:
    """Keep that an accepted project, which the caller holds, is void; its acceptance stays readable."""
    kept = await connection.execute(
        text("UPDATE project SET state = 'VOIDED' WHERE id = :id AND state = 'ACCEPTED'"), {"id": number}
    )
    ensure(kept.rowcount == 1, f"project {number} was voided while it was locked")
