"""A project as every route shows it: its papers, its decision, and what it earned."""

from collections.abc import Sequence
from datetime import date

from pydantic import Field

from app.market import projects as market
from app.market.ids import Kind, public_id
from app.market.indicators import UNIT, Indicator
from app.market.particulars import LedBy, amounts_fen
from app.market.projects import FundSource, LandUse, ProjectKind, ProjectState, SurplusUse
from app.market.units import format_decimal, format_money, format_quantity, mu, quantity_mu
from app.routers.forms import Instant, View
from app.routers.voidings import VoidingView
from app.services.days import day_of
from app.services.projects import BatchRow, ProjectCase, plain

AREA_PLACES = UNIT[Indicator.FARMLAND_QUANTITY].places


class FundView(View):
    """One source of the project's money."""

    source: FundSource
    share: str


class ParcelView(View):
    """A parcel, before and after."""

    id: str
    area: str
    area_mu: str
    use_before: LandUse
    use_after: LandUse
    grade_before: int | None
    grade_after: int | None
    mapped: bool = Field(description="Whether the parcel is on the map, with a polygon")
    mapped_area: str | None = Field(description="hm² of the polygon on the ellipsoid of CGCS2000")


class BatchView(View):
    """What the project earned of one indicator; it keeps this id wherever it is sold."""

    id: str
    indicator: Indicator
    quantity: str
    unit: str
    quantity_mu: str | None

    @classmethod
    def of(cls, row: BatchRow) -> "BatchView":
        """Shape a batch."""
        return cls(
            id=public_id(Kind.BATCH, row.id),
            indicator=row.indicator,
            quantity=format_quantity(row.quantity, row.indicator),
            unit=UNIT[row.indicator].name,
            quantity_mu=quantity_mu(row.quantity, row.indicator),
        )


class ProjectView(View):
    """A project with its papers, its decision, and what it earned."""

    id: str
    county: str
    name: str
    filing_no: str | None
    kind: ProjectKind
    department: str
    state: ProjectState
    started_on: date
    funds: list[FundView]
    design_grade: int | None
    feasibility_reviewed: bool
    surplus_recognised: bool
    ecology_reviewed: bool
    surplus_as: SurplusUse | None
    resettlement_area: str | None
    parcels: list[ParcelView]
    led_by: LedBy
    department_accepted_on: date | None
    filing_due_on: date | None = Field(description="The last day of another department's filing duty")
    filed_late: bool = Field(description="Filed after that day; no credit is lost by it")
    filed_on: date | None = Field(description="An earlier filing's day, entered here afterwards")
    budget: str | None = Field(description="Yuan, of all sources together")
    fund_amounts: list[str] | None = Field(description="Yuan of the budget by source, as in funds")
    filed_at: Instant
    accepted_on: date | None
    accepting_body: str | None
    decided_at: Instant | None
    decision_reason: str | None
    needs_reverification: bool = Field(
        description="Filed before the notice: paddy and capacity are credited once it is verified anew"
    )
    reverified_on: date | None
    credits: dict[Indicator, str] | None = Field(description="Per indicator, once accepted; zeros too")
    batches: list[BatchView]
    voiding: VoidingView | None

    @classmethod
    def of(cls, case: ProjectCase) -> "ProjectView":
        """Shape a project and its batches."""
        row, papers = case.row, case.row.papers
        earned = {batch.indicator: batch.quantity for batch in case.batches}
        decided = row.state in (ProjectState.ACCEPTED, ProjectState.VOIDED)
        return cls(
            id=public_id(Kind.PROJECT, row.id),
            county=row.county,
            name=row.name,
            filing_no=papers.filing_no,
            kind=papers.kind,
            department=row.department,
            state=row.state,
            started_on=papers.started_on,
            funds=[FundView(source=fund.source, share=plain(fund.share)) for fund in papers.funds],
            design_grade=papers.design_grade,
            feasibility_reviewed=papers.feasibility_reviewed,
            surplus_recognised=papers.surplus_recognised,
            ecology_reviewed=row.ecology_reviewed,
            surplus_as=papers.surplus_as,
            resettlement_area=(
                None
                if papers.resettlement_area_m2 is None
                else format_decimal(papers.resettlement_area_m2, AREA_PLACES)
            ),
            parcels=[_parcel(parcel, case.mapped_m2.get(parcel.id)) for parcel in papers.parcels],
            led_by=row.particulars.led_by,
            department_accepted_on=row.particulars.department_accepted_on,
            filing_due_on=row.particulars.filing_due_on,
            filed_late=row.particulars.is_late(day_of(row.filed_at)),
            filed_on=row.particulars.filed_on,
            budget=None if row.particulars.budget_fen is None else format_money(row.particulars.budget_fen),
            fund_amounts=_amounts(papers.funds, row.particulars.budget_fen),
            filed_at=row.filed_at,
            accepted_on=papers.accepted_on,
            accepting_body=row.accepting_body,
            decided_at=row.decided_at,
            decision_reason=row.decision_reason,
            needs_reverification=row.needs_reverification,
            reverified_on=row.reverified_on,
            credits=(
                {indicator: format_quantity(earned.get(indicator, 0), indicator) for indicator in Indicator}
                if decided
                else None
            ),
            batches=[BatchView.of(batch) for batch in case.batches],
            voiding=None if case.voiding is None else VoidingView.of(case.voiding),
        )


def _amounts(funds: Sequence[market.Fund], budget_fen: int | None) -> list[str] | None:
    amounts = amounts_fen(funds, budget_fen)
    return None if amounts is None else [format_money(amount) for amount in amounts]


def _parcel(parcel: market.Parcel, mapped_m2: int | None) -> ParcelView:
    return ParcelView(
        id=parcel.id,
        area=format_decimal(parcel.area_m2, AREA_PLACES),
        area_mu=mu(parcel.area_m2),
        use_before=parcel.use_before,
        use_after=parcel.use_after,
        grade_before=parcel.grade_before,
        grade_after=parcel.grade_after,
        mapped=mapped_m2 is not None,
        mapped_area=None if mapped_m2 is None else format_decimal(mapped_m2, AREA_PLACES),
    )
