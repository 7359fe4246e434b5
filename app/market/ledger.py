"""The ledger's rules: accounts, buckets, and what makes a set of entries balanced (DESIGN: the ledger).

An account is (jurisdiction, asset, batch, bucket). What enters and leaves the books has its other side
on system buckets of the same jurisdiction, so that every transaction sums to zero per asset and batch.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.market.errors import ensure
from app.market.indicators import CNY


class Bucket(StrEnum):
    """Where in a jurisdiction's books a balance stands."""

    AVAILABLE = "available"  # free to list, to write off, to pay with
    LOCKED = "locked"  # listed indicators; money held as bid deposit (保证金)
    EARMARKED = "earmarked"  # promised to a commitment; can't be listed
    ESCROW = "escrow"  # a buyer's payment waiting for its settlement
    ISSUED = "issued"  # system: the other side of credits; runs below zero
    CONSUMED = "consumed"  # system: what was written off or cancelled
    BANK = "bank"  # system: the other side of money paid in; runs below zero


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    """Names one account; ``batch_id`` is 0 for money, which has no batch."""

    jurisdiction: str
    asset: str
    batch_id: int
    bucket: Bucket

    def __post_init__(self) -> None:
        """Money has no batch; an indicator always has one."""
        ensure((self.asset == CNY) == (self.batch_id == 0), f"{self} mixes up money and indicators")


@dataclass(frozen=True, slots=True)
class Entry:
    """A signed change of one account, in the asset's smallest step."""

    account: AccountKey
    amount: int


def money(jurisdiction: str, bucket: Bucket) -> AccountKey:
    """Name a jurisdiction's money account."""
    return AccountKey(jurisdiction, CNY, 0, bucket)


def move(source: AccountKey, target: AccountKey, amount: int) -> tuple[Entry, Entry]:
    """Two entries that carry ``amount`` (> 0) from one account to another of the same asset and batch."""
    ensure(amount > 0, f"a movement of {amount} from {source} is none")
    ensure((source.asset, source.batch_id) == (target.asset, target.batch_id), "a movement changes no asset")
    return Entry(source, -amount), Entry(target, amount)


def netted(entries: Iterable[Entry]) -> Sequence[Entry]:
    """One entry an account, zeros dropped, sorted by account; BrokenInvariant unless balanced.

    Sorted, because accounts are locked in this order by every writer.
    """
    by_account: dict[AccountKey, int] = defaultdict(int)
    by_asset: dict[tuple[str, int], int] = defaultdict(int)
    for entry in entries:
        by_account[entry.account] += entry.amount
        by_asset[(entry.account.asset, entry.account.batch_id)] += entry.amount
    for (asset, batch_id), total in by_asset.items():
        ensure(total == 0, f"entries of {asset} batch {batch_id} sum to {total}, not zero")
    return [Entry(account, amount) for account, amount in sorted(by_account.items()) if amount]
