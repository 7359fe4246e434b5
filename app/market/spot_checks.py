"""Spot checks (抽查): projects drawn at random, so that nobody can choose whom to spare (RULES 12).

The regulator first announces the SHA-256 of a seed that it keeps to itself. The first event that another
jurisdiction then causes in the public journal is mixed in: nobody could know it when the seed was fixed,
and whoever causes it doesn't know the seed. Once the seed is told anybody can recompute the draw (ADR 0011).
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime

from app.market.draw import lottery_draw
from app.market.errors import Malformed, RuleBroken, ensure
from app.market.units import parse_decimal, rfc3339

SHARE_PLACES = 6
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def digest_bytes(text: str, *, field: str) -> bytes:
    """Read a SHA-256 written as 64 small hexadecimal digits; raises Malformed."""
    if not _HEX_DIGEST.fullmatch(text):
        raise Malformed(
            "bad_digest", "A SHA-256 is written as 64 small hexadecimal digits (0-9, a-f).", field=field
        )
    return bytes.fromhex(text)


def commitment(seed: str) -> bytes:
    """What is announced of a seed beforehand: the SHA-256 of its UTF-8."""
    return hashlib.sha256(seed.encode()).digest()


def check_seed(seed: str, announced: bytes) -> None:
    """Refuse a seed that is not the one announced; raises RuleBroken."""
    if commitment(seed) != announced:
        raise RuleBroken(
            "not_the_announced_seed",
            "The SHA-256 of this seed is not the one that was announced; the draw takes that seed only.",
            field="seed",
            announced_sha256=announced.hex(),
        )


def draw_seed(seed: str, event: str, at: datetime, event_digest: bytes) -> bytes:
    """The seed of the draw: SHA-256 of the announced seed and of a journal event's id, instant and digest.

    As UTF-8 text with one blank between: the seed, J0000000042, 2026-03-01T01:00:00Z as the journal prints
    it, and the 64 hexadecimal digits of the event's sha256.
    """
    return hashlib.sha256(f"{seed} {event} {rfc3339(at)} {event_digest.hex()}".encode()).digest()


def check_size(*, count: int | None, share: str | None) -> None:
    """Refuse a spot check that says its size by neither or both of count and share; raises Malformed."""
    if (count is None) == (share is None):
        raise Malformed(
            "bad_size", "Say how many by count, or which part by share: one of the two.", field="count"
        )
    if share is not None:
        _parts(share)


def _parts(share: str) -> int:
    parts = parse_decimal(share, SHARE_PLACES, field="share")
    if not 0 < parts <= 10**SHARE_PLACES:
        raise Malformed("bad_share", "A share is above 0 and at most 1.", field="share")
    return parts


def size(population: int, *, count: int | None, share: str | None) -> int:
    """How many of a population are drawn; a share is rounded up, so that it never draws nobody."""
    if count is not None:
        return min(count, population)
    ensure(share is not None, "a spot check has a count or a share")
    whole: int = 10**SHARE_PLACES
    return -(-population * _parts(share or "") // whole)


def drawn(filing_numbers: Iterable[str], seed: bytes, many: int) -> tuple[str, ...]:
    """The filing numbers drawn, the lowest first by SHA-256 of the draw's seed and the number.

    The order in which the numbers come changes nothing.
    """
    return tuple(sorted(set(filing_numbers), key=lambda number: (lottery_draw(seed, number), number))[:many])


def population_digest(filing_numbers: Iterable[str]) -> bytes:
    """SHA-256 of the filing numbers in ascending order, one a line: what the draw was made from."""
    return hashlib.sha256("".join(f"{number}\n" for number in sorted(set(filing_numbers))).encode()).digest()
