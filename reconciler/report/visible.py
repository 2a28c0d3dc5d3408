"""Words that others wrote, made safe to look at: nothing hidden, nothing endless."""

from __future__ import annotations

import unicodedata

#: Of a character's Unicode category: control, format, surrogate, private use, not
#: assigned, and the separators of lines and paragraphs.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_MORE = "…"


def visible(text: str) -> str:
    r"""
    Return *text* in one line with every invisible character spelled out.

    What reorders, hides or overprints (bidirectional controls, zero-width joiners,
    escape sequences) becomes ``\u{202e}``: a reviewer sees what a machine reads.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in "\n\r\t":
        return " "
    if unicodedata.category(character) in _HIDDEN:
        return f"\\u{{{ord(character):x}}}"
    return character


def clipped(text: str, most: int) -> str:
    """Return at most *most* bytes (of UTF-8) of *text*, with a sign where it ends."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= most:
        return text
    room = max(0, most - len(_MORE.encode()))
    return data[:room].decode("utf-8", "ignore") + _MORE
