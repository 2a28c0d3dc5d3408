"""
The phases of one check.

Good -> suspect -> (so many in a row) down -> recovering -> (so many in a row) good.
Four bad looks of the last six with good ones between are *flapping*: one state and one
incident for all of them, which ends when six looks in a row are good. What flaps has to
be bad twice as often in a row to be down; what was down and was bad by fits and starts
flaps before it is good.
"""

from __future__ import annotations

from typing import Final

from reconciler.health.memory import BAD, GOOD, MARKS, Memory
from reconciler.kinds.health_check import ILL, HealthCheckSpec, Phase, Sighting

#: So many of the last so many are enough, in whatever order.
MANY, WINDOW = 4, 6
#: Two of the last three make a suspect, whose siblings are looked at.
_DOUBT: Final = 3


def stepped(memory: Memory, spec: HealthCheckSpec, seen: Sighting, now: int) -> Memory:
    """Return *memory* after a look that could tell; *seen* says up or down."""
    if seen.up:
        return _good(memory, spec, now)
    return _bad(memory, spec, seen, now)


def _good(memory: Memory, spec: HealthCheckSpec, now: int) -> Memory:
    marks = (memory.marks + GOOD)[-MARKS:]
    phase, since = memory.phase, memory.since
    if phase == "flapping":
        calm = _trailing(marks, GOOD) >= WINDOW
        phase, since = ("up", now) if calm else (phase, since)
    elif phase in {"down", "recovering"}:
        enough = _trailing(marks, GOOD) >= spec.confirm.successes
        if not enough:
            phase = "recovering"
        elif _bursts(marks) > 1:
            phase = "flapping"
        else:
            phase, since = "up", now
    elif phase != "up":
        phase, since = "up", now
    why = memory.why if phase in ILL else ""
    if phase == "up" and BAD not in marks:
        marks = marks[-WINDOW:]  # all that is said of what was good all along
    return memory._replace(
        seen=now, last=True, marks=marks, phase=phase, since=since, why=why
    )


def _bad(memory: Memory, spec: HealthCheckSpec, seen: Sighting, now: int) -> Memory:
    marks = (memory.marks + BAD)[-MARKS:]
    since = now if memory.phase == "up" else memory.since
    return memory._replace(
        seen=now,
        last=False,
        marks=marks,
        phase=_after_bad(memory.phase, marks, spec),
        since=since,
        why=seen.why,
        symptom=seen.symptom,
        bad=(*memory.bad, now),
    )


def _after_bad(phase: Phase, marks: str, spec: HealthCheckSpec) -> Phase:
    if phase in {"down", "recovering"}:
        return "down"
    in_a_row = _trailing(marks, BAD)
    if phase == "flapping":
        most = min(2 * spec.confirm.failures, MARKS)
        return "down" if in_a_row >= most else phase
    if in_a_row >= spec.confirm.failures:
        return "down"
    window = marks[-WINDOW:]
    if window.count(BAD) >= MANY and f"{BAD}{GOOD}" in window:
        return "flapping"
    return "suspect"


def doubtful(memory: Memory) -> bool:
    """Say whether two of the last three looks were bad, or it is known to be ill."""
    return memory.phase in ILL or memory.marks[-_DOUBT:].count(BAD) > 1


def _bursts(marks: str) -> int:
    """Return how many times it became bad."""
    return f"{GOOD}{marks}".count(f"{GOOD}{BAD}")


def _trailing(marks: str, mark: str) -> int:
    return len(marks) - len(marks.rstrip(mark))
