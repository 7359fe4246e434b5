"""Money accounts over HTTP: what the treasurer records, and who may see it."""

import pytest
from sqlalchemy import text

from app.market.accounts import MOST_MOVED_FEN
from app.market.units import format_money
from app.store.database import Connection
from tests.awarded import books
from tests.conftest import Exchange
from tests.story import funded


async def test_money_paid_in_is_available_and_can_be_paid_out_again(exchange: Exchange) -> None:
    treasurer = await exchange.treasurer()
    answer = await treasurer.post(
        "/v1/accounts/510100/deposits", {"amount": "123456.78", "reference": "ICBC-1"}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["amount_wan_yuan"] == "12.345678"
    out = await treasurer.post(
        "/v1/accounts/510100/withdrawals", {"amount": "23456.78", "reference": "ICBC-1"}
    )
    assert out.status_code == 201, out.text
    account = (await treasurer.get("/v1/accounts/510100")).json()
    assert account == {
        "jurisdiction": "510100",
        "available": "100000.00",
        "locked": "0.00",
        "escrow": "0.00",
        "available_wan_yuan": "10.000000",
        "locked_wan_yuan": "0.000000",
        "escrow_wan_yuan": "0.000000",
    }


async def test_the_other_side_of_money_is_the_bank(exchange: Exchange) -> None:
    await funded(exchange, "510100", "1.00")
    assert await books(exchange) == {("510100", "CNY", "available"): 100, ("510100", "CNY", "bank"): -100}


async def test_a_bank_reference_is_recorded_once_per_direction(exchange: Exchange) -> None:
    treasurer = await exchange.treasurer()
    body = {"amount": "1.00", "reference": "ICBC-1"}
    assert (await treasurer.post("/v1/accounts/510100/deposits", body)).status_code == 201
    again = await treasurer.post("/v1/accounts/510400/deposits", body)
    assert (again.status_code, again.json()["code"], again.json()["field"]) == (
        409,
        "reference_used",
        "reference",
    )
    assert (await treasurer.get("/v1/accounts/510400")).json()["available"] == "0.00"


async def test_a_withdrawal_beyond_what_is_available_tells_the_shortage(exchange: Exchange) -> None:
    await funded(exchange, "510100", "100.00")
    treasurer = await exchange.treasurer()
    answer = await treasurer.post(
        "/v1/accounts/510100/withdrawals", {"amount": "100.01", "reference": "ICBC-2"}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient")
    assert answer.json()["facts"]["shortage"] == "0.01"
    assert (await treasurer.get("/v1/accounts/510100")).json()["available"] == "100.00"


@pytest.mark.parametrize("way", ["deposits", "withdrawals"])
@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0.00", "bad_quantity"),
        ("1.005", "malformed"),
        ("-1.00", "malformed"),
        ("1e3", "malformed"),
        (1000, "malformed"),
        (format_money(MOST_MOVED_FEN + 1), "amount_too_large"),
    ],
)
async def test_an_amount_is_a_plain_decimal_above_zero_and_believable(
    exchange: Exchange, way: str, amount: object, code: str
) -> None:
    treasurer = await exchange.treasurer()
    answer = await treasurer.post(f"/v1/accounts/510100/{way}", {"amount": amount, "reference": "R"})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, "amount")
    assert await books(exchange) == {}


async def test_entries_come_newest_first_with_the_balance_before_and_after(exchange: Exchange) -> None:
    treasurer = await exchange.treasurer()
    for number, yuan in enumerate(("1.00", "2.00", "3.00")):
        await treasurer.post("/v1/accounts/510100/deposits", {"amount": yuan, "reference": f"R{number}"})
    first = (await treasurer.get("/v1/accounts/510100/entries", params={"limit": 2})).json()
    rest = (
        await treasurer.get(
            "/v1/accounts/510100/entries", params={"limit": 2, "cursor": first["next_cursor"]}
        )
    ).json()
    seen = [(entry["amount"], entry["before"], entry["after"]) for entry in first["items"] + rest["items"]]
    assert seen == [("3.00", "3.00", "6.00"), ("2.00", "1.00", "3.00"), ("1.00", "0.00", "1.00")]
    assert {(entry["kind"], entry["bucket"]) for entry in first["items"]} == {("cash.deposit", "available")}
    assert rest["next_cursor"] is None


async def test_an_account_is_its_own_jurisdictions_and_its_overseers_business(exchange: Exchange) -> None:
    await funded(exchange, "510100", "5.00")
    own, other = await exchange.city("510100"), await exchange.city("510400")
    for path in ("/v1/accounts/510100", "/v1/accounts/510100/entries"):
        assert (await own.get(path)).status_code == 200
        assert (await (await exchange.regulator()).get(path)).status_code == 200
        refused = await other.get(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")


async def test_only_the_treasurer_records_movements(exchange: Exchange) -> None:
    for client in (await exchange.city("510100"), await exchange.regulator()):
        for way in ("deposits", "withdrawals"):
            answer = await client.post(f"/v1/accounts/510100/{way}", {"amount": "1.00", "reference": "R"})
            assert answer.status_code == 403


async def test_an_unknown_jurisdiction_has_no_account(exchange: Exchange) -> None:
    treasurer = await exchange.treasurer()
    assert (await treasurer.get("/v1/accounts/999999")).status_code == 404
    assert (await treasurer.get("/v1/accounts/999999/entries")).status_code == 404
    for way in ("deposits", "withdrawals"):
        answer = await treasurer.post(f"/v1/accounts/999999/{way}", {"amount": "1.00", "reference": "R"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_the_public_journal_does_not_tell_how_much_a_buyer_paid_in(exchange: Exchange) -> None:
    await funded(exchange, "510100", "7654321.00")

    async def payloads(connection: Connection) -> str:
        found = await connection.execute(text("SELECT kind, payload FROM journal_event ORDER BY id"))
        return "\n".join(f"{row.kind} {row.payload}" for row in found)

    told = await exchange.database.read(payloads)
    assert "cash.deposit" in told
    assert "7654321" not in told
