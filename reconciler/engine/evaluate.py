"""One resource: what has to happen to it, and what should be known about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from reconciler.engine.memory import Memory
from reconciler.engine.merge import (
    UNSUPPORTED,
    Moved,
    Part,
    disposed,
    listed,
    origins,
    split,
)
from reconciler.engine.observe import unread
from reconciler.model import (
    Absent,
    Action,
    AnyDriver,
    AnyResource,
    Change,
    Decision,
    Deferred,
    Drift,
    Due,
    FieldChange,
    Finding,
    Have,
    Money,
    OnDrift,
    Risk,
    Severity,
    Share,
    Unknown,
    Unread,
    Verdict,
    action_id,
    sha256,
)

#: Two accounts of one date may differ by this much: by time zone, or by the hour.
_SAME = timedelta(days=1)
_WHY = {
    Moved.WORLD: "was changed by hand, and a person should say who is right",
    Moved.BOTH: "git and live both moved, and differ",
    Moved.UNBASED: "was never applied: whatever exists is protected",
}
_VANISHED = (
    "was there when it was last applied, and is gone: made anew it would be empty, and "
    "nobody would miss what was in it"
)
_RULES = {
    Moved.GIT: "git",
    Moved.WORLD: "drift",
    Moved.BOTH: "conflict",
    Moved.UNBASED: "protection",
}


class Evaluation(NamedTuple):
    """Everything a plan says about one resource."""

    actions: tuple[Action, ...] = ()
    findings: tuple[Finding, ...] = ()
    drift: tuple[Drift, ...] = ()
    unknown: tuple[Unread, ...] = ()
    deferred: tuple[Deferred, ...] = ()
    due: tuple[Due, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether git and the world do not agree, so that it matters who moved."""
        return bool(self.actions or self.deferred) or any(
            finding.code == UNSUPPORTED for finding in self.findings
        )


class Subject(NamedTuple):
    """One resource with its past and its present."""

    want: AnyResource
    base: AnyResource | None
    have: Have
    memory: Memory


def evaluate(
    subject: Subject, drivers: Mapping[Share, AnyDriver], env: str, now: datetime
) -> Evaluation:
    """Return what follows for one resource. Pure."""
    want, have = subject.want, subject.have
    unknown = tuple(
        Unread(want.ref, share, state.why) for share, state in unread(want, have)
    )
    found = [*want.findings(have, now), *_alarm(subject, unknown, now)]
    actions: list[Action] = []
    drift: list[Drift] = []
    deferred: list[Deferred] = []
    for change in want.diff(have, now):
        if isinstance(have.get(change.share), Unknown):
            continue  # a kind must not do this; nothing may come of it if it does
        creates = isinstance(have.get(change.share), Absent)
        merges = change.merges and not creates
        moved = origins(change, subject.base, have, now) if merges else []
        driver = drivers.get(change.share)
        able = driver is not None and change.verb in driver.can
        drift += _drifted(want, change.share, moved, able=able)
        if driver is None or not able:
            found.append(_unsupported(want, change))
            continue
        until = _too_early(subject, change, now)
        if until is not None:
            later = Deferred(
                want.ref, change.verb, change.because, until, change.merges
            )
            deferred.append(later)
            continue
        parts = split(change, moved)
        actions += [
            _action(subject, part, driver, env)
            for part in parts
            if part.treatment is not OnDrift.REPORT
        ]
    return Evaluation(
        tuple(actions),
        tuple(found),
        tuple(drift),
        unknown,
        tuple(deferred),
        tuple(want.due(have, now)),
    )


def _alarm(
    subject: Subject, unknown: tuple[Unread, ...], now: datetime
) -> Iterator[Finding]:
    deadline = subject.memory.deadline
    if unknown and deadline and subject.want.urgent(deadline, now):
        yield subject.want.found(
            "unknown-and-urgent",
            Severity.CRITICAL,
            f"cannot be read ({unknown[0].why}), and its last known deadline is "
            f"{deadline.date()}",
        )


def _unsupported(want: AnyResource, change: Change) -> Finding:
    message = f"{change.share.provider} cannot {change.verb}: {change.because}"
    return want.found(UNSUPPORTED, Severity.WARNING, message, change.field)


def _too_early(subject: Subject, change: Change, now: datetime) -> datetime | None:
    """Until when the vendor refuses *change*, as it says or as it said last time."""
    said = (change.not_before, subject.memory.waits.get(change.verb))
    return max((moment for moment in said if moment and moment > now), default=None)


def _drifted(
    want: AnyResource,
    share: Share,
    moved: Sequence[tuple[FieldChange, Moved]],
    *,
    able: bool,
) -> Iterator[Drift]:
    for field, by in moved:
        disposition = disposed(by, field, able=able)
        if disposition and by is not Moved.UNBASED:
            yield Drift(
                want.ref,
                share,
                field.field,
                listed(field.after),
                listed(field.before),
                disposition,
            )


def _action(subject: Subject, part: Part, driver: AnyDriver, env: str) -> Action:
    want, change = subject.want, _explained(part)
    last = subject.memory.done.get(change.verb, "")
    generation = change.generation or sha256(
        [change.share.provider, change.after, last]
    )
    identity = action_id(env, want.ref, want.uid, change.verb, generation)
    action = Action(
        identity,
        want,
        change,
        driver.can[change.verb],
        ceiling=_ceiling(change, subject.memory.last_paid),
        attempt=subject.memory.failures.get(identity, 0) + 1,
    )
    return action.judged(*_held(subject, part), *_stale(subject, action))


def _explained(part: Part) -> Change:
    """Say in the reason when it was the world, and not git, that moved."""
    if part.moved is not Moved.WORLD:
        return part.change
    because = f"{part.change.because} (drift: git did not change it)"
    return part.change.model_copy(update={"because": because})


def _ceiling(change: Change, last_paid: Money | None) -> Money | None:
    ceiling = change.ceiling
    if ceiling is None or change.max_increase is None or last_paid is None:
        return ceiling
    if last_paid.currency != ceiling.currency:
        return ceiling
    most = last_paid.times(1 + change.max_increase)
    return min(most, ceiling)


def _held(subject: Subject, part: Part) -> Iterator[Verdict]:
    if part.treatment is OnDrift.HOLD:
        at = subject.want.at(part.change.field)
        rule = f"built-in/{_RULES[part.moved]}"
        yield Verdict(Decision.HOLD, rule, _WHY[part.moved], ("review",), at)
    if part.change.once and subject.base is not None:
        yield Verdict(Decision.HOLD, "built-in/vanished", _VANISHED, ("review",))
    if part.change.hold:
        needs = () if part.change.firm else ("review",)
        yield Verdict(
            Decision.HOLD,
            "built-in/limit",
            part.change.hold,
            needs,
            firm=part.change.firm,
        )


def _stale(subject: Subject, action: Action) -> Iterator[Verdict]:
    """Hold what the records say has been done, whatever a (stale) read says."""
    memory = subject.memory
    if action.id in memory.applied:
        yield Verdict(
            Decision.HOLD,
            "built-in/once",
            "was done already; the account does not show it (a stale read?)",
            firm=True,
        )
    elif memory.deadline and action.change.risk is Risk.MONEY:
        live = subject.want.deadline(subject.have)
        if live is not None and live < memory.deadline - _SAME:
            yield Verdict(
                Decision.HOLD,
                "built-in/stale-read",
                f"the account says {live.date()}, the records {memory.deadline.date()}",
                ("review",),
            )
