"""A province's filings and acceptances imported as packages: rows a second, and memory that doesn't grow.

Each import is the command itself in a process of its own, on a database of its own:
``python -m benchmarks.packages FILE`` imports and prints its seconds and its peak memory.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

from app.documents.packages import package_writer
from app.market.acceptances import Acceptance
from app.market.filings import Filing
from app.market.packages import AcceptedFiling, PackageForm, PackageKind, PackageValue
from app.market.projects import Fund, FundSource, LandUse, Parcel, Project, ProjectKind
from app.services.package_rows import POLYGONS
from app.store.database import Database
from benchmarks import province
from benchmarks.databases import Server
from benchmarks.ratios import Bound, Ratio, say

PARCELS_EACH = 5
FEW, MANY = 2_000, 20_000
COUNTIES = 100
MOST_GROWTH = 1.3
DAY = date(2019, 11, 5)


@dataclass(frozen=True, slots=True)
class Spent:
    """What an import took."""

    seconds: float
    peak_mib: float


async def measure(server: Server, *, full: bool) -> AsyncIterator[Ratio]:
    """Import packages of 2,000 and of 20,000 rows; the size is the target's own, full or not."""
    del full
    spent: dict[tuple[int, str], Spent] = {}
    for projects in (FEW, MANY):
        urls = await server.fresh(f"packages_{projects}")
        owner = Database.connect(urls.owner, role=None, pool_size=1)
        counties = await owner.transact(lambda connection: province.counties(connection, COUNTIES))
        await owner.dispose()
        for name, kind, form in (
            ("filings", PackageKind.FILINGS, PackageForm.JSON),
            ("filings again, as tables", PackageKind.FILINGS, PackageForm.CSV),
            ("acceptances", PackageKind.ACCEPTANCES, PackageForm.JSON),
        ):
            say(f"importing {projects:,} {name}")
            file = server.folder / f"{projects}.{form}"
            _write(file, kind, form, _rows(kind, counties, projects))
            spent[projects, name] = await asyncio.to_thread(_imported, file, urls.service)
            file.unlink()
    for name in dict.fromkeys(name for _, name in spent):
        few, many = spent[FEW, name], spent[MANY, name]
        parcels = f", {MANY * PARCELS_EACH / many.seconds:,.0f} parcels/s" if "filings" in name else ""
        yield Ratio(
            f"importing {MANY:,} {name}, peak memory ÷ of {FEW:,}",
            many.peak_mib / few.peak_mib,
            Bound.AT_MOST,
            MOST_GROWTH,
            f"{many.peak_mib:.0f} MiB to {few.peak_mib:.0f} MiB; {MANY / many.seconds:,.0f} rows/s{parcels}",
        )


def _rows(kind: PackageKind, counties: Sequence[str], projects: int) -> Iterator[PackageValue]:
    for number in range(projects):
        county = counties[number % len(counties)]
        filing_no = f"{county}2018{number // len(counties):04d}"
        if kind is PackageKind.ACCEPTANCES:
            yield AcceptedFiling(filing_no, Acceptance(DAY, "省自然资源厅", False, False, None))
            continue
        parcels = tuple(
            Parcel(f"{filing_no}-{each}", 10_000 + number, LandUse.UNUSED, LandUse.DRY_LAND, None, 8 + each)
            for each in range(PARCELS_EACH)
        )
        funds = (Fund(FundSource.FISCAL, Fraction(2, 5)), Fund(FundSource.RECLAMATION_FEE, Fraction(3, 5)))
        papers = Project(
            ProjectKind.LAND_CONSOLIDATION, date(2018, 3, 1), funds, parcels, filing_no=filing_no
        )
        yield Filing(county, f"某县某镇土地整治项目 {number}", "某县自然资源和规划局", papers)


def _write(file: Path, kind: PackageKind, form: PackageForm, rows: Iterator[PackageValue]) -> None:
    writer = package_writer(kind, form, POLYGONS)
    for row in rows:
        writer.add(row)
    with file.open("wb") as out:
        writer.finish(out, province=province.PROVINCE, made_at="2026-03-01T01:00:00Z")


def _imported(file: Path, url: str) -> Spent:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GENGHENG_")},
        "GENGHENG_ENVIRONMENT": "development",
        "GENGHENG_DATABASE_URL": url,
        "GENGHENG_DATA_DIR": str(file.parent / "settings"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.packages", str(file)],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    return Spent(**json.loads(done.stdout))


def _peak_mib() -> float:
    """The most memory that this process had at once; what the parent had before it began does not count."""
    try:
        for line in Path("/proc/self/status").read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass  # no Linux
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Import the file named, and print what it took."""
    from app.package_files import import_  # noqa: PLC0415  (counts to the import's time and memory)

    started = time.perf_counter()
    print(import_(sys.argv[1]), file=sys.stderr)
    print(json.dumps({"seconds": time.perf_counter() - started, "peak_mib": _peak_mib()}))


if __name__ == "__main__":
    main()
