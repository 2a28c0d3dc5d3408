"""
What hangs on what, and whose fault it is when much of it is bad at once.

Something is taken to be down when its own check is in doubt, or when at least three
things that hang on it directly are, and those are a quarter of them all (half, of eight
or fewer). The highest such thing above a check is what its incident is about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from itertools import pairwise
from typing import Final

from reconciler.health.memory import Watch
from reconciler.model import Ref

#: The classes of what is wrong: what is reached and what it answers are one outage.
CLASSES: Final = {
    "reach": "reach",
    "answer": "reach",
    "dns": "dns",
    "certificate": "certificate",
    "usage": "usage",
}
_LEAST, _SHARE = 3, 0.25
_FEW, _SHARE_OF_FEW = 8, 0.5


class Topology:
    """What hangs on what, by class of what is wrong."""

    def __init__(self, watches: Iterable[Watch]) -> None:
        self.watches = {watch.name: watch for watch in watches}
        below: dict[tuple[str, Ref], set[Ref]] = defaultdict(set)
        for watch in self.watches.values():
            for group in set(CLASSES.values()):
                chain = self.chain(watch, group)
                for lower, upper in pairwise(chain):
                    below[group, upper].add(lower)
        self._below: Mapping[tuple[str, Ref], set[Ref]] = below

    @staticmethod
    def chain(watch: Watch, group: str) -> tuple[Ref, ...]:
        """Return what is checked and all that it hangs on, the nearest first."""
        return (watch.of, *watch.above.get(group, ()))

    def inferred(self, group: str, doubtful: Collection[Ref]) -> set[Ref]:
        """Return what has to be down, given what the checks of *group* doubt."""

        @cache
        def touched(ref: Ref) -> bool:
            return ref in doubtful or _enough(*many(ref))

        @cache
        def many(ref: Ref) -> tuple[int, int]:
            all_of_it = self._below.get((group, ref), set())
            return sum(map(touched, all_of_it)), len(all_of_it)

        found = {ref for kind, ref in self._below if kind == group}
        return {
            ref
            for ref in found
            if ref in doubtful or (many(ref)[0] >= _LEAST and touched(ref))
        }


def _enough(bad: int, of: int) -> bool:
    return bad > 0 and bad >= of * (_SHARE_OF_FEW if of <= _FEW else _SHARE)
