"""Packages as JSON Lines: a head, one row a line, and a last line with counts and checksum."""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from app.documents.package_head import BadHead, Head, parsed, read_head, tell
from app.documents.package_index import PackageIndex
from app.documents.package_rows import (
    KEY_FIELD,
    READ_ROW,
    Polygons,
    counts_of,
    impossible,
    items_within,
    row_key,
    row_object,
)
from app.documents.record_reading import Faults, Fields, any_text
from app.market.packages import PackageFaults, PackageForm, PackageKind, PackageValue, Place

LONGEST_LINE_BYTES = 8 * 1024 * 1024
"""A line is held in memory whole; a project of ten thousand parcels fits in."""

KEPT_IN_MEMORY_BYTES = 4 * 1024 * 1024
_COPIED_AT_ONCE_BYTES = 1024 * 1024


class LinesPackage:
    """A JSON Lines package being read."""

    form = PackageForm.JSON

    def __init__(self, source: BinaryIO, faults: PackageFaults, polygons: Polygons) -> None:
        """Read the head; it is None where it is faulty, and then there are no rows."""
        self._source = source
        self._faults = faults
        self._polygons = polygons
        self._hash = hashlib.sha256()
        self.head: Head | None = None
        first = self._line(1)
        tree = None if first is None else parsed(first, Place("", 1), faults)
        if tree is not None:
            try:
                self.head = read_head(tree, Place("", 1), faults)
            except BadHead:
                return
            self._hash.update(first or b"")
        elif faults.count == 0:
            faults.add(Place("", 0), "", "is empty")

    @property
    def digest(self) -> str:
        """The SHA-256 of all lines but the last, by reading them; leaves the source where it was.

        Where the last line states another one, that of all lines: such a package is none that ever came.
        """
        at = self._source.tell()
        self._source.seek(0)
        digest, last = hashlib.sha256(), b""
        for line in iter(lambda: self._source.readline(LONGEST_LINE_BYTES), b""):
            digest.update(last)
            last = line
        self._source.seek(at)
        if f'"{digest.hexdigest()}"'.encode() not in last:
            digest.update(last)
        return digest.hexdigest()

    def rows(self) -> Iterator[tuple[Place, PackageValue | None]]:
        """The rows; the last line is held against them at the end."""
        if self.head is None:
            return
        index = PackageIndex()
        try:
            yield from self._rows(self.head, index)
        finally:
            index.close()

    def _rows(self, head: Head, index: PackageIndex) -> Iterator[tuple[Place, PackageValue | None]]:
        rows = within = 0
        uncounted = False
        number = 1
        while True:
            number += 1
            place = Place("", number)
            raw = self._line(number)
            if raw is None:
                if self._ended:
                    self._faults.add(
                        place, "", "the package ends without its last line; it was cut off on its way"
                    )
                return
            tree = parsed(raw, place, self._faults)
            if isinstance(tree, dict) and "end" in tree:
                counted = counts_of(head.kind, rows, within)
                if uncounted:  # the items of a line that is no JSON can't be counted
                    counted |= {name: head.counts.get(name, 0) for name in [*counted][1:]}
                self._check_end(tree, place, head, counted)
                return
            self._hash.update(raw)
            rows += 1
            value = None if tree is None else self._read(tree, place, head, index)
            if value is not None:
                within += items_within(value)
            elif (claimed := _items_claimed(tree, head.kind)) is not None:
                within += claimed
            else:
                uncounted = True
            yield place, value

    def _read(self, tree: object, place: Place, head: Head, index: PackageIndex) -> PackageValue | None:
        found = Faults()
        value = READ_ROW[head.kind](tree, found, self._polygons)
        if tell(found, place, self._faults):
            return None
        wrong = impossible(value)
        first = index.first_line(row_key(value), place.line)
        if first != place.line:
            self._faults.add(place, KEY_FIELD[head.kind], f"stands in line {first} already")
        for each in wrong:
            self._faults.add(place, each.field, each.problem)
        return None if wrong or first != place.line else value

    def _check_end(
        self, tree: Mapping[str, object], place: Place, head: Head, counted: Mapping[str, int]
    ) -> None:
        found = Faults()
        fields = Fields(tree, "$", found, ("end", "counts", "sha256"))
        if fields.required("end", any_text) != head.kind.format_name:
            fields.blame("end", f'must be "{head.kind.format_name}", as the head says')
        if fields.required("sha256", any_text) != self._hash.hexdigest():
            fields.blame(
                "sha256", f"the lines before this one have {self._hash.hexdigest()}: the package was changed"
            )
        for stated, whose in ((head.counts, "the head"), (fields.raw("counts"), "the last line")):
            if stated != counted:
                fields.blame("counts", f"{whose} states {_shown(stated)}, there are {_shown(counted)}")
        tell(found, place, self._faults)
        if self._source.read(1):
            self._faults.add(Place("", place.line + 1), "", "follows the last line")

    def _line(self, number: int) -> bytes | None:
        """The next line with its break; None at the end, or, once told, where it is too long."""
        raw = self._source.readline(LONGEST_LINE_BYTES + 1)
        self._ended = not raw
        if len(raw) > LONGEST_LINE_BYTES:
            self._faults.add(Place("", number), "", f"is longer than {LONGEST_LINE_BYTES:,} bytes")
            return None
        return raw or None


def _items_claimed(tree: object, kind: PackageKind) -> int | None:
    """How many items a faulty row holds, so that the counts are not blamed for its faults too."""
    name = {PackageKind.FILINGS: "parcels", PackageKind.WRITE_OFFS: "batches"}.get(kind)
    if name is None:
        return 0
    held = tree.get(name) if isinstance(tree, dict) else None
    return len(held) if isinstance(held, list) else None


def _shown(counts: object) -> str:
    return json.dumps(counts, ensure_ascii=False)[:100]


class LinesWriter:
    """A JSON Lines package being written: the rows go to a file on disk until their counts are known."""

    def __init__(self, kind: PackageKind, polygons: Polygons) -> None:
        """Begin without rows."""
        self._kind = kind
        self._polygons = polygons
        self._rows = self._within = 0
        self._lines = tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY_BYTES)  # noqa: SIM115  (closed by finish)

    def add(self, value: PackageValue) -> None:
        """Take one row more."""
        self._lines.write(_line_of(row_object(value, self._polygons)))
        self._rows += 1
        self._within += items_within(value)

    def finish(self, out: BinaryIO, *, province: str, made_at: str) -> None:
        """Write head, rows, and last line."""
        counts = counts_of(self._kind, self._rows, self._within)
        digest = hashlib.sha256()

        def write(raw: bytes) -> None:
            digest.update(raw)
            out.write(raw)

        write(
            _line_of(
                {"format": self._kind.format_name, "province": province, "made_at": made_at, "counts": counts}
            )
        )
        with self._lines as lines:
            lines.seek(0)
            for chunk in iter(lambda: lines.read(_COPIED_AT_ONCE_BYTES), b""):
                write(chunk)
        out.write(_line_of({"end": self._kind.format_name, "counts": counts, "sha256": digest.hexdigest()}))


def _line_of(record: Mapping[str, object]) -> bytes:
    return (json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
