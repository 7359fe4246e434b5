"""Which constraint of the database means which refusal: the second guard, told in the domain's words.

Each entry is a rule that the code checks before; the constraint speaks when two writers raced past it.
"""

from collections.abc import Callable

from app.market.errors import Conflict, Insufficient, NotFound, Refusal

REFUSALS: dict[str, Callable[[], Refusal]] = {
    "ck_account_balance": lambda: Insufficient(
        "A balance would fall below zero; somebody else used it at the same moment."
    ),
    "uq_project_filing_no": lambda: Conflict(
        "filing_no_taken", "A project with this filing number is filed already.", field="filing_no"
    ),
    "uq_upkeep_report": lambda: Conflict(
        "upkeep_reported", "The upkeep of this year is reported already.", field="year"
    ),
    "uq_project_document": lambda: Conflict(
        "document_known", "This project has this document already, by its hash.", field="sha256"
    ),
    "uq_certified_parcel": lambda: Conflict(
        "parcel_claimed", "A parcel was credited in another project at the same moment.", field="parcels"
    ),
    "uq_registration_auction_id_buyer": lambda: Conflict(
        "already_registered", "This buyer is registered for the auction already."
    ),
    "uq_price_band_indicator_starts_at": lambda: Conflict(
        "band_exists", "Another band of this indicator starts at the same instant.", field="starts_at"
    ),
    "uq_fee_standard_jurisdiction_starts_at": lambda: Conflict(
        "fee_standard_exists",
        "Another standard of this jurisdiction starts at the same instant.",
        field="starts_at",
    ),
    "uq_policy_name_starts_at": lambda: Conflict(
        "policy_exists", "Another value of this policy starts at the same instant.", field="starts_at"
    ),
    "pk_jurisdiction_version": lambda: Conflict(
        "version_exists", "This jurisdiction has a version from that day on already.", field="valid_from"
    ),
    "uq_designation_jurisdiction_kind_valid_from": lambda: Conflict(
        "designation_exists", "This designation starts on the same day already.", field="valid_from"
    ),
    "uq_cash_movement_reference": lambda: Conflict(
        "reference_used", "A movement with this bank reference is recorded already.", field="reference"
    ),
    "pk_closed_year": lambda: Conflict("year_closed", "This year was closed at the same moment."),
    "fk_designation_jurisdiction": lambda: NotFound("jurisdiction", "of that code", field="jurisdiction"),
}


def refusal_for(constraint: str) -> Refusal | None:
    """Return the refusal that a constraint's name stands for, or None for a plain defect."""
    make = REFUSALS.get(constraint)
    return None if make is None else make()
