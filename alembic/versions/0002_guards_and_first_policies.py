"""Guards of the books, the runtime role, and the first policies.

The database enforces what the code promises: postings and the journal are append-only, postings of a
statement sum to zero per transaction, asset and batch, and the service works under a role that owns
nothing.

Locks: each table, exclusively, while its triggers and grants are made; the tables are new and empty, so
for milliseconds.
Reversed by: downgrade(), which drops triggers, functions and first policies; the role stays, since other
databases of the server may use it.

Revision: 0002, after: 0001
"""

import json
from pathlib import Path

import sqlalchemy as sa

from alembic import op
from app.market.policies import DEFAULTS

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "gengheng_runtime"

APPEND_ONLY = (
    "posting",
    "ledger_transaction",
    "batch",
    "journal_event",
    "price_band",
    "policy",
    "allocation",
    "cash_movement",
)

MUTABLE = (
    "account",
    "auction",
    "auction_lot",
    "bid",
    "certified_parcel",
    "clock_offset",
    "designation",
    "jurisdiction_version",
    "land_application",
    "listing",
    "need",
    "need_item",
    "project",
    "registration",
    "sanction",
    "stored_answer",
    "token",
    "trade",
    "trade_line",
)

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'append_only_' || TG_TABLE_NAME;
END $$
"""

# Over the transition table of the whole statement: all postings of a transaction go in by one INSERT.
REFUSE_UNBALANCED = """
CREATE FUNCTION refuse_unbalanced_postings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT fresh.transaction_id, account.asset, account.batch_id, sum(fresh.amount) AS total
      INTO wrong
      FROM fresh JOIN account ON account.id = fresh.account_id
     GROUP BY fresh.transaction_id, account.asset, account.batch_id
    HAVING sum(fresh.amount) <> 0
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'postings of transaction % do not balance: % batch % sums to %',
            wrong.transaction_id, wrong.asset, wrong.batch_id, wrong.total
            USING ERRCODE = 'check_violation', CONSTRAINT = 'postings_balance';
    END IF;
    RETURN NULL;
END $$
"""

MAKE_ROLE = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{RUNTIME_ROLE}') THEN
        CREATE ROLE {RUNTIME_ROLE} NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- made by another database's migration at the same moment
END $$
"""


def upgrade() -> None:
    """Make triggers, role, grants and the first policies."""
    op.execute(REFUSE_CHANGE)
    op.execute(REFUSE_UNBALANCED)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER balanced AFTER INSERT ON posting REFERENCING NEW TABLE AS fresh "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced_postings()"
    )
    op.execute(MAKE_ROLE)
    op.execute(f"GRANT USAGE ON SCHEMA public TO {RUNTIME_ROLE}")
    op.execute(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {RUNTIME_ROLE}")
    op.execute(f"GRANT UPDATE ON {', '.join(MUTABLE)} TO {RUNTIME_ROLE}")
    op.execute(f"REVOKE INSERT ON alembic_version FROM {RUNTIME_ROLE}")
    _lay_first_policies()


def _lay_first_policies() -> None:
    years = json.loads((Path(__file__).parents[1] / "workdays_2017_2026.json").read_text("utf-8"))
    values = dict(DEFAULTS) | {f"workdays.{year}": days for year, days in years.items()}
    op.get_bind().execute(
        sa.text(
            # In force for all the past: a rule laid by a migration was there before anyone entered it.
            "INSERT INTO policy (name, value, starts_at, entered_at) "
            "SELECT name, value, timestamptz '2017-01-01T00:00:00Z', clock_timestamp() "
            "FROM jsonb_each(CAST(:given AS jsonb)) AS given(name, value)"
        ),
        {"given": json.dumps(values)},
    )


def downgrade() -> None:
    """Drop triggers, functions and first policies; leave the role."""
    op.execute("DROP FUNCTION refuse_change() CASCADE")
    op.execute("DROP FUNCTION refuse_unbalanced_postings() CASCADE")
    op.execute("DELETE FROM policy WHERE entered_by IS NULL")
    op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {RUNTIME_ROLE}")
    op.execute(f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {RUNTIME_ROLE}")
    op.execute(f"REVOKE ALL ON SCHEMA public FROM {RUNTIME_ROLE}")
