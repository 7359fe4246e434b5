"""What a land application requires, and its states (RULES 5)."""

import itertools
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.applications import (
    TRANSITIONS,
    ApplicationEvent,
    ApplicationKind,
    ApplicationState,
    OccupiedParcel,
    WriteOffMethod,
    refuse_idle_consent,
    refuse_old_method,
    refuse_other_reserve,
    refuse_suspended,
    refuse_unconsented,
    requirement,
    to_supply,
)
from app.market.errors import Conflict, Malformed, RuleBroken, WrongState
from app.market.indicators import Indicator
from app.market.projects import CULTIVATED, DEFAULT_YIELD_CENTIKG_PER_HM2, LandUse
from app.market.states import step
from app.market.units import MAX_STEPS

YIELDS = DEFAULT_YIELD_CENTIKG_PER_HM2
BATCH = ApplicationKind.TOWN_BATCH


def occupied(
    area_m2: int, use: LandUse = LandUse.DRY_LAND, grade: int | None = 10, number: str = "1"
) -> OccupiedParcel:
    """A parcel of an application."""
    return OccupiedParcel(number, area_m2, use, grade)


def test_only_farmland_counts_and_capacity_is_summed_by_parcel() -> None:
    parcels = [
        occupied(125_000, LandUse.PADDY, 7, "1"),
        occupied(30_000, LandUse.DRY_LAND, 10, "2"),
        occupied(999_999, LandUse.CONSTRUCTION, None, "3"),
        occupied(5_000, LandUse.ORCHARD, 3, "4"),
    ]
    assert requirement(BATCH, parcels, None, YIELDS) == {
        Indicator.FARMLAND_QUANTITY: 155_000,
        Indicator.PADDY_AREA: 125_000,
        Indicator.GRAIN_CAPACITY: 19_575_000,  # 12.5 × 13,500 + 3 × 9,000 = 195,750.00 kg
        Indicator.LINKAGE_QUOTA: 0,
    }


def test_capacity_follows_the_yield_table_given() -> None:
    doubled = {grade: 2 * steps for grade, steps in YIELDS.items()}
    once = requirement(BATCH, [occupied(30_000)], None, YIELDS)
    twice = requirement(BATCH, [occupied(30_000)], None, doubled)
    assert twice[Indicator.GRAIN_CAPACITY] == 2 * once[Indicator.GRAIN_CAPACITY]


def test_capacity_is_rounded_once_and_not_by_parcel() -> None:
    # Half a step each: two of them are one step, not two.
    yields = dict.fromkeys(YIELDS, 5_000)
    parcels = [occupied(1, number="1"), occupied(1, number="2")]
    assert requirement(BATCH, parcels, None, yields)[Indicator.GRAIN_CAPACITY] == 1


def test_a_linkage_application_needs_linkage_quota_for_its_new_construction() -> None:
    required = requirement(ApplicationKind.LINKAGE, [], 3_000_000, YIELDS)
    assert required == dict.fromkeys(Indicator, 0) | {Indicator.LINKAGE_QUOTA: 3_000_000}


@pytest.mark.parametrize(
    ("kind", "parcels", "area_m2", "code", "field"),
    [
        (BATCH, [], None, "no_parcels", "parcels"),
        (BATCH, [occupied(1)], 1, "new_construction_area_not_asked", "new_construction_area"),
        (BATCH, [occupied(1), occupied(2)], None, "parcel_repeated", "parcels.1.parcel_no"),
        (BATCH, [occupied(0)], None, "no_area", "parcels.0.area"),
        (BATCH, [occupied(1, grade=None)], None, "no_grade", "parcels.0.grade"),
        (BATCH, [occupied(MAX_STEPS)], None, "requirement_too_large", "parcels"),
        (ApplicationKind.LINKAGE, [], None, "no_new_construction_area", "new_construction_area"),
        (ApplicationKind.LINKAGE, [], 0, "no_new_construction_area", "new_construction_area"),
        (ApplicationKind.LINKAGE, [occupied(1)], 5, "parcels_not_asked", "parcels"),
    ],
)
def test_a_faulty_application_is_told_what_is_wrong(
    kind: ApplicationKind, parcels: list[OccupiedParcel], area_m2: int | None, code: str, field: str
) -> None:
    with pytest.raises(Malformed) as refused:
        requirement(kind, parcels, area_m2, YIELDS)
    assert (refused.value.code, refused.value.field) == (code, field)


@given(
    st.lists(
        st.tuples(st.integers(1, 10**9), st.sampled_from(list(LandUse)), st.integers(1, 15)),
        min_size=1,
        max_size=8,
    )
)
def test_the_order_of_parcels_changes_nothing_and_paddy_is_part_of_quantity(
    drawn: list[tuple[int, LandUse, int]],
) -> None:
    parcels = [occupied(area, use, grade, str(at)) for at, (area, use, grade) in enumerate(drawn)]
    required = requirement(BATCH, parcels, None, YIELDS)
    assert required == requirement(BATCH, parcels[::-1], None, YIELDS)
    assert required[Indicator.PADDY_AREA] <= required[Indicator.FARMLAND_QUANTITY]
    assert required[Indicator.FARMLAND_QUANTITY] == sum(area for area, use, _ in drawn if use in CULTIVATED)


def test_a_suspended_jurisdiction_can_not_file() -> None:
    refuse_suspended(suspended=False, applicant="511922")
    with pytest.raises(RuleBroken, match="511922 is suspended"):
        refuse_suspended(suspended=True, applicant="511922")


@pytest.mark.parametrize(("state", "event"), list(itertools.product(ApplicationState, ApplicationEvent)))
def test_every_event_leads_where_the_rules_say_or_nowhere(
    state: ApplicationState, event: ApplicationEvent
) -> None:
    filed, written_off = ApplicationState.FILED, ApplicationState.WRITTEN_OFF
    allowed = {
        (filed, ApplicationEvent.CONSENT): filed,
        (filed, ApplicationEvent.WRITE_OFF): written_off,
        (filed, ApplicationEvent.REFUSE): ApplicationState.REFUSED,
        (filed, ApplicationEvent.WITHDRAW): ApplicationState.WITHDRAWN,
        (written_off, ApplicationEvent.APPROVE): ApplicationState.APPROVED,
        (written_off, ApplicationEvent.REFUSE): ApplicationState.REFUSED,
        (written_off, ApplicationEvent.WITHDRAW): ApplicationState.WITHDRAWN,
    }
    if (state, event) in allowed:
        assert step(TRANSITIONS, "land application", "F1", state, event) is allowed[state, event]
    else:
        with pytest.raises(WrongState):
            step(TRANSITIONS, "land application", "F1", state, event)


def test_a_county_names_its_own_reserve_or_its_citys() -> None:
    for reserve in ("510107", "510100"):
        refuse_other_reserve(reserve, applicant="510107", city="510100")
    with pytest.raises(RuleBroken) as refused:
        refuse_other_reserve("510300", applicant="510107", city="510100")
    assert (refused.value.code, refused.value.field) == ("reserve_not_allowed", "reserve")
    assert refused.value.facts["allowed"] == ["510107", "510100"]
    with pytest.raises(RuleBroken):
        refuse_other_reserve("510000", applicant="510100", city=None)


@pytest.mark.parametrize(
    ("filed_on", "refused_from"), [("2018-04-01", "2018-04-01"), ("2026-01-01", "2018-04-01")]
)
def test_the_old_method_ends_on_its_day(filed_on: str, refused_from: str) -> None:
    days = {"filed_on": date.fromisoformat(filed_on), "refused_from": date.fromisoformat(refused_from)}
    with pytest.raises(RuleBroken) as refused:
        refuse_old_method(WriteOffMethod.LINKED_PROJECT, 1, **days)
    assert refused.value.code == "old_method_ended"
    refuse_old_method(WriteOffMethod.RESERVE, None, **days)


def test_before_its_last_day_the_old_method_names_its_project() -> None:
    days = {"filed_on": date(2018, 3, 31), "refused_from": date(2018, 4, 1)}
    refuse_old_method(WriteOffMethod.LINKED_PROJECT, 1, **days)
    for method, project in ((WriteOffMethod.LINKED_PROJECT, None), (WriteOffMethod.RESERVE, 1)):
        with pytest.raises(Malformed) as refused:
            refuse_old_method(method, project, **days)
        assert refused.value.field == "linked_project_id"


def test_consent_is_asked_once_and_of_another_reserve_only() -> None:
    refuse_idle_consent("F1", applicant="510107", reserve="510100", consented=False)
    with pytest.raises(Conflict, match="nobody else"):
        refuse_idle_consent("F1", applicant="510107", reserve="510107", consented=False)
    with pytest.raises(Conflict, match="already"):
        refuse_idle_consent("F1", applicant="510107", reserve="510100", consented=True)
    refuse_unconsented("F1", applicant="510107", reserve="510107", consented=False)
    refuse_unconsented("F1", applicant="510107", reserve="510100", consented=True)
    with pytest.raises(Conflict, match="F1/consent"):
        refuse_unconsented("F1", applicant="510107", reserve="510100", consented=False)


def test_what_is_promised_is_not_asked_of_the_reserve_and_never_below_zero() -> None:
    required = {Indicator.FARMLAND_QUANTITY: 100, Indicator.PADDY_AREA: 5}
    promised = {Indicator.FARMLAND_QUANTITY: 30, Indicator.PADDY_AREA: 9, Indicator.LINKAGE_QUOTA: 4}
    assert to_supply(required, promised) == {Indicator.FARMLAND_QUANTITY: 70, Indicator.PADDY_AREA: 0}
