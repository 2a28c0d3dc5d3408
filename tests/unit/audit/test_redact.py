"""No secret in any byte that is written."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.audit import canonical, redact
from reconciler.audit.redact import suspects
from reconciler.errors import AuditError
from tests.support.card_numbers import PUBLISHED, spellings

SECRETS = st.text(min_size=4, max_size=12).filter(lambda text: len(text.strip()) >= 4)
#: None that a card could have.
NUMBERS = st.integers(-(10**12), 10**12 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
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


@pytest.mark.parametrize("number", PUBLISHED)
@pytest.mark.parametrize("secrets", [[], ["another"]])
def test_no_card_number_is_left_in_any_spelling(
    number: str, secrets: list[str]
) -> None:
    for name, text in spellings(number).items():
        data = {f"k {text}": [f"it said: {text}!", ("x", {"y": text})]}
        left = json.dumps(redact(data, secrets), ensure_ascii=False)
        assert left.count("[redacted]") == 3, name
        assert text not in left, name
    assert redact([int(number), float(number)], secrets)[0] == "[redacted]"
    assert redact(f"4 lines\n{number[:8]}\n# {number[8:]}\n", secrets) == (
        "4 lines\n[redacted]\n"
    )


def test_what_only_looks_like_a_card_stays() -> None:
    kept = {
        "id": "42424242-4242-4242-a242-424242424242",
        "digest": "4242424242424242a",
        "at": "2026-11-22T06:00:11.424242+00:00",
        "amount": 4242424242424241,
        "address": ["192.0.2.1", "198.51.100.7"],
    }
    assert redact(kept, []) == kept


def test_of_an_environment_all_that_is_long_may_be_a_secret() -> None:
    key = "-----BEGIN KEY-----\nMIIEvAIBADANBg\n-----END KEY-----\n"
    environ = {
        "PATH": "/usr/bin:/usr/local/bin", "LC_ALL": "C.UTF-8-long", "CI": "true",
        "BACKUP": "hunter2-hunter2", "DSN": "mysql://shop:pass-of-shop@db/x",
        "KEY": key,
    }  # fmt: skip
    found = {*suspects(environ)}
    assert found >= {"hunter2-hunter2", "pass-of-shop", "MIIEvAIBADANBg", key}
    assert not [
        one for one in found if "/usr" in one or one in {"true", "C.UTF-8-long"}
    ]
