"""
What needs nothing, and until when: so that the next plan need not look again.

A resource is quiet where its evaluation says nothing at all but what comes due later.
That follows from what is wanted, what is there and the time alone: where the kind
yields no change, neither base nor records nor drivers are asked. So it holds for the
same digest, the same state and every moment of its window, and a plan that leaves the
quiet ones out is the same plan, byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from reconciler.engine.evaluate import Evaluation, Subject
from reconciler.model.ref import Ref

_FEW = 50
_SHARE = 0.02
Known = tuple[Ref, bytes]
"""A resource as it was wanted: its address and the digest of its content."""


class Window(NamedTuple):
    """
    When one resource needs nothing, in seconds of the epoch.

    Attributes:
        since: When it was looked at.
        until: The first moment at which time alone may change something.
        due: When the first thing comes due.
    """

    since: float
    until: float
    due: float


def window(subject: Subject, found: Evaluation, now: datetime) -> Window | None:
    """Return when *subject* needs nothing; None where something was *found*."""
    if any(found._replace(due=())):
        return None
    until = subject.want.quiet_until(subject.have, now)
    due = min((one.at for one in found.due), default=None)
    return Window(now.timestamp(), _seconds(until), _seconds(due))


def _seconds(moment: datetime | None) -> float:
    return math.inf if moment is None else moment.timestamp()


class Quiet:
    """
    The windows that are known, for one snapshot.

    Attributes:
        learned: Whether there is much to keep that was not known.
    """

    def __init__(self, known: Sequence[tuple[Known, Window]] = ()) -> None:
        self._known = known
        self._new: dict[Ref, Window] = {}

    @property
    def learned(self) -> bool:
        """Whether enough was added: to keep is more work than to look at a few."""
        return len(self._new) > max(_FEW, _SHARE * len(self._known))

    def loud(
        self, wanted: Mapping[Ref, bytes], now: datetime, horizon: timedelta
    ) -> set[Ref]:
        """Return which of *wanted* (with their digests) must be looked at."""
        at, ahead = now.timestamp(), (now + horizon).timestamp()
        quiet = {
            known
            for known, (since, until, due) in self._known
            if since <= at < until and ahead < due
        }
        return {known[0] for known in wanted.items() if known not in quiet}

    def learn(self, subject: Subject, found: Evaluation, now: datetime) -> None:
        """Remember what was evaluated at *now*, if it needs nothing."""
        seen = window(subject, found, now)
        if seen is not None:
            self._new[subject.want.ref] = seen

    def items(self, wanted: Mapping[Ref, bytes]) -> Iterator[tuple[Known, Window]]:
        """Yield everything worth keeping of what is still *wanted*."""
        for (ref, digest), seen in self._known:
            if ref not in self._new and wanted.get(ref) == digest:
                yield (ref, digest), seen
        for ref, seen in self._new.items():
            yield (ref, wanted[ref]), seen
