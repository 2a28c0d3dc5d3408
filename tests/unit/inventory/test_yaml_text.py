"""Data is written so that the same data is read again, in the house's own style."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.inventory.emit import block, scalar
from reconciler.inventory.parse import parse

ODD = "ab:#- ,[]{}\"'\\019.~@*!&%|>?=\x7f\x85\u2028\ufeffé\n\t"
WORDS = st.one_of(
    st.text(max_size=12),
    st.text(alphabet=ODD, max_size=8),
    st.sampled_from(["yes", "012", "1:30", "2026-01-01", "0 .", "1e5", "12h", "~"]),
)
DATA = st.recursive(
    st.one_of(WORDS, st.integers(), st.booleans(), st.none()),
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(WORDS.filter(bool), below, max_size=3),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(DATA)
def test_what_is_written_is_read_again(data):
    found = parse("\n".join([*block("key", data), ""]))
    assert [fault for fault in found.faults if fault.code != "E104"] == []
    if not found.faults:  # a NUL may not stand in YAML at all
        assert found.documents == [{"key": data}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("10 mx1.mail.example.", "10 mx1.mail.example."),
        ("v=spf1 include:_spf.x.example -all", "v=spf1 include:_spf.x.example -all"),
        ('0 issue "ca.example"', "'0 issue \"ca.example\"'"),
        ("@", '"@"'),
        ("*.a", '"*.a"'),
        ("no", '"no"'),
        ("300", '"300"'),
        ("2026-01-01", '"2026-01-01"'),
        ('it\'s "so"', '"it\'s \\"so\\""'),
        ("a\x7fb\u2028", '"a\\x7fb\\u2028"'),
        ("5m", "5m"),
        (None, "null"),
        (False, "false"),
    ],
)
def test_quotes_stand_only_where_they_are_needed(value, text):
    assert scalar(value) == text


def test_a_style_is_kept_where_it_can_be():
    assert scalar("plain", "'") == "'plain'"
    assert scalar("it's", "'") == "'it''s'"
    assert scalar("plain", '"') == '"plain"'
    assert scalar("a\nb", "'") == '"a\\nb"'


def test_what_is_short_stands_in_one_line_and_records_in_one_each():
    assert block("renewal", {"mode": "manual"}) == ["renewal: {mode: manual}"]
    row = {"name": "www", "type": "A", "value": "192.0.2.1"}
    assert block("dns", {"targets": ["aws"], "records": [row]}) == [
        "dns:",
        "  targets: [aws]",
        "  records:",
        "    - {name: www, type: A, value: 192.0.2.1}",
    ]
    hosts = [f"ns{number}.a-long-name.example" for number in range(5)]
    assert block("nameservers", hosts, 2)[1] == "    - ns0.a-long-name.example"
