"""
Payment card numbers, however they are written: found, never repeated. Pure.

A card number is 13 to 19 digits, begins as a card network's do (ISO/IEC 7812) and ends
with its check digit (Luhn). Between the digits there may be blanks, dashes, dots,
underscores, whatever Unicode has of these, and in *folded* text line ends; digits may
be those of any script. PCI DSS forbids to keep what the back of a card says at all: see
``CARD_FIELDS`` and ``card_codes``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

#: One digit, and what may stand before the next one. The digit comes first, and what
#: may not stand before it after: that is much faster.
_BEGIN: Final = r"[0-9](?<![0-9A-Za-z.][0-9])"
_END: Final = r"{12,}(?![0-9A-Za-z])"
_RUN: Final = re.compile(rf"{_BEGIN}(?:[ ._-]{{0,3}}[0-9]){_END}")
#: The same over line ends, with the mark of a comment at the begin of a line.
_FOLDED: Final = re.compile(
    rf"{_BEGIN}(?:(?:[ ._-]{{0,3}}|[ \t]*\r?\n[ \t]*(?:\# ?)?)[0-9]){_END}"
)
_GROUP: Final = re.compile(r"[0-9]+")
_LENGTHS: Final = range(13, 20)
#: A number is written in groups, the first of at least so many digits; or one by one.
_FIRST: Final = 4
_INNER: Final = 3
_PLAIN_GAPS: Final = frozenset({" ", "-"})
#: Leading digits and lengths by network (the networks' manuals).
_NETWORKS: Final = (
    (re.compile(r"4"), {13, 16, 19}),  # Visa
    (
        re.compile(
            r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"  # Mastercard
            r"|3528|3529|35[3-8]"  # JCB
            r"|6011|64[4-9]|65|62"  # Discover, UnionPay
            r"|50[123][089]|5893|6304|6759|676[1-3]"  # Maestro, Dankort
            r"|220[0-4]|9792|606282"  # Mir, Troy, Hipercard
        ),
        {16, 17, 18, 19},
    ),
    (re.compile(r"3[47]"), {15}),  # American Express
    (re.compile(r"30[0-5]|309|36|38|39"), {14, 16}),  # Diners Club
)
#: A UUID may begin with such digits by chance.
_UUID: Final = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"(?![0-9A-Za-z])"
)
_UUID_LENGTH: Final = 36
#: The magnetic stripe: track 1 has a letter where nothing else of a card has one.
_TRACK: Final = re.compile(r"%?\b[Bb]([0-9]{13,19})\^")
#: A phone number with its country (E.164) has at most so many digits.
_PHONE: Final = 15

#: The keys of data that must never be written down, without case and punctuation.
CARD_FIELDS: Final = frozenset(
    (
        "cvv", "cvv2", "cvc", "cvc2", "csc", "cvn", "cvn2", "cav2", "cid", "cvd",
        "cvvcode", "cvccode", "cvvnumber", "cvcnumber", "cardcvv", "cardcvc", "cardcsc",
        "securitycode", "cardsecuritycode", "verificationvalue", "cardverification",
        "cardverificationvalue", "cardverificationcode", "cardverificationnumber",
        "cardnumber", "cardno", "cardnum", "ccnumber", "ccnum", "creditcard",
        "creditcardnumber", "debitcardnumber", "pan", "primaryaccountnumber", "fullpan",
        "track1", "track2", "track1data", "track2data", "trackdata", "magstripe",
        "pinblock", "cardpin",
    )
)  # fmt: skip
_CODE: Final = re.compile(
    r"(?<![A-Za-z])(?:cvv2?|cvc2?|cvn2?|card[ _-]?security[ _-]?code)"
    r"[ \t\"']*(?:[:=#-]|is)?[ \t\"']*[0-9]{3,4}(?![0-9A-Za-z.])",
    re.IGNORECASE,
)
#: One of these stands in every match of _CODE; looking for them is much cheaper.
_CODE_HINTS: Final = ("cvv", "cvc", "cvn", "security")


def cards(text: str, *, folded: bool = False) -> Iterator[tuple[int, int]]:
    """Yield begin and end of every card number in *text*, from left to right."""
    plain = text if text.isascii() else text.translate(_ASCII)
    for run in (_FOLDED if folded else _RUN).finditer(plain):
        for start, stop in _in_run(run[0], plain[: run.start()][-1:]):
            begin, end = run.start() + start, run.start() + stop
            if not _in_uuid(plain, begin, end):
                yield begin, end
    if "^" in plain:
        for track in _TRACK.finditer(plain):
            if is_card(track[1]):
                yield track.span(1)


def has_card(text: str) -> bool:
    """Say whether there is a card number in *text*, over line ends too."""
    return next(cards(text, folded=True), None) is not None


def may_hold_cards(plain: str) -> bool:
    """Say whether it is worth looking at all that is in *plain* JSON; quick."""
    return not plain.isascii() or "\\" in plain or _RUN.search(plain) is not None


def without_cards(text: str, mask: str) -> str:
    """Return *text* with *mask* in place of every card number, over line ends too."""
    if not _many_digits(text):
        return text
    parts, done = [], 0
    for begin, end in cards(text, folded=True):
        if begin >= done:
            parts += [text[done:begin], mask]
            done = end
    return "".join([*parts, text[done:]]) if parts else text


def _many_digits(text: str) -> bool:
    """Say whether *text* has as many digits as a card number; quick."""
    if len(text) < _LENGTHS.start:
        return False
    if not text.isascii():
        return True
    raw = text.encode()
    return len(raw) - len(raw.translate(None, b"0123456789")) >= _LENGTHS.start


def is_card(written: str) -> bool:
    """Say whether *written* is a number a card can have: network, length, Luhn."""
    digits = re.sub(r"[^0-9]", "", written)
    if not any(
        lead.match(digits) and len(digits) in lengths for lead, lengths in _NETWORKS
    ):
        return False
    total = sum(map(int, digits[-1::-2]))
    return (total + sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])) % 10 == 0


def is_card_number(number: float) -> bool:
    """Say whether a number, as a file may hold it without quotes, is a card's."""
    if isinstance(number, float):
        if not number.is_integer():
            return False
        number = int(number)
    return number >= 10 ** (_LENGTHS.start - 1) and is_card(str(number))


def is_card_field(key: str) -> bool:
    """Say whether *key* is a field for what must not be written down."""
    plain = unicodedata.normalize("NFKC", key).lower()
    return re.sub(r"[^a-z0-9]", "", plain) in CARD_FIELDS


def card_codes(text: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of what reads like ``cvc: 123`` in *text*."""
    plain = text if text.isascii() else text.translate(_ASCII)
    lower = plain.lower()
    if any(hint in lower for hint in _CODE_HINTS):
        for found in _CODE.finditer(plain):
            yield found.span()


def _in_run(run: str, before: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of the card numbers in a run; its groups may hold others."""
    groups = [found.span() for found in _GROUP.finditer(run)]
    done = 0
    for at, (start, end) in enumerate(groups):
        left = run[start - 1] if start else before
        if start < done or left == ".":
            continue
        one_by_one = end - start == 1
        if not one_by_one and end - start < _FIRST:
            continue
        most = _LENGTHS.stop if one_by_one else len(_LENGTHS)
        # The longest: what is left of a number would still show most of it.
        for last in range(min(len(groups), at + most) - 1, at - 1, -1):
            stop = groups[last][1]
            written = groups[at : last + 1]
            if left == "+" and sum(b - a for a, b in written) <= _PHONE:
                continue
            if _written_so(run, written) and is_card(run[start:stop]):
                yield start, stop
                done = stop
                break


def _written_so(run: str, groups: list[tuple[int, int]]) -> bool:
    """Say whether somebody writes a card number in such *groups*."""
    sizes = [stop - start for start, stop in groups]
    if sizes[0] == 1:
        return set(sizes) == {1}
    gaps = {run[a[1] : b[0]] for a, b in pairwise(groups)}
    if gaps <= _PLAIN_GAPS:
        return True
    if any("." in gap for gap in gaps) and len(sizes) <= 2:  # noqa: PLR2004
        return False  # that is a fraction
    least = _FIRST if any("\n" in gap for gap in gaps) else _INNER
    return min(sizes[:-1]) >= least


def _in_uuid(text: str, begin: int, end: int) -> bool:
    first = max(0, begin - _UUID_LENGTH)
    found = _UUID.finditer(text, first, end + _UUID_LENGTH)
    return any(one.start() <= begin and end <= one.end() for one in found)


class _Plain(dict[int, int]):
    """Each character as the ASCII one that it stands for here; others as they are."""

    def __missing__(self, code: int) -> int:
        self[code] = found = ord(_plain(chr(code)))
        return found


def _plain(character: str) -> str:
    if character.isascii():
        return character
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category == "Pd" or character in "\u2212\u2043\u00ac":
        return "-"
    if category == "Pc":
        return "_"
    # Blanks, what joins or hides (zero width, soft hyphen), what is put on a digit.
    if category in {"Zs", "Cf", "Mn", "Me"}:
        return " "
    if character in "\u00b7\u2022\u2024\u2027\u2219\u22c5\u30fb\uff0e\uff65\u3002":
        return "."
    wide = unicodedata.normalize("NFKC", character)
    return wide if len(wide) == 1 and wide.isascii() else character


_ASCII: Final = _Plain()
