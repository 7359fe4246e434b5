"""The clearing (出清) of a sealed-bid round: a pure function of its record (RULES 10).

The price falls from bid to bid, and everything here leans on that: what a price excludes is excluded
for good, so one pass down the ranks, with one pointer through the queue and one through the asks,
settles the round. The cost is that of sorting the bids and the listings.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate, groupby

from app.market.admission import Admission, AdmittedBid
from app.market.auctions import Award, Listing, Outcome, Pricing, Rejection, Round, Rules, TieRule
from app.market.draw import lottery_draw
from app.market.errors import ensure
from app.market.queue import queue_order
from app.market.units import amount_fen


def clear(round_: Round) -> Outcome:
    """The outcome of a round: who gets how much of which listing at what price, and which bids don't count.

    Depends on nothing but the round, and not on the order of its lists. Raises BrokenInvariant if the
    result breaks what every outcome must hold (a defect of this module).
    """
    rules = round_.rules
    admitted, rejected = _admit(round_)
    filling = _Filling(round_)
    for price_fen, group in groupby(sorted(admitted, key=_rank(rules)), key=_price):
        filling.fall_to(price_fen)
        if rules.tie is TieRule.PRO_RATA:
            filling.share(list(group))
        else:
            for bid in group:
                filling.fill(bid)
    clearing_price_fen = _uniform_price(filling, round_)
    if clearing_price_fen is not None:
        filling.draw_at(clearing_price_fen)
    outcome = Outcome(
        clearing_price_fen=clearing_price_fen,
        sold_steps=filling.filled_steps,
        unsold_steps=sum(listing.quantity_steps for listing in round_.listings) - filling.filled_steps,
        rejected=tuple(sorted(rejected, key=lambda rejection: rejection.bid)),
        awards=tuple(sorted(filling.awards)),
    )
    _ensure_sound(round_, {bid.id: bid for bid, _ in filling.fills}, outcome)
    return outcome


def _admit(round_: Round) -> tuple[list[AdmittedBid], list[Rejection]]:
    admission = Admission(
        round_.indicator, round_.rules, opens_at_us=round_.opens_at_us, closes_at_us=round_.closes_at_us
    )
    admitted: list[AdmittedBid] = []
    rejected: list[Rejection] = []
    for bid in round_.bids:
        verdict = admission.admit(bid)
        if isinstance(verdict, AdmittedBid):
            admitted.append(verdict)
        else:
            rejected.append(Rejection(bid.id, verdict))
    return admitted, rejected


def _price(bid: AdmittedBid) -> int:
    return bid.price_fen


def _rank(rules: Rules) -> Callable[[AdmittedBid], tuple[int | str, ...]]:
    """Sort key: price descending, then the tie rule; inside a pro-rata group, the order received."""
    if rules.tie is not TieRule.LOTTERY:
        return lambda bid: (-bid.price_fen, bid.received_at_us, bid.id)
    seed = bytes.fromhex(rules.draw_seed or "")
    draws: dict[str, str] = {}

    def drawn(bid: AdmittedBid) -> tuple[int | str, ...]:
        draw = draws.get(bid.buyer)
        if draw is None:
            draw = draws[bid.buyer] = lottery_draw(seed, bid.buyer)
        return (-bid.price_fen, draw, bid.received_at_us, bid.id)

    return drawn


def _ask(listing: Listing, rules: Rules) -> int:
    """A listing without an ask asks the floor."""
    return rules.floor_fen if listing.ask_fen is None else listing.ask_fen


class _Pool:
    """The listings as a falling price sees them, in queue order.

    ``offered_steps`` is S(p), all supply that asks at most the price; ``left_steps`` is what of it has
    not been drawn. A listing that has become too dear never serves a later bid, so it is emptied.
    """

    __slots__ = ("_cheapest_first", "_head", "_left", "_queue", "_rules", "left_steps", "offered_steps")

    def __init__(self, listings: Iterable[Listing], rules: Rules) -> None:
        self._rules = rules
        self._queue = sorted(listings, key=queue_order)
        self._left = [listing.quantity_steps for listing in self._queue]
        self._cheapest_first = sorted(
            range(len(self._queue)), key=lambda place: _ask(self._queue[place], rules)
        )
        self._head = 0
        self.offered_steps = self.left_steps = sum(self._left)

    def fall_to(self, price_fen: int) -> None:
        """Drop the listings that ask more than the price."""
        by_ask = self._cheapest_first
        while by_ask and _ask(self._queue[by_ask[-1]], self._rules) > price_fen:
            place = by_ask.pop()
            self.offered_steps -= self._queue[place].quantity_steps
            self.left_steps -= self._left[place]
            self._left[place] = 0

    def draw(self, steps: int) -> Iterator[tuple[Listing, int]]:
        """Take ``steps`` from the head of the queue on: each listing drawn from, and how much."""
        ensure(0 < steps <= self.left_steps, "no bid draws more than the willing listings have left")
        self.left_steps -= steps
        while steps:
            part = min(steps, self._left[self._head])
            if part:
                yield self._queue[self._head], part
                self._left[self._head] -= part
                steps -= part
            if steps:
                self._head += 1


class _Filling:
    """What has been filled so far, going down the ranks."""

    __slots__ = (
        "_buyer_steps",
        "_limit_steps",
        "_pool",
        "_round",
        "_share_cap_steps",
        "awards",
        "filled_steps",
        "fills",
        "highest_rejected_fen",
    )

    def __init__(self, round_: Round) -> None:
        lot_steps = round_.rules.lot_steps
        self._round = round_
        self._pool = _Pool(round_.listings, round_.rules)
        self._limit_steps = {
            buyer: limit_steps - limit_steps % lot_steps for buyer, limit_steps in round_.buyer_limits.items()
        }
        self._share_cap_steps: int | None = None
        self._buyer_steps: dict[str, int] = {}
        self.filled_steps = 0
        self.fills: list[tuple[AdmittedBid, int]] = []
        self.awards: list[Award] = []
        self.highest_rejected_fen: int | None = None

    def fall_to(self, price_fen: int) -> None:
        """Go on to the bids of the next price down: fewer listings are willing, caps are narrower."""
        self._pool.fall_to(price_fen)
        self._share_cap_steps = _share_cap(self._round.rules, self._pool.offered_steps)

    def fill(self, bid: AdmittedBid) -> None:
        """Give one bid what it can get, unless that is less than its minimum."""
        capped_steps = self._capped(bid, 0)
        steps = min(capped_steps, self._headroom())
        self._grant(bid, capped_steps, steps if steps >= bid.min_steps else 0)

    def share(self, group: list[AdmittedBid]) -> None:
        """Fill all bids of one price (in the order received) together: 按比例分配."""
        capped: list[int] = []
        wanted: dict[str, int] = {}
        for bid in group:
            earlier_steps = wanted.get(bid.buyer, 0)
            capped.append(self._capped(bid, earlier_steps))
            wanted[bid.buyer] = earlier_steps + capped[-1]
        parts = share_out(wanted, self._headroom(), self._round.rules.lot_steps)
        for bid, capped_steps in zip(group, capped, strict=True):
            steps = min(capped_steps, parts[bid.buyer])
            parts[bid.buyer] -= steps
            self._grant(bid, capped_steps, steps)

    def draw_at(self, price_fen: int) -> None:
        """Uniform pricing's last step: the filled bids, in rank order, draw at the one price."""
        pool = _Pool(self._round.listings, self._round.rules)
        pool.fall_to(price_fen)
        for bid, steps in self.fills:
            self._award(pool, bid, steps, price_fen)

    def _headroom(self) -> int:
        """What is there for the next bid at the present price."""
        if self._round.rules.pricing is Pricing.PAY_AS_BID:
            return self._pool.left_steps
        return max(self._pool.offered_steps - self.filled_steps, 0)

    def _capped(self, bid: AdmittedBid, earlier_steps: int) -> int:
        """The bid's capped quantity; ``earlier_steps``: what its buyer's earlier bids in the group want."""
        taken_steps = self._buyer_steps.get(bid.buyer, 0) + earlier_steps
        capped_steps = bid.quantity_steps
        for cap_steps in (self._share_cap_steps, self._limit_steps.get(bid.buyer)):
            if cap_steps is not None:
                capped_steps = min(capped_steps, cap_steps - taken_steps)
        return max(capped_steps, 0)

    def _grant(self, bid: AdmittedBid, capped_steps: int, steps: int) -> None:
        if steps < capped_steps and self.highest_rejected_fen is None:
            self.highest_rejected_fen = bid.price_fen  # prices fall: the first is the highest
        if not steps:
            return
        self.filled_steps += steps
        self._buyer_steps[bid.buyer] = self._buyer_steps.get(bid.buyer, 0) + steps
        self.fills.append((bid, steps))
        if self._round.rules.pricing is Pricing.PAY_AS_BID:
            self._award(self._pool, bid, steps, bid.price_fen)

    def _award(self, pool: _Pool, bid: AdmittedBid, steps: int, price_fen: int) -> None:
        for listing, part in pool.draw(steps):
            amount = amount_fen(price_fen, part, self._round.indicator)
            self.awards.append(Award(bid.id, bid.buyer, listing.id, listing.county, part, price_fen, amount))


def _share_cap(rules: Rules, offered_steps: int) -> int | None:
    """``buyer_cap_share`` × S(p), rounded down to the lot; None where the round has no such cap."""
    share = rules.buyer_cap_share
    if share is None:
        return None
    return share.numerator * offered_steps // (share.denominator * rules.lot_steps) * rules.lot_steps


def share_out(wanted: Mapping[str, int], headroom_steps: int, lot_steps: int) -> dict[str, int]:
    """Each buyer's part of a headroom (whole lots) that may not be enough for what all want.

    ``wanted`` names the buyers in the order of their first bids. Where it is not enough, each gets its
    proportion rounded down to the lot, and the lots left go one each to the largest remainders, equal
    ones to the buyer whose bid came first.
    """
    wanted_steps = sum(wanted.values())
    if wanted_steps <= headroom_steps:
        return dict(wanted)
    whole = wanted_steps * lot_steps
    parts = {buyer: steps * headroom_steps // whole * lot_steps for buyer, steps in wanted.items()}
    lots_left = (headroom_steps - sum(parts.values())) // lot_steps
    by_remainder = sorted(wanted, key=lambda buyer: -(wanted[buyer] * headroom_steps % whole))
    for buyer in by_remainder[:lots_left]:
        parts[buyer] += lot_steps
        # Never above what it wants: a proportion below 1 of whole lots, rounded down, leaves a lot of room.
        ensure(parts[buyer] <= wanted[buyer], "no buyer's part is above what it wants")
    return parts


def _uniform_price(filling: _Filling, round_: Round) -> int | None:
    """The one price that all pay, in fen per unit; None under pay-as-bid or where nothing was filled."""
    rules = round_.rules
    if rules.pricing is Pricing.PAY_AS_BID or not filling.fills:
        return None
    lowest_accepted_fen = filling.fills[-1][0].price_fen
    if rules.pricing is Pricing.UNIFORM_LOWEST_ACCEPTED:
        return lowest_accepted_fen
    price_fen = max(rules.floor_fen, _marginal_ask(round_, filling.filled_steps))
    if filling.highest_rejected_fen is not None:
        price_fen = max(price_fen, min(filling.highest_rejected_fen, lowest_accepted_fen))
    return price_fen


def _marginal_ask(round_: Round, filled_steps: int) -> int:
    """The lowest ask a with S(a) ≥ the filled total: no sold listing gets less than it asks."""
    offered_steps = 0
    for ask_fen, quantity_steps in sorted(
        (_ask(listing, round_.rules), listing.quantity_steps) for listing in round_.listings
    ):
        offered_steps += quantity_steps
        if offered_steps >= filled_steps:
            return ask_fen
    ensure(False, "no more is filled than is offered")
    return round_.rules.ceiling_fen


def _ensure_sound(round_: Round, winners: Mapping[str, AdmittedBid], outcome: Outcome) -> None:
    """Check the awards against the round itself, on a way of its own: what must hold, and what must not."""
    rules = round_.rules
    asks_fen = {listing.id: _ask(listing, rules) for listing in round_.listings}
    left = {listing.id: listing.quantity_steps for listing in round_.listings}
    got = dict.fromkeys(winners, 0)
    for award in outcome.awards:
        left[award.listing] -= award.quantity_steps
        got[award.bid] += award.quantity_steps
        ensure(award.quantity_steps > 0, "no award is empty")
        ensure(award.price_fen >= asks_fen[award.listing], "no listing gets less than it asks")
        ensure(award.price_fen <= winners[award.bid].price_fen, "no bid pays more than it offers")
    ensure(min(left.values(), default=0) >= 0, "no listing is oversold")
    ensure(sum(left.values()) == outcome.unsold_steps, "what is not awarded stays unsold, to the step")
    ensure(sum(got.values()) == outcome.sold_steps, "what is awarded was sold, to the step")
    buyer_steps: dict[str, int] = {}
    lowest_fen: dict[str, int] = {}
    for bid_id, steps in got.items():
        bid = winners[bid_id]
        buyer_steps[bid.buyer] = buyer_steps.get(bid.buyer, 0) + steps
        lowest_fen[bid.buyer] = min(lowest_fen.get(bid.buyer, bid.price_fen), bid.price_fen)
        ensure(bid.min_steps <= steps <= bid.quantity_steps, "a bid gets from its minimum to its quantity")
        ensure(steps % rules.lot_steps == 0, "a bid gets whole lots")
        ensure(rules.floor_fen <= bid.price_fen <= rules.ceiling_fen, "no bid outside the band wins")
    _ensure_capped(round_, buyer_steps, lowest_fen)


def _ensure_capped(round_: Round, buyer_steps: Mapping[str, int], lowest_fen: Mapping[str, int]) -> None:
    """No buyer has more than its limit, nor than its cap at the lowest price at which it got something."""
    supply = sorted((_ask(listing, round_.rules), listing.quantity_steps) for listing in round_.listings)
    asks_fen = [ask_fen for ask_fen, _ in supply]
    offered = list(accumulate((quantity_steps for _, quantity_steps in supply), initial=0))
    for buyer, steps in buyer_steps.items():
        ensure(steps <= round_.buyer_limits.get(buyer, steps), "no buyer is above its limit")
        cap_steps = _share_cap(round_.rules, offered[bisect_right(asks_fen, lowest_fen[buyer])])
        ensure(cap_steps is None or steps <= cap_steps, "no buyer is above its cap")
