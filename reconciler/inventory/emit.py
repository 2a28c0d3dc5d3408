"""Plain data to YAML text, in the one style in which this project writes it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.inventory.scalars import Unsure, plain

WIDTH = 88
#: Words that are text here and in YAML 1.2, and something else to older readers.
_OLD_WORDS = frozenset(
    ("y", "n", "yes", "no", "on", "off", "=", "<<", "null", "true", "false")
)
#: What may stand without quotes anywhere, also in a flow mapping; and what looks
#: like a date or a base-60 number to older readers.
_PLAIN = re.compile(
    r"[A-Za-z0-9_./$](?:[A-Za-z0-9_./$;=+~@*!()^-]|:(?=[A-Za-z0-9/._:-])| (?=[^ #:]))*"
)
_OLD_NUMBER = re.compile(r"[0-9]+(?::[0-9]+)+(?:\.[0-9]*)?|[0-9_]+|[0-9]{4}-[0-9]+-.*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def scalar(value: Any, like: str | None = None) -> str:
    """
    Return a scalar as it is written in one line.

    Args:
        value: Text, a number, a truth value or None.
        like: The style it shall keep where it can: ``'``, ``"`` or neither.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    if like == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if like != '"' and _is_plain(value):
        return value
    if like is None and '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    return '"' + "".join(map(_escaped, value)) + '"'


def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or text.endswith(" ") or text.lower() in _OLD_WORDS:
        return False
    if _OLD_NUMBER.fullmatch(text):
        return False
    try:
        return plain(text) == text
    except Unsure:
        return False


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code <= 0xFF:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def flow(value: Any) -> str:
    """Return *value* in one line."""
    if isinstance(value, Mapping):
        pairs = (f"{scalar(key)}: {flow(below)}" for key, below in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def entry(key: str, value: Any, indent: int = 0) -> Iterator[str]:
    """
    Yield the lines of ``key: value``.

    In one line where it fits and holds no list of mappings, else one line for each
    of its parts; an item of a list always has one line.
    """
    margin = " " * indent
    line = f"{margin}{scalar(key)}: {flow(value)}"
    long = len(line) > WIDTH or _has_rows(value)
    if long and isinstance(value, Mapping) and value:
        yield f"{margin}{scalar(key)}:"
        for name, below in value.items():
            yield from entry(name, below, indent + 2)
    elif long and isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield f"{margin}{scalar(key)}:"
        for item in value:
            yield f"{margin}  - {flow(item)}"
    else:
        yield line


def _has_rows(value: Any) -> bool:
    """Whether there is a list of mappings anywhere in *value*."""
    if isinstance(value, Mapping):
        return any(map(_has_rows, value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(isinstance(item, Mapping) for item in value)
    return False
