"""
Making commits, without moving any ref.

Small ones, as the records of a run are, are written object by object; for what is
large, and for the first ones of a repository, there is ``git fast-import``, which puts
them into a pack. The commits have the same names either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from reconciler.audit.git import Git
from reconciler.audit.loose import Loose
from reconciler.audit.trees import TooLarge, grafted
from reconciler.errors import AuditError

_REF = "refs/reconciler/unborn"
#: The name of the empty tree, by the length of the hashes: SHA-1, SHA-256.
_EMPTY = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
#: With more paths than that, or more bytes of folders on the way, it is no small one:
#: git takes a pack of fewer than a hundred objects apart again.
_FEW = 32
_FOLDERS = 1 << 18
_UNSAFE = str.maketrans({"<": "(", ">": ")", "\n": " ", "\r": " ", "\0": " "})


class Author(NamedTuple):
    """The reconciler's own identity in git."""

    name: str
    email: str


class Draft(NamedTuple):
    """
    A commit to be made.

    Attributes:
        parent: None makes a root commit.
        files: Contents by path; None removes the path.
        tree: What a root commit begins with: the name of a tree, of which nothing
            is read that stays as it is.
    """

    message: str
    parent: str | None = None
    files: Mapping[str, bytes | None] = {}
    tree: str | None = None


def write(
    git: Git, author: Author, now: datetime, drafts: Sequence[Draft]
) -> tuple[str, ...]:
    """
    Make one commit for each draft and return their names; no ref is moved.

    Raises:
        AuditError: git refused, or its disk is full.
    """
    who = _who(author, now)
    try:
        return _written(git, drafts, who)
    except TooLarge:
        return _imported(git, drafts, who)


def write_alone(
    git: Git, author: Author, now: datetime, message: str, *, like: str
) -> str:
    """
    Make a commit of nothing but *message*, and return its name; no ref is moved.

    It is what ``write`` makes of such a draft, and no process is needed: the empty tree
    has the same name everywhere. *like* is another name in this repository: it tells
    which hash is used.

    Raises:
        AuditError: The disk is full.
    """
    new = Loose(len(like))
    made = new.add("commit", _text(_EMPTY[len(like)], None, _who(author, now), message))
    git.keep(new.made)
    return made


def _written(git: Git, drafts: Sequence[Draft], who: str) -> tuple[str, ...]:
    """
    Make small commits of objects of our own.

    Raises:
        TooLarge: They are not; or nothing tells which hash is used here.
    """
    known = next((name for d in drafts if (name := d.tree or d.parent)), None)
    if known is None or sum(len(draft.files) for draft in drafts) > _FEW:
        raise TooLarge
    new, names = Loose(len(known)), []
    for draft in drafts:
        base = draft.tree or draft.parent
        tree = grafted(git, base, draft.files, new, _FOLDERS)
        text = _text(tree, draft.parent, who, draft.message)
        names.append(new.add("commit", text))
    git.keep(new.made)
    return tuple(names)


def _text(tree: str, parent: str | None, who: str, message: str) -> bytes:
    above = f"parent {parent}\n" if parent else ""
    head = f"tree {tree}\n{above}author {who}\ncommitter {who}\n\n"
    return f"{head}{message}".encode()


def _imported(git: Git, drafts: Sequence[Draft], who: str) -> tuple[str, ...]:
    """Make commits with one ``git fast-import``."""
    stream = bytearray(b"feature done\n")
    for mark, draft in enumerate(drafts, 1):
        stream += _commit(mark, draft, who)
    stream += b"done\n"
    out = git.ask(
        "fast-import", "--quiet", "--date-format=raw", data=bytes(stream)
    ).split()
    if len(out) != len(drafts):
        raise AuditError("git fast-import did not name the commits it made")
    return tuple(oid.decode() for oid in out)


def _who(author: Author, now: datetime) -> str:
    stamp = int(now.timestamp())
    return f"{_line(author.name)} <{_line(author.email)}> {stamp} +0000"


def _commit(mark: int, draft: Draft, who: str) -> bytes:
    message = draft.message.encode()
    head = f"commit {_REF}\nmark :{mark}\nauthor {who}\ncommitter {who}\n"
    parts = [head.encode(), b"data %d\n" % len(message), message, b"\n"]
    if draft.parent:
        parts.append(f"from {draft.parent}\n".encode())
    if draft.tree:
        parts.append(b'M 040000 %s ""\n' % draft.tree.encode())
    for path, data in sorted(draft.files.items()):
        if data is None:
            parts.append(f"D {path}\n".encode())
        else:
            parts.append(f"M 100644 inline {path}\n".encode())
            parts += [b"data %d\n" % len(data), data, b"\n"]
    # The ref goes before it was ever written: what moves refs is a lease.
    ending = f"get-mark :{mark}\nreset {_REF}\n\n"
    return b"".join([*parts, ending.encode()])


def _line(text: str) -> str:
    return text.translate(_UNSAFE).strip() or "reconciler"
