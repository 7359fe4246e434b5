"""Project evidence: documents by hash, and whether assertions have to be shown by them.

Locks: nothing that is in use; one new table, whose foreign keys take short SHARE ROW EXCLUSIVE locks on
project and jurisdiction, and one new row of policy.
Reversed by: downgrade(), which drops the table with all that was added, and deletes the policy.

Revision: 0014, after: 0013
"""

import json

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from app.market.policies import DEFAULTS

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"
POLICIES = ("evidence_required",)


def upgrade() -> None:
    """Make the table, which only grows, and lay the policy."""
    op.create_table(
        "project_document",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("title", sa.Text(collation="C"), nullable=False),
        sa.Column("sha256", postgresql.BYTEA(), nullable=False),
        sa.Column("media_type", sa.Text(collation="C"), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("issued_by", sa.Text(collation="C"), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.CheckConstraint(
            "kind IN ('filing_proof', 'feasibility_study', 'feasibility_review', 'ecology_review', "
            "'surplus_recognition', 'acceptance_report', 'grade_assessment', 'upkeep_agreement')",
            name=op.f("ck_project_document_kind"),
        ),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("ck_project_document_sha256")),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_project_document_size")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_project_document_project_id")),
        sa.ForeignKeyConstraint(
            ["added_by"], ["jurisdiction.code"], name=op.f("fk_project_document_added_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_document")),
        sa.UniqueConstraint("project_id", "kind", "sha256", name="uq_project_document"),
    )
    op.create_index("ix_project_document_project_id_id", "project_document", ["project_id", "id"])
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_document "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"GRANT SELECT, INSERT ON project_document TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE project_document_id_seq TO {RUNTIME_ROLE}")
    op.get_bind().execute(
        sa.text(
            "INSERT INTO policy (name, value, starts_at, entered_at) "
            "SELECT name, value, timestamptz '2017-01-01T00:00:00Z', clock_timestamp() "
            "FROM jsonb_each(CAST(:given AS jsonb)) AS given(name, value)"
        ),
        {"given": json.dumps({name: DEFAULTS[name] for name in POLICIES})},
    )


def downgrade() -> None:
    """Drop the table, and take the policy out."""
    op.drop_table("project_document")
    op.execute("ALTER TABLE policy DISABLE TRIGGER append_only")
    op.get_bind().execute(
        sa.text("DELETE FROM policy WHERE name = ANY(CAST(:names AS text[]))"), {"names": list(POLICIES)}
    )
    op.execute("ALTER TABLE policy ENABLE TRIGGER append_only")
