"""The queue: whose indicators are sold first (贫困县优先, [N] 五; RULES 8)."""

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar


class Queued(Protocol):
    """Anything that waits in the queue: a listing of an auction or of an allocation."""

    @property
    def poverty(self) -> bool:
        """Whether its county was a poverty county (贫困县) on the day of listing."""

    @property
    def listed_at_us(self) -> int:
        """When it was listed, in microseconds since 1970."""

    @property
    def id(self) -> str:
        """The last resort among listings of one instant, by code point."""


def queue_order(listing: Queued) -> tuple[bool, int, str]:
    """Sort key of the queue: poverty counties first, then by listing time, then by id."""
    return (not listing.poverty, listing.listed_at_us, listing.id)


class Stocked(Queued, Protocol):
    """Anything in the queue that has something to sell."""

    @property
    def quantity_steps(self) -> int:
        """How much, in the indicator's smallest step."""


T = TypeVar("T", bound=Stocked)


class Shelf(Generic[T]):
    """The listings of one indicator that sell at one price, in queue order, as they empty."""

    def __init__(self, listings: Iterable[T]) -> None:
        self._queue = sorted(listings, key=queue_order)
        self._left = [each.quantity_steps for each in self._queue]
        self._at = 0
        self.left_steps = sum(self._left)

    def draw(self, wanted_steps: int) -> list[tuple[T, int]]:
        """Take up to ``wanted_steps`` from the front of the queue, as (listing, steps)."""
        taken: list[tuple[T, int]] = []
        while wanted_steps > 0 and self._at < len(self._queue):
            steps = min(wanted_steps, self._left[self._at])
            taken.append((self._queue[self._at], steps))
            self._left[self._at] -= steps
            self.left_steps -= steps
            wanted_steps -= steps
            if self._left[self._at] == 0:
                self._at += 1
        return taken
