"""``/v1/accounts``: money of a jurisdiction (资金账户), recorded by the treasurer against the bank."""

from functools import partial

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from app.auth import CurrentActor, GuardedRoute
from app.market.access import Action
from app.market.ids import Kind, public_id
from app.market.ledger import Bucket
from app.market.units import format_money, parse_money, wan_yuan
from app.routers.answers import PageView, Paging, Reading, Writing, documented, example
from app.routers.forms import Code, Form, Instant, MoneyText, Text, View
from app.services import accounts

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=GuardedRoute)


class AccountView(View):
    """Money in yuan, and in 万元 for people to read."""

    jurisdiction: str
    available: str = Field(description="Free to register, pay and withdraw with")
    locked: str = Field(description="Held as bid deposits 保证金")
    escrow: str = Field(description="Paid for trades that wait for settlement")
    available_wan_yuan: str
    locked_wan_yuan: str
    escrow_wan_yuan: str

    @classmethod
    def of(cls, value: accounts.Balances) -> "AccountView":
        """Shape the balances."""
        return cls(
            jurisdiction=value.jurisdiction,
            available=format_money(value.available_fen),
            locked=format_money(value.locked_fen),
            escrow=format_money(value.escrow_fen),
            available_wan_yuan=wan_yuan(value.available_fen),
            locked_wan_yuan=wan_yuan(value.locked_fen),
            escrow_wan_yuan=wan_yuan(value.escrow_fen),
        )


class MoneyEntryView(View):
    """One change of one bucket, signed, with the balance before and after."""

    id: str
    transaction_id: str
    at: Instant
    kind: str
    reference: str = Field(description="The public id of what it was for")
    bucket: Bucket
    before: str
    amount: str = Field(description="Negative where the balance fell")
    after: str

    @classmethod
    def of(cls, row: accounts.EntryRow) -> "MoneyEntryView":
        """Shape a posting."""
        return cls(
            id=public_id(Kind.ENTRY, row.id),
            transaction_id=public_id(Kind.TRANSACTION, row.transaction_id),
            at=row.at,
            kind=row.kind,
            reference=row.reference,
            bucket=row.bucket,
            before=format_money(row.before_fen),
            amount=format_money(row.amount_fen),
            after=format_money(row.after_fen),
        )


class MovementForm(Form):
    """Money that moved at the bank."""

    model_config = ConfigDict(
        json_schema_extra=example({"amount": "1500000.00", "reference": "ICBC-2026-03-01-000017"})
    )

    amount: MoneyText = Field(description="Yuan")
    reference: Text = Field(description="The bank's reference; each is recorded once per direction")


class MovementView(View):
    """A recorded movement."""

    id: str
    jurisdiction: str
    kind: accounts.MovementKind
    amount: str
    amount_wan_yuan: str
    reference: str
    recorded_at: Instant

    @classmethod
    def of(cls, row: accounts.MovementRow) -> "MovementView":
        """Shape a movement."""
        return cls(
            id=public_id(Kind.MOVEMENT, row.id),
            jurisdiction=row.jurisdiction,
            kind=row.kind,
            amount=format_money(row.amount_fen),
            amount_wan_yuan=wan_yuan(row.amount_fen),
            reference=row.reference,
            recorded_at=row.recorded_at,
        )


@router.get(
    "/{code}",
    operation_id=Action.READ_ACCOUNT,
    responses=documented(AccountView),
    summary="Money of a jurisdiction 资金账户",
)
async def read_account(code: Code, actor: CurrentActor, reading: Reading) -> Response:
    """Show what is available, held as deposits, and in escrow."""
    return await reading.run(partial(accounts.account, actor=actor, code=code), AccountView.of)


@router.get(
    "/{code}/entries",
    operation_id=Action.READ_ACCOUNT_ENTRIES,
    responses=documented(PageView[MoneyEntryView]),
    summary="Entries of a money account, newest first",
)
async def read_account_entries(code: Code, actor: CurrentActor, reading: Reading, page: Paging) -> Response:
    """List every change of the account's buckets with its balance before and after, newest first."""
    work = partial(
        accounts.entries,
        actor=actor,
        code=code,
        before=page.after[0] if page.after else None,
        limit=page.limit + 1,
    )
    return await reading.run(work, lambda rows: page.view(rows, MoneyEntryView.of, lambda row: (row.id,)))


@router.post(
    "/{code}/deposits",
    operation_id=Action.RECORD_DEPOSIT,
    status_code=201,
    responses=documented(MovementView, status=201),
    summary="Record money that came in 入金",
)
async def record_deposit(code: Code, form: MovementForm, actor: CurrentActor, writing: Writing) -> Response:
    """Record money that a jurisdiction paid in at the bank: it becomes available."""
    work = partial(
        accounts.deposit,
        actor=actor,
        code=code,
        amount_fen=parse_money(form.amount, field="amount"),
        reference=form.reference,
    )
    return await writing.run(work, MovementView.of)


@router.post(
    "/{code}/withdrawals",
    operation_id=Action.RECORD_WITHDRAWAL,
    status_code=201,
    responses=documented(MovementView, status=201),
    summary="Record money that went out 出金",
)
async def record_withdrawal(
    code: Code, form: MovementForm, actor: CurrentActor, writing: Writing
) -> Response:
    """Record money that was paid out at the bank; at most what is available."""
    work = partial(
        accounts.withdraw,
        actor=actor,
        code=code,
        amount_fen=parse_money(form.amount, field="amount"),
        reference=form.reference,
    )
    return await writing.run(work, MovementView.of)
