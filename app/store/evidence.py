"""Documents of projects, by hash; append-only."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Column, Date, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.market.evidence import Document, DocumentKind
from app.store import columns
from app.store.database import Connection


class ProjectDocument(SQLModel, table=True):
    """A document that a project rests on; the original stays with the bureau that keeps it."""

    __tablename__ = "project_document"
    __table_args__ = (
        columns.one_of("project_document", "kind", DocumentKind),
        UniqueConstraint("project_id", "kind", "sha256", name="uq_project_document"),
        Index("ix_project_document_project_id_id", "project_id", "id"),
        CheckConstraint("octet_length(sha256) = 32", name="ck_project_document_sha256"),
        CheckConstraint("size_bytes > 0", name="ck_project_document_size"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    project_id: int = Field(sa_column=columns.refers("project.id"))
    kind: str = Field(sa_column=columns.text())
    title: str = Field(sa_column=columns.text())
    sha256: bytes = Field(sa_column=columns.octets())
    media_type: str = Field(sa_column=columns.text())
    size_bytes: int = Field(sa_column=columns.count())
    issued_on: date = Field(sa_column=Column(Date, nullable=False))
    issued_by: str = Field(sa_column=columns.text())
    added_at: datetime = Field(sa_column=columns.instant())
    added_by: str = Field(sa_column=columns.refers("jurisdiction.code"))


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document with its project, and when and by whom it was added."""

    id: int
    project_id: int
    document: Document
    added_at: datetime
    added_by: str


async def insert(
    connection: Connection, project_id: int, document: Document, *, at: datetime, by: str
) -> DocumentRow:
    """Add a document to a project; raises Conflict where it has it already."""
    made = await connection.execute(
        text(
            """
            INSERT INTO project_document (project_id, kind, title, sha256, media_type, size_bytes, issued_on,
                                          issued_by, added_at, added_by)
            VALUES (:project_id, :kind, :title, :sha256, :media_type, :size_bytes, :issued_on, :issued_by,
                    :at, :by)
            RETURNING id
            """
        ),
        {
            "project_id": project_id,
            "kind": document.kind,
            "title": document.title,
            "sha256": document.sha256,
            "media_type": document.media_type,
            "size_bytes": document.size_bytes,
            "issued_on": document.issued_on,
            "issued_by": document.issued_by,
            "at": at,
            "by": by,
        },
    )
    return DocumentRow(int(made.scalar_one()), project_id, document, at, by)


async def documents(
    connection: Connection, project_id: int, *, after: int | None, limit: int
) -> Sequence[DocumentRow]:
    """Return at most ``limit`` documents of a project, in the order added, after the number given."""
    found = await connection.execute(
        text(
            "SELECT * FROM project_document WHERE project_id = :project_id AND id > :after "
            "ORDER BY id LIMIT :limit"
        ),
        {"project_id": project_id, "after": after or 0, "limit": limit},
    )
    return [
        DocumentRow(
            row.id,
            row.project_id,
            Document(
                DocumentKind(row.kind),
                row.title,
                row.sha256,
                row.media_type,
                row.size_bytes,
                row.issued_on,
                row.issued_by,
            ),
            row.added_at,
            row.added_by,
        )
        for row in found
    ]


async def kinds(
    connection: Connection, project_ids: Collection[int]
) -> Mapping[int, Collection[DocumentKind]]:
    """Return which kinds of documents each of the projects has."""
    found = await connection.execute(
        text(
            "SELECT DISTINCT project_id, kind FROM project_document "
            "WHERE project_id = ANY (CAST(:ids AS bigint[]))"
        ),
        {"ids": list(project_ids)},
    )
    held: dict[int, set[DocumentKind]] = defaultdict(set)
    for row in found:
        held[row.project_id].add(DocumentKind(row.kind))
    return held
