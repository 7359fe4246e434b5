"""The register: jurisdictions, designations, and who bears a token."""

from collections.abc import Sequence
from datetime import date

from app.market.access import Action, Actor, permit
from app.market.errors import NotFound, RuleBroken
from app.market.ids import Kind, public_id
from app.market.jurisdictions import DesignationKind, Jurisdiction, Level
from app.services.days import today
from app.services.journal import announce
from app.store import clock, tokens
from app.store import jurisdictions as store
from app.store.database import Connection
from app.store.jurisdictions import DesignationRow

__all__ = [
    "DesignationRow",
    "actor_of",
    "designate",
    "designations",
    "enter",
    "jurisdiction",
    "register",
]


async def actor_of(connection: Connection, digest: bytes) -> Actor | None:
    """Return the bearer of a token that is neither expired nor revoked, or None."""
    return await tokens.bearer(connection, digest)


async def register(
    connection: Connection,
    *,
    level: Level | None,
    parent: str | None,
    designation: DesignationKind | None,
    after: str | None,
    limit: int,
) -> Sequence[Jurisdiction]:
    """Return at most ``limit`` jurisdictions as they stand today, by code, after the code given."""
    return await store.jurisdictions_on(
        connection,
        await today(connection),
        level=level,
        parent=parent,
        designation=designation,
        after=after,
        limit=limit,
    )


async def jurisdiction(connection: Connection, *, code: str) -> Jurisdiction:
    """Return a jurisdiction as it stands today; raises NotFound."""
    found = await store.jurisdiction_on(connection, code, await today(connection))
    if found is None:
        raise NotFound("jurisdiction", code)
    return found


async def enter(
    connection: Connection,
    *,
    actor: Actor,
    code: str,
    name: str,
    level: Level,
    parent: str | None,
    valid_from: date,
) -> Jurisdiction:
    """Enter a jurisdiction, or what a known one is called from a day on; raises RuleBroken, NotFound."""
    permit(actor, Action.ADD_JURISDICTION, code)
    if parent == code:
        raise RuleBroken("own_parent", "A jurisdiction can't be its own parent.", field="parent")
    if parent is not None and not await store.is_known(connection, parent):
        raise NotFound("jurisdiction", parent, field="parent")
    now = await clock.now(connection)
    await store.enter(
        connection, code=code, name=name, level=level, parent=parent, valid_from=valid_from, valid_until=None
    )
    await announce(
        connection,
        at=now,
        kind="jurisdiction.entered",
        subject=code,
        actor=actor.jurisdiction,
        facts={
            "code": code,
            "name": name,
            "level": level,
            "parent": parent,
            "valid_from": valid_from.isoformat(),
        },
    )
    entered = await store.jurisdiction_on(connection, code, max(valid_from, await today(connection)))
    if entered is None:
        raise NotFound("jurisdiction", code)
    return entered


async def designations(
    connection: Connection, *, kind: DesignationKind | None, after: int | None, limit: int
) -> Sequence[DesignationRow]:
    """Return at most ``limit`` designations after the number given."""
    return await store.designations(connection, kind=kind, after=after, limit=limit)


async def designate(
    connection: Connection,
    *,
    actor: Actor,
    code: str,
    kind: DesignationKind,
    valid_from: date,
    valid_until: date | None,
) -> DesignationRow:
    """Put a jurisdiction on a list of the regulator; raises NotFound, RuleBroken, Conflict."""
    permit(actor, Action.ADD_DESIGNATION, code)
    if not await store.is_known(connection, code):
        raise NotFound("jurisdiction", code, field="jurisdiction")
    if valid_until is not None and valid_until <= valid_from:
        raise RuleBroken("dates_reversed", "valid_until must be after valid_from.", field="valid_until")
    now = await clock.now(connection)
    row = await store.designate(
        connection, code=code, kind=kind, valid_from=valid_from, valid_until=valid_until, entered_at=now
    )
    await announce(
        connection,
        at=now,
        kind="designation.entered",
        subject=public_id(Kind.DESIGNATION, row.id),
        actor=actor.jurisdiction,
        facts={
            "jurisdiction": code,
            "kind": kind,
            "valid_from": valid_from.isoformat(),
            "valid_until": valid_until.isoformat() if valid_until else None,
        },
    )
    return row
