"""The service's keys, all derived from the one sealing key of the settings.

Each use has a key of its own (HKDF-SHA256, RFC 5869), so that none can stand in for another. Bodies of
sealed bids are easy to guess, so the digest that remembers a request under its idempotency key is keyed:
a dump of the database can't be searched for the price that fits it.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_NONCE_BYTES = 12


class UnwrapRefused(Exception):
    """A wrapped key was not wrapped under this sealing key, or not for this purpose, or was changed."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The derived keys; printing shows none of them."""

    _request: bytes
    _cursor: bytes
    _wrapping: bytes

    @classmethod
    def derive(cls, sealing_key: bytes) -> "Keys":
        """Derive every key from the 32 bytes of the settings; raises ValueError for other lengths."""
        if len(sealing_key) != KEY_BYTES:
            raise ValueError(f"a sealing key has {KEY_BYTES} bytes, not {len(sealing_key)}")

        def derived(use: bytes) -> bytes:
            return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"gengheng/key/1 " + use).derive(sealing_key)

        return cls(derived(b"request"), derived(b"cursor"), derived(b"wrapping"))

    def request_digest(self, method: str, path: str, body: bytes) -> bytes:
        """HMAC-SHA256 of a request; without the key it can't be tried against guessed bodies."""
        head = f"{method} {path}\n".encode()
        return hmac.digest(self._request, head + body, hashlib.sha256)

    def cursor_tag(self, content: bytes) -> bytes:
        """The 16 bytes that show a cursor to be one that this service made."""
        return hmac.digest(self._cursor, content, hashlib.sha256)[:16]

    def is_cursor_tag(self, content: bytes, tag: bytes) -> bool:
        """Whether ``tag`` belongs to ``content``, in constant time."""
        return hmac.compare_digest(self.cursor_tag(content), tag)

    def wrap(self, secret: bytes, purpose: str) -> bytes:
        """Encrypt ``secret`` (AES-256-GCM) bound to ``purpose``, such as one auction's id."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._wrapping).encrypt(nonce, secret, purpose.encode())

    def unwrap(self, wrapped: bytes, purpose: str) -> bytes:
        """Decrypt what ``wrap`` made for the same purpose; raises UnwrapRefused for anything else."""
        try:
            return AESGCM(self._wrapping).decrypt(
                wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], purpose.encode()
            )
        except (InvalidTag, ValueError) as error:
            raise UnwrapRefused(f"the key for {purpose} can't be unwrapped") from error


def token_digest(token: str) -> bytes:
    """SHA-256 of a bearer token (256 random bits, so that no slow hash is needed)."""
    return hashlib.sha256(token.encode()).digest()
