"""``/v1/policies``: the numbers that a province sets, each from an instant on."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id
from app.market.policy_descriptions import described
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Form, Instant, Spelt, View
from app.services import policies

router = APIRouter(prefix="/v1/policies", tags=["policies"], route_class=GuardedRoute)


class PolicyForm(Form):
    """A value of one policy, in force from ``starts_at`` until the next one starts."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {"name": "deposit_rate", "value": "0.15", "starts_at": "2100-01-01T00:00:00Z"}
        )
    )

    name: str = Field(
        min_length=1, max_length=60, description="As GET /v1/policies names it, or workdays.YYYY"
    )
    value: Any = Field(description="Of the same form as the value in force; shares and areas are strings")
    starts_at: Instant


class PolicyView(View):
    """A policy's value, from when on it is in force, and what it means."""

    id: str
    name: str
    value: Any
    form: str = Field(description="How the value is written")
    help: str = Field(description="What it decides, and whose day counts")
    help_zh: str
    starts_at: Instant
    entered_at: Instant
    entered_by: str | None = Field(description="Null for what the first migration laid")

    @classmethod
    def of(cls, row: policies.PolicyRow) -> "PolicyView":
        """Shape a policy."""
        description = described(row.name)
        return cls(
            id=public_id(Kind.POLICY, row.id),
            name=row.name,
            value=row.value,
            form=description.form,
            help=description.en,
            help_zh=description.zh,
            starts_at=row.starts_at,
            entered_at=row.entered_at,
            entered_by=row.entered_by,
        )


@router.get(
    "",
    operation_id=Action.READ_POLICIES,
    responses=documented(PageView[PolicyView]),
    summary="The policies in force, now or at an instant",
)
async def read_policies(
    reading: Reading,
    page: Paging,
    at: Annotated[Instant | None, Query(description="As they stand at this instant; left out: now")] = None,
) -> Response:
    """List the policies in force, by name."""
    work = partial(
        policies.policies, at=at, after=page.after[0] if page.after else None, limit=page.limit + 1
    )
    return await reading.run(work, lambda rows: page.view(rows, PolicyView.of, lambda row: (row.name,)))


PolicyName = Annotated[
    str,
    Path(max_length=60, examples=["deposit_rate"]),
    Spelt("[a-z0-9_.]+", 'A policy\'s name is as GET /v1/policies gives it, such as "deposit_rate".'),
]


@router.get(
    "/{name}/history",
    operation_id=Action.READ_POLICY_HISTORY,
    responses=documented(PageView[PolicyView]),
    summary="All values of one policy, those to come too, the latest first",
)
async def read_policy_history(name: PolicyName, reading: Reading, page: Paging) -> Response:
    """List what a policy was, is and will be; a value holds until the next one starts."""
    work = partial(
        policies.history,
        name=name,
        before=datetime.fromisoformat(page.after[0]) if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(
        work, lambda rows: page.view(rows, PolicyView.of, lambda row: (row.starts_at.isoformat(),))
    )


@router.post(
    "",
    operation_id=Action.SET_POLICY,
    status_code=201,
    responses=documented(PolicyView, status=201),
    summary="Set a policy from an instant on",
)
async def set_policy(form: PolicyForm, actor: CurrentActor, writing: Writing) -> Response:
    """Set a value that is in force from ``starts_at``, later than now, until the next one starts."""
    work = partial(
        policies.set_policy, actor=actor, name=form.name, value=form.value, starts_at=form.starts_at
    )
    return await writing.run(work, PolicyView.of)
