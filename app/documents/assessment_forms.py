"""The forms in which a year's assessment is given out; the libraries that write them load when asked for."""

from collections.abc import Mapping
from enum import StrEnum

from app.documents.assessments import Record, assessment_text


class DocumentForm(StrEnum):
    """In which form an assessment is wanted."""

    JSON = "json"
    XLSX = "xlsx"
    PDF = "pdf"


MEDIA_TYPES: Mapping[DocumentForm, str] = {
    DocumentForm.JSON: "application/json",
    DocumentForm.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    DocumentForm.PDF: "application/pdf",
}


def written(record: Record, form: DocumentForm) -> bytes:
    """Write a record in a form: the same bytes for the same record, always."""
    if form is DocumentForm.XLSX:
        from app.documents.assessment_sheets import workbook  # noqa: PLC0415

        return workbook(record)
    if form is DocumentForm.PDF:
        from app.documents.assessment_pages import document  # noqa: PLC0415

        return document(record)
    return assessment_text(record).encode()
