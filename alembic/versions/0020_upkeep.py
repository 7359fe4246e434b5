"""Upkeep of accepted projects: who keeps the land up, and the yearly reports.

Locks: nothing that is in use; two new tables, whose foreign keys take short SHARE ROW EXCLUSIVE locks on
project and jurisdiction.
Reversed by: downgrade(), which drops both with what they hold.

Revision: 0020, after: 0019
"""

import sqlalchemy as sa

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"
TABLES = ("project_upkeep", "upkeep_report")


def upgrade() -> None:
    """Make both tables, which only grow."""
    op.create_table(
        "project_upkeep",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(collation="C"), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("named_by", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_project_upkeep_project_id")),
        sa.ForeignKeyConstraint(["named_by"], ["jurisdiction.code"], name=op.f("fk_project_upkeep_named_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_upkeep")),
    )
    op.create_index("ix_project_upkeep_project_id_id", "project_upkeep", ["project_id", "id"])
    op.create_table(
        "upkeep_report",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("in_good_order", sa.Boolean(), nullable=False),
        sa.Column("found", sa.Text(collation="C"), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_by", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_upkeep_report_project_id")),
        sa.ForeignKeyConstraint(
            ["reported_by"], ["jurisdiction.code"], name=op.f("fk_upkeep_report_reported_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upkeep_report")),
        sa.UniqueConstraint("project_id", "year", name="uq_upkeep_report"),
    )
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"GRANT SELECT, INSERT ON {table} TO {RUNTIME_ROLE}")
        op.execute(f"GRANT USAGE ON SEQUENCE {table}_id_seq TO {RUNTIME_ROLE}")


def downgrade() -> None:
    """Drop both tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
