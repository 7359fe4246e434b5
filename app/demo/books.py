"""The books, as the demonstration prints them before and after: reserves by indicator, money by account."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from app.demo.stage import Actor, say

INDICATORS = {"linkage_quota": "挂钩节余指标 hm²", "farmland_quantity": "耕地数量 hm²"}


class Books:
    """What the named jurisdictions hold at one moment."""

    def __init__(self, auditor: Actor, names: Mapping[str, str]) -> None:
        """Read every reserve and account of ``names`` (code → name) over HTTP."""
        self.names = names
        self.reserves = {code: _balances(auditor.get(f"/v1/reserves/{code}")) for code in names}
        self.money = {code: auditor.get(f"/v1/accounts/{code}") for code in names}

    def total(self, indicator: str) -> Decimal:
        """Everything of an indicator in all these reserves, listed or free."""
        return sum((Decimal(held[indicator]["total"]) for held in self.reserves.values()), Decimal())

    def money_total(self) -> Decimal:
        """All money in these accounts, in yuan."""
        parts = ("available", "locked", "escrow")
        return sum((Decimal(account[part]) for account in self.money.values() for part in parts), Decimal())

    def show(self) -> None:
        """Print one line a jurisdiction: free and locked of each indicator, and its money in 万元."""
        heads = [f"{title}: free/locked" for title in INDICATORS.values()]
        say(f"    {'':<10} {heads[0]:>34} {heads[1]:>34} {'资金 万元: free/held':>32}")
        for code, name in self.names.items():
            held = self.reserves[code]
            cells = [f"{held[kind]['available']} / {held[kind]['locked']}" for kind in INDICATORS]
            money = self.money[code]
            # The held part is bid deposits and payments waiting for their settlement.
            waiting = Decimal(money["locked_wan_yuan"]) + Decimal(money["escrow_wan_yuan"])
            cash = f"{Decimal(money['available_wan_yuan']):,.2f} / {waiting:,.2f}"
            say(f"    {code} {_padded(name, 14)} {cells[0]:>28} {cells[1]:>30} {cash:>34}")
        totals = ", ".join(f"{title} {self.total(kind):,.4f}" for kind, title in INDICATORS.items())
        say(f"    all reserves together: {totals}; all money: {self.money_total() / 10_000:,.2f} 万元")


def _balances(reserve: Any) -> dict[str, dict[str, str]]:
    return {balance["indicator"]: balance for balance in reserve["balances"]}


def _padded(name: str, width: int) -> str:
    # A Chinese character is as wide as two letters in a terminal.
    return name + " " * max(0, width - 2 * len(name))


def unchanged(before: Books, after: Books, indicators: Sequence[str]) -> bool:
    """Whether the trades between two moments left every indicator's total as it was."""
    return all(before.total(kind) == after.total(kind) for kind in indicators)
