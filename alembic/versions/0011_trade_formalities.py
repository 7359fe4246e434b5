"""Objections to trades in notice, and the numbers of confirmations.

Locks: trade, exclusively, for two columns, two checks and a unique key, and while trades that were
confirmed before get their numbers: seconds at a million trades. policy, exclusively, for milliseconds. One
new table, whose foreign keys take a short SHARE ROW EXCLUSIVE lock on trade and jurisdiction.
Reversed by: downgrade(), which drops objections, numbers and the two policies; a clock that stands is lost
with its objection.

Revision: 0011, after: 0010
"""

import json

import sqlalchemy as sa

from alembic import op
from app.market.policies import DEFAULTS

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"
POLICIES = ("objection_working_days", "confirmation_prefix")


def upgrade() -> None:
    """Make the table, widen trade, number what was confirmed before, and lay the policies."""
    op.create_table(
        "objection",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("trade_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("origin", sa.Text(collation="C"), nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_by", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("decide_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(collation="C"), autoincrement=False, nullable=True),
        sa.Column("decision_reason", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "state IN ('OPEN', 'DISMISSED', 'UPHELD', 'LAPSED')", name=op.f("ck_objection_state")
        ),
        sa.CheckConstraint("origin IN ('authority', 'citizen')", name=op.f("ck_objection_origin")),
        sa.CheckConstraint("(state = 'OPEN') = (ended_at IS NULL)", name=op.f("ck_objection_ended")),
        sa.CheckConstraint(
            "(state IN ('DISMISSED', 'UPHELD')) = (decided_by IS NOT NULL)", name=op.f("ck_objection_decided")
        ),
        sa.CheckConstraint(
            "(decided_by IS NULL) = (decision_reason IS NULL)", name=op.f("ck_objection_decision_reason")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["jurisdiction.code"], name=op.f("fk_objection_decided_by")),
        sa.ForeignKeyConstraint(["entered_by"], ["jurisdiction.code"], name=op.f("fk_objection_entered_by")),
        sa.ForeignKeyConstraint(["trade_id"], ["trade.id"], name=op.f("fk_objection_trade_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objection")),
    )
    op.create_index("ix_objection_trade_id_id", "objection", ["trade_id", "id"], unique=False)
    op.create_index(
        "ix_objection_open",
        "objection",
        ["decide_by"],
        unique=False,
        postgresql_where=sa.text("state = 'OPEN'"),
    )
    op.execute(f"GRANT SELECT, INSERT ON objection TO {RUNTIME_ROLE}")
    op.execute(f"GRANT UPDATE (state, ended_at, decided_by, decision_reason) ON objection TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE objection_id_seq TO {RUNTIME_ROLE}")
    _lay_policies()
    _widen_trade()


def _lay_policies() -> None:
    op.get_bind().execute(
        sa.text(
            "INSERT INTO policy (name, value, starts_at, entered_at) "
            "SELECT name, value, timestamptz '2017-01-01T00:00:00Z', clock_timestamp() "
            "FROM jsonb_each(CAST(:given AS jsonb)) AS given(name, value)"
        ),
        {"given": json.dumps({name: DEFAULTS[name] for name in POLICIES})},
    )


def _widen_trade() -> None:
    op.add_column("trade", sa.Column("notice_stopped_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("trade", sa.Column("confirmation_number", sa.Text(collation="C"), nullable=True))
    op.get_bind().execute(
        sa.text(
            "UPDATE trade SET confirmation_number = CAST(:prefix AS text) || '〔' "
            "|| to_char(confirmed_at AT TIME ZONE 'Asia/Shanghai', 'YYYY') || '〕' "
            "|| lpad(CAST(id AS text), 10, '0') || '号' WHERE confirmed_at IS NOT NULL"
        ),
        {"prefix": DEFAULTS["confirmation_prefix"]},
    )
    op.create_unique_constraint(op.f("uq_trade_confirmation_number"), "trade", ["confirmation_number"])
    op.create_check_constraint(
        op.f("ck_trade_confirmation_number"),
        "trade",
        "(confirmed_at IS NULL) = (confirmation_number IS NULL)",
    )
    op.create_check_constraint(
        op.f("ck_trade_notice_stopped_at"), "trade", "notice_stopped_at IS NULL OR state = 'AWARDED'"
    )


def downgrade() -> None:
    """Drop what upgrade() made."""
    op.drop_column("trade", "confirmation_number")
    op.drop_column("trade", "notice_stopped_at")
    op.drop_table("objection")
    op.execute("ALTER TABLE policy DISABLE TRIGGER append_only")
    op.get_bind().execute(
        sa.text("DELETE FROM policy WHERE name = ANY(CAST(:names AS text[]))"), {"names": list(POLICIES)}
    )
    op.execute("ALTER TABLE policy ENABLE TRIGGER append_only")
