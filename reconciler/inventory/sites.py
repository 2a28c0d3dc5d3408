"""Sites while a tree is read: what each makes, or why it makes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.inventory import defaults as defaults_of
from reconciler.inventory.complaint import Complaint
from reconciler.inventory.compose import Composed, Flaw, Primitive, Site, composed
from reconciler.inventory.defaults import Defaults
from reconciler.inventory.heads import Head, Origin, head_of, layers
from reconciler.inventory.node import Path
from reconciler.inventory.origin import Layer, Places
from reconciler.inventory.parts import PROFILE, SITE, parts_of
from reconciler.inventory.rows import Row, target
from reconciler.inventory.sentences import Said
from reconciler.inventory.shared import SERVER, Shared
from reconciler.inventory.tokens import SUPPOSED, put, unknown
from reconciler.inventory.written import Entry
from reconciler.model import Ref

if TYPE_CHECKING:
    from reconciler.inventory.reading import Reader, Want

Find = Callable[[Ref], Shared | None]


def needs(spec: Any) -> list[Ref]:
    """Return what the Site with *spec* is made from."""
    if not isinstance(spec, dict):
        return []
    named = ((PROFILE, spec.get("profile")), (SERVER, spec.get("server")))
    return [Ref(kind, name) for kind, name in named if isinstance(name, str)]


def site_of(
    name: str, metadata: dict[str, Any], spec: dict[str, Any], find: Find
) -> Site | None:
    """Return a Site with what it needs; None where that is not there."""
    profile = find(Ref(PROFILE, str(spec.get("profile"))))
    server = find(Ref(SERVER, str(spec.get("server"))))
    if profile is None or (server is None and spec.get("server")):
        return None
    parts = {k: v for k, v in profile.spec.items() if v is None or isinstance(v, dict)}
    addresses = server.addresses if server else {}
    return Site(name, metadata, spec, parts, addresses)


class Made(NamedTuple):
    """
    What one Site makes.

    Attributes:
        wants: Of the kinds there are; where it is flawed those that are still to be
            checked, so that nobody mends one error to meet the next.
        flawed: Whether something cannot be made, and so nothing is.
    """

    wants: list[Want]
    complaints: list[Complaint]
    flawed: bool = False


class Sites:
    """
    Expands the Sites of one tree.

    Args:
        reader: Knows the kinds and words complaints.
        files: The files with defaults.
    """

    def __init__(
        self, reader: Reader, places: Places, find: Find, files: Sequence[str]
    ) -> None:
        self._reader = reader
        self._places = places
        self._find = find
        self._files = files
        self._parts = parts_of(reader.kinds)
        self._faulty: set[str] = set()

    def made(self, want: Want, path: str, row: Row, above: Sequence[Defaults]) -> Made:
        """Return what the Site *want*, which is valid by itself, makes."""
        entry = want.entry
        site = site_of(row.name, entry.metadata, want.spec, self._find)
        if site is None:
            return Made([], [])  # the reference to it is refused later
        found = composed(site, self._parts, _defaulted(above))
        origin = self.origin(want)
        if found.flaws:
            flaws = [
                self._complaint(each, want, path, origin)
                for each in found.flaws
                if not (_for_the_site(each) and origin.profile in self._faulty)
            ]
            lost = {each.part for each in found.flaws}
            sound = tuple(p for p in found.primitives if p.kind not in lost)
            found = found._replace(primitives=sound)
            return Made(
                list(self._wants(found, want, origin, above)), flaws, flawed=True
            )
        return Made(list(self._wants(found, want, origin, above)), [])

    def uses(self, row: Row, spec: dict[str, Any]) -> Row:
        """Return the *row* of a Site with what it was expanded from."""
        found = [shared for ref in needs(spec) if (shared := self._find(ref))]
        return row._replace(includes=tuple((str(s.ref), s.digest) for s in found))

    def origin(self, want: Want) -> Origin:
        """Return where the Site *want* and its profile are."""
        entry = want.entry
        name = target(entry.name).lower()
        head = Head(Ref(SITE, name), entry.address, entry.head, entry.where)
        profile = str(want.spec.get("profile"))
        shared = self._find(Ref(PROFILE, profile))
        return Origin(head, profile, shared.path if shared else "")

    def profile(self, want: Want, path: str) -> list[Complaint]:
        """Return what is wrong with a SiteProfile, whatever sites say."""
        if not isinstance(want.spec, dict):
            return []
        entry = want.entry
        head = Head(
            Ref(PROFILE, entry.name.lower()), entry.address, entry.head, entry.where
        )
        found = layers(self._places, path, head, (), self._files)
        layer = [each._replace(own=False) for each in found if each.under == ("spec",)]
        data = {"spec": want.spec}
        told = [
            self._reader.complaint(said, layer, "", data)
            for said in self._of_profile(want.spec)
        ]
        if told:
            self._faulty.add(entry.name)
        return told

    def _of_profile(self, spec: dict[str, Any]) -> Iterator[Said]:
        for kind, part in spec.items():
            if not isinstance(part, dict):
                continue
            lost = list(unknown(part, (kind,)))
            for each in lost:
                yield Said(each.code, ("spec", *each.path), each.text, each.hint)
            if kind in self._reader.kinds:
                supposed = put(part, SUPPOSED, (), [])
                for said in self._reader.partial(kind, supposed):
                    at = (kind, *said.path[1:])
                    # Of a value whose token is unknown that has been said already.
                    if not any(_one_way(at, each.path) for each in lost):
                        yield said._replace(path=("spec", *at))

    def _wants(
        self,
        found: Composed,
        want: Want,
        origin: Origin,
        above: Sequence[Defaults],
    ) -> Iterator[Want]:
        from reconciler.inventory.reading import Want as Wanted  # noqa: PLC0415

        for each in found.primitives:
            if each.kind in self._reader.kinds:
                entry = _entry(each, want.entry)
                spec = defaults_of.applied(each.kind, each.spec, above)
                yield Wanted(entry, spec, origin)

    def _complaint(
        self, flaw: Flaw, want: Want, path: str, origin: Origin
    ) -> Complaint:
        if _for_the_site(flaw):
            at = self._places.location(path, want.entry.head, key=origin.site.short)
            what = f"{want.author}: {flaw.text}"
            return Complaint(flaw.code, at, what, flaw.hint)
        where: Path = ("metadata" if flaw.code == "E139" else "spec", *flaw.path)
        said = Said(flaw.code, where, flaw.text, flaw.hint)
        found = self._flawed(flaw.owner, path, origin)
        return self._reader.complaint(said, found, self._reader.user(want, path), {})

    def _flawed(self, owner: str, path: str, origin: Origin) -> list[Layer]:
        """Return the layers of the document that a flaw is in."""
        if owner == SITE:
            return layers(self._places, path, origin.site, (), self._files)
        file = origin.profile_file
        head = head_of(self._places, file, Ref(PROFILE, origin.profile))
        found = layers(self._places, file, head, (), self._files) if head else []
        return [layer._replace(own=False) for layer in found]


def _one_way(one: Path, other: Path) -> bool:
    """Say whether one of two places is in the other."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _for_the_site(flaw: Flaw) -> bool:
    """Say whether the Site lacks a field: or its profile, where that is faulty."""
    return flaw.code == "E138" and flaw.owner == SITE


def _defaulted(above: Sequence[Defaults]) -> Callable[[str, str], bool]:
    def given(kind: str, field: str) -> bool:
        partials = (each.kinds[kind].spec for each in above if kind in each.kinds)
        return any(spec.get(field) is not None for spec in partials)

    return given


def _entry(made: Primitive, site: Entry) -> Entry:
    return Entry(made.kind, made.name, site.where, site.head, made.metadata, made.spec)
