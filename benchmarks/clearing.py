"""The clearing against ``sorted()`` on the same keys: time, growth and memory, from values to values.

Both are counted in processor time, which other programs of the machine take nothing from.
"""

import gc
import hashlib
import math
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product

from app.market.auctions import Listing, Pricing, Round, Rules, SealedBid, TieRule
from app.market.clearing import clear
from app.market.indicators import Indicator
from app.market.units import format_money, format_quantity
from benchmarks.ratios import Bound, Ratio, say

FARMLAND = Indicator.FARMLAND_QUANTITY
LOT_STEPS = 100
FLOOR_FEN, CEILING_FEN = 300_000_00, 450_000_00
PRICE_STEP_FEN = 100_00  # bids come in round figures, so equal prices are common
BUYERS, COUNTIES = 200, 86
SEED = "00ff17"
ONE_KILOBYTE = 1000


def under(pricing: Pricing, tie: TieRule) -> Rules:
    """The rules of a round, with a cap for each buyer."""
    return Rules(
        pricing=pricing,
        tie=tie,
        lot_steps=LOT_STEPS,
        floor_fen=FLOOR_FEN,
        ceiling_fen=CEILING_FEN,
        buyer_cap_share=Fraction(3, 10),
        draw_seed=SEED if tie is TieRule.LOTTERY else None,
    )


def some_round(bids: int, listings: int) -> Round:
    """A round whose bids want twice the supply, under the default rules; the same one at every run."""
    chance = random.Random(bids)  # noqa: S311  (a repeatable round, not a secret)
    pool = tuple(
        Listing(
            id=f"L{number:010d}",
            county=f"51{number % COUNTIES:04d}",
            quantity_steps=LOT_STEPS * chance.randint(1, 2000),
            ask_fen=chance.choice((None, FLOOR_FEN + PRICE_STEP_FEN * chance.randint(0, 500))),
            poverty=chance.random() < 0.4,
            listed_at_us=number * 1000,
        )
        for number in range(listings)
    )
    supply_steps = sum(listing.quantity_steps for listing in pool)
    most_lots = max(1, 4 * supply_steps // bids // LOT_STEPS)
    highest = (CEILING_FEN - FLOOR_FEN) // PRICE_STEP_FEN
    return Round(
        indicator=FARMLAND,
        opens_at_us=0,
        closes_at_us=bids,
        rules=under(Pricing.PAY_AS_BID, TieRule.EARLIEST),
        buyer_limits={f"52{number:04d}": supply_steps // 20 for number in range(BUYERS)},
        listings=pool,
        bids=tuple(
            SealedBid(
                id=f"B{chance.getrandbits(96):024x}",
                buyer=f"52{chance.randrange(BUYERS):04d}",
                price=format_money(FLOOR_FEN + PRICE_STEP_FEN * chance.randint(0, highest)),
                quantity=format_quantity(LOT_STEPS * chance.randint(1, most_lots), FARMLAND),
                min_quantity=None,
                received_at_us=number,
            )
            for number in range(bids)
        ),
    )


def _seconds(work: Callable[[], object], times: int) -> float:
    """The best of some runs: what the work takes when nothing else gets in its way."""
    best = math.inf
    for _ in range(times):
        gc.collect()
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def _clearing_seconds(round_: Round, times: int) -> float:
    return _seconds(lambda: clear(round_), times)


def _sorting_seconds(round_: Round, times: int) -> float:
    """``sorted()`` of the ranks' keys, which lie ready; for the lottery also the hashing of its keys."""
    seed = bytes.fromhex(round_.rules.draw_seed or "")
    buyers = {bid.buyer for bid in round_.bids} if round_.rules.draw_seed else set()

    def draws() -> dict[str, str]:
        return {buyer: hashlib.sha256(seed + buyer.encode()).hexdigest() for buyer in buyers}

    drawn = draws()
    keys = [
        (-int(str(bid.price).replace(".", "")), drawn.get(bid.buyer, ""), bid.received_at_us, bid.id)
        for bid in round_.bids
    ]
    return _seconds(lambda: (draws(), sorted(keys)), times)


def measure(*, full: bool) -> Iterator[Ratio]:
    """Measure every pricing and tie rule, how time grows with the bids, and bytes per bid."""
    sizes = [(100_000, 10_000, 2), *([(1_000_000, 10_000, 1)] if full else [])]
    for bids, listings, times in sizes:
        say(f"clearing {bids:,} bids on {listings:,} listings, every pricing and tie rule")
        plain = some_round(bids, listings)
        for pricing, tie in product(Pricing, TieRule):
            round_ = replace(plain, rules=under(pricing, tie))
            seconds, bare = _clearing_seconds(round_, times), _sorting_seconds(round_, times)
            yield Ratio(
                f"clearing {bids:,} bids, {pricing}, {tie} ÷ sorted()",
                seconds / bare,
                Bound.AT_MOST,
                3,
                f"{seconds:.2f} s to {bare:.3f} s",
            )
    yield from _growth(sizes[-1][0])
    yield _memory(100_000)


def _growth(most: int) -> Iterator[Ratio]:
    """Ten listings to a hundred bids at each size, so that nothing but the size changes."""
    fewest = 1000
    small, large = some_round(fewest, fewest // 10), some_round(most, most // 10)
    for tie in TieRule:
        say(f"clearing's growth from {fewest:,} to {most:,} bids, {tie}")
        rules = under(Pricing.PAY_AS_BID, tie)
        small_seconds = _clearing_seconds(replace(small, rules=rules), 20)
        large_seconds = _clearing_seconds(replace(large, rules=rules), 2)
        n_log_n = most * math.log(most) / (fewest * math.log(fewest))
        yield Ratio(
            f"clearing's growth {fewest:,} → {most:,} bids, {tie} ÷ n log n",
            large_seconds / small_seconds / n_log_n,
            Bound.AT_MOST,
            1,
            f"× {large_seconds / small_seconds:,.0f} to × {n_log_n:,.0f}",
        )


def _memory(bids: int) -> Ratio:
    say(f"clearing's memory with {bids:,} bids")
    most_bytes = 0
    plain = some_round(bids, 10_000)
    for pricing in Pricing:
        round_ = replace(plain, rules=under(pricing, TieRule.PRO_RATA))
        gc.collect()
        tracemalloc.start()
        clear(round_)
        most_bytes = max(most_bytes, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return Ratio(
        f"clearing {bids:,} bids, memory at the peak ÷ 1 kB a bid",
        most_bytes / bids / ONE_KILOBYTE,
        Bound.AT_MOST,
        1,
        f"{most_bytes / bids:,.0f} bytes a bid, outcome included",
    )
