"""Obligations (补充义务): what is owed for a deficit or a fraud, with the sanction that presses for it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market.errors import ensure
from app.market.indicators import Indicator
from app.market.obligations import ObligationKind, ObligationState
from app.store import columns
from app.store.database import Connection


class Obligation(SQLModel, table=True):
    """What a jurisdiction owes, in steps by indicator; ``source`` is the public id of what it comes from."""

    __table_args__ = (
        columns.one_of("obligation", "kind", ObligationKind),
        columns.one_of("obligation", "state", ObligationState),
        CheckConstraint(
            "farmland_quantity >= 0 AND paddy_area >= 0 AND grain_capacity >= 0 AND linkage_quota >= 0",
            name="ck_obligation_owed",
        ),
        # Owed is what is left of it after reductions: nothing where, and only where, it was cancelled.
        CheckConstraint(
            "(state = 'CANCELLED') = (greatest(farmland_quantity, paddy_area, grain_capacity, "
            "linkage_quota) = 0)",
            name="ck_obligation_cancelled",
        ),
        CheckConstraint("(state = 'OPEN') = (ended_at IS NULL)", name="ck_obligation_ended"),
        # A commitment falls due once, and a fraud is found once for each jurisdiction that owes for it.
        UniqueConstraint("source", "jurisdiction"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    jurisdiction: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    kind: str = Field(sa_column=columns.text())
    source: str = Field(sa_column=columns.text())
    state: str = Field(sa_column=columns.text())
    farmland_quantity: int = Field(sa_column=columns.count())
    paddy_area: int = Field(sa_column=columns.count())
    grain_capacity: int = Field(sa_column=columns.count())
    linkage_quota: int = Field(sa_column=columns.count())
    sanction_id: int = Field(sa_column=columns.refers("sanction.id"))
    opened_at: datetime = Field(sa_column=columns.instant())
    ended_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))


@dataclass(frozen=True, slots=True)
class ObligationRow:
    """An obligation as it stands; ``owed`` in steps of every indicator."""

    id: int
    jurisdiction: str
    kind: ObligationKind
    source: str
    state: ObligationState
    owed: Mapping[Indicator, int]
    sanction_id: int
    opened_at: datetime
    ended_at: datetime | None


_COLUMNS = """id, jurisdiction, kind, source, state, farmland_quantity, paddy_area, grain_capacity,
    linkage_quota, sanction_id, opened_at, ended_at"""


def _obligation(row: Any) -> ObligationRow:
    return ObligationRow(
        id=row.id,
        jurisdiction=row.jurisdiction,
        kind=ObligationKind(row.kind),
        source=row.source,
        state=ObligationState(row.state),
        owed={indicator: getattr(row, indicator.value) for indicator in Indicator},
        sanction_id=row.sanction_id,
        opened_at=row.opened_at,
        ended_at=row.ended_at,
    )


async def insert(
    connection: Connection,
    *,
    jurisdiction: str,
    kind: ObligationKind,
    source: str,
    owed: Mapping[Indicator, int],
    sanction_id: int,
    at: datetime,
) -> ObligationRow:
    """Enter an obligation, OPEN; one jurisdiction owes for one source once."""
    made = await connection.execute(
        text(
            f"""
            INSERT INTO obligation (jurisdiction, kind, source, state, farmland_quantity, paddy_area,
                                    grain_capacity, linkage_quota, sanction_id, opened_at)
            VALUES (:jurisdiction, :kind, :source, 'OPEN', :farmland_quantity, :paddy_area,
                    :grain_capacity, :linkage_quota, :sanction_id, :at)
            RETURNING {_COLUMNS}
            """
        ),
        {
            "jurisdiction": jurisdiction,
            "kind": kind,
            "source": source,
            "sanction_id": sanction_id,
            "at": at,
            **{indicator.value: owed[indicator] for indicator in Indicator},
        },
    )
    return _obligation(made.one())


async def find(connection: Connection, id_: int) -> ObligationRow | None:
    """Return one obligation, or None."""
    found = await connection.execute(text(f"SELECT {_COLUMNS} FROM obligation WHERE id = :id"), {"id": id_})
    row = found.first()
    return None if row is None else _obligation(row)


async def of_source(connection: Connection, source: str) -> Sequence[ObligationRow]:
    """Return the obligations that come from a commitment or a project, by number."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM obligation WHERE source = :source ORDER BY id"), {"source": source}
    )
    return [_obligation(row) for row in found]


async def lock(connection: Connection, id_: int) -> ObligationRow | None:
    """Lock one obligation and return it as it stands now, or None; before any need or account."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM obligation WHERE id = :id FOR UPDATE"), {"id": id_}
    )
    row = found.first()
    return None if row is None else _obligation(row)


async def of_sources(connection: Connection, sources: Sequence[str]) -> Sequence[ObligationRow]:
    """Return the obligations that come from any of the sources, by number."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM obligation WHERE source = ANY(CAST(:sources AS text[])) ORDER BY id"),
        {"sources": list(sources)},
    )
    return [_obligation(row) for row in found]


async def lock_all(connection: Connection, ids: Collection[int]) -> None:
    """Lock some obligations by number; before any need or account."""
    await connection.execute(
        text("SELECT id FROM obligation WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE"),
        {"ids": sorted(ids)},
    )


async def lock_open(
    connection: Connection, jurisdiction: str, *, and_one: int | None = None
) -> Sequence[ObligationRow]:
    """Lock all open obligations of one jurisdiction, by number: its reserve is shared out one by one.

    ``and_one`` is locked and returned too, whatever its state.
    """
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM obligation
             WHERE (jurisdiction = :jurisdiction AND state = 'OPEN') OR id = CAST(:and_one AS bigint)
             ORDER BY id FOR UPDATE
            """
        ),
        {"jurisdiction": jurisdiction, "and_one": and_one},
    )
    return [_obligation(row) for row in found]


async def change(
    connection: Connection,
    id_: int,
    *,
    state: ObligationState,
    owed: Mapping[Indicator, int],
    ended_at: datetime | None,
) -> ObligationRow:
    """Set an obligation's state and what is still owed; the caller holds it, and it is not cancelled."""
    changed = await connection.execute(
        text(
            f"""
            UPDATE obligation
               SET state = :state, farmland_quantity = :farmland_quantity, paddy_area = :paddy_area,
                   grain_capacity = :grain_capacity, linkage_quota = :linkage_quota, ended_at = :ended_at
             WHERE id = :id AND state <> 'CANCELLED' RETURNING {_COLUMNS}
            """
        ),
        {
            "id": id_,
            "state": state,
            "ended_at": ended_at,
            **{indicator.value: owed[indicator] for indicator in Indicator},
        },
    )
    row = changed.first()
    ensure(row is not None, f"obligation {id_} ended while it was held")
    return _obligation(row)


async def obligations(
    connection: Connection,
    *,
    jurisdiction: str | None,
    state: ObligationState | None,
    after: int | None,
    limit: int,
) -> Sequence[ObligationRow]:
    """Return at most ``limit`` obligations after the id given, by id."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM obligation
             WHERE (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
               AND (CAST(:jurisdiction AS text) IS NULL OR jurisdiction = CAST(:jurisdiction AS text))
               AND (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
             ORDER BY id LIMIT :limit
            """
        ),
        {"after": after, "jurisdiction": jurisdiction, "state": state, "limit": limit},
    )
    return [_obligation(row) for row in found]
