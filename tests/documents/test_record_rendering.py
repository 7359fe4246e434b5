"""Rendered records read back to equal values, so that what the exchange publishes is what it cleared."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.documents.json_text import dump
from app.documents.record_reading import instant_text, share_text
from app.documents.records import (
    allocation_record,
    project_record,
    read_allocation,
    read_project,
    read_round,
    round_record,
)
from app.market.allocations import Allocation, Demand, OpenListing
from app.market.auctions import Listing, Pricing, Round, Rules, SealedBid, TieRule
from app.market.indicators import UNIT, Indicator
from app.market.needs import KeyLevel
from app.market.projects import Fund, FundSource, LandUse, Parcel, Project, ProjectKind, SurplusUse

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
INSTANTS = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)
FEN = st.integers(0, 2**63 - 1)
STEPS = st.integers(1, 2**63 - 1)
SHARES = st.integers(1, 10**6).map(lambda millionths: Fraction(millionths, 10**6))


@st.composite
def rounds(draw: st.DrawFn) -> Round:
    indicator = draw(st.sampled_from(Indicator))
    lot_steps = draw(st.integers(1, 10**6))
    least = -(-UNIT[indicator].steps // lot_steps)
    floor_fen = draw(st.integers(least, 2**62))
    ceiling_fen = draw(st.integers(floor_fen, 2**63 - 1))
    tie = draw(st.sampled_from(TieRule))
    seed = st.binary(min_size=1, max_size=40).map(bytes.hex)
    opens_at_us, closes_at_us = sorted(draw(st.lists(INSTANTS, min_size=2, max_size=2, unique=True)))
    figure = st.none() | st.just(False) | st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
    return Round(
        indicator,
        opens_at_us,
        closes_at_us,
        Rules(
            draw(st.sampled_from(Pricing)),
            tie,
            lot_steps,
            floor_fen,
            ceiling_fen,
            draw(st.none() | SHARES),
            draw(seed if tie is TieRule.LOTTERY else st.none() | st.just("any")),
        ),
        draw(st.dictionaries(IDS, st.integers(0, 2**63 - 1), max_size=3)),
        tuple(
            Listing(
                id_,
                draw(IDS),
                lot_steps * draw(st.integers(1, 10**6)),
                draw(st.none() | st.integers(floor_fen, ceiling_fen)),
                draw(st.booleans()),
                draw(INSTANTS),
            )
            for id_ in draw(st.lists(IDS, unique=True, max_size=3))
        ),
        tuple(
            SealedBid(id_, draw(IDS), draw(figure), draw(figure), draw(figure), draw(INSTANTS))
            for id_ in draw(st.lists(IDS, unique=True, max_size=3))
        ),
    )


@settings(deadline=None)
@given(rounds())
def test_a_rendered_round_reads_back_equal(round_: Round) -> None:
    assert read_round(dump(round_record(round_))) == round_


@st.composite
def allocations(draw: st.DrawFn) -> Allocation:
    levels = st.sampled_from(KeyLevel)
    vectors = st.dictionaries(st.sampled_from(Indicator), STEPS, min_size=1)
    return Allocation(
        {indicator: draw(FEN) for indicator in Indicator},
        tuple(
            Demand(id_, draw(IDS), draw(levels), draw(INSTANTS), draw(vectors), draw(st.booleans()))
            for id_ in draw(st.lists(IDS, unique=True, max_size=3))
        ),
        tuple(
            OpenListing(
                id_,
                draw(IDS),
                draw(st.sampled_from(Indicator)),
                draw(STEPS),
                draw(st.none() | FEN),
                draw(st.booleans()),
                draw(INSTANTS),
            )
            for id_ in draw(st.lists(IDS, unique=True, max_size=3))
        ),
    )


@settings(deadline=None)
@given(allocations())
def test_a_rendered_allocation_reads_back_equal(value: Allocation) -> None:
    assert read_allocation(dump(allocation_record(value))) == value


@st.composite
def projects(draw: st.DrawFn) -> Project:
    grades = st.integers(1, 15)
    kind = draw(st.sampled_from(ProjectKind))
    reclaims = kind in {ProjectKind.LINKAGE, ProjectKind.ABANDONED_MINE}
    before = st.just(LandUse.CONSTRUCTION) if reclaims else st.sampled_from(LandUse)
    after = st.sampled_from([LandUse.PADDY, LandUse.DRY_LAND] if reclaims else list(LandUse))
    parcels = tuple(
        Parcel(id_, draw(STEPS), draw(before), draw(after), draw(grades), draw(grades))
        for id_ in draw(st.lists(IDS, unique=True, min_size=1, max_size=3))
    )
    started_on = draw(st.dates(date(1, 1, 1), date(2100, 1, 1)))
    part = draw(SHARES)
    return Project(
        kind=kind,
        started_on=started_on,
        funds=(Fund(FundSource.FISCAL, part), Fund(draw(st.sampled_from(FundSource)), 1 - part)),
        parcels=parcels,
        filing_no=draw(st.none() | st.text("0123456789x", max_size=15)),
        accepted_on=draw(st.none() | st.dates(started_on)),
        design_grade=draw(st.none() | grades),
        feasibility_reviewed=draw(st.booleans()),
        surplus_recognised=draw(st.booleans()),
        surplus_as=draw(st.sampled_from(SurplusUse)) if kind is ProjectKind.LINKAGE else None,
        resettlement_area_m2=draw(st.none() | st.integers(0, parcels[0].area_m2)) if reclaims else None,
        yields_centikg_per_hm2=draw(st.none() | st.fixed_dictionaries(dict.fromkeys(range(1, 16), FEN))),
    )


@settings(deadline=None)
@given(projects())
def test_a_rendered_project_reads_back_equal(project: Project) -> None:
    assert read_project(dump(project_record(project))) == project


def test_a_share_without_an_exact_decimal_is_not_rendered() -> None:
    with pytest.raises(ValueError, match="no decimal"):
        share_text(Fraction(1, 3))


@pytest.mark.parametrize(("share", "text"), [("1", "1.00"), ("0.5", "0.50"), ("0.125", "0.125")])
def test_a_share_is_rendered_exactly(share: str, text: str) -> None:
    assert share_text(Fraction(share)) == text


def test_an_instant_is_rendered_with_its_fraction_only_if_it_has_one() -> None:
    assert instant_text(0) == "1970-01-01T00:00:00Z"
    assert instant_text(-1) == "1969-12-31T23:59:59.999999Z"
