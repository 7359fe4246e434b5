"""The confirmation of a trade as a letter (成交确认书): A4, Chinese with English headings, a QR code.

The same bytes for one state of a trade: its only instant is that of the confirmation.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import segno
from fpdf.enums import XPos, YPos

from app.documents.pages import SERIF, Pages
from app.market.confirmations import MODE_ZH, Confirmation, in_capitals
from app.market.ids import Kind, public_id
from app.market.indicators import NAME_ZH, UNIT
from app.market.trades import Line, LineState, Trade, TradeState, payment
from app.market.units import format_money, format_quantity, group_thousands, quantity_mu, wan_yuan

CHINA = timezone(timedelta(hours=8))  # documents need no rules of other years' summer time
MARGIN_MM = 20
QR_MM = 26
LABEL_MM = 44
HEAD_FILL = (238, 238, 238)
ENDED = {
    TradeState.DEFAULTED: "本确认书所载成交已因违约终止 This trade ended in default",
    TradeState.VOIDED: "本确认书所载成交已撤销 This trade is void",
}
COLUMNS: Sequence[tuple[str, str, float, str]] = (
    ("序号", "No.", 9, "C"),
    ("转让方", "Seller", 25, "L"),
    ("批次及备案编号", "Batch, filing no.", 27, "L"),
    ("指标", "Indicator", 21, "L"),
    ("数量", "Quantity", 27, "R"),
    ("单价", "Price", 31, "R"),
    ("金额", "Amount", 30, "R"),
)
"""Heading in both languages, width in mm and alignment; together as wide as the page between its margins."""
LINE_MM = 4.2


def document(confirmation: Confirmation, record_url: str) -> bytes:
    """Print the letter of a confirmed trade as PDF; ``record_url`` is where its QR code leads."""
    trade = confirmation.trade
    number = trade.confirmation_number or ""
    pages = Pages(
        title=f"成交确认书 {number}",
        made_at=trade.confirmed_at or trade.awarded_at,
        footnote=f"成交确认书 {number}",
        serif=True,
    )
    pages.set_margins(MARGIN_MM, 18, MARGIN_MM)
    pages.set_auto_page_break(auto=True, margin=20)
    pages.set_line_width(0.2)
    pages.add_page()
    _head(pages, number, record_url)
    if trade.state in ENDED:
        _stamped(pages, ENDED[trade.state])
    _preamble(pages)
    _facts(pages, confirmation)
    _lines(pages, confirmation)
    _sums(pages, trade)
    _signatures(pages)
    return bytes(pages.output())


def _head(pages: Pages, number: str, record_url: str) -> None:
    """The title between the margins, the number below it, and the QR code at the right."""
    top, right = pages.get_y(), pages.w - MARGIN_MM
    _qr(pages, record_url, right - QR_MM, top)
    pages.set_xy(right - QR_MM - 4, top + QR_MM + 0.5)
    pages.set_font(SERIF, size=7)
    pages.cell(QR_MM + 8, 3.5, "扫码核验 Scan to verify", align="C")
    pages.set_xy(MARGIN_MM, top + 4)
    pages.set_font(SERIF, size=24)
    pages.set_char_spacing(3)
    pages.cell(0, 11, "成交确认书", align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pages.set_char_spacing(0)
    pages.set_font(SERIF, size=10)
    pages.cell(0, 6, "Confirmation of Trade", align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pages.set_font(SERIF, size=11)
    pages.cell(0, 8, number, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pages.set_y(top + QR_MM + 6)


def _qr(pages: Pages, url: str, left: float, top: float) -> None:
    """Draw a QR code as filled squares: sharp at any size, and no image in the document."""
    matrix = segno.make_qr(url, error="m").matrix
    module = QR_MM / len(matrix)
    pages.set_fill_color(0, 0, 0)
    for row, cells in enumerate(matrix):
        start = None
        for column, dark in enumerate([*cells, 0]):
            if dark and start is None:
                start = column
            elif not dark and start is not None:
                width = (column - start) * module
                pages.rect(left + start * module, top + row * module, width, module, style="F")
                start = None


def _stamped(pages: Pages, words: str) -> None:
    pages.set_font(SERIF, size=11)
    pages.set_text_color(176, 0, 0)
    pages.set_draw_color(176, 0, 0)
    pages.cell(0, 8, words, border=1, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pages.set_text_color(0, 0, 0)
    pages.set_draw_color(0, 0, 0)
    pages.ln(2)


def _preamble(pages: Pages) -> None:
    pages.set_font(SERIF, size=10.5)
    pages.multi_cell(
        0,
        6.2,
        "下列补充耕地及增减挂钩节余指标的调剂已经成交，公示期满，无未处理的异议，现予确认。"
        "双方凭本确认书办理价款缴纳和指标划转。",
        align="J",
        new_x=XPos.LMARGIN,
        new_y=YPos.NEXT,
    )
    pages.ln(1.5)


def _named(confirmation: Confirmation, code: str) -> str:
    name = confirmation.names.get(code)
    return f"{name}（{code}）" if name else code


def _minute(instant: datetime) -> str:
    return f"{instant.astimezone(CHINA):%Y年%m月%d日 %H:%M}"


def _last_day(exclusive_end: datetime) -> str:
    """The last day before an exclusive instant at midnight, as people say it."""
    return f"{(exclusive_end - timedelta(microseconds=1)).astimezone(CHINA):%Y年%m月%d日} 24:00 前"


def _source(trade: Trade) -> str:
    if trade.auction_id is not None:
        return public_id(Kind.AUCTION, trade.auction_id)
    if trade.purchase_id is not None:
        return public_id(Kind.PURCHASE, trade.purchase_id)
    return public_id(Kind.ALLOCATION, trade.allocation_id or 0)


def _facts(pages: Pages, confirmation: Confirmation) -> None:
    """Who, how and when: a label and what it says in each row."""
    trade = confirmation.trade
    sellers = list(dict.fromkeys(line.seller for line in trade.lines))
    rows = (
        ("受让方", "Buyer", _named(confirmation, trade.buyer)),
        ("转让方", "Seller", "、".join(_named(confirmation, code) for code in sellers)),
        ("调剂方式", "Mode of sale", f"{MODE_ZH[trade.mode]}（{_source(trade)}）"),
        ("成交编号", "Trade", public_id(Kind.TRADE, trade.id)),
        ("成交时间", "Awarded", _minute(trade.awarded_at)),
        ("公示截止", "Notice until", _last_day(trade.notice_ends_at).removesuffix(" 前")),
        ("确认时间", "Confirmed", _minute(trade.confirmed_at or trade.awarded_at)),
        ("付款期限", "Payment due", f"{_last_day(trade.payment_due_at)}（北京时间）"),
    )
    for zh, en, says in rows:
        _fact(pages, zh, en, says)
    pages.ln(4)


def _fact(pages: Pages, zh: str, en: str, says: str) -> None:
    width = pages.epw - LABEL_MM
    pages.set_font(SERIF, size=9.5)
    height = 5.2 * len(_broken(pages, says, width)) + 1.6
    if pages.will_page_break(height):
        pages.add_page()
    left, top = pages.l_margin, pages.get_y()
    pages.set_fill_color(*HEAD_FILL)
    pages.rect(left, top, LABEL_MM, height, style="DF")
    pages.rect(left + LABEL_MM, top, width, height)
    pages.set_xy(left, top)
    pages.cell(20, height, zh)
    pages.set_font(SERIF, size=7.5)
    pages.cell(LABEL_MM - 20, height, en)
    pages.set_font(SERIF, size=9.5)
    pages.set_xy(left + LABEL_MM, top + 0.8)
    pages.multi_cell(width, 5.2, says, align="L")
    pages.set_xy(left, top + height)


def _lines(pages: Pages, confirmation: Confirmation) -> None:
    """A row for each line; the head again on every page."""
    _heading(pages)
    for at, line in enumerate(confirmation.trade.lines, 1):
        cells = _cells(pages, confirmation, at, line)
        height = LINE_MM * max(map(len, cells)) + 1.6
        if pages.will_page_break(height):
            pages.add_page()
            _heading(pages)
        _row(pages, cells, height)
    pages.ln(3)


def _heading(pages: Pages) -> None:
    if pages.will_page_break(10 + 2 * LINE_MM):
        pages.add_page()
    pages.set_fill_color(*HEAD_FILL)
    left, top, height = pages.l_margin, pages.get_y(), 9.4
    for zh, en, width, _ in COLUMNS:
        pages.rect(left, top, width, height, style="DF")
        pages.set_xy(left, top + 0.7)
        pages.set_font(SERIF, size=9)
        pages.cell(width, 4.4, zh, align="C")
        pages.set_xy(left, top + 4.8)
        pages.set_font(SERIF, size=6.8)
        pages.cell(width, 3.6, en, align="C")
        left += width
    pages.set_xy(pages.l_margin, top + height)


def _cells(pages: Pages, confirmation: Confirmation, at: int, line: Line) -> list[list[str]]:
    """What stands in each column, as the lines of text that fit into its width."""
    unit = UNIT[line.indicator].name
    mu = quantity_mu(line.quantity, line.indicator)
    quantity = [f"{group_thousands(format_quantity(line.quantity, line.indicator))} {unit}"]
    quantity += [f"{group_thousands(mu)} 亩"] if mu is not None else []
    texts = (
        [str(at)],
        [_named(confirmation, line.seller)],
        [public_id(Kind.BATCH, line.batch_id), confirmation.filing_nos.get(line.batch_id) or "—"],
        [NAME_ZH[line.indicator], *(["（已撤销）"] if line.state is LineState.VOIDED else [])],
        quantity,
        [f"{group_thousands(format_money(line.price_fen))} 元/{unit}", f"{_wan(line.price_fen)} 万元/{unit}"],
        [f"{group_thousands(format_money(line.amount_fen))} 元", f"{_wan(line.amount_fen)} 万元"],
    )
    pages.set_font(SERIF, size=7.8)
    return [
        [part for text in column for part in _broken(pages, text, width)]
        for column, (_, _, width, _) in zip(texts, COLUMNS, strict=True)
    ]


def _broken(pages: Pages, words: str, width: float) -> list[str]:
    """A text as the lines into which it breaks in a column, by the font in force."""
    lines: list[str] = pages.multi_cell(width, LINE_MM, words, dry_run=True, output="LINES")  # type: ignore[assignment]
    return lines


def _row(pages: Pages, cells: Sequence[Sequence[str]], height: float) -> None:
    left, top = pages.l_margin, pages.get_y()
    pages.set_font(SERIF, size=7.8)
    for words, (_, _, width, align) in zip(cells, COLUMNS, strict=True):
        pages.rect(left, top, width, height)
        above = (height - LINE_MM * len(words)) / 2
        for number, word in enumerate(words):
            pages.set_xy(left, top + above + number * LINE_MM)
            pages.cell(width, LINE_MM, word, align=align)
        left += width
    pages.set_xy(pages.l_margin, top + height)


def _wan(fen: int) -> str:
    """Print money in 万元 exactly, with no more zeros than two places need."""
    whole, _, fraction = wan_yuan(fen).partition(".")
    return group_thousands(f"{whole}.{fraction.rstrip('0'):0<2}")


def _sums(pages: Pages, trade: Trade) -> None:
    """The total in figures, in 万元 and in capital numerals; what the deposit covers, and what is left."""
    due = payment(trade)
    total = format_money(trade.amount_fen)
    rows = (
        ("成交总额", "Total", f"¥{group_thousands(total)} 元（{_wan(trade.amount_fen)} 万元）"),
        ("大写金额", "In capitals", in_capitals(trade.amount_fen)),
        ("已缴保证金", "Deposit held", f"¥{group_thousands(format_money(trade.deposit_fen))} 元"),
        (
            "应缴余款",
            "To pay",
            f"¥{group_thousands(format_money(due.from_available_fen))} 元"
            f"（{_wan(due.from_available_fen)} 万元）　{in_capitals(due.from_available_fen)}",
        ),
    )
    if pages.will_page_break(30):
        pages.add_page()
    for zh, en, says in rows:
        _fact(pages, zh, en, says)
    pages.ln(3)


def _signatures(pages: Pages) -> None:
    """The terms, and room for three seals; kept together on one page."""
    if pages.will_page_break(50):
        pages.add_page()
    pages.set_font(SERIF, size=9)
    pages.multi_cell(
        0,
        5.2,
        "受让方应在付款期限内缴清余款；逾期未缴的视为违约，保证金归转让方，指标退回挂牌。"
        "本确认书的真伪以交易平台公开记录为准。",
        align="J",
        new_x=XPos.LMARGIN,
        new_y=YPos.NEXT,
    )
    pages.ln(4)
    width = pages.epw / 3
    left, top = pages.l_margin, pages.get_y()
    for at, (zh, en) in enumerate(
        (
            ("受让方（盖章）", "Buyer, seal"),
            ("转让方（盖章）", "Seller, seal"),
            ("自然资源主管部门（盖章）", "Land regulator, seal"),
        )
    ):
        pages.set_xy(left + at * width, top)
        pages.set_font(SERIF, size=10)
        pages.cell(width, 5.5, zh)
        pages.set_xy(left + at * width, top + 5.2)
        pages.set_font(SERIF, size=7.5)
        pages.cell(width, 4, en)
        pages.set_xy(left + at * width, top + 27)
        pages.set_font(SERIF, size=10)
        pages.cell(width, 6, "　　　年　　月　　日")
