"""Land applications (用地报批): kinds, states, and the requirement of their parcels (RULES 5)."""

from enum import StrEnum


class ApplicationKind(StrEnum):
    """What is applied for."""

    SEPARATE_SITE = "separate_site"  # 单独选址
    TOWN_BATCH = "town_batch"  # 城市村镇批次
    LINKAGE = "linkage"  # 挂钩建新区: states its new-construction area


class ApplicationState(StrEnum):
    """Where an application stands; its write-off belongs to the decision."""

    FILED = "FILED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


class ApplicationEvent(StrEnum):
    """What can happen to an application."""

    REFUSE = "refuse"
    WITHDRAW = "withdraw"


TRANSITIONS: dict[tuple[ApplicationState, ApplicationEvent], ApplicationState] = {
    (ApplicationState.FILED, ApplicationEvent.REFUSE): ApplicationState.REFUSED,
    (ApplicationState.FILED, ApplicationEvent.WITHDRAW): ApplicationState.WITHDRAWN,
}
