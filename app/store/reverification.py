"""Re-verifications (复核): what was found of each parcel of a project filed before the notice."""

from collections.abc import Collection, Mapping
from datetime import date, datetime

from sqlalchemy import Column, ForeignKeyConstraint, Integer, text
from sqlmodel import Field, SQLModel

from app.market.errors import ensure
from app.market.projects import Parcel
from app.store import columns
from app.store.database import Connection


class ReverifiedParcel(SQLModel, table=True):
    """A parcel as it was found; what was filed of it stays beside; append-only."""

    __tablename__ = "reverified_parcel"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "parcel_no"],
            ["project_parcel.project_id", "project_parcel.parcel_no"],
            name="fk_reverified_parcel_parcel",
        ),
    )

    project_id: int = Field(sa_column=columns.count(primary_key=True))
    parcel_no: str = Field(sa_column=columns.text(primary_key=True))
    use_after: str = Field(sa_column=columns.text())
    grade_before: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    grade_after: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))


async def keep(
    connection: Connection, project_id: int, parcels: Collection[Parcel], *, verified_on: date, at: datetime
) -> None:
    """Keep what was found of a project's parcels; it no longer waits."""
    kept = await connection.execute(
        text(
            "UPDATE project SET needs_reverification = false, reverified_on = :day, reverified_at = :at "
            "WHERE id = :id AND needs_reverification"
        ),
        {"id": project_id, "day": verified_on, "at": at},
    )
    ensure(kept.rowcount == 1, f"project {project_id} was verified anew while it was locked")
    await connection.execute(
        text(
            """
            INSERT INTO reverified_parcel (project_id, parcel_no, use_after, grade_before, grade_after)
            SELECT :project_id, parcel.*
              FROM unnest(CAST(:nos AS text[]), CAST(:uses AS text[]), CAST(:before AS integer[]),
                          CAST(:after AS integer[])) AS parcel
            """
        ),
        {
            "project_id": project_id,
            "nos": [parcel.id for parcel in parcels],
            "uses": [parcel.use_after.value for parcel in parcels],
            "before": [parcel.grade_before for parcel in parcels],
            "after": [parcel.grade_after for parcel in parcels],
        },
    )


async def certified_by_others(connection: Connection, project_id: int, county: str) -> Mapping[str, int]:
    """Return the project that last certified each parcel of a project, where it is another one."""
    found = await connection.execute(
        text(
            """
            SELECT known.parcel_no, known.project_id
              FROM project_parcel AS parcel
              JOIN certified_parcel AS known ON known.county = :county
                                            AND known.parcel_no = parcel.parcel_no
             WHERE parcel.project_id = :project_id AND known.project_id <> :project_id
             ORDER BY known.parcel_no
            """
        ),
        {"project_id": project_id, "county": county},
    )
    return {row.parcel_no: row.project_id for row in found}
