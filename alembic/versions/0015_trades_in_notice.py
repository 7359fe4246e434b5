"""An index of the trades in public notice, so that the notices are not looked for among all trades.

Locks: trade, against writes, while the index of its awarded rows is made: seconds at a million trades.
Reversed by: downgrade(), which drops the index.

Revision: 0015, after: 0014
"""

import sqlalchemy as sa

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.create_index(
        "ix_trade_in_notice", "trade", ["id"], unique=False, postgresql_where=sa.text("state = 'AWARDED'")
    )


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("ix_trade_in_notice", table_name="trade")
