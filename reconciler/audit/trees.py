"""What a few changed paths make of a tree: each folder on the way is made anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias, Union

from reconciler.audit.git import Git
from reconciler.audit.loose import Loose
from reconciler.errors import AuditError

FOLDER = b"40000"
_FILE = b"100644"

#: Changes by name: contents, None to remove it, or those of a folder.
_Edits: TypeAlias = dict[str, Union[bytes, "_Edits", None]]


class Entry(NamedTuple):
    """One line of a tree object."""

    mode: bytes
    oid: bytes


def entries(raw: bytes, size: int) -> Iterator[tuple[bytes, Entry]]:
    """Yield what a tree lists: ``MODE NAME``, a zero byte, the id of *size* bytes."""
    at = 0
    while at < len(raw):
        end = raw.index(b"\0", at)
        mode, _, name = raw[at:end].partition(b" ")
        at = end + 1 + size
        yield name, Entry(mode, raw[end + 1 : at])


class TooLarge(Exception):
    """More than is worth doing here."""


def grafted(
    git: Git, base: str | None, files: Mapping[str, bytes | None], new: Loose, most: int
) -> str:
    """
    Return the tree that *files* make of *base*; what is missing of it comes to *new*.

    Args:
        git: Where *base* is.
        base: A commit or a tree; None begins with nothing.
        files: Contents by path; None removes the path.
        new: What is to be written.
        most: So many bytes of folders are read.

    Raises:
        AuditError: A folder on the way cannot be read.
        TooLarge: The folders have more than *most* bytes, or a path is the folder of
            another one.
    """
    edits = _nested(files)
    here = [f"{base}:{path}" for path in _folders(edits)] if base else []
    read = git.objects(here)
    if sum(map(len, read.values())) > most:
        raise TooLarge
    graft = _Graft(base, read, new)
    return graft.made("", edits, there=base is not None) or new.add("tree", b"")


class _Graft(NamedTuple):
    base: str | None
    read: Mapping[str, bytes]
    new: Loose

    def made(self, path: str, edits: _Edits, *, there: bool) -> str | None:
        """Return the tree of *path* after *edits*; None where nothing is left in it."""
        raw = self._raw(path) if there else b""
        found = dict(entries(raw, self.new.size // 2))
        for name, edit in edits.items():
            key = name.encode("utf-8", "surrogateescape")
            was = found.pop(key, None)
            if isinstance(edit, bytes):
                found[key] = Entry(_FILE, bytes.fromhex(self.new.add("blob", edit)))
            elif edit is not None:
                below = was is not None and was.mode == FOLDER
                oid = self.made(_joined(path, name), edit, there=below)
                if oid:
                    found[key] = Entry(FOLDER, bytes.fromhex(oid))
        return self.new.add("tree", _listed(found)) if found else None

    def _raw(self, path: str) -> bytes:
        try:
            return self.read[f"{self.base}:{path}"]
        except KeyError:
            raise AuditError(
                f"{path or 'the tree'} of {self.base} cannot be read",
                hint="run git fsck; fetch the audit branch again",
            ) from None


def _nested(files: Mapping[str, bytes | None]) -> _Edits:
    top: _Edits = {}
    for path, data in files.items():
        *folders, name = path.split("/")
        inside = top
        for folder in folders:
            below = inside.setdefault(folder, {})
            if not isinstance(below, dict):
                raise TooLarge
            inside = below
        if name in inside:
            raise TooLarge
        inside[name] = data
    return top


def _folders(edits: _Edits, path: str = "") -> Iterator[str]:
    yield path
    for name, edit in edits.items():
        if isinstance(edit, dict):
            yield from _folders(edit, _joined(path, name))


def _joined(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _listed(found: Mapping[bytes, Entry]) -> bytes:
    # Git compares a folder's name as if it ended with a slash.
    ordered = sorted(
        found.items(), key=lambda one: one[0] + b"/" * (one[1].mode == FOLDER)
    )
    return b"".join(
        b"%s %s\0%s" % (entry.mode, name, entry.oid) for name, entry in ordered
    )
