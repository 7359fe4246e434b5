"""Auctions over HTTP (RULES 10): announced with their pool, registered for, cancelled, opened, published."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import app
from app.market.access import Role
from app.market.indicators import Indicator
from app.sealing.keys import Keys
from app.worker import do_due
from tests.conftest import Exchange
from tests.story import (
    announced,
    approved_need,
    band,
    bid,
    funded,
    listed,
    opened,
    policy,
    registered,
    until,
    verified,
)

AREA, CAPACITY = Indicator.FARMLAND_QUANTITY, Indicator.GRAIN_CAPACITY
POOR, ORDINARY = "511922", "510722"
CHENGDU, PANZHIHUA, MIANYANG = "510100", "510400", "510700"


async def balance(exchange: Exchange, jurisdiction: str) -> dict[str, str]:
    """A jurisdiction's money by bucket."""
    treasurer = await exchange.treasurer()
    account = (await treasurer.get(f"/v1/accounts/{jurisdiction}")).json()
    return {name: account[name] for name in ("available", "locked", "escrow")}


async def listing_of(exchange: Exchange, listing: str) -> dict[str, Any]:
    """A listing as the regulator sees it."""
    regulator = await exchange.regulator()
    return dict((await regulator.get(f"/v1/listings/{listing}")).json())


async def need_item(exchange: Exchange, need: str) -> dict[str, Any]:
    """The first item of a need."""
    regulator = await exchange.regulator()
    return dict((await regulator.get(f"/v1/needs/{need}")).json()["items"][0])


async def announce(exchange: Exchange, **given: Any) -> tuple[int, dict[str, Any]]:
    """Try to announce an auction of farmland; the status and the answer."""
    regulator = await exchange.regulator()
    opens_at = await exchange.now() + timedelta(minutes=1)
    body = {
        "indicator": AREA.value,
        "opens_at": opens_at.isoformat(),
        "closes_at": (opens_at + timedelta(hours=1)).isoformat(),
        **given,
    }
    answer = await regulator.post("/v1/auctions", body)
    return answer.status_code, answer.json()


async def test_the_pool_is_every_listing_in_whole_lots_and_the_rest_stays_listed(exchange: Exchange) -> None:
    await band(exchange, AREA)
    first = await listed(exchange, POOR, AREA, "10.5000")
    second = await listed(exchange, ORDINARY, AREA, "0.5000")
    auction = await announced(exchange, AREA, lot="1.0000")
    assert auction["state"] == "ANNOUNCED"
    assert auction["pool"] == {"listings": 1, "supply": "10.0000", "supply_mu": "150.0000"}
    assert auction["left_out"] == [{"listing_id": second, "county": ORDINARY, "reason": "less_than_a_lot"}]
    assert (await listing_of(exchange, first))["state"] == "IN_AUCTION"
    assert (await listing_of(exchange, second))["state"] == "LISTED"


async def test_an_ask_outside_the_band_in_force_counts_as_the_floor_or_stays_out(exchange: Exchange) -> None:
    await band(exchange, AREA, "200000.00", "450000.00")
    low = await listed(exchange, POOR, AREA, "1.0000", ask="200000.00")
    high = await listed(exchange, ORDINARY, AREA, "1.0000", ask="450000.00")
    await band(exchange, AREA, "300000.00", "400000.00")
    auction = await announced(exchange, AREA)
    assert auction["left_out"] == [{"listing_id": high, "county": ORDINARY, "reason": "ask_above_ceiling"}]
    record, _ = await opened(exchange, auction)
    assert [(each["id"], each["ask"]) for each in record["listings"]] == [(low, "300000.00")]


async def test_the_rules_are_those_in_force_at_the_announcement(exchange: Exchange) -> None:
    await policy(exchange, "deposit_rate", "0.05")
    await policy(exchange, "buyer_cap_share", "0.25")
    await band(exchange, AREA)
    await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    assert (auction["deposit_rate"], auction["buyer_cap_share"]) == ("0.05", "0.25")
    await policy(exchange, "deposit_rate", "0.20")
    await band(exchange, AREA, "350000.00", "500000.00")
    made = await registered(exchange, auction, CHENGDU, "4.0000")
    assert made["deposit"] == "90000.00"  # 0.05 × 450,000 × 4
    record, _ = await opened(exchange, auction)
    assert record["rules"] == {
        "pricing": "pay_as_bid",
        "tie": "earliest",
        "lot": "0.0001",
        "floor": "300000.00",
        "ceiling": "450000.00",
        "buyer_cap_share": "0.25",
    }


async def test_the_announcer_may_lift_the_cap_and_choose_the_rules(exchange: Exchange) -> None:
    await policy(exchange, "buyer_cap_share", "0.25")
    await band(exchange, AREA)
    await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(
        exchange, AREA, buyer_cap_share=None, pricing="uniform_lowest_accepted", tie="pro_rata", lot="0.5"
    )
    assert (auction["buyer_cap_share"], auction["pricing"]) == (None, "uniform_lowest_accepted")
    assert (auction["tie"], auction["lot"]) == ("pro_rata", "0.5000")


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"tie": "lottery"}, "lottery_not_offered", "tie"),
        ({"lot": "0"}, "bad_quantity", "lot"),
        ({"lot": "0.00001"}, "bad_quantity", "lot"),
        ({"lot": 1}, "malformed", "lot"),
        ({"buyer_cap_share": "1.1"}, "bad_policy", "buyer_cap_share"),
        ({"opens_at": "2020-01-01T00:00:00Z"}, "opens_in_the_past", "opens_at"),
        ({"closes_at": "2020-01-01T00:00:00Z"}, "times_reversed", "closes_at"),
        ({"colour": "red"}, "malformed", "colour"),
    ],
)
async def test_an_announcement_that_breaks_a_rule_names_the_field(
    exchange: Exchange, given: dict[str, Any], code: str, field: str
) -> None:
    await band(exchange, AREA)
    listing = await listed(exchange, POOR, AREA, "10.0000")
    status, answer = await announce(exchange, **given)
    assert (status, answer["code"], answer["field"]) == (422, code, field)
    assert (await listing_of(exchange, listing))["state"] == "LISTED"


async def test_a_lot_worth_less_than_a_fen_at_the_floor_is_refused(exchange: Exchange) -> None:
    await band(exchange, AREA, "99.00", "450000.00")
    await listed(exchange, POOR, AREA, "10.0000")
    status, answer = await announce(exchange)
    assert (status, answer["code"], answer["field"]) == (422, "lot_worth_nothing", "lot")


async def test_without_a_band_or_a_pool_there_is_no_auction(exchange: Exchange) -> None:
    assert (await announce(exchange))[1]["code"] == "no_band"
    await band(exchange, AREA)
    status, answer = await announce(exchange)
    assert (status, answer["code"]) == (409, "empty_pool")


async def test_key_projects_are_served_before_the_pool_is_taken(exchange: Exchange) -> None:
    await band(exchange, AREA)
    listing = await listed(exchange, POOR, AREA, "10.0000")
    need = await approved_need(exchange, CHENGDU, {AREA: "4.0000"}, key_level="provincial")
    auction = await announced(exchange, AREA)
    assert auction["pool"]["supply"] == "6.0000"
    assert (await need_item(exchange, need))["awarded"] == "4.0000"
    assert (await listing_of(exchange, listing))["state"] == "IN_AUCTION"


async def test_a_registration_reserves_the_need_and_holds_the_deposit(exchange: Exchange) -> None:
    await band(exchange, AREA)
    await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    need = await approved_need(exchange, CHENGDU, {AREA: "8.0000"})
    await funded(exchange, CHENGDU, "5000.00")
    made = await registered(exchange, auction, CHENGDU, "5.0000", need=need)
    assert (made["deposit"], made["limit"], made["need_id"]) == ("225000.00", "5.0000", need)
    assert (await need_item(exchange, need))["reserved"] == "5.0000"
    assert await balance(exchange, CHENGDU) == {
        "available": "5000.00",
        "locked": "225000.00",
        "escrow": "0.00",
    }


async def test_a_registration_is_refused_for_each_reason_and_changes_nothing(exchange: Exchange) -> None:
    await band(exchange, AREA)
    await listed(exchange, POOR, AREA, "10.0000")
    sellers = await approved_need(exchange, ORDINARY, {AREA: "8.0000"})
    await listed(exchange, ORDINARY, AREA, "1.0000")
    auction = await announced(exchange, AREA, lot="0.5")
    path = f"/v1/auctions/{auction['id']}/registrations"
    need = await approved_need(exchange, CHENGDU, {AREA: "8.0000"})
    key = await approved_need(exchange, CHENGDU, {AREA: "8.0000"}, key_level="national")
    grain = await approved_need(exchange, CHENGDU, {CAPACITY: "900.00"})
    others = await approved_need(exchange, PANZHIHUA, {AREA: "8.0000"})
    buyer, seller = await exchange.city(CHENGDU), await exchange.county(ORDINARY)
    for client, named, limit, code, field in (
        (buyer, need, "8.0001", "exceeds_open_need", "limit"),
        (buyer, need, "0.4999", "limit_below_lot", "limit"),
        (buyer, need, "1.00001", "bad_quantity", "limit"),
        (buyer, need, "1e3", "malformed", "limit"),
        (buyer, need, 5, "malformed", "limit"),
        (buyer, grain, "1.0000", "exceeds_open_need", "limit"),
        (buyer, key, "1.0000", "key_need_may_not_bid", "need_id"),
        (buyer, others, "1.0000", "not_found", "need_id"),
        (buyer, "N9999999999", "1.0000", "not_found", "need_id"),
        (seller, sellers, "1.0000", "seller_may_not_bid", None),
        (buyer, need, "8.0000", "insufficient", "limit"),
    ):
        answer = await client.post(path, {"need_id": named, "limit": limit})
        assert (answer.json()["code"], answer.json().get("field")) == (code, field), answer.text
    assert (await need_item(exchange, need))["reserved"] == "0.0000"
    regulator = await exchange.regulator()
    assert (await regulator.get(path)).json()["items"] == []


async def test_a_buyer_registers_once_and_only_until_the_closing_instant(exchange: Exchange) -> None:
    await band(exchange, AREA)
    await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    path = f"/v1/auctions/{auction['id']}/registrations"
    need = await approved_need(exchange, CHENGDU, {AREA: "8.0000"})
    await registered(exchange, auction, CHENGDU, "5.0000", need=need)
    await funded(exchange, CHENGDU, "1000000.00")
    buyer = await exchange.city(CHENGDU)
    for limit in ("1.0000", "5.0000"):  # within and beyond what the need has left
        again = await buyer.post(path, {"need_id": need, "limit": limit})
        assert (again.status_code, again.json()["code"]) == (409, "already_registered")
    assert (await need_item(exchange, need))["reserved"] == "5.0000"
    late_need = await approved_need(exchange, PANZHIHUA, {AREA: "8.0000"})
    await until(exchange, auction["closes_at"])
    late = await (await exchange.city(PANZHIHUA)).post(path, {"need_id": late_need, "limit": "1.0000"})
    assert (late.status_code, late.json()["code"]) == (409, "registration_closed")


async def test_officers_see_their_own_registration_and_overseers_all(exchange: Exchange) -> None:
    await band(exchange, AREA)
    await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    for buyer, limit in ((CHENGDU, "5.0000"), (PANZHIHUA, "3.0000")):
        await registered(exchange, auction, buyer, limit)
    path = f"/v1/auctions/{auction['id']}/registrations"
    own = (await (await exchange.city(CHENGDU)).get(path)).json()["items"]
    assert [item["buyer"] for item in own] == [CHENGDU]
    auditor = await exchange.client("510000", Role.AUDITOR)
    first = (await auditor.get(path, params={"limit": 1})).json()
    rest = (await auditor.get(path, params={"cursor": first["next_cursor"]})).json()
    assert [item["buyer"] for item in first["items"] + rest["items"]] == [CHENGDU, PANZHIHUA]


async def test_only_overseers_are_warned_that_limits_and_caps_can_not_take_the_supply(
    exchange: Exchange,
) -> None:
    await band(exchange, AREA)
    await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA, buyer_cap_share="0.5")
    assert [each["code"] for each in auction["warnings"]] == ["supply_above_limits"]
    await registered(exchange, auction, CHENGDU, "9.0000")
    regulator, city = await exchange.regulator(), await exchange.city(CHENGDU)
    path = f"/v1/auctions/{auction['id']}"
    (warning,) = (await regulator.get(path)).json()["warnings"]
    assert "5.0000 hm² of the 10.0000 hm²" in warning["detail"]
    assert (await city.get(path)).json()["warnings"] == []
    await registered(exchange, auction, PANZHIHUA, "5.0000")
    assert (await regulator.get(path)).json()["warnings"] == []


async def test_a_limit_that_would_be_beyond_count_at_the_ceiling_is_refused(exchange: Exchange) -> None:
    await band(exchange, AREA, "300000.00", "100000000.00")
    await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    need = await approved_need(exchange, CHENGDU, {AREA: "1000000000.0000"})
    buyer, path = await exchange.city(CHENGDU), f"/v1/auctions/{auction['id']}/registrations"
    answer = await buyer.post(path, {"need_id": need, "limit": "100000000.0001"})
    assert (answer.status_code, answer.json()["code"]) == (422, "limit_too_large"), answer.text
    assert (answer.json()["field"], answer.json()["facts"]["ceiling"]) == ("limit", "100000000.00")
    just_within = await buyer.post(path, {"need_id": need, "limit": "100000000.0000"})
    assert just_within.json()["code"] == "insufficient", just_within.text
    assert (await need_item(exchange, need))["reserved"] == "0.0000"


async def test_the_largest_limit_may_win_all_of_it(exchange: Exchange) -> None:
    await policy(exchange, "deposit_rate", "0.000001")
    await band(exchange, AREA, "300000.00", "100000000.00")
    for county in (POOR, ORDINARY):
        await listed(exchange, county, AREA, "50000000.0000")
    auction = await announced(exchange, AREA)
    made = await registered(exchange, auction, CHENGDU, "100000000.0000")
    await bid(exchange, auction, CHENGDU, "100000000.00", "100000000.0000")
    await opened(exchange, auction)
    assert (await need_item(exchange, made["need_id"]))["awarded"] == "100000000.0000"
    regulator = await exchange.regulator()
    (trade,) = (await regulator.get("/v1/trades", params={"auction_id": auction["id"]})).json()["items"]
    assert trade["amount"] == "10000000000000000.00"
    await verified(exchange)


async def test_supply_beyond_64_bits_is_pooled_and_shown(exchange: Exchange) -> None:
    await band(exchange, AREA)
    for _ in range(3):
        await listed(exchange, POOR, AREA, "400000000000000.0000")
    regulator, seller = await exchange.regulator(), await exchange.county(POOR)
    reserve = (await seller.get(f"/v1/reserves/{POOR}")).json()
    assert "1200000000000000.0000" in json.dumps(reserve)
    auction = await announced(exchange, AREA)
    supply = "1200000000000000.0000"
    assert auction["pool"]["supply"] == supply
    assert (await regulator.get(f"/v1/auctions/{auction['id']}")).json()["pool"]["supply"] == supply
    (item,) = (await regulator.get("/v1/auctions")).json()["items"]
    assert item["pool"]["supply"] == supply
    (shown,) = (await exchange.public().get("/v1/bulletin/announcements")).json()["items"]
    assert supply in json.dumps(shown)
    _, outcome = await opened(exchange, auction)
    assert outcome["unsold_quantity"] == supply
    await verified(exchange)


async def test_an_auction_looks_the_same_with_and_without_bids_before_the_opening(exchange: Exchange) -> None:
    await band(exchange, AREA)
    await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    await registered(exchange, auction, CHENGDU, "10.0000")
    regulator = await exchange.regulator()
    path = f"/v1/auctions/{auction['id']}"
    before = await regulator.get(path)
    await bid(exchange, auction, CHENGDU, "380000.00", "5.0000")
    after = await regulator.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 304
    assert (await regulator.get(f"{path}/bids")).status_code == 403
    for name in ("record", "outcome"):
        answer = await exchange.public().get(f"{path}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_opened")
    assert (await exchange.public().get("/v1/auctions/A9999999999/record")).status_code == 404


async def test_the_opening_awards_publishes_and_releases(exchange: Exchange) -> None:
    await band(exchange, AREA)
    ordinary = await listed(exchange, ORDINARY, AREA, "10.0000")
    poor = await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    needs = {}
    for buyer, limit in ((CHENGDU, "12.0000"), (PANZHIHUA, "8.0000"), (MIANYANG, "5.0000")):
        needs[buyer] = (await registered(exchange, auction, buyer, limit))["need_id"]
    first = await bid(exchange, auction, CHENGDU, "400000.00", "12.0000")
    second = await bid(exchange, auction, PANZHIHUA, "350000.00", "6.0000", min_quantity="1")
    record, outcome = await opened(exchange, auction)
    assert record["buyer_limits"] == {CHENGDU: "12.0000", PANZHIHUA: "8.0000", MIANYANG: "5.0000"}
    assert [(each["id"], each["price"], each["received_at"]) for each in record["bids"]] == [
        (first["id"], "400000.00", first["received_at"]),
        (second["id"], "350000.00", second["received_at"]),
    ]
    awarded = [(each["buyer"], each["listing"], each["quantity"]) for each in outcome["awards"]]
    assert sorted(awarded) == [
        (CHENGDU, ordinary, "2.0000"),
        (CHENGDU, poor, "10.0000"),  # the poverty county goes before the earlier, ordinary one
        (PANZHIHUA, ordinary, "6.0000"),
    ]
    assert (outcome["sold_quantity"], outcome["unsold_quantity"]) == ("18.0000", "2.0000")
    # 保证金 10 % of 450,000 yuan per hm²: what was won keeps it, the rest is free.
    assert await balance(exchange, CHENGDU) == {"available": "0.00", "locked": "540000.00", "escrow": "0.00"}
    assert await balance(exchange, PANZHIHUA) == {
        "available": "90000.00",
        "locked": "270000.00",
        "escrow": "0.00",
    }
    assert await balance(exchange, MIANYANG) == {
        "available": "225000.00",
        "locked": "0.00",
        "escrow": "0.00",
    }
    regulator = await exchange.regulator()
    trades = (await regulator.get("/v1/trades", params={"auction_id": auction["id"]})).json()["items"]
    assert {(each["buyer"], each["amount"], each["deposit"]) for each in trades} == {
        (CHENGDU, "4800000.00", "540000.00"),
        (PANZHIHUA, "2100000.00", "270000.00"),
    }
    for buyer, quantity in ((CHENGDU, "12.0000"), (PANZHIHUA, "6.0000"), (MIANYANG, "0.0000")):
        item = await need_item(exchange, needs[buyer])
        assert (item["awarded"], item["reserved"]) == (quantity, "0.0000")
    assert [(await listing_of(exchange, each))["state"] for each in (ordinary, poor)] == ["LISTED"] * 2
    shown = (await regulator.get(f"/v1/auctions/{auction['id']}")).json()
    assert (shown["state"], shown["warnings"]) == ("OPENED", [])


@pytest.mark.parametrize("pricing", ["pay_as_bid", "uniform_lowest_accepted", "uniform_highest_rejected"])
@pytest.mark.parametrize("tie", ["earliest", "pro_rata"])
async def test_the_published_record_clears_to_the_published_outcome_through_the_command(
    exchange: Exchange, pricing: str, tie: str
) -> None:
    await band(exchange, AREA)
    await listed(exchange, ORDINARY, AREA, "3.0000", ask="350000.00")
    await listed(exchange, POOR, AREA, "4.0000")
    auction = await announced(exchange, AREA, pricing=pricing, tie=tie, buyer_cap_share="0.7")
    for buyer, prices in (
        (CHENGDU, ("400000.00", "360000.00")),
        (PANZHIHUA, ("360000",)),
        (MIANYANG, ("310000.5",)),
    ):
        await registered(exchange, auction, buyer, "5.0000")
        for price in prices:
            await bid(exchange, auction, buyer, price, "3.5")
    await opened(exchange, auction)
    public = exchange.public()
    record = await public.get(f"/v1/auctions/{auction['id']}/record")
    outcome = await public.get(f"/v1/auctions/{auction['id']}/outcome")
    assert outcome.json()["awards"]
    cleared = CliRunner().invoke(app, ["clear", "-"], input=record.content)
    assert cleared.exit_code == 0, cleared.output
    assert cleared.stdout_bytes == outcome.content


async def test_an_auction_without_bids_opens_with_an_empty_outcome(exchange: Exchange) -> None:
    await band(exchange, AREA)
    listing = await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    _, outcome = await opened(exchange, auction)
    assert outcome == {
        "format": "gengheng/outcome/1",
        "clearing_price": None,
        "sold_quantity": "0.0000",
        "unsold_quantity": "10.0000",
        "rejected": [],
        "awards": [],
    }
    assert (await listing_of(exchange, listing))["state"] == "LISTED"


async def test_a_listing_voided_before_the_opening_drops_out(exchange: Exchange) -> None:
    await band(exchange, AREA)
    voided = await listed(exchange, POOR, AREA, "10.0000")
    kept = await listed(exchange, ORDINARY, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    await registered(exchange, auction, CHENGDU, "20.0000")
    await bid(exchange, auction, CHENGDU, "400000.00", "20.0000")
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/listings/{voided}/voiding", {"reason": "项目造假"})
    assert answer.status_code == 201, answer.text
    record, outcome = await opened(exchange, auction)
    assert [each["id"] for each in record["listings"]] == [kept]
    assert [(each["listing"], each["quantity"]) for each in outcome["awards"]] == [(kept, "10.0000")]


async def test_nobody_opens_before_the_closing_instant_and_nobody_opens_twice(exchange: Exchange) -> None:
    await band(exchange, AREA)
    await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    regulator, path = await exchange.regulator(), f"/v1/auctions/{auction['id']}/opening"
    early = await regulator.post(path)
    assert (early.status_code, early.json()["code"]) == (409, "bidding_not_closed")
    await opened(exchange, auction)
    again = await regulator.post(path)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert (await (await exchange.city(CHENGDU)).post(path)).status_code == 403
    assert (await regulator.post("/v1/auctions/A9999999999/opening")).status_code == 404


async def test_the_worker_closes_and_opens_what_is_due_and_nothing_else(
    exchange: Exchange, keys: Keys
) -> None:
    await band(exchange, AREA)
    await band(exchange, CAPACITY, "10.00", "20.00")
    await listed(exchange, POOR, AREA, "10.0000")
    await listed(exchange, POOR, CAPACITY, "900.00")
    due = await announced(exchange, AREA)
    opens_at = await exchange.now() + timedelta(hours=5)
    later = await announced(
        exchange,
        CAPACITY,
        opens_at=opens_at.isoformat(),
        closes_at=(opens_at + timedelta(hours=1)).isoformat(),
    )
    await registered(exchange, due, CHENGDU, "5.0000")
    await bid(exchange, due, CHENGDU, "400000.00", "5.0000")
    assert await do_due(exchange.database, keys) == 0
    await until(exchange, due["closes_at"])
    assert await do_due(exchange.database, keys) == 2
    assert await do_due(exchange.database, keys) == 0
    regulator = await exchange.regulator()
    page = (await regulator.get("/v1/auctions", params={"state": "OPENED"})).json()
    assert [item["id"] for item in page["items"]] == [due["id"]]
    assert (await regulator.get(f"/v1/auctions/{later['id']}")).json()["state"] == "ANNOUNCED"
    outcome = (await exchange.public().get(f"/v1/auctions/{due['id']}/outcome")).json()
    assert outcome["sold_quantity"] == "5.0000"


async def test_cancelling_gives_deposits_needs_and_listings_back(exchange: Exchange) -> None:
    await band(exchange, AREA)
    listing = await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    made = await registered(exchange, auction, CHENGDU, "5.0000")
    placed = await bid(exchange, auction, CHENGDU, "400000.00", "5.0000")
    regulator, path = await exchange.regulator(), f"/v1/auctions/{auction['id']}"
    cancelled = await regulator.post(f"{path}/cancellation", {"reason": "公告有误"})
    assert cancelled.status_code == 201, cancelled.text
    assert (cancelled.json()["state"], cancelled.json()["end_reason"]) == ("CANCELLED", "公告有误")
    assert await balance(exchange, CHENGDU) == {
        "available": "225000.00",
        "locked": "0.00",
        "escrow": "0.00",
    }
    assert (await need_item(exchange, made["need_id"]))["reserved"] == "0.0000"
    assert (await listing_of(exchange, listing))["state"] == "LISTED"
    city = await exchange.city(CHENGDU)
    bid_path = f"{path}/bids"
    for answer in (
        await city.post(bid_path, {"price": "400000.00", "quantity": "1"}),
        await city.post(f"{bid_path}/{placed['id']}/withdrawal"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "outside_bidding_window")
    await until(exchange, auction["closes_at"])
    for step in ("cancellation", "opening"):
        answer = await regulator.post(f"{path}/{step}", {"reason": "again"} if step != "opening" else {})
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert (await exchange.public().get(f"{path}/outcome")).json()["code"] == "not_opened"


async def test_an_auction_is_cancelled_before_it_closes_or_not_at_all(exchange: Exchange) -> None:
    await band(exchange, AREA)
    await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    await until(exchange, auction["closes_at"])
    regulator = await exchange.regulator()
    late = await regulator.post(f"/v1/auctions/{auction['id']}/cancellation", {"reason": "太晚"})
    assert (late.status_code, late.json()["code"]) == (409, "bidding_closed")


TAMPERED = {
    "another auction's key": "UPDATE auction SET wrapped_private_key = sha256(wrapped_private_key)",
    "a changed bid": "UPDATE bid SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)",
    "another buyer's bid": "UPDATE bid SET buyer = '510400'",
}


@pytest.mark.parametrize("tampering", TAMPERED.values(), ids=TAMPERED.keys())
async def test_what_can_not_be_opened_is_void_once_a_person_asks_and_never_by_the_worker(
    exchange: Exchange, keys: Keys, tampering: str
) -> None:
    await band(exchange, AREA)
    listing = await listed(exchange, POOR, AREA, "10.0000")
    auction = await announced(exchange, AREA)
    made = await registered(exchange, auction, CHENGDU, "5.0000")
    await bid(exchange, auction, CHENGDU, "400000.00", "5.0000")
    await exchange.database.transact(lambda connection: connection.execute(text(tampering)))
    await until(exchange, auction["closes_at"])
    regulator, path = await exchange.regulator(), f"/v1/auctions/{auction['id']}"
    assert await do_due(exchange.database, keys) == 1
    assert (await regulator.get(path)).json()["state"] == "CLOSED"
    void = await regulator.post(f"{path}/opening")
    assert (void.status_code, void.json()["state"]) == (201, "VOID")
    assert void.json()["end_reason"]
    assert await balance(exchange, CHENGDU) == {
        "available": "225000.00",
        "locked": "0.00",
        "escrow": "0.00",
    }
    assert (await need_item(exchange, made["need_id"]))["reserved"] == "0.0000"
    assert (await listing_of(exchange, listing))["state"] == "LISTED"
    assert (await exchange.public().get(f"{path}/record")).json()["code"] == "not_opened"


async def test_auctions_are_paged_and_filtered(exchange: Exchange) -> None:
    await band(exchange, AREA)
    await band(exchange, CAPACITY, "10.00", "20.00")
    await listed(exchange, POOR, AREA, "10.0000")
    await listed(exchange, POOR, CAPACITY, "900.00")
    first = await announced(exchange, AREA)
    second = await announced(exchange, CAPACITY)
    assert (second["unit"], second["pool"]["supply_mu"]) == ("kg", None)
    city = await exchange.city(CHENGDU)
    page = (await city.get("/v1/auctions", params={"limit": 1})).json()
    rest = (await city.get("/v1/auctions", params={"cursor": page["next_cursor"]})).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == [first["id"], second["id"]]
    only = (await city.get("/v1/auctions", params={"indicator": CAPACITY.value})).json()["items"]
    assert [item["id"] for item in only] == [second["id"]]
