"""``dns.include``: the records of RecordSets become a domain's own. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from reconciler.inventory.merge import RecordKey, record_key, with_records

#: The kind that includes, and the kind that is included.
USER, SNIPPET = "Domain", "RecordSet"


class Snippet(NamedTuple):
    """The records of one RecordSet, and the digest of its content."""

    name: str
    records: list[Any]
    digest: str


class Clash(NamedTuple):
    """Two snippets that bring the same record."""

    key: RecordKey
    first: str
    second: str


class Expanded(NamedTuple):
    """A spec with its included records, and which snippets they came from."""

    spec: Any
    used: tuple[Snippet, ...]
    clashes: tuple[Clash, ...]


def wanted(kind: str, spec: Any) -> list[str]:
    """Return the names of the snippets that *spec* includes, each once."""
    dns = spec.get("dns") if kind == USER and isinstance(spec, dict) else None
    names = dns.get("include") if isinstance(dns, dict) else None
    if not isinstance(names, list):
        return []
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))


def expanded(kind: str, spec: Any, find: Callable[[str], Snippet | None]) -> Expanded:
    """
    Return *spec* with the records it includes; its own win over included ones.

    A snippet that is not there is left out: the reference to it is refused later.
    """
    found = [snippet for name in wanted(kind, spec) if (snippet := find(name))]
    own = spec["dns"].get("records", []) if found else []
    if not found or not isinstance(own, list):
        return Expanded(spec, (), ())
    mine = {record_key(item) for item in own}
    owner: dict[RecordKey, str] = {}
    clashes: list[Clash] = []
    for snippet in found:
        for item in snippet.records:
            key = record_key(item)
            if key is None or key in mine:
                continue
            if owner.setdefault(key, snippet.name) != snippet.name:
                clashes.append(Clash(key, owner[key], snippet.name))
    records = own
    for snippet in found:
        records = with_records(records, snippet.records)
    dns = {**spec["dns"], "records": records}
    return Expanded({**spec, "dns": dns}, tuple(found), tuple(clashes))
