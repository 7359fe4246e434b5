"""``/v1/projects/{id}/documents``: what a project rests on, by hash ([N] 一, 二, 八)."""

from datetime import date
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.evidence import Document, DocumentKind
from app.market.ids import Kind, public_id, row_number
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Day, Form, Id, Instant, Spelt, Text, View
from app.services import evidence
from app.services.evidence import DocumentRow

router = APIRouter(prefix="/v1/projects", tags=["projects"], route_class=GuardedRoute)

LARGEST_DOCUMENT_BYTES = 2**40

Sha256 = Annotated[
    str,
    Spelt(
        "[0-9a-f]{64}",
        "A SHA-256 is 64 digits 0–9 and a–f, in lower case, as sha256sum prints it.",
    ),
]
MediaType = Annotated[
    str,
    Field(max_length=100),
    Spelt(
        "[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*",
        'A media type is two names with a slash, in lower case, such as "application/pdf".',
    ),
]


class DocumentForm(Form):
    """A document: the original stays with its bureau, the exchange keeps its hash."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "kind": "feasibility_study",
                "title": "南江县某镇园地开发可行性研究报告",
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "media_type": "application/pdf",
                "size_bytes": 2483712,
                "issued_on": "2018-01-15",
                "issued_by": "南江县自然资源和规划局",
            }
        )
    )

    kind: DocumentKind
    title: Text
    sha256: Sha256 = Field(description="Of the document's octets")
    media_type: MediaType
    size_bytes: int = Field(strict=True, ge=1, le=LARGEST_DOCUMENT_BYTES)
    issued_on: Day
    issued_by: Text

    def document(self) -> Document:
        """Read the form as the rules' own value."""
        return Document(
            self.kind,
            self.title,
            bytes.fromhex(self.sha256),
            self.media_type,
            self.size_bytes,
            self.issued_on,
            self.issued_by,
        )


class DocumentView(View):
    """A document of a project."""

    project: str
    kind: DocumentKind
    title: str
    sha256: str
    media_type: str
    size_bytes: int
    issued_on: date
    issued_by: str
    added_at: Instant
    added_by: str

    @classmethod
    def of(cls, row: DocumentRow) -> "DocumentView":
        """Shape a document."""
        return cls(
            project=public_id(Kind.PROJECT, row.project_id),
            kind=row.document.kind,
            title=row.document.title,
            sha256=row.document.sha256.hex(),
            media_type=row.document.media_type,
            size_bytes=row.document.size_bytes,
            issued_on=row.document.issued_on,
            issued_by=row.document.issued_by,
            added_at=row.added_at,
            added_by=row.added_by,
        )


@router.post(
    "/{project_id}/documents",
    operation_id=Action.ADD_PROJECT_DOCUMENT,
    status_code=201,
    responses=documented(DocumentView, status=201),
    summary="Add a document to a project, by its hash 项目佐证材料",
)
async def add_project_document(
    project_id: Id, form: DocumentForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Add evidence while the project is filed; the province's reviews are the regulator's to add.

    Once accepted, acceptance reports, grade assessments and upkeep agreements may still come.
    """
    work = partial(
        evidence.add,
        actor=actor,
        number=row_number(Kind.PROJECT, project_id),
        document=form.document(),
    )
    return await writing.run(work, DocumentView.of)


@router.get(
    "/{project_id}/documents",
    operation_id=Action.READ_PROJECT_DOCUMENTS,
    responses=documented(PageView[DocumentView]),
    summary="A project's documents",
)
async def read_project_documents(
    project_id: Id, actor: CurrentActor, reading: Reading, page: Paging
) -> Response:
    """List the documents of a project in the order in which they were added."""
    work = partial(
        evidence.documents,
        actor=actor,
        number=row_number(Kind.PROJECT, project_id),
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, DocumentView.of, lambda row: (row.id,)))
