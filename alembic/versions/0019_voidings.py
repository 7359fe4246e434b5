"""Voided projects (作废): what of their batches was cancelled, and what came back later.

Locks: nothing that is in use; three new tables, whose foreign keys take short SHARE ROW EXCLUSIVE locks on
project, inspection, batch, jurisdiction, obligation and ledger_transaction.
Reversed by: downgrade(), which drops the tables; projects stay VOIDED and the ledger keeps its transactions.

Revision: 0019, after: 0018
"""

import sqlalchemy as sa

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"
TABLES = ("project_voiding", "voided_batch", "voided_return")


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable, autoincrement=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(collation="C"), nullable=False)


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    """Make the tables, append-only."""
    op.create_table(
        "project_voiding",
        _number("project_id"),
        _number("inspection_id"),
        _text("reason_code"),
        _text("reason"),
        _instant("voided_at"),
        _text("voided_by"),
        _number("transaction_id", nullable=True),
        _number("obligation_id", nullable=True),
        sa.CheckConstraint(
            "reason_code IN ('no_such_land', 'area_overstated', 'quality_overstated', 'false_papers', "
            "'other_fraud')",
            name=op.f("ck_project_voiding_reason_code"),
        ),
        _refers("project_voiding", "project_id", "project.id"),
        _refers("project_voiding", "inspection_id", "inspection.id"),
        _refers("project_voiding", "voided_by", "jurisdiction.code"),
        _refers("project_voiding", "transaction_id", "ledger_transaction.id"),
        _refers("project_voiding", "obligation_id", "obligation.id"),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_project_voiding")),
    )
    op.create_index(op.f("ix_project_voiding_inspection_id"), "project_voiding", ["inspection_id"])
    op.create_table(
        "voided_batch",
        _number("batch_id"),
        _number("project_id"),
        _number("cancelled"),
        sa.CheckConstraint("cancelled >= 0", name=op.f("ck_voided_batch_cancelled")),
        _refers("voided_batch", "batch_id", "batch.id"),
        _refers("voided_batch", "project_id", "project_voiding.project_id"),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_voided_batch")),
    )
    op.create_index(op.f("ix_voided_batch_project_id"), "voided_batch", ["project_id"])
    op.create_table(
        "voided_return",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        _number("batch_id"),
        _text("reference"),
        _number("returned"),
        _number("cancelled"),
        _instant("at"),
        _number("transaction_id", nullable=True),
        sa.CheckConstraint(
            "0 < returned AND 0 <= cancelled AND cancelled <= returned",
            name=op.f("ck_voided_return_quantities"),
        ),
        sa.CheckConstraint(
            "(cancelled = 0) = (transaction_id IS NULL)", name=op.f("ck_voided_return_transaction")
        ),
        _refers("voided_return", "batch_id", "voided_batch.batch_id"),
        _refers("voided_return", "transaction_id", "ledger_transaction.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voided_return")),
    )
    op.create_index(op.f("ix_voided_return_batch_id"), "voided_return", ["batch_id"])
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"GRANT SELECT, INSERT ON {table} TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE voided_return_id_seq TO {RUNTIME_ROLE}")


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
