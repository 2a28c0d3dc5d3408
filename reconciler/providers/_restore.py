"""
A restore by hand: into an empty folder of its own, and compared with the backup.

A drill restores to look, and takes away what it restored; here a person needs it. The
same rules hold for where: nothing in production is near, and nothing is written over.
What was restored is compared with what was written down when it was backed up, and
with the receipt where there is one. Nobody runs or loads any of it.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from reconciler.errors import ReconcilerError
from reconciler.model.paths import plain
from reconciler.providers._drill_files import canary, differing, found, intact, matches
from reconciler.providers._drill_looks import Look, why
from reconciler.providers._drill_port import (
    CANARY,
    Entry,
    Key,
    Linked,
    Promise,
    Rereads,
    Restored,
    Restorer,
)
from reconciler.providers._drill_scratch import Free, free, within

#: Where a person cannot put it, or there is nothing of what was asked for.
UNFIT: Final = "E680"
NOTHING: Final = "E681"
_PRIVATE: Final = 0o700
_OTHERS: Final = 0o022
#: So much of the volume stays free: names and folders take room, too.
_SPARE: Final = 64 * 1024**2
#: What a panel packed may lead anywhere, and is made by nobody here.
_NO_END: Final = 7 * 86_400.0


class Wanted(NamedTuple):
    """
    What is restored of one source.

    Attributes:
        promise: What the receipt says of it.
    """

    snapshot: str
    promise: Promise = Promise()


class Part(NamedTuple):
    """
    What one snapshot has of what is wanted.

    Attributes:
        files: What is restored; None: everything.
        manifest: What was written down when it was backed up; None: nothing was.
        links: Which ones are restored of a part: nothing compares them.
    """

    wanted: Wanted
    files: tuple[Entry, ...]
    whole: bool
    manifest: Sequence[Entry] | None
    links: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many bytes that is."""
        return sum(one.size for one in self.files)


class Back(NamedTuple):
    """
    What came back.

    Attributes:
        looks: What was compared; of each source, in its order.
        unproven: Sources of which nothing was written down: nobody can tell.
        alone: Sources that are as the copy itself says; no receipt says that it is
            what was backed up.
    """

    restored: Restored
    looks: tuple[Look, ...]
    unproven: tuple[str, ...]
    alone: tuple[str, ...] = ()

    @property
    def wrong(self) -> str:
        """What differs from what was backed up; empty where nothing does."""
        return why(list(self.looks))


def parts(
    restorer: Restorer, wanted: Mapping[str, Wanted], only: Sequence[str], key: Key
) -> dict[str, Part]:
    """
    Return what there is of each source; *only* of files of those names, if any.

    A pattern has ``*`` in a folder and ``**`` across, or is a folder. A source without
    a file that is called so is left out.

    Raises:
        ProviderError: The copy does not give what it has.
    """
    made: dict[str, Part] = {}
    for name, one in wanted.items():
        manifest = restorer.manifest(name, one.snapshot, key)
        told = one.promise.manifest is not None
        if manifest is None and told and isinstance(restorer, Rereads):
            manifest = restorer.entries(name, one.snapshot)
        listing = manifest
        if listing is None:
            listing = restorer.listing(name, one.snapshot, key)
        files = [each for each in listing if each.path != CANARY]
        links: tuple[str, ...] = ()
        if only:
            paths = set(_named(only, [plain(each.path) for each in files]))
            files = [each for each in files if plain(each.path) in paths]
            if isinstance(restorer, Linked):
                there = map(plain, restorer.links(name, one.snapshot, key))
                links = tuple(dict.fromkeys(_named(only, [*there])))
        if files or links or not only:
            made[name] = Part(one, tuple(files), not only, manifest, links)
    return made


def unnamed(only: Sequence[str]) -> ReconcilerError:
    """Return that no file is like *only*."""
    return ReconcilerError(
        f"there is no file like {', '.join(only)} in what is restored",
        hint="--only 'wp-content/**' is all below a folder; without --into "
        "the names are listed",
        code=NOTHING,
    )


def _named(only: Sequence[str], paths: Sequence[str]) -> Iterator[str]:
    for pattern in only:
        plain = pattern.strip("/")
        yield from matches(plain, paths)
        yield from matches(f"{plain}/**", paths)


def fresh(into: Path, production: Iterable[Path]) -> Path:
    """
    Return the folder *into*, empty, ours alone, and far from *production*.

    Raises:
        ReconcilerError: It is not; nothing was made or written.
    """
    near = within(into, production)
    if near is not None:
        raise _unfit(f"{into} and {near}, which is in use, are one, or in each other")
    try:
        told = into.lstat()
    except FileNotFoundError:
        return _made(into)
    except OSError as error:
        raise _unfit(f"{into}: {error.strerror}") from None
    if not stat.S_ISDIR(told.st_mode):
        raise _unfit(f"{into} is no folder")
    if told.st_uid not in {0, os.geteuid()} or told.st_mode & _OTHERS:
        raise _unfit(f"{into} belongs to somebody else, or others can write to it")
    try:
        empty = next(into.iterdir(), None) is None
    except OSError as error:
        raise _unfit(f"{into}: {error.strerror}") from None
    if not empty:
        raise _unfit(f"{into} is not empty: nothing is ever written over")
    return into


def _made(into: Path) -> Path:
    try:
        into.mkdir(mode=_PRIVATE, parents=True)
    except OSError as error:
        raise _unfit(f"{into}: {error.strerror}") from None
    return into


def emptied(into: Path, source: str) -> None:
    """Take away what a damaged copy gave of *source* before that was seen."""
    for name in (source, f".{source}"):  # the second one is where restic begins
        if (into / name).is_dir():
            shutil.rmtree(into / name)


def incomplete(into: Path, source: str) -> Path | None:
    """Call what no copy gave whole by a name that says so; None: there is nothing."""
    given, told = into / source, into / f"{source}.incomplete"
    if not given.is_dir():
        return None
    given.rename(told)
    return told


def roomy(into: Path, size: int, left: Free = free) -> None:
    """Raise ReconcilerError where *into* has no room for *size* bytes."""
    room = left(into)
    if room < size + _SPARE:
        raise _unfit(f"{into} has {room} bytes left, and {size} are to be restored")


def _unfit(what: str) -> ReconcilerError:
    hint = "name a folder that is not there yet, outside of everything in production"
    return ReconcilerError(what, hint=hint, code=UNFIT)


def brought_back(
    restorer: Restorer,
    chosen: Mapping[str, Part],
    into: Path,
    key: Key,
    left: Free = free,
) -> Back:
    """
    Restore what was *chosen*, each source into a folder of its own, and compare it.

    Raises:
        ReconcilerError: There is no room: nothing was written.
        ProviderError: The copy does not give what it has; what is in *into* by then is
            not whole.
    """
    size = sum(one.size for one in chosen.values())
    roomy(into, size, left)
    all_of = {n: one.wanted.snapshot for n, one in chosen.items() if one.whole}
    some = {n: one.wanted.snapshot for n, one in chosen.items() if not one.whole}
    named = {n: [*(f.path for f in chosen[n].files), *chosen[n].links] for n in some}
    done: list[Restored] = []
    try:
        if all_of:
            done.append(restorer.restore(all_of, into, None, key, _NO_END))
        if some:
            done.append(restorer.restore(some, into, named, key, _NO_END))
    except OSError as error:
        raise _unfit(f"{into}: {error.strerror}; what is in it is not whole") from None
    looks: list[Look] = []
    unproven, alone = [], []
    for name, one in chosen.items():
        mine = list(_compared(name, one, into / name))
        looks += mine
        if not mine:
            unproven.append(name)
        elif one.wanted.promise.manifest is None:
            alone.append(name)
    whole = Restored(
        sum(len(one.files) for one in chosen.values()),
        size,
        sum(one.listed for one in done),
        sum(one.fetched for one in done),
        done[0].engine,
        sum(one.left_out for one in done),
    )
    return Back(whole, tuple(looks), tuple(unproven), tuple(alone))


def together(backs: Sequence[Back]) -> Back:
    """Return what came back one after the other, as one."""
    costs = [one.restored for one in backs]
    return Back(
        Restored(
            sum(one.files for one in costs),
            sum(one.bytes for one in costs),
            sum(one.listed for one in costs),
            sum(one.fetched for one in costs),
            ", ".join(dict.fromkeys(one.engine for one in costs)),
            sum(one.left_out for one in costs),
        ),
        tuple(look for one in backs for look in one.looks),
        tuple(name for one in backs for name in one.unproven),
        tuple(name for one in backs for name in one.alone),
    )


def _compared(name: str, one: Part, folder: Path) -> Iterator[Look]:
    """Yield what is told of one source; the number that is used once goes then."""
    back, promise = found(folder), one.wanted.promise
    asked_for = None if one.whole else [each.path for each in one.files]
    looks, _ = intact(name, back, one.manifest, promise, asked_for)
    yield from looks
    yield from canary(name, back, promise)
    missing = differing((f._replace(sha256="") for f in one.files), back)
    if missing:
        said = f"{len(missing)} are not: {', '.join(missing[:3])}"
        yield Look(f"{name}/complete", f"all {len(one.files)} are back", said, ok=False)
    (folder / CANARY).unlink(missing_ok=True)
