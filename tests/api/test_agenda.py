"""The agenda: what falls due when, for whom; and reminders, once for each deadline and lead."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.market.access import Role
from app.market.indicators import Indicator
from app.services.agenda import WHAT
from app.services.days import CHINA, day_of
from app.worker import REMINDERS, do_due
from tests.awarded import Sale, awarded
from tests.conftest import Client, Exchange
from tests.story import announced, band, confirmed, listed, paid, policy, sanctioned, until

BUYER, SELLER, STRANGER = "510100", "511922", "510722"


async def agenda(client: Client, **params: str) -> list[dict[str, Any]]:
    """All of an agenda, as the client sees it."""
    answer = await client.get("/v1/agenda", params=params)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def reminded(exchange: Exchange) -> int:
    """Let the worker send what reminders are due; how many were."""
    return await do_due(exchange.database, exchange.app.state.keys, REMINDERS)


async def test_a_trades_deadlines_are_on_its_buyers_agenda_as_the_trade_has_them(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [Sale(SELLER, 10_000)])
    buyer = await exchange.city(BUYER)
    shown = (await buyer.get(f"/v1/trades/{trade}")).json()
    notice, payment = await agenda(buyer)
    assert (notice["kind"], notice["subject"], notice["jurisdiction"]) == ("notice_ends", trade, BUYER)
    assert notice["due_at"] == shown["notice_ends_at"]
    assert (notice["what"], notice["what_zh"]) == WHAT["notice_ends"]
    assert (payment["kind"], payment["due_at"]) == ("payment_due", shown["payment_due_at"])
    await confirmed(exchange, trade)
    assert [item["kind"] for item in await agenda(buyer)] == ["payment_due"]
    await paid(exchange, await awarded(exchange, BUYER, [Sale(SELLER, 10_000)]))
    assert [item["subject"] for item in await agenda(buyer)] == [trade], "what is paid is due no more"


async def test_days_left_are_counted_by_the_calendar_in_china(exchange: Exchange) -> None:
    await awarded(exchange, BUYER, [Sale(SELLER, 10_000)])
    buyer = await exchange.city(BUYER)
    (item,) = await agenda(buyer, kind="notice_ends")
    before = item["days_left"]
    await until(exchange, (await exchange.now() + timedelta(days=1)).isoformat())
    (item,) = await agenda(buyer, kind="notice_ends")
    assert item["days_left"] == before - 1
    last_minute = await exchange.now() + timedelta(days=before - 1)
    evening = last_minute.astimezone(CHINA).replace(hour=23, minute=59, second=0)
    await until(exchange, evening.isoformat())
    (item,) = await agenda(buyer, kind="notice_ends")
    assert item["days_left"] == 0


async def test_an_officer_sees_its_own_and_everybodys_and_overseers_see_all(exchange: Exchange) -> None:
    await band(exchange, Indicator.FARMLAND_QUANTITY)
    await listed(exchange, SELLER, Indicator.FARMLAND_QUANTITY, "10.0000")
    auction = await announced(exchange, Indicator.FARMLAND_QUANTITY)
    trade = await awarded(exchange, BUYER, [Sale(SELLER, 10_000)])
    stranger = await exchange.county(STRANGER)
    seen = [(item["kind"], item["subject"], item["jurisdiction"]) for item in await agenda(stranger)]
    assert seen == [("auction_opens", auction["id"], None), ("auction_closes", auction["id"], None)]
    everything = {("auction_opens", auction["id"]), ("auction_closes", auction["id"])} | {
        ("notice_ends", trade),
        ("payment_due", trade),
    }
    for overseer in (
        await exchange.regulator(),
        await exchange.treasurer(),
        await exchange.client("510000", Role.AUDITOR),
    ):
        assert {(item["kind"], item["subject"]) for item in await agenda(overseer)} == everything
        assert {item["subject"] for item in await agenda(overseer, jurisdiction=STRANGER)} == {auction["id"]}
    refused = await stranger.get("/v1/agenda", params={"jurisdiction": BUYER})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")


async def test_the_agenda_is_filtered_by_kind_and_time_and_paged_in_one_order(exchange: Exchange) -> None:
    for _ in range(3):
        await awarded(exchange, BUYER, [Sale(SELLER, 10_000)])
    regulator = await exchange.regulator()
    whole = await agenda(regulator)
    places = [(item["due_at"], item["kind"], item["subject"]) for item in whole]
    assert len(whole) == 6
    assert places == sorted(places)
    paged, cursor = [], None
    while True:
        params = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = (await regulator.get("/v1/agenda", params=params)).json()
        paged += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == whole
    first_payment = next(item for item in whole if item["kind"] == "payment_due")
    assert await agenda(regulator, until=first_payment["due_at"]) == whole[:3]
    assert await agenda(regulator, kind="payment_due") == whole[3:]
    refused = await regulator.get("/v1/agenda", params={"kind": "birthdays"})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_kind")
    assert "payment_due" in refused.json()["detail"]


async def test_a_rectification_falls_due_with_its_last_day_unless_it_is_lifted(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    today = day_of(await exchange.now())
    body = {"jurisdiction": STRANGER, "kind": "rectify", "reason": "管护不到位", "starts_on": str(today)}
    answer = await regulator.post("/v1/sanctions", body | {"ends_on": str(today + timedelta(days=30))})
    assert answer.status_code == 201, answer.text
    await sanctioned(exchange, STRANGER, "circulate")  # without a last day
    (item,) = await agenda(await exchange.county(STRANGER))
    assert (item["kind"], item["subject"]) == ("rectification_ends", answer.json()["id"])
    assert item["days_left"] == 30
    await regulator.post(f"/v1/sanctions/{answer.json()['id']}/lifting")
    assert await agenda(await exchange.county(STRANGER)) == []


async def test_the_end_of_the_rule_sets_validity_is_on_everybodys_agenda(exchange: Exchange) -> None:
    county = await exchange.county(STRANGER)
    assert await agenda(county) == [], "that of the notice of 2017 is past"
    issued_on = day_of(await exchange.now()) - timedelta(days=365)
    id_ = await policy(
        exchange, "rule_set", {"name": "川自然资规", "issued_on": str(issued_on), "valid_years": 2}
    )
    (item,) = await agenda(county)
    assert (item["kind"], item["subject"], item["jurisdiction"]) == ("rule_set_expires", id_, None)
    expected = issued_on.replace(year=issued_on.year + 2) - timedelta(days=1)
    assert item["days_left"] == (expected - day_of(await exchange.now())).days


async def test_a_deadline_is_reminded_of_once_for_each_lead(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [Sale(SELLER, 10_000)])
    buyer = await exchange.city(BUYER)
    (payment,) = await agenda(buyer, kind="payment_due")
    leads: list[int] = []
    for lead in (7, 3, 1):
        # A second before, nothing; from then on once, however often the worker looks.
        due_at = payment["due_at"]
        await until(exchange, _earlier(due_at, days=lead, seconds=1))
        await reminded(exchange)
        sent = await _sent(buyer, "payment_due")
        assert [item["lead_days"] for item in sent] == leads
        await exchange.advance(seconds=1)
        await reminded(exchange)
        assert await reminded(exchange) == 0
        leads.append(lead)
        sent = await _sent(buyer, "payment_due")
        assert [item["lead_days"] for item in sent] == leads
        assert {(item["subject"], item["due_at"]) for item in sent} == {(trade, due_at)}
    assert await _sent(await exchange.county(STRANGER), "payment_due") == []
    assert len(await _sent(await exchange.treasurer(), "payment_due")) == 3
    events = (
        await exchange.public().get("/v1/journal", params={"kind": "reminder.sent", "subject": trade})
    ).json()
    told = [event["facts"] for event in events["items"] if event["facts"]["of"] == "payment_due"]
    assert [facts["lead_days"] for facts in told] == [7, 3, 1]
    assert {facts["jurisdiction"] for facts in told} == {BUYER}


async def test_of_several_leads_that_have_come_the_nearest_is_said(exchange: Exchange) -> None:
    await awarded(exchange, BUYER, [Sale(SELLER, 10_000)])
    buyer = await exchange.city(BUYER)
    (payment,) = await agenda(buyer, kind="payment_due")
    await until(exchange, _earlier(payment["due_at"], days=2))
    await reminded(exchange)
    assert [item["lead_days"] for item in await _sent(buyer, "payment_due")] == [3]


async def test_when_to_remind_is_policy_and_nobody_is_reminded_of_what_is_past(exchange: Exchange) -> None:
    await policy(exchange, "reminder_lead_days", [2])
    await awarded(exchange, BUYER, [Sale(SELLER, 10_000)])
    buyer = await exchange.city(BUYER)
    (payment,) = await agenda(buyer, kind="payment_due")
    await until(exchange, _earlier(payment["due_at"], days=2, seconds=1))
    await reminded(exchange)
    assert await _sent(buyer, "payment_due") == []
    await until(exchange, payment["due_at"])
    assert await reminded(exchange) == 0
    assert await _sent(buyer, "payment_due") == []
    await policy(exchange, "reminder_lead_days", [])
    assert await reminded(exchange) == 0


@pytest.mark.parametrize("value", [[0], [1, 1], [366], ["7"], 7, [True], list(range(1, 12))])
async def test_lead_days_that_make_no_sense_are_refused(exchange: Exchange, value: object) -> None:
    regulator = await exchange.regulator()
    body = {"name": "reminder_lead_days", "value": value, "starts_at": "2100-01-01T00:00:00Z"}
    answer = await regulator.post("/v1/policies", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_policy")


def _earlier(instant: str, **by: float) -> str:
    return (datetime.fromisoformat(instant) - timedelta(**by)).isoformat()


async def _sent(client: Client, kind: str) -> list[dict[str, Any]]:
    items = (await client.get("/v1/reminders")).json()["items"]
    return [item for item in items if item["kind"] == kind]
