"""Inspections (检查), spot checks (抽查), and what a rectification (限期整改) is reported and followed by.

Locks: sanction, exclusively, while two columns without defaults, their keys and two indexes are added; it
has few rows, so for milliseconds. The new tables' foreign keys take short SHARE ROW EXCLUSIVE locks on
jurisdiction, project, journal_event and sanction.
Reversed by: downgrade(), which drops tables and columns and the policy that it laid.

Revision: 0009, after: 0008
"""

import sqlalchemy as sa

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"
POLICY = "overdue_rectification_suspends"


def _code(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(collation="C"), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(collation="C"), nullable=True)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=True)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _identity() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False)


def upgrade() -> None:
    """Make tables, columns and grants, and lay the policy."""
    _make_spot_check()
    _make_inspection()
    _make_findings()
    _widen_sanction()
    _make_reports()
    # In force for all the past, as the first policies are.
    op.execute(
        "INSERT INTO policy (name, value, starts_at, entered_at) VALUES "
        f"('{POLICY}', 'false', timestamptz '2017-01-01T00:00:00Z', clock_timestamp())"
    )


def _make_spot_check() -> None:
    op.create_table(
        "spot_check",
        _identity(),
        sa.Column("year", sa.Integer(), nullable=False),
        _number("how_many"),
        _text("share"),
        sa.Column("seed_digest", sa.dialects.postgresql.BYTEA(), nullable=False),
        _instant("announced_at"),
        _code("announced_by"),
        _text("seed"),
        _number("event_id"),
        _number("population"),
        _instant("drawn_at", nullable=True),
        sa.CheckConstraint("(how_many IS NULL) <> (share IS NULL)", name=op.f("ck_spot_check_size")),
        sa.CheckConstraint(
            "(drawn_at IS NULL) = (seed IS NULL) AND (drawn_at IS NULL) = (event_id IS NULL) "
            "AND (drawn_at IS NULL) = (population IS NULL)",
            name=op.f("ck_spot_check_drawn"),
        ),
        sa.ForeignKeyConstraint(
            ["announced_by"], ["jurisdiction.code"], name=op.f("fk_spot_check_announced_by")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["journal_event.id"], name=op.f("fk_spot_check_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_check")),
    )
    op.execute(f"GRANT SELECT, INSERT ON spot_check TO {RUNTIME_ROLE}")
    op.execute(f"GRANT UPDATE (seed, event_id, population, drawn_at) ON spot_check TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE spot_check_id_seq TO {RUNTIME_ROLE}")


def _make_inspection() -> None:
    op.create_table(
        "inspection",
        _identity(),
        _code("kind"),
        _code("jurisdiction"),
        _number("project_id"),
        _number("spot_check_id"),
        _code("state"),
        _instant("opened_at"),
        _code("opened_by"),
        _instant("concluded_at", nullable=True),
        _text("conclusion_reason"),
        sa.CheckConstraint("kind IN ('inspection', 'spot_check')", name=op.f("ck_inspection_kind")),
        sa.CheckConstraint(
            "state IN ('OPEN', 'NO_FAULT', 'RECTIFY', 'FRAUD')", name=op.f("ck_inspection_state")
        ),
        sa.CheckConstraint(
            "(kind = 'spot_check') = (spot_check_id IS NOT NULL)", name=op.f("ck_inspection_draw")
        ),
        sa.CheckConstraint("(state = 'OPEN') = (concluded_at IS NULL)", name=op.f("ck_inspection_concluded")),
        sa.CheckConstraint("state <> 'FRAUD' OR project_id IS NOT NULL", name=op.f("ck_inspection_fraud")),
        sa.ForeignKeyConstraint(
            ["jurisdiction"], ["jurisdiction.code"], name=op.f("fk_inspection_jurisdiction")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_inspection_project_id")),
        sa.ForeignKeyConstraint(
            ["spot_check_id"], ["spot_check.id"], name=op.f("fk_inspection_spot_check_id")
        ),
        sa.ForeignKeyConstraint(["opened_by"], ["jurisdiction.code"], name=op.f("fk_inspection_opened_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection")),
    )
    for column in ("jurisdiction", "project_id", "spot_check_id"):
        op.create_index(op.f(f"ix_inspection_{column}"), "inspection", [column], unique=False)
    op.execute(f"GRANT SELECT, INSERT ON inspection TO {RUNTIME_ROLE}")
    op.execute(f"GRANT UPDATE (state, concluded_at, conclusion_reason) ON inspection TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE inspection_id_seq TO {RUNTIME_ROLE}")


def _make_findings() -> None:
    op.create_table(
        "inspection_finding",
        _identity(),
        sa.Column("inspection_id", sa.BigInteger(), nullable=False),
        _code("what"),
        _code("severity"),
        _text("parcel_no"),
        sa.Column("document_digest", sa.dialects.postgresql.BYTEA(), nullable=True),
        _instant("recorded_at"),
        _code("recorded_by"),
        sa.CheckConstraint(
            "severity IN ('minor', 'serious', 'fraud')", name=op.f("ck_inspection_finding_severity")
        ),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspection.id"], name=op.f("fk_inspection_finding_inspection_id")
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["jurisdiction.code"], name=op.f("fk_inspection_finding_recorded_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_finding")),
    )
    op.create_index(
        op.f("ix_inspection_finding_inspection_id"), "inspection_finding", ["inspection_id"], unique=False
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON inspection_finding "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"GRANT SELECT, INSERT ON inspection_finding TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE inspection_finding_id_seq TO {RUNTIME_ROLE}")


def _widen_sanction() -> None:
    op.add_column("sanction", _number("inspection_id"))
    op.add_column("sanction", _number("follows_id"))
    op.create_foreign_key(
        op.f("fk_sanction_inspection_id"), "sanction", "inspection", ["inspection_id"], ["id"]
    )
    op.create_foreign_key(op.f("fk_sanction_follows_id"), "sanction", "sanction", ["follows_id"], ["id"])
    op.create_index(op.f("ix_sanction_inspection_id"), "sanction", ["inspection_id"], unique=False)
    op.create_index("uq_sanction_follows_id", "sanction", ["follows_id"], unique=True)
    op.create_index(
        "ix_sanction_rectifying",
        "sanction",
        ["ends_on", "id"],
        unique=False,
        postgresql_where=sa.text("kind = 'rectify' AND lifted_at IS NULL"),
    )


def _make_reports() -> None:
    op.create_table(
        "rectification_report",
        _identity(),
        sa.Column("sanction_id", sa.BigInteger(), nullable=False),
        _code("what"),
        _instant("reported_at"),
        _instant("rejected_at", nullable=True),
        _text("rejection"),
        sa.CheckConstraint(
            "(rejected_at IS NULL) = (rejection IS NULL)",
            name=op.f("ck_rectification_report_rejection"),
        ),
        sa.ForeignKeyConstraint(
            ["sanction_id"], ["sanction.id"], name=op.f("fk_rectification_report_sanction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rectification_report")),
    )
    op.create_index(
        op.f("ix_rectification_report_sanction_id"), "rectification_report", ["sanction_id"], unique=False
    )
    op.create_index(
        "uq_rectification_report_waiting",
        "rectification_report",
        ["sanction_id"],
        unique=True,
        postgresql_where=sa.text("rejected_at IS NULL"),
    )
    op.execute(f"GRANT SELECT, INSERT ON rectification_report TO {RUNTIME_ROLE}")
    op.execute(f"GRANT UPDATE (rejected_at, rejection) ON rectification_report TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE rectification_report_id_seq TO {RUNTIME_ROLE}")


def downgrade() -> None:
    """Drop tables and columns, and take back the policy's first row."""
    op.drop_table("rectification_report")
    op.drop_index("ix_sanction_rectifying", table_name="sanction")
    op.drop_index("uq_sanction_follows_id", table_name="sanction")
    op.drop_column("sanction", "follows_id")
    op.drop_column("sanction", "inspection_id")
    op.drop_table("inspection_finding")
    op.drop_table("inspection")
    op.drop_table("spot_check")
    # Policies are append-only for everybody but the migration that laid a row.
    op.execute("ALTER TABLE policy DISABLE TRIGGER append_only")
    op.execute(f"DELETE FROM policy WHERE name = '{POLICY}' AND entered_by IS NULL")
    op.execute("ALTER TABLE policy ENABLE TRIGGER append_only")
