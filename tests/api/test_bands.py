"""Price bands over HTTP (RULES 7): set, suggested, and asked for at any time."""

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Client, Exchange

COSTS = {
    "average_cost": "240000.00",
    "protection_compensation": "30000.00",
    "annual_upkeep": "2000.00",
    "upkeep_years": 15,
}


async def body_of(exchange: Exchange, **changes: Any) -> dict[str, Any]:
    """A band that starts in a minute."""
    return {
        "indicator": "farmland_quantity",
        "starts_at": (await exchange.now() + timedelta(minutes=1)).isoformat(),
        "floor": "300000.00",
        "ceiling": "450000.00",
        "key_project_price": "300000.00",
        "costs": COSTS,
        "floor_factor": "1",
        "ceiling_factor": "1.5",
    } | changes


async def in_force(client: Client, at: Any) -> list[str]:
    """The floors in force at an instant."""
    answer = await client.get("/v1/price-bands", params={"at": at.isoformat()})
    assert answer.status_code == 200, answer.text
    return [item["floor"] for item in answer.json()["items"]]


async def test_a_band_is_published_with_its_base_and_what_its_costs_suggest(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    answer = await regulator.post("/v1/price-bands", await body_of(exchange))
    assert answer.status_code == 201, answer.text
    suggested = answer.json()["suggested"]
    assert (suggested["base"], suggested["floor"], suggested["ceiling"]) == (
        "300000.00",
        "300000.00",
        "450000.00",
    )
    assert (suggested["floor_wan_yuan"], suggested["ceiling_wan_yuan"]) == ("30.000000", "45.000000")
    assert answer.json()["floor_factor"] == "1"


async def test_a_suggestion_can_be_asked_for_without_setting_anything(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    answer = await regulator.get(
        "/v1/price-bands/suggestion", params={**COSTS, "floor_factor": "1", "ceiling_factor": "1.5"}
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["floor"], answer.json()["ceiling"]) == ("300000.00", "450000.00")
    low = await regulator.get(
        "/v1/price-bands/suggestion", params={**COSTS, "floor_factor": "0.9", "ceiling_factor": "1.5"}
    )
    assert (low.status_code, low.json()["field"]) == (422, "floor_factor")


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        (
            {
                "floor": "300.00",
                "ceiling": "300.00",
                "key_project_price": "300.00",
                "costs": COSTS
                | {"average_cost": "330.00", "protection_compensation": "0", "annual_upkeep": "0"},
            },
            "ceiling_below_base",
            "ceiling",
        ),
        ({"floor": "460000.00"}, "floor_above_ceiling", "floor"),
        ({"key_project_price": "299999.99"}, "key_price_outside_band", "key_project_price"),
        # The worked figure: a ceiling of 300 万元/hm² over a base of 330 万元/hm².
        (
            {
                "floor": "3000000.00",
                "ceiling": "3000000.00",
                "key_project_price": "3000000.00",
                "costs": COSTS
                | {
                    "average_cost": "2700000.00",
                    "protection_compensation": "300000.00",
                    "annual_upkeep": "20000.00",
                },
            },
            "ceiling_below_base",
            "ceiling",
        ),
        ({"unified_price": "299999.99"}, "unified_price_outside_band", "unified_price"),
        ({"unified_price": "450000.01"}, "unified_price_outside_band", "unified_price"),
        ({"unified_price": "450000.001"}, "malformed", "unified_price"),
        ({"floor": "0.00"}, "floor_not_above_zero", "floor"),
        ({"floor_factor": "0.99"}, "floor_factor_below_one", "floor_factor"),
        ({"starts_at": "2020-01-01T00:00:00Z"}, "starts_in_the_past", "starts_at"),
        ({"ceiling": "99999999999999999999.00"}, "bad_quantity", "ceiling"),
        ({"ceiling": 450000}, "malformed", "ceiling"),
    ],
)
async def test_a_band_that_contradicts_itself_or_its_costs_is_refused(
    exchange: Exchange, changes: dict[str, Any], code: str, field: str
) -> None:
    regulator = await exchange.regulator()
    answer = await regulator.post("/v1/price-bands", await body_of(exchange, **changes))
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
    assert (await regulator.get("/v1/price-bands")).json()["items"] == []


@pytest.mark.parametrize(
    ("price", "wan_yuan"), [("300000.00", "30.000000"), ("450000.00", "45.000000"), (None, None)]
)
async def test_a_band_may_carry_the_price_of_unified_sales(
    exchange: Exchange, price: str | None, wan_yuan: str | None
) -> None:
    regulator = await exchange.regulator()
    answer = await regulator.post("/v1/price-bands", await body_of(exchange, unified_price=price))
    assert answer.status_code == 201, answer.text
    assert (answer.json()["unified_price"], answer.json()["unified_price_wan_yuan"]) == (price, wan_yuan)
    (shown,) = (await exchange.public().get("/v1/bulletin/bands")).json()["items"]
    assert shown == answer.json()
    (event,) = (await exchange.public().get("/v1/journal", params={"kind": "band.set"})).json()["items"]
    assert event["facts"]["unified_price"] == price


async def test_a_band_is_in_force_until_the_next_one_of_its_indicator_starts(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    now = await exchange.now()
    first, second = now + timedelta(hours=1), now + timedelta(hours=2)
    for starts_at, floor in [(first, "300000.00"), (second, "310000.00")]:
        body = await body_of(
            exchange, starts_at=starts_at.isoformat(), floor=floor, key_project_price="320000.00"
        )
        assert (await regulator.post("/v1/price-bands", body)).status_code == 201
    instant = timedelta(microseconds=1)
    assert await in_force(regulator, first - instant) == []
    assert await in_force(regulator, first) == ["300000.00"]
    assert await in_force(regulator, second - instant) == ["300000.00"]
    assert await in_force(regulator, second) == ["310000.00"]
    items = (await regulator.get("/v1/price-bands")).json()["items"]
    assert [item["ends_at"] for item in items] == [items[1]["starts_at"], None]
    paddy = await regulator.get("/v1/price-bands", params={"indicator": "paddy_area"})
    assert paddy.json()["items"] == []


async def test_two_bands_of_an_indicator_can_not_start_at_the_same_instant(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    body = await body_of(exchange)
    assert (await regulator.post("/v1/price-bands", body)).status_code == 201
    again = await regulator.post("/v1/price-bands", body)
    assert (again.status_code, again.json()["code"]) == (409, "band_exists")


async def test_only_the_price_regulator_sets_bands(exchange: Exchange) -> None:
    county = await exchange.county("511922")
    answer = await county.post("/v1/price-bands", await body_of(exchange))
    assert answer.status_code == 403
