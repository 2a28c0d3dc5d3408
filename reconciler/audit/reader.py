"""A ``git cat-file --batch`` that is kept: what is read next costs no process."""

from __future__ import annotations

import os
import select
import subprocess
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from threading import Lock
from typing import Final

_ANSWERED: Final = 3
#: So many names are asked for at once: fewer than fit into a pipe.
_AT_ONCE: Final = 256
_PIECE: Final = 1 << 16
#: Seconds that it may take to end once nothing more is asked.
_PATIENCE: Final = 5.0


class Broken(Exception):
    """It ended, or did not answer in time; what it was asked has to be asked anew."""


class Reader:
    """
    Reads objects by their ids; thread-safe.

    It ends by itself when this process does, however that ends.

    Args:
        command: git, up to and without its subcommand.
        environ: All that it sees of the environment.
        timeout: Seconds that one answer may take.
    """

    def __init__(
        self, command: Sequence[str], environ: Mapping[bytes, bytes], timeout: float
    ) -> None:
        self._process = subprocess.Popen(
            [*command, "cat-file", "--batch"],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
        self._timeout = timeout
        self._lock = Lock()
        self._rest = bytearray()
        self.close = weakref.finalize(self, _stop, self._process)

    def read(self, oids: Iterable[str]) -> dict[str, bytes]:
        """
        Return the contents of every one of *oids* that there is.

        Raises:
            Broken: It gave no answer.
        """
        asked = iter(oids)
        found: dict[str, bytes] = {}
        with self._lock:
            while some := list(islice(asked, _AT_ONCE)):
                found.update(self._answers(some))
        return found

    def _answers(self, oids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        data = "".join(f"{oid}\n" for oid in oids).encode()
        try:
            assert self._process.stdin is not None  # noqa: S101  (it is a pipe)
            self._process.stdin.write(data)
        except OSError as error:
            raise Broken from error
        for oid in oids:
            head = self._line().split()
            if len(head) == _ANSWERED and head[-1].isdigit():
                size = int(head[-1])
                yield oid, self._bytes(size + 1)[:size]

    def _line(self) -> bytes:
        while (end := self._rest.find(b"\n")) < 0:
            self._more()
        return self._bytes(end + 1)

    def _bytes(self, count: int) -> bytes:
        while len(self._rest) < count:
            self._more()
        found = bytes(self._rest[:count])
        del self._rest[:count]
        return found

    def _more(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  (it is a pipe)
        number = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(number, select.POLLIN | select.POLLHUP)
        if not poll.poll(self._timeout * 1000):
            raise Broken
        piece = os.read(number, _PIECE)
        if not piece:
            raise Broken
        self._rest += piece


def _stop(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
