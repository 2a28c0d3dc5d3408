"""Which slice of all packs is read today, and what the record keeps of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.changes import Check
from reconciler.kinds.backup.facts import CHECKS, fact, moment
from reconciler.model import Ended, FieldChange

#: So many times as long as one round takes, a slice may wait: see ``_part``.
_ROUNDS: Final = 2
#: So many checks in a row that told nothing are told of.
_UNTOLD: Final = 3
#: For so long there may be none at all: runs may be rare.
_NONE: Final = timedelta(days=30)


class Turn(NamedTuple):
    """When a slice had its turn: on which day, and in the how manieth check."""

    day: date
    check: int


class Reading(NamedTuple):
    """
    How far the packs of one copy were read.

    Attributes:
        of: How many slices there are.
        begun: Since when they are counted by that number.
        last: When the last check ended; None: there was none.
        check: How many checks there were.
        untold: How many of the last ones told nothing, one after another.
        why: What the last one said.
        read: By slice, when it was read last, whole or damaged.
        missed: By slice, the last check that told nothing, where that is later.
        bad: What is damaged: ``slice/of`` -> ``at``, ``why``.
    """

    of: int
    begun: Turn
    last: datetime | None
    check: int
    untold: int
    why: str
    read: Mapping[int, Turn]
    missed: Mapping[int, Turn]
    bad: Mapping[str, JsonValue]

    def tried(self, part: int) -> Turn | None:
        """Return when slice *part* had its turn, whatever came of it."""
        return self.missed.get(part) or self.read.get(part)


def reading(case: Case, copy: str) -> Reading:
    """
    Return how far *copy* was read.

    Where the policy has another number of slices by now, or an older program wrote the
    record, nothing counts as read; what is damaged stays so.
    """
    row, of = fact(fact(case.recorded, CHECKS), copy), case.backing.drills.check
    told, check = moment(row.get("at")), _whole(row.get("check"))
    last = None if told is not None and case.ahead(told) else told
    same = row.get("of") == of
    here = Turn(case.now.date(), check)
    return Reading(
        of=of,
        begun=(_turn(row.get("begun")) if same else None) or here,
        last=last,
        check=check,
        untold=_whole(row.get("untold")),
        why=str(row.get("why") or ""),
        read=_turns(row, "read") if same else {},
        missed=_turns(row, "missed") if same else {},
        bad=_named(fact(row, "bad"), of) if "of" not in row else fact(row, "bad"),
    )


def check(case: Case, copy: str) -> Iterator[Check]:
    """Yield the reading of one slice of all packs, once a day."""
    if case.state(copy) is None or case.panel(copy) or not case.receipts(copy):
        return
    day, known = case.now.date(), reading(case, copy)
    if known.last is not None and known.last.date() >= day:
        return
    part, of = _part(known, day), known.of
    yield Check(
        share=case.share(copy),
        fields=(FieldChange(field="spec.drills.check", after=f"{part}/{of}"),),
        because=f"slice {part} of {of} is read today",
        generation=f"{copy}/{day}",
        details={"slice": part, "of": of},
    )


def _part(known: Reading, day: date) -> int:
    """
    Return the slice whose turn it is on *day*.

    It is that of the calendar, so that all backups of one repository ask for the same
    one and it is read once for all of them. Who does not run each day would never come
    to some: what waits for twice a round goes first, the longest first; and where the
    calendar comes to a slice again before half of a round was read, another one goes.
    """
    usual = day.toordinal() % known.of + 1

    def waits(part: int) -> tuple[int, int]:
        turn = known.tried(part)
        return (turn.check if turn else 0, (part - usual) % known.of)

    longest = min(range(1, known.of + 1), key=waits)
    late = (known.tried(longest) or known.begun).day
    if day - late > timedelta(days=_ROUNDS * known.of):
        return longest
    turn = known.tried(usual)
    soon = turn is not None and known.check - turn.check < known.of / 2
    return longest if soon else usual


def checked(case: Case, change: Check, ended: Ended) -> dict[str, JsonValue]:
    """Return the record after one more check."""
    copy, said = change.share.provider, ended.evidence
    known = reading(case, copy)
    part, of = _whole(change.details.get("slice")), _whole(change.details.get("of"))
    here = Turn(ended.at.date(), known.check + 1)
    verdict, why = said.get("verdict"), str(said.get("why") or "")
    read, missed, bad = dict(known.read), dict(known.missed), dict(known.bad)
    told = verdict in {"passed", "failed"}
    if of == known.of:
        missed.pop(part, None)
        (read if told else missed)[part] = here
    if verdict == "passed":
        bad.pop(f"{part}/{of}", None)
    elif verdict == "failed":
        bad[f"{part}/{of}"] = {"at": ended.at.isoformat(), "why": why}
    known = known._replace(read=read)
    mine: dict[str, JsonValue] = {
        "at": ended.at.isoformat(),
        "verdict": verdict if told else "inconclusive",
        "why": why,
        "of": known.of,
        "begun": _row(known.begun),
        "check": here.check,
        "untold": 0 if told else known.untold + 1,
        "read": {str(name): _row(turn) for name, turn in sorted(read.items())},
        "missed": {str(name): _row(turn) for name, turn in sorted(missed.items())},
        "bad": {name: row for name, row in bad.items() if not _over(known, name, row)},
    }
    return {CHECKS: {**fact(case.recorded, CHECKS), copy: mine}}


def unread(case: Case, copy: str) -> str | None:
    """
    Return what of *copy* nobody could read for long; None where that is nothing.

    A slice waits for long by the days and by the checks that there were meanwhile: who
    runs once a week needs as many weeks as there are slices, and knows that.
    """
    begun = case.begun(copy)
    if begun is None or case.panel(copy):
        return None
    known = reading(case, copy)
    since = known.last or begun
    if case.now - since > max(_NONE, timedelta(days=_ROUNDS * known.of)):
        return f"no packs of {copy} were read since {since.date()}"
    if known.untold >= _UNTOLD:
        why = f": {known.why}" if known.why else ""
        return f"the last {known.untold} checks of {copy} told nothing{why}"
    turns = {n: known.read.get(n, known.begun) for n in range(1, known.of + 1)}
    part, turn = min(turns.items(), key=lambda one: (one[1].check, one[0]))
    days = (case.now.date() - turn.day).days
    if min(days, known.check - turn.check) <= _ROUNDS * known.of:
        return None
    told = f"slice {part} of {known.of} of the packs of {copy}"
    return f"{told} was not read since {turn.day}"


def _named(bad: Mapping[str, JsonValue], of: int) -> dict[str, JsonValue]:
    """Return what an older program found damaged: it counted as the policy does."""
    return {name if "/" in name else f"{name}/{of}": row for name, row in bad.items()}


def _over(known: Reading, name: str, row: JsonValue) -> bool:
    """
    Say whether what was damaged by another number of slices is told by this one.

    It is once all of it was read since: what is still damaged is told anew then.
    """
    if name.endswith(f"/{known.of}"):
        return False
    at = moment(row.get("at")) if isinstance(row, dict) else None
    since = max(at.date(), known.begun.day) if at else known.begun.day
    turns = [known.read.get(part) for part in range(1, known.of + 1)]
    return all(turn is not None and turn.day >= since for turn in turns)


def _row(turn: Turn) -> JsonValue:
    return [turn.day.isoformat(), turn.check]


def _turns(row: Mapping[str, JsonValue], name: str) -> dict[int, Turn]:
    found = {}
    for key, value in fact(row, name).items():
        turn = _turn(value)
        if turn is not None and key.isdecimal():
            found[int(key)] = turn
    return found


def _turn(value: JsonValue) -> Turn | None:
    match value:
        case [str() as day, int() as check]:
            try:
                return Turn(date.fromisoformat(day), check)
            except ValueError:
                return None
        case _:
            return None


def _whole(value: JsonValue) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
