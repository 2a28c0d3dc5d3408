"""
What machines get of a message: one flat object, ``reconciler.notice/v1``.

No field is an object or a list, every field is always there (null where there is
nothing to say), none ever changes its meaning or goes away; fields and events may be
added. So Zapier and Make can map it once. ``schemas/notice.v1.schema.json`` says it.

An event is added in ``kinds/notification_channel.py`` (``Event``). What it has to say
beside its text (a customer, an invoice, an attempt) is one more ``Field`` here, null
for all others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from reconciler.kinds.notification_channel import EVENTS
from reconciler.model import Severity
from reconciler.notify.notice import Notice

FORMAT: Final = "reconciler.notice/v1"
NOTICE_SCHEMA: Final = "notice.v1.schema.json"

Value = str | int | None


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


class _Told(NamedTuple):
    """One message: its id and text, what it tells, and the run that tells it."""

    id: str
    notices: Sequence[Notice]
    text: str
    run: Context

    @property
    def one(self) -> Notice | None:
        """The only notice; None in a digest."""
        return self.notices[0] if len(self.notices) == 1 else None


class Field(NamedTuple):
    """
    One field.

    Attributes:
        type: Of JSON; null is allowed too where *nullable*.
        means: For people.
        of: What it is, of a message.
    """

    type: str
    means: str
    of: Callable[[_Told], Value]
    nullable: bool = False
    more: dict[str, Any] = {}


def _text(
    means: str, of: Callable[[_Told], Value], *, nullable: bool = False, **more: Any
) -> Field:
    return Field("string", means, of, nullable, more)


def _one(means: str, of: Callable[[Notice], Value], **more: Any) -> Field:
    """Return a field that says something about one notice, and nothing of many."""
    return _text(means, lambda t: of(t.one) if t.one else None, nullable=True, **more)


def one_line(text: str) -> str:
    """Return *text* without control characters and line ends: safe in a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _summary(told: _Told) -> str:
    first = told.notices[0].condition
    summary = one_line(first.summary)
    if told.one:
        return summary
    return f"{len(told.notices)} notices, first {first.subject}: {summary}"


def _day(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d}" if moment else None


def _money(notice: Notice, part: str) -> str | None:
    money = notice.condition.money
    return None if money is None else str(getattr(money, part))


_ID: Final[dict[str, Any]] = {"pattern": "^[0-9a-f]{32}$"}

#: In the order in which the documentation has them.
FIELDS: Final = {
    "format": _text("The name of this form of it.", lambda _: FORMAT, const=FORMAT),
    "event_id": _text(
        "The same whenever this is sent again: forget what you have seen.",
        lambda t: t.one.id if t.one else t.id,
        **_ID,
    ),
    "event_ids": _text(
        "The ids of all that is told, separated by commas.",
        lambda t: ",".join(sorted(notice.id for notice in t.notices)),
        pattern="^[0-9a-f]{32}(,[0-9a-f]{32})*$",
    ),
    "thread_id": _one(
        "The same for a thing and for its end: what opens and closes one ticket.",
        lambda notice: notice.begun or notice.id,
        **_ID,
    ),
    "event_type": _text(
        "What sort of thing. Others may be added.",
        lambda t: t.one.event if t.one else "digest",
        pattern="^[a-z]+(-[a-z]+)*$",
        examples=[*EVENTS, "digest", "test"],
    ),
    "occurred_at": _text(
        "When it was seen first.",
        lambda t: min(notice.at for notice in t.notices).isoformat(),
        format="date-time",
    ),
    "severity": _text(
        "How loud it is; of several, the loudest.",
        lambda t: str(t.notices[0].severity),
        enum=[str(one) for one in Severity],
    ),
    "resource_kind": _one(
        "As in Domain.", lambda notice: notice.condition.subject.kind
    ),
    "resource_name": _one(
        "As in a.example.", lambda notice: notice.condition.subject.name
    ),
    "summary": _text("One line.", _summary),
    "text": _text("The whole message, as people get it.", lambda t: t.text),
    "count": Field(
        "integer",
        "How many things are told.",
        lambda t: len(t.notices),
        more={"minimum": 1},
    ),
    "amount": _one(
        "What it costs at most, in decimal; as text, so that nothing rounds it.",
        lambda notice: _money(notice, "amount"),
        pattern=r"^-?\d+(\.\d+)?$",
    ),
    "currency": _one(
        "Of the amount, by ISO 4217.",
        lambda notice: _money(notice, "currency"),
        pattern="^[A-Z]{3}$",
    ),
    "due_date": _one(
        "When harm begins if nothing is done.",
        lambda notice: _day(notice.condition.due),
        format="date",
    ),
    "command": _one(
        "What to type.",
        lambda notice: None if notice.event == "healed" else notice.condition.command,
    ),
    "source": _one(
        "Where in git it was written: file:line:column.",
        lambda notice: notice.condition.place,
    ),
    "env": _text("The environment.", lambda t: t.run.env),
    "run": _text("The run that tells it.", lambda t: t.run.run),
    "commit": _text(
        "The commit that the run saw.", lambda t: t.run.commit, nullable=True
    ),
    "url": _text(
        "Where the run's log can be read.", lambda t: t.run.url, nullable=True
    ),
}


def body(
    identity: str, notices: Sequence[Notice], run: Context, text: str
) -> dict[str, Value]:
    """Return what a message is for machines; the loudest of *notices* comes first."""
    told = _Told(identity, notices, text, run)
    return {name: field.of(told) for name, field in FIELDS.items()}


def notice_schema() -> str:
    """Return the JSON Schema as text, as it is committed."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What a webhook is sent",
        "description": "One flat object. Fields may be added; none changes or goes.",
        "type": "object",
        "properties": {
            name: {
                "description": field.means,
                "type": [field.type, "null"] if field.nullable else field.type,
                **field.more,
            }
            for name, field in FIELDS.items()
        },
        "required": list(FIELDS),
        "additionalProperties": {"type": ["string", "integer", "null"]},
    }
    return json.dumps(schema, indent=2) + "\n"
