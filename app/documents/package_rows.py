"""The rows of packages (docs/packages.md): a JSON object to a market value, and back.

``read_…`` blames what is wrong on the fields' own collector and returns a value that only counts where
nothing was blamed; ``…_object`` renders a value as the object that ``read_…`` reads back to an equal one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from app.documents.json_text import NumberLiteral
from app.documents.record_reading import (
    Faults,
    Fields,
    Reader,
    any_text,
    choice,
    day,
    decimal,
    flag,
    grade,
    items,
    money,
    share,
    share_text,
)
from app.market.acceptances import Acceptance
from app.market.errors import Refusal, RuleBroken
from app.market.filings import (
    LONGEST_PARCEL_NO,
    PARCEL_NO_IN_WORDS,
    PARCEL_NO_PATTERN,
    Contradiction,
    Filing,
    contradictions,
    refuse_foreign_filing_number,
    repeated_parcels,
)
from app.market.indicators import HECTARE, UNIT, Indicator
from app.market.packages import AcceptedFiling, PackageKind, PackageValue, UsedUp, WrittenOff
from app.market.parcels import Shape
from app.market.particulars import LedBy, Particulars
from app.market.projects import (
    Fund,
    FundSource,
    LandUse,
    Parcel,
    Project,
    ProjectKind,
    SurplusUse,
    is_filing_number,
)
from app.market.units import format_decimal, format_money, format_quantities, format_quantity

Object = dict[str, object]

LONGEST_TEXT = 500
FIRST_YEAR, LAST_YEAR = 1900, 8999  # as everywhere in the service: no term of days falls off the calendar
_CODE = re.compile("[0-9A-Za-z_-]{1,40}", re.ASCII)
_PARCEL_NO = re.compile(PARCEL_NO_PATTERN, re.ASCII)
_APPLICATION = re.compile("F[0-9]{10}", re.ASCII)

_kind = choice(ProjectKind, ProjectKind.LAND_CONSOLIDATION)
_fund_source = choice(FundSource, FundSource.FISCAL)
_land_use = choice(LandUse, LandUse.UNUSED)
_leader = choice(LedBy, LedBy.LAND)
_surplus_use = choice(SurplusUse, SurplusUse.FARMLAND)
_indicator = choice(Indicator, Indicator.FARMLAND_QUANTITY)
_area = decimal(HECTARE.places)
_quantities: Mapping[Indicator, Reader[int]] = {each: decimal(UNIT[each].places) for each in Indicator}

FILING_FIELDS = (
    ("filing_no", "county", "kind", "name", "department", "started_on"),
    (
        *("design_grade", "feasibility_reviewed", "surplus_as", "resettlement_area"),
        *("led_by", "department_accepted_on", "filed_on", "budget"),
    ),
)
FUND_FIELDS: tuple[tuple[str, ...], tuple[str, ...]] = (("source", "share"), ())
PARCEL_FIELDS = (("id", "area", "use_before", "use_after"), ("grade_before", "grade_after", "geometry"))
ACCEPTANCE_FIELDS = (
    ("filing_no", "accepted_on", "accepting_body"),
    ("surplus_recognised", "ecology_reviewed", "feasibility_reviewed"),
)
WRITE_OFF_FIELDS: tuple[tuple[str, ...], tuple[str, ...]] = (
    ("application", "applicant", "reserve", "written_off_on"),
    (),
)
USED_FIELDS: tuple[tuple[str, ...], tuple[str, ...]] = (("indicator", "filing_no", "quantity"), ())
"""The fields of each sort of row, required and optional; lists within a row come beside them."""


class Draw(Protocol):
    """What reads a GeoJSON polygon; raises Malformed with the path of what is wrong."""

    def __call__(self, kind: str, coordinates: Sequence[Any], *, field: str) -> Shape:
        """Read and measure a polygon."""


@dataclass(frozen=True, slots=True)
class Polygons:
    """How polygons are read and written: geometry is another room's business (DESIGN: the house)."""

    draw: Draw
    geojson: Callable[[bytes], Mapping[str, Any]]


def text(value: object, path: str, faults: Faults) -> str:
    """Text that a person reads: not blank, of a bounded length, without NUL."""
    read = any_text(value, path, faults)
    if not read.strip():
        faults.blame(path, "must not be blank")
    elif len(read) > LONGEST_TEXT:
        faults.blame(path, f"is longer than {LONGEST_TEXT} characters")
    elif "\0" in read:
        faults.blame(path, "holds a NUL, which is no text")
    return read


def _spelt(pattern: re.Pattern[str], problem: str) -> Reader[str]:
    def read(value: object, path: str, faults: Faults) -> str:
        found = any_text(value, path, faults)
        if not pattern.fullmatch(found):
            faults.blame(path, problem)
        return found

    return read


_code = _spelt(_CODE, 'must be a jurisdiction\'s code, such as "511922"')
_application = _spelt(_APPLICATION, 'must be a land application\'s id, such as "F0000000042"')


def _parcel_no(value: object, path: str, faults: Faults) -> str:
    found = any_text(value, path, faults)
    if len(found) > LONGEST_PARCEL_NO or not _PARCEL_NO.fullmatch(found):
        faults.blame(path, PARCEL_NO_IN_WORDS)
    return found


def filing_number(value: object, path: str, faults: Faults) -> str:
    """A well-formed filing number (备案编号): a package's rows go by it."""
    found = any_text(value, path, faults)
    if not is_filing_number(found):
        faults.blame(path, "must be a filing number: six digits of the county, a year, four digits")
    return found


def _calendar_day(value: object, path: str, faults: Faults) -> date:
    found = day(value, path, faults)
    if not faults.blamed(path) and not FIRST_YEAR <= found.year <= LAST_YEAR:
        faults.blame(path, f"the year is from {FIRST_YEAR} to {LAST_YEAR}")
    return found


def read_filing(
    fields: Fields, funds: tuple[Fund, ...], parcels: Sequence[tuple[Parcel, Shape | None]]
) -> Filing:
    """A filing from its own fields, its funds, and its parcels with their polygons."""
    return Filing(
        shapes={parcel.id: shape for parcel, shape in parcels if shape is not None},
        county=fields.required("county", _code),
        name=fields.required("name", text),
        department=fields.required("department", text),
        papers=Project(
            kind=fields.required("kind", _kind),
            started_on=fields.required("started_on", _calendar_day),
            funds=funds,
            parcels=tuple(parcel for parcel, _ in parcels),
            filing_no=fields.required("filing_no", filing_number),
            design_grade=fields.optional("design_grade", grade),
            feasibility_reviewed=fields.optional("feasibility_reviewed", flag) or False,
            surplus_as=fields.optional("surplus_as", _surplus_use),
            resettlement_area_m2=fields.optional("resettlement_area", _area),
        ),
        particulars=Particulars(
            led_by=fields.optional("led_by", _leader) or LedBy.LAND,
            department_accepted_on=fields.optional("department_accepted_on", _calendar_day),
            filed_on=fields.optional("filed_on", _calendar_day),
            budget_fen=fields.optional("budget", money),
        ),
    )


def read_fund(fields: Fields) -> Fund:
    """One source of a project's money."""
    return Fund(fields.required("source", _fund_source), fields.required("share", share))


def read_parcel(fields: Fields, polygons: Polygons) -> tuple[Parcel, Shape | None]:
    """One parcel of a project, and its polygon where it has one."""
    parcel = Parcel(
        id=fields.required("id", _parcel_no),
        area_m2=fields.required("area", _area),
        use_before=fields.required("use_before", _land_use),
        use_after=fields.required("use_after", _land_use),
        grade_before=fields.optional("grade_before", grade),
        grade_after=fields.optional("grade_after", grade),
    )
    return parcel, fields.optional("geometry", _geometry(polygons))


def _geometry(polygons: Polygons) -> Reader[Shape | None]:
    def read(value: object, path: str, faults: Faults) -> Shape | None:
        fields = Fields(value, path, faults, ("type", "coordinates"))
        kind = fields.required("type", any_text)
        if kind not in ("Polygon", "MultiPolygon"):
            fields.blame("type", "must be Polygon or MultiPolygon")
        coordinates = fields.required("coordinates", _coordinates)
        if not fields.sound("type", "coordinates") or faults.blamed(path):
            return None
        try:
            return polygons.draw(kind, coordinates, field=path)
        except Refusal as refusal:
            faults.blame(refusal.field or path, refusal.detail)
            return None

    return read


_DEEPEST = 4  # of a MultiPolygon: polygons, rings, positions, numbers


def _coordinates(value: object, path: str, faults: Faults) -> list[Any]:
    """A list, its numbers as the floats that coordinates alone may be."""
    if isinstance(value, list):
        return [_numbers(each, _DEEPEST) for each in value]
    faults.blame(path, "must be a list")
    return []


def _numbers(value: object, levels: int) -> object:
    if isinstance(value, NumberLiteral):
        return float(value.text)
    if isinstance(value, list) and levels:
        return [_numbers(each, levels - 1) for each in value]
    return value


def read_acceptance(fields: Fields, credits_steps: Mapping[Indicator, int] | None) -> AcceptedFiling:
    """An acceptance from its own fields, and the credits that are to be checked."""
    return AcceptedFiling(
        filing_no=fields.required("filing_no", filing_number),
        acceptance=Acceptance(
            accepted_on=fields.required("accepted_on", _calendar_day),
            accepting_body=fields.required("accepting_body", text),
            surplus_recognised=fields.optional("surplus_recognised", flag) or False,
            ecology_reviewed=fields.optional("ecology_reviewed", flag) or False,
            feasibility_reviewed=fields.optional("feasibility_reviewed", flag),
        ),
        credits_steps=credits_steps,
    )


def read_credits(fields: Fields) -> dict[Indicator, int]:
    """A quantity for each indicator."""
    return {each: fields.required(each.value, _quantities[each]) for each in Indicator}


def read_write_off(fields: Fields, batches: tuple[UsedUp, ...]) -> WrittenOff:
    """A write-off from its own fields and the batches it used up."""
    return WrittenOff(
        application=fields.required("application", _application),
        applicant=fields.required("applicant", _code),
        reserve=fields.required("reserve", _code),
        written_off_on=fields.required("written_off_on", _calendar_day),
        batches=batches,
    )


def read_used(fields: Fields) -> UsedUp:
    """What was used up of one batch."""
    indicator = fields.required("indicator", _indicator)
    return UsedUp(
        indicator=indicator,
        filing_no=fields.required("filing_no", filing_number),
        steps=fields.required("quantity", _quantities[indicator]),
    )


def _read_filing_row(value: object, faults: Faults, polygons: Polygons) -> Filing:
    required, optional = FILING_FIELDS
    fields = Fields(value, "$", faults, (*required, "funds", "parcels"), optional)
    funds = tuple(
        read_fund(Fields(each, path, faults, *FUND_FIELDS)) for each, path in fields.required("funds", items)
    )
    parcels = tuple(
        read_parcel(Fields(each, path, faults, *PARCEL_FIELDS), polygons)
        for each, path in fields.required("parcels", items)
    )
    return read_filing(fields, funds, parcels)


def _read_acceptance_row(value: object, faults: Faults, _: Polygons) -> AcceptedFiling:
    required, optional = ACCEPTANCE_FIELDS
    fields = Fields(value, "$", faults, required, (*optional, "credits"))
    given = fields.raw("credits")
    if given is None:
        return read_acceptance(fields, None)
    names = [each.value for each in Indicator]
    return read_acceptance(fields, read_credits(Fields(given, "$.credits", faults, names)))


def _read_write_off_row(value: object, faults: Faults, _: Polygons) -> WrittenOff:
    required, optional = WRITE_OFF_FIELDS
    fields = Fields(value, "$", faults, (*required, "batches"), optional)
    batches = tuple(
        read_used(Fields(each, path, faults, *USED_FIELDS))
        for each, path in fields.required("batches", items)
    )
    return read_write_off(fields, batches)


READ_ROW: Mapping[PackageKind, Callable[[object, Faults, Polygons], PackageValue]] = {
    PackageKind.FILINGS: _read_filing_row,
    PackageKind.ACCEPTANCES: _read_acceptance_row,
    PackageKind.WRITE_OFFS: _read_write_off_row,
}
"""What reads a row of each kind, as a JSON object."""


def row_key(value: PackageValue) -> str:
    """What a row goes by: no other row of its package may have the same."""
    if isinstance(value, Filing):
        return value.papers.filing_no or ""
    return value.application if isinstance(value, WrittenOff) else value.filing_no


KEY_FIELD: Mapping[PackageKind, str] = {
    PackageKind.FILINGS: "filing_no",
    PackageKind.ACCEPTANCES: "filing_no",
    PackageKind.WRITE_OFFS: "application",
}
"""The field that holds it."""


def impossible(value: PackageValue) -> list[Contradiction]:
    """What can't be so in a row whose fields are each well-formed, whatever the register holds."""
    if isinstance(value, Filing):
        found = [*repeated_parcels(value.papers), *contradictions(value.papers)]
        try:
            refuse_foreign_filing_number(value.papers.filing_no, value.county)
        except RuleBroken as refusal:
            found.append(Contradiction("filing_no", refusal.detail))
        return found
    if isinstance(value, WrittenOff):
        found = [] if value.batches else [Contradiction("batches", "must name at least one batch")]
        seen: set[tuple[Indicator, str]] = set()
        for at, used in enumerate(value.batches):
            if used.steps == 0:
                found.append(Contradiction(f"batches.{at}.quantity", "must be above zero"))
            if (used.indicator, used.filing_no) in seen:
                found.append(Contradiction(f"batches.{at}.filing_no", "names the same batch again"))
            seen.add((used.indicator, used.filing_no))
        return found
    return []


def filing_object(filing: Filing, polygons: Polygons) -> Object:
    """Render a filing; parcels by their numbers."""
    papers, beside = filing.papers, filing.particulars
    drawn = {id_: dict(polygons.geojson(shape.polygon)) for id_, shape in filing.shapes.items()}
    return _without_none(
        {
            "filing_no": papers.filing_no,
            "county": filing.county,
            "kind": papers.kind.value,
            "name": filing.name,
            "department": filing.department,
            "started_on": papers.started_on.isoformat(),
            "design_grade": papers.design_grade,
            "feasibility_reviewed": papers.feasibility_reviewed,
            "surplus_as": papers.surplus_as and papers.surplus_as.value,
            "resettlement_area": None
            if papers.resettlement_area_m2 is None
            else _area_text(papers.resettlement_area_m2),
            "led_by": None if beside.led_by is LedBy.LAND else beside.led_by.value,
            "department_accepted_on": _day_text(beside.department_accepted_on),
            "filed_on": _day_text(beside.filed_on),
            "budget": None if beside.budget_fen is None else format_money(beside.budget_fen),
            "funds": [
                {"source": fund.source.value, "share": share_text(fund.share)} for fund in papers.funds
            ],
            "parcels": [
                parcel_object(parcel, drawn.get(parcel.id))
                for parcel in sorted(papers.parcels, key=lambda parcel: parcel.id)
            ],
        }
    )


def parcel_object(parcel: Parcel, geometry: Object | None) -> Object:
    """Render a parcel, with its polygon as GeoJSON where it has one."""
    return _without_none(
        {
            "id": parcel.id,
            "area": _area_text(parcel.area_m2),
            "use_before": parcel.use_before.value,
            "use_after": parcel.use_after.value,
            "grade_before": parcel.grade_before,
            "grade_after": parcel.grade_after,
            "geometry": geometry,
        }
    )


def acceptance_object(accepted: AcceptedFiling) -> Object:
    """Render an acceptance with what it credited."""
    given = accepted.acceptance
    return _without_none(
        {
            "filing_no": accepted.filing_no,
            "accepted_on": given.accepted_on.isoformat(),
            "accepting_body": given.accepting_body,
            "surplus_recognised": given.surplus_recognised,
            "ecology_reviewed": given.ecology_reviewed,
            "feasibility_reviewed": given.feasibility_reviewed,
            "credits": None if accepted.credits_steps is None else format_quantities(accepted.credits_steps),
        }
    )


def write_off_object(written_off: WrittenOff) -> Object:
    """Render a write-off."""
    return {
        "application": written_off.application,
        "applicant": written_off.applicant,
        "reserve": written_off.reserve,
        "written_off_on": written_off.written_off_on.isoformat(),
        "batches": [
            {
                "indicator": used.indicator.value,
                "filing_no": used.filing_no,
                "quantity": format_quantity(used.steps, used.indicator),
            }
            for used in written_off.batches
        ],
    }


def row_object(value: PackageValue, polygons: Polygons) -> Object:
    """Render a row of any kind."""
    if isinstance(value, Filing):
        return filing_object(value, polygons)
    return write_off_object(value) if isinstance(value, WrittenOff) else acceptance_object(value)


def counts_of(kind: PackageKind, rows: int, items_within: int) -> dict[str, int]:
    """The counts that a package states: its rows, and the items of the list within each."""
    names = {
        PackageKind.FILINGS: ("projects", "parcels"),
        PackageKind.ACCEPTANCES: ("acceptances",),
        PackageKind.WRITE_OFFS: ("write_offs", "batches"),
    }
    return dict(zip(names[kind], (rows, items_within), strict=False))


def items_within(value: PackageValue) -> int:
    """How many items the counted list within a row holds."""
    if isinstance(value, Filing):
        return len(value.papers.parcels)
    return len(value.batches) if isinstance(value, WrittenOff) else 0


def _day_text(given: date | None) -> str | None:
    return None if given is None else given.isoformat()


def _area_text(area_m2: int) -> str:
    return format_decimal(area_m2, HECTARE.places)


def _without_none(record: Object) -> Object:
    return {name: value for name, value in record.items() if value is not None}
