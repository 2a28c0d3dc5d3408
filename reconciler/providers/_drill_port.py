"""
What a drill asks of an engine, and what it is told to prove. Every engine fills it.

The ``details`` of a DrillIt, as the rules of backups write them::

    drill      its name: sample, full
    snapshots  source -> id
    files      how many are restored; left out or null: everything
    seed       of the choice, so that anybody can make it again
    escrow     whether the escrow key opens it
    at         when it was backed up (ISO 8601)
    receipt    source -> files, bytes, manifest, canary: what the receipt says
    before     check -> the value that the last drill that passed has seen

What a restore gives back: each source in a folder of its own name, with the paths as
they are below the source's root; a dump as ``dump.sql``, a SQLite database as
``dump.sqlite``; the canary as ``.reconciler-canary``, whose content is the number that
was used once and whose SHA-256 is the receipt's ``canary``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol, runtime_checkable

from pydantic import JsonValue

from reconciler.errors import Rejected
from reconciler.kinds.backup import Backup, DrillIt, Snapshot

CANARY: Final = ".reconciler-canary"
#: What a dump is called in the folder of its source, by the source's type.
DUMPS: Final[Mapping[str, str]] = {
    "mysql": "dump.sql",
    "postgres": "dump.sql",
    "sqlite": "dump.sqlite",
}
#: Which secret opens a copy: the one that may only read, or the one in the safe.
Key = Literal["drill", "escrow"]


class Entry(NamedTuple):
    """
    One file, as it was when it was backed up.

    Attributes:
        path: Relative, with ``/``; as it is restored.
        sha256: In hexadecimal; empty where the engine does not tell it.
    """

    path: str
    size: int
    sha256: str = ""


class Restored(NamedTuple):
    """
    What one restore cost.

    Attributes:
        bytes: What was written.
        listed: Seconds until it was known what to fetch.
        fetched: Seconds from then until all of it was there.
        engine: Who did it, with its version.
        left_out: Links that were not made, because they may lead anywhere.
    """

    files: int
    bytes: int
    listed: float
    fetched: float
    engine: str = ""
    left_out: int = 0


class Restorer(Protocol):
    """
    One copy, which a drill reads.

    Every method raises Rejected where the copy itself does not give what it has (it is
    damaged or gone, the key does not open it): the drill has failed. Whatever else goes
    wrong (Transient, OSError, a timeout) says nothing about the copy.

    Attributes:
        streams: Whether it goes through a snapshot from its beginning, in the order of
            ``listing``, to give back a part of it: that says how long all of it takes.
    """

    streams: bool

    def listing(self, source: str, snapshot: str, key: Key) -> Sequence[Entry]:
        """Return all files of *snapshot*; SHA-256 may be left empty."""

    def manifest(self, source: str, snapshot: str, key: Key) -> Sequence[Entry] | None:
        """
        Return what was written down when *snapshot* was made; None: nothing was.

        Its digest has to be the receipt's: the drill looks.
        """

    def restore(
        self,
        snapshots: Mapping[str, str],
        into: Path,
        files: Mapping[str, Sequence[str]] | None,
        key: Key,
        seconds: float,
    ) -> Restored:
        """
        Restore *files* (None: everything) of each source into ``into/SOURCE``.

        Must not write outside *into*, must end within *seconds* (raising Transient),
        and must leave no process behind.
        """


@runtime_checkable
class Rereads(Protocol):
    """
    Whoever has no manifest, and reads all of a copy anyway.

    With a receipt that has the digest of one, what is read is as good as that.
    """

    def entries(self, source: str, snapshot: str) -> Sequence[Entry]:
        """Return all files of *snapshot*, each with its SHA-256."""


class Open(Restorer, Protocol):
    """One copy, which a person restores from: what there is has to be found first."""

    def snapshots(self, key: Key) -> Sequence[Snapshot]:
        """
        Return what the copy has of the backup, in any order.

        What is not ours, or was changed, is left out. Raises as every method does.
        """


@runtime_checkable
class Keeper(Protocol):
    """A driver of what keeps copies, each of which can be restored from by hand."""

    def restorer(self, want: Backup) -> Open:
        """
        Return what reads its copy of *want*, by the secrets that the account has.

        The account of who only restores has ``password`` or ``escrowKey``, and the one
        set of keys that reads, as ``drill``.
        """


def digest(entries: Iterable[Entry]) -> str:
    """Return the SHA-256 over path, size and SHA-256 of every file, by their paths."""
    whole = hashlib.sha256()
    for one in sorted(entries):
        line = f"{one.path}\0{one.size}\0{one.sha256}\n"
        whole.update(line.encode("utf-8", "surrogateescape"))  # names need be no UTF-8
    return whole.hexdigest()


class Promise(NamedTuple):
    """What a receipt says of one source; None: it does not say."""

    files: int | None = None
    bytes: int | None = None
    manifest: str | None = None
    canary: str | None = None


class Order(NamedTuple):
    """What a DrillIt says, read."""

    drill: str
    snapshots: Mapping[str, str]
    files: int | None
    seed: str
    key: Key
    at: datetime | None
    promises: Mapping[str, Promise]
    before: Mapping[str, float]

    @classmethod
    def of(cls, change: DrillIt) -> Order:
        """Read *change*; raises Rejected where it names nothing to restore."""
        told = change.details
        snapshots = _strings(told.get("snapshots"))
        if not snapshots:
            raise Rejected("the drill names no snapshot", hint="plan again")
        files, at = told.get("files"), told.get("at")
        receipt, before = told.get("receipt"), told.get("before")
        return cls(
            drill=str(told.get("drill", "full")),
            snapshots=snapshots,
            files=files if isinstance(files, int) else None,
            seed=str(told.get("seed", change.generation)),
            key="escrow" if told.get("escrow") is True else "drill",
            at=datetime.fromisoformat(str(at)) if at else None,
            promises={
                name: promised(one)
                for name, one in (receipt if isinstance(receipt, dict) else {}).items()
            },
            before={
                name: float(one)
                for name, one in (before if isinstance(before, dict) else {}).items()
                if isinstance(one, (int, float, str)) and _numeral(one)
            },
        )


def _numeral(value: float | str) -> bool:
    """Say whether *value* is a number, or the text of one that is not whole."""
    try:
        return isfinite(float(value))
    except ValueError:
        return False


def promised(row: JsonValue) -> Promise:
    """Return what the receipt of one source says; nothing of what is no such."""
    told = row if isinstance(row, dict) else {}
    files, size = told.get("files"), told.get("bytes")
    manifest, canary = told.get("manifest"), told.get("canary")
    return Promise(
        files if isinstance(files, int) else None,
        size if isinstance(size, int) else None,
        manifest if isinstance(manifest, str) and manifest else None,
        canary if isinstance(canary, str) and canary else None,
    )


def _strings(value: JsonValue) -> dict[str, str]:
    return {k: str(v) for k, v in value.items()} if isinstance(value, dict) else {}
