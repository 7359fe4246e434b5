"""Inspections (检查) and spot checks (抽查): what may be found, and what may be concluded (RULES 12)."""

from collections.abc import Collection, Mapping
from datetime import date
from enum import StrEnum

from app.market.errors import RuleBroken


class InspectionKind(StrEnum):
    """How an inspection came about."""

    INSPECTION = "inspection"  # 检查: the regulator chose it
    SPOT_CHECK = "spot_check"  # 抽查: drawn at random


class Severity(StrEnum):
    """How grave a finding is."""

    MINOR = "minor"
    SERIOUS = "serious"
    FRAUD = "fraud"  # 弄虚作假


class InspectionState(StrEnum):
    """Where an inspection stands; a conclusion is final."""

    OPEN = "OPEN"
    NO_FAULT = "NO_FAULT"
    RECTIFY = "RECTIFY"
    FRAUD = "FRAUD"


class InspectionEvent(StrEnum):
    """What can happen to an inspection: findings, then one conclusion."""

    RECORD = "record"
    NO_FAULT = "no_fault"
    RECTIFY = "rectify"
    FRAUD = "fraud"


TRANSITIONS: Mapping[tuple[InspectionState, InspectionEvent], InspectionState] = {
    (InspectionState.OPEN, InspectionEvent.RECORD): InspectionState.OPEN,
    (InspectionState.OPEN, InspectionEvent.NO_FAULT): InspectionState.NO_FAULT,
    (InspectionState.OPEN, InspectionEvent.RECTIFY): InspectionState.RECTIFY,
    (InspectionState.OPEN, InspectionEvent.FRAUD): InspectionState.FRAUD,
}


class Conclusion(StrEnum):
    """What an inspection comes to."""

    NO_FAULT = "no_fault"
    RECTIFY = "rectify"  # opens a rectification (限期整改)
    FRAUD = "fraud"  # lets the project be voided

    @property
    def event(self) -> InspectionEvent:
        """The event that it is to the inspection."""
        return InspectionEvent(self.value)


def check_conclusion(
    conclusion: Conclusion,
    severities: Collection[Severity],
    *,
    of_project: bool,
    rectify_by: date | None,
    today: date,
) -> None:
    """Refuse a conclusion that the findings don't carry, or without its term; raises RuleBroken.

    Fraud is found in a project, since it is the project's batches that would be voided; no fault can't be
    concluded over a serious finding.
    """
    _check_findings(conclusion, severities)
    if conclusion is Conclusion.FRAUD and not of_project:
        raise RuleBroken(
            "fraud_needs_project",
            "Fraud is concluded of a project: open an inspection that names it.",
            field="conclusion",
        )
    if (conclusion is Conclusion.RECTIFY) != (rectify_by is not None):
        raise RuleBroken(
            "rectify_by_needed" if rectify_by is None else "rectify_by_not_wanted",
            "A conclusion to rectify names its last day, rectify_by, and no other conclusion does.",
            field="rectify_by",
        )
    if rectify_by is not None and rectify_by < today:
        raise RuleBroken(
            "rectify_by_past",
            f"Today is {today.isoformat()}: nothing can be rectified by {rectify_by.isoformat()} any more.",
            field="rectify_by",
            today=today.isoformat(),
        )


def _check_findings(conclusion: Conclusion, severities: Collection[Severity]) -> None:
    grave = {Severity.SERIOUS, Severity.FRAUD} & set(severities)
    speaks_against = {
        Conclusion.NO_FAULT: bool(grave),
        Conclusion.RECTIFY: not severities,
        Conclusion.FRAUD: Severity.FRAUD not in severities,
    }
    if speaks_against[conclusion]:
        wanted = {
            Conclusion.NO_FAULT: "No fault is concluded only where no finding is serious or fraud",
            Conclusion.RECTIFY: "A conclusion to rectify rests on at least one finding",
            Conclusion.FRAUD: "Fraud is concluded only where a finding of severity fraud is recorded",
        }[conclusion]
        recorded = ", ".join(sorted(severities)) or "none"
        raise RuleBroken(
            "findings_contradict",
            f"{wanted}; the findings are: {recorded}.",
            field="conclusion",
            severities=sorted(severities),
        )
