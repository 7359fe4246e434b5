"""Land applications keep when they were written off, whatever was left to write off then.

Locks: land_application, exclusively, while the column is added, filled and checked: as long as it takes to
write each application that was written off once.
Reversed by: downgrade(), which drops the column; the instants stay in the journal.

Revision: 0016, after: 0015
"""

import sqlalchemy as sa

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, filled from the journal, which tells of every application that was written off."""
    op.add_column("land_application", sa.Column("written_off_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        """
        UPDATE land_application SET written_off_at = told.at
          FROM (SELECT subject, min(at) AS at FROM journal_event
                 WHERE kind = 'application.written_off' GROUP BY subject) AS told
         WHERE told.subject = 'F' || lpad(land_application.id::text, 10, '0')
        """
    )
    op.create_check_constraint(
        op.f("ck_land_application_written_off"),
        "land_application",
        "CASE state WHEN 'FILED' THEN written_off_at IS NULL "
        "WHEN 'WRITTEN_OFF' THEN written_off_at IS NOT NULL "
        "WHEN 'APPROVED' THEN written_off_at IS NOT NULL ELSE true END",
    )
    # What a year's assessment looks for: the applications of that year.
    op.create_index("ix_land_application_written_off_at", "land_application", ["written_off_at"])


def downgrade() -> None:
    """Drop the column, with its index and its check."""
    op.drop_column("land_application", "written_off_at")
