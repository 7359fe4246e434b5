"""The queue: whose indicators are sold first (贫困县优先, [N] 五; RULES 8)."""

from typing import Protocol


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
