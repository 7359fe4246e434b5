"""The four indicators (指标) and the asset money, RULES 2."""

from dataclasses import dataclass
from enum import StrEnum


class Indicator(StrEnum):
    """What a reserve holds and the exchange trades."""

    FARMLAND_QUANTITY = "farmland_quantity"  # 耕地数量
    PADDY_AREA = "paddy_area"  # 水田
    GRAIN_CAPACITY = "grain_capacity"  # 粮食产能
    LINKAGE_QUOTA = "linkage_quota"  # 城乡建设用地增减挂钩节余指标


FARMLAND = (Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA, Indicator.GRAIN_CAPACITY)
"""The three categories that are written off together ([N] 三)."""

CNY = "CNY"
"""The ledger's one asset that is no indicator; counted in fen."""


@dataclass(frozen=True, slots=True)
class Unit:
    """How an indicator is counted: its name, places at the API, and smallest steps to one unit."""

    name: str
    places: int

    @property
    def steps(self) -> int:
        """Smallest steps in one unit (10,000 m² to the hm²; 100 steps of 0.01 kg to the kg)."""
        return int(10**self.places)


HECTARE = Unit("hm²", 4)
KILOGRAM = Unit("kg", 2)

UNIT: dict[Indicator, Unit] = {
    Indicator.FARMLAND_QUANTITY: HECTARE,
    Indicator.PADDY_AREA: HECTARE,
    Indicator.GRAIN_CAPACITY: KILOGRAM,
    Indicator.LINKAGE_QUOTA: HECTARE,
}

NAME_ZH: dict[Indicator, str] = {
    Indicator.FARMLAND_QUANTITY: "耕地数量",
    Indicator.PADDY_AREA: "水田",
    Indicator.GRAIN_CAPACITY: "粮食产能",
    Indicator.LINKAGE_QUOTA: "城乡建设用地增减挂钩节余指标",
}
