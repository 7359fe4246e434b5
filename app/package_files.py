"""``gengheng package``: packages as files, with their progress on standard error (docs/packages.md)."""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from app.administration import on_database
from app.documents.offline import STANDARD_INPUT, UnreadableRecord
from app.market.access import Actor, Role
from app.market.units import rfc3339
from app.services import packages
from app.services.packages import FaultyPackage, Imported, PackageForm, PackageKind
from app.settings import FolderNotUsable, load_settings
from app.store.database import Connection, Database

KINDS: Mapping[str, PackageKind] = {kind.value: kind for kind in PackageKind}
FORMS: Mapping[str, PackageForm] = {form.value: form for form in PackageForm}

LOCK_TIMEOUT_MS = 600_000
"""Another import is waited for, not given up on."""

TOLD_EVERY_SECONDS = 10.0  # in a log
SHOWN_EVERY_SECONDS = 0.2  # on a terminal
KEPT_IN_MEMORY_BYTES = 4 * 1024 * 1024


class Progress:
    """Rows done, rows a second and the time left: a line that changes on a terminal, else now and then."""

    def __init__(self, doing: str) -> None:
        """Begin to count."""
        self._doing = doing
        self._started = self._told = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._every = SHOWN_EVERY_SECONDS if self._terminal else TOLD_EVERY_SECONDS
        self._is_open = False

    def __enter__(self) -> "Progress":
        """Watch a work."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the line, so that what is said next does not stand on it."""
        if self._is_open:
            print(file=sys.stderr, flush=True)

    def __call__(self, done: int, total: int) -> None:
        """Tell it, if it is time to."""
        now = time.monotonic()
        if now - self._told < self._every and done < total:
            return
        self._told = now
        seconds = max(now - self._started, 1e-6)
        line = f"{self._doing}: {done:,} of {total:,} rows, {done / seconds:,.0f} rows/s"
        if 0 < done < total:
            line += f", {seconds / done * (total - done):,.0f} s left"
        if self._terminal:
            print(f"\r{line:<78}", end="", file=sys.stderr, flush=True)
            self._is_open = True
        else:
            print(line, file=sys.stderr, flush=True)


class _Checked(Exception):
    """Takes an import's transaction back, once it has shown what it would do."""

    def __init__(self, imported: Imported) -> None:
        super().__init__()
        self.imported = imported


def import_(file: str) -> str:
    """Import a package, all of it or nothing; what was done, in one line. Raises UnreadableRecord."""
    with _opened(file) as source:
        imported = _on_exchange(partial(_import, source=source))
    row = imported.row
    if imported.repeated:
        return f"This package was imported before, at {rfc3339(row.imported_at)}; nothing was done."
    return f"Imported: {_counts(imported)}. SHA-256 {row.sha256.hex()}."


def check(file: str, *, offline: bool) -> str:
    """Check a package and change nothing; what an import would do, in one line. Raises UnreadableRecord."""
    with _opened(file) as source:
        if offline:
            try:
                with Progress("Checking") as progress:
                    kind, rows = packages.check_form(source, progress)
            except FaultyPackage as faulty:
                raise UnreadableRecord(*faulty.lines) from None
            return f"Sound by itself: {rows:,} {kind.value}."
        imported = _on_exchange(partial(_check, source=source))
    if imported.repeated:
        return "Sound, and imported before: an import would do nothing."
    return f"Sound: {_counts(imported)}. Nothing was imported."


def export(
    file: str,
    *,
    kind: PackageKind,
    form: PackageForm,
    county: str | None,
    since: date | None,
    until: date | None,
) -> None:
    """Write a package to a file, which appears when it is whole, or to standard output."""

    async def use(database: Database) -> int:
        async def work(connection: Connection) -> int:
            with Progress("Exporting") as progress:
                return await packages.export_package(
                    connection,
                    cast("BinaryIO", out),
                    actor=_operator(await packages.province(connection)),
                    kind=kind,
                    form=form,
                    county=county,
                    since=since,
                    until=until,
                    progress=progress,
                )

        return await database.read(work)

    with tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY_BYTES) as out:
        rows = on_database(load_settings(), use)
        out.seek(0)
        _deliver(cast("BinaryIO", out), file)
    print(f"Exported {rows:,} {kind.value}.", file=sys.stderr)


def _deliver(made: BinaryIO, file: str) -> None:
    if file == STANDARD_INPUT:
        shutil.copyfileobj(made, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    target = Path(file)
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as opened:
            shutil.copyfileobj(made, opened)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FolderNotUsable(
            f"The package can't be written to {file}: {error.strerror}.", "Name a file that can be written."
        ) from None


@contextlib.contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """A package's bytes, to be read from the start more than once; raises UnreadableRecord."""
    try:
        given: BinaryIO = sys.stdin.buffer if file == STANDARD_INPUT else Path(file).open("rb")  # noqa: SIM115
        # Copied once: a pipe can't be read again, and nobody changes it between check and import.
        with given, tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY_BYTES) as kept:
            shutil.copyfileobj(given, kept)
            yield cast("BinaryIO", kept)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnreadableRecord(f"{file!r} can't be read: {reason}") from None


async def _import(database: Database, *, source: BinaryIO) -> Imported:
    return await database.transact(partial(_imported, source=source, doing="Importing"))


async def _check(database: Database, *, source: BinaryIO) -> Imported:
    """Import, and take it back: what is checked is just what an import does."""

    async def work(connection: Connection) -> Imported:
        raise _Checked(await _imported(connection, source=source, doing="Checking"))

    try:
        return await database.transact(work)
    except _Checked as checked:
        return checked.imported


async def _imported(connection: Connection, *, source: BinaryIO, doing: str) -> Imported:
    with Progress(doing) as progress:
        return await packages.import_package(
            connection,
            source,
            actor=_operator(await packages.province(connection)),
            progress=progress,
        )


def _on_exchange(use: Callable[[Database], Awaitable[Imported]]) -> Imported:
    """Use the service's database; raises UnreadableRecord with a line for each fault of the package."""

    async def told(database: Database) -> Imported | FaultyPackage:
        try:
            return await use(database)
        except FaultyPackage as faulty:
            return faulty

    done = on_database(load_settings(), told, lock_timeout_ms=LOCK_TIMEOUT_MS)
    if isinstance(done, FaultyPackage):
        raise UnreadableRecord(*done.lines)
    return done


def _operator(province: str) -> Actor:
    """Who has a shell on the service acts for the province, as its land regulator."""
    return Actor(0, "gengheng package", province, frozenset({Role.LAND_REGULATOR}))


def _counts(imported: Imported) -> str:
    row = imported.row
    there = row.row_count - row.entered
    return f"{row.row_count:,} {row.kind.value}, {row.entered:,} new, {there:,} already there"
