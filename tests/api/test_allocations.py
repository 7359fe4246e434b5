"""Allocations over HTTP (RULES 9): key projects at the fixed price, record and outcome public."""

import json
from typing import Any

from app.documents import offline
from app.market.ids import Kind, row_number
from app.market.indicators import Indicator
from app.services import allocations
from app.store import clock, needs
from app.store.allocations import AllocationRow
from app.store.database import Connection
from tests.conftest import Exchange
from tests.story import announced, approved_need, band, listed, policy, settled

POOR, ORDINARY, BUYER, OTHER = "511922", "510722", "510107", "510104"
QUANTITY, PADDY, CAPACITY, QUOTA = Indicator


async def run(exchange: Exchange) -> dict[str, Any]:
    """Have the regulator run an allocation."""
    answer = await (await exchange.regulator()).post("/v1/allocations")
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def before_an_auction(exchange: Exchange, *indicators: Indicator) -> AllocationRow | None:
    """What the announcement of an auction of the indicators runs first."""

    async def work(connection: Connection) -> AllocationRow | None:
        held = await allocations.hold(connection, indicators)
        now = await clock.now(connection)
        return await allocations.run_for(connection, held, now=now, actor="510000", indicators=indicators)

    return await exchange.database.transact(work)


def fills(made: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Who got how much of which listing."""
    return [(each["demand"], each["listing"], each["quantity"]) for each in made["fills"]]


async def test_a_key_project_is_served_at_the_fixed_price_poverty_counties_first(exchange: Exchange) -> None:
    await band(exchange, QUANTITY, key_project_price="320000.00")
    earlier = await listed(exchange, ORDINARY, QUANTITY, "10.0000")
    poor = await listed(exchange, POOR, QUANTITY, "8.0000")
    need = await approved_need(exchange, BUYER, {QUANTITY: "12.0000"}, key_level="national")
    made = await run(exchange)
    assert fills(made) == [(need, earlier, "4.0000"), (need, poor, "8.0000")]
    assert {each["price"] for each in made["fills"]} == {"320000.00"}
    assert [each["amount"] for each in made["fills"]] == ["1280000.00", "2560000.00"]
    assert made["unfilled"] == []
    regulator = await exchange.regulator()
    (item,) = (await regulator.get(f"/v1/needs/{need}")).json()["items"]
    assert (item["awarded"], item["open"]) == ("12.0000", "0.0000")
    assert (await regulator.get(f"/v1/listings/{earlier}")).json()["unsold"] == "6.0000"
    (trade,) = (await regulator.get("/v1/trades")).json()["items"]
    assert (trade["buyer"], trade["amount"], trade["state"]) == (BUYER, "3840000.00", "AWARDED")


async def test_the_public_record_gives_the_public_outcome(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    await band(exchange, CAPACITY, "1.00", "3.00")
    await listed(exchange, POOR, QUANTITY, "8.0000")
    await listed(exchange, ORDINARY, CAPACITY, "300.00", ask="1.00")
    await approved_need(exchange, BUYER, {QUANTITY: "5.0000", CAPACITY: "200.00"}, key_level="provincial")
    await approved_need(exchange, OTHER, {QUANTITY: "5.0000"}, key_level="national", all_or_nothing=True)
    made = await run(exchange)
    public = exchange.public()
    record, outcome = await public.get(made["record_url"]), await public.get(made["outcome_url"])
    assert (record.status_code, outcome.status_code) == (200, 200)
    assert offline.allocation(record.content) == outcome.content
    assert json.loads(outcome.content)["fills"] == made["fills"]
    unchanged = await public.get(made["outcome_url"], headers={"If-None-Match": outcome.headers["etag"]})
    assert unchanged.status_code == 304
    officer = await exchange.county(ORDINARY)
    assert (await officer.get(f"/v1/allocations/{made['id']}")).json() == made
    head = {name: made[name] for name in ("id", "run_at", "run_by", "record_url", "outcome_url")}
    assert (await officer.get("/v1/allocations")).json()["items"] == [head]
    assert (await public.get("/v1/allocations/D0000009999/record")).status_code == 404


async def test_national_needs_go_before_earlier_provincial_ones(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    listing = await listed(exchange, POOR, QUANTITY, "8.0000")
    provincial = await approved_need(exchange, OTHER, {QUANTITY: "6.0000"}, key_level="provincial")
    national = await approved_need(exchange, BUYER, {QUANTITY: "6.0000"}, key_level="national")
    made = await run(exchange)
    assert fills(made) == [(provincial, listing, "2.0000"), (national, listing, "6.0000")]
    assert [(each["demand"], each["quantity"]) for each in made["unfilled"]] == [(provincial, "4.0000")]


async def test_what_is_not_filled_waits_for_the_next_run(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    await listed(exchange, POOR, QUANTITY, "2.0000")
    need = await approved_need(exchange, BUYER, {QUANTITY: "6.0000"}, key_level="national")
    await run(exchange)
    more = await listed(exchange, POOR, QUANTITY, "5.0000")
    made = await run(exchange)
    assert fills(made) == [(need, more, "4.0000")]
    record = (await exchange.public().get(made["record_url"])).json()
    assert record["demands"][0]["quantities"] == {"farmland_quantity": "4.0000"}
    assert fills(await run(exchange)) == []


async def test_dear_and_closed_listings_and_ordinary_needs_stay_out(exchange: Exchange) -> None:
    await band(exchange, QUANTITY, key_project_price="320000.00")
    dear = await listed(exchange, POOR, QUANTITY, "8.0000", ask="320000.01")
    closed = await listed(exchange, POOR, QUANTITY, "8.0000", open_to_key_projects=False)
    need = await approved_need(exchange, BUYER, {QUANTITY: "5.0000"}, key_level="national")
    await approved_need(exchange, OTHER, {QUANTITY: "5.0000"})
    made = await run(exchange)
    assert made["fills"] == []
    assert [each["demand"] for each in made["unfilled"]] == [need]
    record = (await exchange.public().get(made["record_url"])).json()
    assert [each["id"] for each in record["listings"]] == [dear]
    assert closed not in json.dumps(record)
    assert (await (await exchange.regulator()).get("/v1/trades")).json()["items"] == []


async def test_all_or_nothing_is_over_the_whole_vector_in_an_auctions_run_too(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    await band(exchange, CAPACITY, "1.00", "3.00")
    await listed(exchange, POOR, QUANTITY, "8.0000")
    need = await approved_need(
        exchange, BUYER, {QUANTITY: "5.0000", CAPACITY: "300.00"}, key_level="national", all_or_nothing=True
    )
    made = await before_an_auction(exchange, QUANTITY)
    assert made is not None
    assert json.loads(made.outcome)["fills"] == []
    await listed(exchange, ORDINARY, CAPACITY, "300.00")
    made = await before_an_auction(exchange, QUANTITY)
    assert made is not None
    assert {fill["indicator"] for fill in json.loads(made.outcome)["fills"]} == {QUANTITY, CAPACITY}
    shown = (await (await exchange.county(BUYER)).get(f"/v1/needs/{need}")).json()
    assert {item["open"] for item in shown["items"]} == {"0.0000", "0.00"}


async def test_an_indicator_without_a_band_is_left_out_and_a_whole_vector_with_it(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    listing = await listed(exchange, POOR, QUANTITY, "8.0000")
    whole = await approved_need(
        exchange, BUYER, {QUANTITY: "5.0000", CAPACITY: "300.00"}, key_level="national", all_or_nothing=True
    )
    part = await approved_need(
        exchange, OTHER, {QUANTITY: "5.0000", CAPACITY: "300.00"}, key_level="provincial"
    )
    made = await run(exchange)
    assert fills(made) == [(part, listing, "5.0000")]
    record = (await exchange.public().get(made["record_url"])).json()
    assert [each["id"] for each in record["demands"]] == [part]
    assert whole not in json.dumps(record)


async def test_who_lists_an_indicator_is_not_served_with_it(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    need = await approved_need(exchange, ORDINARY, {QUANTITY: "5.0000"}, key_level="national")
    own = await listed(exchange, ORDINARY, QUANTITY, "8.0000")
    theirs = await listed(exchange, POOR, QUANTITY, "8.0000")
    assert (await run(exchange))["fills"] == []
    await (await exchange.county(ORDINARY)).post(f"/v1/listings/{own}/withdrawal")
    assert fills(await run(exchange)) == [(need, theirs, "5.0000")]


async def test_what_a_registration_reserves_is_not_allocated(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    listing = await listed(exchange, POOR, QUANTITY, "8.0000")
    need = await approved_need(exchange, BUYER, {QUANTITY: "5.0000"}, key_level="national")
    key = (row_number(Kind.NEED, need), QUANTITY)
    await exchange.database.transact(lambda connection: needs.add_reserved(connection, {key: 20_000}))
    assert fills(await run(exchange)) == [(need, listing, "3.0000")]


async def test_a_run_with_nothing_waiting_is_published_as_such(exchange: Exchange) -> None:
    made = await run(exchange)
    assert (made["fills"], made["unfilled"]) == ([], [])
    record = (await exchange.public().get(made["record_url"])).json()
    assert record == {"format": "gengheng/allocation/1", "prices": {}, "demands": [], "listings": []}


async def test_before_an_auction_nothing_is_published_where_nobody_waits_for_it(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    await band(exchange, PADDY, "20.00", "30.00")
    need = await approved_need(exchange, BUYER, {QUANTITY: "5.0000"}, key_level="national")
    assert await before_an_auction(exchange, QUANTITY) is None  # nothing is listed
    await listed(exchange, POOR, QUANTITY, "8.0000")
    assert await before_an_auction(exchange, PADDY) is None  # nobody waits for paddy
    made = await before_an_auction(exchange, PADDY, QUANTITY)
    assert made is not None
    assert [fill["demand"] for fill in json.loads(made.outcome)["fills"]] == [need]
    assert len((await (await exchange.regulator()).get("/v1/allocations")).json()["items"]) == 1


async def test_only_the_land_regulator_runs_allocations(exchange: Exchange) -> None:
    answer = await (await exchange.county(POOR)).post("/v1/allocations")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_the_price_is_that_of_the_band_in_force_at_the_run(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    await listed(exchange, POOR, QUANTITY, "8.0000")
    await approved_need(exchange, BUYER, {QUANTITY: "5.0000"}, key_level="national")
    await band(exchange, QUANTITY, "310000.00", "450000.00", "333333.33")
    await policy(exchange, "notice_working_days", 3)
    (fill,) = (await run(exchange))["fills"]
    assert (fill["price"], fill["amount"]) == ("333333.33", "1666666.65")


async def test_the_order_of_300_hectares_costs_132_750_wan_yuan_to_the_fen(exchange: Exchange) -> None:
    await band(exchange, QUOTA, "4425000.00", "6000000.00")
    await listed(exchange, POOR, QUOTA, "300.0000")
    await approved_need(exchange, "510191", {QUOTA: "300.0000"}, key_level="provincial")
    (fill,) = (await run(exchange))["fills"]
    assert fill["amount"] == "1327500000.00"


async def test_a_need_beyond_what_can_be_counted_in_fen_is_left_out_and_stops_nobody(
    exchange: Exchange,
) -> None:
    await band(exchange, QUOTA, "4425000.00", "6000000.00")
    listing = await listed(exchange, POOR, QUOTA, "922337203685477.5807")
    absurd = await approved_need(exchange, OTHER, {QUOTA: "922337203685477.5807"}, key_level="national")
    sound = await approved_need(exchange, BUYER, {QUOTA: "2.0000"}, key_level="provincial")
    assert fills(await run(exchange)) == [(sound, listing, "2.0000")]
    (event,) = (await exchange.public().get("/v1/journal", params={"kind": "allocation.run"})).json()["items"]
    assert event["facts"]["left_out"] == [{"need": absurd, "reason": "amount_too_large"}]


async def test_an_announcement_serves_key_projects_first_and_then_takes_the_rest(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    listing = await listed(exchange, POOR, QUANTITY, "8.0000")
    first = await approved_need(exchange, BUYER, {QUANTITY: "5.0000"}, key_level="national")
    auction = await announced(exchange, QUANTITY)
    regulator = await exchange.regulator()
    (head,) = (await regulator.get("/v1/allocations")).json()["items"]
    made = (await regulator.get(f"/v1/allocations/{head['id']}")).json()
    assert fills(made) == [(first, listing, "5.0000")]
    assert auction["pool"]["supply"] == "3.0000"
    # What is in an announced auction is out of later key projects' reach.
    await approved_need(exchange, OTHER, {QUANTITY: "5.0000"}, key_level="national")
    assert fills(await run(exchange)) == []


async def test_a_settled_allocation_meets_the_need_and_sells_the_listing_out(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    listing = await listed(exchange, POOR, QUANTITY, "5.0000")
    need = await approved_need(exchange, BUYER, {QUANTITY: "5.0000"}, key_level="national")
    await run(exchange)
    regulator = await exchange.regulator()
    (trade,) = (await regulator.get("/v1/trades")).json()["items"]
    await settled(exchange, trade["id"])
    assert (await regulator.get(f"/v1/needs/{need}")).json()["state"] == "MET"
    sold = (await regulator.get(f"/v1/listings/{listing}")).json()
    assert (sold["state"], sold["settled"], sold["unsold"]) == ("SOLD", "5.0000", "0.0000")
    assert sold["ended_at"] is not None
    # What was bought for the application closes its shortage: no second need of it.
    application = (await regulator.get(f"/v1/needs/{need}")).json()["application_id"]
    officer = await exchange.county(BUYER)
    body = {"application_id": application, "quantities": {"farmland_quantity": "0.0001"}}
    again = await officer.post("/v1/needs", body)
    assert (again.status_code, again.json()["code"]) == (422, "exceeds_shortage")


async def test_what_was_awarded_goes_on_when_the_application_is_withdrawn(exchange: Exchange) -> None:
    await band(exchange, QUANTITY)
    await listed(exchange, POOR, QUANTITY, "5.0000")
    need = await approved_need(exchange, BUYER, {QUANTITY: "9.0000"}, key_level="national")
    await run(exchange)
    officer, regulator = await exchange.county(BUYER), await exchange.regulator()
    application = (await officer.get(f"/v1/needs/{need}")).json()["application_id"]
    withdrawn = await officer.post(f"/v1/land-applications/{application}/withdrawal")
    assert withdrawn.status_code == 201, withdrawn.text
    await listed(exchange, POOR, QUANTITY, "5.0000")
    assert fills(await run(exchange)) == []
    (trade,) = (await regulator.get("/v1/trades")).json()["items"]
    await settled(exchange, trade["id"])
    shown = (await officer.get(f"/v1/needs/{need}")).json()
    assert (shown["state"], shown["items"][0]["settled"]) == ("LAPSED", "5.0000")
