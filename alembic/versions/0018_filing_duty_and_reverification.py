"""Who led a project and when it was due, an earlier filing's day, its budget, and re-verification.

Locks: project, exclusively, while its columns and checks are added; defaults are kept with the table and
rewrite no row, the checks read each row once: milliseconds for tens of thousands of projects. Two new
rows of policy.
Reversed by: downgrade(), which drops the columns and the table with what they hold, and the policies.

Revision: 0018, after: 0017
"""

import json

import sqlalchemy as sa

from alembic import op
from app.market.policies import DEFAULTS

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"
POLICIES = ("filing_duty_working_days", "reverification_before")
CHECKS = {
    "ck_project_led_by": "led_by IN ('land', 'other')",
    "ck_project_department_accepted": "department_accepted_on IS NULL OR led_by = 'other'",
    "ck_project_budget": "budget_fen >= 0",
    "ck_project_reverified_once": "NOT (needs_reverification AND reverified_on IS NOT NULL)",
    "ck_project_reverification": "(reverified_on IS NULL) = (reverified_at IS NULL)",
}


def upgrade() -> None:
    """Add the columns, with what they are of older projects, and lay the policies."""
    op.add_column(
        "project", sa.Column("led_by", sa.Text(collation="C"), nullable=False, server_default="land")
    )
    op.add_column(
        "project",
        sa.Column("needs_reverification", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for name in ("department_accepted_on", "filing_due_on", "filed_on", "reverified_on"):
        op.add_column("project", sa.Column(name, sa.Date(), nullable=True))
    op.add_column("project", sa.Column("budget_fen", sa.BigInteger(), nullable=True))
    op.add_column("project", sa.Column("reverified_at", sa.DateTime(timezone=True), nullable=True))
    for name, claim in CHECKS.items():
        op.create_check_constraint(op.f(name), "project", claim)
    op.create_table(
        "reverified_parcel",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("parcel_no", sa.Text(collation="C"), nullable=False),
        sa.Column("use_after", sa.Text(collation="C"), nullable=False),
        sa.Column("grade_before", sa.Integer(), nullable=True),
        sa.Column("grade_after", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id", "parcel_no"],
            ["project_parcel.project_id", "project_parcel.parcel_no"],
            name="fk_reverified_parcel_parcel",
        ),
        sa.PrimaryKeyConstraint("project_id", "parcel_no", name=op.f("pk_reverified_parcel")),
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reverified_parcel "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"GRANT SELECT, INSERT ON reverified_parcel TO {RUNTIME_ROLE}")
    op.get_bind().execute(
        sa.text(
            "INSERT INTO policy (name, value, starts_at, entered_at) "
            "SELECT name, value, timestamptz '2017-01-01T00:00:00Z', clock_timestamp() "
            "FROM jsonb_each(CAST(:given AS jsonb)) AS given(name, value)"
        ),
        {"given": json.dumps({name: DEFAULTS[name] for name in POLICIES})},
    )


def downgrade() -> None:
    """Drop columns and table, and take the policies out."""
    op.drop_table("reverified_parcel")
    for name in CHECKS:
        op.drop_constraint(op.f(name), "project", type_="check")
    for column in (
        "led_by",
        "needs_reverification",
        "department_accepted_on",
        "filing_due_on",
        "filed_on",
        "budget_fen",
        "reverified_on",
        "reverified_at",
    ):
        op.drop_column("project", column)
    op.execute("ALTER TABLE policy DISABLE TRIGGER append_only")
    op.get_bind().execute(
        sa.text("DELETE FROM policy WHERE name = ANY(CAST(:names AS text[]))"), {"names": list(POLICIES)}
    )
    op.execute("ALTER TABLE policy ENABLE TRIGGER append_only")
