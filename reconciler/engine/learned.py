"""
What resources remember of actions that are recorded together.

Several actions of one resource may end in one batch: the copies of one backup are
checked side by side. Each remembers what the ones before it left, so that the last one
does not write over what the others have found.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from reconciler.audit import FACTS, Outcome
from reconciler.model import Action, AnyResource, Ended, Have


class Learned:
    """The facts of one batch, by resource, until they are in the ledger."""

    def __init__(self) -> None:
        self._facts: dict[tuple[str, str], dict[str, JsonValue]] = {}

    def with_facts(self, outcome: Outcome, action: Action, have: Have) -> Outcome:
        """
        Return *outcome* with what its resource remembers of it, once it is known.

        It is recorded in the same line, so that nothing is done and then forgotten.
        """
        if outcome.status == "unknown":
            return outcome
        want = self._knowing(action.want)
        ended = Ended(
            outcome.status,
            outcome.time,
            action.attempt,
            outcome.evidence,
            outcome.error or "",
        )
        facts = dict(want.remembers(action.change, ended, have))
        if not facts:
            return outcome
        self._facts.setdefault((want.kind, want.uid), {}).update(facts)
        evidence = {**outcome.evidence, FACTS: facts}
        return outcome.model_copy(update={"evidence": evidence})

    def _knowing(self, want: AnyResource) -> AnyResource:
        """Return *want* as it will be once all before it in the batch is recorded."""
        new = self._facts.get((want.kind, want.uid))
        if not (want.recalls and new):
            return want
        known: Mapping[str, JsonValue] = {**want.recorded, **new}
        return want.model_copy().recalling(lambda: known)
