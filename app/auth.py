"""From bearer token to Actor, before anything of the request is read; denied by default.

``GuardedRoute`` is the class of every route: its operation id is an Action of ``market/access.py``, or
the service does not start. A public action needs no token; any other needs one whose roles allow it.
Whose things the actor may touch is the services' question (``access.permit``). After the guard, and before
any model, the envelope is checked: known parameters, a JSON body that means one thing only.
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute

from app.json_body import shown, strict_json
from app.market.access import ACCESS, PUBLIC, Action, Actor, scope
from app.market.errors import Malformed, NotPermitted
from app.problems import MEDIA_TYPE, Problem, Unauthenticated
from app.sealing.keys import token_digest
from app.services import jurisdictions

_PROBLEM: dict[str, Any] = {"model": Problem, "content": {MEDIA_TYPE: {}}}
_LONGEST_TOKEN = 200


class GuardedRoute(APIRoute):
    """A route that can't be reached but by an actor whose roles allow its action."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Take the action from the operation id; raises ValueError where the access table has none."""
        action = Action(options["operation_id"])
        if (action in PUBLIC) == (action in ACCESS):
            raise ValueError(f"{action} must be either public or in the access table")
        self.action = action
        statuses = {503: "unavailable", 500: "defect", 422: "malformed", 400: "unparsable"}
        if action not in PUBLIC:
            statuses |= {401: "no valid token", 403: "not permitted", 404: "not found"}
            options["openapi_extra"] = {"security": [{"bearer": []}], **(options.get("openapi_extra") or {})}
        if "{" in path:
            statuses[404] = "not found"
        if set(options.get("methods") or ()) - {"GET"}:
            statuses |= {409: "conflict", 413: "too large", 415: "not JSON"}
        documented = {status: {**_PROBLEM, "description": why} for status, why in statuses.items()}
        options["responses"] = {**documented, **(options.get("responses") or {})}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the guard before everything else, so that a stranger's body is not even parsed."""
        handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()
        known = frozenset(
            field.alias for field in get_flat_params(self.dependant) if isinstance(field.field_info, Query)
        )

        async def guarded(request: Request) -> Response:
            if self.action not in PUBLIC:
                request.state.actor = await _authenticated(request, self.action)
            if request.url.path.startswith("/v1"):
                _check_parameters(request, known)
            if request.method != "GET":
                await _read_body(request, wanted=self.body_field is not None)
            return await handle(request)

        return guarded


async def _authenticated(request: Request, action: Action) -> Actor:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= _LONGEST_TOKEN:
        raise Unauthenticated("Send the header `Authorization: Bearer <token>`.")
    actor: Actor | None = await request.app.state.database.look(
        partial(jurisdictions.actor_of, digest=token_digest(token))
    )
    if actor is None:
        raise Unauthenticated("This token is unknown, expired or revoked.")
    if scope(actor, action) is None:
        raise NotPermitted(
            f"This token's roles ({', '.join(sorted(actor.roles))}) do not allow to "
            f"{action.value.replace('_', ' ')}; allowed are: {', '.join(sorted(ACCESS[action]))}.",
            action=action.value,
        )
    return actor


def _check_parameters(request: Request, known: frozenset[str]) -> None:
    """Refuse a misspelt filter, which would otherwise show everything, and one that is given twice."""
    given = request.query_params.multi_items()
    names = [name for name, _ in given]
    for name, value in given:
        field = shown([name])
        if name not in known:
            raise Malformed(
                "unknown_parameter",
                f"There is no such parameter here; there are: {', '.join(sorted(known)) or 'none'}.",
                field=field,
            )
        if names.count(name) > 1:
            raise Malformed("repeated_parameter", "This parameter is given more than once.", field=field)
        if "\x00" in value:
            raise Malformed("bad_text", "Text may not hold NUL.", field=field)


async def _read_body(request: Request, *, wanted: bool) -> None:
    """Read the body strictly, and leave it where the framework looks for it."""
    raw = await request.body()
    if not raw:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send a JSON body, with the header `Content-Type: application/json`.")
    body = strict_json(raw)
    if not wanted and body != {}:
        raise Malformed("unexpected_body", "This request has no body; send none, or {}.", field="body")
    request._json = body


def actor_of(request: Request) -> Actor:
    """Return the actor that the guard let in."""
    actor: Actor = request.state.actor
    return actor


async def _current_actor(request: Request) -> Actor:
    # async, as every dependency here: the framework sends a plain function to a thread.
    return actor_of(request)


CurrentActor = Annotated[Actor, Depends(_current_actor)]
