"""What is written is read back as the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.inventory.emit import entry, scalar
from reconciler.inventory.parse import parse
from reconciler.inventory.tokens import SUPPOSED, put, quoted

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
    | st.sampled_from(["no", "null", "0755", "1e5", "-", "- a", "a: b", "a #b", "@", "$domain.", "~", "2024-03-01", "=", "*x", "&x", "!x", "%x", " a", "a ", "", "it's", '"', "10 mx.example.", "<<"])
)  # fmt: skip
DATA = st.recursive(
    SCALARS,
    lambda each: (
        st.lists(each, max_size=4)
        | st.dictionaries(
            st.text("abcdefgh-/$", min_size=1, max_size=6), each, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a", "records", "deploy", "x-y"]), DATA, max_size=4
    )
)
def test_an_entry_is_read_back(spec):
    text = "\n".join(line.text for line in entry("Domain/a.example", {}, spec)) + "\n"
    parsed = parse(text)
    assert parsed.faults == []
    assert parsed.documents == [{"Domain/a.example": spec}]


@settings(max_examples=100, deadline=None)
@given(DATA)
def test_what_is_quoted_has_no_tokens(data):
    left = []
    assert put(quoted(data), SUPPOSED, (), left) == data
    assert not [each for each in left if not each.text.startswith("the key ")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("bakker.example", "bakker.example"),
        ("10 mx.example.", "10 mx.example."),
        ("@", '"@"'),
        ("v=spf1 -all", "v=spf1 -all"),
        ("0755", '"0755"'),
        ("5", '"5"'),
        (5, "5"),
        ("true", '"true"'),
        ("2001:db8::1", "2001:db8::1"),
        ("café", '"café"'),
    ],
)
def test_only_what_must_be_is_quoted(value, text):
    assert scalar(value) == text
