"""Evidence over HTTP: documents by hash, who adds which and when, and what an acceptance has to show."""

from typing import Any

import httpx
import pytest

from tests.conftest import Client, Exchange
from tests.story import evidence, policy, project_body

COUNTY = "511922"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
DOCUMENT = {
    "kind": "feasibility_study",
    "title": "园地开发可行性研究报告",
    "sha256": DIGEST,
    "media_type": "application/pdf",
    "size_bytes": 2_483_712,
    "issued_on": "2018-01-15",
    "issued_by": "南江县自然资源和规划局",
}
ORCHARD = {"kind": "orchard_or_forest", "feasibility_reviewed": True}


async def filed(exchange: Exchange, **given: Any) -> str:
    officer = await exchange.county(COUNTY)
    answer = await officer.post("/v1/projects", project_body(COUNTY, **given))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def add(client: Client, project: str, **given: Any) -> httpx.Response:
    return await client.post(f"/v1/projects/{project}/documents", {**DOCUMENT, **given})


async def accept(exchange: Exchange, project: str, **given: Any) -> httpx.Response:
    regulator = await exchange.regulator()
    today = (await exchange.now()).date().isoformat()
    body = {"accepted_on": today, "accepting_body": "省自然资源厅", **given}
    return await regulator.post(f"/v1/projects/{project}/acceptance", body)


def refused(answer: httpx.Response, status: int, code: str, field: str | None = None) -> Any:
    told = answer.json()
    assert (answer.status_code, told["code"], told.get("field")) == (status, code, field), told
    return told.get("facts")


async def test_documents_are_kept_by_hash_and_listed_in_order(exchange: Exchange) -> None:
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    project = await filed(exchange)
    added = await add(officer, project)
    assert added.status_code == 201, added.text
    assert added.json() | DOCUMENT == added.json()
    assert added.json()["added_by"] == COUNTY
    assert (await add(regulator, project, kind="feasibility_review")).status_code == 201
    address = f"/v1/projects/{project}/documents"
    first = (await officer.get(address, params={"limit": 1})).json()
    rest = (await officer.get(address, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    kinds = [each["kind"] for each in first["items"] + rest["items"]]
    assert (kinds, rest["next_cursor"]) == (["feasibility_study", "feasibility_review"], None)
    stranger = await exchange.county("511921")
    assert (await stranger.get(address)).status_code == 404
    refused(await add(stranger, project), 403, "not_permitted")


async def test_a_document_is_added_to_a_project_once(exchange: Exchange) -> None:
    officer, project = await exchange.county(COUNTY), await filed(exchange)
    assert (await add(officer, project)).status_code == 201
    refused(await add(officer, project, title="另一份"), 409, "document_known", "sha256")
    assert (await add(officer, project, kind="filing_proof")).status_code == 201
    assert (await add(officer, await filed(exchange))).status_code == 201


@pytest.mark.parametrize("kind", ["feasibility_review", "ecology_review", "surplus_recognition"])
async def test_what_the_province_issues_only_the_regulator_adds(exchange: Exchange, kind: str) -> None:
    project = await filed(exchange)
    answer = await add(await exchange.county(COUNTY), project, kind=kind)
    refused(answer, 403, "document_of_the_province")
    assert (await add(await exchange.regulator(), project, kind=kind)).status_code == 201


async def test_an_accepted_project_takes_reports_and_agreements_and_a_refused_one_nothing(
    exchange: Exchange,
) -> None:
    officer, regulator = await exchange.county(COUNTY), await exchange.regulator()
    project = await filed(exchange)
    assert (await accept(exchange, project)).status_code == 201
    for kind in ("acceptance_report", "grade_assessment", "upkeep_agreement"):
        assert (await add(officer, project, kind=kind)).status_code == 201
    for client in (officer, regulator):
        refused(await add(client, project), 409, "evidence_closed", "kind")
    other = await filed(exchange)
    assert (await regulator.post(f"/v1/projects/{other}/refusal", {"reason": "x"})).status_code == 201
    refused(await add(officer, other, kind="upkeep_agreement"), 409, "evidence_closed", "kind")


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"sha256": DIGEST.upper()}, "malformed", "sha256"),
        ({"sha256": DIGEST[1:]}, "malformed", "sha256"),
        ({"size_bytes": 0}, "malformed", "size_bytes"),
        ({"size_bytes": 1.5}, "malformed", "size_bytes"),
        ({"media_type": "pdf"}, "malformed", "media_type"),
        ({"kind": "letter"}, "malformed", "kind"),
        ({"issued_on": "2999-01-01"}, "issued_in_future", "issued_on"),
        ({"content": "…"}, "malformed", "content"),
    ],
)
async def test_a_document_that_can_not_be_is_refused_at_the_field_to_blame(
    exchange: Exchange, given: dict[str, Any], code: str, field: str
) -> None:
    answer = await add(await exchange.county(COUNTY), await filed(exchange), **given)
    refused(answer, 422, code, field)


async def test_with_the_gate_on_each_review_asserted_is_shown_by_its_documents(exchange: Exchange) -> None:
    await policy(exchange, "evidence_required", True)
    await exchange.advance(days=2)  # an acceptance is judged by the policies as its day began
    project = await filed(exchange, **ORCHARD)
    answer = await accept(exchange, project, ecology_reviewed=True)
    facts = refused(answer, 422, "evidence_missing", "feasibility_reviewed")
    assert facts["missing"] == {
        "feasibility_reviewed": ["feasibility_study", "feasibility_review"],
        "ecology_reviewed": ["ecology_review"],
    }
    assert (await add(await exchange.county(COUNTY), project)).status_code == 201
    facts = refused(await accept(exchange, project), 422, "evidence_missing", "feasibility_reviewed")
    assert facts["missing"] == {"feasibility_reviewed": ["feasibility_review"]}
    # Not to assert it is no way around: the project then lacks the review.
    unasserted = await accept(exchange, project, feasibility_reviewed=False)
    assert refused(unasserted, 422, "project_ineligible")["reasons"] == ["needs_feasibility"]
    await evidence(exchange, project, "feasibility_review")
    assert (await accept(exchange, project)).status_code == 201


async def test_with_the_gate_on_a_surplus_is_recognised_by_its_document(exchange: Exchange) -> None:
    await policy(exchange, "evidence_required", True)
    await exchange.advance(days=2)
    land = {"area": "4", "use_before": "construction", "use_after": "dry_land", "grade_after": 9}
    project = await filed(exchange, kind="linkage", surplus_as="farmland", parcels=[{"id": "B1", **land}])
    answer = await accept(exchange, project, surplus_recognised=True)
    assert refused(answer, 422, "evidence_missing", "surplus_recognised")["missing"] == {
        "surplus_recognised": ["surplus_recognition"]
    }
    await evidence(exchange, project, "surplus_recognition")
    assert (await accept(exchange, project, surplus_recognised=True)).status_code == 201


async def test_with_the_gate_off_an_assertion_stands_by_itself(exchange: Exchange) -> None:
    assert (await accept(exchange, await filed(exchange, **ORCHARD))).status_code == 201
