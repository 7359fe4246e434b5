"""Spot checks: the draw that anybody can make again, and that nobody could steer."""

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.errors import BadQuantity, Malformed, RuleBroken
from app.market.spot_checks import (
    check_seed,
    check_size,
    commitment,
    digest_bytes,
    draw_seed,
    drawn,
    population_digest,
    size,
)

numbers = st.lists(st.from_regex(r"[0-9]{14}", fullmatch=True), max_size=30)
seeds = st.binary(min_size=32, max_size=32)
AT = datetime(2026, 3, 1, 1, 2, 3, 4, tzinfo=UTC)


def test_the_draw_is_what_the_rule_says_in_words() -> None:
    """SHA-256 of seed, event id, instant and digest; then the lowest SHA-256 of it and the number."""
    digest = hashlib.sha256(b"facts").digest()
    seed = draw_seed("kept-in-the-safe", "J0000000042", AT, digest)
    said = f"kept-in-the-safe J0000000042 2026-03-01T01:02:03.000004Z {digest.hex()}"
    assert seed == hashlib.sha256(said.encode()).digest()
    filed = ["51192220180001", "51192220180002", "51072220180003"]
    by_hand = sorted(filed, key=lambda number: hashlib.sha256(seed + number.encode()).hexdigest())
    assert drawn(filed, seed, 2) == tuple(by_hand[:2])


@given(numbers, seeds, st.integers(0, 40), st.randoms())
def test_the_order_and_repetition_of_the_numbers_change_nothing(
    filed: list[str], seed: bytes, many: int, chance: object
) -> None:
    chosen = drawn(filed, seed, many)
    assert drawn([*reversed(filed), *filed], seed, many) == chosen
    assert population_digest([*reversed(filed), *filed]) == population_digest(filed)
    assert len(chosen) == min(many, len(set(filed))) == len(set(chosen))
    assert set(chosen) <= set(filed)


@given(numbers.filter(bool), seeds)
def test_a_larger_draw_only_adds_projects(filed: list[str], seed: bytes) -> None:
    """So that a project can't be spared by asking for more."""
    for many in range(len(filed)):
        assert drawn(filed, seed, many) == drawn(filed, seed, many + 1)[:many]


def test_every_project_is_drawn_about_equally_often() -> None:
    filed = [f"5119222018{serial:04d}" for serial in range(10)]
    hits = dict.fromkeys(filed, 0)
    for turn in range(2000):
        for number in drawn(filed, hashlib.sha256(str(turn).encode()).digest(), 3):
            hits[number] += 1
    # 600 expected each, with a standard deviation of about 20.
    assert all(500 < hit < 700 for hit in hits.values()), hits


@pytest.mark.parametrize(
    ("population", "share", "expected"),
    [(1, "0.05", 1), (20, "0.05", 1), (21, "0.05", 2), (100, "1", 100), (3, "0.000001", 1), (7, "0.5", 4)],
)
def test_a_share_is_rounded_up_so_that_somebody_is_always_drawn(
    population: int, share: str, expected: int
) -> None:
    assert size(population, count=None, share=share) == expected


def test_a_count_is_at_most_all_of_them() -> None:
    assert (size(5, count=3, share=None), size(2, count=3, share=None)) == (3, 2)


@pytest.mark.parametrize(("count", "share"), [(None, None), (3, "0.5")])
def test_a_size_is_a_count_or_a_share(count: int | None, share: str | None) -> None:
    with pytest.raises(Malformed, match="one of the two"):
        check_size(count=count, share=share)


@pytest.mark.parametrize("share", ["0", "1.000001", "0.0000001", "-1", "x"])
def test_a_share_is_above_0_and_at_most_1(share: str) -> None:
    with pytest.raises((Malformed, BadQuantity)) as refused:
        check_size(count=None, share=share)
    assert refused.value.field == "share"


def test_no_seed_but_the_announced_one_draws() -> None:
    check_seed("kept-in-the-safe", commitment("kept-in-the-safe"))
    with pytest.raises(RuleBroken) as refused:
        check_seed("kept-in-the-safF", commitment("kept-in-the-safe"))
    assert refused.value.code == "not_the_announced_seed"


@pytest.mark.parametrize("text", ["", "ab", "A" * 64, "g" * 64, "a" * 65])
def test_a_digest_is_64_small_hexadecimal_digits(text: str) -> None:
    with pytest.raises(Malformed):
        digest_bytes(text, field="seed_sha256")
    assert digest_bytes("0f" * 32, field="seed_sha256") == b"\x0f" * 32
