"""Price bands (限价): append-only rows, each in force until the next one of its indicator starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Column, Numeric, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market.bands import Band, Costs
from app.market.indicators import Indicator
from app.store import columns
from app.store.database import Connection


class PriceBand(SQLModel, table=True):
    """Floor, ceiling and key-project price per indicator, with the costs they rest on (fen per unit)."""

    __tablename__ = "price_band"
    __table_args__ = (
        UniqueConstraint("indicator", "starts_at"),
        columns.one_of("price_band", "indicator", Indicator),
        CheckConstraint(
            "0 < floor AND floor <= key_price AND key_price <= ceiling", name="ck_price_band_order"
        ),
        CheckConstraint(
            "unified_price IS NULL OR (floor <= unified_price AND unified_price <= ceiling)",
            name="ck_price_band_unified_price",
        ),
        CheckConstraint("starts_at > entered_at", name="ck_price_band_not_retroactive"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    indicator: str = Field(sa_column=columns.text())
    starts_at: datetime = Field(sa_column=columns.instant())
    entered_at: datetime = Field(sa_column=columns.instant())
    entered_by: str = Field(sa_column=columns.refers("jurisdiction.code"))
    floor: int = Field(sa_column=columns.count())
    ceiling: int = Field(sa_column=columns.count())
    key_price: int = Field(sa_column=columns.count())
    average_cost: int = Field(sa_column=columns.count())
    protection_compensation: int = Field(sa_column=columns.count())
    annual_upkeep: int = Field(sa_column=columns.count())
    upkeep_years: int = Field(sa_column=columns.count())
    floor_factor: Decimal = Field(sa_column=Column(Numeric, nullable=False))
    ceiling_factor: Decimal = Field(sa_column=Column(Numeric, nullable=False))
    unified_price: int | None = Field(default=None, sa_column=columns.count(nullable=True))


@dataclass(frozen=True, slots=True)
class BandRow:
    """A band as entered; prices in fen per unit."""

    id: int
    indicator: Indicator
    starts_at: datetime
    entered_at: datetime
    entered_by: str
    band: Band
    costs: Costs
    floor_factor: Decimal
    ceiling_factor: Decimal


@dataclass(frozen=True, slots=True)
class DatedBand:
    """A band with the instant at which the next one of its indicator takes over, or None so far."""

    row: BandRow
    ends_at: datetime | None


def _band(row: Any) -> BandRow:
    return BandRow(
        id=row.id,
        indicator=Indicator(row.indicator),
        starts_at=row.starts_at,
        entered_at=row.entered_at,
        entered_by=row.entered_by,
        band=Band(row.floor, row.ceiling, row.key_price, row.unified_price),
        costs=Costs(row.average_cost, row.protection_compensation, row.annual_upkeep, row.upkeep_years),
        floor_factor=row.floor_factor,
        ceiling_factor=row.ceiling_factor,
    )


async def in_force(connection: Connection, at: datetime) -> dict[Indicator, BandRow]:
    """Return the band in force at an instant for each indicator that has one."""
    found = await connection.execute(
        text(
            "SELECT DISTINCT ON (indicator) * FROM price_band WHERE starts_at <= :at "
            "ORDER BY indicator, starts_at DESC"
        ),
        {"at": at},
    )
    return {Indicator(row.indicator): _band(row) for row in found}


async def history(
    connection: Connection,
    *,
    indicator: Indicator | None,
    at: datetime | None,
    after: int | None,
    limit: int,
) -> Sequence[DatedBand]:
    """Return at most ``limit`` bands after the number given; with ``at``, only those in force then."""
    found = await connection.execute(
        text(
            """
            SELECT * FROM (
                   SELECT *, lead(starts_at) OVER (PARTITION BY indicator ORDER BY starts_at) AS ends_at
                     FROM price_band) AS dated
             WHERE (CAST(:indicator AS text) IS NULL OR indicator = CAST(:indicator AS text))
               AND (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
               AND (CAST(:at AS timestamptz) IS NULL
                    OR (starts_at <= CAST(:at AS timestamptz)
                        AND (ends_at IS NULL OR CAST(:at AS timestamptz) < ends_at)))
             ORDER BY id LIMIT :limit
            """
        ),
        {"indicator": indicator, "at": at, "after": after, "limit": limit},
    )
    return [DatedBand(_band(row), row.ends_at) for row in found]


async def insert(
    connection: Connection,
    *,
    indicator: Indicator,
    band: Band,
    costs: Costs,
    floor_factor: Decimal,
    ceiling_factor: Decimal,
    starts_at: datetime,
    entered_at: datetime,
    entered_by: str,
) -> DatedBand:
    """Append a band; raises Conflict where another of its indicator starts at the same instant."""
    made = await connection.execute(
        text(
            """
            INSERT INTO price_band (indicator, starts_at, entered_at, entered_by, floor, ceiling, key_price,
                                    average_cost, protection_compensation, annual_upkeep, upkeep_years,
                                    floor_factor, ceiling_factor, unified_price)
            VALUES (:indicator, :starts_at, :entered_at, :entered_by, :floor, :ceiling, :key_price,
                    :average_cost, :protection_compensation, :annual_upkeep, :upkeep_years,
                    :floor_factor, :ceiling_factor, :unified_price)
            RETURNING *, (SELECT min(later.starts_at) FROM price_band AS later
                           WHERE later.indicator = price_band.indicator
                             AND later.starts_at > price_band.starts_at) AS ends_at
            """
        ),
        {
            "indicator": indicator,
            "starts_at": starts_at,
            "entered_at": entered_at,
            "entered_by": entered_by,
            "floor": band.floor_fen,
            "ceiling": band.ceiling_fen,
            "key_price": band.key_project_price_fen,
            "unified_price": band.unified_price_fen,
            "average_cost": costs.average_cost_fen,
            "protection_compensation": costs.protection_compensation_fen,
            "annual_upkeep": costs.annual_upkeep_fen,
            "upkeep_years": costs.upkeep_years,
            "floor_factor": floor_factor,
            "ceiling_factor": ceiling_factor,
        },
    )
    row = made.one()
    return DatedBand(_band(row), row.ends_at)
