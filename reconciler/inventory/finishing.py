"""What is wanted becomes a row: includes, packages and terms are put in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from reconciler.inventory import includes
from reconciler.inventory.complaint import Complaint
from reconciler.inventory.heads import Head, head_of, layers, made_head
from reconciler.inventory.includes import SNIPPET, Snippet
from reconciler.inventory.ladder import climbed
from reconciler.inventory.machines import ladder_faults
from reconciler.inventory.node import Path
from reconciler.inventory.origin import Layer, Places, place
from reconciler.inventory.rows import (
    Edge,
    Row,
    canonical,
    content_of,
    labels_text,
    target,
)
from reconciler.inventory.schedules import contradictions
from reconciler.inventory.sentences import Said
from reconciler.inventory.shared import Shared, Shelf
from reconciler.inventory.terms import TERMS, settled, without_terms
from reconciler.model import Ref

if TYPE_CHECKING:
    from reconciler.inventory.reading import Reader, Want


class Finished(NamedTuple):
    """
    What came of one want.

    Attributes:
        whole: Whether everything that it is made from is there.
    """

    row: Row | None
    complaints: list[Complaint]
    whole: bool = True


class Tree:
    """
    What resources are made from, wherever in the tree it is.

    Args:
        shelf: Finds what is shared.
        files: Those with defaults.
    """

    def __init__(self, places: Places, shelf: Shelf, files: Sequence[str]) -> None:
        self._places = places
        self._shelf = shelf
        self._files = files

    def finished(self, reader: Reader, want: Want, path: str) -> Finished:
        """Return the row of *want*, or what is wrong with it."""
        entry, find = want.entry, self._shelf.find
        full = includes.expanded(entry.kind, want.spec, self._shelf.snippet)
        rungs = climbed(entry.kind, full.spec, find)
        spec, by_hand = without_terms(entry.kind, rungs.spec)
        said, built, edges = reader.validated(entry, spec)
        said += [*rungs.said, *by_hand, *contradictions(built), *ladder_faults(built)]
        deal = settled(built, find)
        said += deal.said
        whole = rungs.whole and deal.whole
        if said or full.clashes or deal.elsewhere:
            found = self.layers(path, want, full.used)
            said += [_clash(reader, clash, found) for clash in full.clashes]
            data = {"metadata": entry.metadata, "spec": spec}
            user = reader.user(want, path)
            complaints = [reader.complaint(each, found, user, data) for each in said]
            for shared, said_there in deal.elsewhere:
                there = self._layers_of(shared) or found
                data = {"spec": shared.spec}
                complaints.append(reader.complaint(said_there, there, user, data))
            return Finished(None, complaints, whole)
        if deal.terms is not None:
            spec = {**spec, TERMS: deal.terms}
        made_from = [(f"{SNIPPET}/{each.name}", each.digest) for each in full.used]
        made_from += [(str(each.ref), each.digest) for each in rungs.used]
        made_from += deal.used
        name = built.metadata.name if built else ""
        row = _row(want, name, canonical(spec), edges, made_from)
        return Finished(row, [], whole)

    def layers(self, path: str, want: Want, used: Sequence[Snippet]) -> list[Layer]:
        """Return the places that *want* is made from."""
        entry, origin = want.entry, want.origin
        ref = Ref(entry.kind, target(entry.name).lower())
        head = Head(ref, entry.address, entry.head, entry.where)
        if origin:
            head = made_head(self._places, path, ref, origin.site)
        snippets = []
        for each in used:
            shared = self._shelf.find(Ref(SNIPPET, each.name))
            if shared:
                snippets.append((shared.path, each.name))
        return layers(self._places, path, head, snippets, self._files, origin)

    def _layers_of(self, shared: Shared) -> list[Layer]:
        """Return the places of *shared*; none where a Site makes it."""
        ref = Ref(shared.ref.kind, target(shared.ref.name).lower())
        head = None if shared.made else head_of(self._places, shared.path, ref)
        if head is None:
            return []
        found = layers(self._places, shared.path, head, (), self._files)
        return [layer._replace(own=False) for layer in found]


def _clash(reader: Reader, clash: includes.Clash, layers: Sequence[Layer]) -> Said:
    name, rtype = clash.key
    path: Path = ("spec", "dns", "records", f"{name}/{rtype}")
    places = []
    for snippet in (clash.first, clash.second):
        address = f"{SNIPPET}/{snippet}"
        found = reader.places.find([x for x in layers if x.name == address], path)
        at = place(found.layer.file, found.node) if found else ""
        places.append(f"{address} ({at})")
    what = f"{rtype} at {name} comes from both {' and '.join(places)}"
    return Said("E140", ("spec", "dns", "include"), what)


def _row(
    want: Want,
    name: str,
    spec_text: str,
    edges: tuple[Edge, ...],
    made_from: Sequence[tuple[str, str]],
) -> Row:
    entry, metadata = want.entry, want.entry.metadata
    uid = metadata.get("uid") or ""
    return Row(
        entry.kind,
        name,
        "" if uid == name else uid,
        labels_text(metadata),
        edges,
        content_of(metadata, spec_text, name),
        tuple(made_from),
        want.origin.name if want.origin else "",
    )
