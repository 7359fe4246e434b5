"""One settlement path for all modes ([N] 五): each from its sale to settlement, default and voiding."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from app.market.indicators import Indicator
from app.market.modes import TradeMode
from tests.awarded import books, changes, need_item, row
from tests.conftest import Exchange
from tests.story import (
    announced,
    approved_need,
    band,
    bid,
    bought,
    listed,
    opened,
    paid,
    registered,
    settled,
    sold_by,
    verified,
)

AREA = Indicator.FARMLAND_QUANTITY
SELLER, OTHER_SELLER, BUYER = "511922", "510722", "510107"
FLOOR, UNIFIED = 300_000_00, 320_000_00
Sold = Callable[[Exchange, str, str], Awaitable[str]]


async def by_allocation(exchange: Exchange, need: str, listing: str) -> str:
    """A key project's need filled at the fixed price; the trade's id."""
    regulator = await exchange.regulator()
    assert (await regulator.post("/v1/allocations")).status_code == 201
    return await only_trade(exchange)


async def by_auction(exchange: Exchange, need: str, listing: str) -> str:
    """A bid at the floor that wins; the trade's id."""
    auction = await announced(exchange, AREA)
    await registered(exchange, auction, BUYER, "5.0000", need=need)
    await bid(exchange, auction, BUYER, "300000.00", "5.0000")
    await opened(exchange, auction)
    return await only_trade(exchange)


async def by_unified_price(exchange: Exchange, need: str, listing: str) -> str:
    """A purchase at the unified price; the trade's id."""
    wanted = {"mode": "unified_price", "need_id": need, "indicator": AREA.value, "quantity": "5.0000"}
    return str((await bought(exchange, BUYER, **wanted))["trade_id"])


async def by_market(exchange: Exchange, need: str, listing: str) -> str:
    """A purchase of the one listing at its seller's price; the trade's id."""
    wanted = {"mode": "market", "need_id": need, "listing_id": listing, "quantity": "5.0000"}
    return str((await bought(exchange, BUYER, **wanted, price="300000.00"))["trade_id"])


async def only_trade(exchange: Exchange) -> str:
    (trade,) = (await (await exchange.regulator()).get("/v1/trades")).json()["items"]
    return str(trade["id"])


SALES: Mapping[TradeMode, tuple[Sold, str, int]] = {
    TradeMode.KEY_FIXED_PRICE: (by_allocation, "allocation_id", FLOOR),
    TradeMode.AUCTION: (by_auction, "auction_id", FLOOR),
    TradeMode.UNIFIED_PRICE: (by_unified_price, "purchase_id", UNIFIED),
    TradeMode.MARKET: (by_market, "purchase_id", FLOOR),
}
"""How each mode sells 5 hm², which id of the trade then names its source, and at what price in fen."""


async def sold(exchange: Exchange, mode: TradeMode) -> tuple[dict[str, Any], str, str]:
    """Sell 5 hm² of a listing of 8 in one mode: the trade, the need and the listing."""
    await sold_by(exchange, AREA, "auction", "unified_price", "market")
    await band(exchange, AREA, unified_price="320000.00")
    listing = await listed(exchange, SELLER, AREA, "8.0000")
    key_level = "national" if mode is TradeMode.KEY_FIXED_PRICE else None
    need = await approved_need(exchange, BUYER, {AREA: "5.0000"}, key_level=key_level)
    sell, source, price_fen = SALES[mode]
    trade = await sell(exchange, need, listing)
    shown = (await (await exchange.regulator()).get(f"/v1/trades/{trade}")).json()
    assert (shown["mode"], shown["state"]) == (mode, "AWARDED")
    sources = ("allocation_id", "auction_id", "purchase_id")
    assert [name for name in sources if shown[name] is not None] == [source]
    assert shown["amount"] == f"{price_fen * 5 // 100}.00"
    return shown, need, listing


def test_every_mode_is_taken_through() -> None:
    assert SALES.keys() == set(TradeMode)


@pytest.mark.parametrize("mode", TradeMode)
async def test_every_mode_settles_the_same_way(exchange: Exchange, mode: TradeMode) -> None:
    trade, need, listing = await sold(exchange, mode)
    await paid(exchange, trade["id"])
    before = await books(exchange)
    treasurer = await exchange.treasurer()
    answer = await treasurer.post(f"/v1/trades/{trade['id']}/settlement")
    assert (answer.status_code, answer.json()["state"]) == (201, "SETTLED"), answer.text
    amount = SALES[mode][2] * 5
    assert changes(before, await books(exchange)) == {
        (BUYER, "CNY", "escrow"): -amount,
        (SELLER, "CNY", "available"): amount,
        (SELLER, "farmland_quantity", "locked"): -50_000,
        (BUYER, "farmland_quantity", "available"): 50_000,
    }
    assert await row(exchange, "need", need, "state") == ("MET",)
    assert await row(exchange, "listing", listing, "state", "settled") == ("LISTED", 50_000)
    await verified(exchange)


@pytest.mark.parametrize("mode", TradeMode)
async def test_every_mode_defaults_the_same_way(exchange: Exchange, mode: TradeMode) -> None:
    trade, need, listing = await sold(exchange, mode)
    before = await books(exchange)
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/trades/{trade['id']}/default", {"reason": "逾期未付款"})
    assert (answer.status_code, answer.json()["state"]) == (201, "DEFAULTED"), answer.text
    forfeited = int(trade["deposit"].replace(".", ""))
    # A fixed-price award holds no deposit; an auction's is a tenth of the ceiling, a purchase's of its price.
    assert (
        forfeited
        == {
            TradeMode.KEY_FIXED_PRICE: 0,
            TradeMode.AUCTION: 225_000_00,
            TradeMode.UNIFIED_PRICE: 160_000_00,
            TradeMode.MARKET: 150_000_00,
        }[mode]
    )
    assert changes(before, await books(exchange)) == (
        {(BUYER, "CNY", "locked"): -forfeited, (SELLER, "CNY", "available"): forfeited} if forfeited else {}
    )
    assert await need_item(exchange, need) == (0, 0)
    assert await row(exchange, "listing", listing, "state", "awarded") == ("LISTED", 0)
    await verified(exchange)


@pytest.mark.parametrize("is_paid", [False, True])
@pytest.mark.parametrize("mode", TradeMode)
async def test_a_voided_listing_drops_out_of_every_mode_and_the_buyer_gets_its_money_back(
    exchange: Exchange, mode: TradeMode, is_paid: bool
) -> None:
    trade, need, listing = await sold(exchange, mode)
    if is_paid:
        await paid(exchange, trade["id"])
    before = await books(exchange)
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/listings/{listing}/voiding", {"reason": "项目造假"})
    assert answer.status_code == 201, answer.text
    shown = (await regulator.get(f"/v1/trades/{trade['id']}")).json()
    assert (shown["state"], shown["amount"], shown["mode"]) == ("VOIDED", "0.00", mode)
    bucket = "escrow" if is_paid else "locked"
    released = SALES[mode][2] * 5 if is_paid else int(trade["deposit"].replace(".", ""))
    money = {(BUYER, "CNY", bucket): -released, (BUYER, "CNY", "available"): released} if released else {}
    assert changes(before, await books(exchange)) == {
        **money,
        (SELLER, "farmland_quantity", "locked"): -80_000,
        (SELLER, "farmland_quantity", "available"): 80_000,
    }
    assert await need_item(exchange, need) == (0, 0)
    await verified(exchange)


async def test_of_a_unified_purchase_the_other_lines_settle_when_one_is_voided(exchange: Exchange) -> None:
    await sold_by(exchange, AREA, "unified_price")
    await band(exchange, AREA, unified_price="320000.00")
    voided = await listed(exchange, SELLER, AREA, "3.0000")
    await listed(exchange, OTHER_SELLER, AREA, "3.0000")
    need = await approved_need(exchange, BUYER, {AREA: "5.0000"})
    trade = await by_unified_price(exchange, need, voided)
    answer = await (await exchange.regulator()).post(f"/v1/listings/{voided}/voiding", {"reason": "项目造假"})
    assert answer.status_code == 201, answer.text
    shown = await settled(exchange, trade)
    assert (shown["amount"], [line["state"] for line in shown["lines"]]) == (
        "640000.00",
        ["VOIDED", "ACTIVE"],
    )
    assert await need_item(exchange, need) == (20_000, 20_000)
    assert (await (await exchange.county(SELLER)).get(f"/v1/accounts/{SELLER}")).json()["available"] == "0.00"
    purchase = (await (await exchange.county(BUYER)).get(f"/v1/purchases/{shown['purchase_id']}")).json()
    assert (purchase["quantity"], purchase["amount"]) == ("5.0000", "1600000.00"), "as it was made"
    await verified(exchange)
