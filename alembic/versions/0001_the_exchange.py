"""The tables of the exchange.

Locks: nothing that exists; it only makes new tables.
Reversed by: downgrade(), which drops them all, with everything in them.

Revision: 0001, after: nothing
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "auction",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("indicator", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pricing", sa.Text(collation="C"), nullable=False),
        sa.Column("tie", sa.Text(collation="C"), nullable=False),
        sa.Column("lot", sa.BigInteger(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.Column("ceiling", sa.BigInteger(), nullable=False),
        sa.Column("buyer_cap_share", sa.Text(collation="C"), nullable=True),
        sa.Column("deposit_rate", sa.Text(collation="C"), nullable=False),
        sa.Column("bids_per_buyer", sa.Integer(), nullable=False),
        sa.Column("purchases_within_need", sa.Boolean(), nullable=False),
        sa.Column("public_key", postgresql.BYTEA(), nullable=False),
        sa.Column("wrapped_private_key", postgresql.BYTEA(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(collation="C"), nullable=True),
        sa.Column("record", sa.Text(collation="C"), nullable=True),
        sa.Column("outcome", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "indicator IN ('farmland_quantity', 'paddy_area', 'grain_capacity', 'linkage_quota')",
            name=op.f("ck_auction_indicator"),
        ),
        sa.CheckConstraint(
            "state IN ('ANNOUNCED', 'CLOSED', 'OPENED', 'CANCELLED', 'VOID')", name=op.f("ck_auction_state")
        ),
        sa.CheckConstraint("(outcome IS NULL) = (record IS NULL)", name=op.f("ck_auction_published")),
        sa.CheckConstraint("opens_at < closes_at", name=op.f("ck_auction_window")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auction")),
    )
    op.create_index(
        "ix_auction_due",
        "auction",
        ["closes_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('ANNOUNCED', 'CLOSED')"),
    )
    op.create_table(
        "clock_offset",
        sa.Column("only_row", sa.Boolean(), nullable=False),
        sa.Column("ahead_by", sa.Interval(), nullable=False),
        sa.CheckConstraint("only_row", name=op.f("ck_clock_offset_only_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_clock_offset")),
    )
    op.create_table(
        "jurisdiction",
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_jurisdiction")),
    )
    op.create_table(
        "allocation",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_by", sa.Text(collation="C"), autoincrement=False, nullable=True),
        sa.Column("record", sa.Text(collation="C"), nullable=False),
        sa.Column("outcome", sa.Text(collation="C"), nullable=False),
        sa.ForeignKeyConstraint(["run_by"], ["jurisdiction.code"], name=op.f("fk_allocation_run_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
    )
    op.create_table(
        "bid",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("auction_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("buyer", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("sealed", postgresql.BYTEA(), nullable=False),
        sa.Column("digest", postgresql.BYTEA(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_by", sa.Text(collation="C"), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("replaced_by IS NULL OR withdrawn_at IS NULL", name=op.f("ck_bid_ended_once")),
        sa.ForeignKeyConstraint(["auction_id"], ["auction.id"], name=op.f("fk_bid_auction_id")),
        sa.ForeignKeyConstraint(["buyer"], ["jurisdiction.code"], name=op.f("fk_bid_buyer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bid")),
    )
    op.create_index(
        "ix_bid_in_force",
        "bid",
        ["auction_id", "buyer"],
        unique=False,
        postgresql_where=sa.text("replaced_by IS NULL AND withdrawn_at IS NULL"),
    )
    op.create_index("ix_bid_receipts", "bid", ["auction_id", "buyer", "received_at", "id"], unique=False)
    op.create_table(
        "cash_movement",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("jurisdiction", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(collation="C"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.CheckConstraint("kind IN ('deposit', 'withdrawal')", name=op.f("ck_cash_movement_kind")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_cash_movement_amount")),
        sa.ForeignKeyConstraint(
            ["jurisdiction"], ["jurisdiction.code"], name=op.f("fk_cash_movement_jurisdiction")
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["jurisdiction.code"], name=op.f("fk_cash_movement_recorded_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cash_movement")),
        sa.UniqueConstraint("kind", "reference", name="uq_cash_movement_reference"),
    )
    op.create_index(op.f("ix_cash_movement_jurisdiction"), "cash_movement", ["jurisdiction"], unique=False)
    op.create_table(
        "designation",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("jurisdiction", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('poverty', 'deep_poverty', 'linkage_province_wide')", name=op.f("ck_designation_kind")
        ),
        sa.CheckConstraint(
            "valid_until IS NULL OR valid_until > valid_from", name=op.f("ck_designation_dates")
        ),
        sa.ForeignKeyConstraint(
            ["jurisdiction"], ["jurisdiction.code"], name=op.f("fk_designation_jurisdiction")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_designation")),
        sa.UniqueConstraint(
            "jurisdiction", "kind", "valid_from", name=op.f("uq_designation_jurisdiction_kind_valid_from")
        ),
    )
    op.create_table(
        "journal_event",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("subject", sa.Text(collation="C"), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), autoincrement=False, nullable=True),
        sa.Column("payload", sa.Text(collation="C"), nullable=False),
        sa.Column("digest", postgresql.BYTEA(), nullable=False),
        sa.ForeignKeyConstraint(["actor"], ["jurisdiction.code"], name=op.f("fk_journal_event_actor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_event")),
    )
    op.create_table(
        "jurisdiction_version",
        sa.Column("code", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("level", sa.Text(collation="C"), nullable=False),
        sa.Column("parent", sa.Text(collation="C"), autoincrement=False, nullable=True),
        sa.CheckConstraint(
            "level IN ('province', 'city', 'county', 'functional_zone', 'external')",
            name=op.f("ck_jurisdiction_version_level"),
        ),
        sa.ForeignKeyConstraint(["code"], ["jurisdiction.code"], name=op.f("fk_jurisdiction_version_code")),
        sa.ForeignKeyConstraint(
            ["parent"], ["jurisdiction.code"], name=op.f("fk_jurisdiction_version_parent")
        ),
        sa.PrimaryKeyConstraint("code", "valid_from", name=op.f("pk_jurisdiction_version")),
    )
    op.create_table(
        "land_application",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("applicant", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("title", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("farmland_quantity", sa.BigInteger(), nullable=False),
        sa.Column("paddy_area", sa.BigInteger(), nullable=False),
        sa.Column("grain_capacity", sa.BigInteger(), nullable=False),
        sa.Column("linkage_quota", sa.BigInteger(), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "kind IN ('separate_site', 'town_batch', 'linkage')", name=op.f("ck_land_application_kind")
        ),
        sa.CheckConstraint(
            "state IN ('FILED', 'REFUSED', 'WITHDRAWN')", name=op.f("ck_land_application_state")
        ),
        sa.CheckConstraint(
            "farmland_quantity >= 0 AND paddy_area >= 0 AND grain_capacity >= 0 AND linkage_quota >= 0",
            name=op.f("ck_land_application_required"),
        ),
        sa.ForeignKeyConstraint(
            ["applicant"], ["jurisdiction.code"], name=op.f("fk_land_application_applicant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_land_application")),
    )
    op.create_index(op.f("ix_land_application_applicant"), "land_application", ["applicant"], unique=False)
    op.create_table(
        "ledger_transaction",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("reference", sa.Text(collation="C"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), autoincrement=False, nullable=True),
        sa.ForeignKeyConstraint(["actor"], ["jurisdiction.code"], name=op.f("fk_ledger_transaction_actor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transaction")),
    )
    op.create_table(
        "policy",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_by", sa.Text(collation="C"), autoincrement=False, nullable=True),
        sa.CheckConstraint(
            "entered_by IS NULL OR starts_at > entered_at", name=op.f("ck_policy_not_retroactive")
        ),
        sa.ForeignKeyConstraint(["entered_by"], ["jurisdiction.code"], name=op.f("fk_policy_entered_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("name", "starts_at", name=op.f("uq_policy_name_starts_at")),
    )
    op.create_table(
        "price_band",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("indicator", sa.Text(collation="C"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_by", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.Column("ceiling", sa.BigInteger(), nullable=False),
        sa.Column("key_price", sa.BigInteger(), nullable=False),
        sa.Column("average_cost", sa.BigInteger(), nullable=False),
        sa.Column("protection_compensation", sa.BigInteger(), nullable=False),
        sa.Column("annual_upkeep", sa.BigInteger(), nullable=False),
        sa.Column("upkeep_years", sa.BigInteger(), nullable=False),
        sa.Column("floor_factor", sa.Numeric(), nullable=False),
        sa.Column("ceiling_factor", sa.Numeric(), nullable=False),
        sa.CheckConstraint(
            "indicator IN ('farmland_quantity', 'paddy_area', 'grain_capacity', 'linkage_quota')",
            name=op.f("ck_price_band_indicator"),
        ),
        sa.CheckConstraint(
            "0 < floor AND floor <= key_price AND key_price <= ceiling", name=op.f("ck_price_band_order")
        ),
        sa.CheckConstraint("starts_at > entered_at", name=op.f("ck_price_band_not_retroactive")),
        sa.ForeignKeyConstraint(["entered_by"], ["jurisdiction.code"], name=op.f("fk_price_band_entered_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_band")),
        sa.UniqueConstraint("indicator", "starts_at", name=op.f("uq_price_band_indicator_starts_at")),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("county", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("filing_no", sa.Text(collation="C"), nullable=True),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("department", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("design_grade", sa.Integer(), nullable=True),
        sa.Column("feasibility_reviewed", sa.Boolean(), nullable=False),
        sa.Column("surplus_recognised", sa.Boolean(), nullable=False),
        sa.Column("ecology_reviewed", sa.Boolean(), nullable=False),
        sa.Column("surplus_as", sa.Text(collation="C"), nullable=True),
        sa.Column("resettlement_area_m2", sa.BigInteger(), nullable=True),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_on", sa.Date(), nullable=True),
        sa.Column("accepting_body", sa.Text(collation="C"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "kind IN ('land_consolidation', 'high_standard_farmland', 'quality_upgrade', 'linkage', 'abandoned_mine', 'orchard_or_forest', 'disaster_relocation', 'poverty_relocation')",
            name=op.f("ck_project_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('FILED', 'ACCEPTED', 'REFUSED', 'VOIDED')", name=op.f("ck_project_state")
        ),
        sa.CheckConstraint("accepted_on IS NULL OR accepted_on >= started_on", name=op.f("ck_project_dates")),
        sa.ForeignKeyConstraint(["county"], ["jurisdiction.code"], name=op.f("fk_project_county")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
    )
    op.create_index("ix_project_county_id", "project", ["county", "id"], unique=False)
    op.create_index(
        "uq_project_filing_no",
        "project",
        ["filing_no"],
        unique=True,
        postgresql_where=sa.text("state <> 'REFUSED'"),
    )
    op.create_table(
        "sanction",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("jurisdiction", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('rectify', 'circulate', 'suspend')", name=op.f("ck_sanction_kind")),
        sa.CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name=op.f("ck_sanction_dates")),
        sa.ForeignKeyConstraint(["decided_by"], ["jurisdiction.code"], name=op.f("fk_sanction_decided_by")),
        sa.ForeignKeyConstraint(
            ["jurisdiction"], ["jurisdiction.code"], name=op.f("fk_sanction_jurisdiction")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sanction")),
    )
    op.create_index(op.f("ix_sanction_jurisdiction"), "sanction", ["jurisdiction"], unique=False)
    op.create_table(
        "stored_answer",
        sa.Column("jurisdiction", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("request_digest", postgresql.BYTEA(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(collation="C"), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["jurisdiction"], ["jurisdiction.code"], name=op.f("fk_stored_answer_jurisdiction")
        ),
        sa.PrimaryKeyConstraint("jurisdiction", "key", name=op.f("pk_stored_answer")),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("digest", postgresql.BYTEA(), nullable=False),
        sa.Column("label", sa.Text(collation="C"), nullable=False),
        sa.Column("jurisdiction", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "roles <@ ARRAY['county_officer', 'city_officer', 'land_regulator', 'price_regulator', 'custodian', 'treasurer', 'auditor', 'administrator']::text[]",
            name=op.f("ck_token_roles"),
        ),
        sa.ForeignKeyConstraint(["jurisdiction"], ["jurisdiction.code"], name=op.f("fk_token_jurisdiction")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_token_digest")),
    )
    op.create_table(
        "application_parcel",
        sa.Column("application_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("parcel_no", sa.Text(collation="C"), nullable=False),
        sa.Column("area_m2", sa.BigInteger(), nullable=False),
        sa.Column("use", sa.Text(collation="C"), nullable=False),
        sa.Column("grade", sa.Integer(), nullable=True),
        sa.CheckConstraint("area_m2 > 0", name=op.f("ck_application_parcel_area")),
        sa.ForeignKeyConstraint(
            ["application_id"], ["land_application.id"], name=op.f("fk_application_parcel_application_id")
        ),
        sa.PrimaryKeyConstraint("application_id", "parcel_no", name=op.f("pk_application_parcel")),
    )
    op.create_table(
        "batch",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("indicator", sa.Text(collation="C"), nullable=False),
        sa.Column("county", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("credited_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "indicator IN ('farmland_quantity', 'paddy_area', 'grain_capacity', 'linkage_quota')",
            name=op.f("ck_batch_indicator"),
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_batch_quantity")),
        sa.ForeignKeyConstraint(["county"], ["jurisdiction.code"], name=op.f("fk_batch_county")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_batch_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("project_id", "indicator", name=op.f("uq_batch_project_id_indicator")),
    )
    op.create_index(op.f("ix_batch_county"), "batch", ["county"], unique=False)
    op.create_table(
        "certified_parcel",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("county", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("parcel_no", sa.Text(collation="C"), nullable=False),
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("credited_as_new", sa.Boolean(), nullable=False),
        sa.Column("use_certified", sa.Text(collation="C"), nullable=False),
        sa.Column("grade_certified", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["county"], ["jurisdiction.code"], name=op.f("fk_certified_parcel_county")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_certified_parcel_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certified_parcel")),
        sa.UniqueConstraint("county", "parcel_no", name="uq_certified_parcel"),
    )
    op.create_index(op.f("ix_certified_parcel_project_id"), "certified_parcel", ["project_id"], unique=False)
    op.create_table(
        "need",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("buyer", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("application_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("key_level", sa.Text(collation="C"), nullable=True),
        sa.Column("all_or_nothing", sa.Boolean(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint("key_level IN ('national', 'provincial')", name=op.f("ck_need_key_level")),
        sa.CheckConstraint(
            "state IN ('DECLARED', 'APPROVED', 'REFUSED', 'MET', 'LAPSED')", name=op.f("ck_need_state")
        ),
        sa.ForeignKeyConstraint(
            ["application_id"], ["land_application.id"], name=op.f("fk_need_application_id")
        ),
        sa.ForeignKeyConstraint(["buyer"], ["jurisdiction.code"], name=op.f("fk_need_buyer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_need")),
    )
    op.create_index(op.f("ix_need_application_id"), "need", ["application_id"], unique=False)
    op.create_index(op.f("ix_need_buyer"), "need", ["buyer"], unique=False)
    op.create_index(
        "ix_need_waiting",
        "need",
        ["approved_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'APPROVED'"),
    )
    op.create_table(
        "project_fund",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("share", sa.Numeric(), nullable=False),
        sa.CheckConstraint("share >= 0 AND share <= 1", name=op.f("ck_project_fund_share")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_project_fund_project_id")),
        sa.PrimaryKeyConstraint("project_id", "ordinal", name=op.f("pk_project_fund")),
    )
    op.create_table(
        "project_parcel",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("parcel_no", sa.Text(collation="C"), nullable=False),
        sa.Column("area_m2", sa.BigInteger(), nullable=False),
        sa.Column("use_before", sa.Text(collation="C"), nullable=False),
        sa.Column("use_after", sa.Text(collation="C"), nullable=False),
        sa.Column("grade_before", sa.Integer(), nullable=True),
        sa.Column("grade_after", sa.Integer(), nullable=True),
        sa.CheckConstraint("area_m2 > 0", name=op.f("ck_project_parcel_area")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_project_parcel_project_id")),
        sa.PrimaryKeyConstraint("project_id", "parcel_no", name=op.f("pk_project_parcel")),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("jurisdiction", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("asset", sa.Text(collation="C"), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("bucket", sa.Text(collation="C"), nullable=False),
        sa.Column("balance", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("(asset = 'CNY') = (batch_id IS NULL)", name=op.f("ck_account_batch")),
        sa.CheckConstraint(
            "asset IN ('farmland_quantity', 'paddy_area', 'grain_capacity', 'linkage_quota', 'CNY')",
            name=op.f("ck_account_asset"),
        ),
        sa.CheckConstraint("balance >= 0 OR bucket IN ('issued', 'bank')", name=op.f("ck_account_balance")),
        sa.CheckConstraint(
            "bucket IN ('available', 'locked', 'earmarked', 'escrow', 'issued', 'consumed', 'bank')",
            name=op.f("ck_account_bucket"),
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_account_batch_id")),
        sa.ForeignKeyConstraint(
            ["jurisdiction"], ["jurisdiction.code"], name=op.f("fk_account_jurisdiction")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint(
            "jurisdiction",
            "asset",
            "batch_id",
            "bucket",
            name="uq_account",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(op.f("ix_account_batch_id"), "account", ["batch_id"], unique=False)
    op.create_table(
        "listing",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("county", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("indicator", sa.Text(collation="C"), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("awarded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("settled", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ask", sa.BigInteger(), nullable=True),
        sa.Column("open_to_key_projects", sa.Boolean(), nullable=False),
        sa.Column("poverty", sa.Boolean(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("auction_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "(state = 'IN_AUCTION') = (auction_id IS NOT NULL)", name=op.f("ck_listing_auction")
        ),
        sa.CheckConstraint(
            "indicator IN ('farmland_quantity', 'paddy_area', 'grain_capacity', 'linkage_quota')",
            name=op.f("ck_listing_indicator"),
        ),
        sa.CheckConstraint(
            "state IN ('LISTED', 'IN_AUCTION', 'SOLD', 'WITHDRAWN', 'VOIDED')", name=op.f("ck_listing_state")
        ),
        sa.CheckConstraint(
            "0 < quantity AND 0 <= settled AND settled <= awarded AND awarded <= quantity",
            name=op.f("ck_listing_quantities"),
        ),
        sa.ForeignKeyConstraint(["auction_id"], ["auction.id"], name=op.f("fk_listing_auction_id")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_listing_batch_id")),
        sa.ForeignKeyConstraint(["county"], ["jurisdiction.code"], name=op.f("fk_listing_county")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing")),
    )
    op.create_index(op.f("ix_listing_auction_id"), "listing", ["auction_id"], unique=False)
    op.create_index(op.f("ix_listing_batch_id"), "listing", ["batch_id"], unique=False)
    op.create_index(op.f("ix_listing_county"), "listing", ["county"], unique=False)
    op.create_index(
        "ix_listing_queue",
        "listing",
        [sa.literal_column("(NOT poverty)"), "listed_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('LISTED', 'IN_AUCTION') AND awarded < quantity"),
    )
    op.create_table(
        "need_item",
        sa.Column("need_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("indicator", sa.Text(collation="C"), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("awarded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("settled", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("excess", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "indicator IN ('farmland_quantity', 'paddy_area', 'grain_capacity', 'linkage_quota')",
            name=op.f("ck_need_item_indicator"),
        ),
        sa.CheckConstraint(
            "0 < quantity AND 0 <= reserved AND 0 <= settled AND settled <= awarded AND 0 <= excess AND awarded - quantity <= excess - reserved",
            name=op.f("ck_need_item_quantities"),
        ),
        sa.ForeignKeyConstraint(["need_id"], ["need.id"], name=op.f("fk_need_item_need_id")),
        sa.PrimaryKeyConstraint("need_id", "indicator", name=op.f("pk_need_item")),
    )
    op.create_table(
        "registration",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("auction_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("buyer", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("need_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("limit_quantity", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("deposit", sa.BigInteger(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("0 < reserved AND reserved <= limit_quantity", name=op.f("ck_registration_limit")),
        sa.CheckConstraint("deposit >= 0", name=op.f("ck_registration_deposit")),
        sa.ForeignKeyConstraint(["auction_id"], ["auction.id"], name=op.f("fk_registration_auction_id")),
        sa.ForeignKeyConstraint(["buyer"], ["jurisdiction.code"], name=op.f("fk_registration_buyer")),
        sa.ForeignKeyConstraint(["need_id"], ["need.id"], name=op.f("fk_registration_need_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration")),
        sa.UniqueConstraint("auction_id", "buyer", name=op.f("uq_registration_auction_id_buyer")),
    )
    op.create_index(op.f("ix_registration_buyer"), "registration", ["buyer"], unique=False)
    op.create_index(op.f("ix_registration_need_id"), "registration", ["need_id"], unique=False)
    op.create_table(
        "trade",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("buyer", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("need_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("auction_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("bid_id", sa.Text(collation="C"), nullable=True),
        sa.Column("allocation_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("deposit", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("awarded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("notice_ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payment_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unpublished_years", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "state IN ('AWARDED', 'CONFIRMED', 'PAID', 'SETTLED', 'DEFAULTED', 'VOIDED')",
            name=op.f("ck_trade_state"),
        ),
        sa.CheckConstraint("(auction_id IS NULL) <> (allocation_id IS NULL)", name=op.f("ck_trade_source")),
        sa.ForeignKeyConstraint(["allocation_id"], ["allocation.id"], name=op.f("fk_trade_allocation_id")),
        sa.ForeignKeyConstraint(["auction_id"], ["auction.id"], name=op.f("fk_trade_auction_id")),
        sa.ForeignKeyConstraint(["buyer"], ["jurisdiction.code"], name=op.f("fk_trade_buyer")),
        sa.ForeignKeyConstraint(["need_id"], ["need.id"], name=op.f("fk_trade_need_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trade")),
        sa.UniqueConstraint("allocation_id", "need_id", name=op.f("uq_trade_allocation_id_need_id")),
        sa.UniqueConstraint("auction_id", "bid_id", name=op.f("uq_trade_auction_id_bid_id")),
    )
    op.create_index(op.f("ix_trade_buyer"), "trade", ["buyer"], unique=False)
    op.create_index(op.f("ix_trade_need_id"), "trade", ["need_id"], unique=False)
    op.create_index(
        "ix_trade_payment_due",
        "trade",
        ["payment_due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('AWARDED', 'CONFIRMED')"),
    )
    op.create_table(
        "auction_lot",
        sa.Column("auction_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("listing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("ask", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_auction_lot_quantity")),
        sa.ForeignKeyConstraint(["auction_id"], ["auction.id"], name=op.f("fk_auction_lot_auction_id")),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"], name=op.f("fk_auction_lot_listing_id")),
        sa.PrimaryKeyConstraint("auction_id", "listing_id", name=op.f("pk_auction_lot")),
    )
    op.create_index(op.f("ix_auction_lot_listing_id"), "auction_lot", ["listing_id"], unique=False)
    op.create_table(
        "posting",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_before", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_posting_amount")),
        sa.CheckConstraint("balance_after = balance_before + amount", name=op.f("ck_posting_arithmetic")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_posting_account_id")),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["ledger_transaction.id"], name=op.f("fk_posting_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posting")),
        sa.UniqueConstraint(
            "transaction_id", "account_id", name=op.f("uq_posting_transaction_id_account_id")
        ),
    )
    op.create_index("ix_posting_account_id_id", "posting", ["account_id", "id"], unique=False)
    op.create_table(
        "trade_line",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("trade_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("listing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seller", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("indicator", sa.Text(collation="C"), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint(
            "indicator IN ('farmland_quantity', 'paddy_area', 'grain_capacity', 'linkage_quota')",
            name=op.f("ck_trade_line_indicator"),
        ),
        sa.CheckConstraint("state IN ('ACTIVE', 'VOIDED')", name=op.f("ck_trade_line_state")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_trade_line_quantity")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_trade_line_batch_id")),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"], name=op.f("fk_trade_line_listing_id")),
        sa.ForeignKeyConstraint(["seller"], ["jurisdiction.code"], name=op.f("fk_trade_line_seller")),
        sa.ForeignKeyConstraint(["trade_id"], ["trade.id"], name=op.f("fk_trade_line_trade_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trade_line")),
        sa.UniqueConstraint("trade_id", "listing_id", name=op.f("uq_trade_line_trade_id_listing_id")),
    )
    op.create_index(op.f("ix_trade_line_listing_id"), "trade_line", ["listing_id"], unique=False)
    op.create_index(op.f("ix_trade_line_seller"), "trade_line", ["seller"], unique=False)


def downgrade() -> None:
    """Drop every table."""
    op.drop_index(op.f("ix_trade_line_seller"), table_name="trade_line")
    op.drop_index(op.f("ix_trade_line_listing_id"), table_name="trade_line")
    op.drop_table("trade_line")
    op.drop_index("ix_posting_account_id_id", table_name="posting")
    op.drop_table("posting")
    op.drop_index(op.f("ix_auction_lot_listing_id"), table_name="auction_lot")
    op.drop_table("auction_lot")
    op.drop_index(
        "ix_trade_payment_due",
        table_name="trade",
        postgresql_where=sa.text("state IN ('AWARDED', 'CONFIRMED')"),
    )
    op.drop_index(op.f("ix_trade_need_id"), table_name="trade")
    op.drop_index(op.f("ix_trade_buyer"), table_name="trade")
    op.drop_table("trade")
    op.drop_index(op.f("ix_registration_need_id"), table_name="registration")
    op.drop_index(op.f("ix_registration_buyer"), table_name="registration")
    op.drop_table("registration")
    op.drop_table("need_item")
    op.drop_index(
        "ix_listing_queue",
        table_name="listing",
        postgresql_where=sa.text("state IN ('LISTED', 'IN_AUCTION') AND awarded < quantity"),
    )
    op.drop_index(op.f("ix_listing_county"), table_name="listing")
    op.drop_index(op.f("ix_listing_batch_id"), table_name="listing")
    op.drop_index(op.f("ix_listing_auction_id"), table_name="listing")
    op.drop_table("listing")
    op.drop_index(op.f("ix_account_batch_id"), table_name="account")
    op.drop_table("account")
    op.drop_table("project_parcel")
    op.drop_table("project_fund")
    op.drop_index("ix_need_waiting", table_name="need", postgresql_where=sa.text("state = 'APPROVED'"))
    op.drop_index(op.f("ix_need_buyer"), table_name="need")
    op.drop_index(op.f("ix_need_application_id"), table_name="need")
    op.drop_table("need")
    op.drop_index(op.f("ix_certified_parcel_project_id"), table_name="certified_parcel")
    op.drop_table("certified_parcel")
    op.drop_index(op.f("ix_batch_county"), table_name="batch")
    op.drop_table("batch")
    op.drop_table("application_parcel")
    op.drop_table("token")
    op.drop_table("stored_answer")
    op.drop_index(op.f("ix_sanction_jurisdiction"), table_name="sanction")
    op.drop_table("sanction")
    op.drop_index(
        "uq_project_filing_no", table_name="project", postgresql_where=sa.text("state <> 'REFUSED'")
    )
    op.drop_index("ix_project_county_id", table_name="project")
    op.drop_table("project")
    op.drop_table("price_band")
    op.drop_table("policy")
    op.drop_table("ledger_transaction")
    op.drop_index(op.f("ix_land_application_applicant"), table_name="land_application")
    op.drop_table("land_application")
    op.drop_table("jurisdiction_version")
    op.drop_table("journal_event")
    op.drop_table("designation")
    op.drop_index(op.f("ix_cash_movement_jurisdiction"), table_name="cash_movement")
    op.drop_table("cash_movement")
    op.drop_index("ix_bid_receipts", table_name="bid")
    op.drop_index(
        "ix_bid_in_force",
        table_name="bid",
        postgresql_where=sa.text("replaced_by IS NULL AND withdrawn_at IS NULL"),
    )
    op.drop_table("bid")
    op.drop_table("allocation")
    op.drop_table("jurisdiction")
    op.drop_table("clock_offset")
    op.drop_index(
        "ix_auction_due", table_name="auction", postgresql_where=sa.text("state IN ('ANNOUNCED', 'CLOSED')")
    )
    op.drop_table("auction")
