"""Reclamation-fee standards (耕地开垦费, RULES 12, [N] 六): what occupying a hectare of farmland costs.

A standard is a jurisdiction's whole table, in force from an instant until its next one starts. Each use
and quality grade of farmland is charged by the nearest jurisdiction that has a rate for it, from the
applicant's own up to the province's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.market.errors import Malformed
from app.market.indicators import Indicator
from app.market.projects import CULTIVATED, LandUse
from app.market.units import amount_fen

LandType = tuple[LandUse, int]
"""A use of farmland and its quality grade."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What a hectare of one use costs, for grades from ``best_grade`` to ``worst_grade`` inclusive."""

    use: LandUse
    best_grade: int
    worst_grade: int
    fen_per_hm2: int

    def covers(self, use: LandUse, grade: int) -> bool:
        """Whether land of that use and grade is charged by this rate."""
        return self.use is use and self.best_grade <= grade <= self.worst_grade


def check_rates(rates: Sequence[Rate]) -> None:
    """Refuse a standard that contradicts itself; raises Malformed with the field.

    A standard without rates is none: from then on the jurisdiction above it sets them.
    """
    seen: dict[LandType, int] = {}
    for at, rate in enumerate(rates):
        if rate.use not in CULTIVATED:
            raise Malformed(
                "no_farmland",
                f"The fee is charged for farmland ({', '.join(sorted(CULTIVATED))}), not for {rate.use}.",
                field=f"rates.{at}.use",
            )
        if rate.best_grade > rate.worst_grade:
            raise Malformed(
                "grades_reversed",
                "Grade 1 is the best, 15 the worst: best_grade is at most worst_grade.",
                field=f"rates.{at}.best_grade",
            )
        if rate.fen_per_hm2 <= 0:
            raise Malformed("no_rate", "A rate is above zero.", field=f"rates.{at}.yuan_per_hm2")
        for grade in range(rate.best_grade, rate.worst_grade + 1):
            other = seen.setdefault((rate.use, grade), at)
            if other != at:
                raise Malformed(
                    "rates_overlap",
                    f"Grade {grade} of {rate.use} has a rate already, in rates.{other}.",
                    field=f"rates.{at}",
                )


def nearest_standard(
    standards: Sequence[tuple[int, Sequence[Rate]]], use: LandUse, grade: int | None
) -> int | None:
    """Return which of the standards charges for land: the first with a rate for it, the nearest first.

    None where it is no farmland, or no standard has a rate for it.
    """
    if use not in CULTIVATED or grade is None:
        return None
    return next((id_ for id_, rates in standards if any(rate.covers(use, grade) for rate in rates)), None)


@dataclass(frozen=True, slots=True)
class ChargedParcel:
    """Farmland to be occupied: its area in m², and the rate in fen per hm² of the standard that charges it.

    ``standard_id``, ``set_for`` (the jurisdiction of the standard) and rate are None where there is none.
    """

    parcel_no: str
    area_m2: int
    use: LandUse
    grade: int
    standard_id: int | None
    set_for: str | None
    fen_per_hm2: int | None

    @property
    def amount_fen(self) -> int | None:
        """Area × rate, rounded half up to the fen once (RULES 1); None without a rate."""
        if self.fen_per_hm2 is None:
            return None
        return amount_fen(self.fen_per_hm2, self.area_m2, Indicator.FARMLAND_QUANTITY)


@dataclass(frozen=True, slots=True)
class Fee:
    """The reclamation fee of an application, parcel by parcel."""

    parcels: Sequence[ChargedParcel]

    @property
    def missing(self) -> Sequence[LandType]:
        """The uses and grades that no standard has a rate for, each once, in order."""
        return sorted({(each.use, each.grade) for each in self.parcels if each.fen_per_hm2 is None})

    @property
    def amount_fen(self) -> int | None:
        """The sum of all parcels' amounts; None where a rate is missing, since a part would mislead."""
        if self.missing:
            return None
        return sum(each.amount_fen or 0 for each in self.parcels)
