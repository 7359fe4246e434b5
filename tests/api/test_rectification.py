"""Rectification (限期整改) over HTTP: reported on, verified or rejected, overdue, and what follows; and the
circulation (通报批评) that everybody reads (RULES 12)."""

import asyncio
from datetime import date, timedelta
from typing import Any

from app.market.indicators import Indicator
from app.services.days import day_of
from app.store import sanctions
from app.worker import do_due
from tests import story
from tests.conftest import Exchange

COUNTY = "510722"
SUSPENDS = "overdue_rectification_suspends"


async def rectification(exchange: Exchange, *, days: int = 0, county: str = COUNTY) -> str:
    """Have a rectification opened whose last day is so many days from now; its id."""
    today = day_of(await exchange.now())
    answer = await (await exchange.regulator()).post(
        "/v1/sanctions",
        {
            "jurisdiction": county,
            "kind": "rectify",
            "reason": "补充耕地不实",
            "starts_on": today.isoformat(),
            "ends_on": (today + timedelta(days=days)).isoformat(),
        },
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def reported(exchange: Exchange, sanction: str) -> dict[str, Any]:
    """Have the county report."""
    county = await exchange.county(COUNTY)
    answer = await county.post(f"/v1/sanctions/{sanction}/rectification-report", {"what": "已补足耕作层"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def rejected(exchange: Exchange, sanction: str) -> dict[str, Any]:
    """Have the regulator reject the report."""
    regulator = await exchange.regulator()
    answer = await regulator.post(f"/v1/sanctions/{sanction}/report-rejection", {"reason": "仍未种植"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def overdue(exchange: Exchange) -> list[str]:
    """The ids of the rectifications that are overdue."""
    county = await exchange.county(COUNTY)
    answer = await county.get("/v1/sanctions", params={"overdue": "true"})
    return [item["id"] for item in answer.json()["items"]]


async def all_sanctions(exchange: Exchange, kind: str | None = None) -> list[dict[str, Any]]:
    """Every sanction, or those of one kind."""
    params = {} if kind is None else {"kind": kind}
    answer = await (await exchange.regulator()).get("/v1/sanctions", params=params)
    return list(answer.json()["items"])


async def is_suspended(exchange: Exchange) -> bool:
    """Whether the county is suspended today."""
    today: date = day_of(await exchange.now())
    return await exchange.database.read(lambda connection: sanctions.is_suspended(connection, COUNTY, today))


async def work(exchange: Exchange) -> None:
    """Do what is due."""
    await do_due(exchange.database, exchange.app.state.keys)


async def test_a_report_is_verified_by_lifting(exchange: Exchange) -> None:
    sanction = await rectification(exchange, days=30)
    shown = await reported(exchange, sanction)
    assert [report["what"] for report in shown["reports"]] == ["已补足耕作层"]
    regulator = await exchange.regulator()
    lifted = await regulator.post(f"/v1/sanctions/{sanction}/lifting")
    assert lifted.status_code == 201 and lifted.json()["lifted_at"] is not None
    assert lifted.json()["reports"] == shown["reports"]
    county = await exchange.county(COUNTY)
    late = await county.post(f"/v1/sanctions/{sanction}/rectification-report", {"what": "再报"})
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")


async def test_one_report_waits_at_a_time_and_another_follows_a_rejected_one(exchange: Exchange) -> None:
    sanction = await rectification(exchange, days=30)
    regulator, county = await exchange.regulator(), await exchange.county(COUNTY)
    early = await regulator.post(f"/v1/sanctions/{sanction}/report-rejection", {"reason": "无"})
    assert (early.status_code, early.json()["code"]) == (409, "no_report")
    await reported(exchange, sanction)
    again = await county.post(f"/v1/sanctions/{sanction}/rectification-report", {"what": "再报"})
    assert (again.status_code, again.json()["code"]) == (409, "report_waiting")
    shown = await rejected(exchange, sanction)
    assert shown["reports"][0]["rejection"] == "仍未种植" and shown["lifted_at"] is None
    assert len((await reported(exchange, sanction))["reports"]) == 2


async def test_only_its_own_jurisdiction_reports_and_only_on_a_rectification(exchange: Exchange) -> None:
    sanction = await rectification(exchange)
    other = await exchange.county("511922")
    body = {"what": "已补足"}
    assert (await other.post(f"/v1/sanctions/{sanction}/rectification-report", body)).status_code == 404
    county = await exchange.county(COUNTY)
    assert (
        await county.post(f"/v1/sanctions/{sanction}/report-rejection", {"reason": "x"})
    ).status_code == 403
    suspension = await story.sanctioned(exchange, COUNTY)
    answer = await county.post(f"/v1/sanctions/{suspension}/rectification-report", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing_to_rectify")
    assert (await county.post("/v1/sanctions/S0000099999/rectification-report", body)).status_code == 404


async def test_a_rectification_is_overdue_from_the_day_after_its_last(exchange: Exchange) -> None:
    sanction = await rectification(exchange, days=1)
    await rectification(exchange, days=9)
    await story.sanctioned(exchange, COUNTY, kind="circulate")
    seen = []
    for _ in range(3):
        seen.append(await overdue(exchange))
        await exchange.advance(days=1)
    assert seen == [[], [], [sanction]]
    await (await exchange.regulator()).post(f"/v1/sanctions/{sanction}/lifting")
    assert await overdue(exchange) == []


async def test_who_reported_in_time_is_not_overdue_until_that_is_rejected(exchange: Exchange) -> None:
    in_time, late = await rectification(exchange), await rectification(exchange)
    await reported(exchange, in_time)
    await exchange.advance(days=1)
    await reported(exchange, late)
    assert await overdue(exchange) == [late]
    await rejected(exchange, in_time)
    assert await overdue(exchange) == [in_time, late]


async def test_an_overdue_rectification_suspends_only_where_policy_says_so_and_once(
    exchange: Exchange,
) -> None:
    sanction = await rectification(exchange)
    await exchange.advance(days=1)
    await work(exchange)
    assert await all_sanctions(exchange, "suspend") == []
    await story.policy(exchange, SUSPENDS, True)
    await work(exchange)
    await work(exchange)
    (suspension,) = await all_sanctions(exchange, "suspend")
    assert (suspension["follows"], suspension["decided_by"]) == (sanction, None)
    assert await is_suspended(exchange)
    # What the regulator lifts by itself does not come back for the same rectification.
    await (await exchange.regulator()).post(f"/v1/sanctions/{suspension['id']}/lifting")
    await work(exchange)
    assert not await is_suspended(exchange)
    assert len(await all_sanctions(exchange, "suspend")) == 1


async def test_lifting_the_rectification_lifts_the_suspension_that_followed_it(exchange: Exchange) -> None:
    await story.policy(exchange, SUSPENDS, True)
    sanction = await rectification(exchange)
    await exchange.advance(days=1)
    await work(exchange)
    assert await is_suspended(exchange)
    await (await exchange.regulator()).post(f"/v1/sanctions/{sanction}/lifting")
    assert not await is_suspended(exchange)
    events = (await exchange.public().get("/v1/journal", params={"kind": "sanction.lifted"})).json()["items"]
    assert [event["facts"]["kind"] for event in events] == ["rectify", "suspend"]


async def test_any_number_of_workers_suspend_once_for_each_rectification(live_exchange: Exchange) -> None:
    await story.policy(live_exchange, SUSPENDS, True)
    opened = [await rectification(live_exchange) for _ in range(3)]
    await live_exchange.advance(days=1)
    await asyncio.gather(*(work(live_exchange) for _ in range(4)))
    await work(live_exchange)
    assert [item["follows"] for item in await all_sanctions(live_exchange, "suspend")] == opened


async def test_a_suspended_county_may_neither_apply_nor_list_but_what_it_listed_goes_on(
    exchange: Exchange,
) -> None:
    land = Indicator.FARMLAND_QUANTITY
    await story.band(exchange, land)
    before = await story.listed(exchange, COUNTY, land, "1.0000")
    batch = (await story.credited(exchange, COUNTY, {land: "2.0000"}))[land]
    await story.policy(exchange, SUSPENDS, True)
    await rectification(exchange)
    await exchange.advance(days=1)
    await work(exchange)
    county = await exchange.county(COUNTY)
    listing = {"batch_id": batch, "quantity": "1.0000", "ask": None, "open_to_key_projects": True}
    application = {"kind": "linkage", "title": "新区", "new_construction_area": "1.0000"}
    for path, body in (("/v1/listings", listing), ("/v1/land-applications", application)):
        answer = await county.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "suspended"), path
    assert (await county.get(f"/v1/listings/{before}")).json()["state"] == "LISTED"
    assert (await county.post(f"/v1/listings/{before}/withdrawal")).status_code == 201
    await story.policy(exchange, "suspended_may_not_list", False)
    assert (await county.post("/v1/listings", listing)).status_code == 201
    assert (await county.post("/v1/land-applications", application)).status_code == 422


async def test_a_circulation_is_read_by_everybody_with_its_reason(exchange: Exchange) -> None:
    first = await story.sanctioned(exchange, COUNTY, kind="circulate")
    await story.sanctioned(exchange, COUNTY, kind="rectify")
    second = await story.sanctioned(exchange, "511922", kind="circulate")
    public = exchange.public()
    shown = (await public.get("/v1/bulletin/circulated")).json()["items"]
    assert [item["id"] for item in shown] == [second, first]
    assert (shown[1]["jurisdiction"], shown[1]["reason"]) == (COUNTY, "补充耕地不实")
    assert shown[1]["jurisdiction_name"]
    page = (await public.get("/v1/bulletin/circulated", params={"limit": 1})).json()
    following = await public.get("/v1/bulletin/circulated", params={"cursor": page["next_cursor"]})
    assert [item["id"] for item in following.json()["items"]] == [first]
    events = (await public.get("/v1/journal", params={"kind": "sanction.imposed"})).json()["items"]
    reasons = {event["facts"]["kind"]: event["facts"].get("reason") for event in events}
    assert reasons == {"circulate": "补充耕地不实", "rectify": None}
