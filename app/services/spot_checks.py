"""Spot checks (抽查): announced by the digest of a seed, then drawn; every project drawn is inspected."""

from collections.abc import Sequence

from app.market import spot_checks as market
from app.market.access import Action, Actor, permit
from app.market.errors import Conflict, NotFound, RuleBroken, WrongState
from app.market.ids import Kind, public_id
from app.market.inspections import InspectionKind
from app.market.units import rfc3339
from app.services.days import day_of
from app.services.journal import announce
from app.store import clock
from app.store import inspections as store
from app.store.database import Connection
from app.store.inspections import SpotCheckRow

__all__ = ["SpotCheckRow", "announce_spot_check", "draw", "spot_checks"]


async def announce_spot_check(
    connection: Connection,
    *,
    actor: Actor,
    year: int,
    count: int | None,
    share: str | None,
    seed_digest: bytes,
) -> SpotCheckRow:
    """Announce a draw among the projects accepted in a year; raises Malformed, RuleBroken.

    The seed itself is told only when the draw is made: what is announced here binds it.
    """
    permit(actor, Action.ANNOUNCE_SPOT_CHECK, actor.jurisdiction)
    market.check_size(count=count, share=share)
    now = await clock.now(connection)
    if year > day_of(now).year:
        raise RuleBroken("year_to_come", f"Nothing has been accepted in {year} yet.", field="year")
    row = await store.insert_spot_check(
        connection,
        year=year,
        how_many=count,
        share=share,
        seed_digest=seed_digest,
        announced_at=now,
        announced_by=actor.jurisdiction,
    )
    await announce(
        connection,
        at=now,
        kind="spot_check.announced",
        subject=public_id(Kind.SPOT_CHECK, row.id),
        actor=actor.jurisdiction,
        facts={"year": year, "count": count, "share": share, "seed_sha256": seed_digest.hex()},
    )
    return row


async def draw(connection: Connection, *, actor: Actor, number: int, seed: str) -> SpotCheckRow:
    """Draw with the announced seed and open an inspection of each project drawn.

    Raises NotFound, WrongState (drawn already), RuleBroken (another seed, nobody to draw from) and
    Conflict while no other jurisdiction has caused an event since the announcement.
    """
    permit(actor, Action.DRAW_SPOT_CHECK, actor.jurisdiction)
    public = public_id(Kind.SPOT_CHECK, number)
    held = await store.lock_spot_check(connection, number)
    if held is None:
        raise NotFound("spot check", public)
    if held.drawn_at is not None:
        raise WrongState("spot check", public, "DRAWN", "draw")
    market.check_seed(seed, held.seed_digest)
    event = await store.first_event_of_another(connection, subject=public, announcer=held.announced_by)
    if event is None:
        raise Conflict(
            "no_event_yet",
            "The draw takes the first journal event that another jurisdiction causes after the announcement, "
            "and there is none yet: draw again later, with the same seed.",
            announced_at=rfc3339(held.announced_at),
        )
    now = await clock.now(connection)
    among = {each.filing_no: each for each in await store.drawable(connection, held.year, held.announced_at)}
    if not among:
        raise RuleBroken(
            "nothing_to_draw",
            f"No project accepted in {held.year} stood in the register when the draw was announced.",
        )
    event_name = public_id(Kind.EVENT, event.id)
    seeded = market.draw_seed(seed, event_name, event.at, event.digest)
    many = market.size(len(among), count=held.how_many, share=held.share)
    chosen = [among[filing_no] for filing_no in market.drawn(among, seeded, many)]
    opened = await store.insert(
        connection,
        kind=InspectionKind.SPOT_CHECK,
        of=[(each.county, each.project_id) for each in chosen],
        spot_check_id=held.id,
        opened_at=now,
        opened_by=actor.jurisdiction,
    )
    row = await store.keep_draw(
        connection, held.id, seed=seed, event_id=event.id, population=len(among), at=now
    )
    await announce(
        connection,
        at=now,
        kind="spot_check.drawn",
        subject=public,
        actor=actor.jurisdiction,
        facts={
            "year": held.year,
            "seed": seed,
            "event": event_name,
            "draw_seed": seeded.hex(),
            "population": len(among),
            "population_sha256": market.population_digest(among).hex(),
            "drawn": [
                {
                    "filing_no": each.filing_no,
                    "project": public_id(Kind.PROJECT, each.project_id),
                    "county": each.county,
                    "inspection": public_id(Kind.INSPECTION, inspection.id),
                }
                for each, inspection in zip(chosen, opened, strict=True)
            ],
        },
    )
    return row


async def spot_checks(connection: Connection, *, after: int | None, limit: int) -> Sequence[SpotCheckRow]:
    """Return at most ``limit`` spot checks in the order announced."""
    return await store.spot_checks(connection, after=after, limit=limit)
