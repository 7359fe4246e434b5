"""Every table, imported in one place, so that the metadata is whole for migrations."""

from sqlalchemy import MetaData
from sqlmodel import SQLModel

from app.store import (  # noqa: F401
    accounts,
    agenda,
    allocations,
    applications,
    assessments,
    auctions,
    bands,
    certified,
    clock,
    commitments,
    evidence,
    fees,
    inspections,
    journal,
    jurisdictions,
    ledger,
    listings,
    needs,
    objections,
    obligations,
    packages,
    parcels,
    policies,
    projects,
    purchases,
    reverification,
    sanctions,
    tokens,
    trades,
    upkeep,
    voidings,
    write_offs,
)

METADATA: MetaData = SQLModel.metadata
