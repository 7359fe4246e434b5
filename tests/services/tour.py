"""A fixed way past what the random steps meet too seldom: each thing done once, and once refused.

Hypothesis draws other steps whenever the code under test changes; what must have happened in a run must
not hang on that.
"""

from datetime import timedelta

from app.market.auctions import Pricing, TieRule
from tests.services.auction_driver import Round, Terms
from tests.services.entities import LINKAGE, QUANTITY, Commitment
from tests.services.life_driver import LifeDriver
from tests.services.purchase_model import Order
from tests.services.staging import CITY, PLAIN, POOR, TOWN

EARLY, LATER = timedelta(hours=-1), timedelta(hours=1)
PLAIN_ROUND = Round(QUANTITY, 1, Pricing.PAY_AS_BID, TieRule.EARLIEST)


def need_of(driver: LifeDriver, buyer: str, indicator: str) -> int:
    """A need of the buyer's, no key project's, that has some of the indicator open."""
    return next(
        number
        for number, need in driver.model.needs.items()
        if need.buyer == buyer and need.key_level is None and need.open(indicator)
    )


def trade(driver: LifeDriver, number: int) -> None:
    """Take a trade from its award to its settlement, refused at each step that comes too early or twice."""
    model, awarded = driver.model, driver.model.trades[number]
    driver.settle(number)
    driver.confirm(number, awarded.buyer)
    assert awarded.notice_ends_at is not None
    driver.wait(awarded.notice_ends_at)
    driver.confirm(number, awarded.buyer)
    driver.pay(number, awarded.buyer)
    short = awarded.amount - awarded.deposit - model.has(awarded.buyer, ("CNY", 0))
    if short > 0:
        driver.cash(awarded.buyer, short, f"价款 {driver.serial}", out=False)
    driver.pay(number, awarded.buyer)
    driver.settle(number)
    driver.default(number)
    driver.check()


def books(driver: LifeDriver) -> None:
    """Money, bands, listings, needs and applications, each with what is refused of it."""
    model = driver.model
    reference = f"入金 {driver.serial}"
    for _ in range(2):
        driver.cash(POOR, 100, reference, out=False)
    driver.cash(POOR, 10**9, f"出金 {driver.serial}", out=True)
    driver.cash(POOR, 100, f"出金 {driver.serial}", out=True)
    driver.set_band(QUANTITY, 300_000_00, 450_000_00, 450_000_01, None)
    driver.set_band(QUANTITY, 300_000_00, 450_000_00, 300_000_00, None)
    driver.check()
    driver.credit(PLAIN, 200, "dry_land")
    driver.claim_parcel_again(POOR, 200)
    driver.check()
    listing, (batch, *_) = min(model.listings), model.holdings(PLAIN)
    driver.list_batch(PLAIN, batch, 10, None, key=True)
    driver.repeat()
    driver.apply(TOWN, 4000, "dry_land")
    driver.declare(TOWN, ("F", max(model.applications)), {QUANTITY: 10}, whole=False)
    driver.decide_need(max(model.needs), None, approve=True)
    driver.check()
    driver.list_batch(PLAIN, batch, 10**9, None, key=True)
    driver.withdraw_listing(listing, TOWN)
    driver.withdraw_listing(listing, PLAIN)
    driver.check()
    driver.allocate()
    driver.check()
    sold = next(number for number, each in model.listings.items() if each.awarded)
    driver.withdraw_listing(sold, model.listings[sold].county)
    for _ in range(2):
        driver.void_listing(sold)
        driver.check()
    declared = next(number for number, need in model.needs.items() if need.state == "DECLARED")
    driver.decide_need(declared, None, approve=False)
    driver.decide_need(declared, None, approve=False)
    driver.decide_need(declared, None, approve=True)
    application = max(model.applications)
    driver.declare(TOWN, ("F", application), {QUANTITY: 10**9}, whole=False)
    for who in (TOWN, TOWN, None):
        driver.end_application(application, who)
        driver.check()
    driver.end_application(min(model.applications), None)
    driver.check()


def auction(driver: LifeDriver) -> None:
    """A round from its announcement to trades, one cancelled, and what the worker does of it by itself."""
    model = driver.model
    driver.announce(PLAIN_ROUND, EARLY)
    driver.announce(PLAIN_ROUND, LATER)
    driver.check()
    number = max(model.auctions)
    needs = {buyer: need_of(driver, buyer, QUANTITY) for buyer in (CITY, TOWN)}
    driver.register(number, CITY, needs[CITY], 10**9)
    for buyer, need in needs.items():
        driver.cash(buyer, 2_000_000_00, f"保证金 {driver.serial}", out=False)
        driver.register(number, buyer, need, 300)
    driver.bid(number, CITY, Terms(333_333_33, 100))  # not open yet
    driver.wait(model.auctions[number].opens_at)
    driver.bid(number, CITY, Terms(333_333_33, 0))
    for buyer in needs:
        driver.bid(number, buyer, Terms(333_333_33, 100))
    driver.check()
    bids = {bid.buyer: id_ for id_, bid in model.auctions[number].bids.items()}
    driver.bid(number, TOWN, Terms(400_000_00, 50), old=bids[CITY])
    driver.bid(number, TOWN, Terms(400_000_00, 50), old=bids[TOWN])
    for _ in range(2):
        driver.withdraw_bid(number, CITY, bids[CITY])
    driver.bid(number, CITY, Terms(310_000_01, 70))
    driver.check()
    driver.open(number)
    driver.wait(model.auctions[number].closes_at)
    driver.cancel(number)
    driver.work_due()
    driver.check()
    late = max(model.trades)
    due_at = model.trades[late].payment_due_at
    assert due_at is not None
    driver.wait(due_at)
    driver.work_due()
    driver.check()
    driver.announce(PLAIN_ROUND, LATER)
    driver.cancel(max(model.auctions))
    driver.check()


def purchases(driver: LifeDriver) -> None:
    """Buy at the unified price and at the market; one trade settles, one falls by default."""
    model = driver.model
    need = need_of(driver, CITY, QUANTITY)
    price = model.bands[QUANTITY].unified_price or 0
    driver.buy(Order(CITY, need, QUANTITY, 50, price + 1))
    driver.buy(Order(CITY, need, QUANTITY, 50, price))
    driver.check()
    trade(driver, max(model.trades))
    listing = model.on_offer(QUANTITY)[0]
    driver.buy(Order(CITY, need, QUANTITY, 10**6, model.asks(listing), listing))
    driver.buy(Order(CITY, need, QUANTITY, 20, model.asks(listing), listing))
    driver.check()
    driver.default(max(model.trades))
    driver.check()


def write_offs(driver: LifeDriver) -> None:
    """Write off what a reserve covers; refused, reversed and approved."""
    model = driver.model
    driver.apply(POOR, 100, "dry_land")
    covered = max(model.applications)
    driver.apply(POOR, 10**7, "paddy")
    driver.write_off(max(model.applications), POOR)  # nobody has as much
    driver.approve_application(covered)  # not written off yet
    driver.write_off(covered, POOR)
    driver.check()
    driver.end_application(covered, None)  # refused: reversed batch by batch
    driver.check()
    driver.apply(POOR, 100, LINKAGE)
    linkage = max(model.applications)
    driver.write_off(linkage, POOR)
    driver.check()
    driver.approve_application(linkage)
    driver.end_application(linkage, POOR)  # an approval is final
    driver.check()


def commitments(driver: LifeDriver) -> None:
    """Promise, earmark, fall due short, buy what is owed and make it good; and one that lapses."""
    model = driver.model
    driver.apply(TOWN, 5000, "dry_land")
    application = max(model.applications)
    short = {each: much for each, much in model.shortage(TOWN, ("F", application)).items() if much}
    project = driver.await_project(TOWN, short[QUANTITY] - 40, "dry_land")
    today = driver.now().date()
    due_on = today + timedelta(days=200)
    promised = {QUANTITY: short[QUANTITY]}
    driver.draft(Commitment(TOWN, application, project, {QUANTITY: short[QUANTITY] + 1}, due_on))
    driver.draft(Commitment(TOWN, application, project, promised, today))
    driver.draft(Commitment(TOWN, application, project, promised, due_on))
    number = max(model.commitments)
    driver.activate(number)  # not filed yet
    driver.check()
    for _ in range(2):
        driver.file_commitment(number)
    driver.activate(number)
    driver.check()
    for _ in range(2):
        driver.accept_promised(project, short[QUANTITY] - 40, "dry_land")
        driver.check()
    driver.wait(driver.now() + timedelta(days=202))
    driver.work_due()
    driver.check()
    owed = max(model.obligations)
    driver.discharge(owed, CITY)
    driver.discharge(owed, TOWN)  # nothing left to write off
    driver.declare(TOWN, ("O", owed), {QUANTITY: 10**6}, whole=False)
    driver.declare(TOWN, ("O", owed), {QUANTITY: 40}, whole=False)
    driver.check()
    driver.credit(TOWN, 4000, "dry_land")
    for _ in range(2):
        driver.discharge(owed, TOWN)
        driver.check()
    driver.end_application(application, None)  # refused after all: everything is reversed
    driver.check()


def fraud(driver: LifeDriver) -> None:
    """A fraud found when part of it is listed, sold, written off and on its way; then what comes back."""
    model = driver.model
    driver.credit(POOR, 500, "dry_land")
    (project,) = driver.rows("SELECT max(id) AS id FROM project")
    quantity = next(batch for batch, what in sorted(model.batches.items(), reverse=True) if what == QUANTITY)
    driver.list_batch(POOR, quantity, 300, None, key=True)
    listing = max(model.listings)
    need = need_of(driver, CITY, QUANTITY)
    driver.buy(Order(CITY, need, QUANTITY, 120, model.asks(listing), listing))
    trade(driver, max(model.trades))
    driver.buy(Order(CITY, need, QUANTITY, 30, model.asks(listing), listing))
    driver.check()
    old = model.holdings(POOR)[0]
    left = model.has(POOR, (QUANTITY, old))
    if left:
        driver.list_batch(POOR, old, left, None, key=True)
        driver.check()
    driver.apply(POOR, 50, "dry_land")
    application = max(model.applications)
    driver.write_off(application, POOR)
    driver.check()
    for _ in range(2):
        driver.void_project(project.id)
        driver.check()
    owed = max(model.obligations)
    driver.end_application(application, None)  # what comes back of the fraud is cancelled
    driver.check()
    driver.list_batch(CITY, quantity, 40, None, key=True)  # bought in good faith: it may be sold on
    driver.check()
    for number in [number for number, each in model.listings.items() if each.county == POOR and each.live]:
        driver.withdraw_listing(number, POOR)
    driver.discharge(owed, POOR)
    driver.check()


def buying_back(driver: LifeDriver) -> None:
    """A guilty county buys back what it sold of its own fraud: that replaces nothing, and it owes less."""
    model = driver.model
    driver.credit(TOWN, 300, "dry_land")
    (project,) = driver.rows("SELECT max(id) AS id FROM project")
    quantity = next(batch for batch, what in sorted(model.batches.items(), reverse=True) if what == QUANTITY)
    driver.list_batch(TOWN, quantity, 120, None, key=True)
    listing = max(model.listings)
    driver.buy(Order(CITY, need_of(driver, CITY, QUANTITY), QUANTITY, 120, model.asks(listing), listing))
    trade(driver, max(model.trades))
    driver.void_project(project.id)
    driver.check()
    owed = max(model.obligations)
    driver.list_batch(CITY, quantity, 120, None, key=True)
    listing = max(model.listings)
    driver.declare(TOWN, ("O", owed), {QUANTITY: 100}, whole=False)
    driver.decide_need(max(model.needs), None, approve=True)
    driver.buy(Order(TOWN, max(model.needs), QUANTITY, 40, model.asks(listing), listing))
    trade(driver, max(model.trades))
    assert model.obligations[owed].owed[QUANTITY] == 80
    driver.declare(TOWN, ("O", owed), {QUANTITY: 20}, whole=False)
    driver.check()


def objections(driver: LifeDriver) -> None:
    """Stop a notice's clock, let it go on, and void a trade by an objection that is upheld."""
    model = driver.model
    listing = model.on_offer(QUANTITY)[0]
    need = need_of(driver, CITY, QUANTITY)
    for _ in range(2):
        driver.buy(Order(CITY, need, QUANTITY, 20, model.asks(listing), listing))
        driver.check()
    first, second = sorted(model.trades)[-2:]
    for number in (first, first, second):
        driver.object(number, TOWN)
        driver.check()
    awarded = model.trades[first]
    assert awarded.payment_due_at is not None
    driver.wait(awarded.payment_due_at)
    driver.work_due()
    driver.check()
    driver.confirm(first, CITY)
    driver.default(first)
    for number in awarded.objections:
        driver.decide_objection(number, first, uphold=False)
        driver.decide_objection(number, first, uphold=False)
        driver.check()
    (upheld,) = model.trades[second].objections
    for _ in range(2):
        driver.decide_objection(upheld, second, uphold=True)
        driver.check()
    trade(driver, first)
    driver.object(first, TOWN)


TOUR = (books, auction, purchases, write_offs, commitments, fraud, buying_back, objections)
