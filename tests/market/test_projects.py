"""Projects and their credits (RULES 4): states, totals by parcel, eligibility, and papers that contradict."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.errors import WrongState
from app.market.indicators import Indicator
from app.market.projects import (
    CULTIVATED,
    DEFAULT_YIELD_CENTIKG_PER_HM2,
    REASON_IN_WORDS,
    TRANSITIONS,
    Fund,
    FundSource,
    LandUse,
    Parcel,
    Project,
    ProjectEvent,
    ProjectKind,
    ProjectState,
    RefusalReason,
    SurplusUse,
    capacity_steps,
    credit,
    is_filing_number,
    shape_faults,
    surplus_m2,
)
from app.market.states import step

HM2 = 10_000
LAND, PADDY = Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA
GRAIN, QUOTA = Indicator.GRAIN_CAPACITY, Indicator.LINKAGE_QUOTA
UNUSED, DRY, WET, BUILT = LandUse.UNUSED, LandUse.DRY_LAND, LandUse.PADDY, LandUse.CONSTRUCTION
FISCAL = (Fund(FundSource.FISCAL, Fraction(1)),)


def parcel(
    area_m2: int,
    before: LandUse = UNUSED,
    after: LandUse = DRY,
    grade_before: int | None = None,
    grade_after: int | None = 10,
    *,
    id_: str = "P1",
) -> Parcel:
    if after not in CULTIVATED:
        grade_after = None
    return Parcel(id_, area_m2, before, after, grade_before, grade_after)


NEW_FIELD = Project(
    kind=ProjectKind.LAND_CONSOLIDATION,
    started_on=date(2017, 3, 1),
    funds=FISCAL,
    parcels=(parcel(8 * HM2),),
    filing_no="51192220170001",
    accepted_on=date(2018, 5, 1),
)
LINKAGE = replace(
    NEW_FIELD,
    kind=ProjectKind.LINKAGE,
    parcels=(
        parcel(30 * HM2, BUILT, WET, grade_after=9),
        parcel(10 * HM2, BUILT, DRY, grade_after=11, id_="P2"),
    ),
    surplus_recognised=True,
    surplus_as=SurplusUse.FARMLAND,
    resettlement_area_m2=10 * HM2,
)
MINE = replace(LINKAGE, kind=ProjectKind.ABANDONED_MINE, surplus_as=None)


@pytest.mark.parametrize("state", ProjectState)
@pytest.mark.parametrize("event", ProjectEvent)
def test_every_event_leads_where_the_rules_say_or_is_refused(
    state: ProjectState, event: ProjectEvent
) -> None:
    allowed = {
        (ProjectState.FILED, ProjectEvent.ACCEPT): ProjectState.ACCEPTED,
        (ProjectState.FILED, ProjectEvent.REFUSE): ProjectState.REFUSED,
        (ProjectState.ACCEPTED, ProjectEvent.VOID): ProjectState.VOIDED,
    }
    if (state, event) in allowed:
        assert step(TRANSITIONS, "project", "P1", state, event) is allowed[state, event]
    else:
        with pytest.raises(WrongState):
            step(TRANSITIONS, "project", "P1", state, event)


def test_new_farmland_earns_quantity_and_capacity_by_parcel() -> None:
    two = (parcel(8 * HM2), parcel(43_456, UNUSED, LandUse.IRRIGATED, grade_after=12, id_="P2"))
    earned = credit(replace(NEW_FIELD, parcels=two)).credits_steps
    assert earned == {LAND: 123_456, PADDY: 0, GRAIN: 9_807_360, QUOTA: 0}


def test_an_upgrade_earns_no_quantity_but_paddy_and_the_gain_in_capacity() -> None:
    upgrade = replace(
        NEW_FIELD, kind=ProjectKind.QUALITY_UPGRADE, parcels=(parcel(20 * HM2, DRY, WET, 12, 10),)
    )
    assert credit(upgrade).credits_steps == {LAND: 0, PADDY: 20 * HM2, GRAIN: 6_000_000, QUOTA: 0}


def test_a_project_that_loses_more_than_it_makes_earns_nothing_of_that_indicator() -> None:
    loses_paddy = (parcel(5 * HM2, WET, BUILT, 3), parcel(6 * HM2, grade_after=15, id_="P2"))
    earned = credit(replace(NEW_FIELD, parcels=loses_paddy))
    assert earned.eligible
    assert earned.credits_steps == {LAND: 1 * HM2, PADDY: 0, GRAIN: 0, QUOTA: 0}


def test_capacity_is_rounded_half_up_once_over_all_parcels() -> None:
    # 1 m² of grade 15 is 0.15 kg; with 0.5 hundredths of a kilogram each, two parcels make a whole one.
    yields = {10: 5_000}
    one = replace(NEW_FIELD, parcels=(parcel(1),), yields_centikg_per_hm2=yields)
    two = replace(one, parcels=(parcel(1), parcel(1, id_="P2")))
    assert credit(one).credits_steps[GRAIN] == 1
    assert credit(two).credits_steps[GRAIN] == 1
    assert credit(replace(one, yields_centikg_per_hm2={10: 4_999})).credits_steps[GRAIN] == 0


def test_the_default_yield_falls_1500_kilograms_a_grade() -> None:
    assert DEFAULT_YIELD_CENTIKG_PER_HM2[1] == 22_500_00
    assert DEFAULT_YIELD_CENTIKG_PER_HM2[15] == 1_500_00
    assert len(DEFAULT_YIELD_CENTIKG_PER_HM2) == 15


def test_the_grade_of_land_that_is_not_cultivated_counts_for_nothing() -> None:
    graded = replace(NEW_FIELD, parcels=(parcel(HM2, UNUSED, DRY, 1, 10),))
    assert credit(graded).credits_steps[GRAIN] == 9_000_00


def test_linkage_quota_is_the_surplus_and_nothing_else() -> None:
    earned = credit(replace(LINKAGE, surplus_as=SurplusUse.LINKAGE_QUOTA))
    assert earned.credits_steps == {LAND: 0, PADDY: 0, GRAIN: 0, QUOTA: 30 * HM2}


@pytest.mark.parametrize("project", [LINKAGE, MINE], ids=["linkage", "mine"])
def test_surplus_as_farmland_scales_each_total_by_what_resettlement_leaves(project: Project) -> None:
    # 40 hm², of which 10 are resettled: three quarters of 40 hm², 30 hm² of paddy and 390,000 kg.
    assert credit(project).credits_steps == {LAND: 30 * HM2, PADDY: 225_000, GRAIN: 29_250_000, QUOTA: 0}


def test_a_scaled_total_is_rounded_once_and_half_up() -> None:
    # 1 m² of paddy in 2 m², one of them resettled: half a square metre rounds up.
    halves = (parcel(1, BUILT, WET), parcel(1, BUILT, DRY, id_="P2"))
    earned = credit(replace(MINE, parcels=halves, resettlement_area_m2=1))
    assert earned.credits_steps[PADDY] == 1
    assert earned.credits_steps[LAND] == 1


def test_all_resettled_leaves_nothing() -> None:
    assert set(credit(replace(MINE, resettlement_area_m2=40 * HM2)).credits_steps.values()) == {0}
    assert surplus_m2(replace(MINE, resettlement_area_m2=None)) == 40 * HM2


def reasons(project: Project) -> list[str]:
    judged = credit(project)
    assert judged.eligible is not bool(judged.reasons)
    if judged.reasons:
        assert set(judged.credits_steps.values()) == {0}
    return [reason.value for reason in judged.reasons]


def test_a_sound_project_has_no_reason_against_it() -> None:
    assert reasons(NEW_FIELD) == reasons(LINKAGE) == reasons(MINE) == []


def test_an_unaccepted_project_earns_nothing() -> None:
    assert reasons(replace(NEW_FIELD, accepted_on=None)) == ["not_accepted"]


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("51192219000000", True),
        ("51192220990001", True),
        ("51192218990001", False),
        ("51192221000001", False),
        ("5119222017001", False),
        ("511922201700011", False),
        ("51192220170001\n", False),
        ("５1192220170001", False),
        ("", False),
    ],
)
def test_a_filing_number_is_county_year_and_serial(number: str, valid: bool) -> None:
    assert is_filing_number(number) is valid
    assert reasons(replace(NEW_FIELD, filing_no=number)) == ([] if valid else ["not_filed"])


def test_a_project_without_a_filing_number_is_not_filed() -> None:
    assert reasons(replace(NEW_FIELD, filing_no=None)) == ["not_filed"]


def funded(kind: ProjectKind, source: FundSource, share: str, started_on: date) -> Project:
    rest = (Fund(FundSource.RECLAMATION_FEE, 1 - Fraction(share)),)
    base = {ProjectKind.LINKAGE: LINKAGE, ProjectKind.ABANDONED_MINE: MINE}.get(kind, NEW_FIELD)
    return replace(
        base,
        kind=kind,
        started_on=started_on,
        funds=(Fund(source, Fraction(share)), *rest),
        feasibility_reviewed=True,
    )


@pytest.mark.parametrize("kind", ProjectKind)
@pytest.mark.parametrize("source", FundSource)
@pytest.mark.parametrize("share", ["0", "0.01"])
def test_funds_exclude_a_project_begun_before_2017(kind: ProjectKind, source: FundSource, share: str) -> None:
    before, after = date(2016, 12, 31), date(2017, 1, 1)
    if kind is ProjectKind.HIGH_STANDARD_FARMLAND:
        excluded = source is not FundSource.RECLAMATION_FEE
    elif kind in {ProjectKind.LINKAGE, ProjectKind.ABANDONED_MINE}:
        excluded = False
    else:
        excluded = source is FundSource.NEW_CONSTRUCTION_LAND_FEE
    expected = ["excluded_fund"] if excluded and share != "0" else []
    assert reasons(funded(kind, source, share, before)) == expected
    assert reasons(funded(kind, source, share, after)) == []


def test_orchard_or_forest_development_needs_its_feasibility_review() -> None:
    project = replace(NEW_FIELD, kind=ProjectKind.ORCHARD_OR_FOREST)
    assert reasons(project) == ["needs_feasibility"]
    assert reasons(replace(project, feasibility_reviewed=True)) == []


@pytest.mark.parametrize("use", [LandUse.ORCHARD, LandUse.RESIDUAL_FOREST])
def test_a_single_parcel_of_orchard_or_forest_needs_the_review_in_any_kind(use: LandUse) -> None:
    project = replace(NEW_FIELD, parcels=(*NEW_FIELD.parcels, parcel(1, use, id_="P2")))
    assert reasons(project) == ["needs_feasibility"]


def test_land_that_becomes_orchard_needs_no_review() -> None:
    assert reasons(replace(NEW_FIELD, parcels=(parcel(1, UNUSED, LandUse.ORCHARD),))) == []


@pytest.mark.parametrize("project", [LINKAGE, MINE], ids=["linkage", "mine"])
def test_a_surplus_needs_the_provinces_recognition(project: Project) -> None:
    assert reasons(replace(project, surplus_recognised=False)) == ["needs_recognition"]


def test_one_cultivated_parcel_poorer_than_the_design_refuses_the_project() -> None:
    assert reasons(replace(NEW_FIELD, design_grade=10)) == []
    assert reasons(replace(NEW_FIELD, design_grade=9)) == ["grade_below_design"]
    road = Parcel("P2", 1, DRY, BUILT, 15, 15)
    assert reasons(replace(NEW_FIELD, design_grade=10, parcels=(*NEW_FIELD.parcels, road))) == []


def test_all_reasons_are_given_sorted() -> None:
    worst = replace(
        LINKAGE,
        filing_no="x",
        accepted_on=None,
        surplus_recognised=False,
        design_grade=1,
        feasibility_reviewed=False,
    )
    assert reasons(worst) == ["grade_below_design", "needs_recognition", "not_accepted", "not_filed"]


def test_every_reason_is_said_in_words_too() -> None:
    assert set(REASON_IN_WORDS) == set(RefusalReason)


def test_capacity_of_occupied_land_is_area_times_yield_rounded_once() -> None:
    assert capacity_steps([(HM2, 10), (HM2, 15)], DEFAULT_YIELD_CENTIKG_PER_HM2) == 10_500_00
    assert capacity_steps([], DEFAULT_YIELD_CENTIKG_PER_HM2) == 0


@pytest.mark.parametrize(
    ("project", "field"),
    [
        (replace(NEW_FIELD, accepted_on=date(2017, 2, 28)), "accepted_on"),
        (replace(NEW_FIELD, funds=()), "funds"),
        (replace(NEW_FIELD, funds=(Fund(FundSource.FISCAL, Fraction("0.99")),)), "funds"),
        (replace(NEW_FIELD, design_grade=16), "design_grade"),
        (replace(NEW_FIELD, parcels=()), "parcels"),
        (replace(NEW_FIELD, parcels=(parcel(0),)), "parcels[0].area"),
        (replace(NEW_FIELD, parcels=(parcel(1, grade_after=None),)), "parcels[0].grade_after"),
        (replace(NEW_FIELD, parcels=(parcel(1, DRY, grade_before=None),)), "parcels[0].grade_before"),
        (replace(NEW_FIELD, parcels=(parcel(1, DRY, grade_before=0),)), "parcels[0].grade_before"),
        (replace(NEW_FIELD, parcels=(parcel(1, grade_after=16),)), "parcels[0].grade_after"),
        (replace(NEW_FIELD, parcels=(parcel(1, UNUSED, grade_before=99),)), "parcels[0].grade_before"),
        (replace(NEW_FIELD, yields_centikg_per_hm2={9: 1}), "parcels[0].grade_after"),
        (replace(NEW_FIELD, surplus_as=SurplusUse.FARMLAND), "surplus_as"),
        (replace(NEW_FIELD, resettlement_area_m2=0), "resettlement_area"),
        (replace(LINKAGE, surplus_as=None), "surplus_as"),
        (replace(MINE, surplus_as=SurplusUse.FARMLAND), "surplus_as"),
        (replace(MINE, resettlement_area_m2=40 * HM2 + 1), "resettlement_area"),
        (replace(MINE, parcels=(parcel(40 * HM2, UNUSED),)), "parcels[0].use_before"),
        (replace(MINE, parcels=(parcel(40 * HM2, BUILT, LandUse.ORCHARD),)), "parcels[0].use_after"),
    ],
)
def test_papers_that_contradict_themselves_are_faulty_at_the_field_to_blame(
    project: Project, field: str
) -> None:
    assert [fault.field for fault in shape_faults(project)] == [field]


def test_sound_papers_have_no_fault() -> None:
    assert shape_faults(NEW_FIELD) == shape_faults(LINKAGE) == shape_faults(MINE) == ()


GRADES = st.integers(1, 15)
USES = st.sampled_from(LandUse)
ANY_PARCELS = st.lists(
    st.builds(Parcel, st.uuids().map(str), st.integers(1, 10**9), USES, USES, GRADES, GRADES),
    min_size=1,
    max_size=8,
)


@given(ANY_PARCELS, st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_cutting_of_parcels_changes_the_credit(
    parcels: list[Parcel], random: Random
) -> None:
    whole = replace(NEW_FIELD, parcels=tuple(parcels), feasibility_reviewed=True)
    pieces = [
        replace(each, id=f"{each.id}/{half}", area_m2=area)
        for each in parcels
        for half, area in enumerate((each.area_m2 // 2, each.area_m2 - each.area_m2 // 2))
        if area
    ]
    random.shuffle(pieces)
    assert credit(replace(whole, parcels=tuple(pieces))) == credit(whole)


@given(ANY_PARCELS)
def test_no_credit_is_negative_nor_above_what_the_land_can_bear(parcels: list[Parcel]) -> None:
    earned = credit(replace(NEW_FIELD, parcels=tuple(parcels), feasibility_reviewed=True)).credits_steps
    area_m2 = sum(each.area_m2 for each in parcels)
    assert 0 <= earned[LAND] <= area_m2
    assert 0 <= earned[PADDY] <= area_m2
    assert 0 <= earned[GRAIN] <= area_m2 * 225 + 1
    assert earned[QUOTA] == 0


@given(
    st.lists(st.tuples(st.integers(1, 10**9), st.sampled_from(sorted(CULTIVATED)), GRADES), min_size=1),
    st.data(),
)
def test_reclaimed_land_never_earns_more_farmland_than_its_surplus(
    fields: list[tuple[int, LandUse, int]], data: st.DataObject
) -> None:
    parcels = tuple(
        Parcel(str(at), area, BUILT, use, None, grade) for at, (area, use, grade) in enumerate(fields)
    )
    total_m2 = sum(area for area, _, _ in fields)
    mine = replace(MINE, parcels=parcels, resettlement_area_m2=data.draw(st.integers(0, total_m2)))
    earned = credit(mine).credits_steps
    assert earned[LAND] == surplus_m2(mine)
    assert earned[PADDY] <= surplus_m2(mine)
