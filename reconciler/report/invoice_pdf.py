"""
An invoice of ours as a PDF: pure, and the same invoice makes the same bytes.

Drawn with ReportLab, which is imported where an invoice is drawn. The letters come with
the package (``fonts/``): Latin, Greek and Cyrillic. What cannot be written with them is
refused: a name that is not right makes an invoice that is none.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from reconciler.errors import ReconcilerError
from reconciler.model import Money, Seller
from reconciler.report.invoice_words import Words, words

_PLAIN, _BOLD = "DejaVuSans", "DejaVuSans-Bold"
_WIDTH, _HEIGHT = 595.28, 841.89  # A4, in points
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 539.0, 786.0, 70.0
_MIDDLE: Final = 320.0
_TAX_AT: Final = 440.0
_SIZE, _SMALL, _LARGE = 9.5, 8.0, 18.0
_LEADING: Final = 1.45


class Row(NamedTuple):
    """
    One line of an invoice.

    Attributes:
        net: Without tax.
        rate: As in ``21%``; None where there is no tax.
    """

    text: str
    net: Money
    rate: str | None
    tax: Money


class Sheet(NamedTuple):
    """
    Everything an invoice says.

    Attributes:
        last: The last day of its period.
        to: Name and address of the customer, and its tax numbers, line by line.
        collected: Whether it is collected, so that nobody has to transfer anything.
    """

    number: str
    issued: date
    begins: date
    last: date
    due: date
    seller: Seller
    to: tuple[str, ...]
    rows: tuple[Row, ...]
    language: str = "en"
    collected: bool = False

    @property
    def subtotal(self) -> Money:
        """What all rows come to without tax."""
        return _sum(row.net for row in self.rows)

    @property
    def total(self) -> Money:
        """What is to be paid."""
        return self.subtotal + _sum(row.tax for row in self.rows)

    def taxes(self) -> Iterator[tuple[str, Money, Money]]:
        """Yield each rate, what it is on, and what it comes to."""
        for rate in dict.fromkeys(row.rate for row in self.rows if row.rate):
            taxed = [row for row in self.rows if row.rate == rate]
            yield rate, _sum(row.net for row in taxed), _sum(row.tax for row in taxed)


def _sum(amounts: Iterable[Money]) -> Money:
    first, *rest = amounts
    for one in rest:
        first = first + one
    return first


def can_draw() -> bool:
    """Say whether ReportLab is installed."""
    from importlib.util import find_spec  # noqa: PLC0415

    return find_spec("reportlab") is not None


def pdf(sheet: Sheet) -> bytes:
    """
    Return *sheet* as a PDF.

    Raises:
        ReconcilerError: A character is in none of our fonts.
    """
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415

    _fonts()
    say, out = words(sheet.language), io.BytesIO()
    canvas = Canvas(
        out, (_WIDTH, _HEIGHT), invariant=1, pageCompression=1, lang=say.language
    )
    canvas.setTitle(f"{say.invoice} {sheet.number}")
    canvas.setAuthor(sheet.seller.legal_name)
    canvas.setSubject(f"{sheet.begins} - {sheet.last}")
    canvas.setCreator("reconciler")
    _draw(_Pen(canvas, f"{sheet.number} · {say.page}"), sheet, say)
    canvas.save()
    return out.getvalue()


@cache
def _fonts() -> dict[str, Any]:
    """Return our fonts, known to ReportLab from now on."""
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415
    from reportlab.pdfbase.ttfonts import TTFont  # noqa: PLC0415

    found: dict[str, Any] = {}
    for name in (_PLAIN, _BOLD):
        raw = (files("reconciler.report") / "fonts" / f"{name}.ttf").read_bytes()
        found[name] = TTFont(name, io.BytesIO(raw))
        pdfmetrics.registerFont(found[name])
    return found


class _Pen:
    """Where on which page is written next; a page that is full is turned."""

    def __init__(self, canvas: Any, foot: str) -> None:
        self.y = _TOP
        self._canvas, self._foot, self._page = canvas, foot, 1
        self._footed()

    def down(self, size: float = _SIZE, lines: float = 1) -> None:
        """Go down by some lines; on to another page where there is no more room."""
        self.y -= size * _LEADING * lines
        if self.y < _BOTTOM:
            self._canvas.showPage()
            self._page += 1
            self.y = _TOP
            self._footed()

    def at(self, x: float, text: str, font: str = _PLAIN, size: float = _SIZE) -> None:
        """Write *text* from *x* on."""
        self._use(text, font, size)
        self._canvas.drawString(x, self.y, text)

    def to(self, x: float, text: str, font: str = _PLAIN) -> None:
        """Write *text* up to *x*."""
        self._use(text, font, _SIZE)
        self._canvas.drawRightString(x, self.y, text)

    def rule(self) -> None:
        """Draw a line across, and go below it."""
        self._canvas.setLineWidth(0.5)
        self._canvas.line(_LEFT, self.y, _RIGHT, self.y)
        self.down(_SIZE, 1.2)

    def split(self, text: str, width: float, font: str = _PLAIN) -> list[str]:
        """Return *text* in lines that are no wider than *width*."""
        from reportlab.lib.utils import simpleSplit  # noqa: PLC0415

        found: list[str] = simpleSplit(text, font, _SIZE, width)
        return found

    def _use(self, text: str, font: str, size: float) -> None:
        known = _fonts()[font].face.charToGlyph
        if strange := sorted({c for c in text if ord(c) not in known}):
            code = f"U+{ord(strange[0]):04X}"
            raise ReconcilerError(
                f"an invoice cannot be written with the character {code}",
                hint="the fonts of invoices have Latin, Greek and Cyrillic letters",
                code="E613",
            )
        self._canvas.setFont(font, size)

    def _footed(self) -> None:
        self._use(self._foot, _PLAIN, _SMALL)
        self._canvas.drawRightString(_RIGHT, _BOTTOM / 2, f"{self._foot} {self._page}")


def _draw(pen: _Pen, sheet: Sheet, say: Words) -> None:
    pen.at(_LEFT, say.invoice, _BOLD, _LARGE)
    _beside(pen, [sheet.seller.legal_name, *_seller(sheet.seller)], _MIDDLE)
    pen.down(_LARGE, 1.6)
    pen.at(_LEFT, say.to, _PLAIN, _SMALL)
    pen.down()
    start = pen.y
    _beside(pen, sheet.to, _LEFT)
    pen.y = (
        start - max(len(sheet.to) + 1, len(_seller(sheet.seller))) * _SIZE * _LEADING
    )
    pen.down()
    for name, value in _facts(sheet, say):
        pen.at(_LEFT, name)
        pen.at(_LEFT + 110, value)
        pen.down()
    pen.down()
    _table(pen, sheet, say)
    _paying(pen, sheet, say)


def _seller(seller: Seller) -> list[str]:
    lines = [*seller.address, seller.country, *seller.tax_ids]
    return [*lines, seller.contact] if seller.contact else lines


def _beside(pen: _Pen, lines: Iterable[str], x: float) -> None:
    """Write some lines from here on, and stay here; the first is bold."""
    start = pen.y
    for number, line in enumerate(lines):
        font = _PLAIN if number else _BOLD
        room = _MIDDLE - _LEFT - 10 if x == _LEFT else _RIGHT - _MIDDLE
        for part in pen.split(line, room, font):
            pen.at(x, part, font)
            pen.y -= _SIZE * _LEADING
    pen.y = start


def _facts(sheet: Sheet, say: Words) -> Iterator[tuple[str, str]]:
    yield say.number, sheet.number
    yield say.issued, say.day(sheet.issued)
    yield say.period, f"{say.day(sheet.begins)} {say.until} {say.day(sheet.last)}"
    yield say.due, say.day(sheet.due)


def _table(pen: _Pen, sheet: Sheet, say: Words) -> None:
    pen.at(_LEFT, say.description, _BOLD)
    pen.to(_TAX_AT, say.tax, _BOLD)
    pen.to(_RIGHT, say.amount, _BOLD)
    pen.down(_SIZE, 0.5)
    pen.rule()
    for row in sheet.rows:
        pen.to(_TAX_AT, say.rate(row.rate) if row.rate else "-")
        pen.to(_RIGHT, say.money(row.net))
        for part in pen.split(row.text, _MIDDLE):
            pen.at(_LEFT, part)
            pen.down()
    pen.rule()
    taxes = [*sheet.taxes()]
    if taxes:
        _sums(pen, say.subtotal, say.money(sheet.subtotal))
    for rate, on, tax in taxes:
        said = say.tax_on.format(rate=say.rate(rate), amount=say.money(on))
        _sums(pen, said, say.money(tax))
    _sums(pen, say.total, say.money(sheet.total), _BOLD)
    pen.down(_SIZE, 2)


def _sums(pen: _Pen, name: str, amount: str, font: str = _PLAIN) -> None:
    pen.to(_TAX_AT, name, font)
    pen.to(_RIGHT, amount, font)
    pen.down()


def _paying(pen: _Pen, sheet: Sheet, say: Words) -> None:
    text = say.collected if sheet.collected else say.transfer
    total, due = say.money(sheet.total), say.day(sheet.due)
    said = text.format(total=total, due=due, number=sheet.number)
    pen.at(_LEFT, say.how_to_pay, _BOLD)
    pen.down()
    lines = pen.split(said, _RIGHT - _LEFT)
    for line in lines if sheet.collected else [*lines, *_account(sheet.seller, say)]:
        pen.at(_LEFT, line)
        pen.down()


def _account(seller: Seller, say: Words) -> Iterator[str]:
    yield from seller.account
    yield f"{say.in_the_name_of} {seller.legal_name}"
