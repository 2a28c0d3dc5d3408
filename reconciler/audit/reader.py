"""A ``git cat-file --batch`` that is kept: what is read next costs no process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from reconciler.audit.kept import Broken, Kept

__all__ = ["Broken", "Reader"]

_ANSWERED: Final = 3
#: So many names are asked for at once: fewer than fit into a pipe.
_AT_ONCE: Final = 256


class _Found(NamedTuple):
    oid: str
    data: bytes


class Reader(Kept):
    """
    Reads objects by their names; thread-safe.

    Args:
        command: git, up to and without its subcommand.
        environ: All that it sees of the environment.
        timeout: Seconds that one answer may take.
    """

    def __init__(
        self, command: Sequence[str], environ: Mapping[bytes, bytes], timeout: float
    ) -> None:
        super().__init__([*command, "cat-file", "--batch"], environ, timeout)

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """
        Return the contents of every one of *names* that there is.

        Raises:
            Broken: It gave no answer.
        """
        return {name: found.data for name, found in self._all(names)}

    def ids(self, names: Iterable[str]) -> dict[str, str]:
        """
        Return the id of every one of *names* that leads to an object.

        Raises:
            Broken: It gave no answer.
        """
        return {name: found.oid for name, found in self._all(names)}

    def _all(self, names: Iterable[str]) -> Iterator[tuple[str, _Found]]:
        asked = iter(names)
        with self._lock:
            while some := list(islice(asked, _AT_ONCE)):
                yield from self._answers(some)

    def _answers(self, names: Sequence[str]) -> Iterator[tuple[str, _Found]]:
        self._tell("".join(f"{name}\n" for name in names).encode())
        for name in names:
            head = self._line().split()
            if len(head) == _ANSWERED and head[-1].isdigit():
                size = int(head[-1])
                yield name, _Found(head[0].decode(), self._bytes(size + 1)[:size])
