"""The sample province: Sichuan's register, its poverty lists, for a first look and for the tests."""

import csv
from datetime import date
from importlib import resources

from app.market.jurisdictions import DesignationKind, Level
from app.store import clock
from app.store import jurisdictions as store
from app.store.database import Connection

REGISTER = "sichuan_jurisdictions.csv"
SAMPLE_FROM = date(2017, 1, 1)
PROVINCE = "510000"


async def load_sample(connection: Connection) -> int:
    """Enter Sichuan's register and designations where they are missing; return how many units are new."""
    lines = resources.files("app.documents").joinpath(REGISTER).read_text("utf-8").splitlines()
    now = await clock.now(connection)
    entered = 0
    for row in csv.DictReader(lines):
        if await store.is_known(connection, row["code"]):
            continue
        await store.enter(
            connection,
            code=row["code"],
            name=row["name"],
            level=Level(row["level"]),
            parent=row["parent"] or None,
            valid_from=SAMPLE_FROM,
            valid_until=None,
        )
        kinds = []
        if row["poverty_county"] == "yes":
            # In the sample the poverty counties are also those that may sell linkage quota.
            kinds += [DesignationKind.POVERTY, DesignationKind.LINKAGE_PROVINCE_WIDE]
        if row["deep_poverty_county"] == "yes":
            kinds.append(DesignationKind.DEEP_POVERTY)
        for kind in kinds:
            await store.designate(
                connection,
                code=row["code"],
                kind=kind,
                valid_from=SAMPLE_FROM,
                valid_until=None,
                entered_at=now,
            )
        entered += 1
    return entered
