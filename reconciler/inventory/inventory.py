"""The resources of one tree: an index at once, each resource when it is asked for."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING

from reconciler.errors import InventoryError
from reconciler.inventory.complaint import errors_of
from reconciler.inventory.index import Index
from reconciler.inventory.loaded import Loaded
from reconciler.inventory.parts import PROFILE, SITE
from reconciler.inventory.rows import envelope, target
from reconciler.model import AnyResource, Makings, Naming, Ref
from reconciler.model.location import Location

if TYPE_CHECKING:
    from reconciler.inventory.expansion import Piece
    from reconciler.inventory.heads import Head
    from reconciler.inventory.origins import Leaf
    from reconciler.inventory.shape import Named

#: What other documents say a part of.
_JOINED = frozenset({"Backup", "Certificate", "HostingAccount", "Server"})


class Inventory:
    """
    What is wanted: all valid resources of a source.

    Made by ``load``. The models of the kinds are imported and built only for the
    resources that are asked for.
    """

    def __init__(self, index: Index, loaded: Loaded) -> None:
        self._index = index
        self._loaded = loaded
        self._built: dict[Ref, AnyResource] = {}
        self._named: dict[str, dict[Ref, list[Naming]]] = {}

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, ref: object) -> bool:
        return ref in self._index.row_of

    @cached_property
    def _sorted(self) -> list[Ref]:
        return sorted(self._index.refs)

    def refs(self) -> list[Ref]:
        """Return the addresses of all resources, sorted."""
        return list(self._sorted)

    def addresses(self) -> Sequence[Ref]:
        """Return the same, in the order of the files; read it only."""
        return self._index.refs

    def get(self, ref: Ref) -> AnyResource:
        """
        Return the resource *ref*; it knows where its fields were written.

        Raises:
            KeyError: There is none.
        """
        built = self._built.get(ref)
        if built is None:
            built = self._built[ref] = self._build(ref)
        return built

    def made(self, ref: Ref) -> AnyResource:
        """
        Return what ``get`` returns, but do not keep it.

        Raises:
            KeyError: There is none.
        """
        return self._built.get(ref) or self._build(ref)

    def find(self, ref: Ref) -> AnyResource | None:
        """Return the resource *ref*, None if there is none."""
        return self.get(ref) if ref in self else None

    def of(self, kind: str) -> list[AnyResource]:
        """Return all resources of *kind*, sorted by name."""
        found = sorted(ref for ref in self._index.refs if ref.kind == kind)
        return list(map(self.get, found))

    def digest(self, ref: Ref) -> str:
        """
        Return the SHA-256 of what is wanted, in hex.

        It covers spec (with defaults and includes), uid, protected, labels and
        movedFrom; neither the name, nor the file, nor the form it is written in.
        """
        return self._index.digest(self._index.row_of[ref])

    def content(self, ref: Ref) -> str:
        """
        Return what is wanted of *ref* as canonical JSON: what its digest is of.

        Raises:
            KeyError: There is none.
        """
        return self._loaded.row(self._index.row_of[ref]).content

    def digests(self) -> Mapping[Ref, bytes]:
        """Return the digest (as bytes) of every resource; read it only."""
        return self._index.every_digest

    def labels(self, ref: Ref) -> Mapping[str, str]:
        """Return the labels of *ref*."""
        return self._index.labels_of(self._index.row_of[ref])

    def uid(self, ref: Ref) -> str:
        """Return the uid of *ref*: its name, unless it was given one."""
        return self._index.uid(self._index.row_of[ref])

    def site(self, ref: Ref) -> str | None:
        """Return the name of the Site that makes *ref*; None if it is written."""
        return self._index.sites.get(self._index.row_of[ref])

    def made_by(self, site: Ref) -> list[Ref]:
        """Return what the Site *site* makes, sorted: all of it that is managed."""
        row = self._index.row_of[site]
        part = self._index.slice_of(row)
        rows = range(part.start, part.stop)
        sites = self._index.sites
        return sorted(self._index.refs[n] for n in rows if sites.get(n) == site.name)

    def expansion(self, site: Ref) -> list[Piece]:
        """
        Return what the Site *site* makes, as it could be written in its place.

        Raises:
            KeyError: There is no such Site.
        """
        from reconciler.inventory.expansion import expansion  # noqa: PLC0415

        return expansion(self._loaded, self._index.row_of[site])

    def head(self, ref: Ref) -> tuple[str, Head]:
        """
        Return the file of *ref*, and where in it the resource begins.

        Raises:
            KeyError: There is none.
        """
        row = self._index.row_of[ref]
        head = self._loaded.head(row)
        if head is None:
            raise KeyError(ref)
        return self._loaded.file(row), head

    def users(self, ref: Ref) -> list[Ref]:
        """Return what names *ref*, whether or not that orders actions; sorted."""
        index = self._index
        numbers = {
            number
            for number, edges in enumerate(index.edge_table)
            if any((edge.kind, edge.name) == ref for edge in edges)
        }
        rows = zip(index.refs, index.edges, strict=True)
        return sorted(user for user, number in rows if number in numbers)

    def namings(self, ref: Ref) -> tuple[Naming, ...]:
        """Return which fields of which resources name *ref*, sorted."""
        return tuple(self._namings(ref.kind).get(ref, ()))

    def _namings(self, kind: str) -> Mapping[Ref, list[Naming]]:
        """Return every reference to a resource of *kind*, by what is named."""
        found = self._named.get(kind)
        if found is None:
            found = self._named[kind] = defaultdict(list)
            index = self._index
            numbers = {
                number
                for number, edges in enumerate(index.edge_table)
                if any(edge.kind == kind for edge in edges)
            }
            rows = enumerate(index.edges) if numbers else ()
            users = sorted(index.refs[row] for row, each in rows if each in numbers)
            for user in users:
                for each in self._references(user):
                    if each.to.kind == kind:
                        field = ".".join(map(str, ("spec", *each.path)))
                        found[Ref(kind, target(each.name))].append(Naming(user, field))
        return found

    def _references(self, user: Ref) -> Iterator[Named]:
        from reconciler.inventory.shape import references, shape_of  # noqa: PLC0415

        shape = shape_of(self._loaded.kinds()[user.kind]).fields["spec"]
        return references(shape, json.loads(self.content(user))["spec"])

    def origins(self, ref: Ref) -> list[Leaf]:
        """
        Return every effective value of *ref*, and where it came from.

        Raises:
            KeyError: There is none.
        """
        from reconciler.inventory.origins import leaves  # noqa: PLC0415

        row = self._index.row_of[ref]
        whole = self.made(ref).spec.model_dump(mode="json", by_alias=True)
        loaded = self._loaded
        written = loaded.spec(row)
        return list(leaves(loaded.places, loaded.layers(row), written, whole))

    def at(self, ref: Ref, field: str = "") -> Location | None:
        """Return where *field* of *ref* was written, or its nearest parent."""
        return self._loaded.locate(ref, field)

    @cached_property
    def _edges(self) -> Mapping[Ref, frozenset[Ref]]:
        table = [
            frozenset(Ref(edge.kind, edge.name) for edge in each if edge.orders)
            for each in self._index.edge_table
        ]
        numbers = self._index.edges
        return dict(zip(self._index.refs, map(table.__getitem__, numbers), strict=True))

    def edges(self) -> Mapping[Ref, frozenset[Ref]]:
        """Return what each resource waits for: its references that order actions."""
        return self._edges

    @cached_property
    def warnings(self) -> tuple[InventoryError, ...]:
        """What is worth a look, but stops nothing; codes W160 and up."""
        from reconciler.inventory import backups, scalings  # noqa: PLC0415

        found = (
            *self._loaded.warnings(),
            *scalings.warnings(self._loaded),
            *backups.warnings(self._loaded),
        )
        return tuple(errors_of(found))

    def _build(self, ref: Ref) -> AnyResource:
        row = self._index.row_of[ref]
        found = self._loaded.row(row)
        model = self._loaded.kinds()[ref.kind]
        resource = model.model_validate(
            envelope(ref.name, found.content), by_alias=True, by_name=False
        )
        placed = resource.placed(
            lambda field: self.at(ref, field), self._via(row), lambda: self.namings(ref)
        )
        if ref.kind in _JOINED:
            placed.joined(cache(lambda: self._makings(placed)))
        return placed

    def _makings(self, want: AnyResource) -> Makings:
        from reconciler.inventory.makings import makings  # noqa: PLC0415

        return makings(want, self.find)

    def _via(self, row: int) -> tuple[str, ...]:
        site = self._index.sites.get(row)
        if site is None:
            return ()
        profile = self._index.labels_of(row).get("profile")
        return f"{SITE}/{site}", f"{PROFILE}/{profile}"
