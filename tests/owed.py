"""Obligations: opened straight through the service, or left by a fraud that was voided."""

import itertools
import re
from collections.abc import Mapping
from functools import partial

from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.obligations import ObligationKind
from app.market.units import format_decimal, format_quantity, parse_quantity
from app.services import obligations
from app.services.verification import verify
from app.store import clock
from app.store.database import Connection
from tests.conftest import Exchange
from tests.promised import accept
from tests.story import credited, filed_application, project_body
from tests.supervised import voided

_sources = itertools.count(9001)


async def owing(
    exchange: Exchange, jurisdiction: str, owed: Mapping[Indicator, int], source: str | None = None
) -> str:
    """Open a replacement obligation of so many steps, for one fraud each; its public id."""

    async def work(connection: Connection) -> str:
        opened = await obligations.open_(
            connection,
            kind=ObligationKind.REPLACEMENT,
            jurisdiction=jurisdiction,
            source=source or f"P{next(_sources):010d}",
            owed=owed,
            at=await clock.now(connection),
            actor="510000",
        )
        return public_id(Kind.OBLIGATION, opened.id)

    return await exchange.database.transact(work)


_OF_NO_FRAUD = re.compile(r" {6}- \d{6} for P\d{10}: \d+ \w+ are owed, 0 were issued and not cancelled")


async def verified_but_for_the_fraud(exchange: Exchange) -> None:
    """Replay the books: nothing contradicts them, but that ``owing`` opens debts without a fraud."""
    lines: list[str] = []
    await exchange.database.read(partial(verify, report=lines.append))
    assert not [line for line in lines if line.startswith("      - ") and not _OF_NO_FRAUD.fullmatch(line)]


async def defrauded(exchange: Exchange, county: str, land: str, paddy: str = "0.0000") -> str:
    """Use up the new land of a project, all but ``paddy`` of it dry, then void it: the county owes just that.

    Returns the obligation's public id; ``land`` includes ``paddy``, both hm².
    """
    land_m2, paddy_m2 = (parse_quantity(each, Indicator.FARMLAND_QUANTITY) for each in (land, paddy))
    # Applications ask for land of grade 15. Its capacity is older than the project's, so that it is used
    # first, and the project's own is cancelled whole.
    capacity = format_quantity(land_m2 * 15, Indicator.GRAIN_CAPACITY)
    await credited(exchange, county, {Indicator.GRAIN_CAPACITY: capacity})
    parcels = [
        {
            "id": f"{county}-{next(_sources)}",
            "area": format_decimal(area_m2, 4),
            "use_before": "unused",
            "use_after": use,
            "grade_after": 15,
        }
        for use, area_m2 in (("dry_land", land_m2 - paddy_m2), ("paddy", paddy_m2))
        if area_m2
    ]
    officer, regulator = await exchange.county(county), await exchange.regulator()
    filed = await officer.post("/v1/projects", project_body(county, parcels=parcels))
    assert filed.status_code == 201, filed.text
    project = str(filed.json()["id"])
    await accept(exchange, project)
    dry = format_decimal(land_m2 - paddy_m2, 4)
    wanted = {Indicator.FARMLAND_QUANTITY: dry, Indicator.PADDY_AREA: paddy}
    application = await filed_application(exchange, county, wanted)
    used = await officer.post(f"/v1/land-applications/{application}/write-off")
    assert used.status_code == 201, used.text
    await voided(exchange, project)
    obligations = (await regulator.get("/v1/obligations", params={"limit": 200})).json()["items"]
    (opened,) = [each for each in obligations if each["source"] == project]
    return str(opened["id"])
