"""``make bench``: measure every ratio, print the table, keep it in build/bench.json.

A missed target is a finding, not a failure: the exit status is 0 either way.
"""

import argparse
import asyncio
import shutil
import sys
import time
from pathlib import Path

from benchmarks import bids, clearing, databases, packages, parcels, reads, settlement
from benchmarks.ratios import Ratio, keep, say, table

BUILD = Path(__file__).parents[1] / "build"
SERVED = {
    "settlement": settlement,
    "bids": bids,
    "reads": reads,
    "packages": packages,
    "parcels": parcels,
}
"""The parts that need PostgreSQL."""

PARTS = ("clearing", *SERVED)


async def measure(parts: list[str], *, full: bool, folder: Path) -> list[Ratio]:
    """Measure the parts asked for, one after the other; PostgreSQL runs only as long as it is needed."""
    ratios = list(clearing.measure(full=full)) if "clearing" in parts else []
    if set(parts) - {"clearing"}:
        say("starting PostgreSQL and loading the sample province")
        async with databases.server(folder) as server:
            for name, part in SERVED.items():
                if name in parts:
                    ratios += [ratio async for ratio in part.measure(server, full=full)]
    return ratios


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)}; default: all")
    parser.add_argument("--full", action="store_true", help="the targets' own sizes; takes far longer")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    started = time.monotonic()
    folder = BUILD / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        ratios = asyncio.run(measure(given.parts or list(PARTS), full=given.full, folder=folder / "data"))
    except KeyboardInterrupt:
        sys.exit("stopped")
    shutil.rmtree(folder)
    keep(ratios, BUILD / "bench.json")
    print(table(ratios))
    say(f"{time.monotonic() - started:.0f} s; kept in {BUILD / 'bench.json'}")


if __name__ == "__main__":
    main()
