"""Plain data as YAML that this project reads back as the same data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.inventory.merge import KEYED
from reconciler.inventory.node import Path
from reconciler.inventory.scalars import Unsure, plain

_INDENT = "  "
#: Longer flow lists are written one item a line.
_WIDE = 96
_BARE = re.compile(r"[A-Za-z0-9_./$*+@-][A-Za-z0-9_./$*+@ =~-]*(?<! )", re.ASCII)
_FIRST = re.compile(r"[A-Za-z0-9_./$+]")


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
    yield from _mapping(kept, 1, ("metadata",))
    yield from _mapping(_ordered(spec), 1, ("spec",))


_METADATA = ("labels", "uid", "protected", "movedFrom")


def _ordered(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return *spec* with what is short first."""
    return dict(sorted(spec.items(), key=lambda pair: isinstance(pair[1], dict)))


def _mapping(data: Mapping[str, Any], depth: int, path: Path) -> Iterator[Line]:
    for name, value in data.items():
        head = f"{_INDENT * depth}{scalar(name)}:"
        below = (*path, name)
        one_line = f"{head} {flow(value)}"
        if isinstance(value, dict) and value and not _short(value, one_line):
            yield Line(head, below)
            yield from _mapping(value, depth + 1, below)
        elif isinstance(value, list) and value and not _short(value, one_line):
            yield Line(head, below)
            yield from _items(value, depth + 1, below, name)
        else:
            yield Line(one_line, below)


def _short(value: Any, one_line: str) -> bool:
    """Say whether *value* reads well on one line: nothing in it has parts."""
    items = value.values() if isinstance(value, dict) else value
    nested = any(isinstance(each, (dict, list)) and each for each in items)
    return not nested and len(one_line) <= _WIDE


def _items(data: list[Any], depth: int, path: Path, key: str) -> Iterator[Line]:
    for number, value in enumerate(data):
        step = KEYED[key](value) if key in KEYED else None
        yield Line(f"{_INDENT * depth}- {flow(value)}", (*path, step or number))


def flow(value: Any) -> str:
    """Return *value* on one line."""
    if isinstance(value, Mapping):
        pairs = (f"{scalar(key)}: {flow(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    return scalar(value)


def scalar(value: Any) -> str:
    """Return a scalar, quoted where it could be read as something else."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return json.dumps(value)
    if _BARE.fullmatch(value) and _FIRST.match(value) and _is_text(value):
        return value
    return f'"{"".join(map(_escaped, value))}"'


def _is_text(value: str) -> bool:
    try:
        return plain(value) == value
    except Unsure:
        return False


def _escaped(char: str) -> str:
    """Return *char* inside double quotes (YAML 1.2.2, section 5.7)."""
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    return f"\\U{ord(char):08x}" if ord(char) > _BASIC else f"\\u{ord(char):04x}"


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
#: The last character that four hexadecimal digits can name.
_BASIC = 0xFFFF
