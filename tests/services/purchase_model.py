"""The model's purchases: what is listed, taken at once at the unified price or the seller's (RULES 11)."""

from dataclasses import dataclass

from tests.services.entities import CAPACITY, Line, Trade
from tests.services.model import DEPOSIT_RATE as RATE
from tests.services.model import MONEY, Model, half_up, worth

LOTS = {CAPACITY: 100}
"""The lot of an indicator by the first policies, where it is not one step."""


@dataclass(frozen=True)
class Order:
    """What a buyer asks for; ``listing`` None is at the unified price, else at that listing's."""

    buyer: str
    need: int
    indicator: str
    quantity: int
    price: int
    listing: int | None = None
    least: int | None = None


class PurchaseModel(Model):
    """The exchange with its purchases."""

    def on_offer(self, indicator: str) -> list[int]:
        """Listings that anything is left of, in queue order."""
        left = [
            number
            for number, each in self.listings.items()
            if each.state == "LISTED" and each.indicator == indicator and each.quantity > each.awarded
        ]
        return sorted(left, key=lambda number: (not self.listings[number].poverty, number))

    def asks(self, number: int) -> int:
        """A listing's price at the market: its ask, or the floor."""
        listing = self.listings[number]
        return self.bands[listing.indicator].floor if listing.ask is None else listing.ask

    def against_purchase(self, order: Order) -> set[str]:
        """Buying, once the waiting key projects have been served."""
        need = self.needs[order.need]
        if need.buyer != order.buyer:
            return {"not_found"}
        found = set()
        if need.key_level is not None:
            found.add("key_need_may_not_buy")
        if self.sells(order.buyer, order.indicator):
            found.add("seller_may_not_buy")
        lot = LOTS.get(order.indicator, 1)
        if order.quantity <= 0 or order.quantity % lot:
            found.add("not_a_lot_multiple")
        if order.quantity > need.open(order.indicator):
            found.add("exceeds_open_need")
        found |= self._against_price(order)
        if not found:
            lines = self.purchased(order)
            least = order.quantity if order.listing is not None else order.least or lot
            if sum(line.quantity for line in lines) < least:
                found.add("not_enough_on_offer")
            elif self.purchase_deposit(lines) > self.has(order.buyer, MONEY):
                found.add("insufficient")
        return found

    def _against_price(self, order: Order) -> set[str]:
        band = self.bands[order.indicator]
        if order.listing is None:
            if band.unified_price is None:
                return {"no_unified_price"}
            return set() if order.price == band.unified_price else {"price_differs"}
        if order.listing not in self.on_offer(order.indicator):
            return {"not_on_offer"}
        price = self.asks(order.listing)
        found = set() if band.floor <= price <= band.ceiling else {"ask_outside_band"}
        return found if price == order.price else found | {"price_differs"}

    def purchased(self, order: Order) -> list[Line]:
        """What the order takes of which listing, as far as there is."""
        lot, wanted, lines = LOTS.get(order.indicator, 1), order.quantity, []
        queue = self.on_offer(order.indicator) if order.listing is None else [order.listing]
        for number in queue:
            listing = self.listings[number]
            if order.listing is None and (listing.ask or 0) > order.price:
                continue
            part = min(wanted, (listing.quantity - listing.awarded) // lot * lot)
            if part:
                wanted -= part
                amount = worth(order.price, part, order.indicator)
                lines.append(Line(number, order.indicator, part, order.price, amount))
        return lines

    def purchase_deposit(self, lines: list[Line]) -> int:
        """Rate × amount, held until it is paid."""
        return half_up(RATE * sum(line.amount for line in lines))

    def purchase(self, order: Order) -> Trade:
        """Hold the deposit; the trade that it ends in."""
        lines = self.purchased(order)
        deposit = self.purchase_deposit(lines)
        self.move((order.buyer, "available"), (order.buyer, "locked"), MONEY, deposit)
        return Trade(order.buyer, order.need, None, lines, deposit, (0, order.need))
