"""Reclamation-fee standards (耕地开垦费): set by the province's regulators, charged to applications."""

from collections.abc import Sequence
from datetime import datetime

from app.market.access import Action, Actor, permit
from app.market.errors import NotFound, RuleBroken
from app.market.fees import Rate, check_rates
from app.market.ids import Kind, public_id
from app.market.jurisdictions import Level
from app.market.policies import refuse_retroactive
from app.market.units import format_money, rfc3339
from app.services.days import day_of
from app.services.journal import announce
from app.store import clock, jurisdictions
from app.store import fees as store
from app.store.database import Connection
from app.store.fees import StandardRow

__all__ = ["StandardRow", "set_standard", "standards"]


async def standards(
    connection: Connection,
    *,
    jurisdiction: str | None,
    at: datetime | None,
    after: int | None,
    limit: int,
) -> Sequence[StandardRow]:
    """Return at most ``limit`` standards in the order entered; with ``at``, only those in force then."""
    return await store.history(connection, jurisdiction=jurisdiction, at=at, after=after, limit=limit)


async def set_standard(
    connection: Connection,
    *,
    actor: Actor,
    jurisdiction: str,
    title: str,
    rates: Sequence[Rate],
    starts_at: datetime,
) -> StandardRow:
    """Append a jurisdiction's standard, in force from ``starts_at`` until its next one starts.

    Raises Malformed for rates that contradict one another, NotFound, RuleBroken and Conflict.
    """
    permit(actor, Action.SET_FEE_STANDARD, jurisdiction)
    check_rates(rates)
    now = await clock.now(connection)
    if not await jurisdictions.is_known(connection, jurisdiction):
        raise NotFound("jurisdiction", jurisdiction, field="jurisdiction")
    stands = await jurisdictions.jurisdiction_on(connection, jurisdiction, day_of(now))
    if stands is not None and stands.level is Level.EXTERNAL:
        raise RuleBroken(
            "outside_the_province",
            f"{jurisdiction} lies outside the province, which sets no fees for it.",
            field="jurisdiction",
        )
    refuse_retroactive(
        starts_at,
        now,
        "A standard starts later than the moment it is entered: what was filed keeps the fee of its day.",
    )
    row = await store.insert(
        connection,
        jurisdiction=jurisdiction,
        title=title,
        rates=rates,
        starts_at=starts_at,
        entered_at=now,
        entered_by=actor.jurisdiction,
    )
    await announce(
        connection,
        at=now,
        kind="fee_standard.set",
        subject=public_id(Kind.FEE_STANDARD, row.id),
        actor=actor.jurisdiction,
        facts={
            "jurisdiction": jurisdiction,
            "title": title,
            "starts_at": rfc3339(starts_at),
            "rates": [
                {
                    "use": rate.use,
                    "best_grade": rate.best_grade,
                    "worst_grade": rate.worst_grade,
                    "yuan_per_hm2": format_money(rate.fen_per_hm2),
                }
                for rate in row.rates
            ],
        },
    )
    return row
