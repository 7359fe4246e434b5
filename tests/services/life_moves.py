"""The machine's further moves: purchases, write-offs, and what ends an indicator's life."""

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.services.entities import LINKAGE, QUANTITY, Commitment
from tests.services.moves import move, when
from tests.services.purchase_model import Order

if TYPE_CHECKING:
    from tests.services.test_machine import ExchangeMachine

PICK = st.integers(0, 999)
SELDOM = st.integers(0, 5).map(lambda number: number == 5)


@when(lambda machine: machine.model.needs)
@move(pick=PICK, part=st.integers(1, 3), over=SELDOM, wrong_price=SELDOM, fund=st.integers(0, 3))
def buy(
    machine: "ExchangeMachine", *, pick: int, part: int, over: bool, wrong_price: bool, fund: int
) -> None:
    """Buy for a need: at the unified price, or one listing at its seller's."""
    model = machine.model
    wanting = [
        (number, indicator)
        for number, need in model.needs.items()
        for indicator in need.items
        if need.open(indicator) and (pick % 7 == 0 or need.key_level is None)
    ]
    if not wanting:
        return machine.allocate()
    number, indicator = wanting[pick % len(wanting)]
    need = model.needs[number]
    quantity = -(-need.open(indicator) // part) + (need.open(indicator) if over else 0)
    listings = model.on_offer(indicator)
    at_market = bool(pick % 2 and listings)
    if at_market:
        listing = listings[pick // 2 % len(listings)]
        there = model.listings[listing].quantity - model.listings[listing].awarded
        order = Order(
            need.buyer,
            number,
            indicator,
            quantity if over else min(quantity, there),
            model.asks(listing) + (1 if wrong_price else 0),
            listing,
        )
    else:
        price = model.bands[indicator].unified_price or model.bands[indicator].floor
        order = Order(need.buyer, number, indicator, quantity, price + (1 if wrong_price else 0))
    short = model.purchase_deposit(model.purchased(order)) - model.has(need.buyer, ("CNY", 0))
    if fund and short > 0:
        machine.driver.cash(need.buyer, short, f"保证金 {machine.driver.serial}", out=False)
        machine.driver.check()
    return machine.driver.buy(order)


@when(lambda machine: machine.model.applications)
@move(pick=PICK, stranger=SELDOM, any_state=SELDOM)
def write_off(machine: "ExchangeMachine", *, pick: int, stranger: bool, any_state: bool) -> None:
    """Write off an application, likely one that can be."""
    model = machine.model
    numbers = list(model.applications)
    owners = {number: model.applications[number].applicant for number in numbers}
    ready = [number for number in numbers if not model.against_write_off(number, owners[number])]
    chosen = numbers if any_state or not ready else ready
    number = chosen[pick % len(chosen)]
    who = next(code for code in machine.everybody if code != owners[number]) if stranger else owners[number]
    machine.driver.write_off(number, who)


@when(lambda machine: machine.model.applications)
@move(pick=PICK, any_state=SELDOM)
def approve_application(machine: "ExchangeMachine", *, pick: int, any_state: bool) -> None:
    """Approve an application, likely one that is written off."""
    model = machine.model
    ready = [number for number in model.applications if not model.against_approval(number)]
    chosen = list(model.applications) if any_state or not ready else ready
    machine.driver.approve_application(chosen[pick % len(chosen)])


@when(lambda machine: machine.model.applications)
@move(pick=PICK, part=st.integers(1, 3), days=st.integers(1, 40), over=SELDOM)
def promise(machine: "ExchangeMachine", *, pick: int, part: int, days: int, over: bool) -> None:
    """Promise what an application is short of: drafted, and likely filed and activated."""
    model, driver = machine.model, machine.driver
    filed = [number for number, each in model.applications.items() if each.state == "FILED"]
    short_ones = [number for number in filed if any(_short(machine, number).values())]
    if not short_ones:
        return machine.allocate()
    number = short_ones[pick % len(short_ones)]
    who = model.applications[number].applicant
    short = {each: much for each, much in _short(machine, number).items() if much}
    promised = {each: -(-much // part) + over * much for each, much in short.items()}
    kind = LINKAGE if LINKAGE in promised else "dry_land"
    area = max(1, promised.get(QUANTITY, promised.get(LINKAGE, 100)) * (pick % 3 + 1) // 2)
    project = driver.await_project(who, area, kind)
    driver.draft(Commitment(who, number, project, promised, (driver.now() + timedelta(days=days)).date()))
    driver.check()
    drafted = max(model.commitments, default=0)
    if drafted and model.commitments[drafted].project == project and pick % 5:
        driver.file_commitment(drafted)
        driver.check()
        if pick % 4:
            driver.activate(drafted)
            driver.check()
        if pick % 3:
            driver.accept_promised(project, area, kind)
    return None


def _short(machine: "ExchangeMachine", number: int) -> dict[str, int]:
    return machine.model.shortage(machine.model.applications[number].applicant, ("F", number))


@when(lambda machine: machine.model.commitments)
@move(pick=PICK)
def further_commitment(machine: "ExchangeMachine", *, pick: int) -> None:
    """Take a commitment a step further: filed, activated, or waited for until it is due."""
    model, driver = machine.model, machine.driver
    number = list(model.commitments)[pick % len(model.commitments)]
    each = model.commitments[number]
    if each.state == "DRAFT":
        return driver.file_commitment(number)
    if each.state == "FILED" or pick % 4 == 0:
        return driver.activate(number)
    driver.wait(datetime.combine(each.due_on + timedelta(days=1), time(), tzinfo=UTC))
    return driver.work_due()


@when(lambda machine: machine.model.obligations)
@move(pick=PICK, need=st.booleans(), stranger=SELDOM)
def make_good(machine: "ExchangeMachine", *, pick: int, need: bool, stranger: bool) -> None:
    """Discharge an obligation, or declare a need of what it lacks."""
    model, driver = machine.model, machine.driver
    number = list(model.obligations)[pick % len(model.obligations)]
    each = model.obligations[number]
    who = (
        next(code for code in machine.everybody if code != each.jurisdiction)
        if stranger
        else each.jurisdiction
    )
    if not need:
        return driver.discharge(number, who)
    short = model.shortage(who, ("O", number)) if ("O", number) in model.backings(who) else {}
    wanted = {indicator: much for indicator, much in short.items() if much} or {QUANTITY: 1}
    driver.declare(who, ("O", number), wanted, whole=False)
    driver.check()
    declared = max(model.needs)
    if model.needs[declared].state == "DECLARED":
        driver.decide_need(declared, None, approve=True)
    return None


@move(pick=PICK)
def void_project(machine: "ExchangeMachine", *, pick: int) -> None:
    """Find fraud in a project, one that something came of most likely."""
    projects = machine.driver.rows(
        "SELECT id FROM project WHERE state = 'ACCEPTED' OR :any ORDER BY id", any=pick % 9 == 0
    )
    machine.driver.void_project(projects[pick % len(projects)].id)


@when(lambda machine: machine.model.trades)
@move(pick=PICK, uphold=SELDOM, decide=st.booleans())
def object_to_trade(machine: "ExchangeMachine", *, pick: int, uphold: bool, decide: bool) -> None:
    """Object to a trade, or decide an objection."""
    model = machine.model
    stopped = [number for number, each in model.trades.items() if each.objections]
    if decide and stopped:
        number = stopped[pick % len(stopped)]
        known = list(model.trades[number].objections)
        return machine.driver.decide_objection(known[pick % len(known)], number, uphold=uphold)
    awarded = [number for number, each in model.trades.items() if each.state == "AWARDED"]
    chosen = awarded if awarded and pick % 5 else list(model.trades)
    return machine.driver.object(chosen[pick % len(chosen)], machine.everybody[pick % 4])
