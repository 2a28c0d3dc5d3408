"""What a child process took: CPU seconds with its own children, wall time, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

RECONCILER = (sys.executable, "-m", "reconciler.cli")


class Used(NamedTuple):
    """CPU and wall in seconds, the largest resident set in MB, and stdout."""

    cpu: float
    wall: float
    rss: float
    out: str


def child(
    argv: Sequence[str],
    cwd: Path,
    environ: Mapping[str, str] | None = None,
    codes: Sequence[int] = (0,),
) -> Used:
    """
    Run *argv* to its end.

    Raises:
        RuntimeError: It ended with another code than one of *codes*.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        process = subprocess.Popen(
            argv, cwd=cwd, stdout=out, stderr=err, env=_environ(environ or {})
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in codes:
            err.seek(0)
            said = err.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(argv)}: {process.returncode}\n{said}")
        out.seek(0)
        text = out.read().decode()
    scale = 1024 * 1024 if sys.platform == "darwin" else 1024
    cpu = usage.ru_utime + usage.ru_stime
    return Used(cpu, wall, usage.ru_maxrss / scale, text)


def middle(runs: int, measured: Callable[[], Used]) -> Used:
    """Return the medians of some runs; stdout is the last one's."""
    found = [measured() for _ in range(runs)]
    return Used(
        median(one.cpu for one in found),
        median(one.wall for one in found),
        median(one.rss for one in found),
        found[-1].out,
    )


@contextmanager
def serving(*argv: str, **environ: str) -> Iterator[str]:
    """Run Python with *argv*, a server that prints its port; yield its address."""
    child = subprocess.Popen(
        [sys.executable, *argv],
        stdout=subprocess.PIPE,
        text=True,
        env=_environ(environ),
        cwd=Path(__file__).parent.parent,
    )
    try:
        assert child.stdout is not None  # noqa: S101  (it is a pipe)
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.kill()
        child.communicate()


def _environ(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment: byte code is kept, as in any installation."""
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **more}
