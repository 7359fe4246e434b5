"""Parcels on the map: polygons with their boxes, and the tolerances they are held to.

Locks: nothing that is in use; one new table, whose foreign key takes a short SHARE ROW EXCLUSIVE lock on
project_parcel, and two new rows of policy.
Reversed by: downgrade(), which drops the table with all polygons, and deletes the two policies.

Revision: 0013, after: 0012
"""

import json

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from app.market.policies import DEFAULTS
from app.store.columns import Box

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"
POLICIES = ("parcel_area_tolerance", "parcel_overlap_tolerance")


def upgrade() -> None:
    """Make the table, which only grows, and lay the policies."""
    op.create_table(
        "parcel_shape",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("parcel_no", sa.Text(collation="C"), nullable=False),
        sa.Column("polygon", postgresql.BYTEA(), nullable=False),
        sa.Column("area_m2", sa.BigInteger(), nullable=False),
        sa.Column("bbox", Box(), nullable=False),
        sa.CheckConstraint("area_m2 > 0", name=op.f("ck_parcel_shape_area")),
        sa.ForeignKeyConstraint(
            ["project_id", "parcel_no"],
            ["project_parcel.project_id", "project_parcel.parcel_no"],
            name="fk_parcel_shape_parcel",
        ),
        sa.PrimaryKeyConstraint("project_id", "parcel_no", name=op.f("pk_parcel_shape")),
    )
    op.create_index("ix_parcel_shape_bbox", "parcel_shape", ["bbox"], unique=False, postgresql_using="gist")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON parcel_shape "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"GRANT SELECT, INSERT ON parcel_shape TO {RUNTIME_ROLE}")
    op.get_bind().execute(
        sa.text(
            "INSERT INTO policy (name, value, starts_at, entered_at) "
            "SELECT name, value, timestamptz '2017-01-01T00:00:00Z', clock_timestamp() "
            "FROM jsonb_each(CAST(:given AS jsonb)) AS given(name, value)"
        ),
        {"given": json.dumps({name: DEFAULTS[name] for name in POLICIES})},
    )


def downgrade() -> None:
    """Drop the table; take the policies back."""
    op.drop_table("parcel_shape")
    op.execute("ALTER TABLE policy DISABLE TRIGGER append_only")
    op.get_bind().execute(
        sa.text("DELETE FROM policy WHERE name = ANY(CAST(:names AS text[]))"), {"names": list(POLICIES)}
    )
    op.execute("ALTER TABLE policy ENABLE TRIGGER append_only")
