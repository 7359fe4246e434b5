"""The checks of ``gengheng verify`` on public notices, confirmations and reminders."""

from app.store.check import Check

FORMALITIES = (
    Check(
        "a trade's notice stands still just while an objection to it is open",
        """SELECT format('%s objections, %s open', count(*), count(*) FILTER (WHERE state = 'OPEN'))
             FROM objection""",
        """SELECT format('trade %s (%s): its clock %s, of its objections %s are open', trade.id, trade.state,
                         CASE WHEN trade.notice_stopped_at IS NULL THEN 'goes' ELSE 'stands' END,
                         count(objection.id))
             FROM trade
             LEFT JOIN objection ON objection.trade_id = trade.id AND objection.state = 'OPEN'
            GROUP BY trade.id
           HAVING (trade.notice_stopped_at IS NOT NULL) <> (count(objection.id) > 0)
            ORDER BY trade.id""",
    ),
    Check(
        "every confirmation's number is made of its year in China and its trade",
        "SELECT format('%s confirmations', count(confirmation_number)) FROM trade",
        """SELECT format('trade %s: its confirmation of %s has the number %s', id, confirmed_at,
                         confirmation_number)
             FROM trade
            WHERE confirmation_number !~ format('^[^〔]+〔%s〕%s号$',
                      to_char(confirmed_at AT TIME ZONE 'Asia/Shanghai', 'YYYY'), lpad(id::text, 10, '0'))
            ORDER BY id""",
    ),
)

REMINDERS = (
    Check(
        "every reminder was announced, once, and nothing else was",
        "SELECT format('%s reminders', count(*)) FROM reminder",
        """WITH told AS (
               SELECT payload ->> 'of' AS kind, subject, CAST(payload ->> 'due_at' AS timestamptz) AS due_at,
                      CAST(payload ->> 'lead_days' AS integer) AS lead_days, count(*) AS times
                 FROM (SELECT subject, CAST(payload AS json) AS payload FROM journal_event
                        WHERE kind = 'reminder.sent') AS event
                GROUP BY 1, 2, 3, 4
           )
           SELECT format('reminder %s: that %s of %s is due %s was announced %s times, %s days ahead',
                         coalesce(reminder.id::text, 'there is none'), kind, subject, due_at,
                         coalesce(told.times, 0), lead_days)
             FROM reminder FULL JOIN told USING (kind, subject, due_at, lead_days)
            WHERE reminder.id IS NULL OR told.times IS DISTINCT FROM 1 ORDER BY 1""",
    ),
)
