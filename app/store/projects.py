"""Land projects (土地整治项目): filings, funds, parcels, and the register of certified land."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Column, Date, Index, Integer, Numeric, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.store import columns


class Project(SQLModel, table=True):
    """A project as it was filed and decided (RULES 4)."""

    __table_args__ = (
        CheckConstraint("state IN ('FILED', 'ACCEPTED', 'REFUSED', 'VOIDED')", name="ck_project_state"),
        CheckConstraint("accepted_on IS NULL OR accepted_on >= started_on", name="ck_project_dates"),
        # A refused filing frees its number for a corrected one.
        Index("uq_project_filing_no", "filing_no", unique=True, postgresql_where=text("state <> 'REFUSED'")),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    county: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
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
    polygon: str | None = Field(default=None, sa_column=Column(Text, nullable=True))


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
