"""Money accounts (资金账户): movements that the treasurer records against the bank."""

from datetime import datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.store import columns


class CashMovement(SQLModel, table=True):
    """Money that came in from, or went out to, a jurisdiction's bank account (fen)."""

    __tablename__ = "cash_movement"
    __table_args__ = (
        UniqueConstraint("kind", "reference", name="uq_cash_movement_reference"),
        CheckConstraint("kind IN ('deposit', 'withdrawal')", name="ck_cash_movement_kind"),
        CheckConstraint("amount > 0", name="ck_cash_movement_amount"),
    )

    id: int | None = Field(default=None, sa_column=columns.identity())
    jurisdiction: str = Field(sa_column=columns.refers("jurisdiction.code", index=True))
    kind: str = Field(sa_column=columns.text())
    amount: int = Field(sa_column=columns.count())
    reference: str = Field(sa_column=columns.text())
    recorded_at: datetime = Field(sa_column=columns.instant())
    recorded_by: str = Field(sa_column=columns.refers("jurisdiction.code"))
