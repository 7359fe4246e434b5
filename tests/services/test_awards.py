"""Awards: trades come with their deadlines, and take from listings and needs what they sell and fill."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from app.market.trades import Line
from app.services.awards import AwardedLine, AwardedTrade, award
from app.services.days import end_of
from app.store import trades as store
from app.store.database import Connection
from tests.awarded import Sale, awarded, need_item, row
from tests.conftest import Exchange

MONDAY = datetime(2025, 9, 29, 1, 0, tzinfo=UTC)  # before the National Day week; 11 October is worked


def _again(line: Line) -> AwardedLine:
    return AwardedLine(
        line.listing_id,
        line.seller,
        line.batch_id,
        line.indicator,
        line.quantity,
        line.price_fen,
        line.amount_fen,
    )


async def _set_clock(exchange: Exchange, at: datetime) -> None:
    await exchange.advance(seconds=(at - await exchange.now()).total_seconds())


async def test_deadlines_are_ends_of_working_days_in_china(exchange: Exchange) -> None:
    await _set_clock(exchange, MONDAY)
    trade = await awarded(exchange, "510100", [Sale("511922", 10_000)])
    shown = (await (await exchange.regulator()).get(f"/v1/trades/{trade}")).json()
    # Five working days: 30 September, 9, 10, 11 and 13 October; ten more end on the 27th.
    assert shown["notice_ends_at"] == "2025-10-13T16:00:00.000000Z"
    assert shown["payment_due_at"] == "2025-10-27T16:00:00.000000Z"
    assert shown["warnings"] == []


async def test_a_day_ends_at_the_next_midnight_in_china() -> None:
    assert end_of(MONDAY.date()) == datetime(2025, 9, 29, 16, 0, tzinfo=UTC)


async def test_a_trade_awarded_late_in_the_evening_counts_from_the_day_in_china(exchange: Exchange) -> None:
    await _set_clock(exchange, MONDAY - timedelta(hours=8))  # still Sunday in London, Monday in China
    trade = await awarded(exchange, "510100", [Sale("511922", 10_000)])
    shown = (await (await exchange.regulator()).get(f"/v1/trades/{trade}")).json()
    assert shown["notice_ends_at"] == "2025-10-13T16:00:00.000000Z"


async def test_a_trade_warns_of_each_year_whose_working_days_were_not_published(exchange: Exchange) -> None:
    await _set_clock(exchange, datetime(2027, 3, 1, tzinfo=UTC))
    trade = await awarded(exchange, "510100", [Sale("511922", 10_000)])
    shown = (await (await exchange.regulator()).get(f"/v1/trades/{trade}")).json()
    (warning,) = shown["warnings"]
    assert warning["code"] == "calendar_not_published"
    assert "2027" in warning["detail"]


async def test_an_award_is_judged_by_the_policies_of_its_own_day(exchange: Exchange) -> None:
    await _set_clock(exchange, MONDAY)

    async def shorten(connection: Connection) -> None:
        await connection.execute(
            text(
                "INSERT INTO policy (name, value, starts_at, entered_at) VALUES "
                "('notice_working_days', '1', :tomorrow, :today)"
            ),
            {"today": MONDAY, "tomorrow": MONDAY + timedelta(days=1)},
        )

    await exchange.database.transact(shorten)
    before = await awarded(exchange, "510100", [Sale("511922", 10_000)])
    await exchange.advance(days=1)
    after = await awarded(exchange, "510100", [Sale("511922", 10_000)])
    regulator = await exchange.regulator()
    assert (await regulator.get(f"/v1/trades/{before}")).json()["notice_ends_at"].startswith("2025-10-13")
    assert (await regulator.get(f"/v1/trades/{after}")).json()["notice_ends_at"].startswith("2025-10-09")


async def test_an_award_takes_from_the_listing_and_fills_the_need_but_settles_nothing(
    exchange: Exchange,
) -> None:
    trade = await awarded(exchange, "510100", [Sale("511922", 10_000, kept=5_000)], open_steps=7_000)
    shown = (await (await exchange.regulator()).get(f"/v1/trades/{trade}")).json()
    (line,) = shown["lines"]
    assert await row(exchange, "listing", line["listing_id"], "awarded", "settled", "state") == (
        10_000,
        0,
        "LISTED",
    )
    assert await need_item(exchange, shown["need_id"]) == (10_000, 0)


async def test_awards_keep_the_order_they_are_given_in_and_are_told_in_one_event(exchange: Exchange) -> None:
    first = await awarded(exchange, "510100", [Sale("511922", 30_000)])
    second = await awarded(exchange, "510400", [Sale("511902", 20_000)])
    numbers = [int(trade[1:]) for trade in (first, second)]

    async def again(connection: Connection) -> tuple[list[str], int]:
        """Award the same lines once more, to two buyers, as one later run."""
        held = await store.lock(connection, numbers)
        await connection.execute(text("UPDATE need_item SET quantity = quantity * 2"))
        await connection.execute(text("UPDATE listing SET quantity = quantity * 2"))
        run = await connection.execute(
            text("INSERT INTO allocation (run_at, record, outcome) VALUES (now(), '{}', '{}') RETURNING id")
        )
        source = int(run.scalar_one())
        wanted = [
            AwardedTrade(
                held[number].buyer,
                held[number].need_id,
                tuple(_again(line) for line in held[number].lines),
                allocation_id=source,
            )
            for number in reversed(numbers)
        ]
        ids = await award(connection, now=MONDAY, actor=None, trades=wanted)
        made = await store.lock(connection, ids)
        events = await connection.execute(
            text("SELECT count(*) FROM journal_event WHERE kind = 'trades.awarded'")
        )
        return [made[id_].buyer for id_ in ids], events.scalar_one()

    buyers, events = await exchange.database.transact(again)
    assert buyers == ["510400", "510100"]
    assert events == 3


async def test_nothing_to_award_writes_nothing(exchange: Exchange) -> None:
    async def nothing(connection: Connection) -> int:
        assert await award(connection, now=MONDAY, actor=None, trades=[]) == []
        events = await connection.execute(text("SELECT count(*) FROM journal_event"))
        return int(events.scalar_one())

    assert await exchange.database.transact(nothing) == 0
