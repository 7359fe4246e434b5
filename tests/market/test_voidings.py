"""Voiding: what is cancelled and what is owed always make up what was issued."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.errors import BrokenInvariant, RuleBroken
from app.market.indicators import Indicator
from app.market.inspections import InspectionState
from app.market.ledger import Bucket, netted
from app.market.voidings import cancelled, cancelled_on_return, entries, owed, refuse_unfounded
from app.market.write_offs import Holding

LAND, GRAIN = Indicator.FARMLAND_QUANTITY, Indicator.GRAIN_CAPACITY
BATCHES = [(1, LAND, 100_000), (2, GRAIN, 5_000)]
steps = st.integers(0, 50_000)


@given(steps, steps, st.integers(0, 5_000))
def test_what_is_cancelled_and_what_is_owed_make_up_what_was_issued(
    available: int, earmarked: int, grain: int
) -> None:
    holdings = [
        Holding(LAND, 1, Bucket.AVAILABLE, available),
        Holding(LAND, 1, Bucket.EARMARKED, earmarked),
        Holding(GRAIN, 2, Bucket.AVAILABLE, grain),
    ]
    voided = cancelled(BATCHES, holdings)
    assert [batch.cancelled for batch in voided] == [available + earmarked, grain]
    assert owed(voided) == {LAND: 100_000 - available - earmarked, GRAIN: 5_000 - grain}
    moved = netted(entries("511922", holdings))
    assert sum(entry.amount for entry in moved if entry.account.bucket is Bucket.CONSUMED) == sum(
        batch.cancelled for batch in voided
    )


def test_nothing_is_left_of_a_batch_that_is_sold_out() -> None:
    assert [(batch.cancelled, batch.owed) for batch in cancelled(BATCHES, [])] == [(0, 100_000), (0, 5_000)]


@pytest.mark.parametrize(
    "holding", [Holding(LAND, 1, Bucket.AVAILABLE, 100_001), Holding(LAND, 3, Bucket.AVAILABLE, 1)]
)
def test_more_than_was_issued_or_another_projects_batch_is_a_defect(holding: Holding) -> None:
    with pytest.raises(BrokenInvariant):
        cancelled(BATCHES, [holding])


@pytest.mark.parametrize(("back", "still_owed", "gone"), [(5, 9, 5), (9, 5, 5), (5, 0, 0), (5, 5, 5)])
def test_of_what_comes_back_as_much_is_cancelled_as_is_still_owed(
    back: int, still_owed: int, gone: int
) -> None:
    assert cancelled_on_return(back, still_owed) == gone


@pytest.mark.parametrize("state", InspectionState)
@pytest.mark.parametrize("of_project", [None, 7, 8])
def test_only_an_inspection_of_that_project_that_concluded_fraud_voids_it(
    state: InspectionState, of_project: int | None
) -> None:
    if state is InspectionState.FRAUD and of_project == 7:
        refuse_unfounded("V1", state, of_project=of_project, project_id=7)
    else:
        with pytest.raises(RuleBroken) as refused:
            refuse_unfounded("V1", state, of_project=of_project, project_id=7)
        assert refused.value.code == "no_fraud_concluded"
