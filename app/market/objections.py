"""Objections (异议) in a trade's public notice: while one is undecided the notice's clock stands (RULES 11).

Pure, as app/market/trades.py: a trade, its objections and a day go in, what they become comes out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.market.errors import Conflict, ensure
from app.market.states import step
from app.market.trades import Deadlines, Trade, TradeState, deadlines
from app.market.units import rfc3339
from app.market.workdays import CalendarYear, is_working_day


class ObjectionState(StrEnum):
    """Open until the land regulator decides; lapsed where its trade ended before that."""

    OPEN = "OPEN"
    DISMISSED = "DISMISSED"  # 驳回
    UPHELD = "UPHELD"  # 成立
    LAPSED = "LAPSED"  # 终止


class ObjectionEvent(StrEnum):
    """What can happen to an objection."""

    DISMISS = "dismiss"
    UPHOLD = "uphold"
    LAPSE = "lapse"


TRANSITIONS: Mapping[tuple[ObjectionState, ObjectionEvent], ObjectionState] = {
    (ObjectionState.OPEN, ObjectionEvent.DISMISS): ObjectionState.DISMISSED,
    (ObjectionState.OPEN, ObjectionEvent.UPHOLD): ObjectionState.UPHELD,
    (ObjectionState.OPEN, ObjectionEvent.LAPSE): ObjectionState.LAPSED,
}


class Decision(StrEnum):
    """What the land regulator can decide."""

    DISMISS = ObjectionEvent.DISMISS.value
    UPHOLD = ObjectionEvent.UPHOLD.value


class Origin(StrEnum):
    """Whose objection it is: the authority's that enters it, or a citizen's, handed in there."""

    AUTHORITY = "authority"
    CITIZEN = "citizen"


@dataclass(frozen=True, slots=True)
class Objection:
    """An objection as it stands; ``decide_by`` is when its decision is expected, exclusive."""

    id: int
    trade_id: int
    state: ObjectionState
    origin: Origin
    reason: str
    entered_at: datetime
    entered_by: str
    decide_by: datetime
    ended_at: datetime | None
    decided_by: str | None
    decision_reason: str | None


def decided(
    objection: Objection,
    named: str,
    event: ObjectionEvent,
    *,
    at: datetime,
    by: str | None,
    reason: str | None,
) -> Objection:
    """The objection after its end; raises WrongState where it has ended already."""
    after = step(TRANSITIONS, "objection", named, objection.state, event)
    return replace(objection, state=after, ended_at=at, decided_by=by, decision_reason=reason)


def stopped(trade: Trade, named: str, now: datetime) -> Trade:
    """The trade with its notice's clock standing from now on, or since before; raises Conflict.

    An objection is possible during the public notice only; while the clock stands, the notice lasts.
    """
    if trade.notice_stopped_at is not None:
        return trade
    if trade.state is not TradeState.AWARDED or now >= trade.notice_ends_at:
        raise Conflict(
            "notice_over",
            f"Trade {named} is {trade.state}, and its public notice lasted until "
            f"{rfc3339(trade.notice_ends_at)}: an objection is possible during the notice only.",
            state=trade.state.value,
            notice_ends_at=rfc3339(trade.notice_ends_at),
            now=rfc3339(now),
        )
    return replace(trade, notice_stopped_at=now)


def days_left(stopped_on: date, last_notice_day: date, years: Iterable[CalendarYear]) -> int:
    """Count the working days of the notice that were left when its clock stopped: none on its last day.

    The day of the stop is not one of them, as the day of an award isn't.
    """
    ensure(stopped_on <= last_notice_day, f"a notice that ended on {last_notice_day} stopped on {stopped_on}")
    calendar = {published.year: published for published in years}
    days = (last_notice_day - stopped_on).days
    return sum(is_working_day(stopped_on + timedelta(days=after), calendar) for after in range(1, days + 1))


def resumed(
    stopped_on: date,
    last_notice_day: date,
    decided_on: date,
    payment_working_days: int,
    years: Iterable[CalendarYear],
) -> Deadlines:
    """The deadlines of a trade whose clock goes on: what was left is counted from the day of the decision.

    ``payment_working_days`` and ``years`` are those of the award, whatever policy says since (RULES, top).
    """
    published = tuple(years)
    left = days_left(stopped_on, last_notice_day, published)
    return deadlines(decided_on, left, payment_working_days, published)


def restarted(
    trade: Trade, *, notice_ends_at: datetime, payment_due_at: datetime, unpublished_years: Iterable[int]
) -> Trade:
    """The trade with its clock going again, towards its new deadlines, which are never earlier."""
    ensure(trade.notice_stopped_at is not None, f"the clock of trade {trade.id} does not stand")
    ensure(
        notice_ends_at >= trade.notice_ends_at and payment_due_at >= trade.payment_due_at,
        f"an objection must not shorten the notice of trade {trade.id}",
    )
    return replace(
        trade,
        notice_stopped_at=None,
        notice_ends_at=notice_ends_at,
        payment_due_at=payment_due_at,
        unpublished_years=tuple(sorted({*trade.unpublished_years, *unpublished_years})),
    )
