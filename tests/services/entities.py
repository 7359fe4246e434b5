"""What the model keeps of each thing on the exchange; quantities in smallest steps, money in fen."""

from dataclasses import dataclass, field
from datetime import date, datetime

QUANTITY, PADDY, CAPACITY, LINKAGE = "farmland_quantity", "paddy_area", "grain_capacity", "linkage_quota"
STEPS_PER_UNIT = {QUANTITY: 10_000, PADDY: 10_000, CAPACITY: 100, LINKAGE: 10_000}
UNSETTLED = ("AWARDED", "CONFIRMED", "PAID")


@dataclass
class Band:
    """What an indicator may cost."""

    floor: int
    ceiling: int
    key_price: int
    unified_price: int | None = None


@dataclass
class Listing:
    """An offer of one batch."""

    county: str
    batch: int
    indicator: str
    quantity: int
    ask: int | None
    open_to_key_projects: bool
    poverty: bool
    awarded: int = 0
    settled: int = 0
    state: str = "LISTED"
    auction: int | None = None

    @property
    def live(self) -> bool:
        """Whether it still locks what is unsold."""
        return self.state in ("LISTED", "IN_AUCTION")


@dataclass
class Application:
    """What a buyer applied for, and what that requires."""

    applicant: str
    required: dict[str, int]
    state: str = "FILED"


@dataclass
class Item:
    """One indicator of a need."""

    quantity: int
    reserved: int = 0
    awarded: int = 0
    settled: int = 0


@dataclass
class Need:
    """What a buyer may buy; ``place`` counts approvals."""

    buyer: str
    application: int | None
    all_or_nothing: bool
    items: dict[str, Item]
    state: str = "DECLARED"
    key_level: str | None = None
    place: int = 0
    obligation: int | None = None

    @property
    def backing(self) -> tuple[str, int]:
        """What backs it: an application ("F") or an obligation ("O"), and its number."""
        return ("O", self.obligation) if self.obligation is not None else ("F", self.application or 0)

    def open(self, indicator: str) -> int:
        """What may still be bought."""
        item = self.items.get(indicator)
        if item is None or self.state != "APPROVED":
            return 0
        return item.quantity - item.awarded - item.reserved


@dataclass
class Bid:
    """What a buyer sealed; ``serial`` is the same in every run, which its id is not."""

    serial: int
    buyer: str
    price: int
    quantity: int
    minimum: int | None
    fate: str = "in force"


@dataclass
class Registration:
    """A buyer's limit and deposit."""

    need: int
    limit: int
    deposit: int


@dataclass
class Auction:
    """A round from its announcement on."""

    indicator: str
    opens_at: datetime
    closes_at: datetime
    floor: int
    ceiling: int
    lot: int
    pro_rata: bool
    pool: dict[int, int]
    state: str = "ANNOUNCED"
    registrations: dict[str, Registration] = field(default_factory=dict)
    bids: dict[str, Bid] = field(default_factory=dict)


@dataclass
class Line:
    """What a trade takes of one listing."""

    listing: int
    indicator: str
    quantity: int
    price: int
    amount: int
    state: str = "ACTIVE"


@dataclass
class Trade:
    """A winning bid or a filled need; ``order`` is the same in every run."""

    buyer: str
    need: int
    auction: int | None
    lines: list[Line]
    deposit: int
    order: tuple[int, int]
    state: str = "AWARDED"
    notice_ends_at: datetime | None = None
    payment_due_at: datetime | None = None
    objections: dict[int, str] = field(default_factory=dict)

    @property
    def stopped(self) -> bool:
        """Whether an objection makes its notice's clock stand."""
        return "OPEN" in self.objections.values()

    @property
    def active(self) -> list[Line]:
        """The lines that have not dropped out."""
        return [line for line in self.lines if line.state == "ACTIVE"]

    @property
    def amount(self) -> int:
        """What the buyer pays in all."""
        return sum(line.amount for line in self.active)


@dataclass
class Commitment:
    """A promise of what a project will supply; ``earmarks`` by batch while it holds them."""

    applicant: str
    application: int
    project: int
    promised: dict[str, int]
    due_on: date
    state: str = "DRAFT"
    place: int = 0
    earmarks: dict[int, int] = field(default_factory=dict)


@dataclass
class Obligation:
    """What is owed for a commitment's deficit or a fraud, by the public id of its source."""

    jurisdiction: str
    kind: str
    source: str
    owed: dict[str, int]
    state: str = "OPEN"
