"""The journal of state changes, and the answers kept under idempotency keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Integer, text
from sqlmodel import Field, SQLModel

from app.store import clock, columns
from app.store.database import Connection


class JournalEvent(SQLModel, table=True):
    """One state change: canonical JSON and its SHA-256; append-only."""

    __tablename__ = "journal_event"

    id: int | None = Field(default=None, sa_column=columns.identity())
    at: datetime = Field(sa_column=columns.instant())
    kind: str = Field(sa_column=columns.text())
    subject: str = Field(sa_column=columns.text())
    actor: str | None = Field(default=None, sa_column=columns.refers("jurisdiction.code", nullable=True))
    payload: str = Field(sa_column=columns.text())
    digest: bytes = Field(sa_column=columns.octets())


class StoredAnswer(SQLModel, table=True):
    """The answer given under an idempotency key, byte for byte, and the keyed digest of its request."""

    __tablename__ = "stored_answer"

    jurisdiction: str = Field(sa_column=columns.refers("jurisdiction.code", primary_key=True))
    key: str = Field(sa_column=columns.text(primary_key=True))
    request_digest: bytes = Field(sa_column=columns.octets())
    status: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    body: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    answered_at: datetime = Field(sa_column=columns.instant())


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event: ``payload`` is canonical JSON (sorted names, no blanks, UTF-8), ``digest`` its SHA-256."""

    id: int
    at: datetime
    kind: str
    subject: str
    actor: str | None
    payload: str
    digest: bytes


async def events(
    connection: Connection, *, kind: str | None, subject: str | None, after: int | None, limit: int
) -> Sequence[EventRow]:
    """Return at most ``limit`` events after the number given, of one kind or subject or of all."""
    found = await connection.execute(
        text(
            """
            SELECT id, at, kind, subject, actor, payload, digest FROM journal_event
             WHERE (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
               AND (CAST(:kind AS text) IS NULL OR kind = CAST(:kind AS text))
               AND (CAST(:subject AS text) IS NULL OR subject = CAST(:subject AS text))
             ORDER BY id LIMIT :limit
            """
        ),
        {"kind": kind, "subject": subject, "after": after, "limit": limit},
    )
    return [EventRow(**row._mapping) for row in found]


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append: whom it is about, its canonical JSON, and that one's SHA-256."""

    subject: str
    payload: str
    digest: bytes


async def append(
    connection: Connection, *, at: datetime, kind: str, actor: str | None, events: Sequence[NewEvent]
) -> None:
    """Append events of one kind and instant, in their order."""
    await connection.execute(
        text(
            """
            INSERT INTO journal_event (at, kind, subject, actor, payload, digest)
            SELECT :at, :kind, event.subject, :actor, event.payload, event.digest
              FROM unnest(CAST(:subjects AS text[]), CAST(:payloads AS text[]), CAST(:digests AS bytea[]))
                   WITH ORDINALITY AS event(subject, payload, digest, place)
             ORDER BY event.place
            """
        ),
        {
            "at": at,
            "kind": kind,
            "actor": actor,
            "subjects": [event.subject for event in events],
            "payloads": [event.payload for event in events],
            "digests": [event.digest for event in events],
        },
    )


async def claim(
    connection: Connection, *, jurisdiction: str, key: str, request_digest: bytes
) -> StoredAnswer | None:
    """Claim an idempotency key; None if it is ours now, else the answer stored under it.

    A second request under the same key waits here for the first one's end: it then finds its answer,
    or, where the first was refused, the key free.
    """
    claimed = await connection.execute(
        text(
            "INSERT INTO stored_answer (jurisdiction, key, request_digest, answered_at) "
            f"VALUES (:jurisdiction, :key, :request_digest, {clock.NOW}) "
            "ON CONFLICT DO NOTHING RETURNING key"
        ),
        {"jurisdiction": jurisdiction, "key": key, "request_digest": request_digest},
    )
    if claimed.first() is not None:
        return None
    row = (
        await connection.execute(
            text(
                "SELECT jurisdiction, key, request_digest, status, body, answered_at "
                "FROM stored_answer WHERE jurisdiction = :jurisdiction AND key = :key"
            ),
            {"jurisdiction": jurisdiction, "key": key},
        )
    ).one()
    return StoredAnswer(**row._mapping)


async def keep_answer(connection: Connection, *, jurisdiction: str, key: str, status: int, body: str) -> None:
    """Keep the answer of the request that claimed the key, in the same transaction as its effect."""
    await connection.execute(
        text(
            "UPDATE stored_answer SET status = :status, body = :body "
            "WHERE jurisdiction = :jurisdiction AND key = :key"
        ),
        {"jurisdiction": jurisdiction, "key": key, "status": status, "body": body},
    )
