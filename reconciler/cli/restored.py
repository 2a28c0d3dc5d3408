"""A restore by hand: choose the copy and the moment, restore, compare, record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reconciler.cli.restore_choice import Choice
from reconciler.cli.restore_copies import Copies
from reconciler.cli.restore_note import recorded
from reconciler.cli.restoring import Asked
from reconciler.engine.exits import Exit
from reconciler.kinds.backup import Offer, passed_over
from reconciler.providers._drill_port import Open, promised
from reconciler.providers._restore import (
    Back,
    Part,
    Wanted,
    brought_back,
    emptied,
    incomplete,
    parts,
    roomy,
    together,
    unnamed,
)
from reconciler.report import words

if TYPE_CHECKING:
    from reconciler.cli.project import Project


class Found(NamedTuple):
    """
    What there is.

    Attributes:
        offers: By copy, the newest first.
        silent: Why a copy could not be read.
        taken: What would be restored of each source.
        missing: Of what nothing would be, and why.
        files: Of each source, the files that ``only`` names; of nothing without it.
    """

    asked: Asked
    offers: Mapping[str, Sequence[Offer]]
    silent: Mapping[str, str]
    taken: Mapping[str, Offer]
    missing: Mapping[str, str]
    files: Mapping[str, Part]

    @property
    def code(self) -> Exit:
        """What the process ends with."""
        return Exit.PARTLY if self.silent or self.missing else Exit.DONE


class Done(NamedTuple):
    """
    What was restored.

    Attributes:
        over: What is newer, and was not taken.
        aside: What comes before what was taken, and why it was not: a copy, or a source
            of one.
        missing: Of what nothing was restored, and why.
        left_out: Of which source how many links were not made: they may lead anywhere.
        silent: Why other copies could not be read.
        unrecorded: Why the audit log does not have it; empty where it has.
    """

    asked: Asked
    taken: Mapping[str, Offer]
    over: Sequence[Offer]
    aside: Sequence[tuple[str, str]]
    missing: Mapping[str, str]
    left_out: Mapping[str, int]
    silent: Mapping[str, str]
    parts: Mapping[str, Part]
    into: Path
    back: Back
    unrecorded: str

    @property
    def copies(self) -> list[str]:
        """Where it came from."""
        return list(dict.fromkeys(one.copy for one in self.taken.values()))

    @property
    def verdict(self) -> str:
        """
        ``verified``, or what is worse.

        ``unverified`` where nobody can tell, ``partly`` where something is missing,
        ``differs`` where something is not what was backed up.
        """
        if self.back.wrong:
            return "differs"
        if self.missing or self.left_out:
            return "partly"
        told = not self.back.unproven and not self.back.alone
        return "verified" if told else "unverified"

    @property
    def code(self) -> Exit:
        """What the process ends with."""
        if self.back.wrong:
            return Exit.ERROR
        partly = self.verdict != "verified" or self.unrecorded
        return Exit.PARTLY if partly else Exit.DONE


def look(project: Project, one: Asked, choice: Choice) -> Found:
    """
    Return what every copy has, or the one that is named.

    Raises:
        UsageError: A source or a snapshot is named that there is not.
        ReconcilerError: No snapshot that is named is there, or no file.
    """
    with Copies(project, one, choice) as copies:
        copies.check()
        copies.read()
        files: Mapping[str, Part] = {}
        if choice.only and copies.best():
            files = _parts(one, choice, copies)
        taken = copies.best()
        if choice.snapshots and not taken:
            copies.nothing()
        missing = copies.missing(taken)
        return Found(one, copies.offers, copies.silent, taken, missing, files)


def restore(
    project: Project, one: Asked, choice: Choice, into: Path, *, offline: bool
) -> Done:
    """
    Restore what *choice* says, of each source from the best copy that gives it.

    Raises:
        UsageError: A source or a snapshot is named that there is not.
        ReconcilerError: No copy has any of it, or gives it; or there is no room.
    """
    with Copies(project, one, choice) as copies:
        copies.check()
        known = _parts(one, choice, copies)
        _say(project, known, into)
        roomy(into, sum(each.size for each in known.values()))
        got = copies.given(_bringing(one, choice, known, into))
        missing = _missing(copies, got, into)
        whole = {name: each for name, each in got.items() if each is not None}
        if not whole:
            copies.nothing()
        taken = {name: each.offer for name, each in whole.items()}
        done = Done(
            one,
            taken,
            _over(copies, choice, taken),
            copies.aside({each.copy for each in taken.values()}),
            missing,
            {
                n: many
                for n, each in whole.items()
                if (many := each.back.restored.left_out)
            },
            copies.silent,
            {name: each.part for name, each in whole.items()},
            into,
            together([each.back for each in whole.values()]),
            "",
        )
    why = "--offline" if offline else recorded(project, done, choice)
    return done._replace(unrecorded=why)


class _Brought(NamedTuple):
    """One source that came back."""

    offer: Offer
    part: Part
    back: Back


def _bringing(
    one: Asked, choice: Choice, known: Mapping[str, Part], into: Path
) -> Callable[[Open, Offer], _Brought | None]:
    """Return what restores one source; what is *known* of it is not asked again."""

    def bring(place: Open, offer: Offer) -> _Brought | None:
        name = offer.source
        mine = known.get(name)
        if mine is None or mine.wanted.snapshot != offer.snapshot.id:
            mine = _part(one, choice, place, offer)
        if mine is None:
            return None
        emptied(into, name)
        back = brought_back(place, {name: mine}, into, choice.key)
        return _Brought(offer, mine, back)

    return bring


def _missing(copies: Copies, got: Collection[str], into: Path) -> dict[str, str]:
    """Return what did not come back, and why; half of it is called half of it."""
    found = copies.missing(got)
    for name, why in found.items():
        if told := incomplete(into, name):
            found[name] = f"{why}; what came of it is not whole: {told.name}/"
    return found


def _parts(one: Asked, choice: Choice, copies: Copies) -> dict[str, Part]:
    """Return what is restored of each source; raise where that is nothing."""
    got = copies.given(partial(_part, one, choice))
    if not got:
        copies.nothing()
    found = {name: each for name, each in got.items() if each is not None}
    if not found:
        raise unnamed(choice.only)
    return found


def _part(one: Asked, choice: Choice, place: Open, offer: Offer) -> Part | None:
    """Return what is restored of one source; None where ``only`` names none of it."""
    wanted = {offer.source: _wanted(one, offer)}
    return parts(place, wanted, choice.only, choice.key).get(offer.source)


def _say(project: Project, known: Mapping[str, Part], into: Path) -> None:
    size = sum(each.size for each in known.values())
    many = sum(len(each.files) for each in known.values())
    what = f"{words.count(many, 'file')}, {words.size(size)}"
    project.say(f"restoring {what}, into {into}")


def _over(copies: Copies, choice: Choice, taken: Mapping[str, Offer]) -> list[Offer]:
    """Return what is newer in the copies that gave something, and was not taken."""
    if choice.snapshots:
        return []
    found: list[Offer] = []
    for copy in dict.fromkeys(one.copy for one in taken.values()):
        mine = [one for one in copies.offers[copy] if one.source in taken]
        found += passed_over(mine, taken, choice.until)
    return found


def _wanted(one: Asked, offer: Offer) -> Wanted:
    told = one.record.promise(offer.copy, offer.snapshot.id)
    return Wanted(offer.snapshot.id, promised(dict(told)))
