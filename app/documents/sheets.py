"""Workbooks (XLSX) of decimal strings: numbers as numbers as long as a spreadsheet keeps them exact.

A spreadsheet counts in binary doubles and shows 15 digits. A figure of at most 15 digits comes out as it went
in; a longer one is written as text, so that no digit is made up (areas from 100,000,000,000 hm² on, kg and
yuan from 10,000,000,000,000 on).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

EXACT_DIGITS = 15
A4 = 9
TITLE_SIZE, TEXT_SIZE = 14, 9


def exact(text: str) -> Decimal | None:
    """Return a plain decimal string as the number a spreadsheet keeps exact, or None where it keeps none."""
    digits = text.lstrip("-").replace(".", "").lstrip("0")
    return Decimal(text) if len(digits) <= EXACT_DIGITS else None


def numbers_format(places: int) -> str:
    """The spreadsheet's format of a figure with so many places, thousands set apart."""
    return "#,##0" + (f".{'0' * places}" if places else "")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading in Chinese and English, and its width in characters."""

    heading_zh: str
    heading: str
    width: int

    @property
    def label(self) -> str:
        """Both headings, one above the other."""
        return f"{self.heading_zh}\n{self.heading}"


class Book:
    """A workbook in memory whose bytes follow from its content alone: no clock, no name of a machine."""

    def __init__(self, title: str, made_at: datetime) -> None:
        """Begin one; ``made_at`` is the instant that its properties tell."""
        self._file = io.BytesIO()
        self._book = xlsxwriter.Workbook(self._file, {"in_memory": True, "default_date_format": "yyyy-mm-dd"})
        self._book.set_properties(
            {"title": title, "author": "Gengheng 耕衡", "created": made_at.replace(tzinfo=None)}
        )
        self.title = self.format(bold=True, font_size=TITLE_SIZE)
        self.heading = self.format(
            bold=True, bg_color="#D9E1F2", text_wrap=True, align="center", valign="vcenter", border=1
        )
        self.block = self.format(bold=True, bg_color="#EDEDED", border=1)
        self.text = self.format(border=1, text_wrap=True, valign="top")
        self.total_text = self.format(border=1, bold=True, top=2)

    def format(self, **properties: object) -> Format:
        """A cell format; text in the workbook's size unless it says otherwise."""
        return self._book.add_format({"font_size": TEXT_SIZE, **properties})

    def number(self, places: int, *, is_total: bool = False) -> Format:
        """The format of a figure."""
        more: dict[str, object] = {"bold": True, "top": 2} if is_total else {}
        return self.format(border=1, num_format=numbers_format(places), align="right", valign="top", **more)

    def sheet(self, name: str, title: str, columns: Sequence[Column]) -> Worksheet:
        """A sheet with its title and frozen headings, set up to print on A4 across; cells begin in row 2."""
        sheet = self._book.add_worksheet(name)
        sheet.write_string(0, 0, title, self.title)
        for at, column in enumerate(columns):
            sheet.set_column(at, at, column.width)
            sheet.write_string(1, at, column.label, self.heading)
        sheet.set_row(1, 30)
        sheet.freeze_panes(2, 2)
        sheet.set_landscape()
        sheet.set_paper(A4)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0, 1)
        sheet.set_footer("&L&A&R&P / &N")
        return sheet

    def bytes(self) -> bytes:
        """The finished file."""
        self._book.close()
        return self._file.getvalue()


def write_figure(sheet: Worksheet, row: int, column: int, text: str, form: Format) -> None:
    """Write a decimal string as a number where that is exact, else as text."""
    number = exact(text)
    if number is None:
        sheet.write_string(row, column, text, form)
    else:
        sheet.write_number(row, column, number, form)


def write_sum(  # noqa: PLR0917  (a cell, the rows above it, and what they come to)
    sheet: Worksheet, row: int, column: int, first_row: int, total: str, form: Format
) -> None:
    """Write the sum of the rows above as a formula with its exact result, or as text where it has none."""
    number = exact(total)
    if number is None:
        sheet.write_string(row, column, total, form)
        return
    above = f"{xlsxwriter.utility.xl_rowcol_to_cell(first_row, column)}:" + (
        xlsxwriter.utility.xl_rowcol_to_cell(row - 1, column)
    )
    sheet.write_formula(row, column, f"=SUM({above})", form, number)
