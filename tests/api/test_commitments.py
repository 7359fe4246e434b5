"""Commitments over HTTP and the worker: promised, earmarked, due, and kept or made good (RULES 5)."""

from datetime import timedelta
from typing import Any

import pytest

from app.market.indicators import Indicator
from app.sealing.keys import Keys
from app.services.days import day_of
from app.worker import do_due
from tests.awarded import books
from tests.conftest import Client, Exchange
from tests.promised import (
    accept,
    active,
    after_due_day,
    drafted,
    fallen_due,
    filed,
    filed_project,
    shown,
    terms,
)
from tests.story import (
    band,
    credited,
    filed_application,
    funded,
    listed,
    policy,
    sanctioned,
    settled,
    verified,
)

COUNTY, CITY, OTHER, SELLER = "511922", "511900", "510722", "511921"
LAND, PADDY, GRAIN = Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA, Indicator.GRAIN_CAPACITY


async def refused(client: Client, path: str, body: Any = None) -> tuple[int, str, str | None]:
    """The status, code and field of a refusal."""
    answer = await client.post(path, body)
    assert answer.status_code >= 400, answer.text
    problem = answer.json()
    return answer.status_code, problem["code"], problem.get("field")


async def test_a_commitment_that_falls_short_is_written_off_defaults_and_is_made_good(
    exchange: Exchange, keys: Keys
) -> None:
    """The worked figure: due (10, 0, 75,000) with (9.5, 0, 75,000) there: deficit 0.5 hm², DEFAULTED."""
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000", GRAIN: "75000.00"})
    project = await filed_project(exchange, COUNTY, LAND, "6.0000")
    commitment = await active(exchange, COUNTY, application, project, {LAND: "10.0000", GRAIN: "75000.00"})
    await accept(exchange, project)
    await credited(exchange, COUNTY, {LAND: "3.5000", GRAIN: "75000.00"})
    before = await books(exchange)
    assert before[(COUNTY, LAND, "earmarked")] == 60_000
    assert before[(COUNTY, LAND, "available")] == 35_000

    due = await fallen_due(exchange, keys, commitment)
    assert due["state"] == "DEFAULTED"
    assert due["deficit"] == [
        {"indicator": "farmland_quantity", "unit": "hm²", "quantity": "0.5000", "quantity_mu": "7.5000"}
    ]
    assert [(each["indicator"], each["quantity"]) for each in due["used"]] == [
        ("farmland_quantity", "6.0000"),
        ("farmland_quantity", "3.5000"),
        ("grain_capacity", "75000.00"),
    ]
    after = await books(exchange)
    held = {key: steps for key, steps in after.items() if key[0] == COUNTY and key[2] != "issued"}
    assert held == {(COUNTY, LAND, "consumed"): 95_000, (COUNTY, GRAIN, "consumed"): 7_500_000}
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    owed = (await officer.get(f"/v1/obligations/{due['obligation']}")).json()
    assert (owed["state"], owed["kind"], owed["source"]) == ("OPEN", "commitment_deficit", commitment)
    assert owed["owed"] == due["deficit"]
    sanctions = (await regulator.get("/v1/sanctions", params={"jurisdiction": COUNTY})).json()["items"]
    assert [(each["id"], each["kind"], each["lifted_at"]) for each in sanctions] == [
        (owed["rectification"], "rectify", None)
    ]
    await verified(exchange)

    await sanctioned(exchange, COUNTY)  # suspended, it may still buy what it owes
    await bought_for(exchange, COUNTY, due["obligation"], "0.5000")
    done = await officer.post(f"/v1/obligations/{due['obligation']}/discharge")
    assert (done.status_code, done.json()["state"]) == (201, "DISCHARGED"), done.text
    assert [each["origin"] for each in done.json()["used"]] == [SELLER]
    assert (await shown(exchange, commitment))["state"] == "MADE_GOOD"
    await verified(exchange)


async def bought_for(exchange: Exchange, buyer: str, obligation: str, quantity: str) -> None:
    """Declare a need for an obligation, be served at the fixed price, and settle."""
    officer, regulator = await exchange.county(buyer), await exchange.regulator()
    body = {"obligation_id": obligation, "quantities": {"farmland_quantity": quantity}}
    need = await officer.post("/v1/needs", body)
    assert need.status_code == 201, need.text
    approved = await regulator.post(f"/v1/needs/{need.json()['id']}/approval", {"key_level": "provincial"})
    assert approved.status_code == 201, approved.text
    await band(exchange, LAND)
    await listed(exchange, SELLER, LAND, quantity)
    assert (await regulator.post("/v1/allocations")).status_code == 201
    (trade,) = (await regulator.get("/v1/trades", params={"state": "AWARDED"})).json()["items"]
    await funded(exchange, buyer, "1000000.00")
    await settled(exchange, trade["id"])


async def test_a_kept_commitment_is_written_off_once_from_its_earmarks(
    exchange: Exchange, keys: Keys
) -> None:
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "12.0000")
    commitment = await active(exchange, COUNTY, application, project, {LAND: "10.0000"})
    await accept(exchange, project)
    there = await books(exchange)
    assert (there[(COUNTY, LAND, "earmarked")], there[(COUNTY, LAND, "available")]) == (100_000, 20_000)
    earmarked = (await shown(exchange, commitment))["earmarked"]
    assert [(each["indicator"], each["quantity"]) for each in earmarked] == [("farmland_quantity", "10.0000")]
    await verified(exchange)

    due = await fallen_due(exchange, keys, commitment)
    assert (due["state"], due["deficit"], due["obligation"]) == ("FULFILLED", [], None)
    assert due["earmarked"] == []
    after = await books(exchange)
    assert (after[(COUNTY, LAND, "consumed")], after[(COUNTY, LAND, "available")]) == (100_000, 20_000)
    await exchange.advance(days=30)
    assert await fallen_due(exchange, keys, commitment) == due
    assert await books(exchange) == after
    await verified(exchange)


async def test_a_commitment_falls_due_with_the_end_of_its_day_in_china(
    exchange: Exchange, keys: Keys
) -> None:
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "10.0000")
    commitment = await active(exchange, COUNTY, application, project, {LAND: "10.0000"})
    agenda = (await (await exchange.county(COUNTY)).get("/v1/agenda")).json()["items"]
    assert [(each["kind"], each["subject"]) for each in agenda] == [("commitment_due", commitment)]
    await after_due_day(exchange, commitment, early_seconds=10)
    await do_due(exchange.database, keys)
    assert (await shown(exchange, commitment))["state"] == "ACTIVE"
    due = await fallen_due(exchange, keys, commitment)
    assert (due["state"], due["deficit"][0]["quantity"], due["used"]) == ("DEFAULTED", "10.0000", [])
    await verified(exchange)


async def test_earmarked_stock_can_not_be_listed_nor_written_off_by_others(exchange: Exchange) -> None:
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "10.0000")
    await active(exchange, COUNTY, application, project, {LAND: "10.0000"})
    (batch,) = (await accept(exchange, project))["batches"]
    await band(exchange, LAND)
    officer = await exchange.county(COUNTY)
    offered = {"batch_id": batch["id"], "quantity": "0.0001", "ask": None, "open_to_key_projects": True}
    assert (await refused(officer, "/v1/listings", offered))[:2] == (409, "insufficient")
    other = await filed_application(exchange, COUNTY, {LAND: "0.0001"})
    assert (await refused(officer, f"/v1/land-applications/{other}/write-off"))[:2] == (409, "insufficient")
    await verified(exchange)


async def test_commitments_share_a_project_in_the_order_of_filing(exchange: Exchange) -> None:
    project = await filed_project(exchange, COUNTY, LAND, "10.0000")
    first = await filed_application(exchange, COUNTY, {LAND: "7.0000"})
    second = await filed_application(exchange, COUNTY, {LAND: "7.0000"})
    later = await drafted(exchange, COUNTY, first, project, {LAND: "7.0000"})
    earlier = await active(exchange, COUNTY, second, project, {LAND: "7.0000"})
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    for client, step in ((officer, "filing"), (regulator, "activation")):
        answer = await client.post(f"/v1/commitments/{later['id']}/{step}")
        assert answer.status_code == 201, answer.text
    await accept(exchange, project)
    quantities = [
        [each["quantity"] for each in (await shown(exchange, one))["earmarked"]]
        for one in (earlier, later["id"])
    ]
    assert quantities == [["7.0000"], ["3.0000"]]
    await verified(exchange)


async def test_a_city_is_supplied_by_a_project_of_its_county(exchange: Exchange, keys: Keys) -> None:
    application = await filed_application(exchange, CITY, {LAND: "8.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "10.0000")
    commitment = await active(exchange, CITY, application, project, {LAND: "8.0000"})
    await accept(exchange, project)
    there = await books(exchange)
    assert (there[(CITY, LAND, "earmarked")], there[(COUNTY, LAND, "available")]) == (80_000, 20_000)
    await verified(exchange)
    assert (await fallen_due(exchange, keys, commitment))["state"] == "FULFILLED"
    assert (await books(exchange))[(CITY, LAND, "consumed")] == 80_000
    await verified(exchange)


async def test_an_application_supplies_what_is_not_promised_for_it(exchange: Exchange) -> None:
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000"})
    required = (await (await exchange.county(COUNTY)).get(f"/v1/land-applications/{application}")).json()
    capacity = {each["indicator"]: each["quantity"] for each in required["requirement"]}["grain_capacity"]
    project = await filed_project(exchange, COUNTY, LAND, "4.0000")
    await credited(exchange, COUNTY, {LAND: "6.0000", GRAIN: capacity})
    officer = await exchange.county(COUNTY)
    path = f"/v1/land-applications/{application}/write-off"
    assert (await refused(officer, path))[:2] == (409, "insufficient")
    await active(exchange, COUNTY, application, project, {LAND: "4.0000"})
    done = await officer.post(path)
    assert (done.status_code, done.json()["state"]) == (201, "WRITTEN_OFF"), done.text
    assert (await books(exchange))[(COUNTY, LAND, "consumed")] == 60_000
    await verified(exchange)


async def test_what_was_bought_for_another_is_not_written_off_at_the_due_date(
    exchange: Exchange, keys: Keys
) -> None:
    """The stock bought for a debt of 0.5 hm² stays for it; the commitment of 1 hm² defaults on that much."""
    application = await filed_application(exchange, COUNTY, {LAND: "3.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "1.0000")
    first = await active(exchange, COUNTY, application, project, {LAND: "0.5000"}, days=10)
    second = await active(exchange, COUNTY, application, project, {LAND: "1.0000"}, days=90)
    owed = (await fallen_due(exchange, keys, first))["obligation"]
    await bought_for(exchange, COUNTY, owed, "0.5000")
    await credited(exchange, COUNTY, {LAND: "0.7000"})
    due = await fallen_due(exchange, keys, second)
    assert (due["state"], due["deficit"][0]["quantity"]) == ("DEFAULTED", "0.3000")
    officer = await exchange.county(COUNTY)
    assert (await officer.post(f"/v1/obligations/{owed}/discharge")).status_code == 201
    states = [(await shown(exchange, one))["state"] for one in (first, second)]
    assert states == ["MADE_GOOD", "DEFAULTED"]
    await verified(exchange)


async def test_a_promise_is_at_most_the_shortage_at_home(exchange: Exchange) -> None:
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "20.0000")
    await credited(exchange, COUNTY, {LAND: "4.0000"})
    officer = await exchange.county(COUNTY)
    due_on = day_of(await exchange.now()) + timedelta(days=10)
    body = {"application_id": application, **terms(project, {LAND: "6.0001"}, due_on)}
    assert await refused(officer, "/v1/commitments", body) == (
        422,
        "exceeds_shortage",
        "quantities.farmland_quantity",
    )
    for wrong, code in (({PADDY: "1.0000"}, "exceeds_shortage"), ({LAND: "0"}, "zero_quantity")):
        body = {"application_id": application, **terms(project, wrong, due_on)}
        assert (await refused(officer, "/v1/commitments", body))[:2] == (422, code)
    await drafted(exchange, COUNTY, application, project, {LAND: "6.0000"})


async def test_two_commitments_can_not_promise_the_same_shortage(exchange: Exchange) -> None:
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "20.0000")
    other = await filed_project(exchange, COUNTY, LAND, "20.0000")
    second = await filed(exchange, COUNTY, application, other, {LAND: "10.0000"})
    await active(exchange, COUNTY, application, project, {LAND: "10.0000"})
    regulator = await exchange.regulator()
    assert (await refused(regulator, f"/v1/commitments/{second}/activation"))[1] == "exceeds_shortage"


async def test_only_a_project_of_ones_own_that_is_awaited_can_be_named(exchange: Exchange) -> None:
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000"})
    officer = await exchange.county(COUNTY)
    due_on = day_of(await exchange.now()) + timedelta(days=10)
    awaited = await filed_project(exchange, COUNTY, LAND, "5.0000")
    foreign = await filed_project(exchange, OTHER, LAND, "5.0000")
    cases = [
        (foreign, (422, "project_of_another_county", "project_id")),
        ("P0000099999", (404, "not_found", "project_id")),
    ]
    commitment = await filed(exchange, COUNTY, application, awaited, {LAND: "5.0000"})
    await accept(exchange, awaited)
    cases.append((awaited, (409, "project_not_awaited", "project_id")))
    for project, expected in cases:
        body = {"application_id": application, **terms(project, {LAND: "1.0000"}, due_on)}
        assert await refused(officer, "/v1/commitments", body) == expected
    regulator = await exchange.regulator()
    assert (await refused(regulator, f"/v1/commitments/{commitment}/activation"))[1] == "project_not_awaited"
    no = await regulator.post(f"/v1/commitments/{commitment}/refusal", {"reason": "项目已验收入库"})
    assert (no.status_code, no.json()["state"], no.json()["decision_reason"]) == (
        201,
        "REFUSED",
        "项目已验收入库",
    )


async def test_a_draft_is_written_anew_until_it_is_filed(exchange: Exchange) -> None:
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "5.0000")
    better = await filed_project(exchange, COUNTY, LAND, "9.0000")
    draft = await drafted(exchange, COUNTY, application, project, {LAND: "5.0000"})
    officer = await exchange.county(COUNTY)
    due_on = day_of(await exchange.now()) + timedelta(days=20)
    path = f"/v1/commitments/{draft['id']}"
    revised = await officer.post(f"{path}/revision", terms(better, {LAND: "9.0000"}, due_on))
    assert revised.status_code == 201, revised.text
    assert (revised.json()["project_id"], revised.json()["due_on"]) == (better, due_on.isoformat())
    assert (await officer.get(path)).json() == revised.json()
    assert (await officer.post(f"{path}/filing")).json()["state"] == "FILED"
    again = await refused(officer, f"{path}/revision", terms(better, {LAND: "1.0000"}, due_on))
    assert again[:2] == (409, "wrong_state")
    gone = await officer.post(f"{path}/withdrawal", {"reason": "改用储备库指标"})
    assert (gone.status_code, gone.json()["state"]) == (201, "WITHDRAWN")
    regulator = await exchange.regulator()
    assert (await refused(regulator, f"{path}/activation"))[:2] == (409, "wrong_state")


async def test_policy_and_a_suspension_stop_new_commitments(exchange: Exchange) -> None:
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "5.0000")
    draft = await drafted(exchange, COUNTY, application, project, {LAND: "5.0000"})
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    due_on = day_of(await exchange.now()) + timedelta(days=20)
    body = {"application_id": application, **terms(project, {LAND: "1.0000"}, due_on)}
    sanction = await sanctioned(exchange, COUNTY)
    for path, sent in (("/v1/commitments", body), (f"/v1/commitments/{draft['id']}/filing", None)):
        assert (await refused(officer, path, sent))[:2] == (422, "suspended")
    assert (await regulator.post(f"/v1/sanctions/{sanction}/lifting")).status_code == 201
    await policy(exchange, "commitments_allowed", False)
    for path, sent in (("/v1/commitments", body), (f"/v1/commitments/{draft['id']}/filing", None)):
        assert (await refused(officer, path, sent))[:2] == (422, "commitments_not_allowed")


@pytest.mark.parametrize("changed", [False, True])
async def test_a_commitment_keeps_the_term_of_its_filing(
    exchange: Exchange, keys: Keys, changed: bool
) -> None:
    """Played as it is and with a term of a month from the filing on: the filed one goes its way."""
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "10.0000")
    commitment = await filed(exchange, COUNTY, application, project, {LAND: "6.0000"}, days=700)
    draft = await drafted(exchange, COUNTY, application, project, {LAND: "4.0000"}, days=700)
    if changed:
        await policy(exchange, "commitment_term_months", 1)
        await policy(exchange, "commitments_allowed", False)
        await policy(exchange, "commitments_allowed", True)
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    assert (await regulator.post(f"/v1/commitments/{commitment}/activation")).status_code == 201
    later = await officer.post(f"/v1/commitments/{draft['id']}/filing")
    if changed:
        assert (later.json()["code"], later.json()["field"]) == ("due_too_late", "due_on")
    else:
        assert later.status_code == 201, later.text
    await accept(exchange, project)
    assert (await fallen_due(exchange, keys, commitment))["state"] == "FULFILLED"
    await verified(exchange)


async def test_an_application_that_is_refused_takes_its_commitments_along(
    exchange: Exchange, keys: Keys
) -> None:
    """A draft, a filed, an earmarked, a defaulted and a made-good commitment: all undone, nothing owed."""
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "5.0000")
    other = await filed_project(exchange, COUNTY, LAND, "2.0000")
    good = await active(exchange, COUNTY, application, other, {LAND: "0.5000"}, days=10)
    owed = (await fallen_due(exchange, keys, good))["obligation"]
    bad = await active(exchange, COUNTY, application, other, {LAND: "0.5000"}, days=10)
    still_owed = (await fallen_due(exchange, keys, bad))["obligation"]
    await bought_for(exchange, COUNTY, owed, "0.5000")
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    assert (await officer.post(f"/v1/obligations/{owed}/discharge")).status_code == 201
    kept = await active(exchange, COUNTY, application, project, {LAND: "4.0000"}, days=90)
    await accept(exchange, project)
    draft = await drafted(exchange, COUNTY, application, other, {LAND: "0.5000"})
    waiting = await filed(exchange, COUNTY, application, other, {LAND: "0.5000"})
    await verified(exchange)

    no = await regulator.post(
        f"/v1/land-applications/{application}/decision", {"decision": "refuse", "reason": "选址不符"}
    )
    assert no.status_code == 201, no.text
    every = [good, bad, kept, draft["id"], waiting]
    assert [(await shown(exchange, each))["state"] for each in every] == ["LAPSED"] * 5
    for obligation in (owed, still_owed):
        ended = (await officer.get(f"/v1/obligations/{obligation}")).json()
        assert (ended["state"], ended["owed"]) == ("CANCELLED", [])
    sanctions = (await regulator.get("/v1/sanctions", params={"jurisdiction": COUNTY})).json()["items"]
    assert all(each["lifted_at"] for each in sanctions)
    after = await books(exchange)
    assert after[(COUNTY, LAND, "available")] == 55_000
    assert not {bucket for code, _, bucket in after if code == COUNTY} & {"earmarked", "consumed"}
    await verified(exchange)


async def test_a_citys_earmark_that_lapses_goes_back_to_the_county_it_comes_from(exchange: Exchange) -> None:
    application = await filed_application(exchange, CITY, {LAND: "8.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "10.0000")
    await active(exchange, CITY, application, project, {LAND: "8.0000"})
    await accept(exchange, project)
    officer = await exchange.city(CITY)
    assert (await officer.post(f"/v1/land-applications/{application}/withdrawal")).status_code == 201
    after = await books(exchange)
    assert after[(COUNTY, LAND, "available")] == 100_000
    assert (CITY, LAND, "earmarked") not in after
    await verified(exchange)


async def test_commitments_are_shown_to_their_own_and_filtered_by_state_and_due_date(
    exchange: Exchange,
) -> None:
    application = await filed_application(exchange, COUNTY, {LAND: "10.0000"})
    project = await filed_project(exchange, COUNTY, LAND, "10.0000")
    soon = await active(exchange, COUNTY, application, project, {LAND: "4.0000"}, days=10)
    late = await filed(exchange, COUNTY, application, project, {LAND: "4.0000"}, days=200)
    officer, stranger = await exchange.county(COUNTY), await exchange.county(OTHER)
    middle = (day_of(await exchange.now()) + timedelta(days=100)).isoformat()

    async def found(client: Client, **asked: str) -> list[str]:
        answer = await client.get("/v1/commitments", params=asked)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["items"]]

    assert await found(officer) == [soon, late]
    assert await found(officer, due_until=middle) == [soon]
    assert await found(officer, due_from=middle) == [late]
    assert await found(officer, state="ACTIVE") == [soon]
    assert await found(officer, application_id=application) == [soon, late]
    assert await found(stranger) == []
    assert await found(await exchange.regulator()) == [soon, late]
    assert (await stranger.get(f"/v1/commitments/{soon}")).status_code == 404
    for step in ("filing", "withdrawal"):
        assert (await stranger.post(f"/v1/commitments/{late}/{step}")).status_code == 404
    assert (await officer.get("/v1/commitments/K0000099999")).status_code == 404
