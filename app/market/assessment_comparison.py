"""Two ways to the same year's figures, held against each other (RULES 12: recomputed from the books)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from app.market.assessments import Money
from app.market.indicators import Indicator
from app.market.units import format_money, format_quantity

FROM_LEDGER = (
    "opening",
    "supplemented",
    "voided",
    "bought",
    "sold",
    "bought_outside",
    "sold_outside",
    "written_off",
    "given_back",
    "written_off_at_due",
    "discharged",
    "closing",
)
"""The figures that come from the ledger: a year's stocks and movements."""


@dataclass(frozen=True, slots=True)
class Told:
    """A year's stocks, movements and money as one of the books tells them, which ``source`` names."""

    source: str
    steps: Mapping[tuple[str, Indicator], Mapping[str, int]]
    money: Mapping[str, Money]


def differing(one: Told, other: Told) -> list[str]:
    """Return a line for each figure that the two tell differently; what is missing is zero."""
    lines = []
    for code, indicator in sorted({*one.steps, *other.steps}):
        told = [each.steps.get((code, indicator), {}) for each in (one, other)]
        for name in FROM_LEDGER:
            first, second = (each.get(name, 0) for each in told)
            if first != second:
                lines.append(
                    f"{code} {indicator} {name}: {format_quantity(first, indicator)} by {one.source}, "
                    f"{format_quantity(second, indicator)} by {other.source}"
                )
    for code in sorted({*one.money, *other.money}):
        ours, theirs = one.money.get(code, Money()), other.money.get(code, Money())
        for each in fields(Money):
            first, second = getattr(ours, each.name), getattr(theirs, each.name)
            if first != second:
                lines.append(
                    f"{code} {each.name}: {format_money(first)} yuan by {one.source}, "
                    f"{format_money(second)} by {other.source}"
                )
    return lines
