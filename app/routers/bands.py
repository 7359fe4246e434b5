"""``/v1/price-bands``: floors, ceilings and key-project prices, with the costs they rest on."""

from collections.abc import Coroutine, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.bands import Band, Costs, suggest
from app.market.ids import Kind, public_id
from app.market.indicators import UNIT, Indicator
from app.market.units import format_money, parse_money, wan_yuan
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Form, Instant, MoneyText, Spelt, View, Whole
from app.services import bands

router = APIRouter(prefix="/v1", tags=["bands"], route_class=GuardedRoute)

FactorText = Annotated[
    str,
    Field(max_length=12, examples=["1.5"]),
    Spelt(
        r"[0-9]{1,3}(\.[0-9]{1,6})?",
        'A factor is a plain decimal below 1000, at most 6 places, such as "1.5".',
    ),
]
"""k₁ or k₂: a plain decimal."""
Years = Annotated[Whole, Field(ge=0, le=1000, description="Years of management and upkeep 管护")]


class CostsForm(Form):
    """The cost components that a band rests on, in yuan per hm² or per kg."""

    average_cost: MoneyText = Field(description="Average cost of new farmland 新增耕地平均成本")
    protection_compensation: MoneyText = Field(description="Resource-protection compensation 资源保护补偿")
    annual_upkeep: MoneyText = Field(description="Management and upkeep of one year 年管护费用")
    upkeep_years: Years


class BandForm(Form):
    """A band of one indicator, in force from ``starts_at`` until the next one starts."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "indicator": "farmland_quantity",
                "starts_at": "2100-01-01T00:00:00Z",
                "floor": "300000.00",
                "ceiling": "450000.00",
                "key_project_price": "300000.00",
                "unified_price": "320000.00",
                "costs": {
                    "average_cost": "240000.00",
                    "protection_compensation": "30000.00",
                    "annual_upkeep": "2000.00",
                    "upkeep_years": 15,
                },
                "floor_factor": "1",
                "ceiling_factor": "1.5",
            }
        )
    )

    indicator: Indicator
    starts_at: Instant
    floor: MoneyText
    ceiling: MoneyText
    key_project_price: MoneyText
    unified_price: MoneyText | None = Field(
        default=None, description="Of unified-price sales 统一限价, inside the band; null: there are none"
    )
    costs: CostsForm
    floor_factor: FactorText = Field(description="k₁, at least 1")
    ceiling_factor: FactorText = Field(description="k₂, at least k₁")


class CostsView(View):
    """The cost components, in yuan per unit."""

    average_cost: str
    protection_compensation: str
    annual_upkeep: str
    upkeep_years: int


class SuggestionView(View):
    """What the costs suggest: floor = base × k₁, ceiling = base × k₂."""

    base: str
    floor: str
    ceiling: str
    base_wan_yuan: str
    floor_wan_yuan: str
    ceiling_wan_yuan: str

    @classmethod
    def of(cls, costs: Costs, floor_factor: Fraction, ceiling_factor: Fraction) -> "SuggestionView":
        """Compute and shape the suggestion; raises RuleBroken for impossible costs or factors."""
        suggested = suggest(costs, floor_factor, ceiling_factor)
        return cls(
            base=format_money(costs.base_fen),
            floor=format_money(suggested.floor_fen),
            ceiling=format_money(suggested.ceiling_fen),
            base_wan_yuan=wan_yuan(costs.base_fen),
            floor_wan_yuan=wan_yuan(suggested.floor_fen),
            ceiling_wan_yuan=wan_yuan(suggested.ceiling_fen),
        )


class BandView(View):
    """A band as published; prices in yuan per ``unit``, and in 万元 per unit for people to read."""

    id: str
    indicator: Indicator
    unit: str
    starts_at: Instant
    ends_at: Instant | None = Field(description="When the next band takes over; null so far")
    entered_at: Instant
    entered_by: str
    floor: str
    ceiling: str
    key_project_price: str
    unified_price: str | None = Field(description="Of unified-price sales 统一限价; null: there are none")
    floor_wan_yuan: str
    ceiling_wan_yuan: str
    key_project_price_wan_yuan: str
    unified_price_wan_yuan: str | None
    costs: CostsView
    floor_factor: str
    ceiling_factor: str
    suggested: SuggestionView

    @classmethod
    def of(cls, dated: bands.DatedBand) -> "BandView":
        """Shape a band."""
        row, band, costs = dated.row, dated.row.band, dated.row.costs
        unified = band.unified_price_fen
        return cls(
            id=public_id(Kind.BAND, row.id),
            indicator=row.indicator,
            unit=UNIT[row.indicator].name,
            starts_at=row.starts_at,
            ends_at=dated.ends_at,
            entered_at=row.entered_at,
            entered_by=row.entered_by,
            floor=format_money(band.floor_fen),
            ceiling=format_money(band.ceiling_fen),
            key_project_price=format_money(band.key_project_price_fen),
            unified_price=None if unified is None else format_money(unified),
            floor_wan_yuan=wan_yuan(band.floor_fen),
            ceiling_wan_yuan=wan_yuan(band.ceiling_fen),
            key_project_price_wan_yuan=wan_yuan(band.key_project_price_fen),
            unified_price_wan_yuan=None if unified is None else wan_yuan(unified),
            costs=CostsView(
                average_cost=format_money(costs.average_cost_fen),
                protection_compensation=format_money(costs.protection_compensation_fen),
                annual_upkeep=format_money(costs.annual_upkeep_fen),
                upkeep_years=costs.upkeep_years,
            ),
            floor_factor=f"{row.floor_factor:f}",
            ceiling_factor=f"{row.ceiling_factor:f}",
            suggested=SuggestionView.of(costs, Fraction(row.floor_factor), Fraction(row.ceiling_factor)),
        )


@router.get(
    "/price-bands",
    operation_id=Action.READ_BANDS,
    responses=documented(PageView[BandView]),
    summary="Price bands 限价: all that were set, or those in force at a time",
)
async def read_bands(
    reading: Reading,
    page: Paging,
    indicator: Annotated[Indicator | None, Query()] = None,
    at: Annotated[Instant | None, Query(description="Only the bands in force at this instant")] = None,
) -> Response:
    """List bands in the order they were entered."""
    return await reading.run(
        in_the_order_entered(page, indicator, at),
        lambda rows: page.view(rows, BandView.of, lambda dated: (dated.row.id,)),
    )


def in_the_order_entered(
    page: Paging, indicator: Indicator | None, at: datetime | None
) -> partial[Coroutine[Any, Any, Sequence[bands.DatedBand]]]:
    """The read of one page of bands; the bulletin shows the same."""
    return partial(
        bands.bands,
        indicator=indicator,
        at=at,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )


@router.get(
    "/price-bands/suggestion",
    operation_id=Action.SUGGEST_BAND,
    responses=documented(SuggestionView),
    summary="The floor and ceiling that costs suggest 建议限价",
)
async def suggest_band(
    *,
    reading: Reading,
    average_cost: Annotated[MoneyText, Query(examples=["240000.00"])],
    protection_compensation: Annotated[MoneyText, Query(examples=["30000.00"])],
    annual_upkeep: Annotated[MoneyText, Query(examples=["2000.00"])],
    upkeep_years: Annotated[int, Query(ge=0, le=1000, examples=[15])],
    floor_factor: Annotated[FactorText, Query(examples=["1"])],
    ceiling_factor: Annotated[FactorText, Query(examples=["1.5"])],
) -> Response:
    """Compute base, floor and ceiling; nothing is stored."""
    costs = _costs(average_cost, protection_compensation, annual_upkeep, upkeep_years, prefix="")
    view = SuggestionView.of(costs, Fraction(floor_factor), Fraction(ceiling_factor))
    return reading.answer(view.model_dump_json())


@router.post(
    "/price-bands",
    operation_id=Action.SET_BAND,
    status_code=201,
    responses=documented(BandView, status=201),
    summary="Set a band from a time on",
)
async def set_band(form: BandForm, actor: CurrentActor, writing: Writing) -> Response:
    """Append a band; it is in force from ``starts_at``, later than now, until the next one starts."""
    costs = form.costs
    work = partial(
        bands.set_band,
        actor=actor,
        indicator=form.indicator,
        band=Band(
            parse_money(form.floor, field="floor"),
            parse_money(form.ceiling, field="ceiling"),
            parse_money(form.key_project_price, field="key_project_price"),
            None if form.unified_price is None else parse_money(form.unified_price, field="unified_price"),
        ),
        costs=_costs(
            costs.average_cost,
            costs.protection_compensation,
            costs.annual_upkeep,
            costs.upkeep_years,
            prefix="costs.",
        ),
        floor_factor=Decimal(form.floor_factor),
        ceiling_factor=Decimal(form.ceiling_factor),
        starts_at=form.starts_at,
    )
    return await writing.run(work, BandView.of)


def _costs(average: str, protection: str, upkeep: str, years: int, *, prefix: str) -> Costs:
    return Costs(
        parse_money(average, field=f"{prefix}average_cost"),
        parse_money(protection, field=f"{prefix}protection_compensation"),
        parse_money(upkeep, field=f"{prefix}annual_upkeep"),
        years,
    )
