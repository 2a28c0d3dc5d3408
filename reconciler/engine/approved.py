"""Who approved what: recorded before it counts, over when nobody needs it any more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from reconciler.audit import Batch, Note
from reconciler.engine.document import shown_falsely
from reconciler.engine.journal import Journal
from reconciler.engine.situation import Scope
from reconciler.errors import StalePlan
from reconciler.model import Action, Plan


class Given(NamedTuple):
    """
    What one person approved.

    Attributes:
        digests: The action digests it is for.
        via: How it is known that it was them (``actor``, ``github``, ``commit ...``).
        reason: Why the glass was broken; None for an approval like any other.
        wrote: Whose work an action is, by what the forge says now: recorded along
            with the approval, because later runs do not ask it.
    """

    by: str
    digests: Collection[str]
    via: str
    reason: str | None = None
    wrote: Callable[[Action], Collection[str]] = lambda _action: ()

    @property
    def event(self) -> str:
        """What the journal calls it."""
        return "approved" if self.reason is None else "break-glass"

    def note(self, actions: Sequence[Action]) -> Note:
        """Return what is recorded of it, for those actions that it is new for."""
        said: dict[str, JsonValue] = {"by": self.by, "via": self.via}
        if self.reason is not None:
            said["reason"] = self.reason
        authors: dict[str, JsonValue] = {
            action.digest: [*sorted(who)]
            for action in actions
            if (who := self.wrote(action))
        }
        if authors:
            said["authors"] = authors
        digests: list[JsonValue] = [action.digest for action in actions]
        return Note(event=self.event, data={**said, "digests": digests})


def refuse_lies(
    planned: Plan, approved: Mapping[str, str], shown: Mapping[str, JsonValue]
) -> None:
    """
    Raise where people were shown something else than what their digest is for.

    Args:
        planned: What would happen.
        approved: Action id -> digest.
        shown: Action id -> the action as the approved plan's document shows it.

    Raises:
        StalePlan: An action is shown as another one.
    """
    for action in planned.actions:
        told = shown.get(action.id)
        if told is None or approved.get(action.id) != action.digest:
            continue
        if field := shown_falsely(told, action):
            raise StalePlan(
                f"the approved plan shows another {field} for {action.want.ref} than "
                "the action with this digest has",
                hint="make the plan anew, look who could change the file, and approve "
                "what it shows",
                at=action.want.at(action.change.field),
            )


def withdraw(journal: Journal, scope: Scope, planned: Plan) -> None:
    """
    Record that an approval is over where nobody needs any more what it is for.

    Otherwise it would wait, and count when the same is wanted again some day. Only a
    look at everything shows that: what is not read, not selected, later, or open may
    still be it.
    """
    ledger = journal.ledger
    given = [*ledger.approvals.items()]
    given += [(digest, (who,)) for digest, who in ledger.glass.by.items()]
    if not given or not planned.complete or planned.deferred:
        return
    wanted = {action.digest for action in planned.actions}
    wanted |= {begun.intent.action_digest for begun in ledger.open.values()}
    over: dict[str, list[JsonValue]] = {}
    for digest, people in given:
        for who in people if digest not in wanted else ():
            over.setdefault(who, []).append(digest)
    if over and all(map(scope.selected, scope.desired.refs())):
        why = "no longer planned"
        notes = [
            Note(event="withdrawn", data={"by": who, "digests": digests, "why": why})
            for who, digests in sorted(over.items())
        ]
        journal.record(Batch(entries=tuple(notes), phase="withdrawn"))


def approve(journal: Journal, given: Sequence[Given], planned: Plan) -> bool:
    """Record who approved which action of the plan, before acting because of it."""
    ledger = journal.ledger
    broken = {digest: (who,) for digest, who in ledger.glass.by.items()}
    known = {"approved": ledger.approvals, "break-glass": broken}
    offered = {action.digest: action for action in planned.actions}
    notes = [
        one.note(new)
        for one in given
        if (
            new := [
                offered[digest]
                for digest in sorted(set(one.digests) & offered.keys())
                if one.by not in known[one.event].get(digest, ())
            ]
        )
    ]
    if notes:
        journal.record(Batch(entries=tuple(notes), phase="approved"))
    return bool(notes)
