"""Plain data as YAML that this project reads back as the same data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.inventory.merge import KEYED
from reconciler.inventory.node import Path
from reconciler.inventory.scalars import Unsure, plain

_INDENT = "  "
#: Longer flow lists are written one item a line.
_WIDE = 96
#: Words that are text here and in YAML 1.2, and something else to older readers.
_OLD_WORDS = frozenset(
    ("y", "n", "yes", "no", "on", "off", "=", "<<", "null", "true", "false")
)
#: What may stand without quotes anywhere, also in a flow mapping; and what looks
#: like a date or a base-60 number to older readers.
_BARE = re.compile(
    r"[A-Za-z0-9_./$+]"
    r"(?:[A-Za-z0-9_./$;=+~@*!()^-]|:(?=[A-Za-z0-9/._:-])| (?=[^ #:]))*"
)
_OLD_NUMBER = re.compile(r"[0-9]+(?::[0-9]+)+(?:\.[0-9]*)?|[0-9_]+|[0-9]{4}-[0-9]+-.*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


class Line(NamedTuple):
    """One line of YAML, and the path of the value that it begins or holds."""

    text: str
    path: Path


def entry(
    address: str, metadata: Mapping[str, Any], spec: Mapping[str, Any]
) -> Iterator[Line]:
    """Yield the short form of one resource: ``Kind/name:`` and its fields."""
    kept = {key: metadata[key] for key in _METADATA if metadata.get(key)}
    if not kept and not spec:
        yield Line(f"{scalar(address)}: {{}}", ())
        return
    yield Line(f"{scalar(address)}:", ())
    yield from _mapping(kept, _INDENT, ("metadata",))
    yield from _mapping(_ordered(spec), _INDENT, ("spec",))


_METADATA = ("labels", "uid", "protected", "movedFrom")


def block(key: str, value: Any, column: int = 0) -> list[str]:
    """Return the lines of ``key: value`` in a mapping that begins at *column*."""
    return [line.text for line in _mapping({key: value}, " " * column, ())]


def _ordered(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return *spec* with what is short first."""
    return dict(sorted(spec.items(), key=lambda pair: isinstance(pair[1], dict)))


def _mapping(data: Mapping[str, Any], margin: str, path: Path) -> Iterator[Line]:
    for name, value in data.items():
        head = f"{margin}{scalar(name)}:"
        below = (*path, name)
        one_line = f"{head} {flow(value)}"
        if isinstance(value, dict) and value and not _short(value, one_line):
            yield Line(head, below)
            yield from _mapping(value, margin + _INDENT, below)
        elif isinstance(value, list) and value and not _short(value, one_line):
            yield Line(head, below)
            yield from _items(value, margin + _INDENT, below, name)
        else:
            yield Line(one_line, below)


def _short(value: Any, one_line: str) -> bool:
    """Say whether *value* reads well on one line: nothing in it has parts."""
    items = value.values() if isinstance(value, dict) else value
    nested = any(isinstance(each, (dict, list)) and each for each in items)
    return not nested and len(one_line) <= _WIDE


def _items(data: list[Any], margin: str, path: Path, key: str) -> Iterator[Line]:
    for number, value in enumerate(data):
        step = KEYED[key](value) if key in KEYED else None
        yield Line(f"{margin}- {flow(value)}", (*path, step or number))


def flow(value: Any) -> str:
    """Return *value* on one line."""
    if isinstance(value, Mapping):
        pairs = (f"{scalar(key)}: {flow(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    return scalar(value)


def scalar(value: Any, like: str | None = None) -> str:
    """
    Return a scalar on one line, quoted where it could be read as something else.

    *like* is the style that it keeps where it can: ``'``, ``"``, or neither.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    if like == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if like != '"' and _is_bare(value):
        return value
    if like is None and '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    return '"' + "".join(map(_escaped, value)) + '"'


def _is_bare(text: str) -> bool:
    if not _BARE.fullmatch(text) or text.endswith(" ") or text.lower() in _OLD_WORDS:
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
