"""The acceptance of a project (验收入库): judged by its papers and by the register of certified land.

``judge`` is the one judgement, for a project accepted by itself as for one of thousands in a package:
the caller brings the policies of the acceptance date and what the register says of the parcels.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from app.market import certification, projects
from app.market.certification import Certified, RegisterFindings
from app.market.errors import RuleBroken
from app.market.evidence import DocumentKind, refuse_unproven
from app.market.filings import refuse_contradictions
from app.market.indicators import Indicator
from app.market.parcels import Overlap
from app.market.policies import PolicySet
from app.market.projects import Project, SurplusUse
from app.market.units import MAX_STEPS


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An acceptance with the reviews made for it; ``feasibility_reviewed`` None leaves it as filed."""

    accepted_on: date
    accepting_body: str
    surplus_recognised: bool
    ecology_reviewed: bool
    feasibility_reviewed: bool | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A project that may be accepted: its papers then, what it earns in steps, what it certifies."""

    papers: Project
    credits_steps: Mapping[Indicator, int]
    certified: Mapping[str, Certified]  # by parcel
    needs_reverification: bool


def judge(
    filed: Project,
    acceptance: Acceptance,
    *,
    today: date,
    in_force: PolicySet,
    register: Mapping[str, Certified],
    overlaps: Sequence[Overlap] = (),
    pieces: Sequence[Collection[str]] = (),
    evidence: Collection[DocumentKind] = (),
    is_of_old: bool = False,
) -> Judgement:
    """Judge a filed project by the policies of its acceptance date and the register's word on its parcels.

    ``overlaps`` are those that speak against it; ``pieces`` its touching parcels of unused land;
    ``evidence`` the kinds of its documents. One of old, filed before the notice, earns no paddy and no
    capacity until it is verified anew ([N] 二). Raises Malformed where the acceptance contradicts the papers,
    and RuleBroken with what is not shown, or with every reason where the project is not eligible (RULES 4).
    """
    if acceptance.accepted_on > today:
        raise RuleBroken(
            "accepted_in_future", f"Today is {today}: nothing is accepted later.", field="accepted_on"
        )
    reviewed = acceptance.feasibility_reviewed
    papers = replace(
        filed,
        accepted_on=acceptance.accepted_on,
        surplus_recognised=acceptance.surplus_recognised,
        feasibility_reviewed=filed.feasibility_reviewed if reviewed is None else reviewed,
        yields_centikg_per_hm2=in_force.yields_centikg_per_hm2,
    )
    refuse_contradictions(papers)
    if in_force.evidence_required:
        refuse_unproven(papers, evidence, ecology_reviewed=acceptance.ecology_reviewed)
    findings = certification.findings(
        papers,
        register,
        review_area_m2=in_force.unused_land_review_area_m2,
        ecology_reviewed=acceptance.ecology_reviewed,
        on_others_land={overlap.parcel_id for overlap in overlaps},
        pieces=pieces,
    )
    earned = _earned(papers, findings, overlaps)
    entries = {parcel.id: certification.certify(parcel, register.get(parcel.id)) for parcel in papers.parcels}
    certified = {id_: entry for id_, entry in entries.items() if entry is not None}
    waits = is_of_old and papers.surplus_as is not SurplusUse.LINKAGE_QUOTA
    if waits:
        earned |= {Indicator.PADDY_AREA: 0, Indicator.GRAIN_CAPACITY: 0}
    return Judgement(papers, earned, certified, waits)


def _earned(papers: Project, findings: RegisterFindings, overlaps: Sequence[Overlap]) -> dict[Indicator, int]:
    """What the project earns, in steps; raises RuleBroken with all that speaks against it."""
    judged = projects.credit(papers)
    reasons = sorted({*judged.reasons, *findings.reasons})
    if reasons:
        facts: dict[str, object] = {"reasons": [reason.value for reason in reasons]}
        if findings.claimed:
            facts["claimed_parcels"] = list(findings.claimed)
        if overlaps:
            facts["overlaps"] = [overlap.facts for overlap in overlaps]
        if findings.unreviewed:
            facts["unreviewed_parcels"] = list(findings.unreviewed)
        against = ", ".join(f"{reason} ({projects.REASON_IN_WORDS[reason]})" for reason in reasons)
        raise RuleBroken(
            "project_ineligible",
            f"The project earns no credits: {against}. It stays filed.",
            field=None,
            **facts,
        )
    if max(judged.credits_steps.values()) > MAX_STEPS:
        raise RuleBroken("credit_too_large", "A credit is beyond 64 bits in its smallest step.")
    return dict(judged.credits_steps)
