"""Sealed bids over HTTP (RULES 10): received in the window, replaced, withdrawn, and read by nobody."""

import base64
import hashlib
import io
import itertools
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from app.market.access import Role
from app.market.indicators import Indicator
from app.telemetry import configure_logs
from tests.conftest import Exchange
from tests.story import announced, band, bid, listed, opened, policy, registered, until

AREA = Indicator.FARMLAND_QUANTITY
POOR = "511922"
CHENGDU, PANZHIHUA = "510100", "510400"
TERMS = {"price": "387654.32", "quantity": "7.6543", "min_quantity": "2.1987"}


async def bidding(exchange: Exchange, limit: str = "20.0000", **given: Any) -> dict[str, Any]:
    """An auction of 20 hm² in which 成都 is registered and the bidding is open."""
    await band(exchange, AREA)
    await listed(exchange, POOR, AREA, "20.0000")
    auction = await announced(exchange, AREA, **given)
    await registered(exchange, auction, CHENGDU, limit)
    await until(exchange, auction["opens_at"])
    return auction


async def place(exchange: Exchange, auction: dict[str, Any], body: Any) -> tuple[int, dict[str, Any]]:
    """Place a bid for 成都; the status and the answer."""
    city = await exchange.city(CHENGDU)
    answer = await city.post(f"/v1/auctions/{auction['id']}/bids", body)
    return answer.status_code, answer.json()


async def stored(exchange: Exchange, bid_id: str) -> Any:
    """A bid's row."""

    async def read(connection: Any) -> Any:
        rows = await connection.execute(text("SELECT * FROM bid WHERE id = :id"), {"id": bid_id})
        return rows.one()

    return await exchange.database.read(read)


async def test_a_receipt_shows_the_time_and_the_hash_of_what_was_stored_and_nothing_else(
    exchange: Exchange,
) -> None:
    auction = await bidding(exchange)
    before = await exchange.now()
    status, receipt = await place(exchange, auction, TERMS)
    row = await stored(exchange, receipt["id"])
    assert status == 201
    assert receipt == {
        "id": row.id,
        "auction_id": auction["id"],
        "received_at": row.received_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "sealed_sha256": hashlib.sha256(row.sealed).hexdigest(),
        "state": "IN_FORCE",
        "replaced_by": None,
        "withdrawn_at": None,
    }
    assert before <= row.received_at <= await exchange.now()


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"price": "299999.99"}, "below_floor", "price"),
        ({"price": "450000.01"}, "above_ceiling", "price"),
        ({"price": "400000.001"}, "bad_price", "price"),
        ({"price": 400000}, "malformed", "price"),
        ({"price": None}, "malformed", "price"),
        ({"price": "4e5"}, "malformed", "price"),
        ({"quantity": "0"}, "not_a_lot_multiple", "quantity"),
        ({"quantity": "1.00001"}, "not_a_lot_multiple", "quantity"),
        ({"quantity": "9" * 41}, "malformed", "quantity"),
        ({"min_quantity": "7.6544"}, "bad_min_quantity", "min_quantity"),
        ({"min_quantity": "0"}, "bad_min_quantity", "min_quantity"),
        ({"lot": "1"}, "malformed", "lot"),
    ],
)
async def test_a_bid_that_the_opening_would_reject_is_told_so_as_it_arrives(
    exchange: Exchange, changes: dict[str, Any], code: str, field: str
) -> None:
    auction = await bidding(exchange)
    status, answer = await place(exchange, auction, {**TERMS, **changes})
    assert (status, answer["code"], answer["field"]) == (422, code, field)
    city = await exchange.city(CHENGDU)
    assert (await city.get(f"/v1/auctions/{auction['id']}/bids")).json()["items"] == []


async def test_a_bid_is_in_whole_lots_and_has_no_minimum_where_equal_prices_share(exchange: Exchange) -> None:
    auction = await bidding(exchange, lot="0.5", tie="pro_rata")
    status, answer = await place(exchange, auction, {"price": "400000", "quantity": "1.2"})
    assert (status, answer["code"], answer["facts"]["lot"]) == (422, "not_a_lot_multiple", "0.5000")
    status, answer = await place(
        exchange, auction, {"price": "400000", "quantity": "1", "min_quantity": "0.5"}
    )
    assert (status, answer["code"]) == (422, "min_quantity_not_allowed")
    assert (await place(exchange, auction, {"price": "400000", "quantity": "1"}))[0] == 201


async def test_bids_before_the_opening_instant_and_from_the_closing_instant_on_are_refused(
    exchange: Exchange,
) -> None:
    await band(exchange, AREA)
    await listed(exchange, POOR, AREA, "20.0000")
    auction = await announced(exchange, AREA)
    await registered(exchange, auction, CHENGDU, "20.0000")
    assert (await place(exchange, auction, TERMS))[1]["code"] == "outside_bidding_window"
    await until(exchange, auction["opens_at"])
    assert (await place(exchange, auction, TERMS))[0] == 201
    await until(exchange, auction["closes_at"])
    status, late = await place(exchange, auction, TERMS)
    assert (status, late["code"]) == (409, "outside_bidding_window")
    assert late["facts"]["received_at"] >= late["facts"]["closes_at"]
    await opened(exchange, auction)
    assert (await place(exchange, auction, TERMS))[1]["code"] == "outside_bidding_window"


async def test_only_registered_buyers_bid(exchange: Exchange) -> None:
    auction = await bidding(exchange)
    stranger = await exchange.city(PANZHIHUA)
    answer = await stranger.post(f"/v1/auctions/{auction['id']}/bids", TERMS)
    assert (answer.status_code, answer.json()["code"]) == (422, "not_registered")
    assert (await stranger.post("/v1/auctions/A9999999999/bids", TERMS)).status_code == 404
    for role in (Role.LAND_REGULATOR, Role.AUDITOR, Role.ADMINISTRATOR, Role.TREASURER):
        other = await exchange.client("510000", role)
        assert (await other.post(f"/v1/auctions/{auction['id']}/bids", TERMS)).status_code == 403


async def test_a_buyer_has_at_most_the_policy_number_of_bids_in_force(exchange: Exchange) -> None:
    await policy(exchange, "bids_per_buyer", 2)
    auction = await bidding(exchange)
    await policy(exchange, "bids_per_buyer", 9)
    first = await bid(exchange, auction, CHENGDU, "400000.00", "1")
    await bid(exchange, auction, CHENGDU, "390000.00", "1")
    status, answer = await place(exchange, auction, TERMS)
    assert (status, answer["code"], answer["facts"]) == (422, "too_many_bids", {"bids_per_buyer": 2})
    city = await exchange.city(CHENGDU)
    path = f"/v1/auctions/{auction['id']}/bids"
    assert (await city.post(f"{path}/{first['id']}/replacement", TERMS)).status_code == 201
    assert (await place(exchange, auction, TERMS))[1]["code"] == "too_many_bids"


async def test_a_replacement_has_a_new_id_and_receipt_and_only_it_takes_part(exchange: Exchange) -> None:
    auction = await bidding(exchange)
    first = await bid(exchange, auction, CHENGDU, "400000.00", "1")
    city = await exchange.city(CHENGDU)
    path = f"/v1/auctions/{auction['id']}/bids"
    answer = await city.post(f"{path}/{first['id']}/replacement", TERMS)
    second = answer.json()
    assert answer.status_code == 201
    assert second["id"] != first["id"]
    assert second["received_at"] > first["received_at"]
    again = await city.post(f"{path}/{first['id']}/replacement", TERMS)
    assert (again.status_code, again.json()["code"]) == (409, "bid_not_in_force")
    shown = (await city.get(path)).json()["items"]
    assert [(each["id"], each["state"], each["replaced_by"]) for each in shown] == [
        (first["id"], "REPLACED", second["id"]),
        (second["id"], "IN_FORCE", None),
    ]
    record, _ = await opened(exchange, auction)
    assert record["bids"] == [
        {**TERMS, "id": second["id"], "buyer": CHENGDU, "received_at": second["received_at"]}
    ]


async def test_a_withdrawn_bid_takes_no_part(exchange: Exchange) -> None:
    auction = await bidding(exchange)
    first = await bid(exchange, auction, CHENGDU, "400000.00", "1")
    kept = await bid(exchange, auction, CHENGDU, "390000.00", "1")
    city = await exchange.city(CHENGDU)
    path = f"/v1/auctions/{auction['id']}/bids"
    withdrawn = await city.post(f"{path}/{first['id']}/withdrawal")
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (201, "WITHDRAWN")
    for step, body in (("withdrawal", {}), ("replacement", TERMS)):
        answer = await city.post(f"{path}/{first['id']}/{step}", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "bid_not_in_force")
    record, _ = await opened(exchange, auction)
    assert [each["id"] for each in record["bids"]] == [kept["id"]]
    late = await city.post(f"{path}/{kept['id']}/withdrawal")
    assert (late.status_code, late.json()["code"]) == (409, "outside_bidding_window")


async def test_nobody_touches_or_sees_another_buyers_bids(exchange: Exchange) -> None:
    auction = await bidding(exchange, limit="10.0000")
    await registered(exchange, auction, PANZHIHUA, "10.0000")
    own = await bid(exchange, auction, CHENGDU, "400000.00", "1")
    other, path = await exchange.city(PANZHIHUA), f"/v1/auctions/{auction['id']}/bids"
    assert (await other.get(path)).json()["items"] == []
    for bid_id in (own["id"], "Bnone"):
        for step, body in (("withdrawal", {}), ("replacement", TERMS)):
            answer = await other.post(f"{path}/{bid_id}/{step}", body)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await other.get("/v1/auctions/A9999999999/bids")).status_code == 404


async def test_receipts_come_in_pages_by_receipt(exchange: Exchange) -> None:
    auction = await bidding(exchange)
    placed = [await bid(exchange, auction, CHENGDU, "400000.00", "1") for _ in range(5)]
    city, path = await exchange.city(CHENGDU), f"/v1/auctions/{auction['id']}/bids"
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await city.get(path, params=params)).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == [each["id"] for each in placed]


async def test_the_same_bid_under_the_same_key_is_placed_once(exchange: Exchange) -> None:
    auction = await bidding(exchange)
    city, path = await exchange.city(CHENGDU), f"/v1/auctions/{auction['id']}/bids"
    first = await city.post(path, TERMS, key="mine")
    again = await city.post(path, TERMS, key="mine")
    assert (again.status_code, again.content) == (201, first.content)
    other = await city.post(path, {**TERMS, "price": "400000.00"}, key="mine")
    assert other.json()["code"] == "idempotency_key_reused"
    assert len((await city.get(path)).json()["items"]) == 1


def shapes(value: str) -> list[str]:
    """The forms in which a figure could lie about: as written, in smallest steps, hexadecimal, base64."""
    whole, _, fraction = value.partition(".")
    steps = int(whole + fraction)
    plain = [value, str(steps), value.replace(".", ",")]
    coded = [text.encode().hex() for text in (value, str(steps))]
    # Base64 of a text that holds the value depends on where in a group of three it starts.
    held = [
        base64.b64encode(bytes(shift) + value.encode())[4 if shift else 0 : -4].decode() for shift in range(3)
    ]
    numbers = [steps.to_bytes(8, order).hex() for order in ("big", "little")]
    return [*plain, *coded, *held, *numbers]


async def dump(exchange: Exchange) -> dict[str, str]:
    """Every row of every table as text, as a dump would show it, and its bytea also as text."""

    async def read(connection: Any) -> dict[str, str]:
        tables = await connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        )
        content = {}
        for (table,) in tables.all():
            rows = await connection.execute(text(f"SELECT CAST(t AS text) FROM {table} AS t"))
            content[table] = "\n".join(row[0] for row in rows)
        return content

    return await exchange.database.read(read)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that the service and its libraries log, down to debug, as it would be written."""
    written, root = io.StringIO(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    libraries = {name: logging.getLogger(name).level for name in ("sqlalchemy", "asyncio")}
    monkeypatch.setattr(sys, "stderr", written)
    configure_logs("json", "debug")
    for name in libraries:
        logging.getLogger(name).setLevel(logging.DEBUG)  # worse than any setting allows
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in libraries.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


async def test_before_the_opening_neither_the_database_nor_a_log_nor_an_answer_shows_a_bid(
    exchange: Exchange, logged: io.StringIO
) -> None:
    auction = await bidding(exchange)
    city, path = await exchange.city(CHENGDU), f"/v1/auctions/{auction['id']}/bids"
    answers = [await city.post(path, TERMS, key="sealed-1")]
    first = answers[0].json()["id"]
    answers.append(await city.post(f"{path}/{first}/replacement", TERMS))
    answers.append(await city.post(path, TERMS, key="sealed-1"))
    # Bids that are refused are kept nowhere either.
    answers.append(await city.post(path, {**TERMS, "min_quantity": "7.6544"}))
    answers.append(await city.post(path, {**TERMS, "price": "387654.321"}))
    answers.append(await city.post(path, {**TERMS, "extra": "1"}))
    assert [answer.status_code for answer in answers] == [201, 201, 201, 422, 422, 422]
    regulator = await exchange.regulator()
    for reader in (city, regulator, exchange.public()):
        for asked in (f"/v1/auctions/{auction['id']}", path, f"/v1/auctions/{auction['id']}/record"):
            answers.append(await reader.get(asked))
    log = logged.getvalue()
    assert '"route": "/v1/auctions/{auction_id}/bids"' in log
    places = {
        **await dump(exchange),
        "log": log,
        "answers": "\n".join(answer.text for answer in answers),
    }
    assert places["bid"].count("\n") == 1, "two bids are stored"
    for (place_, content), value in itertools.product(places.items(), TERMS.values()):
        for shape in shapes(value):
            assert shape not in content, f"{place_} shows {shape}"
    record, _ = await opened(exchange, auction)
    assert record["bids"][0]["price"] == TERMS["price"]
    assert TERMS["price"] in (await dump(exchange))["auction"], "the search finds what is there"


async def test_a_stored_digest_can_not_be_matched_by_guessing_the_bid(exchange: Exchange) -> None:
    auction = await bidding(exchange)
    city, path = await exchange.city(CHENGDU), f"/v1/auctions/{auction['id']}/bids"
    await city.post(path, TERMS)
    content = "\n".join((await dump(exchange)).values())
    for body in (json.dumps(TERMS), json.dumps(TERMS, separators=(",", ":"))):
        for guess in (body, f"POST {path}\n{body}", f"{path}{body}"):
            for algorithm in ("sha256", "sha512", "sha1", "md5"):
                assert hashlib.new(algorithm, guess.encode()).hexdigest() not in content


async def test_all_bids_look_equally_long_in_the_database(exchange: Exchange) -> None:
    auction = await bidding(exchange)
    ids = [
        (await bid(exchange, auction, CHENGDU, "400000", "1"))["id"],
        (await bid(exchange, auction, CHENGDU, "0" * 20 + "400000.00", "9" * 40))["id"],
    ]
    lengths = {len((await stored(exchange, id_)).sealed) for id_ in ids}
    assert len(lengths) == 1
