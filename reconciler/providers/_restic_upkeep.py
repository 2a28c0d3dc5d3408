"""What is done to snapshots that are there: copied, read, forgotten. And its locks."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.kinds.backup import Backup, Check, CopyOver, PruneOld
from reconciler.model import Account, Receipt
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._archive_store import Store
from reconciler.providers._archive_upkeep import as_decided, number, texts
from reconciler.providers._archive_where import immutability
from reconciler.providers._process import is_gone
from reconciler.providers._restic import LONG, Repo
from reconciler.providers._restic_list import Shot, shots, tag
from reconciler.providers._restic_relay import relayed
from reconciler.providers._restic_run import read
from reconciler.providers._restic_where import (
    DRILL,
    MAINTAIN,
    WRITE,
    as_source,
    repo_of,
    store_at,
)

#: Restic renews a lock every five minutes; older than this, who holds it is gone.
STALE: Final = timedelta(minutes=30)
#: So many slices restic knows at most.
_SLICES: Final = 256
_LOCK: Final = re.compile(r"[0-9a-f]{64}")
_AT_ONCE: Final = 200


def mine(repo: Repo, want: Backup) -> dict[str, Shot]:
    """Return the snapshots of *want* that are ours, by id."""
    listed = shots(repo, "--tag", tag("backup", want.uid))
    return {one.id: one for one in listed if one.ours}


# -- copies ----------------------------------------------------------------------------


def copied(
    account: Account, theirs: Account, want: Backup, change: CopyOver
) -> Receipt:
    """
    Copy what is not here yet, and see that it is the same.

    Raises:
        Rejected: One of them is not there, cannot be read, or did not arrive.
    """
    ids = texts(change.details.get("ids"))
    source = repo_of(theirs, DRILL)
    target = repo_of(account, WRITE)
    known = mine(source, want)
    if lost := [one for one in ids if one not in known]:
        raise Rejected(f"{theirs.name}: {lost[0][:12]} is not there")
    freed(account, target, WRITE)
    before = _arrived(target, want, known)
    todo = [one for one in ids if one not in before]
    failed = None
    if todo:
        with _between(theirs, source, target) as both:
            failed = _each(both, "copy", todo, "--no-lock")
    there = _arrived(target, want, known)
    if lost := [one for one in ids if one not in there]:
        raise failed or Rejected(f"{account.name}: {lost[0][:12]} did not arrive")
    made: dict[str, JsonValue] = {one: there[one] for one in ids}
    return Receipt(
        reference=f"{theirs.name}/{account.name}",
        details={"from": theirs.name, "copied": made, "new": len(todo)},
    )


def _each(repo: Repo, verb: str, ids: list[str], *options: str) -> ProviderError | None:
    """
    Have restic do something with *ids*; return how it failed.

    What came of it shows afterwards, whatever it said.
    """
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        done = repo.said(verb, *options, *some, seconds=LONG)
        if not done.well:
            return repo.failure(verb, done)
    return None


def _arrived(target: Repo, want: Backup, known: Mapping[str, Shot]) -> dict[str, str]:
    """Return which of *known* are in *target*, all of them, and what they are there."""
    firsts = {one.original or one.id: one for one in known.values()}
    found = {}
    for one in mine(target, want).values():
        first = firsts.get(one.original or one.id)
        if first is not None and first.tree == one.tree:
            found[first.id] = one.id
    return found


@contextmanager
def _between(theirs: Account, source: Repo, target: Repo) -> Iterator[Repo]:
    """Give *target* as it is when it is copied to from *source*."""
    with ExitStack() as stack:
        if _other_keys(source, target):
            bucket = store_at(theirs, DRILL)
            if not isinstance(bucket, Bucket):
                raise Rejected(f"{theirs.name} is no bucket, and has keys of one")
            stack.callback(bucket.close)
            source = stack.enter_context(relayed(bucket, source))
        environ = {**source.environ, **target.environ, **as_source(source)}
        secrets = (*source.secrets, *target.secrets)
        hosts = (*source.hosts, *target.hosts)
        yield Repo(target.name, environ, secrets, hosts)


def _other_keys(source: Repo, target: Repo) -> bool:
    """Say whether both are buckets with keys of their own: restic takes one pair."""
    return any(
        key in source.environ and source.environ[key] != target.environ.get(key, "")
        for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
        if key in target.environ
    )


# -- checks ----------------------------------------------------------------------------


class Checked(NamedTuple):
    """What the reading of a slice told."""

    verdict: str
    why: str


def checked(account: Account, change: Check) -> Checked:
    """
    Read a slice of all packs, and look whether the rest is in order.

    It takes no lock, as whoever only reads can take none: where something else wrote
    meanwhile it may miss a pack. So what is wrong has to be wrong twice.
    """
    part, of = number(change, "slice"), max(1, number(change, "of"))
    of, part = min(of, _SLICES), (part - 1) % min(of, _SLICES) + 1
    argv = ("check", "--no-lock", f"--read-data-subset={part}/{of}")
    try:
        repo = repo_of(account, DRILL)
        done = repo.said(*argv, seconds=LONG)
        if not (done.well or done.late):
            done = repo.said(*argv, seconds=LONG)
        if not done.well:
            raise repo.failure("check", done)
    except Transient as error:
        return Checked("inconclusive", error.what)
    except Rejected as error:
        return Checked("failed", error.what)
    return Checked("passed", "")


# -- pruning ---------------------------------------------------------------------------


def pruned(account: Account, want: Backup, change: PruneOld) -> Receipt:
    """
    Forget exactly what was decided on, if everything is as it was then.

    The list is read again afterwards: up to 0.18 a server that refused is no error.
    """
    ids = frozenset(texts(change.details.get("ids")))
    kept = frozenset(texts(change.details.get("kept")))
    if immutability(want, account.name).mode == "append-only":
        raise Rejected(f"{account.name} is append-only: nothing is deleted")
    repo = repo_of(account, MAINTAIN)
    if held := freed(account, repo, MAINTAIN):
        raise Transient(f"{account.name} is locked {held[0]}")
    found = mine(repo, want)
    as_decided({one: shot.said for one, shot in found.items()}, ids, kept)
    failed = _each(repo, "forget", sorted(ids & found.keys()))
    left = mine(repo, want)
    if left.keys() & ids or not kept <= left.keys():
        said = "the listing shows something else than what was pruned"
        raise failed or Rejected(said)
    details: dict[str, JsonValue] = {"pruned": [*sorted(ids)], "left": len(left)}
    try:
        repo.run("prune", seconds=LONG)
    except ProviderError as error:  # what was forgotten is: its space comes later
        details["unfreed"] = error.what
    return Receipt(reference=f"{account.name}/prune", details=details)


# -- locks -----------------------------------------------------------------------------


class Lock(NamedTuple):
    """
    One lock of a repository.

    Attributes:
        at: When it was taken or renewed, by the clock of whoever keeps it.
        dead: Its process ran on this machine, and does no more.
    """

    name: str
    at: datetime
    who: str
    dead: bool

    def stale(self, now: datetime) -> bool:
        """Say whether it may be taken away: dead for sure, and old."""
        return self.dead and self.at < now - STALE

    def __str__(self) -> str:
        return f"since {self.at:%Y-%m-%d %H:%M} UTC by {self.who}"


def locks(store: Store, repo: Repo) -> list[Lock]:
    """Return the locks of a repository; one that goes meanwhile is none."""
    found = []
    for stored in store.names("locks/"):
        name = stored.name.rpartition("/")[2]
        if not _LOCK.fullmatch(name):
            continue  # it died before it had its name
        done = repo.said("cat", "lock", name, "--no-lock")
        row = read(done.out) if not done.code else None
        if isinstance(row, dict):
            found.append(Lock(stored.name, stored.at, _who(row), _dead(row)))
        elif done.code:
            found.append(Lock(stored.name, stored.at, "somebody", dead=False))
    return found


def freed(account: Account, repo: Repo, role: str) -> list[Lock]:
    """
    Take away what a killed process of this machine locked, half an hour later.

    Whoever may delete nothing leaves it to who may: it holds nothing up but a prune.
    Returns the other locks: who holds them may be at work.
    """
    store = store_at(account, role)
    found = locks(store, repo) if store is not None else []
    held = [one for one in found if not one.stale(account.clock())]
    for lock in found:
        if store is not None and lock not in held:
            with suppress(Rejected):
                store.remove(lock.name)
    if isinstance(store, Bucket):
        store.close()
    return held


def _who(row: Mapping[str, Any]) -> str:
    return f"{row.get('hostname', '?')}, process {row.get('pid', '?')}"


def _dead(row: Mapping[str, Any]) -> bool:
    """Say whether the process ran on this machine, and is not there any more."""
    pid = row.get("pid")
    if row.get("hostname") != platform.node() or not isinstance(pid, int) or pid <= 0:
        return False
    return is_gone(pid)
