"""Tokens: only the SHA-256 of each is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CheckConstraint, text
from sqlmodel import Field, SQLModel

from app.market.access import Actor, Role
from app.store import columns
from app.store.database import Connection


class Token(SQLModel, table=True):
    """A bearer token: only its SHA-256 is stored."""

    __table_args__ = (
        CheckConstraint(
            "roles <@ ARRAY[" + ", ".join(f"'{role.value}'" for role in Role) + "]::text[]",
            name="ck_token_roles",
        ),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    digest: bytes = Field(sa_column=columns.octets(unique=True))
    label: str = Field(sa_column=columns.text())
    jurisdiction: str = Field(sa_column=columns.refers("jurisdiction.code"))
    roles: list[str] = Field(sa_column=columns.texts())
    created_at: datetime = Field(sa_column=columns.instant())
    expires_at: datetime = Field(sa_column=columns.instant())
    revoked_at: datetime | None = Field(default=None, sa_column=columns.instant(nullable=True))


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as an administrator sees it."""

    number: int
    label: str
    jurisdiction: str
    roles: frozenset[Role]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


async def bearer(connection: Connection, digest: bytes) -> Actor | None:
    """Return the bearer of the token with this SHA-256, unless it is expired or revoked."""
    found = await connection.execute(
        text(
            """
            SELECT id, label, jurisdiction, roles FROM token
             WHERE digest = :digest AND revoked_at IS NULL AND clock_timestamp() < expires_at
            """
        ),
        {"digest": digest},
    )
    row = found.first()
    if row is None:
        return None
    return Actor(row.id, row.label, row.jurisdiction, frozenset(Role(role) for role in row.roles))


async def insert(
    connection: Connection,
    *,
    digest: bytes,
    label: str,
    jurisdiction: str,
    roles: frozenset[Role],
    created_at: datetime,
    expires_at: datetime,
) -> int:
    """Store a token's digest; return its number."""
    made = await connection.execute(
        text(
            """
            INSERT INTO token (digest, label, jurisdiction, roles, created_at, expires_at)
            VALUES (:digest, :label, :jurisdiction, :roles, :created_at, :expires_at) RETURNING id
            """
        ),
        {
            "digest": digest,
            "label": label,
            "jurisdiction": jurisdiction,
            "roles": sorted(roles),
            "created_at": created_at,
            "expires_at": expires_at,
        },
    )
    number: int = made.scalar_one()
    return number


async def every(connection: Connection) -> Sequence[TokenRow]:
    """Return every token in the order they were made."""
    found = await connection.execute(
        text(
            "SELECT id, label, jurisdiction, roles, created_at, expires_at, revoked_at FROM token ORDER BY id"
        )
    )
    return [
        TokenRow(
            row.id,
            row.label,
            row.jurisdiction,
            frozenset(Role(role) for role in row.roles),
            row.created_at,
            row.expires_at,
            row.revoked_at,
        )
        for row in found
    ]


async def revoke(connection: Connection, *, number: int, at: datetime) -> bool:
    """Revoke a token; whether there was one in force."""
    done = await connection.execute(
        text("UPDATE token SET revoked_at = :at WHERE id = :number AND revoked_at IS NULL"),
        {"at": at, "number": number},
    )
    return done.rowcount == 1
