"""Objections (异议) in public notices. A trade's locked row stands for its objections (ADR 0004)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.market import objections as market
from app.market.errors import ensure
from app.market.objections import ObjectionState, Origin
from app.store import columns
from app.store.database import Connection


class Objection(SQLModel, table=True):
    """An objection to a trade in notice, and its end; both reasons are for parties and overseers only."""

    __table_args__ = (
        columns.one_of("objection", "state", ObjectionState),
        columns.one_of("objection", "origin", Origin),
        CheckConstraint("(state = 'OPEN') = (ended_at IS NULL)", name="ck_objection_ended"),
        CheckConstraint(
            "(state IN ('DISMISSED', 'UPHELD')) = (decided_by IS NOT NULL)", name="ck_objection_decided"
        ),
        CheckConstraint(
            "(decided_by IS NULL) = (decision_reason IS NULL)", name="ck_objection_decision_reason"
        ),
        Index("ix_objection_trade_id_id", "trade_id", "id"),
        Index("ix_objection_open", "decide_by", postgresql_where=text("state = 'OPEN'")),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    trade_id: int = Field(sa_column=columns.refers("trade.id"))
    state: str = Field(sa_column=columns.text())
    origin: str = Field(sa_column=columns.text())
    reason: str = Field(sa_column=columns.text())
    entered_at: datetime = Field(sa_column=columns.instant())
    entered_by: str = Field(sa_column=columns.refers("jurisdiction.code"))
    decide_by: datetime = Field(sa_column=columns.instant())
    ended_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    decided_by: str | None = Field(default=None, sa_column=columns.refers("jurisdiction.code", nullable=True))
    decision_reason: str | None = Field(default=None, sa_column=columns.text(nullable=True))


_COLUMNS = """id, trade_id, state, origin, reason, entered_at, entered_by, decide_by, ended_at, decided_by,
    decision_reason"""


def _objection(row: Any) -> market.Objection:
    return market.Objection(
        **{**row._mapping, "state": ObjectionState(row.state), "origin": Origin(row.origin)}
    )


async def insert(
    connection: Connection,
    *,
    trade_id: int,
    origin: Origin,
    reason: str,
    entered_at: datetime,
    entered_by: str,
    decide_by: datetime,
) -> market.Objection:
    """Enter an objection, OPEN, to a trade that the caller holds."""
    made = await connection.execute(
        text(
            f"""
            INSERT INTO objection (trade_id, state, origin, reason, entered_at, entered_by, decide_by)
            VALUES (:trade_id, 'OPEN', :origin, :reason, :entered_at, :entered_by, :decide_by)
            RETURNING {_COLUMNS}
            """
        ),
        {
            "trade_id": trade_id,
            "origin": origin,
            "reason": reason,
            "entered_at": entered_at,
            "entered_by": entered_by,
            "decide_by": decide_by,
        },
    )
    return _objection(made.one())


async def find(connection: Connection, id_: int, *, trade_id: int) -> market.Objection | None:
    """Return an objection to a trade, or None."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM objection WHERE id = :id AND trade_id = :trade_id"),
        {"id": id_, "trade_id": trade_id},
    )
    row = found.first()
    return None if row is None else _objection(row)


async def open_of(connection: Connection, trade_ids: Collection[int]) -> Sequence[market.Objection]:
    """Return the open objections to trades, by id."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM objection "
            "WHERE trade_id = ANY(CAST(:ids AS bigint[])) AND state = 'OPEN' ORDER BY id"
        ),
        {"ids": sorted(trade_ids)},
    )
    return [_objection(row) for row in found]


async def save(connection: Connection, ended: Sequence[market.Objection]) -> None:
    """Write the ends of objections, compare-and-set on their being open."""
    saved = await connection.execute(
        text(
            """
            UPDATE objection SET state = fresh.state, ended_at = fresh.ended_at,
                                 decided_by = fresh.decided_by, decision_reason = fresh.reason
              FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:ended AS timestamptz[]),
                          CAST(:deciders AS text[]), CAST(:reasons AS text[]))
                   AS fresh(id, state, ended_at, decided_by, reason)
             WHERE objection.id = fresh.id AND objection.state = 'OPEN'
            """
        ),
        {
            "ids": [each.id for each in ended],
            "states": [each.state.value for each in ended],
            "ended": [each.ended_at for each in ended],
            "deciders": [each.decided_by for each in ended],
            "reasons": [each.decision_reason for each in ended],
        },
    )
    ensure(saved.rowcount == len(ended), f"{len(ended)} objections to end, {saved.rowcount} ended")


async def objections(
    connection: Connection, *, trade_id: int, entered_by: str | None, after: int | None, limit: int
) -> Sequence[market.Objection]:
    """Return at most ``limit`` objections to a trade, of one who entered them or of all, by id."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM objection
             WHERE trade_id = :trade_id
               AND (CAST(:entered_by AS text) IS NULL OR entered_by = CAST(:entered_by AS text))
               AND (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
             ORDER BY id LIMIT :limit
            """
        ),
        {"trade_id": trade_id, "entered_by": entered_by, "after": after, "limit": limit},
    )
    return [_objection(row) for row in found]


async def states_of(
    connection: Connection, trade_ids: Collection[int]
) -> Mapping[int, Sequence[tuple[int, ObjectionState]]]:
    """Return number and state of every objection to each of the trades: what the public may know."""
    found = await connection.execute(
        text(
            "SELECT trade_id, id, state FROM objection "
            "WHERE trade_id = ANY(CAST(:ids AS bigint[])) ORDER BY trade_id, id"
        ),
        {"ids": sorted(trade_ids)},
    )
    states: dict[int, list[tuple[int, ObjectionState]]] = {id_: [] for id_ in trade_ids}
    for row in found:
        states[row.trade_id].append((row.id, ObjectionState(row.state)))
    return states
