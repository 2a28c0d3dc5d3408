"""What an unquoted word means: the core schema of YAML 1.2.2, section 10.3.2."""

from __future__ import annotations

import re

#: The first characters of words that can be anything but text.
SPECIAL = frozenset("-+.0123456789~nNtTfF")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(
    r"(?P<zero>[-+]?0[0-9]+)"
    r"|(?P<int>[-+]?[0-9]+)"
    r"|0o(?P<oct>[0-7]+)"
    r"|0x(?P<hex>[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<inf>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))",
    re.ASCII,
)
#: More digits than any amount has; Python itself refuses 4,300.
_MAX_DIGITS = 40

Scalar = str | int | float | bool | None


class Unsure(ValueError):
    """The word is a number, but readers of YAML disagree on which."""


def plain(word: str) -> Scalar:
    """
    Return what the unquoted *word* means.

    Raises:
        Unsure: It begins with a zero, has no finite value, or too many digits.
    """
    if word and word[0] not in SPECIAL:
        return word
    if word in _WORDS:
        return _WORDS[word]
    if word.isalpha():
        return word
    found = _NUMBER.fullmatch(word)
    return _number(found) if found else word


def _number(found: re.Match[str]) -> int | float:
    kind, text = str(found.lastgroup), found[0]
    if kind == "zero":
        raise Unsure("begins with a zero: is it octal, decimal or text?")
    if kind == "inf":
        raise Unsure("is no finite number")
    if len(text) > _MAX_DIGITS:
        raise Unsure(f"has more than {_MAX_DIGITS} digits")
    if kind != "float":
        return int(found[kind], {"int": 10, "oct": 8, "hex": 16}[kind])
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise Unsure("is no finite number")
    return value
