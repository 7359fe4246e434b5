"""``/v1/jurisdictions``, ``/v1/designations``, ``/v1/self``: the register."""

from datetime import date
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action, Role
from app.market.ids import Kind, public_id
from app.market.jurisdictions import DesignationKind, Jurisdiction, Level
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Code, Day, Form, Text, View
from app.services import jurisdictions

router = APIRouter(prefix="/v1", tags=["register"], route_class=GuardedRoute)


class JurisdictionView(View):
    """A jurisdiction as it stands today."""

    code: str
    name: str
    level: Level
    parent: str | None
    valid_from: date
    valid_until: date | None
    designations: list[DesignationKind]

    @classmethod
    def of(cls, value: Jurisdiction) -> "JurisdictionView":
        """Shape the register's value."""
        return cls(
            code=value.code,
            name=value.name,
            level=value.level,
            parent=value.parent,
            valid_from=value.valid_from,
            valid_until=value.valid_until,
            designations=sorted(value.designations),
        )


class JurisdictionForm(Form):
    """A jurisdiction, or a new name or parent of one that is known, from a day on."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "code": "500000",
                "name": "重庆市",
                "level": "external",
                "parent": None,
                "valid_from": "2026-01-01",
            }
        )
    )

    code: Code
    name: Text
    level: Level
    parent: Code | None = None
    valid_from: Day


class DesignationForm(Form):
    """A jurisdiction's place on a list of the regulator."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "jurisdiction": "510722",
                "kind": "poverty",
                "valid_from": "2026-01-01",
                "valid_until": None,
            }
        )
    )

    jurisdiction: Code
    kind: DesignationKind
    valid_from: Day
    valid_until: Day | None = Field(default=None, description="The first day it no longer holds")


class DesignationView(View):
    """A jurisdiction's place on a list, with its dates."""

    id: str
    jurisdiction: str
    kind: DesignationKind
    valid_from: date
    valid_until: date | None

    @classmethod
    def of(cls, row: jurisdictions.DesignationRow) -> "DesignationView":
        """Shape a row of the lists."""
        return cls(
            id=public_id(Kind.DESIGNATION, row.id),
            jurisdiction=row.jurisdiction,
            kind=row.kind,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
        )


class SelfView(View):
    """Who the token's bearer is."""

    label: str
    jurisdiction: str
    roles: list[Role]


@router.get(
    "/self", operation_id=Action.READ_SELF, responses=documented(SelfView), summary="Who am I? 当前身份"
)
async def read_self(actor: CurrentActor, reading: Reading) -> Response:
    """Tell whose token this is."""
    view = SelfView(label=actor.label, jurisdiction=actor.jurisdiction, roles=sorted(actor.roles))
    return reading.answer(view.model_dump_json())


@router.get(
    "/jurisdictions",
    operation_id=Action.READ_JURISDICTIONS,
    responses=documented(PageView[JurisdictionView]),
    summary="The register of jurisdictions 行政区划",
)
async def read_jurisdictions(
    reading: Reading,
    page: Paging,
    level: Annotated[Level | None, Query()] = None,
    parent: Annotated[Code | None, Query()] = None,
    designation: Annotated[DesignationKind | None, Query()] = None,
) -> Response:
    """List jurisdictions as they stand today, by code."""
    work = partial(
        jurisdictions.register,
        level=level,
        parent=parent,
        designation=designation,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, JurisdictionView.of, lambda row: (row.code,)))


@router.get(
    "/jurisdictions/{code}",
    operation_id=Action.READ_JURISDICTION,
    responses=documented(JurisdictionView),
    summary="One jurisdiction",
)
async def read_jurisdiction(code: Code, reading: Reading) -> Response:
    """Show a jurisdiction as it stands today."""
    return await reading.run(partial(jurisdictions.jurisdiction, code=code), JurisdictionView.of)


@router.post(
    "/jurisdictions",
    operation_id=Action.ADD_JURISDICTION,
    status_code=201,
    responses=documented(JurisdictionView, status=201),
    summary="Enter a jurisdiction, or a new name of one",
)
async def add_jurisdiction(form: JurisdictionForm, actor: CurrentActor, writing: Writing) -> Response:
    """Enter a jurisdiction, or what a known one is called from a day on."""
    work = partial(
        jurisdictions.enter,
        actor=actor,
        code=form.code,
        name=form.name,
        level=form.level,
        parent=form.parent,
        valid_from=form.valid_from,
    )
    return await writing.run(work, JurisdictionView.of)


@router.get(
    "/designations",
    operation_id=Action.READ_DESIGNATIONS,
    responses=documented(PageView[DesignationView]),
    summary="The regulator's lists: poverty counties 贫困县 and others",
)
async def read_designations(
    reading: Reading, page: Paging, kind: Annotated[DesignationKind | None, Query()] = None
) -> Response:
    """List designations in the order they were entered."""
    work = partial(
        jurisdictions.designations,
        kind=kind,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, DesignationView.of, lambda row: (row.id,)))


@router.post(
    "/designations",
    operation_id=Action.ADD_DESIGNATION,
    status_code=201,
    responses=documented(DesignationView, status=201),
    summary="Put a jurisdiction on a list",
)
async def add_designation(form: DesignationForm, actor: CurrentActor, writing: Writing) -> Response:
    """Put a jurisdiction on one of the lists, between two days."""
    work = partial(
        jurisdictions.designate,
        actor=actor,
        code=form.jurisdiction,
        kind=form.kind,
        valid_from=form.valid_from,
        valid_until=form.valid_until,
    )
    return await writing.run(work, DesignationView.of)
