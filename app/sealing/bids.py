"""Sealed bids (密封投标): HPKE (RFC 9180), with a key pair of its own for each auction.

A bid is sealed in the request that brings it, so that the database holds only ciphertext, and every
sealed bid is equally long. The seal is bound to the auction, the buyer and the bid's id: the ciphertext
of one bid opens as no other. The private key is kept wrapped under the service's own key, bound to the
auction, and is unwrapped at the opening.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from app.sealing.keys import Keys

PLAINTEXT_BYTES: Final = 256
"""Three figures of 40 characters each and their names fit; shorter bids are padded with blanks."""

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class SealBroken(Exception):
    """A sealed bid is not what was sealed for this auction, buyer and bid id; says which, never what."""


@dataclass(frozen=True, slots=True)
class AuctionKeyPair:
    """An auction's keys as they are stored: the public one plain (32 bytes), the private one wrapped."""

    public_key: bytes
    wrapped_private_key: bytes


@dataclass(frozen=True, slots=True, repr=False)
class BidTerms:
    """What a bid says, as it was written; printing shows nothing of it."""

    price: str
    quantity: str
    min_quantity: str | None


@dataclass(frozen=True, slots=True)
class Seal:
    """A sealed bid: what is stored, and the SHA-256 of it that is on the receipt."""

    ciphertext: bytes
    digest: bytes


def new_key_pair(keys: Keys, auction: str) -> AuctionKeyPair:
    """Make the key pair of an auction, named by its public id; the private key leaves here wrapped."""
    private_key = X25519PrivateKey.generate()
    return AuctionKeyPair(
        private_key.public_key().public_bytes_raw(),
        keys.wrap(private_key.private_bytes_raw(), _key_purpose(auction)),
    )


def seal(public_key: bytes, auction: str, buyer: str, bid: str, terms: BidTerms) -> Seal:
    """Seal a bid's terms to the auction's public key; raises ValueError where they are too long."""
    figures = {"price": terms.price, "quantity": terms.quantity, "min_quantity": terms.min_quantity}
    plaintext = json.dumps(figures).encode()
    if len(plaintext) > PLAINTEXT_BYTES:
        raise ValueError(f"a bid's terms take {len(plaintext)} bytes; at most {PLAINTEXT_BYTES} are sealed")
    ciphertext = _SUITE.encrypt(
        plaintext.ljust(PLAINTEXT_BYTES),
        X25519PublicKey.from_public_bytes(public_key),
        _bid_purpose(auction, buyer, bid),
    )
    return Seal(ciphertext, hashlib.sha256(ciphertext).digest())


class Opener:
    """Opens the sealed bids of one auction."""

    __slots__ = ("_auction", "_private_key")

    def __init__(self, keys: Keys, auction: str, wrapped_private_key: bytes) -> None:
        """Unwrap the auction's private key; raises UnwrapRefused."""
        self._auction = auction
        self._private_key = X25519PrivateKey.from_private_bytes(
            keys.unwrap(wrapped_private_key, _key_purpose(auction))
        )

    def open(self, buyer: str, bid: str, sealed: Seal) -> BidTerms:
        """The terms of a bid; raises SealBroken unless they are those sealed, to the bit, for this bid."""
        if hashlib.sha256(sealed.ciphertext).digest() != sealed.digest:
            raise SealBroken(f"bid {bid} is not what its receipt says")
        try:
            plaintext = _SUITE.decrypt(
                sealed.ciphertext, self._private_key, _bid_purpose(self._auction, buyer, bid)
            )
            return BidTerms(**json.loads(plaintext))
        except (InvalidTag, ValueError, TypeError):
            # Not chained: what a parser says of a plaintext may quote it.
            raise SealBroken(f"bid {bid} was not sealed for this auction, buyer and id") from None


def _key_purpose(auction: str) -> str:
    return f"gengheng/auction-key/1 {auction}"


def _bid_purpose(auction: str, buyer: str, bid: str) -> bytes:
    # Ids and codes hold no line break, so that no two triples make one text.
    return f"gengheng/bid/1\n{auction}\n{buyer}\n{bid}".encode()
