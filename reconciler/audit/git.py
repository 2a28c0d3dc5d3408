"""The git program: by argument list, in a clean environment, never without an end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from reconciler.audit.entries import ERROR_LENGTH
from reconciler.audit.reader import Broken, Reader
from reconciler.errors import AuditError

#: Seconds that one git command may take.
TIMEOUT = 120.0
_OK = 0
_ANSWERED = 3
# A hook runs with GIT_DIR, GIT_INDEX_FILE and the like, which would lead git astray;
# these are how a user or a CI system configures git and its transport.
_KEPT = re.compile(
    r"GIT_(SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|CONFIG_GLOBAL|CONFIG_SYSTEM"
    r"|CONFIG_NOSYSTEM|CONFIG_COUNT|CONFIG_(KEY|VALUE)_\d+|SSL_CAINFO)"
)
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.quotePath": "false",
    "core.fsync": "committed,reference",
    "core.fsyncMethod": "fsync",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "push.followTags": "false",
    "push.gpgSign": "false",
    "push.recurseSubmodules": "no",
    "fetch.writeCommitGraph": "false",
    "log.showSignature": "false",
}
_CREDENTIALS = re.compile(r"://[^@/\s]+@")


class Answer(NamedTuple):
    """What git said; code -1 means that it did not end in time."""

    code: int
    out: bytes
    err: str

    @property
    def ok(self) -> bool:
        """Whether git was content."""
        return self.code == _OK

    @property
    def said(self) -> str:
        """The complaint, cut to what people read."""
        return self.err[:ERROR_LENGTH]


class Git:
    """
    One repository, reached through the git program.

    Never touches the index or the work tree; works in shallow clones, linked work
    trees and bare repositories.

    Args:
        root: Anywhere in the repository.
        environ: What git may see of the environment (``PATH``, ``HOME``, ssh agent,
            credentials); variables that would redirect git are left out.
        timeout: Seconds that one command may take.
    """

    def __init__(
        self, root: Path, environ: Mapping[str, str], timeout: float = TIMEOUT
    ) -> None:
        kept = {
            name: value
            for name, value in environ.items()
            if not name.startswith("GIT_") or _KEPT.fullmatch(name)
        }
        clean = {**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        # Encoded once, and not again for each of the processes of a run.
        self._environ = {os.fsencode(n): os.fsencode(v) for n, v in clean.items()}
        self._timeout = timeout
        self._start = ["git", "--no-pager", "--no-replace-objects", "-C", str(root)]
        for name, value in _SETTINGS.items():
            self._start += ["-c", f"{name}={value}"]
        self._reader: Reader | None = None

    def close(self) -> None:
        """Let go of what is kept between two questions; the next one begins anew."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def objects(self, oids: Iterable[str]) -> dict[str, bytes]:
        """
        Return the contents of every one of *oids* that there is.

        Raises:
            AuditError: git cannot be asked.
        """
        wanted = list(dict.fromkeys(oids))
        if not wanted:
            return {}
        try:
            if self._reader is None:
                self._reader = Reader(self._start, self._environ, self._timeout)
            return self._reader.read(wanted)
        except Broken:
            self.close()
            return self._read_once(wanted)

    def _read_once(self, oids: Sequence[str]) -> dict[str, bytes]:
        """Ask a process that is not kept: it says what is wrong."""
        data = "".join(f"{oid}\n" for oid in oids).encode()
        out = self.ask("cat-file", "--batch", data=data)
        found, at = {}, 0
        for oid in oids:
            end = out.index(b"\n", at)
            header = out[at:end].split()
            at = end + 1
            if len(header) == _ANSWERED and header[-1].isdigit():
                size = int(header[-1])
                found[oid] = out[at : at + size]
                at += size + 1
        return found

    @cached_property
    def promisor(self) -> str | None:
        """The remote that has what a partial clone left out; None in a whole one."""
        said = self.run("config", "--get-regexp", r"^remote\..*\.promisor$")
        if not said.ok:
            return None
        name = said.out.decode().split()[0]
        return name.removeprefix("remote.").removesuffix(".promisor")

    def run(self, *args: str, data: bytes = b"") -> Answer:
        """Run git and return what it said, whatever it said."""
        with subprocess.Popen(
            [*self._start, *args],
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(data, timeout=self._timeout)
            except subprocess.TimeoutExpired:
                _end(process)
                return Answer(-1, b"", f"no answer within {self._timeout:g} s")
            except BaseException:
                _end(process)
                raise
        return Answer(process.returncode, out, _readable(err))

    def ask(self, *args: str, data: bytes = b"", hint: str | None = None) -> bytes:
        """
        Run git and return its output.

        Raises:
            AuditError: It failed.
        """
        answer = self.run(*args, data=data)
        if not answer.ok:
            raise AuditError(f"git {args[0]} failed: {answer.said}", hint=hint)
        return answer.out


def without_credentials(text: str) -> str:
    """Return *text* without what stands before the ``@`` of an address."""
    return _CREDENTIALS.sub("://***@", text)


def _readable(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").split("\n")
    return without_credentials(
        "; ".join(line.strip() for line in lines if line.strip())
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    # Its helpers (ssh, git-remote-https) hold the pipes: the whole group goes.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.wait()
