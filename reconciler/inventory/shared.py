"""What other resources are made from, wherever it comes from: a file or the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from reconciler.inventory.includes import SNIPPET, Snippet
from reconciler.inventory.index import Index, Slice
from reconciler.inventory.parts import PROFILE
from reconciler.inventory.rows import Row
from reconciler.model import Ref

#: A Provider gives its addresses to the sites it serves.
SERVER = "Provider"
#: A HostingPlan gives the names of its packages to the accounts on it.
PLAN, ACCOUNT = "HostingPlan", "HostingAccount"
SHARED = frozenset((SNIPPET, PROFILE, SERVER, PLAN))
_ADDRESSES = ("ipv4", "ipv6")


class Shared(NamedTuple):
    """
    One of them.

    Attributes:
        spec: With defaults; it may yet prove to be wrong.
        digest: That of its content.
        path: Its file.
    """

    ref: Ref
    spec: Mapping[str, Any]
    digest: str
    path: str

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses of a Provider, by token."""
        texts = {key: self.spec.get(key) for key in _ADDRESSES}
        return {key: each for key, each in texts.items() if isinstance(each, str)}


class Shelf:
    """
    Finds what is shared: what was read now, else what was kept.

    Args:
        base: The tree as it was kept.
        kept: Those of its files that are as they were.
        rows_of: Returns the rows of one of these.
    """

    def __init__(
        self,
        base: Index,
        kept: Mapping[str, Slice],
        rows_of: Callable[[Slice], Sequence[Row]],
    ) -> None:
        self._base = base
        self._kept = kept
        self._rows_of = rows_of
        self._found: dict[Ref, Shared] = {}

    def find(self, ref: Ref) -> Shared | None:
        """Return what *ref* says; None if it is not there (yet)."""
        return self._found.get(ref) or self._from_base(ref)

    def snippet(self, name: str) -> Snippet | None:
        """Return the records of a RecordSet."""
        found = self.find(Ref(SNIPPET, name))
        records = found.spec.get("records") if found else None
        if found is None or not isinstance(records, list):
            return None
        return Snippet(name, records, found.digest)

    def note(self, shared: Shared) -> None:
        """Remember what was read."""
        self._found.setdefault(shared.ref, shared)

    def note_rows(self, path: str, rows: Iterable[Row]) -> None:
        """Remember what is shared among the rows of one file."""
        for row in rows:
            if row.kind in SHARED:
                spec = json.loads(row.content)["spec"]
                self.note(Shared(Ref(row.kind, row.name), spec, row.digest, path))

    def changed(self, old: Mapping[Ref, str]) -> set[Ref]:
        """Return what is not as it was in *old*, which holds what was not kept."""
        new = {
            ref: shared.digest
            for ref, shared in self._found.items()
            if shared.path not in self._kept
        }
        return {ref for ref in {*old, *new} if old.get(ref) != new.get(ref)}

    def _from_base(self, ref: Ref) -> Shared | None:
        row = self._base_rows.get(ref)
        if row is None:
            return None
        part = self._base.slice_of(row)
        if part.path not in self._kept:
            return None
        self.note_rows(part.path, self._rows_of(part))
        return self._found.get(ref)

    @cached_property
    def _base_rows(self) -> dict[Ref, int]:
        names = self._base.names
        return {
            Ref(kind, names[row]): row
            for row, kind in enumerate(self._base.kinds)
            if kind in SHARED
        }
