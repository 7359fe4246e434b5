"""Due work: one thing that can't be done keeps none of the others waiting, and stays due."""

from sqlalchemy import text

from app.market.indicators import Indicator
from app.sealing.keys import Keys
from app.worker import do_due
from tests.conftest import Exchange
from tests.story import announced, band, bid, listed, registered, until


async def test_an_auction_that_can_not_be_opened_keeps_no_other_waiting(
    exchange: Exchange, keys: Keys
) -> None:
    auctions = []
    for indicator in (Indicator.FARMLAND_QUANTITY, Indicator.PADDY_AREA):
        await band(exchange, indicator)
        await listed(exchange, "511922", indicator, "10.0000")
        auctions.append(await announced(exchange, indicator))
    damaged, sound = auctions
    await registered(exchange, damaged, "510100", "5.0000")
    await bid(exchange, damaged, "510100", "400000.00", "5.0000")
    await exchange.database.transact(
        lambda connection: connection.execute(text("UPDATE bid SET sealed = digest || sealed"))
    )
    await until(exchange, sound["closes_at"])
    regulator = await exchange.regulator()

    assert await do_due(exchange.database, keys) == 3, "two are closed, one is opened"

    states = [(await regulator.get(f"/v1/auctions/{auction['id']}")).json()["state"] for auction in auctions]
    assert states == ["CLOSED", "OPENED"]
    assert await do_due(exchange.database, keys) == 0
