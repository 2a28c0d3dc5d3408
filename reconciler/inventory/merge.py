"""How partial specs and shared records come together; on plain data, pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

RecordKey = tuple[str, str]


def record_key(item: Any) -> RecordKey | None:
    """Return the name and type that identify a record; None if it has none."""
    if not isinstance(item, dict):
        return None
    name, rtype = item.get("name"), item.get("type")
    if isinstance(name, str) and isinstance(rtype, str):
        return name.lower(), rtype
    return None


def record_step(item: Any) -> str | None:
    """Return a record's name and type as paths write them: ``www/A``."""
    key = record_key(item)
    return f"{key[0]}/{key[1]}" if key else None


def deploy_step(item: Any) -> str | None:
    """Return the target that identifies a place of deployment."""
    target = item.get("target") if isinstance(item, dict) else None
    return target if isinstance(target, str) else None


#: Lists whose items have an identity; every other list is replaced as a whole.
KEYED: Mapping[str, Callable[[Any], str | None]] = {
    "records": record_step,
    "deploy": deploy_step,
}


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
        return with_items(high, low, KEYED[key])
    return high


def with_items(
    own: list[Any], added: Iterable[Any], step: Callable[[Any], str | None]
) -> list[Any]:
    """Return *own* and those items of *added* that it does not override."""
    taken = {step(item) for item in own}
    return [*own, *(item for item in added if step(item) not in taken)]


def with_records(own: list[Any], added: Iterable[Any]) -> list[Any]:
    """Return *own* and those records of *added* that it does not override."""
    return with_items(own, added, record_step)
