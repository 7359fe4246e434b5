"""What bodies and answers are made of: strict models, and the field types they share.

Quantities and money are decimal strings; instants are RFC 3339 with an offset; unknown fields are
refused. Nothing here is coerced: a JSON number for a quantity is an error that says so.
"""

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


def _instant(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError('an instant is an RFC 3339 string with its offset, such as "2026-03-01T01:00:00Z"')
    if len(value) < 20 or value[10] not in "Tt":
        raise ValueError(f'{value[:40]!r} is no RFC 3339 instant such as "2026-03-01T01:00:00Z"')
    try:
        instant = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f'{value[:40]!r} is no RFC 3339 instant such as "2026-03-01T01:00:00Z"') from error
    if instant.tzinfo is None:
        raise ValueError(f"{value[:40]!r} has no offset from UTC; end it in Z or in +08:00")
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{value[:40]!r} is outside the calendar") from error


def _day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) != 10:
        raise ValueError('a day is a string such as "2026-03-01"')
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f'{value!r} is no day such as "2026-03-01"') from error


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
Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
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
