"""The machine's further moves: purchases, write-offs, and what ends an indicator's life."""

from typing import TYPE_CHECKING

from hypothesis import strategies as st

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
