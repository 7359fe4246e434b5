"""Allocation of listings to key-project needs at the fixed price (重点项目定价调剂), RULES 9.

An ``Allocation`` is what the record file ``gengheng/allocation/1`` says and an ``AllocationOutcome`` what
``gengheng/allocation-outcome/1`` says. Quantities are ints of the indicator's smallest step, prices ints
in fen per unit, instants ints in microseconds since 1970-01-01T00:00:00Z.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.market.errors import ensure
from app.market.indicators import Indicator
from app.market.needs import KeyLevel
from app.market.queue import Shelf
from app.market.units import amount_fen


@dataclass(frozen=True, slots=True)
class Demand:
    """A waiting key-project need: how much of each indicator, above zero, is still open.

    ``all_or_nothing`` asks for the whole vector or nothing; otherwise it takes what there is.
    """

    id: str
    buyer: str
    level: KeyLevel
    approved_at_us: int
    quantities_steps: Mapping[Indicator, int]
    all_or_nothing: bool = False


@dataclass(frozen=True, slots=True)
class OpenListing:
    """A listing open to key projects; ``ask_fen`` None takes any price."""

    id: str
    county: str
    indicator: Indicator
    quantity_steps: int
    ask_fen: int | None
    poverty: bool
    listed_at_us: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """Everything one allocation depends on; the order of its lists says nothing.

    ``prices_fen`` gives the key-project price of at least each demanded indicator.
    """

    prices_fen: Mapping[Indicator, int]
    demands: tuple[Demand, ...]
    listings: tuple[OpenListing, ...]


@dataclass(frozen=True, slots=True)
class Fill:
    """What one demand gets of one listing; ``amount_fen`` is price × quantity, rounded half up once."""

    demand: str
    buyer: str
    listing: str
    county: str
    indicator: Indicator
    quantity_steps: int
    price_fen: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Unfilled:
    """What a demand still lacks of one indicator."""

    demand: str
    indicator: Indicator
    quantity_steps: int


@dataclass(frozen=True, slots=True)
class AllocationOutcome:
    """``fills`` sorted by demand, indicator, listing; ``unfilled`` by demand, indicator."""

    fills: tuple[Fill, ...]
    unfilled: tuple[Unfilled, ...]


def allocate(allocation: Allocation) -> AllocationOutcome:
    """Fill the demands from the queue at the key-project prices (RULES 9).

    National before provincial, then by approval, then by id. An all-or-nothing demand that can't be
    filled over its whole vector is passed over; if it is national, what it could have had is held back
    from the provincial demands, but never from another national one.
    """
    shelves = _shelves(allocation)
    drawn: dict[tuple[str, Indicator], list[tuple[OpenListing, int]]] = {}

    def fill(level: KeyLevel) -> list[Demand]:
        """Fill the demands of one level in their order; returns those passed over."""
        passed_over: list[Demand] = []
        for demand in (each for each in in_order if each.level is level):
            wanted = demand.quantities_steps
            if demand.all_or_nothing and any(shelves[i].left_steps < steps for i, steps in wanted.items()):
                passed_over.append(demand)
            else:
                for indicator, steps in wanted.items():
                    drawn[demand.id, indicator] = shelves[indicator].draw(steps)
        return passed_over

    in_order = sorted(allocation.demands, key=lambda each: (each.approved_at_us, each.id))
    for demand in fill(KeyLevel.NATIONAL):
        for indicator, steps in demand.quantities_steps.items():
            shelves[indicator].draw(steps)  # held back: nobody gets it in this allocation
    fill(KeyLevel.PROVINCIAL)  # a provincial demand that is passed over holds nothing back

    outcome = _outcome(allocation, drawn)
    _ensure_sound(allocation, outcome)
    return outcome


def _shelves(allocation: Allocation) -> dict[Indicator, Shelf[OpenListing]]:
    prices = allocation.prices_fen
    willing: dict[Indicator, list[OpenListing]] = {indicator: [] for indicator in Indicator}
    for listing in allocation.listings:
        price_fen = prices.get(listing.indicator)
        if price_fen is not None and (listing.ask_fen is None or listing.ask_fen <= price_fen):
            willing[listing.indicator].append(listing)
    return {indicator: Shelf(listings) for indicator, listings in willing.items()}


def _outcome(
    allocation: Allocation, drawn: Mapping[tuple[str, Indicator], list[tuple[OpenListing, int]]]
) -> AllocationOutcome:
    fills: list[Fill] = []
    unfilled: list[Unfilled] = []
    for demand in allocation.demands:
        for indicator, wanted in demand.quantities_steps.items():
            taken = drawn.get((demand.id, indicator), [])
            price_fen = allocation.prices_fen[indicator]
            fills += [
                Fill(
                    demand.id,
                    demand.buyer,
                    listing.id,
                    listing.county,
                    indicator,
                    steps,
                    price_fen,
                    amount_fen(price_fen, steps, indicator),
                )
                for listing, steps in taken
            ]
            lacking = wanted - sum(steps for _, steps in taken)
            if lacking > 0:
                unfilled.append(Unfilled(demand.id, indicator, lacking))
    return AllocationOutcome(
        tuple(sorted(fills, key=lambda f: (f.demand, f.indicator.value, f.listing))),
        tuple(sorted(unfilled, key=lambda u: (u.demand, u.indicator.value))),
    )


def _ensure_sound(allocation: Allocation, outcome: AllocationOutcome) -> None:
    """Stop unless nothing was sold twice and every demand is accounted for exactly."""
    left = {listing.id: listing.quantity_steps for listing in allocation.listings}
    open_steps = {
        (demand.id, indicator): wanted
        for demand in allocation.demands
        for indicator, wanted in demand.quantities_steps.items()
    }
    for fill in outcome.fills:
        ensure(fill.quantity_steps > 0, "a fill moves something")
        left[fill.listing] -= fill.quantity_steps
        open_steps[fill.demand, fill.indicator] -= fill.quantity_steps
    ensure(min(left.values(), default=0) >= 0, "no listing gives more than it has")
    lacking = {(each.demand, each.indicator): each.quantity_steps for each in outcome.unfilled}
    ensure(
        {key: steps for key, steps in open_steps.items() if steps} == lacking,
        "what a demand got and what it lacks add up to what it wanted",
    )
