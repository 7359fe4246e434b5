"""Domain refusals as RFC 9457 problem+json: the only table of HTTP statuses.

A problem names its stable ``code`` (and ``type``), the ``field`` to blame where there is one, and the
``facts`` a person needs to put it right; titles are given in English and Chinese.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from app.json_body import shown
from app.market.errors import (
    BrokenInvariant,
    Conflict,
    Malformed,
    NotFound,
    NotPermitted,
    Refusal,
    RuleBroken,
)
from app.store.database import DatabaseBusy, DatabaseUnavailable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "1"

STATUS: Mapping[type[Refusal], int] = {
    Malformed: 422,
    NotPermitted: 403,
    NotFound: 404,
    Conflict: 409,
    RuleBroken: 422,
}
"""The nearest class in a refusal's ancestry gives its status."""

BY_CODE: Mapping[str, int] = {
    "idempotency_key_missing": 400,
    "bad_idempotency_key": 400,
    "bad_cursor": 400,
    "unparsable_json": 400,
}
"""Faults of the request's envelope rather than of what it asks."""

BY_HTTP_STATUS: Mapping[int, tuple[str, str, str]] = {
    401: ("unauthenticated", "A valid token is needed", "需要有效的访问令牌"),
    404: ("not_found", "There is no such address", "找不到该地址"),
    405: ("method_not_allowed", "This address does not take that method", "该地址不支持此方法"),
    413: ("body_too_large", "The request's body is too large", "请求内容过大"),
    415: ("not_json", "The body must be JSON", "请求内容须为 JSON"),
}

ENVELOPE: Mapping[tuple[str, str], tuple[str, str]] = {
    ("idempotency-key", "missing"): (
        "idempotency_key_missing",
        "Send the header Idempotency-Key with a key of your own choice, new for each new request.",
    ),
    ("idempotency-key", ""): (
        "bad_idempotency_key",
        "An Idempotency-Key is 1 to 200 printable ASCII characters.",
    ),
    ("cursor", ""): ("bad_cursor", "This cursor was not made by this list; start again without one."),
}
"""What the framework finds wrong with a header or a cursor, by (name, kind of fault, or any)."""

TAUGHT: Mapping[str, str] = {
    "missing": "This field is required.",
    "extra_forbidden": "This field is not known here.",
    "model_attributes_type": "This is a JSON object, {{ … }}.",
    "int_type": "This is a JSON whole number, without quotes.",
    "int_parsing": "This is a whole number.",
    "bool_type": "This is true or false, without quotes.",
    "bool_parsing": "This is true or false.",
    "list_type": "This is a JSON array, [ … ].",
    "tuple_type": "This is a JSON array, [ … ].",
    "string_too_long": "Text has at most {max_length} characters here.",
    "string_pattern_mismatch": "Text may not be blank, nor hold signs that don't belong in it.",
    "too_short": "Name at least one.",
    "too_long": "Name at most {max_length}.",
}
"""What the framework finds wrong with a field, by kind of fault and its bounds, said to a person."""

FIELDS_NAMED_MOST = 20
"""An answer must not grow with what is wrong with its request."""

log = structlog.get_logger(__name__)


class FieldProblem(BaseModel):
    """One field of a request that is wrong, and why."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(description="Dotted path in the body, or the name of a parameter or header")
    code: str
    detail: str


class Problem(BaseModel):
    """What every error answer looks like (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(examples=["urn:gengheng:problem:insufficient"])
    title: str
    title_zh: str
    status: int
    code: str
    detail: str
    field: str | None = None
    facts: dict[str, Any] | None = None
    errors: list[FieldProblem] | None = None
    request_id: str | None = None


class Unauthenticated(Exception):
    """No token, or one that is unknown, expired or revoked."""


class BodyTooLarge(Exception):
    """The request's body is longer than the service takes."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"A body may have at most {limit_bytes} bytes.")


def status_of(refusal: Refusal) -> int:
    """Return the HTTP status that a refusal is answered with."""
    if refusal.code in BY_CODE:
        return BY_CODE[refusal.code]
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def _answer(
    request: Request,
    status: int,
    code: str,
    titles: tuple[str, str],
    detail: str,
    *,
    field: str | None = None,
    facts: Mapping[str, object] | None = None,
    errors: Sequence[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    problem = Problem(
        type=f"urn:gengheng:problem:{code}",
        title=titles[0],
        title_zh=titles[1],
        status=status,
        code=code,
        detail=detail,
        field=field,
        facts=dict(facts) if facts else None,
        errors=list(errors) if errors else None,
        request_id=getattr(request.state, "request_id", None),
    )
    return Response(
        problem.model_dump_json(exclude_none=True),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)  # noqa: S101  (the handler is registered for this class)
    facts = json.loads(json.dumps(dict(refusal.facts), default=str))
    return _answer(
        request,
        status_of(refusal),
        refusal.code,
        (refusal.title, refusal.title_zh),
        refusal.detail,
        field=refusal.field,
        facts=facts,
    )


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = [_field_problem(fault) for fault in error.errors()[:FIELDS_NAMED_MOST]]
    for problem in found:
        if problem.code in BY_CODE:
            titles = (Malformed.title, Malformed.title_zh)
            return _answer(request, 400, problem.code, titles, problem.detail, field=problem.field)
    return _answer(
        request,
        422,
        "malformed",
        (Malformed.title, Malformed.title_zh),
        "; ".join(f"{problem.field}: {problem.detail}" for problem in found[:5]),
        field=found[0].field if found else None,
        errors=found,
    )


def _field_problem(fault: Mapping[str, Any]) -> FieldProblem:
    place, *path = (name for name in fault["loc"] if name != "[key]")  # a map's key is named once
    field = shown(path if place in ("body", "query", "path", "header") else fault["loc"])
    kind = str(fault["type"])
    bounds = fault.get("ctx", {})
    detail = str(fault["msg"]).removeprefix("Value error, ")
    if kind in TAUGHT:
        detail = TAUGHT[kind].format_map(bounds)
    elif kind == "string_too_short":
        least = bounds["min_length"]
        detail = "Text may not be empty." if least == 1 else f"Text has at least {least} characters here."
    number = isinstance(fault.get("input"), int | float) and not isinstance(fault.get("input"), bool)
    if kind == "string_type" and number:
        detail = (
            "This is a string in quotes, not a JSON number: quantities and money are written "
            '"12.3456", codes "511922".'
        )
    elif kind == "missing" and place == "body" and not path:
        detail = "Send a JSON body; {} will do where there is nothing to say."
    elif place in ("header", "query") and (field, kind) in ENVELOPE:
        kind, detail = ENVELOPE[field, kind]
    elif place in ("header", "query") and (field, "") in ENVELOPE:
        kind, detail = ENVELOPE[field, ""]
    if place == "header":
        field = "-".join(part.capitalize() for part in field.split("-"))
    return FieldProblem(field=field, code=kind, detail=detail)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    detail = str(error.detail)
    if error.status_code == 405:
        # The framework names the methods of one route; an address may have several (RFC 9110, 15.5.6).
        error.headers = {"Allow": ", ".join(_methods_at(request))}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=error.headers)
        detail = f"This address takes {error.headers['Allow']}."
    elif error.status_code == 404:
        detail = "/docs lists every address of the service."
    code, title, title_zh = BY_HTTP_STATUS.get(
        error.status_code, ("http_error", "The request failed", "请求失败")
    )
    return _answer(request, error.status_code, code, (title, title_zh), detail, headers=error.headers)


def _methods_at(request: Request) -> list[str]:
    found = {"OPTIONS"}
    for route in iter_route_contexts(request.app.routes):
        if route.path_regex.match(request.url.path):
            found |= getattr(route, "methods", None) or set()
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


async def _unauthenticated(request: Request, error: Exception) -> Response:
    code, title, title_zh = BY_HTTP_STATUS[401]
    return _answer(
        request,
        401,
        code,
        (title, title_zh),
        str(error),
        headers={"WWW-Authenticate": 'Bearer realm="gengheng"'},
    )


async def _too_large(request: Request, error: Exception) -> Response:
    code, title, title_zh = BY_HTTP_STATUS[413]
    return _answer(request, 413, code, (title, title_zh), str(error), headers={"Connection": "close"})


async def _unavailable(request: Request, error: Exception) -> Response:
    return _answer(
        request,
        503,
        "database_busy" if isinstance(error, DatabaseBusy) else "database_unavailable",
        ("The exchange can't answer just now", "系统暂时无法处理请求"),
        f"{error}. Send the same request with the same Idempotency-Key again.",
        headers={"Retry-After": RETRY_AFTER_SECONDS},
    )


async def _broken(request: Request, error: Exception) -> Response:
    log.error("defect", error=repr(error), exc_info=error)
    return _answer(
        request,
        500,
        "defect",
        ("The exchange has a defect", "系统内部错误"),
        "Nothing was changed. Please report the request_id.",
    )


def install(app: FastAPI) -> None:
    """Register the handlers: every error answer of the service is a problem."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Unauthenticated, _unauthenticated)
    app.add_exception_handler(BodyTooLarge, _too_large)
    app.add_exception_handler(DatabaseBusy, _unavailable)
    app.add_exception_handler(DatabaseUnavailable, _unavailable)
    app.add_exception_handler(BrokenInvariant, _broken)
    app.add_exception_handler(Exception, _broken)


def document(schema: dict[str, Any]) -> None:
    """Say in the OpenAPI that errors are problem+json; the framework knows a route's one media type only."""
    for path in schema["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if int(status) >= 400 and (described := [each for each in content.values() if each]):
                    response["content"] = {MEDIA_TYPE: described[0]}
