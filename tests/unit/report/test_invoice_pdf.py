"""An invoice as a PDF: what it says, in two languages, and always in the same bytes."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import zlib
from datetime import date
from typing import Any

import pytest

from reconciler.errors import ReconcilerError
from reconciler.model import Money, Seller
from reconciler.report.invoice_pdf import Row, Sheet, pdf
from reconciler.report.invoice_words import words

SELLER = Seller(
    legal_name="Example Hosting BV",
    address=("Street 1", "1000 AA Amsterdam"),
    country="NL",
    tax_ids=("NL001234567B01",),
    iban="NL91ABNA0417164300",
    bic="ABNANL2A",
)


def row(net: str = "10.00 EUR", rate: str | None = "21%", tax: str = "2.10 EUR") -> Row:
    return Row(
        "Hosting acme.example",
        *map(Money.model_validate, (net,)),
        rate,
        Money.model_validate(tax),
    )


def sheet(*rows: Row, **more: Any) -> Sheet:
    told = {
        "number": "INV-000123",
        "issued": date(2027, 12, 18),
        "begins": date(2028, 1, 29),
        "last": date(2028, 2, 28),
        "due": date(2028, 2, 29),
        "seller": SELLER,
        "to": ("Acme Ltd", "Road 2", "GB", "GB123"),
        "rows": rows or (row(),),
    }
    return Sheet(**{**told, **more})


def said(raw: bytes) -> list[str]:
    """Return what is written, as far as it is ASCII, in the order of writing."""
    found: list[str] = []
    for body in re.findall(rb"stream\r?\n(.*?)endstream", raw, re.DOTALL):
        try:
            plain = zlib.decompress(base64.a85decode(body.strip(), adobe=False))
        except ValueError:
            try:
                plain = zlib.decompress(
                    base64.a85decode(b"<~" + body.strip(), adobe=True)
                )
            except (ValueError, zlib.error):
                continue
        except zlib.error:
            continue
        texts = re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", plain)
        found += [re.sub(rb"\\(.)", rb"\1", text).decode("latin-1") for text in texts]
    return found


def test_it_says_everything_an_invoice_has_to_say() -> None:
    text = said(pdf(sheet()))
    for part in (
        "Invoice", "Example Hosting BV", "Street 1", "NL001234567B01", "INV-000123",
        "18 December 2027", "29 January 2028 to 28 February 2028", "29 February 2028",
        "Acme Ltd", "Road 2", "GB123", "Hosting acme.example", "21%", "EUR 10.00",
        "VAT 21% on EUR 10.00", "EUR 2.10", "EUR 12.10",
        "in the name of Example Hosting BV",
    ):  # fmt: skip
        assert part in text, part
    assert any("transfer EUR 12.10 by 29 February 2028" in part for part in text)
    assert any("IBAN NL91 ABNA 0417 1643 00" in part for part in text)


def test_it_says_so_in_dutch_too() -> None:
    text = said(pdf(sheet(row("1234.50 EUR", "5.5%", "67.90 EUR"), language="nl-BE")))
    for part in ("Factuur", "29 januari 2028 t/m 28 februari 2028", "EUR 1.302,40"):
        assert part in text, part
    assert "Btw 5,5% over EUR 1.234,50" in text


@pytest.mark.parametrize(
    ("language", "first"), [("en", "Invoice"), ("fr", "Invoice"), ("nl", "Factuur")]
)
def test_where_a_language_is_not_there_it_is_english(language: str, first: str) -> None:
    assert words(language).invoice == first


def test_every_word_is_there_in_every_language() -> None:
    for language in ("en", "nl"):
        say = words(language)
        assert all(say)
        assert len(say.months) == 12
        for name in ("{total}", "{due}", "{number}"):
            assert name in say.transfer


def test_what_is_collected_asks_for_no_transfer() -> None:
    text = said(pdf(sheet(collected=True)))
    assert any("need not do anything" in part for part in text)
    assert not any("IBAN" in part for part in text)


def test_each_rate_is_summed_by_itself_and_no_tax_is_no_line() -> None:
    rows = (
        row(),
        row("20.00 EUR", "9%", "1.80 EUR"),
        row("5.00 EUR", "21%", "1.05 EUR"),
    )
    made = sheet(*rows)
    assert [(r, str(on), str(tax)) for r, on, tax in made.taxes()] == [
        ("21%", "15.00 EUR", "3.15 EUR"), ("9%", "20.00 EUR", "1.80 EUR"),
    ]  # fmt: skip
    assert str(made.total) == "39.95 EUR"
    free = said(pdf(sheet(row("1000 JPY", None, "0 JPY"))))
    assert "Subtotal" not in free
    assert free.count("JPY 1,000") == 2


def test_the_same_invoice_makes_the_same_bytes_in_every_process() -> None:
    first = pdf(sheet())
    assert pdf(sheet(language="nl", to=("Łódź Σ Ж",))) != first
    assert pdf(sheet()) == first
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.unit.report.test_invoice_pdf import pdf, sheet\n"
        "import hashlib; print(hashlib.sha256(pdf(sheet())).hexdigest())"
    )
    from hashlib import sha256

    out = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert out.stdout.strip() == sha256(first).hexdigest()


def test_many_rows_go_on_to_the_next_page() -> None:
    raw = pdf(sheet(*[row()] * 60))
    assert raw.count(b"/Type /Page\n") == 2
    assert "EUR 726.00" in said(raw)


def test_what_our_fonts_do_not_have_is_refused_and_not_left_out() -> None:
    with pytest.raises(ReconcilerError, match=r"U\+4E2D") as refused:
        pdf(sheet(to=("中国有限公司",)))
    assert refused.value.shown_code == "E613"
