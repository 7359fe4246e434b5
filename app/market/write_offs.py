"""Write-off (核销): what leaves a reserve for good, oldest batches first (RULES 5, [N] 四).

Applications, commitments at their due date and obligations all write off by this one rule.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.market.errors import Insufficient
from app.market.indicators import UNIT, Indicator
from app.market.ledger import AccountKey, Bucket, Entry, move
from app.market.units import format_quantities, format_quantity


@dataclass(frozen=True, slots=True)
class Holding:
    """What a reserve has of one batch in one bucket, in steps of the batch's indicator."""

    indicator: Indicator
    batch_id: int
    bucket: Bucket
    steps: int


@dataclass(frozen=True, slots=True)
class Draws:
    """What is taken of which batches, and what is ``missing`` of each indicator (above zero only)."""

    taken: tuple[Holding, ...]
    missing: Mapping[Indicator, int]

    @property
    def steps(self) -> Mapping[Indicator, int]:
        """What is taken of each indicator, in steps."""
        sums: dict[Indicator, int] = {}
        for draw in self.taken:
            sums[draw.indicator] = sums.get(draw.indicator, 0) + draw.steps
        return sums


def draw(holdings: Iterable[Holding], required: Mapping[Indicator, int]) -> Draws:
    """Take what is required from the holdings in the order given; each indicator by itself.

    No indicator substitutes for another ([N] 三). The caller decides whether something missing refuses
    the whole (an application) or is recorded (a commitment at its due date).
    """
    left = {indicator: steps for indicator, steps in required.items() if steps > 0}
    taken = []
    for holding in holdings:
        steps = min(holding.steps, left.get(holding.indicator, 0))
        if steps > 0:
            taken.append(Holding(holding.indicator, holding.batch_id, holding.bucket, steps))
            left[holding.indicator] -= steps
    return Draws(tuple(taken), {indicator: steps for indicator, steps in left.items() if steps > 0})


@dataclass(frozen=True, slots=True)
class SetAside:
    """What a reserve has and yet can't be written off now, in steps by indicator."""

    listed: Mapping[Indicator, int]  # on offer and unsold: free again once withdrawn
    kept_for_others: Mapping[Indicator, int]  # bought for other filed applications (ADR 0006)


NOTHING_ASIDE = SetAside({}, {})


def refuse_short(
    reserve: str, required: Mapping[Indicator, int], draws: Draws, aside: SetAside = NOTHING_ASIDE
) -> None:
    """Refuse a write-off that its reserve can't cover whole; raises Insufficient with the shortage.

    What is set ``aside`` of an indicator that is short is named too, so that the officer knows what to do.
    """
    if not draws.missing:
        return
    asked = [each for each in Indicator if required.get(each, 0) > 0]
    shortage = {each: draws.missing.get(each, 0) for each in asked}
    kept, listed = aside.kept_for_others, aside.listed
    told = [f"The reserve of {reserve} can't cover it whole, and indicators are written off together or not"]
    told.append(
        f" at all: {_amounts(shortage, 'lacks')}. What is listed, or promised elsewhere, does not count."
    )
    if found := _amounts(_of_short(listed, draws), "has listed"):
        told.append(f" A listing that is withdrawn is free again ({found}).")
    if found := _amounts(_of_short(kept, draws), "keeps"):
        told.append(f" What was bought for other filed applications covers only those ({found}).")
    raise Insufficient(
        "".join(told),
        jurisdiction=reserve,
        shortage=format_quantities(shortage, asked),
        required=format_quantities(required, asked),
        listed=format_quantities(listed, asked),
        kept_for_others=format_quantities(kept, asked),
    )


def _of_short(steps: Mapping[Indicator, int], draws: Draws) -> Mapping[Indicator, int]:
    return {each: steps.get(each, 0) for each in Indicator if each in draws.missing}


def _amounts(steps: Mapping[Indicator, int], verb: str) -> str:
    return "; ".join(
        f"{each} {verb} {format_quantity(count, each)} {UNIT[each].name}"
        for each, count in steps.items()
        if count
    )


def consumed(reserve: str, taken: Sequence[Holding]) -> list[Entry]:
    """The entries that write off what is taken, each from its bucket, keeping the batch."""
    return [
        entry
        for each in taken
        for entry in move(
            AccountKey(reserve, each.indicator, each.batch_id, each.bucket),
            AccountKey(reserve, each.indicator, each.batch_id, Bucket.CONSUMED),
            each.steps,
        )
    ]


def given_back(reserve: str, taken: Sequence[Holding]) -> list[Entry]:
    """The entries that reverse a write-off (解挂): what was taken is available again, batch by batch."""
    return [
        entry
        for each in taken
        for entry in move(
            AccountKey(reserve, each.indicator, each.batch_id, Bucket.CONSUMED),
            AccountKey(reserve, each.indicator, each.batch_id, Bucket.AVAILABLE),
            each.steps,
        )
    ]
