"""Quantities and money as integers of the smallest step, and as plain decimal strings (RULES 1).

Inside the exchange every quantity is an ``int`` of its smallest step (1 m², 0.01 kg, 1 fen) and no
float exists. At the edges it is a plain decimal string: digits, and a point with digits after it; no
sign, no exponent, no blank.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from app.market.errors import BadQuantity
from app.market.indicators import HECTARE, UNIT, Indicator

MAX_STEPS = 2**63 - 1
"""What a BIGINT holds, and so the most the exchange can count of anything."""

MOST_AMOUNT_FEN = 10**18
"""The most that one trade may come to: far inside 64 bits, so that no rounding of its lines leads out."""

MONEY_PLACES = 2
"""Money and prices are counted in fen: 0.01 yuan."""

_PLAIN_DECIMAL = re.compile(r"[0-9]+(?:\.([0-9]+))?", re.ASCII)


def parse_decimal(text: str, places: int, *, field: str | None = None) -> int:
    """Read a plain decimal string of at most ``places`` places as an int of the smallest step.

    Raises BadQuantity where ``text`` is no such string, has more places, or exceeds 64 bits.
    """
    match = _PLAIN_DECIMAL.fullmatch(text)
    if match is None:
        raise BadQuantity(
            f"{text[:40]!r} is no plain decimal: digits, and a point with digits after it, as in "
            f'"{format_decimal(10 ** (places + 1), places)}"; no sign, no exponent.',
            field=field,
        )
    fraction = match.group(1) or ""
    if len(fraction) > places:
        raise BadQuantity(f"{text[:40]!r} has more than {places} decimal places.", field=field)
    # A string of digits this long can't fit in 64 bits unless its front is zeros; int() on a huge
    # string is quadratic, so it is cut off first.
    whole = text.split(".", 1)[0].lstrip("0")
    if len(whole) > 19:
        raise BadQuantity(f"{text[:40]!r}… is beyond 64 bits in its smallest step.", field=field)
    steps = int((whole or "0") + fraction.ljust(places, "0"))
    if steps > MAX_STEPS:
        raise BadQuantity(f"{text[:40]!r} is beyond 64 bits in its smallest step.", field=field)
    return steps


def steps_of_any_size(figure: object, places: int) -> int | None:
    """Read a plain decimal string that nothing bounds, as an int of the smallest step; else None.

    For what can't be sent back any more: a sealed bid's own figures, where 30 digits are still a plain
    decimal (RULES 10, FORMATS.md) and a JSON number is none.
    """
    match = _PLAIN_DECIMAL.fullmatch(figure) if isinstance(figure, str) else None
    if match is None:
        return None
    whole, _, fraction = match.group().partition(".")
    if len(fraction) > places:
        return None
    return _int_of_digits(whole + fraction) * int(10 ** (places - len(fraction)))


def _int_of_digits(digits: str) -> int:
    """The int of a string of digits; Python refuses long ones to int(), whose cost is quadratic."""
    if len(digits) <= 600:
        return int(digits)
    half = len(digits) // 2
    return _int_of_digits(digits[:-half]) * int(10**half) + _int_of_digits(digits[-half:])


def format_decimal(steps: int, places: int) -> str:
    """Print an int of the smallest step with exactly ``places`` places (negative for differences)."""
    sign, magnitude = ("-", -steps) if steps < 0 else ("", steps)
    whole, fraction = divmod(magnitude, 10**places)
    return f"{sign}{whole}.{fraction:0{places}d}" if places else f"{sign}{whole}"


def parse_quantity(text: str, indicator: Indicator, *, field: str | None = None) -> int:
    """Read a quantity of ``indicator`` (hm² or kg) as an int of its smallest step."""
    return parse_decimal(text, UNIT[indicator].places, field=field)


def format_quantity(steps: int, indicator: Indicator) -> str:
    """Print a quantity of ``indicator``: areas with 4 places, capacity with 2."""
    return format_decimal(steps, UNIT[indicator].places)


def format_quantities(
    steps: Mapping[Indicator, int], indicators: Iterable[Indicator] = Indicator
) -> dict[str, str]:
    """Print quantities by indicator's name, for an answer or an event: 0 for one that is missing."""
    return {each.value: format_quantity(steps.get(each, 0), each) for each in indicators}


def parse_money(text: str, *, field: str | None = None) -> int:
    """Read yuan (or yuan per hm² or kg) as fen."""
    return parse_decimal(text, MONEY_PLACES, field=field)


def format_money(fen: int) -> str:
    """Print fen as yuan with 2 places."""
    return format_decimal(fen, MONEY_PLACES)


def divide_half_up(numerator: int, denominator: int) -> int:
    """Divide non-negative integers and round half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def amount_fen(price_fen_per_unit: int, quantity_steps: int, indicator: Indicator) -> int:
    """Price × quantity in fen, rounded half up once (RULES 1): the amount of one line."""
    return divide_half_up(price_fen_per_unit * quantity_steps, UNIT[indicator].steps)


def mu(area_m2: int) -> str:
    """Print an area also in 亩 (1 hm² = 15 亩 exactly), for people to read."""
    return format_decimal(area_m2 * 15, 4)


def quantity_mu(steps: int, indicator: Indicator) -> str | None:
    """Print a quantity also in 亩 where it is an area; None for capacity."""
    return mu(steps) if UNIT[indicator] is HECTARE else None


def wan_yuan(fen: int) -> str:
    """Print money also in 万元 (10,000 yuan), exactly, for people to read."""
    return format_decimal(fen, MONEY_PLACES + 4)


def group_thousands(figure: str) -> str:
    """Print a decimal string with its thousands set apart, for people to read: 1,234,567.8900."""
    whole, point, fraction = figure.removeprefix("-").partition(".")
    return f"{'-' if figure.startswith('-') else ''}{int(whole):,}{point}{fraction}"


def rfc3339(instant: datetime) -> str:
    """Print an instant in UTC, ending in Z, with its microseconds: one spelling in answers and events."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
