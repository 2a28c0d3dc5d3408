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
#: Nobody knows when runs are: a drill may come so much early, of a short time less.
_EARLY: Final = timedelta(hours=12)
_PART: Final = 8


def kinds_of(case: Case) -> Iterator[tuple[str, Drill]]:
    """Yield every drill that is wanted, the one that proves more first."""
    for name in (FULL, SAMPLE):
        found: Drill | None = getattr(case.backing.drills, name)
        if found is not None:
            yield name, found


def reach(case: Case, wanted: Drill) -> tuple[str, ...]:
    """Return the copies that *wanted* is of by turns."""
    return (case.first,) if wanted.copy_ == "first" else case.names


def last_of(case: Case, name: str) -> Drilled | None:
    """Return the last drill that counts as a *name* and told something."""
    found = (one for one in reversed(_counted(case, name)) if _conclusive(one))
    return next(found, None)


def _counted(case: Case, name: str) -> list[Drilled]:
    """
    Return the drills that count as a *name*, whatever they told, the oldest first.

    A full one is a sample too, where it told something of a moment that is recent
    enough to prove a backup: one of last month says nothing of what is made now.
    """
    return [
        one for one in case.drilled if one.drill == name or _instead(case, one, name)
    ]


def _instead(case: Case, one: Drilled, name: str) -> bool:
    full = one.drill == FULL and name == SAMPLE
    return full and _conclusive(one) and case.recent(one)


def _conclusive(one: Drilled) -> bool:
    return one.verdict != "inconclusive"


def due_at(case: Case, name: str, wanted: Drill) -> datetime | None:
    """Return when the drill *name* is due next; None where there is nothing yet."""
    if not _ready(case, wanted):
        return None
    untold = _untold(case, name, wanted).values()
    return min([_turn_at(case, name, wanted), *untold])


def _turn_at(case: Case, name: str, wanted: Drill) -> datetime:
    """Return when it is the turn of *name*, of whatever copy."""
    told, tried = last_of(case, name), _counted(case, name)[-1:]
    again = min(AGAIN, wanted.every)
    times = [_early(one.at, again) for one in tried if not _conclusive(one)]
    if told is not None and told.verdict == "passed":
        times.append(_early(told.at, wanted.every))
    elif told is not None:
        alone = not _others(case, told)
        times.append(_early(told.at, again) if alone else told.at)
    return max(times, default=case.now)


def _early(at: datetime, span: timedelta) -> datetime:
    """Return what is *span* after *at*, and early enough for the run of that day."""
    return at + span - min(span / _PART, _EARLY)


def _untold(case: Case, name: str, wanted: Drill) -> dict[str, datetime]:
    """Return the copies of which no drill told anything yet, and when one may."""
    found = {}
    for copy in case.names:
        mine = next((n for n, one in _lightest(case) if copy in reach(case, one)), "")
        if mine != name or not case.complete(copy) or case.conclusive(copy):
            continue
        tried = max((one.at for one in case.drilled if one.copy == copy), default=None)
        again = min(AGAIN, wanted.every)
        found[copy] = _early(tried, again) if tried else case.now
    return found


def _lightest(case: Case) -> list[tuple[str, Drill]]:
    return [*kinds_of(case)][::-1]


def _ready(case: Case, wanted: Drill) -> list[str]:
    """Return the copies that *wanted* can be of now; any, where its own cannot."""
    whole = [one for one in case.names if case.complete(one)]
    return [one for one in reach(case, wanted) if one in whole] or whole


def _others(case: Case, failed: Drilled) -> list[str]:
    """
    Return the copies that passed before *failed*, or were never asked.

    What failed itself says nothing new: two that are bad are not asked in each run.
    """
    found = []
    for name in case.names:
        last = case.conclusive(name)
        open_ = last is None or (last.verdict == "passed" and last.at < failed.at)
        if name != failed.copy and open_ and case.complete(name):
            found.append(name)
    return found


def drill(case: Case) -> Iterator[DrillIt]:
    """
    Yield the one drill that is due, if one is.

    The full one first; what told nothing the last time waits for all others, so that
    what never comes to its end holds nothing up.
    """
    due: list[tuple[float, str, Drill]] = []
    for name, wanted in kinds_of(case):
        at = due_at(case, name, wanted)
        if at is not None and at <= case.now:
            tried = _counted(case, name)[-1:]
            vain = [one.at.timestamp() for one in tried if not _conclusive(one)]
            due.append((max(vain, default=0.0), name, wanted))
    if due:
        _, name, wanted = min(due, key=lambda one: one[0])
        copy, receipt = _chosen(case, name, wanted)
        yield _drill(case, name, wanted, copy, receipt)


def _chosen(case: Case, name: str, wanted: Drill) -> tuple[str, Received]:
    """Return what is drilled: the copy that was not for longest, and its moment."""
    seed = _seed(case, name)
    times = _times(case, name)

    def waits(copy: str) -> tuple[float, float, str]:
        return (*times[copy], _shuffled(seed, copy))

    copy = min(_candidates(case, name, wanted), key=waits)
    found = case.complete(copy)
    if wanted.point == "latest":
        return copy, found[-1]
    recent = [one for one in found if one.at > case.now - _WINDOW] or found[-1:]
    return copy, recent[int(seed, 16) % len(recent)]


def _candidates(case: Case, name: str, wanted: Drill) -> list[str]:
    """Return the copies of which the one that waits longest is drilled."""
    if _turn_at(case, name, wanted) > case.now:
        untold = _untold(case, name, wanted)
        return [copy for copy, at in untold.items() if at <= case.now]
    last = next(reversed(_counted(case, name)), None)
    if last is not None and last.verdict == "failed":
        return _others(case, last) or [c for c in case.names if case.complete(c)]
    return _ready(case, wanted)


def _times(case: Case, name: str) -> dict[str, tuple[float, float]]:
    """Return by copy when a *name* and any drill was of it, in seconds; 0: never."""
    found = {}
    for copy in case.names:
        alike = [o.at.timestamp() for o in _counted(case, name) if o.copy == copy]
        whole = [o.at.timestamp() for o in case.drilled if o.copy == copy]
        found[copy] = (max(alike, default=0.0), max(whole, default=0.0))
    return found


def _shuffled(seed: str, word: str) -> str:
    return sha256(f"{seed}|{word}".encode()).hexdigest()


def news(case: Case, of: datetime | None) -> bool:
    """Say whether what was backed up at *of* is not older than what was seen last."""
    last = moment(case.recorded.get(OBSERVED_OF))
    if last is None or case.ahead(last):
        return True
    return of is not None and of >= last


def _since(case: Case, name: str) -> str:
    """
    Return the end of the drill before: what makes the next one another.

    Of whatever copy, so that none that leaves the policy has it be one that was. One
    that was held by a clock that was ahead counts for nothing, and is done all the
    same: without its number the next one would be taken for it.
    """
    names = {name, FULL} if name == SAMPLE else {name}
    told = [*drills(case.recorded)]
    mine = (one.at for one in told if one.drill in names)
    since = max((at for at in mine if not case.ahead(at)), default=None)
    ahead = sum(case.ahead(one.at) for one in told)
    text = since.isoformat() if since else "first"
    return f"{text}+{ahead}" if ahead else text


def _seed(case: Case, name: str) -> str:
    return sha256(f"{case.uid}|{name}|{_since(case, name)}".encode()).hexdigest()


def _drill(
    case: Case, name: str, wanted: Drill, copy: str, receipt: Received
) -> DrillIt:
    place = case.repository(copy)
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
    if not case.makes and receipt.at >= case.complete(copy)[-1].at:
        details["adopted"] = True
    of = f"{receipt.at:%Y-%m-%d %H:%M}"
    last = next(reversed(_counted(case, name)), None)
    before = f"the last {last.verdict} on {last.at.date()}" if last else "never done"
    return DrillIt(
        share=case.share(copy),
        fields=(FieldChange(field=f"spec.drills.{name}", after=of),),
        because=f"{name} drill of {copy} is due: {before}",
        generation=f"{name}/{_since(case, name)}",
        details=details,
    )
