"""
What a run leaves for others to read: a few files on a branch of one commit.

The branch is a cache. It is replaced whole, by a push that names what it replaces, and
whoever loses that race looks again. Nothing that acts believes it: a plan against the
snapshot changes nothing, and an approved plan must hash to the digest a person gave.
Only when the last runs were is taken from it: that says for how long a move may wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import AwareDatetime, ValidationError

from reconciler.audit.git_store import GitStore
from reconciler.audit.layout import observed
from reconciler.audit.objects import Snapshot
from reconciler.audit.origin import Move
from reconciler.audit.writer import Draft, write
from reconciler.errors import AuditError
from reconciler.model import Frozen

#: The live state, redacted and dated: ``plan --observed``.
SNAPSHOT = "snapshot.json"
#: The plan of what waits for a person, and its digest: ``apply --approved-plan``.
HELD = "held.json"
#: The same, for people.
PLAN = "plan.md"
HEARTBEAT = "heartbeat.json"
_TRIES = 5
_DAY = timedelta(days=1)
#: Of the runs of a day, one each ten minutes is remembered, and never more.
_APART, _RUNS = timedelta(minutes=10), 150


class Heartbeat(Frozen):
    """
    The pulse of the scheduled run.

    Attributes:
        run: The run that published last.
        at: When it ended.
        commit: The commit it applied.
        complete: Whether it could read everything and left nothing half-known.
        exit: What it exited with.
        last_complete: When a run was complete for the last time; None if never.
        runs: When the runs of the last day ended, the one before them and this one; of
            those that were within ten minutes, the first. Whoever could do nothing
            (exit 1) is none of them.
    """

    format: Literal["reconciler.heartbeat/v1"] = "reconciler.heartbeat/v1"
    run: str
    at: AwareDatetime
    commit: str | None
    complete: bool
    exit: int
    last_complete: AwareDatetime | None = None
    runs: tuple[AwareDatetime, ...] = ()


class Latest(NamedTuple):
    """What is published, by name, and the commit it is in; None where nothing is."""

    commit: str | None
    files: Mapping[str, bytes]


def publish(
    store: GitStore,
    files: Mapping[str, bytes | None],
    *,
    now: datetime,
    above: Latest | None = None,
) -> bool:
    """
    Replace what is published with *files*; others that are there stay.

    Args:
        store: The journal of the environment: its remote, its author, its secrets,
            which are masked.
        files: Contents by name; None takes a file away.
        now: When this was seen.
        above: What was published a moment ago, where that was looked up already.

    Returns:
        False where somebody has published something newer meanwhile.

    Raises:
        AuditError: The remote cannot be read or did not take it.
    """
    ref = observed(store.env)
    for _ in range(_TRIES):
        there, before = above or latest(store)
        above = None
        if there and _dated(store, there) > now.timestamp():
            return False
        kept = {**before, **_masked(store, files)}
        draft = Draft(_message(now), None, {k: v for k, v in kept.items() if v})
        (made,) = write(store.git, store.author, now, [draft])
        if store.origin.move([Move(ref, there, made)]):
            return True
    raise AuditError(
        f"{ref} changed hands again and again", hint="try again in a minute"
    )


def published(store: GitStore) -> Mapping[str, bytes]:
    """
    Return what is published, by name; nothing where nobody ever published.

    Raises:
        AuditError: The remote cannot be read.
    """
    return latest(store).files


def latest(store: GitStore) -> Latest:
    """
    Return what is published, and where; for whoever replaces a part of it.

    Raises:
        AuditError: The remote cannot be read.
    """
    commit = store.origin.fetch(observed(store.env))
    return Latest(commit, Snapshot(store.git, commit).whole())


def heartbeat(files: Mapping[str, bytes]) -> Heartbeat | None:
    """Return the heartbeat of what is published; None without one that is whole."""
    try:
        return Heartbeat.model_validate_json(files[HEARTBEAT])
    except (KeyError, ValidationError):
        return None


def beaten(beat: Heartbeat, before: Heartbeat | None) -> bytes:
    """Return *beat* as its file; what it cannot know it takes from the one before."""
    last = beat.at if beat.complete else before and before.last_complete
    runs = [*before.runs] if before else []
    if before and not runs and before.exit != 1:  # written before runs were kept
        runs = [before.at]
    if beat.exit != 1 and not (runs and timedelta() <= beat.at - runs[-1] < _APART):
        runs.append(beat.at)
    old = sum(beat.at - at > _DAY for at in runs)
    kept = {"last_complete": last, "runs": tuple(runs[max(0, old - 1) :][-_RUNS:])}
    whole = beat.model_copy(update=kept)
    return whole.model_dump_json(indent=2).encode() + b"\n"


def _masked(
    store: GitStore, files: Mapping[str, bytes | None]
) -> dict[str, bytes | None]:
    return {
        name: None if data is None else str(store.redact(data.decode())).encode()
        for name, data in files.items()
    }


def _dated(store: GitStore, commit: str) -> int:
    return int(store.git.ask("show", "-s", "--format=%ct", commit))


def _message(now: datetime) -> str:
    return f"observed: {now:%Y-%m-%d %H:%M} UTC\n\nA cache; the next run replaces it.\n"
