"""Where the YAML lies: on disk or in a git commit. Reads files, parses nothing."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import weakref
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, Protocol, cast

from reconciler.errors import InventoryError, UsageError
from reconciler.model.location import Location

#: One byte more is read, so that a file that is too long can be told from one
#: that just fits.
MAX_BYTES = 1024 * 1024
_LINK = "120000"
#: How ``git ls-files -t`` marks what is in no index, and what differs from it.
_OTHER, _CHANGED = "?", "C"


class Source(Protocol):
    """A tree of YAML files."""

    def files(self) -> Mapping[str, str]:
        """Return path (as people write it, from the root) -> git blob id."""
        ...

    def read(self, path: str) -> bytes:
        """
        Return the content of *path*, cut one byte after MAX_BYTES.

        Raises:
            InventoryError: E101, it cannot be read.
        """
        ...


def blob_id(data: bytes) -> str:
    """Return the id git gives to a file of this content (SHA-1 object format)."""
    head = b"blob %d\0" % len(data)
    return hashlib.sha1(head + data, usedforsecurity=False).hexdigest()


def is_yaml(path: str) -> bool:
    """Say whether *path* is looked at: hidden files and folders never are."""
    return path.lower().endswith((".yaml", ".yml")) and "/." not in f"/{path}"


def unreadable(path: str, why: str) -> InventoryError:
    """Return the error for a file that cannot be read at all."""
    return InventoryError(why, at=Location(path, 1, 1), code="E101")


class WorkTree:
    """
    The files on disk below *folder* of *root*, committed or not.

    Where *root* lies in a git repository the ids of unchanged files are taken from
    its index (one call of git, whatever the number of files); otherwise each file
    is read and hashed.

    Args:
        root: What the shown paths are relative to.
        folder: The folder that is read, relative to *root*.
    """

    def __init__(self, root: Path, folder: str = "inventory") -> None:
        self.root = root
        self.folder = folder.rstrip("/") or "."

    def files(self) -> Mapping[str, str]:
        """Return path -> blob id of every YAML file on disk now."""
        if not (self.root / self.folder).is_dir():
            raise unreadable(self.folder, "is no folder")
        known = self._indexed()
        if known is None:
            return {path: self._id(path) for path in sorted(self._walk())}
        return known

    def read(self, path: str) -> bytes:
        """Return the content on disk; a symbolic link is not followed."""
        if "\0" in path:
            raise unreadable(path.replace("\0", "?"), "is no file name")
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            with open(os.open(self.root / path, flags), "rb") as file:  # noqa: PTH123
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise unreadable(path, "is no regular file")
                return file.read(MAX_BYTES + 1)
        except OSError as error:
            if (self.root / path).is_symlink():
                raise unreadable(path, "is a symbolic link") from None
            why = (error.strerror or "input/output error").lower()
            raise unreadable(path, f"cannot be read: {why}") from None

    def _id(self, path: str) -> str:
        """Return the file's id; of one that cannot be read a name that is no id."""
        try:
            return blob_id(self.read(path))
        except InventoryError:
            return "unreadable"

    def _walk(self) -> Iterable[str]:
        for folder, below, names in os.walk(self.root / self.folder):
            below[:] = [name for name in below if not name.startswith(".")]
            where = Path(folder).relative_to(self.root).as_posix()
            prefix = "" if where == "." else f"{where}/"
            for name in names:
                if is_yaml(f"{prefix}{name}"):
                    yield f"{prefix}{name}"

    def _indexed(self) -> dict[str, str] | None:
        order = ("ls-files", "-t", "-s", "-m", "-o", "-z", "--", self.folder)
        listed = _git(self.root, *order)
        if listed is None:
            return None
        staged: list[str] = []
        loose: list[str] = []
        for row in _paths(listed):
            tag, _, rest = row.partition(" ")
            if tag == _OTHER:
                loose.append(rest)
            elif tag == _CHANGED:
                loose.append(rest.partition("\t")[2])
            else:
                staged.append(rest)
        found = _listed(staged)
        for path in filter(is_yaml, loose):
            found.pop(path, None)
            if os.path.lexists(self.root / path):
                found[path] = self._id(path)
        return found


class GitTree:
    """
    The files below *folder* as they are in *commit*; no checkout is needed.

    Args:
        root: The repository, or a folder in it: shown paths are relative to it.
        commit: Anything git can resolve to a commit.
        folder: The folder that is read, relative to *root*.

    Raises:
        UsageError: *commit* is none.
    """

    def __init__(self, root: Path, commit: str, folder: str = "inventory") -> None:
        self.root = root
        self.folder = folder.rstrip("/") or "."
        name = f"{commit}^{{commit}}"
        found = _git(root, "rev-parse", "--verify", "--end-of-options", name)
        if found is None:
            raise UsageError(f"{commit!r} is no commit of this repository")
        self.commit = found.decode().strip()

    def files(self) -> Mapping[str, str]:
        """Return path -> blob id of every YAML file of the commit."""
        return self._tree

    @cached_property
    def _tree(self) -> dict[str, str]:
        where = [] if self.folder == "." else ["--", self.folder]
        listed = _git(self.root, "ls-tree", "-r", "-z", self.commit, *where)
        if listed is None:  # never to be taken for an inventory without files
            raise unreadable(self.folder, f"cannot be listed in {self.commit[:12]}")
        return _listed(_paths(listed))

    def read(self, path: str) -> bytes:
        """Return the content in the commit."""
        blob = self._tree.get(path)
        if blob is None:
            raise unreadable(path, f"is not in commit {self.commit[:12]}")
        ask, answer = self._pipes
        ask.write(f"{blob}\n".encode())
        ask.flush()
        head = answer.readline().split()
        if len(head) != 3 or head[1] != b"blob":  # noqa: PLR2004
            raise unreadable(path, "git cannot read it")
        size = int(head[2])
        data = answer.read(min(size, MAX_BYTES + 1))
        _drain(answer, size - len(data) + 1)
        return data

    @cached_property
    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        process = subprocess.Popen(
            ["git", "cat-file", "--batch"],
            cwd=self.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        weakref.finalize(self, _stop, process)
        return cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.communicate()


def _drain(stream: IO[bytes], count: int) -> None:
    while count > 0:
        count -= len(stream.read(min(count, MAX_BYTES))) or count


def _git(root: Path, *command: str) -> bytes | None:
    """Return what git says; None where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", *command], cwd=root, capture_output=True, check=False
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def _paths(listed: bytes) -> list[str]:
    return os.fsdecode(listed).split("\0")[:-1]


def _listed(rows: Iterable[str]) -> dict[str, str]:
    """Read ``MODE [blob] ID [STAGE]<tab>PATH``, as ls-files and ls-tree print it."""
    found: dict[str, str] = {}
    for row in rows:
        head, _, path = row.partition("\t")
        if is_yaml(path):
            words = head.split(" ")
            blob = words[2] if words[1] == "blob" else words[1]
            found[path] = "unreadable" if words[0] == _LINK else blob
    return found
