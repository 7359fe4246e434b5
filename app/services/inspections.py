"""Inspections (检查): opened by the regulator, found, concluded; a conclusion to rectify opens a sanction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.errors import Malformed, NotFound
from app.market.ids import Kind, public_id
from app.market.inspections import (
    TRANSITIONS,
    Conclusion,
    InspectionEvent,
    InspectionKind,
    InspectionState,
    Severity,
    check_conclusion,
)
from app.market.sanctions import SanctionKind
from app.market.states import step
from app.services import sanctions
from app.services.days import day_of
from app.services.journal import announce
from app.store import clock, jurisdictions, projects
from app.store import inspections as store
from app.store.database import Connection
from app.store.inspections import FindingRow, InspectionRow
from app.store.sanctions import SanctionRow

__all__ = [
    "FindingRow",
    "InspectionCase",
    "InspectionRow",
    "conclude",
    "inspect",
    "inspection",
    "inspections",
    "record",
]


@dataclass(frozen=True, slots=True)
class InspectionCase:
    """An inspection with its findings, and the rectification that it opened, if it did."""

    row: InspectionRow
    findings: Sequence[FindingRow]
    sanction: SanctionRow | None


async def inspect(
    connection: Connection, *, actor: Actor, jurisdiction: str | None, project_id: int | None
) -> InspectionCase:
    """Open an inspection of a jurisdiction, or of one of its projects; raises NotFound, Malformed."""
    permit(actor, Action.OPEN_INSPECTION, actor.jurisdiction)
    of = await _inspected(connection, jurisdiction, project_id)
    now = await clock.now(connection)
    (row,) = await store.insert(
        connection,
        kind=InspectionKind.INSPECTION,
        of=[(of, project_id)],
        spot_check_id=None,
        opened_at=now,
        opened_by=actor.jurisdiction,
    )
    await announce(
        connection,
        at=now,
        kind="inspection.opened",
        subject=public_id(Kind.INSPECTION, row.id),
        actor=actor.jurisdiction,
        facts=_facts(row),
    )
    return InspectionCase(row, (), None)


async def _inspected(connection: Connection, jurisdiction: str | None, project_id: int | None) -> str:
    """Return whose the inspection is: the jurisdiction named, or the county of the project."""
    if (jurisdiction is None) == (project_id is None):
        raise Malformed(
            "bad_subject", "Name a jurisdiction, or a project of one: one of the two.", field="jurisdiction"
        )
    if project_id is not None:
        county = await projects.county_of(connection, project_id)
        if county is None:
            raise NotFound("project", public_id(Kind.PROJECT, project_id), field="project_id")
        return county
    named = jurisdiction or ""
    if not await jurisdictions.is_known(connection, named):
        raise NotFound("jurisdiction", named, field="jurisdiction")
    return named


def _facts(row: InspectionRow) -> dict[str, object]:
    return {
        "inspection_kind": row.kind,
        "jurisdiction": row.jurisdiction,
        "project": None if row.project_id is None else public_id(Kind.PROJECT, row.project_id),
    }


async def record(
    connection: Connection,
    *,
    actor: Actor,
    number: int,
    what: str,
    severity: Severity,
    parcel_no: str | None,
    document_digest: bytes | None,
) -> InspectionCase:
    """Record a finding; it can't be taken back. Raises NotFound (a parcel too), WrongState."""
    permit(actor, Action.RECORD_FINDING, actor.jurisdiction)
    held = await _held(connection, number)
    public = public_id(Kind.INSPECTION, held.id)
    step(TRANSITIONS, "inspection", public, held.state, InspectionEvent.RECORD)
    if parcel_no is not None and not (
        held.project_id is not None and await store.has_parcel(connection, held.project_id, parcel_no)
    ):
        raise NotFound("parcel of the inspected project", parcel_no, field="parcel_no")
    now = await clock.now(connection)
    await store.add_finding(
        connection,
        held.id,
        what=what,
        severity=severity,
        parcel_no=parcel_no,
        document_digest=document_digest,
        recorded_at=now,
        recorded_by=actor.jurisdiction,
    )
    # What was found is free text that may name a person: it stays out of the public journal.
    await announce(
        connection,
        at=now,
        kind="inspection.finding",
        subject=public,
        actor=actor.jurisdiction,
        facts={
            **_facts(held),
            "severity": severity,
            "document_sha256": None if document_digest is None else document_digest.hex(),
        },
    )
    return await _case(connection, held)


async def conclude(
    connection: Connection,
    *,
    actor: Actor,
    number: int,
    conclusion: Conclusion,
    rectify_by: date | None,
    reason: str,
) -> InspectionCase:
    """Conclude an inspection, for good; ``rectify`` opens a rectification (限期整改) until its last day.

    Raises NotFound, WrongState, and RuleBroken where the findings don't carry the conclusion.
    """
    permit(actor, Action.CONCLUDE_INSPECTION, actor.jurisdiction)
    held = await _held(connection, number)
    public = public_id(Kind.INSPECTION, held.id)
    state = step(TRANSITIONS, "inspection", public, held.state, conclusion.event)
    found = (await store.findings(connection, [held.id]))[held.id]
    now = await clock.now(connection)
    check_conclusion(
        conclusion,
        [finding.severity for finding in found],
        of_project=held.project_id is not None,
        rectify_by=rectify_by,
        today=day_of(now),
    )
    concluded = await store.conclude(connection, held.id, state=state, at=now, reason=reason)
    await announce(
        connection,
        at=now,
        kind="inspection.concluded",
        subject=public,
        actor=actor.jurisdiction,
        facts={**_facts(held), "conclusion": conclusion, "findings": len(found)},
    )
    sanction = None
    if rectify_by is not None:
        sanction = await sanctions.enter(
            connection,
            jurisdiction=held.jurisdiction,
            kind=SanctionKind.RECTIFY,
            reason=reason,
            starts_on=day_of(now),
            ends_on=rectify_by,
            at=now,
            decided_by=actor.jurisdiction,
            inspection_id=held.id,
        )
    return InspectionCase(concluded, found, sanction)


async def _held(connection: Connection, number: int) -> InspectionRow:
    held = await store.lock(connection, number)
    if held is None:
        raise NotFound("inspection", public_id(Kind.INSPECTION, number))
    return held


async def _case(connection: Connection, row: InspectionRow) -> InspectionCase:
    return (await _cases(connection, [row]))[0]


async def _cases(connection: Connection, rows: Sequence[InspectionRow]) -> list[InspectionCase]:
    numbers = [row.id for row in rows]
    found = await store.findings(connection, numbers)
    opened = await sanctions.of_inspections(connection, numbers)
    return [InspectionCase(row, found[row.id], opened.get(row.id)) for row in rows]


async def inspection(connection: Connection, *, actor: Actor, number: int) -> InspectionCase:
    """Return an inspection; raises NotFound, also for another jurisdiction's."""
    row = await store.find(connection, number)
    own = permitted_jurisdiction(actor, Action.READ_INSPECTION)
    if row is None or own not in (None, row.jurisdiction):
        raise NotFound("inspection", public_id(Kind.INSPECTION, number))
    return await _case(connection, row)


async def inspections(
    connection: Connection,
    *,
    actor: Actor,
    jurisdiction: str | None,
    project_id: int | None,
    spot_check_id: int | None,
    state: InspectionState | None,
    after: int | None,
    limit: int,
) -> Sequence[InspectionCase]:
    """Return at most ``limit`` inspections that the actor may see, after the number given."""
    own = permitted_jurisdiction(actor, Action.READ_INSPECTIONS)
    if own is not None and jurisdiction not in (None, own):
        return []
    rows = await store.inspections(
        connection,
        jurisdiction=own or jurisdiction,
        project_id=project_id,
        spot_check_id=spot_check_id,
        state=state,
        after=after,
        limit=limit,
    )
    return await _cases(connection, rows)
