"""Land applications are written off: whose reserve, by which method, with whose consent.

Locks: land_application, exclusively, while columns are added and filled: as long as it takes to write
each application once.
Reversed by: downgrade(), which drops the columns and what is entered of the policy old_method_refused_from.
It stops where an application is WRITTEN_OFF or APPROVED, which the tables before can't express.

Revision: 0008, after: 0007
"""

import json

import sqlalchemy as sa

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BEFORE = "'FILED', 'REFUSED', 'WITHDRAWN'"
AFTER = "'FILED', 'WRITTEN_OFF', 'APPROVED', 'REFUSED', 'WITHDRAWN'"


def upgrade() -> None:
    """Add the columns, every application so far being its own reserve's; lay the policy's default."""
    op.add_column("land_application", sa.Column("reserve", sa.Text(collation="C"), nullable=True))
    op.add_column("land_application", sa.Column("method", sa.Text(collation="C"), nullable=True))
    op.add_column("land_application", sa.Column("linked_project_id", sa.BigInteger(), nullable=True))
    op.add_column("land_application", sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE land_application SET reserve = applicant, method = 'reserve'")
    op.alter_column("land_application", "reserve", nullable=False)
    op.alter_column("land_application", "method", nullable=False)
    op.create_foreign_key(
        op.f("fk_land_application_reserve"), "land_application", "jurisdiction", ["reserve"], ["code"]
    )
    op.create_foreign_key(
        op.f("fk_land_application_linked_project_id"),
        "land_application",
        "project",
        ["linked_project_id"],
        ["id"],
    )
    _set_states(AFTER)
    op.create_check_constraint(
        op.f("ck_land_application_method"), "land_application", "method IN ('reserve', 'linked_project')"
    )
    op.create_check_constraint(
        op.f("ck_land_application_linked_project"),
        "land_application",
        "(method = 'linked_project') = (linked_project_id IS NOT NULL)",
    )
    op.create_check_constraint(
        op.f("ck_land_application_consent"),
        "land_application",
        "applicant = reserve OR consented_at IS NOT NULL OR state NOT IN ('WRITTEN_OFF', 'APPROVED')",
    )
    op.create_index(op.f("ix_land_application_reserve"), "land_application", ["reserve"])
    op.create_index(
        "ix_land_application_filed",
        "land_application",
        ["reserve", "id"],
        postgresql_where=sa.text("state = 'FILED'"),
    )
    op.get_bind().execute(
        sa.text(
            # In force for all the past, as every rule that a migration lays.
            "INSERT INTO policy (name, value, starts_at, entered_at) "
            "VALUES ('old_method_refused_from', CAST(:value AS jsonb), timestamptz '2017-01-01T00:00:00Z', "
            "clock_timestamp())"
        ),
        {"value": json.dumps("2018-04-01")},
    )


def _set_states(states: str) -> None:
    op.drop_constraint("ck_land_application_state", "land_application")
    op.create_check_constraint(op.f("ck_land_application_state"), "land_application", f"state IN ({states})")


def downgrade() -> None:
    """Drop columns, constraints and the policy."""
    _set_states(BEFORE)
    op.drop_index("ix_land_application_filed", "land_application")
    for column in ("reserve", "method", "linked_project_id", "consented_at"):
        op.drop_column("land_application", column)
    op.execute("ALTER TABLE policy DISABLE TRIGGER append_only")
    op.execute("DELETE FROM policy WHERE name = 'old_method_refused_from'")
    op.execute("ALTER TABLE policy ENABLE TRIGGER append_only")
