"""A request's body, read as JSON that means one thing only.

What makes JSON mean different things to different readers, or what the database can't keep, is refused
before any model sees it: a field given twice, NaN and Infinity, NUL and lone surrogates in text, whole
numbers beyond 64 bits, nesting without end. Each refusal names the field.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from app.market.errors import Malformed

DEEPEST = 32
"""No body of this service nests deeper than a handful of levels."""

_LONGEST_NAME_SHOWN = 60
_LARGEST_WHOLE = 2**63 - 1
_LONGEST_WHOLE = 20  # characters; Python's int() is quadratic on long ones
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


class _Repeated(dict[str, Any]):
    """An object in which a field is given more than once."""

    field = ""


class _Unkeepable:
    """A number that no field could hold."""


_UNKEEPABLE = _Unkeepable()


def strict_json(raw: bytes) -> Any:
    """Read a body; raises Malformed (``unparsable_json`` where it is no JSON at all)."""
    try:
        tree = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError as error:
        raise _unparsable(f"it is not UTF-8: byte {error.start} can't be read") from error
    except json.JSONDecodeError as error:
        raise _unparsable(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise _too_deep() from error
    _check(tree, (), DEEPEST)
    return tree


def shown(path: Iterable[object]) -> str:
    """Print a field's path, dotted, each name cut to a readable length; the body itself is ``body``."""
    names = [str(name) for name in path]
    return ".".join(_printable(name) for name in names) or "body"


def _printable(name: str) -> str:
    cut = name if len(name) <= _LONGEST_NAME_SHOWN else name[:_LONGEST_NAME_SHOWN] + "…"
    return _NOT_TEXT.sub("�", cut)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    repeated, seen = _Repeated(made), set[str]()
    for name, _ in pairs:
        if name in seen:
            repeated.field = name
            break
        seen.add(name)
    return repeated


def _whole(digits: str) -> int | _Unkeepable:
    if len(digits) > _LONGEST_WHOLE or abs(int(digits)) > _LARGEST_WHOLE:
        return _UNKEEPABLE
    return int(digits)


def _no_constant(name: str) -> NoReturn:
    raise _unparsable(f"{name} is no JSON")


def _check(value: Any, path: tuple[object, ...], levels_left: int) -> None:
    if isinstance(value, str):
        if _NOT_TEXT.search(value):
            raise Malformed(
                "bad_text", "Text may hold neither NUL nor half of a surrogate pair.", field=shown(path)
            )
    elif isinstance(value, dict | list):
        if levels_left == 0:
            raise _too_deep()
        if isinstance(value, _Repeated):
            raise Malformed(
                "repeated_field", "This field is given more than once.", field=shown((*path, value.field))
            )
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            if isinstance(name, str) and _NOT_TEXT.search(name):
                raise Malformed("bad_text", "A field's name holds no text.", field=shown((*path, name)))
            _check(item, (*path, name), levels_left - 1)
    elif value is _UNKEEPABLE or value in (float("inf"), float("-inf")):
        raise Malformed("number_too_large", "This number is beyond 64 bits.", field=shown(path))


def _unparsable(why: str) -> Malformed:
    return Malformed("unparsable_json", f"The body is no JSON: {why}.", field="body")


def _too_deep() -> Malformed:
    return Malformed("nested_too_deeply", f"The body nests deeper than {DEEPEST} levels.", field="body")
