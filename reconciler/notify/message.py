"""What a notice looks like: subject, text, a little HTML, a flat object. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from html import escape
from itertools import groupby
from typing import NamedTuple

from reconciler.model import Ref, Severity
from reconciler.notify.notice import Notice, Subject, message_id
from reconciler.notify.wording import LONGEST, Words

#: A subject longer than this is cut by the programs that show it.
_SUBJECT = 150
#: So many names of the same trouble are shown.
_SHOWN = 20
_ENGLISH = Words()


class Context(NamedTuple):
    """
    The run that speaks.

    Attributes:
        url: Where its log can be read; None where nobody serves it.
        now: The time at which it speaks.
    """

    env: str
    run: str
    commit: str | None
    url: str | None
    now: datetime


class Message(NamedTuple):
    """
    One message to one channel.

    Attributes:
        id: The same for the same notices to the same channel, after a crash too.
        data: One flat object with a stable set of keys, for machines.
    """

    id: str
    notices: tuple[Notice, ...]
    subject: str
    text: str
    html: str
    data: dict[str, str | int | None]


def explain_command(subject: Subject) -> str:
    """Return the command that tells the whole story of *subject*."""
    return f"reconciler explain {shlex.quote(str(subject))}"


def sign_command(ref: Ref, verb: str, digest: str) -> str:
    """Return the command that approves one action by a signed commit."""
    said = shlex.quote(f"approve: {verb} {ref}")
    return (
        f"git commit -S --allow-empty -m {said} "
        f"--trailer 'Reconciler-Approve: {digest}' && git push"
    )


def approve_command(ref: Ref, digest: str) -> str:
    """Return the command that approves what waits at *ref*, where a word counts."""
    select = f"reconciler --select {shlex.quote(str(ref))}"
    return (
        f"{select} plan --out plan.json && "
        f"{select} apply --approve {digest} --approved-plan plan.json"
    )


def message(
    channel: str,
    notices: Sequence[Notice],
    context: Context,
    words: Words | None = None,
) -> Message:
    """Return the message that tells *channel* of *notices* (at least one)."""
    words = words or _ENGLISH
    ordered = tuple(sorted(notices, key=_order))
    identity = message_id(channel, tuple(n.id for n in ordered))
    name = "digest" if len(ordered) > 1 else ordered[0].event
    subject, said = words.say(name, _spoken(ordered, context, words))
    text = _cut(said)
    return Message(
        identity,
        ordered,
        one_line(subject)[:_SUBJECT],
        text,
        f"<!doctype html><html><body><pre>{escape(text)}</pre></body></html>",
        _data(identity, ordered, context, text),
    )


def one_line(text: str) -> str:
    """Return *text* without control characters and line ends: safe in a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _order(notice: Notice) -> tuple[int, str, str, str]:
    rank = list(Severity).index(notice.severity)
    condition = notice.condition
    return (rank, condition.summary, condition.subject.kind, condition.subject.name)


def _spoken(
    notices: Sequence[Notice], context: Context, words: Words
) -> dict[str, object]:
    """Return what a text gets: plain data, each value on one line."""
    blocks = [
        _block(list(same), context, words) for _, same in groupby(notices, _sameness)
    ]
    subject = notices[0].condition.subject
    commands = blocks[0]["commands"]
    return {
        **{k: v for k, v in blocks[0].items() if k not in {"names", "more"}},
        "env": context.env,
        "run": context.run,
        "commit": context.commit[:12] if context.commit else None,
        "url": context.url,
        "kind": subject.kind,
        "name": one_line(subject.name),
        "resource": one_line(str(subject)),
        "count": len(notices),
        "command": commands[0] if isinstance(commands, list) and commands else None,
        "blocks": blocks,
    }


def _sameness(notice: Notice) -> tuple[object, ...]:
    condition = notice.condition
    return (notice.event, notice.severity, condition.summary, condition.details)


def _block(same: Sequence[Notice], context: Context, words: Words) -> dict[str, object]:
    event, first = same[0].event, same[0].condition
    due = first.due
    shown = same[:_SHOWN]
    return {
        "word": words.word("healed" if event == "healed" else str(first.severity)),
        "event": event,
        "severity": str(first.severity),
        "names": [one_line(str(notice.condition.subject)) for notice in shown],
        "more": max(0, len(same) - _SHOWN),
        "summary": one_line(first.summary),
        "details": [one_line(detail) for detail in first.details[:_SHOWN]],
        "place": first.place if len(same) == 1 else None,
        "due": f"{due:%Y-%m-%d}" if due else None,
        "days": (due - context.now).days if due else None,
        "money": str(first.money) if first.money else None,
        "commands": [
            notice.condition.command
            for notice in shown
            if notice.condition.command and notice.event != "healed"
        ],
        "count": len(same),
    }


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n(cut; `reconciler plan` shows the rest)"


def _data(
    identity: str, notices: Sequence[Notice], context: Context, text: str
) -> dict[str, str | int | None]:
    first = notices[0]
    condition, many = first.condition, len(notices) > 1
    summary = one_line(condition.summary)
    return {
        "event_id": identity if many else first.id,
        "event_ids": ",".join(sorted(notice.id for notice in notices)),
        "event_type": "digest" if many else first.event,
        "occurred_at": min(notice.at for notice in notices).isoformat(),
        "severity": str(first.severity),
        "resource_kind": None if many else condition.subject.kind,
        "resource_name": None if many else condition.subject.name,
        "summary": f"{len(notices)} notices, first {condition.subject}: {summary}"
        if many
        else summary,
        "text": text,
        "count": len(notices),
        "amount": None if many or not condition.money else str(condition.money.amount),
        "currency": None if many or not condition.money else condition.money.currency,
        "due_date": condition.due.date().isoformat()
        if condition.due and not many
        else None,
        "command": None if many or first.event == "healed" else condition.command,
        "env": context.env,
        "run": context.run,
        "url": context.url,
    }
