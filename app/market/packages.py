"""Packages: what goes to the ministry's systems and comes from them.

Those are the 农村土地整治监测监管系统, which keeps the projects, and the 占补平衡动态监管系统, which keeps
what is used of them. A package holds rows of one kind; docs/packages.md gives its forms to the letter.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from app.market.acceptances import Acceptance
from app.market.errors import Malformed
from app.market.filings import Filing
from app.market.indicators import Indicator


class PackageKind(StrEnum):
    """What the rows of a package are."""

    FILINGS = "filings"  # 项目备案
    ACCEPTANCES = "acceptances"  # 项目验收
    WRITE_OFFS = "write-offs"  # 核销

    @property
    def format_name(self) -> str:
        """The name and version of the format, as a package carries it."""
        return f"gengheng/{self.value}/1"


class PackageForm(StrEnum):
    """How a package is written."""

    JSON = "json"  # JSON Lines
    CSV = "csv"  # tables in a .zip


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows a package is to hold: of one county or of all, recorded from an instant until before one."""

    county: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AcceptedFiling:
    """The acceptance of the project filed under a number; ``credits_steps`` are checked where given."""

    filing_no: str
    acceptance: Acceptance
    credits_steps: Mapping[Indicator, int] | None = None


@dataclass(frozen=True, slots=True)
class UsedUp:
    """What a write-off took of the batch of one indicator that a project earned, in steps."""

    indicator: Indicator
    filing_no: str
    steps: int


@dataclass(frozen=True, slots=True)
class WrittenOff:
    """A write-off for a land application, by the batches that it used up, oldest first."""

    application: str
    applicant: str
    reserve: str
    written_off_on: date
    batches: tuple[UsedUp, ...]


PackageValue = Filing | AcceptedFiling | WrittenOff

FAULTS_KEPT_MOST = 100
"""A package can be wrong a hundred thousand times over; what is said of it has to stay readable."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in a package: the table it is in (empty in a JSON package), and the line; 0: the whole of it."""

    member: str
    line: int

    def __str__(self) -> str:
        """Name the place for a person."""
        line = f"line {self.line}" if self.line else ""
        return " ".join(part for part in (self.member, line) if part) or "the package"


@dataclass(frozen=True, slots=True)
class PackageFault:
    """One thing wrong with a package: where, in which field (dotted; empty: all of it), and what."""

    place: Place
    field: str
    problem: str

    def __str__(self) -> str:
        """One line for a person."""
        return f"{', '.join(part for part in (str(self.place), self.field) if part)}: {self.problem}"


class PackageFaults:
    """The faults found so far: all are counted, the first hundred kept."""

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self.count = 0
        self._kept: list[PackageFault] = []

    def add(self, place: Place, field: str, problem: str) -> None:
        """Record a fault."""
        self.count += 1
        if len(self._kept) < FAULTS_KEPT_MOST:
            self._kept.append(PackageFault(place, field, problem))

    def __iter__(self) -> Iterator[PackageFault]:
        """The faults kept, in the order of their places."""
        return iter(sorted(self._kept, key=lambda fault: fault.place))

    def refuse_any(self) -> None:
        """Raise FaultyPackage if there is any fault."""
        if self.count:
            raise FaultyPackage(tuple(self), self.count)


class FaultyPackage(Malformed):
    """A package that is refused whole: its first faults, and how many there are in all."""

    def __init__(self, faults: Sequence[PackageFault], count: int) -> None:
        self.faults = faults
        self.count = count
        told = "; ".join(map(str, faults[:5]))
        more = f"; and {count - 5} more" if count > 5 else ""
        super().__init__(
            "faulty_package",
            f"Nothing was imported: {told}{more}".removesuffix(".") + ".",
            field="lines",
            count=count,
            faults=[
                {"line": fault.place.line, "field": fault.field, "problem": fault.problem} for fault in faults
            ],
        )

    @property
    def lines(self) -> list[str]:
        """One line a fault, and one for those that are not shown."""
        left = self.count - len(self.faults)
        return [*map(str, self.faults), *([f"and {left:,} more"] if left else [])]
