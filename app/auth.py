"""From bearer token to Actor, before anything of the request is read; denied by default.

``GuardedRoute`` is the class of every route: its operation id is an Action of ``market/access.py``, or
the service does not start. A public action needs no token; any other needs one whose roles allow it.
Whose things the actor may touch is the services' question (``access.permit``).
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from app.market.access import ACCESS, PUBLIC, Action, Actor, scope
from app.market.errors import NotPermitted
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
            statuses |= {401: "no valid token", 403: "not permitted"}
            options["openapi_extra"] = {"security": [{"bearer": []}], **(options.get("openapi_extra") or {})}
        if "{" in path:
            statuses[404] = "not found"
        if set(options.get("methods") or ()) - {"GET"}:
            statuses |= {404: "not found", 409: "conflict", 413: "too large"}
        documented = {status: {**_PROBLEM, "description": why} for status, why in statuses.items()}
        options["responses"] = {**documented, **(options.get("responses") or {})}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the guard before everything else, so that a stranger's body is not even parsed."""
        handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            if self.action not in PUBLIC:
                request.state.actor = await _authenticated(request, self.action)
            return await handle(request)

        return guarded


async def _authenticated(request: Request, action: Action) -> Actor:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= _LONGEST_TOKEN:
        raise Unauthenticated("Send the header `Authorization: Bearer <token>`.")
    actor: Actor | None = await request.app.state.database.read(
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


def actor_of(request: Request) -> Actor:
    """Return the actor that the guard let in."""
    actor: Actor = request.state.actor
    return actor


CurrentActor = Annotated[Actor, Depends(actor_of)]
