"""A restore by hand: choose the copy and the moment, restore, compare, record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import JsonValue

from reconciler.audit import Batch, Note
from reconciler.cli.restoring import Asked, opened
from reconciler.engine import Journal
from reconciler.engine.exits import Exit
from reconciler.errors import ProviderError, ReconcilerError, UsageError
from reconciler.kinds.backup import RESTORES, Offer, chosen, passed_over, restores
from reconciler.providers._drill_port import Key, Open, promised
from reconciler.providers._restore import (
    NOTHING,
    Back,
    Part,
    Wanted,
    brought_back,
    emptied,
    parts,
)
from reconciler.report import words

if TYPE_CHECKING:
    from reconciler.cli.project import Project

#: So much of an id is enough, where it is the only one that begins so.
_SHORTEST: Final = 6
#: So many restores by hand the record keeps; the log has all of them.
_KEPT: Final = 10


class Choice(NamedTuple):
    """
    What somebody wants back.

    Attributes:
        copy: From where; None: the first copy that nothing speaks against.
        until: As it was then; None: the newest.
        snapshots: The beginnings of ids; none: by time.
        sources: Only these; none: all.
        only: Only files like these; none: all.
    """

    copy: str | None = None
    until: datetime | None = None
    snapshots: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    key: Key = "drill"


class Found(NamedTuple):
    """
    What there is.

    Attributes:
        offers: By copy, the newest first.
        silent: Why a copy could not be read.
        files: Of each source, the files that ``only`` names; of nothing without it.
    """

    asked: Asked
    offers: Mapping[str, Sequence[Offer]]
    silent: Mapping[str, str]
    taken: Mapping[str, Offer]
    files: Mapping[str, Part]


class Done(NamedTuple):
    """
    What was restored.

    Attributes:
        over: What is newer, and was not taken.
        silent: Why other copies did not give it.
        unrecorded: Why the audit log does not have it; empty where it has.
    """

    asked: Asked
    copy: str
    taken: Mapping[str, Offer]
    over: Sequence[Offer]
    silent: Mapping[str, str]
    parts: Mapping[str, Part]
    into: Path
    back: Back
    unrecorded: str

    @property
    def verdict(self) -> str:
        """``verified``, ``unverified`` where nobody can tell, or ``differs``."""
        if self.back.wrong:
            return "differs"
        told = not self.back.unproven and not self.back.alone
        return "verified" if told else "unverified"

    @property
    def code(self) -> Exit:
        """What the process ends with."""
        if self.back.wrong:
            return Exit.ERROR
        whole = self.verdict == "verified" and not self.unrecorded
        return Exit.DONE if whole else Exit.PARTLY


def look(project: Project, one: Asked, choice: Choice) -> Found:
    """Return what every copy has, or the one that is named."""
    offers: dict[str, Sequence[Offer]] = {}
    silent: dict[str, str] = {}
    taken: Mapping[str, Offer] = {}
    files: Mapping[str, Part] = {}
    for copy in _copies(one, choice):
        with _reading(project, one, copy, choice.key) as read:
            if isinstance(read, str):
                silent[copy] = read
                continue
            place, offers[copy] = read
            if taken:
                continue
            taken = _taken(offers[copy], choice)
            if choice.only and taken:
                files = parts(place, _wanted(one, taken), choice.only, choice.key)
    if choice.snapshots and not taken:
        raise _nothing(one, choice, offers, silent)
    return Found(one, offers, silent, taken, files)


def restore(
    project: Project, one: Asked, choice: Choice, into: Path, *, offline: bool
) -> Done:
    """
    Restore what *choice* says, from the first copy that gives it.

    Raises:
        ReconcilerError: No copy has it, or none gives it: *into* may hold a part.
    """
    offers: dict[str, Sequence[Offer]] = {}
    silent: dict[str, str] = {}
    for copy in _copies(one, choice):
        with _reading(project, one, copy, choice.key) as read:
            if isinstance(read, str):
                project.say(f"warning: {copy} cannot be read: {read}")
                silent[copy] = read
                continue
            place, offers[copy] = read
            taken = _taken(offers[copy], choice)
            if not taken:
                continue
            try:
                emptied(into)
                found = parts(place, _wanted(one, taken), choice.only, choice.key)
                back = _brought(project, place, found, into, choice.key)
            except ProviderError as error:
                project.say(f"warning: {copy} does not give what it has: {error.what}")
                silent[copy] = error.what
                continue
        over = passed_over(offers[copy], taken, choice.until)
        newer = [] if choice.snapshots else over
        done = Done(one, copy, taken, newer, silent, found, into, back, "")
        why = "--offline" if offline else _recorded(project, done, choice)
        return done._replace(unrecorded=why)
    raise _nothing(one, choice, offers, silent)


@contextmanager
def _reading(
    project: Project, one: Asked, copy: str, key: Key
) -> Iterator[tuple[Open, list[Offer]] | str]:
    """Give one copy and what it has, or why it cannot be read."""
    with ExitStack() as stack:
        try:
            place = stack.enter_context(opened(project, one, copy, key))
            offers = one.record.offers(copy, place.snapshots(key))
        except ReconcilerError as error:
            yield error.what
            return
        yield place, offers


def _brought(
    project: Project, place: Open, found: Mapping[str, Part], into: Path, key: Key
) -> Back:
    size = sum(part.size for part in found.values())
    many = sum(len(part.files) for part in found.values())
    what = f"{words.count(many, 'file')}, {words.size(size)}"
    project.say(f"restoring {what}, into {into}")
    return brought_back(place, found, into, key)


def _copies(one: Asked, choice: Choice) -> list[str]:
    """Return which copies are read, in which order."""
    names = one.record.copies()
    if choice.copy is None:
        return names
    if choice.copy not in names:
        raise UsageError(
            f"{one.want.ref} has no copy {choice.copy}",
            hint=f"its copies are {', '.join(sorted(names))}",
        )
    return [choice.copy]


def _taken(offers: Sequence[Offer], choice: Choice) -> dict[str, Offer]:
    """Return of each source what is restored."""
    if not choice.snapshots:
        return chosen(offers, choice.sources, choice.until)
    found: dict[str, Offer] = {}
    for begin in choice.snapshots:
        same = [one for one in offers if one.snapshot.id == begin]
        same = same or [one for one in offers if one.snapshot.id.startswith(begin)]
        if len(begin) < _SHORTEST or len(same) > 1:
            raise UsageError(
                f"{begin!r} names no single snapshot", hint="write more of it"
            )
        for one in same:
            if one.source in found:
                what = f"{begin!r} is a second snapshot of {one.source}"
                raise UsageError(what, hint="restore them one after the other")
            found[one.source] = one
    return found


def _wanted(one: Asked, taken: Mapping[str, Offer]) -> dict[str, Wanted]:
    return {
        name: Wanted(
            offer.snapshot.id,
            promised(dict(one.record.promise(offer.copy, offer.snapshot.id))),
        )
        for name, offer in taken.items()
    }


def _nothing(
    one: Asked,
    choice: Choice,
    offers: Mapping[str, Sequence[Offer]],
    silent: Mapping[str, str],
) -> ReconcilerError:
    """Return why nothing was restored, and what to do about it."""
    ref = one.want.ref
    there = sorted({offer.source for each in offers.values() for offer in each})
    doubtful = any(offer.doubt for each in offers.values() for offer in each)
    strange = [source for source in choice.sources if source not in there]
    hint = f"reconciler restore {ref} lists what there is"
    if silent:
        what = "; ".join(f"{copy}: {why}" for copy, why in silent.items())
        hint = "name another moment with --at, or another copy with --copy"
    elif not there:
        what = f"no copy of {ref} has anything"
    elif strange:
        what = f"no copy of {ref} has anything of {', '.join(strange)}"
    else:
        what = f"no copy of {ref} has such a snapshot"
    if doubtful:
        hint += "; --snapshot ID takes one that something speaks against"
    return ReconcilerError(what, hint=hint, code=NOTHING)


def _recorded(project: Project, done: Done, choice: Choice) -> str:
    """Write it into the audit log; return why that could not be done."""
    try:
        run = project.run(project.git.head)
        with Journal(project.journal(), run, project.clock) as journal:
            note = _note(project, done, choice, journal)
            journal.record(Batch(entries=(note,), phase="restored"))
    except ReconcilerError as error:
        return error.what
    return ""


def _note(project: Project, done: Done, choice: Choice, journal: Journal) -> Note:
    want = done.asked.want
    row: dict[str, JsonValue] = {
        "at": project.clock().isoformat(),
        "by": project.actor,
        "copy": done.copy,
        "snapshots": {name: one.snapshot.id for name, one in done.taken.items()},
        "of": min(offer.at for offer in done.taken.values()).isoformat(),
        "into": str(done.into),
        "only": [*choice.only],
        "key": "escrow" if choice.key == "escrow" else "password",
        "files": done.back.restored.files,
        "bytes": done.back.restored.bytes,
        "milliseconds": round(done.back.restored.fetched * 1000),
        "verdict": done.verdict,
        "why": done.back.wrong,
    }
    rows = restores(journal.ledger.record(want.kind, want.uid).facts)
    kept: list[JsonValue] = [*rows, row]
    about: dict[str, JsonValue] = {
        "kind": want.kind,
        "uid": want.uid,
        "name": want.name,
        "facts": {RESTORES: kept[-_KEPT:]},
    }
    return Note(event="restored", data={**about, **row})
