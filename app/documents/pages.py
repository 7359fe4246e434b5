"""Pages (PDF) in Chinese on A4: the embedded font, page numbers, and no clock in their bytes."""

from datetime import datetime

from fpdf import FPDF
from pylopdf_fonts_zh_cn import sans_path, serif_path

FONT = "NotoSansSC"
"""Noto Sans SC, SIL Open Font License; only the characters used are embedded."""
SERIF = "NotoSerifSC"
"""Noto Serif SC, under the same licence: the type of letters."""


class Pages(FPDF):
    """A document on A4; every page ends with ``footnote`` and its number out of how many."""

    def __init__(
        self, *, title: str, made_at: datetime, footnote: str, landscape: bool = False, serif: bool = False
    ) -> None:
        """Begin one; ``made_at`` is the instant its properties tell, so that no clock gets into it.

        It is set in one font only: reading one and embedding its part takes the better part of a second.
        """
        super().__init__(orientation="landscape" if landscape else "portrait", unit="mm", format="A4")
        self._footnote = footnote
        self._font = SERIF if serif else FONT
        self.add_font(self._font, fname=serif_path() if serif else sans_path())
        self.set_font(self._font, size=9)
        self.set_title(title)
        self.set_author("Gengheng 耕衡")
        self.set_lang("zh-CN")
        self.set_creation_date(made_at)
        self.set_margins(10, 12, 10)
        self.set_auto_page_break(auto=True, margin=14)

    def footer(self) -> None:
        """Number the page."""
        self.set_y(-10)
        self.set_font(self._font, size=7)
        self.cell(0, 4, self._footnote, align="L")
        self.set_x(self.l_margin)
        self.cell(0, 4, f"第 {self.page_no()} 页　共 {{nb}} 页", align="R")
