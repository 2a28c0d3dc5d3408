"""
One Site and its SiteProfile become what they stand for: plain data, pure.

A part is there if and only if the profile names it. From weak to strong, a field of
it comes from the folder's defaults, from the other parts of the site (``Backup.of``),
from the profile, from a field of the site, from the site's ``with``. What comes out
is what an engineer could have written in the long form; the defaults are put under it
afterwards, as they are under everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.inventory.complaint import did_you_mean
from reconciler.inventory.merge import merged
from reconciler.inventory.node import Path
from reconciler.inventory.parts import COVERED, FILLS, LABELS, OWN, PROFILE, Part, Parts
from reconciler.inventory.rows import target
from reconciler.inventory.tokens import TOKENS, put, uses

#: What is only looked at is installed nowhere.
_DEPLOY = "deploy"
_NAMES = "names"
_UID = "uid"
_ACCOUNT = "HostingAccount"


class Site(NamedTuple):
    """
    What one Site says, with the defaults of its folder, and what it needs.

    Attributes:
        name: In its stored form (A-labels).
        profile: The parts of its SiteProfile: kind -> partial spec.
        addresses: ``ipv4`` and ``ipv6`` of its server, as far as there are any.
    """

    name: str
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    profile: Mapping[str, Any]
    addresses: Mapping[str, str]


class Primitive(NamedTuple):
    """One thing that a Site makes; *spec* is without defaults and includes."""

    kind: str
    name: str
    metadata: dict[str, Any]
    spec: dict[str, Any]


class Flaw(NamedTuple):
    """
    Why a Site cannot be expanded.

    Attributes:
        owner: Whose field it is: ``Site`` or ``SiteProfile``.
        path: Below the owner's spec; below its metadata for a label.
        part: The kind that cannot be made; empty where everything can.
    """

    code: str
    owner: str
    path: Path
    text: str
    hint: str
    part: str = ""


class Composed(NamedTuple):
    """What a Site makes; with a flaw it may be checked, and not be used."""

    primitives: tuple[Primitive, ...]
    flaws: tuple[Flaw, ...]


Defaulted = Callable[[str, str], bool]


def composed(
    site: Site, parts: Parts, defaulted: Defaulted = lambda _kind, _field: False
) -> Composed:
    """
    Return everything *site* makes, in the order of kinds, its own name first.

    Args:
        site: The Site.
        parts: What the kinds have and need.
        defaulted: Whether a folder's defaults give a kind a field.
    """
    flaws = [*_labels(site), *_strangers(site)]
    kinds = _kinds(site)
    made: list[Primitive] = []
    for kind in kinds:
        part = parts(kind)
        names = _domains(site) if kind == "Domain" else (site.name,)
        for name in names:
            spec = _spec(site, kind, name, kinds, parts, flaws)
            made.append(Primitive(kind, name, _metadata(site, kind, name), spec))
        flaws += _lacking(site, made[-1], part, defaulted)
    return Composed(tuple(made), tuple(dict.fromkeys(flaws)))


def tokens(site: Site, domain: str) -> dict[str, str]:
    """Return the value of every token that has one, for *domain* of the site."""
    found = {"site": site.name, "domain": domain}
    for word in TOKENS:
        value = site.addresses.get(word) or site.spec.get(word)
        if word not in found and isinstance(value, str) and value:
            found[word] = value
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _kinds(site: Site) -> list[str]:
    without = site.spec.get("without") or ()
    return sorted(kind for kind in site.profile if kind not in without)


def _aliases(site: Site) -> list[str]:
    return [target(str(alias)).lower() for alias in site.spec.get("aliases") or ()]


def _domains(site: Site) -> tuple[str, ...]:
    return (site.name, *_aliases(site))


def _metadata(site: Site, kind: str, name: str) -> dict[str, Any]:
    given = {
        "site": site.name,
        "customer": site.spec.get("customer"),
        "profile": site.spec.get("profile"),
    }
    labels = {**_mapping(site.metadata.get("labels")), **given}
    found: dict[str, Any] = {"name": name, "labels": labels}
    if site.metadata.get("protected"):
        found["protected"] = site.metadata["protected"]
    if name == site.name:
        kept = ("uid", "movedFrom")
        found |= {key: site.metadata[key] for key in kept if site.metadata.get(key)}
        if uid := _said_by_site(site, kind).get(_UID):
            found[_UID] = uid  # it was a document of its own, under another name
    return found


def _said_by_site(site: Site, kind: str) -> Mapping[str, Any]:
    return _mapping(_mapping(site.spec.get("with")).get(kind))


def _spec(
    site: Site,
    kind: str,
    name: str,
    kinds: list[str],
    parts: Parts,
    flaws: list[Flaw],
) -> dict[str, Any]:
    part = parts(kind)
    low = dict(_own(site, kind, kinds, parts))
    base = _put(site, kind, name, (PROFILE, (kind,)), site.profile[kind], flaws)
    spec = merged(low, base)
    spec = merged(spec, dict(_filled(site, kind, part)))
    own = {k: v for k, v in _said_by_site(site, kind).items() if k != _UID}
    if own:
        over = _put(site, kind, name, ("Site", ("with", kind)), own, flaws)
        spec = merged(spec, over)
    found: dict[str, Any] = spec
    if kind == "Certificate" and found.get("mode") == "observe" and _DEPLOY in low:
        written = {**_mapping(base), **own}
        return {k: v for k, v in found.items() if k != _DEPLOY or k in written}
    return found


def _put(
    site: Site,
    kind: str,
    name: str,
    where: tuple[str, Path],
    data: Any,
    flaws: list[Flaw],
) -> dict[str, Any]:
    """Return a partial spec with its tokens replaced, for one of the names."""
    owner, path = where
    data = dict(_mapping(data))
    left: list[Any] = []
    found: dict[str, Any] = put(data, tokens(site, name), path, left)
    if kind == "Certificate" and isinstance(data.get(_NAMES), list):
        found[_NAMES] = list(_names(site, data[_NAMES], path))
    flaws += [Flaw(o.code, owner, o.path, o.text, o.hint, kind) for o in left]
    return found


def _names(site: Site, names: list[Any], path: Path) -> Iterator[Any]:
    """Yield a certificate's names: those with ``$domain`` once for each domain."""
    for domain in _domains(site):
        for name in names:
            if domain == site.name or uses(name, "domain"):
                yield put(name, tokens(site, domain), path, [])


def _own(
    site: Site, kind: str, kinds: list[str], parts: Parts
) -> Iterator[tuple[str, Any]]:
    """Yield what a part says of the other parts of its site."""
    field = OWN.get(kind)
    if field is None or field not in parts(kind).fields:
        return
    account = f"{_ACCOUNT}/{site.name}"
    if field == "covers":
        covered = [
            f"{other}/{name}"
            for other in kinds
            if other in COVERED
            for name in (_domains(site) if other == "Domain" else (site.name,))
        ]
        if covered:
            yield field, covered
    elif _ACCOUNT in kinds:
        yield field, account if field == "of" else [{"target": account}]


def _filled(site: Site, kind: str, part: Part) -> Iterator[tuple[str, Any]]:
    for field, source in FILLS.get(kind, ()):
        if field in part.fields and site.spec.get(source) is not None:
            yield field, site.spec[source]


def _lacking(
    site: Site, made: Primitive, part: Part, defaulted: Defaulted
) -> Iterator[Flaw]:
    """Yield the fields that only the site could fill, and did not."""
    for field, source in FILLS.get(made.kind, ()):
        empty = made.spec.get(field) is None and not defaulted(made.kind, field)
        if field in part.required and empty:
            profile = f"{PROFILE}/{site.spec.get('profile')}"
            what = f"{source} is missing: {profile} makes a {made.kind}"
            hint = f"add {source}, or {field} to the {made.kind} of {profile}"
            yield Flaw("E138", "Site", (), what, hint, made.kind)
    field = OWN.get(made.kind, "")
    given = made.spec.get(field) is not None or defaulted(made.kind, field)
    if field in part.required and not given:
        own = _ACCOUNT in site.profile  # and the site left it out
        what = f"{field!r} is missing, and no other part is there to be meant"
        hint = f"add {field}: ..., or a {_ACCOUNT} to the profile"
        if own:
            hint = f"take {_ACCOUNT} out of without, or add {field}: ... in with"
            yield Flaw("E138", "Site", (), f"{made.kind}: {what}", hint, made.kind)
        else:
            yield Flaw("E138", PROFILE, (made.kind,), what, hint, made.kind)


def _labels(site: Site) -> Iterator[Flaw]:
    for label in _mapping(site.metadata.get("labels")):
        if label in LABELS:
            what = f"the label {label} is set by the site itself"
            yield Flaw("E139", "Site", ("labels", label), what, "use another label")


def _strangers(site: Site) -> Iterator[Flaw]:
    """Yield what ``with`` and ``without`` say of parts that are not there."""
    profile = f"{PROFILE}/{site.spec.get('profile')}"
    hint = f"its parts are {', '.join(sorted(site.profile)) or 'none'}"
    without = list(site.spec.get("without") or ())
    for kind in _mapping(site.spec.get("with")):
        if kind in without:
            what = f"{kind} is left out by without"
            yield Flaw("E135", "Site", ("with", kind), what, "remove one of the two")
        elif kind not in site.profile:
            what = f"{profile} has no {kind}"
            near = did_you_mean(kind, site.profile, hint)
            yield Flaw("E135", "Site", ("with", kind), what, near)
    for number, kind in enumerate(without):
        if kind not in site.profile:
            what = f"{profile} has no {kind}"
            near = did_you_mean(str(kind), site.profile, hint)
            yield Flaw("E135", "Site", ("without", number), what, near)
