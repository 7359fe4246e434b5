"""The checks of ``gengheng verify`` on what was promised and what is owed: commitments and obligations."""

from app.store.check import Check

COMMITMENTS = (
    Check(
        "a commitment whose day is over has its one write-off, of what it promised less its deficit",
        """SELECT format('%s commitments, %s written off', count(*),
                         count(*) FILTER (WHERE state IN ('FULFILLED', 'DEFAULTED', 'MADE_GOOD')))
             FROM commitment""",
        """WITH promised AS (
               SELECT 'K' || lpad(commitment.id::text, 10, '0') AS reference,
                      applicant AS jurisdiction, asset,
                      CASE WHEN state IN ('FULFILLED', 'DEFAULTED', 'MADE_GOOD')
                           THEN quantity - missed ELSE 0 END AS quantity
                 FROM commitment
                CROSS JOIN LATERAL (
                      VALUES ('farmland_quantity', farmland_quantity, missed_farmland_quantity),
                             ('paddy_area', paddy_area, missed_paddy_area),
                             ('grain_capacity', grain_capacity, missed_grain_capacity),
                             ('linkage_quota', linkage_quota, missed_linkage_quota))
                      AS each(asset, quantity, missed)
           ), taken AS (
               SELECT written.reference, written.reserve AS jurisdiction, account.asset,
                      sum(posting.amount) AS quantity
                 FROM write_off AS written
                 JOIN posting ON posting.transaction_id = written.transaction_id
                 JOIN account ON account.id = posting.account_id AND account.bucket = 'consumed'
                WHERE written.reversal_id IS NULL AND written.reference LIKE 'K%'
                GROUP BY written.reference, written.reserve, account.asset
           )
           SELECT format('commitment %s of %s: %s %s are written off for it, promised less its deficit is %s',
                         reference, jurisdiction, coalesce(taken.quantity, 0), asset,
                         coalesce(promised.quantity, 0))
             FROM promised FULL JOIN taken USING (reference, jurisdiction, asset)
            WHERE coalesce(promised.quantity, 0) <> coalesce(taken.quantity, 0) ORDER BY 1""",
    ),
    Check(
        "a commitment's deficit is what its obligation owes, until that is made good",
        """SELECT format('%s defaulted, %s made good', count(*) FILTER (WHERE state = 'DEFAULTED'),
                         count(*) FILTER (WHERE state = 'MADE_GOOD')) FROM commitment""",
        """WITH missing AS (
               SELECT 'K' || lpad(id::text, 10, '0') AS source, applicant AS jurisdiction, state,
                      CASE state WHEN 'DEFAULTED' THEN 'OPEN' ELSE 'DISCHARGED' END AS expected,
                      ARRAY[missed_farmland_quantity, missed_paddy_area, missed_grain_capacity,
                            missed_linkage_quota] AS deficit
                 FROM commitment WHERE state IN ('DEFAULTED', 'MADE_GOOD')
           ), owed AS (
               SELECT source, jurisdiction, id, state,
                      ARRAY[farmland_quantity, paddy_area, grain_capacity, linkage_quota] AS quantities
                 FROM obligation WHERE kind = 'commitment_deficit' AND state <> 'CANCELLED'
           )
           SELECT format('commitment %s of %s is %s with a deficit of %s; obligation %s is %s and owes %s',
                         source, jurisdiction, coalesce(missing.state, 'without default'),
                         coalesce(missing.deficit::text, 'nothing'), coalesce(owed.id::text, 'none'),
                         coalesce(owed.state, 'missing'), coalesce(owed.quantities::text, 'nothing'))
             FROM missing FULL JOIN owed USING (source, jurisdiction)
            WHERE (missing.expected, missing.deficit) IS DISTINCT FROM (owed.state, owed.quantities)
            ORDER BY 1""",
    ),
)

OBLIGATIONS = (
    Check(
        "an obligation is discharged where, and only where, its write-off took exactly what is owed",
        """SELECT format('%s obligations, %s discharged', count(*),
                         count(*) FILTER (WHERE state = 'DISCHARGED')) FROM obligation""",
        """WITH owed AS (
               SELECT 'O' || lpad(obligation.id::text, 10, '0') AS reference, jurisdiction,
                      asset, CASE state WHEN 'DISCHARGED' THEN quantity ELSE 0 END AS quantity
                 FROM obligation
                CROSS JOIN LATERAL (VALUES ('farmland_quantity', farmland_quantity),
                                           ('paddy_area', paddy_area), ('grain_capacity', grain_capacity),
                                           ('linkage_quota', linkage_quota)) AS each(asset, quantity)
           ), taken AS (
               SELECT written.reference, written.reserve AS jurisdiction, account.asset,
                      sum(posting.amount) AS quantity
                 FROM write_off AS written
                 JOIN posting ON posting.transaction_id = written.transaction_id
                 JOIN account ON account.id = posting.account_id AND account.bucket = 'consumed'
                WHERE written.reversal_id IS NULL AND written.reference LIKE 'O%'
                GROUP BY written.reference, written.reserve, account.asset
           )
           SELECT format('obligation %s of %s: %s %s are written off for it, %s are owed and discharged',
                         reference, jurisdiction, coalesce(taken.quantity, 0), asset,
                         coalesce(owed.quantity, 0))
             FROM owed FULL JOIN taken USING (reference, jurisdiction, asset)
            WHERE coalesce(owed.quantity, 0) <> coalesce(taken.quantity, 0) ORDER BY 1""",
    ),
    Check(
        "every obligation has its rectification, lifted where nothing is owed any more",
        "SELECT format('%s open obligations', count(*)) FROM obligation WHERE state = 'OPEN'",
        """SELECT format('obligation %s is %s, and sanction %s (%s of %s) is %s', obligation.id,
                         obligation.state, obligation.sanction_id, sanction.kind, sanction.jurisdiction,
                         CASE WHEN sanction.lifted_at IS NULL THEN 'not lifted' ELSE 'lifted' END)
             FROM obligation LEFT JOIN sanction ON sanction.id = obligation.sanction_id
            WHERE (sanction.kind, sanction.jurisdiction)
                  IS DISTINCT FROM ('rectify', obligation.jurisdiction)
               OR (obligation.state <> 'OPEN' AND sanction.lifted_at IS NULL)
            ORDER BY obligation.id""",
    ),
)
