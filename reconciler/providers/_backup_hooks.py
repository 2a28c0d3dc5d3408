"""
What runs before and after a backup: programs, by their arguments and without a shell.

A program that does not end in its time is ended with everything that it started. One
that fails stops the backup, or not, as it says itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from reconciler.errors import Rejected
from reconciler.model.backing import Hook, Hooks
from reconciler.providers._said import shown


@contextmanager
def hooked(hooks: Hooks) -> Iterator[None]:
    """
    Run ``before`` and ``after`` around a backup, and ``failed`` where it failed.

    Raises:
        Rejected: One that stops failed, or did not end.
    """
    try:
        _each(hooks.before)
        yield
        _each(hooks.after)
    except BaseException:
        with suppress(Rejected):
            _each(hooks.failed)
        raise


def _each(hooks: Sequence[Hook]) -> None:
    for hook in hooks:
        said = _ran(hook)
        if said is not None and hook.on_error == "stop":
            raise Rejected(f"the hook {hook.run[0]} {said}")


def _ran(hook: Hook) -> str | None:
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
    with program:
        try:
            _, told = program.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(program)
            return f"did not end in {seconds:.0f} s"
        except BaseException:
            _end(program)
            raise
    if program.returncode == 0:
        return None
    last = told.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
    return f"failed ({program.returncode}): {shown(last)}"


def _end(program: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()
