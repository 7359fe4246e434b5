"""``gengheng verify`` knows what purchases promise: whoever changes a price, a line or a deposit is found."""

import pytest
from sqlalchemy import text

from app.market.indicators import Indicator
from app.store.database import Connection
from tests.conftest import Exchange
from tests.services.test_verification import one, tampered, verified
from tests.story import approved_need, band, bought, listed, settled, sold_by

LAND = Indicator.FARMLAND_QUANTITY
BUYER, POOR, ORDINARY = "510107", "511922", "510722"


async def a_market_in_use(exchange: Exchange) -> None:
    """A unified purchase of two lines, one voided since; a market purchase settled, another awarded."""
    await sold_by(exchange, LAND, "unified_price", "market")
    await band(exchange, LAND, unified_price="320000.00")
    voided = await listed(exchange, POOR, LAND, "3.0000")
    asking = await listed(exchange, ORDINARY, LAND, "9.0000", ask="310000.00")
    need = await approved_need(exchange, BUYER, {LAND: "12.0000"})
    order = {"need_id": need, "indicator": LAND.value, "mode": "unified_price"}
    await bought(exchange, BUYER, **order, quantity="5.0000")
    market = {"need_id": need, "mode": "market", "listing_id": asking, "price": "310000.00"}
    first = await bought(exchange, BUYER, **market, quantity="2.0000")
    await settled(exchange, first["trade_id"])
    await bought(exchange, BUYER, **market, quantity="1.0000")
    answer = await (await exchange.regulator()).post(f"/v1/listings/{voided}/voiding", {"reason": "造假"})
    assert answer.status_code == 201, answer.text


async def test_a_market_in_use_verifies(exchange: Exchange) -> None:
    await a_market_in_use(exchange)
    verdict, lines = await verified(exchange)
    assert verdict.faults == 0, "\n".join(lines)
    assert any(line.endswith("3 purchases") for line in lines)


UNIFIED = "(SELECT id FROM purchase WHERE mode = 'unified_price')"
MARKET = "(SELECT max(id) FROM purchase WHERE mode = 'market')"
A_LINE = (
    "(SELECT max(line.id) FROM trade_line AS line JOIN trade ON trade.id = trade_id "
    f"WHERE purchase_id = {UNIFIED})"
)
TAMPERINGS = {
    "a unified price": (
        "UPDATE purchase SET price = price - 1 WHERE id = {row}",
        UNIFIED,
        [
            "purchase {row}: its price is 31999999 fen, by its band and listing it was 32000000",
            f"purchase {{row}} took {LAND} of the queue at 31999999",
        ],
    ),
    "a market price": (
        "UPDATE purchase SET price = price - 1 WHERE id = {row}",
        MARKET,
        ["purchase {row}: its price is 30999999 fen, by its band and listing it was 31000000"],
    ),
    "the band of the day": (
        "UPDATE price_band SET ceiling = 30999999, unified_price = 30999999 WHERE id = {row}",
        "(SELECT max(id) FROM price_band)",
        [
            "its price is 31000000 fen, by its band and listing it was none",
            "its price is 32000000 fen, by its band and listing it was 30999999",
        ],
    ),
    "what a seller asked": (
        "UPDATE listing SET ask = 32000001 WHERE id = {row}",
        "(SELECT max(id) FROM listing)",
        ["it was bought at 32000000 fen, listing {row} asks 32000001"],
    ),
    "a purchase's quantity": (
        "UPDATE purchase SET asked = 60000, quantity = 50001 WHERE id = {row}",
        UNIFIED,
        ["purchase {row}: it took 50001 for 160000000 fen, its trade lines say 50000 for 160000000"],
    ),
    "a line that dropped out": (
        "UPDATE trade_line SET amount = amount - 1 WHERE id = {row}",
        "(SELECT id FROM trade_line WHERE state = 'VOIDED')",
        ["it took 50000 for 160000000 fen, its trade lines say 50000 for 159999999"],
    ),
    "a line's price": (
        "UPDATE trade_line SET price = price - 1 WHERE id = {row}",
        A_LINE,
        ["trade_line {row}: farmland_quantity of listing"],
    ),
    "a market purchase's listing": (
        "UPDATE purchase SET listing_id = (SELECT min(id) FROM listing) WHERE id = {row}",
        MARKET,
        [f"purchase {{row}} took {LAND} of listing"],
    ),
    "a purchase's deposit": (
        "UPDATE purchase SET deposit = deposit - 1 WHERE id = {row}",
        MARKET,
        ["purchase {row}: its deposit is 3099999 fen, the ledger held 3100000 for it"],
    ),
    "a deposit of no purchase": (
        "UPDATE ledger_transaction SET reference = 'U0000009999' WHERE id = {row}",
        "(SELECT max(id) FROM ledger_transaction WHERE kind = 'purchase_deposit')",
        ["purchase U0000009999: its deposit is 0 fen, the ledger held", "the ledger held 0 for it"],
    ),
    "a trade's buyer": (
        "UPDATE trade SET buyer = '510104' WHERE id = {row}",
        "(SELECT max(id) FROM trade)",
        ["510107 bought for need", "its trade {row} is of 510104"],
    ),
    "a purchase without its trade": (
        "UPDATE trade SET purchase_id = NULL, allocation_id = 1 WHERE id = {row}",
        "(SELECT max(id) FROM trade)",
        [": 0 trades come of it"],
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_verify_names_what_was_changed_in_a_purchase(exchange: Exchange, name: str) -> None:
    await a_market_in_use(exchange)
    statement, where, expected = TAMPERINGS[name]
    row = await one(exchange, f"SELECT {where}")
    await tampered(exchange, statement.format(row=row))
    _, lines = await verified(exchange)
    faults = [line for line in lines if line.startswith("      - ")]
    for words in expected:
        assert any(words.format(row=row) in fault for fault in faults), (words, faults)


async def test_a_trade_of_two_sources_is_named_even_where_its_guard_was_dropped(exchange: Exchange) -> None:
    await a_market_in_use(exchange)

    async def work(connection: Connection) -> None:
        await connection.execute(text("SET LOCAL ROLE NONE"))
        await connection.execute(text("ALTER TABLE trade DROP CONSTRAINT ck_trade_source"))
        await connection.execute(text("ALTER TABLE trade DISABLE TRIGGER ALL"))
        await connection.execute(
            text("UPDATE trade SET allocation_id = 1 WHERE id = (SELECT max(id) FROM trade)")
        )
        await connection.execute(text("SET LOCAL ROLE gengheng_runtime"))

    await exchange.database.transact(work)
    _, lines = await verified(exchange)
    assert any("it comes of auction , allocation 1, purchase " in line for line in lines), lines
