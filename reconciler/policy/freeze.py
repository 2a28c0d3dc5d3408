"""Times in which nothing, or nothing of a certain sort, may happen."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from reconciler.model import (
    Action,
    Change,
    Decision,
    Finding,
    Severity,
    Spec,
    Verdict,
)
from reconciler.model.resource import Resource
from reconciler.policy.context import Context
from reconciler.policy.moment import Moment, TimeZone, end_of, start_of
from reconciler.policy.scope import Scope


class FreezeSpec(Spec):
    """
    When, what, and why.

    Attributes:
        begins: ``from`` in YAML: the first day or instant; left out: always.
        until: The last day, or the first free instant; left out: until this
            document is removed.
        time_zone: Whose days these are.
        scope: Left out, everything stands still: the kill switch.
        allow: Verbs that go on all the same, such as ``renew``.
    """

    begins: Annotated[Moment | None, Field(alias="from")] = None
    until: Moment | None = None
    time_zone: TimeZone = "UTC"
    scope: Scope = Scope()
    allow: tuple[str, ...] = ()
    reason: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        start, end = self.start(), self.end()
        if start and end and start >= end:
            raise ValueError("a freeze ends after it begins")
        return self

    def start(self) -> datetime | None:
        """Return the first frozen instant; None is always."""
        if self.begins is None:
            return None
        return start_of(self.begins, ZoneInfo(self.time_zone))

    def end(self) -> datetime | None:
        """Return the first instant that is free again; None is never."""
        if self.until is None:
            return None
        return end_of(self.until, ZoneInfo(self.time_zone))


class Freeze(Resource[Change]):
    """Holds what it covers, whoever approved it, until it is over or removed."""

    kind: ClassVar[str] = "Freeze"
    spec: FreezeSpec

    def active(self, now: datetime) -> bool:
        """Say whether *now* is frozen."""
        start, end = self.spec.start(), self.spec.end()
        return (start is None or start <= now) and (end is None or now < end)

    def verdict(self, action: Action, context: Context) -> Verdict | None:
        """Return a firm hold where *action* is frozen now."""
        if not self.active(context.now) or action.change.verb in self.spec.allow:
            return None
        if not self.spec.scope.covers(action, context):
            return None
        why = f"frozen {self._until()}: {self.spec.reason}"
        at = self.at("spec.reason")
        return Verdict(Decision.HOLD, str(self.ref), why, at=at, firm=True)

    def findings(self, have: object, now: datetime) -> list[Finding]:
        """Say that the freeze is on, so that nobody wonders why nothing happens."""
        del have
        if not self.active(now):
            return []
        message = f"is on {self._until()}: {self.spec.reason}"
        return [self.found("frozen", Severity.WARNING, message, "spec.reason")]

    def harm(self, action: Action) -> Finding | None:
        """Return a finding where *action* is due before this freeze is over."""
        due, end = action.change.due, self.spec.end()
        if due is None or (end is not None and due >= end):
            return None
        return action.want.found(
            "frozen-past-due",
            Severity.ERROR,
            f"{action.change.verb} is due {due:%Y-%m-%d}, but {self.ref} holds it "
            f"{self._until()}",
            action.change.field,
        )

    def _until(self) -> str:
        until = self.spec.until
        return f"until {until.isoformat()}" if until else "until the freeze is removed"
