"""What a year's assessment (年度考核) rests on, from the ledger's postings and the states as the year ended.

One pass for all jurisdictions. Opening and closing stocks are today's balances less what was posted since, so
that a year costs its own postings and later ones, never those of the years before it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Integer, text
from sqlmodel import Field, SQLModel

from app.market.assessments import Commitments, Money, Result, Sanctions, Unit
from app.market.errors import ensure
from app.market.indicators import Indicator
from app.market.jurisdictions import Level
from app.market.obligations import ObligationKind
from app.market.sanctions import SanctionKind
from app.store import columns
from app.store.commitments import MISSED
from app.store.database import Connection


class ClosedYear(SQLModel, table=True):
    """A year's assessment as it was closed and published: JSON text and its SHA-256; append-only."""

    __tablename__ = "closed_year"
    __table_args__ = (columns.one_of("closed_year", "result", Result),)

    year: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    closed_at: datetime = Field(sa_column=columns.instant())
    closed_by: str = Field(sa_column=columns.refers("jurisdiction.code"))
    result: str = Field(sa_column=columns.text())
    record: str = Field(sa_column=columns.text())
    sha256: bytes = Field(sa_column=columns.octets())


@dataclass(frozen=True, slots=True)
class ClosedYearRow:
    """A closed year; ``record`` is its assessment as JSON text, None where only the list is wanted."""

    year: int
    closed_at: datetime
    closed_by: str
    result: Result
    record: str | None
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """A year in China: its first instant, the first one after it, and the day whose standing counts."""

    starts_at: datetime
    ends_at: datetime
    last_day: date


async def units(connection: Connection, span: Span) -> Sequence[tuple[Unit, bool]]:
    """Return every jurisdiction, by code, as it last stood in the year, and whether it stood in it at all."""
    found = await connection.execute(
        text(
            """
            SELECT DISTINCT ON (code) code, name, level, parent,
                   valid_from <= :last_day AND (valid_until IS NULL OR valid_until > :first_day) AS stood
              FROM jurisdiction_version
             ORDER BY code, valid_from <= :last_day DESC,
                      CASE WHEN valid_from <= :last_day THEN valid_from END DESC, valid_from
            """
        ),
        {"first_day": date(span.last_day.year, 1, 1), "last_day": span.last_day},
    )
    return [(Unit(row.code, row.name, Level(row.level), row.parent), row.stood) for row in found]


async def last_entry_at(connection: Connection, span: Span) -> datetime | None:
    """Return the instant of the year's last ledger transaction so far, or None where there is none."""
    found = await connection.execute(
        text("SELECT max(at) FROM ledger_transaction WHERE at >= :starts_at AND at < :ends_at"),
        {"starts_at": span.starts_at, "ends_at": span.ends_at},
    )
    last: datetime | None = found.scalar_one()
    return last


HELD = "('available', 'locked', 'earmarked')"

# Stocks and movements by one statement, so of one snapshot: the stock of a past instant is today's less all
# since. What moves within a reserve (listings, earmarks) sums to nothing and drops out. A settlement has one
# buyer, so what outsiders gained or lost by it tells which part of the others' is trade with the outside.
STOCKS_AND_MOVEMENTS = f"""
    WITH moved AS (
        SELECT head.id, head.kind, left(head.reference, 1) AS letter, head.at < :ends_at AS is_within,
               account.jurisdiction, account.asset, sum(posting.amount) AS amount
          FROM ledger_transaction AS head
          JOIN posting ON posting.transaction_id = head.id
          JOIN account ON account.id = posting.account_id
         WHERE head.at >= :starts_at AND account.asset <> 'CNY' AND account.bucket IN {HELD}
         GROUP BY head.id, account.jurisdiction, account.asset
        HAVING sum(posting.amount) <> 0
    ), outside AS (
        SELECT id, asset, sum(amount) AS amount FROM moved
         WHERE kind = 'settlement' AND jurisdiction = ANY (CAST(:outsiders AS text[])) GROUP BY id, asset
    ), flows AS (
        SELECT moved.jurisdiction, moved.asset, moved.kind, moved.letter, moved.is_within,
               moved.amount > 0 AS came, sum(abs(moved.amount)) AS steps,
               sum(CASE WHEN moved.amount > 0 THEN greatest(-outside.amount, 0)
                        WHEN outside.amount > 0 THEN -moved.amount ELSE 0 END) AS outside_steps
          FROM moved LEFT JOIN outside USING (id, asset)
         GROUP BY moved.jurisdiction, moved.asset, moved.kind, moved.letter, moved.is_within, moved.amount > 0
    )
    SELECT * FROM flows WHERE jurisdiction <> ALL (CAST(:outsiders AS text[]))
     UNION ALL
    SELECT jurisdiction, asset, 'stock', '', false, true, sum(balance), 0 FROM account
     WHERE asset <> 'CNY' AND bucket IN {HELD} AND jurisdiction <> ALL (CAST(:outsiders AS text[]))
     GROUP BY jurisdiction, asset
"""

MONEY = """
    WITH moved AS (
        SELECT head.id, account.jurisdiction, sum(posting.amount) AS amount
          FROM ledger_transaction AS head
          JOIN posting ON posting.transaction_id = head.id
          JOIN account ON account.id = posting.account_id
         WHERE head.at >= :starts_at AND head.at < :ends_at AND head.kind = 'settlement'
           AND account.asset = 'CNY'
         GROUP BY head.id, account.jurisdiction
    ), outside AS (
        SELECT id, sum(amount) AS amount FROM moved
         WHERE jurisdiction = ANY (CAST(:outsiders AS text[])) GROUP BY id
    )
    SELECT moved.jurisdiction, moved.amount > 0 AS came, sum(abs(moved.amount)) AS fen,
           sum(CASE WHEN moved.amount < 0 THEN greatest(outside.amount, 0)
                    WHEN outside.amount < 0 THEN moved.amount ELSE 0 END) AS outside_fen
      FROM moved LEFT JOIN outside USING (id)
     WHERE moved.jurisdiction <> ALL (CAST(:outsiders AS text[]))
     GROUP BY moved.jurisdiction, moved.amount > 0
"""

CALLED: Mapping[tuple[str, bool], str] = {
    ("credit", True): "supplemented",
    ("re_verification", True): "supplemented",  # paddy and capacity of a project filed before the notice
    ("project.voiding", False): "voided",
    ("project.return", False): "voided",  # of a voided project's batch that came back to its county
    ("write_off of F", False): "written_off",
    ("write_off of K", False): "written_off_at_due",
    ("write_off of O", False): "discharged",
    ("write_off.reversal", True): "given_back",
}
"""What a transaction that brings into a reserve, or takes out of it, is called among the figures.

A write-off by the letter of what it is for: an application, a commitment or an obligation.
"""

Steps = dict[tuple[str, Indicator], dict[str, int]]
"""By jurisdiction and indicator: figures by the names of ``Figures``, in steps."""

SanctionsByCode = Mapping[str, Mapping[SanctionKind, Sanctions]]


async def from_ledger(connection: Connection, span: Span, outsiders: Sequence[str]) -> Steps:
    """Return the year's stocks and movements of every jurisdiction inside the province, from the ledger."""
    found = await connection.execute(
        text(STOCKS_AND_MOVEMENTS),
        {"starts_at": span.starts_at, "ends_at": span.ends_at, "outsiders": list(outsiders)},
    )
    figures: Steps = defaultdict(lambda: defaultdict(int))
    for row in found:
        own = figures[row.jurisdiction, Indicator(row.asset)]
        change = int(row.steps) if row.came else -int(row.steps)
        if row.kind == "stock":
            own["opening"] += change
            own["closing"] += change
            continue
        own["opening"] -= change
        if not row.is_within:
            own["closing"] -= change
        elif row.kind == "settlement":
            inside, outside = ("bought", "bought_outside") if row.came else ("sold", "sold_outside")
            own[outside] += int(row.outside_steps)
            own[inside] += int(row.steps) - int(row.outside_steps)
        elif row.kind == "commitment.release":
            # An earmark of a city's goes back to the county that was credited for it.
            own["supplemented"] += change
        else:
            own[_called(row.kind, row.letter, row.came)] += int(row.steps)
    return figures


def _called(kind: str, letter: str, came: bool) -> str:
    what = f"{kind} of {letter}" if kind == "write_off" else kind
    name = CALLED.get((what, came))
    ensure(name is not None, f"the assessment has no place for a {what} (came: {came})")
    return name or ""


async def money(connection: Connection, span: Span, outsiders: Sequence[str]) -> Mapping[str, Money]:
    """Return what trades settled in the year cost and brought every jurisdiction inside the province."""
    found = await connection.execute(
        text(MONEY), {"starts_at": span.starts_at, "ends_at": span.ends_at, "outsiders": list(outsiders)}
    )
    sums: dict[str, dict[str, int]] = defaultdict(dict)
    for row in found:
        name = "received" if row.came else "paid"
        sums[row.jurisdiction][f"{name}_outside"] = int(row.outside_fen)
        sums[row.jurisdiction][name] = int(row.fen) - int(row.outside_fen)
    return {code: Money(**given) for code, given in sums.items()}


# Application by application, so that what one has too much of covers nothing of another.
OCCUPIED = """
    WITH occupied AS (
        SELECT 'F' || lpad(application.id::text, 10, '0') AS reference, application.applicant, required.asset,
               required.steps
          FROM land_application AS application
         CROSS JOIN LATERAL (VALUES ('farmland_quantity', application.farmland_quantity),
                                    ('paddy_area', application.paddy_area),
                                    ('grain_capacity', application.grain_capacity),
                                    ('linkage_quota', application.linkage_quota)) AS required(asset, steps)
         WHERE application.written_off_at >= :starts_at AND application.written_off_at < :ends_at
           AND (application.state NOT IN ('REFUSED', 'WITHDRAWN') OR application.decided_at >= :ends_at)
           AND required.steps > 0
    ), covered AS (
        SELECT head.reference, account.asset, sum(posting.amount) AS steps
          FROM ledger_transaction AS head
          JOIN posting ON posting.transaction_id = head.id
          JOIN account ON account.id = posting.account_id AND account.bucket = 'consumed'
         WHERE head.at >= :starts_at AND head.at < :ends_at AND head.kind = 'write_off'
         GROUP BY head.reference, account.asset
    ), promised AS (
        SELECT 'F' || lpad(commitment.application_id::text, 10, '0') AS reference, promise.asset,
               sum(promise.steps) AS steps
          FROM commitment
         CROSS JOIN LATERAL (VALUES ('farmland_quantity', commitment.farmland_quantity),
                                    ('paddy_area', commitment.paddy_area),
                                    ('grain_capacity', commitment.grain_capacity),
                                    ('linkage_quota', commitment.linkage_quota)) AS promise(asset, steps)
         WHERE commitment.application_id IN (
               SELECT id FROM land_application
                WHERE written_off_at >= :starts_at AND written_off_at < :ends_at)
           AND commitment.decided_at IS NOT NULL AND commitment.state NOT IN ('REFUSED', 'WITHDRAWN')
         GROUP BY commitment.application_id, promise.asset
    )
    SELECT occupied.applicant, occupied.asset, sum(occupied.steps) AS occupied,
           sum(greatest(0, occupied.steps - coalesce(covered.steps, 0) - coalesce(promised.steps, 0)))
               AS uncovered
      FROM occupied
      LEFT JOIN covered USING (reference, asset)
      LEFT JOIN promised USING (reference, asset)
     GROUP BY occupied.applicant, occupied.asset
"""


async def occupied(connection: Connection, span: Span) -> Steps:
    """Return what applications occupy that were written off in the year, and what of it is uncovered."""
    found = await connection.execute(text(OCCUPIED), {"starts_at": span.starts_at, "ends_at": span.ends_at})
    return {
        (row.applicant, Indicator(row.asset)): {
            "occupied": int(row.occupied),
            "uncovered": int(row.uncovered),
        }
        for row in found
    }


# Active from the regulator's decision until its write-off, or until its application ends. It falls due as its
# day is over, so at the next midnight in China.
_ACTIVATED = f"""
    SELECT commitment.*, (commitment.due_on + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' AS due_at,
           CASE commitment.state WHEN 'LAPSED' THEN application.decided_at END AS lapsed_at,
           greatest({MISSED}) > 0 AS has_missed
      FROM commitment JOIN land_application AS application ON application.id = commitment.application_id
     WHERE commitment.decided_at < :at AND commitment.state NOT IN ('REFUSED', 'WITHDRAWN')
"""


# When obligations were made good, and when that was undone: their own row keeps only how they ended last.
_DISCHARGED = """
    SELECT obligation.id, made.written_off_at AS at, made.reversed_at
      FROM obligation JOIN write_off AS made ON made.reference = 'O' || lpad(obligation.id::text, 10, '0')
"""


async def promised(connection: Connection, at: datetime) -> Steps:
    """Return what commitments promise that run at an instant, by applicant and indicator."""
    found = await connection.execute(
        text(
            f"""
            SELECT applicant, promise.indicator, sum(promise.steps) AS steps
              FROM ({_ACTIVATED}) AS active
             CROSS JOIN LATERAL (VALUES ('farmland_quantity', farmland_quantity), ('paddy_area', paddy_area),
                                        ('grain_capacity', grain_capacity), ('linkage_quota', linkage_quota))
                     AS promise(indicator, steps)
             WHERE (written_off_at IS NULL OR written_off_at >= :at)
               AND (lapsed_at IS NULL OR lapsed_at >= :at) AND promise.steps > 0
             GROUP BY applicant, promise.indicator
            """
        ),
        {"at": at},
    )
    return {(row.applicant, Indicator(row.indicator)): {"promised": int(row.steps)} for row in found}


async def commitments(connection: Connection, span: Span, at: datetime) -> Mapping[str, Commitments]:
    """Return by applicant how many commitments fell due in the year up to an instant, and how they ended."""
    found = await connection.execute(
        text(
            f"""
            SELECT applicant, sum(due) AS due, sum(met) AS met, sum(defaulted) AS defaulted,
                   sum(made_good) AS made_good
              FROM (SELECT applicant,
                           -- A day's end is the next day's beginning, and belongs to the day that ends.
                           CAST(due_at > :starts_at AND due_at <= :at
                                AND (lapsed_at IS NULL OR lapsed_at > due_at) AS integer) AS due,
                           CAST(coalesce(written_off_at >= :starts_at AND written_off_at < :at, false)
                                AND NOT has_missed AS integer) AS met,
                           CAST(coalesce(written_off_at >= :starts_at AND written_off_at < :at, false)
                                AND has_missed AS integer) AS defaulted,
                           0 AS made_good
                      FROM ({_ACTIVATED}) AS active
                     UNION ALL
                    SELECT jurisdiction, 0, 0, 0, 1
                      FROM obligation JOIN ({_DISCHARGED}) AS discharged ON discharged.id = obligation.id
                     WHERE kind = 'commitment_deficit' AND discharged.at >= :starts_at
                       AND discharged.at < :at AND (reversed_at IS NULL OR reversed_at >= :at)) AS counted
             GROUP BY applicant HAVING sum(due + met + defaulted + made_good) > 0
            """
        ),
        {"starts_at": span.starts_at, "at": at},
    )
    return {
        row.applicant: Commitments(int(row.due), int(row.met), int(row.defaulted), int(row.made_good))
        for row in found
    }


# What each obligation owed at an instant: what it owes now, and what was cancelled of it since. A deficit is
# cancelled whole, with its application; a replacement as the voided batches come back.
_OWED_THEN = f"""
    SELECT obligation.jurisdiction, obligation.kind, owed.indicator,
           owed.steps + CASE WHEN obligation.state = 'CANCELLED' THEN coalesce(owed.missed, 0) ELSE 0 END
           + coalesce(back.steps, 0) AS steps
      FROM obligation
      LEFT JOIN commitment ON obligation.source = 'K' || lpad(commitment.id::text, 10, '0')
     CROSS JOIN LATERAL (VALUES
           ('farmland_quantity', obligation.farmland_quantity, commitment.missed_farmland_quantity),
           ('paddy_area', obligation.paddy_area, commitment.missed_paddy_area),
           ('grain_capacity', obligation.grain_capacity, commitment.missed_grain_capacity),
           ('linkage_quota', obligation.linkage_quota, commitment.missed_linkage_quota))
             AS owed(indicator, steps, missed)
      LEFT JOIN (SELECT voiding.obligation_id, batch.indicator, sum(back.cancelled) AS steps
                   FROM voided_return AS back
                   JOIN batch ON batch.id = back.batch_id
                   JOIN project_voiding AS voiding ON voiding.project_id = batch.project_id
                  WHERE back.at >= :at
                  GROUP BY voiding.obligation_id, batch.indicator) AS back
        ON back.obligation_id = obligation.id AND back.indicator = owed.indicator
     WHERE obligation.opened_at < :at AND (obligation.ended_at IS NULL OR obligation.ended_at >= :at)
       AND NOT EXISTS (SELECT 1 FROM ({_DISCHARGED}) AS discharged
                        WHERE discharged.id = obligation.id AND discharged.at < :at)
"""


async def obligations(connection: Connection, at: datetime) -> Steps:
    """Return what obligations owed that were open at an instant, by jurisdiction and indicator.

    As they stood then: what was made good, cancelled or reduced since was still owed.
    """
    found = await connection.execute(
        text(
            f"""
            SELECT jurisdiction, kind, indicator, sum(steps) AS steps FROM ({_OWED_THEN}) AS owed
             WHERE steps > 0 GROUP BY jurisdiction, kind, indicator
            """
        ),
        {"at": at},
    )
    figures: Steps = defaultdict(lambda: defaultdict(int))
    for row in found:
        of_commitment = row.kind == ObligationKind.COMMITMENT_DEFICIT
        figures[row.jurisdiction, Indicator(row.indicator)]["deficit" if of_commitment else "owed"] = int(
            row.steps
        )
    return figures


async def sanctions(
    connection: Connection, span: Span, standing_at: datetime, standing_on: date
) -> SanctionsByCode:
    """Return by jurisdiction how many sanctions were imposed in the year, and stood at an instant of it."""
    found = await connection.execute(
        text(
            """
            SELECT jurisdiction, kind,
                   count(*) FILTER (WHERE decided_at >= :starts_at) AS imposed,
                   count(*) FILTER (WHERE starts_on <= :day AND (ends_on IS NULL OR :day <= ends_on)
                                      AND (lifted_at IS NULL OR lifted_at > :at)) AS in_force
              FROM sanction WHERE decided_at < :ends_at GROUP BY jurisdiction, kind
            """
        ),
        {
            "starts_at": span.starts_at,
            "ends_at": span.ends_at,
            "at": standing_at,
            "day": standing_on,
        },
    )
    by_code: dict[str, dict[SanctionKind, Sanctions]] = defaultdict(dict)
    for row in found:
        if row.imposed or row.in_force:
            by_code[row.jurisdiction][SanctionKind(row.kind)] = Sanctions(row.imposed, row.in_force)
    return by_code


async def closed_year(connection: Connection, year: int) -> ClosedYearRow | None:
    """Return a closed year with its record, or None."""
    found = await connection.execute(
        text("SELECT year, closed_at, closed_by, result, record, sha256 FROM closed_year WHERE year = :year"),
        {"year": year},
    )
    row = found.first()
    return None if row is None else _closed_year(row)


def _closed_year(row: Any) -> ClosedYearRow:
    return ClosedYearRow(**{**row._mapping, "result": Result(row.result)})


async def closed_years(connection: Connection, *, before: int | None, limit: int) -> Sequence[ClosedYearRow]:
    """Return at most ``limit`` closed years before the one given, the latest first, without their records."""
    found = await connection.execute(
        text(
            """
            SELECT year, closed_at, closed_by, result, NULL AS record, sha256 FROM closed_year
             WHERE CAST(:before AS integer) IS NULL OR year < CAST(:before AS integer)
             ORDER BY year DESC LIMIT :limit
            """
        ),
        {"before": before, "limit": limit},
    )
    return [_closed_year(row) for row in found]


async def close(
    connection: Connection,
    *,
    year: int,
    at: datetime,
    closed_by: str,
    result: Result,
    record: str,
    sha256: bytes,
) -> ClosedYearRow:
    """Keep a year's assessment for good; raises Conflict where the year is closed already."""
    made = await connection.execute(
        text(
            """
            INSERT INTO closed_year (year, closed_at, closed_by, result, record, sha256)
            VALUES (:year, :at, :closed_by, :result, :record, :sha256)
            RETURNING year, closed_at, closed_by, result, record, sha256
            """
        ),
        {
            "year": year,
            "at": at,
            "closed_by": closed_by,
            "result": result,
            "record": record,
            "sha256": sha256,
        },
    )
    return _closed_year(made.one())
