"""
A repository in a bucket, made to show again what it showed at a moment.

Nothing is deleted. A marker that hides something is taken away, which is no object and
has no bytes; what was overwritten is written again, from the version that was there
then; what did not exist then is hidden, and still there. It is done in an order that
shows nothing whose parts are not back yet: data, then what lists it, then what opens
it; what has to go from sight goes last. Whatever stops it, the same again goes on where
it stopped, because what is to be done is always worked out from what there is.

Not touched: locks of whoever works there (an old one that comes back would lock
everybody out), and what nobody asked for.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final, Literal, NamedTuple

from pydantic import JsonValue

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.providers._archive_store import Gone
from reconciler.providers._aws import Refusal
from reconciler.providers._s3_objects import (
    OF,
    Listing,
    Objects,
    Rows,
    Version,
    half_way,
    together,
)

#: While something came that recently, whoever does this may still be at it.
QUIET: Final = timedelta(seconds=60)
#: A lock of restic that is older is of somebody who died.
_LOCKED: Final = timedelta(minutes=30)
LOCKS: Final = "locks/"
_BUFFER: Final = 1 << 20
#: What is read first when a repository is opened comes back last.
_ORDER: Final = {"data": 0, "manifest": 0, "index": 1, "snapshots": 2, "keys": 3}
#: So many objects go with one request; a few have more markers than one.
_AT_ONCE: Final = 500
_MOST: Final = 1000
_NO_VERSION: Final = "null"
_LAST: Final = 4
_HIDING: Final = 5

Deed = Literal["show", "write", "hide"]


class Step(NamedTuple):
    """
    What has to be done with one object.

    Attributes:
        versions: The markers that are taken away; or the version that is written again.
    """

    deed: Deed
    name: str
    versions: tuple[Version, ...] = ()


class Back(NamedTuple):
    """
    Where a rewind goes.

    Attributes:
        to: It shows what it showed then.
        seen: When that was decided: what came later is left alone.
        touch: Which objects are asked for.
        keep: Which of those that did not exist then stay in sight.
    """

    to: datetime
    seen: datetime
    touch: Callable[[str], bool]
    keep: Callable[[str], bool]


def steps(rows: Rows, back: Back, objects: Objects | None = None) -> list[Step]:
    """
    Return what has to be done to *rows*, in order; nothing is done here.

    *objects* are asked whether something was written again from here already.
    """
    found = [
        step
        for name, events in rows.items()
        if events and not name.startswith(LOCKS) and back.touch(name)
        if (step := _step(name, events, back, objects)) is not None
    ]
    return sorted(found, key=lambda one: (_rank(one), one.name))


def _step(
    name: str, events: Sequence[Version], back: Back, objects: Objects | None
) -> Step | None:
    was = shown_at(events, back.to)
    now = events[0]
    if was is None or was.marker:
        born = events[-1].at > back.to
        if now.marker or (born and events[-1].at > back.seen) or back.keep(name):
            return None
        return Step("hide", name)
    if now == was:
        return None
    markers: list[Version] = []
    for one in events:
        if not one.marker:
            break
        markers.append(one)
    shown = events[len(markers)]
    copied = objects is not None and objects.is_copy(shown, was)
    # A marker of a bucket without versions has no version that is its own.
    named = all(one.id != _NO_VERSION for one in markers)
    if named and (shown == was or shown.same(was) or copied):
        return Step("show", name, tuple(markers)) if markers else None
    return Step("write", name, (was,))


def shown_at(events: Sequence[Version], to: datetime) -> Version | None:
    """Return what was on top at *to*; in one second what is shown comes first."""
    before = [one for one in events if one.at <= to]
    if not before:
        return None
    newest = max(one.at for one in before)
    last = [one for one in before if one.at == newest]
    return next((one for one in last if not one.marker), last[0])


def _rank(step: Step) -> int:
    if step.deed == "hide":
        return _HIDING
    return _ORDER.get(step.name.partition("/")[0], _LAST)


def refuse_if_busy(listing: Listing, todo: Sequence[Step]) -> None:
    """
    Raise where somebody works there just now.

    Raises:
        Transient: Somebody has a lock, or what has to be put right is a minute old.
    """
    for name, events in listing.rows.items():
        young = not events[0].marker and events[0].at > listing.now - _LOCKED
        if name.startswith(LOCKS) and young:
            raise Transient(f"somebody works there: {name} is of {events[0].at}")
    for step in todo:
        last = listing.rows[step.name][0]
        if last.at > listing.now - QUIET:
            raise Transient(f"somebody writes there: {step.name} is of {last.at}")


def rewind(
    objects: Objects, scope: Callable[[Listing], Back], **more: JsonValue
) -> dict[str, JsonValue]:
    """
    Have a repository show what it showed; return what was done.

    Args:
        objects: As who maintains it may use them.
        scope: Works out from a listing what is asked for.
        more: What is told besides.

    Raises:
        Rejected: Its versions are not kept; nothing was done.
        Transient: Somebody works there; nothing was done.
        Ambiguous: It stopped half-way, or somebody began to write meanwhile.
    """
    begun = time.monotonic()
    if objects.bucket.versioned() is not True:
        raise Rejected(
            "its bucket keeps no versions: what is hidden there would be gone",
            hint="turn versioning on again first, as bucket: {versioning: true} does",
        )
    listing = objects.versions()
    todo = steps(listing.rows, scope(listing), objects)
    refuse_if_busy(listing, todo)
    done: list[Step] = []
    for rank in sorted({_rank(one) for one in todo}):
        _carry_out(objects, [one for one in todo if _rank(one) == rank], done)
    size = sum(v.size for one in done if one.deed == "write" for v in one.versions)
    if done:
        _see(objects, scope)
    deeds = [one.deed for one in done]
    return {
        "shown": deeds.count("show"),
        "written": deeds.count("write"),
        "hidden": deeds.count("hide"),
        "bytes": size,
        "seconds": ceil(time.monotonic() - begun),
        **more,
    }


def _carry_out(objects: Objects, todo: Sequence[Step], done: list[Step]) -> None:
    """Do what may be done in any order; *done* tells what was."""
    written = {one.name: one for one in todo if one.deed == "write"}
    gone = [one for one in todo if one.deed != "write"]
    parts = {
        str(number): gone[number : number + _AT_ONCE]
        for number in range(0, len(gone), _AT_ONCE)
    }

    def take_away(part: str) -> None:
        pairs: list[tuple[str, str | None]] = []
        for one in parts[part]:
            named = [(one.name, marker.id) for marker in one.versions]
            pairs += named if one.deed == "show" else [(one.name, None)]
        for number in range(0, len(pairs), _MOST):
            try:
                objects.bucket.remove_many(pairs[number : number + _MOST])
            except ProviderError as error:
                refused = isinstance(error, Rejected) and not isinstance(error, Refusal)
                if (number or refused) and not isinstance(error, Ambiguous):
                    raise half_way(error) from None
                raise
        done.extend(parts[part])

    def write(name: str) -> None:
        _write(objects, written[name])
        done.append(written[name])

    together(parts, take_away, done)
    together(written, write, done)


def _write(objects: Objects, step: Step) -> None:
    (version,) = step.versions
    try:
        with (
            objects.read(version) as file,
            objects.bucket.writing(step.name, **{OF: version.id}) as out,
        ):
            shutil.copyfileobj(file, out, _BUFFER)
    except Gone:
        raise Rejected(f"{step.name}: what it was then is gone for good") from None


def _see(objects: Objects, scope: Callable[[Listing], Back]) -> None:
    """Look again: what is still otherwise somebody else has done meanwhile."""
    listing = objects.versions()
    left = steps(listing.rows, scope(listing), objects)
    if left:
        what = f"{left[0].name} and {len(left) - 1} others"
        raise Ambiguous(f"somebody writes there: {what} changed meanwhile")
