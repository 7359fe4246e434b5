"""``/v1/commitments``: promises to supply later (承诺补充), from draft to due date."""

from datetime import date
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.commitments import CommitmentState, Earmark
from app.market.ids import Kind, public_id, row_number
from app.market.indicators import UNIT, Indicator
from app.market.units import format_quantity, parse_quantity
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Day, DecimalText, Form, Id, Instant, Text, View
from app.routers.quantities import QuantityView, UsedBatchView
from app.services import commitments

router = APIRouter(prefix="/v1/commitments", tags=["commitments"], route_class=GuardedRoute)

_TERMS = {
    "project_id": "P0000000001",
    "quantities": {"farmland_quantity": "10.0000", "grain_capacity": "75000.00"},
    "due_on": "2028-03-01",
}


class TermsForm(Form):
    """What is promised: which filed project supplies how much (hm² or kg), by the end of which day."""

    model_config = ConfigDict(json_schema_extra=example(_TERMS))

    project_id: Id
    quantities: Annotated[dict[Indicator, DecimalText], Field(min_length=1)]
    due_on: Day

    def terms(self) -> commitments.Terms:
        """Read the terms; raises BadQuantity and NotFound, naming the field."""
        return commitments.Terms(
            project_id=row_number(Kind.PROJECT, self.project_id, field="project_id"),
            promised={
                indicator: parse_quantity(quantity, indicator, field=f"quantities.{indicator}")
                for indicator, quantity in self.quantities.items()
            },
            due_on=self.due_on,
        )


class CommitmentForm(TermsForm):
    """A commitment for one's own filed land application."""

    model_config = ConfigDict(json_schema_extra=example({"application_id": "F0000000001", **_TERMS}))

    application_id: Id


class CommitmentRefusalForm(Form):
    """Why a commitment is refused."""

    model_config = ConfigDict(json_schema_extra=example({"reason": "补充项目不能按期验收"}))

    reason: Text


class CommitmentWithdrawalForm(Form):
    """Why the applicant withdraws, if it says so."""

    model_config = ConfigDict(json_schema_extra=example({"reason": "改用储备库指标"}))

    reason: Text | None = None


class CommitmentView(View):
    """A commitment as it stands; ``deficit`` is what was missing at the due date."""

    id: str
    application_id: str
    applicant: str
    project_id: str
    state: CommitmentState
    promised: list[QuantityView]
    due_on: date
    drafted_at: Instant
    filed_at: Instant | None
    decided_at: Instant | None
    decision_reason: str | None
    written_off_at: Instant | None
    deficit: list[QuantityView]

    @classmethod
    def of(cls, row: commitments.CommitmentRow) -> "CommitmentView":
        """Shape a commitment."""
        return cls(
            id=public_id(Kind.COMMITMENT, row.id),
            application_id=public_id(Kind.APPLICATION, row.application_id),
            applicant=row.applicant,
            project_id=public_id(Kind.PROJECT, row.project_id),
            state=row.state,
            promised=QuantityView.each(row.promised),
            due_on=row.due_on,
            drafted_at=row.drafted_at,
            filed_at=row.filed_at,
            decided_at=row.decided_at,
            decision_reason=row.decision_reason,
            written_off_at=row.written_off_at,
            deficit=QuantityView.each(row.missed),
        )


class EarmarkView(View):
    """What is kept of one batch for a commitment."""

    batch_id: str
    indicator: Indicator
    unit: str
    quantity: str

    @classmethod
    def of(cls, earmark: Earmark) -> "EarmarkView":
        """Shape an earmark."""
        return cls(
            batch_id=public_id(Kind.BATCH, earmark.batch_id),
            indicator=earmark.indicator,
            unit=UNIT[earmark.indicator].name,
            quantity=format_quantity(earmark.steps, earmark.indicator),
        )


class CommitmentCaseView(CommitmentView):
    """A commitment, what is earmarked for it, what was written off at its due date, what it still owes."""

    earmarked: list[EarmarkView]
    used: list[UsedBatchView]
    obligation: str | None

    @classmethod
    def shown(cls, case: commitments.CommitmentCase) -> "CommitmentCaseView":
        """Shape a commitment with what came of it."""
        return cls(
            **dict(CommitmentView.of(case.row)),
            earmarked=[EarmarkView.of(each) for each in case.earmarks],
            used=UsedBatchView.each(case.used),
            obligation=None if case.obligation is None else public_id(Kind.OBLIGATION, case.obligation.id),
        )


@router.post(
    "",
    operation_id=Action.DRAFT_COMMITMENT,
    status_code=201,
    responses=documented(CommitmentCaseView, status=201),
    summary="Draft a commitment",
)
async def draft_commitment(form: CommitmentForm, actor: CurrentActor, writing: Writing) -> Response:
    """Draft what one's own filed application is short of as a promise; nobody is bound by it yet."""
    application_id = row_number(Kind.APPLICATION, form.application_id, field="application_id")
    work = partial(commitments.draft, actor=actor, application_id=application_id, terms=form.terms())
    return await writing.run(work, CommitmentCaseView.shown)


@router.get(
    "",
    operation_id=Action.READ_COMMITMENTS,
    responses=documented(PageView[CommitmentView]),
    summary="Commitments",
)
async def read_commitments(
    actor: CurrentActor,
    reading: Reading,
    page: Paging,
    *,
    state: Annotated[CommitmentState | None, Query()] = None,
    application_id: Annotated[Id | None, Query()] = None,
    due_from: Annotated[Day | None, Query(description="The first due date that is shown")] = None,
    due_until: Annotated[Day | None, Query(description="The last due date that is shown")] = None,
) -> Response:
    """List one's own commitments, or all of them for who oversees them."""
    work = partial(
        commitments.commitments,
        actor=actor,
        application_id=None
        if application_id is None
        else row_number(Kind.APPLICATION, application_id, field="application_id"),
        state=state,
        due_from=due_from,
        due_until=due_until,
        after=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, CommitmentView.of, lambda row: (row.id,)))


@router.get(
    "/{commitment_id}",
    operation_id=Action.READ_COMMITMENT,
    responses=documented(CommitmentCaseView),
    summary="One commitment, and what came of it",
)
async def read_commitment(commitment_id: Id, actor: CurrentActor, reading: Reading) -> Response:
    """Show a commitment with its earmarks, its write-off and its obligation."""
    work = partial(commitments.commitment, actor=actor, number=row_number(Kind.COMMITMENT, commitment_id))
    return await reading.run(work, CommitmentCaseView.shown)


@router.post(
    "/{commitment_id}/revision",
    operation_id=Action.REVISE_COMMITMENT,
    status_code=201,
    responses=documented(CommitmentCaseView, status=201),
    summary="Write a draft anew",
)
async def revise_commitment(
    commitment_id: Id, form: TermsForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Put other terms in the place of a draft's."""
    number = row_number(Kind.COMMITMENT, commitment_id)
    work = partial(commitments.revise, actor=actor, number=number, terms=form.terms())
    return await writing.run(work, CommitmentCaseView.shown)


@router.post(
    "/{commitment_id}/filing",
    operation_id=Action.FILE_COMMITMENT,
    status_code=201,
    responses=documented(CommitmentCaseView, status=201),
    summary="File a commitment",
)
async def file_commitment(commitment_id: Id, actor: CurrentActor, writing: Writing) -> Response:
    """File a draft: judged by the policies and the reserve of this moment, for the regulator to decide."""
    work = partial(commitments.file, actor=actor, number=row_number(Kind.COMMITMENT, commitment_id))
    return await writing.run(work, CommitmentCaseView.shown)


@router.post(
    "/{commitment_id}/activation",
    operation_id=Action.ACTIVATE_COMMITMENT,
    status_code=201,
    responses=documented(CommitmentCaseView, status=201),
    summary="Accept a commitment",
)
async def activate_commitment(commitment_id: Id, actor: CurrentActor, writing: Writing) -> Response:
    """Accept a filed commitment: the application is written off less what is promised."""
    work = partial(commitments.activate, actor=actor, number=row_number(Kind.COMMITMENT, commitment_id))
    return await writing.run(work, CommitmentCaseView.shown)


@router.post(
    "/{commitment_id}/refusal",
    operation_id=Action.REFUSE_COMMITMENT,
    status_code=201,
    responses=documented(CommitmentCaseView, status=201),
    summary="Refuse a commitment",
)
async def refuse_commitment(
    commitment_id: Id, form: CommitmentRefusalForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Refuse a filed commitment, with the reason."""
    number = row_number(Kind.COMMITMENT, commitment_id)
    work = partial(commitments.refuse, actor=actor, number=number, reason=form.reason)
    return await writing.run(work, CommitmentCaseView.shown)


@router.post(
    "/{commitment_id}/withdrawal",
    operation_id=Action.WITHDRAW_COMMITMENT,
    status_code=201,
    responses=documented(CommitmentCaseView, status=201),
    summary="Withdraw a commitment",
)
async def withdraw_commitment(
    commitment_id: Id, form: CommitmentWithdrawalForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Withdraw one's own draft, or filed commitment that is not decided yet."""
    number = row_number(Kind.COMMITMENT, commitment_id)
    work = partial(commitments.withdraw, actor=actor, number=number, reason=form.reason)
    return await writing.run(work, CommitmentCaseView.shown)
