"""Keeping secrets out of everything that is written."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, quote_plus

Redact = Callable[[Any], Any]
MASK = "[redacted]"
#: Shorter values are found everywhere by chance; nobody may use them as secrets.
SHORTEST = 4


def redactor(secrets: Iterable[str]) -> Redact:
    """
    Return a function that masks *secrets* in JSON data.

    Each is found as it is, percent-encoded, in base64, in JSON and stripped of
    blanks; in keys and in values. Numbers are compared as text.
    """
    spellings = {s for secret in secrets for s in _spellings(secret)}
    if not spellings:
        return lambda data: data
    longest_first = sorted(spellings, key=lambda text: (-len(text), text))
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    return lambda data: _masked(pattern, data)


def redact(data: Any, secrets: Iterable[str]) -> Any:
    """Return *data* with every one of *secrets* masked."""
    return redactor(secrets)(data)


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


def _masked(pattern: re.Pattern[str], data: Any) -> Any:
    match data:
        case str():
            return pattern.sub(MASK, data)
        case dict():
            return {
                _masked(pattern, key): _masked(pattern, value)
                for key, value in data.items()
            }
        case list() | tuple():
            return [_masked(pattern, value) for value in data]
        case int() if not isinstance(data, bool) and pattern.search(str(data)):
            return MASK
        case _:
            return data
