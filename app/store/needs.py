"""Needs (调剂需求): what a buyer may buy, because its application lacks it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.market.errors import ensure
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.needs import KeyLevel, NeedState
from app.store import columns
from app.store.database import Connection


class Need(SQLModel, table=True):
    """A declared need, approved or refused by the regulator (RULES 6)."""

    __table_args__ = (
        columns.one_of("need", "state", NeedState),
        columns.one_of("need", "key_level", KeyLevel),
        CheckConstraint("num_nonnulls(application_id, obligation_id) = 1", name="ck_need_backing"),
        Index("ix_need_waiting", "approved_at", "id", postgresql_where=text("state = 'APPROVED'")),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    buyer: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    application_id: int | None = Field(
        default=None, sa_column=columns.refers("land_application.id", nullable=True, index=True)
    )
    obligation_id: int | None = Field(
        default=None, sa_column=columns.refers("obligation.id", nullable=True, index=True)
    )
    state: str = Field(sa_column=columns.text())
    key_level: str | None = Field(default=None, sa_column=columns.text(nullable=True))
    all_or_nothing: bool
    declared_at: datetime = Field(sa_column=columns.instant())
    approved_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))
    decision_reason: str | None = Field(default=None, sa_column=columns.text(nullable=True))


class NeedItem(SQLModel, table=True):
    """One indicator of a need: what is asked, reserved by registrations, awarded, and settled.

    ``excess`` is what registrations may have brought beyond it, under a policy that lets them (RULES 6).
    """

    __tablename__ = "need_item"
    __table_args__ = (
        columns.one_of("need_item", "indicator", Indicator),
        CheckConstraint(
            "0 < quantity AND 0 <= reserved AND 0 <= settled AND settled <= awarded "
            "AND 0 <= excess AND awarded - quantity <= excess - reserved",
            name="ck_need_item_quantities",
        ),
    )

    need_id: int = Field(sa_column=columns.refers("need.id", primary_key=True))
    indicator: str = Field(sa_column=columns.text(primary_key=True))
    quantity: int = Field(sa_column=columns.count())
    reserved: int = Field(default=0, sa_column=columns.count(default=0))
    awarded: int = Field(default=0, sa_column=columns.count(default=0))
    settled: int = Field(default=0, sa_column=columns.count(default=0))
    excess: int = Field(default=0, sa_column=columns.count(default=0))


@dataclass(frozen=True, slots=True)
class NeedItemRow:
    """One indicator of a need, in its smallest step."""

    indicator: Indicator
    quantity: int
    reserved: int
    awarded: int
    settled: int
    excess: int

    @property
    def open(self) -> int:
        """What may still be reserved or allocated."""
        return max(0, self.quantity - self.awarded - self.reserved)


@dataclass(frozen=True, slots=True)
class NeedRow:
    """A need as it stands, with its items by indicator."""

    id: int
    buyer: str
    application_id: int | None
    obligation_id: int | None
    state: NeedState
    key_level: KeyLevel | None
    all_or_nothing: bool
    declared_at: datetime
    approved_at: datetime | None
    decision_reason: str | None
    items: Mapping[Indicator, NeedItemRow]

    def open(self, indicator: Indicator) -> int:
        """What may be reserved or allocated now: nothing unless the need is APPROVED."""
        item = self.items.get(indicator)
        return item.open if item is not None and self.state is NeedState.APPROVED else 0


_COLUMNS = """need.id, need.buyer, need.application_id, need.obligation_id, need.state, need.key_level,
    need.all_or_nothing, need.declared_at, need.approved_at, need.decision_reason"""

ItemKey = tuple[int, Indicator]


async def _with_items(connection: Connection, rows: Sequence[Any]) -> list[NeedRow]:
    found = await connection.execute(
        text(
            """
            SELECT need_id, indicator, quantity, reserved, awarded, settled, excess FROM need_item
             WHERE need_id = ANY(CAST(:ids AS bigint[])) ORDER BY need_id, indicator
            """
        ),
        {"ids": [row.id for row in rows]},
    )
    items: dict[int, dict[Indicator, NeedItemRow]] = {row.id: {} for row in rows}
    for item in found:
        indicator = Indicator(item.indicator)
        items[item.need_id][indicator] = NeedItemRow(
            indicator, item.quantity, item.reserved, item.awarded, item.settled, item.excess
        )
    return [
        NeedRow(
            id=row.id,
            buyer=row.buyer,
            application_id=row.application_id,
            obligation_id=row.obligation_id,
            state=NeedState(row.state),
            key_level=None if row.key_level is None else KeyLevel(row.key_level),
            all_or_nothing=row.all_or_nothing,
            declared_at=row.declared_at,
            approved_at=row.approved_at,
            decision_reason=row.decision_reason,
            items=items[row.id],
        )
        for row in rows
    ]


async def lock(connection: Connection, ids: Iterable[int]) -> dict[int, NeedRow]:
    """Lock needs in the one order of all writers and return them as they stand now, by id.

    The need's row stands for its items. An id that names no need is missing from the answer.
    """
    held = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM need WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE"),
        {"ids": sorted(set(ids))},
    )
    return {row.id: row for row in await _with_items(connection, held.all())}


async def add_reserved(connection: Connection, changes: Mapping[ItemKey, int]) -> None:
    """Add what live registrations reserve (negative: release), by need and indicator."""
    await _add(connection, "reserved = need_item.reserved + change.quantity", changes)


async def add_excess(connection: Connection, changes: Mapping[ItemKey, int]) -> None:
    """Let purchases exceed the need by so much more, by need and indicator; it is never taken back."""
    await _add(connection, "excess = need_item.excess + change.quantity", changes)


async def add_awarded(connection: Connection, changes: Mapping[ItemKey, int]) -> None:
    """Add what trades bring (negative: no longer bring), by need and indicator."""
    await _add(connection, "awarded = need_item.awarded + change.quantity", changes)


async def add_settled(connection: Connection, changes: Mapping[ItemKey, int]) -> frozenset[int]:
    """Add what has arrived, by need and indicator; return the needs that are MET by it."""
    await _add(connection, "settled = need_item.settled + change.quantity", changes)
    met = await connection.execute(
        text(
            """
            UPDATE need SET state = 'MET'
             WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'APPROVED'
               AND NOT EXISTS (SELECT 1 FROM need_item AS item
                                WHERE item.need_id = need.id AND item.settled < item.quantity)
            RETURNING id
            """
        ),
        {"ids": sorted({need_id for need_id, _ in changes})},
    )
    return frozenset(row.id for row in met)


async def _add(connection: Connection, assignment: str, changes: Mapping[ItemKey, int]) -> None:
    keys = sorted(changes)
    changed = await connection.execute(
        text(
            f"""
            UPDATE need_item SET {assignment}
              FROM unnest(CAST(:ids AS bigint[]), CAST(:indicators AS text[]), CAST(:quantities AS bigint[]))
                   AS change(need_id, indicator, quantity)
             WHERE need_item.need_id = change.need_id AND need_item.indicator = change.indicator
            """
        ),
        {
            "ids": [need_id for need_id, _ in keys],
            "indicators": [indicator.value for _, indicator in keys],
            "quantities": [changes[key] for key in keys],
        },
    )
    ensure(changed.rowcount == len(keys), f"{len(keys)} need items to change, {changed.rowcount} changed")


async def insert(
    connection: Connection,
    *,
    buyer: str,
    application_id: int | None = None,
    obligation_id: int | None = None,
    quantities: Mapping[Indicator, int],
    all_or_nothing: bool,
    declared_at: datetime,
) -> NeedRow:
    """Enter a need, DECLARED, with an item for each indicator."""
    made = await connection.execute(
        text(
            f"""
            INSERT INTO need (buyer, application_id, obligation_id, state, all_or_nothing, declared_at)
            VALUES (:buyer, :application_id, :obligation_id, 'DECLARED', :all_or_nothing, :declared_at)
            RETURNING {_COLUMNS}
            """
        ),
        {
            "buyer": buyer,
            "application_id": application_id,
            "obligation_id": obligation_id,
            "all_or_nothing": all_or_nothing,
            "declared_at": declared_at,
        },
    )
    row = made.one()
    await connection.execute(
        text(
            """
            INSERT INTO need_item (need_id, indicator, quantity, reserved, awarded, settled)
            SELECT :need_id, item.indicator, item.quantity, 0, 0, 0
              FROM unnest(CAST(:indicators AS text[]), CAST(:quantities AS bigint[]))
                   AS item(indicator, quantity)
            """
        ),
        {
            "need_id": row.id,
            "indicators": [indicator.value for indicator in quantities],
            "quantities": list(quantities.values()),
        },
    )
    return (await _with_items(connection, [row]))[0]


async def decide(
    connection: Connection,
    id_: int,
    *,
    state: NeedState,
    key_level: KeyLevel | None,
    approved_at: datetime | None,
    reason: str | None,
) -> NeedRow:
    """Set the regulator's decision on a need, which the caller holds."""
    decided = await connection.execute(
        text(
            f"""
            UPDATE need SET state = :state, key_level = :key_level, approved_at = :approved_at,
                            decision_reason = :reason
             WHERE id = :id RETURNING {_COLUMNS}
            """
        ),
        {
            "id": id_,
            "state": state,
            "key_level": key_level,
            "approved_at": approved_at,
            "reason": reason,
        },
    )
    return (await _with_items(connection, decided.all()))[0]


async def lapse(connection: Connection, ids: Iterable[int], reason: str) -> None:
    """Let needs lapse, which the caller holds; what was awarded to them goes on."""
    await connection.execute(
        text(
            """
            UPDATE need SET state = 'LAPSED', decision_reason = :reason
             WHERE id = ANY(CAST(:ids AS bigint[]))
            """
        ),
        {"ids": sorted(set(ids)), "reason": reason},
    )


async def lock_live_of(
    connection: Connection,
    *,
    application_id: int | None = None,
    obligation_ids: Collection[int] = (),
    also: Collection[int] = (),
) -> Sequence[NeedRow]:
    """Lock the needs of an application and of obligations; return those DECLARED or APPROVED, by id.

    ``also`` names others to be locked by the same call, in the one order of all (ADR 0004).
    """
    found = await connection.execute(
        text(
            """
            SELECT id FROM need
             WHERE (application_id = CAST(:application_id AS bigint)
                    OR obligation_id = ANY(CAST(:obligation_ids AS bigint[])))
               AND state IN ('DECLARED', 'APPROVED')
            """
        ),
        {"application_id": application_id, "obligation_ids": list(obligation_ids)},
    )
    live = {row.id for row in found}
    held = await lock(connection, live | set(also))
    return [
        need
        for need in held.values()
        if need.id in live and need.state in (NeedState.DECLARED, NeedState.APPROVED)
    ]


async def lock_waiting(connection: Connection, also: Iterable[int] = ()) -> Mapping[int, NeedRow]:
    """Lock every approved key-project need with an open quantity, and the needs ``also`` named, by id."""
    found = await connection.execute(
        text(
            """
            SELECT id FROM need
             WHERE state = 'APPROVED' AND key_level IS NOT NULL
               AND EXISTS (SELECT 1 FROM need_item AS item
                            WHERE item.need_id = need.id AND item.awarded + item.reserved < item.quantity)
            """
        )
    )
    return await lock(connection, [*also, *(row.id for row in found)])


@dataclass(frozen=True, slots=True)
class SupplyOfBuyer:
    """What a buyer has or will have, in steps by indicator, seen at one instant.

    ``available`` in its reserve, ``listed`` and not sold; ``coming`` to live needs and ``bought`` by
    needs, by the public id of what backs them.
    """

    available: Mapping[Indicator, int]
    listed: Mapping[Indicator, int]
    coming: Mapping[str, Mapping[Indicator, int]]
    bought: Mapping[str, Mapping[Indicator, int]]

    @property
    def at_home(self) -> Mapping[Indicator, int]:
        """What is still its own, and so no shortage ([N] 五)."""
        return {each: self.available.get(each, 0) + self.listed.get(each, 0) for each in Indicator}


async def supply_of(connection: Connection, buyer: str) -> SupplyOfBuyer:
    """Return what a buyer's reserve and needs hold, in one statement: a settlement moves between them.

    What it bought back of a fraud of its own was cancelled as it came: that brought its needs nothing.
    """
    found = await connection.execute(
        text(
            """
            WITH back AS (
                SELECT trade.need_id, batch.indicator, sum(gone.cancelled) AS cancelled
                  FROM batch
                  JOIN voided_return AS gone ON gone.batch_id = batch.id AND gone.cancelled > 0
                  JOIN trade ON trade.buyer = batch.county
                            AND gone.reference = 'T' || lpad(trade.id::text, 10, '0')
                 WHERE batch.county = :buyer
                 GROUP BY trade.need_id, batch.indicator
            )
            SELECT need.application_id, need.obligation_id, item.indicator,
                   coalesce(sum(greatest(item.quantity, item.awarded) - item.settled)
                            FILTER (WHERE need.state IN ('DECLARED', 'APPROVED')), 0) AS coming,
                   sum(item.settled - coalesce(back.cancelled, 0)) AS bought, 0 AS available, 0 AS listed
              FROM need JOIN need_item AS item ON item.need_id = need.id
              LEFT JOIN back ON back.need_id = need.id AND back.indicator = item.indicator
             WHERE need.buyer = :buyer
             GROUP BY need.application_id, need.obligation_id, item.indicator
            UNION ALL
            SELECT NULL, NULL, account.asset, 0, 0, sum(account.balance), 0
              FROM account
             WHERE account.jurisdiction = :buyer AND account.bucket = 'available'
               AND account.batch_id IS NOT NULL
             GROUP BY account.asset
            UNION ALL
            SELECT NULL, NULL, listing.indicator, 0, 0, 0, sum(listing.quantity - listing.awarded)
              FROM listing
             WHERE listing.county = :buyer AND listing.state IN ('LISTED', 'IN_AUCTION')
             GROUP BY listing.indicator
            """
        ),
        {"buyer": buyer},
    )
    available = dict.fromkeys(Indicator, 0)
    listed = dict.fromkeys(Indicator, 0)
    coming: dict[str, dict[Indicator, int]] = {}
    bought: dict[str, dict[Indicator, int]] = {}
    for row in found:
        indicator = Indicator(row.indicator)
        subject = _subject(row.application_id, row.obligation_id)
        if subject is None:
            available[indicator] += int(row.available)
            listed[indicator] += int(row.listed)
        else:
            coming.setdefault(subject, {})[indicator] = int(row.coming)
            bought.setdefault(subject, {})[indicator] = int(row.bought)
    return SupplyOfBuyer(available, listed, coming, bought)


def _subject(application_id: int | None, obligation_id: int | None) -> str | None:
    """The public id of what backs a need; None where nothing does."""
    if obligation_id is not None:
        return public_id(Kind.OBLIGATION, obligation_id)
    return None if application_id is None else public_id(Kind.APPLICATION, application_id)


async def find(connection: Connection, id_: int) -> NeedRow | None:
    """Return one need, or None."""
    found = await connection.execute(text(f"SELECT {_COLUMNS} FROM need WHERE id = :id"), {"id": id_})
    rows = found.all()
    return (await _with_items(connection, rows))[0] if rows else None


async def needs(
    connection: Connection,
    *,
    buyer: str | None,
    application_id: int | None,
    obligation_id: int | None,
    state: NeedState | None,
    after: int | None,
    limit: int,
) -> Sequence[NeedRow]:
    """Return at most ``limit`` needs after the id given, by id."""
    found = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM need
             WHERE (CAST(:after AS bigint) IS NULL OR id > CAST(:after AS bigint))
               AND (CAST(:buyer AS text) IS NULL OR buyer = CAST(:buyer AS text))
               AND (CAST(:application_id AS bigint) IS NULL
                    OR application_id = CAST(:application_id AS bigint))
               AND (CAST(:obligation_id AS bigint) IS NULL
                    OR obligation_id = CAST(:obligation_id AS bigint))
               AND (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
             ORDER BY id LIMIT :limit
            """
        ),
        {
            "buyer": buyer,
            "application_id": application_id,
            "obligation_id": obligation_id,
            "state": state,
            "after": after,
            "limit": limit,
        },
    )
    return await _with_items(connection, found.all())
