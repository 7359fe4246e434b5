"""What ``gengheng verify`` holds the imported packages to."""

from app.store.check import Check

PACKAGES = (
    Check(
        "every imported package is in the journal, once and as it was",
        "SELECT format('%s imported packages', count(*)) FROM package_import",
        """WITH told AS (
                SELECT subject, CAST(payload AS jsonb) AS facts FROM journal_event
                 WHERE kind = 'package.imported'
            ), kept AS (
                SELECT 'B' || lpad(id::text, 10, '0') AS subject,
                       jsonb_build_object('kind', kind, 'sha256', encode(sha256, 'hex'), 'rows', row_count,
                                          'entered', entered) AS facts
                  FROM package_import
            )
            SELECT format('package %s: it was imported with %s, the journal says %s', subject,
                          coalesce(kept.facts::text, 'nothing'), coalesce(told.facts::text, 'nothing'))
              FROM kept FULL JOIN told USING (subject)
             WHERE kept.facts IS DISTINCT FROM told.facts ORDER BY subject""",
    ),
)
