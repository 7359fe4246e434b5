"""The database's own guards: what the service's role, or a slip of its code, can't do to the books."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.market.errors import Insufficient
from app.market.indicators import Indicator
from app.store.database import Connection, Database
from tests.conftest import Exchange
from tests.story import credited

COUNTY = "511922"
NO_PRIVILEGE, RESTRICTED, CHECKED, FOREIGN, DUPLICATE = "42501", "23001", "23514", "23503", "23505"
APPEND_ONLY = (
    "posting",
    "ledger_transaction",
    "batch",
    "journal_event",
    "price_band",
    "policy",
    "allocation",
    "cash_movement",
    "reminder",
    "inspection_finding",
    "project_document",
    "voided_return",
    "project_upkeep",
    "upkeep_report",
)


async def refusal(database: Database, *statements: str, owner: bool = False) -> tuple[str, str | None]:
    """The SQLSTATE and constraint with which the last statement is refused."""

    async def work(connection: Connection) -> None:
        if owner:
            await connection.execute(text("SET LOCAL ROLE NONE"))
        for statement in statements:
            await connection.execute(text(statement))

    with pytest.raises(DBAPIError) as refused:
        await database.transact(work)
    original: Any = refused.value.orig
    return str(original.sqlstate), getattr(original.__cause__, "constraint_name", None)


@pytest.fixture
async def books(exchange: Exchange) -> Database:
    """Books with one project's credits in them."""
    await credited(exchange, COUNTY, {Indicator.FARMLAND_QUANTITY: "10.0000"})
    return exchange.database


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_what_is_append_only_is_neither_changed_nor_emptied(
    books: Database, table: str, change: str
) -> None:
    assert (await refusal(books, change.format(table)))[0] == NO_PRIVILEGE
    # Not even the owner, unless it takes the guard away first; and that the service's role can't.
    assert (await refusal(books, change.format(table), owner=True))[0] == RESTRICTED


@pytest.mark.parametrize("table", ["account", "listing", "trade", "project", "need_item", "token", "bid"])
async def test_the_service_deletes_nothing(books: Database, table: str) -> None:
    assert (await refusal(books, f"DELETE FROM {table}"))[0] == NO_PRIVILEGE
    assert (await refusal(books, f"TRUNCATE {table} CASCADE"))[0] == NO_PRIVILEGE


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE posting CASCADE",
        "ALTER TABLE posting DISABLE TRIGGER ALL",
        "ALTER TABLE posting ADD COLUMN note text",
        "DROP TRIGGER balanced ON posting",
        "DROP TRIGGER append_only ON journal_event",
        "DROP FUNCTION refuse_change() CASCADE",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN RETURN NULL; END'",
        "ALTER TABLE account DROP CONSTRAINT ck_account_balance",
        "CREATE TRIGGER quiet BEFORE INSERT ON posting FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        "CREATE TABLE public.mine (id int)",
        "SET LOCAL session_replication_role = replica",
        "UPDATE account SET jurisdiction = '510100'",
        "UPDATE account SET bucket = 'available'",
        "UPDATE alembic_version SET version_num = '0000'",
    ],
)
async def test_the_services_role_can_not_take_a_guard_away(books: Database, statement: str) -> None:
    async def work(connection: Connection) -> None:
        # As in production, where the login is no superuser: the role alone must do.
        await connection.execute(text("SET LOCAL SESSION AUTHORIZATION gengheng_runtime"))
        await connection.execute(text(statement))

    with pytest.raises(DBAPIError) as refused:
        await books.transact(work)
    original: Any = refused.value.orig
    assert original.sqlstate == NO_PRIVILEGE


HEAD = "INSERT INTO ledger_transaction (id, kind, reference, at) VALUES (900001, 'x', 'x', now())"
AVAILABLE = "(SELECT id FROM account WHERE bucket = 'available' AND asset <> 'CNY')"
ISSUED = "(SELECT id FROM account WHERE bucket = 'issued')"


def posting(*rows: tuple[str, int, int, int]) -> str:
    """An INSERT of postings (account, amount, before, after) into transaction 900001, all at once."""
    values = ", ".join(
        f"(900001, {account}, {amount}, {before}, {after})" for account, amount, before, after in rows
    )
    return (
        "INSERT INTO posting (transaction_id, account_id, amount, balance_before, balance_after) "
        f"VALUES {values}"
    )


async def test_postings_that_do_not_sum_to_zero_are_refused(books: Database) -> None:
    one_sided = posting((AVAILABLE, 5, 100_000, 100_005))
    assert await refusal(books, HEAD, one_sided) == (CHECKED, "postings_balance")
    assert await refusal(books, HEAD, one_sided, owner=True) == (CHECKED, "postings_balance")


async def test_postings_that_cancel_across_batches_are_refused(exchange: Exchange, books: Database) -> None:
    await credited(exchange, COUNTY, {Indicator.FARMLAND_QUANTITY: "10.0000"})
    first, second = (
        f"(SELECT {pick}(id) FROM account WHERE bucket = 'available' AND asset <> 'CNY')"
        for pick in ("min", "max")
    )
    both = posting((first, 5, 100_000, 100_005), (second, -5, 100_000, 99_995))
    assert await refusal(books, HEAD, both) == (CHECKED, "postings_balance")


async def test_balanced_postings_that_no_balance_follows_are_refused(books: Database) -> None:
    both = posting((AVAILABLE, 5, 100_000, 100_005), (ISSUED, -5, -100_000, -100_005))
    assert await refusal(books, HEAD, both) == (CHECKED, "postings_reach_balance")


async def test_a_posting_that_does_not_continue_the_last_one_is_refused(books: Database) -> None:
    both = posting((AVAILABLE, 5, 100_001, 100_006), (ISSUED, -5, -100_000, -100_005))
    assert await refusal(books, HEAD, both) == (CHECKED, "postings_chain")


@pytest.mark.parametrize(
    ("row", "constraint"),
    [
        ((AVAILABLE, 0, 100_000, 100_000), "ck_posting_amount"),
        ((AVAILABLE, 5, 100_000, 100_004), "ck_posting_arithmetic"),
    ],
)
async def test_a_posting_of_nothing_or_with_wrong_arithmetic_is_refused(
    books: Database, row: tuple[str, int, int, int], constraint: str
) -> None:
    assert await refusal(books, HEAD, posting(row)) == (CHECKED, constraint)


async def test_no_balance_moves_without_a_posting(books: Database) -> None:
    change = f"UPDATE account SET balance = balance + 1 WHERE id = {AVAILABLE}"
    assert await refusal(books, change) == (CHECKED, "balance_is_posted")
    born_rich = (
        "INSERT INTO account (jurisdiction, asset, bucket, balance) VALUES ('510100', 'CNY', 'available', 1)"
    )
    assert await refusal(books, born_rich) == (CHECKED, "balance_is_posted")


async def test_a_balance_below_zero_is_the_domains_own_refusal(books: Database) -> None:
    async def work(connection: Connection) -> None:
        await connection.execute(text(f"UPDATE account SET balance = -1 WHERE id = {AVAILABLE}"))

    with pytest.raises(Insufficient):
        await books.transact(work)


@pytest.mark.parametrize(
    ("statement", "state", "constraint"),
    [
        (
            "INSERT INTO account (jurisdiction, asset, bucket) VALUES ('510100', 'CNY', 'pocket')",
            CHECKED,
            "ck_account_bucket",
        ),
        (
            "INSERT INTO account (jurisdiction, asset, bucket) VALUES ('510100', 'gold', 'available')",
            CHECKED,
            "ck_account_asset",
        ),
        (
            "INSERT INTO account (jurisdiction, asset, bucket) VALUES ('510100', 'paddy_area', 'available')",
            CHECKED,
            "ck_account_batch",
        ),
        (
            "INSERT INTO account (jurisdiction, asset, bucket) VALUES ('999999', 'CNY', 'available')",
            FOREIGN,
            "fk_account_jurisdiction",
        ),
        (
            "INSERT INTO account (jurisdiction, asset, bucket) "
            "VALUES ('510100', 'CNY', 'escrow'), ('510100', 'CNY', 'escrow')",
            DUPLICATE,
            "uq_account",
        ),
    ],
)
async def test_an_account_is_of_a_known_jurisdiction_asset_and_bucket_and_the_only_one(
    books: Database, statement: str, state: str, constraint: str
) -> None:
    assert await refusal(books, statement) == (state, constraint)
