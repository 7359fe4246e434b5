"""Land applications (用地报批) with the requirement computed from their parcels."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Integer
from sqlmodel import Field, SQLModel

from app.market.applications import ApplicationKind, ApplicationState
from app.store import columns


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
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    applicant: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    kind: str = Field(sa_column=columns.text())
    title: str = Field(sa_column=columns.text())
    state: str = Field(sa_column=columns.text())
    farmland_quantity: int = Field(sa_column=columns.count())
    paddy_area: int = Field(sa_column=columns.count())
    grain_capacity: int = Field(sa_column=columns.count())
    linkage_quota: int = Field(sa_column=columns.count())
    filed_at: datetime = Field(sa_column=columns.instant())
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
