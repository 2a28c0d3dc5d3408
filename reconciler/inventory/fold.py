"""
The way back: primitives become Sites where the expansion is equal. Pure.

Nothing is guessed: a Site is only given for documents that it makes again, all of
them and exactly (the items of a keyed list in any order). What does not fit stays as
it was, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.inventory.compose import Composed, Site, composed
from reconciler.inventory.parts import FILLS, PROFILE, Parts, parts_of
from reconciler.inventory.propose import (
    Documents,
    by_name,
    difference,
    proposed,
    same,
    texts,
)
from reconciler.inventory.tokens import quoted, uses
from reconciler.model import Ref

_SITE_FIELDS = ("registrar", "account", "plan", "since", "price")
#: More fields than this share of the documents in ``with``: a Site says nothing.
_MOST = 0.5


class Folded(NamedTuple):
    """
    Sites in place of documents.

    Attributes:
        sites: Name -> spec of each Site.
        profiles: SiteProfiles that were not given and that the sites use.
        left: What stays as it is, each with the reason.
    """

    sites: Mapping[str, dict[str, Any]]
    profiles: Mapping[str, dict[str, Any]]
    left: Mapping[Ref, str]


class Server(NamedTuple):
    """A Provider that sites are served from, and its addresses by token."""

    name: str
    addresses: Mapping[str, str]


def fold(
    documents: Documents,
    profiles: Mapping[str, Mapping[str, Any]],
    *,
    customer: str,
    servers: Mapping[str, Mapping[str, str]] | None = None,
    parts: Parts | None = None,
) -> Folded:
    """
    Return the Sites whose expansion is equal to *documents*, and what is left.

    Args:
        documents: The specs of primitives by address, without their folder's
            defaults; those of one name can become one Site.
        profiles: The SiteProfiles there are: name -> kind -> partial spec. Where they
            do not fit, profiles are proposed for three sites and more that are alike.
        customer: The customer that the sites are of.
        servers: Provider -> its ``ipv4`` and ``ipv6``, for the tokens of that name.
        parts: What the kinds have (see ``parts_of``); by default those there are.

    Sites have no labels: the documents they make carry ``site``, ``customer`` and
    ``profile``, which the given ones need not have.
    """
    found = _Folding(customer, servers or {}, parts or _every_part())
    sites: dict[str, dict[str, Any]] = {}
    groups = by_name(documents)
    for name, group in groups.items():
        site = found.best(name, group, profiles)
        if site is not None:
            sites[name] = site
    loose = {name: group for name, group in groups.items() if name not in sites}
    fresh = proposed(loose, found.addresses, taken=frozenset(profiles))
    used: dict[str, dict[str, Any]] = {}
    left: dict[Ref, str] = {}
    for name, group in loose.items():
        site = found.best(name, group, fresh)
        if site is None:
            why = found.reason(name, group, {**profiles, **fresh})
            left |= {Ref(kind, name): why for kind in group}
            continue
        sites[name] = site
        used[site["profile"]] = fresh[site["profile"]]
    return Folded(dict(sorted(sites.items())), used, left)


def _every_part() -> Parts:
    from reconciler.kinds import kinds  # noqa: PLC0415  (slow to import)

    return parts_of(kinds())


Group = Mapping[str, Mapping[str, Any]]


class _Folding:
    """What all documents of one ``fold`` share."""

    def __init__(
        self, customer: str, servers: Mapping[str, Mapping[str, str]], parts: Parts
    ) -> None:
        self.customer = customer
        self.addresses = servers
        self.parts = parts

    def best(
        self, name: str, group: Group, profiles: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any] | None:
        """Return the shortest Site that makes *group* again, None if none does."""
        found = [
            (_size(site), profile, site)
            for profile, parts in profiles.items()
            for site in self._tries(name, group, profile, parts)
        ]
        if not found:
            return None
        most = _MOST * sum(map(_size, group.values()))
        size, _, site = min(found, key=lambda each: each[:2])
        return site if _size(site.get("with", {})) <= most or size <= 1 else None

    def _tries(
        self, name: str, group: Group, profile: str, parts: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        if set(group) <= set(parts):
            for server in self._servers(group, parts):
                site = self._site(name, group, profile, parts, server)
                if site is not None:
                    yield site

    def _servers(self, group: Group, parts: Mapping[str, Any]) -> Iterable[str | None]:
        """Return the servers the site may have, the likely one first."""
        if account := group.get("HostingAccount", {}).get("provider"):
            return (account,)
        needed = [word for word in ("ipv4", "ipv6", "server") if uses(parts, word)]
        if not needed:
            return (None,)
        told = texts(group)
        return sorted(
            name
            for name, addresses in self.addresses.items()
            if all(addresses.get(word, name) in told for word in needed)
        )

    def _site(
        self,
        name: str,
        group: Group,
        profile: str,
        parts: Mapping[str, Any],
        server: str | None,
    ) -> dict[str, Any] | None:
        spec: dict[str, Any] = {"profile": profile, "customer": self.customer}
        if server is not None:
            spec["server"] = server
        spec |= dict(_fields(group))
        if without := sorted(set(parts) - set(group)):
            spec["without"] = without
        spec = self._needed(name, parts, spec)
        made = self._made(name, parts, spec)
        over: dict[str, Any] = {}
        for primitive in made.primitives:
            wanted = group.get(primitive.kind)
            if wanted is None or primitive.name != name:
                return None
            more = difference(primitive.spec, wanted)
            if more is None:
                return None
            if more:
                over[primitive.kind] = quoted(more)
        if over:
            spec["with"] = over
        made = self._made(name, parts, spec)
        back = {each.kind: each.spec for each in made.primitives}
        equal = not made.flaws and set(back) == set(group)
        equal = equal and all(same(back[kind], group[kind]) for kind in group)
        return spec if equal else None

    def _needed(
        self, name: str, parts: Mapping[str, Any], spec: dict[str, Any]
    ) -> dict[str, Any]:
        """Return *spec* without the fields that change nothing."""
        whole = self._made(name, parts, spec).primitives
        for field in _SITE_FIELDS:
            if field in spec:
                less = {key: value for key, value in spec.items() if key != field}
                made = self._made(name, parts, less)
                if made.primitives == whole and not made.flaws:
                    spec = less
        return spec

    def _made(
        self, name: str, parts: Mapping[str, Any], spec: Mapping[str, Any]
    ) -> Composed:
        addresses = self.addresses.get(str(spec.get("server")), {})
        return composed(Site(name, {}, spec, parts, addresses), self.parts)

    def reason(
        self, name: str, group: Group, profiles: Mapping[str, Mapping[str, Any]]
    ) -> str:
        """Say why no profile makes *group*."""
        if "." not in name:
            return "its name is no domain name"
        fitting = [each for each, parts in profiles.items() if set(group) <= set(parts)]
        if not fitting:
            return f"no {PROFILE} has {' and '.join(sorted(group))}"
        near = fitting[0]
        return (
            f"it differs from {PROFILE}/{near} in more than a Site says shortly, "
            "and fewer than three documents are like it"
        )


def _fields(group: Group) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a Site that its parts hold."""
    for kind, spec in group.items():
        for field, source in FILLS.get(kind, ()):
            if source in _SITE_FIELDS and spec.get(field) is not None:
                yield source, spec[field]


def _size(data: Any) -> int:
    """Return how many values *data* holds."""
    if isinstance(data, Mapping):
        return sum(map(_size, data.values()))
    return sum(map(_size, data)) if isinstance(data, (list, tuple)) else 1
