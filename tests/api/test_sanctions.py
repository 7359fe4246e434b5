"""Sanctions over HTTP: decided, in force between their days, and lifted (RULES 12)."""

from datetime import timedelta

from app.services.days import day_of
from app.store import sanctions
from tests import story
from tests.conftest import Exchange


async def suspended(exchange: Exchange, jurisdiction: str) -> bool:
    """Whether a jurisdiction is suspended today."""
    today = day_of(await exchange.now())
    return await exchange.database.read(
        lambda connection: sanctions.is_suspended(connection, jurisdiction, today)
    )


async def test_a_suspension_holds_until_it_is_lifted(exchange: Exchange) -> None:
    sanction = await story.sanctioned(exchange, "510722")
    assert await suspended(exchange, "510722")
    assert not await suspended(exchange, "511922")
    regulator = await exchange.regulator()
    lifted = await regulator.post(f"/v1/sanctions/{sanction}/lifting")
    assert lifted.status_code == 201, lifted.text
    assert lifted.json()["lifted_at"] is not None
    assert not await suspended(exchange, "510722")
    again = await regulator.post(f"/v1/sanctions/{sanction}/lifting")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


async def test_a_suspension_holds_from_its_first_day_to_its_last(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    today = day_of(await exchange.now())
    body = {
        "jurisdiction": "510722",
        "kind": "suspend",
        "reason": "整改",
        "starts_on": (today + timedelta(days=1)).isoformat(),
        "ends_on": (today + timedelta(days=2)).isoformat(),
    }
    assert (await regulator.post("/v1/sanctions", body)).status_code == 201
    held = []
    for _ in range(4):
        held.append(await suspended(exchange, "510722"))
        await exchange.advance(days=1)
    assert held == [False, True, True, False]


async def test_only_a_suspension_suspends(exchange: Exchange) -> None:
    await story.sanctioned(exchange, "510722", kind="rectify")
    await story.sanctioned(exchange, "510722", kind="circulate")
    assert not await suspended(exchange, "510722")
    county = await exchange.county("510722")
    shown = (await county.get("/v1/sanctions", params={"jurisdiction": "510722"})).json()["items"]
    assert [item["kind"] for item in shown] == ["rectify", "circulate"]


async def test_a_sanction_needs_a_known_jurisdiction_and_days_in_order(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    body = {"jurisdiction": "999999", "kind": "rectify", "reason": "整改", "starts_on": "2026-03-01"}
    unknown = await regulator.post("/v1/sanctions", body)
    assert (unknown.status_code, unknown.json()["field"]) == (404, "jurisdiction")
    reversed_days = await regulator.post(
        "/v1/sanctions", {**body, "jurisdiction": "510722", "ends_on": "2026-02-28"}
    )
    assert (reversed_days.status_code, reversed_days.json()["field"]) == (422, "ends_on")
    missing = await regulator.post("/v1/sanctions/S0000000009/lifting")
    assert missing.status_code == 404


async def test_a_county_can_not_lift_its_own_sanction(exchange: Exchange) -> None:
    sanction = await story.sanctioned(exchange, "510722")
    county = await exchange.county("510722")
    answer = await county.post(f"/v1/sanctions/{sanction}/lifting")
    assert answer.status_code == 403
    assert await suspended(exchange, "510722")
