"""Quantities as answers show them, each with its unit: of an indicator, a used batch, a trade's line."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from app.market.ids import Kind, public_id
from app.market.indicators import UNIT, Indicator
from app.market.trades import Line
from app.market.units import format_money, format_quantity, quantity_mu, wan_yuan
from app.routers.forms import View
from app.services.write_offs import UsedBatch


class QuantityView(View):
    """So much of one indicator, in its unit."""

    indicator: Indicator
    unit: str
    quantity: str
    quantity_mu: str | None = Field(description="Areas also in 亩")

    @classmethod
    def each(cls, steps: Mapping[Indicator, int]) -> "list[QuantityView]":
        """Print what is above zero."""
        return [
            cls(
                indicator=indicator,
                unit=UNIT[indicator].name,
                quantity=format_quantity(steps[indicator], indicator),
                quantity_mu=quantity_mu(steps[indicator], indicator),
            )
            for indicator in Indicator
            if steps.get(indicator, 0)
        ]


class UsedBatchView(View):
    """What a write-off used up of one batch, and the project that the batch comes from."""

    indicator: Indicator
    unit: str
    quantity: str
    quantity_mu: str | None = Field(description="Areas also in 亩")
    batch_id: str
    project_id: str
    filing_no: str | None
    origin: str = Field(description="The county whose project earned the batch")

    @classmethod
    def each(cls, used: Sequence[UsedBatch]) -> "list[UsedBatchView]":
        """Shape what was used up, by indicator, the oldest batches first."""
        return [
            cls(
                indicator=one.indicator,
                unit=UNIT[one.indicator].name,
                quantity=format_quantity(one.steps, one.indicator),
                quantity_mu=quantity_mu(one.steps, one.indicator),
                batch_id=public_id(Kind.BATCH, one.batch_id),
                project_id=public_id(Kind.PROJECT, one.project_id),
                filing_no=one.filing_no,
                origin=one.origin,
            )
            for one in used
        ]


def line_figures(line: Line) -> dict[str, Any]:
    """The fields that every view of a trade's line shows: who sells how much of what, and for how much."""
    return {
        "seller": line.seller,
        "indicator": line.indicator,
        "unit": UNIT[line.indicator].name,
        "quantity": format_quantity(line.quantity, line.indicator),
        "quantity_mu": quantity_mu(line.quantity, line.indicator),
        "price": format_money(line.price_fen),
        "amount": format_money(line.amount_fen),
        "amount_wan_yuan": wan_yuan(line.amount_fen),
    }
