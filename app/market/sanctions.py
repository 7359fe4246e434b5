"""Sanctions on a jurisdiction, and what a rectification asks of it (RULES 12)."""

from enum import StrEnum

from app.market.errors import Conflict, RuleBroken


class SanctionKind(StrEnum):
    """What the regulator can decide."""

    RECTIFY = "rectify"  # 限期整改
    CIRCULATE = "circulate"  # 通报批评
    SUSPEND = "suspend"  # 暂停受理


def refuse_no_rectification(sanction: str, kind: SanctionKind) -> None:
    """Refuse a report, or its rejection, on a sanction that asks for none; raises RuleBroken."""
    if kind is not SanctionKind.RECTIFY:
        raise RuleBroken(
            "nothing_to_rectify",
            f"Sanction {sanction} is of the kind {kind}: only a rectification (限期整改) is reported on.",
            kind=kind.value,
        )


def refuse_waiting_report(sanction: str, *, waits: bool) -> None:
    """Refuse a second report while one waits to be verified; raises Conflict."""
    if waits:
        raise Conflict(
            "report_waiting",
            f"A report on sanction {sanction} waits to be verified; another can follow if it is rejected.",
        )


def refuse_unreported(sanction: str, *, waits: bool) -> None:
    """Refuse to reject where no report waits; raises Conflict."""
    if not waits:
        raise Conflict("no_report", f"No report on sanction {sanction} waits to be verified.")
