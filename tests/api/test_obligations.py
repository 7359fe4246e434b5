"""Obligations over HTTP: opened with their rectification, made good whole, lowered and cancelled."""

from datetime import date, timedelta
from typing import Any

from app.market.ids import Kind, row_number
from app.market.indicators import Indicator
from app.services import obligations
from app.services.days import day_of
from app.store import clock
from app.store.database import Connection
from tests.awarded import books
from tests.conftest import Exchange
from tests.owed import owing, verified_but_for_the_fraud
from tests.story import credited, policy

COUNTY = "511922"
LAND, PADDY = Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA


async def rectification(exchange: Exchange, id_: str) -> dict[str, Any]:
    """The sanction of that id."""
    answer = await (await exchange.county(COUNTY)).get("/v1/sanctions")
    (found,) = [each for each in answer.json()["items"] if each["id"] == id_]
    return dict(found)


async def lowered(exchange: Exchange, obligation: str, by: dict[Indicator, int]) -> None:
    async def work(connection: Connection) -> None:
        number = row_number(Kind.OBLIGATION, obligation)
        await obligations.reduce(connection, number, by, at=await clock.now(connection), actor=None)

    await exchange.database.transact(work)


async def test_an_obligation_opens_a_rectification_that_nobody_had_to_decide(exchange: Exchange) -> None:
    await policy(exchange, "rectification_days", 90)
    obligation = await owing(exchange, COUNTY, {LAND: 5_000}, "P0000000077")
    shown = (await (await exchange.county(COUNTY)).get(f"/v1/obligations/{obligation}")).json()
    assert (shown["state"], shown["kind"], shown["source"]) == ("OPEN", "replacement", "P0000000077")
    assert shown["owed"] == [
        {"indicator": "farmland_quantity", "unit": "hm²", "quantity": "0.5000", "quantity_mu": "7.5000"}
    ]
    today = day_of(await exchange.now())
    sanction = await rectification(exchange, shown["rectification"])
    assert (sanction["jurisdiction"], sanction["kind"], sanction["decided_by"]) == (COUNTY, "rectify", None)
    assert date.fromisoformat(sanction["ends_on"]) == today + timedelta(days=90)
    await verified_but_for_the_fraud(exchange)


async def test_a_discharge_writes_off_all_that_is_owed_or_names_what_is_missing(exchange: Exchange) -> None:
    obligation = await owing(exchange, COUNTY, {LAND: 5_000, PADDY: 2_000})
    officer = await exchange.county(COUNTY)
    await credited(exchange, COUNTY, {LAND: "0.3000"})
    await credited(exchange, COUNTY, {LAND: "0.4000"})
    before = await books(exchange)
    short = await officer.post(f"/v1/obligations/{obligation}/discharge")
    assert (short.status_code, short.json()["code"]) == (409, "insufficient")
    assert short.json()["facts"]["shortage"] == {"farmland_quantity": "0.0000", "paddy_area": "0.2000"}
    assert await books(exchange) == before

    await credited(exchange, COUNTY, {PADDY: "0.2000"})
    done = await officer.post(f"/v1/obligations/{obligation}/discharge")
    assert done.status_code == 201, done.text
    assert done.json()["state"] == "DISCHARGED"
    assert [(each["indicator"], each["quantity"]) for each in done.json()["used"]] == [
        ("farmland_quantity", "0.3000"),
        ("farmland_quantity", "0.2000"),
        ("paddy_area", "0.2000"),
    ]
    assert (await rectification(exchange, done.json()["rectification"]))["lifted_at"] is not None
    assert (await books(exchange))[(COUNTY, LAND, "available")] == 2_000
    assert (await officer.get(f"/v1/obligations/{obligation}")).json() == done.json()
    again = await officer.post(f"/v1/obligations/{obligation}/discharge")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    await verified_but_for_the_fraud(exchange)


async def test_a_rectification_that_was_lifted_by_hand_does_not_stop_a_discharge(exchange: Exchange) -> None:
    obligation = await owing(exchange, COUNTY, {LAND: 5_000})
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    shown = (await officer.get(f"/v1/obligations/{obligation}")).json()
    assert (await regulator.post(f"/v1/sanctions/{shown['rectification']}/lifting")).status_code == 201
    await credited(exchange, COUNTY, {LAND: "0.5000"})
    assert (await officer.post(f"/v1/obligations/{obligation}/discharge")).status_code == 201
    await verified_but_for_the_fraud(exchange)


async def test_what_comes_back_lowers_an_obligation_and_the_last_of_it_cancels_it(exchange: Exchange) -> None:
    obligation = await owing(exchange, COUNTY, {LAND: 5_000})
    officer = await exchange.county(COUNTY)
    await lowered(exchange, obligation, {LAND: 2_000})
    shown = (await officer.get(f"/v1/obligations/{obligation}")).json()
    assert (shown["state"], shown["owed"][0]["quantity"]) == ("OPEN", "0.3000")
    await lowered(exchange, obligation, {LAND: 9_000})
    shown = (await officer.get(f"/v1/obligations/{obligation}")).json()
    assert (shown["state"], shown["owed"]) == ("CANCELLED", [])
    assert (await rectification(exchange, shown["rectification"]))["lifted_at"] is not None
    await lowered(exchange, obligation, {LAND: 1})
    assert (await officer.get(f"/v1/obligations/{obligation}")).json() == shown
    refused = await officer.post(f"/v1/obligations/{obligation}/discharge")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    await verified_but_for_the_fraud(exchange)


async def test_obligations_are_shown_to_their_own_and_to_who_oversees_them(exchange: Exchange) -> None:
    mine = await owing(exchange, COUNTY, {LAND: 1})
    others = await owing(exchange, "511921", {LAND: 1})
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    listed = (await officer.get("/v1/obligations", params={"state": "OPEN"})).json()["items"]
    assert [each["id"] for each in listed] == [mine]
    listed = (await regulator.get("/v1/obligations")).json()["items"]
    assert [each["id"] for each in listed] == [mine, others]
    assert (await regulator.get("/v1/obligations", params={"state": "CANCELLED"})).json()["items"] == []
    for path in (f"/v1/obligations/{others}", "/v1/obligations/O0000009999"):
        assert (await officer.get(path)).status_code == 404
    assert (await officer.post(f"/v1/obligations/{others}/discharge")).status_code == 404
    assert (await regulator.get(f"/v1/obligations/{others}")).status_code == 200
