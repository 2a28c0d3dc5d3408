"""What holds after a run that a person should be told. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from reconciler.audit import Outcome
from reconciler.model import (
    Action,
    Decision,
    Finding,
    Plan,
    Ref,
    Severity,
    Unread,
    Verdict,
    digest_of,
)
from reconciler.notify.message import (
    approve_command,
    explain_command,
    sign_command,
)
from reconciler.notify.notice import Condition, Subject

#: Of one account, more unreadable things than this are the account's own trouble.
ACCOUNT = 3
#: A finding whose code ends so is a date that comes nearer.
EXPIRES = "-expires"
#: What a look told, and no plan ends: the prefix of what it is about.
LOOKED = "health/"
#: What whoever looks tells, once for each incident: a plan shows it and is silent.
_OF_LOOKS = frozenset({"site-down", "site-flapping", "slo-burning"})
_IDENTITY = re.compile(r"reconciler settle (\w+)")
_EVENTS = {Severity.CRITICAL: "incident", Severity.ERROR: "urgent"}
#: What waits for another action is told with that one; what is lost is an incident.
#: What is under way, and what is not certain yet, waits for no person.
_NOT_HELD = frozenset(
    {
        "built-in/order",
        "built-in/outcome-unknown",
        "built-in/pending",
        "built-in/health",
    }
)


class Seen(NamedTuple):
    """
    What a run saw and did.

    Attributes:
        plan: What is left after it (or, where nothing was done, what would be done).
        outcomes: What came of what it did.
        uid: The uid of a resource.
        since: Since when (subject, share) is known to be unreadable.
        looked: Whether the run looked at something at all.
        blind: Whether a part of it was not read this time, failed or not its turn.
        loopback: Whether an approval counts on the word of whoever types it.
    """

    plan: Plan
    outcomes: Sequence[Outcome]
    uid: Callable[[Ref], str]
    since: Callable[[Subject, str], datetime | None]
    looked: Callable[[Ref], bool] = lambda _ref: True
    blind: Callable[[Subject], bool] = lambda _subject: False
    loopback: bool = False

    def subject(self, kind: str, name: str) -> Subject:
        """Return what a notice about Kind/name is kept under."""
        return Subject(kind, self.uid(Ref(kind, name)), name)


def conditions(seen: Seen) -> list[Condition]:
    """Return everything that holds, each once, in order of subject and event."""
    unread = list(_unread(seen))
    found = [*_findings(seen), *_actions(seen), *unread]
    unique = {(c.subject, c.key): c for c in found}
    return [unique[key] for key in sorted(unique)]


def over(seen: Seen) -> Callable[[Subject, str], bool]:
    """
    Return whether what was not found any more is over, by subject and key.

    It is not where nobody looked, where it could not be read, and where what failed
    has not succeeded since.
    """
    unread: dict[tuple[str, str], set[str]] = {}
    shares: set[str] = set()
    for one in seen.plan.unknown:
        about = f"{one.share.provider}/{one.share.family}"
        unread.setdefault((one.ref.kind, seen.uid(one.ref)), set()).add(about)
        shares.add(about)
    left = {action.id for action in seen.plan.actions}

    def is_over(subject: Subject, key: str) -> bool:
        event, _, about = key.partition("/")
        blind = unread.get((subject.kind, subject.uid), set())
        if about.startswith(LOOKED):
            return False
        if not seen.looked(Ref(subject.kind, subject.name)):
            return False
        if event == "unknown":
            return about not in (shares if subject.kind == "Provider" else blind)
        if blind or seen.blind(subject):
            return False
        return not (event == "failed" and about in left)

    return is_over


def _findings(seen: Seen) -> Iterator[Condition]:
    troubled = {unread.share.provider for unread in seen.plan.unknown}
    due = {(d.kind, d.name): d.at for d in seen.plan.due}
    kept: dict[tuple[Subject, str, str], list[Finding]] = {}
    for finding in seen.plan.findings:
        event = None if finding.code in _OF_LOOKS else _event(finding)
        # What an account does not tell is an alarm when it lasts (see _unread).
        fleeting = finding.kind == "Provider" and finding.name in troubled
        if event is None or (fleeting and event != "incident"):
            continue
        subject = seen.subject(finding.kind, finding.name)
        identity = _IDENTITY.search(finding.message)
        about = f"{finding.code}/{identity[1]}" if identity else finding.code
        about += f"/{finding.lead.partition('/')[2]}" if finding.lead else ""
        kept.setdefault((subject, event, about), []).append(finding)
    for (subject, event, about), same in kept.items():
        first, *others = same
        yield Condition(
            event,
            first.severity,
            subject,
            about,
            first.message,
            tuple(other.message for other in others),
            _command(subject, first),
            due=due.get((subject.kind, subject.name)),
            place=str(first.source) if first.source else None,
            series=first.lead.partition("/")[0],
        )


def _event(finding: Finding) -> str | None:
    if finding.severity is Severity.WARNING and finding.code.endswith(EXPIRES):
        return "window-opened"
    return _EVENTS.get(finding.severity)


def _command(subject: Subject, finding: Finding) -> str:
    identity = _IDENTITY.search(finding.message)
    if identity is None:
        return explain_command(subject)
    return (
        f"reconciler settle {identity[1]} --happened|--did-not-happen --evidence TEXT"
    )


def _actions(seen: Seen) -> Iterator[Condition]:
    by_ref: dict[Ref, list[Action]] = {}
    for action in seen.plan.actions:
        by_ref.setdefault(action.want.ref, []).append(action)
    said = {o.id: o for o in seen.outcomes if o.status in {"failed", "not_applied"}}
    for ref, actions in by_ref.items():
        whole = digest_of(action.digest for action in actions)
        for action in actions:
            approve = (
                approve_command(ref, whole)
                if seen.loopback
                else sign_command(ref, action.change.verb, action.digest)
            )
            yield from _action(seen, action, said, approve)


def _action(
    seen: Seen, action: Action, said: Mapping[str, Outcome], approve: str
) -> Iterator[Condition]:
    change, base = action.change, _base(action)
    what = f"{change.verb}: {change.because}"
    urgent = bool(change.due and action.want.urgent(change.due, seen.plan.as_of))
    if action.decision is Decision.ALLOW:
        if action.attempt > 1:
            yield _failed(base, what, said.get(action.id))
        elif change.generation and (urgent or not change.routine):
            yield base._replace(
                event="urgent" if urgent else "window-opened",
                summary=f"{what}; the next run does it",
            )
        return
    reasons = [v for v in action.verdicts if v.decision > Decision.ALLOW]
    if all(v.rule in _NOT_HELD for v in reasons):
        return
    denied = action.decision is Decision.DENY
    yield base._replace(
        event="urgent" if urgent else "held",
        severity=Severity.ERROR if urgent or denied else Severity.WARNING,
        about=f"{action.id}/{action.digest}",
        summary=f"{'denied' if denied else 'held'}: {what}",
        details=tuple(_reasons(reasons)) + (() if _fixed(reasons) else _ways(seen)),
        command=base.command if _fixed(reasons) else approve,
    )


def _ways(seen: Seen) -> tuple[str, ...]:
    """Say how else what waits may be approved."""
    if seen.loopback:
        return ()
    return ("approve by the signed commit below, or in the job `apply-approved`",)


def _base(action: Action) -> Condition:
    subject = Subject(action.want.kind, action.want.uid, action.want.name)
    at = action.want.at(action.change.field)
    return Condition(
        "",
        Severity.WARNING,
        subject,
        action.id,
        "",
        command=explain_command(subject),
        money=action.change.charge or action.ceiling or action.change.cost,
        due=action.change.due,
        place=str(at) if at else None,
    )


def _failed(base: Condition, what: str, outcome: Outcome | None) -> Condition:
    error = outcome.error if outcome else None
    request = outcome.request_id if outcome else None
    details = (
        f"the vendor says: {error}" if error else None,
        f"the vendor's request: {request}" if request else None,
        "the next run tries again",
    )
    return base._replace(
        event="failed",
        severity=Severity.ERROR,
        summary=f"failed: {what}",
        details=tuple(filter(None, details)),
    )


def _reasons(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        needs = f", needs {' + '.join(verdict.needs)}" if verdict.needs else ""
        yield f"{verdict.rule}: {verdict.why}{needs}"


def _fixed(verdicts: Sequence[Verdict]) -> bool:
    """Whether something is in the way that no approval lifts."""
    return any(v.firm or v.decision is Decision.DENY or not v.needs for v in verdicts)


def _unread(seen: Seen) -> Iterator[Condition]:
    by_share = sorted(seen.plan.unknown, key=lambda one: (one.share, one.ref))
    for share, same in groupby(by_share, key=lambda one: one.share):
        group = list(same)
        about = f"{share.provider}/{share.family}"
        account = seen.subject("Provider", share.provider)
        of_account = seen.since(account, about)
        members = [(one, seen.subject(*one.ref)) for one in group]
        if len(group) > ACCOUNT:
            begun = [seen.since(subject, about) for _, subject in members]
            since = of_account or min(filter(None, begun), default=None)
            yield _unreadable(seen, account, about, group, since)
            continue
        for one, subject in members:
            since = seen.since(subject, about) or of_account
            yield _unreadable(seen, subject, about, [one], since)


def _unreadable(
    seen: Seen,
    subject: Subject,
    about: str,
    group: Sequence[Unread],
    since: datetime | None,
) -> Condition:
    begun = since or seen.plan.as_of
    what = "cannot be read" if len(group) == 1 else f"{len(group)} cannot be read"
    return Condition(
        "unknown",
        Severity.ERROR,
        subject,
        about,
        f"{what} since {begun:%Y-%m-%d %H:%M} UTC: {group[0].why}",
        (f"account and family: {about}; nothing is planned from what is not known",),
        "reconciler doctor",
        since=begun,
    )
