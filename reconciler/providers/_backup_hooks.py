"""
What runs before and after a backup: programs, by their arguments and without a shell.

A program that does not end in its time is ended with everything that it started. One
that fails stops the backup, or not, as it says itself. What it started and left running
goes on: it is the program that is waited for, not its output.

Whoever is killed in the middle says nothing of how far it came. So each may run again:
all of them where something is still to be made, and ``after`` where nothing is, or what
``before`` shut would stay shut.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import IO, Final

from reconciler.errors import Rejected
from reconciler.model import Account
from reconciler.model.backing import Hook, Hooks
from reconciler.providers._said import shown

#: Takes secrets out of what a program complained of.
Mask = Callable[[str], str]
#: So much of the end of it is kept, and so much is told.
_KEPT: Final = 8192
_TOLD: Final = 256
_CHUNK: Final = 65536
#: Anything shorter is no secret.
_SECRET: Final = 4
#: So long its last words take, once it has ended.
_LAST_WORDS: Final = 0.5


def mask_of(account: Account) -> Mask:
    """Return what takes out every secret that is known here: a program has them too."""

    def mask(text: str) -> str:
        backing = account.backing
        plain = backing.masked(text) if backing is not None else text
        for secret in account.secrets.values():
            plain = plain.replace(secret, "***") if len(secret) >= _SECRET else plain
        return plain

    return mask


@contextmanager
def hooked(hooks: Hooks, mask: Mask, *, made: bool = False) -> Iterator[None]:
    """
    Run ``before`` and ``after`` around a backup, and ``failed`` where it failed.

    Args:
        hooks: What runs.
        mask: Takes secrets out of what one complains of.
        made: An earlier run made all of it, and did not come to its end: nothing is
            stopped for it again, but ``after`` runs, as nobody knows whether it did.

    Raises:
        Rejected: One that stops failed, or did not end.
    """
    try:
        if not made:
            _each(hooks.before, mask)
        yield
        _each(hooks.after, mask)
    except BaseException:
        with suppress(Rejected):
            _each(hooks.failed, mask)
        raise


def _each(hooks: Sequence[Hook], mask: Mask) -> None:
    for hook in hooks:
        said = _ran(hook, mask)
        if said is not None and hook.on_error == "stop":
            raise Rejected(f"the hook {hook.run[0]} {said}")


def _ran(hook: Hook, mask: Mask) -> str | None:
    """Run one; return what went wrong."""
    seconds = hook.timeout.total_seconds()
    try:
        program = subprocess.Popen(
            hook.run,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return f"cannot be run: {error.strerror}"
    end = _End(program.stderr)
    try:
        program.wait(seconds)
    except subprocess.TimeoutExpired:
        _killed(program)
        return f"did not end in {seconds:.0f} s"
    except BaseException:
        _killed(program)
        raise
    if program.returncode == 0:
        return None
    last = mask(end.told()).strip().rpartition("\n")[2][-_TOLD:]
    return f"failed ({program.returncode}): {shown(last)}"


class _End:
    """
    The end of what a program complains of.

    It is read to its end, however long that is: what the program left running may
    complain, too, and is not stopped by that nobody listens.
    """

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._kept = b""
        self._reader = Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def _read(self, pipe: IO[bytes] | None) -> None:
        if pipe is None:
            return
        with pipe:
            while chunk := os.read(pipe.fileno(), _CHUNK):
                self._kept = (self._kept + chunk)[-_KEPT:]

    def told(self) -> str:
        """Return what is there by now."""
        self._reader.join(_LAST_WORDS)
        return self._kept.decode("utf-8", "replace")


def _killed(program: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()
