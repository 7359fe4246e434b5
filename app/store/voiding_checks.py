"""The checks of ``gengheng verify`` on voided projects: nothing of a fraud is left or lost."""

from app.store.check import Check

# What was cancelled of each voided batch: at the voiding, and of what came back since.
_CANCELLED = """(SELECT voided.batch_id, voided.project_id,
                        voided.cancelled + coalesce(sum(back.cancelled), 0) AS cancelled,
                        coalesce(sum(back.returned - back.cancelled), 0) AS good
                   FROM voided_batch AS voided
                   LEFT JOIN voided_return AS back ON back.batch_id = voided.batch_id
                  GROUP BY voided.batch_id)"""

VOIDINGS = (
    Check(
        "a project is void where, and only where, an inspection of it found fraud and every batch is judged",
        "SELECT format('%s voided projects', count(*)) FROM project_voiding",
        """SELECT format('project %s is %s, and it has %s voiding', project.id, project.state,
                         CASE WHEN voiding.project_id IS NULL THEN 'no' ELSE 'a' END)
             FROM project LEFT JOIN project_voiding AS voiding ON voiding.project_id = project.id
            WHERE (project.state = 'VOIDED') <> (voiding.project_id IS NOT NULL)
            UNION ALL
           SELECT format('project_voiding %s: inspection %s of project %s is %s', voiding.project_id,
                         voiding.inspection_id, inspection.project_id, inspection.state)
             FROM project_voiding AS voiding
             LEFT JOIN inspection ON inspection.id = voiding.inspection_id
            WHERE (inspection.state, inspection.project_id)
                  IS DISTINCT FROM ('FRAUD', voiding.project_id)
            UNION ALL
           SELECT format('batch %s of project %s: the voiding of project %s says what was cancelled',
                         batch.id, batch.project_id, coalesce(CAST(voided.project_id AS text), 'none'))
             FROM project_voiding AS voiding
             JOIN batch ON batch.project_id = voiding.project_id
             LEFT JOIN voided_batch AS voided ON voided.batch_id = batch.id
            WHERE voided.project_id IS DISTINCT FROM voiding.project_id""",
    ),
    Check(
        "what a voiding, or a return after it, says was cancelled is what the ledger cancelled",
        """SELECT format('%s voided batches, %s returns', (SELECT count(*) FROM voided_batch),
                         (SELECT count(*) FROM voided_return))""",
        """WITH told AS (
               SELECT voiding.transaction_id, voided.batch_id, 'project.voiding' AS kind,
                      'P' || lpad(voiding.project_id::text, 10, '0') AS reference, voided.cancelled
                 FROM voided_batch AS voided
                 JOIN project_voiding AS voiding ON voiding.project_id = voided.project_id
                WHERE voided.cancelled > 0
                UNION ALL
               SELECT transaction_id, batch_id, 'project.return', reference, sum(cancelled)
                 FROM voided_return WHERE cancelled > 0 GROUP BY transaction_id, batch_id, reference
           ), moved AS (
               SELECT head.id AS transaction_id, account.batch_id, head.kind, head.reference,
                      sum(posting.amount) AS cancelled
                 FROM ledger_transaction AS head
                 JOIN posting ON posting.transaction_id = head.id
                 JOIN account ON account.id = posting.account_id AND account.bucket = 'consumed'
                WHERE head.kind IN ('project.voiding', 'project.return')
                GROUP BY head.id, account.batch_id
           )
           SELECT format('batch %s: %s say %s were cancelled for %s, ledger_transaction %s cancelled %s',
                         batch_id, CASE kind WHEN 'project.voiding' THEN 'voidings' ELSE 'returns' END,
                         coalesce(told.cancelled, 0), reference,
                         coalesce(CAST(transaction_id AS text), 'none'), coalesce(moved.cancelled, 0))
             FROM told FULL JOIN moved USING (transaction_id, batch_id, kind, reference)
            WHERE coalesce(told.cancelled, 0) <> coalesce(moved.cancelled, 0) ORDER BY 1""",
    ),
    Check(
        "what is consumed of a batch is its standing write-offs and what was cancelled of a fraud",
        "SELECT format('%s batches consumed', count(*)) FROM account WHERE bucket = 'consumed'",
        f"""WITH standing AS (
                SELECT account.batch_id, sum(posting.amount) AS steps
                  FROM write_off AS written
                  JOIN posting ON posting.transaction_id = written.transaction_id
                  JOIN account ON account.id = posting.account_id AND account.bucket = 'consumed'
                 WHERE written.reversal_id IS NULL GROUP BY account.batch_id
            ), consumed AS (
                SELECT batch_id, sum(balance) AS steps FROM account WHERE bucket = 'consumed'
                 GROUP BY batch_id
            )
            SELECT format('batch %s: %s are consumed, %s written off and %s cancelled', batch.id,
                          coalesce(consumed.steps, 0), coalesce(standing.steps, 0),
                          coalesce(void.cancelled, 0))
              FROM batch
              LEFT JOIN consumed ON consumed.batch_id = batch.id
              LEFT JOIN standing ON standing.batch_id = batch.id
              LEFT JOIN {_CANCELLED} AS void ON void.batch_id = batch.id
             WHERE coalesce(consumed.steps, 0) <> coalesce(standing.steps, 0) + coalesce(void.cancelled, 0)
             ORDER BY batch.id""",
    ),
    Check(
        "the county of a fraud holds of its batches at most what came back after it had replaced them",
        f"SELECT format('%s voided batches', count(*)) FROM {_CANCELLED} AS void",
        f"""SELECT format('%s batch %s: it holds %s, of which %s came back good', account.jurisdiction,
                          void.batch_id, sum(account.balance), void.good)
              FROM {_CANCELLED} AS void
              JOIN batch ON batch.id = void.batch_id
              JOIN account ON account.batch_id = batch.id AND account.jurisdiction = batch.county
                          AND account.bucket IN ('available', 'locked', 'earmarked')
             GROUP BY account.jurisdiction, void.batch_id, void.good
            HAVING sum(account.balance) > void.good ORDER BY void.batch_id""",
    ),
    Check(
        "the county of a fraud owes what was issued of it and not cancelled",
        """SELECT format('%s replacement obligations', count(*)) FROM obligation
            WHERE kind = 'replacement'""",
        f"""WITH due AS (
                SELECT 'P' || lpad(void.project_id::text, 10, '0') AS source, batch.county AS jurisdiction,
                       batch.indicator AS asset, sum(batch.quantity - void.cancelled) AS quantity
                  FROM {_CANCELLED} AS void JOIN batch ON batch.id = void.batch_id
                 GROUP BY void.project_id, batch.county, batch.indicator
            ), owed AS (
                SELECT source, jurisdiction, asset, quantity
                  FROM obligation
                 CROSS JOIN LATERAL (VALUES ('farmland_quantity', farmland_quantity),
                                            ('paddy_area', paddy_area), ('grain_capacity', grain_capacity),
                                            ('linkage_quota', linkage_quota)) AS each(asset, quantity)
                 WHERE kind = 'replacement'
            )
            SELECT format('%s for %s: %s %s are owed, %s were issued and not cancelled', jurisdiction,
                          source, coalesce(owed.quantity, 0), asset, coalesce(due.quantity, 0))
              FROM due FULL JOIN owed USING (source, jurisdiction, asset)
             WHERE coalesce(due.quantity, 0) <> coalesce(owed.quantity, 0) ORDER BY 1""",
    ),
)
