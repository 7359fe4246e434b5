"""Structured logs, request ids and metrics; never a body, a query string, a token or a bid.

One line is logged per request and every line of the same request carries its ``request_id``, which the
caller may give in ``X-Request-Id`` and always gets back. Of an exception the log shows its type and where
it was raised; its message only when it is one of ours, since a driver's message may quote a row.
"""

import logging
import os
import re
import sys
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any, Final, Literal

import structlog
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Probes come every few seconds and say nothing new; they are counted, and logged only when they fail.
_QUIET_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
# SQL at debug level would carry parameters; uvicorn's own access log, disabled below, the query string.
_QUIET_LIBRARIES: Final = {
    "sqlalchemy": logging.WARNING,
    "asyncio": logging.WARNING,
    "alembic.runtime.plugins": logging.WARNING,
}
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS: Final = Counter(
    "gengheng_requests_total", "HTTP requests answered", labelnames=("method", "route", "status")
)
REQUEST_SECONDS: Final = Histogram(
    "gengheng_request_seconds",
    "Seconds from a request's arrival to the end of its answer",
    labelnames=("method", "route"),
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

_log = structlog.stdlib.get_logger("gengheng.http")


def configure_logs(shape: Literal["json", "console"], level: str) -> None:
    """Send every log, the libraries' too, to standard error in one shape; may be called again."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(allow=()),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _reticent_exception,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if shape == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in _QUIET_LIBRARIES.items():
        logging.getLogger(name).setLevel(least)
    logging.getLogger("uvicorn.access").disabled = True


class RequestTelemetry:
    """ASGI middleware: gives each request its id, counts and times it, and logs one line about it."""

    def __init__(self, app: Application) -> None:
        """Stand in front of ``app``."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on; what the application raises goes through unchanged."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id  # request.state.request_id
        status = 500
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [(n, v) for n, v in message.get("headers", ()) if n.lower() != b"x-request-id"]
                message["headers"] = [*headers, (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_id)
            except Exception:
                _log.exception("request failed", method=_method(scope), route=_route(scope))
                raise
            finally:
                self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = _method(scope), _route(scope)
        REQUESTS.labels(method, route, str(status)).inc()
        REQUEST_SECONDS.labels(method, route).observe(seconds)
        if scope["path"] in _QUIET_PATHS and status < 400:
            return
        _log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


def metrics_page() -> tuple[bytes, str]:
    """The metrics in Prometheus' text form and its content type, of all worker processes together."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _request_id(scope: Scope) -> str:
    """The caller's own id where it is harmless, else a fresh one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(given := str(value, "latin-1")):
            return given
    return uuid.uuid4().hex


def _method(scope: Scope) -> str:
    method = str(scope.get("method", ""))
    return method if method in _METHODS else "other"


def _route(scope: Scope) -> str:
    """The route's template, never the path itself: ids would make a new series each, and name people."""
    template = getattr(scope.get("route"), "path", None)
    return template if isinstance(template, str) else "none"


def _reticent_exception(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace exc_info by types and places, with messages of our own exceptions only."""
    held = event.pop("exc_info", None)
    if held is True:
        held = sys.exc_info()
    if isinstance(held, BaseException):
        held = (type(held), held, held.__traceback__)
    if isinstance(held, tuple) and held[1] is not None:
        event["exception"] = "\n".join(_lines_of(held[1]))
    return event


def _lines_of(error: BaseException) -> Iterator[str]:
    """The chain of causes, each with its place; the latest first, as far as eight deep."""
    current: BaseException | None = error
    for _ in range(8):
        if current is None:
            return
        kind = type(current)
        said = f": {current}" if kind.__module__.startswith("app.") else ""
        state = getattr(current, "sqlstate", None)
        yield f"{kind.__module__}.{kind.__qualname__}{said}{f' (SQLSTATE {state})' if state else ''}"
        for frame in traceback.extract_tb(current.__traceback__):
            yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
