"""``gengheng verify``: books that hold are found to hold, and each kind of tampering is named by its row."""

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from app.market.indicators import Indicator
from app.services.verification import Verdict, verify
from app.store.database import Connection, Database
from app.store.verification import CHECKS
from app.worker import REMINDERS, do_due
from tests.awarded import Sale, awarded
from tests.conftest import SEALING_KEY, Exchange
from tests.mapped import SQUARE_HM2, square
from tests.owed import defrauded
from tests.package_files import filing
from tests.package_files import lines as lines_of
from tests.story import credited, filed_application, funded, paid, policy, project_body, settled

BUYER, SELLER, APPLICANT = "510100", "511922", "510107"
LAND = Indicator.FARMLAND_QUANTITY


async def a_busy_exchange(exchange: Exchange) -> None:
    """Trades settled, paid and objected to; a listing with a rest; an obligation open, and one made good; two
    applications written off, one of which stands while the other was refused.
    """
    await funded(exchange, BUYER, "10000000.00")
    await settled(exchange, await awarded(exchange, BUYER, [Sale(SELLER, 50_000, kept=10_000)]))
    await paid(exchange, await awarded(exchange, BUYER, [Sale(SELLER, 40_000)]))
    await policy(exchange, "reminder_lead_days", [60])
    waiting = await awarded(exchange, BUYER, [Sale(SELLER, 30_000)], deposit_fen=900_000_00)
    assert await do_due(exchange.database, exchange.app.state.keys, REMINDERS) == 2
    objecting = await (await exchange.county(SELLER)).post(
        f"/v1/trades/{waiting}/objections", {"reason": "地块不实"}
    )
    assert objecting.status_code == 201
    await mapped(exchange)
    regulator = await exchange.regulator()
    package = {"lines": lines_of("filings", [filing(1)])}
    assert (await regulator.post("/v1/packages/filings", package)).status_code == 201
    await defrauded(exchange, SELLER, "0.5000")
    good = await defrauded(exchange, SELLER, "0.7000")
    await credited(exchange, SELLER, {LAND: "0.7000"})
    officer = await exchange.county(SELLER)
    assert (await officer.post(f"/v1/obligations/{good}/discharge")).status_code == 201
    for _ in range(2):
        await written_off(exchange)
    last = f"F{await one(exchange, 'SELECT max(id) FROM land_application'):010d}"
    address = f"/v1/land-applications/{last}/decision"
    answer = await regulator.post(address, {"decision": "refuse", "reason": "选址不符"})
    assert answer.status_code == 201, answer.text


async def written_off(exchange: Exchange) -> None:
    """An application of 1 hm² of dry land of grade 15, written off from two batches of each indicator."""
    wanted = {LAND: "0.5000", Indicator.GRAIN_CAPACITY: "750.00"}
    for _ in range(2):
        await credited(exchange, APPLICANT, wanted)
    application = await filed_application(exchange, APPLICANT, {LAND: "1.0000"})
    officer = await exchange.county(APPLICANT)
    answer = await officer.post(f"/v1/land-applications/{application}/write-off")
    assert answer.status_code == 201, answer.text


async def mapped(exchange: Exchange) -> None:
    """Two projects with a parcel each on the map, M1 and M2."""
    officer = await exchange.county(SELLER)
    land = {"area": SQUARE_HM2, "use_before": "unused", "use_after": "dry_land", "grade_after": 10}
    for number in (1, 2):
        parcels = [{"id": f"M{number}", "geometry": square(number, 0), **land}]
        answer = await officer.post("/v1/projects", project_body(SELLER, parcels=parcels))
        assert answer.status_code == 201, answer.text


async def verified(exchange: Exchange) -> tuple[Verdict, list[str]]:
    lines: list[str] = []
    verdict = await exchange.database.read(partial(verify, report=lines.append))
    return verdict, lines


async def tampered(exchange: Exchange, *statements: str) -> None:
    """Change rows behind every guard's back, as a superuser with all triggers off can."""

    async def work(connection: Connection) -> None:
        await connection.execute(text("SET LOCAL ROLE NONE"))
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            done = await connection.execute(text(statement))
            assert done.rowcount == 1, statement
        await connection.execute(text("SET LOCAL session_replication_role = origin"))
        await connection.execute(text("SET LOCAL ROLE gengheng_runtime"))

    await exchange.database.transact(work)


async def test_an_empty_and_a_busy_exchange_verify(exchange: Exchange) -> None:
    for fill in (None, a_busy_exchange):
        if fill is not None:
            await fill(exchange)
        verdict, lines = await verified(exchange)
        assert (verdict, [line for line in lines if not line.startswith("ok ")]) == (
            Verdict(len(CHECKS), 0),
            [],
        )
        assert len(lines) == len(CHECKS)
    postings = await one(exchange, "SELECT count(*) FROM posting")
    assert lines[0].endswith(f" transactions, {postings} postings")


async def one(exchange: Exchange, query: str) -> int:
    async def read(connection: Connection) -> int:
        return int((await connection.execute(text(query))).scalar_one())

    return await exchange.database.read(read)


ANY_AVAILABLE = "(SELECT min(id) FROM account WHERE bucket = 'available' AND asset <> 'CNY')"
ANY_POSTING = "(SELECT min(id) FROM posting)"
ANY_HEAD = "(SELECT min(id) FROM ledger_transaction)"
LAST_HEAD = "(SELECT max(id) FROM ledger_transaction)"
OPEN_LISTING = "(SELECT min(id) FROM listing WHERE state = 'LISTED')"
A_LOCK = "(SELECT min(id) FROM account WHERE bucket = 'locked' AND asset <> 'CNY' AND balance > 0)"
STANDING = "(SELECT max(id) FROM write_off WHERE reversal_id IS NULL)"
REVERSED = "(SELECT max(id) FROM write_off WHERE reversal_id IS NOT NULL)"
TAMPERINGS = {
    "a stored balance": (
        ["UPDATE account SET balance = balance + 1 WHERE id = {row}"],
        ANY_AVAILABLE,
        ["account {row} (511922", "it stores", "all its accounts sum to 1"],
    ),
    "a posting's amount": (
        [
            "UPDATE posting SET amount = amount + 7, balance_after = balance_after + 7 WHERE id = {row}",
        ],
        ANY_POSTING,
        ["of CNY sum to 7, not to zero", "it starts at", "its postings replay to"],
    ),
    "a posting's amount alone, its arithmetic check dropped": (
        [
            "UPDATE posting SET balance_before = balance_before + 7, "
            "balance_after = balance_after + 7 WHERE id = {row}",
        ],
        ANY_POSTING,
        ["posting {row} of account"],
    ),
    "a missing posting": (
        ["DELETE FROM posting WHERE id = {row}"],
        "(SELECT min(posting.id) FROM posting JOIN account ON account.id = account_id "
        "WHERE bucket = 'available')",
        ["its postings of", "its postings replay to"],
    ),
    "a posting without its transaction": (
        ["DELETE FROM ledger_transaction WHERE id = {row}"],
        LAST_HEAD,
        ["there is no ledger_transaction {row}"],
    ),
    "a posting without its account": (
        ["DELETE FROM account WHERE id = {row}"],
        ANY_AVAILABLE,
        ["there is no account {row}"],
    ),
    "a transaction without postings": (
        [
            "INSERT INTO ledger_transaction (id, kind, reference, at) "
            "SELECT 999999, kind, reference, at FROM ledger_transaction WHERE id = {row}"
        ],
        ANY_HEAD,
        ["ledger_transaction 999999 (", "it has no postings"],
    ),
    "a journal payload": (
        ["UPDATE journal_event SET payload = payload || ' ' WHERE id = {row}"],
        "(SELECT min(id) FROM journal_event)",
        ["journal_event {row} (", "does not match its digest"],
    ),
    "a listing's lock": (
        ["UPDATE listing SET quantity = quantity + 1 WHERE id = {row}"],
        OPEN_LISTING,
        ["are locked, its open listings ({row}) hold"],
    ),
    "a listing that ended but kept its lock": (
        ["UPDATE listing SET state = 'WITHDRAWN' WHERE id = {row}"],
        OPEN_LISTING,
        ["its open listings (none) hold 0"],
    ),
    "an earmark": (
        ["UPDATE account SET bucket = 'earmarked' WHERE id = {row}"],
        A_LOCK,
        ["are earmarked, its live commitments (none) have 0"],
    ),
    "what a listing has sold": (
        ["UPDATE listing SET awarded = awarded - 1 WHERE id = {row}"],
        "(SELECT min(listing_id) FROM trade_line JOIN trade ON trade.id = trade_id "
        "WHERE trade.state = 'PAID')",
        ["listing {row}: awarded"],
    ),
    "a trade line's quantity": (
        ["UPDATE trade_line SET quantity = quantity + 1 WHERE id = {row}"],
        "(SELECT min(line.id) FROM trade_line AS line JOIN trade ON trade.id = trade_id "
        "WHERE trade.state = 'SETTLED')",
        ["settlement of trade T00000", "its trade lines say", "registrations and lines say"],
    ),
    "a trade's amount": (
        ["UPDATE trade SET amount = amount - 1 WHERE id = {row}"],
        "(SELECT min(id) FROM trade WHERE state = 'PAID')",
        ["trade {row}: its amount", "fen are in escrow, paid trades wait for"],
    ),
    "a held deposit": (
        ["UPDATE trade SET deposit = deposit - 1 WHERE id = {row}"],
        "(SELECT min(id) FROM trade WHERE state = 'AWARDED')",
        ["510100: 90000000 fen are locked, deposits held are 89999999"],
    ),
    "a reminder that nobody was told of": (
        [
            "INSERT INTO reminder (kind, subject, due_at, lead_days, sent_at) "
            "SELECT 'payment_due', 'T' || lpad(id::text, 10, '0'), now(), 7, now() FROM trade "
            "WHERE id = {row}"
        ],
        "(SELECT trade_id FROM objection)",
        ["that payment_due of T", "was announced 0 times, 7 days ahead"],
    ),
    "a clock that was set going by hand": (
        ["UPDATE trade SET notice_stopped_at = NULL WHERE id = {row}"],
        "(SELECT trade_id FROM objection)",
        ["trade {row} (AWARDED): its clock goes, of its objections 1 are open"],
    ),
    "a clock that stands for nothing": (
        ["UPDATE objection SET state = 'LAPSED', ended_at = now() WHERE trade_id = {row}"],
        "(SELECT trade_id FROM objection)",
        ["trade {row} (AWARDED): its clock stands, of its objections 0 are open"],
    ),
    "a confirmation's number": (
        ["UPDATE trade SET confirmation_number = '耕调〔2026〕0000000000号' WHERE id = {row}"],
        "(SELECT min(id) FROM trade WHERE state = 'PAID')",
        ["trade {row}: its confirmation of"],
    ),
    "a cash movement": (
        ["UPDATE cash_movement SET amount = amount - 1 WHERE id = {row}"],
        "(SELECT min(id) FROM cash_movement)",
        ["510100:", "its bank account stands at -"],
    ),
    "a need": (
        ["UPDATE need_item SET quantity = quantity + 9, awarded = awarded + 1 WHERE need_id = {row}"],
        "(SELECT max(need_id) FROM need_item)",
        ["need_item {row} farmland_quantity: reserved 0"],
    ),
    "what purchases may exceed a need by": (
        ["UPDATE need_item SET excess = 5 WHERE need_id = {row}"],
        "(SELECT max(need_id) FROM need_item)",
        ["need_item {row} farmland_quantity: reserved 0, excess 5"],
    ),
    "a batch": (
        ["UPDATE batch SET quantity = quantity + 1 WHERE id = {row}"],
        "(SELECT min(id) FROM batch)",
        ["batch {row}: it holds 60001 farmland_quantity, but 60000 were issued"],
    ),
    "a batch's project": (
        ["UPDATE project SET state = 'FILED' WHERE id = {row}"],
        "(SELECT min(project_id) FROM batch)",
        ["its project {row} of 511922 is FILED"],
    ),
    "a trade line of another listing": (
        ["UPDATE trade_line SET seller = '511921' WHERE id = {row}"],
        "(SELECT min(id) FROM trade_line)",
        ["trade_line {row}: 511921 batch"],
    ),
    "an obligation that was not made good": (
        ["UPDATE obligation SET state = 'DISCHARGED', ended_at = opened_at WHERE id = {row}"],
        "(SELECT min(id) FROM obligation)",
        ["0 farmland_quantity are written off for it, 5000 are owed and discharged", "is not lifted"],
    ),
    "an obligation that was made good": (
        ["UPDATE obligation SET farmland_quantity = farmland_quantity - 1 WHERE id = {row}"],
        "(SELECT max(id) FROM obligation)",
        ["7000 farmland_quantity are written off for it, 6999 are owed and discharged"],
    ),
    "an obligation's rectification": (
        ["UPDATE sanction SET kind = 'circulate' WHERE id = {row}"],
        "(SELECT min(sanction_id) FROM obligation)",
        ["is OPEN, and sanction {row} (circulate of 511922) is not lifted"],
    ),
    "a write-off of another reserve": (
        ["UPDATE write_off SET reserve = '511921' WHERE id = {row}"],
        STANDING,
        [
            "write_off {row}: it takes from 510107, not from 511921 alone",
            "of farmland_quantity it has written off 10000 from 511921, due are 0",
            "of grain_capacity it has written off 0 from 510107, due are 150000",
        ],
    ),
    "a write-off of another reference": (
        ["UPDATE write_off SET reference = 'F0000999999' WHERE id = {row}"],
        STANDING,
        ["is no write_off of F0000999999", "land application F0000999999: of farmland_quantity"],
    ),
    "a write-off that is missing": (
        ["DELETE FROM write_off WHERE id = {row}"],
        STANDING,
        ["(write_off of F0", "0 write-offs name it", "it has written off 0 from 510107, due are 10000"],
    ),
    "a write-off told twice": (
        [
            "INSERT INTO write_off (reserve, reference, written_off_at, transaction_id) "
            "SELECT reserve, reference, written_off_at, transaction_id FROM write_off "
            "WHERE id = {row} AND reversal_id IS NOT NULL"
        ],
        REVERSED,
        ["(write_off of F0", "2 write-offs name it", "from 510107, due are 0"],
    ),
    "a write-off's quantity": (
        [
            "UPDATE posting SET amount = amount - 3, balance_after = balance_after - 3 WHERE id = {row}",
        ],
        f"(SELECT max(posting.id) FROM posting JOIN account ON account.id = account_id "
        f"WHERE bucket = 'consumed' AND asset = 'farmland_quantity' AND transaction_id = "
        f"(SELECT transaction_id FROM write_off WHERE id = {STANDING}))",
        ["sum to -3, not to zero", "of farmland_quantity it has written off 9997 from 510107, due are 10000"],
    ),
    "a reversal that gives back less": (
        [
            "UPDATE posting SET amount = amount + 3, balance_after = balance_after + 3 WHERE id = {row}",
        ],
        f"(SELECT max(posting.id) FROM posting JOIN account ON account.id = account_id "
        f"WHERE bucket = 'consumed' AND transaction_id = "
        f"(SELECT reversal_id FROM write_off WHERE id = {REVERSED}))",
        ["its reversal gives back -"],
    ),
    "a reversal that is forgotten": (
        ["UPDATE write_off SET reversal_id = NULL, reversed_at = NULL WHERE id = {row}"],
        REVERSED,
        ["(write_off.reversal of F0", "0 write-offs name it", "has written off 10000 from 510107, due are 0"],
    ),
    "a reversal by another transaction": (
        [f"UPDATE write_off SET reversal_id = {ANY_HEAD} WHERE id = {{row}}"],
        REVERSED,
        ["is no write_off.reversal of F0", "its reversal gives back 0 of account"],
    ),
    "an application approved without its write-off": (
        ["UPDATE land_application SET state = 'APPROVED', written_off_at = filed_at WHERE id = {row}"],
        "(SELECT max(id) FROM land_application)",
        ["land application F", "it has written off 0 from 510107, due are 10000"],
    ),
    "an application refused that keeps its write-off": (
        ["UPDATE land_application SET state = 'REFUSED' WHERE id = {row}"],
        "(SELECT max(id) FROM land_application WHERE state = 'WRITTEN_OFF')",
        ["it has written off 10000 from 510107, due are 0"],
    ),
    "what an application requires": (
        ["UPDATE land_application SET grain_capacity = grain_capacity + 1 WHERE id = {row}"],
        "(SELECT max(id) FROM land_application WHERE state = 'WRITTEN_OFF')",
        ["of grain_capacity it has written off 150000 from 510107, due are 150001"],
    ),
    "a mapped parcel's stated area": (
        ["UPDATE project_parcel SET area_m2 = area_m2 + 200 WHERE parcel_no = 'M{row}'"],
        "1",
        ["parcel M1 of project", "it states 10645 m², its polygon has 10444"],
    ),
    "a polygon copied into another project": (
        [
            "UPDATE parcel_shape SET polygon = (SELECT polygon FROM parcel_shape WHERE parcel_no = 'M1') "
            "WHERE parcel_no = 'M{row}'"
        ],
        "2",
        ["the same polygon of 10444 m² becomes new farmland in each"],
    ),
    "a package that is said to have brought more": (
        ["UPDATE package_import SET row_count = 2, entered = 2 WHERE id = {row}"],
        "(SELECT max(id) FROM package_import)",
        ["it was imported with", "the journal says"],
    ),
    "a project that is to be verified anew": (
        ["UPDATE project SET needs_reverification = true WHERE id = {row}"],
        "(SELECT min(project_id) FROM batch WHERE indicator = 'grain_capacity')",
        ["project {row} waits to be verified anew, and batch"],
    ),
    "a re-verification without its parcels": (
        ["UPDATE project SET reverified_on = accepted_on, reverified_at = decided_at WHERE id = {row}"],
        "(SELECT min(project_id) FROM batch)",
        ["project {row} was verified anew, 0 of its"],
    ),
    "an answer that was lost": (
        ["UPDATE stored_answer SET status = NULL WHERE ctid = (SELECT min(ctid) FROM stored_answer)"],
        "1",
        ["there is no answer"],
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_verify_names_the_row_that_was_tampered_with(exchange: Exchange, name: str) -> None:
    await a_busy_exchange(exchange)
    statements, where, expected = TAMPERINGS[name]
    row = await one(exchange, f"SELECT {where}")
    await tampered(exchange, *(statement.format(row=row) for statement in statements))
    verdict, lines = await verified(exchange)
    assert verdict.faults > 0
    faults = [line for line in lines if line.startswith("      - ")]
    assert len(faults) == verdict.faults
    for words in expected:
        assert any(words.format(row=row) in fault for fault in faults), (words, faults)


async def test_a_balance_below_zero_is_named_even_where_its_guard_was_dropped(exchange: Exchange) -> None:
    await a_busy_exchange(exchange)
    row = await one(exchange, f"SELECT {ANY_AVAILABLE}")

    async def work(connection: Connection) -> None:
        await connection.execute(text("SET LOCAL ROLE NONE"))
        await connection.execute(text("ALTER TABLE account DROP CONSTRAINT ck_account_balance"))
        await connection.execute(text("ALTER TABLE account DISABLE TRIGGER ALL"))
        await connection.execute(text(f"UPDATE account SET balance = -5 WHERE id = {row}"))
        await connection.execute(text("SET LOCAL ROLE gengheng_runtime"))

    await exchange.database.transact(work)
    _, lines = await verified(exchange)
    assert any(f"account {row} (" in line and line.endswith("its balance is -5") for line in lines)


async def run_verify(database: Database) -> tuple[int, str]:
    """The command, as an operator runs it, against a database by its URL."""
    url = database.engine.url.render_as_string(hide_password=False)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("gengheng")),
        "verify",
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("GENGHENG_")},
            "GENGHENG_ENVIRONMENT": "development",
            "GENGHENG_DATABASE_URL": url,
            "GENGHENG_SEALING_KEY": SEALING_KEY,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode() + err.decode()


async def test_the_command_exits_with_0_or_1_as_the_books_hold_or_not(
    live_exchange: Exchange, committed: Database
) -> None:
    await credited(live_exchange, SELLER, {LAND: "10.0000"})
    status, said = await run_verify(committed)
    assert (status, said.splitlines()[-1]) == (0, f"All {len(CHECKS)} checks hold."), said
    await tampered(live_exchange, f"UPDATE account SET balance = balance + 1 WHERE id = {ANY_AVAILABLE}")
    status, said = await run_verify(committed)
    assert status == 1, said
    assert said.splitlines()[-1].endswith("faults: the books do not hold.")
    assert "it stores 100001, its postings replay to 100000" in said
