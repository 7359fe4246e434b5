"""``/v1/packages``: exchange with the ministry's systems, for those who have no shell (docs/packages.md)."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import IO, Annotated, BinaryIO, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id
from app.market.packages import PackageForm, PackageKind
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Code, Day, Form, Instant, View
from app.services import packages
from app.services.packages import Imported, PackageImportRow
from app.store.database import Connection

router = APIRouter(prefix="/v1/packages", tags=["packages"], route_class=GuardedRoute)

KEPT_IN_MEMORY_BYTES = 1024 * 1024
SENT_AT_ONCE_BYTES = 256 * 1024
MEDIA: dict[PackageForm, tuple[str, str]] = {
    PackageForm.JSON: ("application/jsonl", "jsonl"),
    PackageForm.CSV: ("application/zip", "zip"),
}


class PackageLinesForm(Form):
    """A JSON Lines package, its lines as strings in their order: the checksum is of each with a line feed."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "lines": [
                    '{"format":"gengheng/acceptances/1","province":"510000",'
                    '"made_at":"2026-03-01T01:00:00Z","counts":{"acceptances":0}}',
                    '{"end":"gengheng/acceptances/1","counts":{"acceptances":0},"sha256":'
                    '"76f372dbbc5a2d895deff9d051f0ddc49107edb0b64b1ad0c2df193919d1e87c"}',
                ]
            }
        )
    )

    lines: list[str]


class PackageImportView(View):
    """A package that was imported: how many rows it had, and how many of them were new here."""

    id: str
    kind: PackageKind
    form: PackageForm
    sha256: str
    rows: int
    entered: int
    already_there: int
    imported_at: Instant
    imported_by: str

    @classmethod
    def of(cls, row: PackageImportRow) -> "PackageImportView":
        """Shape an import."""
        return cls(
            id=public_id(Kind.PACKAGE, row.id),
            kind=row.kind,
            form=row.form,
            sha256=row.sha256.hex(),
            rows=row.row_count,
            entered=row.entered,
            already_there=row.row_count - row.entered,
            imported_at=row.imported_at,
            imported_by=row.imported_by,
        )


class ImportedView(PackageImportView):
    """What an import did; ``repeated``: the package had come before, and nothing was done now."""

    repeated: bool = Field(description="Then the rest tells of the import before")

    @classmethod
    def done(cls, imported: Imported) -> "ImportedView":
        """Shape what was done."""
        return cls(**PackageImportView.of(imported.row).model_dump(), repeated=imported.repeated)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Which rows are asked for: whose, and recorded on which days."""

    county: str | None
    since: date | None
    until: date | None


async def _recorded(
    county: Annotated[Code | None, Query(description="Left out: all that the bearer may see")] = None,
    since: Annotated[Day | None, Query(description="The first day, in China, of its recording")] = None,
    until: Annotated[Day | None, Query(description="The last such day")] = None,
) -> Recorded:
    return Recorded(county, since, until)


Wanted = Annotated[Recorded, Depends(_recorded)]


@router.get(
    "",
    operation_id=Action.READ_PACKAGES,
    responses=documented(PageView[PackageImportView]),
    summary="Packages that were imported",
)
async def read_packages(actor: CurrentActor, reading: Reading, page: Paging) -> Response:
    """List the packages that were imported, in their order."""
    work = partial(
        packages.imports, actor=actor, after=page.after[0] if page.after else None, limit=page.limit + 1
    )
    return await reading.run(work, lambda rows: page.view(rows, PackageImportView.of, lambda row: (row.id,)))


@router.get(
    "/{kind}",
    operation_id=Action.EXPORT_PACKAGE,
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The package",
            "content": {
                media: {"schema": {"type": "string", "format": "binary"}} for media, _ in MEDIA.values()
            },
        }
    },
    summary="Export filings, acceptances or write-offs 导出数据包",
)
async def export_package(
    kind: PackageKind,
    request: Request,
    actor: CurrentActor,
    wanted: Wanted,
    form: Annotated[PackageForm, Query()] = PackageForm.JSON,
) -> Response:
    """Write a package of what was recorded, from one snapshot, and send it."""
    # On disk first: a slow receiver holds no transaction open, and what fails fails before the answer.
    file = tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY_BYTES)  # noqa: SIM115  (closed when it is sent)
    try:
        await request.app.state.database.read(
            partial(
                packages.export_package,
                out=cast("BinaryIO", file),
                actor=actor,
                kind=kind,
                form=form,
                county=wanted.county,
                since=wanted.since,
                until=wanted.until,
            )
        )
    except BaseException:
        file.close()
        raise
    length = file.tell()
    media, ending = MEDIA[form]
    headers = {
        "Content-Disposition": f'attachment; filename="{kind.value}.{ending}"',
        "Content-Length": str(length),
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(_sent(cast("IO[bytes]", file)), media_type=media, headers=headers)


def _sent(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        yield from iter(partial(file.read, SENT_AT_ONCE_BYTES), b"")


@router.post(
    "/{kind}",
    operation_id=Action.IMPORT_PACKAGE,
    status_code=201,
    responses=documented(ImportedView, status=201),
    summary="Import a package, all of it or nothing 导入数据包",
)
async def import_package(
    kind: PackageKind, form: PackageLinesForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Import a JSON package by its lines; a faulty one does nothing: `facts.faults` tells."""
    with tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY_BYTES) as file:
        for line in form.lines:
            file.write(line.encode() + b"\n")

        async def work(connection: Connection) -> Imported:
            return await packages.import_package(
                connection, cast("BinaryIO", file), actor=actor, expected=kind
            )

        return await writing.run(work, ImportedView.done)
