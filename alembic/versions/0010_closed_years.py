"""Closed years: assessments (年度考核) as they were published; and the ledger by time.

Locks: ledger_transaction, against writes while its index is built, some seconds for a million rows; one new
table, whose reference to jurisdiction takes a short SHARE ROW EXCLUSIVE lock on that.
Reversed by: downgrade(), which drops both.

Revision: 0010, after: 0009
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"


def upgrade() -> None:
    """Make the table, append-only, and the index; who serves may add a year."""
    op.create_table(
        "closed_year",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.Text(collation="C"), nullable=False),
        sa.Column("result", sa.Text(collation="C"), nullable=False),
        sa.Column("record", sa.Text(collation="C"), nullable=False),
        sa.Column("sha256", postgresql.BYTEA(), nullable=False),
        sa.CheckConstraint("result IN ('PASS', 'FAIL')", name=op.f("ck_closed_year_result")),
        sa.ForeignKeyConstraint(["closed_by"], ["jurisdiction.code"], name=op.f("fk_closed_year_closed_by")),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_closed_year")),
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON closed_year "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"GRANT SELECT, INSERT ON closed_year TO {RUNTIME_ROLE}")
    op.create_index("ix_ledger_transaction_at", "ledger_transaction", ["at"], unique=False)


def downgrade() -> None:
    """Drop the index and the table."""
    op.drop_index("ix_ledger_transaction_at", table_name="ledger_transaction")
    op.drop_table("closed_year")
