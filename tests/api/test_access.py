"""Who may do what (DESIGN: identity): every route, asked by every role and by nobody."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts

from app import main
from app.auth import GuardedRoute
from app.market import access
from app.market.access import (
    ACCESS,
    PUBLIC,
    Action,
    Actor,
    Role,
    Scope,
    permit,
    permitted_jurisdiction,
    scope,
)
from app.market.errors import NotPermitted
from app.settings import Settings
from app.store.database import Database
from tests.conftest import Client, Exchange

PLACES = {
    "code": "511922",
    "name": "deposit_rate",
    "year": "2026",
    "kind": "filings",
    "project_id": "P0000000001",
    "listing_id": "L0000000001",
    "application_id": "F0000000001",
    "need_id": "N0000000001",
    "allocation_id": "D0000000001",
    "auction_id": "A0000000001",
    "bid_id": "B0000000001",
    "purchase_id": "U0000000001",
    "trade_id": "T0000000001",
    "number": "耕调〔2026〕0000000001号",
    "objection_id": "H0000000001",
    "sanction_id": "S0000000001",
    "inspection_id": "V0000000001",
    "spot_check_id": "Q0000000001",
    "commitment_id": "K0000000001",
    "obligation_id": "O0000000001",
}
"""What stands for each parameter of a path."""


def routes(exchange: Exchange) -> Iterator[tuple[Action, str, str]]:
    """Every guarded route: its action, method, and an address of it."""
    for context in iter_route_contexts(exchange.app.routes):
        route = context.original_route
        if isinstance(route, GuardedRoute):
            (method,) = context.methods or {""}
            yield route.action, method, (context.path or "").format(**PLACES)


async def asked(client: Client, method: str, path: str) -> tuple[int, dict[str, Any]]:
    """Ask with an empty body; the status and the problem, if it is one."""
    answer = await (client.get(path) if method == "GET" else client.request(method, path, json={}))
    is_problem = answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json() if is_problem else {}


async def test_every_action_has_one_route_and_every_route_an_action(exchange: Exchange) -> None:
    actions = [action for action, _, _ in routes(exchange)]
    assert sorted(actions) == sorted(Action)
    assert PUBLIC | set(ACCESS) == set(Action)
    assert not PUBLIC & set(ACCESS)


async def test_without_a_token_only_what_is_public_is_answered(exchange: Exchange) -> None:
    public = exchange.public()
    for action, method, path in routes(exchange):
        status, _ = await asked(public, method, path)
        if action in PUBLIC:
            assert status not in (401, 403), path
        else:
            assert status == 401, path


@pytest.mark.parametrize("role", Role)
async def test_a_role_is_let_in_where_the_table_says_and_nowhere_else(exchange: Exchange, role: Role) -> None:
    client = await exchange.client("510722", role)
    for action, method, path in routes(exchange):
        if action in PUBLIC:
            continue
        status, problem = await asked(client, method, path)
        if role in ACCESS[action]:
            # Let in by its role; whose things it touches is then the service's question.
            stopped_by_role = status == 403 and "jurisdiction" not in problem.get("facts", {})
            assert status != 401 and not stopped_by_role, (role, action, problem)
        else:
            assert (status, problem["code"], problem["facts"]["action"]) == (403, "not_permitted", action)


async def test_a_role_that_acts_on_its_own_does_not_act_on_another(exchange: Exchange) -> None:
    """511922 is not the officer's own: nothing of it is shown or done."""
    officer = await exchange.county("510722")
    own_only = [
        (method, path)
        for action, method, path in routes(exchange)
        if ACCESS.get(action, {}).get(Role.COUNTY_OFFICER) is Scope.OWN and "/511922" in path
    ]
    assert own_only
    for method, path in own_only:
        status, _ = await asked(officer, method, path)
        assert status in (403, 404), path


async def test_a_public_route_does_not_mind_a_bad_token(exchange: Exchange) -> None:
    stranger = Client(exchange.http, "gh_nonsense")
    assert (await stranger.get("/v1/bulletin/listings")).status_code == 200


async def nothing() -> None:
    """An endpoint that is never reached."""


def refused_router(**options: Any) -> APIRouter:
    """A router with one route of its own."""
    router = APIRouter(prefix="/v1", **options)
    router.add_api_route("/backdoor", nothing, methods=["GET"], operation_id="open_backdoor")
    return router


def test_a_route_without_a_guard_keeps_the_service_from_starting(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, database: Database
) -> None:
    monkeypatch.setattr(main, "ROUTERS", (*main.ROUTERS, refused_router()))
    with pytest.raises(RuntimeError, match="/v1/backdoor"):
        main.create_app(settings, database=database)


def test_a_route_that_is_not_in_the_table_can_not_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="open_backdoor"):
        refused_router(route_class=GuardedRoute)
    with pytest.raises(ValueError, match="None"):
        APIRouter(route_class=GuardedRoute).add_api_route("/v1/nameless", nothing)
    without = {action: roles for action, roles in ACCESS.items() if action is not Action.SET_BAND}
    monkeypatch.setattr("app.auth.ACCESS", without)
    with pytest.raises(ValueError, match="set_band"):
        APIRouter(route_class=GuardedRoute).add_api_route("/v1/bands", nothing, operation_id=Action.SET_BAND)


def actor(*roles: Role) -> Actor:
    """An actor of 511922."""
    return Actor(1, "test", "511922", frozenset(roles))


def test_the_widest_scope_of_several_roles_counts() -> None:
    both = actor(Role.COUNTY_OFFICER, Role.AUDITOR)
    assert scope(both, Action.READ_NEEDS) is Scope.ANY
    assert permitted_jurisdiction(both, Action.READ_NEEDS) is None
    assert permitted_jurisdiction(actor(Role.COUNTY_OFFICER), Action.READ_NEEDS) == "511922"


def test_an_officer_acts_on_its_own_jurisdiction_only() -> None:
    permit(actor(Role.COUNTY_OFFICER), Action.FILE_PROJECT, "511922")
    with pytest.raises(NotPermitted):
        permit(actor(Role.COUNTY_OFFICER), Action.FILE_PROJECT, "511921")
    with pytest.raises(NotPermitted):
        permit(actor(), Action.FILE_PROJECT, "511922")


def test_the_operator_has_no_role_that_reads_bids_or_moves_anything() -> None:
    """The administrator runs the service and is no party to the market."""
    allowed = {action for action, roles in ACCESS.items() if Role.ADMINISTRATOR in roles}
    assert all(action.value.startswith("read_") for action in allowed)
    assert Action.READ_BIDS not in allowed
    assert access.ACCESS[Action.READ_BIDS].keys() <= {Role.COUNTY_OFFICER, Role.CITY_OFFICER}
