"""Inspections: every (state, event) pair, and which conclusion the findings carry."""

from datetime import date
from itertools import product

import pytest

from app.market.errors import RuleBroken, WrongState
from app.market.inspections import (
    TRANSITIONS,
    Conclusion,
    InspectionEvent,
    InspectionState,
    Severity,
    check_conclusion,
)
from app.market.states import step

TODAY, LATER = date(2026, 3, 1), date(2026, 6, 30)
MINOR, SERIOUS, FRAUD = Severity.MINOR, Severity.SERIOUS, Severity.FRAUD


@pytest.mark.parametrize(("state", "event"), [*product(InspectionState, InspectionEvent)])
def test_findings_and_one_conclusion_come_to_an_open_inspection_and_to_no_other(
    state: InspectionState, event: InspectionEvent
) -> None:
    if state is InspectionState.OPEN:
        after = step(TRANSITIONS, "inspection", "V1", state, event)
        assert after is (
            InspectionState.OPEN if event is InspectionEvent.RECORD else InspectionState[event.name]
        )
    else:
        with pytest.raises(WrongState):
            step(TRANSITIONS, "inspection", "V1", state, event)


def test_every_conclusion_is_an_event_and_a_state() -> None:
    assert {TRANSITIONS[InspectionState.OPEN, each.event] for each in Conclusion} == set(InspectionState) - {
        InspectionState.OPEN
    }


@pytest.mark.parametrize(
    ("conclusion", "severities"),
    [
        (Conclusion.NO_FAULT, []),
        (Conclusion.NO_FAULT, [MINOR]),
        (Conclusion.RECTIFY, [MINOR]),
        (Conclusion.RECTIFY, [SERIOUS, FRAUD]),
        (Conclusion.FRAUD, [MINOR, FRAUD]),
    ],
)
def test_findings_that_carry_the_conclusion_let_it_pass(
    conclusion: Conclusion, severities: list[Severity]
) -> None:
    rectify_by = LATER if conclusion is Conclusion.RECTIFY else None
    check_conclusion(conclusion, severities, of_project=True, rectify_by=rectify_by, today=TODAY)


@pytest.mark.parametrize(
    ("conclusion", "severities"),
    [
        (Conclusion.NO_FAULT, [MINOR, SERIOUS]),
        (Conclusion.NO_FAULT, [FRAUD]),
        (Conclusion.RECTIFY, []),
        (Conclusion.FRAUD, [SERIOUS]),
        (Conclusion.FRAUD, []),
    ],
)
def test_findings_that_speak_against_the_conclusion_stop_it(
    conclusion: Conclusion, severities: list[Severity]
) -> None:
    rectify_by = LATER if conclusion is Conclusion.RECTIFY else None
    with pytest.raises(RuleBroken) as refused:
        check_conclusion(conclusion, severities, of_project=True, rectify_by=rectify_by, today=TODAY)
    assert refused.value.code == "findings_contradict"
    assert refused.value.facts["severities"] == sorted(severities)


def test_fraud_is_found_in_a_project_only() -> None:
    with pytest.raises(RuleBroken) as refused:
        check_conclusion(Conclusion.FRAUD, [FRAUD], of_project=False, rectify_by=None, today=TODAY)
    assert refused.value.code == "fraud_needs_project"


@pytest.mark.parametrize(
    ("conclusion", "rectify_by", "code"),
    [
        (Conclusion.RECTIFY, None, "rectify_by_needed"),
        (Conclusion.FRAUD, LATER, "rectify_by_not_wanted"),
        (Conclusion.RECTIFY, date(2026, 2, 28), "rectify_by_past"),
        (Conclusion.RECTIFY, TODAY, None),
    ],
)
def test_to_rectify_has_a_last_day_that_has_not_passed_and_nothing_else_has_one(
    conclusion: Conclusion, rectify_by: date | None, code: str | None
) -> None:
    def check() -> None:
        check_conclusion(conclusion, [FRAUD], of_project=True, rectify_by=rectify_by, today=TODAY)

    if code is None:
        check()
    else:
        with pytest.raises(RuleBroken) as refused:
            check()
        assert (refused.value.code, refused.value.field) == (code, "rectify_by")
