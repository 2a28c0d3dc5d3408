"""How many look-ups an SPF record takes: RFC 7208, 4.6.4 allows ten."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_COSTS: Final = re.compile(r"^[+?~-]?(include|a|mx|ptr|exists)([:/].*)?$")
_STOP: Final = 20


def spf(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of *texts* that are SPF records (RFC 7208, 4.5)."""
    return tuple(
        t for t in texts if t.lower() == "v=spf1" or t.lower()[:7] == "v=spf1 "
    )


def lookups(record: str, read: Callable[[str], tuple[str, ...]]) -> int:
    """
    Return how many look-ups *record* takes, with all it includes.

    *read* returns the texts at a name; where a name has no one SPF record, it adds
    nothing. Counting ends at twenty: it is too many long before.
    """
    return _counted(record, read, 0, frozenset())


def _counted(
    record: str,
    read: Callable[[str], tuple[str, ...]],
    count: int,
    above: frozenset[str],
) -> int:
    for word in record.lower().split()[1:]:
        if count >= _STOP:
            break
        target = ""
        if word.startswith("redirect="):
            target = word.removeprefix("redirect=")
        elif (found := _COSTS.match(word)) is not None:
            if found[1] == "include":
                target = (found[2] or "").removeprefix(":")
        else:
            continue
        count += 1
        if target and target not in above and "%" not in target:
            inner = spf(read(target))
            if len(inner) == 1:
                count = _counted(inner[0], read, count, above | {target})
    return count
