"""Walking the audit branch: every commit, oldest first, and what it added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from reconciler.audit import layout
from reconciler.audit.git import Git
from reconciler.audit.message import RUN_TRAILER
from reconciler.audit.objects import fetch_missing, read_names
from reconciler.errors import AuditError

#: So many commits are read by one git process.
_CHUNK = 500
_FORMAT = f"%H%x09%P%x09%(trailers:key={RUN_TRAILER},valueonly,separator=%x2C)"


class Touched(NamedTuple):
    """One path that a commit changed; *status* is A (added), M, D or T."""

    status: str
    path: str
    oid: str


class Step(NamedTuple):
    """
    One commit of the audit branch.

    Attributes:
        run: What its trailer says.
        files: The contents of what it added or changed in the log.
    """

    commit: str
    parents: tuple[str, ...]
    run: str
    touched: tuple[Touched, ...]
    files: Mapping[str, bytes]


def walk(git: Git, tip: str | None) -> Iterator[Step]:
    """Yield every commit up to *tip*, parents first."""
    if tip is None:
        return
    out = git.ask("log", "--reverse", "--topo-order", f"--format={_FORMAT}", tip)
    heads = iter([line.split("\t") for line in out.decode().splitlines()])
    while chunk := list(islice(heads, _CHUNK)):
        touched = _touched(git, [oid for oid, _, _ in chunk])
        wanted = [t.oid for list_ in touched.values() for t in list_ if _kept(t)]
        fetch_missing(git, wanted)
        blobs = read_names(git, wanted)
        for oid, parents, run in chunk:
            files = {t.path: _found(blobs, t) for t in touched[oid] if _kept(t)}
            yield Step(oid, tuple(parents.split()), run, touched[oid], files)


def _found(blobs: Mapping[str, bytes], touched: Touched) -> bytes:
    if touched.oid not in blobs:
        raise AuditError(
            f"{touched.path} (object {touched.oid}) cannot be read",
            hint="run git fsck; fetch the audit branch again",
        )
    return blobs[touched.oid]


def _kept(touched: Touched) -> bool:
    return touched.status != "D" and touched.path.startswith(layout.LOG)


def _touched(git: Git, commits: list[str]) -> dict[str, tuple[Touched, ...]]:
    options = ("--stdin", "-r", "--root", "-m", "-z", "--no-renames", "--always")
    data = "".join(f"{oid}\n" for oid in commits).encode()
    tokens = iter(git.ask("diff-tree", *options, "--no-abbrev", data=data).split(b"\0"))
    found: dict[str, list[Touched]] = {oid: [] for oid in commits}
    commit = ""
    for token in tokens:
        if token.startswith(b":"):
            _, _, _, oid, status = token.decode().split()
            path = next(tokens).decode("utf-8", "surrogateescape")
            found[commit].append(Touched(status, path, oid))
        elif token:
            commit = token.decode().split()[0]
    return {oid: tuple(touched) for oid, touched in found.items()}
