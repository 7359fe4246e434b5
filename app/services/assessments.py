"""Yearly assessment (年度考核): computed from the ledger when asked for, and frozen once a year is closed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.documents.assessments import (
    Record,
    as_published,
    assessment_record,
    assessment_text,
    part_of,
    result_of,
)
from app.market.access import Action, Actor, permit
from app.market.assessment_comparison import Told, differing
from app.market.assessments import (
    Commitments,
    Facts,
    Figures,
    Money,
    Result,
    Year,
    assess,
    refuse_closing,
    refuse_unbegun,
)
from app.market.errors import Conflict, NotFound
from app.market.indicators import Indicator
from app.market.jurisdictions import Level
from app.services.days import day_of, end_of
from app.services.journal import announce
from app.store import assessment_replay as replay
from app.store import assessments as store
from app.store import clock
from app.store.assessments import ClosedYearRow, Span
from app.store.database import Connection

__all__ = [
    "ClosedYearRow",
    "Record",
    "close",
    "closed_year",
    "closed_years",
    "computed",
    "differences",
    "narrowed",
    "of_unit",
    "of_year",
    "record_of",
]


async def of_year(connection: Connection, *, actor: Actor, year: int) -> Record:
    """Return a year's assessment of the province and everybody in it: as closed, or as it stands so far.

    Raises NotPermitted, and Conflict for a year that has not begun.
    """
    permit(actor, Action.READ_ASSESSMENTS, actor.jurisdiction)
    return await record_of(connection, year)


async def of_unit(connection: Connection, *, actor: Actor, year: int, code: str) -> Record:
    """Return a year's assessment of one jurisdiction and of those that belong to it.

    Raises NotPermitted, NotFound, and Conflict for a year that has not begun.
    """
    permit(actor, Action.READ_ASSESSMENT, code)
    return narrowed(await record_of(connection, year), code)


def narrowed(record: Record, code: str) -> Record:
    """The part of a year that is one jurisdiction's; raises NotFound."""
    part = part_of(record, code)
    if part is None:
        raise NotFound("jurisdiction", code)
    return part


async def record_of(connection: Connection, year: int) -> Record:
    """Return a year's assessment: as it was closed, or else computed from the ledger; raises Conflict."""
    found = await store.closed_year(connection, year)
    if found is None or found.record is None:
        return await computed(connection, year)
    record: Record = json.loads(found.record)
    return record


async def computed(connection: Connection, year: int, *, closed_at: datetime | None = None) -> Record:
    """Compute a year's assessment from the ledger, closed or not; raises Conflict."""
    return assessment_record(await _year(connection, year, await clock.now(connection), closed_at))


async def closed_years(connection: Connection, *, before: int | None, limit: int) -> Sequence[ClosedYearRow]:
    """Return at most ``limit`` closed years, the latest first, without their records: public."""
    return await store.closed_years(connection, before=before, limit=limit)


async def closed_year(connection: Connection, *, year: int) -> ClosedYearRow:
    """Return a closed year and its record: public; raises NotFound where it is not closed."""
    found = await store.closed_year(connection, year)
    if found is None:
        raise NotFound("closed year", year)
    return found


async def close(connection: Connection, *, actor: Actor, year: int) -> ClosedYearRow:
    """Close a year: its assessment is published and never changes again; raises NotPermitted, Conflict.

    What the ledger holds of it can still be read, and has to agree (``gengheng verify``).
    """
    permit(actor, Action.CLOSE_ASSESSMENT, actor.jurisdiction)
    now = await clock.now(connection)
    refuse_closing(year, span_of(year).ends_at, now)
    if (before := await store.closed_year(connection, year)) is not None:
        raise Conflict(
            "year_closed",
            f"The year {year} is closed; a closed assessment does not change.",
            sha256=before.sha256.hex(),
        )
    record = await computed(connection, year, closed_at=now)
    text = assessment_text(record)
    made = await store.close(
        connection,
        year=year,
        at=now,
        closed_by=actor.jurisdiction,
        result=result_of(record),
        record=text,
        sha256=hashlib.sha256(text.encode()).digest(),
    )
    await announce(
        connection,
        at=now,
        kind="assessment.closed",
        subject=str(year),
        actor=actor.jurisdiction,
        facts={
            "year": year,
            "result": made.result,
            "sha256": made.sha256.hex(),
            "failed": [unit["code"] for unit in record["units"] if unit["own"]["result"] == Result.FAIL],
        },
    )
    return made


async def differences(connection: Connection, *, year: int) -> list[str]:
    """Compute a year's figures from the books beside the ledger; a line for each that differs from it.

    And from what was published, where the year is closed. Raises Conflict for a year that has not begun.
    """
    span = span_of(year)
    refuse_unbegun(year, span.starts_at, await clock.now(connection))
    registered = await store.units(connection, span)
    outsiders = [unit.code for unit, _ in registered if unit.level is Level.EXTERNAL]
    by_ledger = Told(
        "the ledger",
        await store.from_ledger(connection, span, outsiders),
        await store.money(connection, span, outsiders),
    )
    by_others = Told(
        "the other books",
        await replay.from_other_books(connection, span),
        await replay.money_from_trades(connection, span),
    )
    lines = differing(by_ledger, by_others)
    closed = await store.closed_year(connection, year)
    if closed is not None and closed.record is not None:
        lines += differing(by_ledger, as_published(json.loads(closed.record)))
    return lines


def span_of(year: int) -> Span:
    """The calendar year in China: from midnight to midnight there."""
    return Span(end_of(date(year - 1, 12, 31)), end_of(date(year, 12, 31)), date(year, 12, 31))


async def _year(connection: Connection, year: int, now: datetime, closed_at: datetime | None) -> Year:
    span = span_of(year)
    refuse_unbegun(year, span.starts_at, now)
    registered = await store.units(connection, span)
    outsiders = [unit.code for unit, _ in registered if unit.level is Level.EXTERNAL]
    facts = await _Gathered.of(connection, span, outsiders, min(now, span.ends_at))
    told = {code: facts.facts_of(code) for code in facts.codes - set(outsiders)}
    # Who was dissolved before the year or founded after it is there only where something is to tell.
    inside = [
        unit
        for unit, stood in registered
        if unit.level is not Level.EXTERNAL
        and (stood or (unit.code in told and not told[unit.code].is_empty))
    ]
    return Year(
        year=year,
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        is_over=now >= span.ends_at,
        last_entry_at=await store.last_entry_at(connection, span),
        closed_at=closed_at,
        assessments=assess(inside, {unit.code: told[unit.code] for unit in inside if unit.code in told}),
    )


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What the store tells of a year, by jurisdiction."""

    steps: store.Steps
    commitments: Mapping[str, Commitments]
    money: Mapping[str, Money]
    sanctions: store.SanctionsByCode

    @classmethod
    async def of(
        cls, connection: Connection, span: Span, outsiders: Sequence[str], standing_at: datetime
    ) -> "_Gathered":
        """Gather it; states count as they stood ``standing_at``: as the year ended, or now within it."""
        steps = await store.from_ledger(connection, span, outsiders)
        for more in (
            await store.occupied(connection, span),
            await store.promised(connection, standing_at),
            await store.obligations(connection, standing_at),
        ):
            for key, figures in more.items():
                steps[key].update(figures)
        standing_on = min(span.last_day, day_of(standing_at - timedelta(microseconds=1)))
        return cls(
            steps,
            await store.commitments(connection, span, standing_at),
            await store.money(connection, span, outsiders),
            await store.sanctions(connection, span, standing_at, standing_on),
        )

    @property
    def codes(self) -> set[str]:
        """Everybody of whom something is told."""
        return (
            {code for code, _ in self.steps}
            | self.commitments.keys()
            | self.money.keys()
            | self.sanctions.keys()
        )

    def facts_of(self, code: str) -> Facts:
        """All that is told of one."""
        return Facts(
            indicators={
                each: Figures(**self.steps[code, each]) for each in Indicator if (code, each) in self.steps
            },
            commitments=self.commitments.get(code, Commitments()),
            sanctions=self.sanctions.get(code, {}),
            money=self.money.get(code, Money()),
        )
