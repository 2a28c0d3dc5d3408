"""What would be done, judged and in order, and the digests it is approved by."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import JsonValue

from reconciler.model.change import Change
from reconciler.model.driver import OpClass
from reconciler.model.due import Due
from reconciler.model.finding import Finding
from reconciler.model.money import Money
from reconciler.model.observed import Share, Unmanaged
from reconciler.model.ref import Ref
from reconciler.model.resource import AnyResource
from reconciler.model.verdict import Decision, Verdict


def sha256(data: Any) -> str:
    """Return the hex SHA-256 of *data* as canonical JSON (sorted, no spaces)."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def action_id(env: str, ref: Ref, uid: str, verb: str, generation: str) -> str:
    """
    Return the identity of one need.

    Never contains price, ``before``, payment method or time: what is paid once
    for one period has one id, whatever else changes.
    """
    return sha256([env, ref.kind, uid, verb, generation])[:32]


class Action(NamedTuple):
    """
    One change, with its identity and what the rules think of it.

    Attributes:
        attempt: Committed definite failures + 1. An unknown outcome keeps it, so
            the vendor sees the same key again.
        level: Its wave: every action of a lower level comes first.
        resumes: It was begun by an earlier run; the journal's change is sent again.
    """

    id: str
    want: AnyResource
    change: Change
    op_class: OpClass
    ceiling: Money | None = None
    attempt: int = 1
    level: int = 0
    verdicts: tuple[Verdict, ...] = ()
    resumes: bool = False

    @property
    def key(self) -> str:
        """The idempotency key: the identity and the number of the attempt."""
        return f"{self.id}-{self.attempt}"

    @property
    def digest(self) -> str:
        """
        What an approval binds to: the need, its result and its ceiling.

        And what a customer pays, which is exact: who said yes to one amount did not
        say it to another.
        """
        ceiling = str(self.ceiling) if self.ceiling else None
        charge = [str(self.change.charge)] if self.change.charge else []
        return sha256([self.id, self.change.after, ceiling, *charge])[:16]

    @property
    def decision(self) -> Decision:
        """The strictest verdict."""
        return max((v.decision for v in self.verdicts), default=Decision.ALLOW)

    @property
    def needs(self) -> tuple[str, ...]:
        """The groups whose approval is missing."""
        return tuple(
            sorted(g for v in self.verdicts if v.decision > 0 for g in v.needs)
        )

    def judged(self, *verdicts: Verdict) -> Action:
        """Return this action with more verdicts."""
        return self._replace(verdicts=(*self.verdicts, *verdicts)) if verdicts else self


class Drift(NamedTuple):
    """One field that moved in the world and not in git."""

    ref: Ref
    share: Share
    field: str
    before: JsonValue
    live: JsonValue
    disposition: str


class Deferred(NamedTuple):
    """
    Something that will be done later, and when it can be tried.

    Attributes:
        merges: What git wants is not there yet: it is no due work, but a difference.
    """

    ref: Ref
    verb: str
    because: str
    until: datetime
    merges: bool = False


class Unread(NamedTuple):
    """A share nobody could read."""

    ref: Ref
    share: Share
    why: str


class Plan(NamedTuple):
    """
    An ordered, judged list of actions and everything a reviewer should know.

    The digest covers the actions alone: neither findings nor the time.

    Attributes:
        observed: When the snapshot that was planned against was taken; None where
            the accounts themselves were asked.
    """

    env: str
    as_of: datetime
    actions: tuple[Action, ...] = ()
    findings: tuple[Finding, ...] = ()
    drift: tuple[Drift, ...] = ()
    unmanaged: tuple[Unmanaged, ...] = ()
    unknown: tuple[Unread, ...] = ()
    deferred: tuple[Deferred, ...] = ()
    due: tuple[Due, ...] = ()
    base: str | None = None
    commit: str | None = None
    observed: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether everything could be read."""
        return not self.unknown

    @property
    def digest(self) -> str:
        """The hash of the sorted action digests."""
        return digest_of(action.digest for action in self.actions)

    def allowed(self) -> tuple[Action, ...]:
        """The actions that run without anybody's approval."""
        return tuple(a for a in self.actions if a.decision is Decision.ALLOW)


def digest_of(actions: Any) -> str:
    """Return the plan digest of some action digests, in whatever order."""
    return sha256(sorted(actions))[:16]
