"""Yearly assessment (年度考核): a year's account of every indicator, and what speaks against a jurisdiction.

RULES 12; what "balances" means is ADR 0012. Quantities in steps of their indicator, money in fen.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from app.market.errors import Conflict, ensure
from app.market.indicators import Indicator
from app.market.jurisdictions import Level
from app.market.sanctions import SanctionKind
from app.market.units import rfc3339

CLOSES_AFTER = timedelta(hours=1)
"""How long after its end a year can be closed: a transaction that began in it, at its last instant, has long
been committed or given up by then (the statement and idle timeouts are seconds)."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One indicator of one jurisdiction, or of several together, over one year; in steps.

    The first ten come from the ledger and add up: opening + what came − what went = closing.
    """

    opening: int = 0  # 年初结存: in the reserve (available, locked or earmarked) as the year began
    supplemented: int = 0  # 补充: credited of accepted projects
    voided: int = 0  # 核减: cancelled of fraudulent projects
    bought: int = 0  # 调入: from within the province
    sold: int = 0  # 调出: within the province
    bought_outside: int = 0  # 省外调入
    sold_outside: int = 0  # 省外调出
    written_off: int = 0  # 用地核销: for land applications
    given_back: int = 0  # 解挂: of applications that were refused or withdrawn
    written_off_at_due: int = 0  # 承诺核销: at commitments' due dates
    discharged: int = 0  # 补充义务核销: for deficits and replacements
    closing: int = 0  # 年末结存
    occupied: int = 0  # 占用: what the applications written off in the year require
    uncovered: int = 0  # 占用未落实: of it, neither written off nor promised
    promised: int = 0  # 承诺在行: by commitments that run as the year ends
    deficit: int = 0  # 承诺缺口: missing at due dates, and not made good as the year ends
    owed: int = 0  # 补充义务: to replace what a fraud sold or used, open as the year ends

    @property
    def balance(self) -> int:
        """What was supplemented above what was occupied in the year itself; below zero: from stock."""
        return self.supplemented - self.occupied


NOTHING = Figures()


def closed(figures: Figures, whose: str) -> Figures:
    """The figures, after making sure that the year's movements lead from the opening to the closing stock."""
    came = figures.supplemented + figures.bought + figures.bought_outside + figures.given_back
    went = figures.voided + figures.sold + figures.sold_outside + figures.written_off
    went += figures.written_off_at_due + figures.discharged
    ensure(
        figures.opening + came - went == figures.closing,
        f"{whose}: {figures.opening} + {came} - {went} is not the closing stock of {figures.closing}",
    )
    return figures


@dataclass(frozen=True, slots=True)
class Commitments:
    """Commitments (承诺补充) of the year: how many fell due, were met, defaulted, were made good later."""

    due: int = 0
    met: int = 0
    defaulted: int = 0
    made_good: int = 0


@dataclass(frozen=True, slots=True)
class Money:
    """What the trades settled in the year cost and brought, in fen; in the province and outside apart."""

    paid: int = 0
    received: int = 0
    paid_outside: int = 0
    received_outside: int = 0


@dataclass(frozen=True, slots=True)
class Sanctions:
    """How many sanctions of a kind were imposed in the year, and are in force as it ends."""

    imposed: int = 0
    in_force: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a year's assessment of one jurisdiction, or of several together, rests on."""

    indicators: Mapping[Indicator, Figures] = field(default_factory=dict)
    commitments: Commitments = Commitments()
    sanctions: Mapping[SanctionKind, Sanctions] = field(default_factory=dict)
    money: Money = Money()

    def of(self, indicator: Indicator) -> Figures:
        """An indicator's figures, all zero where nothing ever happened."""
        return self.indicators.get(indicator, NOTHING)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is to tell."""
        return together([self]) == together([])


T = TypeVar("T", Figures, Commitments, Sanctions, Money)


def together(several: Sequence[Facts]) -> Facts:
    """The sum of several jurisdictions' facts."""
    return Facts(
        {each: _sum(Figures, [facts.of(each) for facts in several]) for each in Indicator},
        _sum(Commitments, [facts.commitments for facts in several]),
        {
            kind: _sum(Sanctions, [facts.sanctions.get(kind, Sanctions()) for facts in several])
            for kind in SanctionKind
        },
        _sum(Money, [facts.money for facts in several]),
    )


def _sum(kind: type[T], several: Sequence[T]) -> T:
    return kind(**{each.name: sum(getattr(one, each.name) for one in several) for each in fields(kind)})


class Result(StrEnum):
    """How a year is assessed."""

    PASS = "PASS"  # noqa: S105  合格
    FAIL = "FAIL"  # 不合格


class Finding(StrEnum):
    """What is said of a jurisdiction's year."""

    # Each of these alone fails it:
    OCCUPIED_NOT_COVERED = "occupied_not_covered"  # 占用未落实补充
    DEFICIT_OPEN = "deficit_open"  # 承诺到期缺口未补足
    OBLIGATION_OPEN = "obligation_open"  # 补充义务未履行
    # These are told and fail nobody:
    DRAWN_FROM_STOCK = "drawn_from_stock"  # 当年占用大于补充, 以结存或调入指标平衡
    PROMISED = "promised"  # 占用以承诺补充平衡
    COMMITMENT_DEFAULTED = "commitment_defaulted"  # 当年有承诺到期未兑现
    SUSPENDED = "suspended"  # 暂停受理
    RECTIFYING = "rectifying"  # 限期整改
    CIRCULATED = "circulated"  # 通报批评


DECISIVE = frozenset({Finding.OCCUPIED_NOT_COVERED, Finding.DEFICIT_OPEN, Finding.OBLIGATION_OPEN})

_OF_SANCTION = {
    SanctionKind.SUSPEND: Finding.SUSPENDED,
    SanctionKind.RECTIFY: Finding.RECTIFYING,
    SanctionKind.CIRCULATE: Finding.CIRCULATED,
}


@dataclass(frozen=True, slots=True)
class Remark:
    """A finding with its figure: so much of an indicator in steps, or so many; and of which jurisdictions."""

    finding: Finding
    indicator: Indicator | None
    figure: int
    jurisdictions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assessed:
    """Facts and what follows from them: PASS where no reason, which is a decisive remark, stands."""

    facts: Facts
    reasons: tuple[Remark, ...]
    remarks: tuple[Remark, ...]

    @property
    def result(self) -> Result:
        """PASS if every indicator balances with no deficit (RULES 12)."""
        return Result.FAIL if self.reasons else Result.PASS


@dataclass(frozen=True, slots=True)
class Unit:
    """A jurisdiction as it stands on the last day of the year."""

    code: str
    name: str
    level: Level
    parent: str | None


@dataclass(frozen=True, slots=True)
class Assessment:
    """A jurisdiction's year: for itself, and as the sum with all that belong to it, if any do."""

    unit: Unit
    own: Assessed
    total: Assessed | None
    members: tuple[str, ...]  # the codes the total is of, its own first


@dataclass(frozen=True, slots=True)
class Year:
    """A year's assessment of some jurisdictions; ``is_over`` where nothing more can happen in it."""

    year: int
    starts_at: datetime
    ends_at: datetime
    is_over: bool
    last_entry_at: datetime | None
    closed_at: datetime | None
    assessments: Sequence[Assessment]


def _findings(facts: Facts) -> Iterable[tuple[Finding, Indicator | None, int]]:
    for indicator in Indicator:
        figures = facts.of(indicator)
        yield Finding.OCCUPIED_NOT_COVERED, indicator, figures.uncovered
        yield Finding.DEFICIT_OPEN, indicator, figures.deficit
        yield Finding.OBLIGATION_OPEN, indicator, figures.owed
        yield Finding.DRAWN_FROM_STOCK, indicator, max(0, -figures.balance) if figures.occupied else 0
        yield Finding.PROMISED, indicator, figures.promised
    yield Finding.COMMITMENT_DEFAULTED, None, facts.commitments.defaulted
    for kind, finding in _OF_SANCTION.items():
        yield finding, None, facts.sanctions.get(kind, Sanctions()).in_force


def judge(whose: str, facts: Facts) -> Assessed:
    """Assess one jurisdiction's facts; every reason is found, not only the first."""
    found = [
        Remark(finding, indicator, figure, (whose,))
        for finding, indicator, figure in _findings(facts)
        if figure > 0
    ]
    return _assessed(facts, found)


def _assessed(facts: Facts, found: Sequence[Remark]) -> Assessed:
    return Assessed(
        facts,
        tuple(remark for remark in found if remark.finding in DECISIVE),
        tuple(remark for remark in found if remark.finding not in DECISIVE),
    )


def judge_together(several: Sequence[tuple[str, Assessed]]) -> Assessed:
    """Assess several as one: a deficit of one is not made up by another's stock, so all findings stand.

    Only what was drawn from stock is reckoned anew: occupied in one and supplemented in another balances.
    """
    facts = together([own.facts for _, own in several])
    said: dict[tuple[Finding, Indicator | None], list[tuple[str, int]]] = defaultdict(list)
    for code, own in several:
        for remark in (*own.reasons, *own.remarks):
            said[remark.finding, remark.indicator].append((code, remark.figure))
    found = []
    for finding, indicator, figure in _findings(facts):
        drawn = finding is Finding.DRAWN_FROM_STOCK
        codes = tuple(code for code, _ in said[finding, indicator])
        ensure(
            drawn or sum(part for _, part in said[finding, indicator]) == figure,
            f"{finding} of {indicator}: {figure} together is not the sum of its parts",
        )
        if figure > 0:
            found.append(Remark(finding, indicator, figure, codes))
    return _assessed(facts, found)


def assess(units: Sequence[Unit], facts: Mapping[str, Facts]) -> Sequence[Assessment]:
    """Assess every unit for itself, and each that others belong to as the sum with them, in the order given.

    The province is the sum of all: in it what was bought and sold within the province nets to zero, in
    every indicator and in money (BrokenInvariant otherwise).
    """
    own = {unit.code: judge(unit.code, facts.get(unit.code, Facts())) for unit in units}
    ensure(not facts.keys() - own.keys(), f"facts of {sorted(facts.keys() - own.keys())}, who is nobody's")
    for code, assessed in own.items():
        for indicator, figures in assessed.facts.indicators.items():
            closed(figures, f"{indicator} of {code}")
    members = _members(units)
    assessments = []
    for unit in units:
        belonging = [(code, own[code]) for code in members[unit.code]]
        total = judge_together(belonging) if len(belonging) > 1 or unit.level is Level.PROVINCE else None
        if unit.level is Level.PROVINCE and total is not None:
            _ensure_traded_within(total.facts)
        assessments.append(Assessment(unit, own[unit.code], total, tuple(members[unit.code])))
    return assessments


def _members(units: Sequence[Unit]) -> Mapping[str, Sequence[str]]:
    """Each unit's code, with itself and all that belong to it; all belong to the province."""
    parent = {unit.code: unit.parent for unit in units}
    members: dict[str, list[str]] = {unit.code: [unit.code] for unit in units}
    provinces = [unit.code for unit in units if unit.level is Level.PROVINCE]
    for unit in units:
        above: dict[str, None] = dict.fromkeys([unit.code])
        over = unit.parent
        while over in parent and over not in above:  # a register entered in a circle must not hang us
            above[over] = None
            over = parent[over]
        for code in {*above, *provinces} - {unit.code}:
            members[code].append(unit.code)
    return members


def _ensure_traded_within(facts: Facts) -> None:
    """What was bought and sold within the province is the same, and so is the money for it (RULES 12)."""
    for indicator in Indicator:
        figures = facts.of(indicator)
        ensure(
            figures.bought == figures.sold,
            f"{figures.bought} of {indicator} were bought within the province, {figures.sold} sold",
        )
    money = facts.money
    ensure(
        money.paid == money.received,
        f"{money.paid} fen were paid within the province, {money.received} received",
    )


def refuse_unbegun(year: int, starts_at: datetime, now: datetime) -> None:
    """Refuse a year that has not begun; raises Conflict."""
    if now < starts_at:
        raise Conflict(
            "year_not_begun",
            f"The year {year} begins in China at {rfc3339(starts_at)}; there is nothing to assess yet.",
            starts_at=rfc3339(starts_at),
            now=rfc3339(now),
        )


def refuse_closing(year: int, ends_at: datetime, now: datetime) -> None:
    """Refuse to close a year that is not over for a while; raises Conflict."""
    if now < ends_at + CLOSES_AFTER:
        raise Conflict(
            "year_not_over",
            f"The year {year} can be closed from {rfc3339(ends_at + CLOSES_AFTER)} on, when all that belongs "
            "to it is entered; until then its assessment shows the figures so far.",
            closes_from=rfc3339(ends_at + CLOSES_AFTER),
            now=rfc3339(now),
        )
