"""Obligations (补充义务), and sanctions that follow from the books without anybody's decision.

Locks: sanction takes an ACCESS EXCLUSIVE lock to drop a NOT NULL, which reads no row; one new table, with
references to jurisdiction and sanction, on which the foreign keys take a short SHARE ROW EXCLUSIVE lock.
Reversed by: downgrade(), which drops the table, removes the sanctions that nobody decided, and takes the
policy's rows back.

Revision: 0004, after: 0003
"""

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"


def upgrade() -> None:
    """Make the table and lay the first policy; who serves may add an obligation, lower it and end it."""
    op.alter_column("sanction", "decided_by", nullable=True)
    op.create_table(
        "obligation",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("jurisdiction", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("farmland_quantity", sa.BigInteger(), nullable=False),
        sa.Column("paddy_area", sa.BigInteger(), nullable=False),
        sa.Column("grain_capacity", sa.BigInteger(), nullable=False),
        sa.Column("linkage_quota", sa.BigInteger(), nullable=False),
        sa.Column("sanction_id", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('commitment_deficit', 'replacement')", name=op.f("ck_obligation_kind")),
        sa.CheckConstraint("state IN ('OPEN', 'DISCHARGED', 'CANCELLED')", name=op.f("ck_obligation_state")),
        sa.CheckConstraint(
            "farmland_quantity >= 0 AND paddy_area >= 0 AND grain_capacity >= 0 AND linkage_quota >= 0",
            name=op.f("ck_obligation_owed"),
        ),
        sa.CheckConstraint(
            "(state = 'CANCELLED') = (greatest(farmland_quantity, paddy_area, grain_capacity, "
            "linkage_quota) = 0)",
            name=op.f("ck_obligation_cancelled"),
        ),
        sa.CheckConstraint("(state = 'OPEN') = (ended_at IS NULL)", name=op.f("ck_obligation_ended")),
        sa.ForeignKeyConstraint(
            ["jurisdiction"], ["jurisdiction.code"], name=op.f("fk_obligation_jurisdiction")
        ),
        sa.ForeignKeyConstraint(["sanction_id"], ["sanction.id"], name=op.f("fk_obligation_sanction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_obligation")),
        sa.UniqueConstraint("source", "jurisdiction", name=op.f("uq_obligation_source_jurisdiction")),
    )
    op.create_index(op.f("ix_obligation_jurisdiction"), "obligation", ["jurisdiction"], unique=False)
    op.execute(f"GRANT SELECT, INSERT ON obligation TO {RUNTIME_ROLE}")
    op.execute(
        "GRANT UPDATE (state, farmland_quantity, paddy_area, grain_capacity, linkage_quota, ended_at) "
        f"ON obligation TO {RUNTIME_ROLE}"
    )
    op.execute(f"GRANT USAGE ON SEQUENCE obligation_id_seq TO {RUNTIME_ROLE}")
    op.execute(
        "INSERT INTO policy (name, value, starts_at, entered_at) VALUES "
        "('rectification_days', '180', timestamptz '2017-01-01T00:00:00Z', clock_timestamp())"
    )


def downgrade() -> None:
    """Drop the table, and what of the sanctions and policies came with it."""
    op.execute("ALTER TABLE policy DISABLE TRIGGER append_only")
    op.execute("DELETE FROM policy WHERE name = 'rectification_days'")
    op.execute("ALTER TABLE policy ENABLE TRIGGER append_only")
    op.drop_table("obligation")
    op.execute("DELETE FROM sanction WHERE decided_by IS NULL")
    op.alter_column("sanction", "decided_by", nullable=False)
