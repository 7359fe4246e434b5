"""HTTP manners (DESIGN: HTTP): each fault gets a clear problem that names the field, and changes nothing."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any

import httpx
import pytest
import uvicorn

from app.json_body import DEEPEST
from tests import story
from tests.conftest import Client, Exchange

DESIGNATION = {
    "jurisdiction": "510722",
    "kind": "poverty",
    "valid_from": "2026-01-01",
    "valid_until": None,
}
SANCTION = {"jurisdiction": "510722", "kind": "rectify", "reason": "整改", "starts_on": "2026-03-01"}
BAND: dict[str, Any] = {
    "indicator": "farmland_quantity",
    "starts_at": "2100-01-01T00:00:00Z",
    "floor": "300000.00",
    "ceiling": "450000.00",
    "key_project_price": "300000.00",
    "costs": {
        "average_cost": "300000.00",
        "protection_compensation": "0",
        "annual_upkeep": "0",
        "upkeep_years": 0,
    },
    "floor_factor": "1",
    "ceiling_factor": "1.5",
}
MEBIBYTE = 1024 * 1024


def problem(answer: httpx.Response, status: int, code: str, field: str | None) -> dict[str, Any]:
    """Check that an answer is such a problem; return it."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found: dict[str, Any] = answer.json()
    assert (answer.status_code, found["code"], found.get("field")) == (status, code, field), answer.text
    assert found["status"] == status
    assert found["type"] == f"urn:gengheng:problem:{code}"
    assert found["title"] and found["title_zh"] and found["detail"] and found["request_id"]
    return found


async def post_raw(client: Client, path: str, body: bytes, **headers: str) -> httpx.Response:
    """POST bytes as they are."""
    return await client.request(
        "POST", path, content=body, headers={"Content-Type": "application/json", **headers}
    )


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 422, "malformed", "body"),
        (b"{", 400, "unparsable_json", "body"),
        (b"\xff", 400, "unparsable_json", "body"),
        (b"\xef\xbb\xbf{}", 400, "unparsable_json", "body"),
        ('{"kind": "poverty"}'.encode("utf-16"), 400, "unparsable_json", "body"),
        (b'{"kind": NaN}', 400, "unparsable_json", "body"),
        (b'{"kind": -Infinity}', 400, "unparsable_json", "body"),
        (b"[]", 422, "malformed", "body"),
        (b"null", 422, "malformed", "body"),
        (b'{"kind": 1e999}', 422, "number_too_large", "kind"),
        (b'{"kind": 9223372036854775808}', 422, "number_too_large", "kind"),
        (b'{"kind": ' + b"9" * 10_000 + b"}", 422, "number_too_large", "kind"),
        (b'{"kind": "poverty", "kind": "deep_poverty"}', 422, "repeated_field", "kind"),
        (b'{"kind": [{"a": 1, "\\u0061": 1}]}', 422, "repeated_field", "kind.0.a"),
        (b'{"jurisdiction": "51\\u0000"}', 422, "bad_text", "jurisdiction"),
        (b'{"jurisdiction": "\\ud800"}', 422, "bad_text", "jurisdiction"),
        (b'{"\\udfff": 1}', 422, "bad_text", "�"),
        (b'{"a": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", 422, "nested_too_deeply", "body"),
        (b"[" * 200_000, 422, "nested_too_deeply", "body"),
    ],
)
async def test_a_body_that_does_not_mean_one_thing_is_refused(
    exchange: Exchange, body: bytes, status: int, code: str, field: str
) -> None:
    problem(await post_raw(await exchange.regulator(), "/v1/designations", body), status, code, field)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/price-bands", BAND | {"floor": 300000.0}, "floor"),
        ("/v1/price-bands", BAND | {"floor": 300000}, "floor"),
        ("/v1/price-bands", BAND | {"floor": None}, "floor"),
        ("/v1/price-bands", BAND | {"floor": "-1.00"}, "floor"),
        ("/v1/price-bands", BAND | {"floor": "1e5"}, "floor"),
        ("/v1/price-bands", BAND | {"floor": "1.001"}, "floor"),
        ("/v1/price-bands", BAND | {"floor": "１.00"}, "floor"),
        ("/v1/price-bands", BAND | {"floor": "1.00\n"}, "floor"),
        ("/v1/price-bands", BAND | {"floor": "9" * 100_000}, "floor"),
        ("/v1/price-bands", BAND | {"costs": {**BAND["costs"], "upkeep_years": "15"}}, "costs.upkeep_years"),
        ("/v1/price-bands", BAND | {"costs": {**BAND["costs"], "profit": "1"}}, "costs.profit"),
        ("/v1/price-bands", BAND | {"starts_at": "2100-01-01T00:00:00"}, "starts_at"),
        ("/v1/price-bands", BAND | {"starts_at": "2100-W01-1T00:00:00Z"}, "starts_at"),
        ("/v1/price-bands", BAND | {"starts_at": "2100-01-01T24:00:00Z"}, "starts_at"),
        ("/v1/price-bands", BAND | {"starts_at": "2100-01-01T00:00:60Z"}, "starts_at"),
        ("/v1/price-bands", BAND | {"starts_at": "0001-01-01T00:00:00+14:00"}, "starts_at"),
        ("/v1/price-bands", BAND | {"starts_at": "9999-12-31T23:59:59-14:00"}, "starts_at"),
        ("/v1/price-bands", BAND | {"starts_at": 4102444800}, "starts_at"),
        ("/v1/designations", DESIGNATION | {"colour": "red"}, "colour"),
        ("/v1/designations", DESIGNATION | {"c" * 100_000: "red"}, "c" * 60 + "…"),
        ("/v1/designations", DESIGNATION | {"kind": "rich"}, "kind"),
        ("/v1/designations", DESIGNATION | {"valid_from": "2026-02-29"}, "valid_from"),
        ("/v1/designations", DESIGNATION | {"valid_from": "2026-W10-1"}, "valid_from"),
        ("/v1/designations", DESIGNATION | {"valid_from": "0001-01-01"}, "valid_from"),
        ("/v1/designations", DESIGNATION | {"valid_from": "9999-12-31"}, "valid_from"),
        ("/v1/designations", DESIGNATION | {"valid_from": 20260101}, "valid_from"),
        ("/v1/designations", DESIGNATION | {"jurisdiction": "5107 22"}, "jurisdiction"),
        ("/v1/sanctions", SANCTION | {"reason": ""}, "reason"),
        ("/v1/sanctions", SANCTION | {"reason": " \n"}, "reason"),
        ("/v1/sanctions", SANCTION | {"reason": "整" * 501}, "reason"),
    ],
)
async def test_a_malformed_value_is_refused_with_its_field(
    exchange: Exchange, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await (await exchange.regulator()).post(path, body)
    found = problem(answer, 422, "malformed", field)
    assert found["errors"][0]["field"] == field
    assert len(answer.content) < 5_000


async def test_a_json_number_for_money_is_told_to_be_a_string(exchange: Exchange) -> None:
    answer = await (await exchange.regulator()).post("/v1/price-bands", BAND | {"floor": 300000})
    assert "not a JSON number" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"floor": "30万"}, "floor: Money is a plain decimal in yuan with at most 2 places"),
        ({"floor": "1,000.00"}, "no unit, sign, comma or blank"),
        ({"floor_factor": "150%"}, "floor_factor: A factor is a plain decimal"),
        ({"costs": {**BAND["costs"], "upkeep_years": "15"}}, "a JSON whole number, without quotes"),
        ({"costs": []}, "costs: This is a JSON object"),
    ],
)
async def test_a_wrong_value_is_answered_with_how_to_write_it(
    exchange: Exchange, change: dict[str, Any], said: str
) -> None:
    answer = await (await exchange.regulator()).post("/v1/price-bands", BAND | change)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert said in answer.json()["detail"]


async def test_a_thousand_faults_do_not_make_a_long_answer(exchange: Exchange) -> None:
    body = DESIGNATION | {f"field_{number}": 1 for number in range(1000)}
    answer = await (await exchange.regulator()).post("/v1/designations", body)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 20


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_that_is_not_sent_as_json_is_refused(exchange: Exchange, kind: str) -> None:
    body = json.dumps(DESIGNATION).encode()
    answer = await post_raw(await exchange.regulator(), "/v1/designations", body, **{"Content-Type": kind})
    problem(answer, 415, "not_json", None)


async def test_json_may_name_its_charset(exchange: Exchange) -> None:
    answer = await post_raw(
        await exchange.regulator(),
        "/v1/designations",
        json.dumps(DESIGNATION).encode(),
        **{"Content-Type": "Application/JSON; charset=utf-8"},
    )
    assert answer.status_code == 201, answer.text


async def test_a_request_without_a_body_takes_none(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    answer = await regulator.post("/v1/sanctions/S0000000001/lifting", {"reason": "改正"})
    problem(answer, 422, "unexpected_body", "body")
    problem(await regulator.post("/v1/sanctions/S0000000001/lifting", {}), 404, "not_found", None)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_key_missing"),
        (b"", "bad_idempotency_key"),
        (b"k" * 201, "bad_idempotency_key"),
        (b"\xe9", "bad_idempotency_key"),
        (b"a\tb", "bad_idempotency_key"),
    ],
)
async def test_a_write_needs_an_idempotency_key(exchange: Exchange, key: bytes | None, code: str) -> None:
    regulator = await exchange.regulator()
    headers = [(b"Authorization", f"Bearer {regulator.token}".encode())]
    headers += [] if key is None else [(b"Idempotency-Key", key)]
    # With a broken body too: the key is named first, since nothing can be sent again without one.
    for body in (DESIGNATION, {}):
        answer = await exchange.http.post("/v1/designations", json=body, headers=headers)
        problem(answer, 400, code, "Idempotency-Key")
    shown = await regulator.get("/v1/jurisdictions/510722")
    assert shown.json()["designations"] == []


async def test_a_key_stands_for_one_request_of_one_jurisdiction(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    first = await regulator.post("/v1/designations", DESIGNATION, key="once")
    again = await regulator.post("/v1/designations", DESIGNATION, key="once")
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    other = await regulator.post("/v1/designations", DESIGNATION | {"kind": "deep_poverty"}, key="once")
    problem(other, 409, "idempotency_key_reused", "Idempotency-Key")
    elsewhere = await regulator.post("/v1/sanctions", SANCTION, key="once")
    problem(elsewhere, 409, "idempotency_key_reused", "Idempotency-Key")


async def test_a_refused_request_leaves_its_key_free(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    unknown = await regulator.post("/v1/sanctions", SANCTION | {"jurisdiction": "999999"}, key="again")
    problem(unknown, 404, "not_found", "jurisdiction")
    assert (await regulator.post("/v1/sanctions", SANCTION, key="again")).status_code == 201


async def cursor_of(client: Client, path: str) -> str:
    """The cursor to a list's second page."""
    return str((await client.get(path, params={"limit": 1})).json()["next_cursor"])


async def test_a_cursor_that_was_tampered_with_is_refused(exchange: Exchange) -> None:
    county = await exchange.county("511922")
    cursor = await cursor_of(county, "/v1/jurisdictions")
    changed = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    elsewhere = await cursor_of(county, "/v1/designations")
    for bad in (changed, elsewhere, "", "!", "é", "=" * 5, "A" * 900, "A" * 2000, cursor + "\x00"):
        answer = await county.get("/v1/jurisdictions", params={"cursor": bad})
        code = "bad_text" if "\x00" in bad else "bad_cursor"
        problem(answer, 422 if code == "bad_text" else 400, code, "cursor")
    assert (await county.get("/v1/jurisdictions", params={"cursor": cursor})).status_code == 200


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "malformed", "limit"),
        ("limit=201", "malformed", "limit"),
        ("limit=" + "9" * 30, "malformed", "limit"),
        ("limit=ten", "malformed", "limit"),
        ("limit=1&limit=2", "repeated_parameter", "limit"),
        ("levle=county", "unknown_parameter", "levle"),
        ("level=village", "malformed", "level"),
        ("parent=%00", "bad_text", "parent"),
        ("parent=%ff", "malformed", "parent"),
        ("parent=", "malformed", "parent"),
    ],
)
async def test_a_wrong_parameter_is_refused_by_name(
    exchange: Exchange, query: str, code: str, field: str
) -> None:
    county = await exchange.county("511922")
    problem(await county.get(f"/v1/jurisdictions?{query}"), 422, code, field)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/jurisdictions/999999", None),
        ("/v1/projects/P9999999999", None),
        ("/v1/projects/P1", None),
        ("/v1/projects/L0000000001", None),
    ],
)
async def test_an_unknown_id_is_not_found(exchange: Exchange, path: str, field: str | None) -> None:
    problem(await (await exchange.regulator()).get(path), 404, "not_found", field)


async def test_an_address_that_is_none_is_not_found(exchange: Exchange) -> None:
    for path in ("/v1", "/v1/", "/v1/nothing", "/v1/jurisdictions/", "//v1/jurisdictions"):
        problem(await exchange.public().get(path), 404, "not_found", None)


async def test_a_wrong_method_is_told_the_right_ones(exchange: Exchange) -> None:
    for method in ("DELETE", "PUT", "PATCH", "TRACE", "BREW"):
        answer = await exchange.public().request(method, "/v1/designations")
        problem(answer, 405, "method_not_allowed", None)
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_options_tells_the_methods_and_nothing_else(exchange: Exchange) -> None:
    answer = await exchange.public().request("OPTIONS", "/v1/sanctions/S0000000001/lifting")
    assert (answer.status_code, answer.content, answer.headers["allow"]) == (204, b"", "OPTIONS, POST")


async def test_head_is_get_without_the_body(exchange: Exchange) -> None:
    county = await exchange.county("511922")
    shown = await county.get("/v1/jurisdictions/511922")
    head = await county.request("HEAD", "/v1/jurisdictions/511922")
    assert (head.status_code, head.content) == (200, b"")
    for header in ("etag", "content-length", "content-type", "cache-control"):
        assert head.headers[header] == shown.headers[header]
    assert (await exchange.public().request("HEAD", "/v1/jurisdictions/511922")).status_code == 401
    assert (await county.request("HEAD", "/v1/jurisdictions/999999")).status_code == 404


async def test_a_list_that_has_not_changed_is_not_sent_again(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    first = await regulator.get("/v1/sanctions")
    tag = first.headers["etag"]
    for asked in (tag, f'W/{tag}, "other"', "*"):
        again = await regulator.get("/v1/sanctions", headers={"If-None-Match": asked})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await regulator.post("/v1/sanctions", SANCTION)).status_code == 201
    changed = await regulator.get("/v1/sanctions", headers={"If-None-Match": tag})
    assert (changed.status_code, len(changed.json()["items"])) == (200, 1)


async def test_no_cache_keeps_what_it_may_not(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    kept = {
        "read": (await regulator.get("/v1/sanctions")).headers["cache-control"],
        "written": (await regulator.post("/v1/sanctions", SANCTION)).headers["cache-control"],
        "refused": (await regulator.get("/v1/projects/P1")).headers["cache-control"],
        "public": (await exchange.public().get("/v1/journal")).headers["cache-control"],
        "health": (await exchange.public().get("/healthz")).headers["cache-control"],
    }
    assert kept == {
        "read": "private, no-cache",
        "written": "no-store",
        "refused": "no-store",
        "public": "public, no-cache",
        "health": "no-store",
    }


async def test_every_answer_says_not_to_guess_its_type(exchange: Exchange) -> None:
    for path in ("/healthz", "/v1/nothing", "/v1/self", "/openapi.json", "/v1/journal"):
        answer = await exchange.public().get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert len(answer.headers.get_list("x-content-type-options")) == 1


@pytest.mark.parametrize(
    "authorization",
    [b"", b"Bearer", b"Bearer ", b"Basic YTpi", b"Bearer x y", b"Bearer " + b"x" * 5000, b"bearer \xe9"],
)
async def test_a_token_that_is_none_is_refused(exchange: Exchange, authorization: bytes) -> None:
    answer = await exchange.http.get("/v1/self", headers=[(b"Authorization", authorization)])
    problem(answer, 401, "unauthenticated", None)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_stranger_learns_nothing_about_a_bodys_faults(exchange: Exchange) -> None:
    answer = await post_raw(exchange.public(), "/v1/designations", b"{")
    problem(answer, 401, "unauthenticated", None)


async def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_read(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    at_the_limit = b"{" + b" " * (MEBIBYTE - 2) + b"}"
    answer = await post_raw(regulator, "/v1/designations", at_the_limit)
    problem(answer, 422, "malformed", "jurisdiction")
    over = await post_raw(regulator, "/v1/designations", at_the_limit + b" ")
    problem(over, 413, "body_too_large", None)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * (MEBIBYTE // 16)

    chunked = await regulator.request(
        "POST", "/v1/designations", content=chunks(), headers={"Content-Type": "application/json"}
    )
    problem(chunked, 413, "body_too_large", None)


@contextlib.asynccontextmanager
async def served(exchange: Exchange) -> AsyncIterator[int]:
    """The application on a real socket; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(exchange.app, log_config=None, lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await running


async def answered(port: int, head: bytes, body: bytes) -> bytes:
    """Send a request whole before reading anything; return the first line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head + b"\r\n\r\n" + body)
        await writer.drain()
        return (await asyncio.wait_for(reader.readline(), 20)).strip()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_the_refusal_of_a_large_body_arrives_at_one_who_is_still_sending(exchange: Exchange) -> None:
    regulator = await exchange.regulator()
    head = (
        f"POST /v1/designations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {regulator.token}\r\n"
        "Idempotency-Key: large\r\nContent-Type: application/json\r\n"
    ).encode()
    size = 6 * MEBIBYTE
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    async with served(exchange) as port:
        declared = head + f"Content-Length: {size}".encode()
        refused = b"HTTP/1.1 413 Request Entity Too Large"
        assert (await answered(port, declared, b" " * size)).split()[1] == refused.split()[1]
        chunked = await answered(port, head + b"Transfer-Encoding: chunked", chunk * 96 + b"0\r\n\r\n")
        assert chunked.split()[1] == b"413"
        asking = await answered(port, declared + b"\r\nExpect: 100-continue", b"")
        assert asking.split()[1] == b"413"


async def test_what_is_another_jurisdictions_is_not_found_or_forbidden(exchange: Exchange) -> None:
    one, other = await exchange.county("511922"), await exchange.county("511921")
    project = (await one.post("/v1/projects", story.project_body("511922"))).json()["id"]
    assert (await one.get(f"/v1/projects/{project}")).status_code == 200
    problem(await other.get(f"/v1/projects/{project}"), 404, "not_found", None)
    problem(await other.get("/v1/reserves/511922"), 403, "not_permitted", None)


async def test_times_are_told_in_utc(exchange: Exchange) -> None:
    body = BAND | {"starts_at": "2100-01-01t08:00:00.5+08:00"}
    answer = await (await exchange.regulator()).post("/v1/price-bands", body)
    assert answer.json()["starts_at"] == "2100-01-01T00:00:00.500000Z"
    assert (await exchange.now()).tzinfo == UTC


@pytest.mark.parametrize(
    ("path", "body", "field", "told"),
    [
        ("/v1/spot-checks/Q0000000001/draw", {"seed": "seed-2"}, "seed", "at least 16 characters"),
        ("/v1/sanctions", {**SANCTION, "reason": "长" * 501}, "reason", "at most 500 characters"),
        ("/v1/sanctions", {**SANCTION, "reason": ""}, "reason", "may not be empty"),
        ("/v1/sanctions", {**SANCTION, "jurisdiction": 510722}, "jurisdiction", 'codes "511922"'),
        ("/v1/packages/filings", {"lines": "x"}, "lines", "a JSON array"),
        ("/v1/sanctions?overdue=maybe", None, "overdue", "true or false"),
        ("/v1/assessments/abc", None, "year", "a whole number"),
    ],
)
async def test_what_the_framework_refuses_is_told_in_words_with_its_bounds(
    exchange: Exchange, path: str, body: Any, field: str, told: str
) -> None:
    regulator = await exchange.regulator()
    answer = await (regulator.post(path, body) if body is not None else regulator.get(path))
    assert told in problem(answer, 422, "malformed", field)["detail"]


async def test_a_list_that_is_too_long_says_how_long_it_may_be(exchange: Exchange) -> None:
    parcel = {"area": "1.0000", "use": "dry_land", "grade": 9}
    body = {
        "kind": "town_batch",
        "title": "批次",
        "parcels": [{**parcel, "parcel_no": f"N{at}"} for at in range(5001)],
    }
    answer = await (await exchange.county("511922")).post("/v1/land-applications", body)
    assert problem(answer, 422, "malformed", "parcels")["detail"].endswith("Name at most 5000.")
