"""The few column types the tables use, in one place: BIGINT counts, TEXT, instants, closed lists."""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, ForeignKey, Text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType


class Box(UserDefinedType[str]):
    """PostgreSQL's own rectangle; its GiST operators need no extension."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name the type in DDL."""
        return "box"


# So that the check of tables against migrations recognises the column.
ischema_names["box"] = Box


def identity() -> Column[int]:
    """A BIGINT key that the database numbers."""
    return Column(BigInteger, primary_key=True, autoincrement=True)


def count(*, nullable: bool = False, default: int | None = None, primary_key: bool = False) -> Column[int]:
    """A quantity or amount in its smallest step (RULES 1), or a plain number."""
    return Column(
        BigInteger,
        nullable=nullable and not primary_key,
        primary_key=primary_key,
        autoincrement=False,
        server_default=None if default is None else str(default),
    )


def text(*, nullable: bool = False, primary_key: bool = False) -> Column[str]:
    """Text, compared by code point (COLLATE "C"), as the record formats compare ids."""
    return Column(Text(collation="C"), nullable=nullable and not primary_key, primary_key=primary_key)


def instant(*, nullable: bool = False) -> Column[Any]:
    """A TIMESTAMPTZ of the one clock, the database's."""
    return Column(DateTime(timezone=True), nullable=nullable)


def octets(*, nullable: bool = False, unique: bool = False) -> Column[bytes]:
    """BYTEA: digests, keys, sealed bids."""
    return Column(BYTEA, nullable=nullable, unique=unique)


def document(*, nullable: bool = False) -> Column[Any]:
    """JSONB: policy values and event payloads."""
    return Column(JSONB, nullable=nullable)


def texts() -> Column[Any]:
    """TEXT[]: roles, reasons."""
    return Column(ARRAY(Text), nullable=False, server_default="{}")


def refers(
    target: str, *, nullable: bool = False, primary_key: bool = False, index: bool = False
) -> Column[Any]:
    """A foreign key to ``table.column``: BIGINT for ids, TEXT COLLATE "C" for codes."""
    kind: Any = Text(collation="C") if target.endswith(".code") else BigInteger
    return Column(
        kind,
        ForeignKey(target),
        nullable=nullable and not primary_key,
        primary_key=primary_key,
        autoincrement=False,
        index=index,
    )


def one_of(table: str, column: str, values: type[StrEnum]) -> CheckConstraint:
    """The CHECK that keeps a TEXT column to an enumeration (the design's way with enums)."""
    listed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"ck_{table}_{column}")
