"""
One run of restic: what it writes and complains of, and its end.

Who takes too long is interrupted, so that it takes its lock away, and killed only where
that did not help.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from reconciler.errors import Rejected
from reconciler.providers._restic_program import HINT

#: An interrupted restic ends its uploads and takes its lock away.
_GRACE: Final = 10.0
#: Of a program that died the first lines say why, of all else the last ones.
_FIRST_LINES: Final = 8
_LAST_LINES: Final = 60
_RETRIED: Final = "returned error, retrying after"
_GONE: Final = ("no such file or directory", "specified key does not exist")

#: Takes a line of JSON.
Each = Callable[[Mapping[str, Any]], None]


class Said(NamedTuple):
    """
    How a run of restic ended.

    Attributes:
        code: Its exit code; below zero: the signal that ended it.
        out: What it wrote, where nobody took it line by line.
        told: The first lines of what it complained of, and the last ones.
        late: It did not end in its time.
        lost: What it asked for again and again, and is not there.
    """

    code: int
    out: str
    told: str
    late: bool = False
    lost: str = ""

    @property
    def well(self) -> bool:
        """Whether it ended as it should: which proves nothing."""
        return not (self.late or self.lost or self.code)


def ran(
    argv: Sequence[str],
    environ: Mapping[str, str],
    seconds: float,
    cwd: Path | None,
    each: Each | None,
    heard: Complaints,
    given: bytes | None,
) -> Said:
    """
    Run *argv* in *environ* to its end, or for so many *seconds*.

    *each* takes what it writes, *heard* what it complains of; it reads what is *given*.

    Raises:
        Rejected: It cannot be run.
    """
    try:
        child = subprocess.Popen(
            argv,
            env=dict(environ),
            cwd=cwd,
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise Rejected(f"restic cannot be run: {error.strerror}", hint=HINT) from None
    with child, _ended(child, seconds) as late:
        assert child.stdout is not None  # noqa: S101  (for mypy: it is a pipe)
        listener = threading.Thread(target=_listen, args=(child, heard))
        listener.start()
        if given is not None and child.stdin is not None:
            with suppress(BrokenPipeError), child.stdin:
                child.stdin.write(given)
        kept = _lines(child.stdout, each)
        code = child.wait()
        listener.join()
    out = b"".join(kept).decode("utf-8", "replace")
    return Said(code, out, heard.told, late.is_set(), heard.lost)


def _lines(out: IO[bytes], each: Each | None) -> list[bytes]:
    """Read to the end; what is taken line by line is not kept."""
    if each is None:
        return [out.read()]
    kept = []
    for line in out:
        row = read(line)
        if isinstance(row, dict):
            each(row)
        else:
            kept.append(line)
    return kept


def read(line: bytes | str) -> Any:
    """Return *line* where it is JSON; else None."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


class Complaints:
    """
    What a run complains of, as far as it is kept.

    Args:
        wrong: Takes every line that is JSON.

    Attributes:
        lost: What it asked for again and again, and is not there.
    """

    def __init__(self, wrong: Each | None = None) -> None:
        self.lost = ""
        self._wrong = wrong
        self._first: list[str] = []
        self._last = deque[str](maxlen=_LAST_LINES)

    def add(self, text: str) -> None:
        """Take one line."""
        (self._last if len(self._first) == _FIRST_LINES else self._first).append(text)
        row = read(text) if self._wrong and text.startswith("{") else None
        if self._wrong and isinstance(row, dict):
            self._wrong(row)

    @property
    def told(self) -> str:
        """The lines that are kept."""
        return "\n".join([*self._first, *self._last])


def _listen(child: subprocess.Popen[bytes], heard: Complaints) -> None:
    """
    Hear what *child* complains of.

    Before 0.17 it asks for a file that is gone for a quarter of an hour: it is ended.
    """
    with suppress(ValueError, OSError):  # closed, since we are being interrupted
        for line in child.stderr or ():
            text = line.decode("utf-8", "replace").rstrip()
            heard.add(text)
            gone = _RETRIED in text and any(word in text for word in _GONE)
            if gone and not heard.lost:
                heard.lost = text
                os.killpg(child.pid, signal.SIGINT)


@contextmanager
def _ended(child: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    """Interrupt *child* where it takes too long, or where we have to end."""
    late = threading.Event()

    def over() -> None:
        late.set()
        _end(child)

    timer = threading.Timer(seconds, over)
    timer.daemon = True
    timer.start()
    try:
        yield late
    except BaseException:
        _end(child)
        raise
    finally:
        timer.cancel()


def _end(child: subprocess.Popen[bytes]) -> None:
    """Interrupt *child*, and kill it where that does not help."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE)
    with suppress(ProcessLookupError):  # and with it what it started
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
