"""Acceptances, one or thousands: judged one after another, written set by set (RULES 4)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.market.acceptances import Acceptance, Judgement, judge
from app.market.certification import Certified
from app.market.errors import Refusal
from app.market.evidence import DocumentKind
from app.market.ids import Kind, public_id
from app.market.parcels import Overlap
from app.market.projects import TRANSITIONS, ProjectEvent, ProjectState
from app.market.states import step
from app.market.units import format_quantity
from app.services import fulfilment, parcels
from app.services.days import day_of
from app.services.journal import announce_each
from app.services.policies import PoliciesByDay
from app.store import certified, evidence, ledger, projects
from app.store.certified import ParcelKey
from app.store.database import Connection
from app.store.ledger import BatchRow, Earned
from app.store.projects import ProjectRow

__all__ = ["Decided", "Decision", "decide"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A filed project, held by the caller, and the acceptance to judge it by."""

    row: ProjectRow
    acceptance: Acceptance


@dataclass(frozen=True, slots=True)
class Decided:
    """By project number: what was credited to those accepted, and why the others were not."""

    accepted: Mapping[int, Sequence[BatchRow]]
    refused: Mapping[int, Refusal]


async def decide(
    connection: Connection,
    decisions: Sequence[Decision],
    *,
    actor: str,
    at: datetime,
    policies: PoliciesByDay,
) -> Decided:
    """Accept projects in the order given, each by the policies of its acceptance date, and credit them.

    The caller holds the projects, the map where they are on it, and their counties' registers; no project
    stands twice. Of a refused one nothing is written; whether the others then stand is the caller's to say.
    """
    on_others_land = await _overlaps(connection, decisions, policies)
    wanted = {
        ParcelKey(each.row.county, parcel.id) for each in decisions for parcel in each.row.papers.parcels
    }
    register = await certified.certified(connection, wanted | parcels.other_keys(on_others_land))
    shown = await evidence.kinds(connection, [each.row.id for each in decisions])
    accepted: dict[int, tuple[Decision, Judgement]] = {}
    refused: dict[int, Refusal] = {}
    entries: dict[ParcelKey, tuple[int, Certified]] = {}
    for each in decisions:
        try:
            judged = await _judged(
                connection,
                each,
                at=at,
                policies=policies,
                register=register,
                overlaps=[
                    # One accepted just now counts as such.
                    overlap.after(ProjectState.ACCEPTED) if overlap.other.project_id in accepted else overlap
                    for overlap in on_others_land.get(each.row.id, ())
                ],
                shown=shown.get(each.row.id, ()),
            )
        except Refusal as refusal:
            refused[each.row.id] = refusal
            continue
        accepted[each.row.id] = each, judged
        for parcel_no, entry in judged.certified.items():
            key = ParcelKey(each.row.county, parcel_no)
            register[key] = entry  # the next one is judged by what this one certified
            entries[key] = each.row.id, entry
    if not accepted:
        return Decided({}, refused)
    await projects.keep_acceptances(
        connection, {number: (each.acceptance, judged) for number, (each, judged) in accepted.items()}, at=at
    )
    await certified.keep(connection, entries)
    batches = await _credit(connection, accepted, actor=actor, at=at)
    await _announce(connection, accepted, batches, actor=actor, at=at)
    return Decided({number: batches.get(number, ()) for number in accepted}, refused)


async def _overlaps(
    connection: Connection, decisions: Sequence[Decision], policies: PoliciesByDay
) -> Mapping[int, Sequence[Overlap]]:
    """The land that the projects have in common with others, by the tolerance of their filing's moment."""
    rows = {each.row.id: each.row for each in decisions}
    on_map = await parcels.mapped(connection, rows)
    tolerances = {
        number: (await policies.at(rows[number].filed_at)).parcel_overlap_tolerance_m2 for number in on_map
    }
    return await parcels.overlaps(connection, on_map, tolerances_m2=tolerances) if on_map else {}


async def _judged(
    connection: Connection,
    decision: Decision,
    *,
    at: datetime,
    policies: PoliciesByDay,
    register: Mapping[ParcelKey, Certified],
    overlaps: Sequence[Overlap],
    shown: Collection[DocumentKind],
) -> Judgement:
    """Judge one decision; raises the refusals of ``judge``, and WrongState."""
    row = decision.row
    step(TRANSITIONS, "project", public_id(Kind.PROJECT, row.id), row.state, ProjectEvent.ACCEPT)
    known = {
        parcel.id: register[key]
        for parcel in row.papers.parcels
        if (key := ParcelKey(row.county, parcel.id)) in register
    }
    in_force = await policies.on(decision.acceptance.accepted_on)
    return judge(
        row.papers,
        decision.acceptance,
        today=day_of(at),
        in_force=in_force,
        register=known,
        overlaps=parcels.standing(row.papers, overlaps, register),
        pieces=await parcels.unused_pieces(
            connection, row, review_area_m2=in_force.unused_land_review_area_m2
        ),
        evidence=shown,
        is_of_old=row.particulars.is_of_old(in_force.reverification_before),
    )


async def _credit(
    connection: Connection,
    accepted: Mapping[int, tuple[Decision, Judgement]],
    *,
    actor: str,
    at: datetime,
) -> Mapping[int, Sequence[BatchRow]]:
    """Enter a batch for each indicator earned; credit each project's in one transaction of its own.

    What commitments were promised of it is earmarked, the rest available ([N] 四).
    """
    batches = await ledger.add_batches(
        connection,
        [
            Earned(each.row.county, number, judged.credits_steps)
            for number, (each, judged) in accepted.items()
        ],
        at=at,
    )
    earmarked = await fulfilment.earmarks(connection, batches)
    await ledger.post_each(
        connection,
        kind="credit",
        at=at,
        actor=actor,
        entries={
            public_id(Kind.PROJECT, number): [
                entry for batch in earned for entry in fulfilment.credited(batch, earmarked.get(batch.id, ()))
            ]
            for number, earned in batches.items()
        },
    )
    await fulfilment.keep(connection, earmarked, at=at, actor=actor)
    return batches


async def _announce(
    connection: Connection,
    accepted: Mapping[int, tuple[Decision, Judgement]],
    batches: Mapping[int, Sequence[BatchRow]],
    *,
    actor: str,
    at: datetime,
) -> None:
    await announce_each(
        connection,
        at=at,
        kind="project.accepted",
        actor=actor,
        facts={
            public_id(Kind.PROJECT, number): {
                "accepted_on": each.acceptance.accepted_on.isoformat(),
                "accepting_body": each.acceptance.accepting_body,
                "county": each.row.county,
                "batches": [
                    {
                        "id": public_id(Kind.BATCH, batch.id),
                        "indicator": batch.indicator,
                        "quantity": format_quantity(batch.quantity, batch.indicator),
                    }
                    for batch in batches.get(number, ())
                ],
            }
            for number, (each, _) in accepted.items()
        },
    )
