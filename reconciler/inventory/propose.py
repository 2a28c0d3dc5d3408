"""Profiles nobody wrote yet: what three documents or more have in common. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.inventory.merge import KEYED
from reconciler.inventory.rows import canonical
from reconciler.inventory.tokens import quoted
from reconciler.model import Ref

Documents = Mapping[Ref, Mapping[str, Any]]
Groups = Mapping[str, Mapping[str, Mapping[str, Any]]]
#: So many must be alike before a profile is worth its name.
_ALIKE = 3
_ADDRESSES = ("A", "AAAA")


def by_name(documents: Documents) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return the documents of each name, by kind."""
    found: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for ref in sorted(documents):
        found[ref.name][ref.kind] = documents[ref]
    return dict(found)


def proposed(
    groups: Groups,
    servers: Mapping[str, Mapping[str, str]],
    *,
    taken: frozenset[str],
) -> dict[str, dict[str, Any]]:
    """
    Return profiles for the *groups* that are alike, by a name not *taken*.

    First for those that are equal once tokens are put in, then, of the rest, for
    those that differ in the addresses they lead to alone.
    """
    found: dict[str, dict[str, Any]] = {}
    rest = {
        name: _templates(name, group, servers)
        for name, group in groups.items()
        if "." in name
    }
    for loosen in (False, True):
        alike: dict[str, list[str]] = defaultdict(list)
        for name, parts in rest.items():
            alike[canonical(_key(parts, loosen=loosen))].append(name)
        for names in sorted(alike.values(), key=lambda each: (-len(each), each)):
            if len(names) >= _ALIKE:
                profile = _profile([rest[name] for name in names], loosen=loosen)
                found[_title(profile, {*taken, *found})] = profile
                rest = {k: v for k, v in rest.items() if k not in names}
    return found


def _templates(
    name: str,
    group: Mapping[str, Mapping[str, Any]],
    servers: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Return the parts of a profile that would make *group*, tokens put in."""
    told = texts(group)
    likely = min(
        servers, key=lambda each: (-_told(servers[each], told), each), default=""
    )
    words = {value: f"${word}" for word, value in servers.get(likely, {}).items()}
    own = re.compile(rf"(?<![A-Za-z0-9_-]){re.escape(name)}(?![A-Za-z0-9_-])")
    return {
        kind: _templated(quoted(_plain(spec)), own, words)
        for kind, spec in sorted(group.items())
    }


def _told(addresses: Mapping[str, str], told: set[str]) -> int:
    return sum(value in told for value in addresses.values())


def texts(data: Any) -> set[str]:
    """Return every text in *data*."""
    if isinstance(data, str):
        return {data}
    rows = data.values() if isinstance(data, Mapping) else data
    if not isinstance(rows, Iterable):
        return set()
    return {text for each in rows for text in texts(each)}


def _templated(data: Any, own: re.Pattern[str], words: Mapping[str, str]) -> Any:
    if isinstance(data, str):
        return words.get(data) or own.sub("$domain", data)
    if isinstance(data, dict):
        return {key: _templated(value, own, words) for key, value in data.items()}
    if isinstance(data, list):
        return [_templated(each, own, words) for each in data]
    return data


def _plain(data: Any) -> Any:
    """Return *data* as the maps and lists that YAML has."""
    if isinstance(data, Mapping):
        return {key: _plain(value) for key, value in data.items()}
    return [_plain(x) for x in data] if isinstance(data, (list, tuple)) else data


def _key(parts: Mapping[str, Any], *, loosen: bool) -> Any:
    """Return what must be equal: all but the registrar and, *loosened*, addresses."""
    found = {kind: dict(spec) for kind, spec in parts.items()}
    domain = found.get("Domain", {})
    domain.pop("provider", None)
    if loosen and isinstance(domain.get("dns"), dict):
        domain["dns"] = _without_addresses(domain["dns"])
    return {kind: _sorted(spec) for kind, spec in found.items()}


def _without_addresses(dns: Mapping[str, Any]) -> dict[str, Any]:
    records = [
        each
        for each in dns.get("records") or ()
        if each.get("type") not in _ADDRESSES or "$" in str(each)
    ]
    return {**dns, "records": records}


def _profile(alike: list[dict[str, Any]], *, loosen: bool) -> dict[str, Any]:
    """Return the parts that *alike* share; the registrar only if it is one."""
    found = {kind: dict(spec) for kind, spec in alike[0].items()}
    domain = found.get("Domain", {})
    if len({str(each.get("Domain", {}).get("provider")) for each in alike}) > 1:
        domain.pop("provider", None)
    if loosen and isinstance(domain.get("dns"), dict):
        domain["dns"] = _without_addresses(domain["dns"])
    return found


def _title(profile: Mapping[str, Any], taken: Iterable[str]) -> str:
    """Return a name that says what the sites have; people find a better one."""
    dns = profile.get("Domain", {}).get("dns") or {}
    include = dns.get("include") if isinstance(dns, dict) else None
    words = [kind.lower() for kind in profile if kind != "Domain"]
    words += [str(each) for each in include or ()]
    base = re.sub(r"[^a-z0-9-]", "-", "-".join(["site", *words]).lower())[:60]
    known = set(taken)
    number = 1
    while (name := base if number == 1 else f"{base}-{number}") in known:
        number += 1
    return name


def same(one: Any, other: Any) -> bool:
    """Say whether two specs are equal, keyed lists in any order."""
    return canonical(_sorted(_plain(one))) == canonical(_sorted(_plain(other)))


def _sorted(data: Any, key: str = "") -> Any:
    if isinstance(data, dict):
        return {name: _sorted(value, name) for name, value in data.items()}
    if isinstance(data, list):
        rows = [_sorted(each) for each in data]
        return sorted(rows, key=canonical) if key in KEYED else rows
    return data


def difference(made: Any, wanted: Any) -> dict[str, Any] | None:
    """
    Return what laid over *made* gives *wanted*; None if nothing does.

    Maps and keyed lists can be added to and not taken from.
    """
    found: dict[str, Any] = {}
    if not set(made) <= set(wanted):
        return None
    for key, value in wanted.items():
        if key not in made:
            found[key] = _plain(value)
        elif same({key: made[key]}, {key: value}):
            continue
        elif isinstance(value, Mapping) and isinstance(made[key], Mapping):
            below = difference(made[key], value)
            if below is None:
                return None
            found[key] = below
        elif key in KEYED and _lists(made[key], value):
            items = _items(made[key], value, key)
            if items is None:
                return None
            found[key] = items
        else:
            found[key] = _plain(value)
    return found


def _lists(one: Any, other: Any) -> bool:
    return isinstance(one, (list, tuple)) and isinstance(other, (list, tuple))


def _items(made: Iterable[Any], wanted: Iterable[Any], key: str) -> list[Any] | None:
    step = KEYED[key]
    have = {step(item): item for item in made}
    want = {step(item): item for item in wanted}
    if None in want or not set(have) <= set(want):
        return None
    return [_plain(w) for k, w in want.items() if not same(have.get(k, 0), w)]
