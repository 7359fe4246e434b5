"""The ledger's rules: what is an account, what is a movement, and what makes entries balanced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.errors import BrokenInvariant
from app.market.indicators import CNY, Indicator
from app.market.ledger import AccountKey, Bucket, Entry, money, move, netted

LAND = Indicator.FARMLAND_QUANTITY


def account(county: str = "511922", batch: int = 1, bucket: Bucket = Bucket.AVAILABLE) -> AccountKey:
    return AccountKey(county, LAND, batch, bucket)


@pytest.mark.parametrize(("asset", "batch"), [(CNY, 1), (LAND, 0)])
def test_money_has_no_batch_and_an_indicator_always_has_one(asset: str, batch: int) -> None:
    with pytest.raises(BrokenInvariant):
        AccountKey("511922", asset, batch, Bucket.AVAILABLE)
    assert money("511922", Bucket.ESCROW) == AccountKey("511922", CNY, 0, Bucket.ESCROW)


def test_a_movement_takes_as_much_as_it_gives() -> None:
    taken, brought = move(account(), account("510100"), 7)
    assert (taken, brought) == (Entry(account(), -7), Entry(account("510100"), 7))


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_is_no_movement(amount: int) -> None:
    with pytest.raises(BrokenInvariant):
        move(account(), account("510100"), amount)


@pytest.mark.parametrize(
    "target", [account(batch=2), AccountKey("511922", Indicator.PADDY_AREA, 1, Bucket.AVAILABLE)]
)
def test_a_movement_changes_neither_asset_nor_batch(target: AccountKey) -> None:
    with pytest.raises(BrokenInvariant):
        move(account(), target, 1)


def test_entries_that_do_not_balance_are_a_defect() -> None:
    with pytest.raises(BrokenInvariant, match="sum to 1"):
        netted([Entry(account(), 1)])


def test_two_batches_do_not_balance_each_other() -> None:
    with pytest.raises(BrokenInvariant):
        netted([Entry(account(batch=1), 5), Entry(account("510100", batch=2), -5)])


def test_what_goes_through_an_account_leaves_no_entry_there() -> None:
    through = account("510100")
    entries = [*move(account(), through, 5), *move(through, account("510300"), 5)]
    assert netted(entries) == [Entry(account("510300"), 5), Entry(account(), -5)]
    assert netted([]) == []


ACCOUNTS = st.builds(
    AccountKey,
    st.sampled_from(["511921", "511922", "510100"]),
    st.just(LAND.value),
    st.integers(1, 3),
    st.sampled_from([Bucket.AVAILABLE, Bucket.LOCKED, Bucket.ISSUED]),
)
MOVES = st.lists(
    st.tuples(ACCOUNTS, ACCOUNTS, st.integers(1, 10**12)).filter(lambda m: m[0].batch_id == m[1].batch_id),
    max_size=20,
)


@given(MOVES)
def test_any_movements_net_to_one_sorted_entry_an_account_and_zero_a_batch(
    moves: list[tuple[AccountKey, AccountKey, int]],
) -> None:
    entries = netted(entry for source, target, amount in moves for entry in move(source, target, amount))
    accounts = [entry.account for entry in entries]
    assert accounts == sorted(set(accounts))
    assert all(entry.amount for entry in entries)
    for batch in (1, 2, 3):
        assert sum(entry.amount for entry in entries if entry.account.batch_id == batch) == 0
    for key in set(accounts):
        expected = sum(amount for _, target, amount in moves if target == key) - sum(
            amount for source, _, amount in moves if source == key
        )
        assert next(entry.amount for entry in entries if entry.account == key) == expected
