"""Upkeep of accepted projects: who keeps the land up, and the yearly reports; both append-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Column, Date, Index, Integer, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.store import columns
from app.store.database import Connection


class ProjectUpkeep(SQLModel, table=True):
    """Who keeps a project's land up, and until when; the latest row counts."""

    __tablename__ = "project_upkeep"
    __table_args__ = (Index("ix_project_upkeep_project_id_id", "project_id", "id"),)

    id: int | None = Field(default=None, sa_column=columns.identity())
    project_id: int = Field(sa_column=columns.refers("project.id"))
    body: str = Field(sa_column=columns.text())
    until: date = Field(sa_column=Column(Date, nullable=False))
    named_at: datetime = Field(sa_column=columns.instant())
    named_by: str = Field(sa_column=columns.refers("jurisdiction.code"))


class UpkeepReport(SQLModel, table=True):
    """What a county found of a project's land in a year."""

    __tablename__ = "upkeep_report"
    __table_args__ = (UniqueConstraint("project_id", "year", name="uq_upkeep_report"),)

    id: int | None = Field(default=None, sa_column=columns.identity())
    project_id: int = Field(sa_column=columns.refers("project.id"))
    year: int = Field(sa_column=Column(Integer, nullable=False))
    in_good_order: bool
    found: str = Field(sa_column=columns.text())
    reported_at: datetime = Field(sa_column=columns.instant())
    reported_by: str = Field(sa_column=columns.refers("jurisdiction.code"))


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One year's report."""

    year: int
    in_good_order: bool
    found: str
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class UpkeepRow:
    """A project's upkeep: nobody as long as nobody was named; its reports by year."""

    project_id: int
    body: str | None
    until: date | None
    reports: Sequence[ReportRow]


@dataclass(frozen=True, slots=True)
class MissingReport:
    """A year that is over and was not reported; ``body`` None where nobody was named."""

    project_id: int
    county: str
    filing_no: str | None
    body: str | None
    until: date | None
    year: int


async def name(
    connection: Connection, project_id: int, *, body: str, until: date, at: datetime, by: str
) -> None:
    """Name who keeps a project's land up from now on."""
    await connection.execute(
        text(
            "INSERT INTO project_upkeep (project_id, body, until, named_at, named_by) "
            "VALUES (:project_id, :body, :until, :at, :by)"
        ),
        {"project_id": project_id, "body": body, "until": until, "at": at, "by": by},
    )


async def report(
    connection: Connection,
    project_id: int,
    *,
    year: int,
    in_good_order: bool,
    found: str,
    at: datetime,
    by: str,
) -> None:
    """Add a year's report; raises Conflict where there is one."""
    await connection.execute(
        text(
            "INSERT INTO upkeep_report (project_id, year, in_good_order, found, reported_at, reported_by) "
            "VALUES (:project_id, :year, :in_good_order, :found, :at, :by)"
        ),
        {
            "project_id": project_id,
            "year": year,
            "in_good_order": in_good_order,
            "found": found,
            "at": at,
            "by": by,
        },
    )


async def upkeep(connection: Connection, project_id: int) -> UpkeepRow:
    """Return a project's upkeep as it stands."""
    named = await connection.execute(
        text("SELECT body, until FROM project_upkeep WHERE project_id = :id ORDER BY id DESC LIMIT 1"),
        {"id": project_id},
    )
    row = named.first()
    reports = await connection.execute(
        text(
            "SELECT year, in_good_order, found, reported_at FROM upkeep_report "
            "WHERE project_id = :id ORDER BY year"
        ),
        {"id": project_id},
    )
    return UpkeepRow(
        project_id,
        row.body if row else None,
        row.until if row else None,
        [ReportRow(each.year, each.in_good_order, each.found, each.reported_at) for each in reports],
    )


async def missing(
    connection: Connection,
    *,
    county: str | None,
    this_year: int,
    after: tuple[int, int] | None,
    limit: int,
) -> Sequence[MissingReport]:
    """Return at most ``limit`` past years without a report, from the year after acceptance on."""
    found = await connection.execute(
        text(
            """
            SELECT project.id AS project_id, project.county, project.filing_no, duty.body, duty.until,
                   due.year
              FROM project
              LEFT JOIN LATERAL (SELECT body, until FROM project_upkeep
                                  WHERE project_id = project.id ORDER BY id DESC LIMIT 1) AS duty ON true
             CROSS JOIN LATERAL generate_series(
                   CAST(extract(year FROM project.accepted_on) AS integer) + 1,
                   least(CAST(extract(year FROM duty.until) AS integer), :this_year - 1)) AS due(year)
             WHERE project.state = 'ACCEPTED' AND project.id >= :after_id
               AND (CAST(:county AS text) IS NULL OR project.county = CAST(:county AS text))
               AND (project.id, due.year) > (:after_id, :after_year)
               AND NOT EXISTS (SELECT FROM upkeep_report AS report
                                WHERE report.project_id = project.id AND report.year = due.year)
             ORDER BY project.id, due.year LIMIT :limit
            """
        ),
        {
            "county": county,
            "this_year": this_year,
            "after_id": after[0] if after else 0,
            "after_year": after[1] if after else 0,
            "limit": limit,
        },
    )
    return [MissingReport(**row._mapping) for row in found]
