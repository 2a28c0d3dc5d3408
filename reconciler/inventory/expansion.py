"""What a Site makes, with the origin of every value: for people and for ejecting."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from reconciler.inventory.compose import Primitive, composed
from reconciler.inventory.heads import layers, made_head
from reconciler.inventory.loaded import Loaded
from reconciler.inventory.origins import Leaf, leaves
from reconciler.inventory.parts import parts_of
from reconciler.inventory.shared import Shared
from reconciler.inventory.sites import site_of
from reconciler.model import Ref
from reconciler.model.location import Location


class Piece(NamedTuple):
    """
    One thing that a Site makes, as it could be written in its place.

    Attributes:
        spec: Without the folder's defaults and without what is included.
        at: The place of its name: the Site, or the alias.
        leaves: Its values with their origin.
    """

    kind: str
    name: str
    metadata: dict[str, Any]
    spec: dict[str, Any]
    at: Location
    leaves: tuple[Leaf, ...]

    @property
    def ref(self) -> Ref:
        """Its address."""
        return Ref(self.kind, self.name)


def expansion(loaded: Loaded, row: int) -> list[Piece]:
    """Return what the Site of *row* makes; the tree must be valid."""
    index = loaded.index
    file = index.slice_of(row).path
    content = json.loads(loaded.row(row).content)
    site = site_of(
        index.names[row],
        {key: content[key] for key in ("labels", "protected", "movedFrom")}
        | ({"uid": index.uids[row]} if row in index.uids else {}),
        content["spec"],
        lambda ref: _shared(loaded, ref),
    )
    if site is None:
        return []
    parts = parts_of(loaded.kinds())
    found = composed(site, parts, lambda _kind, _field: True)
    return [_piece(loaded, row, file, each) for each in found.primitives]


def _shared(loaded: Loaded, ref: Ref) -> Shared | None:
    row = loaded.index.row_of.get(ref)
    if row is None:
        return None
    return Shared.of_row(loaded.row(row), loaded.index.slice_of(row).path)


def _piece(loaded: Loaded, row: int, file: str, made: Primitive) -> Piece:
    ref = Ref(made.kind, made.name)
    origin = loaded.origin_of(row)
    head = made_head(loaded.places, file, ref, origin.site)
    found = layers(loaded.places, file, head, (), loaded.files, origin)
    told = tuple(leaves(loaded.places, found, made.spec, made.spec))
    short = head.head == head.where
    at = loaded.places.location(file, head.head, key=short)
    return Piece(made.kind, made.name, made.metadata, made.spec, at, told)
