"""``gengheng assess``: a year's assessment as a file, and the same figures from the other books."""

import sys
from functools import partial
from pathlib import Path

from app.administration import AdministrationRefused, on_database
from app.documents.assessment_forms import DocumentForm, written
from app.documents.assessments import Record
from app.documents.offline import STANDARD_INPUT
from app.services import assessments
from app.settings import load_settings
from app.store.database import Connection


def write(file: str, *, year: int, code: str | None, form: DocumentForm) -> None:
    """Write a year's assessment, or one jurisdiction's part of it, to a file or to standard output."""

    async def read(connection: Connection) -> Record:
        whole = await assessments.record_of(connection, year)
        return whole if code is None else assessments.narrowed(whole, code)

    record = on_database(load_settings(), lambda database: database.read(read))
    made = written(record, form)
    if file == STANDARD_INPUT:
        sys.stdout.buffer.write(made)
        sys.stdout.buffer.flush()
        return
    try:
        Path(file).write_bytes(made)
    except OSError as error:
        raise AdministrationRefused(
            f"{file} can't be written: {error.strerror}.", "Name another file, or - for standard output."
        ) from None


def verify(*, year: int) -> list[str]:
    """Compute a year's figures from the books beside the ledger; a line for each that differs."""
    return on_database(
        load_settings(), lambda database: database.read(partial(assessments.differences, year=year))
    )
