"""Keeping secrets, and payment card numbers, out of everything that is written."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from reconciler.model.cards import is_card_number, may_hold_cards, without_cards

Redact = Callable[[Any], Any]
MASK = "[redacted]"
#: Shorter values are found everywhere by chance; nobody may use them as secrets.
SHORTEST = 4
#: Of an environment, where nobody says which values are secrets.
_LONG = 8
_PARTS = re.compile(r"[\s:@]+")
_PLAIN = frozenset({
    "EDITOR", "HOME", "HOSTNAME", "LANG", "LANGUAGE", "LOGNAME", "MAIL", "OLDPWD",
    "PATH", "PWD", "SHELL", "TERM", "TMPDIR", "USER", "VIRTUAL_ENV",
})  # fmt: skip


def redactor(secrets: Iterable[str]) -> Redact:
    """
    Return a function that masks *secrets* in JSON data, and every card number.

    Each secret is found as it is, percent-encoded, in base64, in JSON and stripped of
    blanks; in keys and in values. Numbers are compared as text. A card number is found
    in every spelling, whether or not anybody knew of it: a vendor may repeat one.
    """
    spellings = {s for secret in secrets for s in _spellings(secret)}
    if not spellings:
        return _without_cards
    longest_first = sorted(spellings, key=lambda text: (-len(text), text))
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    return lambda data: _masked(pattern, data)


def _without_cards(data: Any) -> Any:
    """Return *data* with every card number masked; most data have none."""
    try:
        text = json.dumps(data, ensure_ascii=False)
    except (TypeError, ValueError):
        return _masked(None, data)
    return _masked(None, data) if may_hold_cards(text) else data


def redact(data: Any, secrets: Iterable[str]) -> Any:
    """Return *data* with every one of *secrets*, and every card number, masked."""
    return redactor(secrets)(data)


def suspects(environ: Mapping[str, str]) -> Iterator[str]:
    """
    Yield what of an environment may be a secret: all that is long, and its parts.

    Nobody can tell which ones are. A part is the password of an address, a line of a
    key. What every environment has is none.
    """
    for name, value in environ.items():
        if name not in _PLAIN and not name.startswith("LC_"):
            for text in {value, *_PARTS.split(value)}:
                if len(text) >= _LONG:
                    yield text


def _spellings(secret: str) -> Iterable[str]:
    for text in {secret, secret.strip()}:
        if len(text) < SHORTEST:
            continue
        raw = text.encode("utf-8", "replace")
        yield text
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield quote(text, safe="")
        yield quote_plus(text)
        yield base64.b64encode(raw).decode().rstrip("=")
        yield base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _masked(pattern: re.Pattern[str] | None, data: Any) -> Any:
    match data:
        case str():
            text = pattern.sub(MASK, data) if pattern else data
            return without_cards(text, MASK)
        case dict():
            return {
                _masked(pattern, key): _masked(pattern, value)
                for key, value in data.items()
            }
        case list() | tuple():
            return [_masked(pattern, value) for value in data]
        case int() if not isinstance(data, bool) and _hidden(pattern, data):
            return MASK
        case float() if is_card_number(data):
            return MASK
        case _:
            return data


def _hidden(pattern: re.Pattern[str] | None, number: int) -> bool:
    known = pattern is not None and pattern.search(str(number)) is not None
    return known or is_card_number(number)
