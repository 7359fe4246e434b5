"""Packages in and out, whatever their form (docs/packages.md): read row by row, written as they come.

Reading and writing hold one row at a time; what has to be remembered of the others is on disk.
"""

from collections.abc import Iterator
from typing import BinaryIO, Protocol

from app.documents.package_csv import TablesPackage, TablesWriter
from app.documents.package_head import Head
from app.documents.package_json import LinesPackage, LinesWriter
from app.documents.package_rows import Polygons
from app.market.packages import PackageFaults, PackageForm, PackageKind, PackageValue, Place

__all__ = ["Head", "Package", "PackageWriter", "Polygons", "open_package", "package_writer"]

_ZIP = b"PK\x03\x04"


class Package(Protocol):
    """A package being read."""

    @property
    def form(self) -> PackageForm:
        """How it is written."""

    @property
    def head(self) -> Head | None:
        """What it says of itself; None where that is faulty, and then it has no rows."""

    @property
    def digest(self) -> str:
        """The SHA-256 that names it, as it states it; checked only by reading all its rows."""

    def rows(self) -> Iterator[tuple[Place, PackageValue | None]]:
        """Its rows in order, None for a faulty one; at the end, counts and checksum have been checked."""


class PackageWriter(Protocol):
    """A package being written."""

    def add(self, value: PackageValue) -> None:
        """Take one row more."""

    def finish(self, out: BinaryIO, *, province: str, made_at: str) -> None:
        """Write the whole package; nothing was written before."""


def open_package(source: BinaryIO, faults: PackageFaults, polygons: Polygons) -> Package:
    """Open a package of either form from its start; what is wrong with it goes to ``faults``."""
    source.seek(0)
    start = source.read(len(_ZIP))
    source.seek(0)
    opened: type[TablesPackage | LinesPackage] = TablesPackage if start == _ZIP else LinesPackage
    return opened(source, faults, polygons)


def package_writer(kind: PackageKind, form: PackageForm, polygons: Polygons) -> PackageWriter:
    """Begin a package."""
    return TablesWriter(kind, polygons) if form is PackageForm.CSV else LinesWriter(kind, polygons)
