"""``/v1/projects``: filed by counties, accepted or refused by the land regulator (项目备案与验收)."""

from datetime import date
from fractions import Fraction
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market import projects as market
from app.market.access import Action
from app.market.filings import LONGEST_PARCEL_NO, PARCEL_NO_IN_WORDS, PARCEL_NO_PATTERN
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import UNIT, Indicator
from app.market.parcels import Shape
from app.market.particulars import LedBy, Particulars
from app.market.projects import FundSource, LandUse, ProjectKind, ProjectState, SurplusUse
from app.market.units import format_decimal, mu, parse_decimal, parse_money
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import (
    AreaText,
    Code,
    Day,
    DecimalText,
    Form,
    Id,
    Instant,
    MoneyText,
    Spelt,
    Switch,
    Text,
    View,
    Whole,
)
from app.routers.geometry import GeometryForm
from app.routers.project_views import ProjectView
from app.routers.voidings import VoidingForm
from app.services import projects, voidings
from app.services.projects import ProjectSummary

router = APIRouter(prefix="/v1/projects", tags=["projects"], route_class=GuardedRoute)

AREA_PLACES = UNIT[Indicator.FARMLAND_QUANTITY].places
ParcelNo = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_PARCEL_NO, examples=["511922-0001"]),
    Spelt(PARCEL_NO_PATTERN, PARCEL_NO_IN_WORDS),
]


class FundForm(Form):
    """One source of the project's money; the shares of all sum to exactly 1."""

    source: FundSource
    share: DecimalText


class ParcelForm(Form):
    """A parcel (图斑): land that is or was cultivated has a quality grade, 1 (best) to 15."""

    id: ParcelNo
    area: AreaText = Field(description="hm²")
    use_before: LandUse
    use_after: LandUse
    grade_before: Whole | None = None
    grade_after: Whole | None = None
    geometry: GeometryForm | None = Field(default=None, description="What puts the parcel on the map")


class ProjectForm(Form):
    """A project as its county files it; one without a valid filing number can't be accepted."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "filing_no": "51192220180007",
                "kind": "land_consolidation",
                "name": "南江县某镇土地整治项目",
                "department": "南江县自然资源和规划局",
                "started_on": "2018-03-01",
                "funds": [
                    {"source": "reclamation_fee", "share": "0.60"},
                    {"source": "fiscal", "share": "0.40"},
                ],
                "design_grade": 10,
                "parcels": [
                    {
                        "id": "511922-0001",
                        "area": "8.0000",
                        "use_before": "unused",
                        "use_after": "dry_land",
                        "grade_after": 10,
                    },
                    {
                        "id": "511922-0002",
                        "area": "2.5000",
                        "use_before": "dry_land",
                        "use_after": "paddy",
                        "grade_before": 11,
                        "grade_after": 9,
                        "geometry": {
                            "type": "Polygon",
                            "coordinates": [
                                [
                                    [106.842, 32.349],
                                    [106.844, 32.349],
                                    [106.844, 32.3502],
                                    [106.842, 32.3502],
                                    [106.842, 32.349],
                                ]
                            ],
                        },
                    },
                ],
            }
        )
    )

    filing_no: Text | None = Field(
        default=None, description="备案编号: county code, year, serial of 4 digits"
    )
    kind: ProjectKind
    name: Text
    department: Text
    started_on: Day
    funds: list[FundForm]
    led_by: LedBy = Field(default=LedBy.LAND, description="other: the department named above led it")
    department_accepted_on: Day | None = Field(
        default=None, description="When that department accepted it: the filing duty runs from then"
    )
    filed_on: Day | None = Field(
        default=None, description="The day of an earlier filing that is entered afterwards"
    )
    budget: MoneyText | None = Field(default=None, description="Yuan, of all sources together")
    design_grade: Whole | None = None
    feasibility_reviewed: Switch = Field(
        default=False, description="The county's feasibility study was reviewed by the province"
    )
    surplus_as: SurplusUse | None = Field(default=None, description="Kind linkage only, and needed there")
    resettlement_area: AreaText | None = Field(
        default=None, description="hm² used for resettlement (新区); kinds linkage and abandoned_mine only"
    )
    parcels: list[ParcelForm]

    def shapes(self) -> dict[str, Shape]:
        """Read the polygons of the parcels that have one, by parcel; raises Malformed."""
        return {
            parcel.id: parcel.geometry.read(f"parcels.{at}.geometry")
            for at, parcel in enumerate(self.parcels)
            if parcel.geometry is not None
        }

    def particulars(self) -> Particulars:
        """Read what the form says beside the papers; raises BadQuantity."""
        budget_fen = None if self.budget is None else parse_money(self.budget, field="budget")
        return Particulars(self.led_by, self.department_accepted_on, None, self.filed_on, budget_fen)

    def papers(self) -> market.Project:
        """Read the form as the rules' own value; raises BadQuantity."""
        parcels = tuple(
            market.Parcel(
                id=parcel.id,
                area_m2=parse_decimal(parcel.area, AREA_PLACES, field=f"parcels.{at}.area"),
                use_before=parcel.use_before,
                use_after=parcel.use_after,
                grade_before=parcel.grade_before,
                grade_after=parcel.grade_after,
            )
            for at, parcel in enumerate(self.parcels)
        )
        resettlement_area_m2 = (
            None
            if self.resettlement_area is None
            else parse_decimal(self.resettlement_area, AREA_PLACES, field="resettlement_area")
        )
        return market.Project(
            kind=self.kind,
            started_on=self.started_on,
            funds=tuple(market.Fund(fund.source, Fraction(fund.share)) for fund in self.funds),
            parcels=parcels,
            filing_no=self.filing_no,
            design_grade=self.design_grade,
            feasibility_reviewed=self.feasibility_reviewed,
            surplus_as=self.surplus_as,
            resettlement_area_m2=resettlement_area_m2,
        )


class AcceptanceForm(Form):
    """The acceptance (验收) of a project, with the reviews that the province made for it."""

    model_config = ConfigDict(
        json_schema_extra=example({"accepted_on": "2019-11-05", "accepting_body": "四川省自然资源厅"})
    )

    accepted_on: Day = Field(description="Its day's policies decide")
    accepting_body: Text
    surplus_recognised: Switch = Field(
        default=False, description="The province recognised the surplus of a linkage or mine project"
    )
    ecology_reviewed: Switch = Field(
        default=False, description="Reclaiming a large piece of unused land was reviewed"
    )
    feasibility_reviewed: Switch | None = Field(
        default=None, description="What the regulator found of the feasibility review; null: as filed"
    )


class RefusalForm(Form):
    """Why a project is not accepted."""

    model_config = ConfigDict(
        json_schema_extra=example({"reason": "图斑 511922-0002 面积与实测不符,请更正后重新备案"})
    )

    reason: Text


class ProjectSummaryView(View):
    """A project in a list."""

    id: str
    county: str
    name: str
    filing_no: str | None
    kind: ProjectKind
    state: ProjectState
    started_on: date
    accepted_on: date | None
    filed_at: Instant
    parcel_count: int
    area: str
    area_mu: str

    @classmethod
    def of(cls, row: ProjectSummary) -> "ProjectSummaryView":
        """Shape a row of the list."""
        return cls(
            id=public_id(Kind.PROJECT, row.id),
            county=row.county,
            name=row.name,
            filing_no=row.filing_no,
            kind=row.kind,
            state=row.state,
            started_on=row.started_on,
            accepted_on=row.accepted_on,
            filed_at=row.filed_at,
            parcel_count=row.parcel_count,
            area=format_decimal(row.area_m2, AREA_PLACES),
            area_mu=mu(row.area_m2),
        )


@router.post(
    "",
    operation_id=Action.FILE_PROJECT,
    status_code=201,
    responses=documented(ProjectView, status=201),
    summary="File a project 项目备案",
)
async def file_project(form: ProjectForm, actor: CurrentActor, writing: Writing) -> Response:
    """File a project of the bearer's own county, with its funds and parcels."""
    work = partial(
        projects.file,
        actor=actor,
        name=form.name,
        department=form.department,
        papers=form.papers(),
        shapes=form.shapes(),
        particulars=form.particulars(),
    )
    return await writing.run(work, ProjectView.of)


@router.get(
    "",
    operation_id=Action.READ_PROJECTS,
    responses=documented(PageView[ProjectSummaryView]),
    summary="Projects 项目",
)
async def read_projects(
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    county: Annotated[Code | None, Query()] = None,
    state: Annotated[ProjectState | None, Query()] = None,
) -> Response:
    """List the bearer's own projects, or all for those who oversee them, in the order of filing."""
    work = partial(
        projects.summaries,
        actor=actor,
        county=county,
        state=state,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, ProjectSummaryView.of, lambda row: (row.id,)))


@router.get(
    "/{project_id}",
    operation_id=Action.READ_PROJECT,
    responses=documented(ProjectView),
    summary="One project with its papers and credits",
)
async def read_project(project_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show a project."""
    number = row_number(Kind.PROJECT, project_id)
    return await reading.run(partial(projects.project, actor=actor, number=number), ProjectView.of)


@router.post(
    "/{project_id}/acceptance",
    operation_id=Action.ACCEPT_PROJECT,
    status_code=201,
    responses=documented(ProjectView, status=201),
    summary="Accept a project and credit its county's reserve 验收入库",
)
async def accept_project(
    project_id: Id, form: AcceptanceForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Accept an eligible project; one that is not gets every reason, in `facts.reasons`, and stays filed."""
    work = partial(
        projects.accept,
        actor=actor,
        number=row_number(Kind.PROJECT, project_id),
        accepted_on=form.accepted_on,
        accepting_body=form.accepting_body,
        surplus_recognised=form.surplus_recognised,
        ecology_reviewed=form.ecology_reviewed,
        feasibility_reviewed=form.feasibility_reviewed,
    )
    return await writing.run(work, ProjectView.of)


@router.post(
    "/{project_id}/refusal",
    operation_id=Action.REFUSE_PROJECT,
    status_code=201,
    responses=documented(ProjectView, status=201),
    summary="Refuse a project 不予验收",
)
async def refuse_project(
    project_id: Id, form: RefusalForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Refuse a filed project; its filing number is free for a corrected filing."""
    work = partial(
        projects.refuse, actor=actor, number=row_number(Kind.PROJECT, project_id), reason=form.reason
    )
    return await writing.run(work, ProjectView.of)


@router.post(
    "/{project_id}/voiding",
    operation_id=Action.VOID_PROJECT,
    status_code=201,
    responses=documented(ProjectView, status=201),
    summary="Void a fraudulent project 作废",
)
async def void_project(project_id: Id, form: VoidingForm, actor: CurrentActor, writing: Writing) -> Response:
    """Void its county's listings and cancel its stock; what was sold or used is owed; buyers keep theirs."""
    work = partial(
        voidings.void,
        actor=actor,
        number=row_number(Kind.PROJECT, project_id),
        inspection_id=row_number(Kind.INSPECTION, form.inspection_id, field="inspection_id"),
        reason_code=form.reason_code,
        reason=form.reason,
    )
    return await writing.run(work, ProjectView.of)
