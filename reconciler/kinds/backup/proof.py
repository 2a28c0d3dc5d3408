"""Whether the record says that what is backed up can be restored. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from reconciler.kinds.backup.case import Case, Known
from reconciler.kinds.backup.facts import CHECKS, SKEW, Drilled, fact
from reconciler.kinds.backup.origin import NOWHERE, Whence
from reconciler.kinds.backup.suspicion import ALARM, doubted
from reconciler.model.backing import Backing
from reconciler.model.proof import Proof

_SHORT: Final = 8


def proven(
    recorded: Mapping[str, JsonValue],
    backing: Backing,
    now: datetime,
    accepted: Sequence[str] = (),
    whence: Whence = NOWHERE,
) -> Proof | str:
    """
    Return the drill that proves a backup by now, or the sentence why none does.

    Nothing is read but the record: a repository that nobody can reach now gives no
    proof anew, and takes none away; what was strange at the last look does.
    """
    case = Case(Known("", backing, (), recorded, accepted, (), whence), {}, now)
    if why := _strange(case):
        return why
    last = case.last(case.first)
    if last is None:
        return "nothing was backed up yet"
    if now - last.at > case.rpo:
        return f"the newest backup is of {last.at:%Y-%m-%d %H:%M}: older than its RPO"
    told = [one for one in case.drilled if one.verdict != "inconclusive"]
    if not told:
        return "no backup of it was restored and verified yet"
    newest = {one.copy: one for one in told}
    for one in newest.values():
        if one.verdict == "failed":
            return f"the last drill of {one.copy} failed on {one.at.date()}: {one.why}"
    passed = [one for one in told if one.verdict == "passed"]
    found = next(filter(None, (_fresh(case, one) for one in reversed(passed))), None)
    if found is not None:
        return found
    return _stale(case, passed[-1])


def _stale(case: Case, last: Drilled) -> str:
    """Return why the *last* drill that passed proves nothing any more."""
    if last.at < case.now - case.backing.prune.verified:
        return f"the last drill that passed is of {last.at.date()}: too long ago"
    if lacks := _lacks(case, last):
        return f"{', '.join(lacks)} was in no drill that passed"
    return "what was restored last was older than its RPO when it was restored"


def _fresh(case: Case, drill: Drilled) -> Proof | None:
    """Return what *drill* proves, where it is recent and was of something recent."""
    of = drill.of
    if of is None or drill.at < case.now - case.backing.prune.verified:
        return None
    if not case.recent(drill) or drill.at > case.now:
        return None
    if of > drill.at + SKEW or _lacks(case, drill):
        return None
    return Proof(
        of, drill.at, drill.reference or f"{drill.drill} drill of {drill.copy}"
    )


def _lacks(case: Case, drill: Drilled) -> list[str]:
    """Return the sources that *drill* did not restore as they are declared now."""
    return [
        name
        for name in case.backing.sources
        if name not in drill.snapshots or not case.still(name, drill.origins.get(name))
    ]


def _strange(case: Case) -> str | None:
    """Return what was wrong at the last look."""
    alarm = fact(case.recorded, ALARM)
    told = alarm.get("tampered")
    if isinstance(told, list) and told:
        return f"somebody tampered with it: {told[0]}"
    left = [one[:_SHORT] for one in doubted(case)]
    if left:
        return f"{', '.join(left)} is suspicious, and nobody has looked at it"
    checks = fact(case.recorded, CHECKS)
    for copy in case.names:
        if fact(checks, copy).get("bad"):
            return f"packs of {copy} are damaged"
    return None
