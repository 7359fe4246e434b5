"""The register of certified land: what was last certified of each parcel of a county ([N] 七)."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import Column, Integer, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market.certification import Certified
from app.market.projects import LandUse
from app.store import columns
from app.store.database import Connection


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


class ParcelKey(NamedTuple):
    """Names a parcel: its number is its own county's."""

    county: str
    parcel_no: str


REGISTER_LOCK = 7_351_002


async def hold(connection: Connection, county: str) -> None:
    """Hold a county's register of certified land, so that two acceptances see each other's parcels.

    Rows can't be locked before they exist; uq_certified_parcel speaks where somebody gets past this.
    """
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(CAST(:space AS integer), hashtext(:county))"),
        {"space": REGISTER_LOCK, "county": county},
    )


async def certified(connection: Connection, parcels: Collection[ParcelKey]) -> dict[ParcelKey, Certified]:
    """Return what the register says of those of the parcels that it knows."""
    found = await connection.execute(
        text(
            """
            SELECT known.county, known.parcel_no, credited_as_new, use_certified, grade_certified
              FROM unnest(CAST(:counties AS text[]), CAST(:parcel_nos AS text[])) AS wanted(county, parcel_no)
              JOIN certified_parcel AS known ON known.county = wanted.county
                                            AND known.parcel_no = wanted.parcel_no
            """
        ),
        {"counties": [key.county for key in parcels], "parcel_nos": [key.parcel_no for key in parcels]},
    )
    return {
        ParcelKey(row.county, row.parcel_no): Certified(
            row.credited_as_new, LandUse(row.use_certified), row.grade_certified
        )
        for row in found
    }


async def keep(connection: Connection, entries: Mapping[ParcelKey, tuple[int, Certified]]) -> None:
    """Write what projects (by number) certified of parcels; Conflict where another wrote a new one meanwhile.

    Known parcels are updated and new ones inserted: ON CONFLICT would overwrite what nobody judged.
    """
    given = {
        "counties": [key.county for key in entries],
        "parcel_nos": [key.parcel_no for key in entries],
        "project_ids": [project_id for project_id, _ in entries.values()],
        "new": [entry.credited_as_new for _, entry in entries.values()],
        "uses": [entry.use.value for _, entry in entries.values()],
        "grades": [entry.grade for _, entry in entries.values()],
    }
    await connection.execute(text(_KEEP), given)


_KEEP = """
    WITH entry AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:counties AS text[]), CAST(:parcel_nos AS text[]),
                             CAST(:project_ids AS bigint[]), CAST(:new AS boolean[]), CAST(:uses AS text[]),
                             CAST(:grades AS integer[]))
                   AS entry(county, parcel_no, project_id, credited_as_new, use, grade)
    ), known AS (
        UPDATE certified_parcel
           SET project_id = entry.project_id, credited_as_new = entry.credited_as_new,
               use_certified = entry.use, grade_certified = entry.grade
          FROM entry
         WHERE certified_parcel.county = entry.county AND certified_parcel.parcel_no = entry.parcel_no
        RETURNING certified_parcel.county, certified_parcel.parcel_no
    )
    INSERT INTO certified_parcel
           (county, parcel_no, project_id, credited_as_new, use_certified, grade_certified)
    SELECT entry.county, entry.parcel_no, entry.project_id, entry.credited_as_new, entry.use, entry.grade
      FROM entry
     WHERE (entry.county, entry.parcel_no) NOT IN (SELECT county, parcel_no FROM known)
     ORDER BY entry.county, entry.parcel_no
"""
