"""What other resources are made from, wherever it comes from: a file or the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from pydantic import ValidationError

from reconciler.inventory.includes import SNIPPET, Snippet
from reconciler.inventory.index import Index, Slice
from reconciler.inventory.parts import PROFILE
from reconciler.inventory.rows import Row, canonical, content_of, digest_of
from reconciler.model import Ref, Spec

SpecT = TypeVar("SpecT", bound=Spec)

#: A Provider gives its addresses to the sites it serves.
SERVER = "Provider"
#: A HostingPlan gives the names of its packages to the accounts on it.
PLAN, ACCOUNT = "HostingPlan", "HostingAccount"
#: What the terms of a Subscription come from, besides its account's plan.
SUBSCRIPTION, PAYER, METHOD = "Subscription", "Customer", "PaymentMethod"
INVOICING, DUNNING = "InvoicePolicy", "DunningPolicy"
SHARED = frozenset(
    (SNIPPET, PROFILE, SERVER, PLAN, ACCOUNT, PAYER, METHOD, INVOICING, DUNNING)
)
_ADDRESSES = ("ipv4", "ipv6")


class Shared:
    """
    One of them; its content is looked at when it is asked for.

    Attributes:
        ref: Its address.
        path: Its file.
        made: Whether a Site makes it: it is not written there itself.
    """

    def __init__(
        self, ref: Ref, content: Callable[[], str], path: str, *, made: bool = False
    ) -> None:
        self.ref = ref
        self.path = path
        self.made = made
        self._content = content
        self._read: Spec | None = None

    @classmethod
    def of_row(cls, row: Row, path: str) -> Shared:
        """Return what a row says."""
        ref = Ref(row.kind, row.name)
        return cls(ref, lambda: row.content, path, made=bool(row.site))

    @classmethod
    def written(
        cls,
        ref: Ref,
        metadata: dict[str, Any],
        spec: Mapping[str, Any],
        path: str,
        *,
        made: bool = False,
    ) -> Shared:
        """Return what was read, with defaults; it may yet prove to be wrong."""

        def content() -> str:
            return content_of(metadata, canonical(spec), ref.name)

        found = cls(ref, content, path, made=made)
        found.__dict__["spec"] = spec  # so that it is not parsed again
        return found

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """Its spec, with defaults."""
        found: dict[str, Any] = json.loads(self._content())["spec"]
        return found

    @cached_property
    def digest(self) -> str:
        """
        The digest of what others are made from.

        Of an account that is its plan alone: the rest of it is nobody else's, and is
        completed only after it was read.
        """
        if self.ref.kind == ACCOUNT:
            return digest_of(canonical(self.spec.get("plan")))
        return digest_of(self._content())

    def read(self, model: type[SpecT]) -> SpecT | None:
        """Return its spec as a *model*, made once; None if it is not valid."""
        if self._read is None:
            try:
                self._read = model.model_validate(
                    self.spec, by_alias=True, by_name=False
                )
            except (ArithmeticError, LookupError, TypeError, ValidationError):
                return None  # said where it is written
        return self._read if isinstance(self._read, model) else None

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
        self._rows: dict[str, dict[str, int]] = {}

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
                self.note(Shared.of_row(row, path))

    def changed(self, old: Mapping[Ref, str]) -> set[Ref]:
        """Return what is not as it was in *old*, which holds what was not kept."""
        new = {
            ref: shared.digest
            for ref, shared in self._found.items()
            if shared.path not in self._kept
        }
        return {ref for ref in {*old, *new} if old.get(ref) != new.get(ref)}

    def _from_base(self, ref: Ref) -> Shared | None:
        row = self._base_rows(ref.kind).get(ref.name)
        if row is None:
            return None
        part = self._base.slice_of(row)
        if part.path not in self._kept:
            return None
        self.note_rows(part.path, self._rows_of(part))
        return self._found.get(ref)

    def _base_rows(self, kind: str) -> Mapping[str, int]:
        """Return the rows of one kind, by name; nobody asks for most of them."""
        found = self._rows.get(kind)
        if found is None:
            names = self._base.names
            found = self._rows[kind] = {
                names[row]: row
                for row, each in enumerate(self._base.kinds)
                if each == kind
            }
        return found
