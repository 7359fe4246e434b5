"""Settlements on real connections: opposite ones, repeated ones, and those that race another event."""

import asyncio
from collections import Counter
from collections.abc import Iterable

import httpx
import pytest
from sqlalchemy import text

from app.market.access import Role
from app.market.ids import Kind, public_id
from app.services.awards import AwardedLine, AwardedTrade, award
from app.store import allocations, clock, listings, needs, trades
from app.store.database import Connection
from app.worker import do_due
from tests.awarded import Books, Sale, awarded, books, changes
from tests.conftest import Exchange
from tests.story import confirmed, funded, paid

ROUNDS = 12
A, B = "511922", "511902"


async def totals(exchange: Exchange) -> dict[tuple[str, int | None], int]:
    """What all accounts of an asset and batch sum to: zero, by double entry."""

    async def read(connection: Connection) -> dict[tuple[str, int | None], int]:
        found = await connection.execute(
            text("SELECT asset, batch_id, sum(balance) AS balance FROM account GROUP BY asset, batch_id")
        )
        return {(row.asset, row.batch_id): int(row.balance) for row in found}

    return await exchange.database.read(read)


def held(standing: Books) -> dict[str, int]:
    """What the jurisdictions hold of each asset, whichever bucket it is in."""
    sums: Counter[str] = Counter()
    for (_, asset, bucket), balance in standing.items():
        if bucket not in ("issued", "bank"):
            sums[asset] += balance
    return dict(sums)


async def test_opposite_settlements_of_two_counties_never_deadlock_and_change_no_total(
    live_exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is tried again here, so that a deadlock would surface instead of being cured.
    monkeypatch.setattr("app.store.database.RETRIED", frozenset())
    entered = []
    for number in range(1, ROUNDS + 1):
        entered.append(await awarded(live_exchange, A, [Sale(B, 10_000 * number), Sale(B, number)]))
        entered.append(await awarded(live_exchange, B, [Sale(A, 10_000 * number), Sale(A, number)]))
    for trade in entered:
        await paid(live_exchange, trade)
    before = await books(live_exchange)
    treasurer = await live_exchange.treasurer()
    answers = await asyncio.gather(*(treasurer.post(f"/v1/trades/{trade}/settlement") for trade in entered))
    assert [answer.status_code for answer in answers] == [201] * len(entered), answers[0].text
    after = await books(live_exchange)
    assert held(after) == held(before)
    assert set((await totals(live_exchange)).values()) == {0}
    # What A bought, B sold, and the other way round: the same sums in every round.
    assert {key: amount for key, amount in changes(before, after).items() if amount < 0} == {
        (A, "farmland_quantity", "locked"): -sum(10_001 * number for number in range(1, ROUNDS + 1)),
        (B, "farmland_quantity", "locked"): -sum(10_001 * number for number in range(1, ROUNDS + 1)),
        (A, "CNY", "escrow"): before[(A, "CNY", "escrow")] * -1,
        (B, "CNY", "escrow"): before[(B, "CNY", "escrow")] * -1,
    }


async def test_twenty_identical_settlements_under_one_key_have_one_effect_and_equal_answers(
    live_exchange: Exchange,
) -> None:
    trade = await awarded(live_exchange, A, [Sale(B, 10_000)])
    await paid(live_exchange, trade)
    before = await books(live_exchange)
    treasurer = await live_exchange.treasurer()
    answers = await asyncio.gather(
        *(treasurer.post(f"/v1/trades/{trade}/settlement", key="once") for _ in range(20))
    )
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert changes(before, await books(live_exchange)) == {
        (A, "CNY", "escrow"): -300_000_00,
        (B, "CNY", "available"): 300_000_00,
        (B, "farmland_quantity", "locked"): -10_000,
        (A, "farmland_quantity", "available"): 10_000,
    }


async def test_of_twenty_settlements_under_different_keys_one_succeeds_and_the_others_are_told_the_state(
    live_exchange: Exchange,
) -> None:
    trade = await awarded(live_exchange, A, [Sale(B, 10_000)])
    await paid(live_exchange, trade)
    treasurer = await live_exchange.treasurer()
    answers = await asyncio.gather(*(treasurer.post(f"/v1/trades/{trade}/settlement") for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"wrong_state"}


async def test_a_payment_with_its_settlement_and_a_default_exclude_each_other(
    live_exchange: Exchange,
) -> None:
    treasurer, regulator = await live_exchange.treasurer(), await live_exchange.regulator()
    buyer = await live_exchange.client(A, Role.COUNTY_OFFICER)
    ends = Counter[str]()
    for _ in range(ROUNDS):
        trade = await awarded(live_exchange, A, [Sale(B, 10_000)])
        await confirmed(live_exchange, trade)
        await funded(live_exchange, A, "300000.00")
        before = held(await books(live_exchange))

        async def pay_and_settle(trade: str = trade) -> int:
            await buyer.post(f"/v1/trades/{trade}/payment")
            return (await treasurer.post(f"/v1/trades/{trade}/settlement")).status_code

        async def declare(trade: str = trade) -> int:
            answer = await regulator.post(f"/v1/trades/{trade}/default", {"reason": "逾期"})
            return answer.status_code

        statuses = await asyncio.gather(pay_and_settle(), declare())
        state = (await regulator.get(f"/v1/trades/{trade}")).json()["state"]
        assert (state, [*statuses]) in [("SETTLED", [201, 409]), ("DEFAULTED", [409, 201])]
        assert held(await books(live_exchange)) == before
        ends[state] += 1
    assert sum(ends.values()) == ROUNDS


async def test_a_settlement_and_the_voiding_of_its_listing_exclude_each_other(
    live_exchange: Exchange,
) -> None:
    treasurer, regulator = await live_exchange.treasurer(), await live_exchange.regulator()
    for _ in range(ROUNDS):
        trade = await awarded(live_exchange, A, [Sale(B, 10_000)])
        listing = (await paid(live_exchange, trade))["lines"][0]["listing_id"]
        before = held(await books(live_exchange))
        settling, voiding = await asyncio.gather(
            treasurer.post(f"/v1/trades/{trade}/settlement"),
            regulator.post(f"/v1/listings/{listing}/voiding", {"reason": "造假"}),
        )
        state = (await regulator.get(f"/v1/trades/{trade}")).json()["state"]
        statuses = (settling.status_code, voiding.status_code)
        assert (state, statuses) in [("SETTLED", (201, 409)), ("VOIDED", (409, 201))]
        standing = await books(live_exchange)
        assert held(standing) == before
        assert (A, "CNY", "escrow") not in standing
        assert (B, "farmland_quantity", "locked") not in standing


async def test_voiding_also_drops_a_line_awarded_while_it_waited_for_the_listing(
    live_exchange: Exchange,
) -> None:
    first = await awarded(live_exchange, A, [Sale(B, 10_000, kept=10_000)], open_steps=10_000)
    regulator = await live_exchange.regulator()
    listing = (await regulator.get(f"/v1/trades/{first}")).json()["lines"][0]["listing_id"]
    waiting: list[asyncio.Task[httpx.Response]] = []

    async def award_meanwhile(connection: Connection) -> str:
        trade = (await trades.lock(connection, [int(first[1:])]))[int(first[1:])]
        await needs.lock(connection, [trade.need_id])
        await listings.lock(connection, [int(listing[1:])])
        void = regulator.post(f"/v1/listings/{listing}/voiding", {"reason": "造假"})
        waiting.append(asyncio.create_task(void))
        await asyncio.sleep(0.3)  # it has looked for trades, and waits for this transaction's locks
        now = await clock.now(connection)
        run = await allocations.insert(connection, run_at=now, run_by="510000", record="{}", outcome="{}")
        line = trade.lines[0]
        again = AwardedLine(
            line.listing_id, B, line.batch_id, line.indicator, 10_000, line.price_fen, line.amount_fen
        )
        meanwhile = AwardedTrade(A, trade.need_id, (again,), allocation_id=run.id)
        (id_,) = await award(connection, now=now, actor="510000", trades=[meanwhile])
        return public_id(Kind.TRADE, id_)

    second = await live_exchange.database.transact(award_meanwhile)
    answer = await waiting[0]
    assert answer.status_code == 201, answer.text
    for trade in (first, second):
        assert (await regulator.get(f"/v1/trades/{trade}")).json()["state"] == "VOIDED"


async def test_voiding_and_the_default_of_a_trade_awarded_meanwhile_never_deadlock(
    live_exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is tried again here, so that a deadlock would surface instead of being cured.
    monkeypatch.setattr("app.store.database.RETRIED", frozenset())
    trade = await awarded(live_exchange, A, [Sale(B, 10_000)])
    regulator = await live_exchange.regulator()
    listing = (await regulator.get(f"/v1/trades/{trade}")).json()["lines"][0]["listing_id"]
    defaulting: list[asyncio.Task[httpx.Response]] = []
    look = trades.unsettled_of_listings
    looks = 0

    async def look_too_early(connection: Connection, listing_ids: Iterable[int]) -> frozenset[int]:
        nonlocal looks
        looks += 1
        if looks == 1:
            return frozenset()  # the award has not been committed yet
        if looks == 2:  # the listing is held, and the default takes the trade and waits for the listing
            default = regulator.post(f"/v1/trades/{trade}/default", {"reason": "逾期"})
            defaulting.append(asyncio.create_task(default))
            await asyncio.sleep(0.3)
        return await look(connection, listing_ids)

    monkeypatch.setattr(trades, "unsettled_of_listings", look_too_early)
    voiding = await regulator.post(f"/v1/listings/{listing}/voiding", {"reason": "造假"})
    assert voiding.status_code == 201, voiding.text
    assert (await defaulting[0]).status_code == 201
    assert (await regulator.get(f"/v1/trades/{trade}")).json()["state"] == "DEFAULTED"
    assert (B, "farmland_quantity", "locked") not in await books(live_exchange)


async def test_two_workers_declare_each_overdue_trade_in_default_once(live_exchange: Exchange) -> None:
    entered = [await awarded(live_exchange, A, [Sale(B, 10_000)]) for _ in range(8)]
    await live_exchange.advance(days=60)
    database, keys = live_exchange.database, live_exchange.app.state.keys
    done = await asyncio.gather(*(do_due(database, keys) for _ in range(4)))
    assert sum(done) == len(entered)
    regulator = await live_exchange.regulator()
    shown = (await regulator.get("/v1/trades", params={"state": "DEFAULTED"})).json()["items"]
    assert [trade["id"] for trade in shown] == entered


async def test_ten_withdrawals_of_one_balance_pay_it_out_once(live_exchange: Exchange) -> None:
    await funded(live_exchange, A, "1000.00")
    treasurer = await live_exchange.treasurer()
    answers = await asyncio.gather(
        *(
            treasurer.post(f"/v1/accounts/{A}/withdrawals", {"amount": "1000.00", "reference": f"出金 {n}"})
            for n in range(10)
        )
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"insufficient"}
    assert await books(live_exchange) == {}
