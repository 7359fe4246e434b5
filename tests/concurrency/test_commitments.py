"""Commitments in a race, and under a worker that dies: written off once, nothing half done, nothing lost."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import text

from app.market.indicators import Indicator
from app.services import obligations
from app.store.database import Connection, Database
from app.worker import do_due
from tests.awarded import books
from tests.conftest import Client, Exchange
from tests.promised import accept, active, after_due_day, filed, filed_project, shown
from tests.story import REVIEWED, credited, filed_application, verified

COUNTY = "511922"
LAND = Indicator.FARMLAND_QUANTITY
WORKERS = 4


async def told(exchange: Exchange) -> Counter[tuple[str, str]]:
    """How often the journal tells of each commitment's end."""

    async def read(connection: Connection) -> Counter[tuple[str, str]]:
        found = await connection.execute(
            text(
                "SELECT kind, subject FROM journal_event WHERE kind ~ '^commitment.(due|fulfilled|defaulted)'"
            )
        )
        return Counter((row.kind, row.subject) for row in found)

    return await exchange.database.read(read)


async def due_ones(exchange: Exchange, how_many: int, *, available: str | None = None) -> list[str]:
    """Commitments of half a hectare each, earmarked to the half, whose day has just ended."""
    application = await filed_application(exchange, COUNTY, {LAND: "20.0000"})
    made = []
    for _ in range(how_many):
        project = await filed_project(exchange, COUNTY, LAND, "0.2500")
        made.append(await active(exchange, COUNTY, application, project, {LAND: "0.5000"}))
        await accept(exchange, project)
    if available:
        await credited(exchange, COUNTY, {LAND: available})
    await after_due_day(exchange, made[0])
    return made


async def test_any_number_of_workers_write_each_commitment_off_once(live_exchange: Exchange) -> None:
    """4 × 0.5 promised, 4 × 0.25 earmarked, 0.6 available: two are kept, one misses 0.15, one 0.25."""
    made = await due_ones(live_exchange, 4, available="0.6000")
    database, keys = live_exchange.database, live_exchange.app.state.keys
    done = await asyncio.gather(*(do_due(database, keys) for _ in range(WORKERS)))
    assert sum(done) == 2 * len(made), "each falls due, and is written off"
    ends = [await shown(live_exchange, each) for each in made]
    missing = sorted(each["deficit"][0]["quantity"] for each in ends if each["deficit"])
    assert missing == ["0.1500", "0.2500"]
    assert set((await told(live_exchange)).values()) == {1}
    assert (await books(live_exchange))[(COUNTY, LAND, "consumed")] == 16_000
    assert await do_due(database, keys) == 0
    await verified(live_exchange)


@pytest.mark.parametrize("cut", ["before the debt", "after the debt"])
async def test_a_worker_that_dies_in_the_middle_loses_nothing_and_repeats_nothing(
    live_exchange: Exchange, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    (commitment,) = await due_ones(live_exchange, 1)
    database, keys = live_exchange.database, live_exchange.app.state.keys
    before = await books(live_exchange)
    open_ = obligations.open_

    async def die(*given: Any, **named: Any) -> None:
        if cut == "after the debt":
            await open_(*given, **named)
        raise asyncio.CancelledError  # as a kill would: all is written, and nothing committed

    monkeypatch.setattr(obligations, "open_", die)
    with pytest.raises(asyncio.CancelledError):
        await do_due(database, keys)
    assert await books(live_exchange) == before
    assert (await shown(live_exchange, commitment))["state"] == "DUE"
    monkeypatch.undo()
    assert await do_due(database, keys) == 1
    end = await shown(live_exchange, commitment)
    assert (end["state"], end["deficit"][0]["quantity"]) == ("DEFAULTED", "0.2500")
    assert set((await told(live_exchange)).values()) == {1}
    await verified(live_exchange)


async def test_a_backend_that_is_killed_in_the_middle_leaves_a_commitment_due(
    live_exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    (commitment,) = await due_ones(live_exchange, 1)
    database, keys = live_exchange.database, live_exchange.app.state.keys
    before = await books(live_exchange)
    open_ = obligations.open_

    async def killed(connection: Connection, **named: Any) -> Any:
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        await owner_says(live_exchange, f"SELECT pg_terminate_backend({pid})")
        return await open_(connection, **named)

    monkeypatch.setattr(obligations, "open_", killed)
    assert await do_due(database, keys) == 1, "it fell due; the write-off waits for the next round"
    monkeypatch.undo()
    assert await books(live_exchange) == before
    assert (await shown(live_exchange, commitment))["state"] == "DUE"
    assert await do_due(database, keys) == 1
    assert (await shown(live_exchange, commitment))["state"] == "DEFAULTED"
    await verified(live_exchange)


async def owner_says(exchange: Exchange, statement: str) -> None:
    """Run a statement as the owner of the database, who may end others' sessions."""
    url = exchange.database.engine.url.render_as_string(hide_password=False)
    owner = Database.connect(url, role=None, pool_size=1)
    await owner.transact(lambda connection: connection.execute(text(statement)))
    await owner.dispose()


async def answers(*asked: tuple[Client, str, Any]) -> list[int]:
    """Ask all at once; the statuses."""
    given = await asyncio.gather(*(client.post(path, body) for client, path, body in asked))
    return [each.status_code for each in given]


async def test_an_acceptance_at_the_instant_of_the_due_date_is_earmarked_or_available_and_counted_once(
    live_exchange: Exchange,
) -> None:
    application = await filed_application(live_exchange, COUNTY, {LAND: "9.0000"})
    projects = [await filed_project(live_exchange, COUNTY, LAND, "0.5000") for _ in range(4)]
    made = [
        await active(live_exchange, COUNTY, application, project, {LAND: "0.5000"}) for project in projects
    ]
    await after_due_day(live_exchange, made[0])
    regulator = await live_exchange.regulator()
    body = {"accepted_on": "2019-11-05", "accepting_body": "省自然资源厅", **REVIEWED}
    database, keys = live_exchange.database, live_exchange.app.state.keys
    statuses, *_ = await asyncio.gather(
        answers(*((regulator, f"/v1/projects/{project}/acceptance", body) for project in projects)),
        *(do_due(database, keys) for _ in range(2)),
    )
    assert statuses == [201] * 4
    await do_due(database, keys)
    states = Counter([(await shown(live_exchange, each))["state"] for each in made])
    assert states.keys() <= {"FULFILLED", "DEFAULTED"}
    there = await books(live_exchange)
    assert there.get((COUNTY, LAND, "consumed"), 0) + there.get((COUNTY, LAND, "available"), 0) == 20_000
    assert (COUNTY, LAND, "earmarked") not in there
    await verified(live_exchange)


async def test_an_application_refused_at_the_instant_of_the_due_date_leaves_nothing_written_off(
    live_exchange: Exchange,
) -> None:
    made = await due_ones(live_exchange, 3, available="0.1000")
    application = (await shown(live_exchange, made[0]))["application_id"]
    regulator = await live_exchange.regulator()
    database, keys = live_exchange.database, live_exchange.app.state.keys
    refusal = {"decision": "refuse", "reason": "选址不符"}
    statuses, *_ = await asyncio.gather(
        answers((regulator, f"/v1/land-applications/{application}/decision", refusal)),
        *(do_due(database, keys) for _ in range(2)),
    )
    assert statuses == [201]
    await do_due(database, keys)
    assert [(await shown(live_exchange, each))["state"] for each in made] == ["LAPSED"] * 3
    there = {key: steps for key, steps in (await books(live_exchange)).items() if key[2] != "issued"}
    assert there == {(COUNTY, LAND, "available"): 8_500}
    await verified(live_exchange)


async def test_of_two_discharges_of_a_deficit_one_makes_it_good(live_exchange: Exchange) -> None:
    (commitment,) = await due_ones(live_exchange, 1)
    await do_due(live_exchange.database, live_exchange.app.state.keys)
    owed = (await shown(live_exchange, commitment))["obligation"]
    await credited(live_exchange, COUNTY, {LAND: "2.0000"})
    officer = await live_exchange.county(COUNTY)
    path = f"/v1/obligations/{owed}/discharge"
    assert sorted(await answers(*((officer, path, None) for _ in range(4)))) == [201, 409, 409, 409]
    assert (await shown(live_exchange, commitment))["state"] == "MADE_GOOD"
    assert (await books(live_exchange))[(COUNTY, LAND, "consumed")] == 5_000
    await verified(live_exchange)


async def test_an_application_is_written_off_less_what_is_activated_at_that_instant_or_not_at_all(
    live_exchange: Exchange,
) -> None:
    """0.6 hm² and all capacity at home for an application of 1 hm²; 0.4 hm² are promised."""
    application = await filed_application(live_exchange, COUNTY, {LAND: "1.0000"})
    await credited(live_exchange, COUNTY, {LAND: "0.6000", Indicator.GRAIN_CAPACITY: "1500.00"})
    project = await filed_project(live_exchange, COUNTY, LAND, "0.4000")
    commitment = await filed(live_exchange, COUNTY, application, project, {LAND: "0.4000"})
    officer, regulator = await live_exchange.county(COUNTY), await live_exchange.regulator()
    write_off = (officer, f"/v1/land-applications/{application}/write-off", None)
    activation = (regulator, f"/v1/commitments/{commitment}/activation", None)
    *writings, activated = await answers(write_off, write_off, write_off, activation)
    assert activated == 201
    assert sorted(writings) in ([201, 409, 409], [409] * 3)
    consumed = (await books(live_exchange)).get((COUNTY, LAND, "consumed"), 0)
    assert consumed == (6_000 if 201 in writings else 0)
    await verified(live_exchange)
