"""
TXT data between plain text and the quoted strings of a zone file (RFC 1035, 5.1).

octoDNS leaves backslashes and quotation marks to whoever writes the value, and every
provider class treats them in its own way. So TXT is translated here, in one place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

_OCTETS = 255
_STRINGS = re.compile(rb'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))', re.DOTALL)
_ESCAPE = re.compile(rb"\\(\d{3}|.)", re.DOTALL)


def quote(text: str, *, octal: bool = False) -> str:
    r"""
    Return *text* as quoted strings of at most 255 octets each.

    Octets that are no printable ASCII become ``\ddd``: decimal as RFC 1035 has it,
    or *octal* as Route 53 has it (Route 53 Developer Guide, TXT record type).
    """
    data = text.encode()
    chunks = [data[i : i + _OCTETS] for i in range(0, len(data), _OCTETS)] or [b""]
    form = "\\{:03o}" if octal else "\\{:03d}"
    return " ".join(
        '"' + "".join(_octet(octet, form) for octet in chunk) + '"' for chunk in chunks
    )


def _octet(octet: int, form: str) -> str:
    char = chr(octet)
    if char in '"\\':
        return "\\" + char
    return char if 32 <= octet < 127 else form.format(octet)  # noqa: PLR2004


def unquote(rdata: str, *, octal: bool = False) -> str:
    """
    Return the text of quoted strings, put together.

    Raises:
        ValueError: It is no such data, or holds something else than UTF-8.
    """
    data, at, octets = rdata.encode(), 0, b""
    while at < len(data):
        found = _STRINGS.match(data, at)
        if found is None:
            raise ValueError("these are no quoted strings")
        octets += _ESCAPE.sub(
            lambda escape: _plain(escape[1], 8 if octal else 10),
            found[1] if found[1] is not None else found[2],
        )
        at = found.end()
    return octets.decode()


def _plain(escaped: bytes, base: int) -> bytes:
    return bytes([int(escaped, base)]) if escaped.isdigit() else escaped


class Form(NamedTuple):
    """How octoDNS holds TXT inside: one provider class wants another form."""

    pack: Callable[[str], str]
    unpack: Callable[[str], str]


def pack(text: str) -> str:
    """Return *text* in a form that octoDNS keeps as it is (it unquotes and joins)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def unpack(value: str) -> str:
    """Return the text of a value made by ``pack``."""
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)


#: Our own subclasses quote and unquote themselves.
OURS = Form(pack, unpack)
#: octoDNS' own form; sound for text without quotation marks and backslashes.
THEIRS = Form(
    lambda text: text.replace(";", "\\;"), lambda value: value.replace("\\;", ";")
)
