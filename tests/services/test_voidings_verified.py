"""``gengheng verify`` on a voided project: sound books are found so, and each tampering is named."""

import pytest

from app.store.voiding_checks import VOIDINGS
from tests.api.test_voidings import GUILTY, LAND, Fraud, a_fraud, refused
from tests.conftest import Exchange
from tests.services.test_verification import one, tampered, verified
from tests.supervised import voided


async def a_voided_fraud(exchange: Exchange) -> Fraud:
    """A fraud with stock cancelled, sold and used, of which the part that was used came back."""
    fraud = await a_fraud(exchange)
    await voided(exchange, fraud.project)
    await refused(exchange, fraud.application)
    return fraud


async def test_a_voided_fraud_verifies(exchange: Exchange) -> None:
    await a_voided_fraud(exchange)
    verdict, lines = await verified(exchange)
    assert verdict.faults == 0, "\n".join(lines)
    told = [line for line in lines for check in VOIDINGS if check.claim in line]
    assert len(told) == len(VOIDINGS)
    assert any(line.endswith("1 voided batches, 1 returns") for line in told)


VOID = "(SELECT project_id FROM project_voiding)"
BATCH = "(SELECT batch_id FROM voided_batch)"
GIVEN_AWAY = (
    f"(SELECT id FROM account WHERE bucket = 'consumed' AND jurisdiction = '511922' AND batch_id = {BATCH})"
)
TAMPERINGS = {
    "a voided project that is sound again": (
        "UPDATE project SET state = 'ACCEPTED' WHERE id = {row}",
        VOID,
        ["project {row} is ACCEPTED, and it has a voiding"],
    ),
    "a voiding that is gone": (
        "UPDATE project_voiding SET project_id = (SELECT min(id) FROM project WHERE id <> {row}) "
        "WHERE project_id = {row}",
        VOID,
        ["project {row} is VOIDED, and it has no voiding"],
    ),
    "an inspection that found nothing": (
        "UPDATE inspection SET state = 'NO_FAULT' WHERE project_id = {row}",
        VOID,
        ["project_voiding {row}: inspection", "of project {row} is NO_FAULT"],
    ),
    "a batch that nobody judged": (
        "DELETE FROM voided_batch WHERE batch_id = {row}",
        BATCH,
        ["batch {row} of project", "the voiding of project none says"],
    ),
    "what was cancelled": (
        "UPDATE voided_batch SET cancelled = cancelled - 1 WHERE batch_id = {row}",
        BATCH,
        [
            "batch {row}: voidings say 64999 were cancelled for P",
            "batch {row}: 80000 are consumed, 0 written off and 79999 cancelled",
            f"20000 {LAND} are owed, 20001 were issued and not cancelled",
        ],
    ),
    "what came back and was cancelled": (
        "UPDATE voided_return SET cancelled = cancelled - 1 WHERE batch_id = {row}",
        BATCH,
        ["batch {row}: returns say 14999 were cancelled for F", f"20000 {LAND} are owed, 20001 were issued"],
    ),
    "a return that is gone": (
        "DELETE FROM voided_return WHERE batch_id = {row}",
        BATCH,
        ["batch {row}: returns say 0 were cancelled for F", "cancelled 15000"],
    ),
    "the obligation": (
        "UPDATE obligation SET farmland_quantity = farmland_quantity - 1 WHERE kind = 'replacement'",
        VOID,
        [f"{GUILTY} for P", f"19999 {LAND} are owed, 20000 were issued and not cancelled"],
    ),
    "an obligation that is gone": (
        "UPDATE obligation SET kind = 'commitment_deficit' WHERE kind = 'replacement'",
        VOID,
        [f"0 {LAND} are owed, 20000 were issued and not cancelled"],
    ),
    "stock that was cancelled": (
        "UPDATE account SET bucket = 'locked', jurisdiction = '511921' WHERE id = {row}",
        GIVEN_AWAY,
        ["0 are consumed, 0 written off and 80000 cancelled"],
    ),
    "stock that the guilty county has again": (
        "UPDATE account SET balance = 20000 WHERE jurisdiction = '511922' AND bucket = 'earmarked' "
        "AND batch_id = {row}",
        BATCH,
        [f"{GUILTY} batch {{row}}: it holds 20000, of which 0 came back good"],
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_verify_names_what_was_tampered_with(exchange: Exchange, name: str) -> None:
    await a_voided_fraud(exchange)
    statement, where, expected = TAMPERINGS[name]
    row = await one(exchange, f"SELECT {where}")
    await tampered(exchange, statement.format(row=row))
    _, lines = await verified(exchange)
    faults = [line for line in lines if line.startswith("      - ")]
    for words in expected:
        assert any(words.format(row=row) in fault for fault in faults), (words, faults)
