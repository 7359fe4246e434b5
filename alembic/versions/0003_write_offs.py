"""Write-offs (核销): which ledger transaction wrote off for whom.

Locks: nothing that is in use; one new table, with references to jurisdiction and ledger_transaction, on
which the foreign keys take a short SHARE ROW EXCLUSIVE lock.
Reversed by: downgrade(), which drops the table; the ledger keeps its transactions.

Revision: 0003, after: 0002
"""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"


def upgrade() -> None:
    """Make the table; who serves may add a write-off, and note its reversal."""
    op.create_table(
        "write_off",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("reserve", sa.Text(collation="C"), nullable=False),
        sa.Column("reference", sa.Text(collation="C"), nullable=False),
        sa.Column("written_off_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reversal_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(reversed_at IS NULL) = (reversal_id IS NULL)", name=op.f("ck_write_off_reversal")
        ),
        sa.ForeignKeyConstraint(["reserve"], ["jurisdiction.code"], name=op.f("fk_write_off_reserve")),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["ledger_transaction.id"], name=op.f("fk_write_off_transaction_id")
        ),
        sa.ForeignKeyConstraint(
            ["reversal_id"], ["ledger_transaction.id"], name=op.f("fk_write_off_reversal_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_write_off")),
    )
    op.create_index(
        "uq_write_off_reference",
        "write_off",
        ["reference"],
        unique=True,
        postgresql_where=sa.text("reversal_id IS NULL"),
    )
    op.create_index("ix_write_off_reserve_id", "write_off", ["reserve", "id"], unique=False)
    op.create_index(op.f("ix_write_off_transaction_id"), "write_off", ["transaction_id"], unique=False)
    op.execute(f"GRANT SELECT, INSERT ON write_off TO {RUNTIME_ROLE}")
    op.execute(f"GRANT UPDATE (reversed_at, reversal_id) ON write_off TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE write_off_id_seq TO {RUNTIME_ROLE}")


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("write_off")
