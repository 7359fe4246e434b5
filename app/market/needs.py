"""Needs (调剂需求): states and key-project levels (RULES 6)."""

from enum import StrEnum


class KeyLevel(StrEnum):
    """Whether a need is for a key project (重点项目), and whose."""

    NATIONAL = "national"
    PROVINCIAL = "provincial"


class NeedState(StrEnum):
    """Where a need stands."""

    DECLARED = "DECLARED"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"
    MET = "MET"
    LAPSED = "LAPSED"


class NeedEvent(StrEnum):
    """What can happen to a need."""

    APPROVE = "approve"
    REFUSE = "refuse"
    MEET = "meet"
    LAPSE = "lapse"


TRANSITIONS: dict[tuple[NeedState, NeedEvent], NeedState] = {
    (NeedState.DECLARED, NeedEvent.APPROVE): NeedState.APPROVED,
    (NeedState.DECLARED, NeedEvent.REFUSE): NeedState.REFUSED,
    (NeedState.DECLARED, NeedEvent.LAPSE): NeedState.LAPSED,
    (NeedState.APPROVED, NeedEvent.MEET): NeedState.MET,
    (NeedState.APPROVED, NeedEvent.LAPSE): NeedState.LAPSED,
}
