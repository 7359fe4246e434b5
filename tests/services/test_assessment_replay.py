"""A year's figures are the same from the ledger and from the books beside it, until somebody tampers."""

import json
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from app.market.indicators import Indicator
from app.services import assessments
from app.services.days import day_of
from app.services.verification import verify
from app.store.database import Connection, Database
from tests import story
from tests.api.test_assessments import (
    CITY,
    LAND,
    OTHER,
    PADDY,
    SELLER,
    closed,
    this_year,
    until_the_next_year,
)
from tests.awarded import Sale, awarded
from tests.cli.test_administration import Command
from tests.conftest import Exchange
from tests.services.test_verification import tampered


async def differences(exchange: Exchange, year: int | None = None) -> list[str]:
    year = year or await this_year(exchange)
    return await exchange.database.read(partial(assessments.differences, year=year))


async def written_off_application(exchange: Exchange, applicant: str, hectares: str) -> str:
    """An application for land alone that is written off from stock of its own; its id."""
    await story.credited(exchange, applicant, {LAND: hectares, Indicator.GRAIN_CAPACITY: "100000.00"})
    application = await story.filed_application(exchange, applicant, {LAND: hectares})
    officer = await exchange.county(applicant)
    written = await officer.post(f"/v1/land-applications/{application}/write-off")
    assert written.status_code == 201, written.text
    return application


async def verified(exchange: Exchange) -> list[str]:
    """The faults that `gengheng verify` names."""
    lines: list[str] = []
    await exchange.database.read(partial(verify, report=lines.append))
    return [line for line in lines if not line.startswith("ok ")]


async def a_busy_year(exchange: Exchange) -> None:
    """Credits, trades within the province and with the outside, write-offs, one of them reversed."""
    regulator = await exchange.regulator()
    await regulator.post(
        "/v1/jurisdictions",
        {"code": "330000", "name": "浙江省", "level": "external", "parent": None, "valid_from": "2018-01-01"},
    )
    await story.settled(exchange, await awarded(exchange, CITY, [Sale(SELLER, 50_000, kept=10_000)]))
    await story.settled(exchange, await awarded(exchange, "330000", [Sale(OTHER, 20_000)]))
    await story.settled(
        exchange, await awarded(exchange, OTHER, [Sale("330000", 10_000), Sale(SELLER, 7_000)])
    )
    await written_off_application(exchange, SELLER, "1.0000")
    refused = await written_off_application(exchange, OTHER, "2.0000")
    answer = await regulator.post(
        f"/v1/land-applications/{refused}/decision", {"decision": "refuse", "reason": "规划不符"}
    )
    assert answer.status_code == 201, answer.text


async def test_both_ways_tell_the_same_of_a_busy_year_and_of_the_next(exchange: Exchange) -> None:
    assert await differences(exchange) == []
    year = await this_year(exchange)
    await a_busy_year(exchange)
    assert await differences(exchange) == []
    await until_the_next_year(exchange)
    await closed(exchange, year)
    await story.credited(exchange, SELLER, {PADDY: "3.0000"})
    assert await differences(exchange, year) == []
    assert await differences(exchange, year + 1) == []
    assert await verified(exchange) == []


TAMPERINGS = {
    "a batch": (
        "UPDATE batch SET quantity = quantity + 1 WHERE id = (SELECT min(id) FROM batch)",
        "511922 farmland_quantity supplemented: 7.7000 by the ledger, 7.7001 by the other books",
    ),
    "a trade line": (
        "UPDATE trade_line SET quantity = quantity - 2 WHERE id = (SELECT min(id) FROM trade_line)",
        "510100 farmland_quantity bought: 5.0000 by the ledger, 4.9998 by the other books",
    ),
    "an amount": (
        "UPDATE trade_line SET amount = amount - 1 WHERE id = (SELECT min(id) FROM trade_line)",
        "510100 paid: 1500000.00 yuan by the ledger, 1499999.99 by the other books",
    ),
    "a requirement": (
        "UPDATE land_application SET farmland_quantity = farmland_quantity + 5 WHERE id = "
        "(SELECT min(id) FROM land_application WHERE state = 'WRITTEN_OFF')",
        "511922 farmland_quantity written_off: 1.0000 by the ledger, 1.0005 by the other books",
    ),
    "a settlement's posting": (
        "UPDATE posting SET amount = amount - 3, balance_after = balance_after - 3 WHERE id = (SELECT max("
        "posting.id) FROM posting JOIN account ON account.id = account_id WHERE jurisdiction = '510100' "
        "AND asset = 'farmland_quantity' AND bucket = 'available')",
        "510100 farmland_quantity bought: 4.9997 by the ledger, 5.0000 by the other books",
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_a_figure_that_was_tampered_with_is_named_with_both_its_values(
    exchange: Exchange, name: str
) -> None:
    await a_busy_year(exchange)
    statement, expected = TAMPERINGS[name]
    await tampered(exchange, statement)
    assert expected in await differences(exchange)
    code, what, figure = expected.split(":")[0].split()[-3:] if "paid" not in expected else ("", "", "")
    lines = await verified(exchange)
    # The verification tells steps, by the same names; money it holds against the trades elsewhere.
    assert any(f"{what} of {code} in" in line and figure in line for line in lines) or not figure, lines


async def test_a_published_record_that_the_ledger_contradicts_is_found(exchange: Exchange) -> None:
    year = await this_year(exchange)
    await story.credited(exchange, SELLER, {LAND: "1.0000"})
    await until_the_next_year(exchange)
    await closed(exchange, year)
    await tampered(
        exchange,
        'UPDATE closed_year SET record = replace(record, \'"supplemented":"1.0000"\', '
        '\'"supplemented":"1.5000"\')',
    )
    assert await differences(exchange, year) == [
        f"{SELLER} {LAND} supplemented: 1.0000 by the ledger, 1.5000 by the published record"
    ]
    faults = "\n".join(await verified(exchange))
    assert f"closed_year {year}: its record does not match its digest" in faults
    assert f"closed_year {year}: {LAND} of {SELLER}: supplemented 10000 by the ledger, 15000" in faults


async def test_trades_that_do_not_net_to_zero_are_named_by_verify(exchange: Exchange) -> None:
    await a_busy_year(exchange)
    await tampered(exchange, TAMPERINGS["a settlement's posting"][0])
    faults = "\n".join(await verified(exchange))
    assert (
        f"{LAND} in {await this_year(exchange)}: 56997 were bought within the province, 57000 sold" in faults
    )


async def test_the_command_writes_every_form_and_verifies(
    committed: Database, live_exchange: Exchange, tmp_path: Path
) -> None:
    gengheng = Command(committed, tmp_path / "data")
    await story.credited(live_exchange, SELLER, {LAND: "1.0000"})
    year = day_of(await live_exchange.now()).year
    whole = json.loads(await gengheng.done("assess", "--year", str(year), "-"))
    assert whole["year"] == year and len(whole["units"]) > 200
    for form, begins in (("json", b"{"), ("xlsx", b"PK"), ("pdf", b"%PDF")):
        file = tmp_path / f"assessment.{form}"
        await gengheng.done("assess", "--year", str(year), "--code", SELLER, "--form", form, str(file))
        assert file.read_bytes().startswith(begins)
    said = await gengheng.done("assess", "--year", str(year), "--verify")
    assert said == f"The figures of {year} are the same from the ledger and from the books beside it.\n"

    refused = await gengheng("assess", "--year", str(year), "--code", "999999", "-")
    assert (refused.returncode, refused.stdout) == (11, "") and "999999" in refused.stderr
    unwritable = await gengheng("assess", "--year", str(year), str(tmp_path / "none" / "file"))
    assert unwritable.returncode == 11 and "can't be written" in unwritable.stderr
    assert (await gengheng("assess", "--year", str(year + 1), "-")).returncode == 11
    assert (await gengheng("assess", "--year", str(year))).returncode == 2
    assert (await gengheng("assess", "--year", str(year), "--form", "doc", "-")).returncode == 2

    await tampered(live_exchange, "UPDATE batch SET quantity = quantity + 1")
    found = await gengheng("assess", "--year", str(year), "--verify")
    assert found.returncode == 1
    assert found.stdout.splitlines()[-1] == f"2 figures of {year} differ."


async def test_figures_do_not_depend_on_the_order_of_the_books(exchange: Exchange) -> None:
    """The same instant's movements are all in or all out: a year's end is exclusive."""
    await story.credited(exchange, SELLER, {LAND: "1.0000"})
    year = await this_year(exchange)

    async def at_the_first_instant_of_the_next_year(connection: Connection) -> None:
        await connection.execute(text("SET LOCAL ROLE NONE"))
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        instant = {"at": assessments.span_of(year).ends_at}
        await connection.execute(text("UPDATE ledger_transaction SET at = :at"), instant)
        await connection.execute(text("UPDATE batch SET credited_at = :at"), instant)
        await connection.execute(text("SET LOCAL session_replication_role = origin"))
        await connection.execute(text("SET LOCAL ROLE gengheng_runtime"))

    await exchange.database.transact(at_the_first_instant_of_the_next_year)
    await until_the_next_year(exchange)
    assert await differences(exchange, year) == await differences(exchange, year + 1) == []
    regulator = await exchange.regulator()
    told = (await regulator.get(f"/v1/assessments/{year}/{SELLER}")).json()["units"][0]["own"]
    assert told["indicators"][0]["closing"] == "0.0000"
