"""The names things go by outside: a letter or two and ten digits; code-point order is order of age."""

import re
from enum import Enum

from app.market.errors import NotFound


class Kind(Enum):
    """What an id names: its letter or letters, and its name in an error."""

    PROJECT = ("P", "project")
    BATCH = ("R", "reserve batch")
    LISTING = ("L", "listing")
    APPLICATION = ("F", "land application")
    WRITE_OFF = ("W", "write-off")
    COMMITMENT = ("K", "commitment")
    OBLIGATION = ("O", "obligation")
    NEED = ("N", "need")
    ALLOCATION = ("D", "allocation")
    AUCTION = ("A", "auction")
    REGISTRATION = ("G", "registration")
    PURCHASE = ("U", "purchase")
    TRADE = ("T", "trade")
    LINE = ("I", "trade line")
    OBJECTION = ("H", "objection")
    BAND = ("C", "price band")
    FEE_STANDARD = ("RF", "reclamation-fee standard")
    POLICY = ("Y", "policy")
    SANCTION = ("S", "sanction")
    INSPECTION = ("V", "inspection")
    SPOT_CHECK = ("Q", "spot check")
    MOVEMENT = ("M", "cash movement")
    TRANSACTION = ("X", "ledger transaction")
    ENTRY = ("E", "ledger entry")
    DESIGNATION = ("Z", "designation")
    EVENT = ("J", "journal event")
    PACKAGE = ("B", "imported package")


_DIGITS = re.compile(r"[0-9]{10}", re.ASCII)


def public_id(kind: Kind, number: int) -> str:
    """Print a row's number as its public id, such as ``L0000000042``."""
    return f"{kind.value[0]}{number:010d}"


def row_number(kind: Kind, public: str, *, field: str | None = None) -> int:
    """Read a public id back; raises NotFound for anything that can't be one."""
    letter, what = kind.value
    if not public.startswith(letter) or not _DIGITS.fullmatch(public[len(letter) :]):
        raise NotFound(what, public[:40], field=field)
    return int(public[len(letter) :])
