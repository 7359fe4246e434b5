"""Purchases: sales at the unified price (统一限价) and at the seller's (市场), as a third source of trades.

Locks: trade, exclusively, while its one source is checked anew over all its rows, and price_band while it
gets a column that is empty: seconds at a million trades. policy, exclusively, for milliseconds.
Reversed by: downgrade(), which drops purchases, unified prices and the policy. It stops, with nothing changed, where
a purchase was made: its trade would be left without a source.

Revision: 0005, after: 0004
"""

import json

import sqlalchemy as sa

from alembic import op
from app.market.policies import DEFAULTS

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"
POLICY = "trade_modes"


def upgrade() -> None:
    """Make the table with its guards, widen trade and price_band, and lay the policy."""
    op.create_table(
        "purchase",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("mode", sa.Text(collation="C"), nullable=False),
        sa.Column("buyer", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("need_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("indicator", sa.Text(collation="C"), nullable=False),
        sa.Column("listing_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("deposit", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("mode IN ('unified_price', 'market')", name=op.f("ck_purchase_mode")),
        sa.CheckConstraint(
            "indicator IN ('farmland_quantity', 'paddy_area', 'grain_capacity', 'linkage_quota')",
            name=op.f("ck_purchase_indicator"),
        ),
        sa.CheckConstraint("(mode = 'market') = (listing_id IS NOT NULL)", name=op.f("ck_purchase_listing")),
        sa.CheckConstraint("0 < quantity AND quantity <= asked", name=op.f("ck_purchase_quantities")),
        sa.CheckConstraint(
            "0 < price AND 0 <= deposit AND deposit <= amount", name=op.f("ck_purchase_money")
        ),
        sa.ForeignKeyConstraint(["buyer"], ["jurisdiction.code"], name=op.f("fk_purchase_buyer")),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"], name=op.f("fk_purchase_listing_id")),
        sa.ForeignKeyConstraint(["need_id"], ["need.id"], name=op.f("fk_purchase_need_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase")),
    )
    op.create_index("ix_purchase_at", "purchase", ["at", "id"], unique=False)
    op.create_index(op.f("ix_purchase_buyer"), "purchase", ["buyer"], unique=False)
    op.create_index(op.f("ix_purchase_need_id"), "purchase", ["need_id"], unique=False)
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON purchase "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"GRANT SELECT, INSERT ON purchase TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE purchase_id_seq TO {RUNTIME_ROLE}")
    op.add_column("trade", sa.Column("purchase_id", sa.BigInteger(), autoincrement=False, nullable=True))
    op.create_foreign_key(op.f("fk_trade_purchase_id"), "trade", "purchase", ["purchase_id"], ["id"])
    op.create_unique_constraint(op.f("uq_trade_purchase_id"), "trade", ["purchase_id"])
    op.drop_constraint("ck_trade_source", "trade")
    op.create_check_constraint(
        op.f("ck_trade_source"), "trade", "num_nonnulls(auction_id, allocation_id, purchase_id) = 1"
    )
    op.add_column("price_band", sa.Column("unified_price", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_price_band_unified_price"),
        "price_band",
        "unified_price IS NULL OR (floor <= unified_price AND unified_price <= ceiling)",
    )
    _lay_policy()


def _lay_policy() -> None:
    op.get_bind().execute(
        sa.text(
            # In force for all the past, as the first policies are.
            "INSERT INTO policy (name, value, starts_at, entered_at) "
            "VALUES (:name, CAST(:value AS jsonb), timestamptz '2017-01-01T00:00:00Z', clock_timestamp())"
        ),
        {"name": POLICY, "value": json.dumps(DEFAULTS[POLICY])},
    )


def downgrade() -> None:
    """Drop what upgrade() made; stops where a purchase was made."""
    op.drop_constraint("ck_trade_source", "trade")
    op.create_check_constraint(
        op.f("ck_trade_source"), "trade", "(auction_id IS NULL) <> (allocation_id IS NULL)"
    )
    op.drop_constraint("uq_trade_purchase_id", "trade")
    op.drop_column("trade", "purchase_id")
    op.drop_column("price_band", "unified_price")
    op.drop_table("purchase")
    op.execute("ALTER TABLE policy DISABLE TRIGGER append_only")
    op.execute(f"DELETE FROM policy WHERE name = '{POLICY}'")
    op.execute("ALTER TABLE policy ENABLE TRIGGER append_only")
