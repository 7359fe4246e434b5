"""A year's assessment as a workbook (XLSX): conclusions, and a sheet of accounts for each level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from xlsxwriter.worksheet import Worksheet

from app.documents.assessment_words import (
    FIGURES,
    INDICATORS,
    LEVELS,
    RESULTS,
    UNITS,
    balance_of,
    figures_of,
    told,
    told_zh,
)
from app.documents.assessments import Record
from app.documents.sheets import Book, Column, write_figure, write_sum
from app.market.indicators import UNIT, Indicator
from app.market.jurisdictions import Level
from app.market.sanctions import SanctionKind
from app.market.units import MONEY_PLACES

Line = Mapping[str, Any]
"""A unit of a record."""

NAMED = (
    Column("代码", "Code", 9),
    Column("单位", "Jurisdiction", 22),
    Column("级别", "Level", 14),
)
BALANCE, RESULT = Column("平衡", "Balance", 12), Column("结论", "Result", 14)
FIRST = len(NAMED) + 1
"""The first column after a unit's names and its verdict."""
SANCTIONS = {
    SanctionKind.RECTIFY: ("限期整改", "Rectify"),
    SanctionKind.CIRCULATE: ("通报批评", "Circulate"),
    SanctionKind.SUSPEND: ("暂停受理", "Suspend"),
}
COMMITMENTS = {
    "due": ("承诺到期", "Due"),
    "met": ("已兑现", "Met"),
    "defaulted": ("未兑现", "Defaulted"),
    "made_good": ("已补足", "Made good"),
}
MONEY = {
    "paid": ("省内支付（元）", "Paid, yuan"),
    "received": ("省内收入（元）", "Received, yuan"),
    "paid_outside": ("省外支付（元）", "Paid outside, yuan"),
    "received_outside": ("省外收入（元）", "Received from outside, yuan"),
}


@dataclass(frozen=True, slots=True)
class _Account:
    """A sheet of accounts: its name, whose it shows, and whether as sums or each by itself."""

    name: str
    title: str
    part: str  # "total" or "own"
    levels: frozenset[Level]


ACCOUNTS = (
    _Account("省 Province", "全省合计 The province as the sum of all", "total", frozenset({Level.PROVINCE})),
    _Account(
        "市 Cities", "各市（州）含所属县区 Cities with their counties", "total", frozenset({Level.CITY})
    ),
    _Account("县 Counties", "各单位本级 Each jurisdiction by itself", "own", frozenset(Level)),
)


def workbook(record: Record) -> bytes:
    """Write a record of gengheng/assessment/1 as XLSX: the same bytes for the same record, always."""
    whose = record["units"][0]["name"]
    title = f"{whose} {record['year']} 年度耕地占补平衡考核 Assessment"
    book = Book(title, datetime.fromisoformat(record["closed_at"] or record["starts_at"]))
    _conclusions(book, title, record["units"])
    for account in ACCOUNTS:
        lines = [
            unit
            for unit in record["units"]
            if unit["level"] in account.levels and unit[account.part] is not None
        ]
        if lines:
            _account(book, f"{title} · {account.title}", account, lines)
    return book.bytes()


def _named(book: Book, sheet: Worksheet, row: int, unit: Line, verdict: str) -> None:
    zh, en = LEVELS[unit["level"]]
    for at, cell in enumerate((unit["code"], unit["name"], f"{zh} {en}", verdict)):
        sheet.write_string(row, at, cell, book.text)


def _account(book: Book, title: str, account: _Account, lines: Sequence[Line]) -> None:
    """One block an indicator: its name and unit, a row for each unit, and the sum of the rows."""
    columns = [*NAMED, BALANCE, *(Column(zh, en, 14) for zh, en in FIGURES.values())]
    sheet = book.sheet(account.name, title, columns)
    row = 2
    for indicator in Indicator:
        row = _block(book, sheet, row, indicator, [(unit, unit[account.part]) for unit in lines])
    sheet.set_h_pagebreaks([2 + (len(lines) + 2) * at for at in range(1, len(Indicator))])


def _block(
    book: Book,
    sheet: Worksheet,
    row: int,
    indicator: Indicator,
    lines: Sequence[tuple[Line, Line]],
) -> int:
    figures = [figures_of(assessed, indicator) for _, assessed in lines]
    name, unit = figures[0]["name_zh"], UNITS[figures[0]["unit"]]
    places = UNIT[indicator].places
    sheet.merge_range(row, 0, row, FIRST + len(FIGURES) - 1, "", book.block)
    sheet.write_string(row, 0, f"{name} {INDICATORS[indicator]}（单位 unit: {unit}）", book.block)
    first = row + 1
    number, total = book.number(places), book.number(places, is_total=True)
    for offset, ((jurisdiction, assessed), given) in enumerate(zip(lines, figures, strict=True)):
        _named(book, sheet, first + offset, jurisdiction, balance_of(assessed, indicator))
        for column, figure in enumerate(FIGURES, start=FIRST):
            write_figure(sheet, first + offset, column, given[figure], number)
    last = first + len(lines)
    for column, label in enumerate(("合计", "Total", "", "")):
        sheet.write_string(last, column, label, book.total_text)
    for column, figure in enumerate(FIGURES, start=FIRST):
        summed = sum(Decimal(given[figure]) for given in figures)
        write_sum(sheet, last, column, first, f"{summed:.{places}f}", total)
    return last + 1


def _conclusions(book: Book, title: str, units: Sequence[Line]) -> None:
    """One row a unit: its result, why, its commitments, sanctions and money; and the sums."""
    counted = [
        *(Column(zh, en, 10) for zh, en in COMMITMENTS.values()),
        *(Column(f"{zh}（当年）", f"{en}, imposed", 11) for zh, en in SANCTIONS.values()),
        *(Column(f"{zh}（在行）", f"{en}, in force", 11) for zh, en in SANCTIONS.values()),
    ]
    columns = [
        *NAMED,
        RESULT,
        Column("不合格原因", "Reasons", 46),
        Column("说明", "Remarks", 46),
        *counted,
        *(Column(zh, en, 18) for zh, en in MONEY.values()),
    ]
    sheet = book.sheet("结论 Results", title, columns)
    whole, money = book.number(0), book.number(MONEY_PLACES)
    first_figure = FIRST + 2
    for row, unit in enumerate(units, start=2):
        assessed = unit["own"]
        _named(book, sheet, row, unit, RESULTS[(unit["total"] or assessed)["result"]])
        for at, remarks in enumerate(("reasons", "remarks"), start=FIRST):
            said = (unit["total"] or assessed)[remarks]
            sheet.write_string(
                row, at, "\n".join(f"{told_zh(each)} {told(each)}" for each in said), book.text
            )
        for at, figure in enumerate(_counted(assessed), start=first_figure):
            write_figure(sheet, row, at, figure, whole)
        for at, name in enumerate(MONEY, start=first_figure + len(counted)):
            write_figure(sheet, row, at, assessed["money"][name], money)
    last = 2 + len(units)
    for at in range(first_figure):
        sheet.write_string(last, at, ("合计", "Total")[at] if at < 2 else "", book.total_text)
    for at in range(len(counted)):
        summed = sum(Decimal(_counted(unit["own"])[at]) for unit in units)
        write_sum(sheet, last, first_figure + at, 2, str(summed), book.number(0, is_total=True))
    for at, name in enumerate(MONEY, start=first_figure + len(counted)):
        summed = sum(Decimal(unit["own"]["money"][name]) for unit in units)
        write_sum(sheet, last, at, 2, f"{summed:.2f}", book.number(MONEY_PLACES, is_total=True))


def _counted(assessed: Line) -> list[str]:
    """A unit's counts in the order of their columns."""
    return [
        *(str(assessed["commitments"][name]) for name in COMMITMENTS),
        *(str(assessed["sanctions"][kind]["imposed"]) for kind in SANCTIONS),
        *(str(assessed["sanctions"][kind]["in_force"]) for kind in SANCTIONS),
    ]
