"""A year's assessment of the whole sample province, with figures in it, to write documents of."""

import csv
import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from app.documents.assessments import Record, assessment_record
from app.market.assessments import (
    Commitments,
    Facts,
    Figures,
    Money,
    Sanctions,
    Unit,
    Year,
    assess,
)
from app.market.indicators import UNIT, Indicator
from app.market.jurisdictions import Level
from app.market.sanctions import SanctionKind

PROVINCE = Path(__file__).parents[2] / "app" / "documents" / "sichuan_jurisdictions.csv"
STARTS_AT, ENDS_AT = datetime(2024, 12, 31, 16, tzinfo=UTC), datetime(2025, 12, 31, 16, tzinfo=UTC)


def units() -> list[Unit]:
    """The sample province's units, by code."""
    with PROVINCE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return sorted(
        (Unit(row["code"], row["name"], Level(row["level"]), row["parent"] or None) for row in rows),
        key=lambda unit: unit.code,
    )


def record(*, seed: int = 7, largest: int = 300_0000, closed: bool = True) -> Record:
    """A year with movements everywhere, some deficits, and trades that net to zero within the province."""
    chance, registered = random.Random(seed), units()
    figures: dict[str, dict[Indicator, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    money: dict[str, dict[str, int]] = defaultdict(lambda: {"paid": 0, "received": 0})
    for indicator in Indicator:
        scale = largest * (UNIT[indicator].steps // 100 if indicator is Indicator.GRAIN_CAPACITY else 1)
        for unit in registered:
            own = figures[unit.code][indicator]
            own["opening"], own["supplemented"] = chance.randrange(scale), chance.randrange(scale)
            own["written_off"] = own["occupied"] = chance.randrange(own["opening"] + 1)
            own["bought"] = own["sold"] = 0
        for _ in range(60):
            buyer, seller = chance.sample(registered, 2)
            available = figures[seller.code][indicator]
            quantity = min(chance.randrange(scale), available["opening"] - available["written_off"])
            available["opening"] -= 0
            if quantity <= 0 or available["sold"]:
                continue
            available["sold"] += quantity
            figures[buyer.code][indicator]["bought"] += quantity
            money[buyer.code]["paid"] += 30 * quantity
            money[seller.code]["received"] += 30 * quantity
        for unit in registered:
            own = figures[unit.code][indicator]
            own["closing"] = (
                own["opening"] + own["supplemented"] + own["bought"] - own["sold"] - own["written_off"]
            )
    figures["510722"][Indicator.FARMLAND_QUANTITY]["deficit"] = 5_000
    figures["511922"][Indicator.PADDY_AREA]["owed"] = 12_345
    facts = {
        code: Facts(
            indicators={indicator: Figures(**own) for indicator, own in by_indicator.items()},
            money=Money(**money[code]),
            commitments=Commitments(due=2, met=1, defaulted=1) if code == "510722" else Commitments(),
            sanctions={SanctionKind.RECTIFY: Sanctions(1, 1)} if code in ("510722", "511922") else {},
        )
        for code, by_indicator in figures.items()
    }
    return assessment_record(
        Year(
            year=2025,
            starts_at=STARTS_AT,
            ends_at=ENDS_AT,
            is_over=True,
            last_entry_at=datetime(2025, 12, 30, 8, tzinfo=UTC),
            closed_at=datetime(2026, 1, 10, 1, tzinfo=UTC) if closed else None,
            assessments=assess(registered, facts),
        )
    )
