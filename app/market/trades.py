"""Trades (成交): states, deadlines by working days, and what each event moves (RULES 11).

A trade is one winning bid or one filled need, with a line for each listing it draws from. Everything here
is pure: a trade and an instant go in, the trade afterwards and the ledger entries come out.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from app.market.errors import Conflict, Insufficient, ensure
from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket, Entry, money, move
from app.market.modes import TradeMode
from app.market.states import step
from app.market.units import amount_fen, format_money, rfc3339
from app.market.workdays import CalendarYear, add_working_days


class TradeState(StrEnum):
    """From award to settlement (划转); default and voiding end it before that."""

    AWARDED = "AWARDED"
    CONFIRMED = "CONFIRMED"  # 成交确认书
    PAID = "PAID"
    SETTLED = "SETTLED"
    DEFAULTED = "DEFAULTED"
    VOIDED = "VOIDED"


class TradeEvent(StrEnum):
    """What can happen to a trade."""

    CONFIRM = "confirm"
    PAY = "pay"
    SETTLE = "settle"
    DEFAULT = "default"
    VOID = "void"


class LineState(StrEnum):
    """A voided line drops out of its trade; the others go on."""

    ACTIVE = "ACTIVE"
    VOIDED = "VOIDED"


TRANSITIONS: dict[tuple[TradeState, TradeEvent], TradeState] = {
    (TradeState.AWARDED, TradeEvent.CONFIRM): TradeState.CONFIRMED,
    (TradeState.CONFIRMED, TradeEvent.PAY): TradeState.PAID,
    (TradeState.PAID, TradeEvent.SETTLE): TradeState.SETTLED,
    (TradeState.AWARDED, TradeEvent.DEFAULT): TradeState.DEFAULTED,
    (TradeState.CONFIRMED, TradeEvent.DEFAULT): TradeState.DEFAULTED,
    (TradeState.AWARDED, TradeEvent.VOID): TradeState.VOIDED,
    (TradeState.CONFIRMED, TradeEvent.VOID): TradeState.VOIDED,
    (TradeState.PAID, TradeEvent.VOID): TradeState.VOIDED,
}


@dataclass(frozen=True, slots=True)
class AwardedLine:
    """What a trade is to take from one listing: smallest steps, fen per unit, fen."""

    listing_id: int
    seller: str
    batch_id: int
    indicator: Indicator
    quantity: int
    price_fen: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class AwardedTrade:
    """One winning bid of an auction, one need filled by an allocation, or one purchase: a line per listing.

    ``deposit_fen`` is the part of the buyer's locked money that stays held for this trade.
    """

    buyer: str
    need_id: int
    lines: tuple[AwardedLine, ...]
    auction_id: int | None = None
    bid_id: str | None = None
    allocation_id: int | None = None
    purchase_id: int | None = None
    deposit_fen: int = 0

    @property
    def amount_fen(self) -> int:
        """The sum of its lines' amounts."""
        return sum(line.amount_fen for line in self.lines)

    @property
    def source(self) -> tuple[int | None, int | None, int | None]:
        """Its auction, allocation or purchase: exactly one of the three."""
        return self.auction_id, self.allocation_id, self.purchase_id


def ensure_sound(awarded: Sequence[AwardedTrade]) -> None:
    """Stop with BrokenInvariant unless the trades are of one source, whole, and price × quantity."""
    first = awarded[0]
    for trade in awarded:
        ensure(
            trade.source == first.source,
            "trades awarded together come of one auction, one allocation or one purchase",
        )
        ensure(sum(id_ is not None for id_ in trade.source) == 1, "a trade has one source")
        ensure((trade.auction_id is None) == (trade.bid_id is None), "an auction's trade names its bid")
        ensure(bool(trade.lines) and trade.deposit_fen >= 0, f"an empty award to {trade.buyer}")
        for line in trade.lines:
            ensure(
                line.quantity > 0
                and line.amount_fen == amount_fen(line.price_fen, line.quantity, line.indicator),
                f"a line of listing {line.listing_id} is not its price times its quantity",
            )


@dataclass(frozen=True, slots=True)
class Line:
    """What a trade takes from one listing; price in fen per unit, amount in fen."""

    id: int
    listing_id: int
    seller: str
    batch_id: int
    indicator: Indicator
    quantity: int
    price_fen: int
    amount_fen: int
    state: LineState


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade as it stands.

    ``amount_fen`` is the sum of the active lines; ``deposit_fen`` the part of it that the bid deposit
    (保证金) covers, held in the buyer's locked money until payment. ``unpublished_years`` are those whose
    working-day calendar was not known at the award, so that its deadlines count Monday to Friday there.
    While an objection is open ``notice_stopped_at`` says since when the notice's clock stands, and both
    deadlines are what they were then.
    """

    id: int
    buyer: str
    need_id: int
    auction_id: int | None
    bid_id: str | None
    allocation_id: int | None
    purchase_id: int | None
    mode: TradeMode
    state: TradeState
    amount_fen: int
    deposit_fen: int
    awarded_at: datetime
    notice_ends_at: datetime
    payment_due_at: datetime
    unpublished_years: tuple[int, ...]
    confirmed_at: datetime | None
    paid_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    lines: tuple[Line, ...]
    notice_stopped_at: datetime | None = None
    confirmation_number: str | None = None

    @property
    def active_lines(self) -> tuple[Line, ...]:
        """The lines that have not dropped out, by id."""
        return tuple(line for line in self.lines if line.state is LineState.ACTIVE)

    @property
    def parties(self) -> frozenset[str]:
        """Its buyer and the seller of each line: who may see it."""
        return frozenset({self.buyer, *(line.seller for line in self.lines)})


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The last day of the public notice (公示), and the last day on which payment counts."""

    last_notice_day: date
    last_payment_day: date
    unpublished_years: tuple[int, ...]


def deadlines(
    awarded_on: date, notice_working_days: int, payment_working_days: int, years: Iterable[CalendarYear]
) -> Deadlines:
    """Count the notice from the day of the award, and the payment days from the notice's last day.

    The day of the award is not counted; no notice days leave the day of the award itself (RULES 11).
    """
    published = tuple(years)
    notice = add_working_days(awarded_on, notice_working_days, published)
    payment = add_working_days(notice.day, payment_working_days, published)
    unpublished = {*notice.unpublished_years, *payment.unpublished_years}
    return Deadlines(notice.day, payment.day, tuple(sorted(unpublished)))


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """Split ``total`` in proportion to the weights, to the last step: largest remainders, then by place.

    Weights that are all zero count as equal.
    """
    ensure(total >= 0 and bool(weights) and min(weights) >= 0, f"{total} can't be split by {weights}")
    parts = list(weights) if any(weights) else [1] * len(weights)
    whole = sum(parts)
    split = [total * part // whole for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda place: (-(total * parts[place] % whole), place))
    for place in by_remainder[: total - sum(split)]:
        split[place] += 1
    return split


def carried(source: AccountKey, target: AccountKey, amount: int) -> tuple[Entry, ...]:
    """The entries of a movement, or none where nothing moves (a line may be worth less than a fen)."""
    return move(source, target, amount) if amount else ()


def _step(trade: Trade, named: str, event: TradeEvent) -> TradeState:
    return step(TRANSITIONS, "trade", named, trade.state, event)


def _refuse_standing(trade: Trade, named: str) -> None:
    if trade.notice_stopped_at is not None:
        raise Conflict(
            "objection_open",
            f"The notice of trade {named} stands since {rfc3339(trade.notice_stopped_at)}: an objection is "
            "open. The trade goes on once the land regulator has decided it.",
            notice_stopped_at=rfc3339(trade.notice_stopped_at),
        )


def confirmation_number(prefix: str, year: int, trade_id: int) -> str:
    """The number of a confirmation (成交确认书): the province's prefix, the year in China, the trade."""
    return f"{prefix}〔{year}〕{trade_id:010d}号"


def confirm(trade: Trade, named: str, now: datetime, number: str) -> Trade:
    """The trade with its confirmation (成交确认书) under its number, once the public notice has ended."""
    _refuse_standing(trade, named)
    after = _step(trade, named, TradeEvent.CONFIRM)
    if now < trade.notice_ends_at:
        raise Conflict(
            "notice_running",
            f"The public notice of trade {named} ends at {rfc3339(trade.notice_ends_at)}; "
            "it can be confirmed from then on.",
            notice_ends_at=rfc3339(trade.notice_ends_at),
            now=rfc3339(now),
        )
    _refuse_overdue(trade, named, now)
    return replace(trade, state=after, confirmed_at=now, confirmation_number=number)


def _refuse_overdue(trade: Trade, named: str, now: datetime) -> None:
    if now >= trade.payment_due_at:
        raise Conflict(
            "payment_overdue",
            f"Payment of trade {named} was due before {rfc3339(trade.payment_due_at)}.",
            payment_due_at=rfc3339(trade.payment_due_at),
            now=rfc3339(now),
        )


@dataclass(frozen=True, slots=True)
class Payment:
    """What a payment moves: from available money, and from the held deposit."""

    from_available_fen: int
    from_deposit_fen: int
    released_fen: int  # what of the deposit the amount does not need


def payment(trade: Trade) -> Payment:
    """Price less deposit; a deposit above the amount pays it all, and the rest of it is released."""
    covered = min(trade.deposit_fen, trade.amount_fen)
    return Payment(trade.amount_fen - covered, covered, trade.deposit_fen - covered)


def to_pay_fen(trade: Trade) -> int:
    """What the buyer has yet to pay beside its deposit: nothing once the trade is paid or has ended."""
    waits = trade.state in (TradeState.AWARDED, TradeState.CONFIRMED)
    return payment(trade).from_available_fen if waits else 0


def pay(trade: Trade, named: str, now: datetime, available_fen: int) -> tuple[Trade, tuple[Entry, ...]]:
    """The trade paid into its buyer's escrow; raises Conflict when late, Insufficient when short."""
    _refuse_standing(trade, named)
    after = _step(trade, named, TradeEvent.PAY)
    _refuse_overdue(trade, named, now)
    due = payment(trade)
    if due.from_available_fen > available_fen:
        shortage = format_money(due.from_available_fen - available_fen)
        raise Insufficient(
            f"Trade {named} asks {format_money(due.from_available_fen)} yuan beside its deposit; "
            f"{trade.buyer} has {format_money(available_fen)} yuan available, {shortage} yuan short.",
            jurisdiction=trade.buyer,
            present=format_money(available_fen),
            wanted=format_money(due.from_available_fen),
            shortage=shortage,
        )
    available, held, escrow = (
        money(trade.buyer, bucket) for bucket in (Bucket.AVAILABLE, Bucket.LOCKED, Bucket.ESCROW)
    )
    entries = (
        *carried(available, escrow, due.from_available_fen),
        *carried(held, escrow, due.from_deposit_fen),
        *carried(held, available, due.released_fen),
    )
    return replace(trade, state=after, paid_at=now), entries


def settle(trade: Trade, named: str, now: datetime) -> tuple[Trade, tuple[Entry, ...]]:
    """The trade settled: every line's indicators with their batch, and every line's money, or nothing."""
    after = _step(trade, named, TradeEvent.SETTLE)
    lines = trade.active_lines
    ensure(bool(lines), f"trade {named} is paid but has no line left")
    ensure(
        sum(line.amount_fen for line in lines) == trade.amount_fen,
        f"the lines of trade {named} do not sum to its amount",
    )
    escrow = money(trade.buyer, Bucket.ESCROW)
    entries: list[Entry] = []
    for line in lines:
        locked = AccountKey(line.seller, line.indicator, line.batch_id, Bucket.LOCKED)
        bought = AccountKey(trade.buyer, line.indicator, line.batch_id, Bucket.AVAILABLE)
        entries += move(locked, bought, line.quantity)
        entries += carried(escrow, money(line.seller, Bucket.AVAILABLE), line.amount_fen)
    return replace(trade, state=after, ended_at=now), tuple(entries)


def default(trade: Trade, named: str, now: datetime, reason: str) -> tuple[Trade, tuple[Entry, ...]]:
    """The trade in default: the held deposit goes to the sellers in proportion to their lines' amounts.

    Not while an objection is open: who waits for its decision is not late.
    """
    _refuse_standing(trade, named)
    after = _step(trade, named, TradeEvent.DEFAULT)
    lines = trade.active_lines
    held = money(trade.buyer, Bucket.LOCKED)
    parts = shares(trade.deposit_fen, [line.amount_fen for line in lines])
    entries = [
        entry
        for line, part in zip(lines, parts, strict=True)
        for entry in carried(held, money(line.seller, Bucket.AVAILABLE), part)
    ]
    return replace(trade, state=after, ended_at=now, end_reason=reason), tuple(entries)


def void_lines(
    trade: Trade, named: str, listing_ids: Collection[int], now: datetime, reason: str
) -> tuple[Trade, tuple[Entry, ...]]:
    """The trade without its lines of some listings, and the buyer's money for them released.

    Paid: the lines' amounts leave escrow. Before: their share of the deposit is no longer held. A trade
    that keeps no line is void.
    """
    gone = frozenset(line.id for line in trade.active_lines if line.listing_id in listing_ids)
    ensure(bool(gone), f"trade {named} has no active line of listings {sorted(listing_ids)}")
    return _without(trade, named, gone, now, reason)


def void(trade: Trade, named: str, now: datetime, reason: str) -> tuple[Trade, tuple[Entry, ...]]:
    """The trade void as a whole, and all the buyer's money for it released."""
    return _without(trade, named, frozenset(line.id for line in trade.active_lines), now, reason)


def _without(
    trade: Trade, named: str, gone: frozenset[int], now: datetime, reason: str
) -> tuple[Trade, tuple[Entry, ...]]:
    ended = _step(trade, named, TradeEvent.VOID)
    lines = trade.active_lines
    parts = shares(trade.deposit_fen, [line.amount_fen for line in lines])
    deposit = sum(part for line, part in zip(lines, parts, strict=True) if line.id in gone)
    amount = sum(line.amount_fen for line in lines if line.id in gone)
    paid = trade.state is TradeState.PAID
    released = carried(
        money(trade.buyer, Bucket.ESCROW if paid else Bucket.LOCKED),
        money(trade.buyer, Bucket.AVAILABLE),
        amount if paid else deposit,
    )
    after = replace(
        trade,
        amount_fen=trade.amount_fen - amount,
        deposit_fen=trade.deposit_fen - deposit,
        lines=tuple(
            replace(line, state=LineState.VOIDED) if line.id in gone else line for line in trade.lines
        ),
    )
    if len(gone) == len(lines):
        after = replace(after, state=ended, ended_at=now, end_reason=reason, notice_stopped_at=None)
    return after, released


def by_listing(lines: Iterable[Line]) -> Mapping[int, int]:
    """How much the lines take of each listing, in the smallest step."""
    taken: dict[int, int] = defaultdict(int)
    for line in lines:
        taken[line.listing_id] += line.quantity
    return dict(taken)


def by_indicator(need_id: int, lines: Iterable[Line]) -> Mapping[tuple[int, Indicator], int]:
    """How much the lines fill of a need, by (need, indicator), in the smallest step."""
    filled: dict[tuple[int, Indicator], int] = defaultdict(int)
    for line in lines:
        filled[(need_id, line.indicator)] += line.quantity
    return dict(filled)
