"""What the records remember of a resource, for the kinds that ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pydantic import JsonValue

from reconciler.audit import Ledger
from reconciler.model import AnyResource

#: Prefix of what is in no record, but follows from the journal: an open intent.
BEGUN: Final = "begun/"


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
        self._begun: dict[tuple[str, str], dict[str, JsonValue]] = {}

    def __call__(self, want: AnyResource) -> AnyResource:
        """Return *want*, which knows its past where its kind wants to."""
        if not want.recalls:
            return want
        return want.recalling(lambda: self.facts(want.kind, want.uid))

    def facts(self, kind: str, uid: str) -> Mapping[str, JsonValue]:
        """
        Return what is recorded of one resource.

        Of what was begun, and whose end nobody knows, it is where: that account has to
        be read, whatever git says by now.
        """
        ledger = self._ledger()
        if ledger is not self._read:
            ledger.records()  # all at once, not one by one
            self._read, self._facts = ledger, {}
            self._begun = _begun(ledger)
        found = self._facts.get((kind, uid))
        if found is None:
            found = self._facts[kind, uid] = self._recorded(ledger, kind, uid)
        return found

    def _recorded(self, ledger: Ledger, kind: str, uid: str) -> Mapping[str, JsonValue]:
        recorded = ledger.record(kind, uid).facts
        begun = self._begun.get((kind, uid))
        return {**recorded, **begun} if begun else recorded


def _begun(ledger: Ledger) -> dict[tuple[str, str], dict[str, JsonValue]]:
    found: dict[tuple[str, str], dict[str, JsonValue]] = {}
    for name, one in ledger.open.items():
        mine = found.setdefault((one.intent.kind, one.intent.uid), {})
        mine[f"{BEGUN}{name}"] = {"provider": one.intent.provider}
    return found
