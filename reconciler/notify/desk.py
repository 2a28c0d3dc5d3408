"""
Sending, one message at a time, and following what is under way.

What a receiver could not tell from a repetition is written down before it is sent
(``record``), and looked for after a death. What was taken and did not arrive, or not
in time, goes by the fallback: once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from threading import Thread
from typing import TypeVar

from reconciler.notify.body import Context
from reconciler.notify.book import (
    TO,
    TOLD_OVER,
    Books,
    Entry,
    Waiting,
    Way,
    told,
    under_way,
)
from reconciler.notify.channel import Channel, Channels, Told
from reconciler.notify.delivery import Delivery, Sent, Status, Tracked
from reconciler.notify.message import Message, message
from reconciler.notify.notice import Condition, Notice, Subject, message_id

T = TypeVar("T")
#: The longest that one message may take, whatever its receiver does.
LIMIT = 60.0
_DIED = "a run died before it could say whether this was sent"

Rows = Sequence[tuple[Notice, Subject, str]]
"""The notices of one message: each with its subject and the key of its entry."""


class Desk:
    """
    Sends what it is given, and keeps the books.

    Args:
        record: Makes the books it is given survive a death; raises where it cannot,
            and then nothing is sent.
        write: Makes the message that tells a channel of notices.
        careful: Everything is written down before it is sent, as if no receiver could
            tell a repetition: people cannot.

    Attributes:
        books: What is to be remembered.
        told: Every message that was tried.
        gone: The channels whose receiver said: never again.
        lost: (channel, notice) that just failed; not tried again in this run.
    """

    def __init__(
        self,
        books: Books,
        channels: Channels,
        context: Context,
        record: Callable[[Books], None],
        write: Callable[[str, Sequence[Notice]], Message] | None = None,
        *,
        careful: bool = False,
    ) -> None:
        self.books = books
        self.told: list[Told] = []
        self.gone: set[str] = set()
        self.lost: set[tuple[str, str]] = set()
        self._channels = channels
        self._context = context
        self._record = record
        self._write = write or self._said
        self._careful = careful
        self._claimed: set[tuple[str, str]] = set()

    def send(self, name: str, one: Message, rows: Rows) -> None:
        """Send *one* by *name*, else at once by its fallback, and so on."""
        sent = self._tried(name, one, rows, ())
        self.told.append(Told(name, one, sent))
        self._settle(name, one, rows, sent)

    def claim(self, name: str, one: Message, rows: Rows) -> None:
        """Write down, in the books alone, that *one* is going to be sent by *name*."""
        waiting = Waiting(message=one.id, at=self._context.now)
        changed = []
        for notice, subject, key in rows:
            entry = self.books.of(subject).open[key]
            waits = {**entry.waits, f"{_field(notice)}/{name}": waiting}
            changed.append((subject, key, _put(entry, waits=waits)))
        self.books = self.books.entered(changed)
        self._claimed.add((name, one.id))

    def unclaim(self, name: str, rows: Rows) -> None:
        """Forget that it was going to be sent: it was not."""
        self.books = self.books.entered(self._released(rows, (name,)))

    def usable(self, name: str) -> bool:
        """Say whether *name* can send anything at all."""
        channel = self._channels.get(name)
        return channel is not None and channel.sender is not None

    def follow(
        self,
        found: Sequence[Condition],
        in_time: Callable[[], bool],
        *,
        idle: bool = False,
    ) -> None:
        """
        Ask what became of what is under way; what is lost goes by the fallback.

        *idle*: nothing is done about what is lost.
        """
        ways = under_way(self._context.env, self.books, found)
        ordered = sorted(ways, key=self._same_message)
        for _, same in groupby(ordered, self._same_message):
            mine = list(same)
            if in_time():
                self._follow(mine[0].channel, mine, idle=idle)

    def _same_message(self, way: Way) -> tuple[bool, int, str, str, str, str]:
        """
        Whose fate a way shares; what nobody knows to be sent comes first.

        Of two such, the one that stands in for the other: whoever has it already
        does not get it again.
        """
        one, behind, name = way.waiting, 0, way.channel
        while behind <= len(self._channels) and name in self._channels:
            name = self._channels[name].want.spec.fallback or ""
            behind += 1
        return (bool(one.id), behind, way.channel, way.field, one.message, one.id)

    def _follow(self, name: str, ways: Sequence[Way], *, idle: bool) -> None:
        waiting, now = ways[0].waiting, self._context.now
        channel = self._channels.get(name)
        if channel is None:
            self._mark(ways, name, None)
            return
        came = self._asked(name, waiting)
        late = now - waiting.at > channel.want.spec.confirm_within
        if came is not None and _is_there(came, channel, waiting, late=late):
            self._mark(ways, name, "sent")
        elif idle:
            return
        elif came is None:
            self._drop(ways, name)
        elif came.status in {Status.FAILED, Status.GONE}:
            self._fell(name, ways, came)
        elif not waiting.id and came.status is Status.ACCEPTED:
            self._mark(ways, name, "accepted", came.id)
        elif not waiting.id:
            self._fell(name, ways, came)
        elif late:
            why = f"nobody confirmed that it arrived since {waiting.at:%Y-%m-%d %H:%M}"
            self._fell(name, ways, Delivery(Status.UNKNOWN, f"{why} UTC ({came.said})"))

    def _asked(self, name: str, waiting: Waiting) -> Delivery | None:
        """Return what became of it; None: it was never sent."""
        channel, now = self._channels[name], self._context.now
        sender = channel.sender
        if not isinstance(sender, Tracked):
            return Delivery(Status.UNKNOWN, channel.why or "it cannot be asked")
        if waiting.id:
            return limited(lambda: sender.check(waiting.id, now))
        found = limited(lambda: sender.find(waiting.message, waiting.at, now))
        if found is not None and found.status is Status.UNKNOWN:
            return found._replace(said=f"{_DIED} ({found.said})")
        return found

    def _fell(self, name: str, ways: Sequence[Way], came: Delivery) -> None:
        """Send what is lost by the fallback, if it still has to be told."""
        past = [w for w in ways if w.field == TO and w.entry.healed is not None]
        if past:
            self._mark(past, name, str(Status.FAILED))
        left = [way for way in ways if way not in past]
        if not left:
            return
        rows = [(way.notice, way.subject, way.key) for way in left]
        said = [way.notice for way in left]
        first = self._write(name, said)
        following = self._channels[name].want.spec.fallback
        if following is None:
            self._ended(name, left, came)
            if left[0].waiting.id:
                self.told.append(Told(name, first, Sent(name, came)))
            return
        tried = ((name, came.said or str(came.status)),)
        one = self._write(following, said)
        sent = self._tried(following, one, rows, tried)
        self.told.append(Told(name, first, sent))
        if sent.delivery.taken:
            self._settle(name, first, rows, sent)

    def _ended(self, name: str, ways: Sequence[Way], came: Delivery) -> None:
        """Nobody else is to be told: send again later, or leave it at that."""
        if not ways[0].waiting.id:
            self._drop(ways, name)
        elif came.status is Status.UNKNOWN:
            self._mark(ways, name, "sent, unconfirmed")
        else:
            self._mark(ways, name, str(Status.FAILED))
            self.lost |= {(name, way.notice.id) for way in ways}

    def _drop(self, ways: Sequence[Way], name: str) -> None:
        """Forget that it was going to be sent: it is to be told as ever."""
        changed = []
        for way in ways:
            entry = self.books.of(way.subject).open[way.key]
            waits = _without(entry, way.field, (name,))
            changed.append((way.subject, way.key, _put(entry, waits=waits)))
        self.books = self.books.entered(changed)

    def _mark(
        self, ways: Sequence[Way], name: str, how: str | None, identity: str = ""
    ) -> None:
        """Write down what became of it; *how* None leaves that as it was."""
        changed = []
        for way in ways:
            entry = self.books.of(way.subject).open[way.key]
            waits = _without(entry, way.field, (name,))
            known: dict[str, str] = dict(getattr(entry, way.field))
            if identity:
                kept = way.waiting.model_copy(update={"id": identity})
                waits[f"{way.field}/{name}"] = kept
            if how is not None:
                known[name] = how
            if how == str(Status.FAILED):
                # Who was told by this one was not: it is tried again from the start.
                known |= {x: how for x, by in known.items() if by == f"by {name}"}
            fields = {way.field: known, "waits": waits}
            changed.append((way.subject, way.key, _put(entry, **fields)))
        self.books = self.books.entered(changed)

    def _tried(
        self, name: str, one: Message, rows: Rows, before: tuple[tuple[str, str], ...]
    ) -> Sent:
        """Send by *name*, else at once by its fallback, and so on; each once."""
        tried = list(before)
        while True:
            delivery = self._once(name, one, rows)
            if delivery.status is Status.GONE:
                self.gone.add(name)
            channel = self._channels.get(name)
            following = channel.want.spec.fallback if channel else None
            used = {other for other, _ in tried} | {name}
            if delivery.taken or following is None or following in used:
                return Sent(name, delivery, tuple(tried))
            tried.append((name, delivery.said or str(delivery.status)))
            name, one = following, self._write(following, one.notices)

    def _said(self, name: str, notices: Sequence[Notice]) -> Message:
        channel = self._channels.get(name)
        words = channel.words if channel else None
        return message(name, notices, self._context, words)

    def _once(self, name: str, one: Message, rows: Rows) -> Delivery:
        channel = self._channels.get(name)
        if channel is None or channel.sender is None:
            why = channel.why if channel else "there is no such channel"
            return Delivery(Status.FAILED, why)
        if self._has_it(name, rows):
            return Delivery(Status.DELIVERED, "told already")
        sender, now = channel.sender, self._context.now
        if not self._careful and not isinstance(sender, Tracked):
            return limited(lambda: sender.send(one, now))
        if (name, one.id) not in self._claimed:
            self.claim(name, one, rows)
            self._record(self.books)
        delivery = limited(lambda: sender.send(one, now))
        if delivery.status in {Status.FAILED, Status.GONE}:
            self.books = self.books.entered(self._released(rows, (name,)))
        return delivery

    def _released(
        self, rows: Rows, names: Iterable[str]
    ) -> Iterator[tuple[Subject, str, Entry]]:
        for notice, subject, key in rows:
            entry = self.books.of(subject).open[key]
            waits = _without(entry, _field(notice), names)
            yield subject, key, _put(entry, waits=waits)

    def _has_it(self, name: str, rows: Rows) -> bool:
        """Whether *name* was told all of this before, for its own sake."""
        entries = [
            (notice, self.books.of(subject).open.get(key))
            for notice, subject, key in rows
        ]
        return all(
            entry is not None and told(getattr(entry, _field(notice)).get(name))
            for notice, entry in entries
        )

    def _settle(self, name: str, one: Message, rows: Rows, sent: Sent) -> None:
        """Write down what came of telling *name*."""
        changed = []
        for notice, subject, key in rows:
            entry = self.books.of(subject).open[key]
            field = _field(notice)
            how: dict[str, str] = dict(getattr(entry, field))
            waits = dict(entry.waits)
            if not sent.delivery.taken:
                how[name] = str(sent.delivery.status)
            else:
                waits = _without(entry, field, (name, *(x for x, _ in sent.tried)))
                self._took(field, name, one, sent, how, waits)
            changed.append((subject, key, _put(entry, **{field: how, "waits": waits})))
        self.books = self.books.entered(changed)

    def _took(
        self,
        field: str,
        name: str,
        one: Message,
        sent: Sent,
        how: dict[str, str],
        waits: dict[str, Waiting],
    ) -> None:
        by, accepted = sent.channel, sent.delivery.status is Status.ACCEPTED
        if by != name:
            how |= {x: f"by {by}" for x, word in how.items() if word == f"by {name}"}
            how[name] = f"by {by}"
        if told(how.get(by)):
            return  # it had it for its own sake
        how[by] = "accepted" if accepted else "sent"
        waits.pop(f"{field}/{by}", None)
        if accepted:
            identity = message_id(by, tuple(notice.id for notice in one.notices))
            now = self._context.now
            waiting = Waiting(message=identity, at=now, id=sent.delivery.id)
            waits[f"{field}/{by}"] = waiting


def _is_there(
    came: Delivery, channel: Channel, waiting: Waiting, *, late: bool
) -> bool:
    """Say whether somebody has it: it was confirmed, or did not come back in time."""
    stayed = came.status is Status.ACCEPTED and bool(waiting.id) and late
    return came.status is Status.DELIVERED or (stayed and channel.want.silence)


def _field(notice: Notice) -> str:
    return TOLD_OVER if notice.event == "healed" else TO


def _without(entry: Entry, field: str, names: Iterable[str]) -> dict[str, Waiting]:
    gone = {f"{field}/{name}" for name in names}
    return {way: waiting for way, waiting in entry.waits.items() if way not in gone}


def _put(entry: Entry, **fields: object) -> Entry:
    return entry.model_copy(update=fields)


def limited(work: Callable[[], T]) -> T | Delivery:
    """Work, and go on after LIMIT seconds: a receiver that drips stops no run."""
    came: list[T | Delivery] = []

    def run() -> None:
        try:
            came.append(work())
        except Exception as error:  # noqa: BLE001  (a fault of an adapter neither)
            why = f"the adapter failed: {type(error).__name__}"
            came.append(Delivery(Status.UNKNOWN, why))

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT)
    return came[0] if came else Delivery(Status.UNKNOWN, f"no end in {LIMIT:g} s")
