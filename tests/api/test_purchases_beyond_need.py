"""The policy ``purchases_within_need`` (RULES 6): switched off, auctions may bring more than was needed."""

from typing import Any

from app.market.indicators import Indicator
from tests.conftest import Exchange
from tests.story import (
    announced,
    approved_need,
    band,
    bid,
    filed_application,
    listed,
    opened,
    policy,
    registered,
    settled,
    until,
    verified,
)

AREA = Indicator.FARMLAND_QUANTITY
POOR, ORDINARY, BUYER = "511922", "510722", "510100"


async def an_auction(exchange: Exchange, *, within_need: bool, **given: Any) -> dict[str, Any]:
    """Two listings of 10 hm² in an auction announced under the policy on or off."""
    await policy(exchange, "purchases_within_need", within_need)
    await band(exchange, AREA)
    for county in (POOR, ORDINARY):
        await listed(exchange, county, AREA, "10.0000")
    return await announced(exchange, AREA, **given)


async def won(exchange: Exchange, auction: dict[str, Any], quantity: str) -> str:
    """Bid, open, and return the trade of the bid."""
    await bid(exchange, auction, BUYER, "380000.00", quantity)
    await opened(exchange, auction)
    regulator = await exchange.regulator()
    trades = (await regulator.get("/v1/trades", params={"auction_id": auction["id"]})).json()["items"]
    assert len(trades) == 1
    return str(trades[0]["id"])


async def standing(exchange: Exchange, need: str) -> tuple[str, str, str, str]:
    """State, reserved, awarded and open of a need of one indicator."""
    shown = (await (await exchange.regulator()).get(f"/v1/needs/{need}")).json()
    (item,) = shown["items"]
    return shown["state"], item["reserved"], item["awarded"], item["open"]


async def refusal(exchange: Exchange, auction: dict[str, Any], need: str, limit: str) -> str:
    """The code with which a registration is refused."""
    answer = await (await exchange.city(BUYER)).post(
        f"/v1/auctions/{auction['id']}/registrations", {"need_id": need, "limit": limit}
    )
    assert answer.status_code == 422, answer.text
    return str(answer.json()["code"])


async def test_a_limit_beyond_the_need_reserves_what_is_open_and_may_win_it_all(exchange: Exchange) -> None:
    auction = await an_auction(exchange, within_need=False)
    assert auction["purchases_within_need"] is False
    need = await approved_need(exchange, BUYER, {AREA: "8.0000"})
    made = await registered(exchange, auction, BUYER, "12.0000", need=need)
    assert (made["limit"], made["reserved"], made["deposit"]) == ("12.0000", "8.0000", "540000.00")
    assert await standing(exchange, need) == ("APPROVED", "8.0000", "0.0000", "0.0000")
    await verified(exchange)
    trade = await won(exchange, auction, "12.0000")
    assert await standing(exchange, need) == ("APPROVED", "0.0000", "12.0000", "0.0000")
    await verified(exchange)
    await settled(exchange, trade)
    assert await standing(exchange, need) == ("MET", "0.0000", "12.0000", "0.0000")
    await verified(exchange)


async def test_a_default_gives_back_all_that_was_won_beyond_the_need(exchange: Exchange) -> None:
    auction = await an_auction(exchange, within_need=False)
    need = await approved_need(exchange, BUYER, {AREA: "8.0000"})
    await registered(exchange, auction, BUYER, "12.0000", need=need)
    trade = await won(exchange, auction, "12.0000")
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/trades/{trade}/default", {"reason": "逾期未付款"})
    assert answer.status_code == 201, answer.text
    assert await standing(exchange, need) == ("APPROVED", "0.0000", "0.0000", "8.0000")
    await verified(exchange)


async def test_a_voided_line_gives_back_its_own_part_of_what_was_won_beyond_the_need(
    exchange: Exchange,
) -> None:
    auction = await an_auction(exchange, within_need=False)
    need = await approved_need(exchange, BUYER, {AREA: "8.0000"})
    await registered(exchange, auction, BUYER, "12.0000", need=need)
    trade = await won(exchange, auction, "12.0000")
    regulator = await exchange.regulator()
    lines = (await regulator.get(f"/v1/trades/{trade}")).json()["lines"]
    assert sorted(line["quantity"] for line in lines) == ["10.0000", "2.0000"]
    (large,) = (line["listing_id"] for line in lines if line["quantity"] == "10.0000")
    answer = await regulator.post(f"/v1/listings/{large}/voiding", {"reason": "项目造假"})
    assert answer.status_code == 201, answer.text
    assert await standing(exchange, need) == ("APPROVED", "0.0000", "2.0000", "6.0000")
    await verified(exchange)


async def test_a_cancelled_auction_frees_what_a_limit_beyond_the_need_reserved(exchange: Exchange) -> None:
    auction = await an_auction(exchange, within_need=False)
    need = await approved_need(exchange, BUYER, {AREA: "8.0000"})
    await registered(exchange, auction, BUYER, "12.0000", need=need)
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/auctions/{auction['id']}/cancellation", {"reason": "公告有误"})
    assert answer.status_code == 201, answer.text
    assert await standing(exchange, need) == ("APPROVED", "0.0000", "0.0000", "8.0000")
    await verified(exchange)


async def test_a_need_with_nothing_open_is_not_registered_for_though_limits_may_exceed_it(
    exchange: Exchange,
) -> None:
    auction = await an_auction(exchange, within_need=False)
    bought = await approved_need(exchange, BUYER, {AREA: "8.0000"})
    await registered(exchange, auction, BUYER, "12.0000", need=bought)
    await won(exchange, auction, "12.0000")
    again = await announced(exchange, AREA)
    paddy = await approved_need(exchange, BUYER, {Indicator.PADDY_AREA: "1.0000"})
    for need in (bought, paddy):
        assert await refusal(exchange, again, need, "1.0000") == "exceeds_open_need"


async def test_the_policy_that_counts_is_that_of_the_announcement(exchange: Exchange) -> None:
    strict = await an_auction(exchange, within_need=True)
    await policy(exchange, "purchases_within_need", False)
    await listed(exchange, POOR, AREA, "10.0000")
    lax = await announced(exchange, AREA)
    await policy(exchange, "purchases_within_need", True)
    need = await approved_need(exchange, BUYER, {AREA: "8.0000"})
    assert await refusal(exchange, strict, need, "8.0001") == "exceeds_open_need"
    made = await registered(exchange, lax, BUYER, "8.0001", need=need)
    assert made["reserved"] == "8.0000"


async def test_two_auctions_may_together_bring_no_more_than_their_limits(exchange: Exchange) -> None:
    first = await an_auction(exchange, within_need=False)
    await listed(exchange, POOR, AREA, "10.0000")
    second = await announced(exchange, AREA)
    need = await approved_need(exchange, BUYER, {AREA: "8.0000"})
    await registered(exchange, first, BUYER, "5.0000", need=need)
    await registered(exchange, second, BUYER, "9.0000", need=need)
    assert await standing(exchange, need) == ("APPROVED", "8.0000", "0.0000", "0.0000")
    for auction in (first, second):
        await until(exchange, auction["opens_at"])
    await bid(exchange, second, BUYER, "380000.00", "9.0000")
    await won(exchange, first, "5.0000")
    assert await standing(exchange, need) == ("APPROVED", "3.0000", "5.0000", "0.0000")
    await opened(exchange, second)
    assert await standing(exchange, need) == ("APPROVED", "0.0000", "14.0000", "0.0000")
    await verified(exchange)


async def test_limits_that_could_bring_a_need_beyond_64_bits_are_refused(exchange: Exchange) -> None:
    await policy(exchange, "deposit_rate", "0.000001")
    await policy(exchange, "purchases_within_need", False)
    await band(exchange, AREA, "1.00", "1.00")
    auctions = []
    for county in (POOR, ORDINARY):
        await listed(exchange, county, AREA, "10.0000")
        auctions.append(await announced(exchange, AREA, lot="1.0000"))
    need = await approved_need(exchange, BUYER, {AREA: "8.0000"})
    await registered(exchange, auctions[0], BUYER, "7.0000", need=need)
    assert await refusal(exchange, auctions[1], need, "922337203685477.0000") == "limit_too_large"
    await registered(exchange, auctions[1], BUYER, "922337203685469.0000", need=need)
    assert await standing(exchange, need) == ("APPROVED", "8.0000", "0.0000", "0.0000")


async def test_what_was_bought_beyond_one_application_is_at_home_for_the_next(exchange: Exchange) -> None:
    auction = await an_auction(exchange, within_need=False)
    need = await approved_need(exchange, BUYER, {AREA: "8.0000"})
    await registered(exchange, auction, BUYER, "12.0000", need=need)
    await settled(exchange, await won(exchange, auction, "12.0000"))
    application = await filed_application(exchange, BUYER, {AREA: "5.0000"})
    answer = await (await exchange.city(BUYER)).post(
        "/v1/needs", {"application_id": application, "quantities": {AREA.value: "5.0000"}}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "exceeds_shortage"), answer.text
    assert answer.json()["facts"]["shortage"] == {AREA.value: "1.0000"}
