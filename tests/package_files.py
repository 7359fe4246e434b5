"""Packages as the tests write them by hand: lines and tables with the right checksums, or with wrong ones."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

COUNTY = "511922"
ZIP_TABLES = {
    "filings": ("projects.csv", "funds.csv", "parcels.csv"),
    "acceptances": ("acceptances.csv",),
    "write-offs": ("write_offs.csv", "batches.csv"),
}


def parcel(id_: str, area: str = "8.0000", **given: Any) -> dict[str, Any]:
    """A parcel of new dry land."""
    land = {"use_before": "unused", "use_after": "dry_land", "grade_after": 10}
    return {"id": id_, "area": area, **land, **given}


def filing(serial: int, county: str = COUNTY, **given: Any) -> dict[str, Any]:
    """A sound filing with one parcel of its own."""
    return {
        "filing_no": f"{county}2018{serial:04d}",
        "county": county,
        "kind": "land_consolidation",
        "name": f"项目 {serial}",
        "department": "自然资源和规划局",
        "started_on": "2018-03-01",
        "feasibility_reviewed": False,
        "funds": [{"source": "fiscal", "share": "1.00"}],
        "parcels": [parcel(f"{county}-{serial}")],
        **given,
    }


def acceptance(serial: int, county: str = COUNTY, **given: Any) -> dict[str, Any]:
    """A sound acceptance of that filing."""
    return {
        "filing_no": f"{county}2018{serial:04d}",
        "accepted_on": "2019-11-05",
        "accepting_body": "省自然资源厅",
        **given,
    }


def counts_of(kind: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The counts that a package of these rows states."""
    if kind == "filings":
        return {"projects": len(rows), "parcels": sum(len(row.get("parcels", ())) for row in rows)}
    if kind == "write-offs":
        return {"write_offs": len(rows), "batches": sum(len(row.get("batches", ())) for row in rows)}
    return {"acceptances": len(rows)}


def head(kind: str, counts: Mapping[str, int], **given: Any) -> dict[str, Any]:
    """A package's head."""
    return {
        "format": f"gengheng/{kind}/1",
        "province": "510000",
        "made_at": "2026-03-01T01:00:00Z",
        "counts": dict(counts),
        **given,
    }


def lines(kind: str, rows: Sequence[Mapping[str, Any]], **given: Any) -> list[str]:
    """A JSON package's lines, without their breaks; ``given`` goes into the head."""
    counts = counts_of(kind, rows)
    made = [json.dumps(each, ensure_ascii=False) for each in [head(kind, counts, **given), *rows]]
    return sealed(made, kind, counts)


def sealed(made: list[str], kind: str, counts: Mapping[str, int]) -> list[str]:
    """Lines with the last one that belongs to them."""
    digest = hashlib.sha256("".join(f"{line}\n" for line in made).encode()).hexdigest()
    return [*made, json.dumps({"end": f"gengheng/{kind}/1", "counts": dict(counts), "sha256": digest})]


def jsonl(kind: str, rows: Sequence[Mapping[str, Any]], **given: Any) -> bytes:
    """A JSON package."""
    return "".join(f"{line}\n" for line in lines(kind, rows, **given)).encode()


def table(rows: Sequence[Sequence[str]], *, bom: bool = False) -> bytes:
    """A table's bytes."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return (b"\xef\xbb\xbf" if bom else b"") + out.getvalue().encode()


def zipped(kind: str, tables: Mapping[str, bytes], counts: Mapping[str, int], **given: Any) -> bytes:
    """A CSV package of these tables; ``given`` goes into the manifest."""
    members = {name: {"sha256": hashlib.sha256(raw).hexdigest()} for name, raw in tables.items()}
    manifest = head(kind, counts, **{"members": members, **given})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("manifest.json", json.dumps(manifest))
        for name, raw in tables.items():
            made.writestr(name, raw)
    return out.getvalue()


def unzipped(package: bytes) -> dict[str, bytes]:
    """The members of a CSV package."""
    with zipfile.ZipFile(io.BytesIO(package)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}
