"""What bodies and answers are made of: strict models, and the field types they share.

Quantities and money are decimal strings; instants are RFC 3339 with an offset; unknown fields are
refused. Nothing here is coerced: a JSON number for a quantity is an error that says so.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    StrictBool,
    StrictInt,
)
from pydantic_core import CoreSchema, core_schema

from app.market.units import rfc3339


class Form(BaseModel):
    """A request's body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WarningView(View):
    """Something to know; it stops nothing."""

    code: str
    detail: str


_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_YEARS = range(1900, 9000)
"""Far from the calendar's ends, so that no zone's offset or term of days can fall off it."""


def _instant(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError('an instant is an RFC 3339 string with its offset, such as "2026-03-01T01:00:00Z"')
    refusal = f'{value[:40]!r} is no RFC 3339 instant such as "2026-03-01T01:00:00Z"'
    if not _RFC3339.fullmatch(value):
        if _ISO_DAY.match(value) and value[10:11] in ("T", "t") and value[-6:-5] not in ("+", "-"):
            refusal += "; it needs its offset from UTC, Z or +08:00, and at most 6 places of a second"
        raise ValueError(refusal)
    try:
        instant = datetime.fromisoformat(value.upper())
    except ValueError as error:
        raise ValueError(refusal) from error
    _refuse_far(instant.year)
    return instant.astimezone(UTC)


def _day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _ISO_DAY.fullmatch(value):
        raise ValueError('a day is a string such as "2026-03-01"')
    try:
        day = date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f'{value!r} is no day such as "2026-03-01"') from error
    _refuse_far(day.year)
    return day


def _refuse_far(year: int) -> None:
    if year not in _YEARS:
        raise ValueError(f"the year is from {_YEARS.start} to {_YEARS.stop - 1}")


Instant = Annotated[
    datetime,
    BeforeValidator(
        _instant, json_schema_input_type=Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    ),
    PlainSerializer(rfc3339, return_type=str),
]
Day = Annotated[
    date,
    BeforeValidator(_day, json_schema_input_type=Annotated[str, Field(json_schema_extra={"format": "date"})]),
]


@dataclass(frozen=True, slots=True)
class Spelt:
    """Text that matches ``pattern`` from end to end; a refusal says ``how`` it is written, for a person.

    The framework's own check would answer with the regular expression.
    """

    pattern: str
    how: str

    def check(self, text: str) -> str:
        """Return the text; raises ValueError for any other spelling."""
        if not re.fullmatch(self.pattern, text, re.ASCII):
            raise ValueError(self.how)
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check after the type's own rules."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Show the pattern in the OpenAPI."""
        return {**handler(schema), "pattern": f"^{self.pattern}$"}


Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
"""Text that a person reads: not blank, at most 500 characters."""
Code = Annotated[
    str,
    Field(min_length=1, max_length=40, examples=["511922"]),
    Spelt("[0-9A-Za-z_-]+", 'A jurisdiction\'s code is letters, digits, _ and -, such as "511922".'),
]
"""A jurisdiction's code."""
Id = Annotated[
    str,
    Field(min_length=1, max_length=40),
    Spelt("[0-9A-Za-z_-]+", 'An id is letters, digits, _ and -, such as "L0000000042".'),
]
"""The public id of anything else, such as L0000000042."""
DecimalText = Annotated[
    str,
    Field(max_length=40),
    Spelt(
        r"[0-9]+(\.[0-9]+)?",
        'This is a plain decimal: digits, and a point with digits after it, such as "12.5"; '
        "no unit, sign, comma or blank.",
    ),
]
"""A plain decimal string: digits, and a point with digits after it."""
AreaText = Annotated[
    str,
    Field(max_length=40, examples=["12.3456"]),
    Spelt(
        r"[0-9]+(\.[0-9]{1,4})?",
        'An area is a plain decimal in hm² with at most 4 places (1 m²), such as "12.3456"; '
        "no unit, sign, comma or blank. 15 亩 are 1 hm².",
    ),
]
"""An area in hm², at most 4 places."""
MoneyText = Annotated[
    str,
    Field(max_length=40, examples=["300000.00"]),
    Spelt(
        r"[0-9]+(\.[0-9]{1,2})?",
        'Money is a plain decimal in yuan with at most 2 places (1 fen), such as "300000.00"; '
        "no unit, sign, comma or blank. 1 万元 is 10000.",
    ),
]
"""Yuan, or yuan per hm² or per kg, at most 2 places."""
Whole = StrictInt
Switch = StrictBool
