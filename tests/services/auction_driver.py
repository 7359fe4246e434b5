"""The driver's second half: auctions from their announcement to the trades they end in."""

import json
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.documents.offline import clearing
from app.market.auctions import Pricing, TieRule
from app.market.ids import Kind, row_number
from app.market.indicators import Indicator
from app.market.units import format_money, format_quantity, parse_money, parse_quantity
from app.services import auctions, bids, openings, settlements, trades
from app.worker import do_due
from tests.services.driver import REGULATOR, TREASURER, Driver, officer
from tests.services.entities import Auction, Bid
from tests.services.model import worth

BIDS_PER_BUYER = 5


@dataclass(frozen=True)
class Round:
    """What an announcement chooses."""

    indicator: str
    lot: int
    pricing: Pricing
    tie: TieRule
    buyer_cap_share: str | None = None


@dataclass(frozen=True)
class Terms:
    """What a bid says."""

    price: int
    quantity: int
    minimum: int | None = None


class AuctionDriver(Driver):
    """Every use case of the exchange."""

    # --- auctions

    def announce(self, choice: Round, opens_in: timedelta) -> None:
        """Announce an auction, which serves the waiting key projects first."""
        model, now = self.model, self.now()
        opens_at = now.replace(minute=0, second=0, microsecond=0) + opens_in
        served = model.allocate() if model.serves_first(choice.indicator) else []
        before = self.last_trade()
        after = deepcopy(model)
        after.award(list(range(before + 1, before + 1 + len(served))), deepcopy(served))
        against = set() if opens_in > timedelta() else {"opens_in_the_past"}
        if not after.pool(choice.indicator, choice.lot):
            against.add("empty_pool")
        announced = self.attempt(
            "announce",
            against,
            auctions.announce_auction,
            actor=REGULATOR,
            keys=self.keys,
            indicator=Indicator(choice.indicator),
            opens_at=opens_at,
            closes_at=opens_at + timedelta(days=1),
            choices=auctions.Choices(
                choice.pricing,
                choice.tie,
                choice.lot,
                sets_cap=True,
                buyer_cap_share=choice.buyer_cap_share,
            ),
        )
        if announced is None:
            return
        model.award(self.trades_after(before), served)
        self.read_deadlines()
        band, row = model.bands[choice.indicator], announced.auction
        auction = Auction(
            indicator=choice.indicator,
            opens_at=row.opens_at,
            closes_at=row.closes_at,
            floor=band.floor,
            ceiling=band.ceiling,
            lot=choice.lot,
            pro_rata=choice.tie is TieRule.PRO_RATA,
            pool=model.pool(choice.indicator, choice.lot),
        )
        model.announce(row.id, auction)
        assert announced.pool_supply == sum(auction.pool.values())

    def register(self, number: int, who: str, need: int, limit: int) -> None:
        """Register for an auction."""
        indicator = Indicator(self.model.auctions[number].indicator)
        done = self.attempt(
            "register",
            self.model.against_registration(number, who, need, limit, self.now()),
            auctions.register,
            actor=officer(who),
            auction_id=number,
            need_id=need,
            limit_text=format_quantity(limit, indicator),
        )
        if done:
            self.model.register(number, who, need, limit)

    def bid(self, number: int, who: str, said: Terms, old: str | None = None) -> None:
        """Place a bid, or put it in the place of another."""
        auction = self.model.auctions[number]
        against = self.model.against_bid(number, who, self.now())
        against |= self.model.against_terms(auction, said.price, said.quantity, said.minimum)
        indicator = Indicator(auction.indicator)
        terms = bids.BidTerms(
            format_money(said.price),
            format_quantity(said.quantity, indicator),
            None if said.minimum is None else format_quantity(said.minimum, indicator),
        )
        if old is None:
            if len(self.model.in_force(auction, who)) >= BIDS_PER_BUYER:
                against.add("too_many_bids")
            made = self.attempt(
                "place_bid", against, bids.place, actor=officer(who), auction_id=number, terms=terms
            )
        else:
            against |= self._against_old(auction, who, old)
            made = self.attempt(
                "replace_bid",
                against,
                bids.replace,
                actor=officer(who),
                auction_id=number,
                bid_id=old,
                terms=terms,
            )
        if made:
            if old is not None:
                auction.bids[old].fate = "replaced"
            auction.bids[made.id] = Bid(self.serial, who, said.price, said.quantity, said.minimum)

    def _against_old(self, auction: Auction, who: str, old: str) -> set[str]:
        if auction.bids[old].buyer != who:
            return {"not_found"}
        return set() if auction.bids[old].fate == "in force" else {"bid_not_in_force"}

    def withdraw_bid(self, number: int, who: str, old: str) -> None:
        """Withdraw a bid."""
        auction = self.model.auctions[number]
        against = self.model.against_bid(number, who, self.now()) | self._against_old(auction, who, old)
        if self.attempt(
            "withdraw_bid", against, bids.withdraw, actor=officer(who), auction_id=number, bid_id=old
        ):
            auction.bids[old].fate = "withdrawn"

    def cancel(self, number: int) -> None:
        """Cancel an auction."""
        auction = self.model.auctions[number]
        against = set() if auction.state == "ANNOUNCED" else {"wrong_state"}
        if self.now() >= auction.closes_at:
            against.add("bidding_closed")
        if self.attempt(
            "cancel",
            against,
            openings.cancel_auction,
            actor=REGULATOR,
            auction_id=number,
            reason="规划调整",
        ):
            self.model.end_unsold(number, "CANCELLED")

    def open(self, number: int) -> None:
        """Open an auction by hand."""
        auction = self.model.auctions[number]
        against = set() if auction.state in ("ANNOUNCED", "CLOSED") else {"wrong_state"}
        if auction.state == "ANNOUNCED" and self.now() < auction.closes_at:
            against.add("bidding_not_closed")
        if self.attempt(
            "open", against, openings.open_auction, actor=REGULATOR, keys=self.keys, auction_id=number
        ):
            self._opened(number)

    def work_due(self) -> None:
        """Let the worker do what is due: auctions are closed and opened, late trades default."""
        now = self.now()
        due = [
            number
            for number, auction in sorted(self.model.auctions.items())
            if auction.state == "ANNOUNCED" and auction.closes_at <= now
        ]
        late = [
            trade
            for trade in self.model.trades.values()
            if trade.state in ("AWARDED", "CONFIRMED")
            and not trade.stopped
            and (trade.payment_due_at or now) <= now
        ]
        done = self.run(do_due(self.database, self.keys))
        beside = self.promises_due(now)
        assert done == 2 * (len(due) + len(beside)) + len(late), f"{done} things were done"
        for number in due:
            self._opened(number)
            self.counts["worker_opens", "done"] += 1
        for trade in late:
            self.model.default(trade)
            self.counts["worker_defaults", "done"] += 1
        for number in beside:
            self.fell_due(number)
        self.counts["work_due", "done"] += 1

    def promises_due(self, now: datetime) -> list[int]:
        """The commitments whose day is over, in the order in which they fall due."""
        return []

    def fell_due(self, number: int) -> None:
        """Take over what the worker made of a commitment that fell due."""

    def _opened(self, number: int) -> None:
        """Take over what the published outcome awards, after holding it to the record and the bids."""
        (row,) = self.rows("SELECT record, outcome FROM auction WHERE id = :number", number=number)
        auction, indicator = self.model.auctions[number], Indicator(self.model.auctions[number].indicator)
        assert clearing(row.record.encode()) == row.outcome.encode(), "anyone can recompute the outcome"
        record, outcome = json.loads(row.record), json.loads(row.outcome)
        assert {bid["id"]: (bid["buyer"], bid["price"], bid["quantity"]) for bid in record["bids"]} == {
            id_: (bid.buyer, format_money(bid.price), format_quantity(bid.quantity, indicator))
            for id_, bid in self.model.in_force(auction).items()
        }
        assert record["buyer_limits"] == {
            buyer: format_quantity(each.limit, indicator) for buyer, each in auction.registrations.items()
        }
        offered = {
            row_number(Kind.LISTING, each["id"]): parse_quantity(each["quantity"], indicator)
            for each in record["listings"]
        }
        in_pool = {each for each, listing in self.model.listings.items() if listing.auction == number}
        assert offered == {each: much for each, much in auction.pool.items() if each in in_pool}
        awards = [
            {
                "bid": each["bid"],
                "listing": row_number(Kind.LISTING, each["listing"]),
                "quantity": parse_quantity(each["quantity"], indicator),
                "price": parse_money(each["price"]),
                "amount": parse_money(each["amount"]),
            }
            for each in outcome["awards"]
        ]
        self._hold_to_the_rules(auction, awards)
        expected = self.model.opened(number, awards)
        made = self.rows("SELECT id FROM trade WHERE auction_id = :number ORDER BY id", number=number)
        self.model.award([each.id for each in made], expected)
        self.read_deadlines()
        self.counts["trade_by_auction", "done"] += len(expected)

    def _hold_to_the_rules(self, auction: Auction, awards: list[dict[str, Any]]) -> None:
        """What no clearing may do, whatever it decides."""
        sold: Counter[int] = Counter()
        won: Counter[str] = Counter()
        bought: Counter[str] = Counter()
        for award in awards:
            bid, listing = auction.bids[award["bid"]], self.model.listings[award["listing"]]
            assert max(auction.floor, listing.ask or 0) <= award["price"] <= bid.price
            assert award["amount"] == worth(award["price"], award["quantity"], auction.indicator)
            sold[award["listing"]] += award["quantity"]
            won[award["bid"]] += award["quantity"]
            bought[bid.buyer] += award["quantity"]
        assert all(much <= auction.pool[each] for each, much in sold.items())
        assert all(much <= auction.bids[id_].quantity for id_, much in won.items())
        assert all(much >= (auction.bids[id_].minimum or 0) for id_, much in won.items())
        assert all(much <= auction.registrations[buyer].limit for buyer, much in bought.items())

    # --- trades

    def confirm(self, number: int, who: str) -> None:
        """Confirm a trade."""
        trade = self.model.trades[number]
        against = self.model.against_confirmation(trade, self.now()) | self.model.against_actor(trade, who)
        if self.attempt("confirm", against, trades.confirm, actor=officer(who), number=number):
            trade.state = "CONFIRMED"

    def pay(self, number: int, who: str) -> None:
        """Pay a trade."""
        trade = self.model.trades[number]
        against = self.model.against_payment(trade, self.now()) | self.model.against_actor(trade, who)
        if self.attempt("pay", against, trades.pay, actor=officer(who), number=number):
            self.model.pay(trade)

    def settle(self, number: int) -> None:
        """Settle a trade."""
        trade = self.model.trades[number]
        against = set() if trade.state == "PAID" else {"wrong_state"}
        if self.attempt("settle", against, settlements.settle, actor=TREASURER, number=number):
            self.model.settle(trade)

    def default(self, number: int) -> None:
        """Declare a trade in default."""
        trade = self.model.trades[number]
        against = set() if trade.state in ("AWARDED", "CONFIRMED") else {"wrong_state"}
        if trade.stopped:
            against.add("objection_open")
        if self.attempt(
            "default", against, trades.default, actor=REGULATOR, number=number, reason="逾期未付款"
        ):
            self.model.default(trade)
