"""The bulletin and the journal: public, in order, polled with an ETag, and silent about bids."""

import hashlib
import json
from typing import Any

import pytest

from app.market.indicators import Indicator
from tests import story
from tests.conftest import Exchange

AREA, PADDY = Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA
POOR, POORER, ORDINARY = "511922", "511921", "510722"
CHENGDU, PANZHIHUA = "510100", "510400"
LISTS = ("bulletin/listings", "bulletin/announcements", "bulletin/results", "bulletin/bands", "journal")


async def shown(exchange: Exchange, path: str, limit: int = 200, **params: Any) -> list[dict[str, Any]]:
    """All that a list shows to the public, page by page."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await exchange.public().get(f"/v1/{path}", params={"limit": limit, **params, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = {"cursor": page["next_cursor"]}


async def test_open_listings_are_shown_in_the_order_in_which_they_are_sold(exchange: Exchange) -> None:
    await story.band(exchange, AREA)
    ordinary = await story.listed(exchange, ORDINARY, AREA, "3.0000")
    poor = await story.listed(exchange, POOR, AREA, "10.0000", ask="310000.00")
    poorer = await story.listed(exchange, POORER, AREA, "5.0000")
    for limit in (1, 2, 200):
        items = await shown(exchange, "bulletin/listings", limit)
        assert [item["id"] for item in items] == [poor, poorer, ordinary]
    first = items[0]
    assert (first["county"], first["county_name"], first["poverty"]) == (POOR, "南江县", True)
    assert (first["quantity"], first["quantity_mu"], first["unit"]) == ("10.0000", "150.0000", "hm²")
    assert (first["ask"], first["ask_wan_yuan"]) == ("310000.00", "31.000000")
    assert items[1]["ask"] is None
    assert await shown(exchange, "bulletin/listings", indicator=PADDY) == []
    officer = await exchange.county(POOR)
    withdrawn = await officer.post(f"/v1/listings/{poor}/withdrawal", {})
    assert withdrawn.status_code == 201, withdrawn.text
    assert [item["id"] for item in await shown(exchange, "bulletin/listings")] == [poorer, ordinary]


async def test_an_auction_is_announced_with_its_terms_and_its_pool(exchange: Exchange) -> None:
    await story.band(exchange, AREA)
    listing = await story.listed(exchange, POOR, AREA, "10.0000")
    auction = await story.announced(exchange, AREA)
    (item,) = await shown(exchange, "bulletin/announcements")
    assert (item["id"], item["state"]) == (auction["id"], "ANNOUNCED")
    assert (item["pool_listings"], item["pool_supply"], item["pool_supply_mu"]) == (1, "10.0000", "150.0000")
    for term in ("opens_at", "closes_at", "pricing", "tie", "lot", "floor", "ceiling", "deposit_rate"):
        assert item[term] == auction[term]
    (listed,) = await shown(exchange, "bulletin/listings")
    assert (listed["id"], listed["state"], listed["auction_id"]) == (listing, "IN_AUCTION", auction["id"])
    assert await shown(exchange, "bulletin/announcements", indicator=PADDY) == []


async def sealed_round(exchange: Exchange) -> dict[str, Any]:
    """An auction with two registered buyers and figures that occur nowhere else."""
    await story.band(exchange, AREA)
    await story.listed(exchange, POOR, AREA, "10.0000")
    auction = await story.announced(exchange, AREA)
    await story.registered(exchange, auction, CHENGDU, "7.6543")
    await story.registered(exchange, auction, PANZHIHUA, "8.7654")
    await story.bid(exchange, auction, CHENGDU, "398765.43", "5.4321")
    await story.bid(exchange, auction, PANZHIHUA, "387654.32", "6.5432", min_quantity="1.2345")
    return auction


async def test_nothing_public_tells_of_bids_before_the_opening(exchange: Exchange) -> None:
    auction = await sealed_round(exchange)
    told = ""
    for path in LISTS:
        if path != "journal":
            told += json.dumps(await shown(exchange, path))
    events = await shown(exchange, "journal")
    # A need and its application are declared in the open; what of it is bid for is not.
    told += json.dumps([event for event in events if not event["kind"].startswith(("need.", "application."))])
    figures = ("398765.43", "5.4321", "387654.32", "6.5432", "1.2345", "7.6543", "8.7654")
    assert [figure for figure in figures if figure in told] == []
    kinds = {event["kind"] for event in events}
    assert not {kind for kind in kinds if kind.startswith(("bid", "registration"))}
    assert PANZHIHUA not in json.dumps([event for event in events if event["subject"] == auction["id"]])
    for part in ("record", "outcome"):
        answer = await exchange.public().get(f"/v1/auctions/{auction['id']}/{part}")
        assert answer.status_code == 409


async def test_a_result_names_what_was_sold_and_where_to_recompute_it(exchange: Exchange) -> None:
    auction = await sealed_round(exchange)
    await story.opened(exchange, auction)
    items = await shown(exchange, "bulletin/results", limit=1)
    (item,) = [each for each in items if each["id"] == auction["id"]]
    assert item["state"] == "OPENED"
    # 5.4321 for Chengdu, and the rest of the 10 for Panzhihua.
    assert item["sold"] == [{"indicator": "farmland_quantity", "unit": "hm²", "quantity": "10.0000"}]
    assert item["clearing_price"] is None
    for part in ("record", "outcome"):
        assert (await exchange.public().get(item[f"{part}_url"])).status_code == 200
    assert await shown(exchange, "bulletin/announcements") == []
    assert await shown(exchange, "bulletin/listings") == []


async def test_an_allocation_is_a_result_and_a_cancelled_auction_too(exchange: Exchange) -> None:
    await story.band(exchange, AREA)
    await story.listed(exchange, POOR, AREA, "10.0000")
    await story.approved_need(exchange, CHENGDU, {AREA: "4.0000"}, key_level="national")
    regulator = await exchange.regulator()
    run = (await regulator.post("/v1/allocations")).json()
    auction = await story.announced(exchange, AREA)
    cancelled = await regulator.post(f"/v1/auctions/{auction['id']}/cancellation", {"reason": "公告有误"})
    assert cancelled.status_code == 201, cancelled.text
    items = await shown(exchange, "bulletin/results", limit=1)
    assert [item["id"] for item in items][:1] == [auction["id"]]
    assert (items[0]["state"], items[0]["record_url"], items[0]["sold"]) == ("CANCELLED", None, [])
    (allocation,) = [item for item in items if item["id"] == run["id"]]
    assert allocation["sold"] == [{"indicator": "farmland_quantity", "unit": "hm²", "quantity": "4.0000"}]
    assert (await exchange.public().get(allocation["outcome_url"])).status_code == 200


async def test_bands_are_public_with_the_costs_they_rest_on(exchange: Exchange) -> None:
    band = await story.band(exchange, AREA)
    (item,) = await shown(exchange, "bulletin/bands")
    assert (item["id"], item["costs"]["average_cost"]) == (band, "300000.00")
    now = (await exchange.now()).isoformat()
    assert [each["id"] for each in await shown(exchange, "bulletin/bands", at=now)] == [band]
    assert await shown(exchange, "bulletin/bands", at="2020-01-01T00:00:00Z") == []


@pytest.mark.parametrize("path", LISTS)
async def test_a_public_list_that_has_not_changed_is_not_sent_again(exchange: Exchange, path: str) -> None:
    public = exchange.public()
    first = await public.get(f"/v1/{path}")
    assert (first.status_code, first.headers["cache-control"]) == (200, "public, no-cache")
    again = await public.get(f"/v1/{path}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_journal_tells_every_change_in_order_with_a_digest_of_its_facts(exchange: Exchange) -> None:
    band = await story.band(exchange, AREA)
    sanction = await story.sanctioned(exchange, ORDINARY)
    events = await shown(exchange, "journal", limit=1)
    assert [event["subject"] for event in events] == [band, sanction]
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)
    for event in events:
        canonical = json.dumps(event["facts"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(canonical.encode()).hexdigest() == event["sha256"]
    (only,) = await shown(exchange, "journal", kind="band.set")
    assert only["subject"] == band
    (only,) = await shown(exchange, "journal", subject=sanction)
    assert only["kind"] == "sanction.imposed"
    # The reason is for those with a token: free text may name a person.
    assert "补充耕地不实" not in json.dumps(events, ensure_ascii=False)


async def test_the_journal_keeps_the_free_text_of_a_decision_to_those_who_may_see_its_subject(
    exchange: Exchange,
) -> None:
    words = {"reason": "经办人张某未到场"}
    await story.band(exchange, AREA)
    regulator = await exchange.regulator()
    need = await story.approved_need(exchange, CHENGDU, {AREA: "5.0000"}, key_level="national")
    sold = await story.listed(exchange, POOR, AREA, "2.0000")
    await regulator.post("/v1/allocations")
    (trade,) = (await regulator.get("/v1/trades")).json()["items"]
    application = (await regulator.get(f"/v1/needs/{need}")).json()["application_id"]
    other = await story.filed_application(exchange, PANZHIHUA, {AREA: "1.0000"})
    waiting = await (await exchange.city(PANZHIHUA)).post(
        "/v1/needs", {"application_id": other, "quantities": {AREA: "1"}}
    )
    filed = await (await exchange.county(POOR)).post("/v1/projects", story.project_body(POOR))
    for path, body in (
        (f"trades/{trade['id']}/default", words),
        (f"listings/{sold}/voiding", words),
        (f"needs/{waiting.json()['id']}/refusal", words),
        (f"land-applications/{application}/decision", words | {"decision": "refuse"}),
        (f"projects/{filed.json()['id']}/refusal", words),
    ):
        answer = await regulator.post(f"/v1/{path}", body)
        assert (answer.status_code, words["reason"] in answer.text) == (201, True), answer.text
    events = await shown(exchange, "journal")
    assert {
        "trade.defaulted",
        "listing.voided",
        "need.refused",
        "application.refused",
        "project.refused",
    } <= {event["kind"] for event in events}
    assert words["reason"] not in json.dumps(events, ensure_ascii=False)
