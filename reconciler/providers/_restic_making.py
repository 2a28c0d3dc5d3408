"""
A backup by restic: every source a snapshot of its own, or no backup at all.

Its exit code has to be 0 (or 3, see below), and counts for nothing more: what is listed
in the snapshot afterwards does. Sources: restic's manual ("Backing up", "Excluding
files": patterns are those of Go's ``filepath.Match``, and ``**``; one that begins with
``!`` takes back). What follows:

* The canary lies in a private folder that restic is started in, and is in the snapshot
  as ``/.reconciler-canary``; what is backed up has its whole path. Nothing is written
  to what is backed up.
* A dump is made first, and looked at: it is a file beside the canary. Through a pipe
  half a dump would look whole, before 0.17 even where its program failed.
* A pattern is anchored below the root: as restic takes it, one of ``cache`` would leave
  out all of ``/srv/cache/site``.
* Restic follows links that lead to what it was told to back up: they are refused here.
* What is named as the one before (``--parent``) is read again only where it changed.
* Of what it could not read it ends with 3. Where all of that is gone by then, as a
  session is, the snapshot is as good as one of a moment later (``_restic_unread.py``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.kinds.backup import BackUp, Backup
from reconciler.kinds.backup.facts import vouched
from reconciler.model import Receipt, SecretRef
from reconciler.model.backing import Backing, Source
from reconciler.providers._backup_hooks import Mask, hooked
from reconciler.providers._backup_scratch import private
from reconciler.providers._drill_port import CANARY
from reconciler.providers._dump import NAMES, dumped
from reconciler.providers._odd_names import told_as
from reconciler.providers._panel_archive import newest
from reconciler.providers._restic import INCOMPLETE, LONG, Repo
from reconciler.providers._restic_list import (
    Content,
    Shot,
    content,
    figures_of,
    shots,
    tag,
)
from reconciler.providers._restic_paths import files, patterns, straight
from reconciler.providers._restic_program import program
from reconciler.providers._restic_run import Said
from reconciler.providers._restic_unread import Unread
from reconciler.providers._said import shown

#: How long the dump of a database may take.
_DUMP: Final = 3600.0


class Todo(NamedTuple):
    """
    What restic is told to back up.

    Attributes:
        root: The folder that *paths* are in; None: where restic is started.
    """

    root: Path | None
    paths: tuple[str, ...]
    exclude: tuple[str, ...] = ()

    def targets(self) -> list[str]:
        """Return the arguments."""
        if self.root is None:
            return [f"./{one}" for one in self.paths]
        return [str(self.root / one) for one in self.paths]


class Made(NamedTuple):
    """One snapshot of one source, of which all is known that a receipt says."""

    what: Content
    canary: str
    figures: Mapping[str, int]

    def row(self) -> dict[str, JsonValue]:
        """Return what a receipt says of it."""
        told: dict[str, JsonValue] = {
            "snapshot": self.what.shot.id,
            "files": len(self.what.files),
            "bytes": self.what.size,
            "manifest": self.what.manifest,
            "canary": self.canary,
            "tree": self.what.shot.tree,
        }
        names = ("added", "packed", "changed")
        return told | {one: self.figures[one] for one in names if one in self.figures}


class Making(NamedTuple):
    """
    One backup that is being made.

    Attributes:
        repo: As whoever adds to it opens it.
        copy: The repository's name.
        secret: Resolves what a want names.
        mask: Takes secrets out of what a hook complains of.
    """

    repo: Repo
    want: Backup
    backing: Backing
    copy: str
    clock: Callable[[], datetime]
    secret: Callable[[SecretRef], str]
    mask: Mask

    def make(self, change: BackUp) -> Receipt:
        """
        Make what is not there yet, and say what is.

        Raises:
            Rejected: Something that had to be in it was not.
            Ambiguous: Nobody knows whether there is a snapshot now.
        """
        slot, nonce = str(change.details["slot"]), str(change.details["nonce"])
        before = self._listed()
        found = {
            name: self._found(name, source, slot, nonce, before)
            for name, source in self.backing.sources.items()
        }
        made = all(found.values())
        with hooked(self.backing.hooks, self.mask, made=made):
            for name, source in self.backing.sources.items():
                if found[name] is None:
                    found[name] = self._one(name, source, slot, nonce, before)
        done = {name: one for name, one in found.items() if one is not None}
        listed = {one.id for one in self._listed()}
        for name, one in done.items():
            if one.what.shot.id not in listed:
                raise Rejected(f"{name}: the snapshot is not in the listing")
        return Receipt(
            reference=f"{self.copy}/{slot}",
            details={
                "at": min(one.what.shot.said for one in done.values()).isoformat(),
                "slot": slot,
                "copy": self.copy,
                "sources": {name: one.row() for name, one in done.items()},
            },
        )

    def _listed(self) -> list[Shot]:
        tagged = tag("backup", self.want.uid)
        return [one for one in shots(self.repo, "--tag", tagged) if one.ours]

    # -- what is there already ---------------------------------------------------------

    def _found(
        self, name: str, source: Source, slot: str, nonce: str, listed: Sequence[Shot]
    ) -> Made | None:
        """
        Return what an earlier run made for this slot, if all of it is in there.

        Its exit code is lost: whether restic could read everything, nobody knows. So
        it counts only where it has every file that there is by now.
        """
        mine = [
            one
            for one in listed
            if one.source == name and one.tags.get("slot") == slot and not one.original
        ]
        if not mine:
            return None
        what = content(self.repo, mine[-1].id, _paths(source))
        try:
            looked(name, source, what, nonce)
        except Rejected:
            return None
        if source.type not in NAMES and not self._all_of(source, what):
            return None
        return Made(what, _canary(source, nonce), _figures(mine[-1].figures, source))

    def _all_of(self, source: Source, what: Content) -> bool:
        """Say whether *what* has every file of *source*."""
        todo = self._todo(source)
        if todo.root is None:
            return False
        known = {one.path for one in what.files}
        there = files(todo.root, todo.paths, todo.exclude)
        try:
            return known.issuperset(map(told_as, there))
        except OSError:  # nobody knows what there is: restic shall say it again
            return False

    # -- what is made ------------------------------------------------------------------

    def _one(
        self, name: str, source: Source, slot: str, nonce: str, before: Sequence[Shot]
    ) -> Made:
        mine = [one for one in before if one.source == name]
        known = vouched(self.want.recorded).get(self.copy, {})
        # What somebody else made may say of a file that it did not change.
        trusted = [one for one in mine if one.id in known] or mine
        parent = trusted[-1].id if trusted else None
        with self._contents(source, nonce) as (folder, todo):
            argv = self._arguments(name, slot, todo, parent)
            targets = [f"./{CANARY}"] if source.canary else []
            counting, unread = Counting(), Unread()
            done = self.repo.said(
                *argv,
                "--",
                *targets,
                *todo.targets(),
                cwd=folder,
                each=counting.add,
                wrong=unread.add,
                seconds=LONG,
                cached=True,
            )
        only_gone = done.code == INCOMPLETE and unread.harmless and not done.late
        if not (done.well or only_gone) or counting.id is None:
            raise self._not_made(name, slot, done, before, unread)
        what = content(self.repo, counting.id, _paths(source))
        looked(name, source, what, nonce)
        figures = _figures(counting.figures(), source)
        if parent is None:
            figures.pop("changed", None)
        return Made(what, _canary(source, nonce), figures)

    def _arguments(
        self, name: str, slot: str, todo: Todo, parent: str | None
    ) -> list[str]:
        label = {"backup": self.want.uid, "source": name, "slot": slot}
        label["root"] = str(todo.root) if todo.root else ""
        argv = ["backup", "--json", "--host", self.want.uid]
        argv += ["--quiet"] if program().quirks.figures else ["--verbose=2"]
        argv += ["--time", f"{self.clock().astimezone(UTC):%Y-%m-%d %H:%M:%S}"]
        for key, value in label.items():
            argv += ["--tag", tag(key, value)]
        if parent is not None:
            argv += ["--parent", parent]
        if todo.root is not None:
            argv += [f"--exclude={one}" for one in patterns(todo.root, todo.exclude)]
        return argv

    def _not_made(
        self,
        name: str,
        slot: str,
        done: Said,
        before: Sequence[Shot],
        unread: Unread,
    ) -> ProviderError:
        """Return why there is no receipt, having looked what is there."""
        error = self.repo.failure("backup", done)
        if done.code == INCOMPLETE:
            why = shown(unread.missed, self.repo.secrets) or error.what
            return Rejected(f"{name}: not everything could be read: {why}")
        known = {one.id for one in before}
        try:
            new = [one for one in self._listed() if one.id not in known]
        except ProviderError:
            return Ambiguous(error.what)
        if any((one.source, one.tags.get("slot")) == (name, slot) for one in new):
            return Ambiguous(f"{error.what}, and there is a snapshot")
        return error

    @contextmanager
    def _contents(self, source: Source, nonce: str) -> Iterator[tuple[Path, Todo]]:
        """Give the folder that restic is started in; it is gone afterwards."""
        with private() as scratch:
            if source.canary:
                (scratch / CANARY).write_text(nonce)
            if source.type in NAMES:
                root = self._root(source)
                told = self.secret(source.connection) if source.connection else None
                file = dumped(source, root, scratch, told, _DUMP)
                yield scratch, Todo(None, (file.name,))
            else:
                yield scratch, self._todo(source)

    def _todo(self, source: Source) -> Todo:
        root = self._root(source)
        if root is None:
            raise Rejected("there is no root: where are the paths?", hint="write root")
        if source.type == "panel":
            found = newest(root)
            return Todo(found.parent, (found.name,))
        for path in source.paths:
            straight(root, path)
        return Todo(root, source.paths, source.exclude)

    def _root(self, source: Source) -> Path | None:
        """Return the folder that *source* is in."""
        parts = [one for one in (self.want.spec.root, source.root) if one]
        return Path(os.path.normpath(Path(*parts).absolute())) if parts else None


def _paths(source: Source) -> tuple[str, ...]:
    return source.paths if source.type == "files" else ()


def _canary(source: Source, nonce: str) -> str:
    return sha256(nonce.encode()).hexdigest() if source.canary else ""


def looked(name: str, source: Source, what: Content, nonce: str) -> None:
    """
    See that *what* was backed up is what had to be.

    Raises:
        Rejected: It is not, and counts for nothing.
    """
    files = [one.path for one in what.files]
    there = {*files, *what.folders}
    for path in map(told_as, _paths(source)):
        if os.path.normpath(path) not in there and os.path.normpath(path) != ".":
            raise Rejected(f"{name}: {path} is not in the snapshot")
    if source.type in NAMES and files != [NAMES[source.type]]:
        raise Rejected(f"{name}: the dump is not in the snapshot")
    if len(files) < source.min_files:
        raise Rejected(f"{name}: {len(files)} files, minFiles is {source.min_files}")
    if source.min_bytes is not None and what.size < source.min_bytes:
        raise Rejected(f"{name}: {what.size} bytes, minBytes is {source.min_bytes}")
    if source.canary and what.canary != len(nonce.encode()):
        raise Rejected(f"{name}: the canary is not in the snapshot")


class Counting:
    """What a backup tells while it is made, added up."""

    def __init__(self) -> None:
        self.id: str | None = None
        self._summary: Mapping[str, Any] = {}
        self._packed = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Take one line."""
        match row.get("message_type"):
            case "verbose_status":
                sizes = ("data_size_in_repo", "metadata_size_in_repo")
                found = (row.get(one) for one in sizes)
                self._packed += sum(one for one in found if isinstance(one, int))
            case "summary":
                self._summary = row
                self.id = str(row["snapshot_id"]) if row.get("snapshot_id") else None
            case _:
                pass

    def figures(self) -> dict[str, int]:
        """Return the figures; before 0.17 nobody adds up how small it became."""
        found = figures_of(self._summary)
        return {"packed": self._packed, **found}


def _figures(told: Mapping[str, int], source: Source) -> dict[str, int]:
    """Return *told* without the canary, which is new each time."""
    found = dict(told)
    if source.canary and "changed" in found:
        found["changed"] = max(found["changed"] - 1, 0)
    return found
