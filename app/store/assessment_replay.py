"""A year's stocks and movements once more, from what projects, trades and write-offs say of themselves.

Nothing is taken from the ledger's postings, so that the two ways to the same figures can contradict each
other.
"""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import text

from app.market.assessments import Money
from app.market.indicators import Indicator
from app.store.assessments import Span, Steps
from app.store.database import Connection

OUTSIDERS = "(SELECT code FROM jurisdiction_version WHERE level = 'external')"

_FOUR = ("farmland_quantity", "paddy_area", "grain_capacity", "linkage_quota")


def _four(steps: str, name: str) -> str:
    """One row for each indicator; ``steps`` with {0} for the indicator's own column."""
    rows = ", ".join(f"('{each}', {steps.format(each)})" for each in _FOUR)
    return f"CROSS JOIN LATERAL (VALUES {rows}) AS {name}(asset, steps)"


# What was written off for what, as the books of applications, commitments and obligations say of it.
_PROMISED = """(SELECT coalesce(sum(commitment.{0}), 0) FROM commitment
                 WHERE commitment.application_id = application.id AND commitment.decided_at IS NOT NULL
                   AND commitment.state NOT IN ('REFUSED', 'WITHDRAWN'))"""
# What was cancelled had been a commitment's deficit, and came back with its application.
_OWED = "CASE obligation.state WHEN 'CANCELLED' THEN commitment.missed_{0} ELSE obligation.{0} END"
_WRITTEN = f"""
    SELECT written.written_off_at, written.reversed_at, written.reserve, 'written_off' AS figure,
           due.asset, due.steps
      FROM write_off AS written
      JOIN land_application AS application
        ON written.reference = 'F' || lpad(application.id::text, 10, '0')
     {_four("greatest(0, application.{0} - " + _PROMISED + ")", "due")}
     UNION ALL
    SELECT written.written_off_at, written.reversed_at, written.reserve, 'written_off_at_due',
           due.asset, due.steps
      FROM write_off AS written
      JOIN commitment ON written.reference = 'K' || lpad(commitment.id::text, 10, '0')
     {_four("commitment.{0} - commitment.missed_{0}", "due")}
     UNION ALL
    SELECT written.written_off_at, written.reversed_at, written.reserve, 'discharged', due.asset, due.steps
      FROM write_off AS written
      JOIN obligation ON written.reference = 'O' || lpad(obligation.id::text, 10, '0')
      LEFT JOIN commitment ON obligation.source = 'K' || lpad(commitment.id::text, 10, '0')
     {_four(_OWED, "due")}
"""

# Earmarks of a city's commitment lie in the city's reserve, though its county's project earned them; they go
# back to the county with the application that they were for.
_EARMARKED_ELSEWHERE = """
    SELECT batch.credited_at, batch.county, batch.indicator, commitment.applicant, earmark.quantity,
           CASE WHEN commitment.state = 'LAPSED' AND commitment.written_off_at IS NULL
                THEN application.decided_at END AS released_at
      FROM commitment_earmark AS earmark
      JOIN batch ON batch.id = earmark.batch_id
      JOIN commitment ON commitment.id = earmark.commitment_id AND commitment.applicant <> batch.county
      JOIN land_application AS application ON application.id = commitment.application_id
"""

# When, whose, of what, by which of the figures' names, and how much: one row for each thing that happened.
EVENTS = f"""
    SELECT credited_at AS at, county AS jurisdiction, indicator AS asset, 'supplemented' AS figure,
           quantity AS steps
      FROM batch
     UNION ALL
    SELECT moved.at, moved.jurisdiction, kept.indicator, 'supplemented', moved.steps
      FROM ({_EARMARKED_ELSEWHERE}) AS kept
     CROSS JOIN LATERAL (VALUES (kept.credited_at, kept.county, -kept.quantity),
                                (kept.credited_at, kept.applicant, kept.quantity),
                                (kept.released_at, kept.county, kept.quantity),
                                (kept.released_at, kept.applicant, -kept.quantity))
             AS moved(at, jurisdiction, steps)
     UNION ALL
    SELECT trade.ended_at, trade.buyer, line.indicator,
           CASE WHEN line.seller IN {OUTSIDERS} THEN 'bought_outside' ELSE 'bought' END, line.quantity
      FROM trade JOIN trade_line AS line ON line.trade_id = trade.id
     WHERE trade.state = 'SETTLED' AND line.state = 'ACTIVE' AND line.seller <> trade.buyer
     UNION ALL
    SELECT trade.ended_at, line.seller, line.indicator,
           CASE WHEN trade.buyer IN {OUTSIDERS} THEN 'sold_outside' ELSE 'sold' END, line.quantity
      FROM trade JOIN trade_line AS line ON line.trade_id = trade.id
     WHERE trade.state = 'SETTLED' AND line.state = 'ACTIVE' AND line.seller <> trade.buyer
     UNION ALL
    SELECT voiding.voided_at, batch.county, batch.indicator, 'voided', voided.cancelled
      FROM voided_batch AS voided
      JOIN project_voiding AS voiding ON voiding.project_id = voided.project_id
      JOIN batch ON batch.id = voided.batch_id
     UNION ALL
    SELECT back.at, batch.county, batch.indicator, 'voided', back.cancelled
      FROM voided_return AS back JOIN batch ON batch.id = back.batch_id
     UNION ALL
    SELECT written_off_at, reserve, asset, figure, steps FROM ({_WRITTEN}) AS written
     UNION ALL
    SELECT reversed_at, reserve, asset, 'given_back', steps FROM ({_WRITTEN}) AS written
     WHERE reversed_at IS NOT NULL
"""

CAME = frozenset({"supplemented", "bought", "bought_outside", "given_back"})
"""The figures of what comes into a reserve; all others of an event go out of it."""


async def from_other_books(connection: Connection, span: Span) -> Steps:
    """Return the year's stocks and movements of every jurisdiction inside the province, zeros left out."""
    found = await connection.execute(
        text(
            f"""
            SELECT jurisdiction, asset, figure, at >= :starts_at AS is_within, sum(steps) AS steps
              FROM ({EVENTS}) AS event
             WHERE at < :ends_at AND steps <> 0 AND jurisdiction NOT IN {OUTSIDERS}
             GROUP BY jurisdiction, asset, figure, at >= :starts_at
            """
        ),
        {"starts_at": span.starts_at, "ends_at": span.ends_at},
    )
    figures: Steps = defaultdict(lambda: defaultdict(int))
    for row in found:
        own = figures[row.jurisdiction, Indicator(row.asset)]
        change = int(row.steps) if row.figure in CAME else -int(row.steps)
        own["closing"] += change
        if row.is_within:
            own[row.figure] += int(row.steps)
        else:
            own["opening"] += change
    return figures


async def money_from_trades(connection: Connection, span: Span) -> Mapping[str, Money]:
    """Return what every jurisdiction inside the province paid and received, by the trades' own lines."""
    found = await connection.execute(
        text(
            f"""
            WITH settled AS (
                SELECT trade.buyer, line.seller, line.amount, trade.buyer IN {OUTSIDERS} AS sold_outside,
                       line.seller IN {OUTSIDERS} AS bought_outside
                  FROM trade JOIN trade_line AS line ON line.trade_id = trade.id
                 WHERE trade.state = 'SETTLED' AND line.state = 'ACTIVE' AND line.seller <> trade.buyer
                   AND trade.ended_at >= :starts_at AND trade.ended_at < :ends_at
            ), sides AS (
                SELECT buyer AS jurisdiction, 'paid' AS side, bought_outside AS is_outside, amount
                  FROM settled WHERE NOT sold_outside
                 UNION ALL
                SELECT seller, 'received', sold_outside, amount FROM settled WHERE NOT bought_outside
            )
            SELECT jurisdiction, side, is_outside, sum(amount) AS fen FROM sides
             GROUP BY jurisdiction, side, is_outside
            """
        ),
        {"starts_at": span.starts_at, "ends_at": span.ends_at},
    )
    sums: dict[str, dict[str, int]] = defaultdict(dict)
    for row in found:
        sums[row.jurisdiction][row.side + ("_outside" if row.is_outside else "")] = int(row.fen)
    return {code: Money(**given) for code, given in sums.items()}
