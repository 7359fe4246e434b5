"""Projects: filed by their county, accepted or refused by the land regulator, credited to the reserve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from app.market.acceptances import Acceptance
from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.errors import NotFound
from app.market.filings import Filing, refuse_contradictions, refuse_foreign_filing_number
from app.market.ids import Kind, public_id
from app.market.parcels import Shape
from app.market.particulars import Particulars, filing_due_on, refuse_particulars
from app.market.projects import TRANSITIONS, Project, ProjectEvent, ProjectState
from app.market.states import step
from app.services.acceptances import Decision, decide
from app.services.days import day_of
from app.services.journal import announce, announce_each
from app.services.parcels import put_on_map
from app.services.policies import PoliciesByDay
from app.store import certified, clock, ledger, parcels, voidings
from app.store import projects as store
from app.store.database import Connection
from app.store.ledger import BatchRow
from app.store.projects import ProjectRow, ProjectSummary, plain
from app.store.voidings import Voiding

__all__ = [
    "BatchRow",
    "ProjectCase",
    "ProjectSummary",
    "Voiding",
    "accept",
    "case_of",
    "file",
    "held",
    "plain",
    "project",
    "refuse",
    "summaries",
]


@dataclass(frozen=True, slots=True)
class ProjectCase:
    """A project, its batches, its mapped parcels' areas in m² by number, and its voiding if it is void."""

    row: ProjectRow
    batches: Sequence[BatchRow]
    mapped_m2: Mapping[str, int]
    voiding: Voiding | None


async def file(
    connection: Connection,
    *,
    actor: Actor,
    name: str,
    department: str,
    papers: Project,
    shapes: Mapping[str, Shape],
    particulars: Particulars,
) -> ProjectCase:
    """File a project of the actor's own county; raises Malformed, RuleBroken, Conflict."""
    county = actor.jurisdiction
    permit(actor, Action.FILE_PROJECT, county)
    now = await clock.now(connection)
    refuse_particulars(particulars, started_on=papers.started_on, today=day_of(now))
    filing = Filing(
        county,
        name,
        department,
        papers,
        shapes,
        await with_its_due_day(PoliciesByDay(connection), particulars),
    )
    refuse_unsound(filing)
    (number,) = await enter_filings(connection, [filing], actor=county, at=now)
    return await case_of(connection, number)


async def with_its_due_day(policies: PoliciesByDay, given: Particulars) -> Particulars:
    """Reckon the last day of another department's filing duty, by the policies of its acceptance."""
    accepted_on = given.department_accepted_on
    if accepted_on is None:
        return given
    in_force = await policies.on(accepted_on)
    due_on = filing_due_on(accepted_on, in_force.filing_duty_working_days, in_force.calendar_years)
    return replace(given, filing_due_on=due_on)


def refuse_unsound(filing: Filing) -> None:
    """Refuse what may not be filed, whatever the register holds; raises Malformed, RuleBroken."""
    refuse_contradictions(filing.papers)
    refuse_foreign_filing_number(filing.papers.filing_no, filing.county)


async def enter_filings(
    connection: Connection, filings: Sequence[Filing], *, actor: str, at: datetime
) -> Sequence[int]:
    """Enter sound filings and announce each; return their numbers. Raises RuleBroken, Conflict.

    Those with polygons hold the map until the transaction ends.
    """
    numbers = await store.insert(connection, filings, filed_at=at)
    await put_on_map(connection, dict(zip(numbers, filings, strict=True)), at=at)
    await announce_each(
        connection,
        at=at,
        kind="project.filed",
        actor=actor,
        facts={
            public_id(Kind.PROJECT, number): {
                "county": filing.county,
                "name": filing.name,
                "filing_no": filing.papers.filing_no,
                "kind": filing.papers.kind,
                "parcels": len(filing.papers.parcels),
                **({"filed_late": True} if filing.particulars.is_late(day_of(at)) else {}),
            }
            for number, filing in zip(numbers, filings, strict=True)
        },
    )
    return numbers


async def project(connection: Connection, *, actor: Actor, number: int) -> ProjectCase:
    """Return a project with its credits; raises NotFound, also for another county's."""
    case = await case_of(connection, number)
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
    row = await held(connection, actor, Action.ACCEPT_PROJECT, number)
    if await parcels.mapped(connection, [number]):
        await parcels.hold(connection)
    await certified.hold(connection, row.county)
    now = await clock.now(connection)
    decision = Decision(
        row,
        Acceptance(accepted_on, accepting_body, surplus_recognised, ecology_reviewed, feasibility_reviewed),
    )
    decided = await decide(
        connection, [decision], actor=actor.jurisdiction, at=now, policies=PoliciesByDay(connection)
    )
    for refusal in decided.refused.values():
        raise refusal
    return await case_of(connection, number)


async def refuse(connection: Connection, *, actor: Actor, number: int, reason: str) -> ProjectCase:
    """Refuse a filed project with a reason; its filing number is free for a corrected filing."""
    row = await held(connection, actor, Action.REFUSE_PROJECT, number)
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
    return await case_of(connection, number)


async def held(connection: Connection, actor: Actor, action: Action, number: int) -> ProjectRow:
    """Lock a project, then read it; raises NotFound, NotPermitted."""
    row = await store.project(connection, number) if await store.lock(connection, number) else None
    if row is None:
        raise NotFound("project", public_id(Kind.PROJECT, number))
    permit(actor, action, row.county)
    return row


async def case_of(connection: Connection, number: int) -> ProjectCase:
    """Return a project with its batches, what of it is mapped, and its voiding; raises NotFound."""
    row = await store.project(connection, number)
    if row is None:
        raise NotFound("project", public_id(Kind.PROJECT, number))
    on_map = await parcels.mapped(connection, [number])
    voiding = None
    if row.state is ProjectState.VOIDED:
        voiding = (await voidings.voidings(connection, [number])).get(number)
    batches = await ledger.batches_of(connection, number)
    return ProjectCase(row, batches, on_map.get(number, {}), voiding)
