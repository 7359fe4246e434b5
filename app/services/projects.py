"""Projects: filed by their county, accepted or refused by the land regulator, credited to the reserve."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time

from app.market import certification, projects
from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.errors import Malformed, NotFound, RuleBroken
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.ledger import AccountKey, Bucket, move
from app.market.projects import TRANSITIONS, Project, ProjectEvent, ProjectState
from app.market.states import step
from app.market.units import MAX_STEPS, format_quantity
from app.services.days import CHINA, day_of
from app.services.journal import announce
from app.store import clock, ledger, policies
from app.store import projects as store
from app.store.database import Connection
from app.store.ledger import BatchRow
from app.store.projects import ProjectRow, ProjectSummary, plain

__all__ = [
    "BatchRow",
    "ProjectCase",
    "ProjectSummary",
    "accept",
    "file",
    "plain",
    "project",
    "refuse",
    "summaries",
]


@dataclass(frozen=True, slots=True)
class ProjectCase:
    """A project and the batches that it earned."""

    row: ProjectRow
    batches: Sequence[BatchRow]


async def file(
    connection: Connection, *, actor: Actor, name: str, department: str, papers: Project
) -> ProjectCase:
    """File a project of the actor's own county; raises Malformed, RuleBroken, Conflict."""
    county = actor.jurisdiction
    permit(actor, Action.FILE_PROJECT, county)
    _refuse_contradictions(papers)
    _refuse_foreign_filing_number(papers.filing_no, county)
    now = await clock.now(connection)
    number = await store.insert(
        connection, county=county, name=name, department=department, papers=papers, filed_at=now
    )
    await announce(
        connection,
        at=now,
        kind="project.filed",
        subject=public_id(Kind.PROJECT, number),
        actor=county,
        facts={
            "county": county,
            "name": name,
            "filing_no": papers.filing_no,
            "kind": papers.kind,
            "parcels": len(papers.parcels),
        },
    )
    return await _case(connection, number)


def _refuse_contradictions(papers: Project) -> None:
    """Refuse papers that can't be so, naming every field to blame; raises Malformed."""
    seen: set[str] = set()
    for at, parcel in enumerate(papers.parcels):
        if parcel.id in seen:
            raise Malformed(
                "duplicate_parcel", f"Parcel {parcel.id!r} is named twice.", field=f"parcels.{at}.id"
            )
        seen.add(parcel.id)
    faults = [
        {"field": re.sub(r"\[([0-9]+)\]", r".\1", fault.field), "problem": fault.problem}
        for fault in projects.shape_faults(papers)
    ]
    if sum(parcel.area_m2 for parcel in papers.parcels) > MAX_STEPS:
        faults.append({"field": "parcels", "problem": "the total area is beyond 64 bits in m²"})
    if faults:
        raise Malformed(
            "contradictory_papers",
            "; ".join(f"{fault['field']}: {fault['problem']}" for fault in faults[:5]),
            field=faults[0]["field"],
            faults=faults,
        )


def _refuse_foreign_filing_number(filing_no: str | None, county: str) -> None:
    """A well-formed filing number begins with its own county's code; another form is judged later.

    A functional zone without a code of six digits files under the codes of the counties it lies in.
    """
    if filing_no is None or not projects.is_filing_number(filing_no):
        return
    if re.fullmatch(r"[0-9]{6}", county) and not filing_no.startswith(county):
        raise RuleBroken(
            "filing_no_of_another_county",
            f"Filing number {filing_no} begins with the code {filing_no[:6]}; this county's is {county}.",
            field="filing_no",
            county=county,
        )


async def project(connection: Connection, *, actor: Actor, number: int) -> ProjectCase:
    """Return a project with its credits; raises NotFound, also for another county's."""
    case = await _case(connection, number)
    own = permitted_jurisdiction(actor, Action.READ_PROJECT)
    if own is not None and case.row.county != own:
        raise NotFound("project", public_id(Kind.PROJECT, number))
    return case


async def summaries(
    connection: Connection,
    *,
    actor: Actor,
    county: str | None,
    state: ProjectState | None,
    after: int | None,
    limit: int,
) -> Sequence[ProjectSummary]:
    """Return at most ``limit`` projects that the actor may see, after the number given."""
    own = permitted_jurisdiction(actor, Action.READ_PROJECTS)
    if own is not None and county not in (None, own):
        return []
    return await store.summaries(connection, county=own or county, state=state, after=after, limit=limit)


async def accept(
    connection: Connection,
    *,
    actor: Actor,
    number: int,
    accepted_on: date,
    accepting_body: str,
    surplus_recognised: bool,
    ecology_reviewed: bool,
    feasibility_reviewed: bool | None,
) -> ProjectCase:
    """Accept a project by the policies of the acceptance date and credit its county's reserve (RULES 4).

    ``feasibility_reviewed`` None leaves what the county filed. Raises RuleBroken with every reason where
    the project is not eligible; nothing has changed then, and it can be refused and filed anew.
    """
    row = await _held(connection, actor, Action.ACCEPT_PROJECT, number)
    step(TRANSITIONS, "project", public_id(Kind.PROJECT, number), row.state, ProjectEvent.ACCEPT)
    await store.hold_register(connection, row.county)
    now = await clock.now(connection)
    if accepted_on > day_of(now):
        raise RuleBroken(
            "accepted_in_future", f"Today is {day_of(now)}: nothing is accepted later.", field="accepted_on"
        )
    in_force = await policies.in_force(connection, datetime.combine(accepted_on, time(), tzinfo=CHINA))
    papers = replace(
        row.papers,
        accepted_on=accepted_on,
        surplus_recognised=surplus_recognised,
        feasibility_reviewed=(
            row.papers.feasibility_reviewed if feasibility_reviewed is None else feasibility_reviewed
        ),
        yields_centikg_per_hm2=in_force.yields_centikg_per_hm2,
    )
    _refuse_contradictions(papers)
    register = await store.certified(connection, row.county, [parcel.id for parcel in papers.parcels])
    findings = certification.findings(
        papers,
        register,
        review_area_m2=in_force.unused_land_review_area_m2,
        ecology_reviewed=ecology_reviewed,
    )
    credits_steps = _earned(papers, findings)

    await store.keep_acceptance(
        connection, number, papers, accepting_body=accepting_body, ecology_reviewed=ecology_reviewed, at=now
    )
    entries = {parcel.id: certification.certify(parcel, register.get(parcel.id)) for parcel in papers.parcels}
    await store.keep_certified(
        connection,
        county=row.county,
        project_id=number,
        entries={parcel_no: entry for parcel_no, entry in entries.items() if entry is not None},
    )
    batches = await _credit(connection, actor, row, credits_steps, now)
    facts = {"accepted_on": accepted_on.isoformat(), "accepting_body": accepting_body}
    await _announce_accepted(connection, actor, row, batches, facts=facts, at=now)
    return await _case(connection, number)


async def _announce_accepted(
    connection: Connection,
    actor: Actor,
    row: ProjectRow,
    batches: Sequence[BatchRow],
    *,
    facts: Mapping[str, str],
    at: datetime,
) -> None:
    await announce(
        connection,
        at=at,
        kind="project.accepted",
        subject=public_id(Kind.PROJECT, row.id),
        actor=actor.jurisdiction,
        facts={
            **facts,
            "county": row.county,
            "batches": [
                {
                    "id": public_id(Kind.BATCH, batch.id),
                    "indicator": batch.indicator,
                    "quantity": format_quantity(batch.quantity, batch.indicator),
                }
                for batch in batches
            ],
        },
    )


def _earned(papers: Project, findings: certification.RegisterFindings) -> dict[Indicator, int]:
    """What the project earns, in steps; raises RuleBroken with all that speaks against it."""
    judged = projects.credit(papers)
    reasons = sorted({*judged.reasons, *findings.reasons})
    if reasons:
        facts: dict[str, object] = {"reasons": [reason.value for reason in reasons]}
        if findings.claimed:
            facts["claimed_parcels"] = list(findings.claimed)
        if findings.unreviewed:
            facts["unreviewed_parcels"] = list(findings.unreviewed)
        against = ", ".join(f"{reason} ({projects.REASON_IN_WORDS[reason]})" for reason in reasons)
        raise RuleBroken(
            "project_ineligible",
            f"The project earns no credits: {against}. It stays filed.",
            field=None,
            **facts,
        )
    if max(judged.credits_steps.values()) > MAX_STEPS:
        raise RuleBroken("credit_too_large", "A credit is beyond 64 bits in its smallest step.")
    return dict(judged.credits_steps)


async def _credit(
    connection: Connection, actor: Actor, row: ProjectRow, credits_steps: dict[Indicator, int], at: datetime
) -> Sequence[BatchRow]:
    """Enter a batch for each indicator earned and credit it to the county, all in one transaction."""
    batches = await ledger.add_batches(
        connection, county=row.county, project_id=row.id, quantities=credits_steps, at=at
    )
    entries = [
        entry
        for batch in batches
        for entry in move(
            AccountKey(row.county, batch.indicator, batch.id, Bucket.ISSUED),
            AccountKey(row.county, batch.indicator, batch.id, Bucket.AVAILABLE),
            batch.quantity,
        )
    ]
    await ledger.post(
        connection,
        kind="credit",
        reference=public_id(Kind.PROJECT, row.id),
        at=at,
        actor=actor.jurisdiction,
        entries=entries,
    )
    return batches


async def refuse(connection: Connection, *, actor: Actor, number: int, reason: str) -> ProjectCase:
    """Refuse a filed project with a reason; its filing number is free for a corrected filing."""
    row = await _held(connection, actor, Action.REFUSE_PROJECT, number)
    step(TRANSITIONS, "project", public_id(Kind.PROJECT, number), row.state, ProjectEvent.REFUSE)
    now = await clock.now(connection)
    await store.keep_refusal(connection, number, reason=reason, at=now)
    await announce(
        connection,
        at=now,
        kind="project.refused",
        subject=public_id(Kind.PROJECT, number),
        actor=actor.jurisdiction,
        facts={"county": row.county},
    )
    return await _case(connection, number)


async def _held(connection: Connection, actor: Actor, action: Action, number: int) -> ProjectRow:
    """Lock a project, then read it; raises NotFound, NotPermitted."""
    row = await store.project(connection, number) if await store.lock(connection, number) else None
    if row is None:
        raise NotFound("project", public_id(Kind.PROJECT, number))
    permit(actor, action, row.county)
    return row


async def _case(connection: Connection, number: int) -> ProjectCase:
    row = await store.project(connection, number)
    if row is None:
        raise NotFound("project", public_id(Kind.PROJECT, number))
    return ProjectCase(row, await ledger.batches_of(connection, number))
