"""The confirmation letter: rendered, its QR code and its Chinese text read back, and no page overflows."""

from typing import Any

import pypdfium2
import pytest
import zxingcpp

from app.documents.letters import document
from app.market.confirmations import Confirmation, in_capitals
from app.market.indicators import NAME_ZH, Indicator
from app.market.trades import Line, LineState, Trade, TradeState
from app.market.units import amount_fen
from tests.market.test_trades import AT, trade

NUMBER = "川耕调〔2026〕0000000007号"
URL = "https://exchange.example/v1/bulletin/confirmations/x"
SELLERS = {"511922": "南江县", "511902": "巴州区", "513431": "凉山彝族自治州昭觉县"}
POINTS_PER_MM = 72 / 25.4


def confirmation(count: int, /, **given: Any) -> Confirmation:
    """A confirmed trade of so many lines, of every indicator and several sellers, with large sums."""
    codes, indicators = list(SELLERS), list(Indicator)
    made = []
    for number in range(1, count + 1):
        indicator = indicators[number % 4]
        quantity = 12_345_678 if number == 1 else 10_037 * number
        price = 23_50 if indicator is Indicator.GRAIN_CAPACITY else 4_425_000_01
        made.append(
            Line(
                number,
                number,
                codes[number % 3],
                100 + number,
                indicator,
                quantity,
                price,
                amount_fen(price, quantity, indicator),
                LineState.ACTIVE,
            )
        )
    fields = {"confirmed_at": AT, "confirmation_number": NUMBER} | given
    whole = trade(*made, state=TradeState.CONFIRMED, deposit_fen=450_000_00)
    whole = Trade(**{name: getattr(whole, name) for name in Trade.__slots__} | fields)
    filing_nos = {line.batch_id: f"5119222018{line.id:04d}" for line in made}
    return Confirmation(whole, SELLERS | {"510100": "成都市"}, filing_nos)


def text_of(pdf: bytes) -> list[str]:
    """The text of each page, as a reader would copy it."""
    opened = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_range() for page in opened]


def test_a_letter_is_the_same_to_the_byte_each_time_and_its_code_and_text_can_be_read() -> None:
    confirmed = confirmation(2)
    letter = document(confirmed, URL)
    assert document(confirmed, URL) == letter
    (page,) = pypdfium2.PdfDocument(letter)
    (code,) = zxingcpp.read_barcodes(page.render(scale=3).to_pil())
    assert code.text == URL
    (text,) = text_of(letter)
    for words in (
        "成交确认书",
        NUMBER,
        "成都市（510100）",
        "巴州区（511902）、凉山彝族自治州昭觉县（513431）",
        "竞价（A0000000001）",
        "T0000000007",
        "R0000000101",
        "51192220180001",
        "1,234.5678 hm²",
        "18,518.5170 亩",
        "4,425,000.01 元/hm²",
        "442.500001 万元/hm²",
        in_capitals(confirmed.trade.amount_fen),
        "¥450,000.00 元",
        "24:00 前（北京时间）",
    ):
        assert words in text, words
    assert confirmed.trade.lines[0].indicator is Indicator.PADDY_AREA
    assert NAME_ZH[Indicator.PADDY_AREA] in text


def test_only_the_characters_that_are_used_are_embedded() -> None:
    assert len(document(confirmation(1), URL)) < 150_000


@pytest.mark.parametrize("lines", [1, 200])
def test_nothing_leaves_the_margins_however_long_the_letter(lines: int) -> None:
    letter = document(confirmation(lines), URL)
    opened = pypdfium2.PdfDocument(letter)
    pages = text_of(letter)
    assert len(pages) == (1 if lines == 1 else 10)
    for number, page in enumerate(opened):
        width, height = page.get_size()
        text = page.get_textpage()
        assert text.count_rects() > 0, f"page {number + 1} is empty"
        for place in range(text.count_rects()):
            left, bottom, right, top = text.get_rect(place)
            assert 17 * POINTS_PER_MM < left < right < width - 17 * POINTS_PER_MM
            assert 5 * POINTS_PER_MM < bottom < top < height - 15 * POINTS_PER_MM
        assert f"第 {number + 1} 页" in pages[number]
    for number in range(1, lines + 1):
        assert sum(f"R{100 + number:010d}" in page for page in pages) == 1
    if lines > 1:
        for page in pages[:-1]:
            assert "批次及备案编号" in page, "the table's head is on every page"
    assert "自然资源主管部门（盖章）" in pages[-1]
    assert "应缴余款" in pages[-1]


def test_a_letter_says_when_its_trade_has_ended_and_which_line_dropped_out() -> None:
    first, second = confirmation(2).trade.lines
    gone = Line(**{name: getattr(second, name) for name in Line.__slots__} | {"state": LineState.VOIDED})
    (text,) = text_of(
        document(
            confirmation(2, state=TradeState.DEFAULTED, lines=(first, gone), amount_fen=first.amount_fen), URL
        )
    )
    assert "因违约终止" in text
    assert text.count("已撤销") == 1
    assert in_capitals(first.amount_fen) in text
