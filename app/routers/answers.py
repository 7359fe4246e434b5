"""How every route answers: writes under their idempotency key, reads with an ETag, lists by pages."""

import base64
import binascii
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Header, Query, Request, Response
from pydantic import BaseModel

from app.auth import actor_of
from app.market.errors import Malformed
from app.routers.forms import View
from app.services.journal import Answer, Claim, once
from app.store.database import Connection

T = TypeVar("T")
V = TypeVar("V", bound=BaseModel)

JSON = "application/json"
LIMIT_DEFAULT = 50
LIMIT_MOST = 200
KEY_LENGTH_MOST = 200


class Write:
    """A write under its Idempotency-Key: one transaction for key, effect and answer."""

    def __init__(self, request: Request, claim: Claim) -> None:
        """Made by the ``Writing`` dependency."""
        self._request = request
        self._claim = claim

    async def run(
        self,
        work: Callable[[Connection], Awaitable[T]],
        shape: Callable[[T], BaseModel],
        *,
        status: int = 201,
    ) -> Response:
        """Do the work once, commit, and only then answer; a repeated key gets the stored answer again."""

        def answer(result: T) -> Answer:
            return Answer(status, shape(result).model_dump_json())

        given = await self._request.app.state.database.transact(
            lambda connection: once(connection, self._claim, work, answer)
        )
        headers = {"Idempotency-Replayed": "true"} if given.replayed else {}
        return Response(given.body, status_code=given.status, media_type=JSON, headers=headers)


async def _write(
    request: Request,
    idempotency_key: Annotated[
        str,
        Header(
            min_length=1,
            max_length=KEY_LENGTH_MOST,
            pattern=r"^[ -~]+$",
            description="A key of your own choice, new for each new request: the same request under the "
            "same key is done once, however often it is sent.",
            examples=["2026-03-01-listing-7"],
        ),
    ],
) -> Write:
    digest = request.app.state.keys.request_digest(request.method, request.url.path, await request.body())
    return Write(request, Claim(actor_of(request).jurisdiction, idempotency_key, digest))


Writing = Annotated[Write, Depends(_write)]


class Read:
    """A read on one snapshot, answered with an ETag; ``If-None-Match`` gets 304 where nothing changed."""

    def __init__(self, request: Request) -> None:
        """Made by the ``Reading`` dependency."""
        self._request = request

    async def run(
        self,
        work: Callable[[Connection], Awaitable[T]],
        shape: Callable[[T], BaseModel],
        *,
        media_type: str = JSON,
    ) -> Response:
        """Read and shape a JSON answer."""
        return self.answer(shape(await self.load(work)).model_dump_json(), media_type=media_type)

    async def load(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Read one snapshot."""
        result: T = await self._request.app.state.database.read(work)
        return result

    def answer(self, body: str | bytes, *, media_type: str = JSON, name: str | None = None) -> Response:
        """Answer with a body that is written already: a published record, or a document to keep by name."""
        written = body.encode() if isinstance(body, str) else body
        tag = '"' + hashlib.sha256(written).hexdigest()[:32] + '"'
        # Kept if you like, but asked for anew each time; what needs a token only by its bearer.
        kept_by = "private" if hasattr(self._request.state, "actor") else "public"
        headers = {"ETag": tag, "Cache-Control": f"{kept_by}, no-cache"}
        if name is not None:
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        asked = self._request.headers.get("if-none-match", "")
        if {tag, "*"} & {candidate.strip().removeprefix("W/") for candidate in asked.split(",")}:
            return Response(status_code=304, headers=headers)
        return Response(written, media_type=media_type, headers=headers)


async def _read(request: Request) -> Read:
    return Read(request)


Reading = Annotated[Read, Depends(_read)]


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for: at most ``limit`` items after the sort key ``after``."""

    limit: int
    after: tuple[Any, ...] | None
    _request: Request

    def view(
        self, rows: Sequence[T], item: Callable[[T], V], sort_key: Callable[[T], tuple[Any, ...]]
    ) -> "PageView[V]":
        """Shape ``rows``, which hold one more than the limit where there is a next page."""
        shown, cursor = self.cut(rows, sort_key)
        return PageView(items=[item(row) for row in shown], next_cursor=cursor)

    def cut(
        self, rows: Sequence[T], sort_key: Callable[[T], tuple[Any, ...]]
    ) -> tuple[Sequence[T], str | None]:
        """The rows of this page, and the cursor of the next one where ``rows`` hold one more."""
        shown = rows[: self.limit]
        cursor = _cursor(self._request, sort_key(shown[-1])) if len(rows) > self.limit else None
        return shown, cursor


class PageView(View, Generic[V]):
    """One page; ``next_cursor`` is null on the last one."""

    items: list[V]
    next_cursor: str | None = None


def _cursor_content(request: Request, sort_key: tuple[Any, ...]) -> bytes:
    content = json.dumps([request.url.path, list(sort_key)], ensure_ascii=False, separators=(",", ":"))
    return content.encode()


def _cursor(request: Request, sort_key: tuple[Any, ...]) -> str:
    content = _cursor_content(request, sort_key)
    return base64.urlsafe_b64encode(request.app.state.keys.cursor_tag(content) + content).decode().rstrip("=")


async def _page(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MOST, description="How many items at most")] = LIMIT_DEFAULT,
    cursor: Annotated[
        str | None, Query(max_length=1000, description="next_cursor of the page before")
    ] = None,
) -> Page:
    if cursor is None:
        return Page(limit, None, request)
    refusal = Malformed(
        "bad_cursor",
        "This cursor was not made by this list; start again without one.",
        field="cursor",
    )
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise refusal from error
    tag, content = raw[:16], raw[16:]
    if not request.app.state.keys.is_cursor_tag(content, tag):
        raise refusal
    path, sort_key = json.loads(content)
    if path != request.url.path:
        raise refusal
    return Page(limit, tuple(sort_key), request)


Paging = Annotated[Page, Depends(_page)]


def documented(view: Any, *, status: int = 200, description: str = "Done") -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses of a route that answers with ``view``; reads may also answer 304."""
    responses: dict[int | str, dict[str, Any]] = {status: {"model": view, "description": description}}
    if status == 200:
        responses[304] = {"description": "Not changed since the ETag given"}
    return responses


def example(body: Mapping[str, Any]) -> dict[str, Any]:
    """The OpenAPI example of a body: a valid request, as a test sends it."""
    return {"example": body}
