"""How a record's fields are read: every fault is collected with its path, none stops the reading.

A reader is called with a JSON value, its path and the faults so far. On a fault it blames the path and
returns a placeholder of the right type, so that the rest can be read too; a record with any fault is
refused in the end (``Faults.refuse_any``), so a placeholder never gets out.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from app.documents.json_text import NotJson, child, describe, parse
from app.market.errors import BadQuantity, Malformed
from app.market.indicators import Indicator
from app.market.units import MONEY_PLACES, parse_decimal

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?Z", re.ASCII
)
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_SHARE = re.compile(r"([0-9]+)(?:\.([0-9]+))?", re.ASCII)

_INDICATORS = {indicator.value: indicator for indicator in Indicator}

LONGEST_SHARE = 1000
"""Characters of a share: it is held as an exact fraction, so it must end somewhere."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a record, and where."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class FaultyRecord(Malformed):
    """A record that is no record; ``faults`` are all that was found wrong, each with its path."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("faulty_record", "; ".join(map(str, self.faults)))


class Faults:
    """The faults found so far; at one path only the first counts, as the others may follow from it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._blamed: set[str] = set()

    def blame(self, path: str, problem: str) -> None:
        """Record a fault at ``path``, unless there is one already."""
        if path not in self._blamed:
            self._blamed.add(path)
            self._faults.append(Fault(path, problem))

    def excuse(self, path: str) -> None:
        """Say nothing of ``path`` from now on: it is not there because of another fault."""
        self._blamed.add(path)

    def blamed(self, path: str) -> bool:
        """Whether something is wrong at this very path (not: inside it)."""
        return path in self._blamed

    def refuse_any(self) -> None:
        """Raise FaultyRecord if there is any fault."""
        if self._faults:
            raise FaultyRecord(self._faults)


Reader = Callable[[object, str, Faults], T]

_MISSING = object()
"""Stands for a field that is not there; whoever reads it finds its path blamed already."""


class Fields:
    """One object of a record, whose fields are known: unknown and missing ones are faults."""

    def __init__(
        self, value: object, path: str, faults: Faults, required: Iterable[str], optional: Iterable[str] = ()
    ) -> None:
        self.path = path
        self.faults = faults
        self._fields: dict[str, object] = {}
        names = (*required, *optional)
        if not isinstance(value, dict):
            faults.blame(path, f"must be an object, not {describe(value)}")
            for name in names:
                faults.excuse(f"{path}.{name}")
            return
        self._fields = value
        for name in value:
            if name not in names:
                faults.blame(child(path, name), "is an unknown field")
        for name in required:
            if name not in value:
                faults.blame(f"{path}.{name}", "is missing")

    def required(self, name: str, reader: Reader[T]) -> T:
        """Read a field that must be there."""
        return reader(self._fields.get(name, _MISSING), f"{self.path}.{name}", self.faults)

    def optional(self, name: str, reader: Reader[T]) -> T | None:
        """Read a field that may be absent or null: then None."""
        value = self._fields.get(name)
        return None if value is None else reader(value, f"{self.path}.{name}", self.faults)

    def raw(self, name: str) -> object:
        """A field's value as it is; None if it is not there."""
        return self._fields.get(name)

    def sound(self, *names: str) -> bool:
        """Whether nothing is wrong with these fields of the object itself."""
        return not any(self.faults.blamed(f"{self.path}.{name}") for name in names)

    def blame(self, name: str, problem: str) -> None:
        """Record a fault of one field."""
        self.faults.blame(f"{self.path}.{name}", problem)


def open_record(
    raw: bytes, record_format: str, required: Iterable[str], optional: Iterable[str] = ()
) -> Fields:
    """Read the bytes as one object of the given format; raises FaultyRecord where they are no JSON."""
    try:
        parsed = parse(raw)
    except NotJson as wrong:
        raise FaultyRecord([Fault("$", str(wrong))]) from None
    faults = Faults()
    for path, problem in parsed.ambiguities():
        faults.blame(path, problem)
    fields = Fields(parsed.tree, "$", faults, ("format", *required), optional)
    if fields.required("format", any_text) != record_format:
        fields.blame("format", f'must be "{record_format}"')
    return fields


def any_text(value: object, path: str, faults: Faults) -> str:
    """Any string."""
    if isinstance(value, str):
        return value
    faults.blame(path, f"must be a string, not {describe(value)}")
    return ""


def code(value: object, path: str, faults: Faults) -> str:
    """An id or code: a string that is not empty."""
    text = any_text(value, path, faults)
    if not text:
        faults.blame(path, "must not be empty")
    return text


def flag(value: object, path: str, faults: Faults) -> bool:
    """A boolean."""
    if isinstance(value, bool):
        return value
    faults.blame(path, f"must be true or false, not {describe(value)}")
    return False


def choice(values: type[E], placeholder: E) -> Reader[E]:
    """One of an enum's values."""
    by_value = {each.value: each for each in values}
    known = ", ".join(by_value)

    def read(value: object, path: str, faults: Faults) -> E:
        text = any_text(value, path, faults)
        if text not in by_value:
            faults.blame(path, f"{text[:40]!r} is not one of {known}")
            return placeholder
        return by_value[text]

    return read


def decimal(places: int, placeholder: int = 0) -> Reader[int]:
    """A plain decimal string of at most ``places`` places, as an int of its smallest step."""

    def read(value: object, path: str, faults: Faults) -> int:
        if not isinstance(value, str):
            faults.blame(path, f'must be a decimal string such as "12.5", not {describe(value)}')
            return placeholder
        try:
            return parse_decimal(value, places)
        except BadQuantity as refusal:
            faults.blame(path, refusal.detail)
            return placeholder

    return read


money = decimal(MONEY_PLACES)
"""Yuan, or yuan per unit, as fen."""


def share(value: object, path: str, faults: Faults) -> Fraction:
    """A plain decimal string of any number of places, exactly."""
    text = any_text(value, path, faults)
    match = _SHARE.fullmatch(text)
    if match is None or len(text) > LONGEST_SHARE:
        faults.blame(path, f'{text[:40]!r} is no plain decimal such as "0.25"')
        return Fraction(0)
    whole, fraction = match.group(1), match.group(2) or ""
    return Fraction(int(whole + fraction), 10 ** len(fraction))


def instant(value: object, path: str, faults: Faults) -> int:
    """An RFC 3339 time in UTC, ending in Z, in microseconds since 1970-01-01T00:00:00Z."""
    text = any_text(value, path, faults)
    match = _INSTANT.fullmatch(text)
    if match is None:
        faults.blame(
            path,
            f"{text[:40]!r} is no UTC time such as 2026-03-01T01:00:00Z (at most 6 digits of a second)",
        )
        return 0
    *calendar, fraction = match.groups()
    year, month, day, hour, minute, second = map(int, calendar)
    microsecond = int((fraction or "").ljust(6, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)
    except ValueError as wrong:
        faults.blame(path, f"{text!r} is no real time: {wrong}")
        return 0
    return (moment - _EPOCH) // _MICROSECOND


def day(value: object, path: str, faults: Faults) -> date:
    """A calendar day, YYYY-MM-DD."""
    text = any_text(value, path, faults)
    match = _DAY.fullmatch(text)
    if match is None:
        faults.blame(path, f"{text[:40]!r} is no day such as 2018-05-01")
        return date.min
    try:
        return date(*map(int, match.groups()))
    except ValueError as wrong:
        faults.blame(path, f"{text!r} is no real day: {wrong}")
        return date.min


def grade(value: object, path: str, faults: Faults) -> int | None:
    """A quality grade: a JSON whole number from 1 to 15."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 15:
        return value
    shown = value if isinstance(value, int) and not isinstance(value, bool) else describe(value)
    faults.blame(path, f"must be a whole number from 1 to 15, not {shown}")
    return None


def items(value: object, path: str, faults: Faults) -> list[tuple[object, str]]:
    """An array's items, each with its path."""
    if isinstance(value, list):
        return [(item, f"{path}[{at}]") for at, item in enumerate(value)]
    faults.blame(path, f"must be an array, not {describe(value)}")
    return []


def members(value: object, path: str, faults: Faults) -> list[tuple[str, object, str]]:
    """An object's fields whose names are free, each as name, value and path."""
    if isinstance(value, dict):
        return [(name, each, child(path, name)) for name, each in value.items()]
    faults.blame(path, f"must be an object, not {describe(value)}")
    return []


def by_indicator(reader: Callable[[Indicator], Reader[int]]) -> Reader[dict[Indicator, int]]:
    """An object from indicators to figures, each read by the reader of its indicator."""

    def read(value: object, path: str, faults: Faults) -> dict[Indicator, int]:
        figures: dict[Indicator, int] = {}
        for name, each, where in members(value, path, faults):
            indicator = _INDICATORS.get(name)
            if indicator is None:
                faults.blame(where, f"is no indicator; they are {', '.join(_INDICATORS)}")
            else:
                figures[indicator] = reader(indicator)(each, where, faults)
        return figures

    return read


def blame_repeated_ids(ids: Iterable[str], path: str, faults: Faults) -> None:
    """Blame every id of a list that stands at an earlier place too."""
    first: dict[str, int] = {}
    for at, each in enumerate(ids):
        if first.setdefault(each, at) != at:
            faults.blame(f"{path}[{at}].id", f"repeats the id of {path}[{first[each]}]")


def instant_text(instant_us: int) -> str:
    """Print microseconds since 1970-01-01T00:00:00Z as ``instant`` reads them."""
    return (_EPOCH + instant_us * _MICROSECOND).isoformat().replace("+00:00", "Z")


def share_text(exact: Fraction) -> str:
    """Print a share as ``share`` reads it, with at least 2 places; ValueError if no decimal is exact."""
    for places in range(2, LONGEST_SHARE - 1):
        scaled = exact * 10**places
        if scaled.denominator == 1:
            whole, fraction = divmod(scaled.numerator, 10**places)
            return f"{whole}.{fraction:0{places}d}"
    raise ValueError(f"The share {exact} has no decimal of at most {LONGEST_SHARE} characters.")
