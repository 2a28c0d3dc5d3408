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
    kind = more.pop("kind", "Domain")
    return Finding(code, severity, kind, name, said, **more)


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


class Phone(Box):
    """A sender whose messages arrive later, if at all; *fates* are told in turn."""

    def __init__(self, *statuses, fates=(), known=True):
        super().__init__(*statuses or [Status.ACCEPTED])
        self.fates, self.known, self.asked = list(fates), known, []

    def send(self, message, now):
        taken = super().send(message, now)
        self.statuses = self.statuses or [Status.ACCEPTED]
        return taken._replace(id=f"id-{len(self.got)}")

    def trouble(self):
        return None

    def check(self, identity, now):
        self.asked.append(identity)
        fate = self.fates.pop(0) if self.fates else Status.ACCEPTED
        return Delivery(fate, "asked", id=identity)

    def find(self, message, since, now):
        if not self.known:
            return Delivery(Status.UNKNOWN, "lists nothing")
        ids = self.ids()
        if message not in ids:
            return None
        return Delivery(Status.ACCEPTED, "found", id=f"id-{ids.index(message) + 1}")


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
        before, kept = self.books, []
        self.last = deliver(books, found, self.channels, context, in_time, kept.append)
        self.claims = len(kept)
        notes = list(self.last.books.notes(before))
        if recorded:
            self.books = self.last.books
        elif kept:  # it died after this was written down, and before the rest was
            self.books = kept[-1]
        return notes

    def later(self, **delta):
        self.now += timedelta(**delta)


__all__ = [
    "HOUR",
    "NOW",
    "Box",
    "Phone",
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
