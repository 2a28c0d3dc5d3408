"""
What is wrong with hosting accounts together, which no single document shows.

Two documents that mean one account would each have their own plan for it, and undo what
the other did for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.inventory.complaint import Complaint
from reconciler.inventory.loaded import Loaded
from reconciler.inventory.rows import target
from reconciler.inventory.shared import ACCOUNT

#: Provider, what is shared (``account`` or ``domain``), and its value.
Key = tuple[str, str, str]


def complaints(loaded: Loaded) -> Iterator[Complaint]:
    """Yield the accounts that another document is about as well."""
    owners: dict[Key, int] = {}
    for row, kind in enumerate(loaded.index.kinds):
        if kind != ACCOUNT:
            continue
        name = loaded.index.names[row]
        for key in _keys(name, loaded.spec(row)):
            first = owners.setdefault(key, row)
            if loaded.index.names[first] != name:
                yield _twice(loaded, first, row, key)
                break


def _keys(name: str, spec: Mapping[str, Any]) -> Iterator[Key]:
    """Yield by what an account is found on its server."""
    provider = str(spec.get("provider"))
    if spec.get("account"):
        yield provider, "account", str(spec["account"])
    yield provider, "domain", target(str(spec.get("domain") or name)).lower()


def _twice(loaded: Loaded, first: int, row: int, key: Key) -> Complaint:
    refs = loaded.index.refs
    provider, what, value = key
    said = (
        f"{refs[row]}: {refs[first]} is about the {what} {value} on {provider} "
        f"already, at {loaded.location(first)}"
    )
    at = loaded.locate(refs[row], f"spec.{what}")
    return Complaint("E170", at or loaded.location(row), said)
