"""The OpenAPI: it says what is true, its examples are valid requests, and no request gets a 5xx."""

import asyncio
import contextlib
import hashlib
import socket
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.market.access import Role
from app.market.indicators import Indicator
from tests import story
from tests.conftest import Client, Exchange
from tests.owed import owing
from tests.promised import drafted

AREA = Indicator.FARMLAND_QUANTITY
COUNTY, CITY = "511922", "510100"
EXAMPLES_PER_OPERATION = 16
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def operations(openapi: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation: method, path, and what is said of it."""
    for path, item in openapi["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def bodies(openapi: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation with a body: method, path, and the body's schema."""
    for method, path, operation in operations(openapi):
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            if "$ref" not in schema:  # an optional body: the form, or null
                (schema,) = [each for each in schema["anyOf"] if "$ref" in each]
            yield method, path, openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]


async def test_every_operation_says_what_it_does_and_what_can_go_wrong(exchange: Exchange) -> None:
    openapi = exchange.app.openapi()
    for method, path, operation in operations(openapi):
        place = f"{method} {path}"
        assert operation["operationId"] and operation["summary"] and operation["description"], place
        assert {"422", "500", "503"} <= operation["responses"].keys(), place
        if "security" in operation:
            assert {"401", "403"} <= operation["responses"].keys(), place
        if method == "POST":
            assert {"400", "404", "409", "413", "415"} <= operation["responses"].keys(), place
            headers = [each for each in operation["parameters"] if each["in"] == "header"]
            assert [each["name"] for each in headers if each["required"]] == ["idempotency-key"], place
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], place


async def test_every_body_has_an_example(exchange: Exchange) -> None:
    without = [
        f"{method} {path}"
        for method, path, schema in bodies(exchange.app.openapi())
        if "example" not in schema
    ]
    assert without == []


async def test_every_example_is_a_valid_request(exchange: Exchange) -> None:
    """Valid in form: that a thing of that id exists, or is in the right state, is another question."""
    officer = await exchange.client(COUNTY, *Role)
    for method, path, schema in bodies(exchange.app.openapi()):
        address = path
        for name, value in {"code": COUNTY, "kind": "acceptances", "year": "2026"}.items():
            address = address.replace("{" + name + "}", value)
        while "{" in address:  # an id of the kind that the route wants is not needed to read the body
            address = address[: address.index("{")] + "X0000000001" + address[address.index("}") + 1 :]
        answer = await officer.request(method, address, json=schema["example"])
        code = answer.json().get("code") if answer.status_code >= 400 else None
        assert answer.status_code not in (400, 413, 415), (path, answer.text)
        assert code not in ("malformed", "bad_quantity", "bad_policy", "unexpected_body"), (path, answer.text)


async def known_ids(exchange: Exchange) -> dict[str, Any]:
    """One thing of each kind, by the names that paths, parameters and bodies give it; bidding is open."""
    await story.sold_by(exchange, AREA, "auction", "unified_price", "market")
    await story.band(exchange, AREA, unified_price="320000.00")
    listing = await story.listed(exchange, COUNTY, AREA, "10.0000")
    batches = await story.credited(exchange, COUNTY, {AREA: "20.0000"})
    await story.approved_need(exchange, CITY, {AREA: "2.0000"}, key_level="national")
    regulator = await exchange.regulator()
    allocation = (await regulator.post("/v1/allocations")).json()["id"]
    need = await story.approved_need(exchange, CITY, {AREA: "2.0000"})
    application = await story.filed_application(exchange, CITY, {AREA: "1.0000"})
    wanted = {"mode": "unified_price", "indicator": AREA.value, "quantity": "0.1000"}
    purchase = await story.bought(exchange, CITY, need_id=need, **wanted)
    auction = await story.announced(exchange, AREA)
    await story.registered(exchange, auction, CITY, "1.0000", need=need)
    receipt = await story.bid(exchange, auction, CITY, "310000.00", "0.5000")
    await story.funded(exchange, CITY, "1000000.00")
    sanction = await story.sanctioned(exchange, "510722")
    project = await (await exchange.county(COUNTY)).post("/v1/projects", story.project_body(COUNTY))
    inspection = await regulator.post("/v1/inspections", {"jurisdiction": COUNTY})
    spot_check = await regulator.post(
        "/v1/spot-checks", {"year": 2019, "count": 1, "seed_sha256": hashlib.sha256(b"a" * 16).hexdigest()}
    )
    trades = (await regulator.get("/v1/trades")).json()["items"]
    objecting = await (await exchange.county(COUNTY)).post(
        f"/v1/trades/{trades[0]['id']}/objections", {"reason": "地块不实"}
    )
    short = await story.filed_application(exchange, COUNTY, {AREA: "90.0000"})
    commitment = await drafted(exchange, COUNTY, short, project.json()["id"], {AREA: "0.1000"})
    return {
        "code": COUNTY,
        "jurisdiction": COUNTY,
        "commitment_id": commitment["id"],
        "obligation_id": await owing(exchange, CITY, {AREA: 1}),
        "listing_id": listing,
        "batch_id": batches[AREA],
        "need_id": need,
        "application_id": application,
        "allocation_id": allocation,
        "auction_id": auction["id"],
        "purchase_id": purchase["id"],
        "bid_id": receipt["id"],
        "sanction_id": sanction,
        "inspection_id": inspection.json()["id"],
        "spot_check_id": spot_check.json()["id"],
        "project_id": project.json()["id"],
        "trade_id": trades[0]["id"],
        "objection_id": objecting.json()["id"],
    }


@contextlib.asynccontextmanager
async def served(exchange: Exchange) -> AsyncIterator[str]:
    """The application on a real socket; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(exchange.app, log_config=None, lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


def explore(
    openapi: dict[str, Any], address: str, clients: Sequence[Client], known: Mapping[str, Any]
) -> list[str]:
    """Ask every operation many things, right and wrong; the failures."""
    schema = schemathesis.openapi.from_dict(openapi)
    schema.config.base_url = address
    failures = []
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        try:
            explore_one(operation, clients, known)
        except (Exception, FailureGroup) as failure:
            failures.append(f"{operation.label}: {failure}")
    return failures


def explore_one(operation: Any, clients: Sequence[Client], known: Mapping[str, Any]) -> None:
    """Ask one operation many things; raises at the first answer that it must not give."""

    @seed(20260301)
    @settings(
        max_examples=EXAMPLES_PER_OPERATION,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        use_known=st.booleans(),
        client=st.sampled_from(clients),
    )
    def ask(case: Any, use_known: bool, client: Client) -> None:
        if use_known:
            for place in (case.path_parameters, case.body):
                if isinstance(place, dict):
                    place.update({name: known[name] for name in place if name in known})
        headers = {"Authorization": f"Bearer {client.token}", "Idempotency-Key": str(uuid.uuid4())}
        case.call_and_validate(headers=headers, checks=CHECKS, timeout=20)

    ask()


async def test_no_request_gets_a_defect_or_an_undocumented_answer(live_exchange: Exchange) -> None:
    known = await known_ids(live_exchange)
    # Every role, so that no answer is a plain 403: once as a seller, once as a buyer.
    clients = [await live_exchange.client(code, *Role) for code in (COUNTY, CITY)]
    openapi = live_exchange.app.openapi()
    async with served(live_exchange) as address:
        failures = await asyncio.to_thread(explore, openapi, address, clients, known)
    if failures:
        pytest.fail("\n\n".join(failures))
