"""Commitments (承诺补充) with their earmarks, and needs that an obligation backs.

Locks: need, exclusively, while a column that is empty is added and its rows are checked: milliseconds at
ten thousand needs. Two new tables, with references to land_application, jurisdiction, project and batch,
on which the foreign keys take a short SHARE ROW EXCLUSIVE lock. policy, exclusively, for milliseconds.
Reversed by: downgrade(), which drops the tables and takes the policies back. It stops, with nothing
changed, where an obligation backs a need, which the tables before can't express.

Revision: 0017, after: 0016
"""

import json

import sqlalchemy as sa

from alembic import op
from app.market.policies import DEFAULTS

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"
POLICIES = ("commitments_allowed", "commitment_term_months")
PROMISED = "farmland_quantity, paddy_area, grain_capacity, linkage_quota"
MISSED = "missed_farmland_quantity, missed_paddy_area, missed_grain_capacity, missed_linkage_quota"
INDICATORS = ("farmland_quantity", "paddy_area", "grain_capacity", "linkage_quota")


def upgrade() -> None:
    """Make the tables, let an obligation back a need, lay the policies."""
    op.create_table(
        "commitment",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("application_id", sa.BigInteger(), nullable=False),
        sa.Column("applicant", sa.Text(collation="C"), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        *(sa.Column(each, sa.BigInteger(), nullable=False) for each in INDICATORS),
        *(
            sa.Column(f"missed_{each}", sa.BigInteger(), server_default="0", nullable=False)
            for each in INDICATORS
        ),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("drafted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.Text(collation="C"), nullable=True),
        sa.Column("written_off_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('DRAFT', 'FILED', 'ACTIVE', 'DUE', 'FULFILLED', 'DEFAULTED', 'MADE_GOOD', 'REFUSED', "
            "'WITHDRAWN', 'LAPSED')",
            name=op.f("ck_commitment_state"),
        ),
        sa.CheckConstraint(
            f"greatest({PROMISED}) > 0 AND least({PROMISED}) >= 0", name=op.f("ck_commitment_promised")
        ),
        sa.CheckConstraint(
            " AND ".join(f"missed_{each} BETWEEN 0 AND {each}" for each in INDICATORS),
            name=op.f("ck_commitment_missed"),
        ),
        sa.CheckConstraint(
            f"state = 'LAPSED' OR (state IN ('DEFAULTED', 'MADE_GOOD')) = (greatest({MISSED}) > 0)",
            name=op.f("ck_commitment_deficit"),
        ),
        sa.CheckConstraint(
            "state IN ('DRAFT', 'WITHDRAWN', 'LAPSED') OR filed_at IS NOT NULL",
            name=op.f("ck_commitment_filed"),
        ),
        sa.CheckConstraint(
            "state = 'LAPSED' OR "
            "(state IN ('FULFILLED', 'DEFAULTED', 'MADE_GOOD')) = (written_off_at IS NOT NULL)",
            name=op.f("ck_commitment_written_off"),
        ),
        sa.ForeignKeyConstraint(
            ["application_id"], ["land_application.id"], name=op.f("fk_commitment_application_id")
        ),
        sa.ForeignKeyConstraint(["applicant"], ["jurisdiction.code"], name=op.f("fk_commitment_applicant")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_commitment_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitment")),
    )
    op.create_index(op.f("ix_commitment_application_id"), "commitment", ["application_id"])
    op.create_index(op.f("ix_commitment_applicant"), "commitment", ["applicant"])
    op.create_index(
        "ix_commitment_project_active",
        "commitment",
        ["project_id", "filed_at"],
        postgresql_where=sa.text("state = 'ACTIVE'"),
    )
    op.create_index(
        "ix_commitment_due",
        "commitment",
        ["due_on", "id"],
        postgresql_where=sa.text("state IN ('ACTIVE', 'DUE')"),
    )
    op.create_table(
        "commitment_earmark",
        sa.Column("commitment_id", sa.BigInteger(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_commitment_earmark_quantity")),
        sa.ForeignKeyConstraint(
            ["commitment_id"], ["commitment.id"], name=op.f("fk_commitment_earmark_commitment_id")
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_commitment_earmark_batch_id")),
        sa.PrimaryKeyConstraint("commitment_id", "batch_id", name=op.f("pk_commitment_earmark")),
    )
    op.create_index(op.f("ix_commitment_earmark_batch_id"), "commitment_earmark", ["batch_id"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON commitment TO {RUNTIME_ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE (quantity) ON commitment_earmark TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE commitment_id_seq TO {RUNTIME_ROLE}")
    op.add_column("need", sa.Column("obligation_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_need_obligation_id"), "need", "obligation", ["obligation_id"], ["id"])
    op.create_index(op.f("ix_need_obligation_id"), "need", ["obligation_id"])
    op.alter_column("need", "application_id", nullable=True)
    op.create_check_constraint(
        op.f("ck_need_backing"), "need", "num_nonnulls(application_id, obligation_id) = 1"
    )
    _lay_policies()


def _lay_policies() -> None:
    for name in POLICIES:
        op.get_bind().execute(
            sa.text(
                # In force for all the past, as the first policies are.
                "INSERT INTO policy (name, value, starts_at, entered_at) "
                "VALUES (:name, CAST(:value AS jsonb), timestamptz '2017-01-01T00:00:00Z', clock_timestamp())"
            ),
            {"name": name, "value": json.dumps(DEFAULTS[name])},
        )


def downgrade() -> None:
    """Drop the tables and the policies; stops where an obligation backs a need."""
    op.alter_column("need", "application_id", nullable=False)
    op.drop_column("need", "obligation_id")
    op.drop_table("commitment_earmark")
    op.drop_table("commitment")
    op.execute("ALTER TABLE policy DISABLE TRIGGER append_only")
    op.execute(f"DELETE FROM policy WHERE name IN {POLICIES}")
    op.execute("ALTER TABLE policy ENABLE TRIGGER append_only")
