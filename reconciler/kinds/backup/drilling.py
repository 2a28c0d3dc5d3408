"""Which drill is due, of which copy, of which moment. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from pydantic import JsonValue

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.changes import DrillIt
from reconciler.kinds.backup.facts import Drilled, Received, drills, fact, moment
from reconciler.model import FieldChange
from reconciler.model.backing import Drill

SAMPLE: Final = "sample"
FULL: Final = "full"
#: What the last drill that passed has seen, by check.
OBSERVED: Final = "observed"
#: Of which moment that is: what is older has every right to be less.
OBSERVED_OF: Final = "observedOf"
#: What told nothing, and what failed, is tried again so much later.
AGAIN: Final = timedelta(days=1)
#: One point at random is one of these days.
_WINDOW: Final = timedelta(days=30)


def kinds_of(case: Case) -> Iterator[tuple[str, Drill]]:
    """Yield every drill that is wanted, the one that proves more first."""
    for name in (FULL, SAMPLE):
        found: Drill | None = getattr(case.backing.drills, name)
        if found is not None:
            yield name, found


def last_of(case: Case, name: str) -> Drilled | None:
    """Return the last drill that counts as a *name*: a full one proves a sample too."""
    names = {name, FULL} if name == SAMPLE else {name}
    found = (one for one in reversed(case.drilled) if one.drill in names)
    return next(found, None)


def due_at(case: Case, name: str, wanted: Drill) -> datetime | None:
    """Return when the drill *name* is due next; None where there is nothing yet."""
    if not any(case.complete(one.repository) for one in case.copies):
        return None
    last = last_of(case, name)
    if last is None:
        return case.now
    if last.verdict == "passed":
        return last.at + wanted.every
    if last.verdict == "failed" and _others(case, last):
        return last.at  # is it that copy alone?
    return last.at + min(AGAIN, wanted.every)


def _others(case: Case, failed: Drilled) -> list[str]:
    """Return the copies that were not drilled since *failed*."""
    found = []
    for name in dict.fromkeys(one.repository for one in case.copies):
        last = case.conclusive(name)
        older = last is None or last.at < failed.at
        if name != failed.copy and older and case.complete(name):
            found.append(name)
    return found


def drill(case: Case) -> Iterator[DrillIt]:
    """Yield the one drill that is due, if one is."""
    for name, wanted in kinds_of(case):
        at = due_at(case, name, wanted)
        if at is None or at > case.now:
            continue
        copy, receipt = _chosen(case, name, wanted)
        yield _drill(case, name, wanted, copy, receipt)
        return


def _chosen(case: Case, name: str, wanted: Drill) -> tuple[str, Received]:
    """Return what is drilled: the copy that was not for longest, and its moment."""
    last, seed = last_of(case, name), _seed(case, name)
    names = [c.repository for c in case.copies if case.complete(c.repository)]
    if last is not None and last.verdict == "failed":
        names = _others(case, last) or [last.copy]
        names = [one for one in names if case.complete(one)] or [
            c.repository for c in case.copies if case.complete(c.repository)
        ]
    elif wanted.copy_ == "first" and case.first in names:
        names = [case.first]
    copy = min(names, key=lambda one: (_drilled(case, one), _shuffled(seed, one)))
    found = case.complete(copy)
    if wanted.point == "latest":
        return copy, found[-1]
    recent = [one for one in found if one.at > case.now - _WINDOW] or found[-1:]
    return copy, recent[int(seed, 16) % len(recent)]


def _drilled(case: Case, copy: str) -> float:
    """Return when *copy* was last drilled, in seconds; 0 where it never was."""
    times = [one.at.timestamp() for one in case.drilled if one.copy == copy]
    return max(times, default=0.0)


def _shuffled(seed: str, word: str) -> str:
    return sha256(f"{seed}|{word}".encode()).hexdigest()


def news(case: Case, of: datetime | None) -> bool:
    """Say whether what was backed up at *of* is not older than what was seen last."""
    last = moment(case.recorded.get(OBSERVED_OF))
    return last is None or (of is not None and of >= last)


def _since(case: Case, name: str) -> str:
    """
    Return the end of the drill before: what makes the next one another.

    Of whatever copy, so that none that leaves the policy has it be one that was.
    """
    names = {name, FULL} if name == SAMPLE else {name}
    times = [one.at for one in drills(case.recorded) if one.drill in names]
    return max(times).isoformat() if times else "first"


def _seed(case: Case, name: str) -> str:
    return sha256(f"{case.uid}|{name}|{_since(case, name)}".encode()).hexdigest()


def _drill(
    case: Case, name: str, wanted: Drill, copy: str, receipt: Received
) -> DrillIt:
    place, last = case.repository(copy), last_of(case, name)
    keep = ("files", "bytes", "manifest", "canary")
    told: dict[str, JsonValue] = {
        source: {key: row[key] for key in keep if key in row}
        for source, row in receipt.sources.items()
    }
    details: dict[str, JsonValue] = {
        "drill": name,
        "snapshots": dict(receipt.snapshots),
        "files": wanted.files,
        "seed": _seed(case, name),
        "escrow": wanted.escrow and place is not None and place.escrow,
        "at": receipt.at.isoformat(),
        "receipt": told,
        "before": fact(case.recorded, OBSERVED) if news(case, receipt.at) else {},
    }
    of = f"{receipt.at:%Y-%m-%d %H:%M}"
    before = f"the last {last.verdict} on {last.at.date()}" if last else "never done"
    return DrillIt(
        share=case.share(copy),
        fields=(FieldChange(field=f"spec.drills.{name}", after=of),),
        because=f"{name} drill of {copy} is due: {before}",
        generation=f"{name}/{_since(case, name)}",
        details=details,
    )
