"""Making commits with one ``git fast-import``, without moving any ref."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from reconciler.audit.git import Git
from reconciler.errors import AuditError

_REF = "refs/reconciler/unborn"
#: The name of the empty tree, by the length of the hashes: SHA-1, SHA-256.
_EMPTY = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
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


def write_alone(
    git: Git, author: Author, now: datetime, message: str, *, like: str
) -> str:
    """
    Make a commit of nothing but *message*, and return its name; no ref is moved.

    It is what ``write`` makes of such a draft, by a third of the processes: the empty
    tree has the same name everywhere. *like* is another name in this repository: it
    tells which hash is used.

    Raises:
        AuditError: git refused, or its disk is full.
    """
    tree, who = _EMPTY[len(like)], _who(author, now)
    text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\n{message}"
    order = ("hash-object", "-t", "commit", "-w", "--stdin")
    return git.ask(*order, data=text.encode()).decode().strip()


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
