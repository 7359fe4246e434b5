"""Logs, request ids and metrics say what happened and never what was in it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from app.market.errors import BrokenInvariant
from app.telemetry import REQUESTS, RequestTelemetry, configure_logs, metrics_page


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written to standard error, with logging put back afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logs("json", "info")
    yield stream
    root.handlers[:], root.level = before, level
    structlog.reset_defaults()


class Template:
    """Stands for the matched route in a scope."""

    path = "/v1/reserves/{code}"


async def ask(
    app: Any, *headers: tuple[bytes, bytes], path: str = "/v1/reserves/511922", method: str = "GET"
) -> list[dict[str, Any]]:
    scope = {
        "type": "http",
        "path": path,
        "method": method,
        "headers": list(headers),
        "query_string": b"q=s3cret",
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"s3cret"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await RequestTelemetry(app)(scope, receive, send)  # type: ignore[arg-type]
    return sent


async def answer(scope: Any, receive: Any, send: Any) -> None:
    scope["route"] = Template()
    structlog.stdlib.get_logger("app.test").info("inside")
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"s3cret"})


async def test_every_line_of_a_request_carries_its_id_and_nothing_of_its_content(logged: io.StringIO) -> None:
    sent = await ask(answer, (b"x-request-id", b"desk-7.42"), (b"authorization", b"Bearer s3cret"))
    assert (b"x-request-id", b"desk-7.42") in sent[0]["headers"]
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["inside", "request"]
    assert {line["request_id"] for line in lines} == {"desk-7.42"}
    assert lines[1]["route"] == "/v1/reserves/{code}"
    assert lines[1]["status"] == 201
    assert "s3cret" not in logged.getvalue()
    assert "511922" not in logged.getvalue()


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 65, b'"\r\n{', "编号".encode()])
async def test_an_id_that_could_forge_a_log_line_is_replaced(logged: io.StringIO, given: bytes) -> None:
    sent = await ask(answer, (b"x-request-id", given))
    fresh = dict(sent[0]["headers"])[b"x-request-id"]
    assert len(fresh) == 32
    assert fresh != given


async def test_requests_are_counted_by_route_not_by_path(logged: io.StringIO) -> None:
    labels = ("GET", "/v1/reserves/{code}", "201")
    before = REQUESTS.labels(*labels)._value.get()
    await ask(answer, path="/v1/reserves/511921")
    await ask(answer, path="/v1/reserves/511922")
    assert REQUESTS.labels(*labels)._value.get() == before + 2
    page, content_type = metrics_page()
    assert b"/v1/reserves/511" not in page
    assert content_type.startswith("text/plain")


async def test_an_unknown_method_or_path_makes_no_new_series(logged: io.StringIO) -> None:
    async def missing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})

    await ask(missing, path="/invented/1", method="BREW")
    page, _ = metrics_page()
    assert b"BREW" not in page
    assert b"invented" not in page


async def test_probes_are_logged_only_when_they_fail(logged: io.StringIO) -> None:
    await ask(answer, path="/readyz")
    assert [json.loads(line)["event"] for line in logged.getvalue().splitlines()] == ["inside"]


async def test_a_failure_is_logged_with_its_place_and_without_a_drivers_words(logged: io.StringIO) -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        try:
            raise ValueError("Failing row contains (s3cret)")
        except ValueError as error:
            raise BrokenInvariant("the postings of transaction 7 sum to 1") from error

    with pytest.raises(BrokenInvariant):
        await ask(fail)
    failure = json.loads(logged.getvalue().splitlines()[0])
    assert failure["level"] == "error"
    assert "the postings of transaction 7 sum to 1" in failure["exception"]
    assert "builtins.ValueError\n" in failure["exception"]
    assert "test_telemetry.py" in failure["exception"]
    assert "s3cret" not in logged.getvalue()


async def test_libraries_log_in_the_same_form(logged: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    logging.getLogger("sqlalchemy.engine").info("INSERT … [s3cret]")
    (line,) = (json.loads(line) for line in logged.getvalue().splitlines())
    assert line["event"] == "Started server process [7]"
    assert line["logger"] == "uvicorn.error"
