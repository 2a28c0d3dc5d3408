"""
What a drill asks of a repository of restic: its list, and all of it back.

Restic names what is in a file by its SHA-256, and compares it when it restores; the id
of a snapshot is the SHA-256 of what names all of that. Its listing has no hashes of
whole files: a drill compares paths and sizes with the receipt's manifest, and restic
what is in them. Nothing comes from its cache: a tree that is in there alone is lost.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from reconciler.errors import Rejected, Transient
from reconciler.kinds.backup import Backup, Snapshot
from reconciler.model import Account
from reconciler.providers._drill_port import CANARY, Entry, Key, Restored
from reconciler.providers._odd_names import ODD, told_as
from reconciler.providers._restic import Repo
from reconciler.providers._restic_list import (
    Content,
    content,
    listed_as,
    shots,
    tag,
)
from reconciler.providers._restic_program import program
from reconciler.providers._restic_where import (
    DRILL,
    ESCROW,
    PASSWORD,
    repo_of,
    store_at,
)

#: Linux takes 2 MiB of arguments and environment.
_MOST_ARGUMENTS: Final = 1 << 19
_SPECIAL: Final = re.compile(r"([\[\]\\*?])")


class ResticRestorer:
    """
    One copy of one backup.

    Args:
        account: The repository; it is read as whoever only reads.
        want: The Backup, whose sources say where its paths begin.
    """

    streams = False

    def __init__(self, account: Account, want: Backup) -> None:
        self._account = account
        self._want = want
        self._known: dict[tuple[str, Key], Content] = {}

    def snapshots(self, key: Key) -> Sequence[Snapshot]:
        """Return what there is of the backup, without what others made."""
        listed = shots(self._repo(key), "--tag", tag("backup", self._want.uid))
        store = store_at(self._account, DRILL)
        kept = store.names("snapshots/") if store is not None else ()
        at = {one.name.rpartition("/")[2]: one.at for one in kept}
        return [listed_as(one, at.get(one.id, one.said)) for one in listed if one.ours]

    def listing(self, source: str, snapshot: str, key: Key) -> Sequence[Entry]:
        """Return all files of a snapshot; the canary is one that is restored."""
        found = self._content(source, snapshot, key)
        return found.files

    def manifest(self, source: str, snapshot: str, key: Key) -> Sequence[Entry]:
        """Return the same: it is the snapshot's own, and its id says that of it."""
        return self.listing(source, snapshot, key)

    def links(self, source: str, snapshot: str, key: Key) -> Sequence[str]:
        """Return the path of every symbolic link in a snapshot."""
        return self._content(source, snapshot, key).links

    def lacking(self, source: str, snapshot: str, key: Key) -> Sequence[str]:
        """Return the paths of the policy that are not in a snapshot."""
        return self._content(source, snapshot, key).lacking

    def restore(
        self,
        snapshots: Mapping[str, str],
        into: Path,
        files: Mapping[str, Sequence[str]] | None,
        key: Key,
        seconds: float,
    ) -> Restored:
        """Restore each source into a folder of its own, as long as there is time."""
        begun = time.monotonic()
        repo = self._repo(key)
        found = {n: self._content(n, one, key) for n, one in snapshots.items()}
        listed = time.monotonic()
        many = size = 0
        for source, what in found.items():
            raw, target = into / f".{source}", into / source
            raw.mkdir(mode=0o700)  # of what gives nothing back, nothing is in there
            for some in _batches(what, None if files is None else files[source]):
                left = begun + seconds - time.monotonic()
                if left <= 0:
                    raise Transient("restoring took too long")
                argv = ["restore", "--no-lock", "--target", str(raw), *some]
                repo.run(*argv, what.shot.id, seconds=left)
            _placed(raw, what.root, target)
            done = _ours(target)
            many, size = many + done[0], size + done[1]
        ended = time.monotonic()
        name = program().name
        return Restored(many, size, listed - begun, ended - listed, name)

    def _repo(self, key: Key) -> Repo:
        name = ESCROW if key == "escrow" else PASSWORD
        return repo_of(self._account, DRILL, name)

    def _content(self, source: str, snapshot: str, key: Key) -> Content:
        if (snapshot, key) not in self._known:
            backing = self._want.makings.backing
            mine = backing.sources.get(source) if backing else None
            paths = mine.paths if mine else ()
            found = content(self._repo(key), snapshot, paths)
            told = (found.shot.backup, found.shot.source)
            if told != (self._want.uid, source) or not found.shot.ours:
                what = f"{found.shot.source or '?'} by {found.shot.host or '?'}"
                raise Rejected(f"{snapshot[:12]} is of {what}, not of {source}")
            self._known[snapshot, key] = found
        return self._known[snapshot, key]


def _batches(what: Content, files: Sequence[str] | None) -> Iterator[list[str]]:
    """Yield what says which files come back: as many as fit, then the next ones."""
    if files is None:
        yield []
        return
    some, size = [_include(f"/{CANARY}")], 0
    for path in files:
        if path == CANARY:
            continue
        one = _include(f"{what.root}/{path}")
        if size + len(one) > _MOST_ARGUMENTS:
            yield some
            some, size = [], 0
        some.append(one)
        size += len(one.encode()) + 1
    yield some


def _include(path: str) -> str:
    """Return the pattern of one file; what its name has of no UTF-8 is any byte."""
    plain = _SPECIAL.sub(r"\\\1", path)
    return f"--include={plain.replace(ODD, '?')}"


def _placed(raw: Path, root: str, target: Path) -> None:
    """Move what was restored to where it would be below its root."""
    target.mkdir(mode=0o700)
    inside = raw / root.strip("/") if root else raw
    canary = raw / CANARY
    if canary.is_file() and not canary.is_symlink() and inside != raw:
        canary.rename(target / CANARY)
    if _is_folder(inside):
        _open(inside)
        for path in [*inside.iterdir()]:
            path.rename(target / path.name)
    for folder, below, _ in os.walk(raw):
        for name in below:
            _open(Path(folder, name))
    shutil.rmtree(raw)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _open(path: Path) -> None:
    """Let us look into a folder, whatever its mode was."""
    if _is_folder(path):
        path.chmod(0o700)


def _ours(target: Path) -> tuple[int, int]:
    """
    Make everything readable for us and nobody else; return files and bytes.

    A name that is no UTF-8 gets the one that the listing has.
    """
    many = size = 0
    todo = [target]
    while todo:
        folder = todo.pop()
        _open(folder)
        for found in [*folder.iterdir()]:
            path, plain = found, told_as(found.name)
            if plain != path.name and not (folder / plain).exists():
                path = path.rename(folder / plain)
            about = path.lstat()
            if stat.S_ISDIR(about.st_mode):
                todo.append(path)
            elif stat.S_ISREG(about.st_mode):
                path.chmod(0o600)
                many, size = many + 1, size + about.st_size
    return many, size
