"""The sample province: Sichuan's register, its poverty lists and tokens, for a first look and the tests."""

import csv
from datetime import date, datetime
from importlib import resources

from app.market.access import Role
from app.market.jurisdictions import DesignationKind, Level
from app.services import tokens
from app.store import clock
from app.store import jurisdictions as store
from app.store.database import Connection

REGISTER = "sichuan_jurisdictions.csv"
SAMPLE_FROM = date(2017, 1, 1)
PROVINCE = "510000"

BEARERS: dict[str, tuple[str, Role]] = {
    "LAND_REGULATOR": (PROVINCE, Role.LAND_REGULATOR),
    "PRICE_REGULATOR": (PROVINCE, Role.PRICE_REGULATOR),
    "TREASURER": (PROVINCE, Role.TREASURER),
    "AUDITOR": (PROVINCE, Role.AUDITOR),
    "ADMINISTRATOR": (PROVINCE, Role.ADMINISTRATOR),
    "BAZHOU": ("511902", Role.COUNTY_OFFICER),  # 巴州区
    "ENYANG": ("511903", Role.COUNTY_OFFICER),  # 恩阳区
    "TONGJIANG": ("511921", Role.COUNTY_OFFICER),  # 通江县
    "NANJIANG": ("511922", Role.COUNTY_OFFICER),  # 南江县
    "PINGCHANG": ("511923", Role.COUNTY_OFFICER),  # 平昌县
    "SANTAI": ("510722", Role.COUNTY_OFFICER),  # 三台县
    "GAOXIN": ("510191", Role.CITY_OFFICER),  # 成都高新区
    "CHENGDU": ("510100", Role.CITY_OFFICER),  # 成都市
    "PANZHIHUA": ("510400", Role.CITY_OFFICER),  # 攀枝花市
    "ZIGONG": ("510300", Role.CITY_OFFICER),  # 自贡市
    "LUZHOU": ("510500", Role.CITY_OFFICER),  # 泸州市
}
"""Whose tokens the sample makes, by the shell variable that holds each."""


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


async def make_sample_tokens(connection: Connection, *, expires_at: datetime) -> dict[str, str]:
    """Make a token for each of the sample's bearers; return the secrets by variable name."""
    secrets = {}
    for name, (jurisdiction, role) in BEARERS.items():
        made = await tokens.create(
            connection,
            label=f"sample {name.lower()}",
            jurisdiction=jurisdiction,
            roles=frozenset({role}),
            expires_at=expires_at,
        )
        secrets[name] = made.secret
    return secrets
