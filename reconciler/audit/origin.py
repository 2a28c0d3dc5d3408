"""Where the refs live: in this repository, or on a remote; moved all or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from reconciler.audit.git import Answer, Git, without_credentials
from reconciler.audit.layout import Names
from reconciler.errors import AuditError, Tampered

#: Seconds between two tries at a remote that does not answer.
PAUSES = (0.2, 1.0, 3.0)
#: What git says of a ref that somebody is at, or was when the power failed.
_HELD = "cannot lock ref"
_REACH = "check the remote's address, the network and the credentials"


class Refs(NamedTuple):
    """What the three refs of an environment point to."""

    audit: str | None = None
    lock: str | None = None
    applied: str | None = None


class Move(NamedTuple):
    """One ref's step from *old* (None: it must not exist) to *new*."""

    ref: str
    old: str | None
    new: str


class Origin(Protocol):
    """The place where the refs are compared and swapped."""

    def read(self) -> Refs:
        """Return the refs as they are, with their objects at hand."""

    def seen(self) -> Refs:
        """Return the refs as they were seen here last; asks nobody."""

    def deepen(self) -> None:
        """Have the whole history of the audit branch at hand."""

    def fetch(self, ref: str) -> str | None:
        """Return what another *ref* points to, with its object at hand."""

    def move(self, moves: Sequence[Move]) -> bool:
        """
        Make all *moves* or none; False where a ref was not at its *old*.

        Raises AuditError where it could not be found out.
        """


class Local:
    """This repository alone; every ref is written through to the disk."""

    def __init__(self, git: Git, names: Names) -> None:
        self._git = git
        self._names = names

    def read(self) -> Refs:
        """Return the refs as they are."""
        return _refs(self._git, self._names)

    def seen(self) -> Refs:
        """Return the refs as they are."""
        return self.read()

    def deepen(self) -> None:
        """Everything is here already."""

    def fetch(self, ref: str) -> str | None:
        """Return what *ref* points to."""
        return _at(self._git, ref)

    def move(self, moves: Sequence[Move]) -> bool:
        """Compare and swap in one ``update-ref`` transaction."""
        orders = "".join(
            f"update {m.ref} {m.new} {m.old}\n"
            if m.old
            else f"create {m.ref} {m.new}\n"
            for m in moves
        )
        script = f"start\n{orders}prepare\ncommit\n"
        answer = self._git.move(script.encode())
        if answer.ok:
            return True
        found = {m.ref: _at(self._git, m.ref) for m in moves}
        if all(found[m.ref] == m.new for m in moves):
            return True
        if any(found[m.ref] != m.old for m in moves):
            return False
        raise AuditError(f"the audit refs cannot be moved: {answer.said}")


class Remote:
    """
    A remote, followed under ``refs/reconciler-remote/<env>/``.

    A shallow clone is read one commit deep, a partial clone stays partial and a
    full one full: a fetch must not change what kind of repository this is.
    """

    def __init__(
        self,
        git: Git,
        remote: str,
        names: Names,
        env: str,
        sleep: Callable[[float], None],
    ) -> None:
        self._git = git
        self._remote = remote
        self._names = names
        self._here = names.under(f"refs/reconciler-remote/{env}")
        self._sleep = sleep
        self._shown = without_credentials(remote)

    def read(self) -> Refs:
        """
        Ask the remote for its refs and fetch what is not here yet.

        Raises:
            Tampered: The audit branch lost what this clone has seen on it.
        """
        answer = Answer(0, b"", "")
        for pause in (*PAUSES, None):
            there = self._there()
            followed = _refs(self._git, self._here)
            if followed.audit and not there.audit:
                raise self._rewritten()
            if there == followed:
                return there
            answer = self._fetch(there, followed)
            if "non-fast-forward" in answer.err:
                raise self._rewritten()
            if answer.ok:
                return self._found(there)
            if _HELD in answer.err and self._beside(there):
                return there
            if pause is not None:
                self._sleep(pause)
        raise AuditError(f"{self._shown} cannot be fetched: {answer.said}", hint=_REACH)

    def seen(self) -> Refs:
        """Return our own copies of the refs."""
        return _refs(self._git, self._here)

    def _found(self, there: Refs) -> Refs:
        found = _refs(self._git, self._here)
        return Refs(*(f if t else None for t, f in zip(there, found, strict=True)))

    def _beside(self, there: Refs) -> bool:
        """
        Fetch what the refs point to, and leave our own copies of them as they are.

        A machine that lost its power has left one of them locked, for good. That is
        no reason to do nothing any more; False where it does not work either. That
        nothing was rewritten, git has looked at before it came to the lock.
        """
        pairs = zip(self._names, there, strict=True)
        new = [ref for ref, oid in pairs if oid and not self._here_is(oid)]
        depth = ["--depth=1"] if self._shallow() else []
        if new and not self._git.run(*_FETCH, *depth, self._remote, *new).ok:
            return False
        return all(self._here_is(oid) for oid in there if oid)  # or they moved

    def _here_is(self, oid: str) -> bool:
        return self._git.run("cat-file", "-e", f"{oid}^{{commit}}").ok

    def _rewritten(self) -> Tampered:
        return Tampered(
            f"{self._names.audit} on {self._shown} lost commits this clone has seen",
            hint=f"find out who rewrote it; {self._here.audit} has what was there",
        )

    def deepen(self) -> None:
        """Fetch the whole history of the audit branch, where only its end is here."""
        if not self._shallow():
            return
        follow = f"+{self._names.audit}:{self._here.audit}"
        self._git.ask(*_FETCH, "--depth=2147483647", self._remote, follow, hint=_REACH)

    def fetch(self, ref: str) -> str | None:
        """Ask the remote for one more ref, and fetch what is not here yet."""
        oid = self._listed(ref).get(ref)
        if oid and not self._here_is(oid):
            # Its commit has no parents: no depth is needed, and none is cut.
            answer = self._git.run(*_FETCH, self._remote, f"+{ref}:{self._aside(ref)}")
            if not answer.ok:
                raise AuditError(
                    f"{self._shown} cannot be fetched: {answer.said}", hint=_REACH
                )
            return _at(self._git, self._aside(ref))
        return oid

    def _aside(self, ref: str) -> str:
        return f"{self._here.audit.rpartition('/')[0]}/{ref.split('/')[-2]}"

    def move(self, moves: Sequence[Move]) -> bool:
        """Push atomically with a lease on each ref; look again if unsure."""
        answer = Answer(0, b"", "")
        for pause in (*PAUSES, None):
            answer = self._push(moves)
            found = {} if answer.ok else self._look(moves)
            if answer.ok or all(found.get(m.ref) == m.new for m in moves):
                self._follow(moves)
                return True
            if found and any(found[m.ref] != m.old for m in moves):
                return False
            if pause is None or _refused(answer):
                break
            self._sleep(pause)
        raise AuditError(
            f"{self._shown} did not take the commit: {answer.said}",
            hint="it may still arrive; nothing is done before a later run has looked",
        )

    def _push(self, moves: Sequence[Move]) -> Answer:
        leases = [f"--force-with-lease={m.ref}:{m.old or ''}" for m in moves]
        specs = [f"{m.new}:{m.ref}" for m in moves]
        quiet = ("--porcelain", "--atomic", "--no-verify")
        answer = self._git.run("push", *quiet, *leases, self._remote, *specs)
        said = [line for line in answer.out.decode().split("\n") if line[:1] == "!"]
        reasons = "; ".join(line.split("\t")[-1] for line in said)
        return answer._replace(err=f"{reasons} {answer.err}".strip())

    def _look(self, moves: Sequence[Move]) -> dict[str, str | None]:
        answer = self._git.run("ls-remote", self._remote, *(m.ref for m in moves))
        if not answer.ok:
            return {}
        there = _listed(answer.out)
        return {m.ref: there.get(m.ref) for m in moves}

    def _listed(self, *refs: str) -> dict[str, str]:
        answer = self._git.run("ls-remote", self._remote, *refs)
        for pause in PAUSES:
            if answer.ok:
                break
            self._sleep(pause)
            answer = self._git.run("ls-remote", self._remote, *refs)
        if not answer.ok:
            raise AuditError(
                f"{self._shown} cannot be read: {answer.said}", hint=_REACH
            )
        return _listed(answer.out)

    def _there(self) -> Refs:
        listed = self._listed(*self._names)
        return Refs(*(listed.get(name) for name in self._names))

    def _fetch(self, there: Refs, followed: Refs) -> Answer:
        shallow = self._shallow()
        specs = []
        if there.audit and there.audit != followed.audit:
            # Without a plus git refuses a history that was rewritten; one commit
            # deep it cannot tell.
            plus = "+" if shallow else ""
            specs.append(f"{plus}{self._names.audit}:{self._here.audit}")
        if there.lock and there.lock != followed.lock:
            specs.append(f"+{self._names.lock}:{self._here.lock}")
        if there.applied and there.applied != followed.applied:
            # A shallow clone would be cut at a commit it has: only name it then.
            if self._here_is(there.applied):
                self._git.ask("update-ref", self._here.applied, there.applied)
            else:
                specs.append(f"+{self._names.applied}:{self._here.applied}")
        if not specs:
            return Answer(0, b"", "")
        depth = ["--depth=1"] if shallow else []
        return self._git.run(*_FETCH, *depth, self._remote, *specs)

    def _follow(self, moves: Sequence[Move]) -> None:
        # Only a convenience for the next fetch; another process may be at it too.
        here = dict(zip(self._names, self._here, strict=True))
        known = [m for m in moves if m.ref in here]
        orders = "".join(f"update {here[m.ref]} {m.new}\n" for m in known)
        self._git.move(f"start\n{orders}prepare\ncommit\n".encode())

    def _shallow(self) -> bool:
        out = self._git.ask("rev-parse", "--is-shallow-repository")
        return out.strip() == b"true"


_FETCH = (
    "fetch",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-recurse-submodules",
    "--no-auto-maintenance",
    "--refmap=",
)


def _refused(answer: Answer) -> bool:
    # A hook or a rule of the host said no: asking again will not help.
    return any(
        word in answer.err
        for word in ("hook declined", "protected", "denied", "prohibited", "unpacker")
    )


def _listed(out: bytes) -> dict[str, str]:
    pairs = (line.split("\t") for line in out.decode().splitlines())
    return {ref: oid for oid, ref in pairs}


def _refs(git: Git, names: Names) -> Refs:
    listed = git.refs(names)
    return Refs(*(listed.get(name) for name in names))


def _at(git: Git, ref: str) -> str | None:
    answer = git.run("rev-parse", "--verify", "--quiet", ref)
    return answer.out.decode().strip() if answer.ok else None
