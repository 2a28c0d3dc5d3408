"""
Programs that read what came back: without rights, without a net, and never left behind.

A dump is a program that somebody else may have written. Whoever runs it has a user of
its own where this process is root (``setpriv``), no network where the kernel lets root
take it away (``unshare --net``), files no larger than a drill may be (``prlimit``), an
empty environment, and dies with this process (a parent-death signal).
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, NamedTuple

from reconciler.errors import Transient
from reconciler.providers._drill_scratch import Unfit
from reconciler.providers._said import shown

#: Whoever has no rights, on every Unix.
NOBODY: Final = "nobody"
#: Debian keeps the servers' own programs out of PATH.
PLACES: Final = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
_GRACE: Final = 10.0
_PAUSE: Final = 0.05
_SAID: Final = 4096


class Ended(NamedTuple):
    """How a program ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Its last line, for a person."""
        lines = [one for one in self.err.splitlines() if one.strip()]
        return shown(lines[-1]) if lines else f"exit code {self.code}"


class Late(Transient):
    """It did not end in time."""


class Deadline:
    """
    When a drill has to be over.

    Attributes:
        left: Seconds until then; raises Late where there are none.
    """

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._seconds = seconds

    @property
    def left(self) -> float:
        """Return how many seconds are left; raises Late where none are."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise Late(
                f"the drill took longer than {self._seconds:g} s (drills.timeout)"
            )
        return left


class Cage:
    """
    Where programs run that may be hostile.

    Attributes:
        room: Their folder; it belongs to their user, and nobody else sees it.
    """

    def __init__(
        self,
        room: Path,
        most: int,
        deadline: Deadline,
        sleep: Callable[[float], None],
    ) -> None:
        self.room = room
        self.deadline = deadline
        self._sleep = sleep
        self._prefix = self._confined(most)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam(NOBODY)
            os.chown(room, nobody.pw_uid, nobody.pw_gid)

    def pause(self) -> None:
        """Wait a moment for a server; raises Late where there is no time for it."""
        self._sleep(min(_PAUSE, self.deadline.left))

    def _confined(self, most: int) -> tuple[str, ...]:
        limit = ("prlimit", f"--fsize={most}", "--core=0", "--")
        drop: tuple[str, ...] = ("--no-new-privs", "--pdeathsig=KILL")
        net: tuple[str, ...] = ()
        if os.geteuid() == 0:
            nobody = pwd.getpwnam(NOBODY)
            ids = (f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}")
            drop = (*ids, "--clear-groups", "--bounding-set=-all", *drop)
            if _netless():
                net = ("unshare", "--net", "--")
        for program in ("setpriv", "prlimit"):
            located(program)
        return (*limit, *net, "setpriv", *drop, "--")

    def run(
        self,
        command: Sequence[str],
        stdin: Iterable[bytes] = (),
        env: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run *command* to its end, feeding *stdin*; raises Late where it hangs."""
        child = self._started(command, subprocess.PIPE, env)
        late = threading.Event()

        def end() -> None:
            late.set()
            _kill(child)

        timer = threading.Timer(self.deadline.left, end)
        timer.start()
        heard: list[bytes] = [b"", b""]
        ears = [
            threading.Thread(target=_hear, args=(pipe, heard, at), daemon=True)
            for at, pipe in enumerate((child.stdout, child.stderr))
        ]
        try:
            for ear in ears:
                ear.start()
            _feed(child, stdin)
            code = child.wait()
        finally:
            timer.cancel()
            _kill(child)
            child.wait()
            for ear in ears:
                ear.join(_GRACE)
        if late.is_set():
            raise Late(f"{command[0]} did not end within drills.timeout")
        out, err = (one.decode(errors="replace") for one in heard)
        return Ended(code, out, err)

    def serve(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a server that goes on; see ``stop``."""
        return self._started(command, subprocess.DEVNULL, None)

    def _started(
        self, command: Sequence[str], stdin: int, env: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        listened = subprocess.PIPE if stdin == subprocess.PIPE else subprocess.DEVNULL
        try:
            return subprocess.Popen(
                [*self._prefix, *command],
                stdin=stdin,
                stdout=listened,
                stderr=listened,
                cwd=self.room,
                env={"PATH": PLACES, "HOME": str(self.room), "LC_ALL": "C.UTF-8"}
                | dict(env or {}),
                start_new_session=True,
            )
        except OSError as error:
            raise Unfit(f"{command[0]}: {error.strerror}") from None


def stop(server: subprocess.Popen[bytes], how: int = signal.SIGQUIT) -> None:
    """End *server* and all it started: what it has is thrown away."""
    with suppress(ProcessLookupError):
        server.send_signal(how)
    with suppress(subprocess.TimeoutExpired):
        server.wait(_GRACE)
    _kill(server)
    server.wait()


def located(program: str, also: Iterable[Path] = ()) -> str:
    """Return where *program* is; raises Unfit where it is not."""
    path = os.pathsep.join([PLACES, *map(str, also)])
    if (there := shutil.which(program, path=path)) is None:
        raise Unfit(
            f"there is no {program} on this machine",
            hint="the server of the same kind has to be installed; it need not run",
        )
    return there


def _netless() -> bool:
    """Whether the kernel lets us take the network away."""
    if shutil.which("unshare", path=PLACES) is None:
        return False
    tried = subprocess.run(
        ["unshare", "--net", "--", "true"],
        check=False,
        capture_output=True,
        timeout=_GRACE,
    )
    return tried.returncode == 0


def _feed(child: subprocess.Popen[bytes], stdin: Iterable[bytes]) -> None:
    assert child.stdin is not None  # noqa: S101  (it was asked for)
    with suppress(BrokenPipeError):
        for chunk in stdin:
            child.stdin.write(chunk)
    with suppress(BrokenPipeError):
        child.stdin.close()


def _hear(pipe: IO[bytes], heard: list[bytes], at: int) -> None:
    """Keep the end of what is said: a hostile program may say a lot."""
    while chunk := pipe.read1(_SAID):  # type: ignore[attr-defined]
        heard[at] = (heard[at] + chunk)[-_SAID:]
    pipe.close()


def _kill(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
