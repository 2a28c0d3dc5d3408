"""Reading one commit: paths, trees and blobs, many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from reconciler.audit.git import Git
from reconciler.audit.trees import FOLDER, entries
from reconciler.errors import AuditError

#: From so many paths on, listing a whole folder is cheaper.
_MANY = 50


def read_names(git: Git, wanted: Iterable[str]) -> dict[str, bytes]:
    """
    Return the contents of every object name (an oid, or ``commit:path``) there is.

    A name that leads nowhere is left out.
    """
    return git.objects(wanted)


def list_tree(git: Git, commit: str, *folders: str) -> dict[str, str]:
    """Return the blob of every path of *commit*, under *folders* if any are named."""
    return _listed(
        git.ask("ls-tree", "-r", "-z", "--full-tree", commit, "--", *folders)
    )


def list_folder(git: Git, commit: str, folder: str) -> list[str]:
    """
    Return the names of what lies in *folder* of *commit*; of none, none.

    It costs no process, but each folder on the way is read whole: none may be large.
    """
    one, size = _Member(f"{commit}^{{tree}}", is_folder=True), len(commit) // 2
    for name in folder.strip("/").split("/"):
        inside = _opened(git, one, size)
        if name not in inside or not inside[name].is_folder:
            return []
        one = inside[name]
    return sorted(_opened(git, one, size))


class _Member(NamedTuple):
    """Something in a folder of a commit, by its id, or another name of it."""

    oid: str
    is_folder: bool


def _below(git: Git, path: str, one: _Member) -> dict[str, str]:
    """
    Return the blob of every path below *path*, level by level: no process is needed.

    Raises:
        AuditError: A folder cannot be read.
    """
    found: dict[str, str] = {}
    level, size = ({path: one.oid} if one.is_folder else {}), len(one.oid) // 2
    while level:
        read = git.objects(level.values())
        deeper: dict[str, str] = {}
        for folder, oid in level.items():
            if oid not in read:
                raise _lost(folder, oid)
            for name, inside in _members(read[oid], size):
                into = deeper if inside.is_folder else found
                into[f"{folder}/{name}"] = inside.oid
        level = deeper
    return found


def _opened(git: Git, folder: _Member, size: int) -> dict[str, _Member]:
    """
    Return what is in *folder*, by its name there; ids have *size* bytes.

    Raises:
        AuditError: It cannot be read: never to be taken for an empty one.
    """
    read = git.objects([folder.oid])
    if folder.oid not in read:
        raise _lost("a folder", folder.oid)
    return dict(_members(read[folder.oid], size))


def _members(raw: bytes, size: int) -> Iterator[tuple[str, _Member]]:
    """Yield what is in a tree object, by its name."""
    for name, (mode, oid) in entries(raw, size):
        one = _Member(oid.hex(), mode == FOLDER)
        yield name.decode("utf-8", "surrogateescape"), one


def _lost(path: str, where: str | None) -> AuditError:
    return AuditError(
        f"{path} of {where} cannot be read",
        hint="run git fsck; fetch the audit branch again",
    )


def _listed(out: bytes) -> dict[str, str]:
    listing = {}
    for entry in out.split(b"\0")[:-1]:
        meta, _, path = entry.partition(b"\t")
        listing[path.decode("utf-8", "surrogateescape")] = meta.split()[2].decode()
    return listing


def fetch_missing(git: Git, oids: Iterable[str]) -> None:
    """In a partial clone, fetch those of *oids* that are not here, all at once."""
    remote = git.promisor
    if remote is None:
        return
    here = git.ask("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    missing = sorted(set(oids).difference(here.decode().split()))
    if missing:
        # What git itself does for one object at a time, when it is asked for it.
        git.ask(
            *("-c", "fetch.negotiationAlgorithm=noop", "fetch", "--no-tags"),
            *("--no-write-fetch-head", "--no-recurse-submodules", "--filter=blob:none"),
            *("--stdin", remote),
            data="".join(f"{oid}\n" for oid in missing).encode(),
        )


class Snapshot:
    """The derived documents of one commit (or of none), as bytes."""

    def __init__(self, git: Git, commit: str | None) -> None:
        self.git = git
        self.commit = commit
        self._listings: dict[str, dict[str, str]] = {}

    @cached_property
    def _top(self) -> Mapping[str, _Member]:
        """What lies in no folder, and the folders: what is not here is nowhere."""
        if self.commit is None:
            return {}
        name, size = f"{self.commit}^{{tree}}", len(self.commit) // 2
        return _opened(self.git, _Member(name, is_folder=True), size)

    def at(self, commit: str) -> Snapshot:
        """Return the documents of another commit."""
        return Snapshot(self.git, commit)

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """
        Return the contents of those of *paths* that exist.

        Raises:
            AuditError: One exists and cannot be read.
        """
        wanted = [p for p in dict.fromkeys(paths) if p.partition("/")[0] in self._top]
        if self.commit is None or not wanted:
            return {}
        if all(path in self._top for path in wanted):
            return self._contents({path: self._top[path].oid for path in wanted})
        if len(wanted) <= _MANY and self.git.promisor is None:
            return self._few(self.commit, wanted)
        if len(wanted) <= _MANY:
            return self._contents(list_tree(self.git, self.commit, *wanted))
        listed = [self._listing(p.partition("/")[0]).get(p) for p in wanted]
        pairs = zip(wanted, listed, strict=True)
        return self._contents({path: oid for path, oid in pairs if oid})

    def _few(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return the same of a few paths, whose folders may be very large."""
        names = {path: f"{commit}:{path}" for path in paths}
        read = self.git.objects(names.values())
        found = {path: read[name] for path, name in names.items() if name in read}
        rest = [path for path in paths if path not in found]
        if rest:
            # That a blob is missing must never look as if its path did not exist.
            found |= self._contents(list_tree(self.git, commit, *rest))
        return found

    def folder(self, folder: str) -> Mapping[str, bytes]:
        """
        Return all documents of one folder.

        Raises:
            AuditError: One of them cannot be read.
        """
        return self._contents(self._listing(folder.rstrip("/")))

    def whole(self) -> Mapping[str, bytes]:
        """
        Return everything that is in the commit.

        Raises:
            AuditError: Something of it cannot be read.
        """
        if self.commit is None:
            return {}
        return self._contents(list_tree(self.git, self.commit))

    def blobs(self, oids: Mapping[str, str]) -> Mapping[str, bytes]:
        """
        Return the contents of paths whose blobs are known.

        Raises:
            AuditError: One of them cannot be read.
        """
        return self._contents(oids)

    def _contents(self, oids: Mapping[str, str]) -> Mapping[str, bytes]:
        # That a blob is missing must never look as if its path did not exist.
        if len(oids) > 1:
            fetch_missing(self.git, oids.values())
        found = read_names(self.git, oids.values())
        lost = next((path for path, oid in oids.items() if oid not in found), None)
        if lost:
            raise _lost(lost, self.commit)
        return {path: found[oid] for path, oid in oids.items()}

    def _listing(self, folder: str) -> dict[str, str]:
        if self.commit is None or folder not in self._top:
            return {}
        if folder not in self._listings:
            self._listings[folder] = _below(self.git, folder, self._top[folder])
        return self._listings[folder]
