"""All resources in columns: what is needed of 100,000 of them in 0.2 seconds."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import NamedTuple, TypeVar

from reconciler.inventory.rows import Edge, Row
from reconciler.model import Ref

_DIGEST = 32
#: Four bytes each, on every platform in use.
_NUMBER = "I"

T = TypeVar("T")


class Slice(NamedTuple):
    """The rows of one file: *start* to *stop*, without *stop*."""

    path: str
    blob: str
    start: int
    stop: int


class Index:
    """
    The rows of all files, in the order of the files.

    Attributes:
        slices: By file; a file without resources has an empty one.
        uids: Only those that are not the name, by row.
        sites: The Site that makes a row, of those that are made.
        tables: Label sets and edge sets that occur, each once; ``labels`` and
            ``edges`` hold their numbers, by row.
    """

    def __init__(self) -> None:
        self.slices: list[Slice] = []
        self.kinds: list[str] = []
        self.names: list[str] = []
        self.uids: dict[int, str] = {}
        self.sites: dict[int, str] = {}
        self.digests = bytearray()
        self.labels = array(_NUMBER)
        self.edges = array(_NUMBER)
        self.label_table: list[str] = []
        self.edge_table: list[tuple[Edge, ...]] = []
        self._label_numbers: dict[str, int] = {}
        self._edge_numbers: dict[tuple[Edge, ...], int] = {}

    def __len__(self) -> int:
        return len(self.names)

    def add(self, path: str, blob: str, rows: Sequence[Row]) -> None:
        """Append the rows of one file."""
        start = len(self.names)
        for number, row in enumerate(rows, start):
            self.kinds.append(row.kind)
            self.names.append(row.name)
            if row.uid:
                self.uids[number] = row.uid
            if row.site:
                self.sites[number] = row.site
            self.digests += bytes.fromhex(row.digest)
            self.labels.append(
                _number(row.labels, self._label_numbers, self.label_table)
            )
            self.edges.append(_number(row.edges, self._edge_numbers, self.edge_table))
        self.slices.append(Slice(path, blob, start, len(self.names)))

    def copy(self, other: Index, slices: Sequence[Slice]) -> None:
        """Append neighbouring *slices* of *other*, whose tables must be shared."""
        low, high = slices[0].start, slices[-1].stop
        shift = len(self.names) - low
        self.kinds += other.kinds[low:high]
        self.names += other.names[low:high]
        self.digests += other.digests[low * _DIGEST : high * _DIGEST]
        self.labels += other.labels[low:high]
        self.edges += other.edges[low:high]
        for theirs, own in ((other.uids, self.uids), (other.sites, self.sites)):
            for row, word in theirs.items():
                if low <= row < high:
                    own[row + shift] = word
        if shift:
            slices = [
                s._replace(start=s.start + shift, stop=s.stop + shift) for s in slices
            ]
        self.slices += slices

    def take_tables(
        self, labels: Sequence[str], edges: Sequence[tuple[Edge, ...]]
    ) -> None:
        """Begin with the tables of another index, before any row is there."""
        self.label_table, self.edge_table = list(labels), list(edges)
        self._label_numbers = {each: n for n, each in enumerate(labels)}
        self._edge_numbers = {each: n for n, each in enumerate(edges)}

    @cached_property
    def refs(self) -> list[Ref]:
        """The address of each row."""
        make = partial(tuple.__new__, Ref)
        return list(map(make, zip(self.kinds, self.names, strict=True)))

    @cached_property
    def row_of(self) -> dict[Ref, int]:
        """The row of each address; the last one where it is there twice."""
        return dict(zip(self.refs, range(len(self)), strict=True))

    def digest(self, row: int) -> str:
        """Return the digest of *row* in hex."""
        return self.digests[row * _DIGEST : (row + 1) * _DIGEST].hex()

    @cached_property
    def every_digest(self) -> dict[Ref, bytes]:
        """The digest of every row, as bytes."""
        every = bytes(self.digests)
        starts = range(0, len(every), _DIGEST)
        digests = [every[start : start + _DIGEST] for start in starts]
        return dict(zip(self.refs, digests, strict=True))

    def edges_of(self, row: int) -> tuple[Edge, ...]:
        """Return the references of *row*."""
        return self.edge_table[self.edges[row]]

    def labels_of(self, row: int) -> Mapping[str, str]:
        """Return the labels of *row*."""
        found: dict[str, str] = json.loads(self.label_table[self.labels[row]])
        return found

    def uid(self, row: int) -> str:
        """Return the uid of *row*."""
        return self.uids.get(row) or self.names[row]

    def slice_of(self, row: int) -> Slice:
        """Return the file of *row*."""
        return self.slices[bisect_right(self._starts, row) - 1]

    @cached_property
    def _starts(self) -> list[int]:
        return [each.start for each in self.slices]

    def used_edges(self) -> set[int]:
        """Return the numbers of the edge sets that some row has."""
        return set(self.edges)


def _number(value: T, numbers: dict[T, int], table: list[T]) -> int:
    found = numbers.get(value)
    if found is None:
        found = numbers[value] = len(table)
        table.append(value)
    return found
