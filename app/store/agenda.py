"""What falls due when, read from the deadlines that are data already; and the reminders sent of them.

Nothing is copied: each source is one SELECT over its aggregate's own rows, and the agenda is all of them in
one UNION. A new kind of deadline is one more ``Source`` in ``SOURCES``, and nothing else.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Column, Index, SmallInteger, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market.ids import Kind
from app.store import columns
from app.store.database import Connection


class Reminder(SQLModel, table=True):
    """That a deadline was near: one row per thing, deadline and lead; a deadline that moved has its own."""

    __table_args__ = (
        UniqueConstraint("kind", "subject", "due_at", "lead_days"),
        CheckConstraint("lead_days BETWEEN 1 AND 365", name="ck_reminder_lead_days"),
        Index("ix_reminder_jurisdiction_id", "jurisdiction", "id"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    kind: str = Field(sa_column=columns.text())
    subject: str = Field(sa_column=columns.text())
    jurisdiction: str | None = Field(
        default=None, sa_column=columns.refers("jurisdiction.code", nullable=True)
    )
    due_at: datetime = Field(sa_column=columns.instant())
    lead_days: int = Field(sa_column=Column(SmallInteger, nullable=False))
    sent_at: datetime = Field(sa_column=columns.instant())


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of deadline: its name, what it says to a person, and the SELECT that finds it.

    ``sql`` returns (subject text, jurisdiction text, due_at timestamptz) of what is still open, at most one
    row per subject. ``subject`` is the public id (``named``); ``jurisdiction`` whose it is, to act or
    to wait for it, NULL where it concerns everybody; ``due_at`` the first instant that is too late. It may
    use the parameters ``:now`` (timestamptz) and ``:today`` (date, in China), and no others.
    """

    kind: str
    what: str
    what_zh: str
    sql: str


def named(kind: Kind, column: str) -> str:
    """The SQL that prints a row's number as its public id, as ``public_id`` does."""
    return f"'{kind.value[0]}' || lpad(CAST({column} AS text), 10, '0')"


def end_of_day(column: str) -> str:
    """The SQL of the end of a day in China as an exclusive instant: the next midnight there."""
    return f"(CAST({column} + 1 AS timestamp) AT TIME ZONE 'Asia/Shanghai')"


SOURCES: tuple[Source, ...] = (
    Source(
        "notice_ends",
        "The public notice of a trade ends; its buyer can confirm it from then on",
        "成交公示期满，买方可签订成交确认书",
        f"""SELECT {named(Kind.TRADE, "id")} AS subject, buyer AS jurisdiction, notice_ends_at AS due_at
              FROM trade
             WHERE state = 'AWARDED' AND notice_stopped_at IS NULL
               AND notice_ends_at > CAST(:now AS timestamptz)""",
    ),
    Source(
        "payment_due",
        "Payment of a trade is due; after that it is in default",
        "成交价款缴纳截止，逾期视为违约",
        f"""SELECT {named(Kind.TRADE, "id")} AS subject, buyer AS jurisdiction, payment_due_at AS due_at
              FROM trade WHERE state IN ('AWARDED', 'CONFIRMED') AND notice_stopped_at IS NULL""",
    ),
    Source(
        "objection_undecided",
        "The land regulator is expected to decide an objection; its trade waits until then",
        "异议处理期限届满，决定之前公示期中止",
        f"""SELECT {named(Kind.OBJECTION, "objection.id")} AS subject, trade.buyer AS jurisdiction,
                   objection.decide_by AS due_at
              FROM objection JOIN trade ON trade.id = objection.trade_id
             WHERE objection.state = 'OPEN'""",
    ),
    Source(
        "auction_opens",
        "Bidding in an auction begins",
        "竞价场次开始",
        f"""SELECT {named(Kind.AUCTION, "id")} AS subject, CAST(NULL AS text) AS jurisdiction,
                   opens_at AS due_at
              FROM auction WHERE state = 'ANNOUNCED' AND opens_at > CAST(:now AS timestamptz)""",
    ),
    Source(
        "auction_closes",
        "Bidding in an auction ends",
        "竞价场次截止",
        f"""SELECT {named(Kind.AUCTION, "id")} AS subject, CAST(NULL AS text) AS jurisdiction,
                   closes_at AS due_at
              FROM auction WHERE state = 'ANNOUNCED'""",
    ),
    Source(
        "rectification_ends",
        "The time for a rectification that was ordered ends",
        "限期整改期满",
        f"""SELECT {named(Kind.SANCTION, "id")} AS subject, jurisdiction, {end_of_day("ends_on")} AS due_at
              FROM sanction
             WHERE kind = 'rectify' AND lifted_at IS NULL AND ends_on >= CAST(:today AS date)""",
    ),
    Source(
        "commitment_due",
        "A commitment falls due; what is promised is written off after that day",
        "承诺补充到期，次日核销所承诺的指标",
        f"""SELECT {named(Kind.COMMITMENT, "id")} AS subject, applicant AS jurisdiction,
                   {end_of_day("due_on")} AS due_at
              FROM commitment WHERE state = 'ACTIVE'""",
    ),
    Source(
        "rule_set_expires",
        "The validity of the rule set ends; the market goes on, by the same rules",
        "规则文件有效期届满（市场照常运行）",
        f"""SELECT {named(Kind.POLICY, "latest.id")} AS subject, CAST(NULL AS text) AS jurisdiction,
                   CAST(CAST(latest.value ->> 'issued_on' AS date)
                        + make_interval(years => CAST(latest.value ->> 'valid_years' AS integer))
                        AS timestamp) AT TIME ZONE 'Asia/Shanghai' AS due_at
              FROM (SELECT id, value FROM policy
                     WHERE name = 'rule_set' AND starts_at <= CAST(:now AS timestamptz)
                     ORDER BY starts_at DESC LIMIT 1) AS latest
             WHERE CAST(latest.value ->> 'issued_on' AS date)
                   + make_interval(years => CAST(latest.value ->> 'valid_years' AS integer))
                   > CAST(:today AS date)""",
    ),
)

BY_KIND = {source.kind: source for source in SOURCES}


@dataclass(frozen=True, slots=True)
class DueRow:
    """Something that falls due: ``due_at`` is the first instant that is too late."""

    kind: str
    subject: str
    jurisdiction: str | None
    due_at: datetime


@dataclass(frozen=True, slots=True)
class ReminderRow:
    """A reminder as sent."""

    id: int
    kind: str
    subject: str
    jurisdiction: str | None
    due_at: datetime
    lead_days: int
    sent_at: datetime


def _union(sources: Sequence[Source]) -> str:
    return "\nUNION ALL\n".join(
        f'SELECT CAST(\'{source.kind}\' AS text) COLLATE "C" AS kind, subject COLLATE "C" AS subject, '
        f'jurisdiction COLLATE "C" AS jurisdiction, due_at FROM ({source.sql}) AS {source.kind}'
        for source in sources
    )


async def due(
    connection: Connection,
    *,
    now: datetime,
    today: date,
    kind: str | None,
    jurisdiction: str | None,
    until: datetime | None,
    after: tuple[datetime, str, str] | None,
    limit: int,
) -> Sequence[DueRow]:
    """Return at most ``limit`` things that fall due, by (due_at, kind, subject), after the place given.

    Of one jurisdiction: its own, and what concerns everybody. ``until`` is excluded.
    """
    place = after or (None, None, None)
    found = await connection.execute(
        text(
            f"""
            SELECT kind, subject, jurisdiction, due_at
              FROM ({_union(SOURCES if kind is None else [BY_KIND[kind]])}) AS due
             WHERE (CAST(:jurisdiction AS text) IS NULL OR jurisdiction IS NULL
                    OR jurisdiction = CAST(:jurisdiction AS text))
               AND (CAST(:until AS timestamptz) IS NULL OR due_at < CAST(:until AS timestamptz))
               AND (CAST(:after_kind AS text) IS NULL
                    OR (due_at, kind, subject) > (CAST(:after_at AS timestamptz),
                                                  CAST(:after_kind AS text), CAST(:after_subject AS text)))
             ORDER BY due_at, kind, subject LIMIT :limit
            """
        ),
        {
            "now": now,
            "today": today,
            "jurisdiction": jurisdiction,
            "until": until,
            "after_at": place[0],
            "after_kind": place[1],
            "after_subject": place[2],
            "limit": limit,
        },
    )
    return [DueRow(**row._mapping) for row in found]


@dataclass(frozen=True, slots=True)
class DueReminder:
    """A reminder that is to be sent; ``number`` stands for it among those tried."""

    number: int
    due: DueRow
    lead_days: int


async def next_reminder(
    connection: Connection,
    *,
    now: datetime,
    today: date,
    lead_days: Sequence[int],
    tried: Collection[int],
) -> DueReminder | None:
    """Return the reminder longest due that was not sent or tried yet, if there is any.

    Of several leads that a deadline has come within, the nearest counts: what was announced three days
    ahead is not first said to be a week away.
    """
    found = await connection.execute(
        text(
            f"""
            SELECT * FROM (
                SELECT due.*, near.lead_days,
                       hashtextextended(concat_ws('|', due.kind, due.subject,
                                                  extract(epoch FROM due.due_at), near.lead_days), 0)
                           AS number
                  FROM ({_union(SOURCES)}) AS due
                  JOIN LATERAL (
                       SELECT min(lead) AS lead_days FROM unnest(CAST(:leads AS integer[])) AS lead
                        WHERE due.due_at - make_interval(days => lead) <= CAST(:now AS timestamptz)) AS near
                    ON near.lead_days IS NOT NULL
                 WHERE due.due_at > CAST(:now AS timestamptz)
                   AND due.due_at <= CAST(:now AS timestamptz) + make_interval(days => :longest)) AS due
             WHERE due.number <> ALL(CAST(:tried AS bigint[]))
               AND NOT EXISTS (
                   SELECT FROM reminder
                    WHERE reminder.kind = due.kind AND reminder.subject = due.subject
                      AND reminder.due_at = due.due_at AND reminder.lead_days = due.lead_days)
             ORDER BY due.due_at, due.kind, due.subject LIMIT 1
            """
        ),
        {
            "now": now,
            "today": today,
            "leads": list(lead_days),
            "longest": max(lead_days, default=0),
            "tried": list(tried),
        },
    )
    row = found.first()
    if row is None:
        return None
    return DueReminder(row.number, DueRow(row.kind, row.subject, row.jurisdiction, row.due_at), row.lead_days)


async def insert_reminder(connection: Connection, reminder: DueReminder, *, sent_at: datetime) -> bool:
    """Enter a reminder; whether it was not there yet: another worker may have been first."""
    made = await connection.execute(
        text(
            """
            INSERT INTO reminder (kind, subject, jurisdiction, due_at, lead_days, sent_at)
            VALUES (:kind, :subject, :jurisdiction, :due_at, :lead_days, :sent_at)
            ON CONFLICT DO NOTHING
            """
        ),
        {
            "kind": reminder.due.kind,
            "subject": reminder.due.subject,
            "jurisdiction": reminder.due.jurisdiction,
            "due_at": reminder.due.due_at,
            "lead_days": reminder.lead_days,
            "sent_at": sent_at,
        },
    )
    return made.rowcount == 1


_REMINDERS = """SELECT id, kind, subject, jurisdiction, due_at, lead_days, sent_at FROM reminder
                 WHERE {whose} AND (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
                 ORDER BY id LIMIT :limit"""
_ALL_REMINDERS = _REMINDERS.format(whose="true")
# Two walks of the index that stop at the page's end; with OR in one it would be read to the table's end.
_OWN_REMINDERS = f"""
    SELECT * FROM (({_REMINDERS.format(whose="jurisdiction = :jurisdiction")})
                   UNION ALL ({_REMINDERS.format(whose="jurisdiction IS NULL")})) AS own
     ORDER BY id LIMIT :limit"""


async def reminders(
    connection: Connection, *, jurisdiction: str | None, after: int | None, limit: int
) -> Sequence[ReminderRow]:
    """Return at most ``limit`` reminders in the order sent, after the number given.

    Of one jurisdiction: its own, and those that concern everybody.
    """
    whose = {} if jurisdiction is None else {"jurisdiction": jurisdiction}
    found = await connection.execute(
        text(_OWN_REMINDERS if whose else _ALL_REMINDERS), {"after": after, "limit": limit, **whose}
    )
    return [ReminderRow(**row._mapping) for row in found]
