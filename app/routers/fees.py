"""``/v1/fee-standards``: the reclamation fee (耕地开垦费) by land type and grade, and how one is shown."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.fees import ChargedParcel, Fee, Rate
from app.market.ids import Kind, public_id
from app.market.indicators import HECTARE
from app.market.projects import BEST_GRADE, WORST_GRADE, LandUse
from app.market.units import format_decimal, format_money, mu, parse_money, wan_yuan
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Code, Form, Instant, MoneyText, Text, View, Whole
from app.services import fees

router = APIRouter(prefix="/v1/fee-standards", tags=["reclamation fees"], route_class=GuardedRoute)

RATES_MOST = 3 * WORST_GRADE
Grade = Annotated[Whole, Field(ge=BEST_GRADE, le=WORST_GRADE)]


class RateForm(Form):
    """What a hectare of one use costs, from its best to its worst grade (质量等别) inclusive."""

    use: LandUse = Field(description="dry_land 旱地, irrigated 水浇地 or paddy 水田")
    best_grade: Grade = BEST_GRADE
    worst_grade: Grade = WORST_GRADE
    yuan_per_hm2: MoneyText


class StandardForm(Form):
    """A jurisdiction's whole standard, in force from ``starts_at`` until its next one starts.

    Land that it has no rate for is charged by the jurisdiction above; an empty one ends the
    jurisdiction's own.
    """

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "jurisdiction": "510000",
                "title": "四川省耕地开垦费标准",
                "starts_at": "2100-01-01T00:00:00Z",
                "rates": [
                    {"use": "dry_land", "best_grade": 1, "worst_grade": 8, "yuan_per_hm2": "300000.00"},
                    {"use": "dry_land", "best_grade": 9, "worst_grade": 15, "yuan_per_hm2": "225000.00"},
                    {"use": "irrigated", "yuan_per_hm2": "330000.00"},
                    {"use": "paddy", "yuan_per_hm2": "450000.00"},
                ],
            }
        )
    )

    jurisdiction: Code = Field(description="The province, or a city or county with a standard of its own")
    title: Text = Field(description="The document that sets it")
    starts_at: Instant
    rates: tuple[RateForm, ...] = Field(max_length=RATES_MOST)


class RateView(View):
    """What a hectare of one use costs, from its best to its worst grade inclusive."""

    use: LandUse
    best_grade: int
    worst_grade: int
    yuan_per_hm2: str
    wan_yuan_per_hm2: str

    @classmethod
    def of(cls, rate: Rate) -> "RateView":
        """Shape a rate."""
        return cls(
            use=rate.use,
            best_grade=rate.best_grade,
            worst_grade=rate.worst_grade,
            yuan_per_hm2=format_money(rate.fen_per_hm2),
            wan_yuan_per_hm2=wan_yuan(rate.fen_per_hm2),
        )


class StandardView(View):
    """A jurisdiction's standard as published."""

    id: str
    jurisdiction: str
    title: str
    starts_at: Instant
    ends_at: Instant | None = Field(description="When the jurisdiction's next one takes over; null so far")
    entered_at: Instant
    entered_by: str | None = Field(description="Null for what a migration laid")
    rates: list[RateView]

    @classmethod
    def of(cls, row: fees.StandardRow) -> "StandardView":
        """Shape a standard."""
        return cls(
            id=public_id(Kind.FEE_STANDARD, row.id),
            jurisdiction=row.jurisdiction,
            title=row.title,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            entered_at=row.entered_at,
            entered_by=row.entered_by,
            rates=[RateView.of(rate) for rate in row.rates],
        )


class UnratedView(View):
    """Farmland that no standard had a rate for when the application was filed."""

    use: LandUse
    grade: int


class FeeView(View):
    """The reclamation fee of an application by the standards in force at its filing.

    ``amount`` is null where a rate is ``missing``: that warns and stops nothing.
    """

    amount: str | None
    amount_wan_yuan: str | None
    missing: list[UnratedView]

    @classmethod
    def of(cls, fee: Fee) -> "FeeView":
        """Shape a fee without its lines."""
        return cls(
            amount=None if fee.amount_fen is None else format_money(fee.amount_fen),
            amount_wan_yuan=None if fee.amount_fen is None else wan_yuan(fee.amount_fen),
            missing=[UnratedView(use=use, grade=grade) for use, grade in fee.missing],
        )


class FeeLineView(View):
    """What one parcel of farmland costs: area × rate, rounded half up to the fen."""

    parcel_no: str
    area: str
    area_mu: str
    use: LandUse
    grade: int
    yuan_per_hm2: str | None
    amount: str | None
    standard_id: str | None
    set_for: str | None = Field(
        description="The jurisdiction whose standard it is: the nearest that has a rate"
    )

    @classmethod
    def of(cls, parcel: ChargedParcel) -> "FeeLineView":
        """Shape a parcel's line."""
        rate, amount, standard = parcel.fen_per_hm2, parcel.amount_fen, parcel.standard_id
        return cls(
            parcel_no=parcel.parcel_no,
            area=format_decimal(parcel.area_m2, HECTARE.places),
            area_mu=mu(parcel.area_m2),
            use=parcel.use,
            grade=parcel.grade,
            yuan_per_hm2=None if rate is None else format_money(rate),
            amount=None if amount is None else format_money(amount),
            standard_id=None if standard is None else public_id(Kind.FEE_STANDARD, standard),
            set_for=parcel.set_for,
        )


class FeeWithLinesView(FeeView):
    """The reclamation fee of an application, parcel by parcel."""

    lines: list[FeeLineView]

    @classmethod
    def with_lines(cls, fee: Fee) -> "FeeWithLinesView":
        """Shape a fee with its lines."""
        return cls(**dict(FeeView.of(fee)), lines=[FeeLineView.of(parcel) for parcel in fee.parcels])


@router.get(
    "",
    operation_id=Action.READ_FEE_STANDARDS,
    responses=documented(PageView[StandardView]),
    summary="Reclamation-fee standards 耕地开垦费标准: all that were set, or those in force at a time",
)
async def read_fee_standards(
    reading: Reading,
    page: Paging,
    jurisdiction: Annotated[Code | None, Query(description="Only that jurisdiction's own")] = None,
    at: Annotated[Instant | None, Query(description="Only the standards in force at this instant")] = None,
) -> Response:
    """List standards in the order they were entered."""
    work = partial(
        fees.standards,
        jurisdiction=jurisdiction,
        at=at,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, StandardView.of, lambda row: (row.id,)))


@router.post(
    "",
    operation_id=Action.SET_FEE_STANDARD,
    status_code=201,
    responses=documented(StandardView, status=201),
    summary="Set a jurisdiction's reclamation-fee standard from a time on",
)
async def set_fee_standard(form: StandardForm, actor: CurrentActor, writing: Writing) -> Response:
    """Append a standard, which replaces the jurisdiction's one before whole, from ``starts_at`` on."""
    rates = [
        Rate(
            rate.use,
            rate.best_grade,
            rate.worst_grade,
            parse_money(rate.yuan_per_hm2, field=f"rates.{at}.yuan_per_hm2"),
        )
        for at, rate in enumerate(form.rates)
    ]
    work = partial(
        fees.set_standard,
        actor=actor,
        jurisdiction=form.jurisdiction,
        title=form.title,
        rates=rates,
        starts_at=form.starts_at,
    )
    return await writing.run(work, StandardView.of)
