"""What somebody should know about one backup, whether or not anything is done. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import Final, NamedTuple

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.checking import unread
from reconciler.kinds.backup.clock import ahead
from reconciler.kinds.backup.cost import monthly
from reconciler.kinds.backup.coverage import new_here, uncovered
from reconciler.kinds.backup.drilling import FULL, kinds_of, last_of, reach
from reconciler.kinds.backup.facts import CHECKS, Drilled, fact, hours, moment
from reconciler.kinds.backup.lasting import first_end, newest_end
from reconciler.kinds.backup.locks import unlocked
from reconciler.kinds.backup.memory import SINCE
from reconciler.kinds.backup.origin import ORIGIN
from reconciler.kinds.backup.pruning import old
from reconciler.kinds.backup.state import CopyState
from reconciler.kinds.backup.steps import FAILED, uncopied
from reconciler.kinds.backup.suspicion import Suspect, suspects
from reconciler.kinds.backup.tampering import IDENTITY, tampered
from reconciler.model import Absent, Severity
from reconciler.model.repository import lost_together

#: From such a share of its RPO on a backup is late.
LATE: Final = 0.8
#: A drill is late by then, in times of how often it should be.
_OVERDUE: Final = 2
#: Locks that end sooner are told of.
_SOON: Final = timedelta(days=7)
#: The first drill may wait so long.
_FIRST: Final = timedelta(days=7)
#: How what has no lock gets one.
_BARE: Final = (
    "its bucket gives new objects no such lock, which `provider` of the repository "
    "sets up; what is there is locked where it has `credentials.maintain`"
)
_COPIES: Final = "spec.copies"
_OBJECTIVES: Final = "spec.objectives"
_DRILLS: Final = "spec.drills"
_BUDGET: Final = "spec.budget"
_TWICE: Final = 2


class Said(NamedTuple):
    """One finding, without whose it is."""

    code: str
    severity: Severity
    message: str
    field: str = ""
    about: str = ""


def said(case: Case) -> Iterator[Said]:
    """Yield everything."""
    yield from freshness(case)
    yield from _clocks(case)
    yield from _places(case)
    yield from restorable(case)
    yield from _strange(case)
    yield from _sources(case)
    for copy in dict.fromkeys(one.repository for one in case.copies):
        yield from _copy(case, copy)
    yield from _budget(case)


def freshness(case: Case) -> Iterator[Said]:
    """Yield how late the newest backup with a receipt is."""
    last, now = case.last(case.first), case.now
    begun = last.at if last else moment(case.recorded.get(SINCE))
    if begun is not None and now - begun > case.rpo:
        what = "the newest proven backup" if last else "nothing was backed up"
        what += f" is of {_text(begun)}" if last else f" since {_text(begun)}"
        message = f"{what}: RPO is {hours(case.rpo)}{_failure(case)}"
        yield Said("rpo-missed", Severity.CRITICAL, message, _OBJECTIVES)
    elif last is None:
        message = f"nothing was backed up yet{_failure(case)}"
        yield Said("never-backed-up", Severity.WARNING, message)
    elif now - last.at > case.rpo * LATE:
        left = hours(case.rpo - (now - last.at))
        message = f"the newest backup is of {_text(last.at)}: RPO is missed in {left}"
        yield Said("rpo-late", Severity.WARNING, message + _failure(case), _OBJECTIVES)


def _failure(case: Case) -> str:
    row = fact(case.recorded, FAILED)
    if row.get("slot") != case.slot.isoformat():
        return ""
    why = f": {row['why']}" if row.get("why") else ""
    return f"; the last attempt failed ({row.get('count')} times{why})"


def _clocks(case: Case) -> Iterator[Said]:
    """Yield that a clock was ahead when something was done, or is behind now."""
    for copy, why in ahead(case):
        yield Said("dated-ahead", Severity.CRITICAL, why, about=copy)


def _places(case: Case) -> Iterator[Said]:
    """Yield what of three copies, two places and one elsewhere is missing."""
    names = list(dict.fromkeys(one.repository for one in case.copies))
    if len(names) == 1:
        message = f"{names[0]} has the only copy: what destroys it destroys all"
        yield Said("one-copy", Severity.INFO, message, _COPIES)
        return
    yield from _one_place(case, names)
    domains = [place.domain for n in names if (place := case.repository(n))]
    pairs = list(combinations(domains, 2))
    if domains and all(lost_together(*pair) for pair in pairs):
        known = all(one is not None and one.region for one in domains)
        why = "is the same" if known else "does not say that they are apart"
        message = f"{', '.join(names)} can all be lost at once: failureDomain {why}"
        yield Said("copies-in-one-domain", Severity.WARNING, message, _COPIES)


def _one_place(case: Case, names: Sequence[str]) -> Iterator[Said]:
    """Yield that two names are of one repository, as it says itself."""
    told = fact(case.recorded, IDENTITY)
    whose: dict[str, str] = {}
    for name in names:
        state = case.state(name)
        identity = state.identity if state is not None else str(told.get(name) or "")
        other = whose.setdefault(identity, name) if identity else name
        if other != name:
            message = f"{other} and {name} are one repository: that is one copy"
            yield Said("one-copy", Severity.CRITICAL, message, _COPIES, name)


def _sources(case: Case) -> Iterator[Said]:
    """Yield the sources that are declared, and in no backup or no restore yet."""
    for name, gone in uncovered(case):
        verb = "is" if len(gone) == 1 else "are"
        message = f"{', '.join(gone)} of {name} {verb} not in what was backed up last"
        yield Said(
            "source-missing", Severity.ERROR, message, f"spec.sources.{name}", name
        )
    last = case.last(case.first)
    if last is None:
        return
    passed = [one for one in case.drilled if one.verdict == "passed"]
    restored = {
        name
        for one in passed
        for name in one.snapshots.keys() & case.backing.sources.keys()
        if case.still(name, one.origins.get(name))
    }
    for name in case.backing.sources:
        field = f"spec.sources.{name}"
        if name not in last.sources:
            message = (
                f"{name} is declared, and not in the last backup: {_text(last.at)}"
            )
            yield Said("source-missing", Severity.WARNING, message, field, name)
        elif not case.still(name, last.sources[name].get(ORIGIN)):
            message = f"{name} was something else in the last backup: {_text(last.at)}"
            yield Said("source-missing", Severity.WARNING, message, field, name)
        elif passed and name not in restored:
            message = f"{name} is backed up, and was in no drill that passed"
            severity = Severity.INFO if new_here(case, name) else Severity.WARNING
            yield Said("source-undrilled", severity, message, field, name)


def _budget(case: Case) -> Iterator[Said]:
    """Yield that the copies cost more than they may, or that nobody can tell."""
    budget = case.backing.budget
    if budget is None:
        return
    cost = monthly(case, budget.currency)
    if isinstance(cost, str):
        message = f"what the copies cost is not known: {cost}"
        yield Said("budget-unknown", Severity.INFO, message, _BUDGET)
    elif cost.amount > budget.amount:
        message = f"the copies cost about {cost} a month, and the budget is {budget}"
        yield Said("over-budget", Severity.WARNING, message, _BUDGET)


def restorable(case: Case) -> Iterator[Said]:
    """Yield what the drills have shown, or that there were none."""
    names = list(dict.fromkeys(one.repository for one in case.copies))
    newest = {name: case.conclusive(name) for name in names}
    failed = [one for one in newest.values() if one and one.verdict == "failed"]
    for one in failed:
        others = [
            name
            for name, other in newest.items()
            if other and other.verdict == "passed" and other.at >= one.at
        ]
        why = one.why.removeprefix(f"{one.copy}: ") or "what came back was wrong"
        message = f"{one.copy}: {why} ({_of(one)})"
        if others:
            message += f"; {', '.join(others)} came back whole"
            yield Said("degraded", Severity.ERROR, message, _DRILLS, one.copy)
        else:
            yield Said("unrestorable", Severity.CRITICAL, message, _DRILLS, one.copy)
    yield from _damaged(case)
    yield from _untold(case)
    yield from _undrilled(case)
    yield from _slow(case)


def _damaged(case: Case) -> Iterator[Said]:
    checks = fact(case.recorded, CHECKS)
    for copy in case.names:
        for name, told in fact(fact(checks, copy), "bad").items():
            why = told.get("why") if isinstance(told, dict) else ""
            part = name.replace("/", " of ")
            message = f"slice {part} of the packs of {copy} is damaged: {why}"
            yield Said("packs-damaged", Severity.CRITICAL, message, _COPIES, copy)
        if waits := unread(case, copy):
            yield Said("packs-unread", Severity.WARNING, waits, _COPIES, copy)


def _untold(case: Case) -> Iterator[Said]:
    """
    Yield the drills that came to no end: that is neither good nor bad news.

    The last one of a copy, and the last one of each sort: what passes elsewhere says
    nothing of a copy that nobody can restore.
    """
    lines = [[o for o in case.drilled if o.copy == name] for name in case.names]
    lines += [[o for o in case.drilled if o.drill == n] for n, _ in kinds_of(case)]
    vain = {line[-1].at: line[-_TWICE:] for line in lines if line}
    for last in vain.values():
        if last[-1].verdict != "inconclusive":
            continue
        twice = len(last) == _TWICE and last[0].verdict == "inconclusive"
        severity = Severity.CRITICAL if twice else Severity.WARNING
        many = "two drills in a row told" if twice else "the last drill told"
        of = f"{last[-1].drill} of {last[-1].copy}"
        message = f"{many} nothing ({of}): {last[-1].why}"
        yield Said("drill-inconclusive", severity, message, _DRILLS, of)


def _undrilled(case: Case) -> Iterator[Said]:
    """Yield that nobody has tried to restore it, or not for long."""
    if not case.received:
        return
    wanted = list(kinds_of(case))
    if not wanted:
        message = "no drill is wanted: nothing proves that it can be restored"
        yield Said("never-drilled", Severity.WARNING, message, _DRILLS)
    for copy in case.names:
        yield from _unseen(case, copy)
    told = any(one.verdict != "inconclusive" for one in case.drilled)
    begun = case.begun(case.first)
    for name, drill in wanted if told else ():
        last = last_of(case, name)
        since = last.at if last else begun
        if since and case.now - since > drill.every * _OVERDUE:
            what = f"the last {name} drill is of" if last else f"no {name} drill since"
            message = f"{what} {since.date()}"
            yield Said("drill-late", Severity.WARNING, message, _DRILLS, name)
    yield from _escrow(case)


def _unseen(case: Case, copy: str) -> Iterator[Said]:
    """Yield that no drill has told of *copy* yet, or that none passed for long."""
    turns = [
        drill.every * len(names)
        for _, drill in kinds_of(case)
        if copy in (names := reach(case, drill))
    ]
    begun, last = case.begun(copy), case.conclusive(copy)
    if not turns or begun is None:
        return
    if last is None:
        if case.now - begun > _FIRST:
            message = f"{copy} has backups since {_text(begun)}, and was never restored"
            yield Said("never-drilled", Severity.ERROR, message, _DRILLS, copy)
    elif last.verdict == "passed" and case.now - last.at > min(turns) * _OVERDUE:
        message = f"no drill of {copy} has passed since {last.at.date()}"
        yield Said("drill-late", Severity.WARNING, message, _DRILLS, copy)


def _escrow(case: Case) -> Iterator[Said]:
    """Yield that a drill shall use an escrow key, and that no copy has one."""
    wanted = kinds_of(case)
    kept = any(place.escrow for place in case.repositories.values())
    locked = not all(case.panel(copy.repository) for copy in case.copies)
    if locked and not kept and any(drill.escrow for _, drill in wanted):
        message = "no copy has an escrow key: whoever loses the password loses all"
        yield Said("escrow-missing", Severity.INFO, message, _COPIES)


def _slow(case: Case) -> Iterator[Said]:
    """Yield that it takes longer than promised until everything is back."""
    passed = [one for one in case.drilled if one.verdict == "passed" and one.seconds]
    full = [one for one in passed if one.drill == FULL and not one.estimated]
    one = (full or passed)[-1:]
    rto = case.backing.objectives.rto.total_seconds()
    for drill in one:
        if (drill.seconds or 0) > rto:
            how = "is estimated to take" if drill.estimated else "took"
            took = hours(timedelta(seconds=drill.seconds or 0))
            severity = Severity.WARNING if drill.estimated else Severity.ERROR
            message = f"to restore all of it {how} {took}: RTO is {hours(case.backing.objectives.rto)}"  # noqa: E501
            yield Said("rto-missed", severity, message, _OBJECTIVES)


def _strange(case: Case) -> Iterator[Said]:
    """Yield what is suspicious: of one source the first, which the others follow."""
    found: dict[str, list[Suspect]] = {}
    for one in suspects(case):
        found.setdefault(one.source, []).append(one)
    for source, (one, *more) in found.items():
        after = f" (and {len(more)} after it)" if more else ""
        message = (
            f"{source}: {one.why}{after}; nothing is pruned until somebody has looked: "
            f"accept: [{one.id}] says that it is as it should be"
        )
        yield Said("backup-suspect", Severity.CRITICAL, message, about=one.id)


def _copy(case: Case, copy: str) -> Iterator[Said]:
    last = case.last(copy)
    if last is not None and isinstance(case.have.get(case.share(copy)), Absent):
        message = f"{copy} is gone, and had what was backed up until {_text(last.at)}"
        yield Said("repository-gone", Severity.CRITICAL, message, _COPIES, copy)
    for why in tampered(case, copy):
        yield Said(
            "backup-tampered", Severity.CRITICAL, f"{copy}: {why}", _COPIES, copy
        )
    found = old(case, copy)
    if found is not None and (found.held or found.many):
        message = f"{len(found.gone)} old snapshots of {copy} stay: {found.held or found.many}"  # noqa: E501
        yield Said("prune-held", Severity.WARNING, message, "spec.prune", copy)
    yield from _lagging(case, copy)
    yield from _locks(case, copy)


def _lagging(case: Case, copy: str) -> Iterator[Said]:
    lag = next(one.max_lag for one in case.copies if one.repository == copy)
    behind = uncopied(case, copy)
    if not behind or case.state(copy) is None:
        return
    oldest = case.vouched[case.first][behind[0]][1]
    if case.now - oldest > lag:
        message = f"{copy} lacks {len(behind)} snapshots, the first of {_text(oldest)}"
        yield Said("copy-lagging", Severity.ERROR, message, _COPIES, copy)


def _locks(case: Case, copy: str) -> Iterator[Said]:
    place, state = case.repository(copy), case.state(copy)
    if place is None or state is None or not place.immutability.locks:
        return
    if state.snapshots and (bare := _unlocked(case, copy, state)):
        yield Said("lock-ends", Severity.ERROR, f"{bare}: {_BARE}", _COPIES, copy)
        return
    if place.immutability.extend:
        ends, whose = first_end(case, copy), "the first lock of what is needed"
    else:  # each ends by itself, as is wanted
        ends, whose = newest_end(case, copy), "the lock of the newest backup"
    if ends and ends - case.now < min(_SOON, place.immutability.lasts / 4):
        over = ends <= case.now
        severity = Severity.ERROR if over else Severity.WARNING
        message = f"{copy}: {whose} {'ended' if over else 'ends'} {_text(ends)}"
        yield Said("lock-ends", severity, message, _COPIES, copy)


def _unlocked(case: Case, copy: str, state: CopyState) -> str:
    """Say what is not locked as is wanted; empty: nothing that has a receipt."""
    bare, place = unlocked(case, copy), case.repository(copy)
    mode = place.immutability.mode if place else ""
    if not any(one.locked for one in state.snapshots):
        return f"nothing in {copy} is locked, and {mode} is wanted"
    if bare:
        weak = "by governance alone" if bare[0].locked else "not at all"
        of = f"{len(bare)} of {len(state.snapshots)} snapshots"
        return (
            f"{of} in {copy} are not locked as {mode} wants it: "
            f"that of {_text(bare[0].at)} {weak}"
        )
    return f"what opens {copy} is not locked as {mode} wants it" * state.exposed


def _of(one: Drilled) -> str:
    of = f" of what was backed up {_text(one.of)}" if one.of else ""
    return f"{one.drill} drill on {one.at.date()}{of}"


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
