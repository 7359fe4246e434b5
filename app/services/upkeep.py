"""Upkeep (管护) of accepted projects: named, reported each year, and what is missing."""

from collections.abc import Sequence
from datetime import date

from app.market.access import Action, Actor, permitted_jurisdiction
from app.market.ids import Kind, public_id
from app.market.upkeep import refuse_report, refuse_upkeep
from app.services.days import day_of, today
from app.services.journal import announce
from app.services.projects import held, project
from app.store import clock
from app.store import upkeep as store
from app.store.database import Connection
from app.store.upkeep import MissingReport, UpkeepRow

__all__ = ["MissingReport", "UpkeepRow", "missing", "name", "report", "upkeep"]


async def name(connection: Connection, *, actor: Actor, number: int, body: str, until: date) -> UpkeepRow:
    """Name who keeps an accepted project's land up, and until when; the latest naming counts."""
    row = await held(connection, actor, Action.NAME_UPKEEP, number)
    now = await clock.now(connection)
    refuse_upkeep(row.state, until, day_of(now))
    await store.name(connection, number, body=body, until=until, at=now, by=actor.jurisdiction)
    await announce(
        connection,
        at=now,
        kind="project.upkeep_named",
        subject=public_id(Kind.PROJECT, number),
        actor=actor.jurisdiction,
        facts={"county": row.county, "until": until.isoformat()},
    )
    return await store.upkeep(connection, number)


async def report(
    connection: Connection, *, actor: Actor, number: int, year: int, in_good_order: bool, found: str
) -> UpkeepRow:
    """Report how a project's land was kept up in a year, once; raises Conflict, RuleBroken."""
    row = await held(connection, actor, Action.REPORT_UPKEEP, number)
    now = await clock.now(connection)
    before = await store.upkeep(connection, number)
    first_year = (row.papers.accepted_on or day_of(now)).year
    refuse_report(row.state, first_year, before.until, year, day_of(now))
    await store.report(
        connection,
        number,
        year=year,
        in_good_order=in_good_order,
        found=found,
        at=now,
        by=actor.jurisdiction,
    )
    await announce(
        connection,
        at=now,
        kind="project.upkeep_reported",
        subject=public_id(Kind.PROJECT, number),
        actor=actor.jurisdiction,
        facts={"county": row.county, "year": year, "in_good_order": in_good_order},
    )
    return await store.upkeep(connection, number)


async def upkeep(connection: Connection, *, actor: Actor, number: int) -> UpkeepRow:
    """Return a project's upkeep; raises NotFound, also for another county's."""
    await project(connection, actor=actor, number=number)
    return await store.upkeep(connection, number)


async def missing(
    connection: Connection, *, actor: Actor, after: tuple[int, int] | None, limit: int
) -> Sequence[MissingReport]:
    """Return at most ``limit`` reports that are missing: the actor's own county's, or everybody's."""
    own = permitted_jurisdiction(actor, Action.READ_MISSING_UPKEEP)
    year = (await today(connection)).year
    return await store.missing(connection, county=own, this_year=year, after=after, limit=limit)
