"""Who may do what to whose: the one table of permissions (DESIGN: identity).

Every route of the service carries one Action as its operation id; a route without an entry here does
not start. A role is given for a jurisdiction: ``OWN`` allows the action on that jurisdiction's things,
``ANY`` on everybody's. ``PUBLIC`` actions need no token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType

from app.market.errors import NotPermitted


class Role(StrEnum):
    """What a token's bearer is."""

    COUNTY_OFFICER = "county_officer"
    CITY_OFFICER = "city_officer"
    LAND_REGULATOR = "land_regulator"
    PRICE_REGULATOR = "price_regulator"
    CUSTODIAN = "custodian"
    TREASURER = "treasurer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Scope(Enum):
    """On whose things a role may act."""

    OWN = "own"
    ANY = "any"


class Action(StrEnum):
    """Everything that can be asked of the service; the operation ids of its routes."""

    # the service itself
    CHECK_HEALTH = "check_health"
    CHECK_READINESS = "check_readiness"
    READ_METRICS = "read_metrics"
    # register
    READ_JURISDICTIONS = "read_jurisdictions"
    READ_JURISDICTION = "read_jurisdiction"
    ADD_JURISDICTION = "add_jurisdiction"
    READ_DESIGNATIONS = "read_designations"
    ADD_DESIGNATION = "add_designation"
    READ_POLICIES = "read_policies"
    READ_POLICY_HISTORY = "read_policy_history"
    SET_POLICY = "set_policy"
    READ_SELF = "read_self"
    # bands
    READ_BANDS = "read_bands"
    SUGGEST_BAND = "suggest_band"
    SET_BAND = "set_band"
    # reclamation fees
    READ_FEE_STANDARDS = "read_fee_standards"
    SET_FEE_STANDARD = "set_fee_standard"
    # projects
    FILE_PROJECT = "file_project"
    READ_PROJECTS = "read_projects"
    READ_PROJECT = "read_project"
    ACCEPT_PROJECT = "accept_project"
    REFUSE_PROJECT = "refuse_project"
    REVERIFY_PROJECT = "reverify_project"
    NAME_UPKEEP = "name_upkeep"
    READ_UPKEEP = "read_upkeep"
    REPORT_UPKEEP = "report_upkeep"
    READ_MISSING_UPKEEP = "read_missing_upkeep"
    READ_PROJECT_PARCELS = "read_project_parcels"
    ADD_PROJECT_DOCUMENT = "add_project_document"
    READ_PROJECT_DOCUMENTS = "read_project_documents"
    READ_MAP = "read_map"
    VOID_PROJECT = "void_project"
    # reserves
    READ_RESERVE = "read_reserve"
    READ_RESERVE_BATCHES = "read_reserve_batches"
    READ_RESERVE_ENTRIES = "read_reserve_entries"
    # land applications and needs
    FILE_APPLICATION = "file_application"
    READ_APPLICATIONS = "read_applications"
    READ_APPLICATION = "read_application"
    CONSENT_TO_APPLICATION = "consent_to_application"
    WRITE_OFF_APPLICATION = "write_off_application"
    DECIDE_APPLICATION = "decide_application"
    WITHDRAW_APPLICATION = "withdraw_application"
    DECLARE_NEED = "declare_need"
    READ_NEEDS = "read_needs"
    READ_NEED = "read_need"
    APPROVE_NEED = "approve_need"
    REFUSE_NEED = "refuse_need"
    # listings
    LIST_INDICATORS = "list_indicators"
    READ_LISTING_FORM = "read_listing_form"
    READ_LISTINGS = "read_listings"
    READ_LISTING = "read_listing"
    WITHDRAW_LISTING = "withdraw_listing"
    VOID_LISTING = "void_listing"
    # allocations
    RUN_ALLOCATION = "run_allocation"
    READ_ALLOCATIONS = "read_allocations"
    READ_ALLOCATION = "read_allocation"
    READ_ALLOCATION_RECORD = "read_allocation_record"
    READ_ALLOCATION_OUTCOME = "read_allocation_outcome"
    # auctions
    ANNOUNCE_AUCTION = "announce_auction"
    CANCEL_AUCTION = "cancel_auction"
    READ_AUCTIONS = "read_auctions"
    READ_AUCTION = "read_auction"
    REGISTER_FOR_AUCTION = "register_for_auction"
    READ_REGISTRATIONS = "read_registrations"
    PLACE_BID = "place_bid"
    REPLACE_BID = "replace_bid"
    WITHDRAW_BID = "withdraw_bid"
    READ_BIDS = "read_bids"
    OPEN_AUCTION = "open_auction"
    READ_AUCTION_RECORD = "read_auction_record"
    READ_AUCTION_OUTCOME = "read_auction_outcome"
    # purchases
    BUY_INDICATORS = "buy_indicators"
    READ_PURCHASES = "read_purchases"
    READ_PURCHASE = "read_purchase"
    # trades and money
    READ_TRADES = "read_trades"
    READ_TRADE = "read_trade"
    CONFIRM_TRADE = "confirm_trade"
    PAY_TRADE = "pay_trade"
    SETTLE_TRADE = "settle_trade"
    DEFAULT_TRADE = "default_trade"
    READ_CONFIRMATION_LETTER = "read_confirmation_letter"
    ENTER_OBJECTION = "enter_objection"
    READ_OBJECTIONS = "read_objections"
    DECIDE_OBJECTION = "decide_objection"
    READ_ACCOUNT = "read_account"
    READ_ACCOUNT_ENTRIES = "read_account_entries"
    RECORD_DEPOSIT = "record_deposit"
    RECORD_WITHDRAWAL = "record_withdrawal"
    # commitments and obligations
    DRAFT_COMMITMENT = "draft_commitment"
    REVISE_COMMITMENT = "revise_commitment"
    FILE_COMMITMENT = "file_commitment"
    ACTIVATE_COMMITMENT = "activate_commitment"
    REFUSE_COMMITMENT = "refuse_commitment"
    WITHDRAW_COMMITMENT = "withdraw_commitment"
    READ_COMMITMENTS = "read_commitments"
    READ_COMMITMENT = "read_commitment"
    READ_OBLIGATIONS = "read_obligations"
    READ_OBLIGATION = "read_obligation"
    DISCHARGE_OBLIGATION = "discharge_obligation"
    # supervision
    IMPOSE_SANCTION = "impose_sanction"
    LIFT_SANCTION = "lift_sanction"
    READ_SANCTIONS = "read_sanctions"
    REPORT_RECTIFICATION = "report_rectification"
    REJECT_RECTIFICATION = "reject_rectification"
    OPEN_INSPECTION = "open_inspection"
    READ_INSPECTIONS = "read_inspections"
    READ_INSPECTION = "read_inspection"
    RECORD_FINDING = "record_finding"
    CONCLUDE_INSPECTION = "conclude_inspection"
    ANNOUNCE_SPOT_CHECK = "announce_spot_check"
    DRAW_SPOT_CHECK = "draw_spot_check"
    READ_SPOT_CHECKS = "read_spot_checks"
    # what falls due
    READ_AGENDA = "read_agenda"
    READ_REMINDERS = "read_reminders"
    READ_WARNINGS = "read_warnings"
    # exchange with the ministry's systems
    EXPORT_PACKAGE = "export_package"
    IMPORT_PACKAGE = "import_package"
    READ_PACKAGES = "read_packages"
    # assessment
    READ_ASSESSMENTS = "read_assessments"
    READ_ASSESSMENT = "read_assessment"
    CLOSE_ASSESSMENT = "close_assessment"
    # the public
    READ_BULLETIN_LISTINGS = "read_bulletin_listings"
    READ_BULLETIN_ANNOUNCEMENTS = "read_bulletin_announcements"
    READ_BULLETIN_RESULTS = "read_bulletin_results"
    READ_BULLETIN_BANDS = "read_bulletin_bands"
    READ_BULLETIN_CIRCULATED = "read_bulletin_circulated"
    READ_BULLETIN_ASSESSMENTS = "read_bulletin_assessments"
    READ_BULLETIN_ASSESSMENT = "read_bulletin_assessment"
    READ_BULLETIN_NOTICES = "read_bulletin_notices"
    READ_BULLETIN_CONFIRMATION = "read_bulletin_confirmation"
    READ_BULLETIN_VOIDED_PROJECTS = "read_bulletin_voided_projects"
    READ_JOURNAL = "read_journal"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a token's bearer, the jurisdiction it is bound to, and its roles."""

    token_id: int
    label: str
    jurisdiction: str
    roles: frozenset[Role]


PUBLIC: frozenset[Action] = frozenset(
    {
        Action.CHECK_HEALTH,
        Action.CHECK_READINESS,
        Action.READ_METRICS,
        Action.READ_BULLETIN_LISTINGS,
        Action.READ_BULLETIN_ANNOUNCEMENTS,
        Action.READ_BULLETIN_RESULTS,
        Action.READ_BULLETIN_BANDS,
        Action.READ_BULLETIN_CIRCULATED,
        Action.READ_BULLETIN_ASSESSMENTS,
        Action.READ_BULLETIN_ASSESSMENT,
        Action.READ_BULLETIN_NOTICES,
        Action.READ_BULLETIN_CONFIRMATION,
        Action.READ_BULLETIN_VOIDED_PROJECTS,
        Action.READ_JOURNAL,
        Action.READ_ALLOCATION_RECORD,
        Action.READ_ALLOCATION_OUTCOME,
        Action.READ_AUCTION_RECORD,
        Action.READ_AUCTION_OUTCOME,
    }
)

_OFFICERS = {Role.COUNTY_OFFICER: Scope.OWN, Role.CITY_OFFICER: Scope.OWN}
_OVERSEERS = {Role.LAND_REGULATOR: Scope.ANY, Role.AUDITOR: Scope.ANY}
_EVERYBODY = dict.fromkeys(Role, Scope.ANY)
_LAND = {Role.LAND_REGULATOR: Scope.ANY}
_OWN_OR_OVERSEEN = {**_OFFICERS, **_OVERSEERS}
# What is in public notice is everybody's to object to, whoever buys and sells.
_ANY_OFFICE = dict.fromkeys(_OWN_OR_OVERSEEN, Scope.ANY)
_MONEY_READERS = {**_OWN_OR_OVERSEEN, Role.TREASURER: Scope.ANY}

ACCESS: Mapping[Action, Mapping[Role, Scope]] = MappingProxyType(
    {
        Action.READ_SELF: _EVERYBODY,
        Action.READ_JURISDICTIONS: _EVERYBODY,
        Action.READ_JURISDICTION: _EVERYBODY,
        Action.ADD_JURISDICTION: _LAND,
        Action.READ_DESIGNATIONS: _EVERYBODY,
        Action.ADD_DESIGNATION: _LAND,
        Action.READ_POLICIES: _EVERYBODY,
        Action.READ_POLICY_HISTORY: _EVERYBODY,
        Action.SET_POLICY: _LAND,
        Action.READ_BANDS: _EVERYBODY,
        Action.SUGGEST_BAND: {Role.PRICE_REGULATOR: Scope.ANY},
        Action.SET_BAND: {Role.PRICE_REGULATOR: Scope.ANY},
        Action.READ_FEE_STANDARDS: _EVERYBODY,
        # [N] 六: the province sets them, its land office together with those of prices and finance.
        Action.SET_FEE_STANDARD: {Role.PRICE_REGULATOR: Scope.ANY, **_LAND},
        Action.FILE_PROJECT: _OFFICERS,
        Action.READ_PROJECTS: _OWN_OR_OVERSEEN,
        Action.READ_PROJECT: _OWN_OR_OVERSEEN,
        Action.ACCEPT_PROJECT: _LAND,
        Action.REFUSE_PROJECT: _LAND,
        Action.REVERIFY_PROJECT: _LAND,
        Action.NAME_UPKEEP: _OFFICERS,
        Action.READ_UPKEEP: _OWN_OR_OVERSEEN,
        Action.REPORT_UPKEEP: _OFFICERS,
        Action.READ_MISSING_UPKEEP: _OWN_OR_OVERSEEN,
        Action.READ_PROJECT_PARCELS: _OWN_OR_OVERSEEN,
        Action.ADD_PROJECT_DOCUMENT: {**_OFFICERS, **_LAND},
        Action.READ_PROJECT_DOCUMENTS: _OWN_OR_OVERSEEN,
        Action.READ_MAP: _OWN_OR_OVERSEEN,
        Action.VOID_PROJECT: _LAND,
        Action.READ_RESERVE: _OWN_OR_OVERSEEN,
        Action.READ_RESERVE_BATCHES: _OWN_OR_OVERSEEN,
        Action.READ_RESERVE_ENTRIES: _OWN_OR_OVERSEEN,
        Action.FILE_APPLICATION: _OFFICERS,
        Action.READ_APPLICATIONS: _OWN_OR_OVERSEEN,
        Action.READ_APPLICATION: _OWN_OR_OVERSEEN,
        Action.CONSENT_TO_APPLICATION: _OFFICERS,
        Action.WRITE_OFF_APPLICATION: _OFFICERS,
        Action.DECIDE_APPLICATION: _LAND,
        Action.WITHDRAW_APPLICATION: _OFFICERS,
        Action.DECLARE_NEED: _OFFICERS,
        Action.READ_NEEDS: _OWN_OR_OVERSEEN,
        Action.READ_NEED: _OWN_OR_OVERSEEN,
        Action.APPROVE_NEED: _LAND,
        Action.REFUSE_NEED: _LAND,
        Action.LIST_INDICATORS: _OFFICERS,
        Action.READ_LISTING_FORM: _OWN_OR_OVERSEEN,
        Action.READ_LISTINGS: _OWN_OR_OVERSEEN,
        Action.READ_LISTING: _OWN_OR_OVERSEEN,
        Action.WITHDRAW_LISTING: _OFFICERS,
        Action.VOID_LISTING: _LAND,
        Action.RUN_ALLOCATION: _LAND,
        Action.READ_ALLOCATIONS: _EVERYBODY,
        Action.READ_ALLOCATION: _EVERYBODY,
        Action.ANNOUNCE_AUCTION: _LAND,
        Action.CANCEL_AUCTION: _LAND,
        Action.READ_AUCTIONS: _EVERYBODY,
        Action.READ_AUCTION: _EVERYBODY,
        Action.REGISTER_FOR_AUCTION: _OFFICERS,
        Action.READ_REGISTRATIONS: _MONEY_READERS,
        Action.PLACE_BID: _OFFICERS,
        Action.REPLACE_BID: _OFFICERS,
        Action.WITHDRAW_BID: _OFFICERS,
        Action.READ_BIDS: _OFFICERS,
        Action.OPEN_AUCTION: _LAND,
        Action.BUY_INDICATORS: _OFFICERS,
        Action.READ_PURCHASES: _MONEY_READERS,
        Action.READ_PURCHASE: _MONEY_READERS,
        Action.READ_TRADES: _MONEY_READERS,
        Action.READ_TRADE: _MONEY_READERS,
        Action.CONFIRM_TRADE: {**_OFFICERS, **_LAND},
        Action.PAY_TRADE: _OFFICERS,
        Action.SETTLE_TRADE: {Role.TREASURER: Scope.ANY},
        Action.DEFAULT_TRADE: _LAND,
        Action.READ_CONFIRMATION_LETTER: _MONEY_READERS,
        Action.ENTER_OBJECTION: _ANY_OFFICE,
        Action.READ_OBJECTIONS: _OWN_OR_OVERSEEN,
        Action.DECIDE_OBJECTION: _LAND,
        Action.READ_ACCOUNT: _MONEY_READERS,
        Action.READ_ACCOUNT_ENTRIES: _MONEY_READERS,
        Action.RECORD_DEPOSIT: {Role.TREASURER: Scope.ANY},
        Action.RECORD_WITHDRAWAL: {Role.TREASURER: Scope.ANY},
        Action.DRAFT_COMMITMENT: _OFFICERS,
        Action.REVISE_COMMITMENT: _OFFICERS,
        Action.FILE_COMMITMENT: _OFFICERS,
        Action.ACTIVATE_COMMITMENT: _LAND,
        Action.REFUSE_COMMITMENT: _LAND,
        Action.WITHDRAW_COMMITMENT: _OFFICERS,
        Action.READ_COMMITMENTS: _OWN_OR_OVERSEEN,
        Action.READ_COMMITMENT: _OWN_OR_OVERSEEN,
        Action.READ_OBLIGATIONS: _OWN_OR_OVERSEEN,
        Action.READ_OBLIGATION: _OWN_OR_OVERSEEN,
        Action.DISCHARGE_OBLIGATION: _OFFICERS,
        Action.IMPOSE_SANCTION: _LAND,
        Action.LIFT_SANCTION: _LAND,
        Action.READ_SANCTIONS: _EVERYBODY,
        Action.REPORT_RECTIFICATION: _OFFICERS,
        Action.REJECT_RECTIFICATION: _LAND,
        Action.OPEN_INSPECTION: _LAND,
        Action.READ_INSPECTIONS: _OWN_OR_OVERSEEN,
        Action.READ_INSPECTION: _OWN_OR_OVERSEEN,
        Action.RECORD_FINDING: _LAND,
        Action.CONCLUDE_INSPECTION: _LAND,
        Action.ANNOUNCE_SPOT_CHECK: _LAND,
        Action.DRAW_SPOT_CHECK: _LAND,
        Action.READ_SPOT_CHECKS: _EVERYBODY,
        Action.READ_AGENDA: _MONEY_READERS,
        Action.READ_REMINDERS: _MONEY_READERS,
        Action.READ_WARNINGS: {**_OVERSEERS, Role.PRICE_REGULATOR: Scope.ANY},
        Action.EXPORT_PACKAGE: _OWN_OR_OVERSEEN,
        Action.IMPORT_PACKAGE: _LAND,
        Action.READ_PACKAGES: _OVERSEERS,
        Action.READ_ASSESSMENTS: _OVERSEERS,
        Action.READ_ASSESSMENT: _OWN_OR_OVERSEEN,
        Action.CLOSE_ASSESSMENT: _LAND,
    }
)


def scope(actor: Actor, action: Action) -> Scope | None:
    """Return the widest scope the actor's roles give for the action, or None where they give none."""
    scopes = {granted for role, granted in ACCESS.get(action, {}).items() if role in actor.roles}
    if Scope.ANY in scopes:
        return Scope.ANY
    return Scope.OWN if scopes else None


def permit(actor: Actor, action: Action, jurisdiction: str) -> None:
    """Raise NotPermitted unless the actor may do ``action`` to that jurisdiction's things."""
    granted = scope(actor, action)
    if granted is None or (granted is Scope.OWN and actor.jurisdiction != jurisdiction):
        raise NotPermitted(
            f"This token (for {actor.jurisdiction}, {', '.join(sorted(actor.roles))}) may not "
            f"{action.value.replace('_', ' ')} of jurisdiction {jurisdiction}.",
            action=action.value,
            jurisdiction=jurisdiction,
        )


def permitted_jurisdiction(actor: Actor, action: Action) -> str | None:
    """Return whose things the actor may list: its own jurisdiction, or None for everybody's."""
    return None if scope(actor, action) is Scope.ANY else actor.jurisdiction
