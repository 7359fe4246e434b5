"""Guards of the books, the runtime role, and the first policies.

The database enforces what the code promises: postings and the journal are append-only, postings of a
statement sum to zero per transaction, asset and batch, a balance is always what its last posting left, and
the service works under a role that owns nothing.

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

# By name: a policy that came later is a later migration's to lay.
FIRST_POLICIES = (
    "yield_table",
    "deposit_rate",
    "buyer_cap_share",
    "bids_per_buyer",
    "lots",
    "pricing",
    "tie",
    "notice_working_days",
    "payment_working_days",
    "unused_land_review_area",
    "purchases_within_need",
    "listings_may_decline_key_projects",
    "suspended_may_not_list",
)

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

# A session keeps a function's plan: one made for a bulk statement must not scan whole tables for each small
# one after it, nor one made while the tables were tiny.
BY_INDEX = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"

# Over the transition table of the whole statement: all postings of a transaction go in by one INSERT.
REFUSE_UNBALANCED = f"""
CREATE FUNCTION refuse_unbalanced_postings() RETURNS trigger LANGUAGE plpgsql {BY_INDEX} AS $$
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
    SELECT fresh.id, fresh.account_id INTO wrong
      FROM fresh
      LEFT JOIN LATERAL (SELECT posting.balance_after FROM posting
                          WHERE posting.account_id = fresh.account_id AND posting.id < fresh.id
                          ORDER BY posting.id DESC LIMIT 1) AS earlier ON true
     WHERE fresh.balance_before <> coalesce(earlier.balance_after, 0)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'posting % does not start where the last one of account % ended',
            wrong.id, wrong.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'postings_chain';
    END IF;
    SELECT latest.account_id INTO wrong
      FROM (SELECT DISTINCT ON (account_id) account_id, balance_after
              FROM fresh ORDER BY account_id, id DESC) AS latest
      JOIN account ON account.id = latest.account_id
     WHERE account.balance <> latest.balance_after
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the balance of account % is not what its last posting leaves', wrong.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'postings_reach_balance';
    END IF;
    RETURN NULL;
END $$
"""

# The other way round: no balance moves without its posting, not even by the role that may move balances.
REFUSE_UNPOSTED = f"""
CREATE FUNCTION refuse_unposted_balance() RETURNS trigger LANGUAGE plpgsql {BY_INDEX} AS $$
DECLARE
    wrong record;
BEGIN
    SELECT fresh.id, fresh.balance, coalesce(latest.balance_after, 0) AS posted INTO wrong
      FROM fresh
      LEFT JOIN LATERAL (SELECT posting.balance_after FROM posting WHERE posting.account_id = fresh.id
                          ORDER BY posting.id DESC LIMIT 1) AS latest ON true
     WHERE fresh.balance <> coalesce(latest.balance_after, 0)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'account % would hold %, but its postings leave %',
            wrong.id, wrong.balance, wrong.posted
            USING ERRCODE = 'check_violation', CONSTRAINT = 'balance_is_posted';
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
    op.execute(REFUSE_UNPOSTED)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER balanced AFTER INSERT ON posting REFERENCING NEW TABLE AS fresh "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced_postings()"
    )
    for event in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER posted_{event.lower()} AFTER {event} ON account REFERENCING NEW TABLE AS fresh "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_unposted_balance()"
        )
    op.execute(MAKE_ROLE)
    op.execute(f"GRANT USAGE ON SCHEMA public TO {RUNTIME_ROLE}")
    op.execute(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {RUNTIME_ROLE}")
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {RUNTIME_ROLE}")
    op.execute(f"GRANT UPDATE ON {', '.join(MUTABLE)} TO {RUNTIME_ROLE}")
    # Whose an account is, and of what, never changes.
    op.execute(f"GRANT UPDATE (balance) ON account TO {RUNTIME_ROLE}")
    op.execute(f"REVOKE INSERT ON alembic_version FROM {RUNTIME_ROLE}")
    _lay_first_policies()


def _lay_first_policies() -> None:
    years = json.loads((Path(__file__).parents[1] / "workdays_2017_2026.json").read_text("utf-8"))
    values = {name: DEFAULTS[name] for name in FIRST_POLICIES}
    values |= {f"workdays.{year}": days for year, days in years.items()}
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
    op.execute("DROP FUNCTION refuse_unposted_balance() CASCADE")
    op.execute("DELETE FROM policy WHERE entered_by IS NULL")
    op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {RUNTIME_ROLE}")
    op.execute(f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {RUNTIME_ROLE}")
    op.execute(f"REVOKE ALL ON SCHEMA public FROM {RUNTIME_ROLE}")
