"""Confirmation letters over HTTP: numbered, as PDF, with a QR code that leads to the public record."""

from pathlib import Path
from urllib.parse import urlsplit

import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import text

from app.market.access import Role
from app.services.days import day_of
from app.settings import Settings
from app.store.database import Connection, Database
from tests.api.test_trades import BUYER, FIVE_HM2, SELLER, TEN_HM2, void
from tests.awarded import Sale, awarded
from tests.conftest import SEALING_KEY, Exchange
from tests.story import confirmed, paid, policy

STRANGER = "510722"


async def test_the_letters_qr_code_leads_to_the_public_record_of_this_very_number(exchange: Exchange) -> None:
    await policy(exchange, "confirmation_prefix", "川耕调")
    await confirmed(exchange, await awarded(exchange, BUYER, [TEN_HM2]))
    trade = await awarded(exchange, BUYER, [TEN_HM2, FIVE_HM2])
    number = (await confirmed(exchange, trade))["confirmation_number"]
    year = day_of(await exchange.now()).year
    assert number == f"川耕调〔{year}〕{trade[1:]}号"
    buyer = await exchange.city(BUYER)
    answer = await buyer.get(f"/v1/trades/{trade}/confirmation-letter")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    (page,) = pypdfium2.PdfDocument(answer.content)
    (code,) = zxingcpp.read_barcodes(page.render(scale=3).to_pil())
    address = urlsplit(code.text)
    assert f"{address.scheme}://{address.netloc}" == "http://127.0.0.1:8000"
    record = await exchange.public().get(address.path)
    assert record.status_code == 200, record.text
    said = record.json()
    assert (said["number"], said["trade_id"], said["state"]) == (number, trade, "CONFIRMED")
    assert (said["buyer"], said["buyer_name"], said["amount"]) == (BUYER, "成都市", "4600000.05")
    assert "deposit" not in said
    printed = page.get_textpage().get_text_range()
    assert number in printed and "成都市（510100）" in printed
    for line in said["lines"]:
        for words in (line["batch_id"], line["filing_no"], f"{line['quantity']} hm²"):
            assert words in printed, words
    assert said["amount_wan_yuan"] == "460.000005" and "460.000005 万元" in printed
    assert "人民币肆佰陆拾万元零伍分" in printed


async def test_a_letter_stays_the_same_and_the_record_follows_the_trade(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [TEN_HM2, FIVE_HM2])
    number = (await confirmed(exchange, trade))["confirmation_number"]
    buyer = await exchange.city(BUYER)
    path = f"/v1/trades/{trade}/confirmation-letter"
    first = await buyer.get(path)
    await exchange.advance(days=1)
    again = await buyer.get(path)
    assert again.content == first.content
    unchanged = await buyer.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    await void(exchange, (await buyer.get(f"/v1/trades/{trade}")).json()["lines"][1]["listing_id"])
    record = (await exchange.public().get(f"/v1/bulletin/confirmations/{number}")).json()
    assert [line["state"] for line in record["lines"]] == ["ACTIVE", "VOIDED"]
    assert (await buyer.get(path)).content != first.content


async def test_a_letter_is_for_parties_and_overseers_and_from_the_confirmation_on(exchange: Exchange) -> None:
    trade = await awarded(exchange, BUYER, [Sale(SELLER, 10_000)])
    path = f"/v1/trades/{trade}/confirmation-letter"
    buyer = await exchange.city(BUYER)
    early = await buyer.get(path)
    assert (early.status_code, early.json()["code"]) == (409, "not_confirmed")
    assert early.json()["facts"] == {"state": "AWARDED"}
    await confirmed(exchange, trade)
    for client in (
        buyer,
        await exchange.county(SELLER),
        await exchange.treasurer(),
        await exchange.client("510000", Role.AUDITOR),
    ):
        assert (await client.get(path)).status_code == 200
    assert (await (await exchange.county(STRANGER)).get(path)).status_code == 404


@pytest.mark.parametrize(
    ("number", "status"),
    [("耕调〔2026〕0000009999号", 404), ("耕调〔2026〕1号", 422), ("耕调〔2026〕0000000001号%00", 422)],
)
async def test_a_number_that_was_never_given_has_no_record(
    exchange: Exchange, number: str, status: int
) -> None:
    answer = await exchange.public().get(f"/v1/bulletin/confirmations/{number}")
    assert answer.status_code == status, answer.text


async def test_a_number_outlives_a_change_of_its_prefix_and_is_given_once(exchange: Exchange) -> None:
    first = (await confirmed(exchange, await awarded(exchange, BUYER, [TEN_HM2])))["confirmation_number"]
    await policy(exchange, "confirmation_prefix", "川耕调")
    assert (await exchange.public().get(f"/v1/bulletin/confirmations/{first}")).status_code == 200
    second = await awarded(exchange, BUYER, [TEN_HM2])
    await paid(exchange, second)

    async def forge(connection: Connection) -> None:
        await connection.execute(
            text("UPDATE trade SET confirmation_number = :number WHERE id = :id"),
            {"number": first, "id": int(second[1:])},
        )

    with pytest.raises(Exception, match="uq_trade_confirmation_number"):
        await exchange.database.transact(forge)


async def test_without_a_public_address_no_letter_is_printed_in_production(
    database: Database, tmp_path: Path
) -> None:
    settings = Settings(
        sealing_key=SEALING_KEY, database_url="postgresql://clerk@db.example/gengheng", data_dir=tmp_path
    )
    exchange = Exchange(database, settings)
    async with exchange.http:
        trade = await awarded(exchange, BUYER, [TEN_HM2])
        await confirmed(exchange, trade)
        answer = await (await exchange.city(BUYER)).get(f"/v1/trades/{trade}/confirmation-letter")
        assert (answer.status_code, answer.json()["code"]) == (409, "public_url_missing")
