"""What stays of a run of the loader: where to find again what was not kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from reconciler.inventory import graph
from reconciler.inventory.complaint import Complaint
from reconciler.inventory.defaults import is_defaults
from reconciler.inventory.heads import (
    Head,
    Origin,
    head_of,
    heads_of,
    layers,
    made_head,
)
from reconciler.inventory.includes import SNIPPET
from reconciler.inventory.index import Index, Slice
from reconciler.inventory.origin import Layer, Places, path_of, place
from reconciler.inventory.parts import PROFILE, SITE
from reconciler.inventory.rows import Row
from reconciler.inventory.shared import SUBSCRIPTION
from reconciler.model import AnyResource, Ref
from reconciler.model.location import Location

_FILES_KEPT = 256
#: The kind whose contacts are data about persons.
PERSON = "Customer"


class Loaded:
    """
    The index of a tree with its ways back to rows and places.

    Args:
        rows_of: Returns the rows of one file, from the cache or by reading it.
        kinds: Returns the models; called only when one is needed.
    """

    def __init__(
        self,
        index: Index,
        places: Places,
        rows_of: Callable[[Slice], Sequence[Row]],
        kinds: Callable[[], Mapping[str, type[AnyResource]]],
    ) -> None:
        self.index = index
        self.places = places
        self.kinds = kinds
        self._rows_of = rows_of
        self._rows: dict[str, Sequence[Row]] = {}
        self._origins: dict[int, Origin] = {}
        self._layers: tuple[int, list[Layer]] = (-1, [])

    def row(self, number: int) -> Row:
        """Return one row of the index in full."""
        part = self.index.slice_of(number)
        rows = self._rows.get(part.path)
        if rows is None:
            if len(self._rows) >= _FILES_KEPT:
                self._rows.clear()
            rows = self._rows[part.path] = self._rows_of(part)
        return rows[number - part.start]

    def head(self, number: int) -> Head | None:
        """Return where the resource of a row begins in its file."""
        part = self.index.slice_of(number)
        ref = self.index.refs[number]
        if number in self.index.sites:
            site = self._site_head(number)
            return made_head(self.places, part.path, ref, site) if site else None
        same = heads_of(self.places, part.path, ref)
        if len(same) > 1:
            before = self.index.refs[part.start : number].count(ref)
            same = same[min(before, len(same) - 1) :]
        return next(iter(same), None)

    def _site_head(self, number: int) -> Head | None:
        """Return where the Site that makes a row is; it is in the same file."""
        file = self.index.slice_of(number).path
        return head_of(self.places, file, Ref(SITE, self.index.sites[number]))

    def origin(self, number: int) -> Origin | None:
        """Return the Site that makes a row; None if it is written itself."""
        name = self.index.sites.get(number)
        row = self.index.row_of.get(Ref(SITE, name or ""))
        if name is None or row is None:
            return None
        if row not in self._origins:
            self._origins[row] = self.origin_of(row)
        return self._origins[row]

    def origin_of(self, site: int) -> Origin:
        """Return where the Site of a row and its profile are."""
        ref = self.index.refs[site]
        profile = str(self.spec(site)["profile"])
        at = self.index.row_of.get(Ref(PROFILE, profile))
        file = "" if at is None else self.index.slice_of(at).path
        head = self.head(site) or Head(ref, str(ref), (0,), (0,))
        return Origin(head, profile, file)

    def spec(self, number: int) -> dict[str, Any]:
        """Return the effective spec of a row, as plain data."""
        found: dict[str, Any] = json.loads(self.row(number).content)["spec"]
        return found

    def file(self, number: int) -> str:
        """Return the file of a row."""
        return self.index.slice_of(number).path

    def location(self, number: int) -> Location:
        """Return the place of the name of a row's resource."""
        part, head = self.index.slice_of(number), self.head(number)
        if head is None:
            return Location(part.path, 1, 1)
        return self.places.location(part.path, head.head, key=head.short)

    def layers(self, number: int) -> list[Layer]:
        """Return the places that the resource of a row is made from."""
        if self._layers[0] != number:  # many fields of one are asked for in a row
            self._layers = (number, self._made_from(number))
        return self._layers[1]

    def _made_from(self, number: int) -> list[Layer]:
        head = self.head(number)
        if head is None:
            return []
        file = self.index.slice_of(number).path
        snippets = []
        for edge in self.index.edges_of(number):
            row = self.index.row_of.get(Ref(edge.kind, edge.name))
            if edge.kind == SNIPPET and row is not None:
                snippets.append((self.index.slice_of(row).path, edge.name))
        origin = self.origin(number)
        return layers(self.places, file, head, snippets, self.files, origin)

    @cached_property
    def files(self) -> list[str]:
        """The files with defaults."""
        return [each.path for each in self.index.slices if is_defaults(each.path)]

    def locate(self, ref: Ref, field: str) -> Location | None:
        """Return where *field* of *ref* was written, or its nearest parent."""
        number = self.index.row_of.get(ref)
        if number is None:
            return None
        path = path_of(field)
        if not path or path == ("metadata",) or path[:2] == ("metadata", "name"):
            return self.location(number)
        found = self.places.find(self.layers(number), path)
        if found is None:
            return self.location(number)
        return place(found.layer.file, found.node, key=not found.exact)

    def warnings(self) -> Iterator[Complaint]:
        """Yield what is worth a look."""
        for path in self.files:
            yield from self._idle_defaults(path)
        used = {
            edge.name
            for number in self.index.used_edges()
            for edge in self.index.edge_table[number]
            if edge.kind == SNIPPET
        }
        for number, kind in enumerate(self.index.kinds):
            name = self.index.names[number]
            if kind == SNIPPET and name not in used:
                what = f"{SNIPPET}/{name} is included by no domain"
                yield Complaint("W161", self.location(number), what)
            elif kind == PERSON:
                yield from self._plain_contacts(number)
            elif kind == SUBSCRIPTION:
                yield from self._of_others(number)

    def _plain_contacts(self, number: int) -> Iterator[Complaint]:
        """Yield the contacts that stand in git themselves."""
        contacts = self.spec(number).get("contacts") or {}
        for key, value in contacts.items():
            if isinstance(value, str):
                ref = self.index.refs[number]
                at = self.locate(ref, f"spec.contacts.{key}")
                what = f"{ref}: spec.contacts.{key}: a person's data in plain text"
                yield Complaint("W162", at or self.location(number), what)

    def _of_others(self, number: int) -> Iterator[Complaint]:
        """Yield what a Subscription covers although it is another customer's."""
        index = self.index
        payers = {e.name for e in index.edges_of(number) if e.kind == PERSON}
        for ref in graph.covered(index, number):
            owner = index.labels_of(index.row_of[ref]).get("customer")
            if owner and owner not in payers:
                me = index.refs[number]
                what = f"{me}: {ref} is of {PERSON}/{owner}"
                at = self.locate(me, "spec.covers")
                yield Complaint("W163", at or self.location(number), what)

    def _idle_defaults(self, path: str) -> Iterator[Complaint]:
        folder = path.rpartition("/")[0]
        below = {
            kind
            for part in self.index.slices
            if not folder or part.path.startswith(f"{folder}/")
            for kind in set(self.index.kinds[part.start : part.stop])
        }
        for root in self.places.roots(path):
            for kind, node in root.children.items():
                if kind != "apiVersion" and kind not in below:
                    what = (
                        f"no {kind} in {folder or 'the inventory'} has these defaults"
                    )
                    yield Complaint("W160", place(path, node, key=True), what)
