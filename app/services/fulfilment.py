"""How commitments (承诺补充) end: earmarked for, written off when due, lapsed with their application.

Nobody asks for these: the project's acceptance, the calendar and the application's end bring them about.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.market import commitments as market
from app.market.applications import ApplicationState
from app.market.commitments import HOLDING, TRANSITIONS, CommitmentEvent, CommitmentState, Earmark
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket, Entry, move
from app.market.needs import usable
from app.market.obligations import ObligationKind, ObligationState
from app.market.states import step
from app.market.units import format_quantities, format_quantity
from app.market.write_offs import Holding, draw
from app.sealing.keys import Keys
from app.services import obligations, write_offs
from app.services.days import day_of
from app.services.journal import announce, announce_each
from app.services.needs import backings_of
from app.services.returns import Coming
from app.store import applications, clock, ledger, needs
from app.store import commitments as store
from app.store import obligations as owing
from app.store.applications import ApplicationRow
from app.store.commitments import CommitmentRow, EarmarkRow
from app.store.database import Connection
from app.store.ledger import BatchRow
from app.store.obligations import ObligationRow

__all__ = [
    "Lapsing",
    "credited",
    "earmarks",
    "fall_due",
    "hold_lapsing",
    "keep",
    "lapse",
    "write_off_due",
]


def _named(row: CommitmentRow) -> str:
    return public_id(Kind.COMMITMENT, row.id)


# A named project is accepted


async def earmarks(
    connection: Connection, batches: Mapping[int, Sequence[BatchRow]]
) -> Mapping[int, Sequence[Earmark]]:
    """What of new batches, given by project, is earmarked for active commitments; by batch.

    Locks the commitments; the caller holds the projects, and posts and keeps what is returned.
    """
    claims = await store.lock_claims(connection, batches)
    return {
        batch.id: market.share(claims[project_id], batch.indicator, batch.id, batch.quantity)
        for project_id, earned in batches.items()
        if project_id in claims
        for batch in earned
    }


def credited(batch: BatchRow, kept: Sequence[Earmark]) -> list[Entry]:
    """The entries that credit a batch: what is earmarked to who promised it, the rest to its county."""
    issued = AccountKey(batch.county, batch.indicator, batch.id, Bucket.ISSUED)
    entries = [entry for each in kept for entry in move(issued, _account(each), each.steps)]
    rest = batch.quantity - sum(each.steps for each in kept)
    if rest:
        entries += move(issued, AccountKey(batch.county, batch.indicator, batch.id, Bucket.AVAILABLE), rest)
    return entries


def _account(earmark: Earmark) -> AccountKey:
    return AccountKey(earmark.applicant, earmark.indicator, earmark.batch_id, Bucket.EARMARKED)


async def keep(
    connection: Connection, kept: Mapping[int, Sequence[Earmark]], *, at: datetime, actor: str
) -> None:
    """Keep and announce what was earmarked, by batch, once it is posted."""
    flat = [each for batch in kept.values() for each in batch]
    if not flat:
        return
    await store.keep_earmarks(connection, flat)
    facts: dict[str, list[Mapping[str, str]]] = {}
    for each in sorted(flat, key=lambda one: (one.commitment_id, one.batch_id)):
        facts.setdefault(public_id(Kind.COMMITMENT, each.commitment_id), []).append(
            {
                "indicator": each.indicator,
                "batch": public_id(Kind.BATCH, each.batch_id),
                "quantity": format_quantity(each.steps, each.indicator),
            }
        )
    await announce_each(
        connection,
        at=at,
        kind="commitment.earmarked",
        actor=actor,
        facts={subject: {"earmarked": made} for subject, made in facts.items()},
    )


# The due date


async def fall_due(connection: Connection, *, keys: Keys, tried: set[int]) -> bool:
    """Let one commitment fall due whose day is over in China, if there is any; whether there was."""
    now = await clock.now(connection)
    held = await store.lock_past_due(connection, day_of(now), tried)
    if held is None:
        return False
    tried.add(held.id)
    state = step(TRANSITIONS, "commitment", _named(held), held.state, CommitmentEvent.FALL_DUE)
    due = await store.advance(connection, held, state=state)
    await announce(
        connection,
        at=now,
        kind="commitment.due",
        subject=_named(due),
        actor=None,
        facts={"applicant": due.applicant, "due_on": due.due_on.isoformat()},
    )
    return True


async def write_off_due(connection: Connection, *, keys: Keys, tried: set[int]) -> bool:
    """Write off one commitment that is due, if there is any; whether there was.

    The applications of its reserve come before it in the order of locks (ADR 0004), so it is looked for
    first and held after them; where another worker was first, it is let go and the next one looked for.
    """
    while (found := await store.next_due(connection, tried)) is not None:
        tried.add(found.id)
        attempt = await connection.begin_nested()
        filed = await applications.lock_filed(connection, found.applicant, and_one=found.application_id)
        held = await store.lock(connection, found.id)
        if held is not None and held.state is CommitmentState.DUE:
            await _write_off(connection, held, filed)
            await attempt.commit()
            return True
        await attempt.rollback()
    return False


async def _write_off(connection: Connection, held: CommitmentRow, locked: Sequence[ApplicationRow]) -> None:
    """Write off what was promised: its earmarks, then what is available; what is missing is owed on."""
    own = [
        Holding(each.earmark.indicator, each.earmark.batch_id, Bucket.EARMARKED, each.earmark.steps)
        for each in await store.earmarks_of(connection, [held.id])
    ]
    kept: dict[Indicator, int] = dict.fromkeys(Indicator, 0)
    for holding in own:
        kept[holding.indicator] += holding.steps
    rest = {each: steps - kept[each] for each, steps in held.promised.items()}
    owed = await owing.lock_open(connection, held.applicant)
    available = await write_offs.hold(connection, held.applicant, rest, beside=own)
    free = await _free(connection, held, locked, owed)
    draws = draw([*own, *available], {each: kept[each] + min(rest[each], free[each]) for each in Indicator})
    missed = market.still_missing(held.promised, draws.steps)
    now = await clock.now(connection)
    if draws.taken:
        await write_offs.write_off(
            connection,
            reserve=held.applicant,
            reference=_named(held),
            taken=draws.taken,
            at=now,
            actor=None,
        )
    event = CommitmentEvent.DEFAULT if any(missed.values()) else CommitmentEvent.FULFIL
    state = step(TRANSITIONS, "commitment", _named(held), held.state, event)
    await store.advance(connection, held, state=state, written_off_at=now, missed=missed)
    facts: dict[str, object] = {
        "applicant": held.applicant,
        "application": public_id(Kind.APPLICATION, held.application_id),
        "written_off": format_quantities(draws.steps),
    }
    if state is CommitmentState.DEFAULTED:
        facts["deficit"] = format_quantities(missed)
    await announce(
        connection, at=now, kind=f"commitment.{state.lower()}", subject=_named(held), actor=None, facts=facts
    )
    if state is CommitmentState.DEFAULTED:
        await obligations.open_(
            connection,
            kind=ObligationKind.COMMITMENT_DEFICIT,
            jurisdiction=held.applicant,
            source=_named(held),
            owed=missed,
            at=now,
            actor=None,
        )


async def _free(
    connection: Connection,
    held: CommitmentRow,
    locked: Sequence[ApplicationRow],
    owed: Sequence[ObligationRow],
) -> Mapping[Indicator, int]:
    """What of an applicant's available stock was not bought for something else (ADR 0006)."""
    reserve = held.applicant
    filed = [each for each in locked if each.state is ApplicationState.FILED and each.reserve == reserve]
    supply = await needs.supply_of(connection, reserve)
    return usable(await backings_of(connection, filed, owed, supply), supply.available, _named(held))


# The application ends


@dataclass(frozen=True, slots=True)
class Lapsing:
    """What ends with an application: its live and its fallen commitments, which are held, and what they owe.

    Whoever changes what they owe holds them too, so that it stays as it is; its own lock is still to be taken
    (``returns.hold_coming``).
    """

    rows: Sequence[CommitmentRow]
    earmarks: Sequence[EarmarkRow]
    owed: Sequence[ObligationRow]

    @property
    def references(self) -> Sequence[str]:
        """What may have been written off for them."""
        return [
            *(_named(row) for row in self.rows),
            *(public_id(Kind.OBLIGATION, row.id) for row in self.owed),
        ]

    @property
    def accounts(self) -> Collection[AccountKey]:
        """Where their earmarks lie, and where those go back to."""
        return {entry.account for row in self.earmarks for entry in _released(row)}

    @property
    def released(self) -> Sequence[Coming]:
        """What of their earmarks becomes available to the counties that it comes from."""
        return [
            Coming(
                public_id(Kind.COMMITMENT, row.earmark.commitment_id),
                row.origin,
                Holding(row.earmark.indicator, row.earmark.batch_id, Bucket.AVAILABLE, row.earmark.steps),
            )
            for row in self.earmarks
        ]


def _released(row: EarmarkRow) -> tuple[Entry, Entry]:
    """An earmark that is let go belongs to the county that its batch comes from."""
    earmark = row.earmark
    home = AccountKey(row.origin, earmark.indicator, earmark.batch_id, Bucket.AVAILABLE)
    return move(_account(earmark), home, earmark.steps)


async def hold_lapsing(connection: Connection, application_id: int) -> Lapsing:
    """Hold the commitments of an application, which the caller holds, that end with it."""
    every = await store.lock_of_application(connection, application_id)
    rows = [row for row in every if (row.state, CommitmentEvent.LAPSE) in TRANSITIONS]
    earmarked = await store.earmarks_of(connection, [row.id for row in rows if row.state in HOLDING])
    owed = await owing.of_sources(connection, [_named(row) for row in rows])
    return Lapsing(rows, earmarked, owed)


async def lapse(connection: Connection, lapsing: Lapsing, *, at: datetime, actor: str) -> Sequence[str]:
    """End commitments with their application, and return the ids of those that were filed.

    What is earmarked is available again to the county it comes from; what was written off is reversed
    (解挂), and nothing is owed any more. The caller holds every account (``references``, ``accounts``).
    """
    for owed in lapsing.owed:
        if owed.state is not ObligationState.CANCELLED:
            await obligations.cancel(connection, owed, at=at, actor=actor)
    for row in lapsing.rows:
        state = step(TRANSITIONS, "commitment", _named(row), row.state, CommitmentEvent.LAPSE)
        back = await write_offs.reverse(connection, reference=_named(row), at=at, actor=actor)
        mine = [each for each in lapsing.earmarks if each.earmark.commitment_id == row.id]
        await ledger.post(
            connection,
            kind="commitment.release",
            reference=_named(row),
            at=at,
            actor=actor,
            entries=[entry for each in mine for entry in _released(each)],
        )
        await store.advance(connection, row, state=state)
        if row.state is not CommitmentState.DRAFT:
            await announce(
                connection,
                at=at,
                kind="commitment.lapsed",
                subject=_named(row),
                actor=actor,
                facts={
                    "applicant": row.applicant,
                    "application": public_id(Kind.APPLICATION, row.application_id),
                    "reversed_write_off": None if back is None else public_id(Kind.WRITE_OFF, back.id),
                },
            )
    return [_named(row) for row in lapsing.rows if row.state is not CommitmentState.DRAFT]
