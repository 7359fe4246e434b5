"""A year's assessment on paper: the workbook reads back as the record, and the pages are fit to print."""

import hashlib
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openpyxl
import pypdfium2
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from app.documents.assessment_pages import document
from app.documents.assessment_sheets import workbook
from app.documents.assessment_words import FIGURES, FINDINGS, INDICATORS, LEVELS, RESULTS
from app.documents.assessments import Record, assessment_text, part_of, result_of
from app.documents.sheets import exact
from app.market.assessments import Finding, Result
from app.market.indicators import NAME_ZH, UNIT, Indicator
from app.market.jurisdictions import Level
from app.market.units import format_quantity
from tests.documents.assessed import record, units


@pytest.fixture(scope="module")
def whole() -> Record:
    return record()


@pytest.fixture(scope="module")
def book(whole: Record) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(workbook(whole)), data_only=True)


def blocks(sheet: Worksheet) -> Iterator[tuple[Indicator, list[tuple[Any, ...]], tuple[Any, ...]]]:
    """Each indicator's rows of a sheet of accounts, and the sum below them."""
    named = {f"{NAME_ZH[each]} {INDICATORS[each]}": each for each in Indicator}
    indicator, rows = None, list[tuple[Any, ...]]()
    for row in sheet.iter_rows(min_row=3, values_only=True):
        heading = str(row[0]).split("（")[0]
        if heading in named:
            indicator, rows = named[heading], []
            assert UNIT[indicator].name in str(row[0]), "the unit stands in the heading"
        elif row[0] == "合计":
            assert indicator is not None
            yield indicator, rows, row
        else:
            rows.append(row)


def figures(assessed: dict[str, Any], indicator: Indicator) -> list[str]:
    (found,) = [each for each in assessed["indicators"] if each["indicator"] == indicator]
    return [found[name] for name in FIGURES]


def printed(cells: tuple[Any, ...], indicator: Indicator) -> list[str]:
    """The figures of a row as a spreadsheet shows them: 15 digits, at the indicator's places."""
    places = UNIT[indicator].places
    return [cell if isinstance(cell, str) else f"{Decimal(f'{cell:.15g}'):.{places}f}" for cell in cells[4:]]


@pytest.mark.parametrize(
    ("name", "part"), [("县 Counties", "own"), ("市 Cities", "total"), ("省 Province", "total")]
)
def test_the_workbook_reads_back_as_the_record(
    whole: Record, book: openpyxl.Workbook, name: str, part: str
) -> None:
    level = {"市 Cities": Level.CITY, "省 Province": Level.PROVINCE}.get(name)
    shown = [unit for unit in whole["units"] if level is None or unit["level"] == level]
    assert shown
    seen = []
    for indicator, rows, total in blocks(book[name]):
        seen.append(indicator)
        assert [row[0] for row in rows] == [unit["code"] for unit in shown]
        for row, unit in zip(rows, shown, strict=True):
            assert printed(row, indicator) == figures(unit[part], indicator)
            assert all(isinstance(cell, int | float) for cell in row[4:]), "numbers, not text"
        summed = [
            sum(Decimal(figures(unit[part], indicator)[at]) for unit in shown) for at in range(len(FIGURES))
        ]
        assert [Decimal(cell) for cell in printed(total, indicator)] == summed
    assert seen == list(Indicator)


def test_all_units_by_themselves_sum_to_the_province(whole: Record, book: openpyxl.Workbook) -> None:
    province = whole["units"][0]["total"]
    for indicator, _, total in blocks(book["县 Counties"]):
        assert printed(total, indicator) == figures(province, indicator)
        bought, sold = (list(FIGURES).index(name) for name in ("bought", "sold"))
        assert total[4 + bought] == total[4 + sold]


def test_a_sum_is_a_formula_that_a_reader_can_follow(whole: Record) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(workbook(whole)))["县 Counties"]
    formulas = [row[5].value for row in sheet.iter_rows(min_row=3) if row[0].value == "合计"]
    count = len(whole["units"])
    assert formulas == [f"=SUM(F{4 + at * (count + 2)}:F{3 + count + at * (count + 2)})" for at in range(4)]


def test_the_conclusions_name_every_result_and_reason(whole: Record, book: openpyxl.Workbook) -> None:
    rows = list(book["结论 Results"].iter_rows(min_row=3, values_only=True))
    assert len(rows) == len(whole["units"]) + 1
    for row, unit in zip(rows, whole["units"], strict=False):
        shown = unit["total"] or unit["own"]
        assert row[3] == RESULTS[shown["result"]]
        for reason in shown["reasons"]:
            assert FINDINGS[reason["code"]][0] in str(row[4]) and reason["figure"] in str(row[4])
    paid = sum(Decimal(unit["own"]["money"]["paid"]) for unit in whole["units"])
    assert Decimal(f"{rows[-1][-4]:.15g}") == paid == Decimal(f"{rows[-1][-3]:.15g}")


def test_the_sheets_are_set_up_to_read_and_to_print(book: openpyxl.Workbook) -> None:
    for sheet in book.worksheets:
        assert sheet.freeze_panes == "C3"
        assert sheet.page_setup.orientation == "landscape"
        assert int(sheet.page_setup.paperSize or 0) == 9, "A4"
        assert str(sheet.print_title_rows) in ("1:2", "$1:$2")
        set_up = sheet.sheet_properties.pageSetUpPr
        assert set_up is not None and set_up.fitToPage
        assert all(sheet.column_dimensions[letter].width > 8 for letter in "ABCDE")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0.0000", True),
        ("99999999999.9999", True),
        ("100000000000.0000", False),
        ("9999999999999.99", True),
        ("10000000000000.00", False),
        ("-0.0001", True),
    ],
)
def test_a_figure_is_a_number_only_as_long_as_a_spreadsheet_keeps_it_exact(text: str, kept: bool) -> None:
    number = exact(text)
    assert (number is not None) == kept
    if number is not None:
        places = len(text.partition(".")[2])
        assert f"{Decimal(f'{float(number):.15g}'):.{places}f}" == text


def test_what_a_spreadsheet_can_not_keep_is_written_as_text_and_so_is_its_sum() -> None:
    huge = record(largest=10**16)
    sheet = openpyxl.load_workbook(io.BytesIO(workbook(huge)), data_only=True)["县 Counties"]
    for indicator, rows, total in blocks(sheet):
        assert printed(total, indicator) == figures(huge["units"][0]["total"], indicator)
        assert any(isinstance(cell, str) for row in rows for cell in row[4:])


def text_of(pdf: bytes) -> list[str]:
    """The text of each page."""
    opened = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_range() for page in opened]


def test_the_document_tells_the_conclusion_and_every_row(whole: Record) -> None:
    pages = text_of(document(whole))
    first = pages[0]
    assert "四川省 2025 年度耕地占补平衡考核表" in first
    assert "考核结论：不合格 FAIL" in first and "合格 204 个，不合格 2 个" in first
    assert "三台县（510722）：耕地数量承诺到期缺口未补足 0.5000 公顷" in first
    everything = "\n".join(pages)
    for unit in whole["units"]:
        assert unit["name"] in everything
        for indicator in Indicator:
            for figure in figures(unit["own"], indicator):
                assert not figure.strip("0.") or f"{Decimal(figure):,}" in everything, (unit["code"], figure)
    assert hashlib.sha256(assessment_text(whole).encode()).hexdigest() in first


def test_every_page_is_a4_across_numbered_and_under_its_table_heading(whole: Record) -> None:
    opened = pypdfium2.PdfDocument(document(whole))
    texts = text_of(document(whole))
    assert len(opened) > 20
    for number, (page, text) in enumerate(zip(opened, texts, strict=True), start=1):
        width, height = page.get_size()
        assert (round(width), round(height)) == (842, 595)
        assert f"第 {number} 页" in text and f"共 {len(opened)} 页" in text
        assert "年初结存" in text, "each page says what its columns are"


def test_a_countys_assessment_is_one_page_to_sign(whole: Record) -> None:
    part = part_of(whole, "510722")
    assert part is not None
    (page,) = text_of(document(part))
    assert "三台县 2025 年度耕地占补平衡考核表" in page and "考核单位（盖章）" in page


def test_an_unfinished_year_says_so() -> None:
    year = record(closed=False) | {"is_over": False}
    part = part_of(year, "511922")
    assert part is not None
    assert "年度未结束" in text_of(document(part))[0]


def test_the_same_record_makes_the_same_bytes(whole: Record) -> None:
    part = part_of(whole, "510700")
    assert part is not None
    assert document(part) == document(part)
    assert workbook(whole) == workbook(whole)
    other = record(seed=8)
    assert workbook(other) != workbook(whole)


def test_every_finding_indicator_level_and_result_has_its_words() -> None:
    assert set(FINDINGS) == set(Finding) and set(INDICATORS) == set(Indicator)
    assert set(RESULTS) == set(Result) and set(LEVELS) == set(Level) - {Level.EXTERNAL}


def test_a_part_of_a_year_is_a_unit_and_those_that_belong_to_it(whole: Record) -> None:
    part = part_of(whole, "511900")
    assert part is not None
    expected = ["511900", *(unit.code for unit in units() if unit.parent == "511900")]
    assert [unit["code"] for unit in part["units"]] == expected
    assert part_of(whole, "999999") is None
    assert result_of(whole) is Result.FAIL
    assert (
        format_quantity(5_000, Indicator.FARMLAND_QUANTITY)
        == whole["units"][0]["total"]["reasons"][0]["figure"]
    )
