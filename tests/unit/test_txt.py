"""TXT between plain text, quoted strings and octoDNS."""

from __future__ import annotations

import dns.rdata
import pytest
from hypothesis import given
from hypothesis import strategies as st
from octodns.record import Record
from octodns.zone import Zone

from reconciler.providers._octodns_rows import record_of, rows_of
from reconciler.providers._txt import THEIRS, pack, quote, unpack, unquote

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=600)


@given(text=TEXT)
def test_quoting_is_what_dnspython_understands(text):
    rdata = dns.rdata.from_text("IN", "TXT", quote(text))
    assert b"".join(rdata.strings).decode() == text
    assert all(len(string) <= 255 for string in rdata.strings)


@given(text=TEXT, octal=st.booleans())
def test_unquoting_takes_back_what_was_quoted(text, octal):
    assert quote(text, octal=octal).isascii()
    assert unquote(quote(text, octal=octal), octal=octal) == text


@given(text=TEXT)
def test_packed_text_survives_octodns(text):
    zone = Zone("a.example.", [])
    data = {"type": "TXT", "ttl": 300, "values": [pack(text)]}
    record = Record.new(zone, "t", data, lenient=True)
    assert [unpack(str(value)) for value in record.values] == [text]


@given(text=st.text(st.characters(min_codepoint=32, exclude_characters='"\\')))
def test_plain_text_survives_octodns_own_form(text):
    zone = Zone("a.example.", [])
    zone.add_record(record_of(zone, "t/TXT", ("300", text), THEIRS))
    assert rows_of(zone, THEIRS).records == {"t/TXT": ("300", text)}


@pytest.mark.parametrize(
    ("rdata", "text"),
    [
        ('"a" "b"', "ab"),
        ("plain", "plain"),
        ('"a;b"', "a;b"),
        (r'"a\;b"', "a;b"),
        (r'"\101"', "e"),
        ('""', ""),
    ],
)
def test_what_others_have_written(rdata, text):
    assert unquote(rdata) == text


def test_octal_is_not_decimal():
    assert unquote(r'"\101"', octal=True) == "A"


@pytest.mark.parametrize("rdata", ['"open', r'"\255"', '"a" "'])
def test_what_is_no_text(rdata):
    with pytest.raises(ValueError):
        unquote(rdata)
