"""
All versions of what a repository keeps in a bucket: hidden, overwritten, and locked.

Sources: Amazon S3 User Guide ("Working with delete markers": who deletes without naming
a version hides, and the marker has a version of its own that is taken away by naming
it; "Object Lock considerations": a marker is not locked), API Reference
(``ListObjectVersions``: by name, the newest first, versions and markers apart;
``PutObjectRetention``). What follows:

* A repository that shows nothing may have everything. What hides it is told with when
  it began, by the clock of whoever keeps it.
* Times are in seconds, and versions and markers come in two lists: which of two in one
  second was first nobody can tell, but for the one that is shown now.
* A lock is renewed object by object. Each is looked at first: one that lasts long
  enough is left alone, so that a run that was cut off is ended by the next one, and
  nothing is made shorter where a service would let it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from math import ceil
from operator import itemgetter
from typing import Any, BinaryIO, Final, NamedTuple

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.kinds.backup import Hiding
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._archive_store import Gone

#: So many requests are under way at once, where each is about another object.
THREADS: Final = 8
#: What was hidden within such a time of each other was hidden by one deed.
_ONE_DEED: Final = timedelta(hours=1)
#: What an object that was written again remembers: the version that it is.
OF: Final = "reconciler-of"


class Version(NamedTuple):
    """
    One version of an object, or the marker that hides it.

    Attributes:
        name: Without the folder of the repository.
        at: When it came, by the clock of whoever keeps it.
        latest: Whether it is what is shown, or hides what was.
    """

    name: str
    id: str
    at: datetime
    size: int = 0
    etag: str = ""
    marker: bool = False
    latest: bool = False

    def same(self, other: Version) -> bool:
        """Say whether both have the same content, as far as a listing tells."""
        return (self.size, self.etag) == (other.size, other.etag)


Rows = Mapping[str, Sequence[Version]]


class Listing(NamedTuple):
    """
    All versions, by name, each name's newest first.

    Attributes:
        now: What the clock says of whoever keeps them.
    """

    rows: Rows
    now: datetime


class Objects:
    """All versions of the objects of one repository, as one role may use them."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def versions(self, prefix: str = "") -> Listing:
        """Return every version whose name begins so: all of them, or raise."""
        found: dict[str, list[Version]] = {}
        now: datetime | None = None
        for page in self._pages(prefix):
            now = now or _told(page)
            for row in page.get("Versions", ()):
                self._add(found, row, marker=False)
            for row in page.get("DeleteMarkers", ()):
                self._add(found, row, marker=True)
        for rows in found.values():
            rows.sort(key=newest_first)
        if now is None:
            raise Rejected("the listing does not say what time it is there")
        return Listing(found, now)

    def _pages(self, prefix: str) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        seen: set[tuple[str, str]] = set()
        while True:
            page = self.bucket.ask(
                "list_object_versions", Prefix=self.bucket.key(prefix), **more
            )
            yield page
            if not page.get("IsTruncated"):
                return
            key, version = page.get("NextKeyMarker"), page.get("NextVersionIdMarker")
            at = (str(key), str(version))
            if at in seen or key is None:
                raise Rejected("the listing gave the same page twice")
            seen.add(at)
            more = {"KeyMarker": key}
            if version:
                more["VersionIdMarker"] = version

    def _add(
        self, found: dict[str, list[Version]], row: Mapping[str, Any], *, marker: bool
    ) -> None:
        name = self.bucket.name(str(row["Key"]))
        one = Version(
            name,
            str(row["VersionId"]),
            row["LastModified"],
            0 if marker else int(row["Size"]),
            "" if marker else str(row["ETag"]),
            marker,
            bool(row.get("IsLatest")),
        )
        found.setdefault(name, []).append(one)

    @contextmanager
    def read(self, one: Version) -> Iterator[BinaryIO]:
        """Open one version. Raises Gone."""
        with self.bucket.read(one.name, version=one.id) as file:
            yield file

    def is_copy(self, one: Version, of: Version) -> bool:
        """Say whether *one* is what was written again of another version."""
        if one.same(of):
            return True
        if one.size != of.size:
            return False
        return self.bucket.told(one.name, one.id).get(OF) == of.id


def newest_first(one: Version) -> tuple[bool, float, bool]:
    """
    Return what puts versions in order.

    Times are whole seconds. What was written and hidden in the same one was written
    first: who hides it last is shown nothing, and who writes it last has the latest.
    """
    return (not one.latest, -one.at.timestamp(), not one.marker)


# -- what is hidden --------------------------------------------------------------------


def hidden(
    rows: Rows, objects: Objects | None = None
) -> Iterator[tuple[str, datetime]]:
    """
    Yield what is not shown as it was written, and since when.

    Args:
        rows: Versions of objects that are written once.
        objects: Asked whether something was written again from here; None: it was not.
    """
    for name, events in rows.items():
        markers, run = _parts(events)
        if not run:
            continue
        whole = _newest_whole(run, objects)
        if whole:
            yield name, run[whole - 1].at
        elif markers:
            yield name, markers[-1].at


def _newest_whole(run: Sequence[Version], objects: Objects | None) -> int:
    """
    Return where in *run* (the newest first) the newest is that is as the oldest was.

    What was wound back once and overwritten again is dated by the second time.
    """
    first = run[-1]
    return next(
        n
        for n, one in enumerate(run)
        if one.same(first) or (objects is not None and objects.is_copy(one, first))
    )


def _parts(
    events: Sequence[Version],
) -> tuple[Sequence[Version], Sequence[Version]]:
    """Return the markers on top, and the versions below them down to the next one."""
    top = next((n for n, one in enumerate(events) if not one.marker), len(events))
    end = next(
        (n for n, one in enumerate(events) if n > top and one.marker), len(events)
    )
    return events[:top], events[top:end]


def hidings(found: Iterable[tuple[str, datetime]], config: str) -> tuple[Hiding, ...]:
    """
    Return what was hidden, and when, with what one deed did as one.

    *config* is the object that says what the repository is.
    """
    made: list[Hiding] = []
    for name, at in sorted(found, key=itemgetter(1)):
        opens = name == config
        if made and at - made[-1].until <= _ONE_DEED:
            last = made.pop()
            update = {"until": at, "objects": last.objects + 1}
            update["opens"] = opens or last.opens
            made.append(last.model_copy(update=update))
        else:
            made.append(Hiding(since=at, until=at, objects=1, opens=opens))
    return tuple(made)


# -- locks -----------------------------------------------------------------------------


class Extended(NamedTuple):
    """
    What was locked for longer.

    Attributes:
        objects: How many were looked at.
        longer: How many were locked for longer; the others lasted long enough.
    """

    objects: int
    longer: int
    seconds: int


def extend(
    bucket: Bucket, names: Iterable[str], until: datetime, mode: str
) -> Extended:
    """
    Lock *names* until then; what is gone is left out.

    Raises:
        Ambiguous: It stopped half-way: the same again goes on where it stopped.
    """
    begun = time.monotonic()
    longer: list[str] = []

    def lock(name: str) -> None:
        try:
            if bucket.lock(name, until, mode):
                longer.append(name)
        except Gone:
            return

    many = together(names, lock, longer)
    return Extended(many, len(longer), ceil(time.monotonic() - begun))


def together(
    names: Iterable[str], do: Callable[[str], None], done: Sequence[object]
) -> int:
    """
    Do the same with many objects, several at once; return how many they were.

    Args:
        names: Each is another object's.
        do: Has its effect on one.
        done: Not empty once anything was done.

    Raises:
        Ambiguous: It stopped, and something was done.
    """
    wanted = list(dict.fromkeys(names))
    with ThreadPoolExecutor(THREADS) as pool:
        waiting = [pool.submit(do, one) for one in wanted]
        try:
            for one in waiting:
                one.result()
        except ProviderError as error:
            pool.shutdown(cancel_futures=True)
            if done and not isinstance(error, Ambiguous):
                raise half_way(error) from None
            raise
    return len(wanted)


def half_way(error: ProviderError) -> Ambiguous:
    """Return *error* where something was done before it."""
    what = f"stopped half-way: {error.what}"
    return Ambiguous(what, request_id=error.request_id)


def _told(page: Mapping[str, Any]) -> datetime | None:
    """Return the time in an answer's head."""
    headers = page.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return parsedate_to_datetime(str(headers.get("date", "")))
    except ValueError:
        return None
