"""Proving that the log is what was written, and naming what is not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from reconciler.audit import derive, layout
from reconciler.audit.books import Base, Document
from reconciler.audit.commit import stored
from reconciler.audit.entries import Intent, Note, Outcome
from reconciler.audit.git_store import GitStore
from reconciler.audit.history import Step, walk
from reconciler.audit.lines import Line, parse
from reconciler.audit.objects import list_tree
from reconciler.errors import Tampered

_SHORT = 12
_LINES = ".jsonl"


class Problem(NamedTuple):
    """
    Something that is not as it was written.

    Attributes:
        where: ``path:line`` on the audit branch, a path, or a ref.
        commit: The commit that shows it, where it is one.
    """

    where: str
    what: str
    commit: str | None = None

    def __str__(self) -> str:
        commit = f" (commit {self.commit[:_SHORT]})" if self.commit else ""
        return f"{self.where}: {self.what}{commit}"


class Audited(NamedTuple):
    """The whole log, read again: what it makes of the documents, and its faults."""

    documents: dict[str, Document]
    problems: tuple[Problem, ...]
    touched: dict[str, str]
    digests: frozenset[str]
    fence: int


def verify(store: GitStore, since: str | None = None) -> list[Problem]:
    """
    Return everything that is wrong with the log, in the order of the log.

    Checks the hash chain, its order, that the history is one line, that no file
    was edited, that every outcome follows a committed intent, and that the derived
    documents and the refs are what the log makes of them. A history that was
    rewritten as a whole is found by *since*, the hash of a head that somebody
    remembered.
    """
    store.origin.deepen()
    ledger = store.read()
    audited = audit(store, ledger.tip)
    problems = [*audited.problems, *_documents(store, ledger.tip, audited)]
    problems += _refs(store, ledger.applied, audited)
    if since and since not in audited.digests:
        what = f"the remembered head {since} is not in it: history was rewritten"
        problems.append(Problem(store.names.audit, what, ledger.tip))
    return problems


def audit(store: GitStore, tip: str | None) -> Audited:
    """Read the whole log up to *tip* and fold it again."""
    audit = _Audit()
    for step in walk(store.git, tip):
        audit.step(step)
    return Audited(
        audit.documents,
        tuple(audit.problems),
        audit.touched,
        frozenset(audit.digests),
        audit.fence,
    )


def differing(store: GitStore, tip: str | None, audited: Audited) -> Iterator[str]:
    """Yield the derived paths whose document on *tip* is not the log's, sorted."""
    listing = list_tree(store.git, tip) if tip else {}
    there = {p: oid for p, oid in listing.items() if not p.startswith(layout.LOG)}
    for path in sorted(there.keys() | audited.documents.keys()):
        document = audited.documents.get(path)
        oid = there.get(path, "")
        if document is None or _oid(stored(document), len(oid)) != oid:
            yield path


class _Audit:
    """The state of one reading of the log."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.documents: dict[str, Document] = {}
        self.touched: dict[str, str] = {}
        self.digests: set[str] = set()
        self.fence = 0
        self._seq, self._prev, self._last = 0, "", "the beginning"
        self._begun: set[str] = set()
        self._promised: dict[str, str] = {}
        self._commit = ""

    def step(self, step: Step) -> None:
        """Take one commit."""
        first = not self._commit
        self._commit = step.commit
        if len(step.parents) != (0 if first else 1):
            self._problem("history", "a commit joins or begins another history")
        self._begun, self._promised = set(), {}
        for touched in step.touched:
            self.touched[touched.path] = step.commit
            if touched.path.startswith(layout.LOG) and touched.status != "A":
                was = {"D": "was removed"}.get(touched.status, "was edited")
                self._problem(touched.path, f"a file of the log {was}")
        for path, raw in sorted(step.files.items()):
            if path.endswith(_LINES):
                self._file(path, raw, step.run)
        self._beside(step)

    def _file(self, path: str, raw: bytes, run: str) -> None:
        if not raw.endswith(b"\n"):
            self._problem(path, "the last line is cut off")
        for number, text in enumerate(raw.removesuffix(b"\n").split(b"\n"), 1):
            where = f"{path}:{number}"
            try:
                line = parse(text)
            except Tampered as error:
                self._problem(where, error.what)
                continue
            self._chain(where, line)
            if line.stamp.run != run or f"/{run}/" not in path:
                self._problem(where, f"belongs to run {line.stamp.run}, not to {run}")
            self._fold(where, line)

    def _chain(self, where: str, line: Line) -> None:
        stamp = line.stamp
        if stamp.seq != self._seq + 1:
            what = f"is line {stamp.seq} of the journal, after line {self._seq}"
            self._problem(where, f"{what} ({self._last})")
        elif stamp.prev != self._prev:
            self._problem(
                where, f"does not follow {self._last}: one of the two was changed"
            )
        if stamp.fence < self.fence:
            what = f"was written under fence {stamp.fence}, after {self.fence}"
            self._problem(where, what)
        self.fence = max(self.fence, stamp.fence)
        self._seq, self._prev, self._last = stamp.seq, line.digest, where
        self.digests.add(line.digest)

    def _fold(self, where: str, line: Line) -> None:
        entry = line.entry
        why = derive.refusal(self.documents.get, entry)
        if isinstance(entry, Intent):
            self._begun.add(entry.id)
        elif isinstance(entry, Outcome) and entry.id in self._begun:
            why = f"{entry.id} has an outcome in the same commit as its intent"
        elif isinstance(entry, Note) and isinstance(entry.data.get("files"), dict):
            folder = where.rpartition("/")[0]
            files = entry.data["files"]
            assert isinstance(files, dict)  # noqa: S101  (asked above)
            self._promised |= {f"{folder}/{n}": str(h) for n, h in files.items()}
        if why:
            self._problem(where, why)
        try:
            changes = derive.fold(self.documents.get, line)
        except ValueError:
            self._problem(where, "holds what no writer would have written")
            return
        for path, document in changes.items():
            if document is None:
                self.documents.pop(path, None)
            else:
                self.documents[path] = document

    def _beside(self, step: Step) -> None:
        beside = {p: raw for p, raw in step.files.items() if not p.endswith(_LINES)}
        for path in sorted(beside.keys() | self._promised.keys()):
            found = hashlib.sha256(beside.get(path, b"")).hexdigest()
            if found != self._promised.get(path):
                self._problem(path, "is not the file whose hash the log holds")

    def _problem(self, where: str, what: str) -> None:
        self.problems.append(Problem(where, what, self._commit))


def _documents(store: GitStore, tip: str | None, audited: Audited) -> Iterator[Problem]:
    for path in differing(store, tip, audited):
        what = "is not what the log makes of it"
        if path not in audited.documents:
            what = "is not made by the log"
        yield Problem(path, what, audited.touched.get(path))


def _refs(store: GitStore, applied: str | None, audited: Audited) -> Iterator[Problem]:
    base = audited.documents.get(layout.BASE)
    commit = base.commit if isinstance(base, Base) else None
    if applied != commit:
        what = f"points to {applied or 'nothing'}, the log says {commit or 'nothing'}"
        yield Problem(store.names.applied, what)
    lock = store.lock_status()
    if audited.fence and (lock is None or lock.fence < audited.fence):
        what = f"was set back below fence {audited.fence}"
        yield Problem(store.names.lock, what)


def _oid(data: bytes, length: int) -> str:
    # Object names of git: SHA-1, or SHA-256 in repositories of that format.
    algorithm = "sha256" if length == hashlib.sha256().digest_size * 2 else "sha1"
    found = hashlib.new(algorithm, b"blob %d\0" % len(data), usedforsecurity=False)
    found.update(data)
    return found.hexdigest()
