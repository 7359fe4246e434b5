"""Needs (调剂需求): states and key-project levels (RULES 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.market.errors import Conflict, Malformed, RuleBroken
from app.market.indicators import UNIT, Indicator
from app.market.units import format_quantities, format_quantity


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
    """What stands behind needs, an open obligation or a filed application, in steps by indicator.

    ``subject`` is its public id; ``required`` what it must supply, ``coming`` what its live needs have
    still to bring, ``bought`` what its needs have brought already (and now lies in the reserve).
    """

    subject: str
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
    backings: Sequence[Backing], at_home: Mapping[Indicator, int], subject: str
) -> Mapping[Indicator, int]:
    """What a subject lacks that its own reserve can't cover, in steps: balance at home first ([N] 五).

    ``backings`` are those of one buyer: its open obligations, which are due already, then its filed
    applications, each in the order of age. What was bought for one is its own up to what it requires; the
    rest of what is ``at_home``, listed and unsold or not, covers them in that order, so that one hectare
    is never counted for two of them.
    """
    short = {}
    for indicator in Indicator:
        bought = sum(
            min(backing.bought.get(indicator, 0), backing.required.get(indicator, 0)) for backing in backings
        )
        home = max(0, at_home.get(indicator, 0) - bought)
        for backing in backings:
            lacking = backing.lacking(indicator)
            if backing.subject == subject:
                short[indicator] = max(0, lacking - home)
                break
            home = max(0, home - lacking)
    return short


def usable(
    backings: Sequence[Backing], available: Mapping[Indicator, int], subject: str
) -> Mapping[Indicator, int]:
    """What of a reserve's available stock may be written off for one subject, in steps (RULES 5, ADR 0006).

    ``backings`` are all of the reserve; the subject need not be one. What was bought for another of them
    stays that one's, up to what it requires. Where less than all that is left, because some was sold on,
    each still has what was bought for itself: they would else block one another.
    """
    free = {}
    for indicator in Indicator:
        stock = available.get(indicator, 0)
        bought = {
            each.subject: min(each.bought.get(indicator, 0), each.required.get(indicator, 0))
            for each in backings
        }
        own = bought.pop(subject, 0)
        free[indicator] = max(stock - sum(bought.values()), min(stock, own))
    return free


def check_declared(wanted: Mapping[Indicator, int], short: Mapping[Indicator, int]) -> None:
    """Refuse a need of nothing, or of more than the shortage of what backs it (RULES 6).

    Raises Malformed or RuleBroken, naming the shortage of each indicator wanted too much of.
    """
    refuse_beyond_shortage(
        wanted,
        short,
        done="wanted",
        rule="A need covers only what its application or obligation requires and the own reserve and other "
        "needs do not",
    )


def refuse_beyond_shortage(
    quantities: Mapping[Indicator, int], short: Mapping[Indicator, int], *, done: str, rule: str
) -> None:
    """Refuse quantities, in steps, of nothing or of more than is ``short``; ``done`` says what with them.

    Raises Malformed (``no_quantities``, ``zero_quantity``) or RuleBroken (``exceeds_shortage``).
    """
    if not quantities:
        raise Malformed("no_quantities", "Name at least one indicator and its quantity.", field="quantities")
    for indicator, steps in quantities.items():
        if steps <= 0:
            raise Malformed("zero_quantity", "A quantity is above zero.", field=f"quantities.{indicator}")
    over = [indicator for indicator, steps in quantities.items() if steps > short.get(indicator, 0)]
    if over:
        told = "; ".join(
            f"{each}: {format_quantity(quantities[each], each)} {UNIT[each].name} {done}, "
            f"{format_quantity(short.get(each, 0), each)} {UNIT[each].name} short"
            for each in over
        )
        facts = {
            "shortage": format_quantities(short, quantities),
            done: format_quantities(quantities, quantities),
        }
        raise RuleBroken("exceeds_shortage", f"{rule} ({told}).", field=f"quantities.{over[0]}", **facts)


def refuse_suspended_buyer(*, suspended: bool, buyer: str, field: str | None = None) -> None:
    """Refuse what a suspended jurisdiction does beyond its obligations (RULES 12); raises RuleBroken."""
    if suspended:
        raise RuleBroken(
            "suspended",
            f"Jurisdiction {buyer} is suspended (暂停受理): until that ends it declares needs, registers, "
            "bids and buys only for what it has to make good, so for a need that an open obligation backs.",
            field=field,
            jurisdiction=buyer,
        )


def refuse_reserved(subject: str, needs: Sequence[str]) -> None:
    """Refuse to let needs lapse that a live registration reserves: the buyer's bids stand on them."""
    if needs:
        raise Conflict(
            "need_reserved",
            f"Needs {', '.join(needs)} of {subject} are reserved by a registration in a live auction; it can "
            "end or be written off when that auction has been opened or cancelled.",
            needs=list(needs),
        )
