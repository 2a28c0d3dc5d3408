"""Telling people what is down: once when it is certain, once when it is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from reconciler.health.memory import Book, Incident
from reconciler.kinds.health_check import HealthCheck, HealthState, moment
from reconciler.model import Ref, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.cli.health_books import HealthBooks
    from reconciler.cli.health_run import Result
    from reconciler.cli.notices import Post
    from reconciler.cli.project import Project
    from reconciler.notify import Condition, Over, Subject

KIND: Final = HealthCheck.kind
BUDGET: Final = "health/slo"
_SHOWN: Final = 10
_BURNS: Final = {"fast": Severity.ERROR, "slow": Severity.ERROR}


def tell(project: Project, books: HealthBooks, result: Result) -> Post | None:
    """
    Tell who has to be told, and record it; None where nobody has to be.

    Only then the lock is taken: a run in which nothing happened writes no journal.

    Raises:
        UnsafeCommit: This commit may not speak.
        Locked: Another run holds the lock; the next run tells.
    """
    from reconciler.cli.notices import Post
    from reconciler.engine import Journal

    post = Post(project)
    found = list(conditions(project, books, result))
    ended, silent = over(found), merged(result.book)
    post.prepare()
    if not post.wants or not _anything(project, post, found, (ended, silent)):
        return None
    from reconciler.cli.apply_command import refuse

    scope = project.scope()
    run = project.run(scope.head)
    with Journal(project.journal(), run, project.clock) as journal:
        refuse(project, scope, journal.ledger.base)
        post.announce(journal, run, found, ended, silent)
    return post


def conditions(
    project: Project, books: HealthBooks, result: Result
) -> Iterator[Condition]:
    """Yield what is wrong: an incident each, and budgets that burn without one."""
    for _, one in sorted(result.book.incidents.items()):
        lead = _lead(one, books, result.states)
        if one.open and not one.flapping and lead is not None:
            resting = result.states[lead].maintenance
            if not resting:
                yield _incident(project, one, lead)
    for name, state in sorted(result.states.items()):
        # What is down burns its budget, too: that was told already.
        if state.budget is not None and state.budget.burning and not state.incident:
            yield _burning(project, books, name, state)


def over(found: Sequence[Condition]) -> Over:
    """Return whether something that a look told before is over."""
    from reconciler.notify.conditions import LOOKED

    holds = {(one.subject.uid, one.key) for one in found}

    def is_over(subject: Subject, key: str) -> bool:
        about = key.partition("/")[2]
        ours = subject.kind == KIND and about.startswith(LOOKED)
        return ours and (subject.uid, key) not in holds

    return is_over


def merged(book: Book) -> Over:
    """Return whether an incident is a part of another one now: nobody is told."""
    parts = {f"health/{one.id}" for one in book.incidents.values() if one.merged}

    def is_part(subject: Subject, key: str) -> bool:
        return subject.kind == KIND and key.partition("/")[2] in parts

    return is_part


def _lead(
    one: Incident, books: HealthBooks, states: Mapping[str, HealthState]
) -> str | None:
    """Return the check that speaks for it, or another of it that is still there."""
    names = (one.lead, *one.checks)
    return next((n for n in names if n in books.checks and n in states), None)


def _subject(project: Project, name: str) -> Subject:
    from reconciler.notify import Subject

    return Subject(KIND, project.inventory.uid(Ref(KIND, name)), name)


def _incident(project: Project, one: Incident, lead: str) -> Condition:
    from reconciler.notify import Condition

    began = datetime.fromtimestamp(one.began, UTC)
    checks = sorted(one.checks)
    more = len(checks) - _SHOWN
    said = f"{one.root} is down since {moment(began)}: {one.why}"
    details = [f"{len(checks)} checks: {', '.join(checks[:_SHOWN])}"]
    details[0] += f" and {more} more" if more > 0 else ""
    if one.reopened:
        details.append(f"it came back {one.reopened} times")
    return Condition(
        "incident",
        Severity(one.severity),
        _subject(project, lead),
        f"health/{one.id}",
        said,
        tuple(details),
        f"reconciler explain {KIND}/{lead}",
    )


def _burning(
    project: Project, books: HealthBooks, name: str, state: HealthState
) -> Condition:
    from reconciler.notify import Condition

    assert state.budget is not None  # noqa: S101  (asked by whoever calls)
    rate = state.budget.rate / 100
    said = f"{books.checks[name].spec.of}: the error budget burns {rate:.1f} times"
    said += " faster than it may"
    severity = _BURNS.get(state.budget.burning, Severity.WARNING)
    command = f"reconciler explain {KIND}/{name}"
    subject = _subject(project, name)
    return Condition("incident", severity, subject, BUDGET, said, (), command)


def _anything(
    project: Project, post: Post, found: list[Condition], ends: tuple[Over, Over]
) -> bool:
    """Say whether anybody has to be told, or something is under way."""
    from reconciler.notify import Books, due, turn

    now, (ended, silent) = project.clock(), ends
    before = Books.read(project.ledger.records())
    after = turn(before.without(silent), found, ended, now)
    if any(entry.waits for _, book in before for entry in book.open.values()):
        return True
    if list(after.notes(before)) and any(not want.to_customers for want in post.wants):
        return True
    context = post.context(project.run(None), now)
    return any(
        due(after, post.masked(found), want, context)
        for want in post.wants
        if not want.to_customers
    )
