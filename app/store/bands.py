"""Price bands (限价): append-only rows, each in force until the next one of its indicator starts."""

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


def _band(row: Any) -> BandRow:
    return BandRow(
        id=row.id,
        indicator=Indicator(row.indicator),
        starts_at=row.starts_at,
        entered_at=row.entered_at,
        entered_by=row.entered_by,
        band=Band(row.floor, row.ceiling, row.key_price),
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
