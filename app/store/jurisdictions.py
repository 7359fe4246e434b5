"""The register of jurisdictions (行政区划), their and their designations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Date, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market import jurisdictions as market
from app.market.jurisdictions import DesignationKind, Level
from app.store import columns
from app.store.database import Connection


class Jurisdiction(SQLModel, table=True):
    """A jurisdiction's lasting identity: its code; names and parents are dated versions of it."""

    code: str = Field(sa_column=columns.text(primary_key=True))


class JurisdictionVersion(SQLModel, table=True):
    """What a jurisdiction is called and whom it belongs to, from a day on."""

    __tablename__ = "jurisdiction_version"
    __table_args__ = (columns.one_of("jurisdiction_version", "level", Level),)

    code: str = Field(sa_column=columns.refers("jurisdiction.code", primary_key=True))
    valid_from: date = Field(sa_column=Column(Date, primary_key=True))
    valid_until: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    name: str = Field(sa_column=columns.text())
    level: str = Field(sa_column=columns.text())
    parent: str | None = Field(default=None, sa_column=columns.refers("jurisdiction.code", nullable=True))


class Designation(SQLModel, table=True):
    """A jurisdiction's place on a dated list of the regulator (贫困县, 深度贫困县 …)."""

    __table_args__ = (
        columns.one_of("designation", "kind", DesignationKind),
        UniqueConstraint("jurisdiction", "kind", "valid_from"),
        CheckConstraint("valid_until IS NULL OR valid_until > valid_from", name="ck_designation_dates"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    jurisdiction: str = Field(sa_column=columns.refers("jurisdiction.code"))
    kind: str = Field(sa_column=columns.text())
    valid_from: date = Field(sa_column=Column(Date, nullable=False))
    valid_until: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    entered_at: datetime = Field(sa_column=columns.instant())


@dataclass(frozen=True, slots=True)
class DesignationRow:
    """A designation with its number."""

    id: int
    jurisdiction: str
    kind: DesignationKind
    valid_from: date
    valid_until: date | None


_STANDING_ON_A_DAY = """
    SELECT version.code, version.name, version.level, version.parent, version.valid_from, version.valid_until,
           ARRAY(SELECT DISTINCT designation.kind FROM designation
                  WHERE designation.jurisdiction = version.code AND designation.valid_from <= :day
                    AND (designation.valid_until IS NULL OR :day < designation.valid_until)) AS designations
      FROM jurisdiction
      JOIN LATERAL (
           SELECT * FROM jurisdiction_version AS dated
            WHERE dated.code = jurisdiction.code AND dated.valid_from <= :day
              AND (dated.valid_until IS NULL OR :day < dated.valid_until)
            ORDER BY dated.valid_from DESC LIMIT 1) AS version ON true
"""


def _jurisdiction(row: Any) -> market.Jurisdiction:
    return market.Jurisdiction(
        code=row.code,
        name=row.name,
        level=Level(row.level),
        parent=row.parent,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        designations=frozenset(DesignationKind(kind) for kind in row.designations),
    )


async def is_known(connection: Connection, code: str) -> bool:
    """Whether the register has a jurisdiction of that code, on any day."""
    found = await connection.execute(text("SELECT 1 FROM jurisdiction WHERE code = :code"), {"code": code})
    return found.first() is not None


async def jurisdiction_on(connection: Connection, code: str, day: date) -> market.Jurisdiction | None:
    """Return a jurisdiction as it stands on a day, or None."""
    found = await connection.execute(
        text(_STANDING_ON_A_DAY + " WHERE jurisdiction.code = :code"), {"code": code, "day": day}
    )
    row = found.first()
    return None if row is None else _jurisdiction(row)


async def names_on(connection: Connection, codes: Collection[str], day: date) -> Mapping[str, str]:
    """Return the names of jurisdictions on a day, by code; one without a version then is missing."""
    found = await connection.execute(
        text(
            """
            SELECT DISTINCT ON (code) code, name FROM jurisdiction_version
             WHERE code = ANY(CAST(:codes AS text[])) AND valid_from <= :day
               AND (valid_until IS NULL OR :day < valid_until)
             ORDER BY code, valid_from DESC
            """
        ),
        {"codes": sorted(codes), "day": day},
    )
    return {row.code: row.name for row in found}


async def line_of(connection: Connection, code: str, day: date) -> Sequence[market.Jurisdiction]:
    """Return a jurisdiction and those above it as they stand on a day, the nearest first."""
    line: list[market.Jurisdiction] = []
    above: str | None = code
    while above is not None and above not in [each.code for each in line]:
        stands = await jurisdiction_on(connection, above, day)
        if stands is None:
            break
        line.append(stands)
        above = stands.parent
    return line


async def jurisdictions_on(
    connection: Connection,
    day: date,
    *,
    level: Level | None,
    parent: str | None,
    designation: DesignationKind | None,
    after: str | None,
    limit: int,
) -> Sequence[market.Jurisdiction]:
    """Return at most ``limit`` jurisdictions as they stand on a day, by code, after the code given."""
    found = await connection.execute(
        text(
            _STANDING_ON_A_DAY
            + """
             WHERE (CAST(:after AS text) IS NULL OR jurisdiction.code > CAST(:after AS text))
               AND (CAST(:level AS text) IS NULL OR version.level = CAST(:level AS text))
               AND (CAST(:parent AS text) IS NULL OR version.parent = CAST(:parent AS text))
               AND (CAST(:designation AS text) IS NULL OR EXISTS (
                    SELECT 1 FROM designation
                     WHERE designation.jurisdiction = version.code AND designation.valid_from <= :day
                       AND designation.kind = CAST(:designation AS text)
                       AND (designation.valid_until IS NULL OR :day < designation.valid_until)))
             ORDER BY jurisdiction.code LIMIT :limit
            """
        ),
        {
            "day": day,
            "after": after,
            "level": level,
            "parent": parent,
            "designation": designation,
            "limit": limit,
        },
    )
    return [_jurisdiction(row) for row in found]


async def enter(
    connection: Connection,
    *,
    code: str,
    name: str,
    level: Level,
    parent: str | None,
    valid_from: date,
    valid_until: date | None,
) -> None:
    """Enter a jurisdiction's version from a day on, and the jurisdiction if it is new."""
    await connection.execute(
        text("INSERT INTO jurisdiction (code) VALUES (:code) ON CONFLICT DO NOTHING"), {"code": code}
    )
    await connection.execute(
        text(
            """
            INSERT INTO jurisdiction_version (code, valid_from, valid_until, name, level, parent)
            VALUES (:code, :valid_from, :valid_until, :name, :level, :parent)
            """
        ),
        {
            "code": code,
            "valid_from": valid_from,
            "valid_until": valid_until,
            "name": name,
            "level": level,
            "parent": parent,
        },
    )


async def designations(
    connection: Connection, *, kind: DesignationKind | None, after: int | None, limit: int
) -> Sequence[DesignationRow]:
    """Return at most ``limit`` designations after the number given."""
    found = await connection.execute(
        text(
            """
            SELECT id, jurisdiction, kind, valid_from, valid_until FROM designation
             WHERE (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
               AND (CAST(:kind AS text) IS NULL OR kind = CAST(:kind AS text))
             ORDER BY id LIMIT :limit
            """
        ),
        {"kind": kind, "after": after, "limit": limit},
    )
    return [
        DesignationRow(row.id, row.jurisdiction, DesignationKind(row.kind), row.valid_from, row.valid_until)
        for row in found
    ]


async def designate(
    connection: Connection,
    *,
    code: str,
    kind: DesignationKind,
    valid_from: date,
    valid_until: date | None,
    entered_at: datetime,
) -> DesignationRow:
    """Put a jurisdiction on a list; raises Conflict where it starts on the same day already."""
    made = await connection.execute(
        text(
            """
            INSERT INTO designation (jurisdiction, kind, valid_from, valid_until, entered_at)
            VALUES (:code, :kind, :valid_from, :valid_until, :entered_at) RETURNING id
            """
        ),
        {
            "code": code,
            "kind": kind,
            "valid_from": valid_from,
            "valid_until": valid_until,
            "entered_at": entered_at,
        },
    )
    return DesignationRow(made.scalar_one(), code, kind, valid_from, valid_until)
