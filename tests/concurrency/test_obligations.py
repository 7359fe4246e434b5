"""Obligations in a race: made good once, whoever asks and however often."""

import asyncio

from app.market.indicators import Indicator
from tests.awarded import books
from tests.conftest import Exchange
from tests.owed import owing, verified_but_for_the_fraud
from tests.story import credited

COUNTY = "511922"
LAND = Indicator.FARMLAND_QUANTITY


async def test_of_two_discharges_at_once_one_writes_off(live_exchange: Exchange) -> None:
    obligation = await owing(live_exchange, COUNTY, {LAND: 5_000})
    for _ in range(3):
        await credited(live_exchange, COUNTY, {LAND: "0.5000"})
    officers = [await live_exchange.county(COUNTY) for _ in range(6)]
    answers = await asyncio.gather(
        *(officer.post(f"/v1/obligations/{obligation}/discharge") for officer in officers)
    )
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    assert (await books(live_exchange))[(COUNTY, LAND, "consumed")] == 5_000
    await verified_but_for_the_fraud(live_exchange)
