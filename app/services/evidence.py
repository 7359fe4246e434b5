"""Evidence of projects: documents added by hash, and listed."""

from collections.abc import Sequence

from app.market.access import Action, Actor, permit, permitted_jurisdiction
from app.market.errors import NotFound
from app.market.evidence import Document, refuse_document
from app.market.ids import Kind, public_id
from app.services.days import day_of
from app.services.journal import announce
from app.store import clock, projects
from app.store import evidence as store
from app.store.database import Connection
from app.store.evidence import DocumentRow

__all__ = ["DocumentRow", "add", "documents"]


async def add(connection: Connection, *, actor: Actor, number: int, document: Document) -> DocumentRow:
    """Add a document to a project; raises NotFound, NotPermitted, Conflict, RuleBroken."""
    row = await projects.project(connection, number) if await projects.lock(connection, number) else None
    if row is None:
        raise NotFound("project", public_id(Kind.PROJECT, number))
    permit(actor, Action.ADD_PROJECT_DOCUMENT, row.county)
    now = await clock.now(connection)
    refuse_document(document, row.state, actor.roles, day_of(now))
    added = await store.insert(connection, number, document, at=now, by=actor.jurisdiction)
    await announce(
        connection,
        at=now,
        kind="project.document_added",
        subject=public_id(Kind.PROJECT, number),
        actor=actor.jurisdiction,
        # A title or an office may name a person; the hash is enough to know the document again.
        facts={"county": row.county, "kind": document.kind.value, "sha256": document.sha256.hex()},
    )
    return added


async def documents(
    connection: Connection, *, actor: Actor, number: int, after: int | None, limit: int
) -> Sequence[DocumentRow]:
    """Return at most ``limit`` documents of a project, after the number given; raises NotFound."""
    row = await projects.project(connection, number)
    own = permitted_jurisdiction(actor, Action.READ_PROJECT_DOCUMENTS)
    if row is None or (own is not None and row.county != own):
        raise NotFound("project", public_id(Kind.PROJECT, number))
    return await store.documents(connection, number, after=after, limit=limit)
