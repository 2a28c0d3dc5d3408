"""The commit messages of the audit branch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reconciler.audit.books import Base
from reconciler.audit.entries import Intent, Note, Outcome
from reconciler.audit.store import Batch, Run

RUN_TRAILER = "Reconciler-Run"
_LONGEST = 72


def message_of(run: Run, batch: Batch, base: Base | None, plans: Iterable[str]) -> str:
    """Return ``audit: renew Domain/example.com (12.99 EUR)`` and the trailers."""
    trailers = [(RUN_TRAILER, run.id)]
    trailers += [("Reconciler-Plan", plan) for plan in plans]
    trailers += [("Reconciler-Actor", run.actor)]
    subject = f"audit: {_subject(batch, base)}"
    lines = "\n".join(f"{name}: {' '.join(value.split())}" for name, value in trailers)
    return f"{' '.join(subject.split())[:_LONGEST]}\n\n{lines}\n"


def _subject(batch: Batch, base: Base | None) -> str:
    intents = [e for e in batch.entries if isinstance(e, Intent)]
    outcomes = [e for e in batch.entries if isinstance(e, Outcome)]
    notes = [e.event for e in batch.entries if isinstance(e, Note)]
    if intents:
        return _intents(intents)
    if outcomes:
        return _outcomes(outcomes)
    if notes:
        return (
            notes[0] if len(notes) == 1 else f"{len(notes)} notes ({_counted(notes)})"
        )
    if base:
        return f"base moved to {(base.commit or 'nothing')[:12]}"
    return "plan"


def _intents(intents: Sequence[Intent]) -> str:
    if len(intents) > 1:
        return f"{len(intents)} intents ({_counted(i.verb for i in intents)})"
    (one,) = intents
    cost = f" ({one.cost})" if one.cost else ""
    return f"{one.verb} {one.kind}/{one.name}{cost}"


def _outcomes(outcomes: Sequence[Outcome]) -> str:
    if len(outcomes) > 1:
        return f"{len(outcomes)} outcomes ({_counted(o.status for o in outcomes)})"
    (one,) = outcomes
    paid = f" ({one.paid})" if one.paid else ""
    return f"{one.status} {one.verb} {one.kind}/{one.name}{paid}"


def _counted(words: Iterable[str]) -> str:
    counts = sorted(Counter(words).items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count} {word}" for word, count in counts)
