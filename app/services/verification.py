"""``gengheng verify``: the whole ledger replayed and held against the trade, on one snapshot."""

from collections.abc import Callable
from dataclasses import dataclass

from app.store import verification
from app.store.database import Connection


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many checks were made, and how many rows contradicted them."""

    checks: int
    faults: int


async def verify(connection: Connection, *, report: Callable[[str], None]) -> Verdict:
    """Make every check, reporting a line for each, with its figures, and below it a line for each fault."""
    faults = 0
    for check in verification.CHECKS:
        figures = await verification.figures(connection, check)
        found = verification.faults(connection, check)
        first = await anext(found, None)
        report(f"{'ok' if first is None else 'FAULT':6}{check.claim}: {figures}")
        if first is None:
            continue
        faults += 1
        report(f"      - {first}")
        async for fault in found:
            faults += 1
            report(f"      - {fault}")
    return Verdict(len(verification.CHECKS), faults)
