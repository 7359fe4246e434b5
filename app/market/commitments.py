"""Commitments (承诺补充): what a project will supply later, by when, and what came of it (RULES 5)."""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.market.errors import Conflict, RuleBroken, ensure
from app.market.indicators import Indicator
from app.market.needs import refuse_beyond_shortage
from app.market.projects import ProjectState


class CommitmentState(StrEnum):
    """Where a commitment stands."""

    DRAFT = "DRAFT"
    FILED = "FILED"
    ACTIVE = "ACTIVE"
    DUE = "DUE"  # its day is over; it is written off next
    FULFILLED = "FULFILLED"
    DEFAULTED = "DEFAULTED"  # something was missing: owed by an obligation
    MADE_GOOD = "MADE_GOOD"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    LAPSED = "LAPSED"  # with its application, refused or withdrawn


class CommitmentEvent(StrEnum):
    """What can happen to a commitment."""

    REVISE = "revise"
    FILE = "file"
    ACTIVATE = "activate"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    FALL_DUE = "fall_due"
    FULFIL = "fulfil"
    DEFAULT = "default"
    MAKE_GOOD = "make_good"
    LAPSE = "lapse"


_S, _E = CommitmentState, CommitmentEvent

TRANSITIONS: dict[tuple[CommitmentState, CommitmentEvent], CommitmentState] = {
    (_S.DRAFT, _E.REVISE): _S.DRAFT,
    (_S.DRAFT, _E.FILE): _S.FILED,
    (_S.DRAFT, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.DRAFT, _E.LAPSE): _S.LAPSED,
    (_S.FILED, _E.ACTIVATE): _S.ACTIVE,
    (_S.FILED, _E.REFUSE): _S.REFUSED,
    (_S.FILED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.FILED, _E.LAPSE): _S.LAPSED,
    (_S.ACTIVE, _E.FALL_DUE): _S.DUE,
    (_S.ACTIVE, _E.LAPSE): _S.LAPSED,
    (_S.DUE, _E.FULFIL): _S.FULFILLED,
    (_S.DUE, _E.DEFAULT): _S.DEFAULTED,
    (_S.DUE, _E.LAPSE): _S.LAPSED,
    (_S.FULFILLED, _E.LAPSE): _S.LAPSED,
    (_S.DEFAULTED, _E.MAKE_GOOD): _S.MADE_GOOD,
    (_S.DEFAULTED, _E.LAPSE): _S.LAPSED,
    (_S.MADE_GOOD, _E.LAPSE): _S.LAPSED,
}
"""A refused application takes its commitments along, whatever was written off for them (解挂)."""

HOLDING = (CommitmentState.ACTIVE, CommitmentState.DUE)
"""The states in which what is earmarked for a commitment is its own."""

COUNTED = (
    CommitmentState.ACTIVE,
    CommitmentState.DUE,
    CommitmentState.FULFILLED,
    CommitmentState.DEFAULTED,
    CommitmentState.MADE_GOOD,
)
"""The states in which an application need not supply what is promised for it."""


def latest_due(filed_on: date, term_months: int) -> date:
    """Return the last day that a commitment filed on a day may fall due; at a month's end if need be."""
    months = filed_on.month - 1 + term_months
    year, month = filed_on.year + months // 12, months % 12 + 1
    return date(year, month, min(filed_on.day, monthrange(year, month)[1]))


def check_due(due_on: date, *, today: date, term_months: int) -> None:
    """Refuse a due date that is not later than today, or beyond the term of a filing today."""
    if due_on <= today:
        raise RuleBroken(
            "due_too_early",
            f"Today is {today.isoformat()}: a commitment falls due on a later day.",
            field="due_on",
            today=today.isoformat(),
        )
    latest = latest_due(today, term_months)
    if due_on > latest:
        raise RuleBroken(
            "due_too_late",
            f"Filed today, a commitment falls due on {latest.isoformat()} at the latest "
            f"({term_months} months; policy commitment_term_months).",
            field="due_on",
            latest=latest.isoformat(),
        )


def refuse_not_allowed(*, allowed: bool, suspended: bool, applicant: str) -> None:
    """Refuse commitments where policy has none, and those of a suspended jurisdiction; raises RuleBroken."""
    if not allowed:
        raise RuleBroken(
            "commitments_not_allowed",
            "Commitments (承诺补充) are not allowed at present (policy commitments_allowed): what is missing "
            "has to be in the reserve before the write-off.",
        )
    if suspended:
        raise RuleBroken(
            "suspended",
            f"Jurisdiction {applicant} is suspended (暂停受理): it can't promise to supply later.",
            jurisdiction=applicant,
        )


def refuse_project(
    subject: str, *, state: ProjectState, county: str, city: str | None, applicant: str
) -> None:
    """Refuse a project that can't supply: somebody else's, or not one still to be accepted.

    ``city`` is the one that the project's county belongs to. Raises RuleBroken or Conflict.
    """
    if applicant not in (county, city):
        raise RuleBroken(
            "project_of_another_county",
            f"Project {subject} is {county}'s: a county names a project of its own, a city one of its "
            "counties'.",
            field="project_id",
            county=county,
        )
    if state is not ProjectState.FILED:
        raise Conflict(
            "project_not_awaited",
            f"Project {subject} is {state}; a commitment rests on one that is filed and not yet accepted.",
            field="project_id",
            state=state.value,
        )


def check_promised(promised: Mapping[Indicator, int], short: Mapping[Indicator, int]) -> None:
    """Refuse a promise of nothing, or of more than its application is short of at home.

    Raises Malformed or RuleBroken, naming what each indicator is short of.
    """
    refuse_beyond_shortage(
        promised,
        short,
        done="promised",
        rule="A commitment covers only what its application requires and the own reserve, live needs and "
        "other commitments do not",
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """What an active commitment has still to get of its project, in steps by indicator."""

    commitment_id: int
    applicant: str
    promised: Mapping[Indicator, int]


@dataclass(frozen=True, slots=True)
class Earmark:
    """So many steps of one batch kept for one commitment, in its applicant's reserve."""

    commitment_id: int
    applicant: str
    indicator: Indicator
    batch_id: int
    steps: int


def share(claims: Sequence[Claim], indicator: Indicator, batch_id: int, steps: int) -> Sequence[Earmark]:
    """Share what a project earned of one indicator among its commitments, in the order of their filing.

    Each gets up to what it promised; what is left over is nobody's.
    """
    earmarks, left = [], steps
    for claim in claims:
        kept = min(left, claim.promised.get(indicator, 0))
        if kept > 0:
            earmarks.append(Earmark(claim.commitment_id, claim.applicant, indicator, batch_id, kept))
            left -= kept
    return earmarks


def still_missing(
    promised: Mapping[Indicator, int], taken: Mapping[Indicator, int]
) -> Mapping[Indicator, int]:
    """What of a promise was not taken, in steps of every indicator; BrokenInvariant if too much was."""
    missing = {each: promised.get(each, 0) - taken.get(each, 0) for each in Indicator}
    ensure(min(missing.values()) >= 0, f"{dict(taken)} was taken for a promise of {dict(promised)}")
    return missing


def refuse_past(due_on: date, *, today: date) -> None:
    """Refuse to activate what would be due already; raises RuleBroken."""
    if due_on <= today:
        raise RuleBroken(
            "due_too_early",
            f"Today is {today.isoformat()}: this commitment's day, {due_on.isoformat()}, has come. "
            "Refuse it; a new one may name a later day.",
            field=None,
            today=today.isoformat(),
            due_on=due_on.isoformat(),
        )
