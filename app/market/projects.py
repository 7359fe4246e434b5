"""Projects (土地整治等项目) and the credits that an accepted one earns (项目验收入库), RULES 4.

Areas are ints in m² (0.0001 hm²), yields and capacities ints of 0.01 kg/hm² and 0.01 kg, shares of
funds exact fractions, days ``date``. ``credit`` judges what the project's own papers show; whether its
land was credited before, and whether unused land needed an ecology review, only the register can tell.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from app.market.indicators import FARMLAND, UNIT, Indicator
from app.market.units import divide_half_up


class ProjectState(StrEnum):
    """Where a project stands."""

    FILED = "FILED"  # 已备案
    ACCEPTED = "ACCEPTED"  # 已验收
    REFUSED = "REFUSED"  # 验收未通过
    VOIDED = "VOIDED"  # 已作废


class ProjectEvent(StrEnum):
    """What can happen to a filed project."""

    ACCEPT = "accept"  # 验收
    REFUSE = "refuse"  # 不予验收
    VOID = "void"  # 作废: the acceptance was got by fraud


TRANSITIONS: Mapping[tuple[ProjectState, ProjectEvent], ProjectState] = {
    (ProjectState.FILED, ProjectEvent.ACCEPT): ProjectState.ACCEPTED,
    (ProjectState.FILED, ProjectEvent.REFUSE): ProjectState.REFUSED,
    (ProjectState.ACCEPTED, ProjectEvent.VOID): ProjectState.VOIDED,
}
"""RULES 4: FILED → ACCEPTED | REFUSED; ACCEPTED → VOIDED."""


class ProjectKind(StrEnum):
    """What sort of project it is; the sort decides what it may earn and what it must show."""

    LAND_CONSOLIDATION = "land_consolidation"  # 土地整治
    HIGH_STANDARD_FARMLAND = "high_standard_farmland"  # 高标准农田
    QUALITY_UPGRADE = "quality_upgrade"  # 提质改造
    LINKAGE = "linkage"  # 增减挂钩
    ABANDONED_MINE = "abandoned_mine"  # 历史遗留工矿废弃地复垦
    ORCHARD_OR_FOREST = "orchard_or_forest"  # 园地/残次林地开发
    DISASTER_RELOCATION = "disaster_relocation"  # 地灾避险搬迁
    POVERTY_RELOCATION = "poverty_relocation"  # 易地扶贫搬迁


RECLAMATION_OF_CONSTRUCTION_LAND = frozenset({ProjectKind.LINKAGE, ProjectKind.ABANDONED_MINE})
"""Kinds that turn construction land back into farmland and so have a surplus (节余), [N] 二."""


class LandUse(StrEnum):
    """What a parcel is used for."""

    DRY_LAND = "dry_land"  # 旱地
    IRRIGATED = "irrigated"  # 水浇地
    PADDY = "paddy"  # 水田
    ORCHARD = "orchard"  # 园地
    RESIDUAL_FOREST = "residual_forest"  # 残次林地
    UNUSED = "unused"  # 未利用地
    CONSTRUCTION = "construction"  # 建设用地


CULTIVATED = frozenset({LandUse.DRY_LAND, LandUse.IRRIGATED, LandUse.PADDY})
"""The uses that count as farmland (耕地)."""

NEEDS_FEASIBILITY_STUDY = frozenset({LandUse.ORCHARD, LandUse.RESIDUAL_FOREST})
"""Land that may be developed only after a feasibility study and its review ([N] 一)."""


class FundSource(StrEnum):
    """Where a project's money comes from."""

    RECLAMATION_FEE = "reclamation_fee"  # 耕地开垦费
    NEW_CONSTRUCTION_LAND_FEE = "new_construction_land_fee"  # 新增建设用地土地有偿使用费
    FISCAL = "fiscal"  # 财政
    SOCIAL_CAPITAL = "social_capital"  # 社会资本
    FINANCIAL = "financial"  # 金融


class SurplusUse(StrEnum):
    """What a linkage project's surplus becomes: one or the other, never both for the same land."""

    LINKAGE_QUOTA = "linkage_quota"
    FARMLAND = "farmland"


class RefusalReason(StrEnum):
    """Why a project earns nothing (RULES 4)."""

    NOT_ACCEPTED = "not_accepted"
    NOT_FILED = "not_filed"
    EXCLUDED_FUND = "excluded_fund"
    NEEDS_FEASIBILITY = "needs_feasibility"
    NEEDS_RECOGNITION = "needs_recognition"
    GRADE_BELOW_DESIGN = "grade_below_design"
    NEEDS_ECOLOGY_REVIEW = "needs_ecology_review"
    PARCEL_CLAIMED = "parcel_claimed"


REASON_IN_WORDS: Mapping[RefusalReason, str] = {
    RefusalReason.NOT_ACCEPTED: "it is not accepted",
    RefusalReason.NOT_FILED: (
        "its filing number (备案编号) is not six digits of the county, a year and four digits"
    ),
    RefusalReason.EXCLUDED_FUND: "it began before 2017 and was paid for by a fund that is excluded ([N] 八)",
    RefusalReason.NEEDS_FEASIBILITY: (
        "orchard or residual-forest land needs the county's feasibility study, reviewed by the province"
    ),
    RefusalReason.NEEDS_RECOGNITION: "its surplus (节余) needs the province's recognition",
    RefusalReason.GRADE_BELOW_DESIGN: "land came out at a worse quality grade than the design grade",
    RefusalReason.NEEDS_ECOLOGY_REVIEW: (
        "unused land is reclaimed in one piece above the policy area, which needs an ecology review"
    ),
    RefusalReason.PARCEL_CLAIMED: (
        "a parcel was credited as new farmland before, or is no better than last certified for it"
    ),
}
"""What each reason means, for who has to put it right."""

BEST_GRADE, WORST_GRADE = 1, 15
"""Quality grades (耕地质量等别): 1 is the best, 15 the worst."""

GRADES = range(BEST_GRADE, WORST_GRADE + 1)

DEFAULT_YIELD_CENTIKG_PER_HM2: Mapping[int, int] = {grade: (16 - grade) * 1500 * 100 for grade in GRADES}
"""Y(g) = (16 − g) × 1500 kg/hm², in steps of 0.01 kg: the default where policy sets no table."""

FUND_RULES_FROM = date(2017, 1, 1)
"""A project begun before this day is judged by what paid for it ([N] 八)."""

_FILING_NUMBER = re.compile(r"[0-9]{6}(?:19|20)[0-9]{2}[0-9]{4}", re.ASCII)

# Area in m² × yield in 0.01 kg/hm² counts 0.01 kg ten thousand times over.
_M2_PER_HM2 = UNIT[Indicator.FARMLAND_QUANTITY].steps


def is_filing_number(text: str) -> bool:
    """Whether ``text`` is a 备案编号: county code of 6 digits, year 1900 to 2099, serial of 4 digits."""
    return _FILING_NUMBER.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Fund:
    """One source of a project's money and its exact share of the whole (all shares sum to 1)."""

    source: FundSource
    share: Fraction


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel (图斑): its area in m², and its use and quality grade before and after the project."""

    id: str
    area_m2: int
    use_before: LandUse
    use_after: LandUse
    grade_before: int | None = None
    grade_after: int | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """What a project's papers show; ``yields_centikg_per_hm2`` None is the default yield table."""

    kind: ProjectKind
    started_on: date
    funds: tuple[Fund, ...]
    parcels: tuple[Parcel, ...]
    filing_no: str | None = None
    accepted_on: date | None = None
    design_grade: int | None = None
    feasibility_reviewed: bool = False
    surplus_recognised: bool = False
    surplus_as: SurplusUse | None = None
    resettlement_area_m2: int | None = None
    yields_centikg_per_hm2: Mapping[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Credit:
    """What a project earns, in steps per indicator, or all the reasons, sorted, why it earns nothing."""

    reasons: tuple[RefusalReason, ...]
    credits_steps: Mapping[Indicator, int]

    @property
    def eligible(self) -> bool:
        """Whether nothing speaks against the project."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class ShapeFault:
    """A contradiction within a project's papers: the dotted field to blame and what is wrong."""

    field: str
    problem: str


def no_credits() -> dict[Indicator, int]:
    """Zero steps of every indicator."""
    return dict.fromkeys(Indicator, 0)


def credit(project: Project) -> Credit:
    """Judge a project free of shape faults and count what it earns (RULES 4).

    Each total is summed over the parcels exactly, counts as zero if negative, and is rounded half up to
    its step once. An ineligible project earns nothing of anything.
    """
    reasons = tuple(sorted(_reasons(project)))
    if reasons:
        return Credit(reasons, no_credits())
    if project.surplus_as is SurplusUse.LINKAGE_QUOTA:
        return Credit((), no_credits() | {Indicator.LINKAGE_QUOTA: surplus_m2(project)})
    return Credit((), no_credits() | _farmland_credits(project))


def surplus_m2(project: Project) -> int:
    """The area left of all parcels after resettlement (节余), in m²; all of it where none was used."""
    return _total_area_m2(project) - (project.resettlement_area_m2 or 0)


def yields_of(project: Project) -> Mapping[int, int]:
    """The yield table that applies to the project: grade to 0.01 kg per hm²."""
    if project.yields_centikg_per_hm2 is None:
        return DEFAULT_YIELD_CENTIKG_PER_HM2
    return project.yields_centikg_per_hm2


def capacity_steps(parcels: Iterable[tuple[int, int]], yields: Mapping[int, int]) -> int:
    """Capacity of (area in m², grade) pairs in steps of 0.01 kg, summed exactly and rounded half up once."""
    return divide_half_up(sum(area_m2 * yields[grade] for area_m2, grade in parcels), _M2_PER_HM2)


def _total_area_m2(project: Project) -> int:
    return sum(parcel.area_m2 for parcel in project.parcels)


def _farmland_credits(project: Project) -> dict[Indicator, int]:
    yields = yields_of(project)

    def yield_of(use: LandUse, grade: int | None) -> int:
        return yields[grade] if use in CULTIVATED and grade is not None else 0

    farmland_m2 = sum(
        p.area_m2 * ((p.use_after in CULTIVATED) - (p.use_before in CULTIVATED)) for p in project.parcels
    )
    paddy_m2 = sum(
        p.area_m2 * ((p.use_after is LandUse.PADDY) - (p.use_before is LandUse.PADDY))
        for p in project.parcels
    )
    capacity = sum(
        p.area_m2 * (yield_of(p.use_after, p.grade_after) - yield_of(p.use_before, p.grade_before))
        for p in project.parcels
    )
    # Resettlement takes its part of every total: × (Σ area − resettlement) / Σ area. Without any, and
    # in all other kinds, the factor is 1. It is applied before the one rounding.
    part, whole = surplus_m2(project), _total_area_m2(project)
    exact = zip(FARMLAND, (farmland_m2, paddy_m2, capacity), (1, 1, _M2_PER_HM2), strict=True)
    return {
        indicator: divide_half_up(max(total, 0) * part, whole * steps) for indicator, total, steps in exact
    }


def _reasons(project: Project) -> Iterator[RefusalReason]:
    if project.accepted_on is None:
        yield RefusalReason.NOT_ACCEPTED
    if project.filing_no is None or not is_filing_number(project.filing_no):
        yield RefusalReason.NOT_FILED
    if _rests_on_an_excluded_fund(project):
        yield RefusalReason.EXCLUDED_FUND
    develops_orchard_or_forest = project.kind is ProjectKind.ORCHARD_OR_FOREST or any(
        parcel.use_before in NEEDS_FEASIBILITY_STUDY for parcel in project.parcels
    )
    if develops_orchard_or_forest and not project.feasibility_reviewed:
        yield RefusalReason.NEEDS_FEASIBILITY
    if project.kind in RECLAMATION_OF_CONSTRUCTION_LAND and not project.surplus_recognised:
        yield RefusalReason.NEEDS_RECOGNITION
    if any(_is_below_design(parcel, project.design_grade) for parcel in project.parcels):
        yield RefusalReason.GRADE_BELOW_DESIGN


def _is_below_design(parcel: Parcel, design_grade: int | None) -> bool:
    # A larger number is a poorer grade.
    return (
        design_grade is not None
        and parcel.use_after in CULTIVATED
        and parcel.grade_after is not None
        and parcel.grade_after > design_grade
    )


def _rests_on_an_excluded_fund(project: Project) -> bool:
    if project.started_on >= FUND_RULES_FROM:
        return False
    paying = {fund.source for fund in project.funds if fund.share > 0}
    if project.kind is ProjectKind.HIGH_STANDARD_FARMLAND:
        return bool(paying - {FundSource.RECLAMATION_FEE})
    if project.kind in RECLAMATION_OF_CONSTRUCTION_LAND:
        return False
    return FundSource.NEW_CONSTRUCTION_LAND_FEE in paying


def shape_faults(project: Project) -> tuple[ShapeFault, ...]:
    """Everything in a project's papers that can't be so, whatever its merits (FORMATS, Faults).

    A project with such a fault is no project to judge: a record with one is refused whole, and the
    register does not file it.
    """
    return tuple(
        fault
        for check in (_day_faults, _fund_faults, _parcel_faults, _surplus_faults, _yield_faults)
        for fault in check(project)
    )


def _day_faults(project: Project) -> Iterator[ShapeFault]:
    if project.accepted_on is not None and project.accepted_on < project.started_on:
        yield ShapeFault("accepted_on", "is before started_on")


def _fund_faults(project: Project) -> Iterator[ShapeFault]:
    total = sum((fund.share for fund in project.funds), Fraction(0))
    if total != 1:
        yield ShapeFault("funds", "the shares do not sum to exactly 1")


def _parcel_faults(project: Project) -> Iterator[ShapeFault]:
    if project.design_grade is not None and project.design_grade not in GRADES:
        yield ShapeFault("design_grade", "must be a grade from 1 to 15")
    if not project.parcels:
        yield ShapeFault("parcels", "must name at least one parcel")
    for at, parcel in enumerate(project.parcels):
        if parcel.area_m2 <= 0:
            yield ShapeFault(f"parcels[{at}].area", "must be above zero")
        for name, grade, use in (
            ("grade_before", parcel.grade_before, parcel.use_before),
            ("grade_after", parcel.grade_after, parcel.use_after),
        ):
            if grade is None and use in CULTIVATED:
                yield ShapeFault(f"parcels[{at}].{name}", "is missing: cultivated land has a grade")
            if grade is not None and grade not in GRADES:
                yield ShapeFault(f"parcels[{at}].{name}", "must be a grade from 1 to 15")
        if project.kind in RECLAMATION_OF_CONSTRUCTION_LAND:
            kind = project.kind.value
            if parcel.use_before is not LandUse.CONSTRUCTION:
                yield ShapeFault(f"parcels[{at}].use_before", f"must be construction in kind {kind}")
            if parcel.use_after not in CULTIVATED:
                yield ShapeFault(f"parcels[{at}].use_after", f"must be cultivated land in kind {kind}")


def _surplus_faults(project: Project) -> Iterator[ShapeFault]:
    kind = project.kind.value
    if project.kind is ProjectKind.LINKAGE and project.surplus_as is None:
        yield ShapeFault("surplus_as", "is missing: a linkage project says what its surplus becomes")
    if project.kind is not ProjectKind.LINKAGE and project.surplus_as is not None:
        yield ShapeFault("surplus_as", f"belongs to kind linkage only, not to {kind}")
    if project.resettlement_area_m2 is None:
        return
    if project.kind not in RECLAMATION_OF_CONSTRUCTION_LAND:
        yield ShapeFault(
            "resettlement_area", f"belongs to kinds linkage and abandoned_mine only, not to {kind}"
        )
    elif project.resettlement_area_m2 > _total_area_m2(project):
        yield ShapeFault("resettlement_area", "is above the total area of the parcels")


def _yield_faults(project: Project) -> Iterator[ShapeFault]:
    yields = yields_of(project)
    used: tuple[tuple[str, Callable[[Parcel], LandUse], Callable[[Parcel], int | None]], ...] = (
        ("grade_before", lambda p: p.use_before, lambda p: p.grade_before),
        ("grade_after", lambda p: p.use_after, lambda p: p.grade_after),
    )
    for at, parcel in enumerate(project.parcels):
        for name, use, grade in used:
            # A grade out of 1–15 is a fault of its own.
            if use(parcel) in CULTIVATED and grade(parcel) in GRADES and grade(parcel) not in yields:
                yield ShapeFault(f"parcels[{at}].{name}", f"the yield table has no grade {grade(parcel)}")
