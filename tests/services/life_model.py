"""The model's life of an indicator beyond the market: written off by applications, and given back."""

from collections import defaultdict

from tests.services.entities import STEPS_PER_UNIT
from tests.services.purchase_model import PurchaseModel

Taken = dict[int, int]
"""Steps by batch."""


class LifeModel(PurchaseModel):
    """The exchange with what leaves it for good."""

    def __init__(self, poverty: set[str]) -> None:
        super().__init__(poverty)
        self.written_off: dict[str, tuple[str, Taken]] = {}
        """Write-offs that stand: by reference, the reserve and what was taken of which batch."""

    # --- write-offs of applications

    def usable(self, number: int, indicator: str) -> int:
        """What an application may write off: not what was bought for another one that is filed."""
        applicant = self.applications[number].applicant
        available = sum(
            balance
            for (who, asset, _, bucket), balance in self.balances.items()
            if (who, asset, bucket) == (applicant, indicator, "available")
        )
        bought: defaultdict[int, int] = defaultdict(int)
        for need in self.needs.values():
            behind = self.applications[need.application]
            if behind.applicant == applicant and behind.state == "FILED" and indicator in need.items:
                bought[need.application] += need.items[indicator].settled
        own = bought.pop(number, 0)
        return max(available - sum(bought.values()), min(available, own))

    def against_write_off(self, number: int, who: str) -> set[str]:
        """Writing off an application."""
        application = self.applications[number]
        if application.applicant != who:
            return {"not_found"}
        found = set() if application.state == "FILED" else {"wrong_state"}
        if any(item.reserved for need in self._live_needs(number) for item in need.items.values()):
            found.add("need_reserved")
        if any(
            application.required.get(indicator, 0) > self.usable(number, indicator)
            for indicator in STEPS_PER_UNIT
        ):
            found.add("insufficient")
        return found

    def write_off(self, number: int) -> None:
        """Take what is required of the oldest batches; live needs lapse."""
        application = self.applications[number]
        taken: Taken = {}
        for indicator, required in application.required.items():
            self._take(application.applicant, indicator, required, "available", taken)
        self._write_off(f"F{number:010d}", application.applicant, taken)
        for need in self._live_needs(number):
            need.state = "LAPSED"
        application.state = "WRITTEN_OFF"

    def _take(self, who: str, indicator: str, wanted: int, bucket: str, taken: Taken) -> int:
        """Consume up to what is wanted, oldest batches first; what is missing."""
        for batch in self.holdings(who):
            part = min(wanted, self.has(who, (indicator, batch), bucket))
            if part > 0:
                self.move((who, bucket), (who, "consumed"), (indicator, batch), part)
                taken[batch] = taken.get(batch, 0) + part
                wanted -= part
        return wanted

    def _write_off(self, reference: str, reserve: str, taken: Taken) -> None:
        if taken:
            self.written_off[reference] = (reserve, taken)

    def give_back(self, reference: str) -> None:
        """Reverse a write-off, batch by batch."""
        reserve, taken = self.written_off.pop(reference, ("", {}))
        for batch, part in taken.items():
            self.move((reserve, "consumed"), (reserve, "available"), (self.batches[batch], batch), part)

    def against_approval(self, number: int) -> set[str]:
        """Approving an application."""
        return set() if self.applications[number].state == "WRITTEN_OFF" else {"wrong_state"}

    def against_end_of_application(self, number: int, who: str | None) -> set[str]:
        """As before a write-off; one that is written off may still be refused or withdrawn."""
        found = super().against_end_of_application(number, who)
        if self.applications[number].state == "WRITTEN_OFF":
            found.discard("wrong_state")
        return found

    def end_application(self, number: int, state: str) -> None:
        """End an application; what it wrote off is given back."""
        self.give_back(f"F{number:010d}")
        super().end_application(number, state)

    def picture(self) -> dict[str, dict[object, object]]:
        """What ``observed.picture`` reads."""
        return super().picture() | {
            "write_offs": {reference: reserve for reference, (reserve, _) in self.written_off.items()}
        }
