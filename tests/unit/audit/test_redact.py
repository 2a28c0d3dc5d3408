"""No secret in any byte that is written."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.audit import canonical, redact
from reconciler.errors import AuditError

SECRETS = st.text(min_size=4, max_size=12).filter(lambda text: len(text.strip()) >= 4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(JSON)
def test_without_secrets_nothing_changes(data: object) -> None:
    assert redact(data, []) == data
    assert redact(data, ["", " ", "abc"]) == data


SPELLINGS = {
    "as it is": str,
    "in a path": lambda s: quote(s, safe=""),
    "in a query": quote_plus,
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 for addresses": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "JSON in JSON": json.dumps,
    "in a header": lambda s: f"Authorization: Bearer {s}\r\n",
}


@pytest.mark.parametrize("how", SPELLINGS)
@pytest.mark.parametrize("secret", ['p4ss"w/ord+é?&', "plain-token", "with blank ~~~"])
def test_every_spelling_is_found(secret: str, how: str) -> None:
    text = SPELLINGS[how](secret)
    bare = text.strip('"').rstrip("=")
    masked = redact({text: [{"a": text, "b": (text, 1)}]}, ["other", secret])
    assert bare not in canonical(masked).decode()
    assert "redacted" in masked[next(iter(masked))][0]["a"]


@settings(deadline=None)
@given(SECRETS, st.text(max_size=4), st.text(max_size=4))
def test_a_secret_is_never_left(secret: str, before: str, after: str) -> None:
    masked = redact([before + secret + after], [secret])
    assert secret not in masked[0] or secret in "[redacted]"


def test_the_longer_of_two_secrets_goes_as_a_whole() -> None:
    assert redact("tokentoken-x", ["token", "token-x"]) == "[redacted][redacted]"


def test_a_number_that_is_a_secret_is_masked_and_a_flag_is_not() -> None:
    data = {"pin": 123456, "flag": True, "serial": 12}
    masked = {"pin": "[redacted]", "flag": True, "serial": 12}
    assert redact(data, ["123456", "True"]) == masked


def test_canonical_is_the_same_whatever_the_order() -> None:
    assert (
        canonical({"b": [1, None], "a": "é\n"}) == '{"a":"é\\n","b":[1,null]}'.encode()
    )
    for data in (1.0, [1.5], {"a": {"b": (0.1,)}}):
        with pytest.raises(AuditError, match="no floats"):
            canonical(data)
