"""The course of a drill: choose, restore, look. What it sees is kept as it goes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from reconciler.model.backing import Backing, Source
from reconciler.providers._drill_databases import Bench, loaded, packed
from reconciler.providers._drill_files import (
    Found,
    canary,
    chosen,
    counted,
    differing,
    expected,
    found,
    intact,
    readable,
)
from reconciler.providers._drill_http import visited
from reconciler.providers._drill_looks import Look, Sampled
from reconciler.providers._drill_port import (
    DUMPS,
    Adopts,
    Entry,
    Order,
    Packed,
    Promise,
    Restored,
    Restorer,
)
from reconciler.providers._drill_scratch import Unfit

#: A source that the policy does not have any more still has files.
_GONE: Final = Source.model_validate({"paths": ["."]})


@dataclass
class Seen:
    """
    What a drill knows so far: it may end at any point.

    Attributes:
        sampled: What the files cost that were drawn; None: everything was restored.
        trouble: Why it could not be held to its end.
        files: How many files there are, in all sources.
        compared: How many were compared with a manifest, and are right.
        unproven: Sources of which nothing could be looked at.
        destroyed: Whether the scratch folder is gone; None: there was none.
    """

    looks: list[Look] = field(default_factory=list)
    trouble: str = ""
    restored: Restored | None = None
    sampled: Sampled | None = None
    files: int = 0
    compared: int = 0
    unproven: list[str] = field(default_factory=list)
    engines: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    destroyed: bool | None = None

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Add how long it takes to the timing of *what*."""
        began = time.monotonic()
        try:
            yield
        finally:
            taken = time.monotonic() - began
            self.timings[what] = self.timings.get(what, 0.0) + taken


class Choice(NamedTuple):
    """
    What is restored of one source.

    Attributes:
        files: Which of them; None: everything.
        dumps: Those of its database, where a panel packed them.
    """

    source: Source
    listing: Sequence[Entry]
    manifest: Sequence[Entry] | None
    files: Sequence[str] | None
    dumps: Sequence[str] = ()

    @property
    def bytes(self) -> int:
        """How much that is."""
        wanted = None if self.files is None else set(self.files)
        return sum(o.size for o in self.listing if wanted is None or o.path in wanted)


def choices(
    order: Order, backing: Backing, restorer: Restorer, seen: Seen
) -> dict[str, Choice]:
    """List what there is, and choose what is restored of it."""
    made = {}
    with seen.timed("list"):
        for name, snapshot in sorted(order.snapshots.items()):
            source = backing.sources.get(name, _GONE)
            listing = restorer.listing(name, snapshot, order.key)
            manifest = restorer.manifest(name, snapshot, order.key)
            files = chosen(source, listing, order.files, f"{order.seed}/{name}")
            dumps: Sequence[str] = ()
            if source.database and isinstance(restorer, Packed):
                dumps = restorer.dumps(snapshot).get(source.database, ())
            made[name] = Choice(source, listing, manifest, files, dumps)
            seen.files += len(listing)
            if order.adopted and isinstance(restorer, Adopts):
                gone = restorer.lacking(name, snapshot, order.key)
                seen.looks += _covered(name, source, gone)
    return made


def _covered(name: str, source: Source, gone: Sequence[str]) -> list[Look]:
    """Say that paths of the policy are not in what another program backed up."""
    if source.type != "files" or not gone:
        return []
    verb = "is" if len(gone) == 1 else "are"
    said = f"{', '.join(gone[:3])} {verb} not in it"
    return [Look(f"{name}/paths", ", ".join(source.paths[:3]), said, ok=False)]


def held(
    order: Order,
    restorer: Restorer,
    chosen_: Mapping[str, Choice],
    bench: Bench,
    seen: Seen,
) -> None:
    """Restore what was chosen, and look at every source of it."""
    sample = {n: o.files for n, o in chosen_.items() if o.files is not None}
    whole = {n: order.snapshots[n] for n, o in chosen_.items() if o.files is None}
    parts = {name: order.snapshots[name] for name in sample}
    into = bench.scratch.files
    done: list[Restored] = []
    if whole:
        left = bench.deadline.left
        done.append(restorer.restore(whole, into, None, order.key, left))
    if parts:
        left = bench.deadline.left
        drawn = restorer.restore(parts, into, sample, order.key, left)
        done.append(drawn)
        some = [one for one in chosen_.values() if one.files is not None]
        again = _written(into, sample, bench)
        seen.sampled = _sampled(drawn, again, some, streams=restorer.streams)
    seen.restored = Restored(
        sum(one.files for one in done),
        sum(one.bytes for one in done),
        sum(one.listed for one in done),
        sum(one.fetched for one in done),
        done[0].engine,
    )
    seen.engines += [seen.restored.engine] if seen.restored.engine else []
    for name, one in chosen_.items():
        before = len(seen.looks)
        promise = order.promises.get(name, Promise())
        _looked(name, one, promise, bench, seen)
        if len(seen.looks) == before:
            seen.unproven.append(name)


def _written(into: Path, files: Mapping[str, Sequence[str]], bench: Bench) -> float:
    """Return how many seconds writing *files* takes: they are written once more."""
    room = bench.scratch.room("again")
    pairs = [
        (into / n / one, room / n / one) for n, some in files.items() for one in some
    ]
    for _, there in pairs:  # of the folders, a sample has nearly all
        there.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    for told, there in pairs:
        if told.is_file() and not told.is_symlink():
            shutil.copyfile(told, there, follow_symlinks=False)
    taken = time.monotonic() - began
    shutil.rmtree(room)
    return taken


def _sampled(
    drawn: Restored, written: float, some: Sequence[Choice], *, streams: bool
) -> Sampled:
    """Return what *some* sources cost, of which a sample was *drawn*."""
    whole = sum(o.size for one in some for o in one.listing)
    files = sum(len(one.listing) for one in some)
    through = sum(_through(one) for one in some) if streams else drawn.bytes
    return Sampled(
        drawn.fetched,
        written,
        whole / max(through, 1),
        files / max(drawn.files, 1),
    )


def _through(one: Choice) -> int:
    """Return how many bytes lie before the end of the last file that was chosen."""
    wanted, passed, last = set(one.files or ()), 0, 0
    for entry in one.listing:
        passed += entry.size
        if entry.path in wanted:
            last = passed
    return last


def _looked(name: str, one: Choice, promise: Promise, bench: Bench, seen: Seen) -> None:
    """Look at one source; what is right and what is wrong is kept one by one."""
    with seen.timed("look"):
        folder = bench.scratch.files / name
        back = found(folder)
        seen.looks += counted(name, one.source, one.listing, promise)
        looks, compared = intact(name, back, one.manifest, promise, one.files)
        seen.looks += looks
        seen.compared += compared
        seen.looks += canary(name, back, promise)
        if one.files is None:
            seen.looks += _complete(name, one, back)
    if one.source.type in DUMPS or _packs_one(one.source):
        _imported(name, one, bench, seen)
    if one.source.type in DUMPS:
        return
    with seen.timed("look"):
        seen.looks += readable(name, back)
        seen.looks += expected(name, one.source, back, one.listing, bench.before)
        seen.looks += visited(name, one.source, back)


def _packs_one(source: Source) -> bool:
    return source.type == "panel" and source.database is not None


def _imported(name: str, one: Choice, bench: Bench, seen: Seen) -> None:
    """Load one database; where that cannot be done here, the others are looked at."""
    folder = bench.scratch.files / name
    with seen.timed("import"):
        try:
            if one.source.type in DUMPS:
                database = loaded(name, one.source, folder, bench)
            else:
                dumps = (folder / path for path in one.dumps)
                database = packed(name, one.source, dumps, bench)
        except Unfit as error:
            seen.trouble = seen.trouble or f"{name}: {error.what}"
            return
    seen.looks += database.looks
    seen.engines += [database.engine] if database.engine else []


def _complete(name: str, one: Choice, back: Found) -> list[Look]:
    """Compare what came back with the listing, where everything was asked for."""
    missing = differing((o._replace(sha256="") for o in one.listing), back)
    if not missing:
        return []
    said = f"{len(missing)} are not: {', '.join(missing[:3])}"
    wanted = f"all {len(one.listing)} files are back"
    return [Look(f"{name}/complete", wanted, said, ok=False)]
