"""Packages of the ministry's systems that were imported.

Locks: nothing that is in use; one new table, with a reference to jurisdiction, on which the foreign key takes
a short SHARE ROW EXCLUSIVE lock.
Reversed by: downgrade(), which drops the table; what was imported stays.

Revision: 0007, after: 0006
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"


def upgrade() -> None:
    """Make the table, append-only; who serves may add to it."""
    op.create_table(
        "package_import",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("form", sa.Text(collation="C"), nullable=False),
        sa.Column("sha256", postgresql.BYTEA(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("entered", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported_by", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint("form IN ('json', 'csv')", name=op.f("ck_package_import_form")),
        sa.CheckConstraint(
            "kind IN ('filings', 'acceptances', 'write-offs')", name=op.f("ck_package_import_kind")
        ),
        sa.CheckConstraint("entered BETWEEN 0 AND row_count", name=op.f("ck_package_import_counts")),
        sa.ForeignKeyConstraint(
            ["imported_by"], ["jurisdiction.code"], name=op.f("fk_package_import_imported_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package_import")),
        sa.UniqueConstraint("sha256", name=op.f("uq_package_import_sha256")),
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON package_import "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"GRANT SELECT, INSERT ON package_import TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE package_import_id_seq TO {RUNTIME_ROLE}")


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("package_import")
