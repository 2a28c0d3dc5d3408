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

from reconciler.audit import loose
from reconciler.audit.entries import ERROR_LENGTH
from reconciler.audit.mover import Mover
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
        self._root = root
        self._start = ["git", "--no-pager", "--no-replace-objects", "-C", str(root)]
        for name, value in _SETTINGS.items():
            self._start += ["-c", f"{name}={value}"]
        self._reader: Reader | None = None
        self._mover: Mover | None = None
        self._refs: set[str] = set()

    def close(self) -> None:
        """Let go of what is kept between two questions; the next one begins anew."""
        reader, self._reader = self._reader, None
        mover, self._mover = self._mover, None
        for kept in (reader, mover):
            if kept is not None:
                kept.close()

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
            return self._reading().read(wanted)
        except Broken:
            self.close()
            return self._read_once(wanted)

    def refs(self, names: Iterable[str]) -> dict[str, str]:
        """
        Return what every one of *names* points to; what there is not is left out.

        Raises:
            AuditError: git cannot be asked.
        """
        wanted = list(names)
        # Of a name that is no ref the reader would look for the end of another one;
        # so it is asked for those that were one, and are not taken away again.
        found = self._ids(wanted) if self._refs.issuperset(wanted) else {}
        if len(found) == len(wanted):
            return found
        # A ref may also lead to what is not here: that is not to be without one.
        out = self.ask("for-each-ref", "--format=%(refname)\t%(objectname)", *wanted)
        pairs = (line.split("\t") for line in out.decode().splitlines())
        found = {ref: oid for ref, oid in pairs if ref in wanted}
        self._refs |= found.keys()
        return found

    def _ids(self, names: Sequence[str]) -> dict[str, str]:
        try:
            return self._reading().ids(names)
        except Broken:
            self.close()
            return {}

    def _reading(self) -> Reader:
        if self._reader is None:
            self._reader = Reader(self._start, self._environ, self._timeout)
        return self._reader

    def move(self, script: bytes) -> Answer:
        """
        Carry out one whole transaction of ``update-ref --stdin``.

        Where it is refused, one process of its own is asked again, and says why: a
        transaction that went through all the same is refused then, for its old values.
        """
        try:
            if self._mover is None:
                self._mover = Mover(self._start, self._environ, self._timeout)
            self._mover.move(script)
        except Broken:
            self.close()
            return self.run("update-ref", "--stdin", data=script)
        return Answer(0, b"", "")

    def keep(self, objects: Mapping[str, bytes]) -> None:
        """
        Write a few objects, by their ids and as git has them, through to the disk.

        Raises:
            AuditError: They cannot be written.
        """
        loose.write(self._objects, objects)

    @cached_property
    def _objects(self) -> Path:
        inside = self._root / ".git"
        if (inside / "HEAD").is_file() and (inside / "objects").is_dir():
            return inside / "objects"
        # A folder below, a linked work tree or a bare one: git knows.
        said = self.ask("rev-parse", "--git-path", "objects").decode()
        return self._root / said.removesuffix("\n")

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
        # What was left out is promised by a pack that came with it.
        packs, beside = self._objects / "pack", self._objects / "info" / "alternates"
        if not beside.exists() and not any(packs.glob("*.promisor")):
            return None
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
