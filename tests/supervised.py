"""Steps of supervision that several tests begin with, over HTTP as the regulator would."""

from typing import Any

from sqlalchemy import text

from app.market.ids import Kind, public_id, row_number
from app.store.database import Connection
from tests.conftest import Exchange

EVIDENCE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


async def inspected(exchange: Exchange, **of: str) -> str:
    """Open an inspection of a jurisdiction or project; its id."""
    answer = await (await exchange.regulator()).post("/v1/inspections", of)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def found(exchange: Exchange, inspection: str, severity: str, **given: Any) -> dict[str, Any]:
    """Record a finding; the inspection."""
    body = {"what": "图斑无耕作层", "severity": severity, **given}
    answer = await (await exchange.regulator()).post(f"/v1/inspections/{inspection}/findings", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def concluded(exchange: Exchange, inspection: str, conclusion: str, **given: Any) -> dict[str, Any]:
    """Conclude an inspection; it."""
    body = {"conclusion": conclusion, "reason": "核查结论", **given}
    answer = await (await exchange.regulator()).post(f"/v1/inspections/{inspection}/conclusion", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def fraud_found(exchange: Exchange, project: str) -> str:
    """Inspect a project and conclude fraud; the inspection's id."""
    inspection = await inspected(exchange, project_id=project)
    await found(exchange, inspection, "fraud", document_sha256=EVIDENCE)
    await concluded(exchange, inspection, "fraud")
    return inspection


async def voided(exchange: Exchange, project: str, **given: Any) -> dict[str, Any]:
    """Find fraud in a project and void it; the project."""
    inspection = await fraud_found(exchange, project)
    body = {"inspection_id": inspection, "reason_code": "no_such_land", "reason": "虚构", **given}
    answer = await (await exchange.regulator()).post(f"/v1/projects/{project}/voiding", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def project_of(exchange: Exchange, batch: str) -> str:
    """The project that a batch comes from."""

    async def read(connection: Connection) -> str:
        found = await connection.execute(
            text("SELECT project_id FROM batch WHERE id = :id"), {"id": row_number(Kind.BATCH, batch)}
        )
        return public_id(Kind.PROJECT, found.scalar_one())

    return await exchange.database.read(read)
