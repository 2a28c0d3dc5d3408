"""What a notice looks like: subject, text, a little HTML, a flat object. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

from reconciler.model import Ref, Severity
from reconciler.notify.body import Context, Value, body, one_line
from reconciler.notify.notice import Notice, Subject, message_id
from reconciler.notify.wording import LONGEST, Words

#: A subject longer than this is cut by the programs that show it.
_SUBJECT = 150
#: So many names of the same trouble are shown.
_SHOWN = 20
_ENGLISH = Words()


class Message(NamedTuple):
    """
    One message to one channel.

    Attributes:
        id: The same for the same notices to the same channel, after a crash too.
        data: The same for machines; see ``body``.
    """

    id: str
    notices: tuple[Notice, ...]
    subject: str
    text: str
    html: str
    data: dict[str, Value]


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
        body(identity, ordered, context, text),
    )


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
