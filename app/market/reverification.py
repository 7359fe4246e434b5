"""Re-verification (复核) of projects filed before the notice: paddy and capacity, credited once ([N] 二).

Such a project was credited for quantity only. Verified anew with the grades and paddy of its parcels, it
earns what those are worth by the policies of the re-verification's day; its quantity stays what it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from app.market import projects
from app.market.certification import Certified
from app.market.errors import Conflict, Malformed, RuleBroken
from app.market.filings import refuse_contradictions
from app.market.indicators import Indicator
from app.market.projects import CULTIVATED, LandUse, Parcel, Project

LATER_CREDITED = (Indicator.PADDY_AREA, Indicator.GRAIN_CAPACITY)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of a parcel."""

    id: str
    use_after: LandUse
    grade_before: int | None
    grade_after: int | None


def refuse_not_waiting(needs_reverification: bool, named: str) -> None:
    """Raise Conflict unless the project waits to be verified anew."""
    if not needs_reverification:
        raise Conflict(
            "no_reverification",
            f"Project {named} does not wait for a re-verification: it is for accepted projects that were "
            "filed before the notice, once.",
        )


def refuse_before_acceptance(verified_on: date, accepted_on: date | None) -> None:
    """Raise RuleBroken where a project would be verified anew before it was accepted at first."""
    if accepted_on is not None and verified_on < accepted_on:
        raise RuleBroken(
            "verified_before_acceptance",
            f"The project was accepted on {accepted_on.isoformat()}; it is verified anew no earlier.",
            field="verified_on",
            accepted_on=accepted_on.isoformat(),
        )


def verified_papers(
    accepted: Project, found: Mapping[str, tuple[int, Verified]], yields: Mapping[int, int]
) -> Project:
    """The papers with what was found of each parcel, in place of what was filed.

    ``found`` gives each parcel's place in the request. Raises Malformed where a parcel is missing, unknown
    or contradicts itself, and RuleBroken where the quantity would change.
    """
    known = {parcel.id for parcel in accepted.parcels}
    for id_, (at, _) in found.items():
        if id_ not in known:
            raise Malformed("unknown_parcel", f"The project has no parcel {id_}.", field=f"parcels.{at}.id")
    if missing := sorted(known - found.keys()):
        raise Malformed(
            "parcels_missing",
            f"Every parcel is verified; missing are {', '.join(missing[:5])}.",
            field="parcels",
            missing=missing,
        )
    for parcel in accepted.parcels:
        at, each = found[parcel.id]
        if (parcel.use_after in CULTIVATED) != (each.use_after in CULTIVATED):
            raise RuleBroken(
                "quantity_would_change",
                f"Parcel {parcel.id} was credited as {parcel.use_after}; as {each.use_after} its quantity "
                "would change, which is not verified anew.",
                field=f"parcels.{at}.use_after",
            )
    parcels = tuple(_as_found(parcel, found[parcel.id][1]) for parcel in accepted.parcels)
    papers = replace(accepted, parcels=parcels, yields_centikg_per_hm2=yields)
    refuse_contradictions(papers)
    return papers


def _as_found(parcel: Parcel, found: Verified) -> Parcel:
    return replace(
        parcel,
        use_after=found.use_after,
        grade_before=found.grade_before,
        grade_after=found.grade_after,
    )


def later_credits(papers: Project) -> Mapping[Indicator, int]:
    """The paddy and capacity that verified papers earn, in steps; raises RuleBroken with every reason."""
    judged = projects.credit(papers)
    if judged.reasons:
        raise RuleBroken(
            "project_ineligible",
            "As verified the project earns no credits: "
            + ", ".join(f"{reason} ({projects.REASON_IN_WORDS[reason]})" for reason in judged.reasons),
            reasons=[reason.value for reason in judged.reasons],
        )
    return {indicator: judged.credits_steps[indicator] for indicator in LATER_CREDITED}


def refuse_certified_since(others: Mapping[str, str]) -> None:
    """Refuse land that another project certified since: its gain would be paid twice; raises Conflict.

    ``others`` names that project by parcel.
    """
    if others:
        told = ", ".join(f"{parcel} by {project}" for parcel, project in sorted(others.items())[:5])
        raise Conflict(
            "certified_since",
            f"Another project was accepted on this land since, and credited above what was filed: {told}.",
            field="parcels",
            parcels=dict(others),
        )


def certified_as_found(papers: Project, before: Mapping[str, Certified]) -> Mapping[str, Certified]:
    """What the register says of the parcels now; what was found takes the place of what was filed."""
    return {
        parcel.id: Certified(before[parcel.id].credited_as_new, parcel.use_after, parcel.grade_after)
        for parcel in papers.parcels
        if parcel.id in before
    }
