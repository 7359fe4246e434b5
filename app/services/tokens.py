"""Bearer tokens: made, listed and revoked; the secret is shown once and never stored."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.market.access import Role
from app.market.errors import Malformed, NotFound
from app.sealing.keys import token_digest
from app.store import clock
from app.store import jurisdictions as register
from app.store import tokens as store
from app.store.database import Connection
from app.store.tokens import TokenRow

__all__ = ["MadeToken", "TokenRow", "create", "revoke", "tokens"]

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class MadeToken:
    """A new token: its number, and the secret that only its bearer will ever see."""

    number: int
    secret: str


async def create(
    connection: Connection, *, label: str, jurisdiction: str, roles: frozenset[Role], expires_at: datetime
) -> MadeToken:
    """Make a token of 256 random bits for a jurisdiction; raises NotFound, Malformed."""
    if not roles:
        raise Malformed("no_roles", "A token needs at least one role.", field="roles")
    if not await register.is_known(connection, jurisdiction):
        raise NotFound("jurisdiction", jurisdiction, field="jurisdiction")
    secret = "gh_" + secrets.token_urlsafe(SECRET_BYTES)
    number = await store.insert(
        connection,
        digest=token_digest(secret),
        label=label,
        jurisdiction=jurisdiction,
        roles=roles,
        created_at=await clock.now(connection),
        expires_at=expires_at,
    )
    return MadeToken(number, secret)


async def tokens(connection: Connection) -> Sequence[TokenRow]:
    """Return every token, without its secret, in the order they were made."""
    return await store.every(connection)


async def revoke(connection: Connection, *, number: int) -> None:
    """Revoke a token at once; raises NotFound where there is none in force of that number."""
    if not await store.revoke(connection, number=number, at=await clock.now(connection)):
        raise NotFound("token in force with number", number)
