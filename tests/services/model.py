"""The exchange in plain dictionaries: the rules told a second time, for the services to be held against.

Nothing here is shared with the code under test. Quantities are ints of the smallest step, money fen.
``against_…`` gives the codes of everything that speaks against a request (none: it must be done); the
other methods do what was asked. What an auction's clearing decides is taken from its published outcome.
"""

from collections import defaultdict
from datetime import datetime
from fractions import Fraction
from typing import Any

from tests.services.entities import (
    LINKAGE,
    STEPS_PER_UNIT,
    UNSETTLED,
    Application,
    Auction,
    Band,
    Bid,
    Line,
    Listing,
    Need,
    Registration,
    Trade,
)

MONEY = ("CNY", 0)
DEPOSIT_RATE = Fraction(1, 10)

Account = tuple[str, str, int, str]
"""(jurisdiction, asset, batch or 0, bucket)."""


def half_up(value: Fraction) -> int:
    """Round half up."""
    return int(value + Fraction(1, 2))


def worth(price_fen: int, quantity: int, indicator: str) -> int:
    """Price × quantity, rounded half up once."""
    return half_up(Fraction(price_fen * quantity, STEPS_PER_UNIT[indicator]))


def split(total: int, weights: list[int]) -> list[int]:
    """Split by largest remainders, the earlier first among equals; zero weights count as equal."""
    if not any(weights):
        weights = [1] * len(weights)
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [int(share) for share in exact]
    order = sorted(range(len(parts)), key=lambda at: (parts[at] - exact[at], at))
    for at in order[: total - sum(parts)]:
        parts[at] += 1
    return parts


class Model:
    """All of the exchange."""

    def __init__(self, poverty: set[str]) -> None:
        self.poverty = poverty
        self.balances: defaultdict[Account, int] = defaultdict(int)
        self.batches: dict[int, str] = {}
        self.bands: dict[str, Band] = {}
        self.references: set[tuple[bool, str]] = set()
        self.listings: dict[int, Listing] = {}
        self.applications: dict[int, Application] = {}
        self.needs: dict[int, Need] = {}
        self.auctions: dict[int, Auction] = {}
        self.trades: dict[int, Trade] = {}
        self.approvals = 0
        self.awards = 0

    def move(
        self, source: tuple[str, str], target: tuple[str, str], what: tuple[str, int], much: int
    ) -> None:
        """Carry so much of an asset and batch from (jurisdiction, bucket) to another."""
        asset, batch = what
        self.balances[source[0], asset, batch, source[1]] -= much
        self.balances[target[0], asset, batch, target[1]] += much

    def has(self, jurisdiction: str, what: tuple[str, int], bucket: str = "available") -> int:
        """A balance."""
        return self.balances.get((jurisdiction, *what, bucket), 0)

    def holdings(self, jurisdiction: str) -> list[int]:
        """The batches of which a jurisdiction ever had any, by number."""
        return sorted({batch for who, _, batch, _ in self.balances if who == jurisdiction and batch})

    # --- reserves and money

    def credit(self, county: str, earned: dict[int, tuple[str, int]]) -> None:
        """Enter batches (number to indicator and quantity) into a county's reserve."""
        for batch, (indicator, quantity) in earned.items():
            self.batches[batch] = indicator
            self.move((county, "issued"), (county, "available"), (indicator, batch), quantity)

    def against_cash(self, who: str, amount: int, reference: str, *, out: bool) -> set[str]:
        """Deposits and withdrawals."""
        found = {"reference_used"} if (out, reference) in self.references else set()
        if amount <= 0:
            found.add("bad_quantity")
        if out and amount > self.has(who, MONEY):
            found.add("insufficient")
        return found

    def cash(self, who: str, amount: int, reference: str, *, out: bool) -> None:
        """Record a movement from or to the bank."""
        self.references.add((out, reference))
        source, target = ("available", "bank") if out else ("bank", "available")
        self.move((who, source), (who, target), MONEY, amount)

    # --- listings

    def against_listing(self, county: str, batch: int, quantity: int, ask: int | None) -> set[str]:
        """Listing part of a batch."""
        if batch not in self.holdings(county):
            return {"not_found"}
        indicator = self.batches[batch]
        band = self.bands[indicator]
        found = set()
        if quantity <= 0:
            found.add("zero_quantity")
        if quantity > self.has(county, (indicator, batch)):
            found.add("insufficient")
        if indicator == LINKAGE and county not in self.poverty:
            found.add("not_province_wide")
        if ask is not None and not band.floor <= ask <= band.ceiling:
            found.add("ask_outside_band")
        return found

    def list_batch(
        self, number: int, county: str, batch: int, quantity: int, ask: int | None, *, key: bool
    ) -> None:
        """Offer and lock."""
        indicator = self.batches[batch]
        self.listings[number] = Listing(county, batch, indicator, quantity, ask, key, county in self.poverty)
        self.move((county, "available"), (county, "locked"), (indicator, batch), quantity)

    def against_ending(self, listing: Listing, who: str | None) -> set[str]:
        """Withdrawing by somebody, or (None) voiding by the regulator."""
        found = set()
        if who is not None:
            if who != listing.county:
                found.add("not_found")
            if listing.state != "LISTED":
                found.add("wrong_state")
            if listing.awarded > listing.settled:
                found.add("lines_unsettled")
        elif not listing.live:
            found.add("wrong_state")
        return found

    def end_listing(self, number: int, state: str) -> None:
        """Withdraw or void: what is unsold is available again, and waiting lines drop out."""
        listing = self.listings[number]
        for trade in self.trades.values():
            if trade.state in UNSETTLED:
                self._drop_lines(trade, number)
        unsold = listing.quantity - listing.settled
        what = (listing.indicator, listing.batch)
        self.move((listing.county, "locked"), (listing.county, "available"), what, unsold)
        listing.state, listing.auction = state, None

    def _drop_lines(self, trade: Trade, number: int) -> None:
        lines = trade.active
        gone = [at for at, line in enumerate(lines) if line.listing == number]
        if not gone:
            return
        deposits = split(trade.deposit, [line.amount for line in lines])
        freed = sum(deposits[at] for at in gone)
        paid = sum(lines[at].amount for at in gone)
        if trade.state == "PAID":
            self.move((trade.buyer, "escrow"), (trade.buyer, "available"), MONEY, paid)
        else:
            self.move((trade.buyer, "locked"), (trade.buyer, "available"), MONEY, freed)
        trade.deposit -= freed
        for at in gone:
            lines[at].state = "VOIDED"
            self._charge(trade, lines[at], -1)
        if not trade.active:
            trade.state = "VOIDED"

    def _charge(self, trade: Trade, line: Line, sign: int) -> None:
        self.listings[line.listing].awarded += sign * line.quantity
        self.needs[trade.need].items[line.indicator].awarded += sign * line.quantity

    def sells(self, who: str, indicator: str) -> bool:
        """Whether it has any of the indicator on offer that nobody was awarded."""
        return any(
            each.county == who and each.indicator == indicator and each.live and each.awarded < each.quantity
            for each in self.listings.values()
        )

    # --- applications and needs

    def backings(self, who: str) -> dict[tuple[str, int], dict[str, int]]:
        """What of a buyer's can back needs, with what it requires, in the order the reserve covers it."""
        return {
            ("F", number): each.required
            for number, each in sorted(self.applications.items())
            if each.applicant == who and each.state == "FILED"
        }

    def bought(self, backing: tuple[str, int], indicator: str) -> int:
        """What needs have brought for something."""
        return sum(
            need.items[indicator].settled
            for need in self.needs.values()
            if need.backing == backing and indicator in need.items
        )

    def available(self, who: str, indicator: str) -> int:
        """What a reserve has free of an indicator."""
        return sum(
            balance
            for (owner, asset, _, bucket), balance in self.balances.items()
            if (owner, asset, bucket) == (who, indicator, "available")
        )

    def shortage(self, who: str, backing: tuple[str, int]) -> dict[str, int]:
        """What something of a buyer's lacks that neither its needs nor the reserve at home cover."""
        short, backings = {}, self.backings(who)
        for indicator in STEPS_PER_UNIT:
            bought = sum(
                min(self.bought(each, indicator), required.get(indicator, 0))
                for each, required in backings.items()
            )
            unsold = sum(
                each.quantity - each.awarded
                for each in self.listings.values()
                if each.county == who and each.indicator == indicator and each.live
            )
            home = max(0, self.available(who, indicator) + unsold - bought)
            for each, required in backings.items():
                lacking = self._lacking(each, required, indicator)
                if each == backing:
                    short[indicator] = max(0, lacking - home)
                    break
                home = max(0, home - lacking)
        return short

    def _lacking(self, backing: tuple[str, int], required: dict[str, int], indicator: str) -> int:
        lacking = required.get(indicator, 0) - self.bought(backing, indicator)
        for need in self.needs.values():
            item = need.items.get(indicator)
            if need.backing == backing and item is not None and need.state in ("DECLARED", "APPROVED"):
                lacking -= item.quantity - item.settled
        return max(0, lacking)

    def against_need(self, who: str, backing: tuple[str, int], wanted: dict[str, int]) -> set[str]:
        """Declaring a need."""
        if backing not in self.backings(who):
            return self.against_backing(who, backing)
        found = {"zero_quantity"} if min(wanted.values()) <= 0 else set()
        short = self.shortage(who, backing)
        if any(quantity > short[indicator] for indicator, quantity in wanted.items()):
            found.add("exceeds_shortage")
        return found

    def against_backing(self, who: str, backing: tuple[str, int]) -> set[str]:
        """Why something does not back a need of a buyer's."""
        mine = self.applications[backing[1]].applicant == who
        return {"application_ended"} if mine else {"not_found"}

    def approve(self, number: int, key_level: str | None) -> None:
        """Approve a need."""
        self.approvals += 1
        need = self.needs[number]
        need.state, need.key_level, need.place = "APPROVED", key_level, self.approvals

    def against_end_of_application(self, number: int, who: str | None) -> set[str]:
        """Withdrawing by somebody, or (None) refusing by the regulator."""
        application = self.applications[number]
        found = set()
        if who is not None and who != application.applicant:
            found.add("not_found")
        if application.state != "FILED":
            found.add("wrong_state")
        if any(item.reserved for need in self._live_needs(number) for item in need.items.values()):
            found.add("need_reserved")
        return found

    def end_application(self, number: int, state: str) -> None:
        """End an application; its live needs lapse."""
        for need in self._live_needs(number):
            need.state = "LAPSED"
        self.applications[number].state = state

    def _live_needs(self, application: int) -> list[Need]:
        return [
            need
            for need in self.needs.values()
            if need.backing == ("F", application) and need.state in ("DECLARED", "APPROVED")
        ]

    # --- fixed-price allocation

    def allocate(self) -> list[Trade]:
        """What a run must award, in the order of the needs' numbers."""
        left = {
            number: listing.quantity - listing.awarded
            for number, listing in self.listings.items()
            if listing.state == "LISTED"
            and listing.open_to_key_projects
            and (listing.ask or 0) <= self.bands[listing.indicator].key_price
        }
        queue = sorted(left, key=lambda number: (not self.listings[number].poverty, number))
        waiting = [(number, need) for number, need in self.needs.items() if self._waits(need)]
        waiting.sort(key=lambda each: (each[1].key_level != "national", each[1].place))

        def draw(indicator: str, wanted: int) -> list[tuple[int, int]]:
            taken = []
            for number in queue:
                part = min(wanted, left[number]) if self.listings[number].indicator == indicator else 0
                if part:
                    taken.append((number, part))
                    left[number] -= part
                    wanted -= part
            return taken

        def there_is(indicator: str) -> int:
            return sum(left[each] for each in queue if self.listings[each].indicator == indicator)

        trades: dict[int, Trade] = {}
        passed_over: list[Need] = []
        for level in ("national", "provincial"):
            for number, need in waiting:
                if need.key_level != level:
                    continue
                wanted = {each: need.open(each) for each in sorted(need.items) if need.open(each)}
                if need.all_or_nothing and any(there_is(each) < much for each, much in wanted.items()):
                    passed_over.append(need)
                    continue
                drawn = [(*taken, each) for each, much in wanted.items() for taken in draw(each, much)]
                if drawn:
                    trades[number] = self._filled(number, drawn)
            for need in passed_over if level == "national" else []:
                for indicator in need.items:
                    draw(indicator, need.open(indicator))  # held back from the provincial ones
        return [trades[number] for number in sorted(trades)]

    def _waits(self, need: Need) -> bool:
        wanted = [indicator for indicator in need.items if need.open(indicator)]
        return (
            need.key_level is not None
            and bool(wanted)
            and not any(self.sells(need.buyer, indicator) for indicator in wanted)
        )

    def _filled(self, number: int, drawn: list[tuple[int, int, str]]) -> Trade:
        prices = {indicator: band.key_price for indicator, band in self.bands.items()}
        lines = [
            Line(listing, indicator, much, prices[indicator], worth(prices[indicator], much, indicator))
            for listing, much, indicator in sorted(drawn, key=lambda each: (each[2], each[0]))
        ]
        return Trade(self.needs[number].buyer, number, None, lines, 0, (0, number))

    def serves_first(self, indicator: str) -> bool:
        """Whether an auction's announcement must run an allocation before it."""
        waiting = [need for need in self.needs.values() if self._waits(need)]
        wanted = {each for need in waiting for each in need.items if need.open(each)}
        return indicator in wanted and any(
            listing.state == "LISTED"
            and listing.open_to_key_projects
            and listing.indicator in wanted
            and listing.quantity > listing.awarded
            for listing in self.listings.values()
        )

    def award(self, numbers: list[int], trades: list[Trade]) -> None:
        """Enter new trades under their numbers, and charge listings and needs."""
        self.awards += 1
        assert len(numbers) == len(trades), "as many trades as the rules award"
        for number, trade in zip(numbers, trades, strict=True):
            trade.order = (self.awards, trade.order[1])
            self.trades[number] = trade
            for line in trade.lines:
                self._charge(trade, line, +1)

    # --- auctions

    def pool(self, indicator: str, lot: int) -> dict[int, int]:
        """What an announcement must take in: whole lots of what is listed at no more than the ceiling."""
        pooled = {}
        for number, listing in self.listings.items():
            if listing.state == "LISTED" and listing.indicator == indicator:
                whole = (listing.quantity - listing.awarded) // lot * lot
                if whole and (listing.ask or 0) <= self.bands[indicator].ceiling:
                    pooled[number] = whole
        return pooled

    def announce(self, number: int, auction: Auction) -> None:
        """Take the pool off the list."""
        self.auctions[number] = auction
        for listing in auction.pool:
            self.listings[listing].state, self.listings[listing].auction = "IN_AUCTION", number

    def deposit(self, auction: Auction, limit: int) -> int:
        """Rate × ceiling × limit."""
        return half_up(DEPOSIT_RATE * Fraction(auction.ceiling * limit, STEPS_PER_UNIT[auction.indicator]))

    def against_registration(self, number: int, who: str, need: int, limit: int, now: datetime) -> set[str]:
        """Registering with a limit."""
        auction, behind = self.auctions[number], self.needs[need]
        if behind.buyer != who:
            return {"not_found"}
        found = set()
        if auction.state != "ANNOUNCED" or now >= auction.closes_at:
            found.add("registration_closed")
        if behind.key_level is not None:
            found.add("key_need_may_not_bid")
        if limit < auction.lot:
            found.add("limit_below_lot")
        if limit > behind.open(auction.indicator):
            found.add("exceeds_open_need")
        if self.sells(who, auction.indicator):
            found.add("seller_may_not_bid")
        if who in auction.registrations:
            found.add("already_registered")
        if self.deposit(auction, limit) > self.has(who, MONEY):
            found.add("insufficient")
        return found

    def register(self, number: int, who: str, need: int, limit: int) -> None:
        """Reserve the need and hold the deposit."""
        auction = self.auctions[number]
        deposit = self.deposit(auction, limit)
        auction.registrations[who] = Registration(need, limit, deposit)
        self.needs[need].items[auction.indicator].reserved += limit
        self.move((who, "available"), (who, "locked"), MONEY, deposit)

    def against_bid(self, number: int, who: str, now: datetime) -> set[str]:
        """Anything with a bid: the buyer's standing and the window."""
        auction = self.auctions[number]
        found = set() if who in auction.registrations else {"not_registered"}
        if auction.state != "ANNOUNCED" or not auction.opens_at <= now < auction.closes_at:
            found.add("outside_bidding_window")
        return found

    def against_terms(self, auction: Auction, price: int, quantity: int, minimum: int | None) -> set[str]:
        """What a bid says."""
        found = set()
        if price < auction.floor:
            found.add("below_floor")
        if price > auction.ceiling:
            found.add("above_ceiling")
        if quantity <= 0 or quantity % auction.lot:
            found.add("not_a_lot_multiple")
        if minimum is not None:
            if auction.pro_rata:
                found.add("min_quantity_not_allowed")
            if minimum <= 0 or minimum % auction.lot or minimum > quantity:
                found.add("bad_min_quantity")
        return found

    def in_force(self, auction: Auction, who: str | None = None) -> dict[str, Bid]:
        """The bids that an opening must open."""
        return {
            id_: bid
            for id_, bid in auction.bids.items()
            if bid.fate == "in force" and who in (None, bid.buyer)
        }

    def end_unsold(self, number: int, state: str) -> None:
        """End an auction without a sale."""
        self._leave(number, state, {})

    def _leave(self, number: int, state: str, kept: dict[str, int]) -> None:
        auction = self.auctions[number]
        auction.state = state
        for buyer, registration in auction.registrations.items():
            self.needs[registration.need].items[auction.indicator].reserved -= registration.limit
            released = registration.deposit - kept.get(buyer, 0)
            self.move((buyer, "locked"), (buyer, "available"), MONEY, released)
        for listing in self.listings.values():
            if listing.auction == number:
                listing.state, listing.auction = "LISTED", None

    def opened(self, number: int, awards: list[dict[str, Any]]) -> list[Trade]:
        """End an auction by its published awards (bid, listing, quantity, price, amount); the trades."""
        auction = self.auctions[number]
        kept: defaultdict[str, int] = defaultdict(int)
        trades = []
        for id_ in sorted({award["bid"] for award in awards}):
            bid = auction.bids[id_]
            registration = auction.registrations[bid.buyer]
            lines = [
                Line(award["listing"], auction.indicator, award["quantity"], award["price"], award["amount"])
                for award in awards
                if award["bid"] == id_
            ]
            won, due = sum(line.quantity for line in lines), sum(line.amount for line in lines)
            deposit = min(registration.deposit * won // registration.limit, due)
            kept[bid.buyer] += deposit
            trades.append(Trade(bid.buyer, registration.need, number, lines, deposit, (0, bid.serial)))
        self._leave(number, "OPENED", kept)
        return trades

    # --- trades

    def against_actor(self, trade: Trade, who: str) -> set[str]:
        """A buyer's step by somebody."""
        if who == trade.buyer:
            return set()
        sellers = {self.listings[line.listing].county for line in trade.lines}
        return {"not_permitted"} if who in sellers else {"not_found"}

    def against_confirmation(self, trade: Trade, now: datetime) -> set[str]:
        """Confirming after the notice, while it can still be paid."""
        found = set() if trade.state == "AWARDED" else {"wrong_state"}
        if trade.stopped:
            found.add("objection_open")
        if trade.notice_ends_at is None or now < trade.notice_ends_at:
            found.add("notice_running")
        if trade.payment_due_at is None or now >= trade.payment_due_at:
            found.add("payment_overdue")
        return found

    def against_payment(self, trade: Trade, now: datetime) -> set[str]:
        """Paying in time."""
        found = set() if trade.state == "CONFIRMED" else {"wrong_state"}
        if trade.payment_due_at is None or now >= trade.payment_due_at:
            found.add("payment_overdue")
        if trade.amount - trade.deposit > self.has(trade.buyer, MONEY):
            found.add("insufficient")
        return found

    def pay(self, trade: Trade) -> None:
        """Amount less deposit into escrow; what the amount does not need of the deposit goes back."""
        covered = min(trade.amount, trade.deposit)
        self.move((trade.buyer, "available"), (trade.buyer, "escrow"), MONEY, trade.amount - covered)
        self.move((trade.buyer, "locked"), (trade.buyer, "escrow"), MONEY, covered)
        self.move((trade.buyer, "locked"), (trade.buyer, "available"), MONEY, trade.deposit - covered)
        trade.state = "PAID"

    def settle(self, trade: Trade) -> None:
        """Indicators to the buyer with their batch, money to the sellers."""
        need = self.needs[trade.need]
        for line in trade.active:
            listing = self.listings[line.listing]
            what = (line.indicator, listing.batch)
            self.move((listing.county, "locked"), (trade.buyer, "available"), what, line.quantity)
            self.move((trade.buyer, "escrow"), (listing.county, "available"), MONEY, line.amount)
            need.items[line.indicator].settled += line.quantity
            listing.settled += line.quantity
            if listing.settled == listing.quantity:
                listing.state, listing.auction = "SOLD", None
        if need.state == "APPROVED" and all(item.settled == item.quantity for item in need.items.values()):
            need.state = "MET"
        trade.state = "SETTLED"

    def default(self, trade: Trade) -> None:
        """The deposit to the sellers by amount; quantities back to listings and need."""
        lines = trade.active
        for line, part in zip(lines, split(trade.deposit, [each.amount for each in lines]), strict=True):
            seller = self.listings[line.listing].county
            self.move((trade.buyer, "locked"), (seller, "available"), MONEY, part)
            self._charge(trade, line, -1)
        trade.state = "DEFAULTED"

    # --- the picture that the database must show

    def picture(self) -> dict[str, dict[Any, Any]]:
        """Everything, in the shape that ``observed.picture`` reads."""
        return {
            "balances": {account: much for account, much in self.balances.items() if much},
            "listings": {
                number: (
                    *(each.county, each.batch, each.quantity, each.awarded, each.settled, each.ask),
                    *(each.state, each.auction, each.poverty),
                )
                for number, each in self.listings.items()
            },
            "applications": {
                number: (each.applicant, each.state) for number, each in self.applications.items()
            },
            "needs": {
                number: (each.buyer, each.application, each.state, each.key_level)
                for number, each in self.needs.items()
            },
            "items": {
                (number, indicator): (item.quantity, item.reserved, item.awarded, item.settled)
                for number, need in self.needs.items()
                for indicator, item in need.items.items()
            },
            "auctions": {
                number: (each.indicator, each.state, each.floor, each.ceiling, each.lot)
                for number, each in self.auctions.items()
            },
            "lots": {
                (number, listing): much
                for number, auction in self.auctions.items()
                for listing, much in auction.pool.items()
            },
            "registrations": {
                (number, buyer): (each.need, each.limit, each.deposit)
                for number, auction in self.auctions.items()
                for buyer, each in auction.registrations.items()
            },
            "bids": {
                id_: (number, bid.buyer, bid.fate)
                for number, auction in self.auctions.items()
                for id_, bid in auction.bids.items()
            },
            "trades": {
                number: (each.buyer, each.need, each.auction, each.state, each.amount, each.deposit)
                for number, each in self.trades.items()
            },
            "lines": {
                (number, at): (line.listing, line.quantity, line.price, line.amount, line.state)
                for number, trade in self.trades.items()
                for at, line in enumerate(trade.lines)
            },
        }
