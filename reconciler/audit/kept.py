"""A git process that is kept: what is asked next costs no process of its own."""

from __future__ import annotations

import os
import select
import subprocess
import weakref
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Final

_PIECE: Final = 1 << 16
#: Seconds that it may take to end once nothing more is asked, at most.
_PATIENCE: Final = 5.0


class Broken(Exception):
    """It ended, or did not answer in time; what it was asked has to be asked anew."""


class Kept:
    """
    Speaks with one git process, line by line; who calls holds the lock.

    It ends by itself when this process does, however that ends.

    Args:
        command: git with its subcommand, which reads orders and answers each.
        environ: All that it sees of the environment.
        timeout: Seconds that one answer may take.
    """

    def __init__(
        self, command: Sequence[str], environ: Mapping[bytes, bytes], timeout: float
    ) -> None:
        self._process = subprocess.Popen(
            command,
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
        self.close = weakref.finalize(
            self, _stop, self._process, min(timeout, _PATIENCE)
        )

    def _tell(self, data: bytes) -> None:
        try:
            assert self._process.stdin is not None  # noqa: S101  (it is a pipe)
            self._process.stdin.write(data)
        except OSError as error:
            raise Broken from error

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


def _stop(process: subprocess.Popen[bytes], patience: float) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
