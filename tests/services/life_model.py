"""The model's life of an indicator beyond the market: written off by applications, and given back."""

from datetime import date, datetime

from tests.services.entities import Commitment, Obligation, Trade
from tests.services.model import MONEY
from tests.services.purchase_model import PurchaseModel

Taken = dict[int, int]
"""Steps by batch."""

COUNTED = ("ACTIVE", "DUE", "FULFILLED", "DEFAULTED", "MADE_GOOD")
LAPSING = ("DRAFT", "FILED", *COUNTED)


class LifeModel(PurchaseModel):
    """The exchange with what leaves it for good."""

    def __init__(self, poverty: set[str]) -> None:
        super().__init__(poverty)
        self.written_off: dict[str, tuple[str, Taken]] = {}
        """Write-offs that stand: by reference, the reserve and what was taken of which batch."""
        self.projects: dict[int, tuple[str, str]] = {}
        """County and state."""
        self.commitments: dict[int, Commitment] = {}
        self.obligations: dict[int, Obligation] = {}
        self.filings = 0
        self.origins: dict[int, str] = {}
        """The county that each batch comes from."""
        self.voided: dict[int, int | None] = {}
        """Batches of fraudulent projects, with the obligation to replace what was sold or used of them."""
        self.cancelled_of: dict[tuple[tuple[str, int], str], int] = {}
        """What of purchases for something was cancelled as it came, by what it was for and indicator."""

    def backings(self, who: str) -> dict[tuple[str, int], dict[str, int]]:
        """Open obligations, which are due already, then applications, less what is promised for them."""
        owed = {
            ("O", number): each.owed
            for number, each in sorted(self.obligations.items())
            if each.jurisdiction == who and each.state == "OPEN"
        }
        filed = {backing: self.to_supply(backing[1]) for backing in super().backings(who)}
        return owed | filed

    def to_supply(self, number: int) -> dict[str, int]:
        """What an application requires less what its counted commitments promise."""
        required = dict(self.applications[number].required)
        for each in self.commitments.values():
            if each.application == number and each.state in COUNTED:
                for indicator, promised in each.promised.items():
                    required[indicator] = max(0, required[indicator] - promised)
        return required

    def against_backing(self, who: str, backing: tuple[str, int]) -> set[str]:
        """Why something does not back a need of a buyer's."""
        if backing[0] == "F":
            return super().against_backing(who, backing)
        return {"obligation_ended"} if self.obligations[backing[1]].jurisdiction == who else {"not_found"}

    # --- write-offs of applications

    def usable(self, who: str, backing: tuple[str, int] | None, indicator: str) -> int:
        """What may be written off for something: not what was bought for something else that waits."""
        available = self.available(who, indicator)
        kept = {
            each: min(self.bought(each, indicator), required.get(indicator, 0))
            for each, required in self.backings(who).items()
        }
        own = kept.pop(backing, 0) if backing else 0
        return max(available - sum(kept.values()), min(available, own))

    def against_write_off(self, number: int, who: str) -> set[str]:
        """Writing off an application."""
        application = self.applications[number]
        if application.applicant != who:
            return {"not_found"}
        found = set() if application.state == "FILED" else {"wrong_state"}
        if any(item.reserved for need in self._live_needs(number) for item in need.items.values()):
            found.add("need_reserved")
        if application.state == "FILED" and self._short_of(who, ("F", number), self.to_supply(number)):
            found.add("insufficient")
        return found

    def _short_of(self, who: str, backing: tuple[str, int], required: dict[str, int]) -> bool:
        return any(much > self.usable(who, backing, indicator) for indicator, much in required.items())

    def write_off(self, number: int) -> None:
        """Take what is required of the oldest batches; live needs lapse."""
        application = self.applications[number]
        taken: Taken = {}
        for indicator, required in self.to_supply(number).items():
            self._take(application.applicant, indicator, required, taken)
        self._write_off(f"F{number:010d}", application.applicant, taken)
        for need in self._live_needs(number):
            need.state = "LAPSED"
        application.state = "WRITTEN_OFF"

    def _take(self, who: str, indicator: str, wanted: int, taken: Taken) -> int:
        """Consume up to what is wanted of what is available, oldest batches first; what is missing."""
        for batch in self.holdings(who):
            part = min(wanted, self.has(who, (indicator, batch)))
            if part > 0:
                self.move((who, "available"), (who, "consumed"), (indicator, batch), part)
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
        for batch, part in taken.items():
            self.came_back(reserve, batch, part)

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
        for id_, each in self.commitments.items():
            if each.application == number and each.state in LAPSING:
                self._lapse(id_, each)
        super().end_application(number, state)

    def _lapse(self, number: int, commitment: Commitment) -> None:
        for id_, owed in self.obligations.items():
            if owed.source == f"K{number:010d}" and owed.state != "CANCELLED":
                self.give_back(f"O{id_:010d}")
                owed.state = "CANCELLED"
        self.give_back(f"K{number:010d}")
        self._release(commitment)
        commitment.state = "LAPSED"

    def _release(self, commitment: Commitment) -> None:
        who = commitment.applicant
        for batch, part in commitment.earmarks.items():
            self.move((who, "earmarked"), (who, "available"), (self.batches[batch], batch), part)
            self.came_back(who, batch, part)
        commitment.earmarks = {}

    # --- commitments

    def against_promise(self, promise: Commitment, today: date) -> set[str]:
        """Drafting, filing and activating: the same must hold at each."""
        who, behind = promise.applicant, self.applications[promise.application]
        if behind.applicant != who:
            return {"not_found"}
        if behind.state != "FILED":
            return {"application_ended"}
        county, state = self.projects[promise.project]
        found = set() if county == who else {"project_of_another_county"}
        if state != "FILED":
            found.add("project_not_awaited")
        if promise.due_on <= today:
            found.add("due_too_early")
        short = self.shortage(who, ("F", promise.application))
        if any(much > short[indicator] for indicator, much in promise.promised.items()):
            found.add("exceeds_shortage")
        if min(promise.promised.values()) <= 0:
            found.add("zero_quantity")
        return found

    def against_step_of(self, number: int, state: str, today: date) -> set[str]:
        """Filing a draft, or activating a filed commitment."""
        each = self.commitments[number]
        found = set() if each.state == state else {"wrong_state"}
        return found | self.against_promise(each, today)

    def accepted(self, project: int, earned: dict[int, tuple[str, int]]) -> None:
        """Credit a project: to its active commitments first, in the order of their filing."""
        county, _ = self.projects[project]
        self.projects[project] = (county, "ACCEPTED")
        self.credit(county, earned)
        claims = [
            each
            for each in sorted(self.commitments.values(), key=lambda one: one.place)
            if each.project == project and each.state == "ACTIVE"
        ]
        for batch, (indicator, _) in earned.items():
            for each in claims:
                left = self.has(county, (indicator, batch))
                part = min(left, each.promised.get(indicator, 0))
                if part:
                    each.earmarks[batch] = part
                    self.move((county, "available"), (county, "earmarked"), (indicator, batch), part)

    def falls_due(self, number: int) -> dict[str, int]:
        """Write off what was promised; what is missing."""
        each = self.commitments[number]
        who, taken, missing = each.applicant, {}, {}
        for batch, part in each.earmarks.items():
            self.move((who, "earmarked"), (who, "consumed"), (self.batches[batch], batch), part)
            taken[batch] = part
        for indicator, promised in each.promised.items():
            kept = sum(part for batch, part in each.earmarks.items() if self.batches[batch] == indicator)
            rest = promised - kept
            free = min(rest, self.usable(who, None, indicator))
            missing[indicator] = rest - free + self._take(who, indicator, free, taken)
        each.earmarks = {}
        self._write_off(f"K{number:010d}", who, taken)
        each.state = "DEFAULTED" if any(missing.values()) else "FULFILLED"
        return missing

    # --- obligations

    def against_discharge(self, number: int, who: str) -> set[str]:
        """Making good what is owed."""
        each = self.obligations[number]
        if each.jurisdiction != who:
            return {"not_found"}
        if each.state != "OPEN":
            return {"wrong_state"}
        found = {"insufficient"} if self._short_of(who, ("O", number), each.owed) else set()
        live = (need for need in self.needs.values() if need.backing == ("O", number))
        if any(item.reserved for need in live for item in need.items.values()):
            found.add("need_reserved")
        return found

    def discharge(self, number: int) -> None:
        """Write off all that is owed; a commitment's deficit is made good."""
        each = self.obligations[number]
        taken: Taken = {}
        for indicator, owed in each.owed.items():
            self._take(each.jurisdiction, indicator, owed, taken)
        self._write_off(f"O{number:010d}", each.jurisdiction, taken)
        each.state = "DISCHARGED"
        for need in self.needs.values():
            if need.backing == ("O", number) and need.state in ("DECLARED", "APPROVED"):
                need.state = "LAPSED"
        if each.source.startswith("K"):
            self.commitments[int(each.source[1:])].state = "MADE_GOOD"

    # --- objections

    def against_objection(self, trade: Trade, now: datetime) -> set[str]:
        """Objecting to a trade: while its public notice lasts, or its clock stands."""
        assert trade.notice_ends_at is not None
        lasts = trade.state == "AWARDED" and (trade.stopped or now < trade.notice_ends_at)
        return set() if lasts else {"notice_over"}

    def uphold(self, number: int, trade: Trade) -> None:
        """Void a trade whose objection is upheld: everything goes back."""
        trade.objections[number] = "UPHELD"
        self.move((trade.buyer, "locked"), (trade.buyer, "available"), MONEY, trade.deposit)
        for line in trade.active:
            self._charge(trade, line, -1)
            line.state = "VOIDED"
        trade.state, trade.deposit = "VOIDED", 0
        self._lapse_objections()

    def end_listing(self, number: int, state: str) -> None:
        """End a listing; objections to trades that are void by it lapse."""
        super().end_listing(number, state)
        self._lapse_objections()

    def _lapse_objections(self) -> None:
        for trade in self.trades.values():
            if trade.state == "VOIDED":
                lapsed = {number: "LAPSED" for number, each in trade.objections.items() if each == "OPEN"}
                trade.objections |= lapsed

    # --- fraud

    def credit(self, county: str, earned: dict[int, tuple[str, int]]) -> None:
        """Enter batches, with their origin."""
        self.origins |= dict.fromkeys(earned, county)
        super().credit(county, earned)

    def void_project(self, county: str, batches: dict[int, int]) -> dict[str, int]:
        """Void batches, given with what was issued of each; what is owed for them, by indicator."""
        for number, listing in self.listings.items():
            if listing.county == county and listing.batch in batches and listing.live:
                self.end_listing(number, "VOIDED")
        owed = {}
        for batch, issued in batches.items():
            what, there = (self.batches[batch], batch), 0
            for bucket in ("available", "earmarked"):
                part = self.has(county, what, bucket)
                self.move((county, bucket), (county, "consumed"), what, part)
                there += part
            owed[self.batches[batch]] = issued - there
        for each in self.commitments.values():
            if each.applicant == county:
                each.earmarks = {batch: part for batch, part in each.earmarks.items() if batch not in batches}
        self.voided |= dict.fromkeys(batches)
        return {indicator: much for indicator, much in owed.items() if much}

    def came_back(self, who: str, batch: int, part: int) -> int:
        """Cancel what comes back to a guilty county of its own fraud, as far as it still owes for it."""
        number = self.voided.get(batch)
        if number is None or self.origins[batch] != who or self.obligations[number].state != "OPEN":
            return 0
        obligation, indicator = self.obligations[number], self.batches[batch]
        gone = min(part, obligation.owed.get(indicator, 0))
        if gone:
            self.move((who, "available"), (who, "consumed"), (indicator, batch), gone)
            obligation.owed[indicator] -= gone
        if not any(obligation.owed.values()):
            obligation.state = "CANCELLED"
            for need in self.needs.values():
                if need.backing == ("O", number) and need.state in ("DECLARED", "APPROVED"):
                    need.state = "LAPSED"
        return gone

    def settle(self, trade: Trade) -> None:
        """Settle; what a guilty county buys back of its own fraud is cancelled."""
        super().settle(trade)
        for line in trade.active:
            gone = self.came_back(trade.buyer, self.listings[line.listing].batch, line.quantity)
            if gone:
                key = (self.needs[trade.need].backing, line.indicator)
                self.cancelled_of[key] = self.cancelled_of.get(key, 0) + gone

    def bought(self, backing: tuple[str, int], indicator: str) -> int:
        """What needs have brought for something, and is there."""
        return super().bought(backing, indicator) - self.cancelled_of.get((backing, indicator), 0)

    def picture(self) -> dict[str, dict[object, object]]:
        """What ``observed.picture`` reads."""
        return super().picture() | {
            "write_offs": {reference: reserve for reference, (reserve, _) in self.written_off.items()},
            "commitments": {
                number: (each.applicant, each.application, each.project, each.state)
                for number, each in self.commitments.items()
            },
            "objections": {
                id_: (number, state)
                for number, trade in self.trades.items()
                for id_, state in trade.objections.items()
            },
            "earmarks": {
                (number, batch): part
                for number, each in self.commitments.items()
                for batch, part in each.earmarks.items()
            },
            "obligations": {
                number: (each.jurisdiction, each.kind, each.source, each.state)
                for number, each in self.obligations.items()
            },
        }
