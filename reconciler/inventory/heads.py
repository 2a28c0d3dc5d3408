"""Where in a file each resource begins, found again from the places alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reconciler.inventory.complaint import shown
from reconciler.inventory.defaults import above, is_defaults
from reconciler.inventory.includes import SNIPPET
from reconciler.inventory.node import Node, Path
from reconciler.inventory.origin import Layer, Places
from reconciler.inventory.parts import FILLS, OWN, PROFILE, SITE
from reconciler.inventory.rows import target
from reconciler.model import Ref

#: How long the path of a short-form entry is: the document and the key.
_SHORT = 2
_SPEC: Path = ("spec",)
_METADATA: Path = ("metadata",)
_WITH = "with"


class Head(NamedTuple):
    """
    Where a resource is in its file.

    Attributes:
        ref: Its address, in lower case.
        written: Its address as written.
        head: The path of its name, and *where* that of its spec.
    """

    ref: Ref
    written: str
    head: Path
    where: Path

    @property
    def short(self) -> bool:
        """Whether it is written ``Kind/name: {...}``."""
        return self.head == self.where


class Origin(NamedTuple):
    """
    The Site that makes a resource.

    Attributes:
        site: Where it is.
        profile: The name of its SiteProfile, and *profile_file* that one's file.
    """

    site: Head
    profile: str
    profile_file: str

    @property
    def name(self) -> str:
        """The Site's name in its stored form."""
        return self.site.ref.name


def heads(roots: Sequence[Node]) -> Iterator[Head]:
    """Yield the resources of a file, in its order."""
    for number, root in enumerate(roots):
        kind = root.children.get("kind")
        if kind is not None:
            name = root.find(("metadata", "name"))
            if name is not None:
                yield _head(kind.text, name.text, (number, "metadata", "name"))
            continue
        for key in root.children:
            word, slash, rest = str(key).partition("/")
            if slash:
                yield _head(word, rest, (number, key))


def _head(kind: str | None, name: str | None, head: Path) -> Head:
    ref = Ref(kind or "", target(name or "").lower())
    where = head if len(head) == _SHORT else (head[0], "spec")
    return Head(ref, f"{kind}/{shown(name)}", head, where)


def head_of(places: Places, file: str, ref: Ref) -> Head | None:
    """Return where *ref* is in *file*, for the first time."""
    return next(iter(heads_of(places, file, ref)), None)


def heads_of(places: Places, file: str, ref: Ref) -> Sequence[Head]:
    """Return every place where *ref* is in *file*: a second one is an error."""
    return places.indexed(file, _by_ref).get(Ref(ref.kind, ref.name.lower()), ())


def _by_ref(roots: Sequence[Node]) -> dict[Ref, list[Head]]:
    found: dict[Ref, list[Head]] = {}
    for head in heads(roots):
        found.setdefault(head.ref, []).append(head)
    return found


def owner(roots: Sequence[Node], line: int) -> Ref | None:
    """Return the resource in which *line* (from 1) of a file is."""
    found: Ref | None = None
    for head in heads(roots):
        number, *keys = head.head
        node = roots[number].find(keys) if isinstance(number, int) else None
        if node is not None and node.start[0] <= line:
            found = head.ref
    return found


def made_head(places: Places, file: str, ref: Ref, site: Head) -> Head:
    """Return where *ref*, which *site* makes, has its name: there or in aliases."""
    path = (*site.where, "aliases")
    node = places.node(file, path)
    for step, alias in node.children.items() if node and node.sequence else ():
        if target(alias.text or "").lower() == ref.name:
            return Head(ref, str(ref), (*path, step), site.where)
    return Head(ref, str(ref), site.head, site.where)


def layers(
    places: Places,
    file: str,
    head: Head,
    snippets: Sequence[tuple[str, str]],
    files: Sequence[str],
    origin: Origin | None = None,
) -> list[Layer]:
    """
    Return the places the resource at *head* is made from, the strongest first.

    Args:
        places: The places in all files.
        file: The resource's own file.
        head: Where it is in that.
        snippets: Included RecordSets: file and name.
        files: All files, or at least those with defaults.
        origin: The Site that makes it, if one does.
    """
    if origin:
        found = _from_site(places, file, head.ref.kind, origin, files)
    else:
        found = _own(file, head)
    for where, snippet in snippets:
        at = head_of(places, where, Ref(SNIPPET, snippet))
        if at:
            base = (*at.where, "records")
            found.append(_records(where, base, snippet))
    known = {each for each in files if is_defaults(each)}
    for path in reversed(above(file, known)):
        for number, root in enumerate(places.roots(path)):
            if head.ref.kind in root.children:
                base = (number, head.ref.kind)
                found.append(
                    Layer(path, base, _SPEC, _SPEC, f"{head.ref.kind} defaults")
                )
    return found


def _own(file: str, head: Head) -> list[Layer]:
    meta = head.where if head.short else (*head.head[:1], "metadata")
    return [
        Layer(file, head.where, _SPEC, _SPEC, head.written, own=True),
        Layer(file, meta, _METADATA, _METADATA, head.written, own=True),
    ]


def _records(file: str, base: Path, snippet: str) -> Layer:
    shown = ("spec", "records")
    under = ("spec", "dns", "records")
    return Layer(file, base, under, shown, f"{SNIPPET}/{snippet}")


def _from_site(
    places: Places, file: str, kind: str, origin: Origin, files: Sequence[str]
) -> list[Layer]:
    """Return what a part of a Site is made from: ``with``, its fields, the profile."""
    site = layers(places, file, origin.site, (), files)
    specs = [layer for layer in site if layer.under == _SPEC]
    found = [_below(layer, (_WITH, kind), _SPEC) for layer in specs]
    for field, source in FILLS.get(kind, ()):
        found += [_below(layer, (source,), ("spec", field)) for layer in specs]
    found += [layer for layer in site if layer.under == _METADATA]
    profile = head_of(places, origin.profile_file, Ref(PROFILE, origin.profile))
    if profile:
        for layer in layers(places, origin.profile_file, profile, (), files):
            if layer.under == _SPEC:
                found.append(_below(layer, (kind,), _SPEC)._replace(own=False))
    if kind in OWN:
        under = ("spec", OWN[kind])
        name = f"{SITE} parts"
        found.append(Layer(file, origin.site.where, under, under, name, own=True))
    return found


def _below(layer: Layer, steps: Path, under: Path) -> Layer:
    base, shown = (*layer.base, *steps), (*_SPEC, *steps)
    return layer._replace(base=base, under=under, shown=shown)
