"""Steps of the story that many tests begin with: each does one thing over HTTP, as its user would."""

import hashlib
import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial
from typing import Any

from app.market.bidding import deposit_fen
from app.market.indicators import Indicator
from app.market.units import format_decimal, format_money, parse_money, parse_quantity
from app.services.days import day_of
from app.services.verification import verify
from tests.conftest import Exchange

_serials = itertools.count(1)
REVIEWED = {"surplus_recognised": True, "ecology_reviewed": True}
GRAIN_STEPS_PER_M2 = 15  # what a square metre gains when its grade rises by one: 0.15 kg


def project_body(county: str, /, **given: Any) -> dict[str, Any]:
    """The body of a sound project of 8 hm² new dry land, with what is given in its place."""
    serial = next(_serials)
    parcel = {"area": "8.0000", "use_before": "unused", "use_after": "dry_land", "grade_after": 10}
    return {
        "filing_no": f"{county}2018{serial % 10_000:04d}",
        "kind": "land_consolidation",
        "name": f"项目 {serial}",
        "department": "自然资源和规划局",
        "started_on": "2018-03-01",
        "funds": [{"source": "fiscal", "share": "1"}],
        "parcels": [{"id": f"{county}-{serial}", **parcel}],
        **given,
    }


async def credited(exchange: Exchange, county: str, wanted: Mapping[Indicator, str]) -> dict[Indicator, str]:
    """File and have accepted a project for each indicator that earns what is wanted of it and no other.

    Returns the batches' public ids. Capacity comes in steps of 0.15 kg: what is wanted is rounded up.
    """
    officer, regulator = await exchange.county(county), await exchange.regulator()
    batches = {}
    for indicator, quantity in wanted.items():
        body = project_body(county, **papers_for(county, indicator, parse_quantity(quantity, indicator)))
        filed = await officer.post("/v1/projects", body)
        assert filed.status_code == 201, filed.text
        accepted = await regulator.post(
            f"/v1/projects/{filed.json()['id']}/acceptance",
            {"accepted_on": "2019-11-05", "accepting_body": "省自然资源厅", **REVIEWED},
        )
        assert accepted.status_code == 201, accepted.text
        (batch,) = accepted.json()["batches"]
        assert batch["indicator"] == indicator
        batches[indicator] = batch["id"]
    return batches


def papers_for(county: str, indicator: Indicator, steps: int) -> dict[str, Any]:
    """The kind and parcels that earn just so many steps of one indicator."""
    at = f"{county}-{next(_serials)}"

    def parcel(number: int, area_m2: int, before: str, after: str, *grades: int | None) -> dict[str, Any]:
        return {
            "id": f"{at}-{number}",
            "area": format_decimal(area_m2, 4),
            "use_before": before,
            "use_after": after,
            "grade_before": grades[0],
            "grade_after": grades[1],
        }

    if indicator is Indicator.LINKAGE_QUOTA:
        return {
            "kind": "linkage",
            "surplus_as": "linkage_quota",
            "parcels": [parcel(1, steps, "construction", "dry_land", None, 10)],
        }
    if indicator is Indicator.PADDY_AREA:
        return {"kind": "quality_upgrade", "parcels": [parcel(1, steps, "dry_land", "paddy", 10, 10)]}
    if indicator is Indicator.GRAIN_CAPACITY:
        area_m2 = -(-steps // GRAIN_STEPS_PER_M2)
        return {"kind": "quality_upgrade", "parcels": [parcel(1, area_m2, "dry_land", "dry_land", 10, 9)]}
    # The second parcel loses more capacity than the new land gains, so that only quantity is earned.
    new_land = parcel(1, steps, "unused", "dry_land", None, 15)
    return {"parcels": [new_land, parcel(2, steps, "dry_land", "dry_land", 1, 15)]}


async def evidence(exchange: Exchange, project: str, *kinds: str) -> None:
    """Have the regulator add a document of each kind to a project."""
    regulator = await exchange.regulator()
    for kind in kinds:
        answer = await regulator.post(
            f"/v1/projects/{project}/documents",
            {
                "kind": kind,
                "title": f"材料 {next(_serials)}",
                "sha256": hashlib.sha256(f"{project} {kind}".encode()).hexdigest(),
                "media_type": "application/pdf",
                "size_bytes": 1000,
                "issued_on": "2018-01-15",
                "issued_by": "省自然资源厅",
            },
        )
        assert answer.status_code == 201, answer.text


async def band(
    exchange: Exchange,
    indicator: Indicator,
    floor: str = "300000.00",
    ceiling: str = "450000.00",
    key_project_price: str | None = None,
    *,
    unified_price: str | None = None,
) -> str:
    """Have a band set and wait the second until it is in force; its id. The key price is the floor's."""
    regulator = await exchange.regulator()
    answer = await regulator.post(
        "/v1/price-bands",
        {
            "indicator": indicator,
            "starts_at": (await exchange.now() + timedelta(seconds=1)).isoformat(),
            "floor": floor,
            "ceiling": ceiling,
            "key_project_price": key_project_price or floor,
            "unified_price": unified_price,
            "costs": {
                "average_cost": floor,
                "protection_compensation": "0.00",
                "annual_upkeep": "0.00",
                "upkeep_years": 0,
            },
            "floor_factor": "1",
            "ceiling_factor": "1.5",
        },
    )
    assert answer.status_code == 201, answer.text
    await exchange.advance(seconds=1)
    return str(answer.json()["id"])


async def policy(exchange: Exchange, name: str, value: Any) -> str:
    """Have a policy set and wait the second until it is in force; its id."""
    regulator = await exchange.regulator()
    starts_at = (await exchange.now() + timedelta(seconds=1)).isoformat()
    answer = await regulator.post("/v1/policies", {"name": name, "value": value, "starts_at": starts_at})
    assert answer.status_code == 201, answer.text
    await exchange.advance(seconds=1)
    return str(answer.json()["id"])


async def sold_by(exchange: Exchange, indicator: Indicator, *modes: str) -> str:
    """Have an indicator sold in the modes named, and all others by auction; the policy's id."""
    value = {each.value: ["auction"] for each in Indicator} | {indicator.value: list(modes)}
    return await policy(exchange, "trade_modes", value)


async def sanctioned(exchange: Exchange, jurisdiction: str, kind: str = "suspend") -> str:
    """Have the regulator sanction a jurisdiction from today on; the sanction's id."""
    regulator = await exchange.regulator()
    answer = await regulator.post(
        "/v1/sanctions",
        {
            "jurisdiction": jurisdiction,
            "kind": kind,
            "reason": "补充耕地不实",
            "starts_on": day_of(await exchange.now()).isoformat(),
        },
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def funded(exchange: Exchange, jurisdiction: str, yuan: str) -> None:
    """Have the treasurer record money that a jurisdiction paid in."""
    treasurer = await exchange.treasurer()
    recorded = await treasurer.post(
        f"/v1/accounts/{jurisdiction}/deposits", {"amount": yuan, "reference": f"入金 {next(_serials)}"}
    )
    assert recorded.status_code == 201, recorded.text


async def confirmed(exchange: Exchange, trade: str) -> dict[str, Any]:
    """Wait until a trade's public notice has ended, and have its buyer confirm it."""
    regulator = await exchange.regulator()
    waiting = (await regulator.get(f"/v1/trades/{trade}")).json()
    await until(exchange, waiting["notice_ends_at"])
    buyer = await exchange.county(waiting["buyer"])
    answer = await buyer.post(f"/v1/trades/{trade}/confirmation")
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def paid(exchange: Exchange, trade: str) -> dict[str, Any]:
    """Confirm a trade, pay in what its buyer still owes, and pay."""
    waiting = await confirmed(exchange, trade)
    if waiting["to_pay"] != "0.00":
        await funded(exchange, waiting["buyer"], waiting["to_pay"])
    buyer = await exchange.county(waiting["buyer"])
    answer = await buyer.post(f"/v1/trades/{trade}/payment")
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def settled(exchange: Exchange, trade: str) -> dict[str, Any]:
    """Take a trade from its award through notice, payment and settlement."""
    await paid(exchange, trade)
    treasurer = await exchange.treasurer()
    answer = await treasurer.post(f"/v1/trades/{trade}/settlement")
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def listed(
    exchange: Exchange,
    county: str,
    indicator: Indicator,
    quantity: str,
    *,
    ask: str | None = None,
    open_to_key_projects: bool = True,
) -> str:
    """Credit a county with what it then lists; a band must be in force. Returns the listing's id."""
    batches = await credited(exchange, county, {indicator: quantity})
    officer = await exchange.county(county)
    answer = await officer.post(
        "/v1/listings",
        {
            "batch_id": batches[indicator],
            "quantity": quantity,
            "ask": ask,
            "open_to_key_projects": open_to_key_projects,
        },
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def filed_application(exchange: Exchange, applicant: str, wanted: Mapping[Indicator, str]) -> str:
    """File an application that requires at least what is wanted (linkage quota by itself); its id."""
    officer = await exchange.county(applicant)
    body: dict[str, Any] = {"kind": "town_batch", "title": f"批次 {next(_serials)}"}
    if Indicator.LINKAGE_QUOTA in wanted:
        body |= {"kind": "linkage", "new_construction_area": wanted[Indicator.LINKAGE_QUOTA]}
    else:
        steps = {each: parse_quantity(quantity, each) for each, quantity in wanted.items()}
        # Grade 1 farmland has 225 steps of 0.01 kg to the square metre.
        parcels = [
            ("dry_land", 15, steps.get(Indicator.FARMLAND_QUANTITY, 0)),
            ("paddy", 15, steps.get(Indicator.PADDY_AREA, 0)),
            ("dry_land", 1, -(-steps.get(Indicator.GRAIN_CAPACITY, 0) // 225)),
        ]
        body["parcels"] = [
            {"parcel_no": str(number), "area": format_decimal(area_m2, 4), "use": use, "grade": grade}
            for number, (use, grade, area_m2) in enumerate(parcels)
            if area_m2
        ]
    answer = await officer.post("/v1/land-applications", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def approved_need(
    exchange: Exchange,
    buyer: str,
    wanted: Mapping[Indicator, str],
    *,
    key_level: str | None = None,
    all_or_nothing: bool = False,
) -> str:
    """File an application for what is wanted, declare the need and have it approved; the need's id."""
    application = await filed_application(exchange, buyer, wanted)
    officer, regulator = await exchange.county(buyer), await exchange.regulator()
    declared = await officer.post(
        "/v1/needs",
        {
            "application_id": application,
            "quantities": {indicator.value: quantity for indicator, quantity in wanted.items()},
            "all_or_nothing": all_or_nothing,
        },
    )
    assert declared.status_code == 201, declared.text
    need = str(declared.json()["id"])
    approved = await regulator.post(f"/v1/needs/{need}/approval", {"key_level": key_level})
    assert approved.status_code == 201, approved.text
    return need


async def bought(exchange: Exchange, buyer: str, **wanted: Any) -> dict[str, Any]:
    """Buy what is wanted, with money for whatever deposit it asks; returns the purchase."""
    await funded(exchange, buyer, "10000000.00")
    officer = await exchange.county(buyer)
    answer = await officer.post("/v1/purchases", wanted)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def until(exchange: Exchange, instant: str) -> None:
    """Move the clock to an instant, if it has not come yet."""
    left = datetime.fromisoformat(instant) - await exchange.now()
    await exchange.advance(seconds=max(0.0, left.total_seconds()))


async def announced(exchange: Exchange, indicator: Indicator, **given: Any) -> dict[str, Any]:
    """Announce an auction that opens in a minute and closes an hour later; returns it."""
    regulator = await exchange.regulator()
    opens_at = await exchange.now() + timedelta(minutes=1)
    body = {
        "indicator": indicator.value,
        "opens_at": opens_at.isoformat(),
        "closes_at": (opens_at + timedelta(hours=1)).isoformat(),
        **given,
    }
    answer = await regulator.post("/v1/auctions", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def registered(
    exchange: Exchange, auction: Mapping[str, Any], buyer: str, limit: str, *, need: str | None = None
) -> dict[str, Any]:
    """Register a buyer with a limit, with money for the deposit and a need of that much if none is given."""
    indicator = Indicator(auction["indicator"])
    need = need or await approved_need(exchange, buyer, {indicator: limit})
    deposit = deposit_fen(
        Fraction(auction["deposit_rate"]),
        parse_money(auction["ceiling"]),
        parse_quantity(limit, indicator),
        indicator,
    )
    if deposit:
        await funded(exchange, buyer, format_money(deposit))
    officer = await exchange.city(buyer)
    answer = await officer.post(
        f"/v1/auctions/{auction['id']}/registrations", {"need_id": need, "limit": limit}
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def bid(
    exchange: Exchange,
    auction: Mapping[str, Any],
    buyer: str,
    price: str,
    quantity: str,
    *,
    min_quantity: str | None = None,
) -> dict[str, Any]:
    """Wait for the bidding if need be, and place a sealed bid; returns its receipt."""
    await until(exchange, auction["opens_at"])
    officer = await exchange.city(buyer)
    answer = await officer.post(
        f"/v1/auctions/{auction['id']}/bids",
        {"price": price, "quantity": quantity, "min_quantity": min_quantity},
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def opened(exchange: Exchange, auction: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Wait until bidding has closed and open; returns the public record and outcome."""
    await until(exchange, auction["closes_at"])
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/auctions/{auction['id']}/opening")
    assert answer.status_code == 201, answer.text
    assert answer.json()["state"] == "OPENED", answer.text
    public = exchange.public()
    record = await public.get(f"/v1/auctions/{auction['id']}/record")
    outcome = await public.get(f"/v1/auctions/{auction['id']}/outcome")
    assert (record.status_code, outcome.status_code) == (200, 200)
    return record.json(), outcome.json()


async def verified(exchange: Exchange) -> None:
    """Replay the books, as `gengheng verify` does: nothing contradicts them."""
    lines: list[str] = []
    verdict = await exchange.database.read(partial(verify, report=lines.append))
    assert verdict.faults == 0, "\n".join(lines)
