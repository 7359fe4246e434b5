"""What an outcome means for those who took part: trades, and what becomes of each deposit (RULES 10, 11).

Quantities are ints of the indicator's smallest step, money fen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from app.market.auctions import Award, Outcome
from app.market.bidding import kept_deposit_fen
from app.market.errors import ensure
from app.market.indicators import Indicator
from app.market.trades import AwardedLine, AwardedTrade


@dataclass(frozen=True, slots=True)
class Registered:
    """A buyer of the auction: the need it buys for, its limit, and the deposit (保证金) held for it."""

    need_id: int
    limit_steps: int
    deposit_fen: int


@dataclass(frozen=True, slots=True)
class PooledListing:
    """What an award's line says of the listing beyond its id and county."""

    listing_id: int
    batch_id: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What an opening does: one trade per winning bid, and the money each buyer gets back."""

    trades: tuple[AwardedTrade, ...]
    released_fen: Mapping[str, int]


def plan(
    auction_id: int,
    indicator: Indicator,
    outcome: Outcome,
    registered: Mapping[str, Registered],
    listings: Mapping[str, PooledListing],
) -> Plan:
    """Turn an outcome into trades and releases; ``registered`` by buyer, ``listings`` by public id."""
    left_fen = {buyer: each.deposit_fen for buyer, each in registered.items()}
    trades: list[AwardedTrade] = []
    for bid, group in groupby(outcome.awards, key=lambda award: award.bid):
        awards = list(group)
        buyer = awards[0].buyer
        lines = tuple(_line(award, listings[award.listing], indicator) for award in awards)
        kept_fen = kept_deposit_fen(
            registered[buyer].deposit_fen,
            registered[buyer].limit_steps,
            sum(line.quantity for line in lines),
            sum(line.amount_fen for line in lines),
        )
        left_fen[buyer] -= kept_fen
        trades.append(
            AwardedTrade(
                buyer=buyer,
                need_id=registered[buyer].need_id,
                lines=lines,
                auction_id=auction_id,
                bid_id=bid,
                deposit_fen=kept_fen,
            )
        )
    ensure(min(left_fen.values(), default=0) >= 0, "no more of a deposit is kept than was held")
    held_fen = sum(each.deposit_fen for each in registered.values())
    kept_fen = sum(trade.deposit_fen for trade in trades)
    ensure(kept_fen + sum(left_fen.values()) == held_fen, "what is not kept of a deposit is released")
    return Plan(tuple(trades), {buyer: fen for buyer, fen in left_fen.items() if fen})


def _line(award: Award, listing: PooledListing, indicator: Indicator) -> AwardedLine:
    return AwardedLine(
        listing_id=listing.listing_id,
        seller=award.county,
        batch_id=listing.batch_id,
        indicator=indicator,
        quantity=award.quantity_steps,
        price_fen=award.price_fen,
        amount_fen=award.amount_fen,
    )
