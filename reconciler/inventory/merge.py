"""How partial specs and shared records come together; on plain data, pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

RecordKey = tuple[str, str]

#: Lists whose items have an identity; every other list is replaced as a whole.
KEYED = frozenset(("records",))


def record_key(item: Any) -> RecordKey | None:
    """Return the name and type that identify a record; None if it has none."""
    if not isinstance(item, dict):
        return None
    name, rtype = item.get("name"), item.get("type")
    if isinstance(name, str) and isinstance(rtype, str):
        return name.lower(), rtype
    return None


def merged(low: Any, high: Any, key: str = "") -> Any:
    """
    Return *high* with what only *low* has.

    Maps merge, lists replace, except those in KEYED: there items of *low* are added
    whose identity *high* does not have. Neither argument is changed.
    """
    if isinstance(low, dict) and isinstance(high, dict):
        both = {
            name: merged(low[name], high[name], name) for name in low if name in high
        }
        return {**low, **high, **both}
    if key in KEYED and isinstance(low, list) and isinstance(high, list):
        return with_records(high, low)
    return high


def with_records(own: list[Any], added: Iterable[Any]) -> list[Any]:
    """Return *own* and those records of *added* that it does not override."""
    taken = {record_key(item) for item in own}
    return [*own, *(item for item in added if record_key(item) not in taken)]
