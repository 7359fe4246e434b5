"""Project evidence ([N] 一, 二, 八): documents by hash, and what an assertion of the regulator rests on.

The original stays with the bureau that keeps it; the exchange keeps its SHA-256, so that a copy shown later
is known to be the one that was decided on.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.market.access import Role
from app.market.errors import Conflict, NotPermitted, RuleBroken
from app.market.projects import Project, ProjectState


class DocumentKind(StrEnum):
    """What a document is."""

    FILING_PROOF = "filing_proof"  # 备案证明
    FEASIBILITY_STUDY = "feasibility_study"  # 可行性研究报告 (the county's)
    FEASIBILITY_REVIEW = "feasibility_review"  # 可行性评审意见 (the province's)
    ECOLOGY_REVIEW = "ecology_review"  # 生态环境影响评估审查意见
    SURPLUS_RECOGNITION = "surplus_recognition"  # 节余指标认定
    ACCEPTANCE_REPORT = "acceptance_report"  # 验收报告
    GRADE_ASSESSMENT = "grade_assessment"  # 质量等别评定
    UPKEEP_AGREEMENT = "upkeep_agreement"  # 管护协议


PROVINCIAL = frozenset(
    {DocumentKind.FEASIBILITY_REVIEW, DocumentKind.ECOLOGY_REVIEW, DocumentKind.SURPLUS_RECOGNITION}
)
"""What the province issues, and only the regulator adds."""

AFTER_ACCEPTANCE = frozenset(
    {DocumentKind.ACCEPTANCE_REPORT, DocumentKind.GRADE_ASSESSMENT, DocumentKind.UPKEEP_AGREEMENT}
)
"""What may still come once a project is accepted; everything else was to be there before."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it is known here: what, whose, of which day, and the SHA-256 of its octets."""

    kind: DocumentKind
    title: str
    sha256: bytes
    media_type: str
    size_bytes: int
    issued_on: date
    issued_by: str


def refuse_document(document: Document, state: ProjectState, roles: Collection[Role], today: date) -> None:
    """Refuse evidence from the wrong hand, of the wrong time; raises NotPermitted, Conflict, RuleBroken."""
    if document.kind in PROVINCIAL and Role.LAND_REGULATOR not in roles:
        raise NotPermitted(
            f"A {document.kind} is the province's: the land regulator adds it.",
            code="document_of_the_province",
            kind=document.kind.value,
        )
    if document.issued_on > today:
        raise RuleBroken("issued_in_future", f"Today is {today}: nothing is issued later.", field="issued_on")
    open_to = state is ProjectState.FILED or (
        state is ProjectState.ACCEPTED and document.kind in AFTER_ACCEPTANCE
    )
    if not open_to:
        raise Conflict(
            "evidence_closed",
            f"The project is {state}: a {document.kind} is added while it is FILED; after its acceptance "
            f"only {', '.join(sorted(AFTER_ACCEPTANCE))}.",
            field="kind",
            state=state.value,
        )


def demanded(papers: Project, *, ecology_reviewed: bool) -> Mapping[str, tuple[DocumentKind, ...]]:
    """The documents that each review asserted of a project rests on ([N] 一, 二)."""
    asserted = {
        "feasibility_reviewed": (
            papers.feasibility_reviewed,
            (DocumentKind.FEASIBILITY_STUDY, DocumentKind.FEASIBILITY_REVIEW),
        ),
        "ecology_reviewed": (ecology_reviewed, (DocumentKind.ECOLOGY_REVIEW,)),
        "surplus_recognised": (papers.surplus_recognised, (DocumentKind.SURPLUS_RECOGNITION,)),
    }
    return {name: kinds for name, (is_asserted, kinds) in asserted.items() if is_asserted}


def refuse_unproven(papers: Project, evidence: Collection[DocumentKind], *, ecology_reviewed: bool) -> None:
    """Refuse an acceptance that asserts a review without its document; raises RuleBroken naming each."""
    missing = {
        name: [kind.value for kind in kinds if kind not in evidence]
        for name, kinds in demanded(papers, ecology_reviewed=ecology_reviewed).items()
    }
    missing = {name: kinds for name, kinds in missing.items() if kinds}
    if missing:
        told = "; ".join(f"{name} needs {' and '.join(kinds)}" for name, kinds in missing.items())
        raise RuleBroken(
            "evidence_missing",
            f"What is asserted has to be shown by a document: {told}. Add it to the project, or don't "
            "assert it.",
            field=next(iter(missing)),
            missing=missing,
        )
