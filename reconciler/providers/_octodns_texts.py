"""
TXT values beside those that a zone has: put there and taken away again, in one change.

What is declared stays as it is: values are added to a record set, or taken from it, and
a record set goes with its last value alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

Values = Mapping[str, frozenset[str]]
Row = tuple[str, ...]
#: In seconds: as short as every vendor takes.
TTL: Final = "60"


class Written(NamedTuple):
    """
    What came of it, by whole name; what is in neither was written.

    Attributes:
        aliases: Names that lead elsewhere, and where: nothing is written at them.
        refused: Names that cannot be written, and why.
    """

    aliases: Mapping[str, str]
    refused: Mapping[str, str]


class Merged(NamedTuple):
    """What is left to write: ``name/TYPE`` -> its row, None removes it."""

    todo: Mapping[str, Row | None]
    written: Written


def merged(
    zone: str,
    live: Mapping[str, Row],
    add: Values,
    drop: Values,
    refuses: Callable[[str, Row], str | None],
) -> Merged:
    """Return what makes *live* have the values of *add* and not those of *drop*."""
    todo: dict[str, Row | None] = {}
    aliases: dict[str, str] = {}
    refused: dict[str, str] = {}
    for name in sorted({*add, *drop}):
        host = name.removesuffix(f".{zone}")
        if alias := live.get(f"{host}/CNAME"):
            aliases[name] = alias[1].removesuffix(".").lower()
        elif below := _delegated(host, live):
            refused[name] = f"{below}.{zone} is delegated away: declare it as a Domain"
        else:
            key = f"{host}/TXT"
            row = _row(live.get(key), add.get(name), drop.get(name))
            if row == live.get(key):
                continue
            if row is not None and (why := refuses(key, row)):
                refused[name] = why
            else:
                todo[key] = row
    return Merged(todo, Written(aliases, refused))


def _row(
    old: Row | None, add: frozenset[str] | None, drop: frozenset[str] | None
) -> Row | None:
    ttl, values = (old[0], set(old[1:])) if old else (TTL, set[str]())
    values = (values - (drop or frozenset())) | (add or frozenset())
    return (ttl, *sorted(values)) if values else None


def _delegated(host: str, live: Mapping[str, Row]) -> str | None:
    """Return the part of the zone that *host* is in and others serve, if so."""
    labels = host.split(".")
    above = (".".join(labels[start:]) for start in range(len(labels)))
    return next((name for name in above if f"{name}/NS" in live), None)
