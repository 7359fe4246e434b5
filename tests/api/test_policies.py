"""Policies over HTTP: versioned, effective-dated, and never retroactive (RULES, top)."""

from datetime import timedelta
from typing import Any

import pytest

from app.market.policies import DEFAULTS, FORMS
from app.market.policy_descriptions import described
from tests import story
from tests.conftest import Client, Exchange

AUCTION_ONLY = DEFAULTS["trade_modes"]


async def value_of(client: Client, name: str, **params: str) -> Any:
    """A policy's value, now or at an instant."""
    items = (await client.get("/v1/policies", params={"limit": "200", **params})).json()["items"]
    return next(item["value"] for item in items if item["name"] == name)


async def test_what_the_first_migration_laid_is_in_force_and_named(exchange: Exchange) -> None:
    county = await exchange.county("511922")
    items = (await county.get("/v1/policies", params={"limit": 200})).json()["items"]
    values = {item["name"]: item["value"] for item in items}
    assert DEFAULTS.items() <= values.items()
    assert "workdays.2026" in values
    assert [item["name"] for item in items] == sorted(values)


async def test_every_policy_shows_how_it_is_written_and_what_it_means(exchange: Exchange) -> None:
    county = await exchange.county("511922")
    items = (await county.get("/v1/policies", params={"limit": 200})).json()["items"]
    for item in items:
        description = described(item["name"])
        assert (item["form"], item["help"], item["help_zh"]) == (
            description.form,
            description.en,
            description.zh,
        )


@pytest.mark.parametrize("at", ["2017-01-01T00:00:00Z", "2018-04-01T00:00:00+08:00", "2099-12-31T23:59:59Z"])
async def test_every_policy_has_a_value_at_any_instant_since_2017(exchange: Exchange, at: str) -> None:
    county = await exchange.county("511922")
    items = (await county.get("/v1/policies", params={"limit": 200, "at": at})).json()["items"]
    assert FORMS.keys() <= {item["name"] for item in items}


async def test_a_policy_s_history_is_read_from_the_last_value_to_the_first_by_pages(
    exchange: Exchange,
) -> None:
    regulator = await exchange.regulator()
    days = [await exchange.now() + timedelta(days=number) for number in (1, 2, 3)]
    for day, value in zip(days, ["0.11", "0.12", "0.13"], strict=True):
        body = {"name": "deposit_rate", "value": value, "starts_at": day.isoformat()}
        assert (await regulator.post("/v1/policies", body)).status_code == 201
    county = await exchange.county("511922")
    seen: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await county.get("/v1/policies/deposit_rate/history", params={"limit": "3", **cursor})).json()
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert [item["value"] for item in seen] == ["0.13", "0.12", "0.11", "0.10"]
    assert [item["entered_by"] for item in seen] == ["510000"] * 3 + [None]
    assert {item["name"] for item in seen} == {"deposit_rate"}
    instants = [item["starts_at"] for item in seen]
    assert instants == sorted(instants, reverse=True)


async def test_a_policy_that_there_is_not_has_no_history(exchange: Exchange) -> None:
    county = await exchange.county("511922")
    for name in ("no_such_policy", "workdays.0000"):
        answer = await county.get(f"/v1/policies/{name}/history")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), name
    not_entered = await county.get("/v1/policies/workdays.2099/history")
    assert (not_entered.status_code, not_entered.json()["items"]) == (200, [])


async def test_a_policy_is_in_force_from_its_instant_and_the_past_keeps_its_own(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    before = await exchange.now()
    starts_at = (before + timedelta(days=1)).isoformat()
    body = {"name": "deposit_rate", "value": "0.15", "starts_at": starts_at}
    answer = await regulator.post("/v1/policies", body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["entered_by"] == "510000"
    assert await value_of(regulator, "deposit_rate") == "0.10"
    assert await value_of(regulator, "deposit_rate", at=starts_at) == "0.15"
    await exchange.advance(days=1)
    assert await value_of(regulator, "deposit_rate") == "0.15"
    assert await value_of(regulator, "deposit_rate", at=before.isoformat()) == "0.10"
    again = await regulator.post("/v1/policies", body)
    assert (again.status_code, again.json()["code"]) == (422, "starts_in_the_past")


async def test_the_same_policy_can_not_start_twice_at_one_instant(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    body = {
        "name": "tie",
        "value": "pro_rata",
        "starts_at": (await exchange.now() + timedelta(days=1)).isoformat(),
    }
    assert (await regulator.post("/v1/policies", body)).status_code == 201
    again = await regulator.post("/v1/policies", {**body, "value": "earliest"})
    assert (again.status_code, again.json()["code"]) == (409, "policy_exists")


@pytest.mark.parametrize(
    ("name", "value", "code", "field"),
    [
        ("no_such_policy", 1, "unknown_policy", "name"),
        ("deposit_rate", 0.1, "bad_policy", "value"),
        ("deposit_rate", "1.5", "bad_policy", "value"),
        ("deposit_rate", "1e-1", "bad_quantity", "value"),
        ("bids_per_buyer", 0, "bad_policy", "value"),
        ("bids_per_buyer", True, "bad_policy", "value"),
        ("tie", "lottery", "bad_policy", "value"),
        ("tie", ["earliest"], "bad_policy", "value"),
        ("yield_table", {"1": "22500"}, "bad_policy", "value"),
        ("lots", None, "bad_policy", "value"),
        ("trade_modes", ["auction"], "bad_policy", "value"),
        ("trade_modes", {"paddy_area": ["auction"]}, "bad_policy", "value"),
        ("trade_modes", AUCTION_ONLY | {"paddy_area": []}, "bad_policy", "value.paddy_area"),
        ("trade_modes", AUCTION_ONLY | {"paddy_area": "market"}, "bad_policy", "value.paddy_area"),
        ("trade_modes", AUCTION_ONLY | {"paddy_area": [["market"]]}, "bad_policy", "value.paddy_area"),
        ("trade_modes", AUCTION_ONLY | {"paddy_area": ["market"] * 2}, "bad_policy", "value.paddy_area"),
        ("trade_modes", AUCTION_ONLY | {"paddy_area": ["key_fixed_price"]}, "bad_policy", "value.paddy_area"),
        ("purchases_within_need", "yes", "bad_policy", "value"),
        ("workdays.2027", {"holidays": ["2028-01-01"], "makeup_workdays": []}, "day_of_another_year", None),
        ("workdays.2027", {"holidays": 7, "makeup_workdays": []}, "bad_policy", "value.holidays"),
        ("workdays.0000", {"holidays": [], "makeup_workdays": []}, "unknown_policy", "name"),
    ],
)
async def test_a_value_that_the_rules_can_not_use_is_refused(
    exchange: Exchange, name: str, value: Any, code: str, field: str | None
) -> None:
    regulator = await exchange.regulator()
    starts_at = (await exchange.now() + timedelta(days=1)).isoformat()
    answer = await regulator.post("/v1/policies", {"name": name, "value": value, "starts_at": starts_at})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    if field is not None:
        assert answer.json()["field"] == field


async def test_a_published_year_of_working_days_is_a_policy(exchange: Exchange) -> None:
    days = {"holidays": ["2027-01-01"], "makeup_workdays": ["2027-01-03"]}
    await story.policy(exchange, "workdays.2027", days)
    assert await value_of(await exchange.county("511922"), "workdays.2027") == days


async def test_only_the_land_regulator_sets_policies(exchange: Exchange) -> None:
    county = await exchange.county("511922")
    answer = await county.post(
        "/v1/policies", {"name": "deposit_rate", "value": "0.01", "starts_at": "2100-01-01T00:00:00Z"}
    )
    assert answer.status_code == 403
