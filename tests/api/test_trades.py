"""Trades over HTTP: confirmation, payment, settlement, default, voiding, and who may do and see what."""

import pytest

from app.market.access import Role
from app.market.indicators import Indicator
from app.worker import do_due
from tests.awarded import Sale, awarded, books, changes, need_item, row
from tests.conftest import Client, Exchange
from tests.story import (
    announced,
    approved_need,
    band,
    bid,
    confirmed,
    funded,
    listed,
    opened,
    paid,
    registered,
    settled,
    until,
)

BUYER, SELLER, OTHER_SELLER = "510100", "511922", "511902"
TEN_HM2 = Sale(SELLER, 100_000)  # at 300,000.00 yuan: 3,000,000.00 yuan
FIVE_HM2 = Sale(OTHER_SELLER, 50_000, price_fen=320_000_01)  # 1,600,000.05 yuan
REASON = {"reason": "买方拒签成交确认书"}


async def past(exchange: Exchange, trade: str, deadline: str) -> None:
    """Wait until one of a trade's deadlines."""
    await until(exchange, (await (await exchange.regulator()).get(f"/v1/trades/{trade}")).json()[deadline])


async def test_a_trade_shows_its_lines_with_their_batches_and_amounts(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2, FIVE_HM2])
    shown = (await (await exchange.city(BUYER)).get(f"/v1/trades/{trade}")).json()
    assert (shown["state"], shown["amount"], shown["amount_wan_yuan"]) == (
        "AWARDED",
        "4600000.05",
        "460.000005",
    )
    first, second = shown["lines"]
    assert (first["seller"], first["quantity"], first["quantity_mu"]) == (SELLER, "10.0000", "150.0000")
    assert (second["price"], second["amount"], second["unit"]) == ("320000.01", "1600000.05", "hm²")
    assert first["batch_id"].startswith("R")
    assert first["listing_id"].startswith("L")


async def test_indicators_and_money_change_hands_and_no_total_changes(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2, FIVE_HM2])
    shown = await paid(exchange, trade)
    assert (shown["state"], shown["ended_at"]) == ("PAID", None)
    before = await books(exchange)
    assert before[(BUYER, "CNY", "escrow")] == 4_600_000_05
    treasurer = await exchange.treasurer()
    answer = await treasurer.post(f"/v1/trades/{trade}/settlement")
    assert (answer.status_code, answer.json()["state"]) == (201, "SETTLED")
    assert changes(before, await books(exchange)) == {
        (BUYER, "CNY", "escrow"): -4_600_000_05,
        (SELLER, "CNY", "available"): 3_000_000_00,
        (OTHER_SELLER, "CNY", "available"): 1_600_000_05,
        (SELLER, "farmland_quantity", "locked"): -100_000,
        (OTHER_SELLER, "farmland_quantity", "locked"): -50_000,
        (BUYER, "farmland_quantity", "available"): 150_000,
    }
    assert (await treasurer.get(f"/v1/accounts/{SELLER}")).json()["available"] == "3000000.00"


async def test_settling_sells_the_listing_out_and_meets_the_need(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    shown = await settled(exchange, trade)
    listing = shown["lines"][0]["listing_id"]
    assert await row(exchange, "listing", listing, "state", "awarded", "settled") == (
        "SOLD",
        100_000,
        100_000,
    )
    assert await row(exchange, "need", shown["need_id"], "state") == ("MET",)
    assert await need_item(exchange, shown["need_id"]) == (100_000, 100_000)


async def test_what_is_left_of_a_listing_stays_listed_and_locked(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [Sale(SELLER, 100_000, kept=1)], open_steps=1)
    shown = await settled(exchange, trade)
    assert await row(exchange, "listing", shown["lines"][0]["listing_id"], "state", "settled") == (
        "LISTED",
        100_000,
    )
    assert await row(exchange, "need", shown["need_id"], "state") == ("APPROVED",)
    assert (await books(exchange))[(SELLER, "farmland_quantity", "locked")] == 1


async def test_a_settlement_sent_again_is_the_same_answer_under_its_key_and_refused_under_another(
    exchange: Exchange,
) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    await paid(exchange, trade)
    treasurer = await exchange.treasurer()
    first = await treasurer.post(f"/v1/trades/{trade}/settlement", key="settle-1")
    after = await books(exchange)
    again = await treasurer.post(f"/v1/trades/{trade}/settlement", key="settle-1")
    other = await treasurer.post(f"/v1/trades/{trade}/settlement", key="settle-2")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (other.status_code, other.json()["code"]) == (409, "wrong_state")
    assert other.json()["facts"] == {"state": "SETTLED", "event": "settle", "possible": []}
    assert await books(exchange) == after


async def test_confirmation_waits_for_the_end_of_the_public_notice(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    buyer = await exchange.city(BUYER)
    early = await buyer.post(f"/v1/trades/{trade}/confirmation")
    assert (early.status_code, early.json()["code"]) == (409, "notice_running")
    assert (await confirmed(exchange, trade))["state"] == "CONFIRMED"


async def test_the_land_regulator_may_confirm_for_the_buyer(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    await past(exchange, trade, "notice_ends_at")
    answer = await (await exchange.regulator()).post(f"/v1/trades/{trade}/confirmation")
    assert (answer.status_code, answer.json()["state"]) == (201, "CONFIRMED")


async def test_payment_takes_the_deposit_and_the_rest_from_what_is_available(exchange: Exchange) -> None:
    await funded(exchange, BUYER, "300000.00")
    trade = await awarded(exchange, BUYER, [TEN_HM2], deposit_fen=300_000_00)
    owing = await confirmed(exchange, trade)
    assert (owing["to_pay"], owing["to_pay_wan_yuan"]) == ("2700000.00", "270.000000")
    await funded(exchange, BUYER, owing["to_pay"])
    answer = await (await exchange.city(BUYER)).post(f"/v1/trades/{trade}/payment")
    assert (answer.status_code, answer.json()["to_pay"]) == (201, "0.00")
    account = (await (await exchange.city(BUYER)).get(f"/v1/accounts/{BUYER}")).json()
    assert (account["available"], account["locked"], account["escrow"]) == ("0.00", "0.00", "3000000.00")


async def test_a_short_account_is_told_the_shortage_and_nothing_moves(exchange: Exchange) -> None:
    await funded(exchange, BUYER, "300000.00")
    trade = await awarded(exchange, BUYER, [TEN_HM2], deposit_fen=300_000_00)
    await confirmed(exchange, trade)
    await funded(exchange, BUYER, "2699999.99")
    before = await books(exchange)
    answer = await (await exchange.city(BUYER)).post(f"/v1/trades/{trade}/payment")
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient")
    assert answer.json()["facts"] == {
        "jurisdiction": BUYER,
        "present": "2699999.99",
        "wanted": "2700000.00",
        "shortage": "0.01",
    }
    assert await books(exchange) == before


async def test_payment_after_it_was_due_is_refused(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    await confirmed(exchange, trade)
    await funded(exchange, BUYER, "3000000.00")
    await past(exchange, trade, "payment_due_at")
    answer = await (await exchange.city(BUYER)).post(f"/v1/trades/{trade}/payment")
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_overdue")


@pytest.mark.parametrize(
    ("step", "event"), [("payment", "pay"), ("settlement", "settle")], ids=["payment", "settlement"]
)
async def test_no_step_of_a_trade_can_be_skipped(exchange: Exchange, step: str, event: str) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    client = await exchange.client(BUYER, Role.CITY_OFFICER, Role.TREASURER)
    answer = await client.post(f"/v1/trades/{trade}/{step}")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    possible = ["confirm", "default", "void"]
    assert answer.json()["facts"] == {"state": "AWARDED", "event": event, "possible": possible}


async def test_a_default_gives_quantities_back_and_the_deposit_to_the_sellers(exchange: Exchange) -> None:
    await funded(exchange, BUYER, "460000.01")
    trade = await awarded(exchange, BUYER, [TEN_HM2, FIVE_HM2], deposit_fen=460_000_01)
    before = await books(exchange)
    answer = await (await exchange.regulator()).post(f"/v1/trades/{trade}/default", REASON)
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert (shown["state"], shown["end_reason"]) == ("DEFAULTED", REASON["reason"])
    # 460,000.01 × 3,000,000.00 / 4,600,000.05 = 300,000.0032…; the other part is 160,000.0067…: its
    # remainder is the larger one and takes the odd fen.
    assert changes(before, await books(exchange)) == {
        (BUYER, "CNY", "locked"): -460_000_01,
        (SELLER, "CNY", "available"): 300_000_00,
        (OTHER_SELLER, "CNY", "available"): 160_000_01,
    }
    for line in shown["lines"]:
        assert await row(exchange, "listing", line["listing_id"], "awarded", "state") == (0, "LISTED")
    assert await need_item(exchange, shown["need_id"]) == (0, 0)


async def test_the_worker_declares_an_overdue_trade_in_default_once(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    in_time = await awarded(exchange, BUYER, [FIVE_HM2])
    await paid(exchange, in_time)
    assert await do_due(exchange.database, exchange.app.state.keys) == 0
    await past(exchange, trade, "payment_due_at")
    assert await do_due(exchange.database, exchange.app.state.keys) == 1
    assert await do_due(exchange.database, exchange.app.state.keys) == 0
    regulator = await exchange.regulator()
    shown = (await regulator.get(f"/v1/trades/{trade}")).json()
    assert (shown["state"], shown["end_reason"]) == ("DEFAULTED", "payment_overdue")
    assert (await regulator.get(f"/v1/trades/{in_time}")).json()["state"] == "PAID"


@pytest.mark.parametrize("reached", [paid, settled])
async def test_a_paid_trade_can_not_be_declared_in_default(exchange: Exchange, reached: object) -> None:
    assert callable(reached)
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    await reached(exchange, trade)
    before = await books(exchange)
    answer = await (await exchange.regulator()).post(f"/v1/trades/{trade}/default", REASON)
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert await books(exchange) == before


async def void(exchange: Exchange, listing: str) -> None:
    """Have the regulator void a listing."""
    answer = await (await exchange.regulator()).post(f"/v1/listings/{listing}/voiding", {"reason": "造假"})
    assert answer.status_code == 201, answer.text


async def test_a_voided_line_drops_out_of_its_paid_trade_and_the_rest_settles(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2, FIVE_HM2])
    shown = await paid(exchange, trade)
    before = await books(exchange)
    await void(exchange, shown["lines"][1]["listing_id"])
    assert changes(before, await books(exchange)) == {
        (BUYER, "CNY", "escrow"): -1_600_000_05,
        (BUYER, "CNY", "available"): 1_600_000_05,
        (OTHER_SELLER, "farmland_quantity", "locked"): -50_000,
        (OTHER_SELLER, "farmland_quantity", "available"): 50_000,
    }
    assert await need_item(exchange, shown["need_id"]) == (100_000, 0)
    treasurer = await exchange.treasurer()
    answer = await treasurer.post(f"/v1/trades/{trade}/settlement")
    assert answer.status_code == 201, answer.text
    assert [line["state"] for line in answer.json()["lines"]] == ["ACTIVE", "VOIDED"]
    assert answer.json()["amount"] == "3000000.00"
    assert (await books(exchange)).get((OTHER_SELLER, "CNY", "available")) is None


async def test_a_trade_without_lines_is_void_and_its_deposit_released(exchange: Exchange) -> None:
    await funded(exchange, BUYER, "300000.00")
    trade = await awarded(exchange, BUYER, [TEN_HM2], deposit_fen=300_000_00)
    regulator = await exchange.regulator()
    line = (await regulator.get(f"/v1/trades/{trade}")).json()["lines"][0]
    await void(exchange, line["listing_id"])
    shown = (await regulator.get(f"/v1/trades/{trade}")).json()
    assert (shown["state"], shown["amount"], shown["end_reason"]) == ("VOIDED", "0.00", "造假")
    assert (await books(exchange))[(BUYER, "CNY", "available")] == 300_000_00
    await past(exchange, trade, "notice_ends_at")
    refused = await regulator.post(f"/v1/trades/{trade}/confirmation")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")


async def test_voiding_leaves_settled_trades_of_the_listing_alone(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [Sale(SELLER, 100_000, kept=50_000)])
    shown = await settled(exchange, trade)
    before = await books(exchange)
    await void(exchange, shown["lines"][0]["listing_id"])
    assert changes(before, await books(exchange)) == {
        (SELLER, "farmland_quantity", "locked"): -50_000,
        (SELLER, "farmland_quantity", "available"): 50_000,
    }
    assert (await (await exchange.regulator()).get(f"/v1/trades/{trade}")).json() == shown


async def test_a_trade_is_seen_by_its_parties_and_overseers_only(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2, FIVE_HM2])
    auditor = await exchange.client("510000", Role.AUDITOR)
    seeing = [
        await exchange.city(BUYER),
        await exchange.county(SELLER),
        await exchange.county(OTHER_SELLER),
        await exchange.treasurer(),
        await exchange.regulator(),
        auditor,
    ]
    for client in seeing:
        assert (await client.get(f"/v1/trades/{trade}")).status_code == 200
        assert [item["id"] for item in (await client.get("/v1/trades")).json()["items"]] == [trade]
    stranger = await exchange.county("511903")
    assert (await stranger.get(f"/v1/trades/{trade}")).status_code == 404
    assert (await stranger.get("/v1/trades")).json()["items"] == []


async def test_only_the_right_hands_move_a_trade(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    await past(exchange, trade, "notice_ends_at")
    buyer, seller = await exchange.city(BUYER), await exchange.county(SELLER)
    stranger, regulator = await exchange.city("510400"), await exchange.regulator()

    async def status(client: Client, step: str) -> int:
        body = REASON if step == "default" else {}
        return (await client.post(f"/v1/trades/{trade}/{step}", body)).status_code

    assert [await status(client, "confirmation") for client in (seller, stranger)] == [403, 404]
    assert [await status(client, "payment") for client in (seller, stranger, regulator)] == [403, 404, 403]
    assert [await status(client, "settlement") for client in (buyer, seller, regulator)] == [403, 403, 403]
    assert [await status(client, "default") for client in (buyer, seller)] == [403, 403]
    assert (await regulator.get(f"/v1/trades/{trade}")).json()["state"] == "AWARDED"


async def test_trades_are_paged_and_filtered_by_state_and_auction(exchange: Exchange) -> None:
    await funded(exchange, BUYER, "1.00")
    first = await awarded(exchange, BUYER, [TEN_HM2], deposit_fen=1_00)
    second = await awarded(exchange, BUYER, [FIVE_HM2])
    regulator = await exchange.regulator()
    page = (await regulator.get("/v1/trades", params={"limit": 1})).json()
    assert [item["id"] for item in page["items"]] == [first]
    rest = (await regulator.get("/v1/trades", params={"cursor": page["next_cursor"]})).json()
    assert [item["id"] for item in rest["items"]] == [second]
    auction = page["items"][0]["auction_id"]
    only = (await regulator.get("/v1/trades", params={"auction_id": auction})).json()["items"]
    assert [item["id"] for item in only] == [first]
    assert (await regulator.get("/v1/trades", params={"state": "PAID"})).json()["items"] == []
    assert (await regulator.get("/v1/trades", params={"auction_id": "L0000000001"})).status_code == 404


@pytest.mark.parametrize("trade", ["T9999999999", "nonsense", "L0000000001"])
@pytest.mark.parametrize("step", ["confirmation", "payment", "settlement", "default"])
async def test_an_unknown_trade_is_not_found(exchange: Exchange, trade: str, step: str) -> None:
    every = await exchange.client(
        "510000", Role.LAND_REGULATOR, Role.TREASURER, Role.CITY_OFFICER, Role.COUNTY_OFFICER
    )
    answer = await every.post(f"/v1/trades/{trade}/{step}", REASON if step == "default" else {})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_body_says_nothing_it_is_not_asked(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    treasurer, regulator = await exchange.treasurer(), await exchange.regulator()
    answer = await treasurer.post(f"/v1/trades/{trade}/settlement", {"amount": "1.00"})
    assert (answer.status_code, answer.json()["field"]) == (422, "amount")
    silent = await regulator.post(f"/v1/trades/{trade}/default")
    assert (silent.status_code, silent.json()["field"]) == (422, "reason")


async def test_an_auctions_winners_pay_what_they_bid_and_take_what_they_won(exchange: Exchange) -> None:
    await band(exchange, Indicator.FARMLAND_QUANTITY)
    await listed(exchange, SELLER, Indicator.FARMLAND_QUANTITY, "10.0000")
    await listed(exchange, OTHER_SELLER, Indicator.FARMLAND_QUANTITY, "5.0000")
    auction = await announced(exchange, Indicator.FARMLAND_QUANTITY)
    await registered(exchange, auction, BUYER, "12.0000")
    await registered(exchange, auction, "510400", "9.0000")
    await bid(exchange, auction, BUYER, "400000.00", "12.0000")
    await bid(exchange, auction, "510400", "350000.00", "9.0000")
    await opened(exchange, auction)
    before = await books(exchange)
    regulator = await exchange.regulator()
    won = (await regulator.get("/v1/trades", params={"auction_id": auction["id"]})).json()["items"]
    assert {trade["buyer"]: trade["amount"] for trade in won} == {
        BUYER: "4800000.00",
        "510400": "1050000.00",
    }
    for trade in won:
        assert (await settled(exchange, trade["id"]))["state"] == "SETTLED"
    after = await books(exchange)
    moved = changes(before, after)
    assert (moved[(BUYER, "farmland_quantity", "available")], after.get((BUYER, "CNY", "locked"), 0)) == (
        120_000,
        0,
    )
    assert (
        moved[("510400", "farmland_quantity", "available")],
        after.get(("510400", "CNY", "locked"), 0),
    ) == (30_000, 0)
    received = [moved[(seller, "CNY", "available")] for seller in (SELLER, OTHER_SELLER)]
    assert sum(received) == 5_850_000_00
    assert not [key for key in after if key[2] == "escrow"]


async def test_a_key_projects_need_is_settled_at_the_fixed_price_to_the_fen(exchange: Exchange) -> None:
    quota = Indicator.LINKAGE_QUOTA
    await band(exchange, quota, "4425000.00", "5000000.00")
    await listed(exchange, SELLER, quota, "300.0000")
    need = await approved_need(exchange, BUYER, {quota: "300.0000"}, key_level="national")
    regulator = await exchange.regulator()
    run = await regulator.post("/v1/allocations")
    assert run.status_code == 201, run.text
    (trade,) = (await regulator.get("/v1/trades")).json()["items"]
    assert (trade["need_id"], trade["allocation_id"], trade["deposit"]) == (need, run.json()["id"], "0.00")
    shown = await settled(exchange, trade["id"])
    assert (shown["amount"], shown["amount_wan_yuan"]) == ("1327500000.00", "132750.000000")
    assert await row(exchange, "need", need, "state") == ("MET",)
    standing = await books(exchange)
    assert standing[(BUYER, "linkage_quota", "available")] == 3_000_000
    assert standing[(SELLER, "CNY", "available")] == 1_327_500_000_00
