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
"""

from __future__ import annotations

import re
import socket
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.providers._restic_program import program
from reconciler.providers._restic_run import Complaints, Each, Said, ran, read
from reconciler.providers._said import shown

#: What a question may take; what reads or writes much has its own.
ASKED: Final = 900.0
LONG: Final = 6 * 3600.0
_CONNECT: Final = 10.0


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
        each: Each | None = None,
        wrong: Each | None = None,
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
            wrong: Takes every line of JSON that it complains in, as it comes.
            cached: What was read of a remote repository before may be used: never
                where something is to be proven.
            given: A secret that it reads from ``/dev/fd/0``.
        """
        options = [] if cached and self.hosts else ["--no-cache"]
        if (down := _down(self.hosts)) is not None:
            return Said(1, "", down)
        argv = [program().path, arguments[0], *options, *arguments[1:]]
        heard = Complaints(wrong)
        return ran(argv, self._environ(), seconds, cwd, each, heard, given)

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
#: This machine, or the disk, cannot; as the system words it.
_SHORT: Final = re.compile(
    r"no space left on device|disk quota exceeded"
    r"|: (?:file too large|read-only file system|cannot allocate memory"
    r"|too many open files|resource temporarily unavailable)$",
    re.MULTILINE,
)
#: A program of Go that dies ends with this; its last words, and a trace.
_DIED: Final = 2
_LAST_WORDS: Final = ("fatal error: ", "panic: ", "runtime: out of memory")


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

    -1: it is none of the repository's: the network, a disk that is full, or a machine
    that has too little of something. A restic that died says nothing of it either.
    """
    told = _complaint(done.told)
    if repo.hosts and any(word in told for word in _NETWORK):
        return -1
    if _SHORT.search(told) or (done.code == _DIED and _last_words(told)):
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


def _last_words(told: str) -> list[str]:
    """Return what a program of Go says when it dies."""
    return [one for one in told.splitlines() if one.startswith(_LAST_WORDS)][:1]


def _before_a_trace(lines: list[str]) -> list[str]:
    """Return what stands before a trace of Go: each function, and below it its file."""
    first = next((n for n, line in enumerate(lines) if line.startswith("\t")), 0)
    return lines[: first - 1] if first > 1 else []


def _said(told: str, repo: Repo) -> str:
    """Return the part of it that says most, for people."""
    lines = [line for line in told.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("Fatal:", "unable to"))]
    found = fatal or _last_words(told) or _before_a_trace(lines) or lines
    best = (found or ["it does not say why"])[-1]
    return shown(best.removeprefix("Fatal: "), repo.secrets)
