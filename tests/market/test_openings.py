"""What an outcome means: one trade per winning bid, the deposit on its part kept, the rest released."""

import pytest

from app.market.auctions import Award, Outcome
from app.market.errors import BrokenInvariant
from app.market.indicators import Indicator
from app.market.openings import PooledListing, Registered, plan
from app.market.units import amount_fen

AREA = Indicator.FARMLAND_QUANTITY
LISTINGS = {"L1": PooledListing(1, 11), "L2": PooledListing(2, 12)}


def award(bid: str, buyer: str, listing: str, steps: int, price_fen: int = 300_000_00) -> Award:
    """An award of some m² of a listing of county 511922."""
    amount = amount_fen(price_fen, steps, AREA)
    return Award(bid, buyer, listing, "511922", steps, price_fen, amount)


def outcome(*awards: Award) -> Outcome:
    """The outcome that holds these awards."""
    return Outcome(None, sum(each.quantity_steps for each in awards), 0, (), awards)


def test_each_winning_bid_is_one_trade_with_a_line_per_listing() -> None:
    registered = {"510100": Registered(5, 10_0000, 1000_00), "510104": Registered(6, 10_0000, 1000_00)}
    made = plan(
        9,
        AREA,
        outcome(
            award("B1", "510100", "L1", 2_0000),
            award("B1", "510100", "L2", 1_0000),
            award("B2", "510100", "L2", 1_0000),
        ),
        registered,
        LISTINGS,
    )
    assert [(trade.bid_id, trade.need_id, trade.auction_id) for trade in made.trades] == [
        ("B1", 5, 9),
        ("B2", 5, 9),
    ]
    assert [(line.listing_id, line.batch_id, line.quantity) for line in made.trades[0].lines] == [
        (1, 11, 2_0000),
        (2, 12, 1_0000),
    ]


def test_the_deposit_on_the_awarded_part_is_kept_and_the_rest_released() -> None:
    registered = {"510100": Registered(5, 10_0000, 1000_00), "510104": Registered(6, 4_0000, 777_77)}
    made = plan(9, AREA, outcome(award("B1", "510100", "L1", 3_0000)), registered, LISTINGS)
    assert made.trades[0].deposit_fen == 300_00
    assert made.released_fen == {"510100": 700_00, "510104": 777_77}


def test_without_awards_every_deposit_is_released() -> None:
    made = plan(9, AREA, outcome(), {"510100": Registered(5, 1, 3)}, LISTINGS)
    assert (made.trades, made.released_fen) == ((), {"510100": 3})


def test_a_buyer_awarded_above_its_limit_stops_the_opening() -> None:
    with pytest.raises(BrokenInvariant):
        plan(
            9,
            AREA,
            outcome(award("B1", "510100", "L1", 2)),
            {"510100": Registered(5, 1, 3)},
            LISTINGS,
        )
