"""What a package says of itself, in either form."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.documents.json_text import NotJson, parse
from app.documents.record_reading import Faults, FaultyRecord, Fields, any_text, instant, members
from app.market.packages import PackageFaults, PackageKind, Place

KIND_OF_FORMAT: Mapping[str, PackageKind] = {kind.format_name: kind for kind in PackageKind}


@dataclass(frozen=True, slots=True)
class Head:
    """The kind of rows, whose they are, and how many there are to be."""

    kind: PackageKind
    province: str
    counts: Mapping[str, int]

    @property
    def rows(self) -> int:
        """How many rows there are to be."""
        return next(iter(self.counts.values()), 0)


class BadHead(Exception):
    """The package does not say what it is, so its rows can't be read."""


def read_head(tree: object, place: Place, faults: PackageFaults, further: tuple[str, ...] = ()) -> Head:
    """Read a head from a JSON value; raises BadHead once its faults are told."""
    found = Faults()
    fields = Fields(tree, "$", found, ("format", "province", "made_at", "counts", *further))
    name = fields.required("format", any_text)
    kind = KIND_OF_FORMAT.get(name)
    if kind is None:
        fields.blame("format", f"{name[:60]!r} is not one of {', '.join(KIND_OF_FORMAT)}")
        tell(found, place, faults)
        raise BadHead
    province = fields.required("province", any_text)
    fields.required("made_at", instant)
    head = Head(kind, province, fields.required("counts", _counts))
    if tell(found, place, faults):
        raise BadHead
    return head


def _counts(value: object, path: str, faults: Faults) -> dict[str, int]:
    counts = {}
    for name, figure, where in members(value, path, faults):
        if isinstance(figure, int) and not isinstance(figure, bool) and figure >= 0:
            counts[name] = figure
        else:
            faults.blame(where, "must be a whole number, at least 0")
    return counts


def parsed(raw: bytes, place: Place, faults: PackageFaults) -> object | None:
    """Read bytes as one JSON value that means one thing; None, and told, where they are none."""
    try:
        read = parse(raw)
    except NotJson as wrong:
        faults.add(place, "", str(wrong))
        return None
    found = Faults()
    for path, problem in read.ambiguities():
        found.blame(path, problem)
    return None if tell(found, place, faults) else read.tree


def tell(found: Faults, place: Place, faults: PackageFaults) -> bool:
    """Pass on the faults of one row, each with its dotted field; whether there were any."""
    try:
        found.refuse_any()
    except FaultyRecord as faulty:
        for fault in faulty.faults:
            faults.add(place, dotted(fault.path), fault.problem)
        return True
    return False


def dotted(path: str) -> str:
    """A field's path as the service's own answers write it: ``parcels.3.area``."""
    return path.removeprefix("$").replace("[", ".").replace("]", "").lstrip(".")
