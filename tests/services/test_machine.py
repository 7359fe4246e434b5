"""The services on a real database against a plain model, step by random step."""

import os
from collections import Counter
from collections.abc import Awaitable, Callable
from copy import deepcopy
from datetime import timedelta
from typing import ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from app.market.auctions import Pricing, TieRule
from tests.services import life_moves  # noqa: F401  (its moves enter MOVES)
from tests.services.auction_driver import Round, Terms
from tests.services.entities import CAPACITY, LINKAGE, PADDY, QUANTITY, UNSETTLED, Auction, Trade
from tests.services.life_driver import LifeDriver
from tests.services.life_model import LifeModel
from tests.services.moves import MOVES, move, when
from tests.services.staging import BANDS, CEILING, CITY, EVERYBODY, FLOOR, PLAIN, POOR, TOWN, Stage, stage
from tests.services.tour import TOUR

T = TypeVar("T")
__all__ = ["stage"]
PICK = st.integers(0, 999)
SELDOM = st.integers(0, 5).map(lambda number: number == 5)
AREA = st.integers(1, 3000)
WHO = st.sampled_from(EVERYBODY)
KIND = st.sampled_from(("dry_land", "paddy", LINKAGE))
TRADED = st.sampled_from((QUANTITY, QUANTITY, LINKAGE, PADDY))
PRICES = st.sampled_from((FLOOR, 310_000_01, 333_333_33, 400_000_00, CEILING))
"""Inside the band of the start; a narrower one refuses some of them."""
ROUNDS = st.builds(
    Round,
    indicator=TRADED,
    lot=st.sampled_from((1, 1, 7, 100)),
    pricing=st.sampled_from(Pricing),
    tie=st.sampled_from((TieRule.EARLIEST, TieRule.PRO_RATA)),
    buyer_cap_share=st.sampled_from((None, None, "0.5")),
)

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "42"))
SHRINK = (Phase.shrink,) if os.environ.get("MACHINE_SHRINK") else ()
"""Shrinking a failure takes minutes, and the run that failed is printed whole without it."""

STEPS = (
    "credit",
    "accept_again",
    "claim_parcel_again",
    "deposit_money",
    "withdraw_money",
    "set_band",
    "list",
    "withdraw_listing",
    "void_listing",
    "apply",
    "withdraw_application",
    "refuse_application",
    "declare_need",
    "approve_need",
    "refuse_need",
    "allocate",
    "trade_by_allocation",
    "announce",
    "register",
    "place_bid",
    "replace_bid",
    "withdraw_bid",
    "cancel",
    "open",
    "trade_by_auction",
    "worker_opens",
    "worker_defaults",
    "confirm",
    "pay",
    "settle",
    "default",
    "repeat",
    "buy_at_unified_price",
    "buy_at_market",
    "write_off",
    "approve_application",
    "draft_commitment",
    "file_commitment",
    "activate",
    "accept_promised",
    "worker_writes_off",
    "declare_owed_need",
    "discharge",
    "void_project",
    "object",
    "dismiss",
    "uphold",
)
"""What must have happened, or have been refused as it must be, somewhere on the tour or in the run."""
ALWAYS_REFUSED = {"accept_again", "claim_parcel_again"}
NEVER_REFUSED = {"credit", "apply", "allocate", "repeat", "trade_by_allocation", "trade_by_auction"} | {
    "worker_opens",
    "worker_defaults",
    "worker_writes_off",
}


class ExchangeMachine(RuleBasedStateMachine):
    """Every use case in any order, wrong states and too large quantities among them."""

    start: ClassVar[Callable[[], LifeDriver]]
    everybody = EVERYBODY

    def __init__(self) -> None:
        super().__init__()
        self.driver = type(self).start()

    @property
    def model(self) -> LifeModel:
        """The plain model."""
        return self.driver.model

    @initialize(rounds=st.integers(0, 2), pick=PICK)
    def begin(self, rounds: int, pick: int) -> None:
        """Begin with nothing awarded, with an auction that has bids, or with its trades.

        At times with a national need larger than what is listed, which holds back from the provincial one.
        """
        if pick % 2:
            self.driver.decide_need(max(self.model.needs), "national", approve=True)
        if pick % 3:
            self.driver.check()
            self.driver.allocate()
        for _ in range((0, 5, 6)[rounds]):
            self.driver.check()
            self.further_auction(pick, CEILING, 250)

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        """Take any step that can be taken."""
        ready = [name for name, each in MOVES.items() if each.ready(self)]
        ready.sort(key=lambda name: not name.startswith("further"))  # Hypothesis likes the first ones best
        chosen = MOVES[data.draw(st.sampled_from(ready), label="step")]
        given = {name: data.draw(strategy, label=name) for name, strategy in chosen.given.items()}
        chosen.method(self, **given)

    @invariant()
    def books_and_model_agree(self) -> None:
        """After every step."""
        self.driver.check()

    # --- choices: by position in an order that is the same in every run

    def _trade(self, pick: int, likely: tuple[str, ...], *, any_state: bool) -> int | None:
        """A trade in one of the states, or in any; None where there is none."""
        numbers = sorted(self.model.trades, key=lambda number: self.model.trades[number].order)
        fitting = [each for each in numbers if any_state or self.model.trades[each].state in likely]
        return fitting[pick % len(fitting)] if fitting else None

    def _auction(self, pick: int, *, any_state: bool) -> int:
        live = [each for each, auction in self.model.auctions.items() if auction.state == "ANNOUNCED"]
        chosen = list(self.model.auctions) if any_state or not live else live
        return chosen[pick % len(chosen)]

    def _in_window(self, number: int) -> Auction:
        """An auction, after waiting until it takes bids."""
        auction = self.model.auctions[number]
        if auction.state == "ANNOUNCED":
            self.driver.wait(auction.opens_at)
        return auction

    # --- reserves and money

    @move(county=WHO, area=AREA, kind=KIND)
    def credit(self, county: str, area: int, kind: str) -> None:
        self.driver.credit(county, area, kind)

    @move(area=AREA)
    def claim_parcel_again(self, area: int) -> None:
        self.driver.claim_parcel_again(POOR, area)

    @move(who=WHO, yuan=st.integers(0, 60_000), again=SELDOM)
    def deposit_money(self, who: str, yuan: int, again: bool) -> None:
        reference = min(self.model.references)[1] if again else f"入金 {self.driver.serial}"
        self.driver.cash(who, yuan * 100, reference, out=False)

    @move(who=WHO, pick=PICK, too_much=SELDOM)
    def withdraw_money(self, who: str, pick: int, too_much: bool) -> None:
        there = self.model.has(who, ("CNY", 0))
        amount = there + 1 + pick if too_much else there * (pick % 5) // 20
        self.driver.cash(who, amount, f"出金 {self.driver.serial}", out=True)

    @move(indicator=TRADED, pick=st.integers(0, len(BANDS) - 1), wrong=SELDOM)
    def set_band(self, indicator: str, pick: int, wrong: bool) -> None:
        floor, ceiling, key_price, unified = BANDS[pick]
        self.driver.set_band(indicator, floor, ceiling, ceiling + 1 if wrong else key_price, unified)

    # --- listings

    @move(
        county=st.sampled_from((POOR, PLAIN, *EVERYBODY)),
        pick=PICK,
        part=st.integers(1, 4),
        extra=st.sampled_from((0, 0, 0, 0, 1, -(10**9))),
        ask=st.sampled_from((None, None, None, FLOOR, 333_333_33, CEILING, CEILING + 1)),
    )
    def list_batch(self, county: str, pick: int, part: int, extra: int, ask: int | None) -> None:
        batches = self.model.holdings(county)
        free = {each: self.model.has(county, (self.model.batches[each], each)) for each in batches}
        full = [each for each in batches if free[each] and self.model.batches[each] != CAPACITY]
        batch = (full or batches or [min(self.model.batches)])[pick % max(1, len(full or batches))]
        there = free.get(batch, 0)
        quantity = there + 1 if extra == 1 else max(0, -(-there // part) + extra)
        self.driver.list_batch(county, batch, quantity, ask, key=bool(pick % 3))

    @when(lambda self: self.model.listings)
    @move(pick=PICK, stranger=SELDOM, odd=st.booleans())
    def withdraw_listing(self, pick: int, stranger: bool, odd: bool) -> None:
        free = [
            number
            for number, listing in self.model.listings.items()
            if listing.state == "LISTED" and listing.awarded == listing.settled
        ]
        numbers = list(self.model.listings) if odd or not free else free
        number = numbers[pick % len(numbers)]
        owner = self.model.listings[number].county
        who = next(each for each in EVERYBODY if each != owner) if stranger else owner
        self.driver.withdraw_listing(number, who)

    @when(lambda self: self.model.listings)
    @move(pick=PICK, of_a_trade=st.booleans())
    def void_listing(self, pick: int, of_a_trade: bool) -> None:
        waiting = [trade for trade in self.model.trades.values() if trade.state in UNSETTLED]
        sold = sorted({line.listing for trade in waiting for line in trade.active})
        numbers = sold if of_a_trade and sold else list(self.model.listings)
        self.driver.void_listing(numbers[pick % len(numbers)])

    # --- applications, needs, allocation

    @move(who=WHO, area=AREA, kind=KIND)
    def apply(self, who: str, area: int, kind: str) -> None:
        self.driver.apply(who, area, kind)

    @when(lambda self: self.model.applications)
    @move(pick=PICK, by=st.sampled_from(("regulator", "regulator", "owner", "owner", "stranger")))
    def end_application(self, pick: int, by: str) -> None:
        numbers = list(self.model.applications)
        number = numbers[pick % len(numbers)]
        owner = self.model.applications[number].applicant
        stranger = next(each for each in EVERYBODY if each != owner)
        self.driver.end_application(number, {"regulator": None, "owner": owner, "stranger": stranger}[by])

    @when(lambda self: self.model.applications)
    @move(
        pick=PICK,
        part=st.integers(1, 3),
        over=st.sampled_from((0, 0, 0, 1)),
        whole=st.booleans(),
        decision=st.sampled_from(("approve", "key", "leave", "leave")),
    )
    def declare_need(self, pick: int, part: int, over: int, whole: bool, decision: str) -> None:
        numbers = [each for each in self.model.applications if any(self._short(each).values())]
        numbers = numbers or list(self.model.applications)
        number = numbers[pick % len(numbers)]
        short = {each: much for each, much in self._short(number).items() if much and each != CAPACITY}
        wanted = {each: -(-much // part) + over * much for each, much in short.items()} or {QUANTITY: over}
        self.driver.declare(self.model.applications[number].applicant, ("F", number), wanted, whole=whole)
        declared = [each for each, need in self.model.needs.items() if need.state == "DECLARED"]
        if declared and decision != "leave":
            self.driver.check()
            level = ("national", "provincial")[pick % 2] if decision == "key" else None
            self.driver.decide_need(declared[-1], level, approve=True)

    def _short(self, number: int) -> dict[str, int]:
        application = self.model.applications[number]
        return (
            self.model.shortage(application.applicant, ("F", number)) if application.state == "FILED" else {}
        )

    @when(lambda self: self.model.needs)
    @move(
        pick=PICK,
        level=st.sampled_from((None, "national", "provincial")),
        approve=st.booleans(),
        decided=SELDOM,
    )
    def decide_need(self, pick: int, level: str | None, approve: bool, decided: bool) -> None:
        declared = [each for each, need in self.model.needs.items() if need.state == "DECLARED"]
        numbers = list(self.model.needs) if decided or not declared else declared
        self.driver.decide_need(numbers[pick % len(numbers)], level, approve=approve)

    @move()
    def allocate(self) -> None:
        self.driver.allocate()

    # --- auctions

    @move(choice=ROUNDS, late=SELDOM)
    def announce(self, choice: Round, late: bool) -> None:
        self.driver.announce(choice, timedelta(hours=-1) if late else timedelta(hours=1))

    def _fitting(self, auction: Auction) -> list[int]:
        """Needs that may still be registered for the auction."""
        return [
            number
            for number, need in self.model.needs.items()
            if need.open(auction.indicator)
            and need.key_level is None
            and need.buyer not in auction.registrations
            and not self.model.sells(need.buyer, auction.indicator)
        ]

    @when(lambda self: self.model.auctions)
    @move(pick=PICK, part=st.integers(1, 3), over=SELDOM, ended=SELDOM)
    def register(self, pick: int, part: int, over: bool, ended: bool) -> None:
        number = self._auction(pick, any_state=ended)
        auction = self.model.auctions[number]
        open_needs = [each for each, need in self.model.needs.items() if need.open(auction.indicator)]
        chosen = self._fitting(auction) if pick % 4 else open_needs
        chosen = chosen or list(self.model.needs)
        need = chosen[pick % len(chosen)]
        buyer = self.model.needs[need].buyer
        open_steps = self.model.needs[need].open(auction.indicator)
        limit = open_steps + 1 if over else -(-open_steps // part)
        short = self.model.deposit(auction, limit) - self.model.has(buyer, ("CNY", 0))
        if short > 0 and pick % 4:
            self.driver.cash(buyer, short, f"保证金 {self.driver.serial}", out=False)
            self.driver.check()
        self.driver.register(number, buyer, need, limit)

    @when(lambda self: self.model.auctions)
    @move(
        pick=PICK,
        price=PRICES | st.sampled_from((FLOOR - 1, CEILING + 1)),
        lots=st.integers(1, 1000),
        odd=SELDOM,
        ended=SELDOM,
    )
    def place_bid(self, pick: int, price: int, lots: int, odd: bool, ended: bool) -> None:
        number = self._auction(pick, any_state=ended)
        auction = self._in_window(number)
        buyers = list(auction.registrations) or [CITY]
        who = TOWN if odd and TOWN not in buyers else buyers[pick % len(buyers)]
        quantity = lots * auction.lot + (1 if odd else 0)
        part = pick % 4
        minimum = quantity // auction.lot // part * auction.lot if part and auction.pro_rata == odd else None
        self.driver.bid(number, who, Terms(price, quantity, minimum))

    def _bids(self) -> list[tuple[int, str]]:
        return [(number, id_) for number, auction in self.model.auctions.items() for id_ in auction.bids]

    @when(lambda self: self._bids())
    @move(pick=PICK, price=PRICES, lots=st.integers(1, 1000), keep=st.booleans(), stranger=SELDOM)
    def change_bid(self, pick: int, price: int, lots: int, keep: bool, stranger: bool) -> None:
        bids = self._bids()
        live = [
            (number, id_)
            for number, id_ in bids
            if self.model.auctions[number].state == "ANNOUNCED"
            and self.model.auctions[number].bids[id_].fate == "in force"
        ]
        chosen = live if live and pick % 5 else bids
        number, id_ = chosen[pick % len(chosen)]
        auction = self._in_window(number)
        who = auction.bids[id_].buyer
        if stranger:
            who = next(each for each in EVERYBODY if each != who)
        if keep:
            self.driver.bid(number, who, Terms(price, lots * auction.lot), old=id_)
        else:
            self.driver.withdraw_bid(number, who, id_)

    @when(lambda self: self.model.auctions)
    @move(pick=PICK, wait=st.integers(0, 3), ended=SELDOM)
    def open(self, pick: int, wait: int, ended: bool) -> None:
        number = self._auction(pick, any_state=ended)
        if wait:
            self.driver.wait(self.model.auctions[number].closes_at)
        self.driver.open(number)

    @when(lambda self: self.model.auctions)
    @move(pick=PICK, ended=SELDOM)
    def cancel(self, pick: int, ended: bool) -> None:
        self.driver.cancel(self._auction(pick, any_state=ended))

    @move(pick=PICK, what=st.sampled_from(("auction", "trade", "now")))
    def work_due(self, pick: int, what: str) -> None:
        if what == "auction" and self.model.auctions:
            self.driver.wait(self.model.auctions[self._auction(pick, any_state=False)].closes_at)
        number = self._trade(pick, ("AWARDED", "CONFIRMED"), any_state=False)
        if what == "trade" and number is not None:
            due_at = self.model.trades[number].payment_due_at
            assert due_at is not None
            self.driver.wait(due_at)
        self.driver.work_due()

    @move(pick=PICK, price=PRICES, lots=st.integers(1, 1000))
    def further_auction(self, pick: int, price: int, lots: int) -> None:
        """Take an auction its next step on the straight way from announcement to opening."""
        live = [each for each, auction in self.model.auctions.items() if auction.state == "ANNOUNCED"]
        if not live:
            pricing = list(Pricing)[pick % 3]
            return self.driver.announce(Round(QUANTITY, 1, pricing, TieRule.EARLIEST), timedelta(hours=1))
        number = live[pick % len(live)]
        auction = self.model.auctions[number]
        silent = [each for each in auction.registrations if not self.model.in_force(auction, each)]
        if self.driver.now() >= auction.closes_at:
            return self.driver.open(number)
        if self._fitting(auction):
            return self.register(pick | 1, 1, over=False, ended=False)
        if silent:
            auction = self._in_window(number)
            price = min(max(price, auction.floor), auction.ceiling)
            return self.driver.bid(number, silent[0], Terms(price, lots * auction.lot))
        if pick % 3 and auction.bids:
            return self.change_bid(pick, price, lots, bool(pick % 3 - 1), False)
        self.driver.wait(auction.closes_at)
        return self.driver.open(number)

    # --- trades

    @move(pick=PICK)
    def further_trade(self, pick: int) -> None:
        """Take a trade its next step on the straight way from notice to settlement."""
        live = {number: trade for number, trade in self.model.trades.items() if trade.state in UNSETTLED}
        if not live:
            return self.further_auction(pick, CEILING, 250)
        number = sorted(live, key=lambda each: live[each].order)[pick % len(live)]
        trade = live[number]
        if trade.state == "AWARDED":
            assert trade.notice_ends_at is not None
            self.driver.wait(trade.notice_ends_at)
            return self.driver.confirm(number, trade.buyer)
        if trade.state == "PAID":
            return self.driver.settle(number)
        if pick % 5 == 0:
            assert trade.payment_due_at is not None
            self.driver.wait(trade.payment_due_at)
        short = trade.amount - trade.deposit - self.model.has(trade.buyer, ("CNY", 0))
        if short > 0:
            self.driver.cash(trade.buyer, short, f"价款 {self.driver.serial}", out=False)
            self.driver.check()
        return self.driver.pay(number, trade.buyer)

    def _buyer(self, trade: Trade, stranger: bool) -> str:
        return next(each for each in EVERYBODY if each != trade.buyer) if stranger else trade.buyer

    @when(lambda self: self.model.trades)
    @move(pick=PICK, wait=st.integers(0, 3), odd=SELDOM, stranger=SELDOM)
    def confirm(self, pick: int, wait: int, odd: bool, stranger: bool) -> None:
        number = self._trade(pick, ("AWARDED",), any_state=odd)
        if number is None:
            return self.further_trade(pick)
        trade = self.model.trades[number]
        if wait:
            ends_at = trade.payment_due_at if odd and wait == 1 else trade.notice_ends_at
            assert ends_at is not None
            self.driver.wait(ends_at)
        return self.driver.confirm(number, self._buyer(trade, stranger))

    @when(lambda self: self.model.trades)
    @move(
        pick=PICK,
        fund=st.integers(0, 3),
        odd=SELDOM,
        stranger=SELDOM,
        late=st.integers(0, 2).map(lambda number: number == 2),
    )
    def pay(self, pick: int, fund: int, odd: bool, stranger: bool, late: bool) -> None:
        number = self._trade(pick, ("CONFIRMED",), any_state=odd)
        if number is None:
            return self.further_trade(pick)
        trade = self.model.trades[number]
        short = trade.amount - trade.deposit - self.model.has(trade.buyer, ("CNY", 0))
        if late:
            assert trade.payment_due_at is not None
            self.driver.wait(trade.payment_due_at)
        if fund and short > 0:
            self.driver.cash(trade.buyer, short, f"价款 {self.driver.serial}", out=False)
            self.driver.check()
        return self.driver.pay(number, self._buyer(trade, stranger))

    @when(lambda self: self.model.trades)
    @move(pick=PICK, odd=st.booleans())
    def settle(self, pick: int, odd: bool) -> None:
        number = self._trade(pick, ("PAID",), any_state=odd)
        return self.further_trade(pick) if number is None else self.driver.settle(number)

    @when(lambda self: self.model.trades)
    @move(pick=PICK, odd=SELDOM)
    def default(self, pick: int, odd: bool) -> None:
        number = self._trade(pick, ("AWARDED", "CONFIRMED"), any_state=odd)
        return self.further_trade(pick) if number is None else self.driver.default(number)

    # --- idempotency

    @move()
    def repeat(self) -> None:
        self.driver.repeat()


def test_services_do_what_the_plain_model_does(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """Each run, and each stop of the tour, starts from the furnished books and is rolled back."""
    counts: Counter[tuple[str, str]] = Counter()

    def started() -> LifeDriver:
        driver = LifeDriver(
            stage.runner, stage.driver.database, stage.driver.keys, deepcopy(stage.driver.model)
        )
        driver.serial, driver.counts = stage.driver.serial, counts
        return driver

    for stop in TOUR:
        savepoint = stage.runner.run(_entered(stage.connection.begin_nested()))
        stop(started())
        stage.runner.run(savepoint.rollback())

    class StagedMachine(ExchangeMachine):
        start = staticmethod(started)

        def __init__(self) -> None:
            super().__init__()
            self.savepoint = stage.runner.run(_entered(stage.connection.begin_nested()))

        def teardown(self) -> None:
            stage.runner.run(self.savepoint.rollback())

    run_state_machine_as_test(
        StagedMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            derandomize="MACHINE_RANDOM" not in os.environ,
            database=None,
            deadline=None,
            phases=(Phase.generate, *SHRINK),
            suppress_health_check=list(HealthCheck),
        ),
    )
    with capsys.disabled():
        print()
        for step in STEPS:
            print(f"  {step:24}{counts[step, 'done']:6} done {counts[step, 'refused']:6} refused")
    missing = [step for step in STEPS if step not in ALWAYS_REFUSED and not counts[step, "done"]]
    assert not missing, f"never done: {missing}"
    missing = [step for step in STEPS if step not in NEVER_REFUSED and not counts[step, "refused"]]
    assert not missing, f"never refused: {missing}"


async def _entered(transaction: Awaitable[T]) -> T:
    return await transaction
