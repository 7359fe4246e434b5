"""``gengheng verify`` on commitments: each contradiction of what was promised, kept and missed is named."""

import pytest

from app.market.indicators import Indicator
from app.sealing.keys import Keys
from tests.conftest import Exchange
from tests.promised import accept, active, fallen_due, filed_project
from tests.services.test_verification import one, tampered, verified
from tests.story import filed_application

COUNTY = "511922"
LAND = Indicator.FARMLAND_QUANTITY

TAMPERINGS = {
    "an earmark": (
        "UPDATE commitment_earmark SET quantity = quantity - 1 WHERE commitment_id = {active}",
        ["10000 are earmarked, its live commitments ({active}) have 9999"],
    ),
    "an earmarked commitment that ended": (
        "UPDATE commitment SET state = 'LAPSED' WHERE id = {active}",
        ["10000 are earmarked, its live commitments (none) have 0"],
    ),
    "a promise that was written off": (
        "UPDATE commitment SET farmland_quantity = farmland_quantity + 1 WHERE id = {kept}",
        ["20000 farmland_quantity are written off for it, promised less its deficit is 20001"],
    ),
    "a write-off that stands for nothing": (
        "UPDATE commitment SET state = 'DUE', written_off_at = NULL WHERE id = {kept}",
        ["20000 farmland_quantity are written off for it, promised less its deficit is 0"],
    ),
    "a deficit": (
        "UPDATE commitment SET missed_farmland_quantity = missed_farmland_quantity - 1 WHERE id = {missed}",
        ["is DEFAULTED with a deficit of {{29999,0,0,0}}; obligation", "promised less its deficit is 1"],
    ),
    "a deficit that seems to be made good": (
        "UPDATE commitment SET state = 'MADE_GOOD' WHERE id = {missed}",
        ["is MADE_GOOD with a deficit of {{30000,0,0,0}}; obligation", "is OPEN and owes"],
    ),
    "a debt that comes from nothing": (
        "UPDATE obligation SET source = 'K0000099999' WHERE kind = 'commitment_deficit'",
        ["commitment K0000099999 of 511922 is without default", "obligation none is missing"],
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_verify_names_what_was_tampered_with(exchange: Exchange, keys: Keys, name: str) -> None:
    application = await filed_application(exchange, COUNTY, {LAND: "20.0000"})
    ids = {}
    for what, earned, promised, days in (
        ("kept", "2", "2", 10),
        ("missed", None, "3", 10),
        ("active", "1", "4", 90),
    ):
        project = await filed_project(exchange, COUNTY, LAND, earned or "3")
        commitment = await active(exchange, COUNTY, application, project, {LAND: promised}, days=days)
        if earned:
            await accept(exchange, project)
        ids[what] = int(commitment[1:])
        if days == 10:
            await fallen_due(exchange, keys, commitment)
    verdict, lines = await verified(exchange)
    assert verdict.faults == 0, lines
    statement, expected = TAMPERINGS[name]
    await tampered(exchange, statement.format(**ids))
    verdict, lines = await verified(exchange)
    faults = [line for line in lines if line.startswith("      - ")]
    assert verdict.faults == len(faults) > 0
    for words in expected:
        assert any(words.format(**ids) in fault for fault in faults), (words, faults)
    assert await one(exchange, "SELECT count(*) FROM commitment") == 3
