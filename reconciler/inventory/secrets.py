"""Secrets that were pasted into YAML: found on the raw text, never repeated."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from reconciler.inventory.node import Path
from reconciler.model.cards import card_codes, cards, is_card_field, is_card_number

CARD = "a payment card number"
_SHORTEST = 13
#: All bytes but letters and digits: what may stand between the digits of a card number.
_BETWEEN = bytes(set(range(128)) - {*b"0123456789", *range(65, 91), *range(97, 123)})
_MANY = re.compile(rb"[0-9]{13}")
#: A number that is written as a power of ten, without its point.
_POWER = re.compile(rb"[0-9][eE]1[0-9](?![0-9])")
_KEYS = {
    "a key of a payment gateway": r"\b[srp]k_(?:live|test)_[0-9A-Za-z]{8,}",
    "a webhook secret": r"\bwhsec_[0-9A-Za-z+/]{16,}",
    "an AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b(?:gh[pousr]_[0-9A-Za-z]{20,}|github_pat_[0-9A-Za-z_]{20,})",
    "a GitLab token": r"\bglpat-[0-9A-Za-z_-]{16,}",
    "a Slack token": r"\bxox[abeprs]-[0-9A-Za-z-]{8,}",
    "a Google API key": r"\bAIza[0-9A-Za-z_-]{30,}",
    "a personal access token": r"\bpat_[0-9A-Za-z_]{12,}",
    "a Porkbun key": r"\b[ps]k1_[0-9a-f]{32,}",
    "a JSON web token": r"\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]*",
    "an age secret key": r"\bAGE-SECRET-KEY-1[0-9A-Z]{20,}",
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
}
_NAMES = tuple(_KEYS)
_KEY = re.compile("|".join(f"({pattern})" for pattern in _KEYS.values()), re.ASCII)
#: One of these stands in every match of _KEY; looking for them is much cheaper.
_HINTS = (
    "k_live_", "k_test_", "whsec_", "AKIA", "ASIA", "gh", "glpat-", "xox", "AIza",
    "pat_", "k1_", "eyJ", "AGE-S", "PRIVATE KEY",
)  # fmt: skip
_CARD_FIELD_HINTS = (
    "cvv", "cvc", "cvn", "csc", "cav2", "cid", "cvd", "security", "verif", "card",
    "cc_", "ccn", "cc-", "pan", "primary", "track", "magstripe", "pin", "\\",
)  # fmt: skip


class Leak(NamedTuple):
    """
    A secret in a file.

    Attributes:
        text: The secret itself: to be compared and cut out of messages, never shown.
    """

    code: str
    line: int
    column: int
    what: str
    text: str

    @property
    def sha256(self) -> str:
        """What a false alarm is allowed by."""
        return hashed(self.text)


class Allowed(NamedTuple):
    """False alarms: SHA-256 of a text -> the last day it is allowed on."""

    until: Mapping[str, date]
    today: date | None

    def has(self, sha256: str) -> bool:
        """Say whether that text is allowed today; without a date nothing is."""
        last = self.until.get(sha256)
        return last is not None and self.today is not None and self.today <= last


def hashed(text: str) -> str:
    """Return what a SecretAllowance names *text* by."""
    return hashlib.sha256(text.encode()).hexdigest()


def digits(text: str) -> str:
    """Return what is left of a card number when it is written without anything else."""
    return re.sub(r"\D", "", text)


def leaks(text: str) -> Iterator[Leak]:
    """Yield the card numbers and keys in *text*, comments included."""
    if may_hold_cards(text):
        for start, stop in cards(text, folded=True):
            yield _leak("E151", text, start, stop, CARD)
    for start, stop in card_codes(text):
        yield _leak("E153", text, start, stop, "the code on a payment card")
    if any(hint in text for hint in _HINTS):
        for found in _KEY.finditer(text):
            name = _NAMES[(found.lastindex or 1) - 1]
            yield _leak("E152", text, *found.span(), name)


def _leak(code: str, text: str, start: int, stop: int, what: str) -> Leak:
    line = text.count("\n", 0, start) + 1
    column = start - text.rfind("\n", 0, start)
    return Leak(code, line, column, what, text[start:stop])


def may_hold_card_fields(text: str) -> bool:
    """Say whether it is worth looking for the keys of ``card_fields`` in *text*."""
    lower = text.lower()
    return any(hint in lower for hint in _CARD_FIELD_HINTS) or not text.isascii()


def card_fields(data: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every key in *data* that names card data."""
    if isinstance(data, dict):
        for key, value in data.items():
            if is_card_field(key):
                yield (*path, key)
            yield from card_fields(value, (*path, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from card_fields(value, (*path, number))


def may_hold_cards(text: str) -> bool:
    """Say whether it is worth looking for card numbers in *text*; quick."""
    return not text.isascii() or _MANY.search(_squeezed(text)) is not None


def may_hide_cards(text: str) -> bool:
    """Say whether a value in *text* may be one although *text* does not show it."""
    if any(sign in text for sign in ("\\", "0x", "0o")) or may_hold_cards(text):
        return True
    squeezed = _squeezed(text)
    powers = b"e1" in squeezed or b"E1" in squeezed
    return powers and _POWER.search(squeezed) is not None


def _squeezed(text: str) -> bytes:
    """Return *text* without all that may stand between the digits of a number."""
    return text.encode().translate(None, _BETWEEN)


def hidden_cards(data: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield where a value, or a key, in *data* is a card number, and its digits."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from hidden_cards(key, (*path, key))
            yield from hidden_cards(value, (*path, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from hidden_cards(value, (*path, number))
    elif isinstance(data, str):
        if len(data) >= _SHORTEST:
            for start, stop in cards(data, folded=True):
                yield path, data[start:stop]
    elif isinstance(data, (int, float)) and is_card_number(data):
        yield path, str(int(data))
