"""A suspended buyer registers, bids and buys up to what it owes, and no further (暂停受理, RULES 12)."""

from app.market.indicators import Indicator
from tests.conftest import Exchange
from tests.owed import owing
from tests.story import (
    announced,
    approved_need,
    band,
    bid,
    bought,
    funded,
    listed,
    registered,
    sanctioned,
    sold_by,
)

BUYER, SELLER = "510107", "511922"
LAND = Indicator.FARMLAND_QUANTITY


async def need_for_debt(exchange: Exchange, quantity: str, key_level: str | None = None) -> str:
    """Open an obligation of a hectare, and have a need for so much of it approved."""
    obligation = await owing(exchange, BUYER, {LAND: 10_000})
    officer, regulator = await exchange.county(BUYER), await exchange.regulator()
    body = {"obligation_id": obligation, "quantities": {"farmland_quantity": quantity}}
    need = await officer.post("/v1/needs", body)
    assert need.status_code == 201, need.text
    approved = await regulator.post(f"/v1/needs/{need.json()['id']}/approval", {"key_level": key_level})
    assert approved.status_code == 201, approved.text
    return str(need.json()["id"])


async def test_it_registers_and_bids_for_its_obligation_and_for_no_application(exchange: Exchange) -> None:
    await band(exchange, LAND)
    await listed(exchange, SELLER, LAND, "10.0000")
    auction = await announced(exchange, LAND)
    other = await approved_need(exchange, BUYER, {LAND: "5.0000"})
    await sanctioned(exchange, BUYER)
    officer = await exchange.county(BUYER)
    await funded(exchange, BUYER, "1000000.00")
    path = f"/v1/auctions/{auction['id']}/registrations"
    refused = await officer.post(path, {"need_id": other, "limit": "1.0000"})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
        422,
        "suspended",
        "need_id",
    )
    need = await need_for_debt(exchange, "1.0000")
    over = await officer.post(path, {"need_id": need, "limit": "1.0001"})
    assert over.json()["code"] == "exceeds_open_need"
    assert (await officer.post(path, {"need_id": need, "limit": "1.0000"})).status_code == 201
    await bid(exchange, auction, BUYER, "400000.00", "1.0000")


async def test_one_suspended_after_it_registered_bids_no_more_but_may_take_a_bid_back(
    exchange: Exchange,
) -> None:
    await band(exchange, LAND)
    await listed(exchange, SELLER, LAND, "10.0000")
    auction = await announced(exchange, LAND)
    await registered(exchange, auction, BUYER, "5.0000")
    placed = await bid(exchange, auction, BUYER, "400000.00", "1.0000")
    sanction = await sanctioned(exchange, BUYER)
    officer, regulator = await exchange.county(BUYER), await exchange.regulator()
    path = f"/v1/auctions/{auction['id']}/bids"
    body = {"price": "410000.00", "quantity": "1.0000", "min_quantity": None}
    for refused in (
        await officer.post(path, body),
        await officer.post(f"{path}/{placed['id']}/replacement", body),
    ):
        assert (refused.status_code, refused.json()["code"]) == (422, "suspended"), refused.text
    assert (await officer.post(f"{path}/{placed['id']}/withdrawal")).status_code == 201
    assert (await regulator.post(f"/v1/sanctions/{sanction}/lifting")).status_code == 201
    await bid(exchange, auction, BUYER, "410000.00", "1.0000")


async def test_it_buys_at_once_for_its_obligation_and_for_no_application(exchange: Exchange) -> None:
    await sold_by(exchange, LAND, "unified_price")
    await band(exchange, LAND, unified_price="320000.00")
    await listed(exchange, SELLER, LAND, "10.0000")
    other = await approved_need(exchange, BUYER, {LAND: "4.0000"})
    owed = await need_for_debt(exchange, "1.0000")
    await sanctioned(exchange, BUYER)
    wanted = {"mode": "unified_price", "indicator": LAND.value, "quantity": "1.0000"}
    officer = await exchange.county(BUYER)
    refused = await officer.post("/v1/purchases", {"need_id": other, **wanted})
    assert (refused.status_code, refused.json()["code"]) == (422, "suspended"), refused.text
    assert refused.json()["field"] == "need_id"
    bought_of = await bought(exchange, BUYER, need_id=owed, **wanted)
    assert bought_of["need_id"] == owed


async def test_an_allocation_serves_its_obligation_and_leaves_its_application_waiting(
    exchange: Exchange,
) -> None:
    await band(exchange, LAND)
    await listed(exchange, SELLER, LAND, "10.0000")
    waiting = await approved_need(exchange, BUYER, {LAND: "5.0000"}, key_level="national")
    owed = await need_for_debt(exchange, "1.0000", "provincial")
    await sanctioned(exchange, BUYER)
    regulator = await exchange.regulator()
    assert (await regulator.post("/v1/allocations")).status_code == 201
    awarded = {
        need: (await regulator.get(f"/v1/needs/{need}")).json()["items"][0]["awarded"]
        for need in (waiting, owed)
    }
    assert awarded == {waiting: "0.0000", owed: "1.0000"}
    events = (await exchange.public().get("/v1/journal", params={"limit": 200})).json()["items"]
    (run,) = [each for each in events if each["kind"] == "allocation.run"]
    assert {"need": waiting, "reason": "buyer_suspended"} in run["facts"]["left_out"]
