"""The checks of ``gengheng verify``: every posting replayed from zero, and the books held against the trade.

Each check is two set-based statements: ``figures`` counts what was looked at, ``faults`` names each row that
is wrong, one line each, streamed. Nothing is taken from the code that wrote the rows. Quantities and money
are in smallest steps (m², 0.01 kg, fen), as they are stored.
"""

from collections.abc import AsyncIterator

from sqlalchemy import text

from app.store.check import Check
from app.store.database import Connection
from app.store.debt_checks import COMMITMENTS, OBLIGATIONS
from app.store.formality_checks import FORMALITIES, REMINDERS
from app.store.land_checks import LAND
from app.store.package_checks import PACKAGES
from app.store.voiding_checks import VOIDINGS
from app.store.year_checks import YEARS

LEDGER = (
    Check(
        "every transaction sums to zero per asset and batch",
        """SELECT format('%s transactions, %s postings', (SELECT count(*) FROM ledger_transaction),
                         (SELECT count(*) FROM posting))""",
        """SELECT format('ledger_transaction %s: its postings of %s%s sum to %s, not to zero',
                         posting.transaction_id, account.asset, ' batch ' || account.batch_id,
                         sum(posting.amount))
             FROM posting JOIN account ON account.id = posting.account_id
            GROUP BY posting.transaction_id, account.asset, account.batch_id
           HAVING sum(posting.amount) <> 0 ORDER BY posting.transaction_id""",
    ),
    Check(
        "no transaction is without postings, and no posting without its transaction and account",
        "SELECT format('%s accounts', count(*)) FROM account",
        """SELECT format('ledger_transaction %s (%s of %s): it has no postings', head.id, head.kind,
                         head.reference)
             FROM ledger_transaction AS head
            WHERE NOT EXISTS (SELECT FROM posting WHERE posting.transaction_id = head.id)
            UNION ALL
           SELECT format('posting %s: there is no ledger_transaction %s', posting.id, posting.transaction_id)
             FROM posting LEFT JOIN ledger_transaction AS head ON head.id = posting.transaction_id
            WHERE head.id IS NULL
            UNION ALL
           SELECT format('posting %s: there is no account %s', posting.id, posting.account_id)
             FROM posting LEFT JOIN account ON account.id = posting.account_id
            WHERE account.id IS NULL""",
    ),
    Check(
        "each posting starts where the account's last one ended, the first from zero",
        "SELECT format('%s accounts with postings', count(DISTINCT account_id)) FROM posting",
        """SELECT CASE WHEN balance_before + amount <> balance_after
                       THEN format('posting %s of account %s: %s + %s is not %s',
                                   id, account_id, balance_before, amount, balance_after)
                       ELSE format('posting %s of account %s: it starts at %s, the one before ended at %s',
                                   id, account_id, balance_before, ended_at) END
             FROM (SELECT *, coalesce(lag(balance_after) OVER (PARTITION BY account_id ORDER BY id), 0)
                          AS ended_at
                     FROM posting) AS chain
            WHERE balance_before + amount <> balance_after OR balance_before <> ended_at
            ORDER BY id""",
    ),
    Check(
        "every stored balance is what its postings replay to",
        """SELECT format('%s accounts, %s without postings', count(*),
                         count(*) FILTER (WHERE NOT EXISTS (
                             SELECT FROM posting WHERE posting.account_id = account.id))) FROM account""",
        """SELECT format('account %s (%s %s%s %s): it stores %s, its postings replay to %s', account.id,
                         account.jurisdiction, account.asset, ' batch ' || account.batch_id, account.bucket,
                         account.balance, coalesce(replay.balance, 0))
             FROM account
             LEFT JOIN (SELECT account_id, sum(amount) AS balance FROM posting GROUP BY account_id) AS replay
                    ON replay.account_id = account.id
            WHERE account.balance <> coalesce(replay.balance, 0)
            ORDER BY account.id""",
    ),
    Check(
        "no balance is below zero",
        "SELECT format('%s accounts', count(*)) FROM account WHERE bucket NOT IN ('issued', 'bank')",
        """SELECT format('account %s (%s %s%s %s): its balance is %s', id, jurisdiction, asset,
                         ' batch ' || batch_id, bucket, balance)
             FROM account WHERE balance < 0 AND bucket NOT IN ('issued', 'bank') ORDER BY id""",
    ),
    Check(
        "all balances of an asset and batch sum to zero",
        """SELECT format('%s assets and batches', count(*))
             FROM (SELECT FROM account GROUP BY asset, batch_id) AS kept""",
        """SELECT format('%s%s: all its accounts sum to %s', asset, ' batch ' || batch_id, sum(balance))
             FROM account GROUP BY asset, batch_id HAVING sum(balance) <> 0 ORDER BY batch_id""",
    ),
)

ORIGINS = (
    Check(
        "every batch was issued, once and in full, to the county of its accepted project",
        "SELECT format('%s batches', count(*)) FROM batch",
        """SELECT format('batch %s: it holds %s %s, but %s were issued', batch.id, batch.quantity,
                         batch.indicator, coalesce(-issued.balance, 0))
             FROM batch
             LEFT JOIN account AS issued ON issued.batch_id = batch.id AND issued.asset = batch.indicator
                   AND issued.jurisdiction = batch.county AND issued.bucket = 'issued'
            WHERE batch.quantity <> coalesce(-issued.balance, 0)
            UNION ALL
           SELECT format('account %s: it issues %s batch %s in %s, where the batch does not come from',
                         account.id, account.asset, account.batch_id, account.jurisdiction)
             FROM account
             LEFT JOIN batch ON batch.id = account.batch_id AND batch.county = account.jurisdiction
                            AND batch.indicator = account.asset
            WHERE account.bucket = 'issued' AND batch.id IS NULL
            UNION ALL
           SELECT format('account %s: it holds %s of batch %s, which is %s', account.id, account.asset,
                         batch.id, batch.indicator)
             FROM account JOIN batch ON batch.id = account.batch_id WHERE batch.indicator <> account.asset
            UNION ALL
           SELECT format('batch %s: its project %s of %s is %s', batch.id, project.id, project.county,
                         project.state)
             FROM batch JOIN project ON project.id = batch.project_id
            WHERE project.county <> batch.county OR project.state NOT IN ('ACCEPTED', 'VOIDED')""",
    ),
    Check(
        "every write-off, and every reversal, has its one ledger transaction, of its reference and reserve",
        """SELECT format('%s write-offs, %s reversed', count(*), count(reversal_id)) FROM write_off""",
        """WITH told AS (
               SELECT transaction_id, 'write_off' AS kind, id, reference, reserve FROM write_off
                UNION ALL
               SELECT reversal_id, 'write_off.reversal', id, reference, reserve FROM write_off
                WHERE reversal_id IS NOT NULL
           )
           SELECT format('write_off %s: ledger_transaction %s is no %s of %s', told.id, told.transaction_id,
                         told.kind, told.reference)
             FROM told LEFT JOIN ledger_transaction AS head ON head.id = told.transaction_id
            WHERE (head.kind, head.reference) IS DISTINCT FROM (told.kind, told.reference)
            UNION ALL
           SELECT format('ledger_transaction %s (%s of %s): %s write-offs name it', head.id, head.kind,
                         head.reference, count(told.id))
             FROM ledger_transaction AS head
             LEFT JOIN told ON told.transaction_id = head.id
            WHERE head.kind IN ('write_off', 'write_off.reversal')
            GROUP BY head.id HAVING count(told.id) <> 1
            UNION ALL
           SELECT format('write_off %s: it takes from %s, not from %s alone', told.id, account.jurisdiction,
                         told.reserve)
             FROM told
             JOIN posting ON posting.transaction_id = told.transaction_id
             JOIN account ON account.id = posting.account_id
            WHERE account.jurisdiction <> told.reserve
            UNION ALL
           SELECT format('write_off %s: its reversal gives back %s of account %s, not what it took',
                         written.id, coalesce(back.amount, 0), posting.account_id)
             FROM write_off AS written
             JOIN posting ON posting.transaction_id = written.transaction_id
             JOIN account ON account.id = posting.account_id AND account.bucket = 'consumed'
             LEFT JOIN posting AS back ON back.transaction_id = written.reversal_id
                                      AND back.account_id = posting.account_id
            WHERE written.reversal_id IS NOT NULL AND coalesce(back.amount, 0) <> -posting.amount""",
    ),
    Check(
        "every application written off or approved has written off what nobody promises for it; no other has",
        """SELECT format('%s applications, %s of them written off or approved', count(*),
                         count(*) FILTER (WHERE state IN ('WRITTEN_OFF', 'APPROVED')))
             FROM land_application""",
        """WITH promise AS (
               SELECT application_id, sum(farmland_quantity) AS quantity, sum(paddy_area) AS paddy,
                      sum(grain_capacity) AS capacity, sum(linkage_quota) AS quota
                 FROM commitment
                WHERE state IN ('ACTIVE', 'DUE', 'FULFILLED', 'DEFAULTED', 'MADE_GOOD')
                GROUP BY application_id
           ), due AS (
               SELECT 'F' || lpad(application.id::text, 10, '0') AS reference, application.reserve,
                      required.asset, required.steps
                 FROM land_application AS application
                 LEFT JOIN promise ON promise.application_id = application.id
                CROSS JOIN LATERAL (
                      VALUES ('farmland_quantity', farmland_quantity - coalesce(promise.quantity, 0)),
                             ('paddy_area', paddy_area - coalesce(promise.paddy, 0)),
                             ('grain_capacity', grain_capacity - coalesce(promise.capacity, 0)),
                             ('linkage_quota', linkage_quota - coalesce(promise.quota, 0)))
                      AS required(asset, steps)
                WHERE application.state IN ('WRITTEN_OFF', 'APPROVED') AND required.steps > 0
           ), taken AS (
               SELECT written.reference, written.reserve, account.asset, sum(posting.amount) AS steps
                 FROM write_off AS written
                 JOIN posting ON posting.transaction_id = written.transaction_id
                 JOIN account ON account.id = posting.account_id AND account.bucket = 'consumed'
                WHERE written.reversal_id IS NULL AND written.reference LIKE 'F%'
                GROUP BY written.reference, written.reserve, account.asset
           )
           SELECT format('land application %s: of %s it has written off %s from %s, due are %s',
                         reference, asset, coalesce(taken.steps, 0), reserve, coalesce(due.steps, 0))
             FROM due FULL JOIN taken USING (reference, reserve, asset)
            WHERE coalesce(due.steps, 0) <> coalesce(taken.steps, 0) ORDER BY 1""",
    ),
    Check(
        "money from and to the bank is what the treasurer recorded",
        "SELECT format('%s cash movements', count(*)) FROM cash_movement",
        """SELECT format('%s: %s fen were paid in or out, its bank account stands at %s',
                         coalesce(recorded.jurisdiction, bank.jurisdiction), coalesce(recorded.net, 0),
                         coalesce(bank.balance, 0))
             FROM (SELECT jurisdiction, sum(CASE kind WHEN 'deposit' THEN amount ELSE -amount END) AS net
                     FROM cash_movement GROUP BY jurisdiction) AS recorded
             FULL JOIN (SELECT jurisdiction, balance FROM account
                         WHERE asset = 'CNY' AND bucket = 'bank') AS bank USING (jurisdiction)
            WHERE coalesce(recorded.net, 0) <> -coalesce(bank.balance, 0) ORDER BY 1""",
    ),
)

# Lines that count: of trades that were neither defaulted nor voided, and not dropped out themselves.
_LINES = """(SELECT line.*, trade.need_id, trade.state = 'SETTLED' AS is_settled
               FROM trade_line AS line JOIN trade ON trade.id = line.trade_id
              WHERE line.state = 'ACTIVE' AND trade.state IN ('AWARDED', 'CONFIRMED', 'PAID', 'SETTLED'))"""
_LIVE_REGISTRATIONS = """(SELECT registration.*, auction.indicator
                            FROM registration JOIN auction ON auction.id = registration.auction_id
                           WHERE auction.state IN ('ANNOUNCED', 'CLOSED'))"""

HOLDS = (
    Check(
        "what is locked of a batch is what its county's open listings have not sold",
        "SELECT format('%s open listings', count(*)) FROM listing WHERE state IN ('LISTED', 'IN_AUCTION')",
        """SELECT format('%s batch %s: %s are locked, its open listings (%s) hold %s', jurisdiction, batch_id,
                         coalesce(locked.balance, 0), coalesce(listed.ids, 'none'),
                         coalesce(listed.quantity, 0))
             FROM (SELECT jurisdiction, batch_id, balance FROM account
                    WHERE asset <> 'CNY' AND bucket = 'locked') AS locked
             FULL JOIN (SELECT county AS jurisdiction, batch_id, sum(quantity - settled) AS quantity,
                               string_agg(id::text, ', ' ORDER BY id) AS ids
                          FROM listing WHERE state IN ('LISTED', 'IN_AUCTION')
                         GROUP BY county, batch_id) AS listed USING (jurisdiction, batch_id)
            WHERE coalesce(locked.balance, 0) <> coalesce(listed.quantity, 0) ORDER BY 1""",
    ),
    Check(
        "what is earmarked of a batch is what its active and due commitments have of it; no money is, ever",
        "SELECT format('%s active and due commitments', count(*)) FROM commitment "
        "WHERE state IN ('ACTIVE', 'DUE')",
        """SELECT format('%s %s%s: %s are earmarked, its live commitments (%s) have %s', jurisdiction, asset,
                         ' batch ' || batch_id, coalesce(kept.balance, 0), coalesce(claimed.ids, 'none'),
                         coalesce(claimed.quantity, 0))
             FROM (SELECT jurisdiction, asset, batch_id, balance FROM account
                    WHERE bucket = 'earmarked' AND balance <> 0) AS kept
             FULL JOIN (SELECT commitment.applicant AS jurisdiction, batch.indicator AS asset,
                               earmark.batch_id, sum(earmark.quantity) AS quantity,
                               string_agg(commitment.id::text, ', ' ORDER BY commitment.id) AS ids
                          FROM commitment_earmark AS earmark
                          JOIN commitment ON commitment.id = earmark.commitment_id
                          JOIN batch ON batch.id = earmark.batch_id
                         WHERE commitment.state IN ('ACTIVE', 'DUE') AND earmark.quantity > 0
                         GROUP BY commitment.applicant, batch.indicator, earmark.batch_id) AS claimed
                       USING (jurisdiction, asset, batch_id)
            WHERE coalesce(kept.balance, 0) <> coalesce(claimed.quantity, 0) ORDER BY 1""",
    ),
    Check(
        "money locked is the deposits of live registrations and of unpaid trades",
        f"""SELECT format('%s live registrations, %s unpaid trades',
                          (SELECT count(*) FROM {_LIVE_REGISTRATIONS} AS live),
                          (SELECT count(*) FROM trade WHERE state IN ('AWARDED', 'CONFIRMED')))""",
        f"""SELECT format('%s: %s fen are locked, deposits held are %s', jurisdiction,
                          coalesce(locked.balance, 0), coalesce(held.amount, 0))
              FROM (SELECT jurisdiction, balance FROM account
                     WHERE asset = 'CNY' AND bucket = 'locked') AS locked
              FULL JOIN (SELECT jurisdiction, sum(deposit) AS amount
                           FROM (SELECT buyer AS jurisdiction, deposit FROM {_LIVE_REGISTRATIONS} AS live
                                  UNION ALL
                                 SELECT buyer, deposit FROM trade
                                  WHERE state IN ('AWARDED', 'CONFIRMED')) AS deposits
                          GROUP BY jurisdiction) AS held USING (jurisdiction)
             WHERE coalesce(locked.balance, 0) <> coalesce(held.amount, 0) ORDER BY 1""",
    ),
    Check(
        "money in escrow is what paid trades wait to settle",
        "SELECT format('%s paid trades', count(*)) FROM trade WHERE state = 'PAID'",
        """SELECT format('%s: %s fen are in escrow, paid trades wait for %s', jurisdiction,
                         coalesce(escrow.balance, 0), coalesce(paid.amount, 0))
             FROM (SELECT jurisdiction, balance FROM account
                    WHERE asset = 'CNY' AND bucket = 'escrow') AS escrow
             FULL JOIN (SELECT buyer AS jurisdiction, sum(amount) AS amount FROM trade
                         WHERE state = 'PAID' GROUP BY buyer) AS paid USING (jurisdiction)
            WHERE coalesce(escrow.balance, 0) <> coalesce(paid.amount, 0) ORDER BY 1""",
    ),
)

TRADE = (
    Check(
        "every listing's awarded and settled quantities are those of its trade lines",
        """SELECT format('%s listings, %s trade lines', (SELECT count(*) FROM listing),
                         (SELECT count(*) FROM trade_line))""",
        f"""SELECT format('listing %s: awarded %s and settled %s, its trade lines say %s and %s', listing.id,
                          listing.awarded, listing.settled, coalesce(sold.awarded, 0),
                          coalesce(sold.settled, 0))
              FROM listing
              LEFT JOIN (SELECT listing_id, sum(quantity) AS awarded,
                                coalesce(sum(quantity) FILTER (WHERE is_settled), 0) AS settled
                           FROM {_LINES} AS line GROUP BY listing_id) AS sold ON sold.listing_id = listing.id
             WHERE listing.awarded <> coalesce(sold.awarded, 0)
                OR listing.settled <> coalesce(sold.settled, 0)
             ORDER BY listing.id""",
    ),
    Check(
        "every trade's amount is the sum of its active lines, each of its own listing's county and batch",
        "SELECT format('%s trades', count(*)) FROM trade",
        """SELECT format('trade %s: its amount is %s fen, its active lines sum to %s', trade.id, trade.amount,
                         coalesce(sum(line.amount) FILTER (WHERE line.state = 'ACTIVE'), 0))
             FROM trade LEFT JOIN trade_line AS line ON line.trade_id = trade.id
            GROUP BY trade.id
           HAVING trade.amount <> coalesce(sum(line.amount) FILTER (WHERE line.state = 'ACTIVE'), 0)
            UNION ALL
           SELECT format('trade_line %s: %s batch %s is not what listing %s offers', line.id, line.seller,
                         line.batch_id, line.listing_id)
             FROM trade_line AS line JOIN listing ON listing.id = line.listing_id
            WHERE (line.seller, line.batch_id, line.indicator)
                  IS DISTINCT FROM (listing.county, listing.batch_id, listing.indicator)""",
    ),
    Check(
        "every settled trade moved its lines' quantities, once; nothing else settled",
        "SELECT format('%s settled trades', count(*)) FROM trade WHERE state = 'SETTLED'",
        f"""WITH owed AS (
                SELECT 'T' || lpad(trade_id::text, 10, '0') AS reference, batch_id, sum(quantity) AS quantity
                  FROM {_LINES} AS line WHERE is_settled GROUP BY trade_id, batch_id
            ), moved AS (
                SELECT head.reference, account.batch_id, sum(posting.amount) AS quantity
                  FROM ledger_transaction AS head
                  JOIN posting ON posting.transaction_id = head.id
                  JOIN account ON account.id = posting.account_id AND account.asset <> 'CNY'
                 WHERE head.kind = 'settlement' AND account.bucket = 'available'
                 GROUP BY head.reference, account.batch_id
            )
            SELECT format('settlement of trade %s: batch %s moved %s, its lines say %s', reference, batch_id,
                          coalesce(moved.quantity, 0), coalesce(owed.quantity, 0))
              FROM owed FULL JOIN moved USING (reference, batch_id)
             WHERE coalesce(owed.quantity, 0) <> coalesce(moved.quantity, 0) ORDER BY 1""",
    ),
    Check(
        "every need's quantities are those of its registrations and trade lines",
        "SELECT format('%s items of needs', count(*)) FROM need_item",
        f"""SELECT format('need_item %s %s: reserved %s, excess %s, awarded %s, settled %s; '
                          'registrations and lines say %s, %s, %s, %s',
                          item.need_id, item.indicator, item.reserved, item.excess, item.awarded,
                          item.settled, coalesce(live.quantity, 0), coalesce(lax.quantity, 0),
                          coalesce(bought.awarded, 0), coalesce(bought.settled, 0))
              FROM need_item AS item
              LEFT JOIN (SELECT need_id, indicator, sum(reserved) AS quantity
                           FROM {_LIVE_REGISTRATIONS} AS registration
                          GROUP BY need_id, indicator) AS live USING (need_id, indicator)
              LEFT JOIN (SELECT need_id, indicator, sum(limit_quantity - reserved) AS quantity
                           FROM registration JOIN auction ON auction.id = registration.auction_id
                          GROUP BY need_id, indicator) AS lax USING (need_id, indicator)
              LEFT JOIN (SELECT need_id, indicator, sum(quantity) AS awarded,
                                coalesce(sum(quantity) FILTER (WHERE is_settled), 0) AS settled
                           FROM {_LINES} AS line
                          GROUP BY need_id, indicator) AS bought USING (need_id, indicator)
             WHERE item.reserved <> coalesce(live.quantity, 0) OR item.awarded <> coalesce(bought.awarded, 0)
                OR item.settled <> coalesce(bought.settled, 0) OR item.excess <> coalesce(lax.quantity, 0)
             ORDER BY item.need_id, item.indicator""",
    ),
)

PURCHASES = (
    Check(
        "every trade comes of one auction, one allocation or one purchase, and every purchase is one trade",
        "SELECT format('%s purchases', count(*)) FROM purchase",
        """SELECT format('trade %s: it comes of auction %s, allocation %s, purchase %s', id, auction_id,
                         allocation_id, purchase_id)
             FROM trade WHERE num_nonnulls(auction_id, allocation_id, purchase_id) <> 1
            UNION ALL
           SELECT format('purchase %s: %s trades come of it', purchase.id, count(trade.id))
             FROM purchase LEFT JOIN trade ON trade.purchase_id = purchase.id
            GROUP BY purchase.id HAVING count(trade.id) <> 1
            UNION ALL
           SELECT format('purchase %s: %s bought for need %s, its trade %s is of %s for need %s', purchase.id,
                         purchase.buyer, purchase.need_id, trade.id, trade.buyer, trade.need_id)
             FROM purchase JOIN trade ON trade.purchase_id = purchase.id
            WHERE (purchase.buyer, purchase.need_id) <> (trade.buyer, trade.need_id)""",
    ),
    Check(
        # Lines that dropped out count too: they were bought.
        "every purchase's quantity and amount are those of its trade's lines, at its price, of its listing",
        "SELECT format('%s trade lines', count(*)) FROM trade_line JOIN trade ON trade.id = trade_id "
        "WHERE purchase_id IS NOT NULL",
        """SELECT format('purchase %s: it took %s for %s fen, its trade lines say %s for %s', purchase.id,
                         purchase.quantity, purchase.amount, coalesce(sum(line.quantity), 0),
                         coalesce(sum(line.amount), 0))
             FROM purchase
             JOIN trade ON trade.purchase_id = purchase.id
             LEFT JOIN trade_line AS line ON line.trade_id = trade.id
            GROUP BY purchase.id
           HAVING (purchase.quantity, purchase.amount)
                  IS DISTINCT FROM (coalesce(sum(line.quantity), 0), coalesce(sum(line.amount), 0))
            UNION ALL
           SELECT format('trade_line %s: %s of listing %s at %s fen, purchase %s took %s of %s at %s',
                         line.id, line.indicator, line.listing_id, line.price, purchase.id,
                         purchase.indicator,
                         coalesce('listing ' || purchase.listing_id, 'the queue'), purchase.price)
             FROM purchase
             JOIN trade ON trade.purchase_id = purchase.id
             JOIN trade_line AS line ON line.trade_id = trade.id
            WHERE (line.indicator, line.price) <> (purchase.indicator, purchase.price)
               OR line.listing_id <> purchase.listing_id""",
    ),
    Check(
        "every purchase's price was the one of its mode at its moment, and no seller asked more",
        "SELECT format('%s price bands', count(*)) FROM price_band",
        """SELECT format('purchase %s: its price is %s fen, by its band and listing it was %s', purchase.id,
                         purchase.price, coalesce(priced.price::text, 'none'))
             FROM purchase
             LEFT JOIN listing ON listing.id = purchase.listing_id
             LEFT JOIN LATERAL (
                  SELECT CASE WHEN wanted BETWEEN floor AND ceiling THEN wanted END AS price
                    FROM (SELECT band.floor, band.ceiling,
                                 CASE purchase.mode WHEN 'market' THEN coalesce(listing.ask, band.floor)
                                                    ELSE band.unified_price END AS wanted
                            FROM price_band AS band
                           WHERE band.indicator = purchase.indicator AND band.starts_at <= purchase.at
                           ORDER BY band.starts_at DESC LIMIT 1) AS in_force) AS priced ON true
            WHERE purchase.price IS DISTINCT FROM priced.price
            UNION ALL
           SELECT format('trade_line %s: it was bought at %s fen, listing %s asks %s', line.id, line.price,
                         listing.id, listing.ask)
             FROM purchase
             JOIN trade ON trade.purchase_id = purchase.id
             JOIN trade_line AS line ON line.trade_id = trade.id
             JOIN listing ON listing.id = line.listing_id
            WHERE listing.ask > line.price""",
    ),
    Check(
        "every purchase held its deposit, once; nothing else did",
        "SELECT format('%s purchases with a deposit', count(*)) FROM purchase WHERE deposit > 0",
        """WITH held AS (
               SELECT head.reference, account.jurisdiction, sum(posting.amount) AS amount
                 FROM ledger_transaction AS head
                 JOIN posting ON posting.transaction_id = head.id
                 JOIN account ON account.id = posting.account_id
                WHERE head.kind = 'purchase_deposit' AND account.asset = 'CNY' AND account.bucket = 'locked'
                GROUP BY head.reference, account.jurisdiction
           )
           SELECT format('purchase %s: its deposit is %s fen, the ledger held %s for it',
                         coalesce(purchase.id::text, held.reference), coalesce(purchase.deposit, 0),
                         coalesce(held.amount, 0))
             FROM purchase
             FULL JOIN held ON held.reference = 'U' || lpad(purchase.id::text, 10, '0')
                           AND held.jurisdiction = purchase.buyer
            WHERE coalesce(purchase.deposit, 0) <> coalesce(held.amount, 0) ORDER BY 1""",
    ),
)

JOURNAL = (
    Check(
        "every journal event's digest is the SHA-256 of its payload",
        "SELECT format('%s events', count(*)) FROM journal_event",
        """SELECT format('journal_event %s (%s of %s): its payload does not match its digest', id, kind,
                         subject)
             FROM journal_event WHERE sha256(convert_to(payload, 'UTF8')) <> digest ORDER BY id""",
    ),
    Check(
        "every idempotency key keeps the answer that was given",
        "SELECT format('%s keys', count(*)) FROM stored_answer",
        """SELECT format('stored_answer of %s under key %s: there is no answer', jurisdiction, key)
             FROM stored_answer WHERE status IS NULL OR body IS NULL ORDER BY jurisdiction, key""",
    ),
)

CHECKS = (
    *LEDGER,
    *ORIGINS,
    *LAND,
    *COMMITMENTS,
    *VOIDINGS,
    *OBLIGATIONS,
    *HOLDS,
    *TRADE,
    *PURCHASES,
    *FORMALITIES,
    *REMINDERS,
    *PACKAGES,
    *YEARS,
    *JOURNAL,
)


async def figures(connection: Connection, check: Check) -> str:
    """Count what a check rests on, in words."""
    return str((await connection.execute(text(check.figures))).scalar_one())


async def faults(connection: Connection, check: Check) -> AsyncIterator[str]:
    """Stream one line for each row that contradicts a check."""
    async with connection.stream(text(check.faults)) as rows:
        async for row in rows:
            yield row[0]
