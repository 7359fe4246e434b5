"""The checks of ``gengheng verify`` on the years: their movements by both ways, and what was published."""

from app.store.assessment_replay import EVENTS, OUTSIDERS
from app.store.check import Check

_SUPPLEMENTING = "('credit', 're_verification', 'commitment.release')"

# What came into and went out of what each jurisdiction holds, by year in China and by the assessment's names;
# money too, as came and went. Steps and fen are above zero; only what is supplemented may be taken back.
_BY_LEDGER = f"""
    moved AS (
        SELECT head.id, extract(year FROM head.at AT TIME ZONE 'Asia/Shanghai')::integer AS year, head.kind,
               left(head.reference, 1) AS letter, account.jurisdiction, account.asset,
               sum(posting.amount) AS amount
          FROM ledger_transaction AS head
          JOIN posting ON posting.transaction_id = head.id
          JOIN account ON account.id = posting.account_id
         WHERE (account.asset <> 'CNY' AND account.bucket IN ('available', 'locked', 'earmarked'))
            OR (account.asset = 'CNY' AND head.kind = 'settlement')
         GROUP BY head.id, account.jurisdiction, account.asset
        HAVING sum(posting.amount) <> 0
    ), outside AS (
        SELECT id, asset, sum(amount) AS amount FROM moved
         WHERE kind = 'settlement' AND jurisdiction IN {OUTSIDERS} GROUP BY id, asset
    ), parted AS (
        -- A settlement has one buyer, who alone gains indicators and alone pays.
        SELECT moved.*, CASE WHEN moved.kind <> 'settlement' THEN 0
                             WHEN (moved.asset <> 'CNY') = (moved.amount > 0)
                             THEN greatest(-sign(moved.amount) * outside.amount, 0)
                             WHEN sign(outside.amount) = -sign(moved.amount) THEN abs(moved.amount)
                             ELSE 0 END AS abroad
          FROM moved LEFT JOIN outside USING (id, asset)
         WHERE moved.jurisdiction NOT IN {OUTSIDERS}
    ), by_ledger AS (
        SELECT parted.year, parted.jurisdiction, parted.asset, named.figure, sum(named.steps) AS steps
          FROM parted
         CROSS JOIN LATERAL (VALUES
               (CASE WHEN kind = 'settlement' THEN CASE WHEN amount > 0 THEN 'bought' ELSE 'sold' END
                     WHEN kind IN {_SUPPLEMENTING} THEN 'supplemented'
                     WHEN kind IN ('project.voiding', 'project.return') THEN 'voided'
                     WHEN kind = 'write_off.reversal' THEN 'given_back'
                     WHEN kind = 'write_off' AND letter = 'F' THEN 'written_off'
                     WHEN kind = 'write_off' AND letter = 'K' THEN 'written_off_at_due'
                     WHEN kind = 'write_off' AND letter = 'O' THEN 'discharged'
                     ELSE kind END,
                CASE WHEN kind IN {_SUPPLEMENTING} THEN amount ELSE abs(amount) - abroad END),
               (CASE WHEN amount > 0 THEN 'bought_outside' ELSE 'sold_outside' END, abroad))
               AS named(figure, steps)
         WHERE named.steps <> 0
         GROUP BY parted.year, parted.jurisdiction, parted.asset, named.figure
    )
"""

YEARS = (
    Check(
        "in every year the ledger and the books beside it tell the same movements of every reserve",
        """SELECT format('%s years', count(DISTINCT extract(year FROM at AT TIME ZONE 'Asia/Shanghai')))
             FROM ledger_transaction""",
        f"""WITH {_BY_LEDGER}, by_others AS (
                SELECT extract(year FROM at AT TIME ZONE 'Asia/Shanghai')::integer AS year, jurisdiction,
                       asset, figure, sum(steps) AS steps
                  FROM ({EVENTS}) AS event
                 WHERE steps <> 0 AND at IS NOT NULL AND jurisdiction NOT IN {OUTSIDERS}
                 GROUP BY 1, 2, 3, 4
            )
            SELECT format('%s of %s in %s: %s %s by the ledger, %s by the other books', asset, jurisdiction,
                          year, figure, coalesce(by_ledger.steps, 0), coalesce(by_others.steps, 0))
              FROM (SELECT * FROM by_ledger WHERE asset <> 'CNY') AS by_ledger
              FULL JOIN by_others USING (year, jurisdiction, asset, figure)
             WHERE coalesce(by_ledger.steps, 0) <> coalesce(by_others.steps, 0)
             ORDER BY year, jurisdiction, asset, figure""",
    ),
    Check(
        "in every year what was traded within the province nets to zero, in each indicator and in money",
        "SELECT format('%s settlements', count(*)) FROM ledger_transaction WHERE kind = 'settlement'",
        f"""WITH {_BY_LEDGER}
            SELECT format('%s in %s: %s were bought within the province, %s sold', asset, year,
                          coalesce(sum(steps) FILTER (WHERE figure = 'bought'), 0),
                          coalesce(sum(steps) FILTER (WHERE figure = 'sold'), 0))
              FROM by_ledger
             GROUP BY year, asset
            HAVING coalesce(sum(steps) FILTER (WHERE figure = 'bought'), 0)
                   <> coalesce(sum(steps) FILTER (WHERE figure = 'sold'), 0)
             ORDER BY year, asset""",
    ),
    Check(
        "every closed year's record is the one that was published, and tells the ledger's movements",
        "SELECT format('%s closed years', count(*)) FROM closed_year",
        f"""WITH {_BY_LEDGER}, published AS (
                SELECT closed_year.year, unit ->> 'code' AS jurisdiction, told ->> 'indicator' AS asset,
                       name AS figure,
                       (told ->> name)::numeric
                       * CASE told ->> 'unit' WHEN 'kg' THEN 100 ELSE 10000 END AS steps
                  FROM closed_year
                 CROSS JOIN LATERAL json_array_elements(record::json -> 'units') AS unit
                 CROSS JOIN LATERAL json_array_elements(unit -> 'own' -> 'indicators') AS told
                 CROSS JOIN LATERAL unnest(ARRAY[
                       'supplemented', 'voided', 'bought', 'sold', 'bought_outside', 'sold_outside',
                       'written_off', 'given_back', 'written_off_at_due', 'discharged']) AS name
            )
            SELECT format('closed_year %s: its record does not match its digest', year)
              FROM closed_year WHERE sha256(convert_to(record, 'UTF8')) <> closed_year.sha256
            UNION ALL
           SELECT format('closed_year %s: %s of %s: %s %s by the ledger, %s published', year, asset,
                         jurisdiction, figure, coalesce(by_ledger.steps, 0), coalesce(published.steps, 0))
             FROM (SELECT * FROM by_ledger
                    WHERE asset <> 'CNY' AND year IN (SELECT year FROM closed_year)) AS by_ledger
             FULL JOIN published USING (year, jurisdiction, asset, figure)
            WHERE coalesce(by_ledger.steps, 0) <> coalesce(published.steps, 0)""",
    ),
)
