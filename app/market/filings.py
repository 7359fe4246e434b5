"""The filing of a project (项目备案): what its papers may not say, whoever files it (RULES 4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.market.errors import Malformed, RuleBroken
from app.market.parcels import Shape
from app.market.particulars import Particulars
from app.market.projects import Project, is_filing_number, shape_faults
from app.market.units import MAX_STEPS

PARCEL_NO_PATTERN = "[0-9A-Za-z_./-]+"
PARCEL_NO_IN_WORDS = 'A parcel\'s number is letters, digits, _ . / and -, such as "511922-0001".'
LONGEST_PARCEL_NO = 60

_FAULTS_TOLD_MOST = 5


@dataclass(frozen=True, slots=True)
class Filing:
    """A project as its county files it."""

    county: str
    name: str
    department: str
    papers: Project
    shapes: Mapping[str, Shape] = field(default_factory=dict)  # of the parcels that are mapped
    particulars: Particulars = field(default_factory=Particulars)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A field that can't be so, by its dotted path (``parcels.3.area``), and why."""

    field: str
    problem: str


def contradictions(papers: Project) -> list[Contradiction]:
    """Everything in the papers that can't be so, whatever their merits."""
    found = [
        Contradiction(re.sub(r"\[([0-9]+)\]", r".\1", fault.field), fault.problem)
        for fault in shape_faults(papers)
    ]
    if sum(parcel.area_m2 for parcel in papers.parcels) > MAX_STEPS:
        found.append(Contradiction("parcels", "the total area is beyond 64 bits in m²"))
    return found


def repeated_parcels(papers: Project) -> list[Contradiction]:
    """The parcels that the papers name a second time."""
    seen: set[str] = set()
    found = []
    for at, parcel in enumerate(papers.parcels):
        if parcel.id in seen:
            found.append(Contradiction(f"parcels.{at}.id", f"Parcel {parcel.id!r} is named twice."))
        seen.add(parcel.id)
    return found


def refuse_contradictions(papers: Project) -> None:
    """Refuse papers that can't be so, naming every field to blame; raises Malformed."""
    for repeated in repeated_parcels(papers):
        raise Malformed("duplicate_parcel", repeated.problem, field=repeated.field)
    faults = contradictions(papers)
    if faults:
        raise Malformed(
            "contradictory_papers",
            "; ".join(f"{fault.field}: {fault.problem}" for fault in faults[:_FAULTS_TOLD_MOST]),
            field=faults[0].field,
            faults=[{"field": fault.field, "problem": fault.problem} for fault in faults],
        )


def refuse_foreign_filing_number(filing_no: str | None, county: str) -> None:
    """A well-formed filing number begins with its own county's code; another form is judged later.

    A functional zone without a code of six digits files under the codes of the counties it lies in.
    """
    if filing_no is None or not is_filing_number(filing_no):
        return
    if re.fullmatch(r"[0-9]{6}", county) and not filing_no.startswith(county):
        raise RuleBroken(
            "filing_no_of_another_county",
            f"Filing number {filing_no} begins with the code {filing_no[:6]}; this county's is {county}.",
            field="filing_no",
            county=county,
        )
