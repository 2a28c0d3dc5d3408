"""Secrets that were pasted into YAML: found on the raw text, never repeated."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

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
#: A run of 13 digits or more, neighbours apart by at most one blank or dash.
#: The class comes first, and what may stand before it after: that is much faster.
_DIGITS = re.compile(
    r"[0-9](?<![0-9A-Za-z.][0-9])(?:[ \u00a0-]?[0-9]){12,}(?![0-9A-Za-z])"
)
_GROUP = re.compile(r"[0-9]+")
_CARD_LENGTHS = range(13, 20)
_FIRST_GROUP = 4
#: ISO/IEC 7812 ranges by network: leading digits and lengths (card network manuals).
_NETWORKS = (
    (re.compile(r"4"), {13, 16, 19}),  # Visa
    (
        re.compile(
            r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"  # Mastercard
            r"|3528|3529|35[3-8]"  # JCB
            r"|6011|64[4-9]|65|62"  # Discover, UnionPay
            r"|50[123][08]|5893|6304|6759|676[1-3]"  # Maestro
        ),
        {16, 17, 18, 19},
    ),
    (re.compile(r"3[47]"), {15}),  # American Express
    (re.compile(r"30[0-5]|309|36|38|39"), {14, 16}),  # Diners Club
)
_CARD_FIELDS = frozenset(
    (
        "cvv", "cvv2", "cvc", "cvc2", "csc", "cvn", "cav2", "cid", "securitycode",
        "cardsecuritycode", "cardnumber", "cardno", "ccnumber", "ccnum",
        "creditcard", "creditcardnumber", "pan", "primaryaccountnumber", "track1",
        "track2", "trackdata", "magstripe", "pinblock", "cardpin",
    )
)  # fmt: skip
_CARD_FIELD_HINTS = (
    "cvv", "cvc", "cvn", "csc", "cav2", "cid", "security", "card", "cc_", "ccn",
    "cc-", "pan", "primary", "track", "magstripe", "pin", "\\",
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
        return hashlib.sha256(self.text.encode()).hexdigest()


class Allowed(NamedTuple):
    """False alarms: SHA-256 of a text -> the last day it is allowed on."""

    until: Mapping[str, date]
    today: date | None

    def has(self, sha256: str) -> bool:
        """Say whether that text is allowed today; without a date nothing is."""
        last = self.until.get(sha256)
        return last is not None and self.today is not None and self.today <= last


def leaks(text: str) -> Iterator[Leak]:
    """Yield the card numbers and keys in *text*, comments included."""
    for run in _DIGITS.finditer(text):
        for start, stop in _cards(run):
            yield _leak("E151", text, start, stop, "a payment card number")
    if any(hint in text for hint in _HINTS):
        for found in _KEY.finditer(text):
            name = _NAMES[(found.lastindex or 1) - 1]
            yield _leak("E152", text, *found.span(), name)


def _cards(run: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Yield the spans of the card numbers in a run; its groups may hold others."""
    groups = [found.span() for found in _GROUP.finditer(run[0])]
    done = 0
    for at, (start, end) in enumerate(groups):
        if start < done or (end - start < _FIRST_GROUP):
            continue
        for _, stop in groups[at : at + len(_CARD_LENGTHS)]:
            if is_card(run[0][start:stop]):
                yield run.start() + start, run.start() + stop
                done = stop
                break


def is_card(written: str) -> bool:
    """Say whether *written* is a number a card can have: network, length, Luhn."""
    digits = re.sub(r"[^0-9]", "", written)
    if not any(
        lead.match(digits) and len(digits) in lengths for lead, lengths in _NETWORKS
    ):
        return False
    total = sum(map(int, digits[-1::-2]))
    return (total + sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])) % 10 == 0


def _leak(code: str, text: str, start: int, stop: int, what: str) -> Leak:
    line = text.count("\n", 0, start) + 1
    column = start - text.rfind("\n", 0, start)
    return Leak(code, line, column, what, text[start:stop])


def may_hold_card_fields(text: str) -> bool:
    """Say whether it is worth looking for the keys of ``card_fields`` in *text*."""
    lower = text.lower()
    return any(hint in lower for hint in _CARD_FIELD_HINTS)


def card_fields(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[Any]:
    """Yield the path of every key in *data* that names card data."""
    if isinstance(data, dict):
        for key, value in data.items():
            if re.sub(r"[^a-z0-9]", "", key.lower()) in _CARD_FIELDS:
                yield (*path, key)
            yield from card_fields(value, (*path, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from card_fields(value, (*path, number))
