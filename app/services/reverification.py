"""Re-verification (复核) of projects filed before the notice: paddy and capacity credited once ([N] 二)."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from app.market.access import Action, Actor
from app.market.errors import RuleBroken
from app.market.ids import Kind, public_id
from app.market.projects import ProjectState
from app.market.reverification import (
    LATER_CREDITED,
    Verified,
    certified_as_found,
    later_credits,
    refuse_before_acceptance,
    refuse_certified_since,
    refuse_not_waiting,
    verified_papers,
)
from app.market.units import format_quantity
from app.services import fulfilment, parcels
from app.services.days import day_of
from app.services.journal import announce
from app.services.policies import PoliciesByDay
from app.services.projects import ProjectCase, case_of, held
from app.store import certified, clock, ledger
from app.store import parcels as land
from app.store import reverification as store
from app.store.certified import ParcelKey
from app.store.database import Connection
from app.store.ledger import BatchRow, Earned
from app.store.projects import ProjectRow

__all__ = ["ProjectCase", "verify_anew"]


async def verify_anew(
    connection: Connection,
    *,
    actor: Actor,
    number: int,
    verified_on: date,
    found: Mapping[str, tuple[int, Verified]],
) -> ProjectCase:
    """Credit the paddy and capacity of what was found, by the policies of the re-verification's day.

    ``found`` gives each parcel with its place in the request. Raises Malformed, Conflict, RuleBroken.
    """
    row = await held(connection, actor, Action.REVERIFY_PROJECT, number)
    named = public_id(Kind.PROJECT, number)
    refuse_not_waiting(row.needs_reverification and row.state is ProjectState.ACCEPTED, named)
    await land.hold(connection)
    await certified.hold(connection, row.county)
    now = await clock.now(connection)
    if verified_on > day_of(now):
        raise RuleBroken(
            "verified_in_future", f"Today is {day_of(now)}: nothing is verified later.", field="verified_on"
        )
    refuse_before_acceptance(verified_on, row.papers.accepted_on)
    policies = PoliciesByDay(connection)
    in_force = await policies.on(verified_on)
    papers = verified_papers(row.papers, found, in_force.yields_centikg_per_hm2)
    credits_steps = later_credits(papers)
    tolerance_m2 = (await policies.at(row.filed_at)).parcel_overlap_tolerance_m2
    refuse_certified_since(await _certified_since(connection, row, tolerance_m2))
    register = await certified.certified(
        connection, [ParcelKey(row.county, parcel.id) for parcel in papers.parcels]
    )
    before = {key.parcel_no: entry for key, entry in register.items()}

    await store.keep(connection, number, papers.parcels, verified_on=verified_on, at=now)
    entries = certified_as_found(papers, before)
    await certified.keep(
        connection, {ParcelKey(row.county, id_): (number, entry) for id_, entry in entries.items()}
    )
    earned = await ledger.add_batches(connection, [Earned(row.county, number, credits_steps)], at=now)
    batches = [batch for batch in earned.get(number, ()) if batch.indicator in LATER_CREDITED]
    await _credit(connection, batches, project=number, at=now, actor=actor.jurisdiction)
    await announce(
        connection,
        at=now,
        kind="project.reverified",
        subject=named,
        actor=actor.jurisdiction,
        facts={
            "county": row.county,
            "verified_on": verified_on.isoformat(),
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
    return await case_of(connection, number)


async def _certified_since(connection: Connection, row: ProjectRow, tolerance_m2: int) -> Mapping[str, str]:
    """The parcels that another project certified since, by number or on the map, with that project."""
    by_number = await store.certified_by_others(connection, row.id, row.county)
    others = {parcel: public_id(Kind.PROJECT, project) for parcel, project in by_number.items()}
    on_map = await parcels.overlaps(connection, [row.id], tolerances_m2={row.id: tolerance_m2})
    for overlap in on_map.get(row.id, ()):
        if overlap.other.state is not ProjectState.FILED:
            others[overlap.parcel_id] = public_id(Kind.PROJECT, overlap.other.project_id)
    return others


async def _credit(
    connection: Connection, batches: Sequence[BatchRow], *, project: int, at: datetime, actor: str
) -> None:
    """Credit what was verified: as at an acceptance, what commitments were promised of it is earmarked."""
    kept = await fulfilment.earmarks(connection, {project: batches})
    await ledger.post(
        connection,
        kind="re_verification",
        reference=public_id(Kind.PROJECT, project),
        at=at,
        actor=actor,
        entries=[entry for batch in batches for entry in fulfilment.credited(batch, kept.get(batch.id, ()))],
    )
    await fulfilment.keep(connection, kept, at=at, actor=actor)
