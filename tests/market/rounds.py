"""Rounds for tests: short builders, and Hypothesis strategies that make ties and scarcity common.

Builders write prices in yuan and quantities in units, as a bid does. The strategies count in lots and
keep to few prices, asks, buyers and instants, so that every rule of the clearing meets the others.
"""

from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

from app.market.auctions import Listing, Outcome, Pricing, Round, Rules, SealedBid, TieRule
from app.market.indicators import Indicator
from app.market.units import format_money, format_quantity, parse_money, parse_quantity

OPENS_AT_US = 1_000_000
CLOSES_AT_US = 2_000_000
HM2 = 10_000
SEED = "00ff17"
FARMLAND = Indicator.FARMLAND_QUANTITY


def rules(
    pricing: Pricing = Pricing.PAY_AS_BID,
    tie: TieRule = TieRule.EARLIEST,
    *,
    lot: str = "1",
    floor: str = "100",
    ceiling: str = "200",
    share: str | None = None,
) -> Rules:
    """Rules of farmland rounds: the lot in hm², the band in yuan per hm²."""
    return Rules(
        pricing=pricing,
        tie=tie,
        lot_steps=parse_quantity(lot, FARMLAND),
        floor_fen=parse_money(floor),
        ceiling_fen=parse_money(ceiling),
        buyer_cap_share=None if share is None else Fraction(share),
        draw_seed=SEED if tie is TieRule.LOTTERY else None,
    )


def listing(
    id_: str, quantity: str, ask: str | None = None, *, poverty: bool = False, listed_at_us: int = 0
) -> Listing:
    """A listing of county ``C-`` and its id."""
    ask_fen = None if ask is None else parse_money(ask)
    return Listing(id_, f"C-{id_}", parse_quantity(quantity, FARMLAND), ask_fen, poverty, listed_at_us)


def bid(
    id_: str, buyer: str, price: object, quantity: object, minimum: object = None, *, at_us: int = OPENS_AT_US
) -> SealedBid:
    """A bid as it was written; ``at_us`` is its receipt."""
    return SealedBid(id_, buyer, price, quantity, minimum, at_us)


def round_of(
    rules_: Rules, listings: list[Listing], bids: list[SealedBid], limits: dict[str, str] | None = None
) -> Round:
    """A farmland round; bids without a receipt of their own are received one after the other."""
    bids = [
        replace(each, received_at_us=OPENS_AT_US + place) if each.received_at_us == OPENS_AT_US else each
        for place, each in enumerate(bids)
    ]
    steps = {buyer: parse_quantity(limit, FARMLAND) for buyer, limit in (limits or {}).items()}
    return Round(FARMLAND, OPENS_AT_US, CLOSES_AT_US, rules_, steps, tuple(listings), tuple(bids))


def won(outcome: Outcome) -> dict[str, str]:
    """What each winning bid got in all, printed."""
    steps: dict[str, int] = {}
    for award in outcome.awards:
        steps[award.bid] = steps.get(award.bid, 0) + award.quantity_steps
    return {
        bid_: format_quantity(quantity, FARMLAND).removesuffix(".0000") for bid_, quantity in steps.items()
    }


def bought_steps(outcome: Outcome, buyer: str) -> int:
    """What a buyer got in all, in steps."""
    return sum(award.quantity_steps for award in outcome.awards if award.buyer == buyer)


def paid_fen(outcome: Outcome, buyer: str) -> int:
    """What a buyer pays in all."""
    return sum(award.amount_fen for award in outcome.awards if award.buyer == buyer)


def earned_fen(outcome: Outcome, listing_id: str) -> int:
    """What a listing earns in all."""
    return sum(award.amount_fen for award in outcome.awards if award.listing == listing_id)


# Strategies

LOTS = (1, 3, HM2)
LOW_FEN, HIGH_FEN = 10_000, 10_006
PRICES_FEN = st.integers(LOW_FEN, HIGH_FEN)
MALFORMED: st.SearchStrategy[object] = st.sampled_from(
    [
        None,
        1,
        1.5,
        True,
        "",
        " 1",
        "+1",
        "-1",
        "1e5",
        "1.",
        ".5",
        "1,0",
        "1\n",
        "٣",
        "0",
        "0.00001",
        "9" * 40,
        [],
        {},
    ]
)


@st.composite
def some_rules(
    draw: st.DrawFn,
    pricing: tuple[Pricing, ...] = tuple(Pricing),
    tie: tuple[TieRule, ...] = tuple(TieRule),
) -> Rules:
    share = draw(st.none() | st.fractions(Fraction(1, 10), 1, max_denominator=12))
    seed = draw(st.sampled_from(["00", "a1b2", "ffeedd"]))
    return Rules(
        pricing=draw(st.sampled_from(pricing)),
        tie=draw(st.sampled_from(tie)),
        lot_steps=draw(st.sampled_from(LOTS)),
        floor_fen=LOW_FEN,
        ceiling_fen=HIGH_FEN,
        buyer_cap_share=share,
        draw_seed=seed,
    )


@st.composite
def some_listing(draw: st.DrawFn, place: int, lot_steps: int) -> Listing:
    ask_fen = draw(st.none() | PRICES_FEN)
    quantity_steps = lot_steps * draw(st.integers(1, 12))
    return Listing(
        f"L{place}", f"C{place}", quantity_steps, ask_fen, draw(st.booleans()), draw(st.integers(0, 3))
    )


@st.composite
def some_bid(draw: st.DrawFn, place: int, lot_steps: int, *, minimums: bool, malformed: bool) -> SealedBid:
    lots = draw(st.integers(1, 12))
    least = draw(st.none() | st.integers(1, lots)) if minimums else None
    price: object = format_money(draw(PRICES_FEN))
    quantity: object = format_quantity(lots * lot_steps, FARMLAND)
    minimum: object = None if least is None else format_quantity(least * lot_steps, FARMLAND)
    received_at_us = OPENS_AT_US + draw(st.integers(0, 3))
    if malformed and draw(st.integers(0, 7)) == 0:
        price = draw(MALFORMED | st.integers(9_990, 10_010).map(format_money))
        quantity = draw(MALFORMED | st.just(quantity))
        minimum = draw(MALFORMED | st.just(quantity))
        received_at_us = draw(st.sampled_from([OPENS_AT_US - 1, OPENS_AT_US, CLOSES_AT_US - 1, CLOSES_AT_US]))
    return SealedBid(f"B{place}", draw(st.sampled_from("PQRS")), price, quantity, minimum, received_at_us)


@st.composite
def some_round(
    draw: st.DrawFn,
    rules_: st.SearchStrategy[Rules] | None = None,
    *,
    minimums: bool = True,
    malformed: bool = True,
    most_bids: int = 10,
) -> Round:
    """A small round, crowded enough for ties, caps, minimums and asks to matter."""
    settled = draw(rules_ if rules_ is not None else some_rules())
    lot_steps = settled.lot_steps
    listings = [draw(some_listing(place, lot_steps)) for place in range(draw(st.integers(0, 5)))]
    bids = [
        draw(
            some_bid(
                place,
                lot_steps,
                minimums=minimums and settled.tie is not TieRule.PRO_RATA,
                malformed=malformed,
            )
        )
        for place in range(draw(st.integers(0, most_bids)))
    ]
    limits = draw(st.dictionaries(st.sampled_from("PQ"), st.integers(0, 15 * lot_steps), max_size=2))
    return Round(FARMLAND, OPENS_AT_US, CLOSES_AT_US, settled, limits, tuple(listings), tuple(bids))
