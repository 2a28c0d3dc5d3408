"""
Letters to customers: each is sent once, by the first channel that takes it.

A letter is an entry in the book of the Subscription it is about, for as long as its
fate is not known; then its key alone is left, with how it was told. What is going to be
sent is written down before, many letters at once: a person cannot tell a repetition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from html import escape
from itertools import groupby
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.audit import Note
from reconciler.kinds.notification_channel import SMS
from reconciler.model import Letter, Severity
from reconciler.notify.book import Book, Books, Entry, notices, told
from reconciler.notify.channel import Channels, Told
from reconciler.notify.desk import Desk, Rows
from reconciler.notify.message import Context, Message, one_line
from reconciler.notify.notice import Condition, Notice, Subject, message_id
from reconciler.notify.spelling import spelled
from reconciler.notify.wording import Words

#: The fact that letters under way are kept in.
FACT: Final = "letters"
#: The fact that says which letters nobody takes, and since when.
UNREACHED: Final = "unreached"
#: So many subscriptions' letters are written down at once.
CHUNK: Final = 25
#: A letter that was overtaken is forgotten after this, whatever became of it.
STALE: Final = timedelta(days=7)
_TOLD: Final = "told"
_UNCONFIRMED: Final = "sent, unconfirmed"
_SUBJECT: Final = 200


class Envelope(NamedTuple):
    """
    A letter with everything that is needed to send it.

    Attributes:
        subject: The Subscription it is about.
        words: The texts, in the language of whom it is to.
        channels: The ways to that customer.
        first: The one that is tried first.
        said: What only the sender knows: ``customer``, ``contact``, and the addresses
            ``page``, ``document`` and ``update``; kept nowhere.
    """

    subject: Subject
    letter: Letter
    words: Words
    channels: Channels
    first: str
    said: Mapping[str, str]

    @property
    def condition(self) -> Condition:
        """It, as the books know it."""
        event, _, about = self.letter.key.partition("/")
        assert event == _TOLD  # noqa: S101  (the kind sees to it)
        summary = f"{self.letter.text} to Customer/{self.letter.customer}"
        return Condition(_TOLD, Severity.WARNING, self.subject, about, summary)

    def written(self, channel: str, notice: Notice) -> Message:
        """Return the message that carries it by *channel*."""
        name = f"letter-{self.letter.text}"
        values = spelled(self.letter.values, self.words.tongue(name))
        data = {k: one_line(v) for k, v in {**values, **self.said}.items()}
        subject, text = self.words.say(name, data)
        return Message(
            message_id(channel, (notice.id,)),
            (notice,),
            one_line(subject)[:_SUBJECT],
            text,
            f"<!doctype html><html><body><pre>{escape(text)}</pre></body></html>",
            {"command": data["page"] or data["update"] or None},
        )


class _Pile:
    """The letters about one subscription, and what is remembered of them."""

    def __init__(
        self,
        letters: Sequence[Envelope],
        book: Book,
        context: Context,
        record: Callable[[], None],
    ) -> None:
        self.subject = letters[0].subject
        self.first = letters[0].first
        self._channels = letters[0].channels
        self._of = {one.letter.key: one for one in letters}
        self._now = context.now
        self._env = context.env
        self._conditions = [one.condition for one in letters]
        # What is not wanted *now* may be tomorrow: at night, nobody is written to.
        self._aside = {
            key: entry
            for key, entry in book.open.items()
            if key not in self._of and self._now - entry.at <= STALE
        }
        wanted = {
            one.key: book.open.get(one.key) or self._opened(one)
            for one in self._conditions
        }
        mine = Book(name=self.subject.name, open=wanted)
        books = Books({(self.subject.kind, self.subject.uid): mine}, FACT)
        self._sent_at = {
            (key, way.partition("/")[2]): waiting.at
            for key, entry in wanted.items()
            for way, waiting in entry.waits.items()
        }
        self._promised: dict[str, JsonValue] = {}
        self.desk = Desk(
            books,
            self._channels,
            context,
            lambda _books: record(),
            self._write,
            careful=True,
        )

    def _opened(self, one: Condition) -> Entry:
        return Entry(number=0, at=self._now, severity=one.severity, summary=one.summary)

    def _write(self, channel: str, said: Sequence[Notice]) -> Message:
        (notice,) = said
        envelope = self._of[notice.condition.key]
        self._promised |= envelope.letter.facts
        return envelope.written(channel, notice)

    def follow(self, in_time: Callable[[], bool]) -> None:
        """Ask what became of what is under way; what is lost goes by the fallback."""
        self.desk.follow(self._conditions, in_time)

    def fresh(self) -> list[tuple[Message, Rows]]:
        """Return what has to be sent now, written."""
        return [
            (self._write(self.first, [notice]), [(notice, subject, key)])
            for notice, subject, key, entry in notices(
                self._env, self.desk.books, self._conditions
            )
            if not entry.waits
            and not told(entry.to.get(self.first))
            and (self.first, notice.id) not in self.desk.lost
        ]

    @property
    def _open(self) -> Mapping[str, Entry]:
        return self.desk.books.of(self.subject).open

    def facts(self) -> dict[str, JsonValue]:
        """Return what is to be recorded while the letters are under way."""
        open_now = {**self._aside, **self._open}
        book = Book(name=self.subject.name, open=open_now)
        return {**self._promised, **book.facts(FACT)}

    def settled(self) -> dict[str, JsonValue]:
        """Return what is to be recorded in the end; what is told leaves the book."""
        left, done, unreached = dict(self._aside), {}, {}
        for key, entry in self._open.items():
            about = key.partition("/")[2]
            if entry.waits:
                left[key] = entry
                continue
            if not told(entry.to.get(self.first)):
                left[key] = entry
                unreached[about] = entry.at.isoformat()
                continue
            fact = self._fact(key, entry)
            done[key] = fact
            if self._of[key].letter.firm and fact["state"] == "unconfirmed":
                unreached[about] = entry.at.isoformat()
        book = Book(name=self.subject.name, open=left)
        known: dict[str, JsonValue] = {UNREACHED: {**unreached} if unreached else None}
        return {**self._promised, **done, **known, **book.facts(FACT)}

    def _fact(self, key: str, entry: Entry) -> dict[str, JsonValue]:
        how = entry.to[self.first]
        by = how.removeprefix("by ")
        by = by if by in entry.to and how.startswith("by ") else self.first
        channel = self._channels.get(by)
        if entry.to[by] == _UNCONFIRMED or channel is None:
            state = "unconfirmed"
        else:
            state = "delivered" if channel.want.spec.type in SMS else "accepted"
        at = self._sent_at.get((key, by), self._now)
        return {"at": at.isoformat(), "channel": by, "state": state}


class Mailroom:
    """
    Sends letters, and remembers what came of them.

    Args:
        books: What is under way, from the fact ``FACT``.
        known: What else is recorded of a subscription.
        context: The run.
        record: Makes notes survive a death; raises where it cannot, and then nothing
            is sent.

    Attributes:
        told: Every letter that was tried.
    """

    def __init__(
        self,
        books: Books,
        known: Callable[[Subject], Mapping[str, JsonValue]],
        context: Context,
        record: Callable[[Sequence[Note]], None],
    ) -> None:
        self.told: list[Told] = []
        self._books = books
        self._known = known
        self._context = context
        self._record = record
        self._written: dict[Subject, dict[str, JsonValue]] = {}

    def deliver(self, letters: Sequence[Envelope], in_time: Callable[[], bool]) -> None:
        """Send *letters*; what there is no time for is left to the next run."""
        ordered = sorted(letters, key=lambda one: one.subject)
        piles = [
            list(same) for _, same in groupby(ordered, key=lambda one: one.subject)
        ]
        for start in range(0, len(piles), CHUNK):
            if not in_time():
                return
            self._send(piles[start : start + CHUNK], in_time)

    def _send(
        self, chunk: Sequence[Sequence[Envelope]], in_time: Callable[[], bool]
    ) -> None:
        piles: list[_Pile] = []

        def claimed() -> None:
            self._note((pile.subject, pile.facts()) for pile in piles)

        for letters in chunk:
            book = self._books.of(letters[0].subject)
            piles.append(_Pile(letters, book, self._context, claimed))
        try:
            for pile in piles:
                pile.follow(in_time)
            fresh = [(pile, *each) for pile in piles for each in pile.fresh()]
            for pile, one, rows in fresh:
                if pile.desk.usable(pile.first):
                    pile.desk.claim(pile.first, one, rows)
            claimed()
            for pile, one, rows in fresh:
                if in_time():
                    pile.desk.send(pile.first, one, rows)
                else:
                    pile.desk.unclaim(pile.first, rows)
        finally:
            self.told += [each for pile in piles for each in pile.desk.told]
        self._note((pile.subject, pile.settled()) for pile in piles)

    def _note(self, found: Iterable[tuple[Subject, dict[str, JsonValue]]]) -> None:
        """Record what is not recorded yet."""
        notes = []
        for subject, facts in found:
            old = self._written.setdefault(subject, dict(self._known(subject)))
            new = {k: v for k, v in facts.items() if v != old.get(k)}
            if new:
                old |= new
                data: dict[str, JsonValue] = {
                    "kind": subject.kind,
                    "uid": subject.uid,
                    "facts": new,
                }
                notes.append(Note(event="letters", data=data))
        if notes:
            self._record(notes)
