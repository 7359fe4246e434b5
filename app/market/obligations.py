"""Obligations (补充义务): what a jurisdiction has still to supply, and how it is made good (RULES 5, 12)."""

from collections.abc import Mapping
from enum import StrEnum

from app.market.errors import Conflict, ensure
from app.market.indicators import Indicator


class ObligationKind(StrEnum):
    """What an obligation comes from."""

    COMMITMENT_DEFICIT = "commitment_deficit"  # 承诺未兑现: missing at a commitment's due date
    REPLACEMENT = "replacement"  # 虚假补充: sold or used of a fraudulent project's batches


class ObligationState(StrEnum):
    """Where an obligation stands."""

    OPEN = "OPEN"
    DISCHARGED = "DISCHARGED"
    CANCELLED = "CANCELLED"


class ObligationEvent(StrEnum):
    """What can happen to an obligation; it is cancelled when nothing of it is owed any more."""

    DISCHARGE = "discharge"
    CANCEL = "cancel"


TRANSITIONS: dict[tuple[ObligationState, ObligationEvent], ObligationState] = {
    (ObligationState.OPEN, ObligationEvent.DISCHARGE): ObligationState.DISCHARGED,
    (ObligationState.OPEN, ObligationEvent.CANCEL): ObligationState.CANCELLED,
    (ObligationState.DISCHARGED, ObligationEvent.CANCEL): ObligationState.CANCELLED,
}
"""One that was discharged is cancelled, and its write-off reversed, where what it came from is undone."""


def owed_at_first(owed: Mapping[Indicator, int]) -> Mapping[Indicator, int]:
    """What is owed of every indicator, in steps; BrokenInvariant where that is nothing or below zero."""
    every = {indicator: owed.get(indicator, 0) for indicator in Indicator}
    ensure(min(every.values()) >= 0 and max(every.values()) > 0, f"an obligation of {dict(owed)} is none")
    return every


def reduced(owed: Mapping[Indicator, int], by: Mapping[Indicator, int]) -> Mapping[Indicator, int]:
    """What is still owed after so many steps came back otherwise; no indicator stands in for another."""
    ensure(all(steps >= 0 for steps in by.values()), f"an obligation is not reduced by {dict(by)}")
    return {indicator: max(0, owed[indicator] - by.get(indicator, 0)) for indicator in Indicator}


def refuse_not_open(subject: str, state: ObligationState) -> None:
    """Refuse to back anything by an obligation that has ended; raises Conflict."""
    if state is not ObligationState.OPEN:
        raise Conflict(
            "obligation_ended",
            f"Obligation {subject} is {state}; only an open one backs a need.",
            field="obligation_id",
            state=state.value,
        )
