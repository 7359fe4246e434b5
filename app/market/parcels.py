"""Parcels on the map (上图入库): the same land is never credited as new twice ([N] 七, RULES 4).

A parcel may carry a polygon, measured in ``app/geo``; here its area is held against the stated one, and
the land that two projects have in common against what each of them earns. Areas are ints in m².
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from app.market.certification import Certified, is_claimed, is_new_farmland
from app.market.errors import Conflict, RuleBroken
from app.market.ids import Kind, public_id
from app.market.indicators import Indicator
from app.market.projects import Parcel, Project, ProjectState
from app.market.units import format_decimal, format_quantity

_TOLD_MOST = 5


@dataclass(frozen=True, slots=True)
class Shape:
    """A parcel's polygon as octets (WKB), its area, and its bounding box as the register writes it."""

    polygon: bytes
    area_m2: int
    box: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A mapped parcel of another project, and how that project stands."""

    project_id: int
    county: str
    filing_no: str | None
    state: ProjectState
    parcel: Parcel


@dataclass(frozen=True, slots=True)
class Overlap:
    """Land that a parcel has in common with another project's, in m²."""

    parcel_id: str
    other: Elsewhere
    area_m2: int

    @property
    def facts(self) -> Mapping[str, object]:
        """What a person needs to find the other filing."""
        return {
            "parcel": self.parcel_id,
            "area": _hm2(self.area_m2),
            "project": public_id(Kind.PROJECT, self.other.project_id),
            "filing_no": self.other.filing_no,
            "county": self.other.county,
            "other_parcel": self.other.parcel.id,
        }

    def after(self, state: ProjectState) -> "Overlap":
        """The same overlap once the other project stands otherwise."""
        return replace(self, other=replace(self.other, state=state))

    def __str__(self) -> str:
        """The overlap in words."""
        other = self.other.filing_no or public_id(Kind.PROJECT, self.other.project_id)
        return (
            f"parcel {self.parcel_id} overlaps parcel {self.other.parcel.id} of project {other} "
            f"by {_hm2(self.area_m2)} hm²"
        )


def refuse_area_off(papers: Project, shapes: Mapping[str, Shape], tolerance: Fraction) -> None:
    """Refuse parcels whose stated area is not their polygon's; raises RuleBroken.

    They may differ by the policy share of the polygon's area, and always by 1 m²: both are rounded.
    """
    off = []
    for at, parcel in enumerate(papers.parcels):
        shape = shapes.get(parcel.id)
        if shape is None:
            continue
        allowed_m2 = max(Fraction(1), shape.area_m2 * tolerance)
        if abs(parcel.area_m2 - shape.area_m2) > allowed_m2:
            off.append((at, parcel, shape))
    if not off:
        return
    told = "; ".join(
        f"parcel {parcel.id} states {_hm2(parcel.area_m2)} hm², its polygon has {_hm2(shape.area_m2)}"
        for _, parcel, shape in off[:_TOLD_MOST]
    )
    raise RuleBroken(
        "stated_area_off",
        f"Stated and mapped area may differ by a share of {_plain(tolerance)} of the mapped one: {told}. "
        "Correct the area, or the polygon (CGCS2000, longitude first).",
        field=f"parcels.{off[0][0]}.area",
        tolerance=_plain(tolerance),
        parcels=[
            {"parcel": parcel.id, "stated": _hm2(parcel.area_m2), "mapped": _hm2(shape.area_m2)}
            for _, parcel, shape in off
        ],
    )


def refuse_own_overlaps(papers: Project, overlaps: Sequence[tuple[str, str, int]], tolerance_m2: int) -> None:
    """Refuse a project that counts land of its own twice; raises RuleBroken.

    ``overlaps`` are two parcels of the project each, and the area they have in common.
    """
    twice = [each for each in overlaps if each[2] > tolerance_m2]
    if not twice:
        return
    places = {parcel.id: at for at, parcel in enumerate(papers.parcels)}
    told = "; ".join(
        f"parcels {one} and {other} by {_hm2(area)} hm²" for one, other, area in twice[:_TOLD_MOST]
    )
    raise RuleBroken(
        "own_parcels_overlap",
        f"Parcels of one project may not overlap: {told}. Draw each where the other ends.",
        field=f"parcels.{places[twice[0][1]]}.geometry",
        overlaps=[{"parcel": one, "other_parcel": other, "area": _hm2(area)} for one, other, area in twice],
    )


def contested(parcel: Parcel, other: Elsewhere, certified: Certified | None) -> bool:
    """Whether land in common with another live project speaks against a parcel.

    Land becomes new farmland once: in a project that is filed, accepted, or voided too, since what a
    voided project sold stays in others' reserves. What an accepted project certified holds against
    upgrades and against new farmland as it does for a parcel of the same number.
    """
    if is_new_farmland(parcel) and is_new_farmland(other.parcel):
        return True
    return other.state is not ProjectState.FILED and is_claimed(parcel, certified)


def refuse_overlaps(papers: Project, overlaps: Sequence[Overlap]) -> None:
    """Refuse the filing of land that another project holds; raises Conflict with every overlap."""
    if not overlaps:
        return
    places = {parcel.id: at for at, parcel in enumerate(papers.parcels)}
    told = "; ".join(str(overlap) for overlap in overlaps[:_TOLD_MOST])
    raise Conflict(
        "parcel_overlaps",
        f"Land is credited as new farmland once, and an upgrade lies above what is certified ([N] 七): "
        f"{told}. Leave that land out, or correct the polygon.",
        field=f"parcels.{places[overlaps[0].parcel_id]}.geometry",
        overlaps=[overlap.facts for overlap in overlaps],
    )


def _hm2(area_m2: int) -> str:
    return format_quantity(area_m2, Indicator.FARMLAND_QUANTITY)


def _plain(share: Fraction) -> str:
    """A policy's share, of at most six places, as it was set."""
    return format_decimal(int(share * 10**6), 6).rstrip("0")
