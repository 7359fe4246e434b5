"""A year's assessment as a document to print and sign (PDF): the conclusion, why, and the tables."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from app.documents.assessment_words import (
    FIGURES,
    INDICATORS,
    RESULTS,
    UNITS,
    balance_of,
    figures_of,
    told_zh,
)
from app.documents.assessments import Record, assessment_text
from app.documents.pages import FONT, Pages
from app.market.assessments import Result
from app.market.indicators import Indicator
from app.market.sanctions import SanctionKind
from app.market.units import group_thousands

CHINA = timezone(timedelta(hours=8))
ALWAYS = frozenset({"opening", "supplemented", "bought", "sold", "written_off", "closing", "occupied"})
"""Columns that every table has; the others only where one of its figures is not zero."""
ROW_MM, HEAD_MM = 5.0, 8.4
NAME_MM, RESULT_MM = 44.0, 13.0
LARGEST_PT, SMALLEST_PT = 8.0, 4.5
SUM_FILL, HEAD_FILL = (226, 234, 246), (205, 216, 234)
NUMERALS = "一二三四"


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a table: whose, the figures as printed, the result, and whether it is a sum."""

    name: str
    cells: tuple[str, ...]
    result: str
    is_sum: bool


def document(record: Record) -> bytes:
    """Write a record of gengheng/assessment/1 as PDF: the same bytes for the same record, always."""
    first = record["units"][0]
    assessed = first["total"] or first["own"]
    title = f"{first['name']} {record['year']} 年度耕地占补平衡考核表"
    digest = hashlib.sha256(assessment_text(record).encode()).hexdigest()
    pages = Pages(
        title=title,
        made_at=datetime.fromisoformat(record["closed_at"] or record["starts_at"]),
        footnote=f"{title}　记录 SHA-256 {digest}",
        landscape=True,
    )
    pages.add_page()
    pages.set_font(FONT, size=18)
    pages.cell(0, 10, title, align="C", new_x="LMARGIN", new_y="NEXT")
    pages.set_font(FONT, size=9)
    pages.cell(0, 6, _period(record), align="C", new_x="LMARGIN", new_y="NEXT")
    pages.ln(3)
    _conclusion(pages, record["units"], assessed)
    for at, indicator in enumerate(Indicator):
        _table(pages, record["units"], at, indicator)
    _signatures(pages)
    return bytes(pages.output())


def _period(record: Record) -> str:
    starts, ends = (
        datetime.fromisoformat(record[name]).astimezone(CHINA) for name in ("starts_at", "ends_at")
    )
    period = f"考核期间：{starts:%Y-%m-%d} 至 {ends - timedelta(days=1):%Y-%m-%d}（北京时间）"
    if record["closed_at"] is not None:
        return f"{period}　　公布时间：{_minute(record['closed_at'])}"
    state = "年度已结束，尚未公布" if record["is_over"] else "年度未结束，数据为截至目前"
    last = record["last_entry_at"]
    return f"{period}　　{state}" + (f"（最近一笔记账 {_minute(last)}）" if last else "（尚无记账）")


def _minute(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(CHINA):%Y-%m-%d %H:%M}"


def _conclusion(pages: Pages, units: Sequence[Mapping[str, Any]], assessed: Mapping[str, Any]) -> None:
    """The result in large letters, who failed and why, and the year's commitments, sanctions and money."""
    pages.set_font(FONT, size=14)
    pages.cell(
        0, 9, f"考核结论：{RESULTS[assessed['result']]}", border=1, align="C", new_x="LMARGIN", new_y="NEXT"
    )
    pages.set_font(FONT, size=9)
    failed = [unit for unit in units if unit["own"]["result"] == Result.FAIL]
    lines = [f"共考核 {len(units)} 个单位：合格 {len(units) - len(failed)} 个，不合格 {len(failed)} 个。"]
    lines += [f"不合格原因：{'；'.join(map(told_zh, assessed['reasons']))}。"] if assessed["reasons"] else []
    lines += [f"说明：{'；'.join(map(told_zh, assessed['remarks']))}。"] if assessed["remarks"] else []
    lines += [_commitments(assessed), _sanctions(assessed), _money(assessed)]
    if len(units) > 1 and failed:
        lines.append("不合格单位及原因：")
        lines += [
            f"　　{unit['name']}（{unit['code']}）：{'；'.join(map(told_zh, unit['own']['reasons']))}"
            for unit in failed
        ]
    pages.ln(1.5)
    for line in lines:
        pages.multi_cell(0, 5.2, line, align="L", new_x="LMARGIN", new_y="NEXT")
    pages.ln(2)


def _commitments(assessed: Mapping[str, Any]) -> str:
    counts = assessed["commitments"]
    return (
        f"承诺补充：当年到期 {counts['due']} 项，兑现 {counts['met']} 项，未兑现 {counts['defaulted']} 项，"
        f"事后补足 {counts['made_good']} 项。"
    )


def _sanctions(assessed: Mapping[str, Any]) -> str:
    names = {
        SanctionKind.RECTIFY: "限期整改",
        SanctionKind.CIRCULATE: "通报批评",
        SanctionKind.SUSPEND: "暂停受理",
    }
    counts = {name: assessed["sanctions"][kind] for kind, name in names.items()}
    told = "，".join(
        f"{name} {each['imposed']} 项（年末在行 {each['in_force']} 项）" for name, each in counts.items()
    )
    return f"监管措施：当年作出{told}。"


def _money(assessed: Mapping[str, Any]) -> str:
    money = {name: group_thousands(yuan) for name, yuan in assessed["money"].items()}
    return (
        f"指标交易：省内支付 {money['paid']} 元，省内收入 {money['received']} 元；"
        f"省外支付 {money['paid_outside']} 元，省外收入 {money['received_outside']} 元。"
    )


def _rows(units: Sequence[Mapping[str, Any]], indicator: Indicator, columns: Sequence[str]) -> Iterator[_Row]:
    """A row for each unit by itself, and above it its sum with those that belong to it."""
    for unit in units:
        for part in ("total", "own"):
            if (assessed := unit[part]) is None:
                continue
            is_sum = part == "total"
            scope = "　合计" if is_sum else "　本级" if unit["total"] is not None else ""
            yield _Row(
                unit["name"] + scope,
                tuple(_printed(figures_of(assessed, indicator)[column]) for column in columns),
                balance_of(assessed, indicator),
                is_sum,
            )


def _printed(figure: str) -> str:
    return "—" if not figure.strip("-0.") else group_thousands(figure)


def _table(pages: Pages, units: Sequence[Mapping[str, Any]], at: int, indicator: Indicator) -> None:
    figures = [
        figures_of(assessed, indicator)
        for unit in units
        for assessed in (unit["own"], unit["total"])
        if assessed is not None
    ]
    shown = [name for name in FIGURES if name in ALWAYS or any(each[name].strip("0.") for each in figures)]
    rows = list(_rows(units, indicator, shown))
    name, unit = figures[0]["name_zh"], UNITS[figures[0]["unit"]]
    heading = f"表{NUMERALS[at]}　{name} {INDICATORS[indicator]}（单位：{unit}）"
    width = (pages.epw - NAME_MM - RESULT_MM) / len(shown)
    size = _size(pages, rows, width)
    _heading(pages, heading, shown, width)
    for row in rows:
        if pages.will_page_break(ROW_MM):
            pages.add_page()
            _heading(pages, f"{heading}（续）", shown, width)
        pages.set_fill_color(*SUM_FILL)
        pages.set_font(FONT, size=LARGEST_PT - 0.5)
        pages.cell(NAME_MM, ROW_MM, row.name, border=1, fill=row.is_sum)
        pages.set_font(FONT, size=size)
        for cell in row.cells:
            pages.cell(width, ROW_MM, cell, border=1, align="R", fill=row.is_sum)
        pages.set_font(FONT, size=LARGEST_PT - 0.5)
        pages.cell(
            RESULT_MM, ROW_MM, row.result, border=1, align="C", fill=row.is_sum, new_x="LMARGIN", new_y="NEXT"
        )
    left_out = [FIGURES[name][0] for name in FIGURES if name not in shown]
    if left_out:
        pages.set_font(FONT, size=7)
        pages.cell(0, 5, f"注：{'、'.join(left_out)}各单位均为零，未列。", new_x="LMARGIN", new_y="NEXT")
    pages.ln(1.5)


def _heading(pages: Pages, heading: str, columns: Sequence[str], width: float) -> None:
    """A table's heading and its columns' names; on a new page where no row would follow on this one."""
    if pages.will_page_break(6 + HEAD_MM + 3 * ROW_MM):
        pages.add_page()
    pages.set_font(FONT, size=10)
    pages.cell(0, 6, heading, new_x="LMARGIN", new_y="NEXT")
    pages.set_fill_color(*HEAD_FILL)
    pages.set_font(FONT, size=min(8.0, width / 1.7))
    top = pages.get_y()
    names = [("单位", "Jurisdiction"), *(FIGURES[name] for name in columns), ("平衡", "Balance")]
    for (zh, en), wide in zip(names, [NAME_MM, *[width] * len(columns), RESULT_MM], strict=True):
        left = pages.get_x()
        pages.rect(left, top, wide, HEAD_MM, style="DF")
        pages.cell(wide, HEAD_MM / 2 + 0.5, zh, align="C")
        pages.set_xy(left, top + HEAD_MM / 2 - 0.2)
        pages.set_font(FONT, size=min(6.5, width / 2.6))
        pages.cell(wide, HEAD_MM / 2, en, align="C")
        pages.set_font(FONT, size=min(8.0, width / 1.7))
        pages.set_xy(left + wide, top)
    pages.set_xy(pages.l_margin, top + HEAD_MM)


def _size(pages: Pages, rows: Sequence[_Row], width: float) -> float:
    """The letter size in which the longest figure of a table fits its column."""
    longest = max((cell for row in rows for cell in row.cells), key=len, default="0")
    pages.set_font(FONT, size=LARGEST_PT)
    fits = LARGEST_PT * (width - 2 * pages.c_margin) / pages.get_string_width(longest)
    return max(SMALLEST_PT, min(LARGEST_PT, fits))


def _signatures(pages: Pages) -> None:
    """Room for the seal and the names, kept together."""
    if pages.will_page_break(12):
        pages.add_page()
    pages.ln(3)
    pages.set_font(FONT, size=10)
    for label in ("考核单位（盖章）：", "负责人：", "审核人：", "日期：　　　年　　月　　日"):
        pages.cell(pages.epw / 4, 8, label)
