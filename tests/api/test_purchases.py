"""Purchases over HTTP: at the unified price (统一限价) and at the seller's (市场), [N] 五."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from app.market.indicators import Indicator
from tests.awarded import books, changes, need_item, row
from tests.conftest import Exchange
from tests.story import (
    announced,
    approved_need,
    band,
    bought,
    filed_application,
    funded,
    listed,
    policy,
    registered,
    settled,
    sold_by,
    verified,
)

AREA, PADDY, GRAIN = Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA, Indicator.GRAIN_CAPACITY
POOR, ORDINARY, BUYER, OTHER = "511922", "510722", "510107", "510104"
ALL_MODES = ("auction", "unified_price", "market")


async def an_open_market(exchange: Exchange, indicator: Indicator = AREA, **prices: Any) -> None:
    """An indicator sold in every mode, from 300,000 to 450,000, at a unified price of 320,000."""
    await sold_by(exchange, indicator, *ALL_MODES)
    await band(exchange, indicator, **({"unified_price": "320000.00"} | prices))


def unified(need: str, quantity: str, **given: Any) -> dict[str, Any]:
    """A purchase of farmland quantity at the unified price."""
    return {
        "mode": "unified_price",
        "need_id": need,
        "indicator": AREA.value,
        "quantity": quantity,
        **given,
    }


def at_market(need: str, listing: str, quantity: str, price: str) -> dict[str, Any]:
    """A purchase of one listing at its price."""
    return {
        "mode": "market",
        "need_id": need,
        "listing_id": listing,
        "quantity": quantity,
        "price": price,
    }


async def refused(exchange: Exchange, body: Mapping[str, Any], *, buyer: str = BUYER) -> dict[str, Any]:
    """The problem with which a purchase is refused; nothing has moved, and nothing was told."""
    before, events = await books(exchange), await journal(exchange)
    answer = await (await exchange.county(buyer)).post("/v1/purchases", body)
    assert answer.status_code >= 400, answer.text
    assert (await books(exchange), await journal(exchange)) == (before, events)
    assert (await (await exchange.regulator()).get("/v1/purchases")).json()["items"] == []
    return {"status": answer.status_code} | dict(answer.json())


async def journal(exchange: Exchange, **params: str) -> list[dict[str, Any]]:
    """The journal's events."""
    answer = await exchange.public().get("/v1/journal", params={"limit": 200, **params})
    return list(answer.json()["items"])


async def lines_of(exchange: Exchange, purchase: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Seller, quantity, price and amount of each line of a purchase's trade."""
    trade = (await (await exchange.regulator()).get(f"/v1/trades/{purchase['trade_id']}")).json()
    return [(each["seller"], each["quantity"], each["price"], each["amount"]) for each in trade["lines"]]


async def test_a_unified_purchase_draws_from_the_queue_at_one_price(exchange: Exchange) -> None:
    await an_open_market(exchange)
    early = await listed(exchange, ORDINARY, AREA, "10.0000", ask="310000.00")
    await listed(exchange, "510703", AREA, "5.0000", ask="320000.01")
    poor = await listed(exchange, POOR, AREA, "4.0000")
    need = await approved_need(exchange, BUYER, {AREA: "12.0000"})
    await funded(exchange, BUYER, "300000.00")
    before = await books(exchange)
    answer = await (await exchange.county(BUYER)).post("/v1/purchases", unified(need, "9.0000"))
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["mode"], made["buyer"], made["need_id"]) == ("unified_price", BUYER, need)
    assert (made["asked"], made["quantity"], made["quantity_mu"]) == ("9.0000", "9.0000", "135.0000")
    assert (made["price"], made["amount"], made["amount_wan_yuan"]) == (
        "320000.00",
        "2880000.00",
        "288.000000",
    )
    assert (made["deposit"], made["listing_id"]) == ("288000.00", None)
    assert await lines_of(exchange, made) == [
        (POOR, "4.0000", "320000.00", "1280000.00"),
        (ORDINARY, "5.0000", "320000.00", "1600000.00"),
    ]
    assert changes(before, await books(exchange)) == {
        (BUYER, "CNY", "available"): -288_000_00,
        (BUYER, "CNY", "locked"): 288_000_00,
    }
    assert await row(exchange, "listing", poor, "awarded", "state") == (40_000, "LISTED")
    assert await row(exchange, "listing", early, "awarded", "state") == (50_000, "LISTED")
    assert await need_item(exchange, need) == (90_000, 0)
    await verified(exchange)


async def test_a_unified_purchase_takes_what_there_is_down_to_its_minimum(exchange: Exchange) -> None:
    await an_open_market(exchange)
    await listed(exchange, POOR, AREA, "4.0000")
    need = await approved_need(exchange, BUYER, {AREA: "12.0000"})
    await funded(exchange, BUYER, "1000000.00")
    problem = await refused(exchange, unified(need, "9.0000", min_quantity="4.0001"))
    assert (problem["status"], problem["code"], problem["field"]) == (409, "not_enough_on_offer", "quantity")
    assert problem["facts"] == {"on_offer": "4.0000", "least": "4.0001", "price": "320000.00"}
    made = await bought(exchange, BUYER, **unified(need, "9.0000", min_quantity="4.0000"))
    assert (made["asked"], made["quantity"]) == ("9.0000", "4.0000")
    assert await need_item(exchange, need) == (40_000, 0)


async def test_a_market_purchase_pays_the_ask_and_a_listing_without_one_the_floor(exchange: Exchange) -> None:
    await an_open_market(exchange)
    asking = await listed(exchange, POOR, AREA, "4.0000", ask="333333.33")
    silent = await listed(exchange, ORDINARY, AREA, "4.0000")
    need = await approved_need(exchange, BUYER, {AREA: "12.0000"})
    made = await bought(exchange, BUYER, **at_market(need, asking, "0.0003", "333333.33"))
    assert (made["mode"], made["listing_id"]) == ("market", asking)
    # 333,333.33 × 0.0003 = 99.999999: half up once, and a tenth of it half up for the deposit.
    assert (made["price"], made["amount"], made["deposit"]) == ("333333.33", "100.00", "10.00")
    cheap = await bought(exchange, BUYER, **at_market(need, silent, "4.0000", "300000.00"))
    assert (cheap["price"], cheap["amount"]) == ("300000.00", "1200000.00")
    assert await lines_of(exchange, cheap) == [(ORDINARY, "4.0000", "300000.00", "1200000.00")]
    await verified(exchange)


async def test_a_buyer_pays_the_price_it_agreed_to_or_is_told_the_present_one(exchange: Exchange) -> None:
    await an_open_market(exchange)
    listing = await listed(exchange, POOR, AREA, "4.0000")
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    await funded(exchange, BUYER, "1000000.00")
    for body in (
        at_market(need, listing, "1.0000", "299999.99"),
        at_market(need, listing, "1.0000", "300000.01"),
    ):
        problem = await refused(exchange, body)
        assert (problem["status"], problem["code"], problem["field"]) == (409, "price_differs", "price")
        assert problem["facts"] == {"present": "300000.00", "agreed": body["price"]}
    problem = await refused(exchange, unified(need, "1.0000", price="300000.00"))
    assert (problem["code"], problem["facts"]["present"]) == ("price_differs", "320000.00")
    await bought(exchange, BUYER, **unified(need, "1.0000", price="320000.00"))


async def test_prices_are_those_of_the_band_in_force_at_the_moment(exchange: Exchange) -> None:
    await an_open_market(exchange)
    asking = await listed(exchange, POOR, AREA, "4.0000", ask="310000.00")
    silent = await listed(exchange, ORDINARY, AREA, "4.0000")
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    first = await bought(exchange, BUYER, **unified(need, "1.0000"))
    await band(exchange, AREA, "330000.00", "450000.00", unified_price="350000.00")
    assert (await bought(exchange, BUYER, **unified(need, "1.0000")))["price"] == "350000.00"
    assert (await bought(exchange, BUYER, **at_market(need, silent, "1.0000", "330000.00")))["quantity"]
    answer = await (await exchange.county(BUYER)).post(
        "/v1/purchases", at_market(need, asking, "1.0000", "310000.00")
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "ask_outside_band"), answer.text
    assert answer.json()["facts"] == {"ask": "310000.00", "floor": "330000.00", "ceiling": "450000.00"}
    kept = (await (await exchange.county(BUYER)).get(f"/v1/purchases/{first['id']}")).json()
    assert kept == first, "what was bought before stays as it was"
    await verified(exchange)


async def test_only_the_modes_that_the_policy_in_force_names_are_open(exchange: Exchange) -> None:
    await band(exchange, AREA, unified_price="320000.00")
    listing = await listed(exchange, POOR, AREA, "4.0000")
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    for body in (unified(need, "1.0000"), at_market(need, listing, "1.0000", "300000.00")):
        problem = await refused(exchange, body)
        assert (problem["status"], problem["code"], problem["field"]) == (422, "mode_not_permitted", "mode")
        assert problem["facts"]["permitted"] == ["auction"]
    await sold_by(exchange, AREA, "market")
    problem = await refused(exchange, unified(need, "1.0000"))
    assert (problem["code"], problem["facts"]["permitted"]) == ("mode_not_permitted", ["market"])
    opens_at = await exchange.now() + timedelta(minutes=1)
    times = {"opens_at": opens_at.isoformat(), "closes_at": (opens_at + timedelta(hours=1)).isoformat()}
    regulator = await exchange.regulator()
    auction = await regulator.post("/v1/auctions", {"indicator": AREA.value, **times})
    assert (auction.status_code, auction.json()["code"], auction.json()["field"]) == (
        422,
        "mode_not_permitted",
        "indicator",
    )
    await bought(exchange, BUYER, **at_market(need, listing, "1.0000", "300000.00"))


async def test_an_auction_announced_before_goes_on_when_the_policy_closes_its_mode(
    exchange: Exchange,
) -> None:
    await an_open_market(exchange)
    await listed(exchange, POOR, AREA, "4.0000")
    auction = await announced(exchange, AREA)
    await sold_by(exchange, AREA, "market")
    await registered(exchange, auction, BUYER, "1.0000")


async def test_without_a_unified_price_in_the_band_nothing_is_sold_at_one(exchange: Exchange) -> None:
    await an_open_market(exchange, unified_price=None)
    await listed(exchange, POOR, AREA, "4.0000")
    need = await approved_need(exchange, BUYER, {AREA: "4.0000", PADDY: "1.0000"})
    problem = await refused(exchange, unified(need, "1.0000"))
    assert (problem["status"], problem["code"], problem["field"]) == (422, "no_unified_price", "mode")
    await sold_by(exchange, PADDY, "unified_price")
    problem = await refused(exchange, unified(need, "1.0000", indicator=PADDY.value))
    assert (problem["status"], problem["code"]) == (422, "no_band")


async def test_a_waiting_key_project_goes_first_and_the_purchase_gets_what_it_leaves(
    exchange: Exchange,
) -> None:
    await an_open_market(exchange)
    listing = await listed(exchange, POOR, AREA, "10.0000")
    key = await approved_need(exchange, OTHER, {AREA: "7.0000"}, key_level="national")
    need = await approved_need(exchange, BUYER, {AREA: "12.0000"})
    await funded(exchange, BUYER, "1000000.00")
    problem = await refused(exchange, at_market(need, listing, "3.0001", "300000.00"))
    assert (problem["code"], problem["facts"]["on_offer"]) == ("not_enough_on_offer", "3.0000")
    assert await need_item(exchange, key) == (0, 0), "a refused purchase allocates nothing"
    made = await bought(exchange, BUYER, **unified(need, "12.0000"))
    assert made["quantity"] == "3.0000"
    assert await need_item(exchange, key) == (70_000, 0)
    trades = (await (await exchange.regulator()).get("/v1/trades")).json()["items"]
    assert [(each["mode"], each["buyer"], each["amount"]) for each in trades] == [
        ("key_fixed_price", OTHER, "2100000.00"),
        ("unified_price", BUYER, "960000.00"),
    ]
    (run,) = await journal(exchange, kind="allocation.run")
    assert run["actor"] is None, "the exchange itself ran it"
    await verified(exchange)


async def test_a_key_project_that_the_market_does_not_serve_is_passed_by_in_silence(
    exchange: Exchange,
) -> None:
    await an_open_market(exchange)
    listing = await listed(exchange, POOR, AREA, "10.0000", ask="300000.01")
    await approved_need(exchange, OTHER, {AREA: "7.0000"}, key_level="national")
    need = await approved_need(exchange, BUYER, {AREA: "12.0000"})
    await bought(exchange, BUYER, **at_market(need, listing, "10.0000", "300000.01"))
    assert await journal(exchange, kind="allocation.run") == []


async def test_a_key_project_s_need_and_somebody_else_s_do_not_buy(exchange: Exchange) -> None:
    await an_open_market(exchange)
    listing = await listed(exchange, POOR, AREA, "4.0000", open_to_key_projects=False)
    key = await approved_need(exchange, BUYER, {AREA: "4.0000"}, key_level="provincial")
    others = await approved_need(exchange, OTHER, {AREA: "4.0000"})
    for body in (unified(key, "1.0000"), at_market(key, listing, "1.0000", "300000.00")):
        problem = await refused(exchange, body)
        assert (problem["status"], problem["code"], problem["field"]) == (
            422,
            "key_need_may_not_buy",
            "need_id",
        )
    for need in (others, "N9999999999"):
        problem = await refused(exchange, unified(need, "1.0000"))
        assert (problem["status"], problem["code"], problem["field"]) == (404, "not_found", "need_id")


async def test_a_purchase_never_exceeds_what_the_need_has_open(exchange: Exchange) -> None:
    await an_open_market(exchange)
    # Auctions may exceed a need under this policy; purchases never do.
    await policy(exchange, "purchases_within_need", False)
    await listed(exchange, POOR, AREA, "10.0000")
    need = await approved_need(exchange, BUYER, {AREA: "5.0000"})
    problem = await refused(exchange, unified(need, "5.0001"))
    assert (problem["status"], problem["code"], problem["field"]) == (422, "exceeds_open_need", "quantity")
    assert problem["facts"] == {"open": "5.0000", "quantity": "5.0001"}
    await bought(exchange, BUYER, **unified(need, "5.0000"))
    answer = await (await exchange.county(BUYER)).post("/v1/purchases", unified(need, "0.0001"))
    assert (answer.status_code, answer.json()["facts"]["open"]) == (422, "0.0000")
    refused_need = await declared(exchange, {AREA: "1.0000"})
    answer = await (await exchange.county(BUYER)).post("/v1/purchases", unified(refused_need, "0.0001"))
    assert (answer.status_code, answer.json()["code"]) == (422, "exceeds_open_need")
    assert "DECLARED" in answer.json()["detail"]


async def test_what_a_registration_reserves_of_a_need_is_not_bought_beside_it(exchange: Exchange) -> None:
    await an_open_market(exchange)
    await listed(exchange, POOR, AREA, "4.0000")
    auction = await announced(exchange, AREA)
    await listed(exchange, ORDINARY, AREA, "4.0000")
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    await registered(exchange, auction, BUYER, "3.0000", need=need)
    problem = await refused(exchange, unified(need, "1.0001"))
    assert (problem["code"], problem["facts"]["open"]) == ("exceeds_open_need", "1.0000")
    await bought(exchange, BUYER, **unified(need, "1.0000"))
    await verified(exchange)


async def declared(exchange: Exchange, wanted: Mapping[Indicator, str]) -> str:
    """A need that nobody has decided on yet."""
    application = await filed_application(exchange, BUYER, wanted)
    answer = await (await exchange.county(BUYER)).post(
        "/v1/needs",
        {"application_id": application, "quantities": {each.value: text for each, text in wanted.items()}},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_who_lists_an_indicator_can_not_buy_it(exchange: Exchange) -> None:
    await an_open_market(exchange)
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    theirs = await listed(exchange, POOR, AREA, "4.0000")
    await listed(exchange, BUYER, AREA, "1.0000")
    for body in (unified(need, "1.0000"), at_market(need, theirs, "1.0000", "300000.00")):
        problem = await refused(exchange, body)
        assert (problem["status"], problem["code"]) == (422, "seller_may_not_buy")


@pytest.mark.parametrize(
    ("mode", "given"),
    [
        ("unified_price", {"quantity": "1.5000"}),
        ("market", {"quantity": "1.5000"}),
        ("unified_price", {"quantity": "0.0000"}),
        ("unified_price", {"quantity": "2.0000", "min_quantity": "0.5000"}),
        ("unified_price", {"quantity": "2.0000", "min_quantity": "3.0000"}),
        ("unified_price", {"quantity": "2.0000", "min_quantity": "0.0000"}),
    ],
)
async def test_quantities_are_whole_lots_as_in_an_auction(
    exchange: Exchange, mode: str, given: dict[str, str]
) -> None:
    await in_lots_of_one_hectare(exchange)
    listing = await listed(exchange, POOR, AREA, "4.0000")
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    body = (
        unified(need, **given)
        if mode == "unified_price"
        else at_market(need, listing, price="300000.00", **given)
    )
    problem = await refused(exchange, body)
    code, field = (
        ("bad_min_quantity", "min_quantity")
        if "min_quantity" in given
        else ("not_a_lot_multiple", "quantity")
    )
    assert (problem["status"], problem["code"], problem["field"]) == (422, code, field)
    assert problem["facts"] == {"lot": "1.0000"}


async def in_lots_of_one_hectare(exchange: Exchange) -> None:
    """The market opened with lots of 1 hm²."""
    await an_open_market(exchange)
    lots = {AREA: "1.0000", PADDY: "1.0000", GRAIN: "1.00", Indicator.LINKAGE_QUOTA: "1.0000"}
    await policy(exchange, "lots", lots)


async def test_of_each_listing_only_whole_lots_are_bought(exchange: Exchange) -> None:
    await in_lots_of_one_hectare(exchange)
    first = await listed(exchange, POOR, AREA, "2.5000")
    second = await listed(exchange, ORDINARY, AREA, "1.9999")
    need = await approved_need(exchange, BUYER, {AREA: "9.0000"})
    await funded(exchange, BUYER, "1000000.00")
    problem = await refused(exchange, at_market(need, first, "3.0000", "300000.00"))
    assert (problem["code"], problem["facts"]["on_offer"]) == ("not_enough_on_offer", "2.0000")
    made = await bought(exchange, BUYER, **unified(need, "9.0000"))
    assert made["quantity"] == "3.0000"
    assert await row(exchange, "listing", first, "awarded") == (20_000,)
    assert await row(exchange, "listing", second, "awarded") == (10_000,)


async def test_a_buyer_without_the_deposit_is_told_the_shortage_and_nothing_is_locked(
    exchange: Exchange,
) -> None:
    await an_open_market(exchange)
    await policy(exchange, "deposit_rate", "0.15")
    listing = await listed(exchange, POOR, AREA, "4.0000")
    await approved_need(exchange, OTHER, {AREA: "1.0000"}, key_level="national")
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    await funded(exchange, BUYER, "44999.99")
    problem = await refused(exchange, at_market(need, listing, "1.0000", "300000.00"))
    assert (problem["status"], problem["code"], problem["field"]) == (409, "insufficient", "quantity")
    assert problem["facts"]["shortage"] == "0.01"
    assert problem["detail"].startswith("The deposit for this quantity is 45000.00 yuan.")
    assert await row(exchange, "listing", listing, "awarded") == (0,)


async def test_a_listing_that_is_not_on_the_list_can_not_be_bought(exchange: Exchange) -> None:
    await an_open_market(exchange)
    listing = await listed(exchange, POOR, AREA, "4.0000")
    withdrawn = await listed(exchange, ORDINARY, AREA, "4.0000")
    await (await exchange.county(ORDINARY)).post(f"/v1/listings/{withdrawn}/withdrawal")
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    await announced(exchange, AREA)
    for one, state in ((listing, "IN_AUCTION"), (withdrawn, "WITHDRAWN")):
        problem = await refused(exchange, at_market(need, one, "1.0000", "300000.00"))
        assert (problem["status"], problem["code"], problem["field"]) == (409, "not_on_offer", "listing_id")
        assert problem["facts"] == {"state": state}
    problem = await refused(exchange, unified(need, "1.0000"))
    assert (problem["code"], problem["facts"]["on_offer"]) == ("not_enough_on_offer", "0.0000")
    problem = await refused(exchange, at_market(need, "L9999999999", "1.0000", "300000.00"))
    assert (problem["status"], problem["field"]) == (404, "listing_id")


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"indicator": None}, "field_missing", "indicator"),
        ({"listing_id": "L0000000001"}, "field_unused", "listing_id"),
        ({"mode": "market"}, "field_unused", "indicator"),
        ({"mode": "market", "indicator": None, "min_quantity": "1"}, "field_unused", "min_quantity"),
        ({"mode": "market", "indicator": None, "price": "300000.00"}, "field_missing", "listing_id"),
        ({"mode": "market", "indicator": None, "listing_id": "L0000000001"}, "field_missing", "price"),
        ({"mode": "auction"}, "malformed", "mode"),
        ({"quantity": 1}, "malformed", "quantity"),
        ({"quantity": "1.00001"}, "bad_quantity", "quantity"),
        ({"min_quantity": "0.00001"}, "bad_quantity", "min_quantity"),
        ({"price": "1.001"}, "malformed", "price"),
        ({"buyer": BUYER}, "malformed", "buyer"),
    ],
)
async def test_a_purchase_that_is_not_of_its_mode_s_form_is_refused_by_field(
    exchange: Exchange, changes: dict[str, Any], code: str, field: str
) -> None:
    await an_open_market(exchange)
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    problem = await refused(exchange, unified(need, "1.0000") | changes)
    assert (problem["status"], problem["code"], problem["field"]) == (422, code, field)


async def test_nothing_is_given_away_and_nothing_comes_to_more_than_can_be_counted(
    exchange: Exchange,
) -> None:
    await an_open_market(exchange, floor="99.99", ceiling="100.00", unified_price="99.99")
    listing = await listed(exchange, POOR, AREA, "4.0000", ask="100.00")
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    await funded(exchange, BUYER, "1000000.00")
    problem = await refused(exchange, unified(need, "1.0000"))
    assert (problem["status"], problem["code"], problem["field"]) == (422, "lot_worth_nothing", "quantity")
    await bought(exchange, BUYER, **at_market(need, listing, "0.0001", "100.00"))


async def test_the_public_sees_purchases_among_the_results(exchange: Exchange) -> None:
    await an_open_market(exchange)
    listing = await listed(exchange, POOR, AREA, "4.0000")
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    first = await bought(exchange, BUYER, **unified(need, "1.0000"))
    second = await bought(exchange, BUYER, **at_market(need, listing, "0.5000", "300000.00"))
    shown = (await exchange.public().get("/v1/bulletin/results")).json()["items"]
    assert [(each["id"], each["mode"], each["clearing_price"]) for each in shown] == [
        (second["id"], "market", "300000.00"),
        (first["id"], "unified_price", "320000.00"),
    ]
    assert shown[0]["sold"] == [{"indicator": AREA.value, "unit": "hm²", "quantity": "0.5000"}]
    assert (shown[0]["state"], shown[0]["record_url"], shown[0]["at"]) == (None, None, second["at"])
    paged = (await exchange.public().get("/v1/bulletin/results", params={"limit": 1})).json()
    rest = (
        await exchange.public().get(
            "/v1/bulletin/results", params={"limit": 1, "cursor": paged["next_cursor"]}
        )
    ).json()
    assert [paged["items"][0], rest["items"][0]] == shown
    (event,) = await journal(exchange, subject=first["id"], kind="purchase.made")
    assert event["facts"]["lines"] == [{"listing": listing, "seller": POOR, "quantity": "1.0000"}]
    assert (event["actor"], event["facts"]["price"]) == (BUYER, "320000.00")


async def test_a_purchase_is_seen_by_its_parties_and_overseers_only(exchange: Exchange) -> None:
    await an_open_market(exchange)
    await listed(exchange, POOR, AREA, "4.0000")
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    made = await bought(exchange, BUYER, **unified(need, "1.0000"))
    for client in (
        await exchange.county(BUYER),
        await exchange.county(POOR),
        await exchange.regulator(),
        await exchange.treasurer(),
    ):
        assert (await client.get("/v1/purchases")).json()["items"] == [made]
        assert (await client.get(f"/v1/purchases/{made['id']}")).json() == made
        for params, found in (({"mode": "market"}, []), ({"indicator": AREA.value}, [made])):
            assert (await client.get("/v1/purchases", params=params)).json()["items"] == found
    stranger = await exchange.county(ORDINARY)
    assert (await stranger.get(f"/v1/purchases/{made['id']}")).status_code == 404
    assert (await stranger.get("/v1/purchases")).json()["items"] == []


async def test_a_purchase_sent_again_is_made_once(exchange: Exchange) -> None:
    await an_open_market(exchange)
    await listed(exchange, POOR, AREA, "4.0000")
    need = await approved_need(exchange, BUYER, {AREA: "4.0000"})
    await funded(exchange, BUYER, "1000000.00")
    officer = await exchange.county(BUYER)
    answers = [await officer.post("/v1/purchases", unified(need, "1.0000"), key="once") for _ in range(2)]
    assert {(each.status_code, each.content) for each in answers} == {(201, answers[0].content)}
    assert await need_item(exchange, need) == (10_000, 0)


async def test_capacity_is_bought_in_kilograms(exchange: Exchange) -> None:
    await an_open_market(exchange, GRAIN, floor="10.00", ceiling="20.00", unified_price="12.34")
    await listed(exchange, POOR, GRAIN, "6000.00")
    need = await approved_need(exchange, BUYER, {GRAIN: "4500.00"})
    made = await bought(exchange, BUYER, **unified(need, "4500.00", indicator=GRAIN.value))
    assert (made["unit"], made["quantity"], made["quantity_mu"]) == ("kg", "4500.00", None)
    assert (made["amount"], made["deposit"]) == ("55530.00", "5553.00")
    await settled(exchange, made["trade_id"])
    await verified(exchange)
