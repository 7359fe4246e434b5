"""Reclamation-fee standards (耕地开垦费), and by which of them a parcel of an application is charged.

Locks: nothing that is in use for two new tables, but for the short SHARE ROW EXCLUSIVE lock of their
references to jurisdiction; application_parcel, exclusively, for milliseconds, to add a column that is empty.
Reversed by: downgrade(), which drops column and tables.

Revision: 0012, after: 0011
"""

import sqlalchemy as sa

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"
TABLES = ("fee_standard", "fee_rate")


def upgrade() -> None:
    """Make the tables, append-only, and the parcel's reference; who serves may add, and change nothing."""
    op.create_table(
        "fee_standard",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("jurisdiction", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(collation="C"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_by", sa.Text(collation="C"), autoincrement=False, nullable=True),
        sa.CheckConstraint(
            "entered_by IS NULL OR starts_at > entered_at", name=op.f("ck_fee_standard_not_retroactive")
        ),
        sa.ForeignKeyConstraint(
            ["entered_by"], ["jurisdiction.code"], name=op.f("fk_fee_standard_entered_by")
        ),
        sa.ForeignKeyConstraint(
            ["jurisdiction"], ["jurisdiction.code"], name=op.f("fk_fee_standard_jurisdiction")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_standard")),
        sa.UniqueConstraint("jurisdiction", "starts_at", name=op.f("uq_fee_standard_jurisdiction_starts_at")),
    )
    op.create_table(
        "fee_rate",
        sa.Column("standard_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("use", sa.Text(collation="C"), nullable=False),
        sa.Column("best_grade", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worst_grade", sa.Integer(), nullable=False),
        sa.Column("fen_per_hm2", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("use IN ('dry_land', 'irrigated', 'paddy')", name=op.f("ck_fee_rate_use")),
        sa.CheckConstraint(
            "1 <= best_grade AND best_grade <= worst_grade AND worst_grade <= 15",
            name=op.f("ck_fee_rate_grades"),
        ),
        sa.CheckConstraint("fen_per_hm2 > 0", name=op.f("ck_fee_rate_above_zero")),
        sa.ForeignKeyConstraint(["standard_id"], ["fee_standard.id"], name=op.f("fk_fee_rate_standard_id")),
        sa.PrimaryKeyConstraint("standard_id", "use", "best_grade", name=op.f("pk_fee_rate")),
    )
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"GRANT SELECT, INSERT ON {table} TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE fee_standard_id_seq TO {RUNTIME_ROLE}")
    op.add_column(
        "application_parcel",
        sa.Column("fee_standard_id", sa.BigInteger(), autoincrement=False, nullable=True),
    )
    op.create_foreign_key(
        op.f("fk_application_parcel_fee_standard_id"),
        "application_parcel",
        "fee_standard",
        ["fee_standard_id"],
        ["id"],
    )


def downgrade() -> None:
    """Drop what upgrade() made."""
    op.drop_column("application_parcel", "fee_standard_id")
    for table in reversed(TABLES):
        op.drop_table(table)
