"""The register of certified land: what it says against a project, and what it keeps (RULES 4, [N] 七)."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.certification import Certified, certify, findings, is_claimed
from app.market.indicators import Indicator
from app.market.projects import (
    CULTIVATED,
    Fund,
    FundSource,
    LandUse,
    Parcel,
    Project,
    ProjectKind,
    RefusalReason,
    credit,
)

DRY, WET, UNUSED, BUILT = LandUse.DRY_LAND, LandUse.PADDY, LandUse.UNUSED, LandUse.CONSTRUCTION
NEW = Parcel("P1", 80_000, UNUSED, DRY, None, 10)
CERTIFIED = Certified(credited_as_new=True, use=DRY, grade=10)


def project(*parcels: Parcel) -> Project:
    return Project(
        kind=ProjectKind.LAND_CONSOLIDATION,
        started_on=date(2018, 3, 1),
        funds=(Fund(FundSource.FISCAL, Fraction(1)),),
        parcels=parcels,
        filing_no="51192220180001",
        accepted_on=date(2019, 5, 1),
    )


def test_land_that_nobody_certified_is_free() -> None:
    assert not is_claimed(NEW, None)


def test_new_farmland_is_claimed_once_it_was_credited_even_if_it_was_lost_since() -> None:
    assert is_claimed(NEW, CERTIFIED)
    assert is_claimed(NEW, Certified(credited_as_new=True, use=BUILT, grade=None))


def test_land_certified_as_farmland_by_an_upgrade_is_not_new() -> None:
    assert is_claimed(NEW, Certified(credited_as_new=False, use=DRY, grade=10))


def test_farmland_that_a_project_gave_up_may_become_new_farmland_once() -> None:
    lost = certify(Parcel("P1", 1, DRY, BUILT, 10, None), None)
    assert lost == Certified(credited_as_new=False, use=BUILT, grade=None)
    assert not is_claimed(NEW, lost)
    regained = certify(NEW, lost)
    assert regained is not None
    assert regained.credited_as_new
    assert is_claimed(NEW, certify(Parcel("P1", 1, DRY, BUILT, 10, None), regained))


@pytest.mark.parametrize(
    ("before", "after", "grades", "claimed"),
    [
        (DRY, DRY, (10, 9), False),
        (DRY, WET, (10, 10), False),
        (DRY, WET, (10, 12), False),  # paddy is gained; the capacity it loses is taken off
        (DRY, DRY, (11, 9), True),
        (DRY, WET, (11, 10), True),
        (DRY, DRY, (10, 10), False),
        (DRY, DRY, (10, 12), False),
        (DRY, BUILT, (10, None), False),
    ],
)
def test_an_upgrade_is_claimed_unless_it_lies_above_what_was_certified(
    before: LandUse, after: LandUse, grades: tuple[int, int | None], claimed: bool
) -> None:
    assert is_claimed(Parcel("P1", 1, before, after, *grades), CERTIFIED) is claimed


def test_paddy_is_not_made_of_certified_paddy() -> None:
    certified = Certified(credited_as_new=False, use=WET, grade=10)
    assert is_claimed(Parcel("P1", 1, DRY, WET, 10, 9), certified)
    assert not is_claimed(Parcel("P1", 1, WET, WET, 10, 9), certified)


@pytest.mark.parametrize(
    ("area_m2", "reviewed", "refused"), [(100, False, False), (101, False, True), (101, True, False)]
)
def test_unused_land_above_the_policy_area_needs_its_review(
    area_m2: int, reviewed: bool, refused: bool
) -> None:
    found = findings(
        project(Parcel("P1", area_m2, UNUSED, DRY, None, 10)),
        {},
        review_area_m2=100,
        ecology_reviewed=reviewed,
    )
    assert (found.reasons == (RefusalReason.NEEDS_ECOLOGY_REVIEW,)) is refused
    assert (found.unreviewed == ("P1",)) is refused


def test_other_land_of_any_size_needs_no_ecology_review() -> None:
    wide = project(Parcel("P1", 10**9, LandUse.ORCHARD, DRY, None, 10), Parcel("P2", 10**9, UNUSED, UNUSED))
    assert findings(wide, {}, review_area_m2=100, ecology_reviewed=False).reasons == ()


def test_each_reason_is_told_once_with_all_its_parcels() -> None:
    two = project(NEW, Parcel("P2", 80_000, UNUSED, DRY, None, 10))
    found = findings(two, {"P1": CERTIFIED, "P2": CERTIFIED}, review_area_m2=1, ecology_reviewed=False)
    assert found.claimed == found.unreviewed == ("P1", "P2")
    assert set(found.reasons) == {RefusalReason.PARCEL_CLAIMED, RefusalReason.NEEDS_ECOLOGY_REVIEW}


def test_what_is_certified_of_farmland_never_falls_while_it_is_farmland() -> None:
    worse = certify(Parcel("P1", 1, WET, DRY, 9, 12), Certified(False, WET, 9))
    assert worse == Certified(False, WET, 9)
    assert certify(Parcel("P1", 1, UNUSED, LandUse.ORCHARD), CERTIFIED) == CERTIFIED


FARMED = st.sampled_from(sorted(CULTIVATED))
GRADES = st.integers(1, 15)
UPGRADES = st.lists(st.tuples(FARMED, FARMED, GRADES, GRADES), max_size=8)


@given(UPGRADES)
def test_upgrades_of_one_parcel_never_earn_more_than_from_the_worst_to_the_best(
    upgrades: list[tuple[LandUse, LandUse, int, int]],
) -> None:
    register: Certified | None = None
    earned = {"paddy": 0, "grain": 0}
    for use_before, use_after, grade_before, grade_after in upgrades:
        parcel = Parcel("P1", 10_000, use_before, use_after, grade_before, grade_after)
        if is_claimed(parcel, register):
            continue
        credited = credit(project(parcel)).credits_steps
        earned["paddy"] += credited[Indicator.PADDY_AREA]
        earned["grain"] += credited[Indicator.GRAIN_CAPACITY]
        register = certify(parcel, register)
    assert earned["paddy"] <= 10_000
    assert earned["grain"] <= 14 * 1_500_00
