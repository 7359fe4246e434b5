"""Reclamation-fee standards (耕地开垦费): tables of rates, each in force until the next one starts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Integer, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market.fees import ChargedParcel, Rate
from app.market.projects import CULTIVATED, LandUse
from app.store import columns
from app.store.database import Connection


class FeeStandard(SQLModel, table=True):
    """One jurisdiction's standard, in force from an instant until its next one starts."""

    __tablename__ = "fee_standard"
    __table_args__ = (
        UniqueConstraint("jurisdiction", "starts_at"),
        # A standard starts later than the moment it is entered; rows laid by a migration excepted.
        CheckConstraint(
            "entered_by IS NULL OR starts_at > entered_at", name="ck_fee_standard_not_retroactive"
        ),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    jurisdiction: str = Field(sa_column=columns.refers("jurisdiction.code"))
    title: str = Field(sa_column=columns.text())
    starts_at: datetime = Field(sa_column=columns.instant())
    entered_at: datetime = Field(sa_column=columns.instant())
    entered_by: str | None = Field(default=None, sa_column=columns.refers("jurisdiction.code", nullable=True))


class FeeRate(SQLModel, table=True):
    """What a standard charges for a hectare of one use and a range of grades (fen per hm²)."""

    __tablename__ = "fee_rate"
    __table_args__ = (
        CheckConstraint("use IN ('dry_land', 'irrigated', 'paddy')", name="ck_fee_rate_use"),
        CheckConstraint(
            "1 <= best_grade AND best_grade <= worst_grade AND worst_grade <= 15", name="ck_fee_rate_grades"
        ),
        CheckConstraint("fen_per_hm2 > 0", name="ck_fee_rate_above_zero"),
    )

    standard_id: int = Field(sa_column=columns.refers("fee_standard.id", primary_key=True))
    use: str = Field(sa_column=columns.text(primary_key=True))
    best_grade: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    worst_grade: int = Field(sa_column=Column(Integer, nullable=False))
    fen_per_hm2: int = Field(sa_column=columns.count())


@dataclass(frozen=True, slots=True)
class StandardRow:
    """A standard as entered, with its rates by use and grade; ``ends_at`` is None until a next one is set."""

    id: int
    jurisdiction: str
    title: str
    starts_at: datetime
    entered_at: datetime
    entered_by: str | None
    ends_at: datetime | None
    rates: Sequence[Rate]


async def _with_rates(connection: Connection, rows: Sequence[Any]) -> Sequence[StandardRow]:
    found = await connection.execute(
        text(
            "SELECT standard_id, use, best_grade, worst_grade, fen_per_hm2 FROM fee_rate "
            "WHERE standard_id = ANY (CAST(:ids AS bigint[])) ORDER BY standard_id, use, best_grade"
        ),
        {"ids": [row.id for row in rows]},
    )
    rates: dict[int, list[Rate]] = {row.id: [] for row in rows}
    for rate in found:
        rates[rate.standard_id].append(
            Rate(LandUse(rate.use), rate.best_grade, rate.worst_grade, rate.fen_per_hm2)
        )
    return [StandardRow(**row._mapping, rates=rates[row.id]) for row in rows]


async def in_force(connection: Connection, codes: Collection[str], at: datetime) -> Sequence[StandardRow]:
    """Return the standard in force at an instant of each jurisdiction that has one."""
    found = await connection.execute(
        text(
            """
            SELECT DISTINCT ON (jurisdiction) id, jurisdiction, title, starts_at, entered_at, entered_by,
                   CAST(NULL AS timestamptz) AS ends_at
              FROM fee_standard
             WHERE jurisdiction = ANY (CAST(:codes AS text[])) AND starts_at <= :at
             ORDER BY jurisdiction, starts_at DESC
            """
        ),
        {"codes": list(codes), "at": at},
    )
    return await _with_rates(connection, found.all())


async def history(
    connection: Connection,
    *,
    jurisdiction: str | None,
    at: datetime | None,
    after: int | None,
    limit: int,
) -> Sequence[StandardRow]:
    """Return at most ``limit`` standards after the number given; with ``at``, only those in force then."""
    found = await connection.execute(
        text(
            """
            SELECT * FROM (
                   SELECT *, lead(starts_at) OVER (PARTITION BY jurisdiction ORDER BY starts_at) AS ends_at
                     FROM fee_standard) AS dated
             WHERE (CAST(:jurisdiction AS text) IS NULL OR jurisdiction = CAST(:jurisdiction AS text))
               AND (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
               AND (CAST(:at AS timestamptz) IS NULL
                    OR (starts_at <= CAST(:at AS timestamptz)
                        AND (ends_at IS NULL OR CAST(:at AS timestamptz) < ends_at)))
             ORDER BY id LIMIT :limit
            """
        ),
        {"jurisdiction": jurisdiction, "at": at, "after": after, "limit": limit},
    )
    return await _with_rates(connection, found.all())


async def insert(
    connection: Connection,
    *,
    jurisdiction: str,
    title: str,
    rates: Sequence[Rate],
    starts_at: datetime,
    entered_at: datetime,
    entered_by: str,
) -> StandardRow:
    """Append a standard; raises Conflict where another of its jurisdiction starts at the same instant."""
    made = await connection.execute(
        text(
            """
            INSERT INTO fee_standard (jurisdiction, title, starts_at, entered_at, entered_by)
            VALUES (:jurisdiction, :title, :starts_at, :entered_at, :entered_by)
            RETURNING *, (SELECT min(later.starts_at) FROM fee_standard AS later
                           WHERE later.jurisdiction = fee_standard.jurisdiction
                             AND later.starts_at > fee_standard.starts_at) AS ends_at
            """
        ),
        {
            "jurisdiction": jurisdiction,
            "title": title,
            "starts_at": starts_at,
            "entered_at": entered_at,
            "entered_by": entered_by,
        },
    )
    row = made.one()
    await connection.execute(
        text(
            """
            INSERT INTO fee_rate (standard_id, use, best_grade, worst_grade, fen_per_hm2)
            SELECT :id, rate.*
              FROM unnest(CAST(:uses AS text[]), CAST(:best AS integer[]), CAST(:worst AS integer[]),
                          CAST(:fen AS bigint[])) AS rate
            """
        ),
        {
            "id": row.id,
            "uses": [rate.use.value for rate in rates],
            "best": [rate.best_grade for rate in rates],
            "worst": [rate.worst_grade for rate in rates],
            "fen": [rate.fen_per_hm2 for rate in rates],
        },
    )
    return (await _with_rates(connection, [row]))[0]


async def charged(connection: Connection, application_id: int) -> Sequence[ChargedParcel]:
    """Return the farmland of an application by parcel, each with the rate that it was filed under."""
    found = await connection.execute(
        text(
            """
            SELECT parcel.parcel_no, parcel.area_m2, parcel.use, parcel.grade, standard.id AS standard_id,
                   standard.jurisdiction AS set_for, rate.fen_per_hm2
              FROM application_parcel AS parcel
              LEFT JOIN fee_standard AS standard ON standard.id = parcel.fee_standard_id
              LEFT JOIN fee_rate AS rate ON rate.standard_id = standard.id AND rate.use = parcel.use
                                        AND parcel.grade BETWEEN rate.best_grade AND rate.worst_grade
             WHERE parcel.application_id = :id AND parcel.use = ANY (CAST(:uses AS text[]))
             ORDER BY parcel.parcel_no
            """
        ),
        {"id": application_id, "uses": sorted(CULTIVATED)},
    )
    return [ChargedParcel(**{**row._mapping, "use": LandUse(row.use)}) for row in found]
