"""A year's assessment as JSON, gengheng/assessment/1 (docs/assessment.md): answered, frozen and compared."""

import json
from dataclasses import fields
from typing import Any

from app.market.assessment_comparison import FROM_LEDGER, Told
from app.market.assessments import (
    Assessed,
    Commitments,
    Figures,
    Money,
    Remark,
    Result,
    Sanctions,
    Year,
)
from app.market.indicators import NAME_ZH, UNIT, Indicator
from app.market.jurisdictions import Level
from app.market.sanctions import SanctionKind
from app.market.units import format_money, format_quantity, parse_money, parse_quantity, rfc3339

ASSESSMENT_FORMAT = "gengheng/assessment/1"


Record = dict[str, Any]
"""A year's assessment as the object that its JSON is."""


def assessment_text(record: Record) -> str:
    """Write a record as JSON text: the same text for the same figures, always."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def assessment_record(year: Year) -> Record:
    """Render a year as an object: quantities and money as decimal strings in their units."""
    return {
        "format": ASSESSMENT_FORMAT,
        "year": year.year,
        "starts_at": rfc3339(year.starts_at),
        "ends_at": rfc3339(year.ends_at),
        "is_over": year.is_over,
        "last_entry_at": None if year.last_entry_at is None else rfc3339(year.last_entry_at),
        "closed_at": None if year.closed_at is None else rfc3339(year.closed_at),
        "units": [
            {
                "code": each.unit.code,
                "name": each.unit.name,
                "level": each.unit.level.value,
                "parent": each.unit.parent,
                "members": list(each.members),
                "own": _assessed(each.own),
                "total": None if each.total is None else _assessed(each.total),
            }
            for each in year.assessments
        ],
    }


def part_of(record: Record, code: str) -> Record | None:
    """The same record with one jurisdiction, first, and those that belong to it; None where it is absent."""
    by_code = {unit["code"]: unit for unit in record["units"]}
    if code not in by_code:
        return None
    return {**record, "units": [by_code[member] for member in by_code[code]["members"]]}


def result_of(record: Record) -> Result:
    """The province's result: its sum's, or where there is no province FAIL if any unit fails."""
    totals = [unit["total"] for unit in record["units"] if unit["level"] == Level.PROVINCE]
    found = totals or [unit["own"] for unit in record["units"]]
    return Result.FAIL if any(each["result"] == Result.FAIL for each in found) else Result.PASS


def _assessed(assessed: Assessed) -> dict[str, object]:
    facts = assessed.facts
    return {
        "result": assessed.result.value,
        "reasons": [_remark(remark) for remark in assessed.reasons],
        "remarks": [_remark(remark) for remark in assessed.remarks],
        "indicators": [_figures(facts.of(indicator), indicator) for indicator in Indicator],
        "commitments": _counts(facts.commitments),
        "sanctions": {kind.value: _counts(facts.sanctions.get(kind, Sanctions())) for kind in SanctionKind},
        "money": {each.name: format_money(getattr(facts.money, each.name)) for each in fields(Money)},
    }


def _remark(remark: Remark) -> dict[str, object]:
    indicator = remark.indicator
    return {
        "code": remark.finding.value,
        "indicator": None if indicator is None else indicator.value,
        "unit": None if indicator is None else UNIT[indicator].name,
        "figure": str(remark.figure) if indicator is None else format_quantity(remark.figure, indicator),
        "jurisdictions": list(remark.jurisdictions),
    }


def _figures(figures: Figures, indicator: Indicator) -> dict[str, object]:
    return {
        "indicator": indicator.value,
        "name_zh": NAME_ZH[indicator],
        "unit": UNIT[indicator].name,
        **{each.name: format_quantity(getattr(figures, each.name), indicator) for each in fields(Figures)},
        "balance": format_quantity(figures.balance, indicator),
    }


def _counts(counts: Commitments | Sanctions) -> dict[str, int]:
    return {each.name: getattr(counts, each.name) for each in fields(counts)}


def _steps(figure: str, indicator: Indicator) -> int:
    steps = parse_quantity(figure.removeprefix("-"), indicator)
    return -steps if figure.startswith("-") else steps


def as_published(record: Record) -> Told:
    """Read back what a record tells of each jurisdiction's stocks, movements and money."""
    steps = {
        (unit["code"], Indicator(each["indicator"])): {
            name: _steps(each[name], Indicator(each["indicator"])) for name in FROM_LEDGER
        }
        for unit in record["units"]
        for each in unit["own"]["indicators"]
    }
    money = {
        unit["code"]: Money(**{name: parse_money(yuan) for name, yuan in unit["own"]["money"].items()})
        for unit in record["units"]
    }
    return Told("the published record", steps, money)
