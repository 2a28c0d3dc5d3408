"""What a notice looks like: subject, text, a little HTML, a flat object. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from itertools import groupby
from typing import NamedTuple

from reconciler.model import Ref, Severity
from reconciler.notify.notice import Notice, Subject, message_id

#: A subject longer than this is cut by the programs that show it.
_SUBJECT = 150
#: So many names of the same trouble are shown.
_SHOWN = 20
#: A message has at most so many characters.
_LONGEST = 100_000


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


def message(channel: str, notices: Sequence[Notice], context: Context) -> Message:
    """Return the message that tells *channel* of *notices* (at least one)."""
    ordered = tuple(sorted(notices, key=_order))
    identity = message_id(channel, tuple(n.id for n in ordered))
    text = _cut("\n".join(_text(ordered, context)))
    return Message(
        identity,
        ordered,
        one_line(_subject(ordered, context))[:_SUBJECT],
        text,
        f"<!doctype html><html><body><pre>{escape(text)}</pre></body></html>",
        _data(identity, ordered, context),
    )


def one_line(text: str) -> str:
    """Return *text* without control characters and line ends: safe in a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _order(notice: Notice) -> tuple[int, str, str, str]:
    rank = list(Severity).index(notice.severity)
    condition = notice.condition
    return (rank, condition.summary, condition.subject.kind, condition.subject.name)


def _word(notice: Notice) -> str:
    return "healed" if notice.event == "healed" else str(notice.severity).upper()


def _subject(notices: Sequence[Notice], context: Context) -> str:
    first = notices[0]
    said = f"{first.condition.subject}: {first.condition.summary}"
    if len(notices) > 1:
        said = f"{len(notices)} notices, first {said}"
    return f"[reconciler {context.env}] {_word(first)} {said}"


def _text(notices: Sequence[Notice], context: Context) -> Iterator[str]:
    for _, same in groupby(notices, key=_sameness):
        yield from _block(list(same), context)
        yield ""
    commit = f" · commit {context.commit[:12]}" if context.commit else ""
    yield f"run {context.run} · env {context.env}{commit}"
    if context.url:
        yield context.url
    yield "Each notice is sent once; `reconciler plan` shows all that holds now."


def _sameness(notice: Notice) -> tuple[object, ...]:
    condition = notice.condition
    return (notice.event, notice.severity, condition.summary, condition.details)


def _block(same: Sequence[Notice], context: Context) -> Iterator[str]:
    first = same[0].condition
    names = ", ".join(str(notice.condition.subject) for notice in same[:_SHOWN])
    more = f" and {len(same) - _SHOWN} more" if len(same) > _SHOWN else ""
    yield f"{_word(same[0])}  {names}{more}  ({same[0].event})"
    yield f"  {one_line(first.summary)}"
    for detail in first.details[:_SHOWN]:
        yield f"  {one_line(detail)}"
    if first.place and len(same) == 1:
        yield f"  written at {first.place}"
    if first.due:
        yield f"  harm begins {first.due:%Y-%m-%d}, {_left(first.due, context.now)}"
    if first.money:
        yield f"  at most {first.money}" + (" each" if len(same) > 1 else "")
    for notice in same[:_SHOWN]:
        if notice.condition.command and notice.event != "healed":
            yield f"  $ {notice.condition.command}"


def _left(due: datetime, now: datetime) -> str:
    days = (due - now).days
    return f"in {days} d" if days >= 0 else f"{-days} d ago"


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}\n(cut; `reconciler plan` shows the rest)"


def _data(
    identity: str, notices: Sequence[Notice], context: Context
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
        "text": _cut("\n".join(_text(notices, context))),
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
