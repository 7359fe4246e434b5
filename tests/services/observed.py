"""What the database shows, in the shape of ``Model.picture``, and what must hold of any books."""

from typing import Any

from sqlalchemy import text

from app.store.database import Connection

_PICTURE = {
    "balances": (
        4,
        "SELECT jurisdiction, asset, coalesce(batch_id, 0), bucket, balance FROM account WHERE balance <> 0",
    ),
    "listings": (
        1,
        """SELECT id, county, batch_id, quantity, awarded, settled, ask, state, auction_id, poverty
             FROM listing""",
    ),
    "applications": (1, "SELECT id, applicant, state FROM land_application"),
    "needs": (1, "SELECT id, buyer, application_id, state, key_level FROM need"),
    "items": (2, "SELECT need_id, indicator, quantity, reserved, awarded, settled FROM need_item"),
    "auctions": (1, "SELECT id, indicator, state, floor, ceiling, lot FROM auction"),
    "lots": (2, "SELECT auction_id, listing_id, quantity FROM auction_lot"),
    "registrations": (2, "SELECT auction_id, buyer, need_id, limit_quantity, deposit FROM registration"),
    "bids": (
        1,
        """SELECT id, auction_id, buyer, CASE WHEN replaced_by IS NOT NULL THEN 'replaced'
                                              WHEN withdrawn_at IS NOT NULL THEN 'withdrawn'
                                              ELSE 'in force' END FROM bid""",
    ),
    "trades": (1, "SELECT id, buyer, need_id, auction_id, state, amount, deposit FROM trade"),
    "lines": (
        2,
        """SELECT trade_id, row_number() OVER (PARTITION BY trade_id ORDER BY id) - 1, listing_id, quantity,
                  price, amount, state FROM trade_line""",
    ),
    "commitments": (1, "SELECT id, applicant, application_id, project_id, state FROM commitment"),
    "earmarks": (
        2,
        """SELECT commitment_id, batch_id, quantity FROM commitment_earmark
             JOIN commitment ON commitment.id = commitment_id
            WHERE commitment.state IN ('ACTIVE', 'DUE') AND quantity > 0""",
    ),
    "obligations": (1, "SELECT id, jurisdiction, kind, source, state FROM obligation"),
    "objections": (1, "SELECT id, trade_id, state FROM objection"),
    "write_offs": (1, "SELECT reference, reserve FROM write_off WHERE reversal_id IS NULL"),
}
"""By name: how many columns are the key, and the statement."""

_UNSOUND = """
    SELECT 'below zero: account ' || id FROM account
     WHERE balance < 0 AND bucket NOT IN ('issued', 'bank')
    UNION ALL
    SELECT 'not zero: ' || asset || ' ' || coalesce(batch_id, 0) FROM account
     GROUP BY asset, batch_id HAVING sum(balance) <> 0
    UNION ALL
    SELECT 'replay differs: account ' || account.id FROM account
      LEFT JOIN posting ON posting.account_id = account.id
     GROUP BY account.id HAVING coalesce(sum(posting.amount), 0) <> account.balance
"""

_WRITTEN = """
    SELECT (SELECT count(*) FROM journal_event), (SELECT count(*) FROM ledger_transaction),
           (SELECT count(*) FROM posting), (SELECT count(*) FROM stored_answer),
           (SELECT count(*) FROM cash_movement), (SELECT count(*) FROM project),
           (SELECT count(*) FROM certified_parcel), (SELECT count(*) FROM allocation),
           (SELECT count(*) FROM price_band), (SELECT count(*) FROM purchase),
           (SELECT count(*) FROM write_off), (SELECT count(*) FROM sanction),
           (SELECT count(*) FROM obligation), (SELECT count(*) FROM commitment),
           (SELECT count(*) FROM project_voiding), (SELECT count(*) FROM objection)
"""


async def picture(connection: Connection) -> dict[str, dict[Any, Any]]:
    """Everything the model knows, as it is stored."""
    shown: dict[str, dict[Any, Any]] = {}
    for name, (width, statement) in _PICTURE.items():
        rows = [tuple(row) for row in await connection.execute(text(statement))]
        shown[name] = {(row[0] if width == 1 else row[:width]): _rest(row[width:]) for row in rows}
    return shown


def _rest(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 else values


async def unsound(connection: Connection) -> list[str]:
    """Balances below zero, assets and batches that don't sum to zero, balances that don't replay."""
    return [row[0] for row in await connection.execute(text(_UNSOUND))]


async def written(connection: Connection) -> tuple[int, ...]:
    """How many rows the append-only tables have: a refusal must not add any."""
    return tuple((await connection.execute(text(_WRITTEN))).one())
