"""JSON text as the records need it: exact, bounded only by its own size, and suspicious of ambiguity.

No number ever becomes a float: a whole number of at most 20 characters is an ``int``, any other a
``NumberLiteral``. What makes JSON mean different things to different readers (a field given twice, NaN,
half of a surrogate pair) is found with its path, wherever it hides.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

_LONGEST_INT = 20
"""Characters of a whole number that may fit in 64 bits; Python's int() is quadratic on long ones."""

_LONGEST_NAME_SHOWN = 60
_DEEPEST_PATH_SHOWN = 12

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SIMPLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class NotJson(Exception):
    """The bytes are no JSON text; says why, in one line."""


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A JSON number that is no whole number of 64 bits, as it was written."""

    text: str


@dataclass(frozen=True, slots=True)
class NotANumber:
    """NaN, Infinity or -Infinity, which are no JSON."""

    name: str


class RepeatedFields(dict[str, object]):
    """An object in which some fields are given more than once (the last one counts)."""

    repeated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A JSON value: objects are dicts, arrays lists, the rest as this module describes."""

    tree: object
    ambiguous: bool

    def ambiguities(self) -> Iterator[tuple[str, str]]:
        """Yield (path, problem) of each repeated field, NaN or Infinity, and lone surrogate."""
        return _ambiguities(self.tree) if self.ambiguous else iter(())


def parse(raw: bytes) -> Parsed:
    """Read UTF-8 bytes as one JSON value, however deep; raises NotJson."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as undecodable:
        raise NotJson(f"is not UTF-8: byte {undecodable.start} can't be read") from None
    if text.startswith("\ufeff"):
        raise NotJson("starts with a byte order mark, which JSON text must not have")
    hooks = _Hooks()
    try:
        try:
            tree = json.loads(
                text,
                parse_int=_whole,
                parse_float=NumberLiteral,
                parse_constant=hooks.constant,
                object_pairs_hook=hooks.object,
            )
        except RecursionError:
            # Nesting is no fault by itself: a sealed bid may hide a deep value, and that makes the bid
            # inadmissible, never the round (RULES 10).
            tree = _DeepParser(text, hooks).parse()
    except json.JSONDecodeError as wrong:
        raise NotJson(f"is not JSON: {wrong.msg} at line {wrong.lineno}, column {wrong.colno}") from None
    return Parsed(tree, hooks.ambiguous or _SURROGATE_ESCAPE.search(text) is not None)


def child(path: str, name: str | int) -> str:
    """The path of an object's field or an array's item, on one line whatever the name holds."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    if len(name) > _LONGEST_NAME_SHOWN:
        name = name[:_LONGEST_NAME_SHOWN] + "…"
    if _SIMPLE_NAME.fullmatch(name):
        return f"{path}.{name}"
    return f"{path}[{json.dumps(name, ensure_ascii=not name.isprintable())}]"


def describe(value: object) -> str:
    """Name the JSON type of a parsed value, for an error."""
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "a boolean"),
        ((int, NumberLiteral, NotANumber), "a number"),
        (str, "a string"),
        (list, "an array"),
        (dict, "an object"),
    )
    return next((name for types, name in names if isinstance(value, types)), "null")


def dump(value: Mapping[str, object]) -> bytes:
    """Write an object as readable UTF-8 JSON, ended by a line break; no floats, no NaN."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def _ambiguities(tree: object) -> Iterator[tuple[str, str]]:
    # A stack of its own, as in the deep parser; below a certain depth the path names its ancestor only.
    waiting: list[tuple[str, int, object]] = [("$", 0, tree)]
    while waiting:
        path, depth, value = waiting.pop()

        def below(name: str | int, path: str = path, depth: int = depth) -> str:
            if depth < _DEEPEST_PATH_SHOWN:
                return child(path, name)
            return path if path.endswith("…") else f"{path}…"

        if isinstance(value, str) and _LONE_SURROGATE.search(value):
            yield path, "holds a lone surrogate, which is no character"
        elif isinstance(value, NotANumber):
            yield path, f"is {value.name}, which is no JSON"
        elif isinstance(value, dict):
            for name in value:
                if _LONE_SURROGATE.search(name):
                    yield below(name), "has a lone surrogate, which is no character, in its name"
            if isinstance(value, RepeatedFields):
                for name in value.repeated:
                    yield below(name), "is given more than once"
            waiting.extend((below(name), depth + 1, value[name]) for name in reversed(value))
        elif isinstance(value, list):
            waiting.extend((below(at), depth + 1, value[at]) for at in reversed(range(len(value))))


def _whole(text: str) -> int | NumberLiteral:
    return int(text) if len(text) <= _LONGEST_INT else NumberLiteral(text)


class _Hooks:
    """What the parser calls for objects and constants; remembers whether to look for ambiguities."""

    def __init__(self) -> None:
        self.ambiguous = False

    def constant(self, name: str) -> NotANumber:
        self.ambiguous = True
        return NotANumber(name)

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, object]:
        fields = dict(pairs)
        if len(fields) == len(pairs):
            return fields
        self.ambiguous = True
        times: dict[str, int] = {}
        for name, _ in pairs:
            times[name] = times.get(name, 0) + 1
        repeated = RepeatedFields(fields)
        repeated.repeated = tuple(name for name, count in times.items() if count > 1)
        return repeated


class _Expect(Enum):
    VALUE = auto()
    VALUE_OR_END = auto()
    NAME = auto()
    NAME_OR_END = auto()
    COMMA_OR_END = auto()
    NOTHING = auto()


@dataclass(slots=True)
class _Array:
    items: list[object]


@dataclass(slots=True)
class _Object:
    pairs: list[tuple[str, object]]
    name: str = ""


class _DeepParser:
    """The same reading as ``json.loads``, with a stack of its own instead of the interpreter's.

    Slower by far, so it serves only texts that nest deeper than the interpreter allows.
    """

    _STRINGS = json.JSONDecoder()
    _BLANK = re.compile(r"[ \t\n\r]*")
    _NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?")
    _WORD = re.compile(r"true|false|null|NaN|-?Infinity")
    _WORDS: Mapping[str, object] = {"true": True, "false": False, "null": None}

    def __init__(self, text: str, hooks: _Hooks) -> None:
        self._text = text
        self._hooks = hooks
        self._at = 0
        self._open: list[_Array | _Object] = []
        self._whole: object = None
        self._expect = _Expect.VALUE

    def parse(self) -> object:
        """The value of the whole text; raises json.JSONDecodeError."""
        while True:
            self._skip_blank()
            character = self._text[self._at : self._at + 1]
            if self._expect is _Expect.NOTHING:
                if character:
                    raise self._wrong("Extra data")
                return self._whole
            if self._expect is _Expect.COMMA_OR_END:
                self._comma_or_end(character)
            elif self._expect in (_Expect.NAME, _Expect.NAME_OR_END):
                self._name_or_end(character)
            elif character == "]" and self._expect is _Expect.VALUE_OR_END:
                self._close()
            else:
                self._value(character)

    def _skip_blank(self) -> None:
        match = self._BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _wrong(self, problem: str) -> json.JSONDecodeError:
        return json.JSONDecodeError(problem, self._text, self._at)

    def _comma_or_end(self, character: str) -> None:
        inside = self._open[-1]
        if character == ",":
            self._at += 1
            self._expect = _Expect.VALUE if isinstance(inside, _Array) else _Expect.NAME
        elif character == ("]" if isinstance(inside, _Array) else "}"):
            self._close()
        else:
            raise self._wrong("Expecting ',' delimiter")

    def _name_or_end(self, character: str) -> None:
        inside = self._open[-1]
        if character == "}" and self._expect is _Expect.NAME_OR_END:
            self._close()
            return
        if character != '"' or isinstance(inside, _Array):
            raise self._wrong("Expecting property name enclosed in double quotes")
        inside.name, self._at = self._STRINGS.raw_decode(self._text, self._at)
        self._skip_blank()
        if self._text[self._at : self._at + 1] != ":":
            raise self._wrong("Expecting ':' delimiter")
        self._at += 1
        self._expect = _Expect.VALUE

    def _value(self, character: str) -> None:
        if character == "[":
            self._at += 1
            self._open.append(_Array([]))
            self._expect = _Expect.VALUE_OR_END
        elif character == "{":
            self._at += 1
            self._open.append(_Object([]))
            self._expect = _Expect.NAME_OR_END
        elif character == '"':
            value, self._at = self._STRINGS.raw_decode(self._text, self._at)
            self._place(value)
        elif match := self._NUMBER.match(self._text, self._at):
            self._at = match.end()
            whole = match.group(2) is None and match.group(3) is None
            self._place(_whole(match.group()) if whole else NumberLiteral(match.group()))
        elif match := self._WORD.match(self._text, self._at):
            self._at = match.end()
            word = match.group()
            self._place(self._WORDS[word] if word in self._WORDS else self._hooks.constant(word))
        else:
            raise self._wrong("Expecting value")

    def _close(self) -> None:
        self._at += 1
        closed = self._open.pop()
        self._place(closed.items if isinstance(closed, _Array) else self._hooks.object(closed.pairs))

    def _place(self, value: object) -> None:
        if not self._open:
            self._whole, self._expect = value, _Expect.NOTHING
            return
        inside = self._open[-1]
        if isinstance(inside, _Array):
            inside.items.append(value)
        else:
            inside.pairs.append((inside.name, value))
        self._expect = _Expect.COMMA_OR_END
