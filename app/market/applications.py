"""Land applications (用地报批): kinds, states, whose reserve, and what their parcels require (RULES 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.market.errors import Conflict, Malformed, RuleBroken
from app.market.indicators import Indicator
from app.market.projects import CULTIVATED, LandUse, capacity_steps
from app.market.units import MAX_STEPS


class ApplicationKind(StrEnum):
    """What is applied for."""

    SEPARATE_SITE = "separate_site"  # 单独选址
    TOWN_BATCH = "town_batch"  # 城市村镇批次
    LINKAGE = "linkage"  # 挂钩建新区: states its new-construction area


class WriteOffMethod(StrEnum):
    """How an application is covered ([N] 三)."""

    RESERVE = "reserve"  # 三类指标核销制: from the reserve, oldest batches first
    LINKED_PROJECT = "linked_project"  # 项目挂钩: the old way, from one named project


class ApplicationState(StrEnum):
    """Where an application stands."""

    FILED = "FILED"
    WRITTEN_OFF = "WRITTEN_OFF"  # 挂钩核销: what it requires has left the reserve
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


class ApplicationEvent(StrEnum):
    """What can happen to an application."""

    CONSENT = "consent"  # by the city whose reserve it names
    WRITE_OFF = "write_off"
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


TRANSITIONS: dict[tuple[ApplicationState, ApplicationEvent], ApplicationState] = {
    (ApplicationState.FILED, ApplicationEvent.CONSENT): ApplicationState.FILED,
    (ApplicationState.FILED, ApplicationEvent.WRITE_OFF): ApplicationState.WRITTEN_OFF,
    (ApplicationState.FILED, ApplicationEvent.REFUSE): ApplicationState.REFUSED,
    (ApplicationState.FILED, ApplicationEvent.WITHDRAW): ApplicationState.WITHDRAWN,
    (ApplicationState.WRITTEN_OFF, ApplicationEvent.APPROVE): ApplicationState.APPROVED,
    (ApplicationState.WRITTEN_OFF, ApplicationEvent.REFUSE): ApplicationState.REFUSED,
    (ApplicationState.WRITTEN_OFF, ApplicationEvent.WITHDRAW): ApplicationState.WITHDRAWN,
}
"""A write-off comes before the approval, and one that ends otherwise is reversed (解挂): RULES 5."""


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


def refuse_other_reserve(reserve: str, *, applicant: str, city: str | None) -> None:
    """Refuse a reserve that is neither the applicant's own nor that of its city on the day of filing.

    ``city`` is None for who is no county or functional zone of one. Raises RuleBroken naming the reserves
    there are.
    """
    allowed = [applicant] if city is None else [applicant, city]
    if reserve not in allowed:
        raise RuleBroken(
            "reserve_not_allowed",
            f"An application of {applicant} is written off from its own reserve or, for a county or "
            f"functional zone, from its city's: {' or '.join(allowed)}, not {reserve}.",
            field="reserve",
            allowed=allowed,
        )


def refuse_old_method(
    method: WriteOffMethod, linked_project_id: int | None, *, filed_on: date, refused_from: date
) -> None:
    """Refuse the old method (项目挂钩) from its last day on, and a method that misses its project.

    Raises RuleBroken ([N]: from 2018-04-01 unless policy says otherwise) or Malformed with the field.
    """
    if method is WriteOffMethod.RESERVE:
        if linked_project_id is not None:
            raise Malformed(
                "linked_project_not_asked",
                "Only the old method, linked_project (项目挂钩), names a project; the reserve's oldest "
                "batches are written off otherwise.",
                field="linked_project_id",
            )
        return
    if filed_on >= refused_from:
        raise RuleBroken(
            "old_method_ended",
            f"Applications by the old method (项目挂钩) are refused from {refused_from.isoformat()} on; "
            'file it with method "reserve" (三类指标核销制).',
            field="method",
            refused_from=refused_from.isoformat(),
        )
    if linked_project_id is None:
        raise Malformed(
            "linked_project_missing",
            "By the old method an application names the project that supplies it.",
            field="linked_project_id",
        )


def refuse_idle_consent(application: str, *, applicant: str, reserve: str, consented: bool) -> None:
    """Refuse a consent that nothing waits for; raises Conflict."""
    if applicant == reserve:
        raise Conflict(
            "consent_not_asked",
            f"Land application {application} is written off from its own jurisdiction's reserve; nobody "
            "else has to consent.",
        )
    if consented:
        raise Conflict("consent_given", f"{reserve} has consented to land application {application} already.")


def refuse_unconsented(application: str, *, applicant: str, reserve: str, consented: bool) -> None:
    """Refuse to draw on another's reserve without its consent; raises Conflict."""
    if applicant != reserve and not consented:
        raise Conflict(
            "consent_needed",
            f"Land application {application} names the reserve of {reserve}, which has not consented yet "
            f"(POST /v1/land-applications/{application}/consent, by an officer of {reserve}).",
            reserve=reserve,
        )


def to_supply(
    required: Mapping[Indicator, int], promised: Mapping[Indicator, int]
) -> Mapping[Indicator, int]:
    """What an application must supply itself: what it requires, less what commitments promise for later."""
    return {each: max(0, required[each] - promised.get(each, 0)) for each in required}
