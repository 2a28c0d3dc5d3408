"""
A new name for what was paid for under another one. Pure.

A payment is done once for each uid. A resource that comes back under another uid would
be paid for again, so that it waits: until it says whose place it takes, or for the
days that were not billed yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from pydantic import JsonValue

from reconciler.model import (
    Action,
    AnyResource,
    Decision,
    Finding,
    Ref,
    Severity,
    Verdict,
)

_RULE = "built-in/billed-once"


class Remembered(NamedTuple):
    """The record of one resource, whether or not it is still wanted."""

    uid: str
    name: str
    facts: Mapping[str, JsonValue]


Past = Callable[[str], Iterable[Remembered]]


class Heir(NamedTuple):
    """A resource that claims what one that is gone claims."""

    want: AnyResource
    before: AnyResource


def heirs(gone: Iterable[AnyResource], wants: Iterable[AnyResource]) -> list[Heir]:
    """
    Return which of *wants* claim what one that is *gone* claims.

    What goes on under another name is not gone: its uid is still wanted.
    """
    claimed = {(one.kind, claim): one for one in gone for claim in one.claims()}
    found: dict[Ref, Heir] = {}
    for want in wants if claimed else ():
        for claim in want.claims():
            before = claimed.get((want.kind, claim))
            if before is not None:
                found.setdefault(want.ref, Heir(want, before))
    return list(found.values())


class Succession:
    """
    What may not act, because somebody else did, or is asked to first.

    Args:
        gone: What the base has and git no longer wants.
        wants: What is wanted, of the kinds that claim something.
        past: Returns every record of a kind; asked only where something would be done.
    """

    def __init__(
        self, gone: Iterable[AnyResource], wants: Iterable[AnyResource], past: Past
    ) -> None:
        self._heirs = heirs(gone, wants)
        self._gone = {heir.want.ref: heir.before for heir in self._heirs}
        self._past = past
        self._index: dict[str, Mapping[str, list[Remembered]]] = {}

    def held(self, action: Action) -> Action:
        """Return *action*, held where it would pay for something again."""
        want = action.want
        if want.ref in self._gone:
            return _held(action, _whose(self._gone[want.ref]))
        for claim in want.claims():
            for one in self._records(want).get(claim, ()):
                if one.uid == want.uid:
                    continue
                if days := want.repeats(action.change, one.facts):
                    who = f"{want.kind}/{one.name or one.uid}"
                    return _held(action, f"{days} was billed as {who} (uid {one.uid})")
        return action

    def findings(self) -> Iterator[Finding]:
        """Yield who takes another's place without saying so."""
        for want, before in self._heirs:
            message = f"{_whose(before)}; nothing is billed and nobody told until then"
            yield want.found(
                "renamed-without-uid", Severity.ERROR, message, "metadata.uid"
            )

    def entitled(self, want: AnyResource) -> bool:
        """Say whether *want* may lead others: it takes nobody's place."""
        return want.ref not in self._gone

    def _records(self, want: AnyResource) -> Mapping[str, list[Remembered]]:
        """Return the records of the kind of *want*, by what they claimed."""
        found = self._index.get(want.kind)
        if found is None:
            by_claim: dict[str, list[Remembered]] = defaultdict(list)
            for one in self._past(want.kind):
                for claim in want.claimed(one.facts):
                    by_claim[claim].append(one)
            found = self._index[want.kind] = by_claim
        return found


def _whose(before: AnyResource) -> str:
    return (
        f"{before.ref} covered the same and is gone: write uid: {before.uid} if this "
        f"is the same one, or bring it back with state: terminated"
    )


def _held(action: Action, why: str) -> Action:
    return action.judged(Verdict(Decision.HOLD, _RULE, why, firm=True))
