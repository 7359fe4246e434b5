"""The driver's third part: purchases at once, and the life of an indicator beyond the market."""

from copy import deepcopy

from app.market.indicators import Indicator
from app.market.units import format_quantity
from app.services import applications, purchases
from tests.services.auction_driver import AuctionDriver
from tests.services.driver import REGULATOR, officer
from tests.services.life_model import LifeModel
from tests.services.purchase_model import Order


class LifeDriver(AuctionDriver):
    """Every use case of the exchange."""

    model: LifeModel

    # --- purchases

    def buy(self, order: Order) -> None:
        """Buy what is listed, which serves the waiting key projects first."""
        model, indicator = self.model, Indicator(order.indicator)
        served = model.allocate() if model.serves_first(order.indicator) else []
        before = self.last_trade()
        after = deepcopy(model)
        after.award(list(range(before + 1, before + 1 + len(served))), deepcopy(served))
        if order.listing is None:
            wanted: purchases.AtUnifiedPrice | purchases.AtMarket = purchases.AtUnifiedPrice(
                need_id=order.need,
                indicator=indicator,
                quantity=format_quantity(order.quantity, indicator),
                min_quantity=None if order.least is None else format_quantity(order.least, indicator),
                price_fen=order.price,
            )
        else:
            wanted = purchases.AtMarket(
                need_id=order.need,
                listing_id=order.listing,
                quantity=format_quantity(order.quantity, indicator),
                price_fen=order.price,
            )
        step = "buy_at_unified_price" if order.listing is None else "buy_at_market"
        made = self.attempt(
            step, after.against_purchase(order), purchases.buy, actor=officer(order.buyer), wanted=wanted
        )
        if made is None:
            return
        numbers = self.trades_after(before)
        assert numbers[-1] == made.trade_id
        model.award(numbers[:-1], served)
        model.award(numbers[-1:], [model.purchase(order)])
        self.read_deadlines()

    # --- write-off

    def write_off(self, number: int, who: str) -> None:
        """Write off an application."""
        against = self.model.against_write_off(number, who)
        done = self.attempt(
            "write_off", against, applications.write_off, actor=officer(who), application_id=number
        )
        if done:
            self.model.write_off(number)

    def approve_application(self, number: int) -> None:
        """Approve an application."""
        done = self.attempt(
            "approve_application",
            self.model.against_approval(number),
            applications.approve,
            actor=REGULATOR,
            application_id=number,
            reason=None,
        )
        if done:
            self.model.applications[number].state = "APPROVED"
