"""What was told to whom, kept in the records of the audit branch. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, Self

from pydantic import AwareDatetime, JsonValue, ValidationError

from reconciler.audit import Note, Record
from reconciler.model import Frozen, Severity
from reconciler.notify.notice import Condition, Notice, Subject, fingerprint

#: The facts of a record: what is open, and what cannot be read since when.
OPEN, UNREAD = "notices", "unread"
#: What may be said to be over. That a hold was lifted or a window used is no news.
HEALS = frozenset({"incident", "unknown", "failed", "urgent"})
_SUMMARY = 200
#: How a channel came to know: by itself (or so it seems), or another in its place.
TOLD = ("sent", "by ", "accepted")
#: The two things that are told: that it is so, and that it is over.
TO, TOLD_OVER = "to", "told"


#: Whether something holds of (subject, key): that it is over, that nobody is told.
Over = Callable[[Subject, str], bool]


class Waiting(Frozen):
    """
    A message that was sent, or was going to be, and whose fate is not known.

    Attributes:
        message: Our id of it.
        at: When it was going to be sent.
        id: The provider's; empty until it is known.
    """

    message: str
    at: AwareDatetime
    id: str = ""


class Entry(Frozen):
    """
    One condition that was seen, and who was told.

    Attributes:
        number: See ``fingerprint``.
        at: When it was seen first.
        to: Channel -> what came of telling it.
        healed: When it was seen to be over.
        series: What it is a step of; see ``Condition``.
        waits: ``to/CHANNEL`` or ``told/CHANNEL`` -> the message under way.
        told: Channel -> what came of telling it that it is over.
    """

    number: int
    at: AwareDatetime
    severity: Severity
    summary: str
    to: dict[str, str] = {}
    healed: AwareDatetime | None = None
    told: dict[str, str] = {}
    series: str = ""
    waits: dict[str, Waiting] = {}


class _Kept(Frozen):
    name: str
    closed: int = 0
    open: dict[str, Entry] = {}


class Book(Frozen):
    """
    Everything remembered about one subject.

    Attributes:
        closed: How many entries were closed for good.
        open: The others, by the key of their condition.
        unread: Account and family -> since when it cannot be read.
    """

    name: str
    closed: int = 0
    open: dict[str, Entry] = {}
    unread: dict[str, AwareDatetime] = {}

    def facts(self, under: str = OPEN) -> dict[str, JsonValue]:
        """Return the facts of the record, *under* that name; None removes one."""
        kept = _Kept(name=self.name, closed=self.closed, open=self.open)
        shown = kept.model_dump(mode="json", exclude_defaults=True)
        since: dict[str, JsonValue] = {
            about: moment.isoformat() for about, moment in self.unread.items()
        }
        return {
            under: shown if self.open or self.closed else None,
            **({UNREAD: since or None} if under == OPEN else {}),
        }


class Books:
    """
    The book of every subject; changing one makes other Books.

    What cannot be read in a record is as if it had never been written: at worst
    something is told twice.

    Args:
        under: The fact of the records that they are kept in.
    """

    def __init__(
        self, books: Mapping[tuple[str, str], Book], under: str = OPEN
    ) -> None:
        self._books = dict(books)
        self._under = under

    @classmethod
    def read(cls, records: Mapping[tuple[str, str], Record], under: str = OPEN) -> Self:
        """Return what *records* remember *under* that fact."""
        found = ((key, _book(record, under)) for key, record in records.items())
        return cls({key: book for key, book in found if book is not None}, under)

    def __iter__(self) -> Iterator[tuple[Subject, Book]]:
        for (kind, uid), book in sorted(self._books.items()):
            yield Subject(kind, uid, book.name), book

    def of(self, subject: Subject) -> Book:
        """Return the book of *subject*, empty where nothing is known."""
        found = self._books.get((subject.kind, subject.uid))
        return found or Book(name=subject.name)

    def since(self, subject: Subject, about: str) -> datetime | None:
        """Return since when *about* (an account and family) cannot be read."""
        return self.of(subject).unread.get(about)

    def put(self, subject: Subject, book: Book) -> Books:
        """Return these books with another *book* of *subject*."""
        return Books({**self._books, (subject.kind, subject.uid): book}, self._under)

    def entered(self, entries: Iterable[tuple[Subject, str, Entry]]) -> Books:
        """Return these books with *entries* (subject, key, entry) in them."""
        books = dict(self._books)
        for subject, key, entry in entries:
            book = books[subject.kind, subject.uid]
            opened = {**book.open, key: entry}
            books[subject.kind, subject.uid] = book.model_copy(update={"open": opened})
        return Books(books, self._under)

    def closed(self, subject: Subject, key: str) -> Books:
        """Return these books without the entry *key*, which is over for good."""
        book = self.of(subject)
        left = {k: entry for k, entry in book.open.items() if k != key}
        done = book.model_copy(update={"open": left, "closed": book.closed + 1})
        return self.put(subject, done)

    def without(self, silent: Over) -> Books:
        """Return these books without what ends so that nobody is told of it."""
        books = self
        for subject, book in self:
            for key in book.open:
                books = books.closed(subject, key) if silent(subject, key) else books
        return books

    def notes(self, before: Books) -> Iterator[Note]:
        """Yield what has to be recorded, so that *before* becomes this."""
        for subject, book in self:
            old = before._books.get((subject.kind, subject.uid))
            if old == book:
                continue
            facts = book.facts(self._under)
            was = old.facts(self._under) if old else {}
            changed = {k: v for k, v in facts.items() if v != was.get(k)}
            if changed:
                data: dict[str, JsonValue] = {
                    "kind": subject.kind,
                    "uid": subject.uid,
                    "facts": changed,
                }
                yield Note(event="noticed", data=data)


def _book(record: Record, under: str) -> Book | None:
    opened = record.facts.get(under)
    unread = record.facts.get(UNREAD) if under == OPEN else None
    if not opened and not unread:
        return None
    kept: object = opened or {"name": record.name or record.uid}
    try:
        data = _Kept.model_validate(kept).model_dump()
        return Book.model_validate({**data, "unread": unread or {}})
    except ValidationError:
        return None


def turn(books: Books, found: Iterable[Condition], over: Over, now: datetime) -> Books:
    """
    Return the books after a run that saw the conditions *found*.

    Args:
        books: As they were.
        found: Everything that holds.
        over: Whether (subject, key), which was not found, was looked for: what
            nobody looked at is not over.
        now: When it was seen.
    """
    holds: dict[Subject, list[Condition]] = {}
    for condition in found:
        holds.setdefault(condition.subject, []).append(condition)
    subjects = {s._replace(name=""): s for s, _ in books}
    subjects |= {s._replace(name=""): s for s in holds}
    changed: dict[tuple[str, str], Book] = {}
    for subject in subjects.values():
        conditions = holds.get(subject, [])
        book = _turned(books.of(subject), subject, conditions, over, now)
        changed[subject.kind, subject.uid] = book
    return Books(changed)


def _turned(
    book: Book,
    subject: Subject,
    conditions: list[Condition],
    over: Over,
    now: datetime,
) -> Book:
    opened: dict[str, Entry] = {}
    closed = book.closed
    keys = {condition.key for condition in conditions}
    for key, entry in book.open.items():
        if key in keys or not over(subject, key):
            opened[key] = entry
        elif _stepped(key, entry, conditions):
            closed += 1
        elif _may_heal(key, entry):
            healed = entry.healed or now
            opened[key] = entry.model_copy(update={"healed": healed})
        else:
            closed += 1
    for condition in conditions:
        before = opened.get(condition.key)
        if before is not None and before.healed is not None:
            # Somebody may have heard that it is over: it is news again.
            closed += 1
            before = None
        opened[condition.key] = before or _new(condition, closed, now)
    gone = {about for about in book.unread if over(subject, f"unknown/{about}")}
    unread = {a: since for a, since in book.unread.items() if a not in gone}
    unread |= {c.about: c.since for c in conditions if c.since is not None}
    return Book(name=subject.name, closed=closed, open=opened, unread=unread)


def _stepped(key: str, entry: Entry, conditions: list[Condition]) -> bool:
    """Whether it only came nearer: the step after it holds now."""
    return any(
        (entry.series and condition.series == entry.series)
        or condition.key.startswith(f"{key}/")
        for condition in conditions
    )


def _may_heal(key: str, entry: Entry) -> bool:
    """Whether somebody was told of it, and not everybody that it is over."""
    return key.partition("/")[0] in HEALS and any(map(told, entry.to.values()))


def _new(condition: Condition, number: int, now: datetime) -> Entry:
    return Entry(
        number=number,
        at=now,
        severity=condition.severity,
        summary=condition.summary[:_SUMMARY],
        series=condition.series,
    )


def told(how: str | None) -> bool:
    """Say whether *how* means that somebody has it."""
    return how is not None and how.startswith(TOLD)


def notices(
    env: str, books: Books, found: Iterable[Condition]
) -> list[tuple[Notice, Subject, str, Entry]]:
    """Return every open entry as the notice it is (or that it is over)."""
    holds = {(c.subject.kind, c.subject.uid, c.key): c for c in found}
    rows: list[tuple[Notice, Subject, str, Entry]] = []
    for subject, book in books:
        for key, entry in sorted(book.open.items()):
            event, _, about = key.partition("/")
            condition = holds.get((subject.kind, subject.uid, key))
            if entry.healed is None and condition is None:
                continue  # not looked at this time
            shown = "healed" if entry.healed else event
            known = condition or _remembered(subject, event, about, entry)
            rows.append((_notice(env, key, entry, shown, known), subject, key, entry))
    return rows


class Way(NamedTuple):
    """
    One notice that is under way by one channel.

    Attributes:
        field: ``to`` or ``told``: that it is so, or that it is over.
    """

    field: str
    channel: str
    waiting: Waiting
    notice: Notice
    subject: Subject
    key: str
    entry: Entry


def under_way(env: str, books: Books, found: Iterable[Condition]) -> Iterator[Way]:
    """Yield every notice whose fate is not known, whether or not it still holds."""
    holds = {(c.subject.kind, c.subject.uid, c.key): c for c in found}
    for subject, book in books:
        for key, entry in sorted(book.open.items()):
            event, _, about = key.partition("/")
            for way, waiting in sorted(entry.waits.items()):
                field, _, channel = way.partition("/")
                shown = "healed" if field == TOLD_OVER else event
                condition = holds.get((subject.kind, subject.uid, key)) or Condition(
                    event, entry.severity, subject, about, entry.summary
                )
                if field == TOLD_OVER:
                    condition = _remembered(subject, event, about, entry)
                notice = _notice(env, key, entry, shown, condition)
                yield Way(field, channel, waiting, notice, subject, key, entry)


def _notice(
    env: str, key: str, entry: Entry, shown: str, condition: Condition
) -> Notice:
    """Return *entry* as the notice that it is *shown* as, by its event."""
    event = key.partition("/")[0]
    identity, begun = (
        fingerprint(env, condition.subject, word, key, entry.number)
        for word in (shown, event)
    )
    at = entry.healed or entry.at
    return Notice(identity, at, shown, condition, "" if shown == event else begun)


def _remembered(subject: Subject, event: str, about: str, entry: Entry) -> Condition:
    return Condition(event, entry.severity, subject, about, f"over: {entry.summary}")
