"""Plans, channels and senders in as few words as the tables of the notices need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.kinds.notification_channel import NotificationChannel
from reconciler.model import Finding, Plan, Ref, Severity, Share, Unread
from reconciler.notify import (
    Books,
    Channel,
    Context,
    Delivery,
    Seen,
    Status,
    conditions,
    deliver,
    over,
    turn,
)
from tests.unit.engine.made import action, domain, renew

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


def plan(*actions, findings=(), unknown=(), now=NOW, due=()):
    return Plan(
        "main",
        now,
        tuple(actions),
        tuple(findings),
        unknown=tuple(unknown),
        due=tuple(due),
    )


def finding(
    code="domain-critical", severity=Severity.CRITICAL, name="a.example", **more
):
    said = more.pop("message", f"{code} of {name}")
    return Finding(code, severity, more.pop("kind", "Domain"), name, said)


def unread(name="a.example", provider="acct", family="domain", why="no answer"):
    return Unread(Ref("Domain", name), Share(provider, family), why)


def seen(made, books=None, outcomes=(), looked=lambda _ref: True):
    since = (books or Books({})).since
    return Seen(made, outcomes, lambda ref: f"uid-{ref.name}", since, looked)


def channel(name="ops", fallback=None, **spec):
    data = {
        "type": "webhook",
        "webhook": {"url": {"env": "HOOK"}},
        "fallback": fallback,
        **spec,
    }
    return NotificationChannel.model_validate(
        {"metadata": {"name": name}, "spec": data}, by_alias=True, by_name=True
    )


def sent_message():
    """Return a message as a run would send it, about one finding."""
    post = Post(ops=(channel(), Box()))
    post.run(plan(findings=[finding()]))
    (told,) = post.last.told
    return told.message


class Box:
    """A sender that keeps what it is given and answers as it is told."""

    def __init__(self, *statuses):
        self.statuses, self.got = list(statuses), []

    identity = "box"

    def send(self, message, now):
        self.got.append(message)
        status = self.statuses.pop(0) if self.statuses else Status.DELIVERED
        if isinstance(status, Exception):
            raise status
        return Delivery(status, "said")

    def ids(self):
        return [message.id for message in self.got]

    def subjects(self):
        return [message.subject for message in self.got]


class Post:
    """Runs one after the other, with a memory between them."""

    def __init__(self, **channels):
        self.channels = {
            name: Channel(want, box) for name, (want, box) in channels.items()
        }
        self.books, self.now = Books({}), NOW
        self.last = None

    def run(
        self, made, *, recorded=True, looked=lambda _ref: True, in_time=lambda: True
    ):
        made = made._replace(as_of=self.now)
        look = seen(made, self.books, looked=looked)
        found = conditions(look)
        books = turn(self.books, found, over(look), self.now)
        context = Context("main", "run-1", "c" * 40, None, self.now)
        self.last = deliver(books, found, self.channels, context, in_time)
        notes = list(self.last.books.notes(self.books))
        if recorded:
            self.books = self.last.books
        return notes

    def later(self, **delta):
        self.now += timedelta(**delta)


__all__ = [
    "HOUR",
    "NOW",
    "Box",
    "Post",
    "action",
    "channel",
    "domain",
    "finding",
    "plan",
    "renew",
    "seen",
    "sent_message",
    "unread",
]
