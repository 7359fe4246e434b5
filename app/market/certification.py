"""The register of certified land: what only it can say against a project (RULES 4, [N] 一, 七).

A project's own papers are judged in ``market/projects.py``; here it is judged by what was certified of
its parcels before, so that no land is credited as new farmland twice and no upgrade is paid twice.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.market.projects import CULTIVATED, LandUse, Parcel, Project, RefusalReason


@dataclass(frozen=True, slots=True)
class Certified:
    """What was last certified of a parcel; ``credited_as_new`` stays true for good once it is."""

    credited_as_new: bool
    use: LandUse
    grade: int | None


@dataclass(frozen=True, slots=True)
class RegisterFindings:
    """What the register holds against a project: the parcels to blame, by reason."""

    claimed: tuple[str, ...]
    unreviewed: tuple[str, ...]

    @property
    def reasons(self) -> tuple[RefusalReason, ...]:
        """The reasons, each at most once."""
        found = []
        if self.claimed:
            found.append(RefusalReason.PARCEL_CLAIMED)
        if self.unreviewed:
            found.append(RefusalReason.NEEDS_ECOLOGY_REVIEW)
        return tuple(found)


def findings(
    project: Project,
    certified: Mapping[str, Certified],
    *,
    review_area_m2: int,
    ecology_reviewed: bool,
    on_others_land: Collection[str] = (),
    pieces: Sequence[Collection[str]] = (),
) -> RegisterFindings:
    """Hold a project against the register and the area above which unused land needs its review.

    ``on_others_land`` are parcels that the map shows on land of other projects. ``pieces`` are mapped
    parcels that touch and so are one piece of land; an unmapped parcel is a piece of its own.
    """
    claimed = [
        parcel.id
        for parcel in project.parcels
        if parcel.id in on_others_land or is_claimed(parcel, certified.get(parcel.id))
    ]
    too_large = set() if ecology_reviewed else _in_large_pieces(project.parcels, pieces, review_area_m2)
    unreviewed = [parcel.id for parcel in project.parcels if parcel.id in too_large]
    return RegisterFindings(tuple(claimed), tuple(unreviewed))


def reclaimed_unused(parcel: Parcel) -> bool:
    """Whether a parcel reclaims unused land (未利用地)."""
    return parcel.use_before is LandUse.UNUSED and parcel.use_after is not LandUse.UNUSED


def _in_large_pieces(parcels: Iterable[Parcel], pieces: Sequence[Collection[str]], most_m2: int) -> set[str]:
    """The parcels of unused land that lie in one piece above an area."""
    piece_of = {parcel_id: place for place, piece in enumerate(pieces) for parcel_id in piece}
    areas: dict[int | str, int] = {}
    members: dict[int | str, set[str]] = {}
    for parcel in filter(reclaimed_unused, parcels):
        piece = piece_of.get(parcel.id, parcel.id)
        areas[piece] = areas.get(piece, 0) + parcel.area_m2
        members.setdefault(piece, set()).add(parcel.id)
    return {each for piece, area_m2 in areas.items() if area_m2 > most_m2 for each in members[piece]}


def is_claimed(parcel: Parcel, certified: Certified | None) -> bool:
    """Whether what a parcel would earn was credited before ([N] 七).

    New farmland is claimed if the land was credited as new or is certified farmland. An upgrade is
    claimed unless it starts no lower than the grade and use last certified and ends above one of them:
    otherwise the stretch from its start to what is certified would be paid a second time.
    """
    if certified is None:
        return False
    if is_new_farmland(parcel):
        return certified.credited_as_new or certified.use in CULTIVATED
    if not _is_upgrade(parcel):
        return False
    return _starts_below(parcel, certified) or not _ends_above(parcel, certified)


def certify(parcel: Parcel, before: Certified | None) -> Certified | None:
    """What the register says of a parcel once its project is accepted; None if it never was farmland.

    While land stays farmland, neither its grade nor paddy is ever certified downwards: a project whose
    losses count as zero could otherwise lower it for the next one to be credited again.
    """
    if parcel.use_before not in CULTIVATED and parcel.use_after not in CULTIVATED:
        return before
    was_new = before is not None and before.credited_as_new
    if parcel.use_after not in CULTIVATED:
        return Certified(was_new, parcel.use_after, None)
    use, grade = parcel.use_after, parcel.grade_after
    if before is not None and before.use in CULTIVATED:
        use = LandUse.PADDY if before.use is LandUse.PADDY else use
        grade = min(grade, before.grade, key=_grade)
    return Certified(was_new or is_new_farmland(parcel), use, grade)


def is_new_farmland(parcel: Parcel) -> bool:
    """Whether a parcel becomes farmland that it was not."""
    return parcel.use_before not in CULTIVATED and parcel.use_after in CULTIVATED


def _is_upgrade(parcel: Parcel) -> bool:
    if parcel.use_before not in CULTIVATED or parcel.use_after not in CULTIVATED:
        return False
    return _grade(parcel.grade_after) < _grade(parcel.grade_before) or (
        parcel.use_after is LandUse.PADDY and parcel.use_before is not LandUse.PADDY
    )


def _starts_below(parcel: Parcel, certified: Certified) -> bool:
    return _grade(parcel.grade_before) > _grade(certified.grade) or (
        certified.use is LandUse.PADDY and parcel.use_before is not LandUse.PADDY
    )


def _ends_above(parcel: Parcel, certified: Certified) -> bool:
    return _grade(parcel.grade_after) < _grade(certified.grade) or (
        parcel.use_after is LandUse.PADDY and certified.use is not LandUse.PADDY
    )


def _grade(grade: int | None) -> int:
    # A larger number is a poorer grade; land without one is below them all.
    return 99 if grade is None else grade
