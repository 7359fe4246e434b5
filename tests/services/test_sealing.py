"""The seal of a bid: bound to its place, equally long for all, and opened by one key only."""

import dataclasses

import pytest

from app.sealing.bids import PLAINTEXT_BYTES, BidTerms, Opener, Seal, SealBroken, new_key_pair, seal
from app.sealing.keys import Keys, UnwrapRefused

AUCTION, BUYER, BID = "A0000000007", "510100", "Bfeed"
TERMS = BidTerms("380000.00", "10.0000", "5.0000")


def test_a_seal_opens_to_the_terms_as_they_were_written(keys: Keys) -> None:
    pair = new_key_pair(keys, AUCTION)
    opener = Opener(keys, AUCTION, pair.wrapped_private_key)
    for terms in (TERMS, BidTerms("0380000", "10", None)):
        assert opener.open(BUYER, BID, seal(pair.public_key, AUCTION, BUYER, BID, terms)) == terms


def test_a_seal_opens_for_no_other_auction_buyer_or_bid(keys: Keys) -> None:
    pair = new_key_pair(keys, AUCTION)
    opener = Opener(keys, AUCTION, pair.wrapped_private_key)
    sealed = seal(pair.public_key, AUCTION, BUYER, BID, TERMS)
    for buyer, bid in ((BUYER, "Bother"), ("510104", BID), (BUYER + "\n" + BID, "")):
        with pytest.raises(SealBroken):
            opener.open(buyer, bid, sealed)
    with pytest.raises(SealBroken):
        opener.open(BUYER, BID, seal(pair.public_key, "A0000000008", BUYER, BID, TERMS))


def test_all_sealed_bids_are_equally_long(keys: Keys) -> None:
    pair = new_key_pair(keys, AUCTION)
    longest = BidTerms("9" * 40, "9" * 40, "9" * 40)
    lengths = {
        len(seal(pair.public_key, AUCTION, BUYER, BID, terms).ciphertext)
        for terms in (BidTerms("1", "1", None), TERMS, longest)
    }
    assert len(lengths) == 1
    assert lengths.pop() > PLAINTEXT_BYTES


def test_terms_too_long_for_the_seal_are_refused_and_not_cut(keys: Keys) -> None:
    with pytest.raises(ValueError, match="at most 256"):
        seal(new_key_pair(keys, AUCTION).public_key, AUCTION, BUYER, BID, BidTerms("9" * 250, "1", None))


def test_the_same_bid_sealed_twice_looks_different(keys: Keys) -> None:
    pair = new_key_pair(keys, AUCTION)
    first, second = (seal(pair.public_key, AUCTION, BUYER, BID, TERMS) for _ in range(2))
    assert first.ciphertext != second.ciphertext
    assert first.digest != second.digest


def test_a_changed_bit_is_found_whether_or_not_the_digest_was_changed_with_it(keys: Keys) -> None:
    pair = new_key_pair(keys, AUCTION)
    opener = Opener(keys, AUCTION, pair.wrapped_private_key)
    sealed = seal(pair.public_key, AUCTION, BUYER, BID, TERMS)
    changed = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    with pytest.raises(SealBroken, match="receipt"):
        opener.open(BUYER, BID, dataclasses.replace(sealed, ciphertext=changed))
    other = seal(new_key_pair(keys, AUCTION).public_key, AUCTION, BUYER, BID, TERMS)
    with pytest.raises(SealBroken, match="not sealed for this"):
        opener.open(BUYER, BID, Seal(other.ciphertext, other.digest))


def test_a_private_key_is_unwrapped_for_its_auction_and_under_its_key_only(keys: Keys) -> None:
    pair = new_key_pair(keys, AUCTION)
    with pytest.raises(UnwrapRefused):
        Opener(keys, "A0000000008", pair.wrapped_private_key)
    with pytest.raises(UnwrapRefused):
        Opener(Keys.derive(bytes(32)), AUCTION, pair.wrapped_private_key)
    with pytest.raises(UnwrapRefused):
        Opener(keys, AUCTION, b"")


def test_terms_do_not_show_when_printed() -> None:
    assert "380000" not in repr(TERMS)
    assert "10.0000" not in f"{TERMS!s}"
