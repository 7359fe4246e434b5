"""What every write shares: its idempotency key, and the event it announces."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from app.market.errors import KeyReused, ensure
from app.store import journal
from app.store.database import Connection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key of one jurisdiction, and the keyed digest of the request that uses it."""

    jurisdiction: str
    key: str
    request_digest: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write answers: an HTTP status and a JSON body, kept under the key byte for byte."""

    status: int
    body: str
    replayed: bool = False


async def once(
    connection: Connection,
    claim: Claim,
    work: Callable[[Connection], Awaitable[T]],
    shape: Callable[[T], Answer],
) -> Answer:
    """Do ``work`` under the key, or return the answer it gave before; raises KeyReused.

    Key, effect and answer are one transaction: an answer that was given is never lost.
    """
    stored = await journal.claim(
        connection,
        jurisdiction=claim.jurisdiction,
        key=claim.key,
        request_digest=claim.request_digest,
    )
    if stored is not None:
        if stored.request_digest != claim.request_digest:
            raise KeyReused
        ensure(stored.status is not None and stored.body is not None, "a committed key has no answer")
        return Answer(stored.status or 0, stored.body or "", replayed=True)
    answer = shape(await work(connection))
    await journal.keep_answer(
        connection, jurisdiction=claim.jurisdiction, key=claim.key, status=answer.status, body=answer.body
    )
    return answer


async def announce(
    connection: Connection,
    *,
    at: datetime,
    kind: str,
    subject: str,
    actor: str | None,
    facts: Mapping[str, object],
) -> None:
    """Append the event of a state change: public facts only, no personal data, no unopened bid.

    A reason is free text that may name a person: a fact only where everybody is shown it anyway, as at an
    auction's end.
    ``facts`` holds strings, whole numbers, booleans, lists and objects of them; no float exists here.
    """
    await announce_each(connection, at=at, kind=kind, actor=actor, facts={subject: facts})


async def announce_each(
    connection: Connection,
    *,
    at: datetime,
    kind: str,
    actor: str | None,
    facts: Mapping[str, Mapping[str, object]],
) -> None:
    """Append the events of one kind that a write had for many, by subject and in their order."""
    await journal.append(
        connection,
        at=at,
        kind=kind,
        actor=actor,
        events=[_event(subject, each) for subject, each in facts.items()],
    )


def _event(subject: str, facts: Mapping[str, object]) -> journal.NewEvent:
    payload = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return journal.NewEvent(subject, payload, hashlib.sha256(payload.encode()).digest())
