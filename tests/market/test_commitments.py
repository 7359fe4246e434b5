"""What may be promised, by when, who gets what of a project, and the states of a commitment (RULES 5)."""

import itertools
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.commitments import (
    COUNTED,
    HOLDING,
    TRANSITIONS,
    Claim,
    CommitmentEvent,
    CommitmentState,
    check_due,
    check_promised,
    latest_due,
    refuse_not_allowed,
    refuse_past,
    refuse_project,
    share,
    still_missing,
)
from app.market.errors import BrokenInvariant, Conflict, Malformed, Refusal, RuleBroken, WrongState
from app.market.indicators import Indicator
from app.market.projects import ProjectState
from app.market.states import step

LAND, PADDY, GRAIN, QUOTA = Indicator
S, E = CommitmentState, CommitmentEvent
TODAY = date(2026, 3, 1)

ALLOWED = {
    S.DRAFT: {E.REVISE, E.FILE, E.WITHDRAW, E.LAPSE},
    S.FILED: {E.ACTIVATE, E.REFUSE, E.WITHDRAW, E.LAPSE},
    S.ACTIVE: {E.FALL_DUE, E.LAPSE},
    S.DUE: {E.FULFIL, E.DEFAULT, E.LAPSE},
    S.FULFILLED: {E.LAPSE},
    S.DEFAULTED: {E.MAKE_GOOD, E.LAPSE},
    S.MADE_GOOD: {E.LAPSE},
    S.REFUSED: set(),
    S.WITHDRAWN: set(),
    S.LAPSED: set(),
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(CommitmentState, CommitmentEvent)))
def test_every_state_takes_the_events_of_the_table_and_no_other(
    state: CommitmentState, event: CommitmentEvent
) -> None:
    if event in ALLOWED[state]:
        after = step(TRANSITIONS, "commitment", "K1", state, event)
        assert event is not E.LAPSE or after is S.LAPSED
    else:
        with pytest.raises(WrongState):
            step(TRANSITIONS, "commitment", "K1", state, event)


def test_the_way_of_a_commitment_that_was_kept_and_of_one_that_was_not() -> None:
    kept = [E.FILE, E.ACTIVATE, E.FALL_DUE, E.FULFIL]
    broken = [E.FILE, E.ACTIVATE, E.FALL_DUE, E.DEFAULT, E.MAKE_GOOD]
    for events, end in ((kept, S.FULFILLED), (broken, S.MADE_GOOD)):
        state = S.DRAFT
        for event in events:
            state = step(TRANSITIONS, "commitment", "K1", state, event)
        assert state is end


def test_what_is_promised_counts_from_the_activation_on_and_is_held_until_it_is_written_off() -> None:
    assert set(COUNTED) == {S.ACTIVE, S.DUE, S.FULFILLED, S.DEFAULTED, S.MADE_GOOD}
    assert set(HOLDING) == {S.ACTIVE, S.DUE}


@pytest.mark.parametrize(
    ("filed_on", "months", "latest"),
    [
        (date(2026, 3, 1), 24, date(2028, 3, 1)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 12, 31), 12, date(2027, 12, 31)),
    ],
)
def test_a_term_is_counted_in_calendar_months(filed_on: date, months: int, latest: date) -> None:
    assert latest_due(filed_on, months) == latest


@pytest.mark.parametrize(
    ("due_on", "code"),
    [
        (date(2026, 3, 1), "due_too_early"),
        (date(2026, 2, 28), "due_too_early"),
        (date(2026, 3, 2), None),
        (date(2028, 3, 1), None),
        (date(2028, 3, 2), "due_too_late"),
    ],
)
def test_a_commitment_falls_due_after_today_and_within_its_term(due_on: date, code: str | None) -> None:
    try:
        check_due(due_on, today=TODAY, term_months=24)
    except RuleBroken as refused:
        assert (refused.code, refused.field) == (code, "due_on")
    else:
        assert code is None


def test_what_is_due_already_is_not_activated() -> None:
    refuse_past(date(2026, 3, 2), today=TODAY)
    with pytest.raises(RuleBroken) as refused:
        refuse_past(TODAY, today=TODAY)
    assert refused.value.code == "due_too_early"


def test_policy_and_a_suspension_stop_commitments() -> None:
    refuse_not_allowed(allowed=True, suspended=False, applicant="511922")
    for allowed, suspended, code in ((False, False, "commitments_not_allowed"), (True, True, "suspended")):
        with pytest.raises(RuleBroken) as refused:
            refuse_not_allowed(allowed=allowed, suspended=suspended, applicant="511922")
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("state", "applicant", "error", "code"),
    [
        (ProjectState.FILED, "511922", None, None),
        (ProjectState.FILED, "511900", None, None),
        (ProjectState.FILED, "511921", RuleBroken, "project_of_another_county"),
        (ProjectState.ACCEPTED, "511922", Conflict, "project_not_awaited"),
        (ProjectState.REFUSED, "511922", Conflict, "project_not_awaited"),
    ],
)
def test_a_project_supplies_its_county_or_the_city_above_while_it_is_awaited(
    state: ProjectState, applicant: str, error: type[Refusal] | None, code: str | None
) -> None:
    def refuse() -> None:
        refuse_project("P1", state=state, county="511922", city="511900", applicant=applicant)

    if error is None:
        refuse()
        return
    with pytest.raises(error) as refused:
        refuse()
    assert (refused.value.code, refused.value.field) == (code, "project_id")


def test_a_promise_is_above_zero_and_at_most_the_shortage() -> None:
    short = {LAND: 100_000, PADDY: 0, GRAIN: 7_500_000}
    check_promised({LAND: 100_000, GRAIN: 1}, short)
    with pytest.raises(RuleBroken) as over:
        check_promised({LAND: 100_000, PADDY: 1}, short)
    assert (over.value.code, over.value.field) == ("exceeds_shortage", "quantities.paddy_area")
    assert over.value.facts["shortage"] == {"farmland_quantity": "10.0000", "paddy_area": "0.0000"}
    for promised, code in (({}, "no_quantities"), ({LAND: 0}, "zero_quantity")):
        with pytest.raises(Malformed) as malformed:
            check_promised(promised, short)
        assert malformed.value.code == code


def claim(id_: int, **promised: int) -> Claim:
    return Claim(id_, "511922", {Indicator(each): steps for each, steps in promised.items()})


def test_commitments_share_a_project_in_the_order_of_their_filing() -> None:
    claims = [claim(7, farmland_quantity=60), claim(3, farmland_quantity=60, paddy_area=5)]
    shared = share(claims, LAND, 11, 100)
    assert [(each.commitment_id, each.steps) for each in shared] == [(7, 60), (3, 40)]
    assert [(each.commitment_id, each.steps) for each in share(claims, PADDY, 12, 100)] == [(3, 5)]
    assert share(claims, GRAIN, 13, 100) == []


@given(
    wanted=st.lists(st.integers(0, 1000), max_size=6),
    earned=st.integers(1, 2000),
)
def test_sharing_gives_nobody_more_than_it_was_promised_and_wastes_nothing(
    wanted: list[int], earned: int
) -> None:
    claims = [claim(number, farmland_quantity=steps) for number, steps in enumerate(wanted)]
    shared = share(claims, LAND, 1, earned)
    assert all(0 < each.steps <= wanted[each.commitment_id] for each in shared)
    assert sum(each.steps for each in shared) == min(earned, sum(wanted))


def test_what_is_missing_at_the_due_date_is_reckoned_by_indicator() -> None:
    promised = {LAND: 100_000, GRAIN: 7_500_000}
    assert still_missing(promised, {LAND: 95_000, GRAIN: 7_500_000}) == {
        LAND: 5_000,
        PADDY: 0,
        GRAIN: 0,
        QUOTA: 0,
    }
    with pytest.raises(BrokenInvariant):
        still_missing(promised, {LAND: 100_001})
