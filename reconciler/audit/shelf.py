"""
Books that are no journal: files on a branch that is always one commit.

What was measured, foreseen and checked grows with every run, and nobody has to prove
it. So the branch has no history: each change makes a commit without parents, whose
tree keeps what stays, and swaps it for the one before. Whoever fetches gets what there
is and nothing that there was, no clone becomes a shallow one by it, and what is
replaced is swept up by git itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from reconciler.audit.git_store import GitStore
from reconciler.audit.objects import Snapshot, list_tree
from reconciler.audit.origin import Move
from reconciler.audit.writer import Draft, write
from reconciler.errors import AuditError

#: So often a branch that moved while it was changed is changed anew.
_TRIES = 8
#: Seconds before the next try, times the number of tries so far.
_PAUSE = 0.2


class Files(NamedTuple):
    """What a shelf holds: the names of all files, and a way to read some of them."""

    names: frozenset[str]
    read: Callable[[Iterable[str]], Mapping[str, bytes]]


#: What shall change: contents by name, None takes a file away. Asked again, with what
#: is there then, where somebody else was quicker.
Make = Callable[[Files], Mapping[str, bytes | None]]


class Shelf:
    """
    The files of one branch; several processes on several machines may change them.

    Args:
        store: The journal of the environment: its remote, its author.
        ref: The branch; see ``layout.kept``.
    """

    def __init__(self, store: GitStore, ref: str) -> None:
        self._store = store
        self._ref = ref

    def files(self) -> Files:
        """
        Return what is there now; nothing where nobody ever put anything.

        Raises:
            AuditError: The remote cannot be read.
        """
        return self._at(self._store.origin.fetch(self._ref)).files

    def change(self, make: Make, *, now: datetime, message: str) -> bool:
        """
        Change what *make* says, all of it or nothing.

        Returns:
            False where nothing had to be changed.

        Raises:
            AuditError: The remote cannot be read or did not take it.
        """
        for turn in range(1, _TRIES + 1):
            there = self._at(self._store.origin.fetch(self._ref))
            wanted = there.differing(make(there.files))
            if not wanted:
                return False
            draft = Draft(message, None, wanted, there.tree)
            (made,) = write(self._store.git, self._store.author, now, [draft])
            if self._store.origin.move([Move(self._ref, there.commit, made)]):
                return True
            self._store.pause(_PAUSE * turn)
        raise AuditError(
            f"{self._ref} changed hands again and again", hint="try again in a minute"
        )

    def _at(self, commit: str | None) -> _There:
        return _There(self._store, commit)


class _There:
    """One commit of the branch, or none."""

    def __init__(self, store: GitStore, commit: str | None) -> None:
        self.commit = commit
        self._store = store
        self._snapshot = Snapshot(store.git, commit)

    @cached_property
    def _listed(self) -> Mapping[str, str]:
        return list_tree(self._store.git, self.commit) if self.commit else {}

    @property
    def tree(self) -> str | None:
        """The name of its tree; None where there is no commit."""
        if self.commit is None:
            return None
        said = self._store.git.ask("rev-parse", f"{self.commit}^{{tree}}")
        return said.decode().strip()

    @cached_property
    def files(self) -> Files:
        """What is in it."""
        return Files(frozenset(self._listed), self._read)

    def _read(self, names: Iterable[str]) -> Mapping[str, bytes]:
        return self._snapshot.blobs(
            {name: self._listed[name] for name in names if name in self._listed}
        )

    def differing(self, wanted: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
        """Return what of *wanted* is not so already."""
        same = self._read(name for name, data in wanted.items() if data is not None)
        return {
            name: data
            for name, data in wanted.items()
            if (same.get(name) != data if data is not None else name in self._listed)
        }
