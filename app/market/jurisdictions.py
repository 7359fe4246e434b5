"""Jurisdictions (行政区划) and the dated lists they stand on (RULES 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Level(StrEnum):
    """Where a jurisdiction stands: province, city, county or functional zone; or outside."""

    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    FUNCTIONAL_ZONE = "functional_zone"  # 功能区
    EXTERNAL = "external"  # out of province


class DesignationKind(StrEnum):
    """The regulator's dated lists."""

    POVERTY = "poverty"  # 贫困县: goes first in the queue
    DEEP_POVERTY = "deep_poverty"  # 深度贫困县
    LINKAGE_PROVINCE_WIDE = "linkage_province_wide"  # may sell linkage quota across counties ([B] 2.1)


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """A jurisdiction as it stands on one day."""

    code: str
    name: str
    level: Level
    parent: str | None
    valid_from: date
    valid_until: date | None
    designations: frozenset[DesignationKind]


def city_of(line: Sequence[Jurisdiction]) -> str | None:
    """The city that a county or functional zone belongs to; None for any other.

    ``line`` is the jurisdiction and those above it, the nearest first.
    """
    if len(line) < 2 or line[0].level not in (Level.COUNTY, Level.FUNCTIONAL_ZONE):
        return None
    return line[1].code if line[1].level is Level.CITY else None
