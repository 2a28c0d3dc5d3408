"""One round of telling: who gets what, by which way, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from reconciler.kinds.notification_channel import NotificationChannel
from reconciler.notify.body import Context
from reconciler.notify.book import Books, Entry, notices, told
from reconciler.notify.channel import Channels, Told
from reconciler.notify.desk import Desk
from reconciler.notify.message import Message, message
from reconciler.notify.notice import Condition, Notice, Subject
from reconciler.notify.wording import Words

#: More than so many of one sort are one message.
DIGEST = 5
#: That something is over is not told any more when it is this old.
TOO_LATE = timedelta(days=3)


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


def messages(
    channel: str,
    found: Sequence[Notice],
    context: Context,
    words: Words | None = None,
) -> list[Message]:
    """Return the messages that carry *found*: alarms alone, many others as one."""
    alone = [notice for notice in found if notice.alarm]
    others = [notice for notice in found if not notice.alarm]
    sorts: dict[str, list[Notice]] = {}
    for notice in alone:
        sorts.setdefault(notice.condition.about, []).append(notice)
    groups: list[list[Notice]] = []
    for same in [*sorts.values(), others]:
        groups += [same] if len(same) > DIGEST else [[one] for one in same]
    return [message(channel, group, context, words) for group in groups]


def deliver(
    books: Books,
    found: Sequence[Condition],
    channels: Channels,
    context: Context,
    in_time: Callable[[], bool],
    record: Callable[[Books], None] = lambda _books: None,
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
        record: Makes books survive a death; see ``Desk``.
    """
    desk = Desk(books, channels, context, record)
    desk.follow(found, in_time)
    for name, channel in sorted(channels.items()):
        rows = [
            row
            for row in _due(desk.books, found, channel.want, context)
            if (name, row.notice.id) not in desk.lost
        ]
        of = {row.notice.id: row for row in rows}
        said = [row.notice for row in rows]
        for one in messages(name, said, context, channel.words):
            if not in_time():
                break
            in_it = [of[notice.id] for notice in one.notices]
            desk.send(name, one, [(r.notice, r.subject, r.key) for r in in_it])
    kept = _settled(desk.books, found, channels, context)
    return Round(kept, tuple(desk.told), frozenset(desk.gone))


def _settled(
    books: Books, found: Sequence[Condition], channels: Channels, context: Context
) -> Books:
    """Close what is over and what nobody has to be told any more."""
    for row in (_Row(*row) for row in notices(context.env, books, found)):
        waits = any(_wanted(row, c.want, context.now) for c in channels.values())
        over = row.entry.healed is not None and not row.entry.waits
        if over and not waits:
            books = books.closed(row.subject, row.key)
    return books
