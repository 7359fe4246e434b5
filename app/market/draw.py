"""The lottery (抽签) among equal prices: one draw a buyer, from a seed that nobody chose (RULES 10)."""

import hashlib


def lottery_draw(seed: bytes, buyer: str) -> str:
    """A buyer's draw: SHA-256 of the seed's bytes and the buyer's code in UTF-8, in hexadecimal.

    The lowest goes first. All of a buyer's bids share it, so that splitting a bid draws no second lot.
    """
    return hashlib.sha256(seed + buyer.encode()).hexdigest()
