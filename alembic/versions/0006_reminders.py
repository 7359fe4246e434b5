"""Reminders of deadlines, and the policies of the agenda: when to remind, and until when the rules hold.

Locks: nothing that is in use for more than milliseconds; one new table, with a reference to jurisdiction, on
which the foreign key takes a short SHARE ROW EXCLUSIVE lock; two rows more in policy.
Reversed by: downgrade(), which drops the table and takes the two policies out, with all values they were
given; the append-only guard of policy is lifted for that moment only.

Revision: 0006, after: 0005
"""

import json

import sqlalchemy as sa

from alembic import op
from app.market.policies import DEFAULTS

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"
POLICIES = ("reminder_lead_days", "rule_set")


def upgrade() -> None:
    """Make the table, which is append-only, and lay the policies."""
    op.create_table(
        "reminder",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("subject", sa.Text(collation="C"), nullable=False),
        sa.Column("jurisdiction", sa.Text(collation="C"), autoincrement=False, nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lead_days", sa.SmallInteger(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("lead_days BETWEEN 1 AND 365", name=op.f("ck_reminder_lead_days")),
        sa.ForeignKeyConstraint(
            ["jurisdiction"], ["jurisdiction.code"], name=op.f("fk_reminder_jurisdiction")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
        sa.UniqueConstraint(
            "kind", "subject", "due_at", "lead_days", name=op.f("uq_reminder_kind_subject_due_at_lead_days")
        ),
    )
    op.create_index("ix_reminder_jurisdiction_id", "reminder", ["jurisdiction", "id"], unique=False)
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reminder "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"GRANT SELECT, INSERT ON reminder TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE reminder_id_seq TO {RUNTIME_ROLE}")
    op.get_bind().execute(
        sa.text(
            "INSERT INTO policy (name, value, starts_at, entered_at) "
            "SELECT name, value, timestamptz '2017-01-01T00:00:00Z', clock_timestamp() "
            "FROM jsonb_each(CAST(:given AS jsonb)) AS given(name, value)"
        ),
        {"given": json.dumps({name: DEFAULTS[name] for name in POLICIES})},
    )


def downgrade() -> None:
    """Drop the table, and take the policies out."""
    op.drop_table("reminder")
    op.execute("ALTER TABLE policy DISABLE TRIGGER append_only")
    op.get_bind().execute(
        sa.text("DELETE FROM policy WHERE name = ANY(CAST(:names AS text[]))"), {"names": list(POLICIES)}
    )
    op.execute("ALTER TABLE policy ENABLE TRIGGER append_only")
