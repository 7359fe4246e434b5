"""Allocation runs for key projects (重点项目), with their public record and outcome."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.store import columns


class Allocation(SQLModel, table=True):
    """One run: the record that anyone can recompute, and its outcome, as published."""

    id: int | None = Field(default=None, sa_column=columns.identity())
    run_at: datetime = Field(sa_column=columns.instant())
    run_by: str | None = Field(default=None, sa_column=columns.refers("jurisdiction.code", nullable=True))
    record: str = Field(sa_column=columns.text())
    outcome: str = Field(sa_column=columns.text())
