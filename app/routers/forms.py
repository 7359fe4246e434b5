"""What bodies and answers are made of: strict models, and the field types they share.

Quantities and money are decimal strings; instants are RFC 3339 with an offset; unknown fields are
refused. Nothing here is coerced: a JSON number for a quantity is an error that says so.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StrictBool, StrictInt

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""Days are days in China."""


class Form(BaseModel):
    """A request's body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


def rfc3339(instant: datetime) -> str:
    """Print an instant in UTC, ending in Z, with its microseconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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
Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
"""Text that a person reads: not blank, at most 500 characters."""
Code = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z_-]+$", examples=["511922"])]
"""A jurisdiction's code."""
Id = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z_-]+$")]
"""The public id of anything else, such as L0000000042."""
DecimalText = Annotated[str, Field(max_length=40, pattern=r"^[0-9]+(\.[0-9]+)?$")]
"""A plain decimal string: digits, and a point with digits after it."""
AreaText = Annotated[str, Field(max_length=40, pattern=r"^[0-9]+(\.[0-9]{1,4})?$", examples=["12.3456"])]
"""An area in hm², at most 4 places."""
MoneyText = Annotated[str, Field(max_length=40, pattern=r"^[0-9]+(\.[0-9]{1,2})?$", examples=["300000.00"])]
"""Yuan, or yuan per hm² or per kg, at most 2 places."""
Whole = StrictInt
Switch = StrictBool
