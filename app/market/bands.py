"""Price bands (限价): what an indicator may cost from a given time on, RULES 7.

Prices and costs are ints in fen per hm² or per kg, the factors k₁ and k₂ exact fractions.
"""

from dataclasses import dataclass
from fractions import Fraction

from app.market.errors import RuleBroken
from app.market.units import MAX_STEPS, divide_half_up, format_money


@dataclass(frozen=True, slots=True)
class Costs:
    """The cost components that a band rests on ([N] 五), in fen per unit, published with it.

    ``average_cost_fen`` of new farmland, ``protection_compensation_fen`` (资源保护补偿), and
    ``annual_upkeep_fen`` (管护) for ``upkeep_years`` years.
    """

    average_cost_fen: int
    protection_compensation_fen: int
    annual_upkeep_fen: int
    upkeep_years: int

    @property
    def base_fen(self) -> int:
        """Average cost + protection compensation + annual upkeep × years, fen per unit, exact."""
        return (
            self.average_cost_fen
            + self.protection_compensation_fen
            + self.annual_upkeep_fen * self.upkeep_years
        )


@dataclass(frozen=True, slots=True)
class Band:
    """Floor ≤ key-project price ≤ ceiling of one indicator, in fen per unit.

    ``unified_price_fen`` (统一限价) is the price of sales in that mode, inside the band too; None: there
    are none while the band is in force.
    """

    floor_fen: int
    ceiling_fen: int
    key_project_price_fen: int
    unified_price_fen: int | None = None

    def holds(self, price_fen: int) -> bool:
        """Whether a price lies inside the band, its ends included."""
        return self.floor_fen <= price_fen <= self.ceiling_fen


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the costs suggest: floor = base × k₁, ceiling = base × k₂, in fen, each rounded half up."""

    floor_fen: int
    ceiling_fen: int


def suggest(costs: Costs, floor_factor: Fraction, ceiling_factor: Fraction) -> Suggestion:
    """The suggested floor and ceiling for ``costs`` under the policy's k₁ and k₂.

    Raises RuleBroken where a component is negative, k₁ is below 1 (the floor would not pay for what
    the land cost) or k₂ below k₁.
    """
    _refuse_impossible_costs(costs)
    if floor_factor < 1:
        raise RuleBroken(
            "floor_factor_below_one",
            f"The factor of the floor is {floor_factor}, but a floor below the base would not pay for what "
            "the indicators cost; it must be at least 1.",
            field="floor_factor",
        )
    if ceiling_factor < floor_factor:
        raise RuleBroken(
            "ceiling_factor_below_floor_factor",
            f"The factor of the ceiling, {ceiling_factor}, is below the floor's, {floor_factor}.",
            field="ceiling_factor",
        )
    return Suggestion(_times(costs.base_fen, floor_factor), _times(costs.base_fen, ceiling_factor))


def check_band(band: Band, costs: Costs) -> None:
    """Refuse a band that contradicts itself or the costs it is said to rest on.

    Raises RuleBroken with ``field`` floor, key_project_price, unified_price, ceiling or the cost component
    to blame.
    """
    _refuse_impossible_costs(costs)
    if band.floor_fen <= 0:
        raise RuleBroken(
            "floor_not_above_zero",
            "The floor must be above zero: nothing is given away at auction.",
            field="floor",
            floor=format_money(band.floor_fen),
        )
    if band.floor_fen > band.ceiling_fen:
        raise RuleBroken(
            "floor_above_ceiling",
            f"The floor {format_money(band.floor_fen)} is above the ceiling "
            f"{format_money(band.ceiling_fen)}.",
            field="floor",
            floor=format_money(band.floor_fen),
            ceiling=format_money(band.ceiling_fen),
        )
    if not band.holds(band.key_project_price_fen):
        raise RuleBroken(
            "key_price_outside_band",
            f"The key-project price {format_money(band.key_project_price_fen)} lies outside the band from "
            f"{format_money(band.floor_fen)} to {format_money(band.ceiling_fen)}.",
            field="key_project_price",
            floor=format_money(band.floor_fen),
            ceiling=format_money(band.ceiling_fen),
            key_project_price=format_money(band.key_project_price_fen),
        )
    if band.unified_price_fen is not None and not band.holds(band.unified_price_fen):
        raise RuleBroken(
            "unified_price_outside_band",
            f"The unified price {format_money(band.unified_price_fen)} lies outside the band from "
            f"{format_money(band.floor_fen)} to {format_money(band.ceiling_fen)}.",
            field="unified_price",
            floor=format_money(band.floor_fen),
            ceiling=format_money(band.ceiling_fen),
            unified_price=format_money(band.unified_price_fen),
        )
    if band.ceiling_fen < costs.base_fen:
        raise RuleBroken(
            "ceiling_below_base",
            f"The ceiling {format_money(band.ceiling_fen)} is below the base "
            f"{format_money(costs.base_fen)} that the costs add up to, so nobody could sell without a loss.",
            field="ceiling",
            ceiling=format_money(band.ceiling_fen),
            base=format_money(costs.base_fen),
        )


def _refuse_impossible_costs(costs: Costs) -> None:
    components = {
        "average_cost": costs.average_cost_fen,
        "protection_compensation": costs.protection_compensation_fen,
        "annual_upkeep": costs.annual_upkeep_fen,
        "upkeep_years": costs.upkeep_years,
    }
    for field, value in components.items():
        if value < 0:
            raise RuleBroken("negative_cost", f"A cost can't be negative: {field}.", field=field)
    if costs.base_fen > MAX_STEPS:
        raise RuleBroken("base_too_large", "The cost components add up to more than the exchange can count.")


def _times(fen: int, factor: Fraction) -> int:
    return divide_half_up(fen * factor.numerator, factor.denominator)
