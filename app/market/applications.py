"""Land applications (用地报批): kinds, states, and the requirement of their parcels (RULES 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.market.errors import Malformed, RuleBroken
from app.market.indicators import Indicator
from app.market.projects import CULTIVATED, LandUse, capacity_steps
from app.market.units import MAX_STEPS


class ApplicationKind(StrEnum):
    """What is applied for."""

    SEPARATE_SITE = "separate_site"  # 单独选址
    TOWN_BATCH = "town_batch"  # 城市村镇批次
    LINKAGE = "linkage"  # 挂钩建新区: states its new-construction area


class ApplicationState(StrEnum):
    """Where an application stands; its write-off belongs to the decision."""

    FILED = "FILED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


class ApplicationEvent(StrEnum):
    """What can happen to an application."""

    REFUSE = "refuse"
    WITHDRAW = "withdraw"


TRANSITIONS: dict[tuple[ApplicationState, ApplicationEvent], ApplicationState] = {
    (ApplicationState.FILED, ApplicationEvent.REFUSE): ApplicationState.REFUSED,
    (ApplicationState.FILED, ApplicationEvent.WITHDRAW): ApplicationState.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class OccupiedParcel:
    """Land that an application will occupy: its area in m², its use, and its quality grade if farmed."""

    parcel_no: str
    area_m2: int
    use: LandUse
    grade: int | None


def requirement(
    kind: ApplicationKind,
    parcels: Sequence[OccupiedParcel],
    new_construction_area_m2: int | None,
    yields_centikg_per_hm2: Mapping[int, int],
) -> Mapping[Indicator, int]:
    """What an application must supply, in steps of every indicator (RULES 5).

    A linkage application needs ``linkage_quota`` for its new-construction area; any other quantity,
    paddy and capacity for the farmland among its parcels, by the yield table of its filing. Raises
    Malformed with the field to blame.
    """
    if kind is ApplicationKind.LINKAGE:
        return _linkage_requirement(parcels, new_construction_area_m2)
    if new_construction_area_m2 is not None:
        raise Malformed(
            "new_construction_area_not_asked",
            "Only a linkage application (挂钩建新区) states a new-construction area.",
            field="new_construction_area",
        )
    if not parcels:
        raise Malformed(
            "no_parcels", "State the land that will be occupied, parcel by parcel.", field="parcels"
        )
    _refuse_faulty(parcels)
    farmed = [parcel for parcel in parcels if parcel.use in CULTIVATED]
    required = dict.fromkeys(Indicator, 0)
    required[Indicator.FARMLAND_QUANTITY] = sum(parcel.area_m2 for parcel in farmed)
    required[Indicator.PADDY_AREA] = sum(parcel.area_m2 for parcel in farmed if parcel.use is LandUse.PADDY)
    required[Indicator.GRAIN_CAPACITY] = capacity_steps(
        ((parcel.area_m2, parcel.grade or 0) for parcel in farmed), yields_centikg_per_hm2
    )
    if max(required.values()) > MAX_STEPS:
        raise Malformed(
            "requirement_too_large",
            "The parcels together require more than the exchange can count.",
            field="parcels",
        )
    return required


def _linkage_requirement(
    parcels: Sequence[OccupiedParcel], new_construction_area_m2: int | None
) -> Mapping[Indicator, int]:
    if parcels:
        raise Malformed(
            "parcels_not_asked",
            "A linkage application (挂钩建新区) states its new-construction area, not parcels.",
            field="parcels",
        )
    if not new_construction_area_m2:
        raise Malformed(
            "no_new_construction_area",
            "A linkage application states a new-construction area above zero.",
            field="new_construction_area",
        )
    return dict.fromkeys(Indicator, 0) | {Indicator.LINKAGE_QUOTA: new_construction_area_m2}


def _refuse_faulty(parcels: Sequence[OccupiedParcel]) -> None:
    seen: set[str] = set()
    for at, parcel in enumerate(parcels):
        if parcel.parcel_no in seen:
            raise Malformed(
                "parcel_repeated",
                f"Parcel {parcel.parcel_no} is stated twice.",
                field=f"parcels.{at}.parcel_no",
            )
        seen.add(parcel.parcel_no)
        if parcel.area_m2 <= 0:
            raise Malformed("no_area", "A parcel's area is above zero.", field=f"parcels.{at}.area")
        if parcel.use in CULTIVATED and parcel.grade is None:
            raise Malformed(
                "no_grade",
                "Farmland has a quality grade (质量等别) from 1 to 15; its capacity is reckoned from it.",
                field=f"parcels.{at}.grade",
            )


def refuse_suspended(*, suspended: bool, applicant: str) -> None:
    """Refuse a new application of a suspended jurisdiction (暂停受理, RULES 12); raises RuleBroken."""
    if suspended:
        raise RuleBroken(
            "suspended",
            f"Jurisdiction {applicant} is suspended (暂停受理): it can't file new land applications.",
            jurisdiction=applicant,
        )
