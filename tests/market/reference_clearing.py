"""The clearing once more, straight from the text of RULES 10: slow, plain, and on no code of the exchange.

It shares with app.market.clearing the frozen values only. Every sum is taken anew each time it is
needed, every quantity that was filled is found again in the awards or fills made so far.
"""

import hashlib
import re
from fractions import Fraction
from math import floor as round_down

from app.market.auctions import (
    Award,
    Listing,
    Outcome,
    Pricing,
    Rejection,
    RejectionReason,
    Round,
    SealedBid,
    TieRule,
)

PLACES = {"farmland_quantity": 4, "paddy_area": 4, "grain_capacity": 2, "linkage_quota": 4}

Fill = tuple[SealedBid, int, int]
"""A bid, its capped quantity, what it got."""


def decimal(value: object, places: int) -> Fraction | None:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return None
    if "." in value and len(value) - value.index(".") - 1 > places:
        return None
    return Fraction(value)


def whole_lots(round_: Round, value: object) -> int | None:
    number = decimal(value, PLACES[round_.indicator])
    if number is None or number == 0:
        return None
    steps = int(number * 10 ** PLACES[round_.indicator])
    return steps if steps % round_.rules.lot_steps == 0 else None


def price_of(bid: SealedBid) -> int:
    number = decimal(bid.price, 2)
    assert number is not None
    return int(number * 100)


def quantity_of(round_: Round, bid: SealedBid) -> int:
    steps = whole_lots(round_, bid.quantity)
    assert steps is not None
    return steps


def minimum_of(round_: Round, bid: SealedBid) -> int:
    return 0 if bid.min_quantity is None else whole_lots(round_, bid.min_quantity) or 0


def reason_against(round_: Round, bid: SealedBid) -> RejectionReason | None:  # noqa: PLR0911  (as the text)
    rules = round_.rules
    if bid.received_at_us < round_.opens_at_us or bid.received_at_us >= round_.closes_at_us:
        return RejectionReason.OUTSIDE_BIDDING_WINDOW
    if decimal(bid.price, 2) is None:
        return RejectionReason.BAD_PRICE
    if price_of(bid) < rules.floor_fen:
        return RejectionReason.BELOW_FLOOR
    if price_of(bid) > rules.ceiling_fen:
        return RejectionReason.ABOVE_CEILING
    if whole_lots(round_, bid.quantity) is None:
        return RejectionReason.NOT_A_LOT_MULTIPLE
    if bid.min_quantity is None:
        return None
    if rules.tie == TieRule.PRO_RATA:
        return RejectionReason.MIN_QUANTITY_NOT_ALLOWED
    if whole_lots(round_, bid.min_quantity) is None:
        return RejectionReason.BAD_MIN_QUANTITY
    if minimum_of(round_, bid) > quantity_of(round_, bid):
        return RejectionReason.BAD_MIN_QUANTITY
    return None


def draw_of(round_: Round, bid: SealedBid) -> str:
    if round_.rules.tie != TieRule.LOTTERY:
        return ""
    assert round_.rules.draw_seed is not None
    seed = bytes.fromhex(round_.rules.draw_seed)
    return hashlib.sha256(seed + bid.buyer.encode("utf-8")).hexdigest()


def ask_of(round_: Round, listing: Listing) -> int:
    return round_.rules.floor_fen if listing.ask_fen is None else listing.ask_fen


def supply_asking_at_most(round_: Round, price: int) -> int:
    return sum(each.quantity_steps for each in round_.listings if ask_of(round_, each) <= price)


def cap(round_: Round, buyer: str, price: int) -> int | None:
    lot = round_.rules.lot_steps
    caps: list[int] = []
    if round_.rules.buyer_cap_share is not None:
        share = round_.rules.buyer_cap_share * supply_asking_at_most(round_, price)
        caps.append(round_down(share / lot) * lot)
    if buyer in round_.buyer_limits:
        caps.append(round_down(Fraction(round_.buyer_limits[buyer], lot)) * lot)
    return min(caps) if caps else None


def capped_quantity(round_: Round, bid: SealedBid, taken: int) -> int:
    most = cap(round_, bid.buyer, price_of(bid))
    quantity = quantity_of(round_, bid)
    return quantity if most is None else max(0, min(quantity, most - taken))


def filled_so_far(fills: list[Fill], buyer: str | None = None) -> int:
    return sum(got for bid, _, got in fills if buyer in {None, bid.buyer})


def left_of(listing: Listing, awards: list[Award]) -> int:
    return listing.quantity_steps - sum(each.quantity_steps for each in awards if each.listing == listing.id)


def left_of_willing(round_: Round, price: int, awards: list[Award]) -> int:
    return sum(left_of(each, awards) for each in round_.listings if ask_of(round_, each) <= price)


def headroom(round_: Round, price: int, fills: list[Fill], awards: list[Award]) -> int:
    if round_.rules.pricing == Pricing.PAY_AS_BID:
        return left_of_willing(round_, price, awards)
    return max(0, supply_asking_at_most(round_, price) - filled_so_far(fills))


def draw_from_queue(round_: Round, bid: SealedBid, wanted: int, price: int, awards: list[Award]) -> None:
    queue = (
        [each for each in round_.listings if each.poverty],
        [each for each in round_.listings if not each.poverty],
    )
    for part_of_queue in queue:
        for listing in sorted(part_of_queue, key=lambda each: (each.listed_at_us, each.id)):
            part = min(wanted, left_of(listing, awards))
            if ask_of(round_, listing) > price or part == 0:
                continue
            exact = Fraction(price * part, 10 ** PLACES[round_.indicator])
            amount = round_down(exact + Fraction(1, 2))
            awards.append(Award(bid.id, bid.buyer, listing.id, listing.county, part, price, amount))
            wanted -= part
    assert wanted == 0


def fill_one(round_: Round, bid: SealedBid, fills: list[Fill], awards: list[Award]) -> None:
    capped = capped_quantity(round_, bid, filled_so_far(fills, bid.buyer))
    got = min(capped, headroom(round_, price_of(bid), fills, awards))
    if got < minimum_of(round_, bid):
        got = 0
    fills.append((bid, capped, got))
    if round_.rules.pricing == Pricing.PAY_AS_BID:
        draw_from_queue(round_, bid, got, price_of(bid), awards)


def parts_of_group(round_: Round, group: list[SealedBid], capped: list[int], room: int) -> dict[str, int]:
    lot = round_.rules.lot_steps
    want: dict[str, int] = {}
    for bid, quantity in zip(group, capped, strict=True):
        want[bid.buyer] = want.get(bid.buyer, 0) + quantity
    total = sum(want.values())
    if total <= room:
        return want
    exact = {buyer: Fraction(quantity * room, total) for buyer, quantity in want.items()}
    parts = {buyer: round_down(share / lot) * lot for buyer, share in exact.items()}
    remainder = {buyer: exact[buyer] - parts[buyer] for buyer in want}
    first = {
        buyer: min((bid.received_at_us, bid.id) for bid in group if bid.buyer == buyer) for buyer in want
    }
    order = sorted(want, key=lambda buyer: (-remainder[buyer], first[buyer]))
    for buyer in order:
        if sum(parts.values()) + lot <= room and parts[buyer] + lot <= want[buyer]:
            parts[buyer] += lot
    return parts


def fill_group(round_: Round, group: list[SealedBid], fills: list[Fill], awards: list[Award]) -> None:
    price = price_of(group[0])
    capped: list[int] = []
    for place, bid in enumerate(group):
        wanted = sum(capped[earlier] for earlier in range(place) if group[earlier].buyer == bid.buyer)
        capped.append(capped_quantity(round_, bid, filled_so_far(fills, bid.buyer) + wanted))
    parts = parts_of_group(round_, group, capped, headroom(round_, price, fills, awards))
    for bid, quantity in zip(group, capped, strict=True):
        got = min(quantity, parts[bid.buyer])
        parts[bid.buyer] -= got
        fills.append((bid, quantity, got))
        if round_.rules.pricing == Pricing.PAY_AS_BID:
            draw_from_queue(round_, bid, got, price, awards)


def uniform_price(round_: Round, fills: list[Fill]) -> int:
    lowest_accepted = min(price_of(bid) for bid, _, got in fills if got > 0)
    if round_.rules.pricing == Pricing.UNIFORM_LOWEST_ACCEPTED:
        return lowest_accepted
    total = filled_so_far(fills)
    asks = [ask_of(round_, each) for each in round_.listings]
    lowest_ask = min(ask for ask in asks if supply_asking_at_most(round_, ask) >= total)
    rejected = [price_of(bid) for bid, capped, got in fills if got < capped]
    highest_rejected = [min(max(rejected), lowest_accepted)] if rejected else []
    return max([round_.rules.floor_fen, lowest_ask, *highest_rejected])


def clear_by_the_book(round_: Round) -> Outcome:
    """What the text of RULES 10 says comes out of a round."""
    reasons = {bid.id: reason_against(round_, bid) for bid in round_.bids}
    admitted = [bid for bid in round_.bids if reasons[bid.id] is None]
    fills: list[Fill] = []
    awards: list[Award] = []
    for price in sorted({price_of(bid) for bid in admitted}, reverse=True):
        group = [bid for bid in admitted if price_of(bid) == price]
        group.sort(key=lambda bid: (draw_of(round_, bid), bid.received_at_us, bid.id))
        if round_.rules.tie == TieRule.PRO_RATA:
            fill_group(round_, group, fills, awards)
            continue
        for bid in group:
            fill_one(round_, bid, fills, awards)
    sold = filled_so_far(fills)
    clearing_price = None
    if round_.rules.pricing != Pricing.PAY_AS_BID and sold > 0:
        clearing_price = uniform_price(round_, fills)
        for bid, _, got in fills:
            draw_from_queue(round_, bid, got, clearing_price, awards)
    return Outcome(
        clearing_price_fen=clearing_price,
        sold_steps=sold,
        unsold_steps=sum(each.quantity_steps for each in round_.listings) - sold,
        rejected=tuple(
            sorted(
                (Rejection(bid, reason) for bid, reason in reasons.items() if reason is not None),
                key=lambda each: each.bid,
            )
        ),
        awards=tuple(sorted(awards, key=lambda each: (each.bid, each.listing))),
    )
