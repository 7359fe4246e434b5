"""Record files for tests: those of the worked cases, changed at will, and the faults found in them."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.documents.offline import UnreadableRecord, allocation, clearing, crediting

CASES = Path(__file__).parents[1] / "cases"
COMMANDS: dict[str, Callable[[bytes], bytes]] = {
    "clear": clearing,
    "allocate": allocation,
    "credit": crediting,
}
Json = Any
Path_ = tuple[str | int, ...]


def case(name: str) -> Json:
    return json.loads((CASES / f"{name}.json").read_text("utf-8"))["record"]


ROUND, LOTTERY = case("clear-minimum-and-cap"), case("clear-lottery")
ALLOCATION = case("allocate-poverty-first")
PROJECT, LINKAGE = case("credit-by-parcel"), case("credit-linkage")
UPGRADE = case("credit-upgrade")
MINE = {name: value for name, value in LINKAGE.items() if name != "surplus_as"} | {"kind": "abandoned_mine"}
COMMAND = {"gengheng/round/1": "clear", "gengheng/allocation/1": "allocate", "gengheng/project/1": "credit"}
GONE = object()
L0: Path_ = ("listings", 0)
B0: Path_ = ("bids", 0)
D0: Path_ = ("demands", 0)
P0: Path_ = ("parcels", 0)


def changed(record: Json, *changes: tuple[Path_, object]) -> Json:
    """A copy of the record with each path set to its value, or taken out."""
    changed_record: Json = copy.deepcopy(record)
    for (*way, last), value in changes:
        place = changed_record
        for step in way:
            place = place[step]
        if value is GONE:
            del place[last]
        elif isinstance(place, list) and last == len(place):
            place.append(value)
        else:
            place[last] = value
    return changed_record


def faults(record: Json, command: str | None = None) -> list[str]:
    """The paths blamed in a record; none if it has an outcome."""
    raw: bytes = record if isinstance(record, bytes) else json.dumps(record).encode()
    try:
        COMMANDS[command or COMMAND[record["format"]]](raw)
    except UnreadableRecord as unreadable:
        assert all("\n" not in line and ": " in line for line in unreadable.lines)
        return [line.split(": ")[0] for line in unreadable.lines]
    return []


def text_of(record: Json, old: str, new: str) -> bytes:
    text = json.dumps(record)
    assert old in text
    return text.replace(old, new, 1).encode()
