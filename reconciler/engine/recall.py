"""What the records remember of a resource, for the kinds that ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import JsonValue

from reconciler.audit import Ledger
from reconciler.model import AnyResource


class Recall:
    """
    Gives resources their past, as it is recorded at the moment they ask.

    Args:
        ledger: Returns the ledger as of now; it is read when the first one asks.
    """

    def __init__(self, ledger: Callable[[], Ledger]) -> None:
        self._ledger = ledger
        self._read: Ledger | None = None
        self._facts: dict[tuple[str, str], Mapping[str, JsonValue]] = {}

    def __call__(self, want: AnyResource) -> AnyResource:
        """Return *want*, which knows its past where its kind wants to."""
        if not want.recalls:
            return want
        return want.recalling(lambda: self.facts(want.kind, want.uid))

    def facts(self, kind: str, uid: str) -> Mapping[str, JsonValue]:
        """Return what is recorded of one resource."""
        ledger = self._ledger()
        if ledger is not self._read:
            ledger.records()  # all at once, not one by one
            self._read, self._facts = ledger, {}
        found = self._facts.get((kind, uid))
        if found is None:
            found = self._facts[kind, uid] = ledger.record(kind, uid).facts
        return found
