"""``/v1/agenda`` and ``/v1/reminders``: what falls due when, and what was said of it beforehand."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.routers.answers import PageView, Paging, Reading, documented
from app.routers.forms import Code, Instant, View
from app.services import agenda

router = APIRouter(prefix="/v1", tags=["agenda"], route_class=GuardedRoute)


class DueView(View):
    """Something that falls due."""

    kind: str
    subject: str = Field(description="The public id of the thing")
    jurisdiction: str | None = Field(description="Whose it is, to act or to wait for it; null: everybody's")
    due_at: Instant = Field(description="The first instant that is too late")
    days_left: int = Field(description="Days in China: 0 on the last day, below 0 after it")
    what: str
    what_zh: str

    @classmethod
    def of(cls, due: agenda.Due) -> "DueView":
        """Shape an item of the agenda."""
        row = due.row
        what, what_zh = agenda.what_of(row.kind)
        return cls(
            kind=row.kind,
            subject=row.subject,
            jurisdiction=row.jurisdiction,
            due_at=row.due_at,
            days_left=due.days_left,
            what=what,
            what_zh=what_zh,
        )


class ReminderView(View):
    """What was said of a deadline, once for each lead."""

    kind: str
    subject: str = Field(description="The public id of the thing")
    jurisdiction: str | None = Field(description="Whose it is, to act or to wait for it; null: everybody's")
    due_at: Instant = Field(description="The deadline as it stood then")
    lead_days: int
    sent_at: Instant
    what: str
    what_zh: str

    @classmethod
    def of(cls, row: agenda.ReminderRow) -> "ReminderView":
        """Shape a reminder."""
        what, what_zh = agenda.what_of(row.kind)
        return cls(
            kind=row.kind,
            subject=row.subject,
            jurisdiction=row.jurisdiction,
            due_at=row.due_at,
            lead_days=row.lead_days,
            sent_at=row.sent_at,
            what=what,
            what_zh=what_zh,
        )


@router.get(
    "/agenda",
    operation_id=Action.READ_AGENDA,
    responses=documented(PageView[DueView]),
    summary="What falls due when 到期事项",
)
async def read_agenda(
    *,
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    kind: Annotated[
        str | None,
        Query(
            max_length=60,
            description="Only this kind of deadline",
            json_schema_extra={"enum": list(agenda.WHAT)},
        ),
    ] = None,
    jurisdiction: Annotated[
        Code | None, Query(description="Only its own and everybody's; an officer sees no other")
    ] = None,
    until: Annotated[Instant | None, Query(description="Only what falls due before this instant")] = None,
) -> Response:
    """List what is open and falls due, the next first, as the things themselves say it."""
    after = None
    if page.after:
        due_at, after_kind, subject = page.after
        after = (datetime.fromisoformat(due_at), after_kind, subject)
    work = partial(
        agenda.agenda,
        actor=actor,
        kind=kind,
        jurisdiction=jurisdiction,
        until=until,
        after=after,
        limit=page.limit + 1,
    )
    return await reading.run(
        work,
        lambda items: page.view(
            items, DueView.of, lambda due: (due.row.due_at.isoformat(), due.row.kind, due.row.subject)
        ),
    )


@router.get(
    "/reminders",
    operation_id=Action.READ_REMINDERS,
    responses=documented(PageView[ReminderView]),
    summary="Reminders of what falls due 到期提醒",
)
async def read_reminders(actor: CurrentActor, reading: Reading, page: Paging) -> Response:
    """List reminders in the order they were sent: one's own and everybody's; overseers see all."""
    work = partial(
        agenda.reminders,
        actor=actor,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, ReminderView.of, lambda row: (row.id,)))
