"""A story that is taken up in the middle: what came before is played once."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from reconciler.audit import MemoryStore
from reconciler.model import Terms
from reconciler.sandbox.ledger import Ledger as Effects
from reconciler.sandbox.paying.faults import Fault, FaultKind
from reconciler.sandbox.paying.wire import Carried, Way, Wire

if TYPE_CHECKING:
    from reconciler.sandbox.paying.act import Played
    from reconciler.sandbox.paying.play import Stage
    from reconciler.sandbox.paying.story import Story

Choice = Callable[[int], FaultKind | None]
#: Told of the moment before each run: on which wire, its number, and how to keep it.
Keep = Callable[[Wire, int, Callable[[], "Scene"]], None]


class Side(NamedTuple):
    """
    What one vendor knows, and what it has done; kept apart from what goes on.

    Attributes:
        state: The state of its bench, packed: a hundred stories are kept.
    """

    world: Mapping[str, object]
    state: bytes
    ledger: Effects
    way: Way


class Scene(NamedTuple):
    """
    The moment before a run, with everything that the story goes on from.

    Attributes:
        turn: How many runs came before it, without those that came in between.
        since: For how many runs something was unknown.
        did: Whether the run before it did something.
        blind: Whether the run after it can read nothing.
    """

    now: datetime
    sides: Mapping[str, Side]
    store: MemoryStore
    terms: Terms
    carried: Carried
    turn: int
    runs: int
    since: int
    did: bool
    blind: bool


def sides(stage: Stage) -> dict[str, Side]:
    """Return what every vendor of *stage* knows now."""
    return {
        vendor: Side(
            bench.world,
            pickle.dumps(bench.state, pickle.HIGHEST_PROTOCOL),
            bench.ledger.copy(),
            stage.way(vendor),
        )
        for vendor, bench in stage.benches.items()
    }


class Rehearsal:
    """
    A story, as far as it was played with the same faults: it is taken up again there.

    What comes before the first fault that is another is the same, and is not played
    once more. Whoever plays on remembers how the story goes until then.

    Args:
        faults: What goes wrong.
    """

    def __init__(self, stage: Stage, story: Story, faults: Iterable[Fault]) -> None:
        self.story = story
        self._stage = stage
        self._faults = dict(faults)
        self._scenes: list[Scene] = []
        self._played: Played | None = None

    @property
    def played(self) -> Played:
        """How it ends with nothing else going wrong."""
        if self._played is None:
            self._played = self.acted(self._faults.get)
        return self._played

    def with_(self, fault: Fault, *, down: timedelta | None = None) -> Played:
        """Play it with one more fault."""
        faults = {**self._faults, fault.at: fault.kind}
        return self.acted(faults.get, down=down)

    def acted(self, choice: Choice, *, down: timedelta | None = None) -> Played:
        """
        Play it with the faults that *choice* makes.

        It is asked in the order of requests, of some of them more than once.
        """
        scene, same = None, True
        for each in self._scenes:
            begins = scene.carried.effects if scene else 0
            same = self._same(choice, range(begins, each.carried.effects))
            if not same:
                break
            scene = each
        if same and scene is not None and self._played is not None:
            rest = range(scene.carried.effects, self._played.effects)
            if self._same(choice, rest) and down is None:
                return self._played
        keep = self._keep if down is None else None
        return self._stage.taken_up(self.story, scene, choice, down=down, keep=keep)

    def _same(self, choice: Choice, numbers: range) -> bool:
        return all(choice(number) == self._faults.get(number) for number in numbers)

    def _keep(self, wire: Wire, turn: int, scene: Callable[[], Scene]) -> None:
        """Remember the scene before the run *turn*, where nothing else went wrong."""
        if turn == len(self._scenes):
            met = {at: kind for at, kind in self._faults.items() if at < wire.effects}
            if dict(wire.met) == met:
                self._scenes.append(scene())
