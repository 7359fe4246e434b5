"""Voiding a fraudulent project (作废): what is cancelled, what is owed, and what comes back (RULES 12)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.market.errors import RuleBroken, ensure
from app.market.indicators import Indicator
from app.market.inspections import InspectionState
from app.market.ledger import AccountKey, Bucket, Entry, move
from app.market.write_offs import Holding


class VoidingReason(StrEnum):
    """Why a project is void, for the public; the regulator's own words stay with the papers."""

    NO_SUCH_LAND = "no_such_land"  # 虚构新增耕地
    AREA_OVERSTATED = "area_overstated"  # 虚报面积
    QUALITY_OVERSTATED = "quality_overstated"  # 虚报质量等别或水田
    FALSE_PAPERS = "false_papers"  # 验收、报备材料造假
    OTHER_FRAUD = "other_fraud"  # 其他弄虚作假


@dataclass(frozen=True, slots=True)
class VoidedBatch:
    """What a voided project's batch comes to, in steps of its indicator."""

    batch_id: int
    indicator: Indicator
    issued: int
    cancelled: int

    @property
    def owed(self) -> int:
        """What was sold or used, and so is not there to be cancelled."""
        return self.issued - self.cancelled


CANCELLABLE = (Bucket.AVAILABLE, Bucket.EARMARKED)
"""Where the guilty county's stock stands once its listings are void."""


def refuse_unfounded(
    inspection: str, state: InspectionState, *, of_project: int | None, project_id: int
) -> None:
    """Refuse to void a project without an inspection of it that concluded fraud; raises RuleBroken."""
    if of_project != project_id or state is not InspectionState.FRAUD:
        raise RuleBroken(
            "no_fraud_concluded",
            f"A project is voided after an inspection of it that concluded fraud; {inspection} is not one.",
            field="inspection_id",
            state=state.value,
        )


def cancelled(
    batches: Iterable[tuple[int, Indicator, int]], holdings: Sequence[Holding]
) -> tuple[VoidedBatch, ...]:
    """What the guilty county's holdings leave of each (batch, indicator, issued steps): all is cancelled."""
    there: dict[int, int] = {}
    for holding in holdings:
        there[holding.batch_id] = there.get(holding.batch_id, 0) + holding.steps
    voided = tuple(
        VoidedBatch(batch_id, indicator, issued, there.pop(batch_id, 0))
        for batch_id, indicator, issued in batches
    )
    ensure(not there, f"holdings of batches {sorted(there)} that are not the project's")
    for batch in voided:
        ensure(0 <= batch.cancelled <= batch.issued, f"more is left of {batch} than was issued")
    return voided


def owed(voided: Iterable[VoidedBatch]) -> Mapping[Indicator, int]:
    """What the guilty county has to replace, by indicator; a project has at most one batch of each."""
    return {batch.indicator: batch.owed for batch in voided}


def entries(county: str, holdings: Iterable[Holding]) -> list[Entry]:
    """The entries that cancel what the guilty county holds, each from its bucket, keeping the batch."""
    return [
        entry
        for each in holdings
        if each.steps
        for entry in move(
            AccountKey(county, each.indicator, each.batch_id, each.bucket),
            AccountKey(county, each.indicator, each.batch_id, Bucket.CONSUMED),
            each.steps,
        )
    ]


def cancelled_on_return(steps: int, still_owed: int) -> int:
    """How much of what comes back to the guilty county is cancelled: as much as it still owes.

    What is owed no longer was replaced by good stock, and so what comes back for it is good (ADR 0016).
    """
    ensure(steps > 0 and still_owed >= 0, f"{steps} come back against {still_owed} owed")
    return min(steps, still_owed)
