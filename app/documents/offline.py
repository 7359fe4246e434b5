"""The offline commands: a record file to the outcome that anyone can recompute (FORMATS, docs/formats.md).

They need neither the service nor its database, and import nothing of either.
"""

import sys
from pathlib import Path

from app.documents.json_text import dump
from app.documents.record_reading import FaultyRecord
from app.documents.records import (
    allocation_outcome_record,
    credit_record,
    outcome_record,
    read_allocation,
    read_project,
    read_round,
)
from app.market.allocations import allocate
from app.market.clearing import clear
from app.market.projects import credit

STANDARD_INPUT = "-"


class UnreadableRecord(Exception):
    """There is no outcome; ``lines`` say why, one line per fault."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


def read_source(source: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``; raises UnreadableRecord."""
    try:
        return sys.stdin.buffer.read() if source == STANDARD_INPUT else Path(source).read_bytes()
    except OSError as unreadable:
        reason = unreadable.strerror or type(unreadable).__name__
        raise UnreadableRecord(f"{source!r} can't be read: {reason}") from None


def clearing(raw: bytes) -> bytes:
    """The outcome of a round's record, as JSON; raises UnreadableRecord."""
    try:
        round_ = read_round(raw)
    except FaultyRecord as faulty:
        raise _unreadable(faulty) from None
    return dump(outcome_record(clear(round_), round_.indicator))


def allocation(raw: bytes) -> bytes:
    """The outcome of an allocation's record, as JSON; raises UnreadableRecord."""
    try:
        record = read_allocation(raw)
    except FaultyRecord as faulty:
        raise _unreadable(faulty) from None
    return dump(allocation_outcome_record(allocate(record)))


def crediting(raw: bytes) -> bytes:
    """What a project's record earns, as JSON; raises UnreadableRecord."""
    try:
        project = read_project(raw)
    except FaultyRecord as faulty:
        raise _unreadable(faulty) from None
    return dump(credit_record(credit(project)))


def _unreadable(faulty: FaultyRecord) -> UnreadableRecord:
    return UnreadableRecord(*map(str, faulty.faults))
