"""Whose day counts (RULES, top): one story, played as it is and with every rule changed in its middle.

What was accepted, filed, announced or awarded before the change keeps its figures; what comes after takes
the new ones.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from app.market.indicators import Indicator
from app.market.policies import DEFAULTS, FORMS, policy_set
from app.market.workdays import is_working_day
from app.services.days import day_of
from app.settings import Settings
from app.store import policies
from app.store.database import Database
from tests import story
from tests.conftest import Exchange, SavepointDatabase
from tests.mapped import SQUARE_HM2, square
from tests.owed import owing
from tests.promised import filed_project, terms

LAND = Indicator.FARMLAND_QUANTITY
SELLER, BUYER, GREEDY, SUSPENDED, OWING = "511922", "510100", "511100", "511921", "510722"
Figures = dict[str, Any]
_places = itertools.count(0, 10)

CHANGED: Mapping[str, Any] = {
    "yield_table": {grade: f"{3000 * (16 - int(grade))}.00" for grade in DEFAULTS["yield_table"]},
    "deposit_rate": "0.20",
    "buyer_cap_share": "0.75",
    "bids_per_buyer": 2,
    "lots": {each.value: "0.50" if each is Indicator.GRAIN_CAPACITY else "0.5000" for each in Indicator},
    "trade_modes": {each.value: ["auction", "market"] for each in Indicator},
    "pricing": "uniform_lowest_accepted",
    "tie": "pro_rata",
    "notice_working_days": 8,
    "payment_working_days": 12,
    "unused_land_review_area": "1.0000",
    "evidence_required": True,
    "filing_duty_working_days": 5,
    "reverification_before": "2018-01-01",
    "parcel_area_tolerance": "0.1",
    "parcel_overlap_tolerance": "0.3000",
    "purchases_within_need": False,
    "listings_may_decline_key_projects": False,
    "suspended_may_not_list": False,
    "rectification_days": 90,
    "overdue_rectification_suspends": True,
    "commitments_allowed": False,
    "commitment_term_months": 12,
    "reminder_lead_days": [10],
    "rule_set": {"name": "下一规则", "issued_on": "2026-01-01", "valid_years": 5},
    "old_method_refused_from": "2100-01-01",
    "objection_working_days": 7,
    "confirmation_prefix": "川耕调",
}
"""A value of each policy that differs from the first one."""

BEFORE: Figures = {
    "capacity credited": "72000.00",  # 8 hm² of grade 10 at 9,000 kg
    "without ecology review": "credited",
    "a review asserted without its document": "accepted",
    "capacity required": "1500.00",  # 1 hm² of grade 15
    "stated area off by a twentieth": "stated_area_off",
    "a quarter of a square in common": "parcel_overlaps",
    "band": ("300000.00", "450000.00"),
    "deposit rate": "0.10",
    "deposit": "135000.00",  # of 3 hm² at the ceiling
    "cap": None,
    "lot": "0.0001",
    "pricing": "pay_as_bid",
    "tie": "earliest",
    "third bid": 201,
    "more than the need": "exceeds_open_need",
    "prices paid": ["300000.00", "310000.00", "320000.00"],
    "key project's price": "300000.00",
    "working days of the allocation's award": (5, 10),
    "working days of the auction's award": (5, 10),
    "kept out of key projects": "listed",
    "listed while suspended": "suspended",
    "days to rectify": 180,
    "promised for 18 months": "drafted",
    "sold at the market": "mode_not_permitted",
    "filed by the old method": "old_method_ended",
}
AFTER: Figures = {
    "capacity credited": "144000.00",
    "without ecology review": "project_ineligible",
    "a review asserted without its document": "evidence_missing",
    "capacity required": "3000.00",
    "stated area off by a twentieth": "filed",
    "a quarter of a square in common": "filed",
    "band": ("500000.00", "600000.00"),
    "deposit rate": "0.20",
    "deposit": "360000.00",
    "cap": "0.75",
    "lot": "0.5000",
    "pricing": "uniform_lowest_accepted",
    "tie": "pro_rata",
    "third bid": "too_many_bids",
    "more than the need": "registered",
    "prices paid": ["500000.00", "500000.00"],
    "key project's price": "500000.00",
    "working days of the allocation's award": (8, 12),
    "working days of the auction's award": (8, 12),
    "kept out of key projects": "key_projects_not_declinable",
    "listed while suspended": "listed",
    "days to rectify": 90,
    "promised for 18 months": "commitments_not_allowed",
    "sold at the market": "bought",
    "filed by the old method": "filed",
}


def test_the_story_changes_every_policy() -> None:
    assert CHANGED.keys() == FORMS.keys()
    assert all(CHANGED[name] != DEFAULTS[name] for name in CHANGED)
    policy_set(CHANGED)
    assert BEFORE.keys() == AFTER.keys()
    assert all(BEFORE[figure] != AFTER[figure] for figure in BEFORE)


@pytest.mark.parametrize("changes", [False, True])
async def test_what_began_before_a_change_keeps_its_rules_and_what_comes_after_takes_the_new(
    shared: Database, settings: Settings, changes: bool
) -> None:
    async with shared.engine.connect() as connection:
        outer = await connection.begin()
        exchange = Exchange(SavepointDatabase(shared.engine, connection), settings)
        async with exchange.http:
            before, after = await played(exchange, changes=changes)
        await outer.rollback()
    # Announced before, awarded after: the band and deposit of the one day, the notice of the other.
    late = {"working days of the auction's award": (8, 12)} if changes else {}
    assert before == BEFORE | late
    assert after == (AFTER if changes else BEFORE)


async def played(exchange: Exchange, *, changes: bool) -> tuple[Figures, Figures]:
    """Begin everything, change the rules or not, finish it; then begin and finish it all again."""
    await story.band(exchange, LAND)
    begun = await begin(exchange)
    if changes:
        for name, value in CHANGED.items():
            await story.policy(exchange, name, value)
        await story.band(exchange, LAND, floor="500000.00", ceiling="600000.00")
    await exchange.advance(days=2)  # the day after the change: an acceptance is judged by its day
    before = await finish(exchange, begun)
    return before, await finish(exchange, await begin(exchange))


@dataclass(frozen=True)
class Begun:
    """What was filed, announced and awarded, and the figures that were final with that."""

    accepted_on: date
    projects: tuple[str, str]
    application: str
    obligation: str
    auction: Mapping[str, Any]
    trade: str
    figures: Figures


async def begin(exchange: Exchange) -> Begun:
    """File two projects and an application, list, allocate, and announce an auction."""
    seller, regulator = await exchange.county(SELLER), await exchange.regulator()
    figures = {
        "kept out of key projects": await offered(exchange, SELLER, open_to_key_projects=False),
        "listed while suspended": await offered_while_suspended(exchange),
        **await put_on_map(exchange),
        "promised for 18 months": await promised(exchange),
    }
    projects = []
    for _ in range(2):
        filed = await seller.post("/v1/projects", story.project_body(SELLER))
        assert filed.status_code == 201, filed.text
        projects.append(filed.json()["id"])
    figures["filed by the old method"] = await filed_by_the_old_method(exchange, projects[0])
    application = await story.filed_application(exchange, BUYER, {LAND: "1.0000"})
    listing = await story.listed(exchange, SELLER, LAND, "20.0000")
    await story.approved_need(exchange, BUYER, {LAND: "2.0000"}, key_level="national")
    allocated = await regulator.post("/v1/allocations")
    assert allocated.status_code == 201, allocated.text
    (trade,) = (await regulator.get("/v1/trades", params={"state": "AWARDED"})).json()["items"]
    obligation = await owing(exchange, OWING, {LAND: 1})
    figures["sold at the market"] = await bought_at_market(exchange, listing)
    opens_at = await exchange.now() + timedelta(days=3)
    auction = await story.announced(
        exchange,
        LAND,
        opens_at=opens_at.isoformat(),
        closes_at=(opens_at + timedelta(days=1)).isoformat(),
    )
    return Begun(
        day_of(await exchange.now()),
        (projects[0], projects[1]),
        application,
        obligation,
        auction,
        trade["id"],
        figures,
    )


async def finish(exchange: Exchange, begun: Begun) -> Figures:
    """Have the projects accepted as of the day they began, hold the auction, settle what was awarded."""
    unproven = await accepted(exchange, begun.projects[0], begun.accepted_on, ecology_reviewed=True)
    reviewed = unproven
    if "refused" in unproven:
        await story.evidence(exchange, begun.projects[0], "ecology_review")
        reviewed = await accepted(exchange, begun.projects[0], begun.accepted_on, ecology_reviewed=True)
    unreviewed = await accepted(exchange, begun.projects[1], begun.accepted_on, ecology_reviewed=False)
    regulator = await exchange.regulator()
    application = (await regulator.get(f"/v1/land-applications/{begun.application}")).json()
    required = {each["indicator"]: each["quantity"] for each in application["requirement"]}
    auctioned = await auctioned_off(exchange, begun.auction)
    allocated = await story.settled(exchange, begun.trade)
    for trade in auctioned.trades:
        await story.settled(exchange, trade["id"])
    return {
        **begun.figures,
        **auctioned.figures,
        "capacity credited": reviewed["grain_capacity"],
        "without ecology review": unreviewed.get("refused", "credited"),
        "a review asserted without its document": unproven.get("refused", "accepted"),
        "capacity required": required["grain_capacity"],
        "days to rectify": await days_to_rectify(exchange, begun.obligation),
        "key project's price": allocated["lines"][0]["price"],
        "working days of the allocation's award": await working_days(exchange, allocated),
    }


async def days_to_rectify(exchange: Exchange, obligation: str) -> int:
    """From the first day of an obligation's rectification to its last."""
    regulator = await exchange.regulator()
    shown = (await regulator.get(f"/v1/obligations/{obligation}")).json()
    sanctions = (await regulator.get("/v1/sanctions", params={"jurisdiction": OWING})).json()["items"]
    (sanction,) = [each for each in sanctions if each["id"] == shown["rectification"]]
    return (date.fromisoformat(sanction["ends_on"]) - date.fromisoformat(sanction["starts_on"])).days


async def bought_at_market(exchange: Exchange, listing: str) -> str:
    """Try to buy half a hectare of a listing at the floor in force; how that went."""
    need = await story.approved_need(exchange, GREEDY, {LAND: "0.5000"})
    await story.funded(exchange, GREEDY, "100000.00")
    officer, now = await exchange.city(GREEDY), (await exchange.now()).isoformat()
    (band,) = (await officer.get("/v1/price-bands", params={"at": now})).json()["items"]
    order = {"mode": "market", "need_id": need, "listing_id": listing, "quantity": "0.5000"}
    answer = await officer.post("/v1/purchases", order | {"price": band["floor"]})
    return "bought" if answer.status_code == 201 else str(answer.json()["code"])


async def filed_by_the_old_method(exchange: Exchange, project: str) -> str:
    """Try to file an application that one project of the county's supplies; how that went."""
    officer = await exchange.county(SELLER)
    answer = await officer.post(
        "/v1/land-applications",
        {
            "kind": "separate_site",
            "title": "公路",
            "method": "linked_project",
            "linked_project_id": project,
            "parcels": [{"parcel_no": "1", "area": "1.0000", "use": "dry_land", "grade": 10}],
        },
    )
    return "filed" if answer.status_code == 201 else str(answer.json()["code"])


async def promised(exchange: Exchange) -> str:
    """Try to promise half a hectare; how that went."""
    application = await story.filed_application(exchange, OWING, {LAND: "1.0000"})
    project = await filed_project(exchange, OWING, LAND, "0.5000")
    due_on = day_of(await exchange.now()) + timedelta(days=540)
    answer = await (await exchange.county(OWING)).post(
        "/v1/commitments",
        {"application_id": application, **terms(project, {LAND: "0.5000"}, due_on)},
    )
    return "drafted" if answer.status_code == 201 else str(answer.json()["code"])


async def offered(exchange: Exchange, county: str, *, open_to_key_projects: bool) -> str:
    """Try to list a hectare, and take it back; how that went."""
    officer = await exchange.county(county)
    batches = await story.credited(exchange, county, {LAND: "1.0000"})
    answer = await officer.post(
        "/v1/listings",
        {"batch_id": batches[LAND], "quantity": "1.0000", "open_to_key_projects": open_to_key_projects},
    )
    if answer.status_code != 201:
        return str(answer.json()["code"])
    taken_back = await officer.post(f"/v1/listings/{answer.json()['id']}/withdrawal")
    assert taken_back.status_code == 201, taken_back.text
    return "listed"


async def put_on_map(exchange: Exchange) -> Figures:
    """Try to file a square whose area is off, and one that overlaps one filed before; how that went."""
    officer, north = await exchange.county(SELLER), next(_places)

    async def filed(column: float, row: float, area: str) -> str:
        parcel = {
            "id": f"M{north}-{column}-{row}",
            "area": area,
            "geometry": square(column, north + row),
            "use_before": "unused",
            "use_after": "dry_land",
            "grade_after": 10,
        }
        answer = await officer.post("/v1/projects", story.project_body(SELLER, parcels=[parcel]))
        return "filed" if answer.status_code == 201 else str(answer.json()["code"])

    assert await filed(0, 0, SQUARE_HM2) == "filed"
    return {
        "stated area off by a twentieth": await filed(5, 0, "1.1000"),
        "a quarter of a square in common": await filed(0.5, 0.5, SQUARE_HM2),
    }


async def offered_while_suspended(exchange: Exchange) -> str:
    """The same of a county under suspension, which is lifted again."""
    sanction = await story.sanctioned(exchange, SUSPENDED)
    outcome = await offered(exchange, SUSPENDED, open_to_key_projects=True)
    regulator = await exchange.regulator()
    lifted = await regulator.post(f"/v1/sanctions/{sanction}/lifting")
    assert lifted.status_code == 201, lifted.text
    return outcome


async def accepted(exchange: Exchange, project: str, day: date, *, ecology_reviewed: bool) -> dict[str, str]:
    """Accept a project as of a day: what it earned by indicator, or the refusal's code."""
    regulator = await exchange.regulator()
    answer = await regulator.post(
        f"/v1/projects/{project}/acceptance",
        {
            "accepted_on": day.isoformat(),
            "accepting_body": "省自然资源厅",
            "ecology_reviewed": ecology_reviewed,
        },
    )
    if answer.status_code != 201:
        return {"refused": answer.json()["code"]}
    return {batch["indicator"]: batch["quantity"] for batch in answer.json()["batches"]}


@dataclass(frozen=True)
class Auctioned:
    """An auction's figures, and the trades it made."""

    figures: Figures
    trades: list[Mapping[str, Any]]


async def auctioned_off(exchange: Exchange, auction: Mapping[str, Any]) -> Auctioned:
    """Register one buyer as it should be and one beyond its need, bid three times, and open."""
    registered = await story.registered(exchange, auction, BUYER, "3.0000")
    await story.funded(exchange, GREEDY, "1000000.00")
    need = await story.approved_need(exchange, GREEDY, {LAND: "1.0000"})
    beyond = await (await exchange.city(GREEDY)).post(
        f"/v1/auctions/{auction['id']}/registrations", {"need_id": need, "limit": "2.0000"}
    )
    await story.until(exchange, auction["opens_at"])
    officer, floor = await exchange.city(BUYER), int(auction["floor"].split(".")[0])
    bids = [
        await officer.post(
            f"/v1/auctions/{auction['id']}/bids",
            {"price": f"{floor + 10_000 * number}.00", "quantity": "1.0000"},
        )
        for number in range(3)
    ]
    assert [answer.status_code for answer in bids[:2]] == [201, 201], bids[0].text
    await story.opened(exchange, auction)
    regulator = await exchange.regulator()
    trades = (await regulator.get("/v1/trades", params={"auction_id": auction["id"]})).json()["items"]
    figures = {
        "band": (auction["floor"], auction["ceiling"]),
        "deposit rate": auction["deposit_rate"],
        "deposit": registered["deposit"],
        "cap": auction["buyer_cap_share"],
        "lot": auction["lot"],
        "pricing": auction["pricing"],
        "tie": auction["tie"],
        "third bid": bids[2].json().get("code", bids[2].status_code),
        "more than the need": beyond.json().get("code", "registered"),
        "prices paid": sorted(line["price"] for trade in trades for line in trade["lines"]),
        "working days of the auction's award": await working_days(exchange, trades[0]),
    }
    return Auctioned(figures, trades)


async def working_days(exchange: Exchange, trade: Mapping[str, Any]) -> tuple[int, int]:
    """A trade's working days of notice after its award, and of payment after the notice."""
    now = await exchange.now()
    in_force = await exchange.database.read(lambda connection: policies.in_force(connection, now))
    calendar = {year.year: year for year in in_force.calendar_years}

    def between(start: date, exclusive_end: str) -> int:
        last = day_of(datetime.fromisoformat(exclusive_end)) - timedelta(days=1)
        days = (start + timedelta(days=number) for number in range(1, (last - start).days + 1))
        return sum(is_working_day(day, calendar) for day in days)

    awarded_on = day_of(datetime.fromisoformat(trade["awarded_at"]))
    notice_ended_on = day_of(datetime.fromisoformat(trade["notice_ends_at"])) - timedelta(days=1)
    return between(awarded_on, trade["notice_ends_at"]), between(notice_ended_on, trade["payment_due_at"])
