"""Warnings over HTTP: they tell the regulators what to see to, and stop nothing."""

from datetime import timedelta

from app.market.access import Role
from app.market.indicators import Indicator
from app.services.days import day_of
from tests.conftest import Client, Exchange
from tests.story import approved_need, band, listed, policy, settled, until

BUYER, SELLER = "510100", "511922"
LAND = Indicator.FARMLAND_QUANTITY


async def warnings(client: Client) -> dict[str, str]:
    """What is warned of: code by subject."""
    answer = await client.get("/v1/warnings")
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert all(item["detail"] and item["detail_zh"] for item in items)
    return {item["subject"]: item["code"] for item in items}


async def test_a_rule_set_past_its_validity_is_warned_of_and_trading_goes_on(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    assert (await warnings(regulator))["rule_set"] == "rule_set_expired", "that of 2017 ended in 2022"
    await band(exchange, LAND)
    await listed(exchange, SELLER, LAND, "10.0000")
    await approved_need(exchange, BUYER, {LAND: "10.0000"}, key_level="national")
    run = await regulator.post("/v1/allocations")
    assert run.status_code == 201, run.text
    (trade,) = (await regulator.get("/v1/trades")).json()["items"]
    assert (await settled(exchange, trade["id"]))["state"] == "SETTLED"
    assert (await warnings(regulator))["rule_set"] == "rule_set_expired"


async def test_a_new_rule_set_ends_the_warning(exchange: Exchange) -> None:
    issued_on = day_of(await exchange.now()) - timedelta(days=1)
    rules = {"name": "川自然资规〔2026〕1号", "issued_on": str(issued_on), "valid_years": 5}
    await policy(exchange, "rule_set", rules)
    assert "rule_set" not in await warnings(await exchange.regulator())


async def test_bands_and_calendars_that_are_missing_are_warned_of_until_they_are_there(
    exchange: Exchange,
) -> None:
    regulator = await exchange.regulator()
    assert {subject for subject, code in (await warnings(regulator)).items() if code == "band_missing"} == {
        *Indicator
    }
    await band(exchange, LAND)
    assert LAND not in await warnings(regulator)
    await until(exchange, "2027-12-01T00:00:00+08:00")
    for year in (2027, 2028):
        assert (await warnings(regulator))[f"workdays.{year}"] == "calendar_missing"
        await policy(exchange, f"workdays.{year}", {"holidays": [f"{year}-12-31"], "makeup_workdays": []})
        assert f"workdays.{year}" not in await warnings(regulator)


async def test_warnings_are_for_the_regulators_and_the_auditor(exchange: Exchange) -> None:
    for role in (Role.LAND_REGULATOR, Role.PRICE_REGULATOR, Role.AUDITOR):
        await warnings(await exchange.client("510000", role))
    assert (await (await exchange.county(SELLER)).get("/v1/warnings")).status_code == 403


async def test_a_rule_set_is_written_in_its_own_form(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    sound = {"name": "下一规则", "issued_on": "2026-01-01", "valid_years": 5}
    wrong = {
        "value": [],
        "value.name": sound | {"name": " "},
        "value.issued_on": sound | {"issued_on": "11.12.2017"},
        "value.valid_years": sound | {"valid_years": "5"},
    }
    for field, value in wrong.items():
        body = {"name": "rule_set", "value": value, "starts_at": "2100-01-01T00:00:00Z"}
        refused = await regulator.post("/v1/policies", body)
        assert (refused.status_code, refused.json()["field"]) == (422, field)
