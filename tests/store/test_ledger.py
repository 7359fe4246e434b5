"""The ledger on a real database: balances and postings move together, or nothing does."""

from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from app.market.errors import BrokenInvariant, Conflict, Insufficient
from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket, Entry, money, move
from app.market.units import MAX_STEPS
from app.store import accounts, clock, ledger, reserves
from app.store.database import Connection, Database
from tests.conftest import Exchange
from tests.story import credited

COUNTY, CITY = "511922", "510100"
BANK, CASH, ESCROW = (money(COUNTY, bucket) for bucket in (Bucket.BANK, Bucket.AVAILABLE, Bucket.ESCROW))
LAND = Indicator.FARMLAND_QUANTITY


async def post(database: Database, entries: Iterable[Entry], kind: str = "test") -> int | None:
    async def work(connection: Connection) -> int | None:
        at = await clock.now(connection)
        return await ledger.post(
            connection, kind=kind, reference="R", at=at, actor=COUNTY, entries=list(entries)
        )

    return await database.transact(work)


async def rows(database: Database, statement: str, **given: Any) -> Sequence[tuple[Any, ...]]:
    async def work(connection: Connection) -> Sequence[tuple[Any, ...]]:
        return [tuple(row) for row in await connection.execute(text(statement), given)]

    return await database.read(work)


async def balance(database: Database, key: AccountKey) -> int:
    async def work(connection: Connection) -> int:
        return (await ledger.lock(connection, [key]))[key].balance

    return await database.transact(work)


async def refused(kind: type[Exception], action: Awaitable[object]) -> Exception:
    with pytest.raises(kind) as refusal:
        await action
    return refusal.value


async def test_a_posting_keeps_the_balance_before_and_after(database: Database) -> None:
    first = await post(database, move(BANK, CASH, 1000))
    second = await post(database, move(CASH, ESCROW, 400))
    found = await rows(
        database,
        "SELECT transaction_id, bucket, amount, balance_before, balance_after "
        "FROM posting JOIN account ON account.id = account_id ORDER BY posting.id",
    )
    assert sorted(found[:2]) == [(first, "available", 1000, 0, 1000), (first, "bank", -1000, 0, -1000)]
    assert sorted(found[2:]) == [(second, "available", -400, 1000, 600), (second, "escrow", 400, 0, 400)]


async def test_a_transaction_remembers_what_it_was_for(database: Database) -> None:
    number = await post(database, move(BANK, CASH, 1), kind="cash.deposit")
    (head,) = await rows(
        database, "SELECT kind, reference, actor FROM ledger_transaction WHERE id = :id", id=number
    )
    assert head == ("cash.deposit", "R", COUNTY)


async def test_where_nothing_moves_nothing_is_written(database: Database) -> None:
    assert await post(database, []) is None
    assert await post(database, [*move(BANK, CASH, 5), *move(CASH, BANK, 5)]) is None
    assert await rows(database, "SELECT id FROM ledger_transaction") == []


async def test_more_than_there_is_is_refused_with_both_figures(database: Database) -> None:
    await post(database, move(BANK, CASH, 1000))
    refusal = await refused(Insufficient, post(database, move(CASH, ESCROW, 1001)))
    assert isinstance(refusal, Insufficient)
    assert refusal.facts == {
        "jurisdiction": COUNTY,
        "asset": "CNY",
        "bucket": "available",
        "present": "10.00",
        "wanted": "10.01",
        "shortage": "0.01",
    }
    assert await balance(database, CASH) == 1000
    assert await balance(database, ESCROW) == 0


async def test_one_shortage_stops_the_whole_transaction(database: Database) -> None:
    await post(database, move(BANK, CASH, 1000))
    other = money(CITY, Bucket.AVAILABLE)
    entries = [*move(CASH, ESCROW, 1000), *move(other, money(CITY, Bucket.ESCROW), 1)]
    await refused(Insufficient, post(database, entries))
    assert await balance(database, CASH) == 1000


async def test_entries_that_do_not_balance_never_reach_the_database(database: Database) -> None:
    await refused(BrokenInvariant, post(database, [Entry(CASH, 1)]))
    assert await rows(database, "SELECT id FROM posting") == []


async def test_a_balance_beyond_64_bits_is_refused(database: Database) -> None:
    await post(database, move(BANK, CASH, MAX_STEPS))
    refusal = await refused(Conflict, post(database, move(BANK, CASH, 1)))
    assert isinstance(refusal, Conflict)
    assert refusal.code == "balance_too_large"
    assert await balance(database, CASH) == MAX_STEPS


async def test_locking_makes_the_accounts_that_are_missing_and_returns_all(database: Database) -> None:
    await post(database, move(BANK, CASH, 7))

    async def work(connection: Connection) -> dict[AccountKey, int]:
        held = await ledger.lock(connection, [ESCROW, CASH, CASH])
        assert {key: account.key for key, account in held.items()} == {CASH: CASH, ESCROW: ESCROW}
        assert await ledger.lock(connection, []) == {}
        return {key: account.balance for key, account in held.items()}

    assert await database.transact(work) == {CASH: 7, ESCROW: 0}


async def a_long_history(database: Database, batches: int = 2000) -> None:
    """Two counties with many batches and postings; straight in, as no service could."""

    async def work(connection: Connection) -> None:
        await connection.execute(text("SET LOCAL ROLE NONE"))
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        given = {"county": COUNTY, "batches": batches}
        for statement in (
            "INSERT INTO project (id, county, name, kind, department, state, started_on, filed_at, "
            "  feasibility_reviewed, surplus_recognised, ecology_reviewed) "
            "SELECT n, :county, 'P', 'linkage', 'D', 'ACCEPTED', date '2018-01-01', now(), true, true, true "
            "  FROM generate_series(1, :batches) AS n",
            "INSERT INTO batch (id, indicator, county, project_id, quantity, credited_at) "
            "SELECT n, 'farmland_quantity', :county, n, 1000, now() FROM generate_series(1, :batches) AS n",
            "INSERT INTO account (id, jurisdiction, asset, batch_id, bucket, balance) "
            "SELECT n, CASE WHEN n % 40 = 37 THEN :county ELSE '511921' END, 'farmland_quantity', n, "
            "  'available', 1000 "
            "  FROM generate_series(1, :batches) AS n",
            "INSERT INTO ledger_transaction (id, kind, reference, at) "
            "SELECT n, 'test', 'R', now() FROM generate_series(1, :batches * 10) AS n",
            "INSERT INTO posting (id, transaction_id, account_id, amount, balance_before, balance_after) "
            "SELECT n, n, 1 + n % :batches, 1, n, n + 1 FROM generate_series(1, :batches * 10) AS n",
            "ANALYZE project, batch, account, ledger_transaction, posting",
        ):
            wanted = {name: value for name, value in given.items() if f":{name}" in statement}
            await connection.execute(text(statement), wanted)
        await connection.execute(text("SET LOCAL session_replication_role = origin"))
        await connection.execute(text("SET LOCAL ROLE gengheng_runtime"))

    await database.transact(work)


async def test_neither_posting_nor_reading_walks_what_history_left(database: Database) -> None:
    await a_long_history(database)

    async def plans(connection: Connection) -> list[str]:
        seen: list[str] = []
        key = AccountKey(COUNTY, LAND, 77, Bucket.AVAILABLE)
        page = {"jurisdiction": COUNTY, "indicator": None, "limit": 51}
        for statement, given in (
            (ledger.LOCK_ACCOUNTS, {**ledger.key_columns([key]), "wanted": 1}),
            (reserves.ENTRIES, {**page, "before": reserves.NO_POSTING_YET}),
            (reserves.HOLDINGS, {**page, "after_asset": "", "after_batch": 0}),
            (accounts.ENTRIES, {"jurisdiction": COUNTY, "limit": 51, "before": accounts.NO_POSTING_YET}),
        ):
            found = await connection.execute(text("EXPLAIN (COSTS OFF) " + statement), given)
            seen.append("\n".join(row[0] for row in found))
        return seen

    lock_plan, entries_plan, holdings_plan, money_plan = await database.transact(plans)
    for plan in (lock_plan, entries_plan, holdings_plan, money_plan):
        assert "Seq Scan on account" not in plan, plan
        assert "Seq Scan on posting" not in plan, plan
    assert "batch_id = key.batch_id" in lock_plan
    assert entries_plan.count("ix_posting_account_id_id") == 2
    assert money_plan.count("ix_posting_account_id_id") == 1


async def test_a_statement_of_entries_is_the_newest_first_whatever_the_account(exchange: Exchange) -> None:
    batches = await credited(exchange, COUNTY, {LAND: "10.0000", Indicator.PADDY_AREA: "1.0000"})
    land = int(batches[LAND][1:])
    available, locked = (AccountKey(COUNTY, LAND, land, b) for b in (Bucket.AVAILABLE, Bucket.LOCKED))
    for _ in range(5):
        await post(exchange.database, move(available, locked, 10))
    found: list[int] = []
    before: int | None = None
    while True:

        async def page(connection: Connection, before: int | None = before) -> Sequence[reserves.EntryRow]:
            return await reserves.entries(connection, COUNTY, indicator=None, before=before, limit=3)

        rows_ = await exchange.database.read(page)
        if not rows_:
            break
        found += [row.id for row in rows_]
        before = rows_[-1].id
    assert found == sorted(found, reverse=True)
    assert len(found) == len(set(found)) == 12


async def test_many_transactions_of_one_statement_are_each_balanced_and_keep_their_order(
    database: Database,
) -> None:
    others = [money(code, bucket) for code in ("511921", "511923") for bucket in (Bucket.BANK, CASH.bucket)]

    async def work(connection: Connection) -> Sequence[int]:
        return await ledger.post_each(
            connection,
            kind="test",
            at=await clock.now(connection),
            actor=COUNTY,
            entries={
                "first": move(BANK, CASH, 5),
                "nothing": [],
                "second": move(others[0], others[1], 7),
                "third": move(others[2], others[3], 9),
            },
        )

    numbers = await database.transact(work)
    heads = await rows(
        database,
        "SELECT id, reference FROM ledger_transaction WHERE id = ANY (:ids) ORDER BY id",
        ids=list(numbers),
    )
    assert [reference for _, reference in heads] == ["first", "second", "third"]
    assert [number for number, _ in heads] == list(numbers)
    assert [await balance(database, key) for key in (CASH, others[1], others[3])] == [5, 7, 9]


async def test_one_statement_moves_no_balance_twice(database: Database) -> None:
    async def work(connection: Connection) -> Sequence[int]:
        at = await clock.now(connection)
        entries = {"first": move(BANK, CASH, 5), "second": move(CASH, ESCROW, 5)}
        return await ledger.post_each(connection, kind="test", at=at, actor=COUNTY, entries=entries)

    await refused(BrokenInvariant, database.transact(work))
    assert await balance(database, CASH) == 0
