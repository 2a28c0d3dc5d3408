"""The copies that a restore by hand takes from: of each source, the best."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NoReturn, Self, TypeVar

from reconciler.cli.restore_choice import Choice, against, by_id, minute, of_copy
from reconciler.cli.restoring import Asked, opened
from reconciler.errors import ProviderError, ReconcilerError, UsageError
from reconciler.kinds.backup import Offer, best, lacking
from reconciler.providers._drill_port import Open
from reconciler.providers._restore import NOTHING

if TYPE_CHECKING:
    from types import TracebackType

    from reconciler.cli.project import Project

_Given = TypeVar("_Given")
#: So much of what a copy lost is told.
_FEW: Final = 3


class Copies:
    """
    Every copy of one backup, opened and read once it is needed; closed in the end.

    Attributes:
        offers: By copy that was read: what it has, the newest first.
        silent: Why a copy could not be read.
        refused: By copy and source: why it did not give what it has.
    """

    def __init__(self, project: Project, one: Asked, choice: Choice) -> None:
        self._project, self._one, self._choice = project, one, choice
        self._open = ExitStack()
        self._places: dict[str, Open] = {}
        self._names = _names(one, choice)
        self.offers: dict[str, list[Offer]] = {}
        self.silent: dict[str, str] = {}
        self.refused: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Self:
        """Open nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what was opened."""
        self._open.close()

    def read(self) -> None:
        """Read all of them."""
        for copy in self._names:
            self._reads(copy)

    def check(self) -> None:
        """Raise UsageError where a source is named that there never was."""
        strange = set(self._choice.sources) - self._one.record.known()
        if not strange:
            return
        self.read()
        there = {one.source for mine in self.offers.values() for one in mine}
        if strange := strange - there:
            known = sorted(self._one.record.known() | there)
            raise UsageError(
                f"{self._one.want.ref} has no source {', '.join(sorted(strange))}",
                hint=f"its sources are {', '.join(known)}",
            )

    def best(self) -> dict[str, Offer]:
        """
        Return of each source what is to be taken, without what was refused.

        Where the first copy that can be read has the newest of everything, no other one
        is asked.
        """
        if not self.refused:
            first = next(filter(self._reads, self._names), None)
            if first is not None and self._whole(first):
                return of_copy(self.offers[first], self._choice)
        self.read()
        if self._choice.snapshots:  # one that is in no single copy is told here
            by_id(self._offered(), self._choice)
        return best([self._left(copy) for copy in self._names if copy in self.offers])

    def given(self, give: Callable[[Open, Offer], _Given]) -> dict[str, _Given]:
        """
        Return of each source what *give* makes of the best that a copy gives.

        Where a copy does not give it, the next one is asked.
        """
        got: dict[str, _Given] = {}
        while left := {n: one for n, one in self.best().items() if n not in got}:
            for name, offer in left.items():
                try:
                    got[name] = give(self._places[offer.copy], offer)
                except ProviderError as error:
                    self.refused[offer.copy, name] = error.what
                    what = f"{offer.copy} does not give what it has of {name}"
                    self._project.say(f"warning: {what}: {error.what}")
        return dict(sorted(got.items()))

    def missing(self, got: Collection[str]) -> dict[str, str]:
        """Return what of all that was wanted is not in *got*, and why."""
        choice = self._choice
        if not choice.snapshots:
            names = choice.sources or self._one.record.sources()
            return {name: self._why(name) for name in names if name not in got}
        found: dict[str, str] = {}
        for begin, same in by_id(self._offered(), choice).items():
            if not same:
                found[begin] = "no copy that can be read has a snapshot of that id"
            elif same[0].source not in got:
                found[same[0].source] = self._why(same[0].source)
        return found

    def aside(self, used: Collection[str]) -> list[tuple[str, str]]:
        """Return what would have come before what was *used*, and why it did not."""
        declared = self._one.record.declared()
        rank = max((declared.index(copy) for copy in used), default=len(declared))
        found = [(copy, f"cannot be read: {why}") for copy, why in self.silent.items()]
        for (copy, source), why in self.refused.items():
            found.append((f"{source} of {copy}", why))
        for copy in declared[:rank] if self._choice.copy is None else ():
            why = self._against(copy)
            if why and copy not in used and copy not in self.silent:
                found.append((copy, why))
        return found

    def nothing(self) -> NoReturn:
        """Raise why nothing was restored, and what to do about it."""
        ref, choice = self._one.want.ref, self._choice
        bad = [f"{copy}: {why}" for copy, why in self.silent.items()]
        bad += [
            f"{copy}: {name}: {why.removeprefix(f'{name}: ')}"
            for (copy, name), why in self.refused.items()
        ]
        missing = self.missing(())
        doubts = {name: "; ".join(self._doubts(name)) for name in missing}
        bad += _together(doubts)
        hint = f"reconciler restore {ref} lists what there is"
        if len(self._names) < len(self._one.record.declared()):
            hint += "; without --copy any other copy is asked, too"
        fit = [one for one in self._offered() if not one.doubt]
        if choice.until is not None and fit:
            hint += f"; the oldest is of {minute(min(one.at for one in fit))}"
        elif any(doubts.values()) and not choice.snapshots:
            hint += "; --snapshot ID takes one that something speaks against"
        what = "; ".join(bad or _together(missing))
        raise ReconcilerError(what, hint=hint, code=NOTHING)

    def _reads(self, copy: str) -> bool:
        """Read *copy* once; say whether it could be read."""
        if copy in self.offers or copy in self.silent:
            return copy in self.offers
        try:
            place = self._open.enter_context(
                opened(self._project, self._one, copy, self._choice.key)
            )
            listed = place.snapshots(self._choice.key)
        except ReconcilerError as error:
            self.silent[copy] = error.what
            return False
        self._places[copy] = place
        self.offers[copy] = self._one.record.offers(copy, listed)
        return True

    def _left(self, copy: str) -> dict[str, Offer]:
        mine = of_copy(self.offers[copy], self._choice)
        return {n: one for n, one in mine.items() if (copy, n) not in self.refused}

    def _whole(self, copy: str) -> bool:
        """Say whether *copy* has all that is wanted, and lost nothing that is newer."""
        choice, mine = self._choice, self.offers[copy]
        if choice.snapshots:
            return all(by_id(mine, choice).values())
        taken = of_copy(mine, choice)
        names = choice.sources or self._one.record.sources()
        lost = lacking(mine, taken, choice.until)
        return set(names) <= set(taken) and not any(o.source in taken for o in lost)

    def _offered(self) -> Iterator[Offer]:
        for mine in self.offers.values():
            yield from mine

    def _why(self, source: str) -> str:
        """Return why there is nothing of *source* to restore."""
        told = [f"{copy} cannot be read: {why}" for copy, why in self.silent.items()]
        told += [
            f"{copy}: {why}"
            for (copy, name), why in self.refused.items()
            if name == source
        ]
        told += self._doubts(source)
        until = self._choice.until
        if not told and until is not None and any(self._of(source)):
            return f"nothing of it is as old as {minute(until)}"
        return "; ".join(told) or "no copy has anything of it"

    def _doubts(self, source: str) -> Iterator[str]:
        """Yield what speaks against the newest that each copy has of *source*."""
        until = self._choice.until
        newest: dict[str, Offer] = {}
        for one in self._of(source):
            if until is None or one.at <= until:
                newest.setdefault(one.copy, one)
        for copy, one in newest.items():
            if one.doubt:
                yield f"what {copy} has of it {against(one)}"

    def _of(self, source: str) -> Iterator[Offer]:
        yield from (one for one in self._offered() if one.source == source)

    def _against(self, copy: str) -> str:
        """Return why *copy* comes after others, or did not give all."""
        if why := self._one.record.trouble(copy):
            return why
        if copy not in self.offers or self._choice.snapshots:
            return ""
        mine, choice = self.offers[copy], self._choice
        taken = of_copy(mine, choice)
        names = choice.sources or self._one.record.sources()
        lost = [
            f"{one.source} of {minute(one.at)} {against(one)}"
            for one in lacking(mine, taken, choice.until)
            if one.source in {*names, *taken}
        ]
        there = {one.source for one in mine}
        lost += [f"it has nothing of {name}" for name in names if name not in there]
        return "; ".join(lost[:_FEW])


def _together(told: Mapping[str, str]) -> list[str]:
    """Return what was *told* of each, once where it is the same."""
    whose: dict[str, list[str]] = {}
    for name, why in told.items():
        if why:
            whose.setdefault(why, []).append(name)
    return [f"{', '.join(names)}: {why}" for why, names in whose.items()]


def _names(one: Asked, choice: Choice) -> list[str]:
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
