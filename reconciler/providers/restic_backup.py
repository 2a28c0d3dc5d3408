"""
The engine restic: repositories in a folder, a bucket or at a REST server.

Restic is a program of this machine, 0.14 or later (``_restic.py`` says what differs by
version). Sources: its manual and its design document ("Repository Layout": the name of
a snapshot's file is the SHA-256 of it; "Locks"), and what three versions did here.

Secrets: ``password``, and ``escrowKey`` where there is one: a second key of the
repository, which is added when it is made. Of a bucket ``write``, ``maintain`` and
``drill``, each ``KEY:SECRET``; of a REST server ``USER:PASSWORD``. Without ``maintain``
nothing is deleted there; what is deleted in a folder is up to who owns it, but never
where its repository is declared append-only.

What follows from it:

* There are no keys of ours: a read shows what happened. A backup is looked for by the
  tag of its slot, and counts only with all that a receipt says.
* When snapshots came, whoever keeps them says: the client's date can be forged. Where
  nothing came since it was asked last, and what opens the repository is as it was,
  restic is not asked again for up to a day: a listing costs a moment, and opening a
  repository half a second of work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from math import ceil
from time import monotonic
from typing import ClassVar

from pydantic import JsonValue

from reconciler.errors import Rejected, Unsupported
from reconciler.kinds.backup import (
    BackUp,
    Backup,
    BackupChange,
    Check,
    CopyOver,
    DrillIt,
    ExtendLock,
    PruneOld,
    Rewind,
)
from reconciler.kinds.backup_repository import (
    BackupRepository,
    Init,
    RepositoryChange,
)
from reconciler.model import (
    Account,
    Advice,
    Driver,
    Observation,
    Observed,
    OpClass,
    Receipt,
    SecretRef,
    Unknown,
)
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._archive_store import Store
from reconciler.providers._backup_hooks import mask_of
from reconciler.providers._drill import drilled_of
from reconciler.providers._outline import Outline, outline_of
from reconciler.providers._restic import Repo
from reconciler.providers._restic_hidden import extended, wound_back
from reconciler.providers._restic_list import shots, tag
from reconciler.providers._restic_making import Making
from reconciler.providers._restic_program import program
from reconciler.providers._restic_restorer import ResticRestorer
from reconciler.providers._restic_run import read
from reconciler.providers._restic_seen import Buried, Looking, Seen
from reconciler.providers._restic_upkeep import (
    Checked,
    checked,
    copied,
    freed,
    pruned,
)
from reconciler.providers._restic_where import DRILL, ESCROW, WRITE, repo_of, store_at

Want = BackupRepository | Backup
Do = RepositoryChange | BackupChange


class ResticBackup(Driver[Want, Do]):
    """One repository of restic."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "init": OpClass.PROBE,
        "back-up": OpClass.PROBE,
        "copy": OpClass.PROBE,
        "drill": OpClass.PROBE,
        "check": OpClass.PROBE,
        "prune": OpClass.PROBE,
        "extend-lock": OpClass.PROBE,
        "rewind": OpClass.PROBE,
    }
    credentials: ClassVar[frozenset[str]] = frozenset({"password"})
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account
        self._checks: dict[tuple[JsonValue, JsonValue], Checked] = {}

    @cached_property
    def _store(self) -> Store | None:
        """Its files; None where no listing shows when they came."""
        return store_at(self._account, WRITE)

    @cached_property
    def _outline(self) -> Outline | None:
        """Its listings; None there, too."""
        store = self._store
        return None if store is None else outline_of(self._account, WRITE, store)

    @cached_property
    def _looking(self) -> Looking:
        return Looking(self._account, self._store, self._outline)

    def identity(self) -> str | None:
        """Return the address: whoever reads what is there, reads the right one."""
        self._looking.ahead()
        return self._account.settings.get("url")

    def examine(self) -> Iterable[Advice]:
        """Say that restic is not on this machine, or too old."""
        try:
            program()
        except Rejected as error:
            yield Advice(error.what, error.hint or "")

    def observe(self, wants: Sequence[Want]) -> Observation:
        """Report the repository, and what it has of each backup."""
        whole = self._looking.whole()
        states: dict[str, Observed] = {}
        for want in wants:
            if not isinstance(whole, Seen | Buried):
                states[want.name] = whole
            elif isinstance(want, Backup):
                states[want.name] = self._looking.copy(want, whole)
            elif isinstance(whole, Seen):
                states[want.name] = whole.repository()
            else:
                states[want.name] = Unknown(why=whole.why)
        asked = {"list": self._looking.counted()}
        self.close()  # of a thousand repositories all connections are many
        return Observation(states, requests=asked)

    # -- acting ------------------------------------------------------------------------

    def apply(self, want: Want, change: Do, key: str) -> Receipt:
        """Carry out one change, and look that it was."""
        del key
        if isinstance(want, BackupRepository):
            return self._init(change)
        match change:
            case BackUp():
                return self._back_up(want, change)
            case CopyOver():
                return self._take(want, change)
            case Check():
                return self._check(change)
            case PruneOld():
                return pruned(self._account, want, change)
            case DrillIt():
                return drilled_of(self._account, want, change, self.restorer(want))
            case ExtendLock():
                return extended(self._account, want, change)
            case Rewind():
                return wound_back(self._account, want, change)
            case _:
                raise Unsupported(f"restic cannot {change.verb}")

    def _init(self, change: Do) -> Receipt:
        """Make the repository, and give it its second key."""
        if not isinstance(change, Init):
            raise Unsupported(f"restic cannot {change.verb}")
        repo = repo_of(self._account, WRITE)
        there = repo.said("cat", "config", "--no-lock")
        made = not there.well
        done = there
        if made:
            done = repo.said("init")
            there = repo.said("cat", "config", "--no-lock")
        config = read(there.out)
        if not isinstance(config, dict):
            raise repo.failure("init", done if not done.well else there)
        if self._account.secrets.get(ESCROW):
            self._second_key(repo)
        return Receipt(reference=str(config["id"]), replayed=not made)

    def _second_key(self, repo: Repo) -> None:
        """Let the escrow key open it too, unless it does."""
        second = repo_of(self._account, WRITE, ESCROW)
        if second.said("cat", "config", "--no-lock").code:
            given = self._account.secrets[ESCROW].encode() + b"\n"
            repo.run("key", "add", "--new-password-file", "/dev/fd/0", given=given)
            second.run("cat", "config", "--no-lock")

    def _back_up(self, want: Backup, change: BackUp) -> Receipt:
        backing = want.makings.backing
        if backing is None:
            raise Rejected(f"{want.ref} has no policy")
        repo = repo_of(self._account, WRITE)
        freed(self._account, repo, WRITE)
        return Making(
            repo=repo,
            want=want,
            backing=backing,
            copy=self._account.name,
            clock=self._account.clock,
            secret=self._secret,
            mask=mask_of(self._account),
        ).make(change)

    def _secret(self, ref: SecretRef) -> str:
        if self._account.backing is None:
            raise Rejected(f"{ref} cannot be had here")
        return self._account.backing.secret(ref)

    def _take(self, want: Backup, change: CopyOver) -> Receipt:
        name = str(change.details["from"])
        if self._account.backing is None:
            raise Rejected(f"{name} cannot be reached from here")
        theirs = self._account.backing.repository(name)
        return copied(self._account, theirs, want, change)

    def _check(self, change: Check) -> Receipt:
        """Read a slice once, however many backups ask for it in this run."""
        part, of = change.details.get("slice"), change.details.get("of")
        begun = monotonic()
        if (part, of) not in self._checks:
            self._checks[part, of] = checked(self._account, change)
        found = self._checks[part, of]
        return Receipt(
            reference=f"{self._account.name}/check/{part}-{of}",
            details={
                "drill": "check",
                "copy": self._account.name,
                "verdict": found.verdict,
                "why": found.why,
                "snapshots": {},
                "seconds": ceil(monotonic() - begun),
            },
        )

    def restorer(self, want: Backup) -> ResticRestorer:
        """Return what a drill reads this copy by."""
        return ResticRestorer(self._account, want)

    def happened(
        self, want: Want, change: Do, key: str, since: datetime
    ) -> bool | None:
        """
        Say that a lost change had no effect, where a look shows that.

        A backup of which there is a snapshot has none by that alone: it is asked for
        again, and what is there is looked through.
        """
        del key
        if self._account.clock() - since < self.settled_after(change):
            return None
        match change:
            case BackUp() if isinstance(want, Backup):
                slot = change.details.get("slot")
                repo = repo_of(self._account, DRILL)
                listed = shots(repo, "--tag", tag("backup", want.uid))
                return (
                    None if any(o.tags.get("slot") == slot for o in listed) else False
                )
            case DrillIt() | Check():
                return None
            case _:
                return False

    def close(self) -> None:
        """Let go of connections."""
        store, outline = (self.__dict__.get(one) for one in ("_store", "_outline"))
        if isinstance(store, Bucket):
            store.close()
        if outline is not None:
            outline.close()


DRIVER = ResticBackup
