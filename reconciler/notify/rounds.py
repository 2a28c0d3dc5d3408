"""One round of telling: who gets what, by which way, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Thread
from typing import NamedTuple

from reconciler.kinds.notification_channel import NotificationChannel
from reconciler.notify.book import Books, Entry, notices, told
from reconciler.notify.delivery import Delivery, Sender, Sent, Status
from reconciler.notify.message import Context, Message, message
from reconciler.notify.notice import Condition, Notice, Subject

#: More than so many of one sort are one message.
DIGEST = 5
#: That something is over is not told any more when it is this old.
TOO_LATE = timedelta(days=3)
#: The longest that one message may take, whatever its receiver does.
LIMIT = 60.0


class Channel(NamedTuple):
    """
    A channel of the inventory.

    Attributes:
        sender: None where it cannot be used, and *why* says why.
    """

    want: NotificationChannel
    sender: Sender | None
    why: str = ""


Channels = Mapping[str, Channel]


class Told(NamedTuple):
    """One message to one channel, and what came of it."""

    channel: str
    message: Message
    sent: Sent

    @property
    def arrived(self) -> bool:
        """Whether somebody has it."""
        return self.sent.delivery.arrived


class Round(NamedTuple):
    """
    What a round told.

    Attributes:
        books: What is to be remembered.
        told: Every message that was tried.
        gone: The channels whose receiver said: never again.
    """

    books: Books
    told: tuple[Told, ...]
    gone: frozenset[str]


class _Row(NamedTuple):
    notice: Notice
    subject: Subject
    key: str
    entry: Entry


def due(
    books: Books,
    found: Sequence[Condition],
    channel: NotificationChannel,
    context: Context,
) -> list[Notice]:
    """Return what *channel* has to be told now."""
    return [row.notice for row in _due(books, found, channel, context)]


def _due(
    books: Books,
    found: Sequence[Condition],
    channel: NotificationChannel,
    context: Context,
) -> list[_Row]:
    rows = (_Row(*row) for row in notices(context.env, books, found))
    quiet = channel.quiet(context.now)
    return [
        row
        for row in rows
        if _wanted(row, channel, context.now) and (row.notice.alarm or not quiet)
    ]


def _wanted(row: _Row, channel: NotificationChannel, now: datetime) -> bool:
    notice, entry = row.notice, row.entry
    if not channel.wants(notice.event, notice.severity):
        return False
    if notice.event == "healed":
        late = now - notice.at > TOO_LATE
        known = told(entry.told.get(channel.name)) or late
        return told(entry.to.get(channel.name)) and not known
    if told(entry.to.get(channel.name)):
        return False
    since = notice.condition.since
    return since is None or now - since >= channel.spec.unknown_after


def messages(channel: str, found: Sequence[Notice], context: Context) -> list[Message]:
    """Return the messages that carry *found*: alarms alone, many others as one."""
    alone = [notice for notice in found if notice.alarm]
    others = [notice for notice in found if not notice.alarm]
    sorts: dict[str, list[Notice]] = {}
    for notice in alone:
        sorts.setdefault(notice.condition.about, []).append(notice)
    groups: list[list[Notice]] = []
    for same in [*sorts.values(), others]:
        groups += [same] if len(same) > DIGEST else [[one] for one in same]
    return [message(channel, group, context) for group in groups]


def deliver(
    books: Books,
    found: Sequence[Condition],
    channels: Channels,
    context: Context,
    in_time: Callable[[], bool],
) -> Round:
    """
    Tell every channel what it has to be told, and remember it.

    Args:
        books: What was told before, with what was seen now.
        found: Everything that holds.
        channels: Every channel of the inventory, by name.
        context: The run.
        in_time: Asked before each message: what there is no time for is left to
            the next run.
    """
    done: list[Told] = []
    gone: set[str] = set()
    for name, channel in sorted(channels.items()):
        rows = _due(books, found, channel.want, context)
        of = {row.notice.id: row for row in rows}
        for one in messages(name, [row.notice for row in rows], context):
            if not in_time():
                break
            sent = _tried(name, one, channels, books, context, gone)
            done.append(Told(name, one, sent))
            books = books.entered(_entries(name, one, of, books, sent))
    books = _settled(books, found, channels, context)
    return Round(books, tuple(done), frozenset(gone))


def _settled(
    books: Books, found: Sequence[Condition], channels: Channels, context: Context
) -> Books:
    """Close what is over and what nobody has to be told any more."""
    for row in (_Row(*row) for row in notices(context.env, books, found)):
        waits = any(_wanted(row, c.want, context.now) for c in channels.values())
        if row.entry.healed is not None and not waits:
            books = books.closed(row.subject, row.key)
    return books


def _tried(
    name: str,
    first: Message,
    channels: Channels,
    books: Books,
    context: Context,
    gone: set[str],
) -> Sent:
    """Send by *name*, else at once by its fallback, and so on; each of them once."""
    tried: list[tuple[str, str]] = []
    one = first
    while True:
        delivery = _once(name, one, channels, books, context.now)
        if delivery.status is Status.GONE:
            gone.add(name)
        channel = channels.get(name)
        following = channel.want.spec.fallback if channel else None
        used = {before for before, _ in tried} | {name}
        if delivery.arrived or following is None or following in used:
            return Sent(name, delivery, tuple(tried))
        tried.append((name, delivery.said or str(delivery.status)))
        name = following
        one = message(name, first.notices, context)


def _once(
    name: str, one: Message, channels: Channels, books: Books, now: datetime
) -> Delivery:
    channel = channels.get(name)
    if channel is None or channel.sender is None:
        why = channel.why if channel else "there is no such channel"
        return Delivery(Status.FAILED, why)
    if _has_it(name, one, books):
        return Delivery(Status.DELIVERED, "told already")
    return _limited(channel.sender, one, now)


def _limited(sender: Sender, one: Message, now: datetime) -> Delivery:
    """Send, and go on after LIMIT seconds: a receiver that drips stops no run."""
    came: list[Delivery] = []

    def work() -> None:
        try:
            came.append(sender.send(one, now))
        except Exception as error:  # noqa: BLE001  (a fault of an adapter neither)
            why = f"the adapter failed: {type(error).__name__}"
            came.append(Delivery(Status.UNKNOWN, why))

    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(LIMIT)
    return came[0] if came else Delivery(Status.UNKNOWN, f"no end in {LIMIT:g} s")


def _has_it(name: str, one: Message, books: Books) -> bool:
    """Whether *name* was told all of this before, for its own sake."""
    for notice in one.notices:
        condition = notice.condition
        entry = books.of(condition.subject).open.get(condition.key)
        how = (entry.told if notice.event == "healed" else entry.to) if entry else {}
        if not told(how.get(name)):
            return False
    return True


def _entries(
    name: str, one: Message, rows: Mapping[str, _Row], books: Books, sent: Sent
) -> Iterator[tuple[Subject, str, Entry]]:
    for notice in one.notices:
        row = rows[notice.id]
        entry = books.of(row.subject).open[row.key]
        field = "told" if notice.event == "healed" else "to"
        known: dict[str, str] = getattr(entry, field)
        how = dict(known)
        if not sent.delivery.arrived:
            how[name] = str(sent.delivery.status)
        elif sent.channel == name:
            how[name] = "sent"
        else:
            how |= {name: f"by {sent.channel}", sent.channel: "sent"}
        yield row.subject, row.key, entry.model_copy(update={field: how})
