"""The text of record files: what readers could take differently is refused, and nothing is a traceback."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.documents import json_text
from app.documents.offline import clearing
from tests.documents.record_files import B0, CASES, L0, ROUND, Json, Path_, changed, faults, text_of


@pytest.mark.parametrize(
    ("raw", "blamed"),
    [
        (b"", ["$"]),
        (b"  ", ["$"]),
        (b"not json", ["$"]),
        (b"[]", ["$"]),
        (b'"text"', ["$"]),
        (b"null", ["$"]),
        (b"NaN", ["$"]),
        (b"\xff\xfe", ["$"]),
        (b"\xef\xbb\xbf" + json.dumps(ROUND).encode(), ["$"]),
        (json.dumps(ROUND).encode("utf-16"), ["$"]),
        (json.dumps(ROUND).encode() + b"x", ["$"]),
        (json.dumps(ROUND).encode() + json.dumps(ROUND).encode(), ["$"]),
        (json.dumps(ROUND).encode()[:-1], ["$"]),
        (b"[" * 100_000, ["$"]),
        (b"[" * 100_000 + b"]" * 100_000, ["$"]),
        (b'{"a":' * 100_000 + b"x", ["$"]),
        (text_of(ROUND, '"10.0000"', "NaN"), ["$.listings[0].quantity"]),
        (text_of(ROUND, '"440000.00"', "-Infinity"), ["$.bids[0].price"]),
        (text_of(ROUND, '"440000.00"', "[[Infinity]]"), ["$.bids[0].price[0][0]"]),
        (text_of(ROUND, '"L1"', '"\\ud800"'), ["$.listings[0].id"]),
        (text_of(ROUND, '"440000.00"', '"\\uDFFF"'), ["$.bids[0].price"]),
        (text_of(ROUND, '"indicator"', '"\\ud800": 1, "indicator"'), ['$["\\ud800"]']),
        (text_of(ROUND, '"lot"', '"lot": "1", "lot"'), ["$.rules.lot"]),
        (text_of(ROUND, '"format"', '"format": "x", "format"'), ["$.format"]),
        (text_of(ROUND, '"440000.00"', '{"a": 1, "a": 1}'), ["$.bids[0].price.a"]),
        (text_of(ROUND, '"buyer": "510100"', '"buyer": "510100", "buyer": "510100"'), ["$.bids[0].buyer"]),
        (
            text_of(ROUND, '"rules"', '"buyer_limits": {"A": "1", "A": "2"}, "rules"'),
            ["$.buyer_limits.A"],
        ),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else None,
)
def test_text_that_readers_could_take_differently_is_refused(raw: bytes, blamed: list[str]) -> None:
    assert faults(raw, "clear") == blamed


def test_a_pair_of_surrogates_is_a_character() -> None:
    outcome = json.loads(clearing(text_of(ROUND, '"510100"', '"\\ud83c\\udf3e"')))
    assert outcome["awards"][0]["buyer"] == "🌾"


def test_characters_are_printed_as_they_are() -> None:
    record = changed(ROUND, ((*B0, "buyer"), "成都高新区"))
    assert "成都高新区".encode() in clearing(json.dumps(record).encode())


def test_ids_are_compared_by_code_point() -> None:
    # "é" written as one character and as two are different ids.
    record = changed(ROUND, ((*L0, "id"), "\u00e9"), (("listings", 1, "id"), "e\u0301"))
    assert faults(record) == []


# Any mutation of a record ends in an outcome or in faults with paths, never in a traceback.

WORKED = [json.loads(path.read_text("utf-8")) for path in sorted(CASES.glob("*.json"))]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["0", "1", "0.0001", "-1", "2026-03-01T01:00:00Z", "2017-01-01", "farmland_quantity", "\ud800"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


def places(value: Json, path: Path_ = ()) -> list[Path_]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(place for name, child in children for place in places(child, (*path, name)))]


@st.composite
def mutated_cases(draw: st.DrawFn) -> tuple[str, bytes]:
    worked = draw(st.sampled_from(WORKED))
    record: Json = copy.deepcopy(worked["record"])
    for _ in range(draw(st.integers(1, 3))):
        ways = places(record)[1:]
        if not ways:
            break
        *way, last = draw(st.sampled_from(ways))
        place: Json = record
        for step in way:
            place = place[step]
        match draw(st.sampled_from(["replace", "remove", "repeat", "add"])):
            case "replace":
                place[last] = draw(VALUES)
            case "remove":
                del place[last]
            case "repeat" if isinstance(place, list):
                place.append(copy.deepcopy(draw(st.sampled_from(place))))
            case _ if isinstance(place, dict):
                place[draw(st.text(max_size=4))] = draw(VALUES)
    return worked["command"], json.dumps(record).encode()


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(mutated_cases())
def test_a_mutated_record_has_an_outcome_or_faults_and_nothing_else(mutated: tuple[str, bytes]) -> None:
    command, raw = mutated
    faults(raw, command)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WORKED), st.data())
def test_mutated_bytes_have_an_outcome_or_faults_and_nothing_else(worked: Json, data: st.DataObject) -> None:
    raw = bytearray(json.dumps(worked["record"]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    faults(bytes(raw), worked["command"])


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_deep_reading_agrees_with_the_standard_library(value: Json) -> None:
    text = json.dumps(value, indent=1)
    hooks = json_text._Hooks()
    assert json_text._DeepParser(text, hooks).parse() == json_text.parse(text.encode()).tree


@settings(max_examples=300, deadline=None)
@given(VALUES, st.data())
def test_deep_reading_refuses_what_the_standard_library_refuses(value: Json, data: st.DataObject) -> None:
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    broken = (
        text[:at]
        + data.draw(st.sampled_from(list('{}[],:"1tx-.\\e ')))
        + text[at + data.draw(st.integers(0, 1)) :]
    )
    try:
        expected: object = json_text.parse(broken.encode()).tree
    except json_text.NotJson:
        with pytest.raises(json.JSONDecodeError):
            json_text._DeepParser(broken, json_text._Hooks()).parse()
    else:
        assert json_text._DeepParser(broken, json_text._Hooks()).parse() == expected
