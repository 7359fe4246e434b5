"""Voiding a fraudulent project over HTTP (RULES 12): stock cancelled, sold and used owed, buyers kept."""

from dataclasses import dataclass
from typing import Any

import pytest

from app.market.indicators import Indicator
from app.market.units import format_quantity, parse_quantity
from app.sealing.keys import Keys
from app.services.days import day_of
from tests import story
from tests.awarded import Books, books, changes
from tests.conftest import Exchange
from tests.promised import accept, active, fallen_due, filed_project
from tests.supervised import concluded, found, fraud_found, inspected, project_of, voided

GUILTY, BUYER, OTHER = "511922", "510107", "510104"
LAND = Indicator.FARMLAND_QUANTITY
WHY = {"reason_code": "no_such_land", "reason": "李四虚构新增耕地"}


@dataclass
class Fraud:
    """A project of 10 hm²: 6 listed (2 of them sold and settled, 1 paid for), 1.5 written off, 2.5 left."""

    project: str
    batch: str
    listing: str
    settled: str
    paid: str
    application: str


async def bought(exchange: Exchange, listing: str, quantity: str, buyer: str = BUYER) -> str:
    """Have a buyer with a need and money buy of a listing at the seller's price; the trade."""
    need = await story.approved_need(exchange, buyer, {LAND: quantity})
    await story.funded(exchange, buyer, "3000000.00")
    purchase = await story.bought(
        exchange, buyer, mode="market", need_id=need, listing_id=listing, quantity=quantity, price="300000.00"
    )
    return str(purchase["trade_id"])


async def listed(exchange: Exchange, county: str, batch: str, quantity: str) -> str:
    """Have a county list of a batch; the listing."""
    body = {"batch_id": batch, "quantity": quantity, "ask": None, "open_to_key_projects": True}
    answer = await (await exchange.county(county)).post("/v1/listings", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def quantity_of_grade_15(hectares: str) -> str:
    """The capacity of so much land of grade 15, in kg: 1,500 to the hectare."""
    return format_quantity(parse_quantity(hectares, LAND) * 15, Indicator.GRAIN_CAPACITY)


async def used(exchange: Exchange, county: str, quantity: str, application: str | None = None) -> str:
    """File an application, if none is given, and write it off from a county's own reserve; it.

    The capacity that its parcels of grade 15 need comes from a project of its own.
    """
    kilograms = quantity_of_grade_15(quantity)
    await story.credited(exchange, county, {Indicator.GRAIN_CAPACITY: kilograms})
    application = application or await story.filed_application(exchange, county, {LAND: quantity})
    answer = await (await exchange.county(county)).post(f"/v1/land-applications/{application}/write-off")
    assert answer.status_code == 201, answer.text
    return application


async def a_fraud(exchange: Exchange) -> Fraud:
    """Credit, list, sell and use a project's land."""
    await story.band(exchange, LAND)
    await story.sold_by(exchange, LAND, "market")
    batch = (await story.credited(exchange, GUILTY, {LAND: "10.0000"}))[LAND]
    listing = await listed(exchange, GUILTY, batch, "6.0000")
    settled = await bought(exchange, listing, "2.0000")
    await story.settled(exchange, settled)
    waiting = await bought(exchange, listing, "1.0000")
    await story.paid(exchange, waiting)
    application = await used(exchange, GUILTY, "1.5000")
    return Fraud(await project_of(exchange, batch), batch, listing, settled, waiting, application)


async def refused(exchange: Exchange, application: str) -> None:
    """Have the regulator refuse an application, which reverses its write-off."""
    answer = await (await exchange.regulator()).post(
        f"/v1/land-applications/{application}/decision", {"decision": "refuse", "reason": "不符"}
    )
    assert answer.status_code == 201, answer.text


async def first_application(exchange: Exchange, county: str) -> str:
    """The first application that a county filed: what its first purchase was for."""
    answer = await (await exchange.county(county)).get("/v1/land-applications")
    return str(answer.json()["items"][0]["id"])


async def land_and_money(exchange: Exchange) -> Books:
    """The books without the capacity that the applications' parcels need beside."""
    return {
        key: balance for key, balance in (await books(exchange)).items() if key[1] != Indicator.GRAIN_CAPACITY
    }


def owed(obligation: dict[str, Any]) -> str:
    """The farmland that an obligation still owes."""
    return str(next(item["quantity"] for item in obligation["owed"] if item["indicator"] == LAND))


async def obligations(exchange: Exchange) -> list[dict[str, Any]]:
    """Every obligation."""
    return list((await (await exchange.regulator()).get("/v1/obligations")).json()["items"])


async def test_a_voiding_cancels_what_is_left_and_what_was_sold_or_used_is_owed(exchange: Exchange) -> None:
    fraud = await a_fraud(exchange)
    before = await land_and_money(exchange)
    shown = await voided(exchange, fraud.project)
    assert (shown["state"], shown["voiding"]["reason_code"]) == ("VOIDED", "no_such_land")
    (batch,) = shown["voiding"]["batches"]
    assert (batch["issued"], batch["cancelled"], batch["owed"]) == ("10.0000", "6.5000", "3.5000")

    after = changes(before, await land_and_money(exchange))
    amount = 300_000_00
    assert after == {
        (GUILTY, LAND, "available"): -2_5000,
        (GUILTY, LAND, "locked"): -4_0000,
        (GUILTY, LAND, "consumed"): 6_5000,
        (BUYER, "CNY", "escrow"): -amount,
        (BUYER, "CNY", "available"): amount,
    }
    regulator = await exchange.regulator()
    assert (await regulator.get(f"/v1/listings/{fraud.listing}")).json()["state"] == "VOIDED"
    assert (await regulator.get(f"/v1/trades/{fraud.paid}")).json()["state"] == "VOIDED"
    assert (await regulator.get(f"/v1/trades/{fraud.settled}")).json()["state"] == "SETTLED"
    (obligation,) = await obligations(exchange)
    assert obligation["id"] == shown["voiding"]["obligation_id"]
    assert (obligation["kind"], obligation["state"], obligation["source"]) == (
        "replacement",
        "OPEN",
        fraud.project,
    )
    assert (obligation["jurisdiction"], owed(obligation)) == (GUILTY, "3.5000")
    (sanction,) = (await regulator.get("/v1/sanctions")).json()["items"]
    assert (sanction["kind"], sanction["jurisdiction"]) == ("rectify", GUILTY)
    await story.verified(exchange)


async def test_a_buyer_in_good_faith_lists_sells_and_uses_what_it_bought(exchange: Exchange) -> None:
    fraud = await a_fraud(exchange)
    await voided(exchange, fraud.project)
    listing = await listed(exchange, BUYER, fraud.batch, "1.0000")
    await story.settled(exchange, await bought(exchange, listing, "0.5000", OTHER))
    await used(exchange, OTHER, "0.5000", await first_application(exchange, OTHER))
    await story.verified(exchange)
    assert owed((await obligations(exchange))[0]) == "3.5000"


async def test_the_guilty_county_has_nothing_left_to_list(exchange: Exchange) -> None:
    fraud = await a_fraud(exchange)
    await voided(exchange, fraud.project)
    body = {"batch_id": fraud.batch, "quantity": "0.0001", "ask": None, "open_to_key_projects": True}
    answer = await (await exchange.county(GUILTY)).post("/v1/listings", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient")


async def test_what_a_reversal_gives_back_is_cancelled_and_no_longer_owed(exchange: Exchange) -> None:
    fraud = await a_fraud(exchange)
    await voided(exchange, fraud.project)
    before = await land_and_money(exchange)
    await refused(exchange, fraud.application)
    assert changes(before, await land_and_money(exchange)) == {}
    (obligation,) = await obligations(exchange)
    assert (obligation["state"], owed(obligation)) == ("OPEN", "2.0000")
    await story.verified(exchange)


async def test_what_the_guilty_county_buys_back_is_cancelled_and_no_longer_owed(exchange: Exchange) -> None:
    fraud = await a_fraud(exchange)
    await voided(exchange, fraud.project)
    listing = await listed(exchange, BUYER, fraud.batch, "2.0000")
    await story.settled(exchange, await bought(exchange, listing, "2.0000", GUILTY))
    (obligation,) = await obligations(exchange)
    assert (obligation["state"], owed(obligation)) == ("OPEN", "1.5000")
    assert (GUILTY, LAND, "available") not in await land_and_money(exchange)
    await story.verified(exchange)
    await refused(exchange, fraud.application)
    (obligation,) = await obligations(exchange)
    assert obligation["state"] == "CANCELLED"
    await story.verified(exchange)


async def test_what_was_bought_back_and_cancelled_covers_no_application_and_may_be_bought_anew(
    exchange: Exchange,
) -> None:
    fraud = await a_fraud(exchange)
    shown = await voided(exchange, fraud.project)
    listing = await listed(exchange, BUYER, fraud.batch, "2.0000")
    await story.settled(exchange, await bought(exchange, listing, "2.0000", GUILTY))
    county = await exchange.county(GUILTY)
    filed = await county.get("/v1/land-applications", params={"state": "FILED"})
    (application,) = [each["id"] for each in filed.json()["items"]]
    for backing, wanted in (
        ({"application_id": application}, "2.0000"),
        ({"obligation_id": shown["voiding"]["obligation_id"]}, "1.5000"),
    ):
        answer = await county.post("/v1/needs", {**backing, "quantities": {LAND.value: wanted}})
        assert answer.status_code == 201, answer.text


async def test_what_comes_back_after_it_was_replaced_is_good_stock(exchange: Exchange) -> None:
    fraud = await a_fraud(exchange)
    shown = await voided(exchange, fraud.project)
    await story.credited(exchange, GUILTY, {LAND: "5.0000"})
    county = await exchange.county(GUILTY)
    made_good = await county.post(f"/v1/obligations/{shown['voiding']['obligation_id']}/discharge")
    assert made_good.status_code == 201, made_good.text
    before = await land_and_money(exchange)
    await refused(exchange, fraud.application)
    assert changes(before, await land_and_money(exchange)) == {
        (GUILTY, LAND, "available"): 1_5000,
        (GUILTY, LAND, "consumed"): -1_5000,
    }
    await listed(exchange, GUILTY, fraud.batch, "1.0000")
    await story.verified(exchange)


async def test_another_countys_reversal_gives_it_its_stock_back(exchange: Exchange) -> None:
    fraud = await a_fraud(exchange)
    application = await used(exchange, BUYER, "2.0000", await first_application(exchange, BUYER))
    await voided(exchange, fraud.project)
    await refused(exchange, application)
    assert (await land_and_money(exchange))[BUYER, LAND, "available"] == 2_0000
    assert owed((await obligations(exchange))[0]) == "3.5000"
    await story.verified(exchange)


async def test_a_project_of_which_everything_is_left_leaves_nothing_owed(exchange: Exchange) -> None:
    batch = (await story.credited(exchange, GUILTY, {LAND: "10.0000"}))[LAND]
    shown = await voided(exchange, await project_of(exchange, batch))
    assert shown["voiding"]["obligation_id"] is None
    assert shown["voiding"]["batches"][0]["cancelled"] == "10.0000"
    assert await obligations(exchange) == []
    assert (await (await exchange.regulator()).get("/v1/sanctions")).json()["items"] == []
    await story.verified(exchange)


async def test_every_indicator_of_the_project_is_owed_for_by_itself(exchange: Exchange) -> None:
    """8 hm² of new dry land of grade 10: quantity 8, capacity 72,000 kg; the quantity is sold."""
    officer, regulator = await exchange.county(GUILTY), await exchange.regulator()
    filed = (await officer.post("/v1/projects", story.project_body(GUILTY))).json()["id"]
    acceptance = {"accepted_on": "2019-11-05", "accepting_body": "省厅"}
    accepted = (await regulator.post(f"/v1/projects/{filed}/acceptance", acceptance)).json()
    batches = {batch["indicator"]: batch["id"] for batch in accepted["batches"]}
    await story.band(exchange, LAND)
    await story.sold_by(exchange, LAND, "market")
    listing = await listed(exchange, GUILTY, batches[LAND], "8.0000")
    await story.settled(exchange, await bought(exchange, listing, "8.0000"))
    shown = await voided(exchange, filed)
    owed = {batch["indicator"]: (batch["cancelled"], batch["owed"]) for batch in shown["voiding"]["batches"]}
    assert owed == {
        "farmland_quantity": ("0.0000", "8.0000"),
        "grain_capacity": ("72000.00", "0.00"),
    }
    await story.verified(exchange)


async def test_a_listing_in_an_announced_auction_drops_out_of_its_pool(exchange: Exchange) -> None:
    await story.band(exchange, LAND)
    batch = (await story.credited(exchange, GUILTY, {LAND: "10.0000"}))[LAND]
    listing = await listed(exchange, GUILTY, batch, "10.0000")
    other = await story.listed(exchange, "510722", LAND, "3.0000")
    auction = await story.announced(exchange, LAND)
    await story.registered(exchange, auction, BUYER, "5.0000")
    await story.bid(exchange, auction, BUYER, "310000.00", "5.0000")
    await voided(exchange, await project_of(exchange, batch))
    record, outcome = await story.opened(exchange, auction)
    assert [each["id"] for each in record["listings"]] == [other]
    assert listing not in str(outcome)
    assert outcome["sold_quantity"] == "3.0000"
    await story.verified(exchange)


async def test_the_land_of_a_voided_project_is_not_credited_as_new_again(exchange: Exchange) -> None:
    officer, regulator = await exchange.county(GUILTY), await exchange.regulator()
    body = story.project_body(GUILTY)
    acceptance = {"accepted_on": "2019-11-05", "accepting_body": "省厅"}
    filed = (await officer.post("/v1/projects", body)).json()["id"]
    assert (await regulator.post(f"/v1/projects/{filed}/acceptance", acceptance)).status_code == 201
    await voided(exchange, filed)
    again = {**body, "filing_no": f"{GUILTY}20209999"}
    filed_again = (await officer.post("/v1/projects", again)).json()["id"]
    answer = await regulator.post(f"/v1/projects/{filed_again}/acceptance", acceptance)
    assert (answer.status_code, answer.json()["facts"]["reasons"]) == (422, ["parcel_claimed"])


@pytest.mark.parametrize("conclusion", [None, "rectify", "another project's"])
async def test_a_project_is_voided_only_after_an_inspection_of_it_that_concluded_fraud(
    exchange: Exchange, conclusion: str | None
) -> None:
    batch = (await story.credited(exchange, GUILTY, {LAND: "10.0000"}))[LAND]
    project = await project_of(exchange, batch)
    if conclusion == "another project's":
        other = (await story.credited(exchange, GUILTY, {LAND: "1.0000"}))[LAND]
        inspection = await fraud_found(exchange, await project_of(exchange, other))
    else:
        inspection = await inspected(exchange, project_id=project)
        await found(exchange, inspection, "fraud")
        if conclusion is not None:
            today = day_of(await exchange.now()).isoformat()
            await concluded(exchange, inspection, conclusion, rectify_by=today)
    before = await land_and_money(exchange)
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/projects/{project}/voiding", {"inspection_id": inspection, **WHY})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_fraud_concluded")
    assert (await regulator.get(f"/v1/projects/{project}")).json()["state"] == "ACCEPTED"
    assert await land_and_money(exchange) == before


async def test_only_an_accepted_project_is_voided_and_only_once(exchange: Exchange) -> None:
    officer, regulator = await exchange.county(GUILTY), await exchange.regulator()
    filed = (await officer.post("/v1/projects", story.project_body(GUILTY))).json()["id"]
    batch = (await story.credited(exchange, GUILTY, {LAND: "10.0000"}))[LAND]
    project = await project_of(exchange, batch)
    shown = await voided(exchange, project)
    inspection = shown["voiding"]["inspection_id"]
    for number, status in ((filed, 409), (project, 409), ("P0000099999", 404)):
        answer = await regulator.post(f"/v1/projects/{number}/voiding", {"inspection_id": inspection, **WHY})
        assert answer.status_code == status, answer.text
    missing = {"inspection_id": "V0000099999", **WHY}
    answer = await regulator.post(f"/v1/projects/{filed}/voiding", missing)
    assert answer.status_code == 409
    assert (await officer.post(f"/v1/projects/{project}/voiding", missing)).status_code == 403


async def test_the_public_reads_which_projects_are_void_and_not_the_regulators_words(
    exchange: Exchange,
) -> None:
    fraud = await a_fraud(exchange)
    shown = await voided(exchange, fraud.project, **WHY)
    public = exchange.public()
    (item,) = (await public.get("/v1/bulletin/voided-projects")).json()["items"]
    assert (item["id"], item["county"], item["voiding"]) == (fraud.project, GUILTY, shown["voiding"])
    batch = (await story.credited(exchange, OTHER, {LAND: "1.0000"}))[LAND]
    later = await project_of(exchange, batch)
    await voided(exchange, later)
    page = (await public.get("/v1/bulletin/voided-projects", params={"limit": 1})).json()
    following = await public.get("/v1/bulletin/voided-projects", params={"cursor": page["next_cursor"]})
    assert [each["id"] for each in page["items"] + following.json()["items"]] == [later, fraud.project]
    events = (await public.get("/v1/journal", params={"limit": 200})).json()["items"]
    assert "project.voided" in {event["kind"] for event in events}
    assert "李四" not in str(events) + str(item)


async def test_what_the_guilty_county_promised_of_it_is_cancelled_and_its_earmarks_end(
    exchange: Exchange, keys: Keys
) -> None:
    application = await story.filed_application(exchange, GUILTY, {LAND: "8.0000"})
    project = await filed_project(exchange, GUILTY, LAND, "10.0000")
    commitment = await active(exchange, GUILTY, application, project, {LAND: "8.0000"})
    await accept(exchange, project)
    assert (await books(exchange))[GUILTY, LAND, "earmarked"] == 8_0000
    shown = await voided(exchange, project)
    assert (shown["voiding"]["batches"][0]["cancelled"], shown["voiding"]["obligation_id"]) == (
        "10.0000",
        None,
    )
    assert (await land_and_money(exchange)).get((GUILTY, LAND, "earmarked")) is None
    await story.verified(exchange)
    assert (await fallen_due(exchange, keys, commitment))["state"] == "DEFAULTED"
    await story.verified(exchange)


async def test_what_a_city_was_promised_of_it_stays_until_it_comes_back_and_is_cancelled(
    exchange: Exchange,
) -> None:
    city = "511900"
    application = await story.filed_application(exchange, city, {LAND: "8.0000"})
    project = await filed_project(exchange, GUILTY, LAND, "10.0000")
    await active(exchange, city, application, project, {LAND: "8.0000"})
    await accept(exchange, project)
    await voided(exchange, project)
    assert (await books(exchange))[city, LAND, "earmarked"] == 8_0000
    assert owed((await obligations(exchange))[0]) == "8.0000"
    officer = await exchange.city(city)
    assert (await officer.post(f"/v1/land-applications/{application}/withdrawal")).status_code == 201
    assert (await land_and_money(exchange)).keys() == {(GUILTY, LAND, "consumed"), (GUILTY, LAND, "issued")}
    (obligation,) = await obligations(exchange)
    assert obligation["state"] == "CANCELLED"
    await story.verified(exchange)
