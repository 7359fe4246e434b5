"""Packages as tables: one .csv a table and a manifest, in a .zip that any spreadsheet program can open up.

Tables after the first may be in any order: while the first is read they are kept on disk.
"""

import csv
import hashlib
import io
import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, BinaryIO, TypeVar

from app.documents.package_head import BadHead, Head, parsed, read_head, tell
from app.documents.package_index import PackageIndex
from app.documents.package_rows import (
    ACCEPTANCE_FIELDS,
    FILING_FIELDS,
    FUND_FIELDS,
    KEY_FIELD,
    PARCEL_FIELDS,
    USED_FIELDS,
    WRITE_OFF_FIELDS,
    Object,
    Polygons,
    counts_of,
    impossible,
    items_within,
    read_acceptance,
    read_credits,
    read_filing,
    read_fund,
    read_parcel,
    read_used,
    read_write_off,
    row_key,
    row_object,
)
from app.documents.package_tables import INDICATORS, TABLES, Table, cell_text, field_of_cell, main_cells
from app.documents.record_reading import Faults, Fields
from app.market.packages import PackageFaults, PackageForm, PackageKind, PackageValue, Place

V = TypeVar("V")
Lists = Mapping[str, Sequence[tuple[Place, Object]]]

MANIFEST = "manifest.json"
LONGEST_MANIFEST_BYTES = 65_536
LONGEST_CELL = 1024 * 1024  # characters
LONGEST_LINE_BYTES = 4 * LONGEST_CELL
KEPT_IN_MEMORY_BYTES = 4 * 1024 * 1024
_BOM = "\ufeff"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a .zip can say: the same rows make the same bytes
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError)
"""What the library raises for a .zip that is cut off, damaged, encrypted or of a method it doesn't know."""

csv.field_size_limit(LONGEST_CELL)


class TablesPackage:
    """A .zip of tables being read."""

    form = PackageForm.CSV

    def __init__(self, source: BinaryIO, faults: PackageFaults, polygons: Polygons) -> None:
        """Read the manifest; the head is None where that is faulty, and then there are no rows."""
        self._faults = faults
        self._polygons = polygons
        self.head: Head | None = None
        self.digest = ""
        self._stated: Mapping[str, object] = {}
        self._broken = False
        try:
            self._zip = zipfile.ZipFile(source)
            with self._zip.open(MANIFEST) as member:
                raw = member.read(LONGEST_MANIFEST_BYTES)
        except KeyError:
            faults.add(Place(MANIFEST, 0), "", "is missing")
            return
        except _UNREADABLE as wrong:
            faults.add(Place("", 0), "", f"is no .zip that can be read: {wrong}")
            return
        self.digest = hashlib.sha256(raw).hexdigest()
        tree = parsed(raw, Place(MANIFEST, 0), faults)
        if not isinstance(tree, dict):
            return
        try:
            head = read_head(tree, Place(MANIFEST, 0), faults, ("members",))
        except BadHead:
            return
        stated = tree["members"]
        self._stated = stated if isinstance(stated, dict) else {}
        if self._has_its_tables(head.kind):
            self.head = head

    def _has_its_tables(self, kind: PackageKind) -> bool:
        wanted = sorted(table.member for table in TABLES[kind])
        there = [name for name in self._zip.namelist() if name != MANIFEST]
        before = self._faults.count
        for name in wanted:
            if there.count(name) != 1:
                problem = "is missing" if name not in there else "is in the package twice"
                self._faults.add(Place(name, 0), "", problem)
            if name not in self._stated:
                self._faults.add(Place(MANIFEST, 0), f"members.{name}", "is missing")
        for name in sorted(set(there) - set(wanted)):
            self._faults.add(Place(name[:60], 0), "", f"does not belong to {kind.format_name}")
        return self._faults.count == before

    def rows(self) -> Iterator[tuple[Place, PackageValue | None]]:
        """The rows of the first table, each with its rows of the others; then the counts are checked."""
        if self.head is None:
            return
        index = PackageIndex()
        try:
            yield from self._rows(self.head, index)
        finally:
            index.close()

    def _rows(self, head: Head, index: PackageIndex) -> Iterator[tuple[Place, PackageValue | None]]:
        main, *children = TABLES[head.kind]
        for table in children:
            for place, cells in self._table(table):
                index.keep_child(place, str(cells.pop(table.required[0], "")), cells)
        if self._broken:  # without its lists every row would look faulty
            return
        rows = within = 0
        for place, cells in self._table(main):
            rows += 1
            value, items = self._row(head.kind, place, cells, index)
            within += items
            yield place, value
        if self._broken:
            return
        for place, parent in index.orphans():
            within += place.member == children[-1].member
            self._faults.add(place, main.required[0], f"{parent[:40]!r} is in no line of {main.member}")
        counted = counts_of(head.kind, rows, within)
        if head.counts != counted:
            stated = json.dumps(head.counts)[:100]
            self._faults.add(
                Place(MANIFEST, 0), "counts", f"{stated} are stated, there are {json.dumps(counted)}"
            )

    def _row(
        self, kind: PackageKind, place: Place, cells: Object, index: PackageIndex
    ) -> tuple[PackageValue | None, int]:
        """A row with its lists, or None where something is wrong with it; and its counted items."""
        key = str(cells.get(KEY_FIELD[kind], ""))
        lists: Lists = {table.list_name: index.children(table.member, key) for table in TABLES[kind][1:]}
        items = len([*lists.values()][-1]) if lists else 0
        before = self._faults.count
        value = self._read(kind, place, cells, lists)
        if self._faults.count > before:
            return None, items
        first = index.first_line(row_key(value), place.line)
        if first != place.line:
            self._faults.add(place, KEY_FIELD[kind], f"stands in line {first} already")
            return None, items_within(value)
        for wrong in impossible(value):
            name, _, rest = wrong.field.partition(".")
            at, _, column = rest.partition(".")
            blamed = lists[name][int(at)][0] if name in lists and at else place
            self._faults.add(blamed, column if at else wrong.field, wrong.problem)
        return (value if self._faults.count == before else None), items

    def _read(self, kind: PackageKind, place: Place, cells: Object, lists: Lists) -> PackageValue:
        if kind is PackageKind.FILINGS:
            funds = tuple(self._one(*each, FUND_FIELDS, read_fund) for each in lists["funds"])
            parcels = [
                self._one(*each, PARCEL_FIELDS, lambda fields: read_parcel(fields, self._polygons))
                for each in lists["parcels"]
            ]
            return self._one(place, cells, FILING_FIELDS, lambda fields: read_filing(fields, funds, parcels))
        if kind is PackageKind.WRITE_OFFS:
            batches = tuple(self._one(*each, USED_FIELDS, read_used) for each in lists["batches"])
            return self._one(place, cells, WRITE_OFF_FIELDS, lambda fields: read_write_off(fields, batches))
        given = {name: cells.pop(name) for name in INDICATORS if name in cells}
        earned = self._one(place, given, (INDICATORS, ()), read_credits) if given else None
        return self._one(place, cells, ACCEPTANCE_FIELDS, lambda fields: read_acceptance(fields, earned))

    def _one(
        self,
        place: Place,
        cells: Object,
        names: tuple[tuple[str, ...], tuple[str, ...]],
        read: Callable[[Fields], V],
    ) -> V:
        """Read one line's cells, and tell what is wrong with them."""
        found = Faults()
        given = {name: field_of_cell(name, str(cell)) for name, cell in cells.items()}
        value = read(Fields(given, "$", found, *names))
        tell(found, place, self._faults)
        return value

    def _table(self, table: Table) -> Iterator[tuple[Place, Object]]:
        """The lines of a table, each as its filled cells by column; then its checksum is checked."""
        member = table.member
        lines = _Lines(member, self._faults)
        try:
            with self._zip.open(member) as opened:
                reader = csv.reader(lines.of(opened), strict=True)
                header = next(reader, [])
                if not self._is_header(table, header):
                    self._broken = True
                    return
                while True:
                    place = Place(member, reader.line_num + 1)
                    cells = next(reader, None)
                    if cells is None:
                        break
                    if len(cells) not in (0, len(header)):
                        problem = f"has {len(cells)} cells, the first line has {len(header)}"
                        self._faults.add(place, "", problem)
                    if cells:
                        named = zip(header, cells, strict=False)
                        yield place, {name: cell for name, cell in named if cell}
        except csv.Error as wrong:
            self._faults.add(Place(member, lines.number), "", f"is no CSV: {wrong}")
            self._broken = True
            return
        except _UNREADABLE as wrong:
            self._faults.add(Place(member, lines.number), "", f"can't be read on: {wrong}")
            self._broken = True
            return
        stated = self._stated[member]
        if stated != {"sha256": lines.hash.hexdigest()}:
            self._faults.add(
                Place(member, 0),
                "",
                f"has the SHA-256 {lines.hash.hexdigest()}, the manifest says {json.dumps(stated)[:100]}: "
                "the table was changed",
            )

    def _is_header(self, table: Table, header: Sequence[str]) -> bool:
        before = self._faults.count
        place = Place(table.member, 1)
        for name in table.required:
            if name not in header:
                self._faults.add(place, name, "the column is missing")
        for name in dict.fromkeys(header):
            if name not in table.columns:
                self._faults.add(place, name[:60], "there is no such column")
            elif header.count(name) > 1:
                self._faults.add(place, name, "the column is there twice")
        return self._faults.count == before


class _Lines:
    """A table's lines as text: hashed, bounded, decoded one by one so that a bad one is named."""

    def __init__(self, member: str, faults: PackageFaults) -> None:
        self.hash = hashlib.sha256()
        self.number = 0
        self._member = member
        self._faults = faults

    def of(self, opened: IO[bytes]) -> Iterator[str]:
        """The lines with their breaks, without the byte order mark."""
        while raw := opened.readline(LONGEST_LINE_BYTES + 1):
            self.number += 1
            if len(raw) > LONGEST_LINE_BYTES:
                raise csv.Error(f"the line is longer than {LONGEST_LINE_BYTES:,} bytes")
            self.hash.update(raw)
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError as undecodable:
                problem = f"is not UTF-8: byte {undecodable.start} of the line can't be read"
                self._faults.add(Place(self._member, self.number), "", problem)
                text = raw.decode("utf-8", "replace")
            yield text.removeprefix(_BOM) if self.number == 1 else text


class TablesWriter:
    """A .zip of tables being written: each table goes to a file on disk until all rows are there."""

    def __init__(self, kind: PackageKind, polygons: Polygons) -> None:
        """Begin without rows."""
        self._kind = kind
        self._polygons = polygons
        self._rows = self._within = 0
        self._files = [
            tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY_BYTES)  # noqa: SIM115  (closed by finish)
            for _ in TABLES[kind]
        ]
        self._hashes = [hashlib.sha256() for _ in TABLES[kind]]
        for at, table in enumerate(TABLES[kind]):
            self._write(at, [table.columns], _BOM)

    def add(self, value: PackageValue) -> None:
        """Take one row more."""
        record = row_object(value, self._polygons)
        main, *children = TABLES[self._kind]
        cells = main_cells(self._kind, record)
        self._write(0, [[cell_text(cells.get(name)) for name in main.columns]])
        for at, table in enumerate(children, 1):
            items = record[table.list_name]
            key, *names = table.columns
            if isinstance(items, list):
                rows = [
                    [cell_text(record[key]), *(cell_text(item.get(name)) for name in names)] for item in items
                ]
                self._write(at, rows)
        self._rows += 1
        self._within += items_within(value)

    def _write(self, at: int, rows: Sequence[Sequence[str]], before: str = "") -> None:
        text = io.StringIO(newline="")
        text.write(before)
        csv.writer(text).writerows(rows)
        raw = text.getvalue().encode()
        self._files[at].write(raw)
        self._hashes[at].update(raw)

    def finish(self, out: BinaryIO, *, province: str, made_at: str) -> None:
        """Write manifest and tables."""
        tables = TABLES[self._kind]
        manifest = {
            "format": self._kind.format_name,
            "province": province,
            "made_at": made_at,
            "counts": counts_of(self._kind, self._rows, self._within),
            "members": {
                table.member: {"sha256": digest.hexdigest()}
                for table, digest in zip(tables, self._hashes, strict=True)
            },
        }
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr(_member(MANIFEST), json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
            for table, file in zip(tables, self._files, strict=True):
                file.seek(0)
                with file, made.open(_member(table.member), "w") as member:
                    shutil.copyfileobj(file, member)


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
