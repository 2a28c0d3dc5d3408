"""The forecasts of ``reconciler.forecast``, in the terms of what is kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from reconciler.engine.foresee import Foreseen, Question
from reconciler.model.hosting import FILLING

if TYPE_CHECKING:
    from reconciler.audit.usage_store import Hour
    from reconciler.forecast import Outlook

_DAY: Final = 24


def predict(asked: Question) -> Foreseen:
    """
    Return what is foreseen; numpy is loaded by the first that has to be.

    It works with one thread: the matrices are small, and threads that wait for each
    other take seven times the time of the processor.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from reconciler.forecast import outlook

    return converted(outlook(*asked))


def converted(found: Outlook) -> Foreseen:
    """Return a forecast as it is kept; where nothing was computed, it has no errors."""
    tried = found.mase > 0 or found.naive_mase > 0
    by_day = found.chart.step == "day"
    return Foreseen(
        probability=found.guess,
        when=found.when,
        method=found.method,
        mase=found.mase if tried else None,
        naive_mase=found.naive_mase if tried else None,
        coverage=found.coverage if tried else None,
        history=found.history,
        skill=found.skill,
        note=found.note,
        ahead=found.chart.median if by_day else _days(found.chart.median),
        worst=found.chart.upper if by_day else _days(found.chart.upper),
        chances=found.chances,
        soon=found.soon if any(found.soon) else (),
        since=found.since,
    )


def _days(hours: Sequence[float]) -> tuple[float, ...]:
    """Return the highest of each 24 hours."""
    return tuple(max(hours[at : at + _DAY]) for at in range(0, len(hours), _DAY))


def unusual(
    metric: str, hours: Sequence[Hour], since: datetime
) -> tuple[datetime, ...]:
    """
    Return the hours from *since* on that were unlike every one before them.

    What comes and goes is judged, what fills up is not. It is for people who look: one
    or two of a usual month are told as well, and nothing follows from it.
    """
    if metric in FILLING or not hours:
        return ()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from reconciler.forecast.anomaly import strange

    told = strange([(hour.at, hour.mean) for hour in hours])
    return tuple(at for at in told if at >= since)
