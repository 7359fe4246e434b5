"""Trades as an auction's opening or an allocation leaves them, entered straight through the store.

For tests of what comes after the award: the story's own way there is told elsewhere.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from app.market.applications import ApplicationKind
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket, money, move
from app.market.needs import NeedState
from app.market.units import amount_fen
from app.services.awards import AwardedLine, AwardedTrade, award
from app.store import allocations, applications, clock, ledger, listings, needs
from app.store.database import Connection
from tests.conftest import Exchange
from tests.story import credited

QUANTITY = Indicator.FARMLAND_QUANTITY
_serials = itertools.count(1)


@dataclass(frozen=True)
class Sale:
    """What a county sells: so many steps at so many fen per unit; ``kept`` stays on its listing."""

    seller: str
    quantity: int
    price_fen: int = 300_000_00
    indicator: Indicator = QUANTITY
    kept: int = 0


async def awarded(
    exchange: Exchange, buyer: str, sales: Sequence[Sale], *, deposit_fen: int = 0, open_steps: int = 0
) -> str:
    """Credit, list and award the sales to a buyer, whose need is larger by ``open_steps``; the trade's id.

    With a deposit, which the buyer must have available, the trade is an auction's; else an allocation's.
    """
    batches = []
    for sale in sales:
        earned = await credited(
            exchange, sale.seller, {sale.indicator: _printed(sale.quantity + sale.kept, sale.indicator)}
        )
        batches.append(row_number(Kind.BATCH, earned[sale.indicator]))

    async def enter(connection: Connection) -> int:
        lines = [await _listed(connection, sale, batch) for sale, batch in zip(sales, batches, strict=True)]
        need_id = await _need(connection, buyer, sales, open_steps)
        source = await (_auction(connection) if deposit_fen else _allocation(connection))
        if deposit_fen:
            await ledger.post(
                connection,
                kind="bid_deposit",
                reference="test",
                at=await clock.now(connection),
                actor=buyer,
                entries=move(money(buyer, Bucket.AVAILABLE), money(buyer, Bucket.LOCKED), deposit_fen),
            )
        trade = AwardedTrade(
            buyer,
            need_id,
            tuple(lines),
            auction_id=source if deposit_fen else None,
            bid_id=f"B{next(_serials)}" if deposit_fen else None,
            allocation_id=None if deposit_fen else source,
            deposit_fen=deposit_fen,
        )
        (id_,) = await award(connection, now=await clock.now(connection), actor="510000", trades=[trade])
        return id_

    return public_id(Kind.TRADE, await exchange.database.transact(enter))


def _printed(steps: int, indicator: Indicator) -> str:
    places = 2 if indicator is Indicator.GRAIN_CAPACITY else 4
    return f"{steps // 10**places}.{steps % 10**places:0{places}d}"


async def _listed(connection: Connection, sale: Sale, batch_id: int) -> AwardedLine:
    now = await clock.now(connection)
    whole = sale.quantity + sale.kept
    row = await listings.insert(
        connection,
        county=sale.seller,
        batch_id=batch_id,
        indicator=sale.indicator,
        quantity=whole,
        ask_fen=None,
        open_to_key_projects=True,
        poverty=False,
        listed_at=now,
    )
    available, locked = (
        AccountKey(sale.seller, sale.indicator, batch_id, bucket)
        for bucket in (Bucket.AVAILABLE, Bucket.LOCKED)
    )
    await ledger.post(
        connection,
        kind="listing",
        reference=public_id(Kind.LISTING, row.id),
        at=now,
        actor=sale.seller,
        entries=move(available, locked, whole),
    )
    amount = amount_fen(sale.price_fen, sale.quantity, sale.indicator)
    return AwardedLine(row.id, sale.seller, batch_id, sale.indicator, sale.quantity, sale.price_fen, amount)


async def _need(connection: Connection, buyer: str, sales: Sequence[Sale], open_steps: int) -> int:
    now = await clock.now(connection)
    wanted: dict[Indicator, int] = {}
    for sale in sales:
        wanted[sale.indicator] = wanted.get(sale.indicator, open_steps) + sale.quantity
    application = await applications.insert(
        connection,
        applicant=buyer,
        kind=ApplicationKind.TOWN_BATCH,
        title="城镇批次",
        required={indicator: wanted.get(indicator, 0) for indicator in Indicator},
        parcels=[],
        filed_at=now,
    )
    need = await needs.insert(
        connection,
        buyer=buyer,
        application_id=application.id,
        quantities=wanted,
        all_or_nothing=False,
        declared_at=now,
    )
    await needs.decide(
        connection, need.id, state=NeedState.APPROVED, key_level=None, approved_at=now, reason=None
    )
    return need.id


async def _allocation(connection: Connection) -> int:
    run = await allocations.insert(
        connection, run_at=await clock.now(connection), run_by="510000", record="{}", outcome="{}"
    )
    return run.id


async def _auction(connection: Connection) -> int:
    made = await connection.execute(
        text(
            """
            INSERT INTO auction (indicator, state, announced_at, opens_at, closes_at, pricing, tie, lot,
                                 floor, ceiling, deposit_rate, bids_per_buyer, purchases_within_need,
                                 public_key, wrapped_private_key)
            SELECT 'farmland_quantity', 'OPENED', now - interval '3 day', now - interval '2 day',
                   now - interval '1 day', 'pay_as_bid', 'earliest', 1, 30000000, 45000000, '0.10', 5,
                   true, '', ''
              FROM (SELECT clock_timestamp() AS now) AS clock RETURNING id
            """
        )
    )
    return int(made.scalar_one())


Books = dict[tuple[str, str, str], int]
"""Balances in smallest steps by (jurisdiction, asset, bucket); zeros left out."""


async def books(exchange: Exchange) -> Books:
    """Every balance as it stands, batches summed."""

    async def read(connection: Connection) -> Books:
        found = await connection.execute(
            text(
                "SELECT jurisdiction, asset, bucket, sum(balance) AS balance FROM account "
                "GROUP BY jurisdiction, asset, bucket HAVING sum(balance) <> 0"
            )
        )
        return {(row.jurisdiction, row.asset, row.bucket): int(row.balance) for row in found}

    return await exchange.database.read(read)


def changes(before: Books, after: Books) -> Books:
    """What differs between two books."""
    differing = {key: after.get(key, 0) - before.get(key, 0) for key in before.keys() | after.keys()}
    return {key: amount for key, amount in differing.items() if amount}


async def row(exchange: Exchange, table: str, public: str, *columns: str) -> tuple[object, ...]:
    """Some columns of the row behind a public id."""

    async def read(connection: Connection) -> tuple[object, ...]:
        found = await connection.execute(
            text(f"SELECT {', '.join(columns)} FROM {table} WHERE id = :id"), {"id": int(public[1:])}
        )
        return tuple(found.one())

    return await exchange.database.read(read)


async def need_item(exchange: Exchange, need: str) -> tuple[object, ...]:
    """(awarded, settled) of a need's only item."""

    async def read(connection: Connection) -> tuple[object, ...]:
        found = await connection.execute(
            text("SELECT awarded, settled FROM need_item WHERE need_id = :id"), {"id": int(need[1:])}
        )
        return tuple(found.one())

    return await exchange.database.read(read)
