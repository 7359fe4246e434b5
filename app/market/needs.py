"""Needs (调剂需求): states and key-project levels (RULES 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.market.errors import Conflict, Malformed, RuleBroken
from app.market.indicators import UNIT, Indicator
from app.market.units import format_quantity


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


@dataclass(frozen=True, slots=True)
class Backing:
    """A filed application behind needs, in steps by indicator.

    ``required`` is what it must supply, ``coming`` what its live needs have still to bring, ``bought``
    what its needs have brought already (and now lies in the reserve).
    """

    application_id: int
    required: Mapping[Indicator, int]
    coming: Mapping[Indicator, int]
    bought: Mapping[Indicator, int]

    def lacking(self, indicator: Indicator) -> int:
        """What neither needs have brought nor live needs will bring."""
        return max(
            0,
            self.required.get(indicator, 0) - self.coming.get(indicator, 0) - self.bought.get(indicator, 0),
        )


def shortage(
    backings: Sequence[Backing], at_home: Mapping[Indicator, int], application_id: int
) -> Mapping[Indicator, int]:
    """What an application lacks that its own reserve can't cover, in steps: balance at home first ([N] 五).

    ``backings`` are all filed applications of one buyer in the order of their filing. What was bought for
    an application is its own up to what it requires; the rest of what is ``at_home``, listed and unsold
    or not, covers the applications in that order, so that one hectare is never counted for two of them.
    """
    short = {}
    for indicator in Indicator:
        bought = sum(
            min(backing.bought.get(indicator, 0), backing.required.get(indicator, 0)) for backing in backings
        )
        home = max(0, at_home.get(indicator, 0) - bought)
        for backing in backings:
            lacking = backing.lacking(indicator)
            if backing.application_id == application_id:
                short[indicator] = max(0, lacking - home)
                break
            home = max(0, home - lacking)
    return short


def usable(
    backings: Sequence[Backing], available: Mapping[Indicator, int], application_id: int
) -> Mapping[Indicator, int]:
    """What of a reserve's available stock an application may write off, in steps (RULES 5, ADR 0006).

    ``backings`` are all filed applications of the reserve. What was bought for another of them stays that
    one's, up to what it requires. Where less than all that is left, because some was sold on, each
    application still has what was bought for itself: they would else block one another.
    """
    free = {}
    for indicator in Indicator:
        stock = available.get(indicator, 0)
        bought = {
            each.application_id: min(each.bought.get(indicator, 0), each.required.get(indicator, 0))
            for each in backings
        }
        own = bought.pop(application_id, 0)
        free[indicator] = max(stock - sum(bought.values()), min(stock, own))
    return free


def check_declared(wanted: Mapping[Indicator, int], short: Mapping[Indicator, int]) -> None:
    """Refuse a need of nothing, or of more than the shortage of its application (RULES 6).

    Raises Malformed or RuleBroken, naming the shortage of each indicator wanted too much of.
    """
    if not wanted:
        raise Malformed("no_quantities", "Name at least one indicator and its quantity.", field="quantities")
    for indicator, steps in wanted.items():
        if steps <= 0:
            raise Malformed("zero_quantity", "A quantity is above zero.", field=f"quantities.{indicator}")
    over = [indicator for indicator, steps in wanted.items() if steps > short.get(indicator, 0)]
    if over:
        told = "; ".join(
            f"{indicator}: {format_quantity(wanted[indicator], indicator)} {UNIT[indicator].name} wanted, "
            f"{format_quantity(short.get(indicator, 0), indicator)} {UNIT[indicator].name} short"
            for indicator in over
        )
        raise RuleBroken(
            "exceeds_shortage",
            "A need covers only what its application requires and the own reserve and other needs "
            f"do not ({told}).",
            field=f"quantities.{over[0]}",
            shortage={each.value: format_quantity(short.get(each, 0), each) for each in wanted},
            wanted={each.value: format_quantity(steps, each) for each, steps in wanted.items()},
        )


def refuse_reserved(needs: Sequence[str]) -> None:
    """Refuse to let needs lapse that a live registration reserves: the buyer's bids stand on them."""
    if needs:
        raise Conflict(
            "need_reserved",
            f"Needs {', '.join(needs)} of this application are reserved by a registration in a live "
            "auction; it can end or be written off when that auction has been opened or cancelled.",
            needs=list(needs),
        )
