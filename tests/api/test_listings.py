"""Listings over HTTP (RULES 8): what may be listed, the lock it holds, and how it ends."""

from typing import Any

import pytest

from app.market.ids import Kind, row_number
from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket, move
from app.store import clock, ledger, listings
from app.store.database import Connection
from tests.conftest import Exchange
from tests.story import (
    announced,
    band,
    bid,
    credited,
    listed,
    opened,
    policy,
    registered,
    sanctioned,
    sold_by,
)

COUNTY, ORDINARY = "511922", "510722"
QUANTITY, QUOTA, CAPACITY = (
    Indicator.FARMLAND_QUANTITY,
    Indicator.LINKAGE_QUOTA,
    Indicator.GRAIN_CAPACITY,
)


async def offer(
    exchange: Exchange, batch: str, quantity: Any = "4.0000", county: str = COUNTY, **given: Any
) -> tuple[int, dict[str, Any]]:
    """List part of a batch; the status and the answer."""
    officer = await exchange.county(county)
    answer = await officer.post("/v1/listings", {"batch_id": batch, "quantity": quantity, **given})
    return answer.status_code, answer.json()


async def balances(exchange: Exchange, county: str = COUNTY) -> tuple[str, str]:
    """A county's farmland quantity, available and locked."""
    officer = await exchange.county(county)
    shown = (await officer.get(f"/v1/reserves/{county}")).json()["balances"][0]
    return shown["available"], shown["locked"]


async def listable(exchange: Exchange, county: str = COUNTY, indicator: Indicator = QUANTITY) -> str:
    """Ten of an indicator in a county's reserve, and a band in force; the batch's id."""
    await band(exchange, indicator)
    return (await credited(exchange, county, {indicator: "10"}))[indicator]


async def test_listing_locks_just_what_is_listed(exchange: Exchange) -> None:
    batch = await listable(exchange)
    status, made = await offer(exchange, batch, "4", ask="350000")
    assert status == 201, made
    assert {name: made[name] for name in ("county", "batch_id", "state", "poverty", "unsold", "ask")} == {
        "county": COUNTY,
        "batch_id": batch,
        "state": "LISTED",
        "poverty": True,
        "unsold": "4.0000",
        "ask": "350000.00",
    }
    assert (made["quantity_mu"], made["ask_wan_yuan"]) == ("60.0000", "35.000000")
    assert await balances(exchange) == ("6.0000", "4.0000")


async def test_more_than_available_is_refused_with_the_figures(exchange: Exchange) -> None:
    batch = await listable(exchange)
    await offer(exchange, batch, "4")
    status, refused = await offer(exchange, batch, "6.0001")
    assert (status, refused["code"]) == (409, "insufficient")
    assert (refused["field"], refused["facts"]["present"], refused["facts"]["wanted"]) == (
        "quantity",
        "6.0000",
        "6.0001",
    )
    assert await balances(exchange) == ("6.0000", "4.0000")
    assert (await offer(exchange, batch, "6"))[0] == 201


@pytest.mark.parametrize(
    ("quantity", "code"),
    [
        ("0", "zero_quantity"),
        ("0.00001", "bad_quantity"),
        ("1e3", "malformed"),
        ("-1", "malformed"),
        (4, "malformed"),
        ("9" * 25, "bad_quantity"),
    ],
)
async def test_a_quantity_that_is_none_is_refused(exchange: Exchange, quantity: Any, code: str) -> None:
    batch = await listable(exchange)
    status, refused = await offer(exchange, batch, quantity)
    assert (status, refused["code"], refused["field"]) == (422, code, "quantity")
    assert await balances(exchange) == ("10.0000", "0.0000")


@pytest.mark.parametrize("ask", ["299999.99", "450000.01"])
async def test_an_ask_outside_the_band_of_the_day_is_refused(exchange: Exchange, ask: str) -> None:
    batch = await listable(exchange)
    status, refused = await offer(exchange, batch, ask=ask)
    assert (status, refused["code"], refused["field"]) == (422, "ask_outside_band", "ask")
    assert (refused["facts"]["floor"], refused["facts"]["ceiling"]) == ("300000.00", "450000.00")
    assert await balances(exchange) == ("10.0000", "0.0000")


async def test_without_a_band_nothing_can_be_listed(exchange: Exchange) -> None:
    batch = (await credited(exchange, COUNTY, {QUANTITY: "10"}))[QUANTITY]
    status, refused = await offer(exchange, batch)
    assert (status, refused["code"]) == (422, "no_band")


async def test_a_suspended_county_lists_only_where_policy_lets_it(exchange: Exchange) -> None:
    batch = await listable(exchange)
    await sanctioned(exchange, COUNTY)
    status, refused = await offer(exchange, batch)
    assert (status, refused["code"]) == (422, "suspended")
    await policy(exchange, "suspended_may_not_list", False)
    assert (await offer(exchange, batch))[0] == 201


async def test_linkage_quota_is_sold_only_from_the_province_wide_list(exchange: Exchange) -> None:
    batch = await listable(exchange, ORDINARY, QUOTA)
    status, refused = await offer(exchange, batch, county=ORDINARY)
    assert (status, refused["code"], refused["field"]) == (422, "not_province_wide", "batch_id")
    poor = (await credited(exchange, COUNTY, {QUOTA: "10"}))[QUOTA]
    assert (await offer(exchange, poor))[0] == 201


async def test_keeping_out_of_key_projects_is_a_matter_of_policy(exchange: Exchange) -> None:
    batch = await listable(exchange)
    status, made = await offer(exchange, batch, "1", open_to_key_projects=False)
    assert (status, made["open_to_key_projects"]) == (201, False)
    await policy(exchange, "listings_may_decline_key_projects", False)
    status, refused = await offer(exchange, batch, "1", open_to_key_projects=False)
    assert (status, refused["field"]) == (422, "open_to_key_projects")
    assert (await offer(exchange, batch, "1"))[0] == 201


async def test_poverty_is_that_of_the_day_of_listing(exchange: Exchange) -> None:
    batch = await listable(exchange, ORDINARY)
    _, before = await offer(exchange, batch, county=ORDINARY)
    regulator = await exchange.regulator()
    made = await regulator.post(
        "/v1/designations", {"jurisdiction": ORDINARY, "kind": "poverty", "valid_from": "2020-01-01"}
    )
    assert made.status_code == 201, made.text
    _, after = await offer(exchange, batch, county=ORDINARY)
    assert (before["poverty"], after["poverty"]) == (False, True)
    officer = await exchange.county(ORDINARY)
    assert (await officer.get(f"/v1/listings/{before['id']}")).json()["poverty"] is False


async def test_earmarked_stock_can_not_be_listed(exchange: Exchange) -> None:
    batch = await listable(exchange)
    number = row_number(Kind.BATCH, batch)
    available, earmarked = (
        AccountKey(COUNTY, QUANTITY, number, bucket) for bucket in (Bucket.AVAILABLE, Bucket.EARMARKED)
    )

    async def earmark(connection: Connection) -> None:
        at = await clock.now(connection)
        entries = move(available, earmarked, 70_000)
        await ledger.post(connection, kind="earmark", reference="test", at=at, actor=None, entries=entries)

    await exchange.database.transact(earmark)
    status, refused = await offer(exchange, batch, "3.0001")
    assert (status, refused["code"], refused["facts"]["present"]) == (409, "insufficient", "3.0000")
    assert (await offer(exchange, batch, "3"))[0] == 201


async def test_somebody_elses_batch_is_not_there(exchange: Exchange) -> None:
    batch = await listable(exchange)
    for unknown in (batch, "R0000009999", "L0000000001"):
        status, refused = await offer(exchange, unknown, county=ORDINARY)
        assert (status, refused["code"], refused["field"]) == (404, "not_found", "batch_id")


async def test_a_withdrawn_listing_gives_back_what_it_locked(exchange: Exchange) -> None:
    batch = await listable(exchange)
    _, made = await offer(exchange, batch)
    other, officer = await exchange.county(ORDINARY), await exchange.county(COUNTY)
    address = f"/v1/listings/{made['id']}/withdrawal"
    assert (await other.post(address)).status_code == 404
    answer = await officer.post(address)
    assert (answer.status_code, answer.json()["state"]) == (201, "WITHDRAWN")
    assert answer.json()["ended_at"] is not None
    assert await balances(exchange) == ("10.0000", "0.0000")
    again = await officer.post(address)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert await balances(exchange) == ("10.0000", "0.0000")


async def test_a_listing_that_trades_wait_for_can_not_end(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    listing = await listed(exchange, COUNTY, QUANTITY, "10")
    number = row_number(Kind.LISTING, listing)
    await exchange.database.transact(lambda connection: listings.add_awarded(connection, {number: 25_000}))
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    for answer in (
        await officer.post(f"/v1/listings/{listing}/withdrawal"),
        await regulator.post(f"/v1/listings/{listing}/voiding", {"reason": "存疑"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "lines_unsettled")
        assert answer.json()["facts"]["unsettled"] == "2.5000"
    assert await balances(exchange) == ("0.0000", "10.0000")


async def test_the_regulator_voids_a_listing_with_a_reason(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    listing = await listed(exchange, COUNTY, QUANTITY, "10")
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    assert (await officer.post(f"/v1/listings/{listing}/voiding", {"reason": "?"})).status_code == 403
    assert (await regulator.post(f"/v1/listings/{listing}/voiding")).status_code == 422
    answer = await regulator.post(f"/v1/listings/{listing}/voiding", {"reason": "验收存疑"})
    assert (answer.status_code, answer.json()["state"]) == (201, "VOIDED")
    assert answer.json()["end_reason"] == "验收存疑"
    assert await balances(exchange) == ("10.0000", "0.0000")


async def test_a_county_sees_its_own_listings_and_the_regulator_all(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    await band(exchange, CAPACITY, "1.00", "3.00")
    mine = await listed(exchange, COUNTY, QUANTITY, "10")
    grain = await listed(exchange, COUNTY, CAPACITY, "300.00")
    theirs = await listed(exchange, ORDINARY, QUANTITY, "10")
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()

    async def seen(**params: Any) -> list[str]:
        client = regulator if params.pop("all", False) else officer
        return [each["id"] for each in (await client.get("/v1/listings", params=params)).json()["items"]]

    assert await seen() == [mine, grain]
    assert await seen(indicator="grain_capacity") == [grain]
    assert await seen(all=True) == [mine, grain, theirs]
    assert await seen(all=True, state="WITHDRAWN") == []
    assert (await officer.get(f"/v1/listings/{theirs}")).status_code == 404
    page = (await regulator.get("/v1/listings", params={"limit": 2})).json()
    rest = await regulator.get("/v1/listings", params={"limit": 2, "cursor": page["next_cursor"]})
    assert [each["id"] for each in rest.json()["items"]] == [theirs]


async def test_the_form_shows_the_prices_the_modes_and_what_is_available(exchange: Exchange) -> None:
    await band(exchange, QUANTITY, key_project_price="320000.00", unified_price="350000.00")
    await sold_by(exchange, QUANTITY, "market", "auction")
    batch = (await credited(exchange, COUNTY, {QUANTITY: "10"}))[QUANTITY]
    await offer(exchange, batch, "4")
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    answer = await officer.get("/v1/listings/form", params={"batch_id": batch})
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["available"], shown["unit"], shown["indicator_zh"]) == ("6.0000", "hm²", "耕地数量")
    assert shown["band"] == {
        "floor": "300000.00",
        "ceiling": "450000.00",
        "key_project_price": "320000.00",
        "unified_price": "350000.00",
        "floor_wan_yuan": "30.000000",
        "ceiling_wan_yuan": "45.000000",
        "key_project_price_wan_yuan": "32.000000",
        "unified_price_wan_yuan": "35.000000",
    }
    assert shown["modes"] == ["auction", "market"]
    assert (shown["may_decline_key_projects"], shown["recent_results"]) == (True, [])
    assert (await regulator.get("/v1/listings/form", params={"batch_id": batch})).json() == shown
    other = await exchange.county(ORDINARY)
    assert (await other.get("/v1/listings/form", params={"batch_id": batch})).status_code == 404


async def test_a_listing_in_an_announced_auction_can_be_voided_but_not_withdrawn(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    doubtful = await listed(exchange, COUNTY, QUANTITY, "10")
    sound = await listed(exchange, ORDINARY, QUANTITY, "5")
    auction = await announced(exchange, QUANTITY)
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    assert (await officer.get(f"/v1/listings/{doubtful}")).json()["state"] == "IN_AUCTION"
    refused = await officer.post(f"/v1/listings/{doubtful}/withdrawal")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert (await regulator.post(f"/v1/listings/{doubtful}/voiding", {"reason": "存疑"})).status_code == 201
    assert await balances(exchange) == ("10.0000", "0.0000")
    record, outcome = await opened(exchange, auction)
    assert [each["id"] for each in record["listings"]] == [sound]
    assert (outcome["sold_quantity"], outcome["unsold_quantity"]) == ("0.0000", "5.0000")
    other = await exchange.county(ORDINARY)
    assert (await other.get(f"/v1/listings/{sound}")).json()["state"] == "LISTED"


async def test_the_form_shows_what_recent_auctions_paid(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    await listed(exchange, COUNTY, QUANTITY, "10")
    auction = await announced(exchange, QUANTITY)
    for buyer, price in (("510100", "380000.00"), ("510400", "410000.00")):
        await registered(exchange, auction, buyer, "4.0000")
        await bid(exchange, auction, buyer, price, "4.0000")
    await opened(exchange, auction)
    batch = (await credited(exchange, ORDINARY, {QUANTITY: "10"}))[QUANTITY]
    officer = await exchange.county(ORDINARY)
    (result,) = (await officer.get("/v1/listings/form", params={"batch_id": batch})).json()["recent_results"]
    assert result.pop("closed_at")
    assert result == {
        "auction_id": auction["id"],
        "sold_quantity": "8.0000",
        "clearing_price": None,
        "lowest_price": "380000.00",
        "highest_price": "410000.00",
    }
