"""
Real processes of the command line, each killed with SIGKILL at an effect it has.

An effect is what the world can see of a run: a push of the journal, a request that
changes something at a vendor, a letter, and at last the lock that is let go. Whatever a
process does between two of them dies with it, so that one death before each effect is
a death at every boundary.

A warm process, which has one thread and has read everything, forks one for each run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, NamedTuple, Self, TypeVar

ROOT = Path(__file__).parents[2]
T = TypeVar("T")
#: Not needed by an apply, and started as servers: not to be forked along.
_COLD = ("reconciler.sandbox", "reconciler.web", "reconciler.cli.__main__")
#: Written by whoever wants to die in its next push: its process id.
VICTIM = "victim"
#: The remote has taken a push, and whoever pushed dies before it is told so.
HOOK = f"""\
#!/bin/sh
if [ -f "$GIT_DIR/{VICTIM}" ]; then
  victim=$(cat "$GIT_DIR/{VICTIM}")
  rm "$GIT_DIR/{VICTIM}"
  kill -9 "$victim"
fi
"""


class Death(NamedTuple):
    """
    Where a run dies.

    Attributes:
        at: The effect, counted from 1 over the run.
        during: It is a push: it arrives, and nobody hears of it; otherwise the effect
            is never begun.
    """

    at: int
    during: bool = False


class Lived(NamedTuple):
    """What a process did: its end (as ``subprocess`` has it), effects and output."""

    code: int
    effects: tuple[str, ...]
    out: str

    @property
    def killed(self) -> bool:
        """Whether it was."""
        return self.code == -signal.SIGKILL


def deadly(remote: Path) -> None:
    """Let *remote* kill whoever asks for it."""
    hook = remote / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK)
    hook.chmod(0o755)


class Warm:
    """The warm process; a context manager."""

    def __enter__(self) -> Self:
        argv = [sys.executable, "-m", "tests.support.deadly"]
        self._process = subprocess.Popen(
            argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(10) == 0

    def run(self, agency: Any, *argv: str, death: Death | None = None) -> Lived:
        """Run ``reconciler argv`` for *agency*, in a process of its own."""
        asked = {
            "argv": ["-C", str(agency.root), *argv],
            "environ": agency.environ(),
            "remote": str(agency.remote),
            "scratch": str(agency.root.parent),
            "death": death,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        code, effects, out = json.loads(self._process.stdout.readline())
        return Lived(code, tuple(effects), out)


# -- in the warm process -----------------------------------------------------------


class _Effects:
    """Writes down every effect before it happens, and dies where it is to."""

    def __init__(self, log: Path, death: Death | None, remote: Path) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._death, self._remote, self._number = death, remote, 0
        self.held = False

    def __call__(self, name: str, call: Callable[[], T]) -> T:
        self._number += 1
        death = self._death
        if death is not None and death.at == self._number:
            if not death.during or not name.startswith("push"):
                os.kill(os.getpid(), signal.SIGKILL)
            (self._remote / VICTIM).write_text(str(os.getpid()))
        os.write(self._log, f"{name}\n".encode())
        return call()

    def watch(self) -> None:
        """Have every effect of this process go through here."""
        from reconciler.audit.origin import Remote
        from reconciler.notify.smtp import Mail
        from reconciler.providers._http import Http

        push, request, mail = Remote.move, Http._sent, Mail.send

        def pushed(self, moves):
            if len(moves) == 1 and not effects.held:
                effects.held = True  # until the lock is held nothing happens
                return push(self, moves)
            if len(moves) == 1 and not moves[0].ref.endswith("/lock"):
                return push(self, moves)  # the heartbeat, when everything is over
            what = "journal" if len(moves) > 1 else "lock"
            return effects(f"push {what}", lambda: push(self, moves))

        def requested(self, sent):
            if sent.method in {"GET", "HEAD"} or "oauth2" in str(sent.url):
                return request(self, sent)
            words = [part for part in sent.url.path.split("/") if part.isalpha()]
            name = f"{sent.method} {'/'.join(words)}"
            return effects(name, lambda: request(self, sent))

        def mailed(self, message, now):
            return effects("mail", lambda: mail(self, message, now))

        effects = self
        Remote.move, Http._sent, Mail.send = pushed, requested, mailed


def _read_everything() -> None:
    import reconciler

    import_module("stripe")
    for found in walk_packages(reconciler.__path__, "reconciler."):
        if not found.name.startswith(_COLD):
            import_module(found.name)


def _forked(asked: dict[str, Any]) -> Lived:
    scratch = Path(asked["scratch"])
    effects, out = scratch / "effects", scratch / "output"
    pid = os.fork()
    if not pid:
        code = 70
        try:
            code = _live(asked, effects, out)
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return Lived(code, tuple(effects.read_text().splitlines()), out.read_text())


def _live(asked: dict[str, Any], effects: Path, out: Path) -> int:
    file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((null, 0), (file, 1), (file, 2)):
        os.dup2(old, new)
    os.environ.clear()
    os.environ.update(asked["environ"])
    death = Death(*asked["death"]) if asked["death"] else None
    _Effects(effects, death, Path(asked["remote"])).watch()
    sys.argv = ["reconciler", *asked["argv"]]
    from reconciler.cli import main

    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _serve() -> None:
    _read_everything()
    for line in sys.stdin:
        lived = _forked(json.loads(line))
        sys.stdout.write(json.dumps(lived) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
