"""Objections over HTTP: one that is open stops the clock, dismissed lets it go on, upheld voids the trade."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.market.access import Role
from app.market.indicators import Indicator
from app.market.units import parse_money
from app.store.database import Connection
from app.worker import REMINDERS, do_due
from tests.awarded import Sale, awarded, books, changes, need_item, row
from tests.conftest import Client, Exchange
from tests.story import (
    announced,
    band,
    bid,
    funded,
    listed,
    opened,
    paid,
    policy,
    registered,
    until,
    verified,
)

BUYER, SELLER, OTHER_SELLER, STRANGER = "510100", "511922", "511902", "510722"
TEN_HM2, FIVE_HM2 = Sale(SELLER, 100_000), Sale(OTHER_SELLER, 50_000)
REASON = "张三的承包地不在项目区内"  # it names a person
MONDAY = datetime(2025, 9, 29, 1, 0, tzinfo=UTC)  # before the National Day week; 11 October is worked


async def objected(client: Client, trade: str, **given: str) -> dict[str, Any]:
    """Enter an objection; as it stands."""
    answer = await client.post(f"/v1/trades/{trade}/objections", {"reason": REASON, **given})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def decided(exchange: Exchange, objection: dict[str, Any], decision: str = "dismiss") -> dict[str, Any]:
    """Have the regulator decide an objection."""
    answer = await (await exchange.regulator()).post(
        f"/v1/trades/{objection['trade_id']}/objections/{objection['id']}/decision",
        {"decision": decision, "reason": "已现场核查"},
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def shown(exchange: Exchange, trade: str) -> dict[str, Any]:
    """The trade as its regulator sees it."""
    return dict((await (await exchange.regulator()).get(f"/v1/trades/{trade}")).json())


async def on_monday(exchange: Exchange, **later: float) -> None:
    """Go to the Monday before National Day, and so much later."""
    await exchange.advance(seconds=(MONDAY + timedelta(**later) - await exchange.now()).total_seconds())


async def test_an_open_objection_stops_the_clock_and_refuses_confirmation_and_payment(
    exchange: Exchange,
) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    before = await shown(exchange, trade)
    objection = await objected(await exchange.county(STRANGER), trade)
    assert (objection["state"], objection["origin"], objection["entered_by"]) == (
        "OPEN",
        "authority",
        STRANGER,
    )
    standing = await shown(exchange, trade)
    assert standing["notice_stopped_at"] == objection["entered_at"]
    await until(exchange, before["notice_ends_at"])
    buyer, regulator = await exchange.city(BUYER), await exchange.regulator()
    for client, step, body in (
        (buyer, "confirmation", {}),
        (buyer, "payment", {}),
        (regulator, "default", {"reason": "买方拒签"}),
    ):
        refused = await client.post(f"/v1/trades/{trade}/{step}", body)
        assert (refused.status_code, refused.json()["code"]) == (409, "objection_open"), step
        assert refused.json()["facts"] == {"notice_stopped_at": objection["entered_at"]}
    assert (await shown(exchange, trade))["state"] == "AWARDED"


async def test_the_worker_does_not_default_a_trade_whose_clock_stands(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    objection = await objected(await exchange.county(SELLER), trade)
    await exchange.advance(days=90)
    assert await do_due(exchange.database, exchange.app.state.keys) == 0
    await decided(exchange, objection)
    assert await do_due(exchange.database, exchange.app.state.keys) == 0, "its new days have only begun"
    going = await shown(exchange, trade)
    await until(exchange, going["payment_due_at"])
    assert await do_due(exchange.database, exchange.app.state.keys) == 1
    assert (await shown(exchange, trade))["end_reason"] == "payment_overdue"


async def test_a_dismissed_objection_lets_the_days_that_were_left_count_from_its_decision(
    exchange: Exchange,
) -> None:
    await on_monday(exchange)
    trade = await awarded(exchange, BUYER, [TEN_HM2])  # notice: 30 September, 9, 10, 11 and 13 October
    assert (await shown(exchange, trade))["notice_ends_at"].startswith("2025-10-13T16:00")
    await on_monday(exchange, days=11)  # Friday, 10 October: the 11th and the 13th are left
    objection = await objected(await exchange.county(SELLER), trade)
    await on_monday(exchange, days=16)  # Wednesday, the 15th: Thursday and Friday are to come
    ended = await decided(exchange, objection)
    assert (ended["state"], ended["decided_by"], ended["decision_reason"]) == (
        "DISMISSED",
        "510000",
        "已现场核查",
    )
    going = await shown(exchange, trade)
    assert (going["notice_ends_at"], going["payment_due_at"], going["notice_stopped_at"]) == (
        "2025-10-17T16:00:00.000000Z",
        "2025-10-31T16:00:00.000000Z",
        None,
    )
    assert (await paid(exchange, trade))["state"] == "PAID"
    await verified(exchange)


async def test_a_policy_changed_between_award_and_dismissal_does_not_change_the_count(
    exchange: Exchange,
) -> None:
    await on_monday(exchange)
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    await on_monday(exchange, days=11)
    objection = await objected(await exchange.county(SELLER), trade)
    await policy(exchange, "notice_working_days", 60)
    await policy(exchange, "payment_working_days", 60)
    # And the week of the decision becomes a holiday: not for a trade awarded before that was known.
    holidays = [f"2025-10-{day}" for day in (16, 17)]
    await policy(exchange, "workdays.2025", {"holidays": holidays, "makeup_workdays": []})
    await on_monday(exchange, days=16)
    await decided(exchange, objection)
    going = await shown(exchange, trade)
    assert going["notice_ends_at"].startswith("2025-10-17T16:00")
    assert going["payment_due_at"].startswith("2025-10-31T16:00")


async def test_an_objection_decided_on_its_own_day_changes_no_deadline(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    before = await shown(exchange, trade)
    await decided(exchange, await objected(await exchange.county(SELLER), trade))
    assert await shown(exchange, trade) == before


async def test_the_clock_goes_on_only_when_no_other_objection_is_open(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    first = await objected(await exchange.county(SELLER), trade)
    stood_since = (await shown(exchange, trade))["notice_stopped_at"]
    await exchange.advance(days=40)
    second = await objected(await exchange.client("510000", Role.AUDITOR), trade, origin="citizen")
    await decided(exchange, first)
    assert (await shown(exchange, trade))["notice_stopped_at"] == stood_since
    await decided(exchange, second)
    assert (await shown(exchange, trade))["notice_stopped_at"] is None


async def test_an_upheld_objection_voids_the_trade_and_gives_everything_back(exchange: Exchange) -> None:
    await funded(exchange, BUYER, "460000.00")
    before_award = await books(exchange)
    trade = await awarded(exchange, BUYER, [TEN_HM2, FIVE_HM2], deposit_fen=450_000_00)
    before = await books(exchange)
    objection = await objected(await exchange.county(SELLER), trade)
    other = await objected(await exchange.county(STRANGER), trade)
    assert (await decided(exchange, objection, "uphold"))["state"] == "UPHELD"
    ended = await shown(exchange, trade)
    assert (ended["state"], ended["end_reason"], ended["amount"]) == ("VOIDED", "objection_upheld", "0.00")
    assert changes(before, await books(exchange)) == {
        (BUYER, "CNY", "locked"): -450_000_00,
        (BUYER, "CNY", "available"): 450_000_00,
    }
    assert (await books(exchange))[(BUYER, "CNY", "available")] == before_award[(BUYER, "CNY", "available")]
    for line in ended["lines"]:
        assert line["state"] == "VOIDED"
        assert await row(exchange, "listing", line["listing_id"], "awarded", "state") == (0, "LISTED")
    assert await need_item(exchange, ended["need_id"]) == (0, 0)
    (_, lapsed) = (await (await exchange.regulator()).get(f"/v1/trades/{trade}/objections")).json()["items"]
    assert (lapsed["id"], lapsed["state"], lapsed["decided_by"]) == (other["id"], "LAPSED", None)
    await verified(exchange)


async def test_objections_lapse_with_a_trade_that_loses_its_last_line(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    await objected(await exchange.county(STRANGER), trade)
    regulator = await exchange.regulator()
    listing = (await shown(exchange, trade))["lines"][0]["listing_id"]
    await regulator.post(f"/v1/listings/{listing}/voiding", {"reason": "造假"})
    (objection,) = (await regulator.get(f"/v1/trades/{trade}/objections")).json()["items"]
    assert objection["state"] == "LAPSED"
    assert (await shown(exchange, trade))["notice_stopped_at"] is None
    await verified(exchange)


async def test_a_decision_can_not_be_taken_twice(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    objection = await objected(await exchange.county(SELLER), trade)
    await decided(exchange, objection)
    regulator = await exchange.regulator()
    path = f"/v1/trades/{trade}/objections/{objection['id']}/decision"
    again = await regulator.post(path, {"decision": "uphold", "reason": "改判"})
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert again.json()["facts"] == {"state": "DISMISSED", "event": "uphold", "possible": []}
    elsewhere = await awarded(exchange, BUYER, [TEN_HM2])
    astray = await regulator.post(path.replace(trade, elsewhere), {"decision": "dismiss", "reason": "无"})
    assert (astray.status_code, astray.json()["code"]) == (404, "not_found")


async def test_an_objection_is_too_late_once_the_notice_has_ended(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    await until(exchange, (await shown(exchange, trade))["notice_ends_at"])
    seller = await exchange.county(SELLER)
    refused = await seller.post(f"/v1/trades/{trade}/objections", {"reason": REASON})
    assert (refused.status_code, refused.json()["code"]) == (409, "notice_over")
    unknown = await seller.post("/v1/trades/T0000009999/objections", {"reason": REASON})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": REASON, "origin": "ghost"}, "origin"),
        ({"reason": REASON, "name": "张三"}, "name"),
    ],
)
async def test_an_objection_that_says_nothing_or_too_much_is_refused(
    exchange: Exchange, body: dict[str, str], field: str
) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    refused = await (await exchange.county(SELLER)).post(f"/v1/trades/{trade}/objections", body)
    assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert (await shown(exchange, trade))["notice_stopped_at"] is None


async def test_reasons_are_for_parties_overseers_and_who_entered_them(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    await objected(await exchange.county(STRANGER), trade, origin="citizen")
    await objected(await exchange.county(SELLER), trade)

    async def seen_by(client: Client) -> list[str]:
        answer = await client.get(f"/v1/trades/{trade}/objections")
        assert answer.status_code == 200, answer.text
        return [item["entered_by"] for item in answer.json()["items"]]

    for client in (await exchange.city(BUYER), await exchange.county(SELLER), await exchange.regulator()):
        assert await seen_by(client) == [STRANGER, SELLER]
    assert await seen_by(await exchange.county(STRANGER)) == [STRANGER]
    nobody = await exchange.county("511921")
    assert (await nobody.get(f"/v1/trades/{trade}/objections")).status_code == 404


async def test_the_public_sees_the_notice_and_of_objections_number_and_state_only(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2, FIVE_HM2])
    public = exchange.public()
    (notice,) = (await public.get("/v1/bulletin/notices")).json()["items"]
    assert (notice["trade_id"], notice["buyer"], notice["mode"]) == (trade, BUYER, "key_fixed_price")
    assert notice["buyer_name"] == "成都市"
    assert [(line["seller"], line["quantity"], line["price"]) for line in notice["lines"]] == [
        (SELLER, "10.0000", "300000.00"),
        (OTHER_SELLER, "5.0000", "300000.00"),
    ]
    assert notice["ends_at"] == (await shown(exchange, trade))["notice_ends_at"]
    objection = await objected(await exchange.county(STRANGER), trade)
    answer = await public.get("/v1/bulletin/notices")
    (notice,) = answer.json()["items"]
    assert (notice["ends_at"], notice["clock_stands_since"]) == (None, objection["entered_at"])
    assert notice["objections"] == [{"id": objection["id"], "state": "OPEN"}]
    await exchange.advance(days=90)
    assert len((await public.get("/v1/bulletin/notices")).json()["items"]) == 1, "while the clock stands"
    await decided(exchange, objection)
    journal = await public.get("/v1/journal", params={"subject": trade})
    told = {event["kind"]: event for event in journal.json()["items"]}
    assert told["objection.entered"]["actor"] is None
    assert told["objection.decided"]["facts"]["state"] == "DISMISSED"
    for said in (answer.text, journal.text):
        assert REASON not in said and "已现场核查" not in said and STRANGER not in said
    await until(exchange, (await shown(exchange, trade))["notice_ends_at"])
    assert (await public.get("/v1/bulletin/notices")).json()["items"] == []


async def test_notices_come_in_pages(exchange: Exchange) -> None:
    trades = [await awarded(exchange, BUYER, [Sale(SELLER, 10_000)]) for _ in range(3)]
    public = exchange.public()
    first = (await public.get("/v1/bulletin/notices", params={"limit": "2"})).json()
    second = (await public.get("/v1/bulletin/notices", params={"cursor": first["next_cursor"]})).json()
    assert [notice["trade_id"] for notice in first["items"] + second["items"]] == trades
    assert second["next_cursor"] is None


async def test_an_undecided_objection_is_on_the_agenda_and_its_trades_deadlines_are_not(
    exchange: Exchange,
) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    objection = await objected(await exchange.county(STRANGER), trade)
    buyer = await exchange.city(BUYER)
    (item,) = (await buyer.get("/v1/agenda")).json()["items"]
    assert (item["kind"], item["subject"], item["jurisdiction"]) == (
        "objection_undecided",
        objection["id"],
        BUYER,
    )
    assert item["due_at"] == objection["decide_by"]
    await exchange.advance(days=60)
    (item,) = (await buyer.get("/v1/agenda")).json()["items"]
    assert item["days_left"] < 0, "it stays until it is decided"
    await decided(exchange, objection)
    kinds = [each["kind"] for each in (await buyer.get("/v1/agenda")).json()["items"]]
    assert kinds == ["notice_ends", "payment_due"]


async def test_a_deadline_that_an_objection_moved_is_reminded_of_anew(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    buyer = await exchange.city(BUYER)

    async def reminded_of() -> list[tuple[str, int]]:
        await do_due(exchange.database, exchange.app.state.keys, REMINDERS)
        items = (await buyer.get("/v1/reminders")).json()["items"]
        return [(item["due_at"], item["lead_days"]) for item in items if item["kind"] == "payment_due"]

    first = (await shown(exchange, trade))["payment_due_at"]
    objection = await objected(await exchange.county(STRANGER), trade)
    await until(exchange, (datetime.fromisoformat(first) - timedelta(days=2)).isoformat())
    assert await reminded_of() == [], "a clock that stands reminds nobody"
    await decided(exchange, objection)
    moved = (await shown(exchange, trade))["payment_due_at"]
    assert moved > first
    await until(exchange, (datetime.fromisoformat(moved) - timedelta(days=1)).isoformat())
    assert await reminded_of() == [(moved, 1)]


async def test_the_database_lets_no_clock_stand_in_a_trade_that_goes_on(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2])
    await paid(exchange, trade)

    async def stop(connection: Connection) -> None:
        await connection.execute(text("UPDATE trade SET notice_stopped_at = now()"))

    with pytest.raises(Exception, match="ck_trade_notice_stopped_at"):
        await exchange.database.transact(stop)


async def test_a_default_after_a_dismissed_objection_leaves_the_outcome_and_gives_all_back(
    exchange: Exchange,
) -> None:
    land = Indicator.FARMLAND_QUANTITY
    await band(exchange, land)
    listing = await listed(exchange, SELLER, land, "10.0000")
    auction = await announced(exchange, land)
    await registered(exchange, auction, BUYER, "8.0000")  # a deposit of 360,000 yuan
    await bid(exchange, auction, BUYER, "310000.00", "6.0000")
    await opened(exchange, auction)
    outcome = await exchange.public().get(f"/v1/auctions/{auction['id']}/outcome")
    regulator = await exchange.regulator()
    (trade,) = (await regulator.get("/v1/trades")).json()["items"]
    objection = await objected(await exchange.county(STRANGER), trade["id"])
    await exchange.advance(days=30)
    await decided(exchange, objection)
    before = await books(exchange)
    await until(exchange, (await shown(exchange, trade["id"]))["payment_due_at"])
    assert await do_due(exchange.database, exchange.app.state.keys) == 1
    ended = await shown(exchange, trade["id"])
    assert (ended["state"], ended["end_reason"]) == ("DEFAULTED", "payment_overdue")
    # The deposit on the awarded part went to the seller; what covered more was released at the opening.
    held = parse_money(trade["deposit"])
    assert changes(before, await books(exchange)) == {
        (BUYER, "CNY", "locked"): -held,
        (SELLER, "CNY", "available"): held,
    }
    assert (await books(exchange))[(BUYER, "CNY", "available")] == 360_000_00 - held
    assert await row(exchange, "listing", listing, "awarded", "state") == (0, "LISTED")
    assert await need_item(exchange, ended["need_id"]) == (0, 0)
    after = await exchange.public().get(f"/v1/auctions/{auction['id']}/outcome")
    assert after.content == outcome.content, "the auction's outcome stands"
    await verified(exchange)
