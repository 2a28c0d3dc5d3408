"""
How restic is run, and what its ends mean.

Sources: restic's manual ("Exit codes", "JSON output", "Environment variables"), its
changelog, and what 0.14.0, 0.18.0 and 0.19.1 did here. What follows:

* An exit code of 0 proves nothing, and is never a receipt: up to 0.18 a path that is
  missing ends with 0, and a ``forget`` that the server refused, too. Whoever calls
  looks at what is there afterwards. An exit code that nobody knows is a failure.
* Before 0.17 every failure is 1, and only the text says which. Both are read.
* Secrets are in the environment of the child alone, which inherits nothing of ours:
  another ``RESTIC_...`` or ``AWS_...`` of whoever runs this must not count.
* Who takes too long is interrupted, so that it takes its lock away, and killed only
  where that did not help.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.providers._restic_program import HINT, program
from reconciler.providers._said import shown

#: What a question may take; what reads or writes much has its own.
ASKED: Final = 900.0
LONG: Final = 6 * 3600.0
_CONNECT: Final = 10.0
#: An interrupted restic ends its uploads and takes its lock away.
_GRACE: Final = 10.0
_KEPT_LINES: Final = 60


class Said(NamedTuple):
    """
    How a run of restic ended.

    Attributes:
        code: Its exit code; below zero: the signal that ended it.
        out: What it wrote, where nobody took it line by line.
        told: The last lines of what it complained of.
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


class Repo(NamedTuple):
    """
    A repository, as one of its identities opens it.

    Attributes:
        name: The BackupRepository's.
        environ: Where it is and what opens it.
        secrets: What of that nobody may be shown.
        hosts: By whom it is reached over a network, whose failures say nothing of it.
    """

    name: str
    environ: Mapping[str, str]
    secrets: tuple[str, ...]
    hosts: tuple[tuple[str, int], ...] = ()

    def __repr__(self) -> str:
        return f"Repo({self.name})"

    def said(
        self,
        *arguments: str,
        seconds: float = ASKED,
        cwd: Path | None = None,
        each: Callable[[Mapping[str, Any]], None] | None = None,
        cached: bool = False,
        given: bytes | None = None,
    ) -> Said:
        """
        Run restic to its end, and say how that was.

        Args:
            arguments: The verb and its own; no secret.
            seconds: After so long it is interrupted.
            cwd: Where relative paths are.
            each: Takes every line that is JSON, instead of keeping all.
            cached: What was read of a remote repository before may be used: never
                where something is to be proven.
            given: A secret that it reads from ``/dev/fd/0``.
        """
        options = [] if cached and self.hosts else ["--no-cache"]
        if (down := _down(self.hosts)) is not None:
            return Said(1, "", down)
        argv = [program().path, arguments[0], *options, *arguments[1:]]
        return _run(argv, self._environ(), seconds, cwd, each, given)

    def run(self, *arguments: str, **more: Any) -> str:
        """
        Run restic, which has to end well; return what it wrote.

        Raises:
            Rejected: It said no, or nobody knows why it failed.
            Transient: It is locked, the network failed, or it took too long.
        """
        done = self.said(*arguments, **more)
        if not done.well:
            raise self.failure(arguments[0], done)
        return done.out

    def failure(self, verb: str, done: Said) -> ProviderError:
        """Return the error that *done* is."""
        return _failure(verb, done, self)

    def _environ(self) -> dict[str, str]:
        return {
            "TZ": "UTC",
            "LC_ALL": "C",
            "HOME": str(Path.home()),  # its cache is there
            "TMPDIR": tempfile.gettempdir(),
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.environ,
        }


def _down(hosts: Iterable[tuple[str, int]]) -> str | None:
    """
    Return why a host cannot be reached; None where all can.

    From 0.17 on restic tries for a quarter of an hour, and says nothing.
    """
    for host in hosts:
        try:
            socket.create_connection(host, _CONNECT).close()
        except OSError as error:
            return f"dial tcp {host[0]}:{host[1]}: {error.strerror or 'no answer'}"
    return None


def _run(
    argv: Sequence[str],
    environ: Mapping[str, str],
    seconds: float,
    cwd: Path | None,
    each: Callable[[Mapping[str, Any]], None] | None,
    given: bytes | None,
) -> Said:
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
    told, lost = deque[str](maxlen=_KEPT_LINES), list[str]()
    with child, _ended(child, seconds) as late:
        assert child.stdout is not None  # noqa: S101  (for mypy: it is a pipe)
        listener = threading.Thread(target=_listen, args=(child, told, lost))
        listener.start()
        if given is not None and child.stdin is not None:
            with suppress(BrokenPipeError), child.stdin:
                child.stdin.write(given)
        kept = _lines(child.stdout, each)
        code = child.wait()
        listener.join()
    out = b"".join(kept).decode("utf-8", "replace")
    return Said(code, out, "\n".join(told), late.is_set(), "".join(lost[:1]))


def _lines(
    out: IO[bytes], each: Callable[[Mapping[str, Any]], None] | None
) -> list[bytes]:
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


def _listen(child: subprocess.Popen[bytes], told: deque[str], lost: list[str]) -> None:
    """
    Keep the last lines of what *child* complains of.

    Before 0.17 it asks for a file that is gone for a quarter of an hour: it is ended.
    """
    with suppress(ValueError, OSError):  # closed, since we are being interrupted
        for line in child.stderr or ():
            text = line.decode("utf-8", "replace").rstrip()
            told.append(text)
            if _RETRIED in text and any(word in text for word in _GONE) and not lost:
                lost.append(text)
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


# -- what an end means -----------------------------------------------------------------

NO_REPOSITORY: Final = 10
LOCKED: Final = 11
WRONG_PASSWORD: Final = 12
INCOMPLETE: Final = 3
_NOTHING: Final = ("does not exist", "no such file or directory")
_TEXTS: Final = (
    (NO_REPOSITORY, _NOTHING),
    (LOCKED, ("already locked", "unable to create lock")),
    (WRONG_PASSWORD, ("wrong password or no key found",)),
)
_NETWORK: Final = (
    "dial tcp",
    "connection refused",
    "connection reset",
    "no such host",
    "i/o timeout",
    "TLS handshake timeout",
    "context deadline exceeded",
    "Client.Timeout",
    "unexpected EOF",
    "network is unreachable",
    "Service Unavailable",
    "Internal Server Error",
    "internal error",
    "Bad Gateway",
    "SlowDown",
    "reduce your request rate",
    "server response unexpected: 5",
    "temporary failure",
)
_RETRIED: Final = "returned error, retrying after"
_GONE: Final = ("no such file or directory", "specified key does not exist")
_FULL: Final = ("no space left on device", "disk quota exceeded")


def _failure(verb: str, done: Said, repo: Repo) -> ProviderError:
    if done.lost:
        what = _said(done.lost.partition(" ")[0], repo)
        return Rejected(f"{repo.name}: {what} is gone")
    if done.late:
        return Transient(f"{repo.name}: restic {verb} took too long")
    if done.code < 0:
        return Transient(f"{repo.name}: restic {verb} was ended by signal {-done.code}")
    told = _complaint(done.told)
    said = f"{repo.name}: restic {verb} failed ({done.code}): {_said(told, repo)}"
    match kind_of(done, repo):
        case -1:
            return Transient(said)
        case 10:
            return Rejected(f"{repo.name}: there is no repository")
        case 11:
            return Transient(f"{repo.name} is locked: {_said(told, repo)}")
        case 12:
            return Rejected(f"{repo.name}: the password does not open it")
        case _:
            return Rejected(said)


def kind_of(done: Said, repo: Repo) -> int:
    """
    Return what a failure is, in the codes of restic 0.17 and later.

    -1: it is none of the repository's: the network, or a disk that is full.
    """
    told = _complaint(done.told)
    words = (*(_NETWORK if repo.hosts else ()), *_FULL)
    if any(word in told for word in words):
        return -1
    if done.code in {NO_REPOSITORY, LOCKED, WRONG_PASSWORD}:
        return done.code
    # Whoever may not read what opens it is told nearly the same.
    gone = "unable to open config file" in told
    for kind, words in _TEXTS:
        if any(word in told for word in words) and (gone or kind != NO_REPOSITORY):
            return kind
    return done.code


def _complaint(told: str) -> str:
    """Return all that restic complained of; from 0.17 on it is JSON at the end."""
    lines = []
    for line in told.splitlines():
        row = read(line) if line.startswith("{") else None
        lines.append(str(row.get("message", line)) if isinstance(row, dict) else line)
    return "\n".join(lines)


def _before_a_trace(lines: list[str]) -> list[str]:
    """Return what stands before a trace of Go: each function, and below it its file."""
    first = next((n for n, line in enumerate(lines) if line.startswith("\t")), 0)
    return lines[: first - 1] if first > 1 else []


def _said(told: str, repo: Repo) -> str:
    """Return the part of it that says most, for people."""
    lines = [line for line in told.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("Fatal:", "unable to"))]
    best = (fatal or _before_a_trace(lines) or lines or ["it does not say why"])[-1]
    return shown(best.removeprefix("Fatal: "), repo.secrets)
