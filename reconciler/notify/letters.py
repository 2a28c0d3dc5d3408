"""
Letters to customers: each is sent once, by the first channel that takes it.

A letter is an entry in the book of the Subscription it is about, for as long as its
fate is not known; then its key alone is left, with how it was told. What is going to be
sent is written down before, many letters at once: a person cannot tell a repetition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from itertools import groupby
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.audit import Note
from reconciler.kinds.notification_channel import SMS
from reconciler.model import Letter, Severity
from reconciler.notify.body import Context, one_line
from reconciler.notify.book import Book, Books, Entry, notices, told
from reconciler.notify.channel import Channels, Told
from reconciler.notify.desk import Desk, Rows
from reconciler.notify.message import Message
from reconciler.notify.notice import Condition, Notice, Subject, message_id
from reconciler.notify.spelling import spelled
from reconciler.notify.wording import Words

#: The fact that letters under way are kept in.
FACT: Final = "letters"
#: The fact that says which letters nobody takes, since when, and when that was tried.
UNREACHED: Final = "unreached"
#: So many subscriptions' letters are written down at once.
CHUNK: Final = 25
#: A letter that was overtaken is forgotten after this, whatever became of it.
STALE: Final = timedelta(days=7)
#: What nobody takes is tried again after as long as it is tried by now, at most a day.
PATIENCE: Final = timedelta(days=1)
_TOLD: Final = "told"
_UNCONFIRMED: Final = "sent, unconfirmed"
_SUBJECT: Final = 200
#: What does not apply leaves a gap.
_GAPS: Final = re.compile(r"\n{3,}")


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
        subject, said = self.words.say(name, data)
        text = _GAPS.sub("\n\n", said)
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
        books: Books,
        known: Mapping[str, JsonValue],
        context: Context,
        record: Callable[[], None],
    ) -> None:
        book = books.of(letters[0].subject)
        unreached = known.get(UNREACHED)
        self._unreached = unreached if isinstance(unreached, dict) else {}
        self.subject = letters[0].subject
        self.first = letters[0].first
        self._channels = letters[0].channels
        self._of = {one.letter.key: one for one in letters}
        self._now = context.now
        self._env = context.env
        self._conditions = [one.condition for one in letters]
        # What is not wanted *now* may be tomorrow: at night, nobody is written to.
        aside = {
            key: entry
            for key, entry in book.open.items()
            if key not in self._of and self._now - entry.at <= STALE
        }
        wanted = {
            one.key: book.open.get(one.key) or self._opened(one)
            for one in self._conditions
        }
        self._sent_at = {
            (key, way.partition("/")[2]): waiting.at
            for key, entry in {**aside, **wanted}.items()
            for way, waiting in entry.waits.items()
            if waiting.id  # of what a run died with, nobody knows that it was sent
        }
        self._promised: dict[str, JsonValue] = {}
        self._tried: set[str] = set()
        self.desk, self._rest = (
            Desk(
                self._books(entries),
                self._channels,
                context,
                lambda _books: record(),
                self._write,
                careful=True,
            )
            for entries in (wanted, aside)
        )

    def _books(self, entries: dict[str, Entry]) -> Books:
        book = Book(name=self.subject.name, open=entries)
        return Books({(self.subject.kind, self.subject.uid): book}, FACT)

    def _opened(self, one: Condition) -> Entry:
        return Entry(number=0, at=self._now, severity=one.severity, summary=one.summary)

    def _write(self, channel: str, said: Sequence[Notice]) -> Message:
        (notice,) = said
        envelope = self._of[notice.condition.key]
        self._tried.add(notice.condition.key)
        self._promised |= envelope.letter.facts
        return envelope.written(channel, notice)

    def follow(self, in_time: Callable[[], bool]) -> None:
        """Ask what became of what is under way; what is lost goes by the fallback."""
        self.desk.follow(self._conditions, in_time)
        self._rest.follow((), in_time, idle=True)

    def fresh(self) -> list[tuple[Message, Rows]]:
        """Return what has to be sent now, written."""
        return [
            (self._write(self.first, [notice]), [(notice, subject, key)])
            for notice, subject, key, entry in notices(
                self._env, self.desk.books, self._conditions
            )
            if not entry.waits
            and _has(entry) is None
            and (not entry.to or self._again(key))
        ]

    def _again(self, key: str) -> bool:
        """Say whether it is time to try again what nobody took."""
        tried = self._tries(key)
        if tried is None:
            return False  # it failed just now
        since, last = tried
        return self._now - last >= min(last - since, PATIENCE)

    def _tries(self, key: str) -> tuple[datetime, datetime] | None:
        """Return since when nobody takes it, and when that was tried last."""
        match self._unreached.get(_about(key)):
            case {"since": str() as since, "tried": str() as last}:
                return datetime.fromisoformat(since), datetime.fromisoformat(last)
            case _:
                return None

    @property
    def _open(self) -> dict[str, Entry]:
        return self.desk.books.of(self.subject).open

    @property
    def _aside(self) -> dict[str, Entry]:
        return self._rest.books.of(self.subject).open

    def facts(self) -> dict[str, JsonValue]:
        """Return what is to be recorded while the letters are under way."""
        open_now = {**self._aside, **self._open}
        book = Book(name=self.subject.name, open=open_now)
        return {**self._promised, **book.facts(FACT)}

    def settled(self) -> dict[str, JsonValue]:
        """Return what is to be recorded in the end; what is told leaves the book."""
        left: dict[str, Entry] = {}
        done: dict[str, JsonValue] = {}
        unreached: dict[str, JsonValue] = {}
        for key, entry in {**self._aside, **self._open}.items():
            by = _has(entry)
            if entry.waits or (by is None and key in self._aside):
                left[key] = entry
            elif by is None:
                left[key] = entry
                unreached[_about(key)] = self._missed(key)
            else:
                done[key] = fact = self._fact(key, by, entry.to[by])
                firm = key in self._of and self._of[key].letter.firm
                if firm and fact["state"] == "unconfirmed":
                    unreached[_about(key)] = self._missed(key)
        book = Book(name=self.subject.name, open=left)
        known: dict[str, JsonValue] = {UNREACHED: unreached or None}
        return {**self._promised, **done, **known, **book.facts(FACT)}

    def _missed(self, key: str) -> JsonValue:
        since, last = self._tries(key) or (self._now, self._now)
        if key in self._tried:
            last = self._now
        return {"since": since.isoformat(), "tried": last.isoformat()}

    def _fact(self, key: str, by: str, how: str) -> dict[str, JsonValue]:
        channel = self._channels.get(by)
        if how == _UNCONFIRMED or channel is None:
            state = "unconfirmed"
        else:
            state = "delivered" if channel.want.spec.type in SMS else "accepted"
        at = self._sent_at.get((key, by), self._now)
        return {"at": at.isoformat(), "channel": by, "state": state}


def _about(key: str) -> str:
    return key.partition("/")[2]


def _has(entry: Entry) -> str | None:
    """Return the channel by which somebody has it; None while nobody does."""
    mine = (c for c, how in entry.to.items() if told(how) and not how.startswith("by "))
    return next(mine, None)


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
        """
        Send *letters*, but for those that were told.

        What there is no time for is left to the next run.
        """
        new = (one for one in letters if one.letter.key not in self._known(one.subject))
        ordered = sorted(new, key=lambda one: one.subject)
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
            known = self._known(letters[0].subject)
            pile = _Pile(letters, self._books, known, self._context, claimed)
            piles.append(pile)
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
